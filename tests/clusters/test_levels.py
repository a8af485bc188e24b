"""Levels of clusters: which lies in which, what texts make of all, and sums of probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bert_clustering.clusters.levels import (
    agree,
    coarsen,
    find_parents,
    nest,
    parents_between,
    refill,
)


def test_a_known_hierarchy_is_found():
    finest = np.repeat(np.arange(12), 10)
    middle = np.array([2, 2, 0, 0, 1, 1, 1, 1, 3, 3, 3, 0])[finest]
    coarse = np.array([1, 1, 0, 0])[middle]
    numbers = np.random.default_rng(0).permutation(12)  # what they are called says nothing
    inside = nest([coarse, middle, numbers[finest]], [2, 4, 12])
    np.testing.assert_array_equal(inside[1][numbers[finest]], middle)
    np.testing.assert_array_equal(inside[0][numbers[finest]], coarse)


def test_most_documents_decide_and_those_without_a_cluster_say_nothing():
    clusters = np.array([0, 0, 0, 1, 1, -1, 0, 0])
    above = np.array([1, 1, 0, 0, 0, 1, -1, -1])
    assert find_parents(clusters, above, 2, 2).tolist() == [1, 0]


def test_none_is_left_childless_and_what_loses_least_is_given_away():
    clusters, above = np.repeat([0, 1, 2], [10, 10, 10]), np.zeros(30, dtype=int)
    above[:2], above[10:14] = 1, 1  # a minority of either cluster
    assert find_parents(clusters, above, 3, 2).tolist() == [0, 1, 0]


@pytest.mark.parametrize("above", [[0, 0, 0], [2, 2, 2], [0, 1, 2]])
def test_as_many_clusters_as_documents_and_as_many_above(above):
    parents = find_parents(np.arange(3), np.array(above), 3, 3)
    assert sorted(parents) == [0, 1, 2]


@given(st.data())
def test_levels_nest_whatever_the_clusters_are(data):
    sizes = sorted(data.draw(st.sets(st.integers(2, 12), min_size=2, max_size=4)))
    levels = [data.draw(arrays(np.int64, 25, elements=st.integers(-1, size - 1))) for size in sizes]
    inside = [*nest(levels, sizes), np.arange(sizes[-1])]
    for above, below, size in zip(inside, inside[1:], sizes, strict=False):
        assert set(above) == set(range(size)), "no cluster is left empty"
        assert all(len(set(above[below == cluster])) == 1 for cluster in set(below))
        parents = parents_between(below, above)
        np.testing.assert_array_equal(parents[below], above)


def test_a_level_that_is_sure_decides_between_clusters_that_another_cannot_tell_apart():
    inside = np.array([[0, 0, 1, 1]])
    torn = np.array([[0.05, 0.45, 0.4, 0.1]])
    assert agree([np.array([[0.5, 0.5]]), torn], inside).tolist() == [1]
    assert agree([np.array([[0.2, 0.8]]), torn], inside).tolist() == [2]
    assert agree([np.array([[0.0, 1.0]]), np.array([[1.0, 0, 0, 0]])], inside).tolist() == [0]


def test_a_cluster_that_lost_all_documents_gets_them_back():
    before = np.array([0, 0, 1, 2, 2])
    # The third takes its own back from the second, which then takes its own from the first.
    assert refill(np.array([0, 0, 0, 1, 1]), before, 3).tolist() == [0, 0, 1, 2, 2]


@given(
    arrays(np.int64, 12, elements=st.integers(0, 4)),
    arrays(np.int64, 12, elements=st.integers(0, 4)),
)
def test_what_was_filled_stays_filled(clusters, before):
    assert set(before) <= set(refill(clusters, before, 5))


def test_coarser_probabilities_are_sums():
    q = np.random.default_rng(0).dirichlet(np.ones(7), size=20).astype(np.float32)
    parents = np.array([2, 0, 1, 1, 0, 2, 2])
    sums = coarsen(q, parents)
    np.testing.assert_allclose(sums[:, 1], q[:, 2] + q[:, 3], rtol=1e-6)
    np.testing.assert_allclose(sums.sum(axis=1), 1, rtol=1e-5)
    assert sums.shape == (20, 3) and sums.dtype == np.float32
