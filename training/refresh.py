"""What a refresh is made of: the table of targets, emptied clusters filled again, a log line."""

import logging

import numpy as np
import torch
import torch.nn.functional as F

from ..clusters.rows import batches
from ..clusters.spaces import cluster_means
from ..clusters.sparse import SparseAssignment
from ..clusters.targets import changed_fraction, emptied_clusters, target_distribution
from ..modeling_bert_cluster import BertForClustering
from .arguments import ClusteringTrainingArguments
from .state import ClusteringState


logger = logging.getLogger(__name__)


def set_targets(
    state: ClusteringState, q: SparseAssignment, args: ClusteringTrainingArguments
) -> None:
    """Make the table of p from soft assignments; not where the loss has no weight. Documents of
    which something is known are of their cluster as far as that weighs (`known_weight`).

    Args:
        state (`ClusteringState`): Whose `targets` are set.
        q (`SparseAssignment`): A teacher's soft assignments of the training set, or the model's
            own.
        args (`ClusteringTrainingArguments`): Whether the loss has a weight, and the device.
    """
    if not args.clustering_weight:
        return
    frequency = q.totals()

    def sharpen(part: slice) -> torch.Tensor:
        p = target_distribution(q.dense(part), state.prior, frequency)
        if state.labels is not None:
            labels = state.labels[part]
            known = labels >= 0
            said = F.one_hot(labels[known], state.num_clusters).to(p.dtype)
            p[known] = torch.lerp(p[known], said, args.known_weight)
        return p

    state.targets = SparseAssignment.of(map(sharpen, batches(len(q.shares)))).to(args.device)


def strayed_share(state: ClusteringState, clusters: torch.Tensor) -> float:
    """Share of the documents that have left the clusters of their targets since the last refresh,
    less that of those which came to them; 0 where the loss has no weight.

    Args:
        state (`ClusteringState`): Of the last refresh.
        clusters (`torch.LongTensor` of shape `(num_documents,)`): Cluster of each document now.
    """
    if state.targets is None:
        return 0.0
    taught = state.targets.most_probable.cpu()
    before, now = (taught == found.cpu() for found in (state.clusters, clusters))
    return (before.float().mean() - now.float().mean()).item()


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
