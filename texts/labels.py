"""Topics that people know of some documents."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def read_labels(column: Sequence[Any]) -> list[str | None]:
    """Topics as they are named, without spaces around them; `None` where a cell is empty.

    Example:
        >>> read_labels(["refund", " card ", "", None, 7, float("nan")])
        ['refund', 'card', None, None, '7', None]
    """
    named = [None if value is None or value != value else str(value).strip() for value in column]
    return [name or None for name in named]


def number_topics(labels: Sequence[str | None]) -> tuple[np.ndarray, list[str]]:
    """Number of each document's topic, `(num_documents,)`, -1 for none; and the topics' names, in
    the order in which they come.

    Example:
        >>> number_topics([None, "refund", "card", "refund"])
        (array([-1,  0,  1,  0]), ['refund', 'card'])
    """
    names = list(dict.fromkeys(name for name in labels if name is not None))
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([-1 if name is None else numbers[name] for name in labels], dtype=int), names
