"""What the charts of the page show, as numbers: the hierarchy of the clusters, their match with
gold classes, how training went, and how the score depends on the number of clusters.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform
from sklearn.metrics.cluster import contingency_matrix
from sklearn.preprocessing import normalize

from .result import ClusteringResult


def hierarchy(result: ClusteringResult) -> dict[str, Any]:
    """The dendrogram of the clusters that are not empty: lines, clusters from top to bottom, and
    the closest two.
    """
    filled = np.flatnonzero(result.sizes)
    if len(filled) < 2:
        return {"lines": [], "leaves": [], "closest": []}
    directions = normalize(result.centroids[filled])
    distances = (1 - directions @ directions.T).clip(min=0)
    links = linkage(squareform(distances, checks=False), method="average")
    leaves, across, heights = dendrogram(links)
    lines = [{"x": x, "y": y} for x, y in zip(heights.tolist(), across.tolist(), strict=True)]
    closest = filled[links[0, :2].astype(int)].tolist()
    return {"lines": lines, "leaves": filled[leaves].tolist(), "closest": closest}


def dendrogram(links: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the leaves and lines of a dendrogram go: what SciPy's `dendrogram` gives, without its
    recursion, which a tree of a thousand levels exhausts.

    Args:
        links (`np.ndarray` of shape `(num_leaves - 1, 4)`): SciPy's linkage matrix.

    Returns:
        The leaves in order, `(num_leaves,)`, the first one at 5, the next at 15, and so on; then
        the four corners of each join's line, both `(num_leaves - 1, 4)`: their places across the
        tree, and their heights.
    """
    num_leaves = len(links) + 1
    left, right = links[:, :2].astype(int).T
    sizes = np.concatenate([np.ones(num_leaves, dtype=int), links[:, 3].astype(int)])
    heights = np.concatenate([np.zeros(num_leaves), links[:, 2]])
    first = np.zeros(len(sizes), dtype=int)  # leaves before those of each node
    for join in reversed(range(len(links))):  # a join stands after those it joins
        first[left[join]] = first[num_leaves + join]
        first[right[join]] = first[num_leaves + join] + sizes[left[join]]
    across = 10.0 * first + 5
    for join in range(len(links)):
        across[num_leaves + join] = (across[left[join]] + across[right[join]]) / 2
    corners = np.column_stack([left, left, right, right])
    tops = np.column_stack([left, *2 * [np.arange(num_leaves, len(sizes))], right])
    joins = slice(num_leaves, None)
    order = np.lexsort([sizes[joins], (first + sizes)[joins]])  # children before parents
    return np.argsort(first[:num_leaves]), across[corners][order], heights[tops][order]


def confusion(classes: np.ndarray, clusters: np.ndarray) -> dict[str, Any]:
    """Documents of each class in each cluster, best matches on the diagonal."""
    names, numbers = np.unique(classes, return_inverse=True)
    kept, found = np.unique(clusters, return_inverse=True)
    counts = contingency_matrix(numbers, found)  # (num_classes, num_clusters)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    order = np.argsort(-counts[rows, columns], kind="stable")
    rows = [*rows[order], *np.setdiff1d(np.arange(len(names)), rows)]
    columns = [*columns[order], *np.setdiff1d(np.arange(len(kept)), columns)]
    return {
        "classes": [str(names[row]) for row in rows],
        "clusters": kept[columns].tolist(),
        "counts": counts[np.ix_(rows, columns)].tolist(),
    }


def curves(history: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list]]:
    """Log lines as curves over the epochs, by name; without values that are no numbers, as of a
    loss that exploded.
    """
    found = {}
    for name in ("clustering_loss", "mlm_loss", "changed"):
        lines = [line for line in history if math.isfinite(line.get(name, math.nan))]
        found[name] = {"x": [line["epoch"] for line in lines], "y": [line[name] for line in lines]}
    refreshes = [line for line in history if "changed" in line]
    sizes = [
        [line[f"cluster_size_{k}"] for k in range(len(line)) if f"cluster_size_{k}" in line]
        for line in refreshes
    ]
    return found | {"sizes": {"x": [line["epoch"] for line in refreshes], "y": sizes}}


def sparkline(values: np.ndarray, width: int = 96, height: int = 20) -> str:
    """A line of values as the path of an SVG, from 0 at its bottom to the largest at its top.

    Example:
        >>> sparkline(np.array([0, 2, 1]))
        'M0 20L48 0L96 10'
    """
    if not len(values):
        return ""
    x = np.linspace(0, width, len(values))
    y = height - height * values / max(values.max(), 1e-12)
    return "M" + "L".join(f"{a:.4g} {b:.4g}" for a, b in zip(x, y, strict=True))


def scores_of_k(result: ClusteringResult) -> dict[str, Any] | None:
    """The score of every number of clusters that was tried, and the number there is; `None` where
    none was tried.
    """
    scores = result.scores_of_k
    if not scores:
        return None
    return {"x": [*scores], "y": [*scores.values()], "chosen": result.num_clusters}
