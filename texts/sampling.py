"""A random sample of a table that need not fit into memory: it is drawn while the table is read."""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from ..clusters.rows import draw_keys, smallest
from .known import read_labels
from .readers import Columns
from .segments import FEWEST_LETTERS, count_letters
from .tables import count_rows
from .topics_file import read_quoted


FirstRows = Callable[[Columns, range], np.ndarray]  # of a batch and its rows: which come first


class Table(NamedTuple):
    """Some rows of a table, in its order.

    Args:
        columns (`dict[str, list]`): One list per column.
        rows (`Sequence[int]` of length `num_drawn`): Their numbers in the whole table, from 0.
        num_rows (`int`): Of the whole.
    """

    columns: Columns
    rows: Sequence[int]
    num_rows: int

    @classmethod
    def whole(cls, columns: Columns) -> "Table":
        """All rows."""
        num_rows = count_rows(columns)
        return cls(columns, range(num_rows), num_rows)


def draw_table(
    batches: Iterable[Columns],
    size: int,
    seed: int,
    wanted: Collection[str | None] | None = None,
    comes_first: FirstRows | None = None,
) -> Table:
    """A uniform sample of the rows, drawn while they pass: a reservoir of those that have the
    smallest of random keys (Efraimidis and Spirakis 2006, with equal weights). How the rows are cut
    into batches does not change it.

    Args:
        batches (`Iterable[dict[str, list]]`): The table. Memory holds one batch and the sample.
        size (`int`): Rows to draw; all of them, where there are fewer.
        seed (`int`): Of the keys.
        wanted (`Collection[str]`, *optional*): Other columns come without their values.
        comes_first (*optional*): Rows that are drawn before all others.
    """
    rng, num_rows = np.random.default_rng(seed), 0
    columns: Columns = {}
    keys, rows = np.empty(0), np.empty(0, dtype=int)
    for batch in batches:
        here = range(num_rows, num_rows + count_rows(batch))
        is_first = comes_first(batch, here) if comes_first else np.zeros(len(here), dtype=bool)
        both = np.append(keys, draw_keys(rng, is_first))
        stay = smallest(both, size)
        new = stay[stay >= len(keys)] - len(keys)
        left = np.setdiff1d(np.arange(len(keys)), stay)  # their places are taken by the new
        for name in dict.fromkeys([*columns, *batch]):
            cells = columns.setdefault(name, [])
            if wanted is None or name in wanted:
                cells += [None] * (len(keys) - len(cells))
                values = batch.get(name)
                _replace(cells, left, [values[row] if values else None for row in new])
        keys = _moved(keys, left, both[len(keys) + new])
        rows = _moved(rows, left, num_rows + new)
        num_rows = here.stop
    order = np.argsort(rows)
    drawn = {name: [cells[row] for row in order if cells] for name, cells in columns.items()}
    return Table(drawn, rows[order].tolist(), num_rows)


def _replace(cells: list, left: np.ndarray, new: list) -> None:
    for place, value in zip(left, new, strict=False):
        cells[place] = value
    cells += new[len(left) :]


def _moved(values: np.ndarray, left: np.ndarray, new: np.ndarray) -> np.ndarray:
    values[left] = new[: len(left)]
    return np.append(values, new[len(left) :])


def known_first(
    label_column: str | None,
    topics: str | None,
    text_column: str,
    id_column: str | None,
    in_parts: bool = False,
) -> FirstRows | None:
    """Rows of which something is known; `None` where nothing is of any.

    Args:
        label_column (`str`, *optional*): Column of known topics.
        topics (`str`, *optional*): File of known topics, which quotes ids and texts.
        text_column (`str`): Column of the texts.
        id_column (`str`, *optional*): Column of the ids. `None`: they are the rows' numbers.
        in_parts (`bool`, *optional*, defaults to `False`): Whether it may quote sentences of texts.

    Raises:
        InputError: The file cannot be read.
    """
    quoted = read_quoted(topics) if topics else set()
    # What stands alone in a text has letters enough; an id, or a whole text, is found as it is.
    is_part = [in_parts and count_letters(quote) >= FEWEST_LETTERS for quote in quoted]
    parts = {_plain(quote) for quote in compress(quoted, is_part)}
    if not quoted and label_column is None:
        return None

    def is_known(batch: Columns, rows: range) -> np.ndarray:
        nothing = [None] * len(rows)
        labels = read_labels(batch.get(label_column or "") or nothing)
        texts = batch.get(text_column) or nothing
        ids = (batch.get(id_column) if id_column else rows) or nothing
        return np.array(
            [
                label is not None
                or str(id_) in quoted
                or str(text).strip() in quoted
                or any(part in _plain(text) for part in parts)
                for label, id_, text in zip(labels, ids, texts, strict=True)
            ],
            dtype=bool,
        )

    return is_known


def _plain(text: object) -> str:
    return " ".join(str(text).split())
