"""Starts of the clusters, on data whose clusters are known."""

from itertools import count

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from bert_clustering.clusters import candidates
from bert_clustering.clusters import num_clusters as num_clusters_module
from bert_clustering.clusters import start as start_module
from bert_clustering.clusters.candidates import (
    anneal,
    anneal_and_refine,
    consensus,
    kmeans,
    over_cluster,
    refine,
    split_and_merge,
)
from bert_clustering.clusters.num_clusters import Trees
from bert_clustering.clusters.quality import ClusterScore
from bert_clustering.clusters.spaces import Views
from bert_clustering.clusters.start import Recipe, find_start, prefer_any_size, repeat_start
from helpers import make_groups


@pytest.mark.parametrize("seed", [9, 2])
def test_kmeans_is_scikit_learns_with_as_many_restarts(seed):
    """The tenth run is the best by the one seed, by the other an eleventh would be."""
    embeddings = np.random.default_rng(0).normal(size=(203, 7)).astype(np.float32)
    clusters = kmeans(embeddings, num_clusters=9, seed=seed)
    reference = KMeans(9, n_init=10, random_state=seed).fit(embeddings)
    np.testing.assert_array_equal(clusters, reference.labels_)


@pytest.mark.parametrize("shift", [0, 3])
def test_annealing_mends_a_bent_start_also_in_a_narrow_cone(shift):
    embeddings, groups = make_groups([40, 40, 40], spread=0.1)
    embeddings = embeddings + shift * np.eye(24, dtype=np.float32)[23]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    bent = np.where(np.random.default_rng(0).random(120) < 0.3, (groups + 1) % 3, groups)
    assert adjusted_rand_score(groups, anneal(embeddings, bent, 3)) == 1


@pytest.mark.parametrize("num_clusters", [2, 3])
def test_refining_follows_the_directions_that_part_clusters(num_clusters):
    """Small steps apart in a few directions, a wide spread in the others: k-means cannot see such
    groups.
    """
    generator, groups = np.random.default_rng(0), np.repeat(np.arange(num_clusters), 150)
    points = (
        generator.normal(size=(len(groups), 9)) * [*[0.05] * 3, *[0.6] * 6]
        + 0.5 * np.eye(9)[groups]
    )
    bent = np.where(generator.random(len(groups)) < 0.2, (groups + 1) % num_clusters, groups)
    assert adjusted_rand_score(groups, refine(points, bent, num_clusters)) > 0.95
    assert (
        adjusted_rand_score(
            groups, KMeans(num_clusters, n_init=3, random_state=0).fit_predict(points)
        )
        < 0.2
    )


def test_splitting_and_merging_mends_what_moving_documents_cannot():
    embeddings, groups = make_groups([40] * 6, spread=0.1)
    bent = np.where(groups == 1, 0, groups)  # two groups in cluster 0, group 5 in two halves
    bent[groups == 5] = np.where(np.arange(40) < 20, 5, 1)
    score = ClusterScore(np.arange(len(groups)), embeddings)
    polished = []

    def polish(clusters: np.ndarray) -> np.ndarray:
        polished.append(refine(embeddings, clusters, num_clusters=6))
        return polished[-1]

    assert adjusted_rand_score(groups, refine(embeddings, bent, num_clusters=6)) < 0.9
    mended = split_and_merge(embeddings, bent, 6, seed=0, score=score, polish=polish)
    assert adjusted_rand_score(groups, mended) == 1
    assert any(mended is candidate for candidate in polished)
    assert split_and_merge(embeddings, groups, 6, seed=0, score=score, polish=polish) is groups


@pytest.mark.filterwarnings("error")  # there is nothing to split
def test_splitting_and_merging_takes_no_move_that_does_not_score():
    embeddings = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)  # nothing but duplicates
    clusters = np.repeat([0, 1, 2], 5)
    moved = split_and_merge(
        embeddings, clusters, 3, seed=0, score=lambda c: float((c != clusters).any()), polish=list
    )
    np.testing.assert_array_equal(moved, clusters)


