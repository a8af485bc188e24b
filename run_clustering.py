#!/usr/bin/env python
"""Group unlabelled texts by meaning: fine-tune a masked language model on two losses at once.

    accelerate launch --quiet --num_cpu_threads_per_process 4 run_clustering.py \
        --model_name_or_path sentence-transformers/all-MiniLM-L6-v2 --train_file texts.csv \
        --num_clusters 8 --do_train --output_dir output

Arguments may also come from one JSON file: `run_clustering.py arguments.json`.
"""

try:
    from bert_clustering import BertForClustering, ClusteringTrainer, InputError
except ModuleNotFoundError as error:
    if error.name != "bert_clustering":
        raise
    raise SystemExit(
        "error: BERT-Clustering is not installed. In its folder, run: pip install --editable ."
    ) from None

import logging
import os
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from accelerate.utils import broadcast_object_list
from huggingface_hub.errors import HTTPError
from safetensors import SafetensorError
from transformers import HfArgumentParser, PreTrainedTokenizerBase, set_seed
from transformers.utils import logging as transformers_logging

from bert_clustering.publishing import check_results_repos, license_of, publish, push_results
from bert_clustering.reports import (
    Changes,
    EditLog,
    LanguageModel,
    NameCache,
    RunFolder,
    Update,
    check_naming,
    check_update,
    compare,
    describe,
    describe_for_card,
    edit,
    edit_again,
    end_unfinished,
    find_namer,
    gather_result,
    keep_before,
    name_by_model,
    named_by_people,
    read_changes,
    rename_saved,
    write_predictions,
    write_preview,
    write_results,
    write_topic_mix,
)
from bert_clustering.texts import Documents, Sentences, tokenize, whole_documents
from bert_clustering.training.arguments import ClusteringTrainingArguments
from bert_clustering.training.checkpoints import (
    check_documents,
    check_writable,
    choose_checkpoint,
    whole_checkpoints,
)
from bert_clustering.training.documents import read_documents, read_new_documents
from bert_clustering.training.edits import asked_edits, check_place
from bert_clustering.training.loading import load_model, load_tokenizer
from bert_clustering.training.run_arguments import DataArguments, ModelArguments, allow_auto
from bert_clustering.training.stages import STAGES, stage
from bert_clustering.training.teacher import check_teacher


logger = logging.getLogger("bert_clustering.run_clustering")

UNWRITTEN = ("inline_container", "iostream error")  # torch.save's words for what it cannot write

Arguments = tuple[ModelArguments, DataArguments, ClusteringTrainingArguments]


def parse_arguments(args: list[str] | None = None) -> Arguments:
    """The arguments of the command, its own where none are given; alone, they may be a JSON file.

    Raises:
        InputError: They don't go together.
    """
    args = sys.argv[1:] if args is None else args
    kinds = (ModelArguments, DataArguments, ClusteringTrainingArguments)
    parser = HfArgumentParser(kinds)  # type: ignore[arg-type]  # its `DataClassType` is no type
    if len(args) == 1 and args[0].endswith(".json"):
        parsed = parser.parse_json_file(json_file=args[0])
    else:
        *known, unknown = parser.parse_args_into_dataclasses(args, return_remaining_strings=True)
        if unknown:
            options = [f"--{option.name}" for kind in kinds for option in fields(kind)]
            near = get_close_matches(unknown[0], options, n=1)
            raise InputError(
                f"There is no option '{unknown[0]}'."
                f"{f' Is {near[0]} meant?' if near else ''} --help shows all of them."
            )
        parsed = tuple(known)
    model_args, data_args, training_args = parsed
    if not training_args.output_dir:  # of a report
        training_args.output_dir = model_args.model_name_or_path
    allow_auto(model_args, training_args)
    return model_args, data_args, training_args


def set_up(training_args: ClusteringTrainingArguments) -> None:
    """Seed what is random; log what happens on the main process, and of the libraries warnings."""
    # In bfloat16, kernels for batches of a thousand shapes would take hundreds of megabytes.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    set_seed(training_args.seed)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    level = logging.INFO if training_args.should_log else logging.ERROR
    logging.getLogger("bert_clustering").setLevel(min(level, training_args.get_process_log_level()))
    transformers_logging.set_verbosity(training_args.get_process_log_level())


