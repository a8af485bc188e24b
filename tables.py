"""Files to columns: one reader a format, chosen by the ending of the file's name, gzipped or not.

Values come out as they stand in the file: nothing is guessed to be a number, a date or missing. A broken file is one
error that names it and the place.
"""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import openpyxl
import pyarrow.parquet


Columns = dict[str, list]  # column name -> one value a row


def _records_to_columns(records: list) -> Columns:
    for row, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise ValueError(f"row {row} is {json.dumps(record)[:60]}; wanted is an object with named columns.")
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _rows_to_columns(header: list, rows: list) -> Columns:
    while rows and not any(rows[-1]):  # blank lines at the end are no documents
        rows.pop()
    for number, row in enumerate(rows, 1):
        if row and len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} columns, the header has {len(header)}. Is a quote missing?")
    rows = [row or [""] * len(header) for row in rows]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def _read_csv(file: IO[str], delimiter: str = ",") -> Columns:
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of over 128 kB
    try:
        rows = list(csv.reader(file, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"the quotes do not match ({error}).") from error
    return _rows_to_columns(rows[0], rows[1:]) if rows else {}


def _read_tsv(file: IO[str]) -> Columns:
    return _read_csv(file, delimiter="\t")


def _read_jsonl(file: IO[str]) -> Columns:
    records = []
    for number, line in enumerate(file, 1):
        try:
            if line.strip():
                records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is not valid JSON ({error}).") from error
    return _records_to_columns(records)


def _read_json(file: IO[str]) -> Columns:
    """A list of records, or such a list under `data`; else one record a line."""
    try:
        content = json.load(file)
    except json.JSONDecodeError:
        file.seek(0)
        return _read_jsonl(file)
    if isinstance(content, dict):
        content = content.get("data", [content])
    if not isinstance(content, list):
        raise ValueError("it holds neither a list of records nor one record a line.")
    return _records_to_columns(content)


def _read_txt(file: IO[str]) -> Columns:
    return {"text": [line.rstrip("\r\n") for line in file]}


def _read_parquet(file: IO[bytes]) -> Columns:
    return pyarrow.parquet.read_table(file).to_pydict()


def _read_xlsx(file: IO[bytes]) -> Columns:
    rows = list(openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True))
    return _rows_to_columns(list(rows[0]), rows[1:]) if rows else {}


READERS: dict[str, tuple[Callable[[IO], Columns], str]] = {
    ".csv": (_read_csv, "rt"),
    ".tsv": (_read_tsv, "rt"),
    ".json": (_read_json, "rt"),
    ".jsonl": (_read_jsonl, "rt"),
    ".txt": (_read_txt, "rt"),
    ".parquet": (_read_parquet, "rb"),
    ".xlsx": (_read_xlsx, "rb"),
}


def read_columns(path: str) -> Columns:
    """Read a table, gzipped (`.gz`) or not, by the ending of its name; a `.txt` file has one document a line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The format is unknown or the content is broken; the message names the file and the place.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"'{path}': there is no such file.")
    endings = [ending.lower() for ending in Path(path).suffixes]
    gzipped = endings[-1:] == [".gz"]
    ending = (endings[:-1] if gzipped else endings)[-1:]
    if not ending or ending[0] not in READERS:
        raise ValueError(f"'{path}': unknown format. Wanted is one of {', '.join(READERS)}, gzipped (.gz) or not.")
    reader, mode = READERS[ending[0]]
    text_arguments = {"encoding": "utf-8-sig", "newline": "" if reader in (_read_csv, _read_tsv) else None}
    try:
        with (gzip.open if gzipped else open)(path, mode, **(text_arguments if mode == "rt" else {})) as file:
            return reader(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}': byte {error.start} is not UTF-8. Convert the file to UTF-8 first.") from error
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, pyarrow.ArrowException, ValueError) as error:
        raise ValueError(f"'{path}': {error}") from error
