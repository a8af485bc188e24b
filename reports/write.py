"""All that a finished run leaves to look at, in the order in which it is written."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..texts.segments import Sentences
from ..texts.words import find_languages
from ..training.stages import STAGES, stage
from .atlas import write_atlas
from .changes import CHANGES
from .console import one_line
from .figure import draw_map
from .files import (
    Assignment,
    of_documents,
    of_sentences,
    replacing,
    write_assignments,
    write_embeddings,
    write_json,
)
from .page import write_report
from .result import ClusteringResult
from .run_folder import CLUSTERS, METRICS, SEGMENTS, TOPICS, RunFolder
from .spreadsheet import write_spreadsheet
from .topics import make_topics


NUM_WIDGETS = 3  # texts that the Hub's page of a model shows with their clusters


@stage("files")
def write_results(
    result: ClusteringResult, output_dir: Path, save_embeddings: bool = False
) -> None:
    """Write everything in `results/`, the metrics, and the map beside the model card, which shows
    it.

    Args:
        result (`ClusteringResult`): What there is to tell.
        output_dir (`Path`): The run's folder. Each file takes the place of the one that was there.
        save_embeddings (`bool`, *optional*, defaults to `False`): Write the documents' embeddings.
    """
    results = output_dir / "results"
    write_atlas(output_dir, result)
    write_preview(result, output_dir)
    RunFolder(output_dir).write(result.whole, result.settings)
    if result.changes is not None:
        write_json(output_dir / CHANGES, asdict(result.changes))
    with replacing(output_dir / TOPICS) as file:
        json.dump(make_topics(result), file, ensure_ascii=False, allow_nan=False)
    write_spreadsheet(results / "topics.xlsx", result)
    draw_map(results / "map.png", result)
    shutil.copy(results / "map.png", output_dir / "map.png")
    if save_embeddings:
        write_embeddings(results / "embeddings.npy", result.embeddings)
    write_json(output_dir / METRICS, {**result.metrics, "stages": STAGES.table()})


@stage("files")
def write_preview(result: ClusteringResult, output_dir: Path) -> None:
    """Write what people read of a result: the table of its documents, and the page.

    Args:
        result, output_dir: As in `write_results`.
    """
    documents, positions, mix = result.documents, result.positions, result.assigned_mix
    coarser, id2label = result.coarser_probabilities, dict(enumerate(result.labels))
    part = Assignment(documents, result.assigned, result.probabilities, coarser)
    if isinstance(documents, Sentences) and mix is not None:
        sentences = of_sentences(documents, part)
        write_assignments(output_dir / SEGMENTS, [sentences], id2label, positions, result.levels)
        part, positions = of_documents(documents.whole, mix), positions[mix.surest]
    else:
        (output_dir / SEGMENTS).unlink(missing_ok=True)  # of an earlier run
    write_assignments(output_dir / CLUSTERS, [part], id2label, positions, result.levels)
    folder = None if result.is_preview else output_dir.absolute().name
    write_report(output_dir / "results" / "report.html", result, folder)


def describe_for_card(
    result: ClusteringResult, dataset: str | None = None, with_examples: bool = False
) -> dict[str, Any]:
    """What the model card is to say of the clusters, as the trainer's `card` takes it.

    Args:
        result (`ClusteringResult`): What there is to tell.
        dataset (`str`, *optional*): Where the texts are from.
        with_examples (`bool`, *optional*, defaults to `False`): Show texts, which makes them
            public.
    """
    settings = {name: value for name, value in result.settings.items() if name != "Texts"}
    card = {
        "sizes": result.sizes.tolist(),
        "keywords": result.keywords,
        "scores": result.metrics,
        "dataset": dataset,
        "training": settings,
        "language": find_languages(result.texts) or None,
    }
    if with_examples:
        rows_of = result.nearest
        largest = [c for c in np.argsort(-result.sizes, kind="stable") if rows_of[c]][:NUM_WIDGETS]
        card["widget"] = [_widget(result, rows_of[cluster][0]) for cluster in largest]
        card["examples"] = [[one_line(result.texts[row], 300) for row in rows] for rows in rows_of]
    return card


def _widget(result: ClusteringResult, row: int) -> dict[str, Any]:
    """A text with its most probable clusters, as the Hub's widget shows it."""
    best = np.argsort(-result.q[row], kind="stable")[:3]
    scores = [{"label": result.labels[c], "score": round(float(result.q[row, c]), 3)} for c in best]
    return {"text": one_line(result.texts[row], 300), "output": scores}
