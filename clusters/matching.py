"""Which clusters of two clusterings are the same: by the documents that both hold, or by where they
lie.
"""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances

from .representation import cross_counts


FEWEST = 5  # documents of a cluster that both clusterings hold, below which its centroid tells


class Match(NamedTuple):
    """What became of earlier clusters.

    Args:
        same (`np.ndarray` of shape `(num_before,)`): The later cluster that each earlier one is, as
            more than half of either's documents are in the other; -1 for none.
        inside (`np.ndarray` of shape `(num_before,)`): The later cluster that holds more than half
            of its documents; -1 for none.
        counts (`np.ndarray` of shape `(num_before, num_after)`): Documents that both clusterings
            hold, by earlier and later cluster.
    """

    same: np.ndarray
    inside: np.ndarray
    counts: np.ndarray


def match_clusters(
    before: np.ndarray, after: np.ndarray, centroids_before: np.ndarray, centroids_after: np.ndarray
) -> Match:
    """Find earlier clusters among later ones.

    Of an earlier cluster that shares fewer than 5 documents, the centroids tell: they are each
    other's nearest, and at most half as far apart as the next (the ratio test of Lowe 2004).

    Args:
        before, after (`np.ndarray` of shape `(num_shared,)`): Clusters of the documents that both
            clusterings hold; -1 for none.
        centroids_before (`np.ndarray` of shape `(num_before, hidden_size)`): Earlier centroids.
        centroids_after (`np.ndarray` of shape `(num_after, hidden_size)`): Later ones; those of
            another width tell nothing.

    Example:
        >>> groups = np.repeat([0, 1, 2], 6)
        >>> match_clusters(groups, 2 - groups, np.eye(3), np.eye(3)).same
        array([2, 1, 0])
    """
    num_before, num_after = len(centroids_before), len(centroids_after)
    known = (before >= 0) & (after >= 0)
    counts = cross_counts(before[known], after[known], num_before, num_after)
    inside, held = counts.argmax(axis=1), counts.max(axis=1)
    is_inside = 2 * held > counts.sum(axis=1)
    is_same = is_inside & (2 * held > counts.sum(axis=0)[inside])
    same, inside = np.where(is_same, inside, -1), np.where(is_inside, inside, -1)
    near = _nearest(centroids_before, centroids_after)
    for cluster in np.flatnonzero(counts.sum(axis=1) < FEWEST):
        found = -1 if near[cluster] in np.delete(same, cluster) else near[cluster]
        same[cluster] = inside[cluster] = found
    return Match(same, inside, counts)


def _nearest(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The later centroid that each earlier one is, `(num_before,)`; -1 for none."""
    if before.shape[1] != after.shape[1]:  # of encoders whose embeddings have nothing in common
        return np.full(len(before), -1)
    distances = pairwise_distances(before, after)
    nearest, rows = distances.argmin(axis=1), np.arange(len(before))
    is_mutual = distances.argmin(axis=0)[nearest] == rows
    next_best = np.minimum(_second(distances), _second(distances.T)[nearest])
    return np.where(is_mutual & (2 * distances[rows, nearest] <= next_best), nearest, -1)


def _second(distances: np.ndarray) -> np.ndarray:
    """The second smallest of each row, `(num_rows,)`."""
    if distances.shape[1] == 1:
        return np.full(len(distances), np.inf)
    return np.partition(distances, 1, axis=1)[:, 1]