def test_over_clustering_keeps_clusters_of_unequal_size():
    sizes = [150, 40, 8, 5, 3]
    embeddings, groups = make_groups(sizes, spread=0.15)
    clusters = over_cluster(embeddings, len(sizes), seed=0)
    assert adjusted_rand_score(groups, clusters) > 0.98
    assert adjusted_rand_score(groups, clusters) > adjusted_rand_score(
        groups, kmeans(embeddings, 5, seed=0)
    )


@pytest.mark.parametrize("num_documents, sizes", [(60, [6, 9, 12]), (25, [6, 8, 8]), (8, [3] * 3)])
def test_over_clustering_is_eight_cheap_runs_of_each_size(num_documents, sizes, monkeypatch):
    """Twice, thrice and four times K = 3, but three documents per cluster: one from k-means++, the
    others from random documents; centroids are joined by direction.
    """
    runs, linkages = [], []

    def watched(size, **options):
        runs.append((size, options["init"], options["n_init"], options["max_iter"]))
        return KMeans(size, **options)

    def joined(num_clusters, **options):
        linkages.append((num_clusters, *options.values()))
        return AgglomerativeClustering(num_clusters, **options)

    monkeypatch.setattr(candidates, "KMeans", watched)
    monkeypatch.setattr(candidates, "AgglomerativeClustering", joined)
    embeddings, _ = make_groups([num_documents], spread=0.5)
    over_cluster(embeddings, 3, seed=0)
    assert linkages[:-1] == [(3, "cosine", "average")] * 24  # the last is the consensus
    inits = ["k-means++", *["random"] * 7]
    assert runs == [(size, init, 1, 30) for size in sizes for init in inits]


def test_consensus_is_what_most_runs_say():
    embeddings, groups = make_groups([6, 6], spread=0.1)
    astray = 1 - groups
    astray[:3] = 1
    odd = np.arange(12) % 2
    clusters = consensus(
        embeddings, np.stack([groups, 1 - groups, astray, groups, odd], axis=1), num_clusters=2
    )
    assert adjusted_rand_score(groups, clusters) == 1


def test_consensus_gives_the_rarest_patterns_to_their_nearest():
    embeddings, groups = make_groups([20, 20], spread=0.1)
    runs = np.stack([groups, groups], axis=1)
    runs[0] = [0, 1]
    assert (
        adjusted_rand_score(groups, consensus(embeddings, runs, num_clusters=2, max_parts=2)) == 1
    )


def test_annealing_cools_from_a_tenth_of_the_variance_to_a_twenty_fifth():
    """Of unit vectors on two axes it is 1/2: cosines of 1 are divided by 1/20 at first, by 1/50 at
    last.
    """
    largest, softmax = [], candidates.softmax

    def watched(logits, axis):
        largest.append(logits.max())
        return softmax(logits, axis=axis)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "softmax", watched)
        anneal(np.repeat(np.eye(2, dtype=np.float32), 5, axis=0), np.repeat([0, 1], 5), 2)
    assert largest[0] == pytest.approx(20) and largest[-1] == pytest.approx(50)


def test_kmeans_sees_fifty_thousand_documents_at_most(monkeypatch):
    seen = []

    class Watched(KMeans):
        def fit(self, points):
            seen.append(len(points))
            return super().fit(points)

    monkeypatch.setattr(candidates, "KMeans", Watched)
    points = np.repeat([[0.0], [1.0]], 25_001, axis=0)
    clusters = kmeans(points, num_clusters=2, seed=0, num_restarts=1)
    assert seen == [50_000] and adjusted_rand_score(points[:, 0], clusters) == 1


