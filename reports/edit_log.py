"""`EditLog`: the edits of a model's clusters as its folder keeps them, and what the clusters were
before each.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..errors import InputError
from ..texts.documents import Documents
from ..training.edits import Edits
from .files import replacing


EDITS = Path("edits.yaml")
RECORDS = Path("results", "edits")
HEAD = """\
# What people changed of the clusters. Each entry is one command; its numbers are those before it.
# `were` says what these clusters were called, `moved` where texts are now that people moved.
"""


class Record(NamedTuple):
    """What the clusters were before a command. Texts are known by a hash.

    Args:
        texts (`np.ndarray` of shape `(num_documents,)`): Hash of each text, uint64.
        clusters (`np.ndarray` of shape `(num_documents,)`): Its cluster; -1 for none.
        parts (`np.ndarray` of shape `(num_documents,)`): Its part, where the cluster was split.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Centroids, float32.
    """

    texts: np.ndarray
    clusters: np.ndarray
    parts: np.ndarray
    centroids: np.ndarray


class Entry(NamedTuple):
    """One command.

    Args:
        edits (`Edits`): What was made.
        record (`Record`): The clusters before it.
        were (`dict[int, str]`): What those that it names were called.
        not_made (`list[str]`): What could not be made again after a training, in words.
    """

    edits: Edits
    record: Record
    were: dict[int, str]
    not_made: list[str]


def hash_texts(texts: Iterable[str]) -> np.ndarray:
    """64 bits of each text's BLAKE2, `(num_texts,)`, uint64."""
    hashes = (
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(b"".join(hashes), dtype=np.uint64)


@dataclass
class EditLog:
    """What `edits.yaml` and `results/edits` hold.

    Args:
        entries (`list[Entry]`): Commands in the order in which they were given.
        moved (`dict[str, int]`): Cluster of single texts that people moved, by their id.
    """

    entries: list[Entry] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: str | Path, must_exist: bool = False) -> "EditLog":
        """That of a folder; empty where there is none, unless it `must_exist`.

        Raises:
            InputError: It cannot be read.
        """
        path = Path(folder, EDITS)
        if not path.is_file():
            if must_exist:
                raise InputError(f"'{path}' is not there: there are no edits of a model to make.")
            return cls()
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            moved = {str(id_): int(cluster) for id_, cluster in content["moved"].items()}
            rows = enumerate(content["edits"])
            return cls([_read_entry(folder, number, row) for number, row in rows], moved)
        except (yaml.YAMLError, SafetensorError, OSError, ValueError, LookupError, TypeError,
                AttributeError) as error:  # fmt: skip
            raise InputError(
                f"'{path}' cannot be read as the edits of a model ({error}). Put it back as it "
                f"was, with '{RECORDS.as_posix()}', or delete it to leave the edits out."
            ) from error

    def places(self, documents: Documents) -> np.ndarray:
        """Clusters that people moved documents to, `(num_usable,)`; -1 for the others.

        A document is one of an earlier command's if it has the same id and the same text.
        """
        found = [self.moved.get(id_, -1) for id_ in documents.usable_names]
        wanted = np.array(found, dtype=np.int64)
        if not self.moved:
            return wanted
        known = self.entries[-1].record.texts
        return np.where(np.isin(hash_texts(documents.usable_texts), known), wanted, -1)

    def write(self, folder: str | Path) -> None:
        """Write it to a folder, in the place of what was there."""
        rows = []
        for number, (edits, record, were, not_made) in enumerate(self.entries):
            path = _record_path(folder, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(record._asdict(), path)
            row: dict[str, Any] = {**asdict(edits), "were": were, "not_made": not_made}
            rows.append({name: value for name, value in row.items() if value})
        with replacing(Path(folder, EDITS)) as file:
            file.write(HEAD)
            content = {"edits": rows, "moved": self.moved}
            yaml.safe_dump(content, file, allow_unicode=True, sort_keys=False)


def _read_entry(folder: str | Path, number: int, row: dict[str, Any]) -> Entry:
    were, not_made = row.pop("were", {}), row.pop("not_made", [])
    record = Record(**load_file(_record_path(folder, number)))
    return Entry(Edits(**row), record, were, not_made)


def _record_path(folder: str | Path, number: int) -> Path:
    return Path(folder, RECORDS, f"{number + 1}.safetensors")
