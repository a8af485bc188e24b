"""Sentences of texts: of any language and form, and whose they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_clustering.errors import InputError
from bert_clustering.texts.attributes import Attributes
from bert_clustering.texts.documents import Documents, make_documents
from bert_clustering.texts.known import KnownTopics
from bert_clustering.texts.segments import (
    check_splittable,
    split_documents,
    split_text,
    whole_documents,
)


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        (
            "en",
            "Dr. Smith paid $3.50 on Jan. 5th. Can I get a refund?",
            ["Dr. Smith paid $3.50 on Jan. 5th.", "Can I get a refund?"],
        ),
        (
            "de",
            "Herr Dr. Müller sagte, bzgl. der Lieferung sei nichts bekannt. Wann kommt sie?",
            ["Herr Dr. Müller sagte, bzgl. der Lieferung sei nichts bekannt.", "Wann kommt sie?"],
        ),
        ("zh", "我的卡丢了。你能帮我冻结吗？谢谢。", ["我的卡丢了。", "你能帮我冻结吗？ 谢谢。"]),
        (
            "en",
            "my card was stolen. see https://bank.example/help?id=3&x=1.2 for details",
            ["my card was stolen.", "see https://bank.example/help?id=3&x=1.2 for details"],
        ),
        (
            "en",
            "love this app 😍😍 but where is my parcel?! The driver was rude 😡",
            ["love this app 😍😍 but where is my parcel?!", "The driver was rude 😡"],
        ),
        (
            "en",
            "my card was stolen\r\nplease block it now\n\n\nalso i need a new pin",
            ["my card was stolen", "please block it now", "also i need a new pin"],
        ),
        (
            "en",
            "This is a line that a mail program has broken for the width of\na page.\nAnother one.",
            ["This is a line that a mail program has broken for the width of a page. Another one."],
        ),
        ("en", "a text without any end and of one sentence", None),
        ("xx", "?", None),
    ],
)
def test_sentences_end_where_people_would_end_them(language, text, sentences):
    assert split_text(text, language) == (sentences or [text])


def test_short_sentences_join_the_one_before_and_a_first_one_the_next():
    text = "Hi! My parcel has not come. Where is it? My card was stolen. Thanks. Bye!"
    assert split_text(text) == [
        "Hi! My parcel has not come. Where is it?",
        "My card was stolen. Thanks. Bye!",
    ]
    assert split_text("Hi! Hello. Bye.") == ["Hi! Hello. Bye."]
    assert split_text("Hi! My parcel has not come.", fewest=0) == ["Hi!", "My parcel has not come."]


@given(st.text(min_size=1, max_size=200).filter(str.strip))
def test_nothing_of_a_text_is_lost(text):
    sentences = split_text(text)
    assert sentences and all(sentence.strip() for sentence in sentences)
    assert "".join("".join(sentences).split()) == "".join(text.split())


@pytest.fixture
def documents() -> Documents:
    texts = ["My card is lost. The app is broken.", "", "A refund would be good.", "One two three."]
    made = make_documents(
        {"text": texts, "id": ["x", "y", "x", "z"], "label": ["a", "b", "c", "d"]},
        "table",
        id_column="id",
        label_column="label",
        skip_bad_rows=True,
    )
    return replace(made, attributes=Attributes({"shop": ["1", "2", "3", "4"]}))


def test_sentences_know_whose_they_are(documents):
    found = split_documents(documents)
    assert found.texts[:2] == ["My card is lost.", "The app is broken."] and len(found) == 4
    assert found.ids == ["x", "x", "x", "z"] and found.owners.tolist() == [0, 0, 2, 3]
    assert found.places.tolist() == [0, 0, 1, 2] and found.numbers.tolist() == [0, 1, 0, 0]
    assert found.attributes.columns == {"shop": ["1", "1", "3", "4"]}
    assert found.names == ["", "", "x", "z"], "an id is no name where several sentences have it"
    assert found.usable.all() and found.language == "en"
    assert found.classes is None and whole_documents(found) is documents
    assert whole_documents(documents) is documents


def test_the_language_is_that_of_most_texts_or_the_one_that_is_named():
    texts = ["Das ist bzgl. der Lieferung gut.", "Wann kommt mein Paket denn an?"]
    german = split_documents(make_documents({"text": texts}, "table"))
    assert german.language == "de" and german.texts[0] == texts[0]
    assert split_documents(make_documents({"text": texts}, "table"), "en").language == "en"


def test_a_sample_is_one_of_documents_with_all_of_their_sentences(documents):
    found = split_documents(documents)
    assert found.sample(4, seed=0) is found
    labels = np.array([-1, 0, -1, -1])
    known = replace(found, known=KnownTopics(["apps"], labels))
    drawn = known.sample(2, seed=0)
    assert drawn.texts[:2] == found.texts[:2] and len(drawn.whole) == 2
    assert drawn.known.labels.tolist()[:2] == [-1, 0]
    assert drawn.whole.texts[0] == documents.texts[0] and drawn.owners.tolist()[:2] == [0, 0]
    assert len(drawn.attributes.columns["shop"]) == len(drawn.texts)


def test_rows_without_a_text_have_no_sentences():
    found = split_documents(make_documents({"text": ["", None]}, "table", skip_bad_rows=True))
    assert len(found) == 0 and found.places.tolist() == [] and found.numbers.tolist() == []


def test_what_is_known_of_texts_alone_is_one_error():
    check_splittable(None, None)
    with pytest.raises(InputError, match="--known_label_column topic says the topic of texts"):
        check_splittable("topic", None)
    with pytest.raises(InputError, match="--teacher_embeddings are of texts"):
        check_splittable(None, "vectors.npy")
