"""Scores: known answers, and properties over a table of them."""

import math

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from bert_clustering.clusters import metrics
from bert_clustering.clusters.metrics import (
    calibration_error,
    clustering_accuracy,
    gold_scores,
    internal_scores,
    purity,
)
from bert_clustering.clusters.quality import silhouettes


CLASSES = np.array(["a", "a", "a", "b", "b", "c", "c", "c", "c"], dtype=object)
CLUSTERS = np.array([1, 1, 0, 0, 0, 2, 2, 2, 1])
NAMES = ("accuracy", "nmi", "ari", "purity")


def test_known_answers():
    """Best matching: a-1 (2), b-0 (2), c-2 (3); every cluster's largest class is the same."""
    assert clustering_accuracy(CLASSES, CLUSTERS) == pytest.approx(7 / 9)
    assert purity(CLASSES, CLUSTERS) == pytest.approx(7 / 9)


def test_more_clusters_than_classes_cost_accuracy_and_not_purity():
    each_alone = np.arange(len(CLASSES))
    assert clustering_accuracy(CLASSES, each_alone) == pytest.approx(3 / 9)
    assert purity(CLASSES, each_alone) == 1


def test_fewer_clusters_than_classes():
    one = np.zeros(len(CLASSES), dtype=int)
    assert clustering_accuracy(CLASSES, one) == purity(CLASSES, one) == pytest.approx(4 / 9)


@pytest.mark.parametrize("name", NAMES)
def test_perfect_whatever_the_clusters_are_called(name):
    renamed = np.array([{"a": 7, "b": 0, "c": 3}[label] for label in CLASSES])
    assert gold_scores(CLASSES, renamed)[name] == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_renaming_clusters_changes_nothing_and_scores_are_plain_floats(name):
    score = gold_scores(CLASSES, CLUSTERS)[name]
    assert gold_scores(CLASSES, np.array([5, 9, 1])[CLUSTERS])[name] == pytest.approx(score)
    assert type(score) is float and -0.5 <= score <= 1


@pytest.mark.parametrize(
    "name, chance", [("nmi", 0.0), ("ari", 0.0), ("accuracy", 0.25), ("purity", 0.25)]
)
def test_random_clusters_score_by_chance(name, chance):
    generator = np.random.default_rng(0)
    score = gold_scores(generator.integers(4, size=4000), generator.integers(4, size=4000))[name]
    assert score == pytest.approx(chance, abs=0.03)


def test_internal_scores():
    embeddings = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    scores = internal_scores(embeddings, np.array([0, 0, 2, 2]), num_clusters=3, seed=0)
    assert scores["silhouette"] > 0.9
    assert (scores["smallest_cluster"], scores["largest_cluster"]) == (0, 2)
    expected = silhouette_score(embeddings, [0, 0, 2, 2], metric="cosine")
    assert scores["silhouette"] == pytest.approx(expected)
    one = internal_scores(embeddings, np.zeros(4, dtype=int), num_clusters=2, seed=0)
    assert math.isnan(one["silhouette"])
    assert (one["smallest_cluster"], one["largest_cluster"]) == (0, 4)
    each_alone = internal_scores(embeddings, np.arange(4), num_clusters=4, seed=0)
    assert math.isnan(each_alone["silhouette"])


@pytest.mark.parametrize(
    "probabilities, right, error",
    [
        ([0.65, 0.68], [True, False], (0.35 + 0.68) / 2),  # in the 10th and the 11th of 15 bins
        ([0.67, 0.72], [True, False], (0.72 - 0.33) / 2),  # both in the 11th
        ([0.9, 0.95], [True, False], (0.1 + 0.95) / 2),  # in the last but one and the last
        ([1.0, 0.95], [False, True], (1 - 0.05) / 2),  # both in the last
    ],
)
def test_calibration_error_by_hand(probabilities, right, error):
    assert calibration_error(np.array(right), np.array(probabilities)) == pytest.approx(error)


def test_silhouette_is_of_five_thousand_documents_at_most(monkeypatch):
    sizes = []

    def watched(embeddings, clusters):
        sizes.append(len(clusters))
        return silhouettes(embeddings, clusters)

    monkeypatch.setattr(metrics, "silhouettes", watched)
    internal_scores(np.eye(2)[np.arange(5001) % 2], np.arange(5001) % 2, 2, seed=0)
    assert sizes == [5000]


def test_silhouette_is_sampled_by_the_seed():
    generator = np.random.default_rng(0)
    embeddings, clusters = generator.normal(size=(300, 5)), generator.integers(3, size=300)

    def silhouette(seed):
        return internal_scores(embeddings, clusters, 3, seed, sample_size=100)["silhouette"]

    assert silhouette(0) == silhouette(0) != silhouette(1)
