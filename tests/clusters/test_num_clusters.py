"""The number of clusters, on data whose number is known."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from bert_clustering.clusters.num_clusters import Trees, estimate_num_clusters
from bert_clustering.clusters.spaces import Views
from helpers import make_groups


@pytest.mark.parametrize("sizes", [[60] * 4, [40] * 11, [200, 30, 20, 9, 9, 9], [300, 300]])
def test_groups_are_counted_whatever_their_sizes(sizes):
    embeddings, _ = make_groups(sizes, spread=0.15)
    nothing = np.zeros((len(embeddings), 0), dtype=np.float32)
    estimate = estimate_num_clusters(
        Views(embeddings, nothing), seed=0, min_clusters=2, max_clusters=40
    )
    assert estimate.num_clusters == len(sizes)
    assert estimate.scores[len(sizes)] == max(estimate.scores.values())
    assert len(sizes) not in estimate.runners_up() and len(estimate.runners_up()) == 3
    assert estimate.scores[estimate.runners_up()[0]] == sorted(estimate.scores.values())[-2]


def test_the_bounds_hold_and_so_does_the_seed():
    embeddings, _ = make_groups([40] * 8, spread=0.3)
    nothing = np.zeros((len(embeddings), 0), dtype=np.float32)
    bounded = estimate_num_clusters(
        Views(embeddings, nothing), seed=0, min_clusters=3, max_clusters=5
    )
    assert set(bounded.scores) == {3, 4, 5}
    assert bounded == estimate_num_clusters(
        Views(embeddings, nothing), seed=0, min_clusters=3, max_clusters=5
    )


@pytest.mark.parametrize("num_documents", [2, 5, 11])
def test_few_documents_have_few_clusters(num_documents):
    embeddings, _ = make_groups([num_documents], spread=0.5)
    nothing = np.zeros((num_documents, 0), dtype=np.float32)
    estimate = estimate_num_clusters(
        Views(embeddings, nothing), seed=0, min_clusters=2, max_clusters=200
    )
    assert estimate.num_clusters == 2


def test_texts_that_are_all_the_same_are_no_reason_to_fail():
    embeddings = np.ones((50, 4), dtype=np.float32) / 2
    estimate = estimate_num_clusters(
        Views(embeddings, np.zeros((50, 0), dtype=np.float32)), 0, min_clusters=2, max_clusters=9
    )
    assert estimate.num_clusters == 2


def test_trees_are_cut_into_as_many_clusters_as_asked_for():
    embeddings, groups = make_groups([200, 40, 9, 9, 9], spread=0.15)
    cuts = Trees(embeddings, max_clusters=10, seed=0).cut(5)
    assert len(cuts) > 1
    for clusters in cuts:
        assert set(clusters) == set(range(5))
    assert max(adjusted_rand_score(groups, clusters) for clusters in cuts) == 1
