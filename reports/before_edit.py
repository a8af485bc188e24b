"""What a run's folder held before it was edited: put back where the edit did not end, or on
demand.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..errors import InputError
from .edit_log import EDITS, RECORDS


logger = logging.getLogger(__name__)

BEFORE, UNFINISHED = "before_edit", "before_edit.unfinished"


@contextmanager
def keep_before(folder: str | Path) -> Iterator[None]:
    """Keep a copy of the model and its results while they are edited in place, and until the next
    edit; checkpoints stay as they are.
    """
    folder = Path(folder)
    copy, unfinished = folder / (UNFINISHED + ".partial"), folder / UNFINISHED
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, ignore=partial(_not_edited, folder))
    os.replace(copy, unfinished)
    try:
        yield
    except BaseException:
        _put_back(folder, unfinished)
        raise
    shutil.rmtree(folder / BEFORE, ignore_errors=True)
    os.replace(unfinished, folder / BEFORE)


def _not_edited(folder: Path, inside: str, names: list[str]) -> list[str]:
    """Folders beside `results`."""
    if Path(inside) != folder:
        return []
    return [name for name in names if name != RECORDS.parts[0] and (folder / name).is_dir()]


def end_unfinished(folder: str | Path) -> None:
    """Put a folder back as it was where an edit of it was killed."""
    unfinished = Path(folder, UNFINISHED)
    if unfinished.is_dir():
        _put_back(Path(folder), unfinished)
        logger.warning("An edit of '%s' did not end: all is as it was before it.", folder)


def undo(folder: str | Path) -> None:
    """Put a folder back as it was before its last edit.

    Raises:
        InputError: That is not known.
    """
    if not Path(folder, BEFORE).is_dir():
        raise InputError(
            f"There is no edit of '{folder}' to take back: it holds no '{BEFORE}', where the last "
            "edit keeps what was before it."
        )
    _put_back(Path(folder), Path(folder, BEFORE))


def _put_back(folder: Path, kept: Path) -> None:
    if not (kept / EDITS).exists():
        (folder / EDITS).unlink(missing_ok=True)
    shutil.rmtree(folder / RECORDS, ignore_errors=True)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    shutil.rmtree(kept)
