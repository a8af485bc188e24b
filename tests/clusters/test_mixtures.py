"""Documents as mixtures of their parts' clusters."""

import numpy as np

from bert_clustering.clusters.mixtures import largest_shares, mix_parts


def test_shares_are_those_of_the_weights_and_what_is_in_no_cluster_is_missing():
    clusters, owners = np.array([2, 0, 2, -1, 1, -1]), np.array([0, 0, 0, 1, 1, 2])
    shares = mix_parts(clusters, owners, np.array([2, 5, 3, 1, 3, 4]), num_clusters=4)
    assert shares.toarray().tolist() == [[0.5, 0, 0.5, 0], [0, 0.75, 0, 0], [0, 0, 0, 0]]
    assert largest_shares(shares).tolist() == [0, 1, -1], "the first of equals; none of nothing"


def test_a_document_of_one_cluster_is_wholly_in_it():
    weights = np.array([1, 2, 3, 7, 11, 13]) / 7
    shares = mix_parts(np.full(6, 1), np.zeros(6, dtype=int), weights, num_clusters=2)
    assert shares.toarray().max() <= 1 and np.isclose(shares.sum(), 1)


def test_no_documents():
    none = np.array([], dtype=int)
    shares = mix_parts(none, none, none, num_clusters=3)
    assert shares.shape == (0, 3) and largest_shares(shares).tolist() == []
