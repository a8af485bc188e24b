"""Clusters around labelled examples."""

import numpy as np
import pytest

from bert_clustering.clusters import seeded
from bert_clustering.clusters.candidates import anneal
from bert_clustering.clusters.constraints import constrain
from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.seeded import (
    CLASSIFIER,
    CLUSTERS,
    find_seeded_start,
    seeded_clusters,
    thin_out,
)
from bert_clustering.clusters.spaces import Views
from helpers import make_groups


def some_of(groups: np.ndarray, topics: list[int], count: int, seed: int = 0) -> np.ndarray:
    """Labels of `count` documents of each topic, which is a group; topics are numbered anew."""
    generator, labels = np.random.default_rng(seed), np.full(len(groups), -1)
    for number, topic in enumerate(topics):
        labels[generator.permutation(np.flatnonzero(groups == topic))[:count]] = number
    return labels


@pytest.fixture(scope="module")
def groups():
    embeddings, groups = make_groups([40, 25, 30, 35], spread=0.25)
    return Views(embeddings, np.zeros((len(embeddings), 0), dtype=np.float32)), groups


def test_a_document_that_stays_draws_its_cluster_to_it(groups):
    views, numbers = groups
    labels = np.full(len(numbers), -1)
    labels[np.flatnonzero(numbers == 0)[:20]] = 1
    begin = np.eye(24, dtype=np.float32)[:4]
    free, drawn = (
        anneal(views.embeddings, begin),
        anneal(views.embeddings, begin, constraints=constrain(labels)),
    )
    of_first = numbers == 0
    assert (free[of_first] == 0).all() and (drawn[of_first] == 1).mean() > 0.9


@pytest.mark.parametrize("topics", [[2, 0], [3], [1, 0, 3, 2]])
def test_known_topics_come_first_and_the_others_are_discovered(groups, topics):
    views, numbers = groups
    labels = some_of(numbers, topics, count=3)
    free = np.array([2, 0, 3, 1])[numbers]  # under numbers of its own
    clusters = seeded_clusters(views, constrain(labels), free, num_clusters=4)
    assert clustering_accuracy(numbers, clusters) > 0.97
    for number, topic in enumerate(topics):
        assert (clusters[numbers == topic] == number).mean() > 0.95
    assert (clusters[labels >= 0] == labels[labels >= 0]).all()


def test_a_topic_that_no_cluster_holds_finds_its_own(groups):
    """Two topics within one cluster of the start: the one that is left over gives way."""
    views, numbers = groups
    labels = some_of(numbers, [0, 1], count=5)
    free = np.array([0, 0, 1, 2])[numbers]
    free[numbers == 3] = 2 + np.arange((numbers == 3).sum()) % 2
    clusters = seeded_clusters(views, constrain(labels), free, num_clusters=4)
    assert clustering_accuracy(numbers, clusters) > 0.95


def test_where_labels_know_what_clusters_do_not_a_classifier_sorts(groups):
    """Topics that cut the groups in two, by a direction that parts no clusters."""
    generator = np.random.default_rng(0)
    embeddings, numbers = make_groups([120, 120], spread=0.1)
    side = generator.integers(2, size=240)
    embeddings[:, 20] += 0.25 * (2 * side - 1)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    views = Views(embeddings.astype(np.float32), np.zeros((240, 0), dtype=np.float32))
    labels = some_of(side, [0, 1], count=40)
    start = find_seeded_start(views, constrain(labels), numbers, num_clusters=2, seed=0)
    assert tuple(start.held_out) == (CLUSTERS, CLASSIFIER)
    assert start.way == CLASSIFIER and start.held_out[start.way] > 0.9
    assert (start.clusters == side).mean() > 0.9
    assert start.way in start.describe() and f"{start.held_out[start.way]:.1%}" in start.describe()


@pytest.mark.parametrize("way", [CLUSTERS, CLASSIFIER])
def test_labelled_documents_stay_and_discovered_clusters_are_left_alone(groups, way, monkeypatch):
    views, numbers = groups
    labels = some_of(numbers, [2, 0], count=4)
    labels[np.flatnonzero(numbers == 1)[0]] = 0  # wrong, but somebody said so
    sort = seeded._sort
    monkeypatch.setattr(seeded, "_sort", lambda _, *args: sort(way, *args))
    start = find_seeded_start(views, constrain(labels), numbers, num_clusters=4, seed=0)
    assert (start.clusters[labels >= 0] == labels[labels >= 0]).all()
    assert len(set(start.clusters[numbers == 3])) == 1 and (start.clusters[numbers == 3] >= 2).all()


def test_with_one_example_each_nothing_can_be_held_out(groups):
    views, numbers = groups
    labels = some_of(numbers, [0, 1, 2, 3], count=1)
    start = find_seeded_start(views, constrain(labels), numbers, num_clusters=4, seed=0)
    assert start.way == CLUSTERS and start.held_out == {} and "none could" in start.describe()
    assert (start.clusters == numbers).mean() > 0.95


def test_labels_are_thinned_evenly():
    labels = np.repeat([0, 1, -1], [90, 3, 7])
    thinned = thin_out(labels, size=20, seed=0)
    assert [(thinned == topic).sum() for topic in (0, 1)] == [10, 3]
    assert (labels[thinned >= 0] == thinned[thinned >= 0]).all()
    assert thin_out(labels, size=93, seed=0) is labels
    assert [(thin_out(labels, size=1, seed=0) == topic).sum() for topic in (0, 1)] == [1, 1]


def test_without_topics_only_what_is_known_changes(groups):
    views, numbers = groups
    a, b = np.flatnonzero(numbers == 0)[0], np.flatnonzero(numbers == 1)[0]
    known = constrain(np.full(len(numbers), -1), together=[(a, b)])
    start = find_seeded_start(views, known, numbers, num_clusters=4, seed=0)
    assert start.clusters[a] == start.clusters[b]
    assert (start.clusters == numbers).mean() > 0.98
