"""What is read of each shard: which columns, and window by window with tokens for the model."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow

from ..errors import InputError
from ..texts import find_id_column, find_text_column, make_documents, pick_column, read_batches
from ..texts.shards import Shard
from .assigner import Tokens
from .tables import pass_on, types_of_theirs


WINDOW = 4096  # rows that are read, sorted by length and written at a time
Item = TypeVar("Item")


class Reading(NamedTuple):
    """What is read of each shard, found in the first one.

    Args:
        text_column (`str`): Column of the texts.
        id_column (`str`, *optional*): Column of the ids. `None`: rows are numbered from 0, in each
            shard.
        kinds (`dict[str, DataType]`): Arrow types of the columns that are passed on, by name.
        keep_columns (`list[str]`): Which of them are kept under their names.
        skip_bad_rows (`bool`): Whether rows without a text get no cluster, or make a shard bad.
    """

    text_column: str
    id_column: str | None
    kinds: dict[str, pyarrow.DataType]
    keep_columns: list[str]
    skip_bad_rows: bool

    @property
    def id_kind(self) -> pyarrow.DataType:
        return self.kinds[self.id_column] if self.id_column else pyarrow.int64()

    @property
    def kept_kinds(self) -> dict[str, pyarrow.DataType]:
        return {name: self.kinds[name] for name in self.keep_columns}


class Window(NamedTuple):
    """Some rows of a shard, ready for the model.

    Args:
        passed_on (`list[Array]`): Ids and columns that are kept.
        usable (`np.ndarray` of shape `(num_rows,)`): Which rows have a text.
        tokens (`Tokens`, *optional*): Of these texts. `None`: there are none.
    """

    passed_on: list[pyarrow.Array]
    usable: np.ndarray
    tokens: Tokens | None


def find_reading(
    shards: Sequence[Shard],
    text_column: str | None,
    id_column: str | None,
    keep_columns: Sequence[str],
    skip_bad_rows: bool,
) -> Reading:
    """What to read, as the first shard says that can be read and is not empty.

    Args:
        shards (`Sequence[Shard]`): Of the source.
        text_column, id_column (`str`, *optional*): `None`: they are found.
        keep_columns (`Sequence[str]`): Columns that are passed on.
        skip_bad_rows (`bool`): As in `Reading`.

    Raises:
        InputError: No shard has these columns.
    """
    fault = InputError(f"'{shards[0].path}': expected one text or more, got no row in any shard.")
    for shard in shards:
        try:
            with shard.opened() as path:
                head = next(read_batches(path, WINDOW), {})
                if not any(head.values()):
                    continue
                text = text_column or find_text_column(head, shard.path).name
                ids = id_column or find_id_column(
                    {name: values for name, values in head.items() if name != text}
                )
                passed_on = dict.fromkeys([*([ids] if ids else []), *keep_columns])
                for name in (text, *passed_on):
                    pick_column(head, name, shard.path)
                kinds = types_of_theirs(path, head, [*passed_on])
                by_name = dict(zip(passed_on, kinds, strict=True))
                return Reading(text, ids, by_name, [*dict.fromkeys(keep_columns)], skip_bad_rows)
        except InputError as error:
            fault = error
    raise fault


def read_windows(
    shard: Shard, path: str, reading: Reading, tokenize: Callable[[list[str]], Tokens]
) -> Iterator[Window]:
    """The rows of a shard, in its order.

    Args:
        shard (`Shard`): For messages.
        path (`str`): Where it lies on this machine.
        reading (`Reading`): What is read.
        tokenize: From texts to tokens.

    Raises:
        InputError: The shard is broken, lacks a column, or has other values than the first one.
    """
    text, ids, first_row = reading.text_column, reading.id_column, 0
    for columns in read_batches(path, WINDOW, {text, *reading.kinds}):
        passed_on = {name: pick_column(columns, name, shard.path) for name in reading.kinds}
        if not pick_column(columns, text, shard.path):
            continue
        documents = make_documents(
            columns,
            shard.path,
            text,
            id_column=ids,
            skip_bad_rows=reading.skip_bad_rows,
            rows=range(first_row, sys.maxsize),
        )
        found = {
            name: pass_on(passed_on[name], kind, name, first_row)
            for name, kind in reading.kinds.items()
        }
        own = found[ids] if ids else pyarrow.array(documents.ids)
        kept = [found[name] for name in reading.keep_columns]
        texts = documents.usable_texts
        yield Window([own, *kept], documents.usable, tokenize(texts) if texts else None)
        first_row += len(documents)


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made in a thread while the one before it is worked on."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
