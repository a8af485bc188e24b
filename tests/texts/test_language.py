"""Whether an encoder knows a language: by how finely its vocabulary cuts the words."""

import pytest
from transformers import BertTokenizer, XLMRobertaTokenizer

from bert_clustering import trainer
from bert_clustering.texts.language import letters_per_token, warn_of_unknown_language


LATIN, CYRILLIC = "abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя"


@pytest.fixture(scope="module")
def english():
    """A vocabulary as an English encoder's: whole words, and single letters of others."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apple", "pears", "pear", "##s"]
    words += [prefix + letter for letter in LATIN + CYRILLIC for prefix in ("", "##")]
    return BertTokenizer(vocab={word: number for number, word in enumerate(words)})


@pytest.mark.parametrize(
    "text, expected",
    [
        ("apple pear", 4.5),
        ("Apple pear, pear apple 2026 ...", 4.5),
        ("apple a3f9 x86 pear b", 4.5),  # codes and lone letters are no words
        ("груша слива", 1.0),
        ("apple груша", 10 / 6),
        ("apple 梨", 5.0),  # one character, as one letter, may be anything
        ("apple 梨子", 5 / 3),  # two unknown tokens
        ("apple தமிழ்", 2.5),
    ],
)
def test_letters_per_token(english, text, expected):
    assert letters_per_token([text] * 100, english) == pytest.approx(expected)


def test_capitals_are_of_no_other_language():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apple", "Pear", *LATIN.upper()]
    words += [f"##{letter}" for letter in LATIN.upper()]
    vocabulary = {word: number for number, word in enumerate(words)}
    cased = BertTokenizer(vocab=vocabulary, do_lower_case=False)
    assert letters_per_token(["APPLE apple Pear"] * 99, cased) == pytest.approx(14 / 3)


def test_few_words_tell_nothing(english):
    assert letters_per_token(["apple pear"] * 49 + ["1 2"] * 99, english) is None
    assert letters_per_token(["apple pear"] * 50, english) == 4.5


def test_long_texts_are_read_in_part(english):
    texts = ["apple " * 200 + "груша " * 900] * 30
    assert letters_per_token(texts, english, max_length=1200) == 5.0


def test_of_many_texts_a_sample_is_read(make_trainer, monkeypatch):
    read = []
    monkeypatch.setattr(trainer, "NUM_READ", 9)
    monkeypatch.setattr(trainer, "warn_of_unknown_language", lambda texts, _: read.extend(texts))
    sampled = make_trainer(init="kmeans")
    sampled.initialize_clusters()
    assert len(sampled.train_dataset) > 9 == len(read)
    assert set(read) <= set(sampled.train_dataset["text"])


def test_scripts_without_spaces_are_read_by_their_characters():
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [("▁", -2.0), ("世界", -3.0), ("杯", -4.0)]
    tokenizer = XLMRobertaTokenizer(vocab=[*pieces, ("<mask>", 0.0)])
    assert letters_per_token(["世界杯"] * 100, tokenizer) == 3.0  # nine letters, three tokens


def test_an_encoder_that_knows_no_word_is_told_of(english, caplog):
    warn_of_unknown_language(["apple pear"] * 99, english)
    assert not caplog.text
    warn_of_unknown_language(["груша слива"] * 99, english)
    assert "in pieces of 1.0 letters" in caplog.text
    assert "intfloat/multilingual-e5-small --text_prefix 'query: '" in caplog.text


def test_training_begins_with_it(make_trainer, corpus, caplog):
    make_trainer(init="kmeans").initialize_clusters()
    assert "does not seem to know the language" not in caplog.text
    foreign = [text.translate(str.maketrans(LATIN, CYRILLIC[:26])) for text in corpus[0]]
    make_trainer(texts=foreign, init="kmeans").initialize_clusters()
    assert caplog.text.count("does not seem to know the language") == 1
