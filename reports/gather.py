"""From a trainer to the finished result: clusters of the documents, their names and scores."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..clusters.metrics import calibration_error, gold_scores, in_matched_class, internal_scores
from ..clusters.stability import cluster_stability
from ..clusters.start import ANY, EVEN
from ..publishing import NUM_CLUSTERS, describe_num_clusters, hub_id
from ..texts.documents import Documents
from ..texts.names import name_levels
from ..texts.segments import Sentences, whole_documents
from ..trainer import ClusteringTrainer
from ..training.inference import ClusterPrediction
from ..training.keywords import find_keywords_of_levels
from ..training.run_arguments import DataArguments
from ..training.stages import stage
from .edit_log import EditLog
from .layout import project, project_roughly
from .levels import levels_of
from .mix import vote
from .result import (
    OUTLIER,
    SCORES_OF_K,
    START_SCORES,
    START_SIZES,
    UNFOUND,
    ClusteringResult,
    mean_per_cluster,
)
from .run_folder import RunFolder


# What a report measures itself, beside all that begins with `eval_`.
MEASURED_ANEW = {"cluster_probability", "num_clusters", "outliers", "stages", "truncated_share"}
# What a training measured of its clusters at its end: the score against the start's view, which no
# report can measure again, is theirs too.
OF_THE_CLUSTERS = {
    "cluster_score",
    "cluster_stability",
    "eval_start_silhouette",
    SCORES_OF_K,
    START_SCORES,
    START_SIZES,
    UNFOUND,
}


def gather_result(
    trainer: ClusteringTrainer,
    documents: Documents,
    data_args: DataArguments,
    metrics: dict[str, Any],
    origin: RunFolder,
    before_edits: np.ndarray | None = None,
    log: EditLog | None = None,
    is_preview: bool = False,
) -> ClusteringResult | None:
    """Cluster the run's documents with the model as it stands; name, score and place the clusters.

    All processes take part in it. Clusters without a name get one in the model's config.

    Args:
        trainer (`ClusteringTrainer`): Its `train_dataset` holds the usable documents.
        documents (`Documents`): All rows of the input.
        data_args (`DataArguments`): Where the texts are from, and what an outlier is.
        metrics (`dict`): What the training measured; empty where there was none.
        origin (`RunFolder`): Where the model comes from. A report on that run takes over its map
            and what it measured.
        before_edits (`np.ndarray` of shape `(num_usable,)`, *optional*): After edits of clusters,
            those that the documents had, -1 for none, as they are edited.
        log (`EditLog`, *optional*): Of the model; it says which documents people moved. `None`: in
            a report, that of `origin`.
        is_preview (`bool`, *optional*, defaults to `False`): Of the clusters that the training sets
            out from, before it; the map is then made of principal components, which takes no time.

    Returns:
        The result; `None` on other processes than the main one.
    """
    args, config = trainer.args, trainer.model.config
    prediction = trainer.predict_start() if is_preview else trainer.predict()
    if before_edits is not None:
        trainer.inference.note_distances(prediction.embeddings)
    if not trainer.is_world_process_zero():
        return None
    if log is None:
        log = EditLog.read(origin.folder) if args.reports_alone else EditLog()
    placed = log.places(documents)
    prediction.predictions[placed >= 0] = np.eye(config.num_clusters)[placed[placed >= 0]]
    clusters, probabilities = prediction.clusters, prediction.probabilities
    embeddings = prediction.embeddings
    *keywords_of_levels, keywords = keywords_of(trainer, documents, clusters, embeddings)
    name_levels(config, [*keywords_of_levels, keywords])
    # Before training, nobody knows how far texts lie from their centroids.
    threshold = None if is_preview else data_args.outlier_threshold
    assigned = mark_outliers(trainer, embeddings, clusters, threshold)
    assigned = np.where(placed >= 0, clusters, assigned)
    measured = carry_over(origin.metrics(), before_edits is not None) if args.reports_alone else {}
    measured |= metrics | measure(trainer, documents, prediction)
    if threshold is not None:
        measured["outliers"] = int((assigned == OUTLIER).sum())
    return ClusteringResult(
        documents=documents,
        q=prediction.predictions,
        clusters=clusters,
        probabilities=probabilities,
        assigned=assigned,
        embeddings=embeddings,
        positions=positions_of(trainer, embeddings, origin, is_preview),
        centroids=trainer.model.cluster_head.centroids.detach().cpu().numpy(),
        keywords=keywords,
        labels=[config.id2label[cluster] for cluster in range(config.num_clusters)],
        metrics=measured,
        settings=describe_settings(trainer, data_args, origin),
        history=trainer.state.log_history if args.do_train else origin.history(),
        before_edits=before_edits,
        levels=levels_of(config, keywords_of_levels),
        is_preview=is_preview,
    )


def keywords_of(
    trainer: ClusteringTrainer, documents: Documents, clusters: np.ndarray, embeddings: np.ndarray
) -> list[list[list[str]]]:
    """Keywords of each cluster of each level, the finest last: those that the training found, or
    those of the clusters at hand, `(num_usable,)`.
    """
    if trainer.keywords is not None:
        return [*trainer.keywords_of_levels, trainer.keywords]
    return find_keywords_of_levels(
        documents.usable_texts, clusters, embeddings, trainer.model.config, trainer.inference
    )


def positions_of(
    trainer: ClusteringTrainer, embeddings: np.ndarray, origin: RunFolder, is_preview: bool
) -> np.ndarray:
    """Where documents stand on the map, `(num_usable, 2)`: where a report's run had put them, or
    anew.
    """
    positions = origin.positions() if trainer.args.reports_alone else None
    if positions is not None and len(positions) == len(embeddings):
        return positions
    with stage("map"):
        return project_roughly(embeddings) if is_preview else project(embeddings, trainer.args.seed)


def mark_outliers(
    trainer: ClusteringTrainer,
    embeddings: np.ndarray,
    clusters: np.ndarray,
    threshold: float | None,
) -> np.ndarray:
    """Cluster of each document, `(num_documents,)`; -1 where its outlier score is above the
    threshold.

    Args:
        trainer (`ClusteringTrainer`): Knows how far its training documents lay.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        threshold (`float`, *optional*): In robust standard deviations. `None`: none is an outlier.
    """
    if threshold is None:
        return clusters
    return np.where(trainer.inference.outlier_scores(embeddings) > threshold, OUTLIER, clusters)


def carry_over(metrics: dict[str, Any], edited: bool) -> dict[str, Any]:
    """What a run measured and a report on it cannot measure again.

    Args:
        metrics (`dict`): Of that run.
        edited (`bool`): Whether its clusters have been edited since.

    Example:
        >>> carry_over({"train_loss": 2.0, "eval_nmi": 0.5, "cluster_score": 0.4}, edited=True)
        {'train_loss': 2.0}
    """
    gone = MEASURED_ANEW | {name for name in metrics if name.startswith("eval_")}
    gone = gone | OF_THE_CLUSTERS if edited else gone - OF_THE_CLUSTERS
    return {name: value for name, value in metrics.items() if name not in gone}


def describe_settings(
    trainer: ClusteringTrainer, data_args: DataArguments, origin: RunFolder
) -> dict[str, str]:
    """What the texts are called, never by a path of this machine, and how the model was trained."""
    args, num_clusters = trainer.args, trainer.model.config.num_clusters
    settings = trainer.training_facts() if args.do_train else dict(origin.settings())
    if NUM_CLUSTERS in settings:
        settings[NUM_CLUSTERS] = describe_num_clusters(num_clusters, settings[NUM_CLUSTERS])
    if args.reports_alone and not data_args.update_file:
        return settings
    settings.pop("Texts", None)  # those that the model was trained on
    texts = hub_id(data_args.dataset_name) or Path(os.path.abspath(data_args.source)).name
    if data_args.update_file:
        texts = ", ".join(filter(None, (origin.settings().get("Texts"), texts)))
    return {"Texts": texts} | settings


def measure(
    trainer: ClusteringTrainer, documents: Documents, prediction: ClusterPrediction
) -> dict[str, Any]:
    """What there is to measure of the documents' clusters."""
    clusters, num_clusters = prediction.clusters, trainer.model.config.num_clusters
    probabilities = prediction.probabilities
    means = mean_per_cluster(probabilities, clusters, num_clusters)
    measured = {"num_clusters": num_clusters, "cluster_probability": means.tolist()}
    measured |= score_clusters(trainer, prediction.embeddings, clusters)
    measured |= score_against_gold(trainer, documents, clusters, probabilities)
    if trainer.unfound_topics:
        measured[UNFOUND] = trainer.unfound_topics
    return measured


