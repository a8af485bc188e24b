"""Trainings in the benchmark's own process, for what the command does not write down."""

from pathlib import Path

import torch

from benchmarks.quality import command_for
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.run_clustering import load_tokenizer, make_trainer, parse_arguments, set_up
from bert_clustering.texts.documents import Documents
from bert_clustering.trainer import ClusteringTrainer
from bert_clustering.training.documents import read_documents


def trainer_for(
    encoder: str,
    corpus: str,
    seed: int,
    label_column: str | None,
    output_dir: str | Path,
    options: list[str],
) -> tuple[ClusteringTrainer, Documents]:
    """The trainer that the command would make, and its documents.

    Args:
        encoder (`str`): Hub id or folder.
        corpus (`str`): As in `benchmarks.quality`.
        seed (`int`): Seed of all that is random.
        label_column (`str`, *optional*): Column of the gold classes. `None`: they are not needed.
        output_dir (`str` or `Path`): Where the trainer may write.
        options (`list[str]`): More arguments of the command.
    """
    command = command_for(
        encoder, corpus, seed, label_column, str(output_dir), [*options, "--report_to", "none"]
    )
    model_args, data_args, training_args = arguments = parse_arguments(command)
    documents, tokenizer = read_documents(*arguments), load_tokenizer(*arguments)
    set_up(training_args)
    model = BertForClustering.from_pretrained(
        encoder, dtype=torch.float32, **model_args.cluster_arguments
    )
    return make_trainer(model, data_args, training_args, documents, tokenizer), documents
