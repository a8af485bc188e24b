"""Clusters of a trained model made one, without training.

The merged cluster's centroid is the mean of theirs, weighted by their documents. Its number is the
smallest of theirs; the numbers after the others move up, so that none is left out. Its name is that
of the first of them that is a known topic.
"""

import logging
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering
from ..texts.names import set_labels
from .arguments import ClusteringTrainingArguments


logger = logging.getLogger(__name__)


def check_merge(args: ClusteringTrainingArguments) -> None:
    """Raise `InputError` where a merge comes with a training, or there is a model already where its
    own is to go.
    """
    if not args.merge:
        return
    if not args.reports_alone:
        raise InputError(
            "--merge makes a new model of a trained one. Pass --do_report, but no --do_train or "
            "--do_eval."
        )
    output_dir = Path(args.output_dir)
    if [*output_dir.glob("config.json"), *output_dir.glob("*.safetensors")]:
        raise InputError(
            f"--output_dir '{output_dir}' already holds a model. Choose another folder for the "
            "merged one."
        )


def parse_groups(merge: list[str], num_clusters: int) -> list[list[int]]:
    """The groups of clusters to merge, as numbers.

    Args:
        merge (`list[str]`): A group each, its numbers separated by commas.
        num_clusters (`int`): How many clusters the model has.

    Raises:
        InputError: A number is no cluster or stands twice, a group holds one alone, or a single
            cluster would be left.

    Example:
        >>> parse_groups(["3,7", "1,2"], num_clusters=8)
        [[3, 7], [1, 2]]
    """
    said = f"--merge {' '.join(merge)}"
    try:
        groups = [[int(number) for number in group.split(",")] for group in merge]
    except ValueError:
        raise InputError(
            f"{said}: expected numbers of clusters, as in --merge 3,7 or --merge 3,7 1,2."
        ) from None
    numbers = [number for group in groups for number in group]
    if not groups:
        return []
    unknown = [number for number in numbers if not 0 <= number < num_clusters]
    if unknown:
        raise InputError(
            f"{said}: there is no cluster {unknown[0]}; the model has 0 to {num_clusters - 1}."
        )
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{said}: a cluster stands there twice. Name each once.")
    if min(len(group) for group in groups) < 2:
        raise InputError(f"{said}: a group needs two clusters or more.")
    if num_clusters - len(numbers) + len(groups) < 2:
        raise InputError(
            f"{said}: that would leave one cluster of {num_clusters}; at least 2 are needed."
        )
    return groups


def new_numbers(groups: list[list[int]], num_clusters: int) -> np.ndarray:
    """Number of each cluster after the merge, `(num_clusters,)`.

    Example:
        >>> new_numbers([[1, 3]], num_clusters=5)
        array([0, 1, 2, 1, 3])
    """
    targets = np.arange(num_clusters)
    for group in groups:
        targets[group] = min(group)
    return np.unique(targets, return_inverse=True)[1]


@torch.no_grad()
def merge_clusters(model: BertForClustering, merge: list[str], clusters: np.ndarray) -> np.ndarray:
    """Make each group of a model's clusters one, in place; the merged ones lose their label,
    unless people gave it.

    Args:
        model (`BertForClustering`): With clusters.
        merge (`list[str]`): Groups as `parse_groups` takes them.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document, which makes
            the weights; -1 for those that are in none.

    Returns:
        `np.ndarray` of shape `(num_documents,)`: The same clusters under their new numbers.
    """
    centroids, config = model.cluster_head.centroids, model.config
    groups = parse_groups(merge, len(centroids))
    numbers = new_numbers(groups, len(centroids))
    sizes = torch.from_numpy(
        np.bincount(clusters[clusters >= 0], minlength=len(centroids)).clip(min=1)
    ).to(centroids)
    merged = torch.zeros(numbers.max() + 1, centroids.shape[1]).to(centroids)
    weights = torch.zeros(len(merged)).to(centroids)
    where = torch.from_numpy(numbers).to(centroids.device)
    merged.index_add_(0, where, centroids * sizes[:, None])
    weights.index_add_(0, where, sizes)
    labels = {int(number): config.id2label[old] for old, number in enumerate(numbers)}
    for group in groups:
        number = int(numbers[group[0]])
        names = [config.id2label[cluster] for cluster in sorted(group)]
        known = [name for name in names if name in (config.known_topics or ())]
        labels[number] = known[0] if known else f"LABEL_{number}"
        logger.info(
            "Clusters %s are now cluster %d.", " and ".join(map(str, sorted(group))), number
        )
    logger.info(
        "Numbers before and after: %s.",
        ", ".join(f"{a} → {b}" for a, b in enumerate(numbers) if a != b),
    )
    model.cluster_head.centroids = torch.nn.Parameter(merged / weights[:, None])
    set_labels(config, labels)
    return np.where(clusters < 0, -1, numbers[clusters])
