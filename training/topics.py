"""Whether topics that people know of some texts can steer a start."""

import numpy as np

from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering
from .arguments import ClusteringTrainingArguments


def check_topics(
    labels: np.ndarray,
    topics: list[str],
    model: BertForClustering,
    args: ClusteringTrainingArguments,
    num_documents: int,
) -> None:
    """Raise `InputError` where known topics cannot steer the start.

    Args:
        labels (`np.ndarray` of shape `(num_documents,)`): Topic of each document; -1 for none.
        topics (`list[str]`): Their names.
        model (`BertForClustering`): That is to get their clusters.
        args (`ClusteringTrainingArguments`): How the clusters start.
        num_documents (`int`): Of the training set.
    """
    if len(labels) != num_documents:
        raise InputError(
            f"Known labels: expected {num_documents}, one per document or None, got {len(labels)}."
        )
    if not topics:
        raise InputError(
            "Known labels: expected a topic of one document or more, got none. Leave them out."
        )
    most = args.max_clusters or model.config.num_clusters
    if len(topics) > most:
        raise InputError(
            f"Known labels: {len(topics)} topics do not fit into {most} clusters. Ask for more."
        )
    if args.init == "kmeans":
        raise InputError("Known labels do not go with --init kmeans. Pass another start, or none.")
    if args.init is None and model.has_clusters and not args.resume_from_checkpoint:
        raise InputError(
            "Known labels are for a new start, and the model has clusters. Pass --init auto, or "
            "start from the encoder."
        )
