"""`manifest.json`: which model and options a folder of clusters is made with, and how far it is.

What tells that a shard is done is its Parquet file alone, which appears whole and names the run in
its footer; what is wrong with a bad one stands in a text file of its own. No two processes write
either. The manifest sums them up, and whoever writes it last knows them all.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow
import pyarrow.parquet

from ..errors import InputError
from ..texts.shards import Shard


NAME = "manifest.json"
FOOTER = b"bert_clustering"  # key of what a Parquet file says of itself
PAUSE = 20.0  # from one summing up to the next while shards are worked on: so many times as long
DONE, BAD, WAITING = "done", "bad", "waiting"


class Manifest:
    """What is known of a folder.

    Args:
        folder (`Path`): Where the clusters are written.
        run (`dict`): What makes them: the model, by its content too, the source and the options.
        shards (`Sequence[Shard]`): Of the source.

    Raises:
        InputError: The folder belongs to another model, source or options, or a shard has changed
            since it was assigned.
    """

    def __init__(self, folder: Path, run: dict[str, Any], shards: Sequence[Shard]) -> None:
        self.folder, self.run, self.shards = folder, run, shards
        same = {name: value for name, value in run.items() if name != "model"}
        text = json.dumps(same, sort_keys=True)
        self._fingerprint = hashlib.sha256(text.encode()).hexdigest()
        self._done: dict[str, int] = {}  # rows of the shards that are known to be done
        path = folder / NAME
        if path.exists():
            self._check_same(json.loads(path.read_text(encoding="utf-8")), same)
        self.write()

    def footer(self, shard: Shard) -> dict[bytes, bytes]:
        """What the Parquet file of a shard says of itself."""
        about = {"run": self._fingerprint, "shard": shard.name, "bytes": shard.size}
        return {FOOTER: json.dumps(about).encode()}

    def is_done(self, shard: Shard) -> bool:
        """Whether a shard has its clusters.

        Raises:
            InputError: Something else made them, or of something else.
        """
        path = self.folder / shard.output
        if shard.name in self._done or not path.exists():
            return shard.name in self._done
        try:
            about = pyarrow.parquet.read_metadata(path)
        except pyarrow.ArrowException as error:
            raise InputError(f"'{path}' is no Parquet file ({error}). Delete it.") from error
        if (about.metadata or {}).get(FOOTER) != self.footer(shard)[FOOTER]:
            raise InputError(
                f"'{path}' holds the clusters of other texts than '{shard.path}' has now, or of "
                "another model or options. Delete it to have it made anew, or choose another "
                "folder."
            )
        self._done[shard.name] = about.num_rows
        return True

    def note_bad(self, shard: Shard, fault: str) -> None:
        """Say what is wrong with a shard, in a file of its own."""
        path = self._bad(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fault, encoding="utf-8")
        self._write_at_times()

    def note_done(self, shard: Shard) -> None:
        """The shard has its clusters; it may have been a bad one before."""
        self._bad(shard).unlink(missing_ok=True)
        self._write_at_times()

    def _write_at_times(self) -> None:
        """Sum up, but never for more than a small share of the time: it looks at all shards."""
        if time.perf_counter() >= self._next_write:
            self.write()

    def write(self) -> None:
        """Sum up, until nothing has become of any shard in the meantime."""
        started, written = time.perf_counter(), None
        while written != (rows := [self._look(shard) for shard in self.shards]):
            total = sum(row.get("rows", 0) for row in rows)
            content = self.run | {"rows": total, "shards": rows}
            partial = self.folder / f"{NAME}.{uuid4().hex}.partial"
            partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
            os.replace(partial, self.folder / NAME)
            written = rows
        now = time.perf_counter()
        self._next_write = now + PAUSE * (now - started)

    def describe(self) -> list[str]:
        """Lines for a person: how far it is, and which shards are bad."""
        rows = [self._look(shard) for shard in self.shards]
        done = [row for row in rows if row["state"] == DONE]
        texts = sum(row["rows"] for row in done)
        bad = [f"Skipped {row['shard']}: {row['error']}" for row in rows if row["state"] == BAD]
        return [f"{len(done):,} of {len(rows):,} shards, {texts:,} texts: {self.folder}", *bad]

    def _bad(self, shard: Shard) -> Path:
        return self.folder / "bad" / f"{shard.stem}.txt"

    def _look(self, shard: Shard) -> dict[str, Any]:
        """What has become of a shard so far."""
        known = {"shard": shard.name, "output": shard.output}
        if self.is_done(shard):
            return known | {"state": DONE, "rows": self._done[shard.name]}
        try:
            return known | {"state": BAD, "error": self._bad(shard).read_text(encoding="utf-8")}
        except FileNotFoundError:
            return known | {"state": WAITING}

    def _check_same(self, found: dict[str, Any], same: dict[str, Any]) -> None:
        """Raise `InputError` unless a manifest was made as this run would make it."""
        others = [
            f"{name} was {found.get(name)!r} and is {value!r}"
            for name, value in same.items()
            if found.get(name) != value
        ]
        if others:
            raise InputError(
                f"'{self.folder}' holds the clusters of another run: {'; '.join(others)}. Choose "
                "another folder, or go on with what it was made with."
            )


def check_folder(folder: Path) -> None:
    """Raise `InputError` unless a folder is new, empty, or one of ours."""
    if folder.is_file():
        raise InputError(f"'{folder}': expected a folder to write to, got a file. Choose another.")
    if folder.is_dir() and not (folder / NAME).exists() and any(folder.iterdir()):
        raise InputError(
            f"'{folder}': expected a new or empty folder, or one that an earlier run began, got "
            f"one that holds {next(folder.iterdir()).name!r} and no {NAME}. Choose another."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"'{folder}' cannot be written: {error}. Choose another.") from error
