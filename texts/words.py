"""What a word is, and which words say nothing, in the language that texts are in."""

import re
import unicodedata
from collections import Counter
from functools import cache

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from stop_words import AVAILABLE_LANGUAGES, LANGUAGE_MAPPING, get_stop_words

from .unspaced import RUN


# What stands on letters and joins them, as the vowels of India's scripts, and is no `\w` to Python.
MARKS = "\u200c\u200d" + "".join(
    chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
# Two characters or more, the first one a letter.
WORD = rf"(?u)\b[^\W\d_][\w{MARKS}'-]*[\w{MARKS}](?![\w{MARKS}])"
ENGLISH = "english"
CODES = {name: code for code, name in LANGUAGE_MAPPING.items()}  # ISO 639-1
LANGUAGES = sorted(AVAILABLE_LANGUAGES, key=lambda name: (name == ENGLISH, name))
NUM_ASKED = 300  # texts that are looked at one by one


@cache
def stop_words_of(language: str) -> frozenset[str]:
    """The stop words of one of the `AVAILABLE_LANGUAGES`."""
    words = get_stop_words(language)
    if language != ENGLISH:
        return frozenset(words)
    # The list of English holds 'computer' and 'million'; its contractions alone are of use.
    return ENGLISH_STOP_WORDS | {word for word in words if "'" in word}


def count_stop_words(texts: list[str]) -> tuple[dict[str, int], int]:
    """Stop words of each language that texts hold, and all of their words."""
    frequency = Counter(
        word for text in texts for word in re.findall(WORD, RUN.sub(" ", text).lower())
    )
    counts = {
        language: sum(frequency[word] for word in frequency.keys() & stop_words_of(language))
        for language in LANGUAGES
    }
    return counts, frequency.total()


def find_language(texts: list[str]) -> str | None:
    """Name of the language that most of the texts are in, in English and small letters; `None` for
    one that no list of stop words is known of.

    It is the one whose stop words make up the largest share of the words, if that is a tenth or
    more.

    Example:
        >>> find_language(["where is the card", "the card is lost"])
        'english'
    """
    counts, total = count_stop_words(texts)
    likeliest = max(counts, key=lambda language: counts[language])
    return likeliest if counts[likeliest] > 0.1 * total else None


def find_languages(texts: list[str], least: float = 0.1) -> list[str]:
    """ISO 639-1 codes of the languages that texts are in, that of the most texts first; empty where
    their stop words do not tell.

    A text tells its language by two stop words or more, and more than it holds of any other.

    Args:
        texts (`list[str]`): The documents; 300 of many are looked at.
        least (`float`, *optional*, defaults to 0.1): Share of the texts of a language that counts.

    Example:
        >>> find_languages(["where is the card", "the card is lost", "wo ist denn meine Karte"])
        ['en', 'de']
    """
    asked, told = texts[:: 1 + len(texts) // NUM_ASKED], Counter[str]()
    for text in asked:
        (likeliest, count), (_, second) = Counter(count_stop_words([text])[0]).most_common(2)
        if count > max(second, 1):
            told[CODES[likeliest]] += 1
    return [code for code, count in told.most_common() if count >= least * len(asked)]


def find_stop_words(texts: list[str]) -> set[str]:
    """Stop words of the language that most of the texts are in; empty for one that no list is known
    of.
    """
    language = find_language(texts)
    found = stop_words_of(language) if language else ()
    return {word for word in found if re.fullmatch(WORD, word)}


def are_english(texts: list[str], least: float = 0.9) -> bool:
    """Whether texts seem to be in English, all but a few of them: by its stop words, or, where they
    hold no language's, by their letters.

    Args:
        texts (`list[str]`): The documents; 2,000 of many are enough.
        least (`float`, *optional*, defaults to 0.9): Share of the texts with stop words that no
            other language has more of.

    Example:
        >>> are_english(["apple pear", "plum fig"]), are_english(["где моя карта"])
        (True, False)
    """
    language = find_language(texts)
    if language is None:
        letters = [character for text in texts for character in text if character.isalpha()]
        return sum(map(str.isascii, letters)) >= 0.9 * len(letters)
    if language != ENGLISH:
        return False
    asked = texts[:: 1 + len(texts) // NUM_ASKED]
    each = [count_stop_words([text])[0] for text in asked]
    told = [counts for counts in each if any(counts.values())]
    english = sum(counts[ENGLISH] == max(counts.values()) for counts in told)
    return english >= least * len(told)
