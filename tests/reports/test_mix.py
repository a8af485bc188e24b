"""What documents are about whose sentences were clustered."""

import numpy as np
import pytest

from bert_clustering.reports.mix import (
    Mix,
    documents_per_cluster,
    mix_sentences,
    share_out,
    vote,
    write_topics,
)
from bert_clustering.texts.documents import make_documents
from bert_clustering.texts.segments import Sentences, split_documents


@pytest.fixture
def sentences() -> Sentences:
    """Of three documents: sentences of 20 and 30 characters; of 25 and 25; of 40."""
    texts = ["a" * 19 + ". B" + "b" * 28 + ".", "C" * 24 + ". D" + "d" * 23 + ".", "E" * 40, ""]
    documents = make_documents({"text": texts[-1:] + texts[:-1]}, "table", skip_bad_rows=True)
    found = split_documents(documents, "en")
    assert found.lengths.tolist() == [20, 30, 25, 25, 40]
    return found


@pytest.fixture
def mix(sentences) -> Mix:
    clusters, probabilities = np.array([0, 2, 1, -1, -1]), np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    coarser = np.array([[0.6], [0.7], [0.8], [0.9], [1.0]])
    return mix_sentences(sentences, clusters, probabilities, coarser, num_clusters=3)


def test_documents_are_in_the_cluster_with_the_largest_share(mix):
    assert mix.clusters.tolist() == [2, 1, -1], "an outlier's share does not count"
    assert mix.topics == [[(2, 0.6), (0, 0.4)], [(1, 0.5), (-1, 0.5)], [(-1, 1)]]
    assert documents_per_cluster(mix).tolist() == [1, 1, 1]


def test_values_are_those_of_the_sentences_in_that_cluster(mix):
    np.testing.assert_allclose(mix.values, [[0.6, 0.7], [0.7, 0.8], [0.9, 1.0]])
    assert mix.surest.tolist() == [1, 2, 4]


def test_means_are_by_characters_and_the_surest_sentence_stands_for_the_document(sentences):
    probabilities = np.array([0.9, 0.4, 0.6, 0.8, 0.5])
    mix = mix_sentences(sentences, np.zeros(5, dtype=int), probabilities, None, num_clusters=2)
    np.testing.assert_allclose(mix.values[:, 0], [(20 * 0.9 + 30 * 0.4) / 50, 0.7, 0.5])
    assert mix.surest.tolist() == [0, 3, 4]


def test_shares_and_votes_go_by_characters(sentences):
    q = np.eye(3)[[0, 2, 1, 1, 0]]
    assert share_out(sentences, q).tolist() == [[0.4, 0, 0.6], [0, 1, 0], [1, 0, 0]]
    assert vote(sentences, q.argmax(axis=1), 3).tolist() == [2, 1, 0]
    whole = np.array([1, 0, 2])
    assert vote(sentences.whole, whole, 3) is whole


def test_no_sentences_at_all():
    documents = make_documents({"text": [None]}, "table", skip_bad_rows=True)
    none = np.array([], dtype=int)
    values = (none, none.astype(float), np.zeros((0, 1)))
    mix = mix_sentences(split_documents(documents), *values, num_clusters=3)
    assert mix.topics == [] and mix.values.shape == (0, 2) and mix.clusters.tolist() == []


def test_topics_in_words():
    labels = {-1: "outlier", 0: "Delivery", 1: "Refunds"}
    assert write_topics([(1, 0.5), (0, 1 / 3), (-1, 1 / 6)], labels) == (
        "Refunds 0.50; Delivery 0.33; outlier 0.17"
    )
