"""From files and tables to checked documents.

Values come out as they stand in the file: nothing is guessed to be a number, a date or missing. Rows keep the input's
order and count. What cannot be clustered is one error that names the file and the first bad row, or, with
`skip_bad_rows`, a row without a cluster. Gold classes are held apart from what training sees.
"""

import csv
import gzip
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import openpyxl
import pyarrow.parquet


Columns = dict[str, list]  # column name -> one value a row


def _records_to_columns(records: Iterable, size: int) -> Iterator[Columns]:
    names, first = {}, 1
    while batch := list(islice(records, size)):
        for row, record in enumerate(batch, first):
            if not isinstance(record, dict):
                raise ValueError(f"row {row} is {json.dumps(record)[:60]}; wanted is an object with named columns.")
        names |= dict.fromkeys(name for record in batch for name in record)
        yield {name: [record.get(name) for record in batch] for name in names}
        first += len(batch)


def _rows_to_columns(header: list, rows: Iterable[list], size: int) -> Iterator[Columns]:
    if len(set(header)) < len(header):
        raise ValueError(f"a column stands twice in the header: {header}.")
    rows, first = _without_blank_end(rows), 1
    while True:
        batch = list(islice(rows, size))
        for number, row in enumerate(batch, first):
            if row and len(row) != len(header):
                raise ValueError(
                    f"row {number} has {len(row)} columns, the header has {len(header)}. Is a quote missing?"
                )
        batch = [row or [""] * len(header) for row in batch]
        if batch or first == 1:  # a table without rows still has its columns
            yield {name: [row[i] for row in batch] for i, name in enumerate(header)}
        if len(batch) < size:
            return
        first += len(batch)


def _without_blank_end(rows: Iterable[list]) -> Iterator[list]:
    """The rows but for blank ones at the end, which are no documents."""
    blank = []
    for row in rows:
        blank.append(row)
        if any(value is not None for value in row):
            yield from blank
            blank = []


def _read_csv(file: IO[str], size: int, delimiter: str = ",") -> Iterator[Columns]:
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of over 128 kB
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        header = next(rows, None)
        if header is not None:
            yield from _rows_to_columns(header, rows, size)
    except csv.Error as error:
        raise ValueError(f"the quotes do not match ({error}).") from error


def _read_tsv(file: IO[str], size: int) -> Iterator[Columns]:
    return _read_csv(file, size, delimiter="\t")


def _read_jsonl(file: IO[str], size: int) -> Iterator[Columns]:
    def records() -> Iterator:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} is not valid JSON ({error}).") from error

    return _records_to_columns(records(), size)


def _read_json(file: IO[str], size: int) -> Iterator[Columns]:
    """A list of records, or such a list under `data`; else one record a line."""
    try:
        content = json.load(file)
    except json.JSONDecodeError:
        file.seek(0)
        return _read_jsonl(file, size)
    if isinstance(content, dict):
        content = content.get("data", [content])
    if not isinstance(content, list):
        raise ValueError("it holds neither a list of records nor one record a line.")
    return _records_to_columns(iter(content), size)


def _read_txt(file: IO[str], size: int) -> Iterator[Columns]:
    lines = (line.rstrip("\r\n") for line in file)
    while batch := list(islice(lines, size)):
        yield {"text": batch}


def _read_parquet(file: IO[bytes], size: int) -> Iterator[Columns]:
    table = pyarrow.parquet.ParquetFile(file)
    if not table.metadata.num_rows:
        yield {name: [] for name in table.schema_arrow.names}
    for batch in table.iter_batches(size):
        yield batch.to_pydict()


def _read_xlsx(file: IO[bytes], size: int) -> Iterator[Columns]:
    """The first sheet; cells beyond the header's last are left out."""
    sheet = openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets[0]
    rows = sheet.iter_rows(values_only=True)
    header = [name for name in next(rows, ()) if name is not None]
    rows = ([*row[: len(header)], *[None] * (len(header) - len(row))] for row in rows)
    return _rows_to_columns(header, rows, size)


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
BROKEN = (EOFError, KeyError, ValueError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, pyarrow.ArrowException)


