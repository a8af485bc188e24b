"""What a run leaves in `results/`, and what it tells of it: clusters of the texts, their names and
scores.
"""

import json
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..clusters.metrics import calibration_error, gold_scores, in_matched_class, internal_scores
from ..clusters.stability import cluster_stability
from ..publishing.card import training_facts
from ..texts.documents import Documents
from ..texts.keywords import cluster_keywords
from ..texts.names import name_clusters
from ..texts.tokens import tokenize
from ..trainer import ClusteringTrainer
from ..training.arguments import DataArguments
from ..training.inference import ClusterPrediction
from .figure import draw_map
from .files import (
    OUTLIER,
    Assignment,
    cluster_table,
    one_line,
    replacing,
    score_table,
    write_assignments,
    write_json,
)
from .layout import project
from .page import write_report
from .result import Findings
from .run_folder import CLUSTERS, RunFolder
from .score_figure import draw_scores
from .topics import make_topics, topic_mix


SCORES_OF_K = "num_clusters_scores"


def write_results(
    trainer: ClusteringTrainer,
    documents: Documents,
    data_args: DataArguments,
    metrics: dict[str, Any],
    origin: RunFolder,
    numbers: np.ndarray | None = None,
) -> list[str]:
    """Cluster the training documents with the model as it stands; name, score, write, draw and
    describe the clusters.

    Args:
        trainer (`ClusteringTrainer`): Its `train_dataset` holds the usable documents. Where it has
            trained, or merged clusters, its model gets labels and its card the keywords.
        documents (`Documents`): All rows of the input.
        data_args (`DataArguments`): Say whether to write embeddings, and what the card may tell of
            the texts.
        metrics (`dict`): Gets the scores, on the main process.
        origin (`RunFolder`): Where the model comes from; it knows how the model was trained.
        numbers (`np.ndarray` of shape `(num_usable,)`, *optional*): After a merge, the clusters
            that the documents had, under their new numbers.

    Returns:
        Lines for a person to read; none on other processes than the main one.
    """
    prediction, args = trainer.predict(), trainer.args
    if args.merge:
        trainer.note_distances(prediction.embeddings)
    if not trainer.is_world_process_zero():
        return []
    metrics |= score_clusters(trainer, documents, prediction)
    keywords = cluster_keywords(
        documents.usable_texts, prediction.clusters, trainer.model.config.num_clusters
    )
    if args.do_train or args.merge:
        name_clusters(trainer.model.config, keywords, anew=args.do_train and args.init is not None)
    findings = gather_findings(trainer, documents, data_args, prediction, keywords, metrics, origin)
    metrics["cluster_probability"] = findings.mean_probabilities.tolist()
    assigned = mark_outliers(trainer, prediction, data_args.outlier_threshold)
    if data_args.outlier_threshold is not None:
        metrics["outliers"] = int((assigned == OUTLIER).sum())
    describe_in_card(trainer, findings, data_args)
    write_files(Path(args.output_dir), findings, assigned)
    if data_args.save_embeddings:
        write_embeddings(Path(args.output_dir, "results", "embeddings.npy"), prediction.embeddings)
    if args.do_report:
        origin.copy_history(args.output_dir)
    about = (findings.clusters, findings.nearest, findings.texts, findings.labels)
    lines = [*cluster_table(*about, findings.mean_probabilities, findings.stabilities)]
    if numbers is not None:
        lines.append(kept_after_merge(numbers, findings.clusters))
    if data_args.outlier_threshold is not None:
        lines.append(
            f"{metrics['outliers']:,} of {len(assigned):,} documents belong nowhere: cluster -1 in "
            "the CSV."
        )
    return [
        *lines,
        *score_table(metrics),
        f"Report: {Path(args.output_dir, 'results', 'report.html')}",
    ]


