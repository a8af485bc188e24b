"""More clusters for a model, beside those that it has."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import pairwise_distances_argmin

from ..modeling_bert_cluster import BertForClustering
from ..texts.names import set_labels


@torch.no_grad()
def add_clusters(model: BertForClustering, means: np.ndarray, names: Sequence[str]) -> None:
    """Give a model more clusters, after those that it has, which stay as they are.

    At coarser levels, each lies where the cluster does that it is nearest to.

    Args:
        model (`BertForClustering`): With clusters.
        means (`np.ndarray` of shape `(num_added, hidden_size)`): Centroids of the new ones.
        names (`Sequence[str]` of length `num_added`): What they are called.
    """
    config, head = model.config, model.cluster_head
    near = pairwise_distances_argmin(means, head.centroids.detach().cpu().numpy()).tolist()
    first = config.num_clusters
    set_labels(config, {**config.id2label, **dict(enumerate(names, first))})
    if config.levels:
        config.levels = [[*inside, *(inside[c] for c in near)] for inside in config.levels]
    added = torch.from_numpy(means).to(head.centroids)
    head.centroids = torch.nn.Parameter(torch.cat([head.centroids, added]))
