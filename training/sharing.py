"""Work that is made in pieces, shared out among the processes of a launcher."""

from collections.abc import Callable, Sequence
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object


def share_out(function: Callable[[Any], Any], items: Sequence) -> list:
    """What a function makes of each item. Of n processes, each works on every n-th item, and all
    get all: every process has to call it, with as many items.
    """
    state = PartialState()
    made = [function(item) for item in items[state.process_index :: state.num_processes]]
    parts = gather_object([made])
    return [parts[place % len(parts)][place // len(parts)] for place in range(len(items))]