def score_clusters(
    trainer: ClusteringTrainer, embeddings: np.ndarray, clusters: np.ndarray
) -> dict[str, Any]:
    """Scores that need no gold classes.

    Args:
        trainer (`ClusteringTrainer`): With its training set, and the clustering if it has trained.
        embeddings (`np.ndarray` of shape `(num_usable, hidden_size)`): Document embeddings.
        clusters (`np.ndarray` of shape `(num_usable,)`): Cluster of each document.
    """
    state, num_clusters = trainer.clustering, trainer.model.config.num_clusters
    reads_all = trainer.model.config.long_documents == "mean"
    truncated = 0.0 if reads_all else np.mean(trainer.train_dataset["truncated"])
    metrics: dict[str, Any] = {"truncated_share": float(truncated)}
    if state is not None and state.repeats is not None:
        stability = cluster_stability(clusters, state.repeats.cpu().numpy(), num_clusters)
        known = [None if np.isnan(value) else float(value) for value in stability]
        metrics["cluster_stability"] = known
    if state is not None and state.num_clusters_scores is not None:
        tried = state.num_clusters_scores.tolist()
        metrics[SCORES_OF_K] = {str(int(k)): score for k, score in tried}
    if state is not None and state.start_scores is not None and state.start_sizes is not None:
        kinds = (EVEN, ANY)
        metrics[START_SCORES] = dict(zip(kinds, state.start_scores.tolist(), strict=True))
        metrics[START_SIZES] = dict(zip(kinds, state.start_sizes.tolist(), strict=True))
    scores = internal_scores(embeddings, clusters, num_clusters, trainer.args.seed)
    return metrics | {f"eval_{name}": score for name, score in scores.items()}


