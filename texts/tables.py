"""From files to tables, batch by batch.

No file is trusted: one that is not what its name says is an error that names the file and the
place, and what it may unpack to is limited.
"""

import io
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import IO

from ..errors import InputError
from .readers import BROKEN, FORMATS, Columns, Format
from .unpacking import open_unpacked


MAX_ROWS = 10_000_000  # of a table that is read as a whole


def read_batches(
    path: str, size: int = 16384, wanted: Collection[str | None] | None = None
) -> Iterator[Columns]:
    """Read a table, gzipped (`.gz`) or not, by the ending of its name; a `.txt` file has one
    document per line.

    Args:
        path (`str`): The file.
        size (`int`, *optional*, defaults to 16384): Rows per batch, at most. Memory holds no more
            than one, but for a `.json` file that is one list.
        wanted (`Collection[str]`, *optional*): Other columns may come without their values.

    Raises:
        InputError: There is no such file, its format is unknown, its content is broken, or it is
            beyond the limits; the message names the file and the place.
    """
    if not Path(path).is_file():
        raise InputError(f"'{path}': there is no such file. Check the name and the folder.")
    format_, gzipped = _choose_format(path)
    try:
        with _open(path, format_, gzipped) as file:
            yield from format_.read(file, size, *([wanted] if format_.picks else []))
    except BROKEN as error:
        fault = " ".join(str(error)[:300].split())  # some libraries quote half of the file
        if isinstance(error, UnicodeDecodeError) and not format_.binary:
            line = _first_bad_line(path, gzipped)
            fault = f"line {line} is not UTF-8. Convert the file to UTF-8 first."
        raise InputError(f"'{path}': {fault}") from error


def _choose_format(path: str) -> tuple[Format, bool]:
    """The format that the name's ending says, and whether the file is gzipped."""
    endings = [ending.lower() for ending in Path(path).suffixes]
    gzipped = endings[-1:] == [".gz"]
    ending = "".join((endings[:-1] if gzipped else endings)[-1:])
    if ending not in FORMATS:
        raise InputError(
            f"'{path}': unknown format: expected one of {', '.join(FORMATS)}, gzipped (.gz) or "
            f"not, got '{ending}'. Convert the file, or rename it."
        )
    return FORMATS[ending], gzipped


def _open(path: str, format_: Format, gzipped: bool) -> IO:
    file = open_unpacked(path, gzipped, seekable=format_.binary)
    if format_.binary:
        return file
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline=format_.newline)


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


def read_columns(path: str, wanted: Collection[str | None] | None = None) -> Columns:
    """All of a table; columns that are not `wanted` come without their values. `None` among the
    wanted is no column.

    Errors as in `read_batches`.
    """
    return join_batches(read_batches(path, wanted=wanted), path, wanted)


def join_batches(
    batches: Iterable[Columns], source: str, wanted: Collection[str | None] | None = None
) -> Columns:
    """One table of several; what a batch lacks of a column is `None`.

    Args:
        batches (`Iterable[dict[str, list]]`): The parts, in their order.
        source (`str`): Name of the input, for messages.
        wanted (`Collection[str]`, *optional*): As in `read_columns`.

    Raises:
        InputError: They have more rows than a training can hold.
    """
    columns: Columns = {}
    num_rows = 0
    for batch in batches:
        for name, values in batch.items():
            column = columns.setdefault(name, [])
            if wanted is None or name in wanted:
                column += [None] * (num_rows - len(column)) + values
        num_rows += count_rows(batch)
        if num_rows > MAX_ROWS:
            raise InputError(
                f"'{source}': over {MAX_ROWS:,} rows, more than a training can hold. Train on a "
                "sample of them: --max_train_samples 100000."
            )
    for name, column in columns.items():
        if wanted is None or name in wanted:
            column += [None] * (num_rows - len(column))
    return columns


def count_rows(batch: Columns) -> int:
    """Rows of a table, some of whose columns may have come without their values."""
    return max(map(len, batch.values()), default=0)