def gather_findings(
    trainer: ClusteringTrainer,
    documents: Documents,
    data_args: DataArguments,
    prediction: ClusterPrediction,
    keywords: list[list[str]],
    metrics: dict[str, Any],
    origin: RunFolder,
) -> Findings:
    """All that the files tell: from this run and, where it did not train, from the one that did."""
    args = trainer.args
    settings, history, positions = origin.settings(), origin.history(), None
    if args.do_train:
        source = data_args.dataset_name or Path(data_args.train_file).name
        settings, history = {"Texts": source} | training_facts(trainer), trainer.state.log_history
    if args.reports_alone:
        positions, known = origin.positions(), origin.metrics()
        known.pop("outliers", None)  # they may be others now, or not be asked for
        if args.merge:  # what follows is of clusters that are no more
            known = {
                name: value
                for name, value in known.items()
                if name not in ("cluster_stability", SCORES_OF_K)
            }
        metrics |= known | metrics
    if positions is None or len(positions) != len(prediction.clusters):
        positions = project(prediction.embeddings, args.seed)
    return Findings(
        documents=documents,
        q=prediction.predictions,
        embeddings=prediction.embeddings,
        positions=positions,
        centroids=trainer.model.cluster_head.centroids.detach().cpu().numpy(),
        keywords=keywords,
        labels=[trainer.model.config.id2label[cluster] for cluster in range(len(keywords))],
        metrics=metrics,
        settings=settings,
        history=history,
    )


def describe_in_card(
    trainer: ClusteringTrainer, findings: Findings, data_args: DataArguments
) -> None:
    """What the model card is to say of the clusters."""
    trainer.clusters = torch.from_numpy(findings.clusters)
    trainer.card |= {
        "keywords": findings.keywords,
        "dataset": data_args.dataset_name,
        "scores": findings.metrics,
    }
    if not trainer.args.do_train:  # these arguments are not those of the training
        trainer.card["training"] = {
            name: value for name, value in findings.settings.items() if name != "Texts"
        }
    if data_args.card_examples:
        texts = [[one_line(findings.texts[row], 300) for row in rows] for rows in findings.nearest]
        trainer.card["examples"] = texts


def write_files(output_dir: Path, findings: Findings, assigned: np.ndarray) -> None:
    """Everything in `results/`, and the map beside the model card, which shows it; `assigned` is
    for the CSV file.
    """
    results, id2label = output_dir / "results", dict(enumerate(findings.labels))
    part = (findings.documents, assigned, findings.probabilities)
    write_assignments(output_dir / CLUSTERS, [part], id2label, findings.positions)
    RunFolder(output_dir).write(findings.documents, findings.settings)
    with replacing(results / "topics.json") as file:
        json.dump(make_topics(findings), file, ensure_ascii=False, allow_nan=False)
    title = f"{len(findings.clusters):,} texts in {len(findings.labels):,} clusters"
    draw_map(
        results / "map.png",
        findings.positions,
        findings.clusters,
        findings.middles,
        findings.labels,
        title,
    )
    shutil.copy(results / "map.png", output_dir / "map.png")
    if scores := findings.metrics.get(SCORES_OF_K):
        draw_scores(
            results / "num_clusters.png",
            {int(k): score for k, score in scores.items()},
            len(findings.labels),
        )
    write_report(results / "report.html", findings)


def kept_after_merge(before: np.ndarray, after: np.ndarray) -> str:
    """How many documents are in their cluster still; both `(num_usable,)`, under the new numbers."""
    known = before >= 0
    kept = int((before == after)[known].sum())
    return f"{kept:,} of {known.sum():,} documents are in the cluster they were in, merged or not."


def write_embeddings(path: Path, embeddings: np.ndarray) -> None:
    with replacing(path, "wb") as file:
        np.save(file, embeddings)


