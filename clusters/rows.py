"""Rows of documents: in batches, and sampled; work that is done in pieces."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.utils import gen_batches


BATCH_SIZE = 65_536
ALL = slice(None)
ForEach = Callable[[Callable[[Any], Any], Sequence], list]


def batches(num_rows: int) -> Iterator[slice]:
    """The rows of an array, some tens of thousands at a time."""
    return gen_batches(num_rows, BATCH_SIZE)


def draw_sample(num_rows: int, seed: int, size: int = 5000) -> np.ndarray:
    """Sorted indices of at most `size` rows, drawn at random: for what costs too much on all of
    them.
    """
    return np.sort(np.random.default_rng(seed).choice(num_rows, min(size, num_rows), replace=False))


def draw_keys(rng: np.random.Generator, is_first: np.ndarray) -> np.ndarray:
    """A random number for each row; the rows with the smallest ones are a uniform sample, in which
    those that come first, `(num_rows,)`, go before all others.
    """
    return rng.random(len(is_first)) - is_first


def smallest(keys: np.ndarray, size: int) -> np.ndarray:
    """Sorted places of the `size` smallest keys, or of all."""
    if size >= len(keys):
        return np.arange(len(keys))
    return np.sort(np.argpartition(keys, size)[:size])


def for_each(function: Callable[[Any], Any], items: Sequence) -> list:
    """What a function makes of each item. Whatever takes a `for_each` hands it pieces of work that
    ask nothing of one another, so that another one may share them out.
    """
    return [function(item) for item in items]
