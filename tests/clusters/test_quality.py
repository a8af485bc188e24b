"""Scores without gold classes: right clusters score best, and each part is what its source says."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from bert_clustering.clusters.quality import ClusterScore, separation, silhouettes
from bert_clustering.clusters.rows import draw_sample
from helpers import make_groups


def test_score_of_right_clusters_is_the_best():
    embeddings, groups = make_groups([30, 20, 10], spread=0.1)
    sample = draw_sample(len(groups), seed=0)
    score = ClusterScore(sample, embeddings[sample], num_neighbors=5)
    assert score(groups) > score(groups.clip(max=1))
    assert score(groups) > score(np.random.default_rng(0).permutation(groups))
    assert score(np.zeros_like(groups)) == score(np.arange(len(groups))) == -2


def test_score_is_silhouette_plus_a_fifth_of_modularity():
    """Two pairs, each document linked to its twin: half of all links lie in either, Q = 1 - (1/4 +
    1/4).
    """
    embeddings = np.array([[1.0, 0.0], [0.8, 0.6], [-1.0, 0.0], [-0.8, -0.6]])
    clusters = np.array([0, 0, 1, 1])
    score = ClusterScore(np.arange(4), embeddings, num_neighbors=1)
    assert score(clusters) == pytest.approx(
        0.2 * 0.5 + silhouette_score(embeddings, clusters, metric="cosine")
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


def test_separation_weighs_documents_and_a_fifth_of_it_clusters():
    """Cosine distances: 0 in the pair; 0, 0.2 and 0.2 in the three, which are 1, 1 and 0.4 off the
    pair.
    """
    embeddings = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.8, 0.6]])
    clusters = np.array([0, 0, 1, 1, 1])
    widths = [1, 1, 1 - 0.1, 1 - 0.1, (0.4 - 0.2) / 0.4]
    np.testing.assert_allclose(silhouettes(embeddings, clusters), widths)
    of_documents, of_clusters = 4.3 / 5, (1 + 2.3 / 3) / 2
    assert separation(embeddings, clusters) == pytest.approx(0.8 * of_documents + 0.2 * of_clusters)
    assert separation(embeddings, clusters, 1.0) == pytest.approx(of_clusters)
    gaps = np.array([7, 7, 3, 3, 3])
    assert separation(embeddings, gaps) == pytest.approx(separation(embeddings, clusters))


def test_separation_without_the_clusters_share_is_the_silhouette():
    embeddings, groups = make_groups([30, 20, 10], spread=0.3)
    expected = silhouette_score(embeddings, groups, metric="cosine")
    assert separation(embeddings, groups, per_cluster=0.0) == pytest.approx(expected, abs=1e-6)


def test_to_separation_a_document_alone_is_a_cluster_like_any_other():
    embeddings, groups = make_groups([6, 5, 1], spread=0.3)
    widths = silhouettes(embeddings, groups)
    assert widths[11] == 0
    expected = (widths[:6].mean() + widths[6:11].mean() + 0) / 3
    assert separation(embeddings, groups, per_cluster=1.0) == pytest.approx(expected)


def test_a_score_knows_the_separation_of_its_sample():
    embeddings, groups = make_groups([30, 20, 10], spread=0.3)
    sample = np.arange(1, 60, 2)
    score = ClusterScore(sample, embeddings[sample])
    assert score.separation(groups) == separation(embeddings[sample], groups[sample])


def test_sample_is_seeded_and_bounded():
    sample = draw_sample(9000, seed=1)
    assert len(np.unique(sample)) == 5000 and sample.max() < 9000
    np.testing.assert_array_equal(sample, draw_sample(9000, seed=1))
    np.testing.assert_array_equal(draw_sample(7, seed=1), np.arange(7))
