"""The arguments of the command beside those of the training: which model, and which texts."""

from dataclasses import dataclass, field
from typing import Any

from huggingface_hub.errors import StrictDataclassError

from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from .arguments import ClusteringTrainingArguments


MAX_CLUSTERS = 200  # that `auto` looks for, unless more are asked for


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
    text_prefix: str | None = field(
        default=None,
        metadata={
            "help": "What the encoder wants before every text, as 'query: '; saved with the model, "
            "which then puts it there by itself. Unset: what the encoder's sentence-transformers "
            "configuration says, the prompt `clustering` or else the default one; '': nothing."
        },
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
    long_documents: str | None = field(
        default=None,
        metadata={
            "help": "Embed documents longer than --max_seq_length by their `head`, or by the "
            "`mean` over windows of that length. Unset: as the model does, else `head`."
        },
    )
    segments: str | None = field(
        default=None,
        metadata={
            "help": "What is clustered: each `text` as a whole, or each `sentence`; a text is then "
            "a mix of topics. Unset: as the model does, else `text`."
        },
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
        names = ["num_clusters", "alpha", "kernel", "normalize_embeddings"]
        names += ["long_documents", "segments"]
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
            "help": "Texts: .csv .tsv .json .jsonl .parquet .xlsx .txt, gzipped (.gz) or not; or a "
            "folder or a glob of .parquet, .jsonl, .csv and .tsv, also at hf://datasets/."
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
        default=None,
        metadata={
            "help": "Column of gold classes, for metrics alone; also of --predict_file, "
            "where it has one."
        },
    )
    known_label_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of topics that are known of some rows, empty for the rest. Clusters "
            "form around them, and the others are discovered."
        },
    )
    topics: str | None = field(
        default=None,
        metadata={
            "help": "File .yaml or .json of topics that are known: `name`, and where you like "
            "`description`, `phrases` and `examples`, which are ids or texts; also pairs of these "
            "that belong `together` or `apart`."
        },
    )
    id_column: str | None = field(
        default=None, metadata={"help": "Column of ids. Unset: rows are numbered from 0."}
    )
    time_column: str | None = field(
        default=None,
        metadata={
            "help": "Column that says when each text was written, for the trend of each cluster; "
            "also kept, as --keep_columns."
        },
    )
    group_column: list[str] | None = field(
        default=None,
        metadata={
            "help": "Columns of groups, as products or regions, in which the report compares the "
            "clusters; also kept."
        },
    )
    keep_columns: list[str] | None = field(
        default=None,
        metadata={"help": "Columns that results/clusters.csv and predictions.csv are to hold too."},
    )
    teacher_embeddings: str | None = field(
        default=None,
        metadata={
            "help": "Embeddings of the same texts by an encoder that knows more, for "
            "--do_train: a file .npy with a row per row of the texts, or a column of lists of "
            "numbers. Used as those of --teacher_model_name_or_path."
        },
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
        metadata={
            "help": "Use a random sample of so many texts, drawn by --seed while they are read, "
            "however many there are."
        },
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
    update_file: str | None = field(
        default=None,
        metadata={
            "help": "New texts for the finished run --model_name_or_path, with --do_report: what "
            "changes with them, and which topics they propose. The run with both goes to "
            "--output_dir, another folder."
        },
    )
    accept: list[str] | None = field(
        default=None,
        metadata={
            "help": "With --update_file and --do_train: proposed topics to make clusters of the "
            "model, as in `201,202`."
        },
    )
    min_topic_size: int = field(
        default=10, metadata={"help": "New texts of a proposed topic, at least."}
    )
    name_with: str | None = field(
        default=None,
        metadata={
            "help": "A language model that names the clusters, instead of keywords: the URL of a "
            "server that speaks OpenAI's protocol, as http://localhost:8000, or URL#MODEL; or the "
            "Hub id or folder of a text-generation model. It sees a few texts of each cluster. "
            "With --do_train, or with --do_report for a finished run."
        },
    )
    about: str | None = field(
        default=None,
        metadata={"help": "What the texts are, for --name_with, as 'messages to an airline'."},
    )
    send_texts: bool = field(
        default=False,
        metadata={"help": "Let --name_with send texts to a server on another machine."},
    )
    name_timeout: float = field(
        default=120.0,
        metadata={"help": "Seconds that the server of --name_with has for an answer."},
    )
    license: str | None = field(
        default=None,
        metadata={
            "help": "License that the model card names, as `apache-2.0`. Unset: what the card in "
            "the folder --model_name_or_path says, if it is there."
        },
    )
    language: list[str] | None = field(
        default=None,
        metadata={
            "help": "Languages that the model card names, as `en de`. Unset: those that the stop "
            "words of a tenth of the texts or more tell."
        },
    )
    card_examples: bool = field(
        default=False,
        metadata={"help": "Quote the three most typical texts of each cluster in the model card."},
    )
    push_results: str | None = field(
        default=None,
        metadata={
            "help": "Upload results/, with the texts, to the Hub as a private dataset of this id, "
            "user/name, and the report as a private static Space of the same id."
        },
    )

    @property
    def source(self) -> str:
        """The file or the dataset of the Hub that the texts to cluster come from, if any do."""
        return self.train_file or self.dataset_name or self.update_file or ""

    @property
    def attribute_columns(self) -> list[str]:
        """Columns that are kept beside the texts."""
        times = [self.time_column] if self.time_column else []
        return [*times, *(self.group_column or ()), *(self.keep_columns or ())]


def allow_auto(model_args: ModelArguments, training_args: ClusteringTrainingArguments) -> None:
    """Have a number of clusters looked for where it is `auto`: up to 200, unless the training says;
    where there are to be levels, it is that of the finest.

    Raises:
        InputError: A most is named beside a number, or levels beside either.
    """
    if training_args.levels is not None:
        if model_args.num_clusters is not None:
            raise InputError(
                f"--levels {training_args.levels} says how many clusters there are, "
                f"--num_clusters {model_args.num_clusters} too. Pass one or the other."
            )
        model_args.num_clusters = training_args.level_sizes[-1]  # type: ignore[assignment]
    elif model_args.num_clusters == "auto":
        most = max(MAX_CLUSTERS, training_args.min_clusters)
        training_args.max_clusters = training_args.max_clusters or most
    elif training_args.max_clusters is not None:
        raise InputError("--max_clusters is for --num_clusters auto. Pass one or the other.")