def test_the_best_of_ten_annealed_runs_is_refined(monkeypatch):
    monkeypatch.setattr(candidates, "refine", lambda embeddings, clusters, num_clusters: clusters)
    embeddings, _ = make_groups([30] * 4, spread=0.5)
    judged, score = [], ClusterScore(np.arange(120), embeddings)

    def watched(clusters: np.ndarray) -> float:
        judged.append(score(clusters))
        return judged[-1]

    best = anneal_and_refine(Views(embeddings, np.zeros((120, 0))), 4, seed=0, score=watched)
    assert len(judged) == 10 and score(best) == max(judged) > min(judged)


def test_an_annealed_run_is_taken_unless_it_has_lost_a_cluster(monkeypatch):
    monkeypatch.setattr(candidates, "refine", lambda embeddings, clusters, num_clusters: clusters)
    embeddings, groups = make_groups([30] * 3, spread=0.1)
    views, score = Views(embeddings, np.zeros((90, 0))), ClusterScore(np.arange(90), embeddings)
    for annealed, taken in ((np.arange(90) % 3, np.arange(90) % 3), (np.zeros(90, int), groups)):
        monkeypatch.setattr(candidates, "anneal", lambda *_, annealed=annealed: annealed)
        assert adjusted_rand_score(taken, anneal_and_refine(views, 3, seed=0, score=score)) == 1


def test_refining_takes_no_turn_that_empties_a_cluster(monkeypatch):
    """Of three clusters of two kinds of documents, k-means leaves two; it is not asked again."""
    embeddings, clusters = np.repeat(np.eye(2), 4, axis=0), np.array([0, 0, 0, 0, 1, 1, 2, 2])
    turns = []

    def watched(size, **options):
        turns.append(size)
        return KMeans(size, **options)

    monkeypatch.setattr(candidates, "KMeans", watched)
    np.testing.assert_array_equal(refine(embeddings, clusters, num_clusters=3), clusters)
    assert turns == [3]


def test_consensus_is_average_linkage_of_what_runs_and_embeddings_say():
    """Of random runs, against SciPy's linkage: the share that parts two, and a fifth of the cosine
    distance.
    """
    for seed in range(5):
        generator = np.random.default_rng(seed)
        embeddings = normalize(generator.normal(size=(15, 4)))
        runs = generator.integers(3, size=(15, 6))
        distances = pdist(runs, "hamming") + 0.2 * pdist(embeddings, "cosine")
        expected = fcluster(linkage(distances, "average"), 4, "maxclust")
        assert adjusted_rand_score(expected, consensus(embeddings, runs, num_clusters=4)) == 1


def test_consensus_parts_documents_of_one_embedding_where_all_runs_do():
    runs = np.array([[0, 1], [0, 1], [1, 0], [1, 0]])
    clusters = consensus(np.repeat([[1.0, 0.0]], 4, axis=0), runs, num_clusters=2)
    assert adjusted_rand_score([0, 0, 1, 1], clusters) == 1


def test_consensus_looks_at_four_thousand_patterns_at_most(monkeypatch):
    def counted(patterns, metric):
        raise LookupError(len(patterns))

    monkeypatch.setattr(candidates, "pdist", counted)
    with pytest.raises(LookupError, match="^4000$"):
        consensus(np.ones((4001, 2)), np.arange(4001)[:, None], num_clusters=2)


def test_consensus_looks_at_the_first_of_patterns_that_are_equally_rare():
    """Of 200 kinds of documents about half are there twice; these and the first three others are
    clusters, to which the rest go.
    """
    generator = np.random.default_rng(0)
    kinds, counts = normalize(generator.normal(size=(200, 3))), generator.integers(1, 3, size=200)
    seen = [*np.flatnonzero(counts == 2), *np.flatnonzero(counts == 1)[:3]]
    order = np.repeat(np.arange(200), counts)
    clusters = consensus(kinds[order], order[:, None], num_clusters=len(seen), max_parts=len(seen))
    nearest = (kinds @ kinds[seen].T).argmax(axis=1)
    assert adjusted_rand_score(nearest[order], clusters) == 1


