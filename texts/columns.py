"""Columns of a table: one by its name; the texts, the ids and the times where nobody names them."""

import re
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .readers import Columns
from .times import read_times


FEWEST_LETTERS = 3.0  # of a text, on average
NOT_WORDS = re.compile(r"\S*(?:://|www\.|@|\d)\S*")  # addresses, numbers, codes and dates
ALMOST_ALL = 0.9  # of the filled cells of a column of times are times
TIME_NAME = re.compile(
    r"date|time|created|sent|posted|(?:_a|[a-z]A)t$|datum|zeit|fecha|data$|日期|时间|дата|время",
    re.IGNORECASE,
)
ID_NAME = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key)$", re.IGNORECASE)


def pick_column(columns: Columns, name: str, source: str) -> list:
    """A column of a table; `InputError` where there is none of that name."""
    if name not in columns:
        raise InputError(
            f"{source}: there is no column '{name}'. Its columns are: "
            f"{', '.join(map(repr, columns)) or 'none'}. Name one of them."
        )
    return columns[name]


class TextColumn(NamedTuple):
    """A column, and why it is taken for that of the texts.

    Args:
        name (`str`): Its name.
        reason (`str`): For people, as the rest of a sentence.
    """

    name: str
    reason: str


def find_text_column(columns: Columns, source: str) -> TextColumn:
    """The column of the texts: the one that is called `text`, or else the one that holds the most
    letters in words.

    Args:
        columns (`dict[str, list]`): The table, or its first rows.
        source (`str`): Name of the input, for messages.

    Raises:
        InputError: No column holds words.

    Example:
        >>> find_text_column({"id": ["A7", "A8"], "note": ["card lost", "card late"]}, "x.csv")
        TextColumn(name='note', reason='the only one that holds words')
    """
    letters = {name: letters_per_row(values) for name, values in columns.items()}
    wordy = sorted(
        (name for name in letters if letters[name] >= FEWEST_LETTERS),
        key=lambda name: letters[name],
    )
    if not wordy:
        raise InputError(
            f"{source}: expected a column of texts, got none that holds words among "
            f"{', '.join(map(repr, columns)) or 'no columns'}. Name it with --text."
        )
    for name in columns:
        if name.lower() == "text" and name in wordy:
            return TextColumn(name, "by its name")
    *others, longest = wordy
    if not others:
        return TextColumn(longest, "the only one that holds words")
    return TextColumn(
        longest,
        f"the longest, with {letters[longest]:.0f} letters a row; '{others[-1]}' has "
        f"{letters[others[-1]]:.0f}",
    )


def letters_per_row(values: list) -> float:
    """Letters in words, on average over the rows that are different; 0 where none is a string.

    Example:
        >>> letters_per_row(["two words", "https://a.example/page", "2024-05-06"]).__round__(2)
        2.67
    """
    strings = {value for value in values if isinstance(value, str)}
    distinct = len(strings) / max(len(values), 1)
    letters = (sum(map(str.isalpha, NOT_WORDS.sub(" ", value))) for value in strings)
    return distinct * sum(letters) / max(len(strings), 1)


def find_id_column(columns: Columns) -> str | None:
    """The column of the ids: one whose name says so, and whose values are there and differ in the
    rows that are seen.

    Example:
        >>> find_id_column({"ticket_id": ["a", "b"], "video": ["x", "y"]})
        'ticket_id'
    """
    named = [name for name in columns if ID_NAME.search(name)]
    for name in sorted(named, key=lambda name: name.lower() != "id"):
        values = list(map(str, columns[name]))
        if values and len(set(values)) == len(values) and not {"", "None"} & set(values):
            return name
    return None


def find_time_column(columns: Columns) -> str | None:
    """The column that says when a text was written: one whose cells are times, but for a tenth. One
    whose name says so goes before others; bare numbers are times under such a name alone.

    Example:
        >>> find_time_column({"size": [2019, 2020], "sent": ["2024-05-01", "2024-05-02"]})
        'sent'
    """
    for name in sorted(columns, key=lambda name: TIME_NAME.search(name) is None):
        filled = [value for value in columns[name] if value not in (None, "")]
        says_so = TIME_NAME.search(name) is not None
        if not filled or not says_so and all(str(value).isdecimal() for value in filled):
            continue
        if (~np.isnat(read_times(filled))).mean() >= ALMOST_ALL:
            return name
    return None
