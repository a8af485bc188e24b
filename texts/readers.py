"""The formats of tables: each reader turns an open file into columns, batch by batch.

Values come out as they stand in the file: nothing is guessed to be a number, a date or missing.
What is wrong is an error that names the place; the caller adds the file.
"""

import csv
import io
import json
import os
import xml.etree.ElementTree
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from reprlib import repr as short_repr
from typing import IO

import openpyxl
import pyarrow
import pyarrow.parquet

from ..errors import InputError
from .unpacking import check_unpacked


Columns = dict[str, list]  # column name -> one value per row

MAX_CELL = 2**24  # characters in a cell of a .csv or .tsv file
MAX_COLUMNS = 1000  # different names in records
PARQUET_BUFFER = 2**20  # bytes that are read at a time, of a row group of any size
MAX_SHEET_ROWS = 2**20  # what a spreadsheet program can hold

# What the readers and their libraries raise for content that is not what the name says.
BROKEN = (
    EOFError,
    KeyError,
    OSError,
    RecursionError,
    ValueError,
    zlib.error,
    zipfile.BadZipFile,
    pyarrow.ArrowException,
    xml.etree.ElementTree.ParseError,
)


def _records_to_columns(records: Iterable, size: int) -> Iterator[Columns]:
    names: dict[str, None] = {}  # in the order of their first records
    records, first = iter(records), 1
    while batch := list(islice(records, size)):
        for row, record in enumerate(batch, first):
            if not isinstance(record, dict) or not record:
                raise InputError(
                    f"row {row}: expected an object with named columns, got {short_repr(record)}. "
                    'Write it like {"text": "..."}.'
                )
            names |= dict.fromkeys(record)
            if len(names) > MAX_COLUMNS:
                raise InputError(
                    f"row {row}: expected at most {MAX_COLUMNS:,} columns in all, got more. Use "
                    "the same names in all records."
                )
        yield {name: [record.get(name) for record in batch] for name in names}
        first += len(batch)


def _rows_to_columns(header: list, rows: Iterable[list], size: int) -> Iterator[Columns]:
    _check_header(header)
    rows, first = _without_blank_end(rows), 1
    while True:
        batch = list(islice(rows, size))
        for number, row in enumerate(batch, first):
            if row and len(row) != len(header):
                raise InputError(
                    f"row {number}: expected {len(header)} columns as in the header, got "
                    f"{len(row)}. Is a quote missing?"
                )
        batch = [row or [""] * len(header) for row in batch]
        if batch or first == 1:  # a table without rows still has its columns
            yield {name: [row[i] for row in batch] for i, name in enumerate(header)}
        if len(batch) < size:
            return
        first += len(batch)


def _check_header(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise InputError(
            f"a column stands twice in the header: {short_repr(names)}. Rename one of the two."
        )


def _without_blank_end(rows: Iterable[list]) -> Iterator[list]:
    """The rows but for blank ones at the end, which are no documents."""
    num_blank = 0
    for row in rows:
        if all(value is None for value in row):
            num_blank += 1
            continue
        yield from repeat([], num_blank)
        yield row
        num_blank = 0


def _read_csv(file: IO[str], size: int, delimiter: str = ",") -> Iterator[Columns]:
    csv.field_size_limit(MAX_CELL)
    row = 0  # the last that could be read, after the header

    def rows() -> Iterator[list]:
        nonlocal row
        for row, cells in enumerate(reader, 1):  # noqa: B007 (the message needs it)
            yield cells

    reader, header = csv.reader(file, delimiter=delimiter, strict=True), None
    try:
        header = next(reader, None)
        if header is not None:
            yield from _rows_to_columns(header, rows(), size)
    except csv.Error as error:
        place = "the header" if header is None else f"row {row + 1}"
        raise InputError(
            f"in {place} the quotes do not match ({error}). Close each, and double those inside "
            "a cell."
        ) from error


def _read_tsv(file: IO[str], size: int) -> Iterator[Columns]:
    return _read_csv(file, size, delimiter="\t")


def _read_jsonl(file: IO[str], size: int) -> Iterator[Columns]:
    def records() -> Iterator:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"line {number} is not valid JSON ({error}). Write one object per line."
                ) from error

    return _records_to_columns(records(), size)


