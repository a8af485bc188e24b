"""`assign`: the clusters of a source of any size, shard by shard."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow
from accelerate import PartialState
from tqdm.auto import tqdm

from ..errors import InputError
from ..texts.shards import Shard, check_outputs_differ, find_shards
from .assigner import Assigner
from .manifest import Manifest, check_folder
from .reading import Reading, find_reading, read_ahead, read_windows
from .tables import make_schema, spread, write_whole


logger = logging.getLogger(__name__)


def assign(
    model: str,
    source: str,
    to: str,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    keep_columns: Sequence[str] = (),
    top: int = 0,
    outlier_threshold: float | None = None,
    max_seq_length: int | None = None,
    skip_bad_rows: bool = False,
    bad_shards: str = "stop",
) -> list[str]:
    """Write the clusters of a source's texts, a Parquet file per shard, and the manifest; lines for
    a person that say what came of it.

    Each process of a launcher takes its share of the shards. What an earlier run finished stays.

    Args:
        model (`str`): Folder or Hub id of a model.
        source (`str`): A file, a folder or a glob of tables, here or at `hf://datasets/`.
        to (`str`): Folder to write to.
        text_column, id_column (`str`, *optional*): `None`: they are found.
        keep_columns (`Sequence[str]`, *optional*): Columns that are passed on.
        top, outlier_threshold, max_seq_length (*optional*): As in `Assigner`.
        skip_bad_rows (`bool`, *optional*, defaults to `False`): Whether rows without a text get no
            cluster; otherwise they make a shard bad.
        bad_shards (`str`, *optional*, defaults to `"stop"`): What to do at a bad one: `"stop"`, or
            `"skip"` it.

    Raises:
        InputError: The source, the model, the folder or an option cannot be used, or a shard is
            bad.
    """
    if bad_shards not in ("stop", "skip"):
        raise InputError(f"--bad_shards: expected stop or skip, got '{bad_shards}'.")
    if top < 0:
        raise InputError(f"--top: expected 0 or more, got {top}.")
    folder, shards = Path(to), find_shards(source, to)
    check_outputs_differ(shards, source)
    check_folder(folder)
    first = shards if bad_shards == "skip" else shards[:1]
    reading = find_reading(first, text_column, id_column, keep_columns, skip_bad_rows)
    assigner = Assigner(
        model, outlier_threshold=outlier_threshold, top=top, max_seq_length=max_seq_length
    )
    state = PartialState()
    if state.is_main_process:
        ids = f"'{reading.id_column}'" if reading.id_column else "none, rows are numbered"
        logger.info(
            "%s shards. Texts: column '%s'. Ids: %s.", len(shards), reading.text_column, ids
        )
    schema = schema_of(reading, assigner)
    options = {
        "text_column": reading.text_column,
        "id_column": reading.id_column,
        "keep_columns": [*keep_columns],
        "top": top,
        "outlier_threshold": outlier_threshold,
        "max_seq_length": assigner.tokenizer.model_max_length,
        "skip_bad_rows": skip_bad_rows,
    }
    run = {"model": model, "model_sha256": assigner.sha256(), "source": source} | options
    manifest = Manifest(folder, run, shards)
    rank, num_processes = state.process_index, state.num_processes
    state.destroy_process_group()  # from here on, no process waits for another one
    try:
        for shard in shards[rank::num_processes]:
            if manifest.is_done(shard):
                continue
            path = folder / shard.output
            about = schema.with_metadata(manifest.footer(shard))
            try:
                write_whole(path, about, assigned_batches(shard, reading, assigner, schema))
                manifest.note_done(shard)
            except InputError as error:
                manifest.note_bad(shard, str(error))
                if bad_shards == "stop":
                    raise InputError(f"shard '{shard.name}' is bad: {error}") from error
    finally:
        manifest.write()
    return manifest.describe()


def schema_of(reading: Reading, assigner: Assigner) -> pyarrow.Schema:
    """Columns of all shards of clusters."""
    return make_schema(reading.id_kind, assigner.column_names, reading.kept_kinds)


def assigned_batches(
    shard: Shard, reading: Reading, assigner: Assigner, schema: pyarrow.Schema
) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a shard with their clusters, in its order; the log says how fast it was."""
    started, count = time.perf_counter(), 0
    bar = tqdm(desc=shard.name, unit=" texts", leave=False, disable=None)
    with bar, shard.opened() as path:
        for window in read_ahead(read_windows(shard, path, reading, assigner.tokenize)):
            found = assigner.assign(window.tokens) if window.tokens else {}
            ids, *kept = window.passed_on
            columns = [
                spread(found.get(name), window.usable, schema.field(name).type)
                for name in assigner.column_names
            ]
            yield pyarrow.record_batch([ids, *columns, *kept], schema=schema)
            count += len(window.usable)
            bar.update(len(window.usable))
    rate = count / (time.perf_counter() - started)
    logger.info("%s: %s texts, %s per second", shard.name, f"{count:,}", f"{rate:,.0f}")
