"""`ClusteringTrainingArguments`: how clusters are learnt."""

import os
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from transformers import TrainingArguments
from transformers.trainer_utils import SaveStrategy

from ..errors import InputError


@dataclass
class ClusteringTrainingArguments(TrainingArguments):
    """`TrainingArguments` plus how clusters are learnt.

    Other defaults than `TrainingArguments`: batches of 64, one epoch at 1e-4 without decay of the
    rate, documents of like length in one batch, one checkpoint per epoch of which the last is kept,
    a log line every 10 steps.
    """

    if TYPE_CHECKING:
        output_dir: str = "trainer_output"  # which the base class gives it where it was `None`

    per_device_train_batch_size: int = field(
        default=64, metadata={"help": "Documents per process and step."}
    )
    per_device_eval_batch_size: int = field(
        default=64, metadata={"help": "Documents per process in clean passes."}
    )
    max_tokens_per_pass: int = field(
        default=0,
        metadata={
            "help": "Tokens that go through the model at once, which bounds memory; "
            "longer batches go in parts, for one update as before. 0: 512 on a CPU, 32,768 "
            "elsewhere."
        },
    )
    bf16: bool | None = field(  # type: ignore[assignment]  # `None` until it is known
        default=None,
        metadata={
            "help": "Multiply in bfloat16 (mixed precision). Unset: where the CPU or the GPU has "
            "units for it, and no other precision is asked for."
        },
    )
    learning_rate: float = field(
        default=1e-4, metadata={"help": "Of the encoder and the masked-LM head."}
    )
    num_train_epochs: float = field(
        default=1.0, metadata={"help": "Passes over the documents, at most."}
    )
    lr_scheduler_type: str = field(
        default="constant", metadata={"help": "Schedule of both learning rates."}
    )
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={"help": "Order of the documents; documents of like length pad least."},
    )
    save_strategy: SaveStrategy | str = field(
        default="epoch", metadata={"help": "When to save a checkpoint."}
    )
    save_total_limit: int | None = field(default=1, metadata={"help": "Checkpoints to keep."})
    logging_steps: float = field(default=10, metadata={"help": "Steps between two log lines."})

    do_report: bool = field(
        default=False,
        metadata={
            "help": "Make the files in results/ anew, without training, from those that a run "
            "left in the folder --model_name_or_path. Other runs make them anyway. Without "
            "--output_dir, they take the place of the old."
        },
    )
    rename: list[str] | None = field(
        default=None,
        metadata={
            "help": "With --do_report, as all edits: names of clusters, as in `3=Refunds`. The "
            "edited model stays where it is, or goes to --output_dir."
        },
    )
    merge: list[str] | None = field(
        default=None,
        metadata={
            "help": "Numbers of clusters to make one, as in `3,7`; several groups with spaces "
            "between."
        },
    )
    split: list[str] | None = field(
        default=None,
        metadata={"help": "Clusters to split in two, as in `5`, or in more parts, as in `5:3`."},
    )
    drop: list[str] | None = field(
        default=None,
        metadata={"help": "Clusters to take away; their texts go to the next nearest."},
    )
    move: list[str] | None = field(
        default=None, metadata={"help": "Texts to put into a cluster, as in `ID:4`."}
    )
    edits_of: str | None = field(
        default=None,
        metadata={
            "help": "With --do_train: folder of a model whose edits are made again after the "
            "training. Unset: those of --model_name_or_path, where its clusters start anew."
        },
    )
    resume_from_checkpoint: str | None = field(
        default=None,
        metadata={
            "help": "Checkpoint folder to go on from; without a value, or with `true`, the last "
            "whole one in --output_dir, or from the beginning where there is none yet.",
            "nargs": "?",
            "const": "true",
        },
    )
    init: str | None = field(
        default=None,
        metadata={
            "help": "How the clusters start: `even`, of like size, or `any`, of any size, both "
            "from embeddings and words; `auto`, the better of the two; or `kmeans` on the "
            "embeddings. Unset: a model that has clusters keeps them, another one starts by "
            "`auto`; named: it starts anew in any case."
        },
    )
    levels: str | None = field(
        default=None,
        metadata={
            "help": "Numbers of clusters at several levels, as in `8,40,200`, in the place of "
            "--num_clusters: the clusters of each lie inside those of the one before."
        },
    )
    min_clusters: int = field(
        default=2, metadata={"help": "Smallest number of clusters to try, with max_clusters."}
    )
    max_clusters: int | None = field(
        default=None,
        metadata={
            "help": "Find the number of clusters, up to this one. Unset: it is the model's; with "
            "--num_clusters auto: 200."
        },
    )
    kmeans_baseline: bool = field(
        default=False,
        metadata={
            "help": "Also cluster by plain k-means before training, to compare with. "
            "run_clustering.py sets it where there are gold classes."
        },
    )
    lexical_teacher: bool = field(
        default=True,
        metadata={
            "help": "The target p comes from embeddings and words together, not from the model's "
            "own q."
        },
    )
    teacher_model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Hub id or folder of an encoder that knows more, which sentence-transformers "
            "loads. It embeds the documents once; the start and the target p see its embeddings "
            "too, and the finished model does without it."
        },
    )
    known_weight: float = field(
        default=1.0,
        metadata={
            "help": "How far the target p of texts of which something is known (--topics, "
            "--known_label_column) is their topic alone, from 0 to 1."
        },
    )
    size_prior: str = field(
        default="start",
        metadata={
            "help": "Cluster sizes the target pulls to: `start`, those training starts from, or "
            "`uniform`."
        },
    )
    target_update: str = field(
        default="epoch",
        metadata={"help": "When the target p is computed anew: `epoch`, or a number of steps."},
    )
    clustering_weight: float = field(
        default=1.0, metadata={"help": "Weight of the clustering loss KL(P‖Q)."}
    )
    mlm_weight: float = field(default=0.2, metadata={"help": "Weight of the masked-LM loss."})
    mlm_probability: float = field(
        default=0.15, metadata={"help": "Share of the tokens that are masked, in (0, 1)."}
    )
    freeze_word_embeddings: bool = field(
        default=True,
        metadata={
            "help": "Leave the token embeddings as they are, and with them the projection of a "
            "masked-LM head that is tied to them: half of the weights of a small encoder, most of "
            "those of a multilingual one. Beside a new head they are in any case."
        },
    )
    centroid_learning_rate: float = field(
        default=1e-3, metadata={"help": "Learning rate of the centroids."}
    )
    keep_best: bool = field(
        default=True,
        metadata={
            "help": "End training where it is ruined, by a collapse or by documents that leave the "
            "clusters they are taught in numbers, and go back to the weights before."
        },
    )
    stop_tolerance: float = field(
        default=0.001,
        metadata={
            "help": "Training stops once fewer than this share of the documents changed cluster "
            "in a refresh."
        },
    )

    def __post_init__(self) -> None:
        if self.do_report:
            self.output_dir = self.output_dir or ""  # which is then the folder reported on
        for name in ("fsdp", "deepspeed"):
            if getattr(self, name) or os.environ.get(f"ACCELERATE_USE_{name.upper()}") == "true":
                raise InputError(
                    f"{name}: expected the whole model in each process, as centroids and clean "
                    "passes need it, got a sharded one. Start with `accelerate launch --multi_gpu`."
                )
        if self.bf16 is None:
            launched = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # "no" also where unsaid
            is_free = launched == "no" and not self.fp16
            self.bf16 = is_free and multiplies_bfloat16(self.use_cpu)
        if self.bf16 and not torch.accelerator.is_available():
            self.use_cpu = True  # the base class wants it said
        super().__post_init__()
        self.remove_unused_columns = False  # the collator takes what it needs, `index` among it
        self.dataloader_pin_memory &= self.device.type != "cpu"  # it would only warn
        if self.max_tokens_per_pass == 0:
            self.max_tokens_per_pass = 512 if self.device.type == "cpu" else 32_768
        self.target_update = str(self.target_update)
        named = str(self.resume_from_checkpoint).lower()
        if named in ("true", "false"):  # as `train` takes it
            self.resume_from_checkpoint = named == "true"  # type: ignore[assignment]
        self._check()

    def _check(self) -> None:
        """Raise `InputError` where a value of ours cannot be used."""

        def expect(holds: bool, name: str, expected: str) -> None:
            if not holds:
                raise InputError(f"{name}: expected {expected}, got {getattr(self, name)!r}.")

        steps = self.target_update
        expect(
            self.init in (None, "auto", "even", "any", "kmeans"),
            "init",
            "'auto', 'even', 'any' or 'kmeans'",
        )
        expect(self.size_prior in ("start", "uniform"), "size_prior", "'start' or 'uniform'")
        expect(
            steps == "epoch" or (steps.isdigit() and int(steps) > 0),
            "target_update",
            "'epoch' or a number of steps above 0",
        )
        expect(self.max_tokens_per_pass > 0, "max_tokens_per_pass", "0 or more")
        if self.levels is not None:
            expect(
                _ascends(self.level_sizes),
                "levels",
                "two ascending numbers of clusters or more, from 2 on, as in '8,40,200'",
            )
            expect(self.max_clusters is None, "max_clusters", "none beside levels")
        expect(self.min_clusters >= 2, "min_clusters", "2 or more")
        expect(
            self.max_clusters is None or self.max_clusters >= self.min_clusters,
            "max_clusters",
            f"min_clusters={self.min_clusters} or more",
        )
        expect(0 < self.mlm_probability < 1, "mlm_probability", "a share between 0 and 1")
        expect(0 <= self.known_weight <= 1, "known_weight", "a share from 0 to 1")
        expect(self.mlm_weight >= 0, "mlm_weight", "0 or more")
        expect(self.clustering_weight >= 0, "clustering_weight", "0 or more")
        expect(
            self.mlm_weight + self.clustering_weight > 0,
            "clustering_weight",
            "more than 0 where mlm_weight is 0",
        )

    @property
    def level_sizes(self) -> list[int]:
        """Number of clusters at each of the `levels`, the finest last; empty where there are none,
        or a part of them is no number.
        """
        parts = str(self.levels or "").split(",")
        is_whole = all(part.strip().isdecimal() for part in parts)
        return [int(part) for part in parts] if is_whole else []

    @property
    def is_main_process(self) -> bool:
        return self.process_index == 0

    @property
    def shows_progress(self) -> bool:
        """Whether this process shows bars."""
        return self.should_log and not self.disable_tqdm

    @property
    def resumes_last(self) -> bool:
        """Whether the run goes on from the last checkpoint of its folder, not from a named one."""
        return self.resume_from_checkpoint is True

    @property
    def edits_clusters(self) -> bool:
        """Whether clusters of a finished model are edited."""
        return any((self.rename, self.merge, self.split, self.drop, self.move))

    @property
    def reports_alone(self) -> bool:
        """Whether the run is about the documents of an earlier one."""
        return self.do_report and not (self.do_train or self.do_eval)


def _ascends(sizes: list[int]) -> bool:
    """Whether these are numbers of clusters at several levels."""
    return len(sizes) > 1 and sizes[0] >= 2 and all(a < b for a, b in pairwise(sizes))


def multiplies_bfloat16(use_cpu: bool = False) -> bool:
    """Whether the GPU, or the CPU where there is none or it is wanted, has units for bfloat16."""
    if torch.cuda.is_available() and not use_cpu:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if torch.accelerator.is_available() and not use_cpu:
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
