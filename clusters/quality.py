"""How good clusters are without gold classes: what chooses the start, and what the log says."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.neighbors import kneighbors_graph

from .spaces import cluster_means, membership


PER_CLUSTER = 0.2  # share of a separation's weight that clusters have, whatever their sizes
MODULARITY_WEIGHT = 0.2  # alone, modularity favours few large clusters, the silhouette many small


def silhouettes(embeddings: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Cosine silhouette of each document, `(num_documents,)`, between -1 and 1 (Rousseeuw 1987); 0
    for one alone.

    The mean cosine distance of a unit row to a cluster of unit rows is one minus its product with
    their mean, so no distance between two documents is needed.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings of
            unit length.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.

    Example:
        >>> silhouettes(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 0, 1]))
        array([1., 1., 0.])
    """
    names, clusters = np.unique(clusters, return_inverse=True)
    if len(names) < 2:
        return np.zeros(len(clusters))
    rows, sizes = np.arange(len(clusters)), np.bincount(clusters)
    distances = 1 - embeddings @ cluster_means(embeddings, clusters, len(names)).T
    others = (
        sizes[clusters] - 1
    )  # of its own cluster, where the document itself lies at no distance
    within = distances[rows, clusters] * sizes[clusters] / others.clip(min=1)
    distances[rows, clusters] = np.inf
    nearest = distances.min(axis=1)
    larger = np.maximum(np.maximum(nearest, within), 1e-12)
    return np.where(others > 0, (nearest - within) / larger, 0.0)


def separation(
    embeddings: np.ndarray, clusters: np.ndarray, per_cluster: float = PER_CLUSTER
) -> float:
    """Mean silhouette, a fifth of whose weight the clusters share equally, whatever their sizes.

    Without that share, cutting one large topic costs nothing, as nobody asks how well the small
    ones stand apart.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings of
            unit length.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        per_cluster (`float`, *optional*, defaults to 0.2): The share.

    Example:
        >>> embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> round(separation(embeddings, np.array([0, 0, 0, 1])), 2)  # 0.8 * 3 / 4 + 0.2 * 1 / 2
        0.7
    """
    widths = silhouettes(embeddings, clusters)
    _, clusters, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    of_clusters = np.bincount(clusters, widths) / sizes
    return float((1 - per_cluster) * widths.mean() + per_cluster * of_clusters.mean())


class ClusterScore:
    """How well clusters hold together, without gold classes: silhouette plus modularity / 5.

    The cosine silhouette (Rousseeuw 1987) sees whether clusters lie apart, the modularity (Newman
    2006) of the clusters on the graph of nearest neighbours whether neighbours stay together; each
    alone favours clusters of its own kind.

    Args:
        sample (`np.ndarray` of shape `(sample_size,)`): Which documents it looks at.
        embeddings (`np.ndarray` of shape `(sample_size, hidden_size)`): Their embeddings, rows of
            unit length.
        num_neighbors (`int`, *optional*, defaults to 10): Neighbours of a document.
    """

    def __init__(self, sample: np.ndarray, embeddings: np.ndarray, num_neighbors: int = 10) -> None:
        self.sample, self.embeddings, self.num_neighbors = sample, embeddings, num_neighbors

    @cached_property
    def graph(self) -> csr_matrix:
        """Of nearest neighbours, both ways, `(sample_size, sample_size)`."""
        num_neighbors = min(self.num_neighbors, len(self.sample) - 1)
        graph = kneighbors_graph(self.embeddings, num_neighbors, metric="cosine")
        return graph + graph.T

    def __call__(self, clusters: np.ndarray) -> float:
        """Score of an assignment `(num_documents,)`, from -1.2 to 1.2, the higher the better.

        It is -2 where the sampled documents are all in one cluster, or each in one of its own.
        """
        if not 1 < len(np.unique(clusters[self.sample])) < len(self.sample):
            return -2.0
        return self.silhouette(clusters) + MODULARITY_WEIGHT * self.modularity(clusters)

    def silhouette(self, clusters: np.ndarray) -> float:
        """Mean cosine silhouette (Rousseeuw 1987), as `silhouette_score` gives it."""
        return float(silhouettes(self.embeddings, clusters[self.sample]).mean())

    def separation(self, clusters: np.ndarray) -> float:
        """`separation` of the sampled documents' clusters, which chooses the start."""
        return separation(self.embeddings, clusters[self.sample])

    def modularity(self, clusters: np.ndarray) -> float:
        _, clusters = np.unique(clusters[self.sample], return_inverse=True)
        members = membership(clusters, clusters.max() + 1)
        links = (
            members @ self.graph @ members.T
        ).toarray() / self.graph.sum()  # (num_clusters, num_clusters)
        return float(np.trace(links) - np.square(links.sum(axis=1)).sum())
