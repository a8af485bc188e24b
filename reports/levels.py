"""The levels of clusters as reports show them: coarser clusters of documents, and the tree."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..clusters.levels import coarsen, parents_between
from ..configuration_bert_cluster import BertClusterConfig


class Level(NamedTuple):
    """A level of clusters that is coarser than a model's own.

    Args:
        inside (`np.ndarray` of shape `(num_clusters,)`): The coarser cluster that each of the
            model's clusters lies in.
        labels (`Sequence[str]`): Names of the coarser clusters.
        keywords (`Sequence[Sequence[str]]`): Their keywords; empty where nobody looked for them.
    """

    inside: np.ndarray
    labels: Sequence[str]
    keywords: Sequence[Sequence[str]] = ()


def levels_of(
    config: BertClusterConfig, keywords: Sequence[Sequence[Sequence[str]]] = ()
) -> list[Level]:
    """The coarser levels of a model, the coarsest first; none where it has no levels.

    Args:
        config (`BertClusterConfig`): Of the model.
        keywords (`Sequence[Sequence[Sequence[str]]]`, *optional*): Of the clusters of each level.
    """
    levels = []
    for number, parents in enumerate(config.levels or []):
        inside = np.array(parents)
        unnamed = [f"cluster {cluster}" for cluster in range(inside.max() + 1)]
        labels = config.level_labels[number] if config.level_labels else unnamed
        levels.append(Level(inside, labels, keywords[number] if keywords else ()))
    return levels


def coarser_probabilities(
    q: np.ndarray, clusters: np.ndarray, levels: Sequence[Level]
) -> np.ndarray:
    """Probability of the cluster that each document is in at each coarser level, `(num_documents,
    num_levels)`.

    Args:
        q (`np.ndarray` of shape `(num_documents, num_clusters)`): Soft assignments.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        levels (`Sequence[Level]`): The coarser levels.
    """
    rows, found = np.arange(len(q)), np.zeros((len(q), len(levels)))
    for number, level in enumerate(levels):
        found[:, number] = coarsen(q, level.inside)[rows, level.inside[clusters]]
    return found


def make_tree(
    levels: Sequence[Level], labels: Sequence[str], sizes: np.ndarray
) -> list[dict[str, Any]]:
    """The clusters of the coarsest level, each with `cluster` (its number at its level), `label`,
    `size`, `share`, `finest` (the model's clusters in it) and `children`, the largest first; empty
    where there are no levels.

    Args:
        levels (`Sequence[Level]`): The coarser levels.
        labels (`Sequence[str]` of length `num_clusters`): Names of the model's clusters.
        sizes (`np.ndarray` of shape `(num_clusters,)`): Their documents.
    """
    if not levels:
        return []
    whole = [*levels, Level(np.arange(len(sizes)), labels)]

    def nodes(depth: int, finest: np.ndarray) -> list[dict[str, Any]]:
        inside = whole[depth].inside[finest]
        found = []
        for cluster in np.unique(inside):
            within = finest[inside == cluster]
            node = {
                "cluster": int(cluster),
                "label": whole[depth].labels[cluster],
                "size": int(sizes[within].sum()),
                "share": float(sizes[within].sum() / sizes.sum()),
                "finest": within.tolist(),
                "children": nodes(depth + 1, within) if depth < len(levels) else [],
            }
            found.append(node)
        return sorted(found, key=lambda node: -node["size"])

    return nodes(0, np.arange(len(sizes)))


def level_rows(levels: Sequence[Level], sizes: np.ndarray) -> list[list[dict[str, Any]]]:
    """What `topics.json` says of the clusters of each coarser level.

    Args:
        levels, sizes: As in `make_tree`.
    """
    numbers = [level.inside for level in levels] + [np.arange(len(sizes))]
    rows = []
    for depth, level in enumerate(levels):
        children = parents_between(numbers[depth + 1], level.inside)
        parents = parents_between(level.inside, numbers[depth - 1]) if depth else None
        counts = np.bincount(level.inside, sizes).astype(int)
        rows.append(
            [
                {
                    "id": cluster,
                    "label": label,
                    "keywords": list(level.keywords[cluster]) if level.keywords else [],
                    "size": int(counts[cluster]),
                    "parent": None if parents is None else int(parents[cluster]),
                    "children": np.flatnonzero(children == cluster).tolist(),
                }
                for cluster, label in enumerate(level.labels)
            ]
        )
    return rows
