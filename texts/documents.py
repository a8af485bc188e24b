"""From tables to checked documents.

Rows keep the input's order and count. What cannot be clustered is one error that names the file and
the first bad row, or, with `skip_bad_rows`, a row without a cluster. Gold classes are held apart
from what training sees.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from reprlib import repr as short_repr
from typing import Any

import numpy as np

from ..clusters.rows import draw_keys, smallest
from ..errors import InputError
from .attributes import Attributes, make_attributes
from .columns import pick_column
from .known import KnownTopics
from .readers import Columns
from .tables import read_batches


SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no file can hold
HALF = "holds half a character (a lone surrogate), which cannot be written"


@dataclass(frozen=True, eq=False)
class Documents:
    """The rows of one input, in its order; the usable ones are those that are clustered.

    Args:
        ids (`list`): What the id column holds, unaltered, or the row's number from 0.
        texts (`list`): What the text column holds.
        usable (`np.ndarray` of shape `(num_rows,)`): Whether the row's text can be clustered.
        classes (`np.ndarray` of shape `(num_rows,)`, *optional*): Gold classes, for metrics alone.
        vectors (`np.ndarray` of shape `(num_rows, teacher_size)`, *optional*): What a teacher says.
        known (`KnownTopics`, *optional*): What people know of some of them.
        attributes (`Attributes`, *optional*): What else the table says of each row.
    """

    ids: list
    texts: list
    usable: np.ndarray
    classes: np.ndarray | None = None
    vectors: np.ndarray | None = None
    known: KnownTopics | None = None
    attributes: Attributes | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def usable_texts(self) -> list[str]:
        return list(compress(self.texts, self.usable))

    @cached_property
    def usable_ids(self) -> list:
        return list(compress(self.ids, self.usable))

    @property
    def usable_names(self) -> list[str]:
        """`names` of the usable documents, as strings."""
        return [str(name) for name in compress(self.names, self.usable)]

    @cached_property
    def usable_classes(self) -> np.ndarray | None:
        return None if self.classes is None else self.classes[self.usable]

    @cached_property
    def usable_vectors(self) -> np.ndarray | None:
        return None if self.vectors is None else self.vectors[self.usable]

    @cached_property
    def usable_known(self) -> KnownTopics | None:
        return None if self.known is None else self.known.take(np.flatnonzero(self.usable))

    @cached_property
    def usable_attributes(self) -> Attributes | None:
        rows = np.flatnonzero(self.usable)
        return None if self.attributes is None else self.attributes.take(rows)

    @property
    def names(self) -> list:
        """What a document may be called beside its text."""
        return self.ids

    def sample(self, size: int, seed: int) -> "Documents":
        """A random sample of the rows, in the input's order; all of them where there are no more
        than `size`. Those of which something is known come first.
        """
        if size >= len(self):
            return self
        known = np.empty(0, dtype=int) if self.known is None else self.known.rows
        return self.take(draw_with(known, len(self), size, seed))

    def take(self, rows: np.ndarray) -> "Documents":
        """Those in some rows."""
        classes, vectors = (
            None if known is None else known[rows] for known in (self.classes, self.vectors)
        )
        ids, texts = ([column[row] for row in rows] for column in (self.ids, self.texts))
        topics = None if self.known is None else self.known.take(rows)
        attributes = None if self.attributes is None else self.attributes.take(rows)
        return Documents(ids, texts, self.usable[rows], classes, vectors, topics, attributes)


def draw_with(known: np.ndarray, num_rows: int, size: int, seed: int) -> np.ndarray:
    """Sorted indices of `size` rows, drawn at random: `known` ones first. `draw_table` draws the
    same.
    """
    is_known = np.isin(np.arange(num_rows), known)
    return smallest(draw_keys(np.random.default_rng(seed), is_known), size)


def make_documents(
    columns: Columns,
    source: str,
    text_column: str = "text",
    label_column: str | None = None,
    id_column: str | None = None,
    skip_bad_rows: bool = False,
    rows: Sequence[int] = range(sys.maxsize),
) -> Documents:
    """Pick text, gold classes and ids out of a table and check them.

    Args:
        columns (`dict[str, list]`): The table, one list per column.
        source (`str`): Name of the input, for messages.
        text_column (`str`, *optional*, defaults to `"text"`): Column of the texts.
        label_column (`str`, *optional*): Column of the gold classes. `None`: there are none.
        id_column (`str`, *optional*): Column of the ids. `None`: rows are numbered from 0.
        skip_bad_rows (`bool`, *optional*, defaults to `False`): Keep rows without a text, but
            without a cluster.
        rows (`Sequence[int]`, *optional*): Numbers of the table's rows in the input, from 0, and
            maybe more. Unset: it is the whole.

    Raises:
        InputError: A column is missing, there are no texts, a text is empty or no string, a gold
            class is missing, or an id cannot be written.
    """
    for name in filter(None, (text_column, label_column, id_column)):
        pick_column(columns, name, source)
    if not columns[text_column]:
        raise InputError(
            f"{source}: there are no texts in column '{text_column}'. Give one or more."
        )
    rows = rows[: len(columns[text_column])]
    texts, usable = _check_texts(columns[text_column], source, skip_bad_rows, rows)
    labels = columns[label_column] if label_column else None
    classes = None if labels is None else _check_classes(labels, source, label_column, rows)
    ids = columns[id_column] if id_column else list(map(int, rows))
    for row, id_ in zip(rows, ids, strict=True):
        if _find_fault(id_) == HALF:
            raise InputError(
                f"{source}: the id of row {row + 1} {HALF}. Mend it, or leave --id_column out."
            )
    return Documents(ids, texts, usable, classes)


def make_text_documents(texts: Iterable[str]) -> Documents:
    """Texts alone as documents, checked.

    Raises:
        InputError: They are one string, or one of them is empty or no string.
    """
    if isinstance(texts, str):
        raise InputError(f"texts: expected several, got one string. Pass [{texts[:20]!r}].")
    found = [str(text) if isinstance(text, np.str_) else text for text in texts]
    for place, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            raise InputError(
                f"texts: expected strings that are not empty, got {text!r:.60} at place {place}. "
                "Leave it out, or put a text there."
            )
    return make_documents({"text": found}, "texts")


def _check_texts(
    texts: list, source: str, skip_bad_rows: bool, rows: Sequence[int]
) -> tuple[list, np.ndarray]:
    """The texts as they can be written, and which of them can be clustered."""
    faults = [_find_fault(text) for text in texts]
    usable = np.array([fault is None for fault in faults])
    if not skip_bad_rows and not usable.all():
        row, bad = int(usable.argmin()), (~usable).sum()
        raise InputError(
            f"{source}: the text of row {rows[row] + 1} {faults[row]} ({bad} of {len(texts)} "
            "rows are like this). Mend them, or pass --skip_bad_rows to leave them without a "
            "cluster."
        )
    writable = [
        SURROGATE.sub("\ufffd", text) if fault == HALF else text
        for text, fault in zip(texts, faults, strict=True)
    ]
    return writable, usable


def _find_fault(text: Any) -> str | None:
    """What is wrong with a text, as the end of a sentence."""
    if text is None or text == "" or isinstance(text, str) and not text.strip():
        return "is empty"
    if not isinstance(text, str):
        return f"is {short_repr(text)}, not a string"
    return HALF if SURROGATE.search(text) else None


def stream_documents(
    source: str,
    size: int = 16384,
    label_column: str | None = None,
    keep_columns: Sequence[str] = (),
    **arguments: Any,
) -> Iterator[Documents]:
    """The documents of a file in batches of `size`, however many there are; with gold classes where
    the file has the column, and with those of the columns to keep that its first rows have.

    `arguments` are those of `make_documents`.

    Raises:
        InputError: As `read_batches` and `make_documents`.
    """
    first_row = 0
    kept: list[str] | None = None
    for columns in read_batches(source, size):
        kept = [name for name in keep_columns if name in columns] if kept is None else kept
        labels = label_column if label_column in columns else None
        documents = make_documents(
            columns, source, label_column=labels, rows=range(first_row, sys.maxsize), **arguments
        )
        yield replace(documents, attributes=make_attributes(columns, source, keep_columns=kept))
        first_row += len(documents)
    if not first_row:
        raise InputError(f"{source}: expected one document or more, got an empty file.")


def _check_classes(
    classes: list, source: str, label_column: str | None, rows: Sequence[int]
) -> np.ndarray:
    names = np.array(
        [None if label in (None, "") or label != label else str(label) for label in classes],
        dtype=object,
    )
    missing = np.flatnonzero(names == None)  # noqa: E711 (elementwise)
    if len(missing):
        raise InputError(
            f"{source}: row {rows[missing[0]] + 1} has no gold class in column '{label_column}'. "
            "Give it one, or leave --label_column out."
        )
    return names


def check_classes_differ(documents: Documents, label_column: str | None, source: str) -> None:
    """Raise `InputError` where there are gold classes, but all are the same."""
    classes = documents.classes
    if classes is not None and len(set(classes)) == 1:
        raise InputError(
            f"{source}: all gold classes in column '{label_column}' are '{classes[0]}', so there "
            "is nothing to score. Name another column, or leave --label_column out."
        )


def check_enough_documents(documents: Documents, num_clusters: int, source: str) -> None:
    """Raise `InputError` unless there are at least as many distinct texts as clusters."""
    texts = documents.usable_texts
    if len(set(texts)) < num_clusters:
        raise InputError(
            f"{source}: {len(texts)} documents with {len(set(texts))} distinct texts cannot fill "
            f"{num_clusters} clusters. Lower --num_clusters or bring more texts."
        )
