"""Levels of clusters, each inside those of the level above, the coarsest first.

Every level has a start of its own. A cluster goes to the cluster above that holds most of its
documents, and a document to the finest cluster that all levels together speak for: what one level
cannot tell apart, another one can, so that none loses by having to lie inside the others.

Pure functions of arrays.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment


def find_parents(
    clusters: np.ndarray, above: np.ndarray, num_clusters: int, num_above: int
) -> np.ndarray:
    """The cluster above that holds most documents of each cluster, `(num_clusters,)`, such that
    none above is left without any: the ones that lose least by it are given away.

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document, -1 for none.
        above (`np.ndarray` of shape `(num_documents,)`): Its cluster at the level above, -1 too.
        num_clusters (`int`): Number of clusters, empty ones among them.
        num_above (`int`): Number of those above, `num_clusters` at most.

    Example:
        >>> clusters, above = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 0, 0, 0])
        >>> find_parents(clusters, above, num_clusters=3, num_above=2)
        array([1, 0, 0])
    """
    known = (clusters >= 0) & (above >= 0)
    shared = np.zeros((num_clusters, num_above), dtype=np.int64)
    np.add.at(shared, (clusters[known], above[known]), 1)
    parents, lost = shared.argmax(axis=1), shared.max(axis=1, keepdims=True) - shared
    kept, their_parents = linear_sum_assignment(lost)
    parents[kept] = their_parents
    return parents


def nest(levels: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    """In which cluster of each coarser level the finest clusters lie, `(num_levels - 1,
    num_clusters)`.

    Args:
        levels (`Sequence[np.ndarray]` of arrays of shape `(num_documents,)`): Clusters of the
            documents at each level, -1 for none; they need not lie inside each other.
        sizes (`Sequence[int]`): Number of clusters at each level, ascending.

    Example:
        >>> coarse, fine = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
        >>> nest([coarse, fine], sizes=[2, 3])
        array([[0, 1, 1]])
    """
    finest, inside = levels[-1], [np.arange(sizes[-1])]
    for level in reversed(range(len(levels) - 1)):
        below = np.where(finest < 0, -1, inside[0][finest])
        parents = find_parents(below, levels[level], sizes[level + 1], sizes[level])
        inside.insert(0, parents[inside[0]])
    return np.stack(inside[:-1])


def agree(shares: Sequence[np.ndarray], inside: np.ndarray) -> np.ndarray:
    """The finest cluster of each document that all levels together speak for, `(num_documents,)`:
    where the product of what each level says of the cluster, or of that in which it lies, is
    largest.

    Source: products of experts (Hinton, Neural Computation 2002).

    Args:
        shares (`Sequence[np.ndarray]` of arrays of shape `(num_documents, size)`): Soft assignments
            at each level, the finest last.
        inside (`np.ndarray` of shape `(num_levels - 1, num_clusters)`): As `nest` gives it.

    Example:
        >>> coarse, fine = np.array([[0.9, 0.1]]), np.array([[0.3, 0.1, 0.6]])
        >>> agree([coarse, fine], inside=np.array([[0, 0, 1]]))  # .27, .09 and .06
        array([0])
    """
    least = np.finfo(np.float32).tiny
    logs = np.log(shares[-1].clip(least))
    for coarse, parents in zip(shares[:-1], inside, strict=True):
        logs = logs + np.log(coarse.clip(least))[:, parents]
    return logs.argmax(axis=1)


def refill(clusters: np.ndarray, before: np.ndarray, num_clusters: int) -> np.ndarray:
    """The clusters, where those that have lost all their documents have got them back,
    `(num_documents,)`.

    Args:
        clusters, before (`np.ndarray` of shape `(num_documents,)`): Clusters, and what they were.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> refill(np.array([0, 0, 1, 1]), np.array([0, 2, 0, 1]), num_clusters=3)
        array([0, 2, 1, 1])
    """
    while True:  # one that gets its own back may empty another, but none twice
        emptied = np.bincount(clusters, minlength=num_clusters) == 0
        lost = emptied[before]
        if not lost.any():
            return clusters
        clusters = np.where(lost, before, clusters)


def coarsen(q: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Soft assignments to coarser clusters, `(num_documents, num_above)`: the sums over the
    clusters that lie in each.

    Args:
        q (`np.ndarray` of shape `(num_documents, num_clusters)`): Soft assignments.
        parents (`np.ndarray` of shape `(num_clusters,)`): In which coarser cluster each lies.

    Example:
        >>> coarsen(np.array([[0.5, 0.25, 0.25]]), parents=np.array([0, 1, 0]))
        array([[0.75, 0.25]])
    """
    return q @ np.eye(parents.max() + 1, dtype=q.dtype)[parents]


def parents_between(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Parents of the clusters of one level in the next coarser one, `(num_below,)`, of what both
    are to the finest clusters.

    Args:
        below, above (`np.ndarray` of shape `(num_clusters,)`): In which cluster of either level
            the finest clusters lie.

    Example:
        >>> parents_between(below=np.array([0, 1, 2, 2]), above=np.array([1, 0, 0, 0]))
        array([1, 0, 0])
    """
    parents = np.zeros(below.max() + 1, dtype=np.int64)
    parents[below] = above
    return parents
