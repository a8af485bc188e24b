"""The texts of a run: found, read and checked as its arguments say."""

import logging
import shlex
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from datasets import load_dataset

from ..errors import InputError
from ..texts import (
    SENTENCE,
    Columns,
    Documents,
    Table,
    check_classes_differ,
    check_enough_documents,
    check_splittable,
    check_vectors,
    draw_table,
    join_batches,
    known_first,
    make_attributes,
    make_documents,
    pick_column,
    read_known_topics,
    read_labels,
    read_shards,
    read_vectors,
    split_documents,
    spool_documents,
)
from .arguments import ClusteringTrainingArguments
from .loading import find_segments
from .run_arguments import DataArguments, ModelArguments
from .stages import stage


logger = logging.getLogger(__name__)


@stage("texts")
def read_documents(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> Documents | None:
    """The documents to cluster, or their sentences, checked; `None` where there are only new ones
    to assign.
    """
    if not (training_args.do_train or training_args.do_eval):
        return None
    source, table = data_args.source, read_source(model_args, data_args, training_args)
    columns, (segments, language) = table.columns, find_segments(model_args)
    if segments == SENTENCE:
        check_splittable(data_args.known_label_column, data_args.teacher_embeddings)
    names = (data_args.text_column, data_args.label_column, data_args.id_column)
    documents = make_documents(
        columns, source, *names, skip_bad_rows=data_args.skip_bad_rows, rows=table.rows
    )
    check_classes_differ(documents, data_args.label_column, source)
    attributes = make_attributes(
        columns, source, data_args.time_column, data_args.group_column, data_args.keep_columns
    )
    documents = replace(documents, attributes=attributes)
    if data_args.teacher_embeddings:
        vectors = read_vectors(data_args.teacher_embeddings, table, source)
        check_vectors(vectors, documents.usable, data_args.teacher_embeddings)
        documents = replace(documents, vectors=vectors)
    if segments == SENTENCE:
        documents = split_documents(documents, language)
    if data_args.topics or data_args.known_label_column:
        labels = None
        if data_args.known_label_column:
            labels = read_labels(pick_column(columns, data_args.known_label_column, source))
        known = read_known_topics(data_args.topics, labels, documents.names, documents.texts)
        documents = replace(documents, known=known)
    check_enough_documents(documents, model_args.cluster_arguments.get("num_clusters", 2), source)
    return documents


def read_source(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> Table:
    """The table of the texts, or the sample of it that is asked for; columns that the run does not
    want come without their values.
    """
    source, size = data_args.source, data_args.max_train_samples
    output_dir = training_args.output_dir
    wanted = (
        data_args.text_column,
        data_args.label_column,
        data_args.id_column,
        data_args.teacher_embeddings,
        data_args.known_label_column,
        *data_args.attribute_columns,
    )
    if data_args.train_file is not None:
        batches = read_shards(source, output_dir, wanted)
    else:
        batches = read_dataset(model_args, data_args, wanted)
    if size is None:
        return Table.whole(join_batches(batches, source, wanted))
    head = next(batches, {})  # a file that cannot be read is told before a model is looked for
    first = known_first(
        data_args.known_label_column,
        data_args.topics,
        data_args.text_column,
        data_args.id_column,
        in_parts=find_segments(model_args)[0] == SENTENCE,
    )
    table = draw_table(chain([head], batches), size, training_args.seed, wanted, first)
    if len(table.rows) < table.num_rows:
        drawn, whole = f"{len(table.rows):,}", f"{table.num_rows:,}"
        how = how_to_assign(data_args, output_dir)
        logger.info("Trains on %s of %s texts. Then all are assigned by: %s", drawn, whole, how)
    return table


def how_to_assign(data_args: DataArguments, output_dir: str) -> str:
    """The command that assigns all texts of a source, once the model is trained on some."""
    source = data_args.train_file or f"hf://datasets/{data_args.dataset_name}"
    line = ["bert-clustering", "assign", output_dir, source, "--to", f"{output_dir}-assigned"]
    line += ["--text", data_args.text_column]
    line += ["--id", data_args.id_column] if data_args.id_column else []
    for name in data_args.attribute_columns:
        line += ["--keep_columns", name]
    line += ["--skip_bad_rows"] if data_args.skip_bad_rows else []
    return shlex.join(line)


def read_dataset(
    model_args: ModelArguments, data_args: DataArguments, wanted: Collection[str | None]
) -> Iterator[Columns]:
    """The rows of a dataset of the Hub, batch by batch."""
    try:
        dataset = load_dataset(
            data_args.source,
            data_args.dataset_config_name,
            split=data_args.dataset_split,
            token=model_args.token,
            cache_dir=model_args.cache_dir,
        )
    except ValueError as error:  # there is no such configuration or split
        raise InputError(f"{data_args.source}: {error}") from error
    names = dataset.column_names
    picked = dataset.select_columns([name for name in names if name in wanted])
    yield dict.fromkeys(names, [])
    for batch in picked.iter(16384):
        yield dict.fromkeys(names, []) | batch


def read_new_documents(
    data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> Iterable[Documents]:
    """The documents of `--predict_file`, checked, in parts; with gold classes where it has them."""
    if not (training_args.do_predict and data_args.predict_file):
        return []
    return spool_documents(
        data_args.predict_file,
        text_column=data_args.text_column,
        label_column=data_args.label_column,
        id_column=data_args.id_column,
        skip_bad_rows=data_args.skip_bad_rows,
        keep_columns=data_args.attribute_columns,
    )
