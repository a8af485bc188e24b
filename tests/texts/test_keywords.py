"""Keywords: what tells a cluster from the others, in any language, and labels made of it."""

import numpy as np
import pytest

from bert_clustering.texts.keywords import cluster_keywords, diversify, find_stop_words
from bert_clustering.texts.names import make_labels


ENGLISH = [
    "the cat and the dog are in the house",
    "it is a house with a cat that was there",
    "he was with the dog",
]
RUSSIAN = ["он и она не в доме", "это не так и было на самом деле", "мы были в доме, и они тоже"]


@pytest.mark.filterwarnings("error")
def test_stop_words_are_words_as_they_are_counted():
    texts = ["'tis the pear", "the pear"] * 3 + ["I'll see it, the sea"] * 3
    first, second = cluster_keywords(texts, np.repeat([0, 1], [6, 3]), num_clusters=2)
    assert "pear" in first[0] and "sea" in " ".join(second)


@pytest.mark.parametrize(("texts", "word"), [(ENGLISH, "the"), (RUSSIAN, "не")])
def test_the_language_is_known_by_its_stop_words(texts, word):
    assert word in find_stop_words(texts)


def test_an_unknown_language_has_no_stop_words():
    assert find_stop_words(["qapla jatlh tlhIngan", "yIntagh bIjatlh"]) == set()
    assert find_stop_words(["1 2 3", "!"]) == set()


def test_what_stands_everywhere_is_no_keyword_in_an_unknown_language():
    topics = [["ka", "bo", "zu"], ["mi", "re", "lo"]]
    generator = np.random.default_rng(0)
    clusters = np.repeat([0, 1], 60)
    texts = [
        " ".join(["qwe", *generator.permutation(topics[cluster]), "rty"]) for cluster in clusters
    ]
    first, second = cluster_keywords(texts, clusters, num_clusters=2)
    words = {word for term in first for word in term.split()}
    assert words <= set(topics[0]) and first and "qwe" not in " ".join(first + second)


def test_a_pair_replaces_the_word_that_mostly_stands_in_it():
    texts = ["white house said", "white house spoke", "the white house"] * 5 + [
        "red barn burnt",
        "green barn sold",
    ] * 5
    first, second = cluster_keywords(texts, np.repeat([0, 1], [15, 10]), num_clusters=2)
    assert first[0] == "white house" and "white" not in first and second[0] == "barn"


def test_keywords_are_of_different_stems():
    texts = ["a query of sql", "queries and a sql query"] * 5 + ["oracle", "postgres"] * 5
    first, _ = cluster_keywords(texts, np.repeat([0, 1], 10), num_clusters=2)
    assert len([term for term in first if "quer" in term]) == 1
    assert diversify(["stocks", "stock market", "stock", "market"], 2) == ["stocks", "market"]


def test_an_empty_cluster_and_texts_without_words_have_no_keywords():
    texts = ["red apple", "red pear", "red fig", "blue sea", "blue sky"]
    keywords = cluster_keywords(texts, np.array([0, 0, 0, 2, 2]), num_clusters=3)
    assert keywords[0] and not keywords[1] and keywords[2]
    assert cluster_keywords(["12", "34", "!", "?"], np.array([0, 0, 1, 1]), 2) == [[], []]


def test_labels_are_unique():
    labels = make_labels([["oil", "prices", "opec", "barrel"], ["oil", "prices", "opec"], [], []])
    assert labels[0] == "oil, prices, opec"
    assert len(set(labels.values())) == 4 and list(labels) == [0, 1, 2, 3]


def test_keywords_of_a_sample_are_those_of_the_topic():
    texts = [
        f"{topic} {more}"
        for topic, more in zip(["pear tree", "deep sea"] * 100, "abcdefgh" * 25, strict=True)
    ]
    clusters = np.tile([0, 1], 100)
    keywords = cluster_keywords(texts, clusters, num_clusters=2, max_seen=40)
    assert (
        keywords == cluster_keywords(texts, clusters, num_clusters=2) == [["pear tree"], ["deep"]]
    )
