"""CSV, JSON and NumPy files, written by the main process alone. They appear whole or not at all."""

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ..texts.documents import Documents
from .levels import Level
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
    """

    documents: Documents
    clusters: np.ndarray
    probabilities: np.ndarray
    coarser: np.ndarray | None = None


def write_assignments(
    path: Path,
    parts: Iterable[Assignment | tuple],
    id2label: dict[int, str],
    positions: np.ndarray | None = None,
    levels: Sequence[Level] = (),
) -> int:
    """Write one row per document, in input order: `id, cluster, label, probability[, cluster_1,
    label_1, probability_1, ...][, x, y], text`, and the columns that are kept.

    Args:
        path (`Path`): The CSV file.
        parts (`Iterable[Assignment]`): Documents, and where they belong. Those without a usable
            text get no cluster. Outliers are in cluster -1, at each level; their probability is
            that of the nearest one.
        id2label (`dict[int, str]`): Labels of the clusters.
        positions (`np.ndarray` of shape `(num_usable, 2)`, *optional*): Where those of all parts
            lie on the map. `None`: there are no columns for it.
        levels (`Sequence[Level]`, *optional*): Coarser levels, which get columns of their own.

    Returns:
        How many rows there are.
    """
    labels = {OUTLIER: OUTLIER_LABEL} | id2label
    names = ["cluster", "label", "probability"]
    for level in range(1, len(levels) + 1):
        names += [f"cluster_{level}", f"label_{level}", f"probability_{level}"]
    names += [] if positions is None else ["x", "y"]
    places, count = iter(() if positions is None else positions.tolist()), 0
    with replacing(path) as file:
        writer = csv.writer(file)
        for number, part in enumerate(parts):
            documents, clusters, probabilities, coarser = Assignment(*part)
            kept = documents.attributes.columns if documents.attributes else {}
            if number == 0:
                writer.writerow(["id", *names, "text", *map(safe_cell, kept)])
            sums = np.zeros((len(clusters), 0)) if coarser is None else coarser
            assigned = zip(clusters.tolist(), probabilities.tolist(), sums.tolist(), strict=True)
            rows = zip(
                documents.ids, documents.texts, documents.usable, *kept.values(), strict=True
            )
            count += len(documents)
            for id_, text, usable, *others in rows:
                passed_on = map(safe_cell, others)
                if not usable:  # the writer leaves a text that is None empty
                    writer.writerow([id_, *[""] * len(names), text, *passed_on])
                    continue
                cluster, probability, sums_of_row = next(assigned)
                above = _cells_above(cluster, sums_of_row, levels)
                place = [f"{coordinate:.4f}" for coordinate in next(places, ())]
                cells = [cluster, safe_cell(labels[cluster]), f"{probability:.6f}", *above, *place]
                writer.writerow([id_, *cells, safe_cell(text), *passed_on])
    return count


def _cells_above(cluster: int, probabilities: list[float], levels: Sequence[Level]) -> list:
    """Number, label and probability of a document's cluster at each coarser level."""
    cells: list = []
    for level, probability in zip(levels, probabilities, strict=True):
        number = OUTLIER if cluster == OUTLIER else int(level.inside[cluster])
        label = OUTLIER_LABEL if cluster == OUTLIER else level.labels[number]
        cells += [number, safe_cell(label), f"{probability:.6f}"]
    return cells
