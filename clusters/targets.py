"""What training pulls to: the kernel's width, the teacher, the sharpened target, and who has moved.

Pure functions of arrays. The soft assignment q itself stands in
`modeling_bert_cluster.soft_assignment`, since it is published with the model.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import softmax
from sklearn.preprocessing import normalize

from ..modeling_bert_cluster import soft_assignment
from .rows import draw_sample
from .spaces import FusedSpace, cluster_means, fit_discriminants


MIN_ALPHA, MAX_ALPHA = 0.01, 10_000.0


def calibrate_alpha(
    embeddings: torch.Tensor, centroids: torch.Tensor, kernel: str, confidence: float = 0.7
) -> float:
    """Degrees of freedom at which the mean over the documents of the largest q is `confidence`.

    As t-SNE fixes its kernel's perplexity: at a given alpha, q may be uniform for one encoder and
    all but hard for the next. With `"multiply"` that mean grows with alpha; with `"divide"` it may
    fall, or rise and fall. Where no alpha from 0.01 to 10,000 reaches the confidence, it is the one
    that comes nearest.

    Args:
        embeddings (`torch.Tensor` of shape `(num_documents, hidden_size)`): Document embeddings z.
        centroids (`torch.Tensor` of shape `(num_clusters, hidden_size)`): Centroids r.
        kernel (`str`): `"multiply"` or `"divide"`, as in `soft_assignment`.
        confidence (`float`, *optional*, defaults to 0.7): The mean to reach, in (1 / num_clusters,
            1).

    Example:
        >>> z, r = torch.tensor([[0.0]]), torch.tensor([[0.1], [1.0]])
        >>> alpha = calibrate_alpha(z, r, "multiply", confidence=0.8)
        >>> round(soft_assignment(z, r, alpha, "multiply").exp().max().item(), 4)
        0.8
    """

    def surplus(log_alpha: float) -> float:
        q = soft_assignment(embeddings, centroids, float(np.exp(log_alpha)), kernel).exp()
        return q.max(dim=1).values.mean().item() - confidence

    lowest, highest = np.log(MIN_ALPHA), np.log(MAX_ALPHA)
    if surplus(lowest) < 0 < surplus(highest):
        return float(np.exp(brentq(surplus, lowest, highest, xtol=1e-5)))
    grid = np.linspace(lowest, highest, 57)  # a quarter of a unit apart
    values = np.array([surplus(log_alpha) for log_alpha in grid])
    crossed = np.flatnonzero(values[:-1] * values[1:] < 0)
    if len(crossed):
        before = crossed[0]
        return float(np.exp(brentq(surplus, grid[before], grid[before + 1], xtol=1e-5)))
    nearest = int(np.abs(values).argmin())
    return float(np.clip(np.exp(grid[nearest]), MIN_ALPHA, MAX_ALPHA))


def fit_teacher(
    fused: FusedSpace | np.ndarray,
    clusters: np.ndarray,
    num_clusters: int,
    temperature: float = 0.1,
    max_seen: int = 50_000,
) -> Callable[[np.ndarray], np.ndarray]:
    """The teacher: what a richer view of the documents makes of the clusters.

    Args:
        fused (`FusedSpace` or `np.ndarray` of shape `(num_documents, hidden_size +
            num_components)`): The documents as discriminants want them.
        clusters (`np.ndarray` of shape `(num_documents,)`): The student's clusters; -1 where it has
            none to teach by.
        num_clusters (`int`): Number of clusters K; an empty one is far from every document.
        temperature (`float`, *optional*, defaults to 0.1): Of the softmax.
        max_seen (`int`, *optional*, defaults to 50,000): Documents that discriminants and means are
            made from, at most; beyond them, a sample.

    Returns:
        A function of rows of the space, these or others, that gives their soft assignments,
        `(num_rows, num_clusters)`: the softmax of cosine / temperature to the clusters' means, in
        the space of their discriminants.
    """
    seen = np.flatnonzero(clusters >= 0)
    seen = seen[draw_sample(len(seen), seed=0, size=max_seen)]
    known, sizes = fused[seen], np.bincount(clusters[seen], minlength=num_clusters)
    project = fit_discriminants(known, clusters[seen])
    means = normalize(cluster_means(project(known), clusters[seen], num_clusters))

    def assign(rows: np.ndarray) -> np.ndarray:
        cosines = project(rows) @ means.T
        cosines[:, sizes == 0] = -1
        return softmax(cosines / temperature, axis=1).astype(np.float32)

    return assign


def teach(fused: np.ndarray, clusters: np.ndarray, num_clusters: int) -> np.ndarray:
    """Soft assignments of all documents by a teacher of their own (`fit_teacher`),
    `(num_documents, num_clusters)`.
    """
    return fit_teacher(fused, clusters, num_clusters)(fused)


def emptied_clusters(before: torch.Tensor, after: torch.Tensor, num_clusters: int) -> torch.Tensor:
    """Which clusters held documents before and hold none now.

    Args:
        before, after (`torch.LongTensor` of shape `(num_documents,)`): Cluster of each document,
            then and now.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> emptied_clusters(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 0]), num_clusters=3)
        tensor([1])
    """
    sizes_before, sizes = (
        torch.bincount(clusters, minlength=num_clusters) for clusters in (before, after)
    )
    return torch.nonzero((sizes == 0) & (sizes_before > 0)).flatten()


def has_collapsed(before: torch.Tensor, after: torch.Tensor, num_clusters: int) -> bool:
    """Whether a cluster has emptied, or the largest has taken half of what lay outside the largest
    one.

    Args:
        before, after (`torch.LongTensor` of shape `(num_documents,)`): Clusters at the start, and
            now.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> has_collapsed(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 0]), num_clusters=2)
        True
    """
    sizes_before, sizes = (
        torch.bincount(clusters, minlength=num_clusters) for clusters in (before, after)
    )
    swallowed = sizes.max() - sizes_before.max() > (len(after) - sizes_before.max()) / 2
    return bool(len(emptied_clusters(before, after, num_clusters)) or swallowed)


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


def target_distribution(
    q: torch.Tensor, prior: torch.Tensor | None = None, frequency: torch.Tensor | None = None
) -> torch.Tensor:
    """Sharpened target p of soft assignments.

    p_ij ~ q_ij² pi_j / f_j with f_j = sum_i q_ij, normalised over j. A uniform prior pi gives
    DEC's target (Xie et al. 2016, eq. 3), which pushes clusters to equal size.

    Args:
        q (`torch.Tensor` of shape `(num_documents, num_clusters)`): Soft assignments, rows sum to
            1.
        prior (`torch.Tensor` of shape `(num_clusters,)`, *optional*): Shares of the clusters.
            `None`: uniform.
        frequency (`torch.Tensor` of shape `(num_clusters,)`, *optional*): f of the whole training
            set, where these are some of its documents. `None`: they are all of them.

    Returns:
        `torch.Tensor` of shape `(num_documents, num_clusters)`: p, rows sum to 1. A document all of
        whose clusters have a prior of 0 keeps its q.

    Example:
        >>> q = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
        >>> target_distribution(q)  # f = 1.2, 0.8; 0.64/1.2 : 0.04/0.8 = 32 : 3
        tensor([[0.9143, 0.0857],
                [0.2286, 0.7714]])
    """
    frequency = q.sum(dim=0) if frequency is None else frequency
    factor = 1.0 if prior is None else prior
    # A frequency is 0 where a kernel is very sharp.
    weight = q.square() * factor / frequency.clamp(min=torch.finfo(q.dtype).tiny)
    total = weight.sum(dim=1, keepdim=True)
    return torch.where(total > 0, weight / total, q)


def changed_fraction(before: torch.Tensor, after: torch.Tensor) -> float:
    """Share of the documents whose cluster differs between two refreshes, from 0 to 1.

    Example:
        >>> changed_fraction(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
        0.25
    """
    return (before != after).float().mean().item()
