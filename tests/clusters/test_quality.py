"""Scores without gold classes: right clusters score best, and each part is what its source says."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from bert_clustering.clusters.quality import ClusterScore, evenness, silhouettes
from bert_clustering.clusters.rows import draw_sample
from helpers import make_groups


def test_score_of_right_clusters_is_the_best():
    embeddings, groups = make_groups([30, 20, 10], spread=0.1)
    sample = draw_sample(len(groups), seed=0)
    score = ClusterScore(sample, embeddings[sample], num_neighbors=5)
    assert score(groups) > score(groups.clip(max=1))
    assert score(groups) > score(np.random.default_rng(0).permutation(groups))
    assert score(np.zeros_like(groups)) == score(np.arange(len(groups))) == -2


def test_score_is_modularity_plus_silhouette():
    """Two pairs, each document linked to its twin: half of all links lie in either, Q = 1 - (1/4 +
    1/4).
    """
    embeddings = np.array([[1.0, 0.0], [0.8, 0.6], [-1.0, 0.0], [-0.8, -0.6]])
    clusters = np.array([0, 0, 1, 1])
    score = ClusterScore(np.arange(4), embeddings, num_neighbors=1)
    assert score(clusters) == pytest.approx(
        0.5 + silhouette_score(embeddings, clusters, metric="cosine")
    )


@pytest.mark.parametrize("sizes", [[30, 20, 10], [5, 1, 1], [2, 2]])
def test_silhouette_is_scikit_learns(sizes):
    embeddings, groups = make_groups(sizes, spread=0.3)
    expected = silhouette_score(embeddings, groups, metric="cosine")
    assert ClusterScore(np.arange(len(groups)), embeddings).silhouette(groups) == pytest.approx(
        expected, abs=1e-6
    )


def test_silhouettes_of_one_cluster_and_of_a_document_alone_are_0():
    embeddings, groups = make_groups([5, 1], spread=0.3)
    with np.errstate(all="raise"):
        assert silhouettes(embeddings, groups)[5] == 0
        np.testing.assert_array_equal(silhouettes(embeddings, np.zeros(6, dtype=int)), np.zeros(6))


@pytest.mark.parametrize("num_documents, num_neighbors", [(30, 10), (11, 10), (4, 3)])
def test_each_document_has_ten_neighbors_or_all_others(num_documents, num_neighbors):
    embeddings, _ = make_groups([num_documents], spread=0.3)
    graph = ClusterScore(np.arange(num_documents), embeddings).graph
    assert graph.sum() == 2 * num_neighbors * num_documents and graph.diagonal().sum() == 0


def test_evenness_falls_with_the_spread_of_the_sizes():
    sizes = [[5, 5, 5], [7, 5, 3], [13, 1, 1], [15, 0, 0]]
    values = [evenness(np.repeat([0, 1, 2], counts), num_clusters=3) for counts in sizes]
    assert values[0] == pytest.approx(1) and values[3] == 0
    assert values == sorted(values, reverse=True)


def test_sample_is_seeded_and_bounded():
    sample = draw_sample(9000, seed=1)
    assert len(np.unique(sample)) == 5000 and sample.max() < 9000
    np.testing.assert_array_equal(sample, draw_sample(9000, seed=1))
    np.testing.assert_array_equal(draw_sample(7, seed=1), np.arange(7))
