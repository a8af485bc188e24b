"""What the charts of the page show."""

import sys

import numpy as np
import pytest
from scipy.cluster import hierarchy as scipy_hierarchy

from bert_clustering.reports.charts import confusion, curves, dendrogram, hierarchy, scores_of_k
from bert_clustering.reports.page import render
from helpers import make_result


def test_confusion_puts_matches_on_the_diagonal():
    classes = np.array(["x", "x", "x", "y", "y", "z"], dtype=object)
    table = confusion(classes, np.array([2, 2, 0, 0, 0, 4]))
    assert table == {
        "classes": ["x", "y", "z"],
        "clusters": [2, 0, 4],
        "counts": [[2, 1, 0], [0, 2, 0], [0, 0, 1]],
    }


def test_the_closest_clusters_join_first():
    centroids = np.array([[1, 0], [0, 1], [0.1, 1], [1, 1]], dtype=np.float32)
    labels = ["a", "b", "c", "d"]
    result = make_result(labels, [0, 1, 2, 3], labels, centroids=centroids)
    tree = hierarchy(result)
    assert (
        sorted(tree["closest"]) == [1, 2]
        and sorted(tree["leaves"]) == [0, 1, 2, 3]
        and len(tree["lines"]) == 3
    )
    assert max(line["x"][1] for line in tree["lines"]) == pytest.approx(0.731, abs=1e-3), (
        "(1 + 0.900 + 0.293) / 3"
    )
    lone = make_result(["a", "b"], [0, 0], ["a", "b"])
    assert hierarchy(lone) == {"lines": [], "leaves": [], "closest": []} and render(lone)


def test_curves_are_those_of_the_log():
    history = [
        {"epoch": 0.5, "loss": 1.0, "clustering_loss": 0.3, "mlm_loss": 3.0},
        {"epoch": 1.0, "changed": 0.1, "cluster_size_0": 3, "cluster_size_1": 1},
        {"epoch": 1.5, "loss": float("nan"), "clustering_loss": 0.2, "mlm_loss": float("nan")},
        {"epoch": 1.5, "train_runtime": 5.0},
    ]
    assert curves(history) == {
        "clustering_loss": {"x": [0.5, 1.5], "y": [0.3, 0.2]},
        "mlm_loss": {"x": [0.5], "y": [3.0]},
        "changed": {"x": [1.0], "y": [0.1]},
        "sizes": {"x": [1.0], "y": [[3, 1]]},
    }


@pytest.mark.parametrize("num_leaves", [2, 3, 4, 7, 20, 60])
@pytest.mark.parametrize("method", ["average", "single"])
def test_the_dendrogram_is_that_of_scipy(num_leaves, method):
    for seed in range(5):
        points = np.random.default_rng(seed).normal(size=(num_leaves, 3)).round(1)
        links = scipy_hierarchy.linkage(points, method)
        leaves, across, heights = dendrogram(links)
        tree = scipy_hierarchy.dendrogram(links, no_plot=True)
        assert leaves.tolist() == tree["leaves"]
        np.testing.assert_allclose(across, tree["icoord"], rtol=0, atol=1e-9)
        np.testing.assert_array_equal(heights, tree["dcoord"])


def test_a_dendrogram_may_be_deeper_than_python_can_call():
    joins = np.arange(5000)
    assert len(joins) > sys.getrecursionlimit()
    earlier = np.where(joins == 0, 0, len(joins) + joins)  # each join takes in one leaf more
    links = np.column_stack([earlier, joins + 1, joins + 1.0, joins + 2])
    leaves, across, heights = dendrogram(links)
    assert leaves.tolist() == list(range(5001))
    assert across[0].tolist() == [5, 5, 15, 15] and across[-1, 2:].tolist() == [50_005] * 2
    assert heights[-1].tolist() == [4999, 5000, 5000, 0]


def test_many_clusters_in_a_cone_have_a_hierarchy():
    """Each lies farther from the axis than the one before, so they join one by one."""
    num_clusters = 1500
    angles = np.linspace(0, 1, num_clusters)[:, None]
    centroids = np.sin(angles) * np.eye(num_clusters)
    centroids[:, :1] += np.cos(angles)
    labels = [f"cluster {k}" for k in range(num_clusters)]
    tree = hierarchy(make_result(labels, range(num_clusters), labels, centroids=centroids))
    assert tree["leaves"][:3] == [1499, 1498, 1497], "the last to join stand first"
    assert sorted(tree["leaves"]) == list(range(num_clusters)) and len(tree["lines"]) == 1499


def test_the_score_of_every_number_of_clusters_is_a_curve():
    about = {"metrics": {"num_clusters_scores": {"10": 0.3, "2": 0.5, "3": 0.4}}}
    result = make_result(["a", "b"], [0, 1], ["a", "b"], **about)
    assert scores_of_k(result) == {"x": [2, 3, 10], "y": [0.5, 0.4, 0.3], "chosen": 2}
    page = render(result)
    assert 'id="scores"' in page and "The marked one, 2, was taken" in page
    without = make_result(["a", "b"], [0, 1], ["a", "b"])
    assert scores_of_k(without) is None and 'id="scores"' not in render(without)
