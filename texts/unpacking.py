"""Packed files, of which no one knows what they unpack to."""

import gzip
import io
import os
import shutil
import tempfile
from typing import IO, Any

from ..errors import InputError


MAX_UNPACKED = 2**26  # bytes that a file may unpack to in any case,
MAX_RATIO = 100  # and times its own size


def check_unpacked(unpacked: int, packed: int) -> None:
    """Raise `InputError` where a file of `packed` bytes unpacks to more than can be meant,
    `unpacked` bytes so far.
    """
    if unpacked > max(MAX_UNPACKED, MAX_RATIO * packed):
        raise InputError(
            f"it unpacks to over {MAX_RATIO} times its size, as files do that are made to fill the "
            "memory. If it is not one of these, unpack it first."
        )


class _Unpacked(io.RawIOBase):
    """What a gzipped file unpacks to, up to a limit."""

    def __init__(self, path: str) -> None:
        self.file, self.packed = gzip.open(path), os.path.getsize(path)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.file.readinto(buffer)
        check_unpacked(self.file.tell(), self.packed)
        return count

    def close(self) -> None:
        self.file.close()
        super().close()


def open_unpacked(path: str, gzipped: bool, seekable: bool = False) -> IO[bytes]:
    """Open a file, gzipped or not, for reading; `InputError` in the middle of one that unpacks to
    too much.
    """
    if not gzipped:
        return open(path, "rb")
    unpacked = io.BufferedReader(_Unpacked(path), buffer_size=2**16)
    if not seekable:
        return unpacked
    with unpacked:
        copy = tempfile.TemporaryFile()
        shutil.copyfileobj(unpacked, copy)
        copy.seek(0)
        return copy
