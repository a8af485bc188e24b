"""New documents, assigned to the clusters of a trained model: many in a file, or one text."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..clusters.metrics import gold_scores
from ..texts.documents import Documents
from ..texts.tokens import tokenize
from ..trainer import ClusteringTrainer
from ..training.run_arguments import DataArguments
from .console import one_line, score_lines
from .files import Assignment, write_assignments, write_json
from .gather import mark_outliers
from .levels import coarser_probabilities, levels_of
from .topics import topic_mix


def write_predictions(
    trainer: ClusteringTrainer, parts: Iterable[Documents], data_args: DataArguments
) -> list[str]:
    """Cluster new documents, part by part, and write `results/predictions.csv`, and where all parts
    have gold classes `predict_results.json`; lines that say so, on the main process alone.
    """
    assigned = assign_parts(trainer, parts, data_args)
    if not trainer.is_world_process_zero():
        deque(assigned, maxlen=0)  # a process takes its share of every pass
        return []
    found: list[tuple[np.ndarray | None, np.ndarray]] = []  # gold classes and clusters

    def noted() -> Iterator[Assignment]:
        for part in assigned:
            found.append((part.documents.usable_classes, part.clusters))
            yield part

    output_dir = Path(trainer.args.output_dir)
    path = output_dir / "results" / "predictions.csv"
    config = trainer.model.config
    count = write_assignments(path, noted(), config.id2label, levels=levels_of(config))
    lines = [f"{count:,} new documents: {path}"]
    classes = [known for known, _ in found if known is not None]
    if len(classes) < len(found):
        (output_dir / "predict_results.json").unlink(missing_ok=True)  # of an earlier run
        return lines
    clusters = np.concatenate([part for _, part in found])
    scores = gold_scores(np.concatenate(classes), clusters)
    metrics = {f"predict_{name}": score for name, score in scores.items()}
    write_json(output_dir / "predict_results.json", metrics)
    return [*lines, *score_lines({"new documents": [*scores.values()]})]


def assign_parts(
    trainer: ClusteringTrainer, parts: Iterable[Documents], data_args: DataArguments
) -> Iterator[Assignment]:
    """Each part with clusters and probabilities of its usable documents."""
    num_proc, threshold = data_args.preprocessing_num_workers, data_args.outlier_threshold
    levels = levels_of(trainer.model.config)
    for documents in parts:
        if not documents.usable.any():
            yield Assignment(documents, np.array([], dtype=int), np.array([]))
            continue
        texts = tokenize(documents.usable_texts, trainer.processing_class, num_proc)
        found = trainer.predict(texts)
        assigned = mark_outliers(trainer, found.embeddings, found.clusters, threshold)
        coarser = coarser_probabilities(found.predictions, found.clusters, levels)
        yield Assignment(documents, assigned, found.probabilities, coarser)


def write_topic_mix(trainer: ClusteringTrainer, text: str, num_lines: int = 10) -> list[str]:
    """Cluster one text and write `results/topic_mix.json`; lines that show its most probable
    topics, on the main process alone.
    """
    q, id2label = trainer.predict([text]).predictions[0], trainer.model.config.id2label
    if not trainer.is_world_process_zero():
        return []
    levels = levels_of(trainer.model.config)
    mix = topic_mix(text, q, [id2label[cluster] for cluster in range(len(q))], levels)
    path = Path(trainer.args.output_dir, "results", "topic_mix.json")
    write_json(path, mix)
    shown = [
        f"{topic['value']:>7.1%}  {one_line(topic['name'], 60)}"
        for topic in mix["distribution"][:num_lines]
    ]
    return [one_line(text, 100), *shown, f"All {len(q)} topics: {path}"]
