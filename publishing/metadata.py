"""What the Hub searches and filters models by: the head of their card."""

import os
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .card import hub_id, listed


TAGS = ("text-clustering", "deep-clustering", "sentence-transformers", "custom_code")


def license_of(folder: str) -> str | None:
    """The license that the card in a model's folder names; `None` where it names none."""
    path = Path(folder, "README.md")
    try:
        return ModelCard.load(path).data.license if path.is_file() else None
    except (OSError, ValueError, yaml.YAMLError):  # a card of somebody else's that cannot be read
        return None


def card_data(
    scores: list[dict[str, Any]],
    tags: Iterable[str] = (),
    tasks: str | list[str] | None = None,
    dataset_tags: str | list[str] | None = None,
    dataset: str | list[str] | None = None,
    dataset_args: str | list[str] | None = None,
    **metadata: Any,
) -> ModelCardData:
    """What the Hub searches and filters by.

    Args:
        scores (`list[dict]`): Of `score_rows`.
        tags (`Iterable[str]`): Beside our own.
        tasks (`str` or `list[str]`, *optional*): What the scores are of. `None`: clustering.
        dataset_tags (`str` or `list[str]`, *optional*): Hub ids of the texts.
        dataset (`str` or `list[str]`, *optional*): Their names. `None`: their ids.
        dataset_args (`str` or `list[str]`, *optional*): Their configurations.
        metadata: Other fields of `ModelCardData`.
    """
    ids = [hub_id(name) for name in listed(dataset_tags)]
    names = [None if os.path.exists(name) else name for name in listed(dataset)]
    texts = list(zip_longest(ids, names, listed(dataset_args))) or [(None, None, None)]
    results = [
        EvalResult(
            task_type=task,
            task_name="Text clustering" if task == "clustering" else None,
            dataset_type=known_as or "own-texts",
            dataset_name=name or known_as or "The texts it was trained on",
            dataset_config=configuration,
            metric_type=score["name"],
            metric_name=score["title"],
            metric_value=round(score["value"], 4),
        )
        for task in listed(tasks) or ["clustering"]
        for known_as, name, configuration in texts
        for score in scores
    ]
    return ModelCardData(
        # It loads by `AutoModel`; a name of our own would take the Hub's snippet and counts away.
        library_name="transformers",
        pipeline_tag="text-classification",
        datasets=[known_as for known_as in ids if known_as] or None,
        tags=list(dict.fromkeys([*TAGS, *tags])),
        metrics=[score["name"] for score in scores] or None,
        eval_results=results or None,
        **metadata,
    )
