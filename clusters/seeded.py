"""Clusters around labelled examples: known topics keep to them, the others are discovered.

Few labels say which clusters are meant, and the many unlabelled texts where they lie; many labels
say more than any clustering. Which holds is asked of the labelled texts themselves.

Pure functions of arrays.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from .candidates import anneal
from .rows import draw_sample
from .spaces import Views, cluster_means
from .targets import teach


UNKNOWN = -1  # topic of a document without a label
CLUSTERS, CLASSIFIER = "clusters", "classifier"  # ways to sort documents of known topics


class SeededStart(NamedTuple):
    """Clusters around labelled examples.

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document; cluster j is
            topic j.
        way (`str`): What sorts the documents of known topics.
        held_out (`dict[str, float]`): Share of the labelled documents that each way puts right
            where it is not shown them; empty where no topic has two.
    """

    clusters: np.ndarray
    way: str
    held_out: dict[str, float]

    def describe(self) -> str:
        """What sorts the texts of known topics, and why."""
        if not self.held_out:
            return "clusters form around them; no topic has two, so nothing could be held out."
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.held_out.items())
        return f"known topics are sorted by the {self.way} (right on those held out: {shares})."


def find_seeded_start(
    views: Views,
    labels: np.ndarray,
    free_clusters: np.ndarray,
    num_clusters: int,
    seed: int,
    num_folds: int = 5,
) -> SeededStart:
    """`seeded_clusters`, or what a classifier of the labelled documents says within their topics,
    whichever puts more of the labelled documents right that it is not shown.

    Args:
        views, labels, free_clusters, num_clusters: As in `seeded_clusters`.
        seed (`int`): Seed of what is held out.
        num_folds (`int`, *optional*, defaults to 5): Parts of the labelled documents that are held
            out in turn, fewer where topics have fewer.
    """
    held_out: dict[str, float] = {}
    folds = _deal(labels, num_folds, seed)
    num_dealt = int((folds >= 0).sum())
    if num_dealt:
        right: dict[str, int] = dict.fromkeys((CLUSTERS, CLASSIFIER), 0)
        for fold in range(folds.max() + 1):
            held = np.flatnonzero(folds == fold)
            shown = np.where(folds == fold, UNKNOWN, labels)
            clusters = seeded_clusters(views, shown, free_clusters, num_clusters)
            for way in right:
                found = _sort(way, views, clusters, shown, held)
                right[way] += int((found == labels[held]).sum())
        held_out = {way: count / num_dealt for way, count in right.items()}
    clusters = seeded_clusters(views, labels, free_clusters, num_clusters)
    way = max(held_out, key=lambda name: held_out[name], default=CLUSTERS)
    every = np.arange(len(labels))
    return SeededStart(_sort(way, views, clusters, labels, every), way, held_out)


def seeded_clusters(
    views: Views, labels: np.ndarray, free_clusters: np.ndarray, num_clusters: int
) -> np.ndarray:
    """Clusters that hold the labelled documents of their topic, `(num_documents,)`; cluster j is
    topic j, those beyond the topics are discovered.

    Annealed k-means whose centroids start at the means of the examples, which stay in their
    clusters (constrained seeding, Basu et al., ICML 2002), and at the clusters of a start without
    labels that no topic is matched to; then linear discriminants in turns.

    Args:
        views (`Views`): The documents.
        labels (`np.ndarray` of shape `(num_documents,)`): Topic of each document, from 0; -1 where
            it is not known. Each topic has one document or more.
        free_clusters (`np.ndarray` of shape `(num_documents,)`): Clusters of a start without labels
            (`start.find_start`), as many.
        num_clusters (`int`): Number of clusters K, no less than that of topics.
    """
    space, known = views.smoothed, labels >= 0
    num_topics = labels.max() + 1
    topics = cluster_means(space[known], labels[known], num_topics)
    shared = np.zeros((num_topics, num_clusters))
    np.add.at(shared, (labels[known], free_clusters[known]), 1)
    # Where no example lies in a cluster, the nearest one is taken.
    free_means = cluster_means(space, free_clusters, num_clusters)
    shared += 0.1 * normalize(topics) @ normalize(free_means).T
    _, matched = linear_sum_assignment(shared, maximize=True)
    others = np.delete(free_means, matched, axis=0)
    clusters = anneal(space, np.vstack([topics, others]), labels=labels)
    return _refine(views.for_discriminants, clusters, num_clusters, labels)


def thin_out(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Labels of at most so many documents, `(num_documents,)`, evenly over the topics: each keeps
    one or more.
    """
    topics = labels.max() + 1
    if (labels >= 0).sum() <= size:
        return labels
    thinned = np.full_like(labels, UNKNOWN)
    for topic in range(topics):
        rows = np.flatnonzero(labels == topic)
        thinned[rows[draw_sample(len(rows), seed, max(1, size // topics))]] = topic
    return thinned


def _refine(
    space: np.ndarray, clusters: np.ndarray, num_clusters: int, labels: np.ndarray, rounds: int = 5
) -> np.ndarray:
    """Clusters by their own discriminants, in turns; labelled documents stay."""
    clusters = np.where(labels >= 0, labels, clusters)
    for _ in range(rounds):
        nearest = teach(space, clusters, num_clusters).argmax(axis=1)
        refined = np.where(labels >= 0, labels, nearest)
        if np.array_equal(refined, clusters) or len(np.unique(refined)) < num_clusters:
            break
        clusters = refined
    return clusters


def _deal(labels: np.ndarray, num_folds: int, seed: int) -> np.ndarray:
    """Fold of each labelled document, `(num_documents,)`; -1 for the others, and where it is its
    topic's only one.
    """
    generator, folds = np.random.default_rng(seed), np.full(len(labels), -1)
    for topic in range(labels.max() + 1):
        rows = generator.permutation(np.flatnonzero(labels == topic))
        if len(rows) > 1:
            folds[rows] = np.arange(len(rows)) % num_folds
    return folds


def _sort(
    way: str, views: Views, clusters: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Clusters of some documents by one way, `(len(rows),)`; discovered clusters stay, and so do
    labelled documents.

    The classifier is logistic regression of the labelled documents in three spaces, whose
    probabilities are multiplied.
    """
    known = labels >= 0
    if way == CLUSTERS or labels.max() == 0:
        return clusters[rows]
    logits = np.zeros((len(rows), labels.max() + 1))
    for space in (views.embeddings, views.fused, views.smoothed):
        classifier = LogisticRegression(C=10, max_iter=500).fit(space[known], labels[known])
        logits += classifier.predict_log_proba(space[rows])
    said = np.where(known[rows], labels[rows], logits.argmax(axis=1))
    return np.where(clusters[rows] <= labels.max(), said, clusters[rows])
