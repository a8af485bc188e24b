"""What a refresh is made of: the table of targets, emptied clusters filled again, a log line."""

import logging

import numpy as np
import torch
import torch.nn.functional as F

from ..clusters.rows import MAX_IN_MEMORY
from ..clusters.spaces import cluster_means
from ..clusters.targets import changed_fraction, emptied_clusters, target_distribution
from ..modeling_bert_cluster import BertForClustering
from .arguments import ClusteringTrainingArguments
from .state import ClusteringState


logger = logging.getLogger(__name__)


def set_targets(state: ClusteringState, q: torch.Tensor, args: ClusteringTrainingArguments) -> None:
    """Make the table of p from soft assignments; not where the loss has no weight. Documents of
    which something is known are of their cluster as far as that weighs (`known_weight`).

    Args:
        state (`ClusteringState`): Whose `targets` are set. Large ones stay on the CPU, or on disk.
        q (`torch.FloatTensor` of shape `(num_documents, num_clusters)`): A teacher's soft
            assignments of the training set, or the model's own; written over.
        args (`ClusteringTrainingArguments`): Whether the loss has a weight, and the device.
    """
    if not args.clustering_weight:
        return
    p = target_distribution(q, state.prior, out=q)
    if state.labels is not None:
        known, weight = state.labels >= 0, args.known_weight
        said = F.one_hot(state.labels[known], state.num_clusters).to(p.dtype)
        p[known] = torch.lerp(p[known], said, weight)
    place_targets(state, p, args.device)


def strayed_share(state: ClusteringState, clusters: torch.Tensor) -> float:
    """Share of the documents that have left the clusters of their targets since the last refresh,
    less that of those which came to them; 0 where the loss has no weight.

    Args:
        state (`ClusteringState`): Of the last refresh.
        clusters (`torch.LongTensor` of shape `(num_documents,)`): Cluster of each document now.
    """
    if state.targets is None:
        return 0.0
    taught = state.targets.argmax(dim=1).cpu()
    before, now = (taught == found.cpu() for found in (state.clusters, clusters))
    return (before.float().mean() - now.float().mean()).item()


def place_targets(state: ClusteringState, targets: torch.Tensor, device: torch.device) -> None:
    """Keep the table of p beside the model where it is not large."""
    state.targets = targets.to(device) if targets.nbytes <= MAX_IN_MEMORY else targets


@torch.no_grad()
def revive_emptied(
    model: BertForClustering, embeddings: np.ndarray, before: torch.Tensor, clusters: torch.Tensor
) -> bool:
    """Put centroids that have lost all documents back among those they had; whether any had.

    Among many clusters there are tiny ones, which a neighbour takes over in a few steps.

    Args:
        model (`BertForClustering`): Whose centroids may move.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        before, clusters (`torch.LongTensor` of shape `(num_documents,)`): Clusters at the last
            refresh, and now.
    """
    centroids = model.cluster_head.centroids
    emptied = emptied_clusters(before, clusters, len(centroids))
    if len(emptied):
        means = cluster_means(embeddings, before.numpy(), len(centroids))
        centroids[emptied] = torch.from_numpy(means).to(centroids.device)[emptied]
        logger.info(
            "Clusters that had lost all their documents and got them back: %d.", len(emptied)
        )
    return len(emptied) > 0


def describe_refresh(
    before: torch.Tensor, after: torch.Tensor, num_clusters: int
) -> dict[str, float]:
    """What a log line says of a refresh: the share that moved, and the sizes of the clusters.

    Args:
        before, after (`torch.LongTensor` of shape `(num_documents,)`): Clusters at the last two
            refreshes.
        num_clusters (`int`): Number of clusters K.
    """
    sizes = torch.bincount(after, minlength=num_clusters).tolist()
    return {
        "changed": changed_fraction(before, after),
        "smallest_cluster": min(sizes),
        "largest_cluster": max(sizes),
        **{f"cluster_size_{cluster}": size for cluster, size in enumerate(sizes)},
    }
