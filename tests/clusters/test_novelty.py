"""New groups: what only new documents hold is found, what chance gives is not."""

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances_argmin_min

from bert_clustering.clusters.novelty import Known, _without_itself, find_new_groups
from bert_clustering.clusters.spaces import cluster_means
from helpers import make_groups


SIZES_BEFORE, SIZES_NEW = [80, 80, 80], [40, 40, 40, 30]


def make_known(embeddings: np.ndarray, clusters: np.ndarray) -> Known:
    centroids = cluster_means(embeddings, clusters, clusters.max() + 1)
    distances = pairwise_distances_argmin_min(embeddings, centroids)[1]
    median = np.median(distances)
    return Known(embeddings, centroids, (median, 1.4826 * np.median(abs(distances - median))))


@pytest.fixture
def known() -> Known:
    return make_known(*make_groups(SIZES_BEFORE, spread=0.15))


def test_a_group_that_only_new_documents_hold_is_found_whole(known):
    embeddings, groups = make_groups(SIZES_NEW, spread=0.15, seed=1)
    found = find_new_groups(known, embeddings, least=10, seed=0)
    assert len(found.stability) == 1 and found.stability[0] > 0.8
    assert found.num_before.tolist() == [0]
    assert (found.groups[groups < 3] == -1).all()
    assert (found.groups[groups == 3] == 0).mean() > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_new_documents_of_the_same_clusters_are_no_group(known, seed):
    embeddings, _ = make_groups([60, 60, 60], spread=0.15, seed=seed + 1)
    found = find_new_groups(known, embeddings, least=10, seed=0)
    assert not len(found.stability) and (found.groups == -1).all()


def test_a_group_that_earlier_documents_hold_too_is_not_new():
    embeddings, groups = make_groups([80, 80, 80, 60], spread=0.15)
    clusters = np.where(groups == 3, 0, groups)  # of which the clusters did not know
    new, _ = make_groups(SIZES_NEW, spread=0.15, seed=1)
    found = find_new_groups(make_known(embeddings, clusters), new, least=10, seed=0)
    assert not len(found.stability)


def test_fewer_documents_than_asked_for_are_no_group(known):
    embeddings, _ = make_groups([40, 40, 40, 12], spread=0.15, seed=1)
    assert len(find_new_groups(known, embeddings, least=10, seed=0).stability) == 1
    assert not len(find_new_groups(known, embeddings, least=13, seed=0).stability)


def test_the_largest_group_comes_first(known):
    embeddings, groups = make_groups([40, 40, 40, 15, 40], spread=0.15, seed=1)
    found = find_new_groups(known, embeddings, least=10, seed=0)
    assert np.bincount(groups[found.groups == 0]).argmax() == 4
    assert np.bincount(groups[found.groups == 1]).argmax() == 3


def test_no_far_document_and_a_single_one_are_no_group(known):
    for embeddings in (known.centroids, np.eye(24, dtype="float32")[20:21]):
        found = find_new_groups(known, embeddings, least=2, seed=0)
        assert found.groups.tolist() == [-1] * len(embeddings)


def test_distance_to_a_mean_without_oneself():
    points = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [6.0, 2.0]])
    sizes = np.full(4, 4)
    found = _without_itself(np.linalg.norm(points - points.mean(axis=0), axis=1), sizes)
    others = [np.delete(points, row, axis=0).mean(axis=0) for row in range(4)]
    assert np.allclose(found, np.linalg.norm(points - np.array(others), axis=1))
    assert _without_itself(np.zeros(1), np.ones(1)) == np.inf
