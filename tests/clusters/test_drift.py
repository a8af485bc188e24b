"""Drift: a cluster whose new documents lie elsewhere is told, chance is not."""

import numpy as np

from bert_clustering.clusters.drift import measure_drift


def make(shift: float, sizes=(200, 100), seed: int = 0) -> tuple:
    """Two clusters of earlier and new documents, those of the second moved."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat([0, 1], sum(sizes))
    are_new = np.tile(np.repeat([False, True], sizes), 2)
    embeddings = generator.normal(size=(len(clusters), 16)).astype("float32")
    embeddings[(clusters == 1) & are_new, 0] += shift
    return embeddings, clusters, are_new


def test_only_what_has_moved_drifts_by_as_much_as_it_has():
    found = measure_drift(*make(shift=2.0), num_clusters=2, seed=0)
    assert found.are_drifting.tolist() == [False, True]
    assert abs(found.shifts[1] - 2 / 4) < 0.1  # the spread is the root of 16 variances of 1


def test_chance_is_rarely_called_drift():
    found = [measure_drift(*make(0.0, seed=seed), 2, seed=0).are_drifting for seed in range(20)]
    assert np.mean(found) <= 0.05


def test_a_small_shift_of_many_is_significant_and_still_no_drift():
    found = measure_drift(*make(shift=0.25, sizes=(2000, 2000)), num_clusters=2, seed=0)
    assert 0.03 < found.shifts[1] < 0.1 and not found.are_drifting[1]


def test_nothing_is_said_of_few_documents_or_of_equal_ones():
    embeddings, clusters, are_new = make(shift=9.0, sizes=(30, 9))
    found = measure_drift(embeddings, clusters, are_new, num_clusters=3, seed=0)
    assert np.isnan(found.shifts).all() and not found.are_drifting.any()
    found = measure_drift(np.zeros((40, 2)), np.zeros(40, int), np.arange(40) < 20, 1, seed=0)
    assert found.shifts.tolist() == [0.0] and not found.are_drifting.any()
