"""Mathematics of the clustering: where centroids start, the sharpened target, and how far an assignment has moved.

Pure functions of arrays. They know no model, no tokenizer and no disk. The soft assignment q itself is the model's
(`modeling_bert_cluster.soft_assignment`), since it is published with it.
"""

import numpy as np
import torch
from sklearn.cluster import KMeans
from tqdm.auto import trange


def kmeans(
    embeddings: np.ndarray, num_clusters: int, seed: int, num_restarts: int = 10, progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Best of several k-means runs, equal to `KMeans(n_init=num_restarts, random_state=seed)`, with a progress bar.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        num_clusters (`int`): Number of clusters K, at most the number of distinct embeddings.
        seed (`int`): Seed of the k-means++ starts.
        num_restarts (`int`, *optional*, defaults to 10): Runs, of which the one of least inertia is kept.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.

    Returns:
        Clusters of shape `(num_documents,)` and centroids of shape `(num_clusters, hidden_size)`, float32.

    Example:
        >>> clusters, centroids = kmeans(np.array([[0.0], [0.1], [5.0]]), num_clusters=2, seed=0)
        >>> bool(clusters[0] == clusters[1] != clusters[2])
        True
    """
    random_state = np.random.RandomState(seed)  # noqa: NPY002 (scikit-learn takes no Generator)
    best = None
    for _ in trange(num_restarts, desc="k-means", disable=not progress):
        run = KMeans(num_clusters, n_init=1, random_state=random_state).fit(embeddings)
        if best is None or run.inertia_ < best.inertia_:
            best = run
    return best.labels_.astype(np.int64), best.cluster_centers_.astype(np.float32)


def cluster_shares(clusters: torch.Tensor, num_clusters: int) -> torch.Tensor:
    """Share of the documents in each cluster, `(num_clusters,)`: the size prior pi.

    Args:
        clusters (`torch.LongTensor` of shape `(num_documents,)`): Cluster of each document.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> cluster_shares(torch.tensor([0, 0, 0, 1]), num_clusters=2)
        tensor([0.7500, 0.2500])
    """
    return torch.bincount(clusters, minlength=num_clusters) / len(clusters)


def target_distribution(q: torch.Tensor, prior: torch.Tensor | None = None) -> torch.Tensor:
    """Sharpened target p of the soft assignments of the whole training set.

    p_ij ~ q_ij² pi_j / f_j with f_j = sum_i q_ij, normalised over j. A uniform prior pi gives DEC's target (Xie et
    al. 2016, eq. 3), which pushes clusters to equal size.

    Args:
        q (`torch.Tensor` of shape `(num_documents, num_clusters)`): Soft assignments, rows sum to 1.
        prior (`torch.Tensor` of shape `(num_clusters,)`, *optional*): Shares of the clusters. `None`: uniform.

    Returns:
        `torch.Tensor` of shape `(num_documents, num_clusters)`: p, rows sum to 1.

    Example:
        >>> target_distribution(torch.tensor([[0.8, 0.2], [0.4, 0.6]]))  # f = 1.2, 0.8; 0.64/1.2 : 0.04/0.8 = 32 : 3
        tensor([[0.9143, 0.0857],
                [0.2286, 0.7714]])
    """
    weight = q.square() / q.sum(dim=0)
    if prior is not None:
        weight = weight * prior
    return weight / weight.sum(dim=1, keepdim=True)


def changed_fraction(before: torch.Tensor, after: torch.Tensor) -> float:
    """Share of the documents whose cluster differs between two refreshes, from 0 to 1.

    Example:
        >>> changed_fraction(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
        0.25
    """
    return (before != after).float().mean().item()
