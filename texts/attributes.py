"""What a table says of its texts beside them: when they were written, by whom, and what is to be
kept.
"""

import logging
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import InputError
from .columns import pick_column
from .readers import Columns
from .times import is_day_first, read_times


logger = logging.getLogger(__name__)

# Names of our own columns.
TAKEN = ("id", "cluster", "label", "probability", "topics", "x", "y", "text")


def is_taken(name: str) -> bool:
    """Whether a column of our own may be called so, one of a coarser level among them.

    Example:
        >>> is_taken("label"), is_taken("label_1"), is_taken("label_of_mine")
        (True, True, False)
    """
    return name in TAKEN or re.fullmatch(r"(cluster|label|probability)_\d+", name) is not None


@dataclass(frozen=True, eq=False)
class Attributes:
    """Columns beside the texts, a value per row.

    Args:
        columns (`dict[str, list[str]]`): Their values, as they are written; empty where there are
            none.
        time_column (`str`, *optional*): Which of them says when.
        group_columns (`tuple[str, ...]`, *optional*): Which of them are groups to compare.
        times (`np.ndarray` of shape `(num_rows,)`, *optional*): When each row was written,
            `datetime64[s]`, `NaT` where nobody knows. `None`: what the column of times says, where
            there is one.
    """

    columns: dict[str, list[str]]
    time_column: str | None = None
    group_columns: tuple[str, ...] = ()
    times: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.time_column is not None and self.times is None:
            object.__setattr__(self, "times", read_times(self.columns[self.time_column]))

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """Groups of the rows, `(num_rows,)`, by the name of the column."""
        return {name: np.array(self.columns[name], dtype=object) for name in self.group_columns}

    def take(self, rows: np.ndarray) -> "Attributes":
        """Those of some rows."""
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return replace(
            self, columns=columns, times=None if self.times is None else self.times[rows]
        )


def make_attributes(
    columns: Columns,
    source: str,
    time_column: str | None = None,
    group_columns: list[str] | None = None,
    keep_columns: list[str] | None = None,
) -> Attributes | None:
    """Pick what is to be known beside the texts out of a table, and check it; `None` for nothing.

    Args:
        columns (`dict[str, list]`): The table.
        source (`str`): Name of the input, for messages.
        time_column, group_columns, keep_columns (*optional*): Names of the columns.

    Raises:
        InputError: There is no such column, its name is one of our own, or no time can be read.
    """
    groups = tuple(dict.fromkeys(group_columns or ()))
    names = dict.fromkeys([*([time_column] if time_column else ()), *groups, *(keep_columns or ())])
    for name in names:
        pick_column(columns, name, source)
        if is_taken(name):
            raise InputError(
                f"{source}: column '{name}' cannot be kept, as results/clusters.csv has one of "
                "that name. Rename it in the file, or leave it out."
            )
    if not names:
        return None
    attributes = Attributes(
        {name: [_write(value) for value in columns[name]] for name in names}, time_column, groups
    )
    _check_times(attributes, source)
    return attributes


def _write(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(value).encode("utf-8", "replace").decode()  # half a character cannot be written


def _check_times(attributes: Attributes, source: str) -> None:
    """Raise `InputError` where no time can be read; the log tells of those that cannot."""
    times, name = attributes.times, attributes.time_column
    if times is None or name is None:
        return
    values, missing = attributes.columns[name], np.isnat(times)
    filled = np.array([bool(value.strip()) for value in values])
    unread = np.flatnonzero(missing & filled)
    shown = ", ".join(f"{values[row][:30]!r} in row {row + 1}" for row in unread[:3])
    if missing.all():
        raise InputError(
            f"{source}: expected dates in column '{name}', as 2024-12-31 or 2024-12-31T18:30:00, "
            f"got {shown or 'empty cells alone'}. Name another column, or mend them."
        )
    if missing.any():
        logger.warning(
            "Column '%s': of %s rows, %s hold no date and %s one that cannot be read%s. They are "
            "in no trend.",
            name,
            f"{len(values):,}",
            f"{(~filled).sum():,}",
            f"{len(unread):,}",
            f" ({shown})" if shown else "",
        )
    if is_day_first(values) is None and any("/" in value[:6] for value in values):
        logger.info("Column '%s': days are taken to stand before months, as in 31/12.", name)
