"""The number of clusters, on data whose number is known."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from bert_clustering.clusters import num_clusters
from bert_clustering.clusters.num_clusters import Trees, estimate_num_clusters
from bert_clustering.clusters.quality import ClusterScore
from bert_clustering.clusters.spaces import Views
from bert_clustering.clusters.start import Recipe, Start
from helpers import make_groups, watch_kmeans


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


@pytest.mark.parametrize(
    "num_documents, max_clusters, sizes",
    [(300, 4, [8, 16]), (104, 5, [8, 16, 32, 34]), (30, 9, [8, 10]), (5, 3, [2])],
)
def test_trees_double_up_to_eight_times_the_clusters_or_a_third_of_the_documents(
    num_documents, max_clusters, sizes
):
    embeddings, _ = make_groups([num_documents], spread=0.5)
    assert list(Trees(embeddings, max_clusters, seed=0).trees) == sizes


def test_a_cut_is_of_trees_of_two_to_eight_times_its_clusters():
    embeddings, _ = make_groups([104], spread=0.5)
    trees = Trees(embeddings, max_clusters=5, seed=0)  # of 8, 16, 32 and 34
    assert [len(trees.cut(k)) for k in (1, 2, 3, 4, 5, 16, 17, 18)] == [1, 2, 2, 3, 3, 2, 1, 0]


def test_a_tree_is_average_linkage_of_cosine_distances():
    embeddings, _ = make_groups([120], spread=0.5)
    ((_, tree),) = Trees(embeddings, 2, seed=0).trees.values()
    means = KMeans(8, n_init=1, max_iter=30, random_state=0).fit(embeddings).cluster_centers_
    np.testing.assert_allclose(tree, linkage(pdist(means, "cosine"), "average"), atol=1e-6)


def test_a_tree_costs_one_short_run_of_k_means(monkeypatch):
    runs = watch_kmeans(monkeypatch, num_clusters)
    Trees(make_groups([120], spread=0.3)[0], 2, seed=7)
    assert runs == [{"size": 8, "n_init": 1, "max_iter": 30, "random_state": 7}]


def test_trees_come_from_the_seed():
    embeddings, _ = make_groups([200], spread=0.5)
    one, again, other = (Trees(embeddings, 4, seed).cut(3)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert adjusted_rand_score(one, other) < 1


def test_no_more_clusters_are_tried_than_a_fifth_of_the_distinct_documents():
    embeddings, _ = make_groups([60], spread=0.5)
    views = Views(np.repeat(embeddings, 2, axis=0), np.zeros((120, 0), dtype=np.float32))
    scores = estimate_num_clusters(views, seed=0, min_clusters=11, max_clusters=40).scores
    assert set(scores) == {11, 12}


def test_every_number_of_clusters_costs_its_price():
    embeddings, _ = make_groups([30] * 3, spread=0.3)
    views = Views(embeddings, np.zeros((90, 0), dtype=np.float32))
    free = estimate_num_clusters(views, 0, min_clusters=2, max_clusters=4, price=0.0).scores
    paid = estimate_num_clusters(views, 0, min_clusters=2, max_clusters=4).scores
    assert {k: free[k] - 0.02 * np.log(k) for k in (2, 3, 4)} == pytest.approx(paid)


@pytest.fixture
def tried(monkeypatch) -> list[tuple[int, Recipe]]:
    """Every K that is tried, and how; the documents get its clusters in turn."""
    calls = []

    def in_turn(views, num_clusters, seed, score, recipe):
        calls.append((num_clusters, recipe))
        return Start("even", {"even": np.arange(len(views.embeddings)) % num_clusters}, {})

    monkeypatch.setattr(num_clusters, "find_start", in_turn)
    return calls


@pytest.fixture
def seventeen(monkeypatch) -> None:
    """Of all numbers of clusters 17 scores best."""
    monkeypatch.setattr(ClusterScore, "__call__", lambda self, found: -abs(found.max() + 1.0 - 17))


@pytest.mark.usefixtures("seventeen")
def test_a_grid_is_tried_first_and_then_what_lies_about_its_best(tried):
    embeddings, _ = make_groups([300], spread=0.5)
    views = Views(embeddings, np.zeros((300, 0), dtype=np.float32))
    estimate = estimate_num_clusters(views, 0, min_clusters=2, max_clusters=50, price=0.0)
    first = [k for k, recipe in tried if recipe.num_restarts == 1]
    then = [k for k, recipe in tried if recipe.num_restarts == 3]
    assert first == [2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 35, 42, 50]
    assert then == [12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24]  # twelve, two to either side
    assert len(tried) == len(first) + len(then) and estimate.num_clusters == 17
    assert list(estimate.scores) == sorted({*first, *then})


@pytest.mark.usefixtures("seventeen")
@pytest.mark.parametrize("bounds, then", [((15, 17), [15, 16, 17]), ((17, 30), [17, 18, 19, 20])])
def test_what_lies_about_the_first_or_last_of_the_grid_is_within_the_bounds(tried, bounds, then):
    embeddings, _ = make_groups([300], spread=0.5)
    views = Views(embeddings, np.zeros((300, 0), dtype=np.float32))
    estimate_num_clusters(views, 0, *bounds)
    found = [k for k, recipe in tried if recipe.num_restarts == 3]
    assert found[: len(then)] == then and max(found) <= bounds[1]


def test_a_number_is_judged_by_the_score_of_its_start_less_its_price(tried):
    embeddings, _ = make_groups([60], spread=0.5)
    views = Views(embeddings, np.zeros((60, 0), dtype=np.float32))
    scores = estimate_num_clusters(views, 0, min_clusters=6, max_clusters=7).scores
    score = ClusterScore(np.arange(60), views.fused)
    expected = {k: score(np.arange(60) % k) - 0.02 * np.log(k) for k in (6, 7)}
    assert scores == pytest.approx(expected) and len(tried) == 4


def test_a_number_is_tried_with_the_best_cut_of_the_trees(tried):
    embeddings, _ = make_groups([200, 30, 20, 9, 9, 9], spread=0.3)
    views = Views(embeddings, np.zeros((277, 0), dtype=np.float32))
    estimate_num_clusters(views, 0, min_clusters=6, max_clusters=7)
    score = ClusterScore(np.arange(277), views.fused)
    cuts = [score(clusters) for clusters in Trees(views.fused, 7, seed=0).cut(6)]
    for _, recipe in tried:
        assert score(recipe.any_clusters(views, 6, 0, score)) == max(cuts) > min(cuts)
