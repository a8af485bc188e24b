"""What people know of their topics: names, words, and documents that belong there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..clusters.constraints import Constraints, Contradiction, constrain
from ..errors import InputError


@dataclass(frozen=True, eq=False)
class KnownTopics:
    """What is known of some topics and some documents, by the documents' rows.

    Args:
        names (`list[str]`): Of the topics.
        labels (`np.ndarray` of shape `(num_documents,)`): Topic of each document, by its place
            among the names; -1 where it is not known.
        phrases (`dict[str, list[str]]`, *optional*): What is said of topics, by their names.
        together, apart (`list[tuple[int, int]]`, *optional*): Pairs of documents that share a
            topic, whichever it is, and that do not.
    """

    names: list[str]
    labels: np.ndarray
    phrases: dict[str, list[str]] = field(default_factory=dict)
    together: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def from_labels(cls, labels: Sequence[str | None]) -> "KnownTopics":
        """Topics by the names of their documents, in the order in which they come; `None` for none.

        Example:
            >>> known = KnownTopics.from_labels([None, "refund", "card", "refund"])
            >>> known.names, known.labels
            (['refund', 'card'], array([-1,  0,  1,  0]))
        """
        names = list(dict.fromkeys(name for name in labels if name is not None))
        numbers = {name: number for number, name in enumerate(names)}
        found = [-1 if name is None else numbers[name] for name in labels]
        return cls(names, np.array(found, dtype=int))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def with_examples(self) -> set[str]:
        """Names of the topics that a document is known to be of."""
        return {self.names[topic] for topic in self.labels[self.labels >= 0]}

    @property
    def rows(self) -> np.ndarray:
        """Documents of which something is known."""
        in_pairs = [row for pair in self.together + self.apart for row in pair]
        return np.union1d(np.flatnonzero(self.labels >= 0), np.array(in_pairs, dtype=int))

    def take(self, rows: np.ndarray) -> "KnownTopics":
        """The same of some of the documents, as a table of them would have it; pairs of others
        are gone.
        """
        place = {int(row): number for number, row in enumerate(rows)}
        together, apart = (
            [(place[a], place[b]) for a, b in pairs if a in place and b in place]
            for pairs in (self.together, self.apart)
        )
        return replace(self, labels=self.labels[rows], together=together, apart=apart)

    def constraints(self, ids: Sequence[Any] | None = None) -> Constraints:
        """All that follows for the documents.

        Args:
            ids (`Sequence`, *optional*): What messages call the documents. `None`: their rows.

        Raises:
            InputError: It contradicts itself.
        """
        try:
            return constrain(self.labels, self.together, self.apart)
        except Contradiction as error:
            a, b = (repr(row if ids is None else ids[row]) for row in error.rows)
            raise InputError(f"Known topics: texts {a} and {b} {error.what}. Mend one.") from error


def read_labels(column: Sequence[Any]) -> list[str | None]:
    """Topics as they are named, without spaces around them; `None` where a cell is empty.

    Example:
        >>> read_labels(["refund", " card ", "", None, 7, float("nan")])
        ['refund', 'card', None, None, '7', None]
    """
    named = [None if value is None or value != value else str(value).strip() for value in column]
    return [name or None for name in named]