@pytest.mark.parametrize("gain, is_taken", [(0.0, False), (0.9e-4, False), (1e-4, True)])
def test_a_split_and_merge_must_gain_a_ten_thousandth(gain, is_taken):
    embeddings, groups = make_groups([9] * 5, spread=0.3)
    moved = split_and_merge(
        embeddings, groups, 5, 0, lambda clusters: gain * (clusters is not groups), lambda c: c
    )
    assert (moved is not groups) == is_taken


def test_splitting_and_merging_ends_after_ten_moves_of_which_three_are_polished_each():
    embeddings, groups = make_groups([9] * 5, spread=0.3)
    ever_better, polished = count(), []

    def polish(clusters: np.ndarray) -> np.ndarray:
        polished.append(clusters)
        return clusters

    split_and_merge(embeddings, groups, 5, 0, lambda _: next(ever_better), polish)
    assert len(polished) == 30


def test_of_five_clusters_the_five_cheapest_pairs_are_merged_where_any_other_is_split():
    """Three others for each pair."""
    embeddings, groups = make_groups([9] * 5, spread=0.3)
    judged = []
    split_and_merge(embeddings, groups, 5, 0, lambda c: judged.append(c) or 0.0, lambda c: c)
    before, moves, polished, gained = 1, 5 * 3, 3, 1
    assert len(judged) == before + moves + polished + gained


def test_refining_takes_five_turns_at_most(monkeypatch):
    class Restless(KMeans):
        turns = 0

        def fit_predict(self, points):
            Restless.turns += 1
            return (np.arange(len(points)) + Restless.turns) % self.n_clusters

    monkeypatch.setattr(candidates, "KMeans", Restless)
    refine(np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3, num_clusters=3)
    assert Restless.turns == 5


def test_k_means_costs_one_short_run_wherever_it_is_one_of_many(monkeypatch):
    runs = []

    def watched(size, **options):
        runs.append({"size": size, **options})
        return KMeans(size, **options)

    for module in (candidates, num_clusters_module):
        monkeypatch.setattr(module, "KMeans", watched)
    embeddings, groups = make_groups([40] * 3, spread=0.3)
    short = {"n_init": 1, "max_iter": 30}
    Trees(embeddings, 2, seed=7)
    assert runs == [{"size": 8, "random_state": 7, **short}]
    runs.clear()
    views, score = Views(embeddings, np.zeros((120, 0))), ClusterScore(np.arange(120), embeddings)
    anneal_and_refine(views, 3, seed=7, score=score, num_restarts=2)
    begun = [run for run in runs if "init" not in run]
    assert begun == [{"size": 3, "random_state": seed, **short} for seed in (7, 8)]
    assert all(run["n_init"] == 1 for run in runs)
    runs.clear()
    kmeans(embeddings, 3, seed=7, num_restarts=4)
    assert [run["n_init"] for run in runs] == [1] * 4
    runs.clear()
    split_and_merge(embeddings, groups, 3, 7, lambda _: 0.0, lambda clusters: clusters)
    assert runs == [{"size": 2, "n_init": 3, "random_state": 7}] * 3


def test_wards_cost_chooses_what_to_merge_and_what_to_split():
    """In tenths: clusters 2 and 3, of 1 and 30 at a distance of 2, cost 4 * 30 / 31; 0 and 1, of 10
    each at 1, cost 5. Halves of 4 each at 1 make 4 the best to split; those of 5, of 1 and 7 at the
    root of 2.2, gain 2.2 * 7 / 8 < 2.
    """
    sizes, places = [10, 10, 1, 30, 4, 4, 1, 7], [0, 1, 100, 102, 200, 201, 300, 300 + 2.2**0.5]
    points = 0.1 * np.repeat(places, sizes)[:, None]
    clusters = np.repeat([0, 1, 2, 3, 4, 4, 5, 5], sizes)
    polished = []

    def polish(clusters: np.ndarray) -> np.ndarray:
        polished.append(clusters)
        return clusters

    split_and_merge(points, clusters, 6, seed=0, score=lambda _: 0.0, polish=polish)
    expected = np.repeat([0, 1, 2, 2, 3, 4, 5, 5], sizes)
    assert adjusted_rand_score(expected, polished[0]) == 1