def read_batches(path: str, size: int = 16384) -> Iterator[Columns]:
    """Read a table, gzipped (`.gz`) or not, by the ending of its name; a `.txt` file has one document a line.

    Args:
        path (`str`): The file.
        size (`int`, *optional*, defaults to 16384): Rows a batch, at most. Memory holds no more than one, but for a
            `.json` file that is one list.

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
            yield from reader(file, size)
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}': byte {error.start} is not UTF-8. Convert the file to UTF-8 first.") from error
    except BROKEN as error:
        raise ValueError(f"'{path}': {error}") from error


def read_columns(path: str) -> Columns:
    """All of a table; errors as in `read_batches`."""
    batches = list(read_batches(path))
    names = dict.fromkeys(name for batch in batches for name in batch)
    empty = [[None] * len(next(iter(batch.values()), [])) for batch in batches]
    pairs = list(zip(batches, empty, strict=True))
    return {name: [value for batch, none in pairs for value in batch.get(name, none)] for name in names}


@dataclass
class Documents:
    """The rows of one input, in its order.

    Args:
        ids (`list`): What the id column holds, unaltered, or the row's number from 0.
        texts (`list`): What the text column holds.
        usable (`np.ndarray` of shape `(num_rows,)`): Whether the row's text can be clustered.
        classes (`np.ndarray` of shape `(num_rows,)`, *optional*): Gold classes, for metrics alone.
    """

    ids: list
    texts: list
    usable: np.ndarray
    classes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def usable_texts(self) -> list[str]:
        return [text for text, usable in zip(self.texts, self.usable, strict=True) if usable]

    def sample(self, size: int, seed: int) -> "Documents":
        """A random sample of the rows, in the input's order; all of them where there are no more than `size`."""
        if size >= len(self):
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self), size, replace=False))
        classes = None if self.classes is None else self.classes[rows]
        return Documents([self.ids[i] for i in rows], [self.texts[i] for i in rows], self.usable[rows], classes)


def make_documents(
    columns: Columns,
    source: str,
    text_column: str = "text",
    label_column: str | None = None,
    id_column: str | None = None,
    skip_bad_rows: bool = False,
    first_row: int = 0,
) -> Documents:
    """Pick text, gold classes and ids out of a table and check them.

    Args:
        columns (`dict[str, list]`): The table, one list a column.
        source (`str`): Name of the input, for messages.
        text_column (`str`, *optional*, defaults to `"text"`): Column of the texts.
        label_column (`str`, *optional*): Column of the gold classes. `None`: there are none.
        id_column (`str`, *optional*): Column of the ids. `None`: rows are numbered from 0.
        skip_bad_rows (`bool`, *optional*, defaults to `False`): Keep rows without a text, but without a cluster.
        first_row (`int`, *optional*, defaults to 0): Number of the table's first row in the input.

    Raises:
        ValueError: A column is missing, there are no texts, a text is empty or no string, a gold class is missing, or
            all are the same.
    """
    for name in filter(None, (text_column, label_column, id_column)):
        if name not in columns:
            raise ValueError(
                f"{source}: there is no column '{name}'. Its columns are: {', '.join(map(repr, columns)) or 'none'}."
            )
    texts = columns[text_column]
    if not texts:
        raise ValueError(f"{source}: there are no texts in column '{text_column}'.")
    usable = np.array([isinstance(text, str) and text.strip() != "" for text in texts])
    if not skip_bad_rows and not usable.all():
        row, bad = int(usable.argmin()), (~usable).sum()
        found = "is empty" if texts[row] is None or isinstance(texts[row], str) else f"is {texts[row]!r}, not a string"
        raise ValueError(
            f"{source}: the text of row {first_row + row + 1} {found} ({bad} of {len(texts)} rows are like this). "
            "Mend them, or pass --skip_bad_rows to leave them without a cluster."
        )
    classes = _check_classes(columns[label_column], source, label_column) if label_column else None
    ids = columns[id_column] if id_column else list(range(first_row, first_row + len(texts)))
    return Documents(ids, texts, usable, classes)


def stream_documents(source: str, size: int = 16384, **arguments: Any) -> Iterator[Documents]:
    """The documents of a file in batches of `size`, however many there are.

    `arguments` are those of `make_documents`.

    Raises:
        FileNotFoundError, ValueError: As `read_batches` and `make_documents`.
    """
    first_row = 0
    for columns in read_batches(source, size):
        documents = make_documents(columns, source, first_row=first_row, **arguments)
        yield documents
        first_row += len(documents)
    if not first_row:
        make_documents({}, source, **arguments)  # says what is missing


def _check_classes(classes: list, source: str, label_column: str) -> np.ndarray:
    names = np.array([None if label in (None, "") else str(label) for label in classes], dtype=object)
    missing = np.flatnonzero(names == None)  # noqa: E711 (elementwise)
    if len(missing):
        raise ValueError(f"{source}: row {missing[0] + 1} has no gold class in column '{label_column}'.")
    if len(set(names)) == 1:
        raise ValueError(
            f"{source}: all gold classes in column '{label_column}' are '{names[0]}', so there is nothing to score. "
            "Name another column, or leave --label_column out."
        )
    return names


def check_enough_documents(documents: Documents, num_clusters: int, source: str) -> None:
    """Raise `ValueError` unless there are at least as many distinct texts as clusters."""
    texts = documents.usable_texts
    if len(set(texts)) < num_clusters:
        raise ValueError(
            f"{source}: {len(texts)} documents with {len(set(texts))} distinct texts cannot fill {num_clusters} "
            "clusters. Lower --num_clusters or bring more texts."
        )
