"""Documents that wait on disk, so that a file of any size is read once and memory holds a batch."""

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow
import pyarrow.ipc

from .documents import Documents, stream_documents


TEXT = pyarrow.large_string()  # without a limit of 2 GiB per batch
SCHEMA = pyarrow.schema({"id": TEXT, "text": TEXT, "usable": pyarrow.bool_(), "class": TEXT})


class SpooledDocuments:
    """Documents that lie on disk and come back batch by batch, as often as they are gone through.

    Memory holds no more than a batch. Ids and texts that are no strings come back as `csv.writer`
    writes them, and `None` as `None`. The file on disk has no name, so that nothing stays behind,
    whatever ends the process.

    Args:
        parts (`Iterable[Documents]`): The documents, gone through once.
        folder (`str`, *optional*): Where the file may lie. `None`: where temporary files do, which
            may be memory.

    Raises:
        OSError: The disk cannot hold them.
    """

    def __init__(self, parts: Iterable[Documents], folder: str | None = None) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            with pyarrow.ipc.new_stream(file, SCHEMA) as stream:
                for part in parts:
                    columns = [_as_written(part.ids), _as_written(part.texts), part.usable]
                    classes = [None] * len(part) if part.classes is None else part.classes
                    columns.append(_as_written(classes))
                    stream.write(pyarrow.record_batch(columns, schema=SCHEMA))
            file.flush()
            self._rows = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # outlives the file

    def __iter__(self) -> Iterator[Documents]:
        for batch in pyarrow.ipc.open_stream(pyarrow.py_buffer(self._rows)):
            ids, texts, usable, classes = batch.columns
            yield Documents(
                ids.to_pylist(),
                texts.to_pylist(),
                usable.to_numpy(zero_copy_only=False),
                None if classes.null_count else np.array(classes.to_pylist(), dtype=object),
            )


def _as_written(values: Iterable) -> list[str | None]:
    return [None if value is None else str(value) for value in values]


def spool_documents(source: str, folder: str | None = None, **arguments: Any) -> SpooledDocuments:
    """Read and check a file of any size once, as a whole: whatever is wrong anywhere in it shows
    before the first batch is handed out.

    `folder` is that of `SpooledDocuments`, the rest are the arguments of `stream_documents`.

    Raises:
        InputError: As `stream_documents`.
        OSError: The disk cannot hold the documents.
    """
    return SpooledDocuments(stream_documents(source, **arguments), folder)