@pytest.mark.parametrize(
    ("sizes", "spread", "name"),
    [([60] * 4, 0.25, "annealed"), ([200, 30, 20, 4, 4, 4], 0.15, "over-clustered")],
)
def test_start_suits_the_sizes(sizes, spread, name):
    embeddings, groups = make_groups(sizes, spread)
    score = ClusterScore(np.arange(len(groups)), embeddings)
    start = find_start(
        Views(embeddings, np.zeros((len(embeddings), 0))), len(sizes), seed=0, score=score
    )
    assert start.name == name and start.scores[name] == max(start.scores.values())
    assert adjusted_rand_score(groups, start.clusters) > 0.9
    again = find_start(
        Views(embeddings, np.zeros((len(embeddings), 0))), len(sizes), seed=0, score=score
    )
    np.testing.assert_array_equal(start.clusters, again.clusters)


@pytest.mark.parametrize(
    "annealed, over_clustered, is_preferred",
    [(0.0, 0.0601, True), (0.0, 0.06, False), (1.0, 1.0301, True), (1.0, 1.03, False)],
)
def test_any_size_is_preferred_where_it_lacks_three_hundredths_less_to_2(
    annealed, over_clustered, is_preferred
):
    assert prefer_any_size(annealed, over_clustered) == is_preferred


@pytest.mark.parametrize("num_clusters", [2, 11, 12])
def test_start_of_hardly_more_documents_than_clusters(num_clusters):
    embeddings, _ = make_groups([6, 6], spread=0.3)
    start = find_start(
        Views(embeddings, np.zeros((len(embeddings), 0))),
        num_clusters,
        seed=0,
        score=ClusterScore(np.arange(12), embeddings),
    )
    assert sorted(set(start.clusters)) == list(range(num_clusters))


@pytest.mark.parametrize("num_kinds", [1, 2, 3])
def test_start_of_hardly_any_distinct_documents(num_kinds):
    embeddings = np.eye(8, dtype=np.float32)[np.arange(20) % num_kinds]
    start = find_start(
        Views(embeddings, np.zeros((20, 0))),
        3,
        seed=0,
        score=ClusterScore(np.arange(20), embeddings),
    )
    assert adjusted_rand_score(np.arange(20) % num_kinds, start.clusters) == 1


def test_a_consensus_of_more_clusters_than_it_looks_at_parts():
    """Beyond `max_parts` clusters every group of documents is one."""
    embeddings, groups = make_groups([3] * 12, spread=0.05)
    runs = np.stack([groups, groups], axis=1)
    clusters = consensus(embeddings, runs, num_clusters=12, max_parts=5)
    assert adjusted_rand_score(groups, clusters) == 1


def test_a_consensus_of_fewer_groups_than_clusters():
    embeddings, groups = make_groups([4] * 3, spread=0.05)
    clusters = consensus(embeddings, np.stack([groups, groups], axis=1), num_clusters=5)
    assert adjusted_rand_score(groups, clusters) == 1


def test_annealing_cools():
    """The colder, the sharper: softer ones of a warmer stage come first."""
    embeddings, groups = make_groups([60, 60], spread=0.5)
    sharpness, softmax = [], candidates.softmax

    def watched(logits, axis):
        weights = softmax(logits, axis=axis)
        sharpness.append(weights.max(axis=1).mean())
        return weights

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "softmax", watched)
        anneal(embeddings, groups, 2)
    assert len(sharpness) == 50 and sharpness[-1] > sharpness[0] + 0.01
    assert np.all(np.diff(sharpness[9::10]) > 0)


