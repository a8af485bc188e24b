"""`Changes`: what new texts change, as `changes.json` and the report tell it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cuts import MOST_TOLD


CHANGES = Path("results", "changes.json")


@dataclass(frozen=True)
class Changes:
    """What became of a model's topics with new texts.

    Args:
        file (`str`): What file the new texts are from.
        texts (`dict[str, int]`): How many there are, `before` and `new`.
        kept (`float`): Share of the earlier texts that are in the cluster that they were in.
        topics (`list[dict]`): Of each cluster, its number and `label`, its `status` (`new`,
            `growing`, `fading` or `steady`), texts `before` and `new`, without those that a topic
            is proposed for, their shares (`share_before`, `share_new`), `ratio` (new by expected
            texts), `shift` of its words, whether it `is_drifting`, and
            what it is then `more_about`.
        proposed (`list[dict]`): Of each proposed topic, its `number`, `label`, `keywords`, `size`,
            `stability`, `earlier_texts_near`, `nearest_cluster`, `nearest_label`, `examples`, and
            the cluster that it is `accepted_as`, or `None`.
        lineage (`list[dict]`): This update of the model, after the earlier ones.
        unit (`str`, *optional*, defaults to `"texts"`): What is counted in all of this: `texts`, or
            `sentences` where these are clustered.
    """

    file: str
    texts: dict[str, int]
    kept: float
    topics: list[dict[str, Any]]
    proposed: list[dict[str, Any]]
    lineage: list[dict[str, Any]]
    unit: str = "texts"

    @property
    def changed(self) -> list[dict[str, Any]]:
        """Topics that are not as they were, those whose share has changed most first."""
        found = [row for row in self.topics if row["status"] != "steady" or row["is_drifting"]]
        return sorted(found, key=lambda row: -abs(row["share_new"] - row["share_before"]))

    def tell(self) -> list[tuple[str, str]]:
        """What a person should know first; titles and what they head."""
        told = []
        for topic in self.proposed:
            name = f"{topic['label']} ({topic['size']:,} of the new {self.unit})"
            if topic["accepted_as"] is None:
                near = f"{name}, nearest to {topic['nearest_label']}"
                told.append((f"Proposed: {topic['number']}", near))
            else:
                told.append(("New topic", f"{name}, cluster {topic['accepted_as']}"))
        for status in ("growing", "fading"):
            found = [topic for topic in self.topics if topic["status"] == status]
            found.sort(key=lambda topic: -abs(topic["share_new"] - topic["share_before"]))
            told += _listed(f"{status.capitalize()} since", found, _describe_shares)
        drifting = [topic for topic in self.topics if topic["is_drifting"]]
        drifting.sort(key=lambda topic: -topic["shift"])
        told += _listed("Drifting", drifting, _describe_shift)
        if not told:
            told.append(("Changes", "no topic is new, grows, fades or drifts beyond chance"))
        if self.kept < 1:
            told.append(
                ("Kept", f"{self.kept:.1%} of the earlier {self.unit} are in their cluster")
            )
        return told


def _listed(
    title: str, topics: list[dict[str, Any]], describe: Callable[[dict[str, Any]], str]
) -> list[tuple[str, str]]:
    if not topics:
        return []
    shown = "; ".join(f"{topic['label']} ({describe(topic)})" for topic in topics[:MOST_TOLD])
    more = f" and {len(topics) - MOST_TOLD} more" if len(topics) > MOST_TOLD else ""
    return [(title, shown + more)]


def _describe_shares(topic: dict[str, Any]) -> str:
    return f"{topic['share_before']:.1%} to {topic['share_new']:.1%}"


def _describe_shift(topic: dict[str, Any]) -> str:
    return f"more about {', '.join(topic['more_about'][:3])}"


def read_changes(folder: Path) -> dict[str, Any]:
    """What an update left in a folder; empty where there was none."""
    path = folder / CHANGES
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
