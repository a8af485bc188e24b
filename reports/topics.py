"""What is known of the clusters, as rows; `topics.json`: clusters and documents as a front end
takes them; the topic mix of one document.

`topics.schema.json` describes the file.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..clusters.levels import coarsen
from .levels import Level, level_rows
from .mix import Mix
from .result import ClusteringResult


def whole_numbers(ids: list) -> list:
    """The ids as integers, if all of them are whole numbers, else as they stand.

    Example:
        >>> whole_numbers(["17", "4"]), whole_numbers(["17", "007"])
        ([17, 4], ['17', '007'])
    """
    numbers = [
        int(text) if (text := str(id_)).isdecimal() and text.isascii() else None for id_ in ids
    ]
    if None not in numbers and [str(number) for number in numbers] == [str(id_) for id_ in ids]:
        return numbers
    return ["" if id_ is None else str(id_) for id_ in ids]


def topic_rows(result: ClusteringResult) -> list[dict[str, Any]]:
    """What is known of each cluster, and its most typical texts, the largest cluster first; with
    levels, also the label of its cluster at each coarser one; of sentences, in how many texts they
    are.
    """
    counts = result.num_documents
    return [
        {
            "cluster": cluster,
            "label": result.labels[cluster],
            **{
                f"label_{number}": level.labels[level.inside[cluster]]
                for number, level in enumerate(result.levels, start=1)
            },
            "size": int(result.sizes[cluster]),
            **({} if counts is None else {"texts": int(counts[cluster])}),
            "share": float(result.sizes[cluster] / len(result.clusters)),
            "keywords": result.keywords[cluster],
            "examples": [result.texts[row] for row in result.nearest[cluster]],
            "stability": result.stabilities[cluster],
            "probability": float(result.mean_probabilities[cluster]),
        }
        for cluster in np.argsort(-result.sizes, kind="stable").tolist()
    ]


def make_topics(result: ClusteringResult) -> dict[str, Any]:
    """The content of `topics.json`; documents without a usable text have no topic, and are left
    out.
    """
    counts = result.num_documents
    clusters = [
        {
            "id": cluster,
            "keywords": result.keywords[cluster],
            "size": int(result.sizes[cluster]),
            "cord_x": float(result.middles[cluster, 0]),
            "cord_y": float(result.middles[cluster, 1]),
            "label": label,
            "probability": float(result.mean_probabilities[cluster]),
            "stability": result.stabilities[cluster],
        }
        | ({} if counts is None else {"documents": int(counts[cluster])})
        | ({"parent": int(result.levels[-1].inside[cluster])} if result.levels else {})
        | ({"trend": result.trend.row(cluster)} if result.trend else {})
        for cluster, label in enumerate(result.labels)
    ]
    points = _points(
        result, result.ids, result.positions, result.clusters, result.texts, result.probabilities
    )
    payload: dict[str, Any] = {"intertopic_map": clusters, "documents": points}
    if result.mix is not None:
        payload |= {"documents": _mixed_documents(result, result.mix), "segments": points}
    if result.trend:
        about = {"column": result.trend.column, "period": result.trend.period}
        payload["trend"] = about | {"periods": result.trend.names}
    if result.levels:
        payload["levels"] = level_rows(result.levels, result.sizes)
    return {"status": "success", "payload": payload}


def _points(
    result: ClusteringResult,
    ids: list,
    positions: np.ndarray,
    clusters: np.ndarray,
    texts: Sequence[str],
    probabilities: np.ndarray,
) -> list[dict[str, Any]]:
    """Documents, or their sentences, as points on the map."""
    return [
        {
            "id": id_,
            "cord_x": x,
            "cord_y": y,
            "cluster_id": cluster,
            "description": text,
            "label": result.labels[cluster],
            "probability": probability,
        }
        for id_, (x, y), cluster, text, probability in zip(
            whole_numbers(ids),
            positions.tolist(),
            clusters.tolist(),
            texts,
            probabilities.tolist(),
            strict=True,
        )
    ]


def _mixed_documents(result: ClusteringResult, mix: Mix) -> list[dict[str, Any]]:
    """Documents whose sentences were clustered, each where the surest sentence of its largest topic
    lies, with all of its topics.
    """
    whole, places = result.whole, result.positions[mix.surest]
    points = _points(
        result, whole.usable_ids, places, mix.clusters, whole.usable_texts, mix.values[:, 0]
    )
    for point, topics in zip(points, mix.topics, strict=True):
        point["topics"] = [{"cluster_id": cluster, "share": share} for cluster, share in topics]
    return points


def topic_mix(
    text: str, q: np.ndarray, labels: Sequence[str], levels: Sequence[Level] = ()
) -> dict[str, Any]:
    """All topics of one document, the most probable first; with levels, those of the coarser ones
    too.

    Args:
        text (`str`): The document.
        q (`np.ndarray` of shape `(num_clusters,)`): Its soft assignment, which sums to 1.
        labels (`Sequence[str]` of length `num_clusters`): Names of the clusters.
        levels (`Sequence[Level]`, *optional*): Coarser levels of the clusters.

    Example:
        >>> topic_mix("a pear", np.array([0.25, 0.75]), ["space", "fruit"])["distribution"][0]
        {'label': 1, 'value': 0.75, 'name': 'fruit'}
    """
    mix: dict[str, Any] = {"content": [text], "distribution": _distribution(q, labels)}
    if levels:
        sums = [(coarsen(q, level.inside), level.labels) for level in levels]
        mix["levels"] = [_distribution(*each) for each in sums]
    return mix


def _distribution(q: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    order = np.argsort(-q, kind="stable").tolist()
    return [
        {"label": cluster, "value": float(q[cluster]), "name": labels[cluster]} for cluster in order
    ]