def _read_json(file: IO[str], size: int) -> Iterator[Columns]:
    """A list of records, or such a list under `data`; else one record per line."""
    text = file.read()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().partition("\n")[0].rstrip().endswith("}"):  # a whole record?
            return _read_jsonl(io.StringIO(text), size)
        raise InputError(
            f"it is not valid JSON ({error}). Write a list of objects, or one object per line."
        ) from error
    if isinstance(content, dict):
        content = content.get("data", [content])
    if not isinstance(content, list):
        raise InputError(
            f"expected a list of objects, or one object per line, got {short_repr(content)}."
        )
    return _records_to_columns(content, size)


def _read_txt(file: IO[str], size: int) -> Iterator[Columns]:
    lines = (line.rstrip("\r\n") for line in file)
    while batch := list(islice(lines, size)):
        yield {"text": batch}


def _read_parquet(
    file: IO[bytes], size: int, wanted: Collection[str | None] | None = None
) -> Iterator[Columns]:
    """Columns that are not `wanted` come without their values, which are not read."""
    options = {"buffer_size": PARQUET_BUFFER, "pre_buffer": False}
    table, first = pyarrow.parquet.ParquetFile(file, **options), 1
    names = table.schema_arrow.names
    _check_header(names)
    if not table.metadata.num_rows:
        yield {name: [] for name in names}
    read = None if wanted is None else [name for name in names if name in wanted]
    for batch in table.iter_batches(size, columns=read):
        try:
            batch.validate(full=True)
        except pyarrow.ArrowInvalid as error:
            raise InputError(
                f"in the {len(batch)} rows from row {first} on: {error}. Write the file anew."
            ) from error
        yield dict.fromkeys(names, []) | batch.to_pydict()
        first += len(batch)


def _read_xlsx(file: IO[bytes], size: int) -> Iterator[Columns]:
    """The first sheet; cells in columns without a name are left out.

    A formula is what it was last computed to.
    """
    with zipfile.ZipFile(file) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    check_unpacked(unpacked, file.seek(0, os.SEEK_END))
    computed, written = (_first_sheet(file, computed) for computed in (True, False))
    names = {i: str(name) for i, name in enumerate(next(computed, ())) if name is not None}
    next(written, None)

    def named_cells() -> Iterator[list]:
        for number, (row, formulas) in enumerate(zip(computed, written, strict=True), 1):
            if number > MAX_SHEET_ROWS:
                raise InputError(
                    f"row {number} lies beyond the end of any sheet. Save the file anew in a "
                    "spreadsheet."
                )
            cells, known = (
                [row[i] if i < len(row) else None for i in names] for row in (row, formulas)
            )
            if any(
                cell is None and formula is not None
                for cell, formula in zip(cells, known, strict=True)
            ):
                raise InputError(
                    f"row {number} has a formula that was never computed. Save the file in a "
                    "spreadsheet."
                )
            yield cells

    return _rows_to_columns(list(names.values()), named_cells(), size)


def _first_sheet(file: IO[bytes], computed: bool) -> Iterator[tuple]:
    """Rows of the first sheet, with the values of its formulas or with the formulas."""
    try:
        sheets = openpyxl.load_workbook(file, read_only=True, data_only=computed).worksheets
        if not sheets:
            raise InputError("it holds no sheet of cells. Add one, with names in its first row.")
        sheets[0].reset_dimensions()  # what the file says of them may be wrong
        yield from sheets[0].iter_rows(values_only=True)
    except (AttributeError, IndexError, TypeError) as error:  # openpyxl meets what it does not know
        raise InputError(
            f"it is no sheet that could be read ({error}). Save the file anew in a spreadsheet."
        ) from error


@dataclass(frozen=True)
class Format:
    """How files of a format are opened and read."""

    read: Callable[..., Iterator[Columns]]  # an open file and rows per batch
    binary: bool = False
    picks: bool = False  # whether it can leave columns unread, which are not `wanted`
    newline: str | None = None  # of a text file: `""` leaves line ends to the reader


FORMATS = {
    ".csv": Format(_read_csv, newline=""),
    ".tsv": Format(_read_tsv, newline=""),
    ".json": Format(_read_json),
    ".jsonl": Format(_read_jsonl),
    ".txt": Format(_read_txt),
    ".parquet": Format(_read_parquet, binary=True, picks=True),
    ".xlsx": Format(_read_xlsx, binary=True),
}
