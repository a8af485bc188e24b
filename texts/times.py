"""Points in time, as tables write them."""

import re
from collections.abc import Iterable
from datetime import date
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd


LONGEST = 64  # characters that a date may take
IDEOGRAPHS = str.maketrans({"年": "-", "月": "-", "日": " "})
# Day and month, or month and day, before the year, and what follows it.
YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)", re.DOTALL)
HAS_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
EPOCH = re.compile(r"\d{10}(?:\.\d+)?|\d{13}")  # seconds since 1970, or milliseconds


def read_times(values: list) -> np.ndarray:
    """When each value is, in UTC, which is also taken for the zone where none is said.

    Read are dates with a year: ISO 8601, RFC 2822, day and month by numbers or by English names,
    seconds and milliseconds since 1970, and date objects. Whether a day stands before its month
    (`31/12/2024`) is asked of the whole column (`is_day_first`).

    Args:
        values (`list`): A column of a table.

    Returns:
        `np.ndarray` of shape `(num_rows,)`, `datetime64[s]`: `NaT` for what is no date.

    Example:
        >>> [str(time) for time in read_times(["2024-05-01 12:30", "1.6.2024", "soon"])]
        ['2024-05-01T12:30:00', '2024-06-01T00:00:00', 'NaT']
    """
    cells = [_write(value) for value in values]
    day_first = is_day_first(cells) is not False
    written = pd.Series([_year_first(cell, day_first) for cell in cells], dtype="string")
    times = pd.to_datetime(written, format="ISO8601", errors="coerce", utc=True).astype(
        "datetime64[s, UTC]"
    )
    # What stands for a date without a year would be one of today's.
    others = written[times.isna() & written.str.contains(HAS_YEAR, na=False)]
    if len(others):
        found = pd.to_datetime(others, format="mixed", errors="coerce", utc=True)
        times.loc[others.index] = found.astype("datetime64[s, UTC]")
    return times.dt.tz_localize(None).to_numpy("datetime64[s]")


def is_day_first(cells: Iterable[str | None]) -> bool | None:
    """Whether days stand before months in dates like `31.12.2024`, by those that can be but one of
    the two; `None` where none of these tells. A dot stands behind days.

    Example:
        >>> is_day_first(["05/01/2024", "05/31/2024"]), is_day_first(["05/01/2024"])
        (False, None)
    """
    votes = 0
    for match in filter(None, (YEAR_LAST.match(cell) for cell in cells if cell)):
        first, dot, second = int(match[1]), match[2] == ".", int(match[3])
        votes += (dot or first > 12) - (second > 12)
    return votes > 0 if votes else None


def _write(value: Any) -> str | None:
    """A value as a string that may hold a date."""
    if isinstance(value, bool):
        return None
    if isinstance(value, date):  # or a datetime
        return value.isoformat()
    if isinstance(value, Real) and float(value).is_integer():
        value = str(int(float(value)))
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    text = " ".join(value.translate(IDEOGRAPHS).split())
    if EPOCH.fullmatch(text):
        seconds = float(text) / (1000 if len(text) == 13 else 1)
        return str(np.datetime64(int(seconds), "s"))
    return text or None


def _year_first(cell: str | None, day_first: bool) -> str | None:
    """A date by numbers as ISO 8601 writes it; anything else as it is."""
    match = YEAR_LAST.match(cell or "")
    if not match:
        return cell
    one, _, two, year, rest = match.groups()
    day, month = (one, two) if day_first else (two, one)
    if len(year) == 2:
        year = f"{'19' if int(year) > 68 else '20'}{year}"  # as POSIX reads them
    return f"{year}-{int(month):02}-{int(day):02}{rest}"
