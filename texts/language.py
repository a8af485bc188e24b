"""Which encoder knows the language of texts, and whether one seems to: how finely it has to cut
their words.
"""

import logging
import re
import unicodedata
from collections import Counter

from transformers import PreTrainedTokenizerBase

from .words import MARKS, are_english


logger = logging.getLogger(__name__)

LETTERS = re.compile(rf"(?<![\w{MARKS}])(?:[^\W\d_][{MARKS}]*){{2,}}(?![\w{MARKS}])")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd]")
LETTERS_OF_HAN = 3  # that say about as much as one
FEWEST_KNOWN = 2.5  # letters per token; of fewer, a vocabulary was not made from the language
FEWEST_WORDS = 100
NUM_READ = 2000  # documents, of which a language is told
# Encoders by Hub id, and what they want before every text, where their configuration does not say.
ENGLISH_ENCODER = ("sentence-transformers/all-MiniLM-L6-v2", None)
MULTILINGUAL_ENCODER = ("intfloat/multilingual-e5-small", "query: ")
MULTILINGUAL = "--model_name_or_path {} --text_prefix '{}'".format(*MULTILINGUAL_ENCODER)


def choose_encoder(texts: list) -> tuple[str, str | None]:
    """Hub id of an encoder that knows the language of texts, and what it wants before each of them;
    what is no string is passed over.

    Example:
        >>> choose_encoder(["wo ist meine Karte"])
        ('intfloat/multilingual-e5-small', 'query: ')
    """
    strings = [text for text in texts[:NUM_READ] if isinstance(text, str)]
    return ENGLISH_ENCODER if are_english(strings) else MULTILINGUAL_ENCODER


def letters_per_token(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, max_length: int = 1000
) -> float | None:
    """How many letters of a word a token holds, on average over the words of texts.

    A vocabulary has its own languages' frequent words whole; others come out in syllables or
    letters, or unknown. Marks count as letters, a Han character as three, and what is unknown as
    none. Words with digits are left out, those in capitals alone are read in small letters.

    Args:
        texts (`list[str]`): The documents; `NUM_READ` of many are enough.
        tokenizer (`PreTrainedTokenizerBase`): The encoder's.
        max_length (`int`, *optional*, defaults to 1000): Characters of a document that are read.

    Returns:
        `float`, 0 or more; `None` where there are fewer than 100 words.
    """
    words = Counter(
        word.lower() if word.isupper() else word
        for text in texts
        for word in LETTERS.findall(text[:max_length])
    )
    if words.total() < FEWEST_WORDS:
        return None
    encoded = tokenizer(list(words), add_special_tokens=False)["input_ids"]
    num_letters = num_tokens = 0.0
    for (word, count), ids in zip(words.items(), encoded, strict=True):
        length = len(unicodedata.normalize("NFD", word))
        length += (LETTERS_OF_HAN - 1) * len(HAN.findall(word))
        known = 1 - ids.count(tokenizer.unk_token_id) / max(len(ids), 1)
        num_letters += count * known * length
        num_tokens += count * len(ids)
    return num_letters / max(num_tokens, 1)


def warn_of_unknown_language(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> None:
    """Log a warning, which names a multilingual encoder, where the encoder does not seem to know
    the language of the texts.
    """
    found = letters_per_token(texts, tokenizer)
    if found is not None and found < FEWEST_KNOWN:
        logger.warning(
            "The encoder does not seem to know the language of these texts: it reads their words "
            "in pieces of %.1f letters on average, of a language that it knows in pieces of %.1f "
            "or more. The clusters may mean little. A multilingual encoder: %s",
            found,
            FEWEST_KNOWN,
            MULTILINGUAL,
        )
