"""Arrays with a row per document: in batches, sampled, and on disk where they are large."""

import tempfile
from collections.abc import Iterator

import numpy as np
from sklearn.utils import gen_batches


BATCH_SIZE = 65_536
MAX_IN_MEMORY = 2**28  # bytes


def batches(num_rows: int) -> Iterator[slice]:
    """The rows of an array, some tens of thousands at a time."""
    return gen_batches(num_rows, BATCH_SIZE)


def draw_sample(num_rows: int, seed: int, size: int = 5000) -> np.ndarray:
    """Sorted indices of at most `size` rows, drawn at random: for what costs too much on all of
    them.
    """
    return np.sort(np.random.default_rng(seed).choice(num_rows, min(size, num_rows), replace=False))


def empty_rows(num_rows: int, num_columns: int, folder: str | None = None) -> np.ndarray:
    """An array to be filled, float32; beyond 256 MiB it lies in a file that is gone when the array
    is.

    Args:
        num_rows, num_columns (`int`): Its shape.
        folder (`str`, *optional*): Where the file may lie. `None`: where temporary files do, which
            may be memory.

    Raises:
        OSError: The disk cannot hold it.
    """
    if 4 * num_rows * num_columns <= MAX_IN_MEMORY:
        return np.empty((num_rows, num_columns), dtype=np.float32)
    with tempfile.TemporaryFile(dir=folder) as file:  # the map keeps it alive
        # A disk that is full later on would end the process without a word.
        for part in batches(num_rows):
            file.write(np.zeros((part.stop - part.start, num_columns), dtype=np.float32).data)
        file.flush()
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(num_rows, num_columns))
