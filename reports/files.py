"""CSV, JSON and NumPy files, written by the main process alone. They appear whole or not at all."""

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ..texts.attributes import Attributes
from ..texts.documents import Documents
from ..texts.segments import Sentences
from .levels import Level
from .mix import Mix, write_topics
from .result import OUTLIER, OUTLIER_LABEL


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO]:
    """Open a file for writing, as text unless `mode` is `"wb"`, that takes the place of `path` once
    it is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
        with open(partial, mode, encoding=encoding, newline=newline) as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object, in the place of the one that was there; a value that is not finite
    becomes null.
    """
    values = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
    with replacing(path) as file:
        json.dump(values, file, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_embeddings(path: Path, embeddings: np.ndarray) -> None:
    """Write `(num_documents, hidden_size)` embeddings, to be read by `numpy.load`."""
    with replacing(path, "wb") as file:
        np.save(file, embeddings)


FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def safe_cell(text: str | None) -> str | None:
    """A text that no spreadsheet takes for a formula: with an apostrophe before it, where it might.

    Example:
        >>> safe_cell("=1+1"), safe_cell("'tis"), plain_text("'=1+1"), plain_text("'tis")
        ("'=1+1", "'tis", '=1+1', "'tis")
    """
    return f"'{text}" if text and FORMULA.match(text) else text


def plain_text(cell: str) -> str:
    """The text of a cell that `safe_cell` made."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


class Assignment(NamedTuple):
    """Documents, all rows of them, and where those of them belong that have a usable text.

    Args:
        documents (`Documents`): The rows.
        clusters, probabilities (`np.ndarray` of shape `(num_usable,)`): Cluster of each usable
            document, -1 for an outlier, and the probability of the most probable one.
        coarser (`np.ndarray` of shape `(num_usable, num_levels)`, *optional*): Probability of its
            cluster at each coarser level, where there are any.
        topics (`Sequence` of length `num_usable`, *optional*): Clusters of each with their shares,
            `(cluster, share)`. `None`: each is of one.
    """

    documents: Documents
    clusters: np.ndarray
    probabilities: np.ndarray
    coarser: np.ndarray | None = None
    topics: Sequence[Sequence[tuple[int, float]]] | None = None


def of_sentences(sentences: Sentences, part: Assignment) -> Assignment:
    """The same of sentences, with nothing beside them but their number in their document."""
    numbers = Attributes({"sentence": [*map(str, sentences.numbers)]})
    return part._replace(documents=replace(sentences, attributes=numbers))


def of_documents(documents: Documents, mix: Mix) -> Assignment:
    """Where documents belong whose sentences were clustered."""
    probabilities, coarser = mix.values[:, 0], mix.values[:, 1:]
    return Assignment(documents, mix.clusters, probabilities, coarser, mix.topics)


class AssignmentWriter:
    """Writes one row per document, in input order: `id, cluster, label, probability[, cluster_1,
    label_1, probability_1, ...][, topics][, x, y], text`, and the columns that are kept.

    Documents without a usable text get no cluster. Outliers are in cluster -1, at each level; their
    probability is that of the nearest one.

    Args:
        file (`IO`): Where to.
        id2label (`dict[int, str]`): Labels of the clusters.
        levels (`Sequence[Level]`, *optional*): Coarser levels, which get columns of their own.
    """

    def __init__(self, file: IO, id2label: dict[int, str], levels: Sequence[Level] = ()) -> None:
        self.writer, self.levels, self.count = csv.writer(file), levels, 0
        self.labels = {OUTLIER: OUTLIER_LABEL} | id2label

    def write(self, part: Assignment, positions: np.ndarray | None = None) -> None:
        """Write a part of the documents, the first one with a head.

        Args:
            part (`Assignment`): The documents.
            positions (`np.ndarray` of shape `(num_usable, 2)`, *optional*): Where they lie on the
                map. `None`: there are no columns for it.
        """
        documents, clusters, probabilities, coarser, topics = part
        kept = documents.attributes.columns if documents.attributes else {}
        names = ["cluster", "label", "probability"]
        for level in range(1, len(self.levels) + 1):
            names += [f"cluster_{level}", f"label_{level}", f"probability_{level}"]
        names += [] if topics is None else ["topics"]
        names += [] if positions is None else ["x", "y"]
        if not self.count:
            self.writer.writerow(["id", *names, "text", *map(safe_cell, kept)])
        self.count += len(documents)
        sums = np.zeros((len(clusters), 0)) if coarser is None else coarser
        assigned = zip(clusters.tolist(), probabilities.tolist(), sums.tolist(), strict=True)
        mixes, places = iter(topics or ()), iter(() if positions is None else positions.tolist())
        rows = zip(documents.ids, documents.texts, documents.usable, *kept.values(), strict=True)
        for id_, text, usable, *others in rows:
            passed_on = map(safe_cell, others)
            if not usable:  # the writer leaves a text that is None empty
                self.writer.writerow([id_, *[""] * len(names), text, *passed_on])
                continue
            cluster, probability, sums_of_row = next(assigned)
            cells = [cluster, safe_cell(self.labels[cluster]), f"{probability:.6f}"]
            cells += _cells_above(cluster, sums_of_row, self.levels)
            if topics is not None:
                cells.append(safe_cell(write_topics(next(mixes), self.labels)))
            cells += [f"{coordinate:.4f}" for coordinate in next(places, ())]
            self.writer.writerow([id_, *cells, safe_cell(text), *passed_on])


def write_assignments(
    path: Path,
    parts: Iterable[Assignment | tuple],
    id2label: dict[int, str],
    positions: np.ndarray | None = None,
    levels: Sequence[Level] = (),
) -> int:
    """Write documents and where they belong, as `AssignmentWriter` does, to a CSV file.

    Args:
        path (`Path`): The file.
        parts (`Iterable[Assignment]`): Documents, and where they belong; one part alone where there
            are `positions`.
        id2label, positions, levels: As in `AssignmentWriter`.

    Returns:
        How many rows there are.
    """
    with replacing(path) as file:
        writer = AssignmentWriter(file, id2label, levels)
        for part in parts:
            writer.write(Assignment(*part), positions)
    return writer.count


def _cells_above(cluster: int, probabilities: list[float], levels: Sequence[Level]) -> list:
    """Number, label and probability of a document's cluster at each coarser level."""
    cells: list = []
    for level, probability in zip(levels, probabilities, strict=True):
        number = OUTLIER if cluster == OUTLIER else int(level.inside[cluster])
        label = OUTLIER_LABEL if cluster == OUTLIER else level.labels[number]
        cells += [number, safe_cell(label), f"{probability:.6f}"]
    return cells
