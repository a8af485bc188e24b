"""Embeddings that somebody else made of the documents: a row per document, all of one length."""

from pathlib import Path

import numpy as np

from ..errors import InputError
from .columns import pick_column
from .sampling import Table


def read_vectors(name: str, table: Table, source: str) -> np.ndarray:
    """Embeddings from a `.npy` file, which is not read whole, or from a column of the texts' table.

    Args:
        name (`str`): The file, whose name ends in `.npy`, or the column.
        table (`Table`): That of the texts; of a sample, those of the drawn rows are read.
        source (`str`): Name of the table, for messages.

    Raises:
        InputError: There is no such file or column, or it holds no numbers.
    """
    if name.endswith(".npy"):
        if not Path(name).is_file():
            raise InputError(f"'{name}': there is no such file. Check the name and the folder.")
        try:
            vectors = np.load(name, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise InputError(
                f"'{name}': expected an array of numbers as numpy.save writes it ({error}). Save "
                "it anew."
            ) from error
        if len(table.rows) == table.num_rows:
            return vectors
        if vectors.ndim and len(vectors) != table.num_rows:
            raise InputError(
                f"{name}: expected {table.num_rows} rows, one per row of {source}, got "
                f"{len(vectors)}. Embed the same texts, in their order."
            )
        return vectors[table.rows] if vectors.ndim else vectors
    return _stack(pick_column(table.columns, name, source), f"{source}, column '{name}'")


def _stack(rows: list, source: str) -> np.ndarray:
    """Rows of a column as an array; what is missing is NaN."""
    lengths = [len(row) if isinstance(row, (list, tuple, np.ndarray)) else 0 for row in rows]
    size = max(lengths, default=0)
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True), 1):
        if length != size and row is not None:
            raise InputError(
                f"{source}: expected {size or 'some'} numbers in a list in every row, got "
                f"{length if length else type(row).__name__} in row {number}. Mend the column."
            )
    missing = [np.nan] * size
    try:
        return np.array([missing if row is None else row for row in rows], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{source}: expected lists of numbers ({error}). Mend them.") from error


def check_vectors(vectors: np.ndarray, usable: np.ndarray, source: str) -> None:
    """Raise `InputError` unless there is a vector of finite numbers for every usable document.

    Args:
        vectors (`np.ndarray` of shape `(num_documents, size)`): The embeddings.
        usable (`np.ndarray` of shape `(num_documents,)`): Which documents need one.
        source (`str`): What they are, for messages.
    """
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or not vectors.size:
        raise InputError(
            f"{source}: expected numbers in two dimensions, a row per document, got "
            f"{vectors.dtype} of shape {vectors.shape}."
        )
    if len(vectors) != len(usable):
        raise InputError(
            f"{source}: expected {len(usable)} rows, one per document, got {len(vectors)}. Embed "
            "the same texts, in their order."
        )
    bad = np.flatnonzero(usable & ~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise InputError(
            f"{source}: expected finite numbers, got a missing or infinite one in row {bad[0] + 1} "
            f"({len(bad)} rows are like this). Embed these texts anew."
        )