def score_against_gold(
    trainer: ClusteringTrainer,
    documents: Documents,
    clusters: np.ndarray,
    probabilities: np.ndarray,
) -> dict[str, float]:
    """Scores against gold classes, where there are any; where the run trained, also of plain
    k-means, of the start, and of the model between start and training. Those of sentences are of
    the whole documents, each in the cluster with the largest share.

    Args:
        trainer (`ClusteringTrainer`): With the clustering if it has trained.
        documents (`Documents`): With their classes; or the sentences of those with classes.
        clusters (`np.ndarray` of shape `(num_usable,)`): Cluster of each document.
        probabilities (`np.ndarray` of shape `(num_usable,)`): The probability of that cluster.
    """
    classes = whole_documents(documents).usable_classes
    if classes is None:
        return {}
    num_clusters = trainer.model.config.num_clusters
    state, moments = trainer.clustering, {"eval": clusters}
    if state is not None:
        before = {
            "kmeans": state.kmeans_clusters,
            "init": state.start_clusters,
            "untrained": state.untrained_clusters,
        }
        moments |= {
            name: found.cpu().numpy() for name, found in before.items() if found is not None
        }
    metrics = {}
    if not isinstance(documents, Sentences):  # nobody knows which sentences are right
        right = in_matched_class(classes, clusters)
        metrics["eval_calibration_error"] = calibration_error(right, probabilities)
    for moment, found in moments.items():
        scores = gold_scores(classes, vote(documents, found, num_clusters))
        metrics |= {f"{moment}_{name}": score for name, score in scores.items()}
        if state is not None:
            metrics[f"{moment}_start_silhouette"] = state.score.silhouette(found)
    return metrics
