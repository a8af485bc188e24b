"""Shards as Arrow tables: which columns they get, in which types, and files of them that appear
whole or not at all.
"""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow
import pyarrow.parquet

from ..errors import InputError
from ..texts.readers import Columns


TEXT = pyarrow.string()
TYPES = {  # of our own columns, by their names but for the number of a level
    "cluster": pyarrow.int32(),
    "label": TEXT,
    "probability": pyarrow.float32(),
    "topics": TEXT,
    "top_clusters": pyarrow.list_(pyarrow.int32()),
    "top_probabilities": pyarrow.list_(pyarrow.float32()),
}


def make_schema(
    ids: pyarrow.DataType, ours: Sequence[str], kept: dict[str, pyarrow.DataType]
) -> pyarrow.Schema:
    """Columns of all shards of clusters: `id`, our own, and those that are kept.

    Raises:
        InputError: One that is to be kept has the name of another.
    """
    fields = {"id": ids} | {name: type_of_ours(name) for name in ours}
    for name in kept:
        if name in fields:
            raise InputError(
                f"--keep_columns: '{name}' is the name of a column of clusters. Rename it in the "
                "shards, or leave it out."
            )
    return pyarrow.schema(fields | kept)


def type_of_ours(name: str) -> pyarrow.DataType:
    """Type of one of our own columns.

    Example:
        >>> type_of_ours("probability_2")
        DataType(float)
    """
    return TYPES[name.rstrip("0123456789").removesuffix("_")]


def types_of_theirs(path: str, columns: Columns, names: Sequence[str]) -> list[pyarrow.DataType]:
    """Types of columns that are passed on: what a Parquet file declares, else what the values are;
    text where they are of several kinds, or missing.

    Args:
        path (`str`): The file.
        columns (`dict[str, list]`): Its first rows.
        names (`Sequence[str]`): Which columns.
    """
    if path.lower().endswith(".parquet"):
        schema = pyarrow.parquet.read_schema(path)
        return [schema.field(name).type for name in names]
    return [_kind_of(columns[name]) for name in names]


def _kind_of(values: list) -> pyarrow.DataType:
    try:
        kind = pyarrow.array(values).type
    except (pyarrow.ArrowException, UnicodeError, OverflowError):  # of several, or not writable
        return TEXT
    return TEXT if pyarrow.types.is_null(kind) else kind


def pass_on(values: list, kind: pyarrow.DataType, name: str, first_row: int) -> pyarrow.Array:
    """Values of a column as they stand.

    Raises:
        InputError: They are not of the kind.
    """
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        values = [_write(value) for value in values]
    try:
        return pyarrow.array(values, kind)
    except (pyarrow.ArrowException, ValueError, OverflowError) as error:
        raise InputError(
            f"column '{name}', in the {len(values):,} rows from row {first_row + 1} on: expected "
            f"values of type {kind}, as in the first shard ({error}). Give all shards one type."
        ) from error


def _write(value: Any) -> str | None:
    return None if value is None else str(value).encode("utf-8", "replace").decode()


def spread(values: np.ndarray | None, usable: np.ndarray, kind: pyarrow.DataType) -> pyarrow.Array:
    """Values of the usable rows as a column of all rows, null for the others.

    Args:
        values (`np.ndarray` of shape `(num_usable, ...)`): Of the usable rows; `None` for none.
        usable (`np.ndarray` of shape `(num_rows,)`): Which rows are.
        kind (`DataType`): Of the column.
    """
    if values is None:
        return pyarrow.nulls(len(usable), kind)
    found = pyarrow.array(list(values) if values.ndim > 1 else values, kind)
    if usable.all():
        return found
    return found.take(pyarrow.array(np.cumsum(usable) - 1, mask=~usable))


def write_whole(path: Path, schema: pyarrow.Schema, batches: Iterable[pyarrow.RecordBatch]) -> None:
    """Write a Parquet file, a row group per batch, that takes its name once it is complete; what
    earlier writers left unfinished is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        leftover.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")  # no two processes have one
    try:
        with pyarrow.parquet.ParquetWriter(partial, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
