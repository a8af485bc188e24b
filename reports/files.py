"""What people look at: CSV files, JSON figures and the table at the end of a run.

Everything here is written by the main process alone. Files appear whole or not at all.
"""

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..clusters.rows import batches
from ..texts.documents import Documents


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO]:
    """Open a file for writing, as text unless `mode` is `"wb"`, that takes the place of `path` once
    it is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with open(
            partial, mode, **({} if "b" in mode else {"encoding": "utf-8", "newline": ""})
        ) as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Add `values` to the JSON object in `path`; what is not finite becomes null."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    values = {
        name: None if isinstance(v, float) and not math.isfinite(v) else v
        for name, v in values.items()
    }
    with replacing(path) as file:
        json.dump(
            known | values, file, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
        )
        file.write("\n")


SCORES = ("accuracy", "nmi", "ari", "purity")  # against gold classes
STAGES = {
    "kmeans": "k-means",
    "init": "start",
    "untrained": "untrained",
    "eval": "final",
}  # as metrics' prefixes

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


OUTLIER = -1
Assignment = tuple[
    Documents, np.ndarray, np.ndarray
]  # documents, clusters and probabilities of the usable ones


def write_assignments(
    path: Path,
    parts: Iterable[Assignment],
    id2label: dict[int, str],
    positions: np.ndarray | None = None,
) -> None:
    """Write one row a document, in input order: `id, cluster, label, probability[, x, y], text`.

    Args:
        path (`Path`): The CSV file.
        parts (`Iterable[tuple]`): Documents, all rows of them, with cluster and probability, both
            `(num_usable,)`, of those that have a usable text. The others get no cluster. Outliers
            are in cluster -1; their probability is that of the nearest one.
        id2label (`dict[int, str]`): Labels of the clusters.
        positions (`np.ndarray` of shape `(num_usable, 2)`, *optional*): Where those of all parts
            lie on the map. `None`: there are no columns for it.
    """
    labels = {OUTLIER: "outlier"} | id2label
    names = ["cluster", "label", "probability", *([] if positions is None else ["x", "y"])]
    places = iter(() if positions is None else positions.tolist())
    with replacing(path) as file:
        writer = csv.writer(file)
        writer.writerow(["id", *names, "text"])
        for documents, clusters, probabilities in parts:
            assigned = zip(clusters.tolist(), probabilities.tolist(), strict=True)
            for id_, text, usable in zip(
                documents.ids, documents.texts, documents.usable, strict=True
            ):
                cells = [""] * len(names)
                if usable:
                    cluster, probability = next(assigned)
                    place = (f"{coordinate:.4f}" for coordinate in next(places, ()))
                    cells = [cluster, safe_cell(labels[cluster]), f"{probability:.6f}", *place]
                writer.writerow(
                    [id_, *cells, safe_cell(text) if usable else text]
                )  # the writer leaves None empty


def nearest_documents(
    embeddings: np.ndarray,
    centroids: np.ndarray,
    clusters: np.ndarray,
    texts: list[str],
    count: int = 3,
) -> list[list[int]]:
    """For each cluster, its documents nearest to the centroid, near-duplicates of nearer ones left
    out.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Centroids.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        texts (`list[str]` of length `num_documents`): The documents.
        count (`int`, *optional*, defaults to 3): Documents a cluster, at most.

    Returns:
        A list of rows for each cluster, nearest first; empty for an empty cluster.
    """
    parts = (embeddings[part] - centroids[clusters[part]] for part in batches(len(embeddings)))
    distances = np.concatenate([np.linalg.norm(part, axis=1) for part in parts])
    nearest: list[dict[int, set[str]]] = [{} for _ in centroids]
    for row in np.argsort(distances, kind="stable").tolist():
        chosen = nearest[clusters[row]]
        if len(chosen) < count:
            words = set(texts[row][:1000].lower().split())
            if not any(near_duplicates(words, others) for others in chosen.values()):
                chosen[row] = words
    return [list(chosen) for chosen in nearest]


def near_duplicates(words: set[str], others: set[str]) -> bool:
    """Whether two texts share four of five of their words (Jaccard 1901).

    Example:
        >>> near_duplicates(set("a b c d e".split()), set("a b c d".split()))
        True
    """
    return len(words & others) >= 0.8 * len(words | others)


def one_line(text: str, width: int) -> str:
    r"""A text as it may be shown in a terminal: on one line, cut, and without control characters.

    Example:
        >>> one_line("two\nlines\tand \x1b[31mred", width=16)
        'two lines and […'
    """
    visible = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * width]).split())
    return visible if len(visible) <= width else visible[: width - 1].rstrip() + "…"


def cluster_table(
    clusters: np.ndarray,
    nearest: list[list[int]],
    texts: list[str],
    labels: list[str],
    probabilities: np.ndarray,
    stabilities: list[float | None],
    width: int = 110,
) -> Iterable[str]:
    """Lines of the table at the end of a run: what is known of each cluster, largest first, and its
    nearest texts.
    """
    sizes = np.bincount(clusters, minlength=len(nearest))
    for cluster in np.argsort(-sizes, kind="stable").tolist():
        trust = f"probability {probabilities[cluster]:.2f}"
        if stabilities[cluster] is not None:
            trust += f", stability {stabilities[cluster]:.2f}"
        share = sizes[cluster] / len(clusters)
        yield f"{one_line(labels[cluster], 40)}: {sizes[cluster]:,} documents ({share:.1%}), {trust}"
        yield from (f"    {one_line(texts[row], width - 4)}" for row in nearest[cluster])


def score_table(metrics: dict[str, Any]) -> Iterable[str]:
    """Lines that set k-means, start, untrained and final model side by side, where the run had gold
    classes.
    """
    if f"eval_{SCORES[0]}" not in metrics:
        return
    yield "against gold classes " + "".join(f"{name:>10}" for name in SCORES)
    for prefix, title in STAGES.items():
        if f"{prefix}_{SCORES[0]}" in metrics:
            yield f"{title:<21}" + "".join(
                f"{metrics[f'{prefix}_{name}']:>10.3f}" for name in SCORES
            )
