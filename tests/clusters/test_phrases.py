"""Topics by what is said of them."""

import numpy as np
import pytest

from bert_clustering.clusters.constraints import constrain
from bert_clustering.clusters.metrics import clustering_accuracy
from bert_clustering.clusters.phrases import (
    add_soft_examples,
    find_no_texts,
    phrase_cosines,
    sort_by_phrases,
    term_cosines,
)
from bert_clustering.clusters.seeded import find_seeded_start
from bert_clustering.clusters.spaces import Views
from bert_clustering.clusters.targets import teach
from helpers import make_groups


@pytest.fixture(scope="module")
def groups():
    embeddings, groups = make_groups([40, 25, 30, 35], spread=0.25)
    return Views(embeddings, np.zeros((len(embeddings), 0), dtype=np.float32)), groups


def said_of(topics: list[int], size: int) -> np.ndarray:
    """What is said of topics: as texts in the middle of their groups, but with a part that no text
    has.
    """
    phrases = np.eye(24, dtype=np.float32)[topics]
    phrases[:, 23] += 2
    return np.vstack([phrases, np.zeros((size - len(topics), 24), dtype=np.float32)])


def test_words_alone_find_their_topics(groups):
    views, numbers = groups
    free = np.array([2, 0, 3, 1])[numbers]
    known = constrain(np.full(len(numbers), -1))._replace(phrases=said_of([3, 1], 2))
    start = find_seeded_start(views, known, free, num_clusters=4, seed=0)
    assert clustering_accuracy(numbers, start.clusters) > 0.95
    assert [start.clusters[numbers == topic].mean().round() for topic in (3, 1)] == [0, 1]


def test_words_and_examples_go_together(groups):
    views, numbers = groups
    labels = np.full(len(numbers), -1)
    labels[np.flatnonzero(numbers == 2)[:2]] = 2  # the third topic has examples, the others words
    cosines = phrase_cosines(views.embeddings, said_of([1, 3], 3))
    softly = add_soft_examples(cosines, labels, numbers, 4, count=4)
    assert (softly[labels == 2] == 2).all() and (softly == 2).sum() == 2
    for topic, group in enumerate((1, 3)):
        assert (numbers[softly == topic] == group).all() and (softly == topic).sum() == 4


def test_a_topic_that_no_text_comes_near_is_told(groups):
    views, _ = groups
    near, far = np.eye(24, dtype=np.float32)[[0, 23]]
    phrases = np.stack([near, far, np.zeros(24, dtype=np.float32)])
    assert find_no_texts(views.embeddings, phrases, seed=0).tolist() == [1]


def test_words_sort_what_lies_between_clusters():
    embeddings, numbers = make_groups([60, 60, 60], spread=0.4)
    views = Views(embeddings, np.zeros((len(embeddings), 0), dtype=np.float32))
    wrong = np.random.default_rng(0).random(len(numbers)) < 0.4
    clusters = np.where(wrong, (numbers + 1) % 3, numbers)
    known, phrases = constrain(np.full(len(numbers), -1)), said_of([0, 1, 2], 3)
    cosines = phrase_cosines(views.embeddings, phrases)
    said = sort_by_phrases(cosines, views.for_discriminants, known, clusters, num_clusters=3)
    silent = clusters
    for _ in range(10):
        silent = teach(views.for_discriminants, silent, 3).argmax(axis=1)
    assert (said == numbers).mean() > (silent == numbers).mean() + 0.03 > 0.8


@pytest.mark.parametrize("shift", [0, 1])
def test_clusters_that_the_words_deny_are_given_up(groups, shift):
    views, numbers = groups
    clusters = (numbers + shift) % 4
    known, phrases = constrain(np.full(len(numbers), -1)), said_of([0, 1, 2, 3], 4)
    cosines = phrase_cosines(views.embeddings, phrases)
    found = sort_by_phrases(cosines, views.for_discriminants, known, clusters, num_clusters=4)
    assert (found == numbers).mean() > 0.95


def test_no_cluster_ends_empty_and_what_is_known_stays(groups):
    views, numbers = groups
    labels = np.full(len(numbers), -1)
    stubborn = np.flatnonzero(numbers == 0)[:3]
    labels[stubborn] = 1
    far = np.eye(24, dtype=np.float32)[[23]]
    phrases = np.vstack([said_of([0, 1, 2, 3], 4), far])
    cosines = phrase_cosines(views.embeddings, phrases)
    found = sort_by_phrases(
        cosines, views.for_discriminants, constrain(labels), numbers, num_clusters=5
    )
    assert set(found) == {0, 1, 2, 3, 4} and (found == 4).sum() < 5
    assert (found[stubborn] == 1).all()


def test_terms_are_close_to_the_clusters_they_lie_among():
    embeddings, numbers = make_groups([30, 10], spread=0.1)
    means = np.stack([embeddings[numbers == number].mean(axis=0) for number in (0, 1)])
    middle = embeddings.mean(axis=0)
    cosines = term_cosines(
        embeddings, numbers, 3, np.stack([means[1], middle + means[0] - means[1]])
    )
    np.testing.assert_allclose(cosines[0, :2], [-1, 1], atol=1e-5)
    np.testing.assert_allclose(cosines[1, :2], [1, -1], atol=1e-5)
