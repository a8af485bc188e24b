"""The tokenizer and the model of a run, checked against what the run asks of them."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER
from transformers.utils import cached_file

from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering, check_masked_lm
from ..texts.prefix import add_text_prefix
from ..texts.tokens import check_mask_token, limit_length
from .arguments import ClusteringTrainingArguments
from .edits import asked_edits
from .levels import check_levels
from .run_arguments import DataArguments, ModelArguments


logger = logging.getLogger(__name__)


def read_config(model_args: ModelArguments) -> dict[str, Any]:
    """The checkpoint's configuration as it stands in its file.

    Raises:
        InputError: There is no such checkpoint.
    """
    name = model_args.model_name_or_path
    try:
        return PreTrainedConfig.get_config_dict(name, **model_args.hub_arguments)[0]
    except OSError as error:
        if isinstance(error.__cause__, LocalEntryNotFoundError):
            raise InputError(
                f"'{name}' is no folder and not in the cache, and the Hub does not answer. Connect "
                "once to fetch it, or pass the folder of an encoder: --model_name_or_path FOLDER."
            ) from error
        raise InputError(str(error)) from error


def find_segments(model_args: ModelArguments) -> tuple[str, str | None]:
    """What a run clusters, `text` or `sentence`, and the language by whose rules its model cuts
    sentences, where it has one.

    Raises:
        InputError: There is no such checkpoint.
    """
    config = read_config(model_args)
    if config.get("model_type") != BertClusterConfig.model_type:
        return model_args.segments or "text", None
    own = config.get("segments", "text")
    return model_args.segments or own, config.get("sentence_language")


def load_tokenizer(
    model_args: ModelArguments, data_args: DataArguments, training_args: ClusteringTrainingArguments
) -> PreTrainedTokenizerBase:
    """The tokenizer, its length limited. No weights are loaded.

    Raises:
        InputError: The checkpoint cannot do what the run asks of it.
    """
    name, raw = model_args.model_name_or_path, read_config(model_args)
    for option in ("alpha", "num_clusters"):
        if getattr(model_args, option) == "auto" and not training_args.do_train:
            raise InputError(
                f"--{option} auto is found when training starts. Pass --do_train, or leave it out."
            )
    has_clusters = raw.get("model_type") == BertClusterConfig.model_type
    if has_clusters:
        config = BertClusterConfig(**raw)
        _check_clusters(config, model_args, data_args, training_args)
        backbone_config = config.get_text_config()
    else:
        _check_encoder(raw.get("model_type"), model_args, training_args)
        backbone_config = AutoConfig.for_model(**raw)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        name,
        config=backbone_config,
        trust_remote_code=model_args.trust_remote_code,
        **model_args.hub_arguments,
    )
    check_mask_token(tokenizer)
    if not has_clusters:
        prefix = model_args.text_prefix
        if prefix is None:
            prefix = read_prompt(name, model_args.hub_arguments)
        tokenizer = add_text_prefix(tokenizer, prefix) if prefix.strip() else tokenizer
    if has_clusters and data_args.max_seq_length:
        tokenizer.model_max_length = VERY_LARGE_INTEGER  # that of an earlier run does not bind
    own = tokenizer.model_max_length if has_clusters else min(tokenizer.model_max_length, 128)
    max_seq_length = data_args.max_seq_length or own
    limit_length(tokenizer, max_seq_length, backbone_config.max_position_embeddings)
    return tokenizer


def read_prompt(name: str, hub_arguments: dict[str, Any]) -> str:
    """What an encoder wants before texts that are to be clustered, as its sentence-transformers
    configuration says: the prompt called `clustering`, or else the default one; empty for none.

    Args:
        name (`str`): Hub id or folder of the encoder.
        hub_arguments (`dict`): Revision, token and folder of the cache.
    """
    try:
        path: Any = cached_file(name, "config_sentence_transformers.json", **hub_arguments)
    except OSError:  # there is none
        return ""
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    prompts = {key.lower(): prompt for key, prompt in (config.get("prompts") or {}).items()}
    default = (config.get("default_prompt_name") or "").lower()
    prompt = prompts.get("clustering", prompts.get(default)) or ""
    if prompt:
        logger.info("The encoder wants '%s' before every text.", prompt)
    return prompt


def load_model(
    model_args: ModelArguments, training_args: ClusteringTrainingArguments
) -> BertForClustering:
    """The model, in float32, with the clusters it comes with or none yet.

    Raises:
        InputError: A part of the encoder is missing, or the file of the weights is broken.
    """
    try:
        return BertForClustering.from_pretrained(
            model_args.model_name_or_path,
            dtype=torch.float32,
            ignore_mismatched_sizes=training_args.init is not None,
            **model_args.cluster_arguments,
            **model_args.hub_arguments,
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def _check_clusters(
    config: BertClusterConfig,
    model_args: ModelArguments,
    data_args: DataArguments,
    training_args: ClusteringTrainingArguments,
) -> None:
    """Whether a model that has clusters, or a checkpoint of one, suits the run."""
    name, asked_for = model_args.model_name_or_path, model_args.num_clusters
    asked_edits(training_args).check(config)
    knows_distances = training_args.do_train or config.typical_distance
    if data_args.outlier_threshold is not None and not knows_distances:
        raise InputError(
            f"'{name}' does not say how far its documents lie from the centroids, as "
            "--outlier_threshold needs. Train it anew, or leave the threshold out."
        )
    if training_args.reports_alone and model_args.segments not in (None, config.segments):
        raise InputError(
            f"--segments {model_args.segments}: a report is on what the run has clustered, which "
            f"is each {config.segments}. Leave it out, or pass --do_eval and the texts."
        )
    own, prefix = config.text_prefix or "", model_args.text_prefix
    if prefix not in (None, own):
        raise InputError(
            f"'{name}' puts '{own}' before every text, --text_prefix '{prefix}' was asked for. "
            "Leave it out, or start from the encoder anew."
        )
    was_found = asked_for == "auto" and training_args.resume_from_checkpoint
    keeps_clusters = training_args.init is None and not was_found
    check_levels(config, training_args, keeps_clusters)
    if keeps_clusters and asked_for not in (None, config.num_clusters):
        raise InputError(
            f"'{name}' holds {config.num_clusters} clusters, --num_clusters {asked_for} was asked "
            "for. Leave it out to keep them, or pass --init auto to start anew."
        )


def _check_encoder(
    model_type: str | None, model_args: ModelArguments, training_args: ClusteringTrainingArguments
) -> None:
    """Whether a plain encoder can get clusters."""
    name = model_args.model_name_or_path
    try:
        check_masked_lm(model_type, name)
    except ValueError as error:
        raise InputError(str(error)) from error
    if not training_args.do_train:
        raise InputError(
            f"'{name}' has no clusters yet. Pass --do_train, or the folder of a trained model."
        )
    if model_args.num_clusters is None:
        raise InputError(f"'{name}' has no clusters yet. Pass --num_clusters, a number or auto.")
