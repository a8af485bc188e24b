"""The arguments of a run: which model, which texts, and how clusters are learnt."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from huggingface_hub.errors import StrictDataclassError
from transformers import TrainingArguments
from transformers.trainer_utils import SaveStrategy

from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError


@dataclass
class ModelArguments:
    """Which encoder to start from, and the clusters as the model keeps them."""

    model_name_or_path: str = field(
        metadata={
            "help": "Hub id or folder of a masked-LM encoder, with or without its head, or of one "
            "of our models."
        }
    )
    model_revision: str = field(
        default="main", metadata={"help": "Branch, tag or commit of the model to use."}
    )
    token: str | None = field(default=None, metadata={"help": "Access token for the Hub."})
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run code that comes with the tokenizer."}
    )
    cache_dir: str | None = field(
        default=None, metadata={"help": "Where to keep what is downloaded from the Hub."}
    )
    num_clusters: str | None = field(
        default=None,
        metadata={
            "help": "Number of clusters, at least 2; `auto` finds it (--min_clusters, "
            "--max_clusters). Unset: as many as the model has."
        },
    )
    alpha: str | None = field(
        default=None,
        metadata={
            "help": "Degrees of freedom of the Student-t kernel; `auto` fits them to the "
            "embeddings at the start. Unset: the model's own, else `auto`."
        },
    )
    kernel: str | None = field(
        default=None,
        metadata={
            "help": "`multiply` squared distances by alpha, or `divide`. Unset: the model's, else "
            "`multiply`."
        },
    )
    normalize_embeddings: bool | None = field(
        default=None,
        metadata={"help": "Scale embeddings to unit length. Unset: as the model does, else true."},
    )

    def __post_init__(self) -> None:
        self.num_clusters = _parse("num_clusters", self.num_clusters, int, "a whole number")
        self.alpha = _parse("alpha", self.alpha, float, "a number")
        try:
            BertClusterConfig(**self.cluster_arguments)
        except StrictDataclassError as error:
            raise InputError(str(error.__cause__)) from None
        except ValueError as error:
            raise InputError(str(error)) from None

    @property
    def hub_arguments(self) -> dict[str, Any]:
        return {"revision": self.model_revision, "token": self.token, "cache_dir": self.cache_dir}

    @property
    def cluster_arguments(self) -> dict[str, Any]:
        """Those that were given.

        `--alpha auto` is the config's `None`, `--num_clusters auto` is for the trainer.
        """
        names = ("num_clusters", "alpha", "kernel", "normalize_embeddings")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        if given.get("num_clusters") == "auto":
            del given["num_clusters"]
        if given.get("alpha") == "auto":
            given["alpha"] = None
        return given


def _parse(name: str, value: Any, convert: type, expected: str) -> Any:
    """A number, `auto`, or `None` where nothing was said."""
    try:
        return value if value in (None, "auto") else convert(value)
    except ValueError:
        raise InputError(f"--{name}: expected {expected} or auto, got '{value}'.") from None


@dataclass
class DataArguments:
    """Which texts to cluster."""

    train_file: str | None = field(
        default=None,
        metadata={
            "help": "Texts: .csv .tsv .json .jsonl .parquet .xlsx .txt, gzipped (.gz) or not."
        },
    )
    dataset_name: str | None = field(
        default=None, metadata={"help": "Texts: a dataset of the Hub."}
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Configuration of that dataset."}
    )
    dataset_split: str = field(default="train", metadata={"help": "Split of that dataset."})
    predict_file: str | None = field(
        default=None, metadata={"help": "New texts for --do_predict, in a like file."}
    )
    predict_text: str | None = field(
        default=None,
        metadata={"help": "One new text for --do_predict, whose whole mix of topics is shown."},
    )
    text_column: str = field(default="text", metadata={"help": "Column of the texts."})
    label_column: str | None = field(
        default=None, metadata={"help": "Column of gold classes, for metrics alone."}
    )
    id_column: str | None = field(
        default=None, metadata={"help": "Column of ids. Unset: rows are numbered from 0."}
    )
    skip_bad_rows: bool = field(
        default=False,
        metadata={"help": "Leave rows with an empty or unreadable text without a cluster."},
    )
    max_seq_length: int | None = field(
        default=None,
        metadata={
            "help": "Tokens per document, the rest is cut. Unset: the model's own, 128 at most."
        },
    )
    max_train_samples: int | None = field(
        default=None,
        metadata={"help": "Use a random sample of so many documents, drawn by --seed."},
    )
    preprocessing_num_workers: int | None = field(
        default=None, metadata={"help": "Processes for the tokenising."}
    )
    save_embeddings: bool = field(
        default=False, metadata={"help": "Also write results/embeddings.npy."}
    )
    outlier_threshold: float | None = field(
        default=None,
        metadata={
            "help": "Give cluster -1 in the CSV files to documents that lie farther from all "
            "centroids than the training documents, by so many of their robust standard "
            "deviations; try 2, and 3 for new texts."
        },
    )
    card_examples: bool = field(
        default=False,
        metadata={"help": "Quote the three most typical texts of each cluster in the model card."},
    )

    @property
    def source(self) -> str:
        """The file or the dataset of the Hub that the texts to cluster come from, if any do."""
        return self.train_file or self.dataset_name or ""


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
    merge: list[str] | None = field(
        default=None,
        metadata={
            "help": "With --do_report: numbers of clusters to make one, as in `3,7`; several "
            "groups with spaces between. The model goes to --output_dir."
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
            "help": "How the clusters start: `auto`, the better of two kinds in the space of "
            "embeddings and words, or `kmeans` on the embeddings. Unset: a model that has "
            "clusters keeps them, another one starts by `auto`; named: it starts anew in any case."
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
    mlm_head_warmup_epochs: float = field(
        default=1.0,
        metadata={
            "help": "Epochs in which a new masked-LM head trains alone, where the checkpoint came "
            "without one."
        },
    )
    mlm_head_warmup_learning_rate: float = field(
        default=1e-3, metadata={"help": "Learning rate of that warm-up."}
    )
    centroid_learning_rate: float = field(
        default=1e-3, metadata={"help": "Learning rate of the centroids."}
    )
    keep_best: bool = field(
        default=True,
        metadata={
            "help": "End with the last weights whose clusters score about as well as the best, "
            "without gold classes; a collapse ends training and is undone."
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
        super().__post_init__()
        self.remove_unused_columns = False  # the collator takes what it needs, `index` among it
        self.dataloader_pin_memory &= self.device.type != "cpu"  # it would only warn
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
        expect(self.init in (None, "auto", "kmeans"), "init", "'auto' or 'kmeans'")
        expect(self.size_prior in ("start", "uniform"), "size_prior", "'start' or 'uniform'")
        expect(
            steps == "epoch" or (steps.isdigit() and int(steps) > 0),
            "target_update",
            "'epoch' or a number of steps above 0",
        )
        expect(self.min_clusters >= 2, "min_clusters", "2 or more")
        expect(
            self.max_clusters is None or self.max_clusters >= self.min_clusters,
            "max_clusters",
            f"min_clusters={self.min_clusters} or more",
        )
        expect(0 < self.mlm_probability < 1, "mlm_probability", "a share between 0 and 1")
        expect(self.mlm_weight >= 0, "mlm_weight", "0 or more")
        expect(self.clustering_weight >= 0, "clustering_weight", "0 or more")
        expect(
            self.mlm_weight + self.clustering_weight > 0,
            "clustering_weight",
            "more than 0 where mlm_weight is 0",
        )

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
    def reports_alone(self) -> bool:
        """Whether the run is about the documents of an earlier one."""
        return self.do_report and not (self.do_train or self.do_eval)
