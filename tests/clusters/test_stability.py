"""Stability of clusters: real groups come back, arbitrary cuts do not."""

import warnings

import numpy as np
import pytest

from bert_clustering.clusters.spaces import Views
from bert_clustering.clusters.stability import cluster_stability
from bert_clustering.clusters.start import repeat_start
from helpers import make_groups


@pytest.mark.parametrize("kind", ["even", "any"])
def test_groups_come_back_and_cuts_through_them_do_not(kind):
    embeddings, groups = make_groups([60, 60, 150], spread=0.25)
    nothing = np.zeros((len(embeddings), 0), dtype=np.float32)
    cut = np.where(groups == 2, 2 + np.arange(len(groups)) % 2, groups)
    repeats = repeat_start(Views(embeddings, nothing), kind, num_clusters=4, seed=0)
    stability = cluster_stability(cut, repeats, num_clusters=4)
    assert stability[:2].min() > 0.85 and stability[2:].max() < 0.75


def test_repeats_are_seeded_and_see_a_part_of_the_documents():
    embeddings, _ = make_groups([30, 30], spread=0.3)
    nothing = np.zeros((60, 0), dtype=np.float32)
    repeats = repeat_start(
        Views(embeddings, nothing), "even", num_clusters=2, seed=3, num_repeats=4
    )
    assert repeats.shape == (4, 60) and set(np.unique(repeats)) == {-1, 0, 1}
    assert ((repeats >= 0).sum(axis=1) == 48).all() and len(np.unique(repeats >= 0, axis=0)) == 4
    again = repeat_start(Views(embeddings, nothing), "even", num_clusters=2, seed=3, num_repeats=4)
    np.testing.assert_array_equal(repeats, again)


def test_stability_of_what_no_repeat_saw_is_unknown():
    clusters, repeats = np.array([0, 0, 1, 2]), np.array([[0, 0, 1, -1], [1, 1, -1, -1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stability = cluster_stability(clusters, repeats, num_clusters=4)
    np.testing.assert_array_equal(stability, [1, 1, np.nan, np.nan])


def test_fewer_kinds_of_documents_than_clusters_always_come_back():
    embeddings = np.repeat(np.eye(3, dtype=np.float32), [20, 30, 40], axis=0)
    repeats = repeat_start(
        Views(embeddings, np.zeros((90, 0), dtype=np.float32)), "any", num_clusters=5, seed=0
    )
    stability = cluster_stability(np.repeat([0, 1, 2], [20, 30, 40]), repeats, num_clusters=5)
    np.testing.assert_array_equal(stability, [1, 1, 1, np.nan, np.nan])
