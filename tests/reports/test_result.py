"""One finished result, which nobody changes."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from bert_clustering.clusters.start import describe_choice
from bert_clustering.reports.result import mean_per_cluster
from helpers import make_groups, make_result


def test_it_is_finished():
    result = make_result(["a", "b"], [0, 1], ["A", "B"])
    with pytest.raises(FrozenInstanceError):
        result.metrics = {}
    assert result.sizes is result.sizes, "what follows from it is worked out once"


def test_rows_are_those_with_a_usable_text():
    about = {"ids": ["x", "y", "z"], "classes": ["one", "two", "three"]}
    result = make_result(["a", None, "c"], [1, 1], ["A", "B", "empty"], **about)
    assert result.texts == ["a", "c"] and result.ids == ["x", "z"]
    assert result.classes.tolist() == ["one", "three"]
    assert result.sizes.tolist() == [0, 2, 0] and result.title == "2 texts in 3 clusters"
    assert result.mean_probabilities[[0, 2]].tolist() == [0, 0]
    assert result.mean_probabilities[1] == pytest.approx(result.probabilities.mean())
    assert [len(rows) for rows in result.nearest] == [0, 2, 0]


def test_stabilities_are_those_of_these_clusters_or_not_known():
    labels = ["A", "B"]
    for known, told in (
        ([0.5, None], [0.5, None]),
        ([0.5, 0.6, 0.7], [None] * 2),
        (None, [None] * 2),
    ):
        metrics = {"cluster_stability": known}
        assert make_result(["a", "b"], [0, 1], labels, metrics=metrics).stabilities == told
    assert make_result(["a", "b"], [0, 1], labels).stabilities == [None, None]


def test_clusters_that_may_be_chance_are_told_the_largest_first():
    labels, clusters = list("ABCDEF"), [0, 1, 1, 2, 2, 2, 3, 4, 5, 5]

    def told(*stabilities: float | None) -> str | None:
        metrics = {"cluster_stability": list(stabilities)}
        return make_result(["text"] * 10, clusters, labels, metrics=metrics).about_stability

    assert told(1, 0.6, 1, 1, 1, 1) == "6 of 6 clusters"
    assert told(0.5, 0.5, 1, 1, None, 1) == ("3 of 5 clusters; may be chance (30.0%): B; A")
    assert told(0, 0, 0, 0, 0, 0).endswith("(100.0%): C; B; F and 3 more")
    assert told(*[None] * 6) is None


def test_silhouettes_are_the_means_of_cosine_silhouettes():
    embeddings, groups = make_groups([20, 12, 7], spread=0.2)
    lengths = np.random.default_rng(0).uniform(0.5, 2, size=(39, 1))
    about = {"embeddings": embeddings * lengths}
    result = make_result(["text"] * 39, groups, ["A", "B", "C"], **about)
    expected = mean_per_cluster(silhouette_samples(embeddings, groups, metric="cosine"), groups, 3)
    np.testing.assert_allclose(result.cluster_silhouettes, expected, atol=1e-5)


def test_stages_and_numbers_of_clusters_come_in_order():
    names = ("accuracy", "nmi", "ari", "purity")
    metrics = {
        f"{stage}_{name}": row for row, name in enumerate(names) for stage in ("eval", "init")
    }
    metrics["num_clusters_scores"] = {"10": 0.1, "9": 0.2}
    result = make_result(["a", "b"], [0, 1], ["A", "B"], metrics=metrics)
    assert result.stage_scores == {"start": [0, 1, 2, 3], "final": [0, 1, 2, 3]}
    assert [*result.stage_scores] == ["start", "final"] and [*result.scores_of_k] == [9, 10]


def test_of_the_start_a_person_hears_where_it_was_chosen():
    scores, sizes = {"even": 0.1, "any": 0.3}, {"even": [5, 5], "any": [9, 1]}
    metrics = {"start_separation": scores, "start_sizes": sizes}
    result = make_result(["a", "b"], [0, 1], ["A", "B"], metrics=metrics)
    assert result.about_start == describe_choice(scores, sizes)
    for without in ({}, {"start_separation": None, "start_sizes": None}):
        about = {"metrics": without}
        assert make_result(["a", "b"], [0, 1], ["A", "B"], **about).about_start is None
