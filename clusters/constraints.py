"""What people know of single documents: their cluster, and who belongs together or apart.

Pure functions of arrays.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import DisjointSet


FREE = -1  # label of a document whose cluster is not known; group of one that nothing is known of


class Contradiction(ValueError):
    """Two documents that cannot be as they are said to be.

    Args:
        rows (`tuple[int, int]`): The documents.
        what (`str`): What cannot be, as the end of a sentence about them.
    """

    def __init__(self, rows: tuple[int, int], what: str) -> None:
        super().__init__(f"documents {rows[0]} and {rows[1]} {what}")
        self.rows, self.what = rows, what


class Constraints(NamedTuple):
    """What is known of some documents and topics; topic j is cluster j.

    Args:
        labels (`np.ndarray` of shape `(num_documents,)`): Topic of each document, -1 where it is
            not known.
        groups (`np.ndarray` of shape `(num_documents,)`): Number of the documents that share a
            cluster with this one, whichever it is; -1 where nothing is known.
        apart (`np.ndarray` of shape `(num_pairs, 2)`): Groups that do not share a cluster.
        phrases (`np.ndarray` of shape `(num_topics, hidden_size)`, *optional*): Embedding of what
            is said of each topic; a row of zeros where it is nothing.
    """

    labels: np.ndarray
    groups: np.ndarray
    apart: np.ndarray
    phrases: np.ndarray | None = None

    @property
    def is_known(self) -> np.ndarray:
        """Whether anything is known of a document, `(num_documents,)`."""
        return self.groups >= 0

    @property
    def least_clusters(self) -> int:
        """How many clusters it takes."""
        num_phrases = 0 if self.phrases is None else len(self.phrases)
        return max(int(self.labels.max(initial=FREE)) + 1, num_phrases, self.most_apart + 1)

    @property
    def most_apart(self) -> int:
        """Groups that a single one has to be apart from, at most."""
        return int(np.bincount(self.apart.ravel(), minlength=1).max())

    def take(self, rows: np.ndarray) -> "Constraints":
        """What is known of some of the documents."""
        return self._replace(labels=self.labels[rows], groups=self.groups[rows])

    def relabel(self, labels: np.ndarray) -> "Constraints":
        """The same with labels of more documents or of fewer; one that loses its label is free, one
        that gets its first is a group of its own.
        """
        groups = np.where((self.labels >= 0) & (labels < 0), FREE, self.groups)
        new = np.flatnonzero((labels >= 0) & (groups < 0))
        groups[new] = self.groups.max(initial=FREE) + 1 + np.arange(len(new))
        return self._replace(labels=labels, groups=groups)


def constrain(
    labels: np.ndarray,
    together: Iterable[tuple[int, int]] = (),
    apart: Iterable[tuple[int, int]] = (),
) -> Constraints:
    """All that follows from what is known: who is together with a labelled document has its label.

    Args:
        labels (`np.ndarray` of shape `(num_documents,)`): Cluster of each document, or -1.
        together, apart (`Iterable[tuple[int, int]]`, *optional*): Pairs of rows that share a
            cluster, and that do not.

    Raises:
        Contradiction: Documents are to be together that have two labels, or apart that have one,
            or that are together.

    Example:
        >>> constraints = constrain(np.array([0, -1, -1, -1]), together=[(0, 1)], apart=[(1, 3)])
        >>> constraints.labels, constraints.groups, constraints.apart.tolist()
        (array([ 0,  0, -1, -1]), array([ 0,  0, -1,  1]), [[0, 1]])
    """
    together, apart = list(together), list(apart)
    named = {row for pair in together + apart for row in pair}
    rows = sorted(named.union(np.flatnonzero(labels >= 0).tolist()))
    sets, first = DisjointSet(rows), dict[int, int]()  # row of each label
    for row in rows:
        if labels[row] >= 0:
            sets.merge(row, first.setdefault(int(labels[row]), row))
    label_of = {sets[row]: label for label, row in first.items()}
    for a, b in together:
        known = [label_of.pop(root) for root in {sets[a], sets[b]} if root in label_of]
        if len(known) == 2:
            raise Contradiction((a, b), "are to be together, and of two topics")
        sets.merge(a, b)
        label_of.update((sets[a], label) for label in known)
    for a, b in apart:
        if sets[a] == sets[b]:
            same = "of one topic" if sets[a] in label_of else "together"
            raise Contradiction((a, b), f"are to be apart, and {same}")
    numbers: dict[int, int] = {}
    groups, found = np.full(len(labels), FREE), np.full(len(labels), FREE)
    for row in rows:
        groups[row] = numbers.setdefault(sets[row], len(numbers))
        found[row] = label_of.get(sets[row], FREE)
    pairs = {tuple(sorted((groups[a], groups[b]))) for a, b in apart}
    return Constraints(found, groups, np.array(sorted(pairs), dtype=int).reshape(-1, 2))


def obey(scores: np.ndarray, constraints: Constraints | None) -> np.ndarray:
    """Cluster of the largest score of each document that goes with what is known,
    `(num_documents,)`.

    Groups without a label go one after the other, those with the most to be apart from first, each
    to the largest of its mean scores that is left. There is always one left where there are more
    clusters than a group has to be apart from (`Constraints.most_apart`).

    Args:
        scores (`np.ndarray` of shape `(num_documents, num_clusters)`): The larger the better.
        constraints (`Constraints`, *optional*): What is known. `None`: nothing.

    Example:
        >>> scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]])
        >>> free = np.array([-1, -1, -1])
        >>> obey(scores, constrain(free, together=[(0, 1)], apart=[(1, 2)]))
        array([0, 0, 1])
    """
    clusters = scores.argmax(axis=1)
    if constraints is None:
        return clusters
    labels, groups, apart, _ = constraints
    clusters = np.where(labels >= 0, labels, clusters)
    waiting = np.unique(groups[(groups >= 0) & (labels < 0)])
    if not len(waiting):
        return clusters
    taken = dict(zip(groups[labels >= 0].tolist(), labels[labels >= 0].tolist(), strict=True))
    degrees = np.bincount(apart.ravel(), minlength=groups.max() + 1)
    for group in waiting[np.argsort(-degrees[waiting], kind="stable")]:
        rows = np.flatnonzero(groups == group)
        mean = scores[rows].mean(axis=0)
        others = apart[(apart == group).any(axis=1)].ravel().tolist()
        mean[[taken[other] for other in others if other in taken]] = -np.inf
        taken[group] = clusters[rows] = mean.argmax()
    return clusters
