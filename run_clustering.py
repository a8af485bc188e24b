#!/usr/bin/env python
"""Group unlabelled texts by meaning: fine-tune a masked language model on KL clustering loss and
masked-LM loss.

    accelerate launch --quiet --num_cpu_threads_per_process 4 run_clustering.py \
        --model_name_or_path sentence-transformers/all-MiniLM-L6-v2 --train_file texts.csv --num_clusters 8 \
        --do_train --output_dir output

Arguments may also come from one JSON file: `run_clustering.py arguments.json`.
"""

try:
    from bert_clustering import BertClusterConfig, BertForClustering, ClusteringTrainer
except ModuleNotFoundError as error:
    if error.name != "bert_clustering":
        raise
    raise SystemExit(
        "error: BERT-Clustering is not installed. In its folder, run: pip install --editable ."
    ) from None

import logging
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import torch
from datasets import load_dataset
from huggingface_hub.errors import HTTPError
from transformers import (
    AutoConfig,
    AutoTokenizer,
    HfArgumentParser,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.utils import logging as transformers_logging

from bert_clustering.modeling_bert_cluster import check_masked_lm
from bert_clustering.publishing.push import publish
from bert_clustering.reports.files import write_json
from bert_clustering.reports.run_folder import RunFolder
from bert_clustering.reports.write import write_predictions, write_results, write_topic_mix
from bert_clustering.texts.documents import (
    Documents,
    check_enough_documents,
    make_documents,
    stream_documents,
)
from bert_clustering.texts.tables import read_columns
from bert_clustering.texts.tokens import check_mask_token, limit_length, tokenize
from bert_clustering.training.arguments import (
    ClusteringTrainingArguments,
    DataArguments,
    ModelArguments,
)
from bert_clustering.training.checkpoints import check_documents, check_writable, choose_checkpoint
from bert_clustering.training.interruptions import one_clear_message
from bert_clustering.training.merging import check_merge, merge_clusters, parse_groups


def parse_arguments() -> tuple[ModelArguments, DataArguments, ClusteringTrainingArguments]:
    parser = HfArgumentParser((ModelArguments, DataArguments, ClusteringTrainingArguments))
    from_file = len(sys.argv) == 2 and sys.argv[1].endswith(".json")
    parsed = (
        parser.parse_json_file(json_file=sys.argv[1])
        if from_file
        else parser.parse_args_into_dataclasses()
    )
    model_args, _, training_args = parsed
    training_args.output_dir = (
        training_args.output_dir or model_args.model_name_or_path
    )  # of a report
    if model_args.num_clusters == "auto":
        training_args.max_clusters = training_args.max_clusters or max(
            200, training_args.min_clusters
        )
    elif training_args.max_clusters is not None:
        raise ValueError("--max_clusters is for --num_clusters auto. Pass one or the other.")
    return parsed


def check_run(data_args: DataArguments, training_args: ClusteringTrainingArguments) -> None:
    """Raise `ValueError` where the arguments do not make a run, or there is something wrong with
    new documents.
    """
    if not (
        training_args.do_train
        or training_args.do_eval
        or training_args.do_predict
        or training_args.do_report
    ):
        raise ValueError(
            "There is nothing to do. Pass --do_train, --do_eval, --do_predict or --do_report."
        )
    check_merge(training_args)
    if training_args.do_train or training_args.do_eval:
        if (data_args.train_file is None) == (data_args.dataset_name is None):
            raise ValueError("Pass the texts, either by --train_file or by --dataset_name.")
    if training_args.do_predict and not (
        data_args.predict_file or (data_args.predict_text or "").strip()
    ):
        raise ValueError(
            "--do_predict needs new texts. Pass --predict_file, or one text by --predict_text."
        )
    check_writable(training_args.output_dir)
    if training_args.do_predict and data_args.predict_file:
        deque(
            stream_new_documents(data_args), maxlen=0
        )  # a first reading, for what is wrong with them


def read_documents(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> Documents | None:
    """The documents to cluster, checked; `None` where there are only new ones to assign."""
    if not (training_args.do_train or training_args.do_eval):
        return None
    source = data_args.train_file or data_args.dataset_name
    names = (data_args.text_column, data_args.label_column, data_args.id_column)
    if data_args.train_file is not None:
        columns = read_columns(source, names)
    else:
        dataset = load_dataset(
            source,
            data_args.dataset_config_name,
            split=data_args.dataset_split,
            token=model_args.token,
            cache_dir=model_args.cache_dir,
        )
        columns = {name: dataset[name][:] if name in names else [] for name in dataset.column_names}
    documents = make_documents(columns, source, *names, skip_bad_rows=data_args.skip_bad_rows)
    if data_args.max_train_samples is not None:
        documents = documents.sample(data_args.max_train_samples, training_args.seed)
    check_enough_documents(documents, model_args.cluster_arguments.get("num_clusters", 2), source)
    return documents


def stream_new_documents(data_args: DataArguments) -> Iterator[Documents]:
    """The documents of `--predict_file`, batch by batch; gold classes are not asked for."""
    return stream_documents(
        data_args.predict_file,
        text_column=data_args.text_column,
        id_column=data_args.id_column,
        skip_bad_rows=data_args.skip_bad_rows,
    )


def load_tokenizer(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> PreTrainedTokenizerBase:
    """The tokenizer, its length limited; `ValueError` where the checkpoint cannot do what the run
    asks of it.
    """
    name, wanted = model_args.model_name_or_path, model_args.num_clusters
    raw, _ = PreTrainedConfig.get_config_dict(name, **model_args.hub_arguments)
    ours = raw.get("model_type") == BertClusterConfig.model_type
    for option in ("alpha", "num_clusters"):
        if getattr(model_args, option) == "auto" and not training_args.do_train:
            raise ValueError(
                f"--{option} auto is found when training starts. Pass --do_train, or leave it out."
            )
    if ours:
        config = BertClusterConfig(**raw)
        backbone_config = config.backbone_config
        parse_groups(training_args.merge or [], config.num_clusters)
        if data_args.outlier_threshold is not None and not (
            training_args.do_train or config.typical_distance
        ):
            raise ValueError(
                f"'{name}' does not say how far its documents lie from the centroids, as "
                "--outlier_threshold needs. Train it anew, or leave the threshold out."
            )
        found_before = wanted == "auto" and training_args.resume_from_checkpoint
        if (
            training_args.init is None
            and wanted not in (None, config.num_clusters)
            and not found_before
        ):
            raise ValueError(
                f"'{name}' holds {config.num_clusters} clusters, --num_clusters {wanted} was asked "
                "for. Leave it out to keep them, or pass --init auto to start anew."
            )
    else:
        check_masked_lm(raw.get("model_type"), name)
        backbone_config = AutoConfig.for_model(**raw)
        if not training_args.do_train:
            raise ValueError(
                f"'{name}' has no clusters yet. Pass --do_train, or the folder of a trained model."
            )
        if wanted is None:
            raise ValueError(
                f"'{name}' has no clusters yet. Pass --num_clusters, a number or auto."
            )
    tokenizer = AutoTokenizer.from_pretrained(
        name,
        config=backbone_config,
        trust_remote_code=model_args.trust_remote_code,
        **model_args.hub_arguments,
    )
    check_mask_token(tokenizer)
    if ours and data_args.max_seq_length:  # the saved limit was the choice of the run that saved it
        tokenizer.model_max_length = backbone_config.max_position_embeddings + 1
    max_seq_length = data_args.max_seq_length or min(tokenizer.model_max_length, 128)
    limit_length(tokenizer, max_seq_length, backbone_config.max_position_embeddings)
    return tokenizer


def make_trainer(
    model: BertForClustering,
    data_args: DataArguments,
    training_args: ClusteringTrainingArguments,
    documents: Documents | None,
    tokenizer: PreTrainedTokenizerBase,
) -> ClusteringTrainer:
    """The trainer of the documents; it also makes the repository on the Hub, if there is to be one."""
    num_proc = data_args.preprocessing_num_workers
    train_dataset = tokenize(documents.usable_texts, tokenizer, num_proc) if documents else None
    try:
        return ClusteringTrainer(
            model, training_args, train_dataset=train_dataset, processing_class=tokenizer
        )
    except HTTPError as error:
        raise SystemExit(
            f"error: The Hub refuses '{training_args.hub_model_id or training_args.output_dir}': "
            f"{str(error).splitlines()[-1]} Is the token right (HF_TOKEN or --hub_token), and may "
            "it write there?"
        ) from error


def predict(trainer: ClusteringTrainer, data_args: DataArguments) -> list[str]:
    """Cluster the new texts; lines for a person to read."""
    lines = write_topic_mix(trainer, data_args.predict_text) if data_args.predict_text else []
    if data_args.predict_file:
        parts = stream_new_documents(data_args)
        lines.append(write_predictions(trainer, parts, data_args))
    return lines


def set_up(training_args: ClusteringTrainingArguments) -> None:
    """Seed what is random; log what happens on the main process, and warnings alone of the
    libraries.
    """
    set_seed(training_args.seed)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    level = logging.INFO if training_args.should_log else logging.ERROR
    logging.getLogger("bert_clustering").setLevel(level)
    transformers_logging.set_verbosity(training_args.get_process_log_level())


@one_clear_message()
def main() -> None:
    # Arguments and inputs: whatever is wrong with them shows here, before anything takes long
    try:
        model_args, data_args, training_args = arguments = parse_arguments()
        check_run(data_args, training_args)
        checkpoint = choose_checkpoint(training_args)
        model_args.model_name_or_path = checkpoint or model_args.model_name_or_path
        origin = RunFolder(model_args.model_name_or_path)
        documents = (
            origin.documents() if training_args.reports_alone else read_documents(*arguments)
        )
        check_documents(checkpoint, len(documents.usable_texts) if documents else 0)
        tokenizer = load_tokenizer(model_args, data_args, training_args)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    set_up(training_args)

    # Model and trainer
    model = BertForClustering.from_pretrained(
        model_args.model_name_or_path,
        dtype=torch.float32,
        ignore_mismatched_sizes=training_args.init is not None,
        **model_args.cluster_arguments,
        **model_args.hub_arguments,
    )
    numbers = (
        merge_clusters(model, training_args.merge, origin.clusters())
        if training_args.merge
        else None
    )
    trainer = make_trainer(model, data_args, training_args, documents, tokenizer)

    # Training
    metrics, lines = {}, []
    if training_args.do_train:
        metrics |= trainer.train(resume_from_checkpoint=checkpoint).metrics
        trainer.save_model()
        trainer.save_state()
    elif training_args.merge:
        trainer.save_model()

    # Clusters of the texts, and of new ones
    if documents:
        lines += write_results(trainer, documents, data_args, metrics, origin, numbers)
    if training_args.do_predict:
        lines += predict(trainer, data_args)

    # What a person reads, and what the Hub gets
    output_dir = Path(training_args.output_dir)
    if trainer.is_world_process_zero():
        write_json(
            output_dir / "all_results.json", metrics | {"num_clusters": model.config.num_clusters}
        )
        print("", *lines, f"Results: {output_dir / 'results'}", sep="\n")  # noqa: T201 (what the run was for)
    if training_args.do_train or training_args.merge:
        publish(trainer)
    trainer.accelerator.wait_for_everyone()  # a process that ends right after a collective call can abort in it
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main()
