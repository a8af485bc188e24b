"""Clusters around what people know: topics keep to their examples and words, the others are
discovered.

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
from .constraints import FREE, Constraints, obey
from .phrases import add_soft_examples, phrase_cosines, sort_by_phrases
from .rows import draw_sample
from .spaces import Views, cluster_means
from .targets import teach


CLUSTERS, CLASSIFIER = "clusters", "classifier"  # ways to sort documents of known topics


class SeededStart(NamedTuple):
    """Clusters that go with what is known.

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
            return "clusters form around it; no topic has two texts, so none could be held out."
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.held_out.items())
        return f"its topics are sorted by the {self.way} (right on texts held out: {shares})."


def find_seeded_start(
    views: Views,
    known: Constraints,
    free_clusters: np.ndarray,
    num_clusters: int,
    seed: int,
    num_folds: int = 5,
) -> SeededStart:
    """`seeded_clusters`, or what a classifier of the labelled documents says within their topics,
    whichever puts more of the labelled documents right that it is not shown.

    Args:
        views, known, free_clusters, num_clusters: As in `seeded_clusters`, but that topics need no
            document where they have phrases.
        seed (`int`): Seed of what is held out.
        num_folds (`int`, *optional*, defaults to 5): Parts of the labelled documents that are held
            out in turn, fewer where topics have fewer.
    """
    cosines = None
    if known.phrases is not None:
        cosines = phrase_cosines(views.embeddings, known.phrases)

    def cluster(labels: np.ndarray) -> tuple[np.ndarray, Constraints]:
        told = known.relabel(labels)
        if cosines is not None:
            labels = add_soft_examples(cosines, labels, free_clusters, num_clusters)
        shown = known.relabel(labels)
        clusters = seeded_clusters(views, shown, free_clusters, num_clusters)
        if cosines is not None:
            space = views.for_discriminants
            clusters = sort_by_phrases(cosines, space, told, clusters, num_clusters)
        return clusters, shown

    held_out: dict[str, float] = {}
    folds = _deal(known.labels, num_folds, seed)
    num_dealt = int((folds >= 0).sum())
    if num_dealt:
        right: dict[str, int] = dict.fromkeys((CLUSTERS, CLASSIFIER), 0)
        for fold in range(folds.max() + 1):
            held = np.flatnonzero(folds == fold)
            clusters, shown = cluster(np.where(folds == fold, FREE, known.labels))
            for way in right:
                found = _sort(way, views, clusters, shown, held)
                right[way] += int((found == known.labels[held]).sum())
        held_out = {way: count / num_dealt for way, count in right.items()}
    clusters, shown = cluster(known.labels)
    way = max(held_out, key=lambda name: held_out[name], default=CLUSTERS)
    every = np.arange(len(clusters))
    return SeededStart(_sort(way, views, clusters, shown, every), way, held_out)


def seeded_clusters(
    views: Views, known: Constraints, free_clusters: np.ndarray, num_clusters: int
) -> np.ndarray:
    """Clusters that go with what is known, `(num_documents,)`; cluster j is topic j, those beyond
    the topics are discovered.

    Annealed k-means whose centroids start at the means of the examples, which stay in their
    clusters (constrained seeding, Basu et al., ICML 2002), and at the clusters of a start without
    labels that no topic is matched to; then linear discriminants in turns. Without topics the
    clusters of that start are only made to go with what is known.

    Args:
        views (`Views`): The documents.
        known (`Constraints`): What is known of them; each topic has one document or more.
        free_clusters (`np.ndarray` of shape `(num_documents,)`): Clusters of a start without labels
            (`start.find_start`), as many.
        num_clusters (`int`): Number of clusters K, no less than that of topics.
    """
    space, labelled = views.smoothed, known.labels >= 0
    if not labelled.any():
        clusters = obey(teach(views.for_discriminants, free_clusters, num_clusters), known)
    else:
        labels = known.labels[labelled]
        topics = cluster_means(space[labelled], labels, labels.max() + 1)
        free_means = cluster_means(space, free_clusters, num_clusters)
        # Where no example lies in a cluster, the nearest one is taken.
        shared = 0.1 * normalize(topics) @ normalize(free_means).T
        np.add.at(shared, (labels, free_clusters[labelled]), 1)
        _, matched = linear_sum_assignment(shared, maximize=True)
        others = np.delete(free_means, matched, axis=0)
        clusters = anneal(space, np.vstack([topics, others]), constraints=known)
    return _refine(views.for_discriminants, clusters, num_clusters, known)


def thin_out(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Labels of at most so many documents, `(num_documents,)`, evenly over the topics: each keeps
    one or more.
    """
    if (labels >= 0).sum() <= size:
        return labels
    topics = np.unique(labels[labels >= 0])
    thinned = np.full_like(labels, FREE)
    for topic in topics:
        rows = np.flatnonzero(labels == topic)
        thinned[rows[draw_sample(len(rows), seed, max(1, size // len(topics)))]] = topic
    return thinned


def _refine(
    space: np.ndarray, clusters: np.ndarray, num_clusters: int, known: Constraints, rounds: int = 5
) -> np.ndarray:
    """Clusters by their own discriminants, in turns, that go with what is known."""
    for _ in range(rounds):
        refined = obey(teach(space, clusters, num_clusters), known)
        if np.array_equal(refined, clusters) or len(np.unique(refined)) < num_clusters:
            break
        clusters = refined
    return clusters


def _deal(labels: np.ndarray, num_folds: int, seed: int) -> np.ndarray:
    """Fold of each labelled document, `(num_documents,)`; -1 for the others, and where it is its
    topic's only one.
    """
    generator, folds = np.random.default_rng(seed), np.full(len(labels), -1)
    for topic in range(labels.max(initial=FREE) + 1):
        rows = generator.permutation(np.flatnonzero(labels == topic))
        if len(rows) > 1:
            folds[rows] = np.arange(len(rows)) % num_folds
    return folds


def _sort(
    way: str, views: Views, clusters: np.ndarray, known: Constraints, rows: np.ndarray
) -> np.ndarray:
    """Clusters of some documents by one way, `(len(rows),)`; discovered clusters stay, and so do
    documents of which something is known.

    The classifier is logistic regression of the labelled documents in three spaces, whose
    probabilities are multiplied.
    """
    labels, labelled = known.labels, known.labels >= 0
    num_topics = labels.max(initial=FREE) + 1
    if way == CLUSTERS or num_topics < 2:
        return clusters[rows]
    logits = np.zeros((len(rows), num_topics))
    for space in (views.embeddings, views.fused, views.smoothed):
        classifier = LogisticRegression(C=10, max_iter=500).fit(space[labelled], labels[labelled])
        logits += classifier.predict_log_proba(space[rows])
    stays = known.is_known[rows] | (clusters[rows] >= num_topics)
    return np.where(stays, clusters[rows], logits.argmax(axis=1))
