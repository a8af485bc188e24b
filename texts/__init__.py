"""From files to checked documents and tokens, and what documents are about; knows no model."""

from .attributes import Attributes, make_attributes
from .columns import find_id_column, find_text_column, find_time_column, pick_column
from .documents import (
    Documents,
    check_classes_differ,
    check_enough_documents,
    make_documents,
    make_text_documents,
    stream_documents,
)
from .keywords import cluster_keywords
from .known import KnownTopics, read_labels
from .language import choose_encoder
from .names import are_named, make_labels, name_clusters
from .prefix import add_text_prefix, prefix_ids, text_prefix
from .readers import Columns
from .sampling import Table, draw_table, known_first
from .segments import (
    SENTENCE,
    Sentences,
    check_splittable,
    split_documents,
    split_text,
    whole_documents,
)
from .shards import find_shards, read_shards
from .spool import SpooledDocuments, spool_documents
from .tables import join_batches, read_batches, read_columns
from .tokens import (
    check_mask_token,
    document_lengths,
    limit_length,
    prepare_dataset,
    prepare_parts,
    read_texts,
    tokenize,
)
from .topics_file import read_known_topics
from .vectors import check_vectors, read_vectors
from .windows import cut_windows


__all__ = [
    "SENTENCE",
    "Attributes",
    "Columns",
    "Documents",
    "KnownTopics",
    "Sentences",
    "SpooledDocuments",
    "Table",
    "add_text_prefix",
    "are_named",
    "check_classes_differ",
    "check_enough_documents",
    "check_mask_token",
    "check_splittable",
    "check_vectors",
    "choose_encoder",
    "cut_windows",
    "cluster_keywords",
    "document_lengths",
    "draw_table",
    "find_id_column",
    "find_shards",
    "find_text_column",
    "find_time_column",
    "join_batches",
    "known_first",
    "limit_length",
    "make_attributes",
    "make_documents",
    "make_labels",
    "make_text_documents",
    "name_clusters",
    "pick_column",
    "prefix_ids",
    "prepare_dataset",
    "prepare_parts",
    "read_batches",
    "read_columns",
    "read_known_topics",
    "read_labels",
    "read_shards",
    "read_texts",
    "read_vectors",
    "split_documents",
    "split_text",
    "spool_documents",
    "stream_documents",
    "text_prefix",
    "tokenize",
    "whole_documents",
]