def check_run(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> None:
    """Raise `InputError` where the arguments do not make a run."""
    args = training_args
    if not (args.do_train or args.do_eval or args.do_predict or args.do_report):
        raise InputError(
            "There is nothing to do. Pass --do_train, --do_eval, --do_predict or --do_report."
        )
    if args.edits_clusters:
        asked_edits(args)
        check_place(model_args.model_name_or_path, args.output_dir)
    if args.edits_of and not args.do_train:
        raise InputError("--edits_of makes edits again after a training. Pass --do_train.")
    check_teacher(args, data_args.teacher_embeddings)
    check_update(model_args.model_name_or_path, data_args, args)
    if (args.do_train or args.do_eval) and data_args.update_file is None:
        if (data_args.train_file is None) == (data_args.dataset_name is None):
            raise InputError("Pass the texts, either by --train_file or by --dataset_name.")
    has_new_texts = data_args.predict_file or (data_args.predict_text or "").strip()
    if args.do_predict and not has_new_texts:
        raise InputError(
            "--do_predict needs new texts. Pass --predict_file, or one text by --predict_text."
        )
    check_naming(model_args, data_args, args)
    check_writable(args.output_dir)
    if data_args.push_results and args.is_main_process:
        check_results_repos(data_args.push_results, args.hub_token)


@dataclass(frozen=True)
class Inputs:
    """What a run works on, read and checked before anything takes long.

    Args:
        documents (`Documents`, *optional*): What is clustered. `None`: only new ones are assigned.
        new_documents (`Iterable[Documents]`): Those of `--predict_file`, in parts.
        origin (`RunFolder`): Of the model that the run sets out from.
        checkpoint (`str`, *optional*): Folder of the one that a training goes on from.
        update (`Update`, *optional*): Of that run, by the new texts among the documents.
        log (`EditLog`): Edits of the model, or those that are to be made again.
        namer (`LanguageModel`, *optional*): Who names the clusters.
        license (`str`, *optional*): What the card says.
    """

    documents: Documents | None
    new_documents: Iterable[Documents]
    origin: RunFolder
    checkpoint: str | None
    update: Update | None
    log: EditLog
    namer: LanguageModel | None
    license: str | None


def read_inputs(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> Inputs:
    """All that the arguments name but the model, which is from then on that of the checkpoint, if
    there is one.
    """
    arguments = model_args, data_args, training_args
    check_run(*arguments)
    if training_args.is_main_process:
        end_unfinished(model_args.model_name_or_path)
    earlier = training_args.edits_of
    log = EditLog.read(earlier or model_args.model_name_or_path, must_exist=bool(earlier))
    namer = find_namer(*arguments)
    own_license = data_args.license or license_of(model_args.model_name_or_path)
    checkpoint = None if data_args.update_file else choose_checkpoint(training_args)
    model_args.model_name_or_path = checkpoint or model_args.model_name_or_path
    origin = RunFolder(model_args.model_name_or_path)
    documents, update = find_documents(*arguments, origin)
    check_documents(checkpoint, len(documents.usable_texts) if documents else 0)
    new_documents = read_new_documents(data_args, training_args)
    return Inputs(documents, new_documents, origin, checkpoint, update, log, namer, own_license)


def make_trainer(
    model: BertForClustering,
    data_args: DataArguments,
    training_args: ClusteringTrainingArguments,
    documents: Documents | None,
    tokenizer: PreTrainedTokenizerBase,
) -> ClusteringTrainer:
    """The trainer of the documents; it also makes the repository on the Hub, if there is to be
    one.
    """
    if isinstance(documents, Sentences) and documents.language:
        model.config.sentence_language = documents.language
    tokenised = [None]  # by the main process, for all
    if documents and training_args.is_main_process:
        workers = data_args.preprocessing_num_workers
        with stage("texts"):
            tokenised = [tokenize(documents.usable_texts, tokenizer, workers)]
    if documents and training_args.world_size > 1:
        broadcast_object_list(tokenised)
    try:
        return ClusteringTrainer(
            model,
            training_args,
            train_dataset=tokenised[0],
            processing_class=tokenizer,
            teacher_embeddings=documents.usable_vectors if documents else None,
            known_topics=documents.usable_known if documents else None,
        )
    except HTTPError as error:
        raise SystemExit(
            f"error: The Hub refuses '{training_args.hub_model_id or training_args.output_dir}': "
            f"{str(error).splitlines()[-1]} Is the token right (HF_TOKEN or --hub_token), and may "
            "it write there?"
        ) from error


def report(
    trainer: ClusteringTrainer,
    inputs: Inputs,
    documents: Documents,
    data_args: DataArguments,
    metrics: dict[str, float],
    log: EditLog,
    before_edits: np.ndarray | None,
) -> list[str]:
    """Cluster the documents with the model as it stands and write all there is to tell; lines for a
    person to read, on the main process.
    """
    output_dir, config = Path(trainer.args.output_dir), trainer.model.config
    origin, update, namer = inputs.origin, inputs.update, inputs.namer
    by_people = named_by_people(config, trainer.named_before, origin) if namer else []
    result = gather_result(trainer, documents, data_args, metrics, origin, before_edits, log)
    is_new = trainer.args.do_train or trainer.args.edits_clusters or update is not None
    if result is not None and namer is not None:
        cache = NameCache(output_dir, origin.folder)
        result = name_by_model(result, config, by_people, namer, cache, data_args.about)
        if not trainer.args.edits_clusters:
            rename_saved(output_dir, config.id2label)
    if trainer.args.edits_clusters or before_edits is not None or update is not None:
        trainer.save_model()  # its clusters have names now
    if result is None:
        return []
    if update is not None:
        result = compare(update, result)
    elif trainer.args.reports_alone and not trainer.args.edits_clusters:
        changes = read_changes(origin.folder)
        result = replace(result, changes=Changes(**changes) if changes else None)
    write_results(result, output_dir, data_args.save_embeddings)
    if is_new and log.entries:
        log.write(output_dir)
    if trainer.args.do_report and not trainer.args.do_train:
        origin.copy_history(trainer.args.output_dir)
    trainer.card |= describe_for_card(result, data_args.dataset_name, data_args.card_examples)
    if data_args.language:
        trainer.card["language"] = data_args.language
    return describe(result, output_dir)


def preview(
    trainer: ClusteringTrainer, documents: Documents, data_args: DataArguments, origin: RunFolder
) -> None:
    """Find where the clusters start, and write what a person reads of them, before any training."""
    trainer.initialize_clusters()
    result = gather_result(trainer, documents, data_args, {}, origin, is_preview=True)
    if result is not None:
        output_dir = Path(trainer.args.output_dir)
        write_preview(result, output_dir)
        logger.info("A preview, before training: %s", output_dir / "results" / "report.html")


def train(
    trainer: ClusteringTrainer, inputs: Inputs, data_args: DataArguments
) -> tuple[dict[str, float], EditLog, np.ndarray | None]:
    """Train and save the model, edited as an earlier one was, if it was; what was measured, the
    edits, and the clusters as they are edited.
    """
    documents, log, before_edits = inputs.documents, inputs.log, None
    if documents and inputs.checkpoint is None and trainer.clustering is None:
        preview(trainer, documents, data_args, inputs.origin)
    metrics = trainer.train(resume_from_checkpoint=inputs.checkpoint).metrics
    if documents and log.entries and not trainer.kept_clusters:
        log, before_edits = edit_again(trainer, documents, log)
        metrics.pop("cluster_score")  # of what they were before
    trainer.save_model()
    trainer.save_state()
    return metrics, log, before_edits


def change(
    trainer: ClusteringTrainer, inputs: Inputs, data_args: DataArguments
) -> tuple[dict[str, float], EditLog, np.ndarray | None]:
    """Whatever of new texts, edits and training the run is for; as of `train`."""
    log, before_edits = inputs.log, None
    if inputs.update is not None:
        inputs.update.propose(trainer, data_args)
    if inputs.documents and trainer.args.edits_clusters:
        edits = asked_edits(trainer.args)
        edited = edit(trainer, edits, inputs.documents, inputs.origin.clusters(), log)
        before_edits = edited if edits.changes_clusters else None
    if trainer.args.do_train:
        return train(trainer, inputs, data_args)
    return {}, log, before_edits


def find_documents(
    model_args: ModelArguments,
    data_args: DataArguments,
    training_args: ClusteringTrainingArguments,
    origin: RunFolder,
) -> tuple[Documents | None, Update | None]:
    """The documents that the run is about, and the update of an earlier one, if it is one."""
    if data_args.update_file is not None:
        update = Update.read(data_args, origin)
        return update.documents, update
    if training_args.reports_alone:
        return origin.documents(data_args.time_column, data_args.group_column), None
    return read_documents(model_args, data_args, training_args), None


def publish_results(data_args: DataArguments, training_args: ClusteringTrainingArguments) -> None:
    """Upload results and report where that is asked for, and log where they are."""
    if data_args.push_results and training_args.is_main_process:
        urls = push_results(
            data_args.push_results, training_args.output_dir, training_args.hub_token
        )
        logger.info("Private, on the Hub: %s", ", ".join(urls))


def run(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> None:
    """One run, from its arguments to what it leaves."""
    inputs = read_inputs(model_args, data_args, training_args)
    documents, origin = inputs.documents, inputs.origin
    tokenizer = load_tokenizer(model_args, data_args, training_args)
    with stage("model"):
        model = load_model(model_args, training_args)
    has_classes = documents is not None and whole_documents(documents).classes is not None
    training_args.kmeans_baseline |= has_classes
    trainer = make_trainer(model, data_args, training_args, documents, tokenizer)
    trainer.card["license"] = inputs.license
    metrics, log, before_edits = change(trainer, inputs, data_args)

    # Clusters of the texts, and of new ones
    output_dir, lines = Path(training_args.output_dir), []
    if documents:
        in_place = training_args.edits_clusters and origin.is_at(output_dir)
        with keep_before(output_dir) if in_place and training_args.should_save else nullcontext():
            lines += report(trainer, inputs, documents, data_args, metrics, log, before_edits)
    if training_args.do_predict and data_args.predict_text:
        lines += write_topic_mix(trainer, data_args.predict_text)
    if training_args.do_predict and data_args.predict_file:
        lines += write_predictions(trainer, inputs.new_documents, data_args)

    # What a person reads, and what the Hub gets
    if trainer.is_world_process_zero():
        logger.info("Stages, and memory by the end of each:\n%s", "\n".join(STAGES.lines()))
        print("", *lines, f"Results: {output_dir / 'results'}", sep="\n")  # noqa: T201 (its purpose)
    if training_args.do_train or training_args.edits_clusters or inputs.update is not None:
        publish(trainer)
    publish_results(data_args, training_args)
    # A process that ends right after a collective call can abort in it.
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


def main(args: list[str] | None = None) -> None:
    """Run, and turn what a user can mend, or did, into one message without a traceback.

    Args:
        args (`list[str]`, *optional*): As in `parse_arguments`.
    """
    output_dir = None
    try:
        model_args, data_args, training_args = parse_arguments(args)
        output_dir = training_args.output_dir
        set_up(training_args)
        run(model_args, data_args, training_args)
    except InputError as error:
        logger.debug("Where it came from:", exc_info=True)
        raise SystemExit(f"error: {error}") from error
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted.{how_to_go_on(output_dir)}\n")
        raise SystemExit(130) from None
    except (OSError, SafetensorError) as error:
        logger.debug("Where it came from:", exc_info=True)
        raise SystemExit(f"error: {error}{how_to_go_on(output_dir)}") from error
    except RuntimeError as error:
        if not any(words in str(error) for words in UNWRITTEN):
            raise
        raise SystemExit(
            f"error: A file could not be written; is the disk full? ({error})"
            f"{how_to_go_on(output_dir)}"
        ) from error


def how_to_go_on(output_dir: str | None) -> str:
    """What to do after a run that was ended from outside, if it has left a checkpoint."""
    if output_dir is None or not whole_checkpoints(output_dir):
        return ""
    return "\nThe last checkpoint is whole: the same command with --resume_from_checkpoint goes on."


if __name__ == "__main__":
    main()