def mark_outliers(
    trainer: ClusteringTrainer, prediction: ClusterPrediction, threshold: float | None
) -> np.ndarray:
    """Cluster of each document, `(num_documents,)`; -1 where its outlier score is above the
    threshold.
    """
    if threshold is None:
        return prediction.clusters
    return np.where(
        trainer.outlier_scores(prediction.embeddings) > threshold, OUTLIER, prediction.clusters
    )


def score_clusters(
    trainer: ClusteringTrainer, documents: Documents, prediction: ClusterPrediction
) -> dict[str, Any]:
    """Scores of the clusters of the usable documents.

    Where there are gold classes, also of plain k-means, of the start, and of the model between
    start and training.
    """
    num_clusters, clusters = trainer.model.config.num_clusters, prediction.clusters
    metrics = {"truncated_share": float(np.mean(trainer.train_dataset["truncated"]))}
    if trainer.repeats is not None:
        stability = cluster_stability(clusters, trainer.repeats.cpu().numpy(), num_clusters)
        metrics["cluster_stability"] = [
            None if np.isnan(value) else float(value) for value in stability
        ]
    if trainer.num_clusters_scores is not None:
        metrics[SCORES_OF_K] = {
            str(int(k)): score for k, score in trainer.num_clusters_scores.tolist()
        }
    scores = internal_scores(prediction.embeddings, clusters, num_clusters, trainer.args.seed)
    metrics |= {f"eval_{name}": score for name, score in scores.items()}
    if documents.classes is not None:
        classes = documents.classes[documents.usable]
        right = in_matched_class(classes, clusters)
        metrics["eval_calibration_error"] = calibration_error(right, prediction.probabilities)
        stages = {"eval": clusters}
        if trainer.guard is not None:
            before = {"kmeans": trainer.kmeans_clusters, "init": trainer.start_clusters}
            before["untrained"] = trainer.guard.first_clusters
            stages |= {stage: assignment.cpu().numpy() for stage, assignment in before.items()}
        for stage, assignment in stages.items():
            metrics |= {
                f"{stage}_{name}": score for name, score in gold_scores(classes, assignment).items()
            }
            if trainer.guard is not None:
                metrics[f"{stage}_start_silhouette"] = trainer.guard.score.silhouette(assignment)
    return metrics


def write_predictions(
    trainer: ClusteringTrainer, parts: Iterable[Documents], data_args: DataArguments
) -> str:
    """Cluster new documents, part by part, and write the result; a line that says so."""
    num_proc, threshold = data_args.preprocessing_num_workers, data_args.outlier_threshold
    count = 0

    def predict() -> Iterator[Assignment]:
        nonlocal count
        for documents in parts:
            count += len(documents)
            if documents.usable.any():
                prediction = trainer.predict(
                    tokenize(documents.usable_texts, trainer.processing_class, num_proc)
                )
                yield (
                    documents,
                    mark_outliers(trainer, prediction, threshold),
                    prediction.probabilities,
                )
            else:
                yield documents, np.array([], dtype=int), np.array([])

    path = Path(trainer.args.output_dir, "results", "predictions.csv")
    if trainer.is_world_process_zero():
        write_assignments(path, predict(), trainer.model.config.id2label)
    else:
        deque(predict(), maxlen=0)
    return f"{count:,} new documents: {path}"


def write_topic_mix(trainer: ClusteringTrainer, text: str, num_lines: int = 10) -> list[str]:
    """All topics of one text, written to a file; lines that show the most probable ones."""
    q, id2label = trainer.predict([text]).predictions[0], trainer.model.config.id2label
    mix = topic_mix(text, q, [id2label[cluster] for cluster in range(len(q))])
    path = Path(trainer.args.output_dir, "results", "topic_mix.json")
    if trainer.is_world_process_zero():
        write_json(path, mix)
    shown = [
        f"{topic['value']:>7.1%}  {one_line(topic['name'], 60)}"
        for topic in mix["distribution"][:num_lines]
    ]
    return [f"{one_line(text, 100)}", *shown, f"All {len(q)} topics: {path}"]
