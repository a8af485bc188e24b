"""The language of texts, and the words of it that say nothing."""

import pytest

from bert_clustering.texts.words import are_english, find_language, find_stop_words


ENGLISH = [
    "the cat and the dog are in the house",
    "it is a house with a cat that was there",
    "he was with the dog",
]
RUSSIAN = ["он и она не в доме", "это не так и было на самом деле", "мы были в доме, и они тоже"]
GERMAN = ["wo ist meine Karte und wann kommt sie", "das ist nicht mein Konto"]
CHINESE = ["我的银行卡在哪里", "转账失败了怎么办"]
UNKNOWN = ["qapla jatlh tlhIngan", "yIntagh bIjatlh"]


@pytest.mark.parametrize(
    "texts, language",
    [(ENGLISH, "english"), (RUSSIAN, "russian"), (GERMAN, "german"), (UNKNOWN, None), ([], None)],
)
def test_the_language_is_known_by_its_stop_words(texts, language):
    assert find_language(texts) == language


@pytest.mark.parametrize(("texts", "word"), [(ENGLISH, "the"), (RUSSIAN, "не")])
def test_stop_words_are_those_of_the_language(texts, word):
    assert word in find_stop_words(texts)


def test_an_unknown_language_has_no_stop_words():
    assert find_stop_words(UNKNOWN) == find_stop_words(["1 2 3", "!"]) == set()


def test_stop_words_with_marks_are_known():
    assert {"की", "में"} <= find_stop_words(["दिल्ली की सड़क में पानी", "इस की बात में है"])


@pytest.mark.parametrize(
    "texts, expected",
    [
        (ENGLISH, True),
        (RUSSIAN, False),
        (GERMAN, False),
        (CHINESE, False),
        (["apple stock falls", "court rules merger"], True),  # its stop words are taken out
        (7 * ENGLISH + [*GERMAN, *RUSSIAN], False),  # a fifth in others
        (14 * ENGLISH + [GERMAN[0]], True),
        (["1 2 3"], True),
        ([], True),
    ],
)
def test_texts_are_english_by_their_stop_words_or_else_by_their_letters(texts, expected):
    assert are_english(texts) == expected
