"""Which clusters to trust: those that come back when the start is made from other documents.

Source: Hennig, "Cluster-wise assessment of cluster stability" (Computational Statistics & Data
Analysis 52, 2007). Pure functions of arrays.
"""

import warnings

import numpy as np

from .metrics import clustering_accuracy
from .spaces import membership


STABLE = 0.6  # stability of a cluster, below which it may be chance (Hennig 2007)


def cluster_stability(clusters: np.ndarray, repeats: np.ndarray, num_clusters: int) -> np.ndarray:
    """Mean over the repeats of the largest Jaccard similarity of each cluster to any of theirs,
    `(num_clusters,)`.

    1 is a cluster that always comes back; below 0.6 it should not be trusted (Hennig 2007). NaN
    where no repeat saw one of its documents.

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        repeats (`np.ndarray` of shape `(num_repeats, num_documents)`): Clusters of other runs, -1
            for what they lack.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> clusters, repeats = np.array([0, 0, 1, 1]), np.array([[5, 5, 5, 0], [2, 2, 3, -1]])
        >>> cluster_stability(clusters, repeats, num_clusters=2)
        array([0.83333333, 0.75      ])
    """
    best = np.full((len(repeats), num_clusters), np.nan)
    for row, repeat in enumerate(repeats):
        seen = repeat >= 0
        ours = membership(clusters[seen], num_clusters)
        theirs = membership(repeat[seen], repeat.max() + 1)
        shared = (ours @ theirs.T).toarray()  # (num_clusters, clusters of the repeat)
        united = np.add.outer(ours.sum(axis=1).A1, theirs.sum(axis=1).A1) - shared
        held = ours.sum(axis=1).A1 > 0
        best[row, held] = (shared / np.maximum(united, 1)).max(axis=1)[held]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        return np.nanmean(best, axis=0)


def agreement(clusters: np.ndarray, repeats: np.ndarray) -> float:
    """Share of the documents that the repeats put into the cluster they are in, in the mean, 0 to
    1.

    The clusters of a repeat are matched to ours one to one (`metrics.clustering_accuracy`).

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        repeats (`np.ndarray` of shape `(num_repeats, num_documents)`): Clusters of other runs, -1
            for what they lack.

    Example:
        >>> agreement(np.array([0, 0, 1, 1]), np.array([[5, 5, 5, 0], [2, 2, 3, -1]]))
        0.875
    """
    return float(
        np.mean([clustering_accuracy(row[row >= 0], clusters[row >= 0]) for row in repeats])
    )
