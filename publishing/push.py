"""`HubMixin`: pushes of a `Trainer` that are whole repositories, and hold nothing but what is on a
list.
"""

import os
import shlex
import shutil
from copy import copy
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError
from transformers import (
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, HubStrategy
from transformers.utils import PushInProgress

from ..modeling_bert_cluster import BertForClustering
from .card import hub_id, listed, score_rows, training_facts, write_card
from .metadata import card_data
from .sentence_encoder import save_sentence_transformers_files


# Of a folder, and no deeper than the pattern says: no results with users' texts, no pickles, no
# optimizer states.
HUB_FILES = (
    "model*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "configuration_bert_cluster.py",
    "modeling_bert_cluster.py",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",  # of sentencepiece
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "README.md",
    "map.png",
)


def hub_files(folder: str | os.PathLike) -> list[str]:
    """Files of a folder that may go to the Hub, as paths within it."""
    folder = Path(folder)
    return [
        path.relative_to(folder).as_posix()
        for pattern in HUB_FILES
        for path in sorted(folder.glob(pattern))
    ]


def upload_command(repo_id: str, folder: str | os.PathLike) -> str:
    """The shell command that uploads a folder as a push would have done."""
    included = [argument for name in hub_files(folder) for argument in ("--include", name)]
    return shlex.join(["hf", "upload", repo_id, os.fspath(folder), ".", *included])


class HubMixin(Trainer):
    """Pushes weights, config, code, tokenizer and card from the first save on, so that any push can
    be loaded. For a trainer to inherit from, before `Trainer`.
    """

    model: BertForClustering
    processing_class: PreTrainedTokenizerBase
    args: Any  # `ClusteringTrainingArguments`
    hub_model_id: Any  # `str`, or `None` before there is a repository
    push_in_progress: Any  # `PushInProgress` or `None`
    card: dict[str, Any]  # facts from elsewhere, which go before `card_facts()`

    def __init__(self, model: Any, args: Any, *others: Any, **kwargs: Any) -> None:
        self.hub_strategy, args = args.hub_strategy, copy(args)
        # At saves the base class would push the whole folder, with texts and pickles.
        args.hub_strategy = HubStrategy.END
        self.push_in_progress = None
        super().__init__(model, args, *others, **kwargs)
        self.add_callback(PushAtSaves(self))

    def card_facts(self) -> dict[str, Any]:
        """What the trainer itself knows of its clusters, for the card; nothing before it has any.

        Returns:
            `dict` with any of `sizes`, `scores`, `keywords`, `examples` and `training`, as in
            `card.write_card`, and

            - `dataset` (`str`): Where the texts are from. The card names it if it is a Hub id.
            - `kept` (`bool`): Whether the clusters started as those that the model came with.
            - `teacher` (`str`): What taught it, where that is no encoder that the arguments name.
        """
        return {}

    def training_facts(self) -> dict[str, str]:
        """How the model was trained (`card.training_facts`)."""
        facts = self.card_facts()
        kept, teacher = bool(facts.get("kept")), facts.get("teacher")
        return training_facts(self.args, self.model.config, self.state, kept, teacher)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model, with what other libraries need to load it.

        It is `push_to_hub` alone that pushes.
        """
        output_dir = output_dir or self.args.output_dir
        if self.args.should_save:
            save_sentence_transformers_files(self.model, self.processing_class, output_dir)
        super().save_model(output_dir, _internal_call=True)

    def create_model_card(
        self,
        language: str | None = None,
        license: str | None = None,
        tags: str | list[str] | None = None,
        model_name: str | None = None,
        finetuned_from: str | None = None,
        tasks: str | list[str] | None = None,
        dataset_tags: str | list[str] | None = None,
        dataset: str | list[str] | None = None,
        dataset_args: str | list[str] | None = None,
    ) -> None:
        """Write the card to the output directory; arguments as in `Trainer.create_model_card`.

        What is not given, the card takes from `self.card`, `self.card_facts()` and the model.
        """
        if not self.is_world_process_zero():
            return
        facts = self.card_facts() | self.card
        if "sizes" in facts and "training" not in facts:
            facts["training"] = self.training_facts()
        for told_there in ("kept", "teacher"):
            facts.pop(told_there, None)
        source = facts.pop("dataset", None)
        languages, own_license = facts.pop("language", None), facts.pop("license", None)
        model_id = self.hub_model_id or Path(self.args.output_dir).absolute().name
        data = card_data(
            score_rows(facts.get("scores", {})),
            tags=[*(self.model.model_tags or []), *listed(tags)],
            tasks=tasks,
            dataset_tags=dataset_tags or source,
            dataset=dataset,
            dataset_args=dataset_args,
            language=language or languages,
            license=license or own_license,
            widget=facts.pop("widget", None),
            model_name=model_name or model_id.split("/")[-1],
            base_model=hub_id(finetuned_from) or hub_id(self.model.config.base_model),
        )
        path = Path(self.args.output_dir, "README.md")
        write_card(path, data, self.model, self.processing_class, model_id, **facts)

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Save the model, write its card and upload both; arguments as in `Trainer.push_to_hub`.

        `kwargs` are those of `create_model_card`.

        Returns:
            `CommitInfo`, or a `Future` of it where it is not to block; `None` on other processes
            than the main one.
        """
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        if self.hub_model_id is None:
            self.init_hf_repo(token=token, private=private)
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        self.create_model_card(**kwargs)
        if self.push_in_progress is not None:
            self.push_in_progress.wait_until_done()
        return self.upload(commit_message, blocking, token, revision)

    def upload(
        self,
        message: str | None,
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
    ) -> Any:
        """Upload what stands in the output directory and is on the list; as `push_to_hub`."""
        # Its overloads know `run_as_future` as a literal alone.
        return HfApi().upload_folder(  # type: ignore[call-overload]
            repo_id=self.hub_model_id,
            folder_path=self.args.output_dir,
            allow_patterns=hub_files(self.args.output_dir),
            commit_message=message,
            token=token or self.args.hub_token,
            revision=revision or self.args.hub_revision,
            run_as_future=not blocking,
        )


class PushAtSaves(TrainerCallback):
    """Pushes the model at each checkpoint, unless the one before is still on its way, and the
    checkpoint itself where `hub_strategy` says so.
    """

    def __init__(self, trainer: HubMixin) -> None:
        self.trainer = trainer

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        trainer, strategy = self.trainer, self.trainer.hub_strategy
        if not (args.push_to_hub and state.is_world_process_zero) or strategy == HubStrategy.END:
            return
        pending = trainer.push_in_progress
        is_busy = pending is not None and not pending.is_done()
        if is_busy and not args.hub_always_push:
            return
        trainer.callback_handler.on_push_begin(args, state, control)
        output_dir = Path(trainer.args.output_dir)
        checkpoint = output_dir / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        # The checkpoint itself may be gone before it is uploaded.
        for name in hub_files(checkpoint):
            target = output_dir / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkpoint / name, target)
        trainer.create_model_card()
        message = f"Training in progress, step {state.global_step}"
        jobs: Any = [trainer.upload(message, blocking=False)]
        if strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
            is_last = strategy == HubStrategy.CHECKPOINT
            jobs.append(
                HfApi().upload_folder(
                    repo_id=trainer.hub_model_id,
                    folder_path=checkpoint,
                    path_in_repo="last-checkpoint" if is_last else checkpoint.name,
                    commit_message=f"{message}, checkpoint",
                    token=args.hub_token,
                    run_as_future=True,
                    revision=args.hub_revision,
                )
            )
        if is_busy:
            jobs = [*pending.jobs, *jobs]
        trainer.push_in_progress = PushInProgress(jobs)


def publish(trainer: HubMixin) -> None:
    """Write the card to the saved model or, where it is asked for, save and push all of it.

    Raises:
        SystemExit: The push failed; the message says how to finish it.
    """
    output_dir = trainer.args.output_dir
    if not trainer.args.push_to_hub:
        return trainer.create_model_card()
    try:
        trainer.push_to_hub()
    except (HTTPError, OSError) as error:
        raise SystemExit(
            f"error: The model is whole in '{output_dir}', but it could not be pushed to "
            f"'{trainer.hub_model_id}': {error}\nTo push it later, "
            f"run:\n{upload_command(trainer.hub_model_id, output_dir)}"
        ) from error
