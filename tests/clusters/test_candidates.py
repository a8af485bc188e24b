"""Ways to cluster, on data whose clusters are known."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import normalize

from bert_clustering.clusters import candidates
from bert_clustering.clusters.candidates import (
    anneal,
    consensus,
    even_clusters,
    kmeans,
    over_cluster,
    refine,
    vote,
)
from bert_clustering.clusters.spaces import Views, cluster_means
from helpers import make_groups, watch_kmeans


@pytest.mark.parametrize("seed", [9, 2])
def test_kmeans_is_scikit_learns_with_as_many_restarts(seed):
    """The tenth run is the best by the one seed, by the other an eleventh would be."""
    embeddings = np.random.default_rng(0).normal(size=(203, 7)).astype(np.float32)
    clusters = kmeans(embeddings, num_clusters=9, seed=seed)
    reference = KMeans(9, n_init=10, random_state=seed).fit(embeddings)
    np.testing.assert_array_equal(clusters, reference.labels_)


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


@pytest.mark.parametrize("shift", [0, 3])
def test_annealing_mends_a_bent_start_also_in_a_narrow_cone(shift):
    embeddings, groups = make_groups([40, 40, 40], spread=0.1)
    embeddings = embeddings + shift * np.eye(24, dtype=np.float32)[23]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    bent = np.where(np.random.default_rng(0).random(120) < 0.3, (groups + 1) % 3, groups)
    assert adjusted_rand_score(groups, anneal(embeddings, cluster_means(embeddings, bent, 3))) == 1


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
        anneal(embeddings, cluster_means(embeddings, groups, 2))
    assert len(sharpness) == 50 and sharpness[-1] > sharpness[0] + 0.01
    assert np.all(np.diff(sharpness[9::10]) > 0)


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
        anneal(np.repeat(np.eye(2, dtype=np.float32), 5, axis=0), np.eye(2, dtype=np.float32))
    assert largest[0] == pytest.approx(20) and largest[-1] == pytest.approx(50)


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


def test_refining_takes_no_turn_that_empties_a_cluster(monkeypatch):
    """Of three clusters of two kinds of documents, k-means leaves two; it is not asked again."""
    embeddings, clusters = np.repeat(np.eye(2), 4, axis=0), np.array([0, 0, 0, 0, 1, 1, 2, 2])
    turns = watch_kmeans(monkeypatch, candidates)
    np.testing.assert_array_equal(refine(embeddings, clusters, num_clusters=3), clusters)
    assert [turn["size"] for turn in turns] == [3]


def test_refining_takes_five_turns_at_most(monkeypatch):
    class Restless(KMeans):
        turns = 0

        def fit_predict(self, points):
            Restless.turns += 1
            return (np.arange(len(points)) + Restless.turns) % self.n_clusters

    monkeypatch.setattr(candidates, "KMeans", Restless)
    refine(np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3, num_clusters=3)
    assert Restless.turns == 5


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
    runs, linkages = watch_kmeans(monkeypatch, candidates), []

    def joined(num_clusters, **options):
        linkages.append((num_clusters, *options.values()))
        return AgglomerativeClustering(num_clusters, **options)

    monkeypatch.setattr(candidates, "AgglomerativeClustering", joined)
    embeddings, _ = make_groups([num_documents], spread=0.5)
    over_cluster(embeddings, 3, seed=0)
    assert linkages[:-1] == [(3, "cosine", "average")] * 24  # the last is the consensus
    inits = ["k-means++", *["random"] * 7]
    told = [(run["size"], run["init"], run["n_init"], run["max_iter"]) for run in runs]
    assert told == [(size, init, 1, 30) for size in sizes for init in inits]


def test_consensus_is_what_most_runs_say():
    embeddings, groups = make_groups([6, 6], spread=0.1)
    astray = 1 - groups
    astray[:3] = 1
    odd = np.arange(12) % 2
    clusters = consensus(
        embeddings, np.stack([groups, 1 - groups, astray, groups, odd], axis=1), num_clusters=2
    )
    assert adjusted_rand_score(groups, clusters) == 1


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


def test_consensus_gives_the_rarest_patterns_to_their_nearest():
    embeddings, groups = make_groups([20, 20], spread=0.1)
    runs = np.stack([groups, groups], axis=1)
    runs[0] = [0, 1]
    assert (
        adjusted_rand_score(groups, consensus(embeddings, runs, num_clusters=2, max_parts=2)) == 1
    )


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


def test_where_runs_tie_the_embeddings_decide():
    """Two runs part four documents crosswise: each pair is joined by one of them."""
    embeddings = normalize(np.array([[1, 0.0], [1, 0.1], [0, 1.0], [0.1, 1]]))
    runs = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    assert adjusted_rand_score([0, 0, 1, 1], consensus(embeddings, runs, num_clusters=2)) == 1
    turned = embeddings[[0, 2, 1, 3]]
    assert adjusted_rand_score([0, 1, 0, 1], consensus(turned, runs, num_clusters=2)) == 1


def test_k_means_costs_one_short_run_wherever_it_is_one_of_many(monkeypatch):
    runs = watch_kmeans(monkeypatch, candidates)
    embeddings, _ = make_groups([40] * 3, spread=0.3)
    even_clusters(Views(embeddings, np.zeros((120, 0))), 3, seed=7, num_restarts=2)
    begun = [run for run in runs if "init" not in run]
    assert begun == [
        {"size": 3, "random_state": seed, "n_init": 1, "max_iter": 30} for seed in (7, 8)
    ]
    assert all(run["n_init"] == 1 for run in runs)
    runs.clear()
    kmeans(embeddings, 3, seed=7, num_restarts=4)
    assert [run["n_init"] for run in runs] == [1] * 4


def test_ten_annealed_runs_in_the_smoothed_space_vote_and_their_vote_is_refined(monkeypatch):
    embeddings, groups = make_groups([30] * 4, spread=0.5)
    views = Views(embeddings, make_groups([120], spread=0.5, seed=1)[0])
    votes = []

    def elect(runs, num_clusters):
        votes.append((runs, num_clusters))
        return groups

    monkeypatch.setattr(candidates, "vote", elect)
    monkeypatch.setattr(candidates, "refine", lambda *told: told)
    space, refined, num_clusters = even_clusters(views, 4, seed=7)
    assert space is views.for_discriminants and refined is groups and num_clusters == 4
    means = (KMeans(4, n_init=1, max_iter=30, random_state=7 + run) for run in range(10))
    begun = [run.fit_predict(views.smoothed) for run in means]
    expected = [
        anneal(views.smoothed, cluster_means(views.smoothed, clusters, 4)) for clusters in begun
    ]
    ((runs, num_clusters),) = votes
    np.testing.assert_array_equal(runs, expected)
    assert num_clusters == 4 and len(np.unique(runs, axis=0)) > 1


def test_an_annealed_run_votes_unless_it_has_lost_a_cluster(monkeypatch):
    monkeypatch.setattr(candidates, "vote", lambda runs, num_clusters: runs[0])
    monkeypatch.setattr(candidates, "refine", lambda embeddings, clusters, num_clusters: clusters)
    embeddings, groups = make_groups([30] * 3, spread=0.1)
    views, whole = Views(embeddings, np.zeros((90, 0))), np.arange(90) % 3
    for annealed, taken in ((whole, whole), (whole.clip(max=1), groups)):
        monkeypatch.setattr(candidates, "anneal", lambda *_, annealed=annealed: annealed)
        assert adjusted_rand_score(taken, even_clusters(views, 3, seed=0, num_restarts=1)) == 1


@pytest.mark.parametrize("seed, chosen", [(31, 0), (17, 4), (38, 5)])
def test_a_vote_is_the_best_k_means_of_memberships_begun_from_one_of_the_runs(seed, chosen):
    runs = np.random.default_rng(seed).integers(4, size=(7, 60))
    memberships = np.hstack([np.eye(4)[run] for run in runs])
    starts = [[memberships[run == cluster].mean(axis=0) for cluster in range(4)] for run in runs]
    fits = [KMeans(4, init=np.array(means), n_init=1).fit(memberships) for means in starts]
    assert np.argmin([fit.inertia_ for fit in fits]) == chosen
    np.testing.assert_array_equal(vote(runs, num_clusters=4), fits[chosen].labels_)


def test_a_vote_begins_a_cluster_of_one_document_where_that_lies():
    first, second = np.repeat([[1, 1], [2, 0], [0, 2], [0, 1], [1, 0]], [20, 1, 1, 4, 3], axis=0).T
    np.testing.assert_array_equal(vote([first, second], num_clusters=3), first)


def test_a_vote_is_what_most_runs_say_however_they_number_their_clusters():
    generator, groups = np.random.default_rng(0), np.repeat([0, 1, 2], [20, 15, 10])
    astray = [np.where(generator.random(45) < 0.1, (groups + 1) % 3, groups) for _ in range(7)]
    renamed = [generator.permutation(3)[run] for run in astray]
    assert max(adjusted_rand_score(groups, run) for run in astray) < 0.95
    for runs in (astray, renamed):
        assert adjusted_rand_score(groups, vote(runs, num_clusters=3)) == 1


def test_a_vote_that_has_lost_a_cluster_gives_way_to_the_first_run(monkeypatch):
    class Emptied(KMeans):
        def fit(self, memberships):
            super().fit(memberships)
            self.labels_ = self.labels_.clip(max=1)
            return self

    first, other = np.arange(12) % 3, np.arange(12) // 4
    monkeypatch.setattr(candidates, "KMeans", Emptied)
    assert vote([first, other], num_clusters=3) is first


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_runs_that_have_lost_a_cluster_may_vote():
    """As where documents are distinct by rounding alone."""
    halves = np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(vote([halves, halves], num_clusters=3), halves)
