"""Topics of new documents that a model does not know: proposed, and taken up into it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from accelerate.utils import broadcast_object_list
from scipy.spatial.distance import cdist

from ..clusters.constraints import FREE
from ..clusters.novelty import Known, find_new_groups
from ..clusters.spaces import cluster_means
from ..errors import InputError
from ..texts.known import KnownTopics
from ..texts.names import make_labels
from ..trainer import ClusteringTrainer
from ..training.growing import add_clusters
from ..training.keywords import find_keywords
from ..training.stages import stage


class Proposals(NamedTuple):
    """Topics that are proposed; the first has the number after the model's last cluster.

    Args:
        first (`int`): Its number.
        names (`list[str]`): What they are called, by their keywords.
        keywords (`list[list[str]]`): These.
        topics (`np.ndarray` of shape `(num_documents,)`): Number of each document's topic; -1 for
            none, and for all earlier documents.
        means (`np.ndarray` of shape `(num_topics, hidden_size)`): Mean embeddings.
        near (`np.ndarray` of shape `(num_topics,)`): The cluster that each lies nearest to.
        num_before (`np.ndarray` of shape `(num_topics,)`): Earlier documents nearer to the topic
            than to their cluster.
        stability (`np.ndarray` of shape `(num_topics,)`): How surely each comes back, from 0 to 1.
    """

    first: int
    names: list[str]
    keywords: list[list[str]]
    topics: np.ndarray
    means: np.ndarray
    near: np.ndarray
    num_before: np.ndarray
    stability: np.ndarray

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + len(self.names))


@stage("proposed topics")
def propose(
    trainer: ClusteringTrainer, texts: Sequence[str], are_new: np.ndarray, least: int
) -> Proposals:
    """Look for topics that hold new documents and hardly any earlier one
    (`clusters.novelty.find_new_groups`). The main process does it, the others take its results.

    Args:
        trainer (`ClusteringTrainer`): With a model that has clusters. Its `train_dataset` holds all
            documents.
        texts (`Sequence[str]` of length `num_documents`): These.
        are_new (`np.ndarray` of shape `(num_documents,)`): Which of them are new.
        least (`int`): Documents of a topic, at least.

    Raises:
        InputError: The model does not say how far its training documents lie.
    """
    config, typical = trainer.model.config, trainer.model.config.typical_distance
    if typical is None:
        raise InputError(
            "The model does not say how far its training documents lie from the centroids. Train "
            "it first: --do_train."
        )
    prediction = trainer.predict()
    found: list[Proposals | None] = [None]
    if trainer.is_world_process_zero():
        embeddings = prediction.embeddings
        centroids = trainer.model.cluster_head.centroids.detach().cpu().numpy()
        known = Known(embeddings[~are_new], centroids, (typical[0], typical[1]))
        groups, *judged = find_new_groups(known, embeddings[are_new], least, trainer.args.seed)
        topics = np.full(len(are_new), FREE)
        topics[are_new] = np.where(groups < 0, FREE, config.num_clusters + groups)
        clusters = np.where(topics < 0, prediction.clusters, topics)
        keywords, names = _name(trainer, texts, clusters, embeddings, len(judged[0]))
        every = cluster_means(embeddings, clusters, config.num_clusters + len(names))
        means = every[config.num_clusters :]
        near = cdist(means, centroids).argmin(axis=1)
        found[0] = Proposals(config.num_clusters, names, keywords, topics, means, near, *judged)
    broadcast_object_list(found)
    assert found[0] is not None  # from the main process
    return found[0]


def _name(
    trainer: ClusteringTrainer,
    texts: Sequence[str],
    clusters: np.ndarray,
    embeddings: np.ndarray,
    num_topics: int,
) -> tuple[list[list[str]], list[str]]:
    """Keywords of topics, whose numbers come after the clusters', and names made of them."""
    config = trainer.model.config
    first, last = config.num_clusters, config.num_clusters + num_topics
    if first == last:
        return [], []
    keywords = find_keywords([*texts], clusters, embeddings, last, trainer.inference)
    labels = make_labels(keywords, known=dict(config.id2label))
    return keywords[first:], [labels[topic] for topic in range(first, last)]


def accept(
    trainer: ClusteringTrainer, proposals: Proposals, numbers: Sequence[int], clusters: np.ndarray
) -> None:
    """Make proposed topics clusters of the model, in the order of their numbers, and set out to
    train it: earlier documents are taught the cluster that they are in, those of the topics theirs,
    and other new ones what the start makes of them.

    Args:
        trainer (`ClusteringTrainer`): As in `propose`.
        proposals (`Proposals`): What it gave.
        numbers (`Sequence[int]`): Of the topics to accept, ascending.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each earlier document; -1
            for new ones, and for earlier ones that are in none.
    """
    config, rows = trainer.model.config, np.array(numbers) - proposals.first
    taught = clusters.copy()
    for place, number in enumerate(numbers):
        taught[proposals.topics == number] = proposals.first + place
    names = [proposals.names[row] for row in rows]
    add_clusters(trainer.model, proposals.means[rows], names)
    by_people = config.known_topics
    labels = [config.id2label[cluster] for cluster in range(config.num_clusters)]
    trainer.known = KnownTopics(labels, taught)
    trainer.initialize_clusters()
    config.known_topics = by_people  # people named no other ones
