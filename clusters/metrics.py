"""Scores of a clustering: against gold classes, which training never sees, and without any."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.preprocessing import normalize

from .quality import silhouettes
from .rows import draw_sample


def clustering_accuracy(classes: np.ndarray, clusters: np.ndarray) -> float:
    """Share of documents in the right class under the best one-to-one matching of clusters to
    classes, 0 to 1.

    The matching is the Hungarian algorithm's (Kuhn 1955), as in Xie et al. (2016). Documents of
    clusters beyond the number of classes are wrong.

    Example:
        >>> clustering_accuracy(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0]))
        0.75
    """
    return float(in_matched_class(classes, clusters).mean())


def in_matched_class(classes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Whether each document is in the class that its cluster is matched to, `(num_documents,)`.

    Example:
        >>> in_matched_class(np.array(["a", "a", "b", "b"]), np.array([1, 1, 1, 0]))
        array([ True,  True, False,  True])
    """
    names, clusters = np.unique(clusters, return_inverse=True)
    classes = np.unique(classes, return_inverse=True)[1]
    counts = contingency_matrix(classes, clusters)  # (num_classes, num_clusters)
    matched = np.full(len(names), -1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    matched[columns] = rows
    return matched[clusters] == classes


def calibration_error(right: np.ndarray, probabilities: np.ndarray, num_bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017, eq. 3): how far probabilities lie from the share
    that is right.

    Args:
        right (`np.ndarray` of shape `(num_documents,)`): Whether each document is where it should
            be.
        probabilities (`np.ndarray` of shape `(num_documents,)`): How sure that was.
        num_bins (`int`, *optional*, defaults to 15): Bins of equal width.

    Example:
        >>> calibration_error(np.array([True, False]), np.array([0.75, 0.75]))
        0.25
    """
    bins = (probabilities * num_bins).astype(int).clip(max=num_bins - 1)
    return float(np.abs(np.bincount(bins, probabilities - right)).sum() / len(bins))


def purity(classes: np.ndarray, clusters: np.ndarray) -> float:
    """Share of documents in their cluster's most frequent class, 0 to 1; rises with the number of
    clusters.

    Source: Manning et al., Introduction to Information Retrieval (2008), section 16.3.

    Example:
        >>> purity(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0]))
        0.75
    """
    counts = contingency_matrix(classes, clusters)
    return float(counts.max(axis=0).sum() / counts.sum())


def gold_scores(classes: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    """Agreement with gold classes: accuracy, NMI (arithmetic mean), ARI and purity; 1 is perfect.

    Args:
        classes (`np.ndarray` of shape `(num_documents,)`): Gold classes, of any hashable kind.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
    """
    return {
        "accuracy": clustering_accuracy(classes, clusters),
        "nmi": float(normalized_mutual_info_score(classes, clusters)),
        "ari": float(adjusted_rand_score(classes, clusters)),
        "purity": purity(classes, clusters),
    }


def internal_scores(
    embeddings: np.ndarray,
    clusters: np.ndarray,
    num_clusters: int,
    seed: int,
    sample_size: int = 5000,
) -> dict[str, float]:
    """Scores that need no gold classes: sizes of the smallest and largest cluster, and the cosine
    silhouette.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        num_clusters (`int`): Number of clusters K; an empty one has size 0.
        seed (`int`): Seed of the sample.
        sample_size (`int`, *optional*, defaults to 5000): Documents the silhouette is computed on,
            at most.

    Returns:
        `silhouette` lies between -1 and 1 (Rousseeuw 1987) and is NaN where the sample holds fewer
        than two clusters or every document is a cluster of its own.
    """
    sizes = np.bincount(clusters, minlength=num_clusters)
    sample = draw_sample(len(clusters), seed, sample_size)
    defined = 2 <= len(np.unique(clusters[sample])) < len(sample)
    values = silhouettes(normalize(embeddings[sample]), clusters[sample])
    return {
        "silhouette": float(values.mean()) if defined else float("nan"),
        "smallest_cluster": int(sizes.min()),
        "largest_cluster": int(sizes.max()),
    }
