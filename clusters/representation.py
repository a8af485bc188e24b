"""Where clusters are over- and under-represented: in groups, and over time."""

import numpy as np
from scipy.stats import false_discovery_control, hypergeom, norm


FALSE_DISCOVERIES = 0.05  # expected share of chance among what is called significant


def cross_counts(
    clusters: np.ndarray, parts: np.ndarray, num_clusters: int, num_parts: int
) -> np.ndarray:
    """Documents of each cluster in each part, `(num_clusters, num_parts)`.

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        parts (`np.ndarray` of shape `(num_documents,)`): Its part, as a group or a week; -1 for
            none.

    Example:
        >>> cross_counts(np.array([0, 1, 1]), np.array([1, 0, -1]), num_clusters=2, num_parts=2)
        array([[0, 1],
               [1, 0]])
    """
    known = parts >= 0
    cells = clusters[known] * num_parts + parts[known]
    return np.bincount(cells, minlength=num_clusters * num_parts).reshape(num_clusters, num_parts)


def compare_parts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many times as many documents as expected each cell holds, and which cells differ from
    what chance would give.

    Expected is what clusters and parts that have nothing to do with each other would share. Each
    cell is tested on its own, in both directions, by the hypergeometric distribution (Fisher's
    exact test of the cell against all others, its smaller tail twice); all cells together are
    corrected after Benjamini and Hochberg (1995). Texts that hang together, as several by one
    writer, count as if they did not.

    Args:
        counts (`np.ndarray` of shape `(num_clusters, num_parts)`): Documents in each cell.

    Returns:
        Observed by expected counts, 1 where none is expected, and whether the cell is significant,
        both `(num_clusters, num_parts)`.

    Example:
        >>> ratios, are_significant = compare_parts(np.array([[30, 10], [10, 30]]))
        >>> ratios, are_significant.all()
        (array([[1.5, 0.5],
               [0.5, 1.5]]), np.True_)
    """
    total = counts.sum()
    in_cluster, in_part = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    expected = in_cluster * in_part / max(total, 1)
    ratios = np.divide(counts, expected, out=np.ones(counts.shape), where=expected > 0)
    below = hypergeom.cdf(counts, total, in_cluster, in_part)
    above = hypergeom.sf(counts - 1, total, in_cluster, in_part)
    return ratios, are_significant(2 * np.minimum(below, above))


def compare_periods(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which clusters' shares grow or fade over periods of time that follow each other.

    The Cochran-Armitage test for a linear trend in proportions (Armitage 1955), with the number of
    the period as its score, corrected over the clusters after Benjamini and Hochberg (1995).

    Args:
        counts (`np.ndarray` of shape `(num_clusters, num_periods)`): Documents in each period.

    Returns:
        The test's z, above 0 for growing, and whether it is significant, both `(num_clusters,)`.

    Example:
        >>> z, are_significant = compare_periods(np.array([[10, 20, 30], [30, 20, 10]]))
        >>> np.sign(z), are_significant
        (array([ 1., -1.]), array([ True,  True]))
    """
    sizes, total = counts.sum(axis=0), max(counts.sum(), 1)
    scores = np.arange(counts.shape[1])
    share = counts.sum(axis=1) / total
    moved = counts @ scores - share * (sizes @ scores)
    spread = sizes @ scores**2 - (sizes @ scores) ** 2 / total
    variance = share * (1 - share) * spread
    z = np.divide(moved, np.sqrt(variance), out=np.zeros(len(counts)), where=variance > 0)
    return z, are_significant(2 * norm.sf(np.abs(z)))


def are_significant(p_values: np.ndarray) -> np.ndarray:
    """Which of several tests hold together, at a false discovery rate of 5 %."""
    if not p_values.size:
        return np.zeros(p_values.shape, dtype=bool)
    p_values = np.nan_to_num(p_values, nan=1.0).clip(0, 1)  # of no documents at all: `nan`
    corrected = false_discovery_control(p_values, axis=None).reshape(p_values.shape)
    return corrected <= FALSE_DISCOVERIES
