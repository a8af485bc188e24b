"""What a run leaves in `results/`, and what it tells of it: clusters of the texts, their names and scores."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from arguments import DataArguments
from configuration_bert_cluster import BertClusterConfig
from data import tokenize
from documents import Documents
from keywords import cluster_keywords, make_labels
from metrics import gold_scores, internal_scores
from report import Assignment, cluster_table, nearest_documents, one_line, replacing, score_table, write_assignments
from stability import cluster_stability
from trainer import ClusteringTrainer


def name_clusters(config: BertClusterConfig, keywords: list[list[str]], anew: bool) -> None:
    """Label the clusters by their keywords; those that have got names already keep them, unless they start anew."""
    if anew or all(label == f"LABEL_{cluster}" for cluster, label in config.id2label.items()):
        config.id2label = make_labels(keywords)
        config.label2id = {label: cluster for cluster, label in config.id2label.items()}


def write_clusters(
    trainer: ClusteringTrainer, documents: Documents, data_args: DataArguments, metrics: dict[str, Any]
) -> list[str]:
    """Cluster the training documents with the model as it stands; name, score, write and describe the clusters.

    Args:
        trainer (`ClusteringTrainer`): Its `train_dataset` holds the usable documents. Where it has trained, its model
            gets labels and its card the keywords.
        documents (`Documents`): All rows of the input.
        data_args (`DataArguments`): Say whether to write embeddings, and what the card may tell of the texts.
        metrics (`dict`): Gets the scores, on the main process.

    Returns:
        Lines for a person to read; none on other processes than the main one.
    """
    prediction, config = trainer.predict(), trainer.model.config
    if not trainer.is_world_process_zero():
        return []
    clusters, texts = prediction.clusters, documents.usable_texts
    metrics |= score_clusters(trainer, documents, clusters, prediction.embeddings)
    centroids = trainer.model.cluster_head.centroids.detach().cpu().numpy()
    nearest = nearest_documents(prediction.embeddings, centroids, clusters, texts)
    if trainer.args.do_train:
        keywords = cluster_keywords(texts, clusters, config.num_clusters)
        name_clusters(config, keywords, anew=trainer.args.init is not None)
        trainer.card |= {"keywords": keywords, "dataset": data_args.dataset_name, "scores": metrics}
        if data_args.card_examples:
            trainer.card["examples"] = [[one_line(texts[row], 300) for row in rows] for rows in nearest]
    results = Path(trainer.args.output_dir, "results")
    assigned = (documents, clusters, prediction.probabilities)
    write_assignments(results / "clusters.csv", [assigned], config.id2label, with_position=True)
    if data_args.save_embeddings:
        with replacing(results / "embeddings.npy", "wb") as file:
            np.save(file, prediction.embeddings)
    return [*cluster_table(clusters, nearest, texts, config.id2label), *score_table(metrics)]


def score_clusters(
    trainer: ClusteringTrainer, documents: Documents, clusters: np.ndarray, embeddings: np.ndarray
) -> dict[str, Any]:
    """Scores of the clusters `(num_usable,)`.

    Where there are gold classes, also of plain k-means, of the start, and of the model between start and training.
    """
    num_clusters = trainer.model.config.num_clusters
    metrics = {"truncated_share": float(np.mean(trainer.train_dataset["truncated"]))}
    if trainer.repeats is not None:
        stability = cluster_stability(clusters, trainer.repeats.cpu().numpy(), num_clusters)
        metrics["cluster_stability"] = [None if np.isnan(value) else float(value) for value in stability]
    if trainer.num_clusters_scores is not None:
        metrics["num_clusters_scores"] = {str(int(k)): score for k, score in trainer.num_clusters_scores.tolist()}
    scores = internal_scores(embeddings, clusters, num_clusters, trainer.args.seed)
    metrics |= {f"eval_{name}": score for name, score in scores.items()}
    if documents.classes is not None:
        classes = documents.classes[documents.usable]
        stages = {"eval": clusters}
        if trainer.guard is not None:
            before = {"kmeans": trainer.kmeans_clusters, "init": trainer.start_clusters}
            before["untrained"] = trainer.guard.first_clusters
            stages |= {stage: assignment.cpu().numpy() for stage, assignment in before.items()}
        for stage, assignment in stages.items():
            metrics |= {f"{stage}_{name}": score for name, score in gold_scores(classes, assignment).items()}
            if trainer.guard is not None:
                metrics[f"{stage}_start_silhouette"] = trainer.guard.score.silhouette(assignment)
    return metrics


def write_predictions(trainer: ClusteringTrainer, parts: Iterable[Documents], num_proc: int | None) -> str:
    """Cluster new documents, part by part, and write the result; a line that says so."""
    count = 0

    def predict() -> Iterator[Assignment]:
        nonlocal count
        for documents in parts:
            count += len(documents)
            if documents.usable.any():
                prediction = trainer.predict(tokenize(documents.usable_texts, trainer.processing_class, num_proc))
                yield documents, prediction.clusters, prediction.probabilities
            else:
                yield documents, np.array([], dtype=int), np.array([])

    path = Path(trainer.args.output_dir, "results", "predictions.csv")
    if trainer.is_world_process_zero():
        write_assignments(path, predict(), trainer.model.config.id2label)
    else:
        deque(predict(), maxlen=0)
    return f"{count:,} new documents: {path}"
