"""Whether new documents of a cluster are about something else than its earlier ones."""

from typing import NamedTuple

import numpy as np

from .representation import are_significant
from .rows import draw_sample


FEWEST = 10  # documents of a cluster, earlier and new, below which nothing is said of it
SHIFTED = 0.1  # shift from which a cluster drifts
MAX_COMPARED = 2000  # documents of a cluster that are looked at, earlier and new


class Drift(NamedTuple):
    """How far the new documents of each cluster lie from its earlier ones.

    Args:
        shifts (`np.ndarray` of shape `(num_clusters,)`): Distance between the means of earlier and
            new documents beyond what their numbers let expect, in units of the spread within the
            cluster; NaN where there are too few.
        are_drifting (`np.ndarray` of shape `(num_clusters,)`): Whether it is 0.1 or more, and
            significant.
    """

    shifts: np.ndarray
    are_drifting: np.ndarray


def measure_drift(
    words: np.ndarray,
    clusters: np.ndarray,
    are_new: np.ndarray,
    num_clusters: int,
    seed: int,
    num_permutations: int = 999,
) -> Drift:
    """Compare the words of each cluster's earlier and new documents, by the means of a view that no
    training has touched: a trained encoder draws the documents that it has seen to their centroids,
    so that its embeddings of others lie elsewhere anyway.

    A permutation test of the distance between them: which documents are new is drawn anew, again
    and again. Over the clusters it is corrected after Benjamini and Hochberg (1995).

    Args:
        words (`np.ndarray` of shape `(num_documents, num_components)`): What the words of the
            documents say (`spaces.lexical_view`).
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each; -1 for none.
        are_new (`np.ndarray` of shape `(num_documents,)`): Whether a document is new.
        num_clusters (`int`): Number of clusters K.
        seed (`int`): Seed of the permutations.
        num_permutations (`int`, *optional*, defaults to 999): Permutations.

    Example:
        >>> words = np.concatenate([np.zeros((20, 2)), np.ones((20, 2))])
        >>> words += np.random.default_rng(0).normal(size=(40, 2)) / 10
        >>> clusters, are_new = np.zeros(40, dtype=int), np.arange(40) >= 20
        >>> measure_drift(words, clusters, are_new, 1, seed=0).are_drifting
        array([ True])
    """
    shifts, chance = np.full(num_clusters, np.nan), np.ones(num_clusters)
    for cluster in range(num_clusters):
        parts = []
        for part in (~are_new, are_new):
            rows = np.flatnonzero((clusters == cluster) & part)
            parts.append(words[rows[draw_sample(len(rows), seed, MAX_COMPARED)]])
        if min(map(len, parts)) >= FEWEST:
            generator = np.random.default_rng(seed + cluster)
            before, new = parts
            shifts[cluster], chance[cluster] = _compare(before, new, generator, num_permutations)
    significant = are_significant(chance)
    return Drift(shifts, significant & (np.nan_to_num(shifts) >= SHIFTED))


def _compare(
    before: np.ndarray, new: np.ndarray, generator: np.random.Generator, num_permutations: int
) -> tuple[float, float]:
    """Shift of one cluster, and the probability that chance gives as large a one."""
    pooled = np.concatenate([before, new])
    pooled = pooled - pooled.mean(axis=0)
    weights = np.repeat([-1 / len(before), 1 / len(new)], [len(before), len(new)])
    moved = np.square(weights @ pooled).sum()
    drawn = np.stack([generator.permutation(weights) for _ in range(num_permutations)])
    by_chance = np.square(drawn @ pooled).sum(axis=1)
    spread = (before.var(axis=0).sum() * len(before) + new.var(axis=0).sum() * len(new)) / len(
        pooled
    )
    surplus = moved - spread * (1 / len(before) + 1 / len(new))
    shift = np.sqrt(max(surplus, 0) / spread) if spread > 0 else 0.0
    return float(shift), float((1 + (by_chance >= moved).sum()) / (1 + num_permutations))
