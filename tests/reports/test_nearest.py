"""The texts that stand for a cluster."""

import numpy as np

from bert_clustering.reports.nearest import nearest_documents


def test_nearest_documents_are_distinct_texts():
    embeddings = np.array([[0.0], [0.1], [0.1], [0.3], [0.5], [5.0]])
    texts = ["a", "b", "b", "c", "d", "e"]
    nearest = nearest_documents(
        embeddings, np.array([[0.0], [5.5], [9.0]]), np.array([0, 0, 0, 0, 0, 1]), texts
    )
    assert nearest == [[0, 1, 3], [5], []]


def test_near_duplicates_of_nearer_documents_are_skipped():
    texts = [
        "the red car is fast and loud",
        "The red car is fast and LOUD",
        "a red car is fast and loud",
        "a blue sea",
    ]
    nearest = nearest_documents(
        np.arange(4.0)[:, None], np.zeros((1, 1)), np.zeros(4, dtype=int), texts, count=3
    )
    assert nearest == [[0, 2, 3]], "one word of eight differs: 6 of 8 are shared"
