"""Clusters of one clustering, found again in another: by documents, else by where they lie."""

import numpy as np

from bert_clustering.clusters.matching import match_clusters


CENTROIDS = np.eye(4)


def test_renumbered_clusters_are_the_same():
    before = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    numbers = np.array([2, 0, 3, 1])
    found = match_clusters(before, numbers[before], CENTROIDS, CENTROIDS)
    assert found.same.tolist() == found.inside.tolist() == numbers.tolist()


def test_half_a_cluster_is_not_the_same_and_lies_in_nothing():
    before, after = np.repeat([0, 1], 20), np.repeat([0, 1, 2, 3], 10)
    found = match_clusters(before, after, CENTROIDS[:2], CENTROIDS)
    assert found.same.tolist() == found.inside.tolist() == [-1, -1]


def test_two_in_one_lie_in_it_and_only_the_larger_is_the_same():
    before = np.repeat([0, 1, 2], [20, 10, 10])
    after = np.where(before == 2, 1, 0)
    found = match_clusters(before, after, CENTROIDS[:3], CENTROIDS[:2])
    assert found.same.tolist() == [0, -1, 1] and found.inside.tolist() == [0, 0, 1]


def test_documents_of_one_alone_do_not_count():
    before = np.concatenate([np.repeat([0, 1], 6), np.full(50, -1)])
    after = np.concatenate([np.repeat([1, 0], 6), np.zeros(50, dtype=int)])
    assert match_clusters(before, after, CENTROIDS[:2], CENTROIDS[:2]).same.tolist() == [1, 0]


def test_without_documents_in_common_centroids_tell_where_they_are_clear():
    none = np.array([], dtype=int)
    moved = CENTROIDS[[2, 0, 1]] + 0.1
    assert match_clusters(none, none, CENTROIDS[:3], moved).same.tolist() == [1, 2, 0]
    between = (CENTROIDS[:1] + CENTROIDS[1:2]) / 2
    assert match_clusters(none, none, CENTROIDS, between).same.tolist() == [-1] * 4
    twice = np.concatenate([CENTROIDS, CENTROIDS[:1]]) + [[0.01], [0], [0], [0], [0.012]]
    assert match_clusters(none, none, CENTROIDS, twice).same[0] == -1, "which of the two?"


def test_centroids_of_another_width_tell_nothing_and_documents_do():
    groups = np.repeat([0, 1], [9, 3])
    assert match_clusters(groups, 1 - groups, np.eye(2), np.eye(2, 5)).same.tolist() == [1, -1]


def test_a_cluster_that_documents_have_found_is_not_given_by_a_centroid_again():
    before, after = np.repeat([0], 9), np.repeat([1], 9)
    found = match_clusters(before, after, CENTROIDS[:2], CENTROIDS[:2])
    assert found.same.tolist() == [1, -1]
