"""What a run left in its folder, read back: enough to report on it, and to edit its clusters,
without training.
"""

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers.trainer import TRAINER_STATE_NAME

from ..errors import InputError
from ..texts.attributes import is_taken, make_attributes
from ..texts.documents import Documents, make_documents
from ..texts.names import make_labels
from ..texts.segments import Sentences, join_owners
from .files import plain_text, replacing, safe_cell, write_json


CLUSTERS = Path("results", "clusters.csv")
SEGMENTS = Path("results", "segments.csv")
CLASSES = Path("results", "classes.csv")
TOPICS = Path("results", "topics.json")
SETTINGS = Path("results", "settings.json")
ATTRIBUTES = Path("results", "columns.json")
METRICS = Path("all_results.json")


def read_table(path: Path) -> dict[str, list[str]]:
    """The columns of a CSV file that a run has written."""
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of over 128 kB
    with open(path, encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file, strict=True)
    return {name: [row[number] for row in rows] for number, name in enumerate(names)}


class RunFolder:
    """A run's `--output_dir`.

    What is not there is empty, but for the documents, without which there is no report.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def is_at(self, folder: str | Path) -> bool:
        return self.folder.resolve() == Path(folder).resolve()

    @property
    def has_documents(self) -> bool:
        return (self.folder / CLUSTERS).is_file()

    def documents(
        self, time_column: str | None = None, group_columns: list[str] | None = None
    ) -> Documents:
        """The run's documents, with their gold classes where the run had any, and with the columns
        that it kept.

        Args:
            time_column, group_columns (*optional*): Which of these say when, and are groups. Unset:
                those that were in the run.

        Raises:
            InputError: There are none, the classes are those of other documents, or there is no
                such column.
        """
        path = self.folder / CLUSTERS
        if not self.has_documents:
            raise InputError(
                f"There is no '{path}' to report on. Pass the folder of a run as "
                "--model_name_or_path, or run --do_eval on the texts first."
            )
        columns = read_table(path)
        documents = make_documents(columns, str(path), id_column="id", skip_bad_rows=True)
        roles = self._read_json(ATTRIBUTES)
        kept = {plain_text(name): [*map(plain_text, columns[name])] for name in columns}
        attributes = make_attributes(
            kept,
            str(path),
            time_column or roles.get("time_column"),
            group_columns or roles.get("group_columns"),
            [name for name in kept if not is_taken(name)],
        )
        documents = replace(
            documents,
            attributes=attributes,
            texts=[plain_text(text) for text in documents.texts],
            usable=documents.usable & np.array([cluster != "" for cluster in columns["cluster"]]),
            classes=self._classes(columns["id"]),
        )
        return self._sentences(documents) if self._has_segments else documents

    @property
    def _has_segments(self) -> bool:
        return (self.folder / SEGMENTS).is_file()

    def _sentences(self, documents: Documents) -> Sentences:
        """The sentences that the run clustered, of these documents."""
        path = self.folder / SEGMENTS
        columns = read_table(path)
        firsts = np.array([number == "0" for number in columns["sentence"]])
        ids = [id_ for id_, is_first in zip(columns["id"], firsts, strict=True) if is_first]
        if ids != documents.usable_ids:
            raise InputError(
                f"'{path}' does not hold the ids of '{self.folder / CLUSTERS}', text by text. Run "
                "--do_eval on the texts again."
            )
        owners = np.flatnonzero(documents.usable)[np.cumsum(firsts) - 1]
        return join_owners(documents, [*map(plain_text, columns["text"])], owners)

    def _classes(self, ids: list[str]) -> np.ndarray | None:
        path = self.folder / CLASSES
        if not path.is_file():
            return None
        columns = read_table(path)
        if columns.get("id") != ids:
            raise InputError(
                f"'{path}' does not hold the ids of '{self.folder / CLUSTERS}', row by row. Delete "
                "it to report without gold classes, or run --do_eval with --label_column again."
            )
        return np.array([plain_text(name) for name in columns["class"]], dtype=object)

    def positions(self) -> np.ndarray | None:
        """Where the usable documents, or their sentences, lie on the map, `(num_usable, 2)`; `None`
        where that is not known of all.
        """
        columns = self._rows_with_cluster()
        try:
            return np.array([columns["x"], columns["y"]], dtype=np.float64).T
        except (KeyError, ValueError):
            return None

    def clusters(self) -> np.ndarray:
        """Cluster of each usable document, or of each sentence, `(num_usable,)`."""
        return np.array(self._rows_with_cluster()["cluster"], dtype=int)

    def _rows_with_cluster(self) -> dict[str, list[str]]:
        columns = read_table(self.folder / (SEGMENTS if self._has_segments else CLUSTERS))
        kept = [row for row, cluster in enumerate(columns["cluster"]) if cluster != ""]
        return {name: [values[row] for row in kept] for name, values in columns.items()}

    def keyword_labels(self) -> set[str]:
        """What the run called its clusters by their keywords, whatever they are called now."""
        payload = self._read_json(TOPICS).get("payload", {})
        above: list[list[str]] = [[]]  # what the clusters of a level lie in, by their labels
        for level in payload.get("levels", []):
            above = [[*above[row["parent"] or 0], row["label"]] for row in level]
        clusters = payload.get("intertopic_map", [])
        said = [above[cluster.get("parent", 0)] for cluster in clusters]
        keywords = [cluster["keywords"] for cluster in clusters]
        return set(make_labels(keywords, said=said).values())

    def settings(self) -> dict[str, str]:
        return self._read_json(SETTINGS)

    def metrics(self) -> dict[str, Any]:
        return self._read_json(METRICS)

    def history(self) -> list[dict[str, Any]]:
        """Log lines of the training."""
        return self._read_json(Path(TRAINER_STATE_NAME)).get("log_history", [])

    def _read_json(self, name: Path) -> dict[str, Any]:
        path = self.folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def write(self, documents: Documents, settings: Mapping[str, str]) -> None:
        """Keep what `documents` and `settings` need beside `clusters.csv`."""
        write_json(self.folder / SETTINGS, settings)
        attributes = documents.attributes
        if attributes is None:
            (self.folder / ATTRIBUTES).unlink(missing_ok=True)
        else:
            times, groups = attributes.time_column, attributes.group_columns
            roles = {"time_column": times, "group_columns": groups}
            write_json(self.folder / ATTRIBUTES, roles)
        if documents.classes is None:
            (self.folder / CLASSES).unlink(missing_ok=True)
            return
        with replacing(self.folder / CLASSES) as file:
            writer = csv.writer(file)
            writer.writerow(["id", "class"])
            cells = [safe_cell(name) for name in documents.classes]
            writer.writerows(zip(documents.ids, cells, strict=True))

    def copy_history(self, target: str | Path) -> None:
        """Take the training's log along to another folder."""
        path = self.folder / TRAINER_STATE_NAME
        if path.is_file() and not Path(target).samefile(self.folder):
            shutil.copy(path, target)
