"""The model card: what a model clusters, how good it is, how it was trained and how to use it.

It is public, so it names nothing of this machine: whatever is not the id of a repository on the Hub
stays out.
"""

import math
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from transformers import PreTrainedTokenizerBase, TrainerState

from ..configuration_bert_cluster import BertClusterConfig
from ..modeling_bert_cluster import BertForClustering
from ..texts.segments import SENTENCE


TEMPLATE = Path(__file__).parent / "templates" / "model_card.md"
GOLD_SCORES = {"accuracy": "Accuracy", "nmi": "NMI", "ari": "ARI", "purity": "Purity"}
NUM_CLUSTERS = "Number of clusters"  # the fact that a reader of the card asks for first


def hub_id(name: str | None) -> str | None:
    """`name` where it can be the id of a repository on the Hub; `None` where it is of this machine.

    Example:
        >>> hub_id("mteb/banking77"), hub_id("/home/me/letters")
        ('mteb/banking77', None)
    """
    if not name or os.path.exists(name):
        return None
    try:
        validate_repo_id(name)
    except HFValidationError:
        return None
    return name


def escape_markdown(text: str) -> str:
    """Text as it stands, on one line, wherever Markdown or HTML would see a mark.

    Example:
        >>> print(escape_markdown("a|b <i>"))
        a&#124;b &#60;i&#62;
    """
    return re.sub(
        r"[&<>\"'`*_\\\[\]#|~]", lambda mark: f"&#{ord(mark[0])};", " ".join(text.split())
    )


