"""Which column of a table holds the texts, and which the ids, where nobody says it."""

import re
from typing import NamedTuple

from ..errors import InputError
from .readers import Columns


FEWEST_LETTERS = 3.0  # of a text, on average
NOT_WORDS = re.compile(r"\S*(?:://|www\.|@|\d)\S*")  # addresses, numbers, codes and dates
ID_NAME = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key)$", re.IGNORECASE)


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
