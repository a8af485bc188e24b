"""Where clusters start: the choice between two kinds, and how much work goes into it."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from bert_clustering.clusters import start as start_module
from bert_clustering.clusters.quality import ClusterScore
from bert_clustering.clusters.spaces import Views
from bert_clustering.clusters.start import (
    Recipe,
    Start,
    choose,
    describe_choice,
    find_start,
    repeat_start,
)
from helpers import make_groups


def without_words(embeddings: np.ndarray) -> tuple[Views, ClusterScore]:
    """Views whose fused space is that of the embeddings, and the score of all documents there."""
    views = Views(embeddings, np.zeros((len(embeddings), 0)))
    return views, ClusterScore(np.arange(len(embeddings)), embeddings)


@pytest.mark.parametrize(
    ("sizes", "spread", "kind"), [([60] * 4, 0.3, "even"), ([200, 30, 20, 4, 4, 4], 0.15, "any")]
)
def test_start_suits_the_sizes(sizes, spread, kind):
    embeddings, groups = make_groups(sizes, spread)
    views, score = without_words(embeddings)
    start = find_start(views, len(sizes), seed=0, score=score)
    assert start.kind == kind and start.clusters is start.candidates[kind]
    assert list(start.candidates) == ["even", "any"]
    assert start.scores == {
        name: score.separation(clusters) for name, clusters in start.candidates.items()
    }
    assert adjusted_rand_score(groups, start.clusters) > 0.9
    again = find_start(views, len(sizes), seed=0, score=score)
    np.testing.assert_array_equal(start.clusters, again.clusters)


@pytest.mark.parametrize("even", [0.0, 0.25])
def test_any_size_is_taken_where_it_stands_more_than_two_hundredths_further_apart(even):
    for gained, kind in ((-0.5, "even"), (0.0, "even"), (0.0199, "even"), (0.0201, "any")):
        assert choose({"even": even, "any": even + gained}) == kind
    assert choose({"even": 0.0, "any": 0.02}) == "even", "it must be more"


@pytest.mark.parametrize("kind", ["even", "any"])
def test_of_a_single_kind_there_is_nothing_to_choose(kind):
    assert choose({kind: -1.0}) == kind


SIZES = {"even": [3, 4, 3], "any": [7, 1, 2]}


@pytest.mark.parametrize(
    ("separation", "call"),
    [(0.0599, "clear"), (0.0601, "close"), (0.12, "close"), (0.1399, "close"), (0.1401, "clear")],
)
def test_a_call_is_close_within_twice_the_margin(separation, call):
    said = describe_choice({"even": 0.1, "any": separation}, SIZES)
    assert f"This was a {call} call (separation" in said


def test_a_choice_names_what_was_not_taken_and_how_to_take_it():
    assert describe_choice({"even": 0.1, "any": 0.3}, SIZES) == (
        "Clusters of any size were taken: one cluster alone holds 70.0% of the texts, the smallest "
        "10.0%. Of like size, the largest would hold 40.0% of the texts, the smallest 30.0%. This "
        "was a clear call (separation 0.300 against 0.100; any size is taken from 0.120 on). Take "
        "the others with --init even."
    )
    half = {"even": [2, 4, 2], "any": [7, 1, 0]}
    assert describe_choice({"even": 0.3, "any": 0.1}, half) == (
        "Clusters of like size were taken: the largest holds 50.0% of the texts, the smallest "
        "25.0%. Of any size, one cluster alone would hold 87.5% of the texts, the smallest 0.0%. "
        "This was a clear call (separation 0.300 against 0.100; any size is taken from 0.320 on). "
        "Take the others with --init any."
    )


def test_a_choice_between_the_same_sizes_is_none():
    same = {"even": [3, 4, 3], "any": [4, 3, 3]}
    said = "Clusters of like size and of any size came out the same."
    assert describe_choice({"even": 0.1, "any": 0.1}, same) == said


@pytest.mark.parametrize(
    "num_documents, num_clusters", [(2, 2), (3, 2), (3, 3), (12, 2), (12, 11), (12, 12)]
)
@pytest.mark.parametrize("kind", ["even", "any"])
def test_start_of_hardly_more_documents_than_clusters(num_documents, num_clusters, kind):
    embeddings, _ = make_groups([num_documents - num_documents // 2, num_documents // 2], 0.3)
    views, score = without_words(embeddings)
    start = find_start(views, num_clusters, seed=0, score=score, kind=kind)
    assert sorted(set(start.clusters)) == list(range(num_clusters))


@pytest.mark.parametrize("num_kinds", [1, 2, 3])
@pytest.mark.parametrize("kind", [None, "even", "any"])
def test_start_of_hardly_any_distinct_documents(num_kinds, kind):
    views, score = without_words(np.eye(8, dtype=np.float32)[np.arange(20) % num_kinds])
    start = find_start(views, 3, seed=0, score=score, kind=kind)
    assert adjusted_rand_score(np.arange(20) % num_kinds, start.clusters) == 1
    assert start.scores[start.kind] == score.separation(start.clusters)
    if num_kinds < 3:
        assert list(start.candidates) == list(start.scores) == [start.kind]
    assert start.kind == (kind or "even")


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_start_of_documents_that_rounding_alone_makes_distinct():
    generator = np.random.default_rng(0)
    nearly = np.ones((20, 8)) + 1e-7 * generator.normal(size=(20, 8))
    embeddings = (nearly / np.linalg.norm(nearly, axis=1, keepdims=True)).astype(np.float32)
    views, score = without_words(embeddings)
    assert len(np.unique(embeddings, axis=0)) > 5
    assert find_start(views, 5, seed=0, score=score).clusters.shape == (20,)


@pytest.mark.parametrize("kind", ["even", "any"])
def test_a_kind_that_was_asked_for_is_the_only_candidate(kind):
    embeddings, groups = make_groups([30] * 3, spread=0.2)
    views, score = without_words(embeddings)
    start = find_start(views, 3, seed=0, score=score, kind=kind)
    assert start.kind == kind and list(start.scores) == list(start.candidates) == [kind]
    assert adjusted_rand_score(groups, start.clusters) == 1


@pytest.fixture
def work(monkeypatch) -> dict[str, list]:
    """How much of what goes into a start; its parts bring clusters of no meaning."""
    done: dict[str, list] = {"restarts": [], "inits": []}

    def even_clusters(views, num_clusters, seed, num_restarts, progress):
        done["restarts"].append(num_restarts)
        return np.arange(len(views.embeddings)) % num_clusters

    def over_cluster(space, num_clusters, seed, inits):
        done["inits"].append(inits)
        return np.arange(len(space)) % num_clusters

    monkeypatch.setattr(start_module, "even_clusters", even_clusters)
    monkeypatch.setattr(start_module, "over_cluster", over_cluster)
    return done


@pytest.mark.parametrize(
    ("plain", "smoothed", "taken"),
    [(0.0, 0.02, 0), (0.0, 0.0201, 1), (0.2, 0.1, 0), (0.2, 0.2199, 0), (0.2, 0.2201, 1)],
)
def test_any_size_is_of_the_fused_space_unless_the_smoothed_one_gains_two_hundredths(
    work, monkeypatch, plain, smoothed, taken
):
    views, _ = without_words(make_groups([30], spread=0.3)[0])
    in_spaces = [np.zeros(30, dtype=int), np.ones(30, dtype=int)]
    found = dict(zip((id(views.fused), id(views.smoothed)), in_spaces, strict=True))

    def over_cluster(space, num_clusters, seed, inits):
        assert (num_clusters, seed, inits) == (3, 7, ("k-means++", *["random"] * 7))
        return found.pop(id(space))

    monkeypatch.setattr(start_module, "over_cluster", over_cluster)
    score = SimpleNamespace(separation=lambda clusters: (plain, smoothed)[clusters[0]])
    assert find_start(views, 3, 7, score).candidates["any"] is in_spaces[taken]
    assert work["restarts"] == [10]
    assert not found, "both spaces were asked, once"


def test_without_clusters_of_any_size_like_size_is_taken(work):
    embeddings, _ = make_groups([5, 5, 20], spread=0.1)
    views, score = without_words(embeddings)
    start = find_start(views, 3, 7, score, Recipe(any_clusters=lambda *_: None))
    assert start.kind == "even" and list(start.candidates) == list(start.scores) == ["even"]


def test_a_repeat_sees_four_fifths_of_the_documents_and_five_thousand_at_most(work):
    for num_documents, size in ((30, 24), (6000, 4800), (7000, 5000)):
        embeddings, _ = make_groups([num_documents], spread=0.3, width=3)
        views = Views(embeddings, np.zeros((num_documents, 0)))
        (repeat,) = repeat_start(views, "even", 3, seed=0, num_repeats=1)
        assert (repeat >= 0).sum() == size


def test_five_repeats_take_a_third_of_the_work(work):
    embeddings, _ = make_groups([10] * 3, spread=0.3)
    views = Views(embeddings, np.zeros((30, 0)))
    assert len(repeat_start(views, "even", 3, seed=0)) == 5
    assert len(repeat_start(views, "any", 3, seed=0, num_repeats=2)) == 2
    of_both_spaces = [("random", "random")] * 2
    assert work == {"restarts": [3] * 5, "inits": of_both_spaces * 2}


def test_sizes_count_every_cluster_the_empty_ones_too():
    candidates = {"even": np.array([0, 1, 1, 0]), "any": np.array([1, 1, 1, 0])}
    start = Start("even", candidates, {"even": 0.1, "any": 0.1})
    assert start.sizes(num_clusters=3) == {"even": [2, 2, 0], "any": [3, 1, 0]}
