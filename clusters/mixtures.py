"""Documents as mixtures of the clusters that their parts are in."""

import numpy as np
from scipy.sparse import csr_array


def mix_parts(
    clusters: np.ndarray, owners: np.ndarray, weights: np.ndarray, num_clusters: int
) -> csr_array:
    """Share of each document that lies in each cluster, `(num_documents, num_clusters)`; rows sum
    to 1, or less by what is in no cluster.

    Args:
        clusters (`np.ndarray` of shape `(num_parts,)`): Cluster of each part, -1 for none.
        owners (`np.ndarray` of shape `(num_parts,)`): Its document; each has one part or more.
        weights (`np.ndarray` of shape `(num_parts,)`): How much of the document it is, above 0.
        num_clusters (`int`): How many there are.

    Example:
        >>> clusters, owners = np.array([2, 0, 0]), np.array([0, 0, 1])
        >>> mix_parts(clusters, owners, np.array([3, 1, 5]), num_clusters=3).toarray()
        array([[0.25, 0.  , 0.75],
               [1.  , 0.  , 0.  ]])
    """
    totals = np.bincount(owners, weights)
    inside = clusters >= 0
    places = (owners[inside], clusters[inside])
    mixed = csr_array((weights[inside].astype(float), places), shape=(len(totals), num_clusters))
    mixed.data /= np.repeat(totals, np.diff(mixed.indptr))
    return mixed


def largest_shares(shares: csr_array) -> np.ndarray:
    """The cluster that most of each document lies in, the first of equals, `(num_documents,)`; -1
    for one of which nothing lies in any.

    Args:
        shares (`csr_array` of shape `(num_documents, num_clusters)`): Of `mix_parts`.
    """
    found = np.asarray(shares.argmax(axis=1)).ravel()
    return np.where(np.diff(shares.indptr) > 0, found, -1)
