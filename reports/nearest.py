"""The texts that stand for a cluster: those nearest to its centroid, each telling something new."""

import numpy as np

from ..clusters.rows import batches


def nearest_documents(
    embeddings: np.ndarray,
    centroids: np.ndarray,
    clusters: np.ndarray,
    texts: list[str],
    count: int = 3,
) -> list[list[int]]:
    """For each cluster, its documents nearest to the centroid, near-duplicates of nearer ones left
    out.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Centroids.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        texts (`list[str]` of length `num_documents`): The documents.
        count (`int`, *optional*, defaults to 3): Documents per cluster, at most.

    Returns:
        A list of rows for each cluster, nearest first; empty for an empty cluster.
    """
    parts = (embeddings[part] - centroids[clusters[part]] for part in batches(len(embeddings)))
    distances = np.concatenate([np.linalg.norm(part, axis=1) for part in parts])
    nearest: list[dict[int, set[str]]] = [{} for _ in centroids]
    for row in np.argsort(distances, kind="stable").tolist():
        chosen = nearest[clusters[row]]
        if len(chosen) < count:
            words = set(texts[row][:1000].lower().split())
            if not any(near_duplicates(words, others) for others in chosen.values()):
                chosen[row] = words
    return [list(chosen) for chosen in nearest]


def near_duplicates(words: set[str], others: set[str]) -> bool:
    """Whether two texts share four of five of their words (Jaccard 1901).

    Example:
        >>> near_duplicates(set("a b c d e".split()), set("a b c d".split()))
        True
    """
    return len(words & others) >= 0.8 * len(words | others)
