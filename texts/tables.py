"""From files to tables, batch by batch.

Values come out as they stand in the file: nothing is guessed to be a number, a date or missing. No
file is trusted: one that is not what its name says is an error that names the file and the place,
and what it may unpack to is limited.
"""

import csv
import io
import json
import os
import xml.etree.ElementTree
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice, repeat
from pathlib import Path
from reprlib import repr as short_repr
from typing import IO

import openpyxl
import pyarrow
import pyarrow.parquet

from .unpacking import check_unpacked, open_unpacked


Columns = dict[str, list]  # column name -> one value a row

MAX_CELL = 2**24  # characters in a cell of a .csv or .tsv file
MAX_COLUMNS = 1000  # different names in records
MAX_ROWS = 10_000_000  # of a table that is read as a whole
MAX_SHEET_ROWS = 2**20  # what a spreadsheet program can hold


def _records_to_columns(records: Iterable, size: int) -> Iterator[Columns]:
    records, names, first = iter(records), {}, 1
    while batch := list(islice(records, size)):
        for row, record in enumerate(batch, first):
            if not isinstance(record, dict) or not record:
                raise ValueError(
                    f"row {row} is {short_repr(record)}; wanted is an object with named columns."
                )
            names |= dict.fromkeys(record)
            if len(names) > MAX_COLUMNS:
                raise ValueError(
                    f"with row {row} there are over {MAX_COLUMNS:,} columns. Do all records use "
                    "one set?"
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
                raise ValueError(
                    f"row {number} has {len(row)} columns, the header has {len(header)}. Is a "
                    "quote missing?"
                )
        batch = [row or [""] * len(header) for row in batch]
        if batch or first == 1:  # a table without rows still has its columns
            yield {name: [row[i] for row in batch] for i, name in enumerate(header)}
        if len(batch) < size:
            return
        first += len(batch)


def _check_header(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"a column stands twice in the header: {short_repr(names)}.")


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
        raise ValueError(f"in {place} the quotes do not match ({error}).") from error


def _read_tsv(file: IO[str], size: int) -> Iterator[Columns]:
    return _read_csv(file, size, delimiter="\t")


def _read_jsonl(file: IO[str], size: int) -> Iterator[Columns]:
    def records() -> Iterator:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number} is not valid JSON ({error}).") from error

    return _records_to_columns(records(), size)


def _read_json(file: IO[str], size: int) -> Iterator[Columns]:
    """A list of records, or such a list under `data`; else one record a line."""
    text = file.read()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().partition("\n")[0].rstrip().endswith("}"):  # a whole record?
            return _read_jsonl(io.StringIO(text), size)
        raise ValueError(f"it is not valid JSON ({error}).") from error
    if isinstance(content, dict):
        content = content.get("data", [content])
    if not isinstance(content, list):
        raise ValueError("it holds neither a list of records nor one record a line.")
    return _records_to_columns(content, size)


def _read_txt(file: IO[str], size: int) -> Iterator[Columns]:
    lines = (line.rstrip("\r\n") for line in file)
    while batch := list(islice(lines, size)):
        yield {"text": batch}


def _read_parquet(file: IO[bytes], size: int) -> Iterator[Columns]:
    table, first = pyarrow.parquet.ParquetFile(file), 1
    _check_header(table.schema_arrow.names)
    if not table.metadata.num_rows:
        yield {name: [] for name in table.schema_arrow.names}
    for batch in table.iter_batches(size):
        try:
            batch.validate(full=True)
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"in the {len(batch)} rows from row {first} on: {error}") from error
        yield batch.to_pydict()
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
                raise ValueError(f"row {number} lies beyond the end of any sheet.")
            cells, known = (
                [row[i] if i < len(row) else None for i in names] for row in (row, formulas)
            )
            if any(
                cell is None and formula is not None
                for cell, formula in zip(cells, known, strict=True)
            ):
                raise ValueError(
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
            raise ValueError("it holds no sheet of cells.")
        sheets[0].reset_dimensions()  # what the file says of them may be wrong
        yield from sheets[0].iter_rows(values_only=True)
    except (
        AttributeError,
        IndexError,
        TypeError,
    ) as error:  # openpyxl's words for what it does not know
        raise ValueError(f"it is no sheet that could be read ({error}).") from error


READERS: dict[str, tuple[Callable[[IO, int], Iterator[Columns]], str]] = {
    ".csv": (_read_csv, "rt"),
    ".tsv": (_read_tsv, "rt"),
    ".json": (_read_json, "rt"),
    ".jsonl": (_read_jsonl, "rt"),
    ".txt": (_read_txt, "rt"),
    ".parquet": (_read_parquet, "rb"),
    ".xlsx": (_read_xlsx, "rb"),
}
# What the readers and their libraries raise for content that is not what the name says.
BROKEN = (EOFError, KeyError, OSError, RecursionError, ValueError, zlib.error, zipfile.BadZipFile)
BROKEN += (pyarrow.ArrowException, xml.etree.ElementTree.ParseError)


def _first_bad_line(path: str, gzipped: bool) -> int:
    """Number of the first line that is not UTF-8."""
    with open_unpacked(path, gzipped) as file:
        return next(number for number, line in enumerate(file, 1) if not _is_utf8(line))


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_batches(path: str, size: int = 16384) -> Iterator[Columns]:
    """Read a table, gzipped (`.gz`) or not, by the ending of its name; a `.txt` file has one
    document a line.

    Args:
        path (`str`): The file.
        size (`int`, *optional*, defaults to 16384): Rows a batch, at most. Memory holds no more
            than one, but for a `.json` file that is one list.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The format is unknown, the content is broken, or it is beyond the limits above;
            the message names the file and the place.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"'{path}': there is no such file.")
    endings = [ending.lower() for ending in Path(path).suffixes]
    gzipped = endings[-1:] == [".gz"]
    ending = (endings[:-1] if gzipped else endings)[-1:]
    if not ending or ending[0] not in READERS:
        raise ValueError(
            f"'{path}': unknown format. Wanted is one of {', '.join(READERS)}, gzipped (.gz) or "
            "not."
        )
    reader, mode = READERS[ending[0]]
    try:
        with open_unpacked(path, gzipped, seekable=mode == "rb") as file:
            if mode == "rt":
                newline = "" if reader in (_read_csv, _read_tsv) else None
                file = io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline)
            yield from reader(file, size)
    except BROKEN as error:
        fault = " ".join(str(error)[:300].split())  # some libraries quote half of the file
        if isinstance(error, UnicodeDecodeError) and mode == "rt":
            fault = f"line {_first_bad_line(path, gzipped)} is not UTF-8. Convert the file to UTF-8 first."
        raise ValueError(f"'{path}': {fault}") from error


def read_columns(path: str, wanted: Collection[str] | None = None) -> Columns:
    """All of a table; columns that are not `wanted` come without their values.

    Errors as in `read_batches`.
    """
    columns, num_rows = {}, 0
    for batch in read_batches(path):
        for name, values in batch.items():
            column = columns.setdefault(name, [])
            if wanted is None or name in wanted:
                column += [None] * (num_rows - len(column)) + values
        num_rows += len(next(iter(batch.values()), []))
        if num_rows > MAX_ROWS:
            raise ValueError(
                f"'{path}': over {MAX_ROWS:,} rows, more than a training can hold. Give a sample "
                "of them."
            )
    return columns
