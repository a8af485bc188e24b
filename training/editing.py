"""`Edits`, made in a model: centroids, names and levels follow, without training."""

import numpy as np
import torch
from accelerate.utils import broadcast
from sklearn.metrics import pairwise_distances_argmin

from ..clusters.quality import ClusterScore
from ..clusters.rows import draw_sample
from ..clusters.spaces import Views, cluster_means
from ..clusters.start import find_start
from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering
from ..texts.names import set_labels
from .arguments import ClusteringTrainingArguments
from .edits import Edits
from .initialize import MAX_STARTING


@torch.no_grad()
def apply_edits(
    model: BertForClustering,
    edits: Edits,
    clusters: np.ndarray,
    embeddings: np.ndarray,
    rows: dict[str, int],
    parts: np.ndarray,
) -> np.ndarray:
    """Make edits in a model, in place.

    The centroid of a merged cluster is the mean of theirs, weighted by their documents; that of a
    part is the mean of its documents. A document that is moved is added to one mean and taken from
    the other.

    Args:
        model (`BertForClustering`): With clusters.
        edits (`Edits`): Checked.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document; -1 for none.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        rows (`dict[str, int]`): Row of each document that is moved, by its id.
        parts (`np.ndarray` of shape `(num_documents,)`): Part of the documents whose cluster is
            split, as `split_clusters` gives them.

    Returns:
        `np.ndarray` of shape `(num_documents,)`: The clusters, as they are edited, under their new
        numbers; -1 for none, and where it is dropped.
    """
    centroids, num_clusters = model.cluster_head.centroids, model.config.num_clusters
    before, clusters = centroids.detach().cpu().numpy(), clusters.copy()
    sizes = np.bincount(clusters[clusters >= 0], minlength=num_clusters).clip(min=1)
    sums = before * sizes[:, None]
    for id_, target in edits.move.items():
        _move(embeddings[rows[id_]], clusters[rows[id_]], target, sums, sizes)
        clusters[rows[id_]] = target
    numbers, part_numbers = edits.new_numbers(num_clusters), edits.part_numbers(num_clusters)
    kept = numbers >= 0
    edited = np.zeros((1 + max(numbers.max(), *map(max, part_numbers.values()), 0), sums.shape[1]))
    weights = np.zeros(len(edited))
    np.add.at(edited, numbers[kept], sums[kept])
    np.add.at(weights, numbers[kept], sizes[kept])
    edited /= weights.clip(min=1)[:, None]
    found = np.where(clusters < 0, -1, numbers[clusters])
    for cluster, numbers_of_parts in part_numbers.items():
        for part, number in enumerate(numbers_of_parts):
            is_in = (clusters == cluster) & (parts == part)
            edited[number] = embeddings[is_in].mean(axis=0) if is_in.any() else before[cluster]
            found[is_in] = number
    _edit_config(model.config, edits, len(edited))
    model.cluster_head.centroids = torch.nn.Parameter(torch.from_numpy(edited).to(centroids))
    return found


def _move(
    embedding: np.ndarray, source: int, target: int, sums: np.ndarray, sizes: np.ndarray
) -> None:
    """Take a document from the sum of one cluster, and add it to that of another."""
    if source >= 0 and sizes[source] > 1:  # a cluster that is left empty stays where it is
        sums[source] -= embedding
        sizes[source] -= 1
    sums[target] += embedding
    sizes[target] += 1


def _edit_config(config: BertClusterConfig, edits: Edits, num_clusters: int) -> None:
    """Names, names that people gave, and levels, as clusters are edited."""
    numbers, before = edits.new_numbers(config.num_clusters), config.id2label
    parts = edits.part_numbers(config.num_clusters)
    names = {**before, **edits.rename}
    given = [name for name in config.known_topics or [] if name in names.values()]
    given += edits.rename.values()
    labels = {number: f"LABEL_{number}" for number in range(num_clusters)}
    labels |= {int(number): names[old] for old, number in enumerate(numbers) if number >= 0}
    for group in edits.merge:
        number = int(numbers[group[0]])
        renamed = [edits.rename[cluster] for cluster in group if cluster in edits.rename]
        known = [names[cluster] for cluster in sorted(group) if names[cluster] in given]
        labels[number] = [*renamed, *known, f"LABEL_{number}"][0]
    for first, *_ in parts.values():
        labels[first] = f"LABEL_{first}"
    came_from = np.zeros(num_clusters, dtype=int)  # one of the clusters that each was
    came_from[numbers[numbers >= 0]] = np.flatnonzero(numbers >= 0)
    for cluster, numbers_of_parts in parts.items():
        came_from[numbers_of_parts] = cluster
    levels, level_labels = [], []
    for level, inside in enumerate(config.levels or []):
        left, parents = np.unique(np.array(inside)[came_from], return_inverse=True)
        levels.append(parents.tolist())
        level_labels.append([(config.level_labels or [])[level][parent] for parent in left])
    set_labels(config, labels)  # which also tells how many they are
    config.levels, config.level_labels = levels or None, level_labels or None
    config.known_topics = [name for name in given if name in labels.values()] or None


def split_clusters(
    edits: Edits, clusters: np.ndarray, views: Views, args: ClusteringTrainingArguments
) -> np.ndarray:
    """The parts of each cluster that is to be split, found as any clusters are, `(num_documents,)`;
    0 elsewhere. The main process does it; the others take its results.

    Args:
        edits (`Edits`): Checked.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        views (`Views`): The documents.
        args (`ClusteringTrainingArguments`): Whose seed it is.

    Raises:
        InputError: A cluster holds too few documents, or they are all alike.
    """
    parts = np.zeros(len(clusters), dtype=np.int64)
    for cluster, count in edits.split.items() if args.is_main_process else ():
        members = np.flatnonzero(clusters == cluster)
        if len(members) < count:
            raise InputError(
                f"--split {cluster}:{count}: the cluster holds {len(members)} texts, too few for "
                f"{count} parts."
            )
        sample = members[draw_sample(len(members), args.seed, MAX_STARTING)]
        seen, judged = views.take(sample), draw_sample(len(sample), args.seed)
        score = ClusterScore(judged, seen.take(judged).fused)
        found = find_start(seen, count, args.seed, score).clusters
        means = cluster_means(seen.embeddings, found, count)
        parts[members] = pairwise_distances_argmin(views.embeddings[members], means)
        parts[sample] = found
        if len(np.unique(found)) < count:
            raise InputError(
                f"--split {cluster}:{count}: its texts are too much alike for {count} parts."
            )
    return broadcast(torch.from_numpy(parts).to(args.device)).cpu().numpy()