def cluster_rows(
    sizes: list[int],
    id2label: dict[int, str],
    keywords: list[list[str]] | None = None,
    examples: list[list[str]] | None = None,
    scores: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table of clusters, the largest first, escaped; arguments as in `write_card`."""

    def trust(name: str, cluster: int) -> str:
        values = (scores or {}).get(f"cluster_{name}") or []
        known = len(values) == len(sizes) and values[cluster] is not None
        return f"{values[cluster]:.2f}" if known else "–"

    return [
        {
            "cluster": cluster,
            "label": escape_markdown(id2label[cluster]),
            "size": sizes[cluster],
            "share": sizes[cluster] / max(sum(sizes), 1),
            "probability": trust("probability", cluster),
            "stability": trust("stability", cluster),
            "keywords": escape_markdown(", ".join(keywords[cluster])) if keywords else "",
            "examples": [escape_markdown(text) for text in examples[cluster]] if examples else [],
        }
        for cluster in sorted(range(len(sizes)), key=lambda cluster: -sizes[cluster])
    ]


def rename_in_card(card: str, before: dict[int, str], after: dict[int, str]) -> str:
    """A card whose clusters have other labels, and all else that stands in it as it was.

    Args:
        card (`str`): As `write_card` has written it, or as people have changed it since.
        before, after (`dict[int, str]`): Labels of the clusters.

    Example:
        >>> rename_in_card("| 1 | oil, gas | 5 |", {1: "oil, gas"}, {1: "Energy"})
        '| 1 | Energy | 5 |'
    """
    rows = {str(cluster): escape_markdown(label) for cluster, label in after.items()}
    titles = {escape_markdown(label): rows[str(cluster)] for cluster, label in before.items()}

    def in_table(row: re.Match) -> str:
        return f"{row[1]}{rows.get(row[2], row[3])} | "

    def above_examples(title: re.Match) -> str:
        return f"**{titles.get(title[1], title[1])}**"

    card = re.sub(r"^(\| (\d+) \| )(.*?) \| ", in_table, card, flags=re.MULTILINE)
    return re.sub(r"^\*\*(.+)\*\*$", above_examples, card, flags=re.MULTILINE)


def score_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of scores: those against gold classes first, if there are any."""
    against_gold = "against gold classes, which training did not see"
    scores = [(name, title, against_gold) for name, title in GOLD_SCORES.items()]
    scores.append(("silhouette", "Silhouette", "without gold classes; cosine, of the embeddings"))
    return [
        {"name": name, "title": title, "value": metrics[f"eval_{name}"], "kind": kind}
        for name, title, kind in scores
        if math.isfinite(metrics.get(f"eval_{name}", math.nan))
    ]


def training_facts(
    args: Any,
    config: BertClusterConfig,
    state: TrainerState,
    kept: bool,
    teacher: str | None = None,
) -> dict[str, str]:
    """How a model was trained, as a reader would want it to repeat the training.

    Args:
        args (`ClusteringTrainingArguments`): Of the training.
        config (`BertClusterConfig`): Of the model.
        state (`TrainerState`): Of the training, with its log.
        kept (`bool`): Whether the clusters started as those that the model came with.
        teacher (`str`, *optional*): What taught it, where that is no encoder that `args` name.
    """
    if kept:
        origin = "kept from the model"
    elif config.levels:
        coarser = ", ".join(str(max(parents) + 1) for parents in config.levels)
        origin = f"inside levels of {coarser}"
    elif args.max_clusters is not None:
        origin = f"found between {args.min_clusters} and {args.max_clusters}"
    else:
        origin = "given"
    if args.teacher_model_name_or_path:
        teacher = hub_id(args.teacher_model_name_or_path) or "an encoder that is not on the Hub"
    target = "lexical teacher" if args.lexical_teacher else "own assignment"
    target = f"taught by {teacher}" if teacher else target
    documents = f"{args.train_batch_size} x {args.gradient_accumulation_steps}"
    is_gpu = args.device.type == "cuda"
    facts = {
        NUM_CLUSTERS: f"{config.num_clusters}, {origin}",
        "Loss": f"{args.clustering_weight:g} x clustering loss"
        f" + {args.mlm_weight:g} x masked-LM loss",
        **({"Clustered": "each sentence"} if config.segments == SENTENCE else {}),
        "Start of the clusters": args.init or "auto",
        "Target": f"{target}, size prior {args.size_prior}",
        "Kernel": f"{config.kernel}, alpha {config.alpha:.3g}",
        "Learning rate": f"{args.learning_rate:g}, centroids {args.centroid_learning_rate:g}",
        "Batch": f"{documents} x {args.world_size} processes",
        "Epochs": f"{state.epoch or 0:.3g}, {state.global_step} steps",
        "Tokens masked": f"{args.mlm_probability:.0%}",
        "Seed": str(args.seed),
        "Hardware": torch.cuda.get_device_name()
        if is_gpu
        else platform.processor() or platform.machine(),
        "Versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
    }
    last = {name: value for line in state.log_history for name, value in line.items()}
    if "train_runtime" in last:
        facts["Seconds"] = f"{last['train_runtime']:.0f}"
    for name, title in (("mlm_loss", "masked-LM"), ("clustering_loss", "clustering")):
        if name in last:
            facts[f"Last {title} loss"] = f"{last[name]:.3f}"
    return facts


def describe_num_clusters(num_clusters: int, noted: str | None) -> str:
    """How many clusters a model has, and why.

    Args:
        num_clusters (`int`): Of the model as it stands.
        noted (`str`, *optional*): What its training noted. Since then, edits alone can have
            changed the number.

    Example:
        >>> describe_num_clusters(7, "8, found between 2 and 200")
        '7, after edits; before: 8, found between 2 and 200'
    """
    if noted is None:
        return str(num_clusters)
    if noted.split(",")[0] == str(num_clusters):
        return noted
    return f"{num_clusters}, after edits; before: {noted}"


def listed(value: str | Iterable[str] | None) -> list[str]:
    """What the base class takes as one, several or none, as a list."""
    return [value] if isinstance(value, str) else list(value or [])


def write_card(
    path: Path,
    data: ModelCardData,
    model: BertForClustering,
    tokenizer: PreTrainedTokenizerBase,
    model_id: str,
    sizes: list[int] | None = None,
    scores: dict[str, Any] | None = None,
    keywords: list[list[str]] | None = None,
    examples: list[list[str]] | None = None,
    training: dict[str, str] | None = None,
) -> None:
    """Write the card of a model as it stands.

    Args:
        path (`Path`): The file.
        data (`ModelCardData`): What the Hub searches by.
        model (`BertForClustering`): With clusters or still without.
        tokenizer (`PreTrainedTokenizerBase`): Its own.
        model_id (`str`): What the model is loaded by.
        sizes (`list[int]` of length `num_clusters`, *optional*): Documents in each cluster. `None`:
            they are not known, and the labels alone are told.
        scores (`dict`, *optional*): Metrics of the run, as `all_results.json` holds them.
        keywords (`list[list[str]]`, *optional*): Keywords of each cluster.
        examples (`list[list[str]]`, *optional*): Texts of each cluster, which the card then makes
            public.
        training (`dict[str, str]`, *optional*): How the model was trained, by `training_facts`.
    """
    config: Any = model.config
    training = training or {}
    origin = describe_num_clusters(config.num_clusters, training.get(NUM_CLUSTERS))
    card = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        base_model_id=data.base_model,
        model_name=data.model_name,
        model_id=model_id,
        has_clusters=model.has_clusters,
        labels=[escape_markdown(label) for label in config.id2label.values()],
        num_clusters=config.num_clusters,
        origin=origin,
        num_documents=sum(sizes or []),
        max_length=tokenizer.model_max_length,
        text_prefix=escape_markdown(config.text_prefix or ""),
        long_documents=config.long_documents,
        unit="sentences" if config.segments == SENTENCE else "texts",
        rows=cluster_rows(sizes or [], config.id2label, keywords, examples, scores),
        has_examples=bool(examples),
        scores=score_rows(scores or {}),
        training=training | {NUM_CLUSTERS: origin} if training else {},
        has_map=path.with_name("map.png").exists(),
    )
    card.save(path)
