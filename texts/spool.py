"""Documents that wait on disk, so that a file of any size is read once and memory holds a batch."""

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pyarrow
import pyarrow.ipc

from .attributes import Attributes
from .documents import Documents, stream_documents


TEXT = pyarrow.large_string()  # without a limit of 2 GiB per batch
KEPT = "kept "  # before the names of columns that are only passed on
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
            parts = iter(parts)
            first = next(parts, None)
            kept = [*first.attributes.columns] if first and first.attributes else []
            schema = pyarrow.schema([*SCHEMA, *(pyarrow.field(KEPT + name, TEXT) for name in kept)])
            with pyarrow.ipc.new_stream(file, schema) as stream:
                for part in chain([first] if first else [], parts):
                    columns = [_as_written(part.ids), _as_written(part.texts), part.usable]
                    classes = [None] * len(part) if part.classes is None else part.classes
                    columns.append(_as_written(classes))
                    if part.attributes is not None:
                        columns += part.attributes.columns.values()
                    stream.write(pyarrow.record_batch(columns, schema=schema))
            file.flush()
            self._rows = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # outlives the file

    def __iter__(self) -> Iterator[Documents]:
        for batch in pyarrow.ipc.open_stream(pyarrow.py_buffer(self._rows)):
            ids, texts, usable, classes, *others = batch.columns
            names = [name.removeprefix(KEPT) for name in batch.schema.names[len(SCHEMA) :]]
            kept = {name: values.to_pylist() for name, values in zip(names, others, strict=True)}
            yield Documents(
                ids.to_pylist(),
                texts.to_pylist(),
                usable.to_numpy(zero_copy_only=False),
                None if classes.null_count else np.array(classes.to_pylist(), dtype=object),
                attributes=Attributes(kept) if kept else None,
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
