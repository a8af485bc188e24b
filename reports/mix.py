"""What documents are about whose sentences were clustered: how much of each topic they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ..clusters.mixtures import largest_shares, mix_parts
from ..texts.documents import Documents
from ..texts.segments import Sentences


@dataclass(frozen=True, eq=False)
class Mix:
    """Documents by the clusters of their sentences. Rows are the usable documents.

    Args:
        shares (`csr_array` of shape `(num_usable, num_clusters)`): Share of each document, by its
            characters, whose sentences are in each cluster; what is missing from 1 is in none.
        clusters (`np.ndarray` of shape `(num_usable,)`): The one with the largest share, -1 where
            no sentence is in any.
        values (`np.ndarray` of shape `(num_usable, 1 + num_levels)`): Mean probability of the
            sentences in that cluster, by their characters, and that at each coarser level.
        surest (`np.ndarray` of shape `(num_usable,)`): Row of the most probable of these sentences.
    """

    shares: csr_array
    clusters: np.ndarray
    values: np.ndarray
    surest: np.ndarray

    @property
    def topics(self) -> list[list[tuple[int, float]]]:
        """Clusters of each document with their shares, the largest first."""
        return [self.topics_of(row) for row in range(len(self.clusters))]

    def topics_of(self, row: int) -> list[tuple[int, float]]:
        """Those of one document; -1 for what is in none."""
        part = slice(self.shares.indptr[row], self.shares.indptr[row + 1])
        clusters, shares = self.shares.indices[part].tolist(), self.shares.data[part].tolist()
        found = sorted(zip(clusters, shares, strict=True), key=lambda topic: (-topic[1], topic[0]))
        rest = 1 - sum(shares)
        return [*found, (-1, rest)] if rest > 1e-9 else found


def mix_sentences(
    sentences: Sentences,
    clusters: np.ndarray,
    probabilities: np.ndarray,
    coarser: np.ndarray | None,
    num_clusters: int,
) -> Mix:
    """What is known of sentences, for their documents.

    Args:
        sentences (`Sentences`): Of the documents.
        clusters (`np.ndarray` of shape `(num_sentences,)`): Cluster of each, -1 for an outlier.
        probabilities (`np.ndarray` of shape `(num_sentences,)`): Of that cluster.
        coarser (`np.ndarray` of shape `(num_sentences, num_levels)`, *optional*): At each coarser
            level.
        num_clusters (`int`): How many there are.
    """
    values = np.column_stack([probabilities, *([] if coarser is None else [coarser])])
    owners, weights = sentences.places, sentences.lengths
    shares = mix_parts(clusters, owners, weights, num_clusters)
    found = largest_shares(shares)
    rows = np.flatnonzero(clusters == found[owners])
    totals = np.bincount(owners[rows], weights[rows])
    means = [
        np.bincount(owners[rows], weights[rows] * column[rows]) / totals for column in values.T
    ]
    order = rows[np.lexsort([-values[rows, 0], owners[rows]])]
    surest = order[np.unique(owners[order], return_index=True)[1]]
    return Mix(shares, found, np.stack(means, axis=1), surest)


def vote(documents: Documents, clusters: np.ndarray, num_clusters: int) -> np.ndarray:
    """Cluster of each whole document, `(num_usable,)`: of its sentences, where these were
    clustered, the one with the largest share.

    Args:
        documents (`Documents`): Whole ones, or `Sentences`.
        clusters (`np.ndarray` of shape `(num_rows,)`): Cluster of each of their usable rows.
        num_clusters (`int`): How many there are.
    """
    if not isinstance(documents, Sentences):
        return clusters
    shares = mix_parts(clusters, documents.places, documents.lengths, num_clusters)
    return largest_shares(shares)


def share_out(sentences: Sentences, q: np.ndarray) -> np.ndarray:
    """Shares of the clusters in whole documents, `(num_usable, num_clusters)`.

    Args:
        sentences (`Sentences`): Of the documents.
        q (`np.ndarray` of shape `(num_sentences, num_clusters)`): Their soft assignments.
    """
    weights, num_clusters = sentences.lengths, q.shape[1]
    return mix_parts(q.argmax(axis=1), sentences.places, weights, num_clusters).toarray()


def documents_per_cluster(mix: Mix) -> np.ndarray:
    """How many documents hold something of each cluster, `(num_clusters,)`."""
    return np.bincount(mix.shares.indices, minlength=mix.shares.shape[1])


def write_topics(topics: Sequence[tuple[int, float]], labels: dict[int, str]) -> str:
    """The topics of a document in words.

    Example:
        >>> write_topics([(1, 0.6), (0, 0.4)], {0: "Delivery", 1: "Refunds"})
        'Refunds 0.60; Delivery 0.40'
    """
    return "; ".join(f"{labels[cluster]} {share:.2f}" for cluster, share in topics)
