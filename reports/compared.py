"""What new texts change of a run's topics, found by comparing them with the earlier ones."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..clusters.constraints import FREE
from ..clusters.drift import measure_drift
from ..clusters.representation import compare_parts, cross_counts
from ..texts.documents import Documents
from ..texts.keywords import cluster_keywords
from ..texts.segments import whole_documents
from .changes import Changes, read_changes
from .nearest import nearest_documents
from .result import ClusteringResult
from .updated import PROPOSED, Update


MOST_WORDS = 5  # that say what a drifting cluster is more about


def compare(update: Update, result: ClusteringResult) -> ClusteringResult:
    """The result with what has changed, and with the topics that are proposed for documents.

    Args:
        update (`Update`): Whose topics have been looked for.
        result (`ClusteringResult`): Of its documents.
    """
    assert update.proposals is not None  # since `propose`
    given = update.proposals
    waiting = given.topics.copy()
    waiting[np.isin(waiting, [*update.accepted])] = FREE
    clusters = np.where(waiting >= 0, FREE, result.clusters)
    was = update.clusters >= 0
    changes = Changes(
        file=update.file,
        texts={"before": int((~update.are_new).sum()), "new": int(update.are_new.sum())},
        kept=float((update.clusters == result.clusters)[was].mean()),
        topics=_compare_topics(update, result, clusters),
        proposed=_describe_proposals(update, result),
        lineage=_lineage(update),
        unit=result.unit,
    )
    return replace(result, documents=_noted(update, waiting), changes=changes)


def _compare_topics(
    update: Update, result: ClusteringResult, clusters: np.ndarray
) -> list[dict[str, Any]]:
    assert update.words is not None  # since `propose`
    num_clusters, known = result.num_clusters, result.num_clusters - len(update.accepted)
    inside = clusters >= 0
    counts = cross_counts(
        clusters[inside], update.are_new[inside].astype(int), num_clusters, num_parts=2
    )
    ratios, are_changing = compare_parts(counts)
    shares = counts / counts.sum(axis=0).clip(min=1)
    drift = measure_drift(update.words, clusters, update.are_new, num_clusters, seed=0)
    rows = []
    for cluster in range(num_clusters):
        status = "growing" if ratios[cluster, 1] > 1 else "fading"
        status = status if are_changing[cluster, 1] else "steady"
        shift = float(drift.shifts[cluster])
        is_drifting = bool(cluster < known and drift.are_drifting[cluster])
        rows.append(
            {
                "cluster": cluster,
                "label": result.labels[cluster],
                "status": status if cluster < known else "new",
                "before": int(counts[cluster, 0]),
                "new": int(counts[cluster, 1]),
                "share_before": float(shares[cluster, 0]),
                "share_new": float(shares[cluster, 1]),
                "ratio": float(ratios[cluster, 1]),
                "shift": None if np.isnan(shift) else shift,
                "is_drifting": is_drifting,
                "more_about": _more_about(update, result, clusters == cluster, is_drifting),
            }
        )
    return rows


def _more_about(
    update: Update, result: ClusteringResult, members: np.ndarray, is_drifting: bool
) -> list[str]:
    """What new texts of a drifting cluster say more often than its earlier ones."""
    if not is_drifting:
        return []
    rows = np.flatnonzero(members)
    parts = update.are_new[rows].astype(int)
    words = cluster_keywords([result.texts[row] for row in rows], parts, 2, MOST_WORDS)
    return [*words[1]]


def _describe_proposals(update: Update, result: ClusteringResult) -> list[dict[str, Any]]:
    assert update.proposals is not None  # since `propose`
    given, texts, ids = update.proposals, result.texts, result.ids
    if not given.names:
        return []
    groups = np.where(given.topics < 0, FREE, given.topics - given.first)
    members = np.flatnonzero(groups >= 0)
    nearest = nearest_documents(
        result.embeddings[members], given.means, groups[members], [texts[row] for row in members]
    )
    typical = [members[rows].tolist() for rows in nearest]
    return [
        {
            "number": number,
            "label": given.names[row],
            "keywords": list(given.keywords[row]),
            "size": int((groups == row).sum()),
            "stability": float(given.stability[row]),
            "earlier_texts_near": int(given.num_before[row]),
            "nearest_cluster": int(given.near[row]),
            "nearest_label": result.labels[given.near[row]],
            "accepted_as": update.accepted.get(number),
            "examples": [{"id": str(ids[at]), "text": texts[at]} for at in typical[row]],
        }
        for row, number in enumerate(given.numbers)
    ]


def _lineage(update: Update) -> list[dict[str, Any]]:
    assert update.proposals is not None  # since `propose`
    names = {
        cluster: update.proposals.names[number - update.proposals.first]
        for number, cluster in update.accepted.items()
    }
    entry = {
        "model": update.origin.folder.resolve().name,
        "file": update.file,
        "texts": int(update.are_new.sum()),
        "accepted": [{"cluster": cluster, "label": names[cluster]} for cluster in names],
    }
    return [*read_changes(update.origin.folder).get("lineage", []), entry]


def _noted(update: Update, waiting: np.ndarray) -> Documents:
    """The documents with the topic that is proposed for them, if any is."""
    whole = whole_documents(update.documents)
    attributes = whole.attributes
    if update.documents is not whole or attributes is None or not (waiting >= 0).any():
        return update.documents
    numbers = np.full(len(whole), FREE)
    numbers[whole.usable] = waiting
    column = [str(number) if number >= 0 else "" for number in numbers.tolist()]
    columns = attributes.columns | {PROPOSED: column}
    return replace(whole, attributes=replace(attributes, columns=columns))
