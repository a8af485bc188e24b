"""New documents, assigned to the clusters of a trained model: many in a file, or one text."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..clusters.metrics import gold_scores
from ..texts.documents import Documents, make_documents
from ..texts.segments import SENTENCE, Sentences, split_documents
from ..texts.tokens import tokenize
from ..trainer import ClusteringTrainer
from ..training.run_arguments import DataArguments
from .console import one_line, score_lines
from .files import Assignment, AssignmentWriter, of_documents, of_sentences, replacing, write_json
from .gather import mark_outliers
from .levels import coarser_probabilities, levels_of
from .mix import mix_sentences, share_out
from .topics import topic_mix


PREDICTIONS = Path("results", "predictions.csv")
PREDICTED_SEGMENTS = Path("results", "predicted_segments.csv")


def write_predictions(
    trainer: ClusteringTrainer, parts: Iterable[Documents], data_args: DataArguments
) -> list[str]:
    """Cluster new documents, part by part, and write `results/predictions.csv`, where sentences are
    clustered `results/predicted_segments.csv`, and where all parts have gold classes
    `predict_results.json`; lines that say so, on the main process alone.
    """
    assigned = assign_parts(trainer, parts, data_args)
    if not trainer.is_world_process_zero():
        deque(assigned, maxlen=0)  # a process takes its share of every pass
        return []
    found: list[tuple[np.ndarray | None, np.ndarray]] = []  # gold classes and clusters
    output_dir, config = Path(trainer.args.output_dir), trainer.model.config
    path, path_of_segments = output_dir / PREDICTIONS, output_dir / PREDICTED_SEGMENTS
    labels, levels = config.id2label, levels_of(config)
    with replacing(path) as file, replacing(path_of_segments) as other:
        writer = AssignmentWriter(file, labels, levels)
        writer_of_segments = AssignmentWriter(other, labels, levels)
        for part in assigned:
            sentences, clusters, probabilities, coarser, _ = part
            if isinstance(sentences, Sentences):
                writer_of_segments.write(of_sentences(sentences, part))
                values = (probabilities, coarser, config.num_clusters)
                part = of_documents(sentences.whole, mix_sentences(sentences, clusters, *values))
            found.append((part.documents.usable_classes, part.clusters))
            writer.write(part)
    lines = [f"{writer.count:,} new documents: {path}"]
    if config.segments == SENTENCE:
        lines.append(f"{writer_of_segments.count:,} sentences of them: {path_of_segments}")
    else:
        path_of_segments.unlink()
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
    """Each part, or its sentences, with clusters and probabilities of what is usable of it."""
    num_proc, threshold = data_args.preprocessing_num_workers, data_args.outlier_threshold
    config = trainer.model.config
    levels = levels_of(config)
    for documents in parts:
        if config.segments == SENTENCE:
            documents = split_documents(documents, config.sentence_language)
        if not documents.usable.any():
            none = np.zeros((0, len(levels)))
            yield Assignment(documents, np.array([], dtype=int), np.array([]), none)
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
    config, documents = trainer.model.config, make_documents({"text": [text]}, "--predict_text")
    if config.segments == SENTENCE:
        documents = split_documents(documents, config.sentence_language)
    predictions = trainer.predict(documents.texts).predictions
    if not trainer.is_world_process_zero():
        return []
    labels = [config.id2label[cluster] for cluster in range(config.num_clusters)]
    if isinstance(documents, Sentences):
        mix = topic_mix(text, share_out(documents, predictions)[0], labels, levels_of(config))
        parts = zip(documents.texts, predictions, strict=True)
        mix["segments"] = [topic_mix(part, q, labels) for part, q in parts]
    else:
        mix = topic_mix(text, predictions[0], labels, levels_of(config))
    path = Path(trainer.args.output_dir, "results", "topic_mix.json")
    write_json(path, mix)
    shown = [
        f"{topic['value']:>7.1%}  {one_line(topic['name'], 60)}"
        for topic in mix["distribution"][:num_lines]
        if topic["value"]
    ]
    return [one_line(text, 100), *shown, f"All {len(labels)} topics: {path}"]
