"""Over- and under-representation in groups and over time, against chance and against SciPy."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from bert_clustering.clusters.representation import compare_parts, compare_periods, cross_counts


def test_counts_leave_out_what_is_in_no_part():
    counts = cross_counts(np.array([0, 2, 2, 1]), np.array([1, 0, 0, -1]), 4, 3)
    assert counts.tolist() == [[0, 1, 0], [0, 0, 0], [2, 0, 0], [0, 0, 0]]


def test_a_cell_is_tested_by_fishers_exact_test():
    """Of a single table of two by two, all four cells have the same smaller tail."""
    for cells, expected in (([[8, 2], [1, 9]], True), ([[6, 4], [5, 5]], False)):
        counts = np.array(cells)
        tails = [fisher_exact(counts, alternative=side)[1] for side in ("less", "greater")]
        assert (2 * min(tails) <= 0.05) == expected
        assert compare_parts(counts)[1].tolist() == [[expected] * 2] * 2


def test_ratios_are_observed_by_expected():
    ratios, are_significant = compare_parts(np.array([[30, 10, 0], [10, 30, 0], [0, 0, 0]]))
    assert ratios.tolist() == [[1.5, 0.5, 1], [0.5, 1.5, 1], [1, 1, 1]]
    assert are_significant.tolist() == [[True, True, False], [True, True, False], [False] * 3]


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (2, 2)])
def test_nothing_is_not_significant(shape):
    ratios, are_significant = compare_parts(np.zeros(shape, dtype=int))
    assert ratios.shape == are_significant.shape == shape and not are_significant.any()
    z, are_changing = compare_periods(np.zeros(shape, dtype=int))
    assert not z.any() and not are_changing.any()


def test_chance_is_rarely_called_more():
    """With nothing to find, a table with any finding is one in twenty, and never the rule."""
    generator, found = np.random.default_rng(0), [0, 0]
    for _ in range(200):
        clusters, parts = generator.integers(12, size=800), generator.integers(9, size=800)
        counts = cross_counts(clusters, parts, 12, 9)
        found[0] += compare_parts(counts)[1].any()
        found[1] += compare_periods(counts)[1].any()
    assert found[0] <= 14 and found[1] <= 18, "5 % of 200, and two standard deviations"


def test_what_is_planted_is_found():
    generator = np.random.default_rng(0)
    clusters, parts = generator.integers(12, size=3000), generator.integers(9, size=3000)
    peaks = np.where((parts == 4) & (generator.random(3000) < 0.3), 5, clusters)
    counts = cross_counts(peaks, parts, 12, 9)
    ratios, are_significant = compare_parts(counts)
    assert are_significant[5, 4] and ratios[5, 4] > 2
    assert not compare_periods(counts)[1].any(), "a week of much is no trend"

    grows = np.where(generator.random(3000) < parts / 20, 7, clusters)
    z, are_changing = compare_periods(cross_counts(grows, parts, 12, 9))
    assert are_changing[7] and z[7] == z.max() > 5
    assert (np.delete(z, 7) < 0).all(), "what stays loses share"


def test_a_trend_is_one_whichever_way_time_runs():
    counts = np.random.default_rng(0).integers(1, 50, size=(4, 7))
    z, _ = compare_periods(counts)
    np.testing.assert_allclose(compare_periods(counts[:, ::-1])[0], -z)
    scores = np.repeat(np.tile(np.arange(7), 4), counts.ravel())
    is_first = np.repeat(np.repeat(np.arange(4) == 0, 7), counts.ravel())
    correlation = np.corrcoef(scores, is_first)[0, 1]
    np.testing.assert_allclose(z[0], correlation * np.sqrt(counts.sum()))