def test_where_runs_tie_the_embeddings_decide():
    """Two runs part four documents crosswise: each pair is joined by one of them."""
    embeddings = normalize(np.array([[1, 0.0], [1, 0.1], [0, 1.0], [0.1, 1]]))
    runs = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    assert adjusted_rand_score([0, 0, 1, 1], consensus(embeddings, runs, num_clusters=2)) == 1
    turned = embeddings[[0, 2, 1, 3]]
    assert adjusted_rand_score([0, 1, 0, 1], consensus(turned, runs, num_clusters=2)) == 1


@pytest.mark.parametrize("kind", ["annealed", "over-clustered"])
def test_a_kind_that_was_asked_for_is_the_only_candidate(kind):
    embeddings, groups = make_groups([30] * 3, spread=0.2)
    score = ClusterScore(np.arange(90), embeddings)
    start = find_start(Views(embeddings, np.zeros((90, 0))), 3, seed=0, score=score, kind=kind)
    assert start.name == kind and list(start.scores) == [kind]
    assert adjusted_rand_score(groups, start.clusters) == 1


@pytest.fixture
def work(monkeypatch) -> dict[str, list]:
    """How much of what goes into a start; its parts bring clusters of no meaning."""
    done: dict[str, list] = {"restarts": [], "moves": [], "inits": []}

    def anneal(views, num_clusters, seed, score, num_restarts, progress):
        done["restarts"].append(num_restarts)
        return np.arange(len(views.embeddings)) % num_clusters

    def move(fused, clusters, num_clusters, seed, score, polish, num_rounds):
        done["moves"].append(num_rounds)
        return np.flip(clusters)

    def over_cluster(fused, num_clusters, seed, inits):
        done["inits"].append(inits)
        return np.arange(len(fused)) % num_clusters

    monkeypatch.setattr(start_module, "anneal_and_refine", anneal)
    monkeypatch.setattr(start_module, "split_and_merge", move)
    monkeypatch.setattr(start_module, "over_cluster", over_cluster)
    return done


def test_only_annealed_clusters_are_split_and_merged(work):
    embeddings, _ = make_groups([10] * 3, spread=0.3)
    views, score = Views(embeddings, np.zeros((30, 0))), ClusterScore(np.arange(30), embeddings)
    begun = np.arange(30) % 3
    annealed = find_start(views, 3, 0, score, kind="annealed")
    np.testing.assert_array_equal(annealed.clusters, np.flip(begun))
    recipe = Recipe(over_cluster=lambda fused, num_clusters, seed: begun)
    over_clustered = find_start(views, 3, 0, score, recipe, kind="over-clustered")
    np.testing.assert_array_equal(over_clustered.clusters, begun)
    assert work == {"restarts": [10], "moves": [10], "inits": []}


def test_a_repeat_sees_four_fifths_of_the_documents_and_five_thousand_at_most(work):
    for num_documents, size in ((30, 24), (6000, 4800), (7000, 5000)):
        embeddings, _ = make_groups([num_documents], spread=0.3, width=3)
        views = Views(embeddings, np.zeros((num_documents, 0)))
        (repeat,) = repeat_start(views, "annealed", 3, seed=0, num_repeats=1)
        assert (repeat >= 0).sum() == size


def test_five_repeats_take_a_third_of_the_work(work):
    embeddings, _ = make_groups([10] * 3, spread=0.3)
    views = Views(embeddings, np.zeros((30, 0)))
    assert len(repeat_start(views, "annealed", 3, seed=0)) == 5
    assert len(repeat_start(views, "over-clustered", 3, seed=0, num_repeats=2)) == 2
    assert work == {"restarts": [3] * 5, "moves": [3] * 5, "inits": [("random", "random")] * 2}
