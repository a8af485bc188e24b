"""From a source to its shards: a file, a folder or a glob, on a disk or on the Hub."""

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fsspec import AbstractFileSystem
from fsspec.core import has_magic, url_to_fs
from fsspec.implementations.local import LocalFileSystem
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from ..errors import InputError
from .readers import Columns
from .tables import read_batches


ENDINGS = (".parquet", ".jsonl", ".csv", ".tsv")  # of the shards of a folder, gzipped or not


class Shard(NamedTuple):
    """A file of a source.

    Args:
        name (`str`): Its path inside the source, as `2024/part-01.jsonl.gz`.
        path (`str`): Its path in the file system.
        size (`int`): In bytes.
        files (`AbstractFileSystem`): Where it lies.
    """

    name: str
    path: str
    size: int
    files: AbstractFileSystem

    @property
    def stem(self) -> str:
        """The name without its endings.

        Example:
            >>> Shard("2024/part-01.jsonl.gz", "", 0, None).stem
            '2024/part-01'
        """
        path = PurePosixPath(self.name)
        return str((path.with_suffix("") if path.suffix.lower() == ".gz" else path).with_suffix(""))

    @property
    def output(self) -> str:
        """Name of the Parquet file of its clusters; nothing else lies in that folder, so that it is
        a table to whoever reads Parquet.
        """
        return f"clusters/{self.stem}.parquet"

    @contextmanager
    def opened(self) -> Iterator[str]:
        """Path of the file on a disk of this machine; a shard of the Hub is there for that long."""
        if isinstance(self.files, LocalFileSystem):
            yield self.path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, PurePosixPath(self.name).name)
            self.files.get_file(self.path, path)
            yield path


def find_shards(source: str, output: str) -> list[Shard]:
    """The shards of a source, by name; of a folder, all tables in it and in its folders, but for
    names that begin with a dot or an underscore. What is a file here is no glob.

    Args:
        source (`str`): A file, a folder, a glob, or any of them at `hf://datasets/`.
        output (`str`): The folder that is written to.

    Raises:
        InputError: There are none, they cannot be reached, or the output lies in the source.
    """
    if os.path.isfile(source):
        path, size = os.path.abspath(source), os.path.getsize(source)
        return [Shard(os.path.basename(path), path, size, LocalFileSystem())]
    missing = InputError(
        f"'{source}': there is no such file, or no {', '.join(ENDINGS)} in the folder. Check the "
        "name."
    )
    try:
        files, path = url_to_fs(source)
        root, found = _list_files(files, path)
    except FileNotFoundError as error:
        raise missing from error
    except (OSError, OfflineModeIsEnabled, HfHubHTTPError) as error:
        raise InputError(f"'{source}' cannot be listed: {' '.join(str(error).split())}") from error
    except (ImportError, ValueError) as error:  # fsspec knows no such protocol, or not its library
        raise InputError(f"'{source}': {error}. Give a path, or hf://datasets/...") from error
    whole = "**" in path or root == path
    if whole and isinstance(files, LocalFileSystem) and _lies_in(output, root):
        raise InputError(
            f"'{output}' lies in '{source}', whose files would not be told from the results. "
            "Choose a folder outside of it."
        )
    shards = [
        Shard(name.removeprefix(root).lstrip("/"), name, int(about["size"]), files)
        for name, about in sorted(found.items())
        if about["type"] == "file"
    ]
    if not shards:
        raise missing
    return shards


def read_shards(
    source: str, output: str, wanted: Collection[str | None] | None = None
) -> Iterator[Columns]:
    """The rows of all shards of a source, batch by batch; arguments and errors as in `find_shards`
    and `read_batches`.
    """
    for shard in find_shards(source, output):
        with shard.opened() as path:
            yield from read_batches(path, wanted=wanted)


def _list_files(files: AbstractFileSystem, path: str) -> tuple[str, dict[str, dict]]:
    """Folder of all shards, and what is known of the files by their paths."""
    if has_magic(path):
        fixed = path[: next(place for place, letter in enumerate(path) if letter in "*?[")]
        return fixed.rpartition("/")[0], files.glob(path, detail=True)
    if files.isdir(path):
        found = files.find(path, detail=True)
        return path, {name: found[name] for name in found if _is_shard(name.removeprefix(path))}
    return path.rpartition("/")[0], {path: files.info(path)}


def _is_shard(name: str) -> bool:
    is_hidden = any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)
    return not is_hidden and name.lower().removesuffix(".gz").endswith(ENDINGS)


def _lies_in(folder: str, root: str) -> bool:
    return Path(folder).resolve().is_relative_to(Path(root).resolve())


def check_outputs_differ(shards: list[Shard], source: str) -> None:
    """Raise `InputError` where the clusters of two shards would have one name."""
    by_output: dict[str, str] = {}
    for shard in shards:
        other = by_output.setdefault(shard.output, shard.name)
        if other != shard.name:
            raise InputError(
                f"'{source}': the clusters of '{other}' and '{shard.name}' would both be "
                f"'{shard.output}'. Rename one of the two."
            )
