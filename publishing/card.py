"""The model card: what a model clusters, how good it is, how it was trained and how to use it."""

import math
import platform
import re
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from transformers import Trainer


TEMPLATE = Path(__file__).parent / "templates" / "model_card.md"
GOLD_SCORES = {"accuracy": "Accuracy", "nmi": "NMI", "ari": "ARI", "purity": "Purity"}


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

    rows = []
    for cluster in sorted(range(len(sizes)), key=lambda cluster: -sizes[cluster]):
        rows.append(
            {
                "cluster": cluster,
                "label": escape_markdown(id2label[cluster]),
                "size": sizes[cluster],
                "share": sizes[cluster] / max(sum(sizes), 1),
                "probability": trust("probability", cluster),
                "stability": trust("stability", cluster),
                "keywords": escape_markdown(", ".join(keywords[cluster])) if keywords else "",
                "examples": [escape_markdown(text) for text in examples[cluster]]
                if examples
                else [],
            }
        )
    return rows


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


def training_facts(trainer: Trainer) -> dict[str, str]:
    """How the model was trained, as a reader would want it to repeat the training."""
    args, config = trainer.args, trainer.model.config
    logged = {
        name: value for line in trainer.state.log_history for name, value in line.items()
    }  # the last ones
    device = (
        torch.cuda.get_device_name()
        if args.device.type == "cuda"
        else platform.processor() or platform.machine()
    )
    facts = {
        "Loss": f"{args.clustering_weight:g} x clustering loss + {args.mlm_weight:g} x masked-LM loss",
        "Start of the clusters": args.init or "auto",
        "Target": f"{'lexical teacher' if args.lexical_teacher else 'own assignment'}, size prior {args.size_prior}",
        "Kernel": f"{config.kernel}, alpha {config.alpha:.3g}",
        "Learning rate": f"{args.learning_rate:g}, centroids {args.centroid_learning_rate:g}",
        "Batch": f"{args.train_batch_size} x {args.gradient_accumulation_steps} x {args.world_size} processes",
        "Epochs": f"{trainer.state.epoch or 0:.3g}, {trainer.state.global_step} steps",
        "Tokens masked": f"{args.mlm_probability:.0%}",
        "Seed": str(args.seed),
        "Hardware": device,
        "Versions": f"torch {torch.__version__}, transformers {transformers.__version__}",
    }
    if "train_runtime" in logged:
        facts["Seconds"] = f"{logged['train_runtime']:.0f}"
    for name, title in (
        ("mlm_loss", "Last masked-LM loss"),
        ("clustering_loss", "Last clustering loss"),
    ):
        if name in logged:
            facts[title] = f"{logged[name]:.3f}"
    return facts


def card_data(
    name: str, base_model: str | None, dataset: str | None, scores: list[dict[str, Any]]
) -> ModelCardData:
    """What the Hub searches and filters by."""
    results = [
        EvalResult(
            task_type="clustering",
            task_name="Text clustering",
            dataset_type=dataset or "own-texts",
            dataset_name=dataset or "The texts it was trained on",
            metric_type=score["name"],
            metric_name=score["title"],
            metric_value=round(score["value"], 4),
        )
        for score in scores
    ]
    return ModelCardData(
        model_name=name,
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=base_model,
        datasets=[dataset] if dataset else None,
        tags=["text-clustering", "deep-clustering", "sentence-transformers", "custom_code"],
        eval_results=results or None,
    )


def write_card(
    trainer: Trainer,
    path: Path,
    sizes: list[int],
    model_id: str,
    dataset: str | None = None,
    scores: dict[str, float] | None = None,
    keywords: list[list[str]] | None = None,
    examples: list[list[str]] | None = None,
    training: dict[str, str] | None = None,
) -> None:
    """Write the card of a trainer's model as it stands.

    Args:
        trainer (`Trainer`): With the model, the arguments and the log.
        path (`Path`): The file.
        sizes (`list[int]` of length `num_clusters`): Documents in each cluster.
        model_id (`str`): What the model is loaded by.
        dataset (`str`, *optional*): Hub id of the texts.
        scores (`dict`, *optional*): Metrics of the run, as `all_results.json` holds them.
        keywords (`list[list[str]]`, *optional*): Keywords of each cluster.
        examples (`list[list[str]]`, *optional*): Texts of each cluster, which the card then makes
            public.
        training (`dict[str, str]`, *optional*): How the model was trained. `None`: by this trainer.
    """
    config, name, rows = trainer.model.config, model_id.split("/")[-1], score_rows(scores or {})
    card = ModelCard.from_template(
        card_data(name, config.base_model, dataset, rows),
        template_path=str(TEMPLATE),
        base_model_id=config.base_model,
        model_name=name,
        model_id=model_id,
        num_clusters=config.num_labels,
        num_documents=sum(sizes),
        max_length=trainer.processing_class.model_max_length,
        rows=cluster_rows(sizes, config.id2label, keywords, examples, scores),
        has_examples=bool(examples),
        scores=rows,
        training=training_facts(trainer) if training is None else training,
        has_map=path.with_name("map.png").exists(),
    )
    card.save(path)
