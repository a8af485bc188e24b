"""Words of the scripts that are written without spaces, found in the texts themselves.

There is no dictionary: a word is a piece of text that recurs, and that does not mostly stand inside
one and the same longer piece. Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar are read.

Source: what stands beside a word varies, what stands beside a part of one does not (Harris 1955,
"From phoneme to morpheme"; Feng et al. 2004, "Accessor variety criteria for Chinese word
extraction").
"""

import re
from collections import Counter
from itertools import pairwise

from ..clusters.rows import draw_sample


# A sign is what is never cut: a letter with its marks, vowels written before or after it, small
# kana and long vowels; and Katakana as long as it goes on, since it mostly writes whole words.
KATAKANA = "ァ-ヺー-ヿ\u31f0-\u31ff\uff66-\uff9f"
HIRAGANA = "ぁ-ゖ\u3099-ゟ"
BEFORE = "\u0e40-\u0e44\u0ec0-\u0ec4"  # Thai, Lao
LETTER = (
    "\u0e01-\u0e2e\u0e81-\u0eae\u0edc-\u0edf"  # Thai, Lao
    "\u1780-\u17b3"  # Khmer
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081"
    "々〆〇ぁ-ゖゝ-ゟ\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"  # kana, Han
)
AFTER = (
    "\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0eb0-\u0ebd\u0ec8-\u0ece"  # Thai, Lao
    "\u17b4-\u17d3\u17dd"  # Khmer
    "\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d"
    "ぁぃぅぇぉっゃゅょゎゕゖ\u3099-\u309cー"  # Hiragana
)
RUN = re.compile(f"[{KATAKANA}{BEFORE}{LETTER}{AFTER}]+")
BREAK = "\n"  # between runs
SIGN = re.compile(f"[{KATAKANA}]+|[{BEFORE}]?[{LETTER}][{AFTER}]*|{BREAK}")
SCRIPT = re.compile(f"(?P<katakana>[{KATAKANA}])|(?P<hiragana>[{HIRAGANA}])")
GRAMMAR = re.compile(f"[{HIRAGANA}]|.*[{HIRAGANA}]$")  # begins or ends in Hiragana

MAX_SIGNS = 10  # of a word
MAX_LENGTH = 400  # characters of a text that are read: they say as much as 1,000 with spaces
MAX_CHARACTERS = 2_000_000  # in which words are looked for; of longer texts, in a sample

Signs = tuple[str, ...]


class UnspacedWords:
    """The words in those parts of texts that are written without spaces; calling it with a text
    gives the text's own, which may overlap.

    Args:
        texts (`list[str]`): Where to look for words.

    Example:
        >>> UnspacedWords(["世界杯开幕", "2026年世界杯"])("看世界杯!")
        ['世界杯']
    """

    def __init__(self, texts: list[str]) -> None:
        length = sum(len(text[:MAX_LENGTH]) for text in texts)
        size = len(texts) * MAX_CHARACTERS // max(length, 1)
        sample = draw_sample(len(texts), seed=0, size=size)
        self.recurring = count_recurring([_split(texts[row]) for row in sample])
        self.words = {
            piece
            for piece in self.recurring.keys() - _parts(self.recurring)
            if len(piece) > 1 or len(piece[0]) > 1 and _script(piece[0]) == "katakana"
        }

    def __call__(self, text: str) -> list[str]:
        found, signs = [], _split(text)
        for start in range(len(signs)):
            for end in range(start + 1, len(signs) + 1):
                if (piece := signs[start:end]) not in self.recurring:
                    break  # nor is anything that begins like this
                if piece in self.words:
                    found.append("".join(piece))
        return found


def count_recurring(texts: list[Signs]) -> dict[Signs, int]:
    """In how many texts each piece of up to `MAX_SIGNS` signs stands, if in two or more.

    A piece recurs only where what it is without its first and without its last sign does, so that
    few have to be counted (Agrawal & Srikant 1994).

    Example:
        >>> count_recurring([("世", "界", "杯"), ("世", "界"), ("杯",)])
        {('世',): 2, ('界',): 2, ('杯',): 2, ('世', '界'): 2}
    """
    recurring: dict[Signs, int] = {}
    starts = [[i for i, sign in enumerate(signs) if sign != BREAK] for signs in texts]
    for size in range(1, MAX_SIGNS + 1):
        counts: Counter[Signs] = Counter()
        for signs, places in zip(texts, starts, strict=True):
            counts.update(dict.fromkeys(signs[i : i + size] for i in places).keys())
        longer = {piece: count for piece, count in counts.items() if count > 1}
        if not longer:
            break
        recurring |= longer
        for row, signs in enumerate(texts):
            found = [i for i in starts[row] if signs[i : i + size] in longer]
            starts[row] = [i for i, following in pairwise(found) if following == i + 1]
    return recurring


def _parts(recurring: dict[Signs, int]) -> set[Signs]:
    """Pieces that more often than not stand inside one that is longer by a sign of their script.

    A sign of another script makes no longer word: grammar is what Hiragana adds to Han.
    """
    return {
        part
        for piece, count in recurring.items()
        for part, last, added in ((piece[:-1], -2, -1), (piece[1:], 1, 0))
        if part and 2 * count > recurring[part] and _script(piece[last]) == _script(piece[added])
    }


def _split(text: str) -> Signs:
    """The signs of a text, with a break between those of two runs."""
    return tuple(SIGN.findall(BREAK.join(RUN.findall(text[:MAX_LENGTH]))))


def _script(sign: str) -> str | None:
    """`"katakana"` or `"hiragana"`; `None` for all others, which do not mix within a run."""
    match = SCRIPT.match(sign)
    return match and match.lastgroup
