"""How many clusters a corpus holds, where nobody says: starts for many K, scored without classes.

Each K of a grid gets a start as `start.find_start` makes it, at a fraction of the cost: annealed
and refined k-means, one run of it, and a cut of average-linkage trees over many small clusters,
which are grown once. Pure functions of arrays.
"""

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from tqdm.auto import tqdm

from .quality import ClusterScore
from .rows import ForEach, draw_sample, for_each
from .spaces import Views
from .start import Recipe, find_start


class NumClustersEstimate(NamedTuple):
    """What `estimate_num_clusters` finds.

    Args:
        num_clusters (`int`): The number of clusters K.
        scores (`dict[int, float]`): For every K tried, rising, the score by which it was judged.
    """

    num_clusters: int
    scores: dict[int, float]

    def runners_up(self, count: int = 3) -> list[int]:
        """The next best K, best first."""
        ranked = sorted(self.scores, key=self.scores.__getitem__, reverse=True)
        return [k for k in ranked if k != self.num_clusters][:count]


class Trees:
    """Average-linkage trees over k-means clusters; the cut into K clusters comes from those of two
    to eight times K.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Rows of unit length.
        max_clusters (`int`): Largest K that will be asked for.
        seed (`int`): Seed of the k-means++ starts.
    """

    def __init__(self, embeddings: np.ndarray, max_clusters: int, seed: int) -> None:
        self.trees: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        most = max(2, len(embeddings) // 3)
        size = 8
        while size < 8 * max_clusters and size not in self.trees:
            size = min(size, most)
            means = KMeans(size, n_init=1, max_iter=30, random_state=seed).fit(embeddings)
            tree = linkage(normalize(means.cluster_centers_), "average", metric="cosine")
            self.trees[size] = (means.labels_, tree)
            size = min(2 * size, most)

    def cut(self, num_clusters: int) -> list[np.ndarray]:
        """Clusters `(num_documents,)` from each tree that suits; there may be none."""
        suited = [
            tree
            for size, tree in self.trees.items()
            if 2 * num_clusters <= size <= 8 * num_clusters
        ]
        return [fcluster(tree, num_clusters, "maxclust")[parts] - 1 for parts, tree in suited]


def estimate_num_clusters(
    views: Views,
    seed: int,
    min_clusters: int,
    max_clusters: int,
    price: float = 0.02,
    progress: bool = False,
    for_each: ForEach = for_each,
) -> NumClustersEstimate:
    """The number of clusters K whose start scores best, on at most 5,000 documents.

    The score is silhouette plus modularity / 5 (`ClusterScore`), less `price` times the logarithm
    of K: where near duplicates make it rise slowly with K, without end, the few clusters that say
    nearly as much are preferred. A grid of K, each a fifth larger than the last, is tried first,
    then more carefully what lies about the best of it.

    Args:
        views (`Views`): The documents.
        seed (`int`): Seed of all that is random.
        min_clusters, max_clusters (`int`): Smallest and largest K to try, none above a fifth of the
            distinct documents.
        price (`float`, *optional*, defaults to 0.02): What e times as many clusters must gain.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.
        for_each (`Callable`, *optional*): Tries the K of a grid (`rows.for_each`).
    """
    views = views.take(draw_sample(len(views.embeddings), seed))
    score = ClusterScore(np.arange(len(views.embeddings)), views.fused)
    max_clusters = max(min_clusters, min(max_clusters, len(np.unique(views.fused, axis=0)) // 5))
    trees = Trees(views.fused, max_clusters, seed)
    scores: dict[int, float] = {}

    def cut_best(views: Views, num_clusters: int, *_: object) -> np.ndarray | None:
        return max(trees.cut(num_clusters), key=score, default=None)

    def try_all(numbers: list[int], num_restarts: int) -> int:
        recipe = Recipe(num_restarts, cut_best)

        def try_one(k: int) -> float:
            found = score(find_start(views, k, seed, score, recipe).clusters)
            bar.update()
            return found - price * float(np.log(k))

        name = "Finding the number of clusters"
        with tqdm(desc=name, total=len(numbers), leave=False, disable=not progress) as bar:
            scores.update(zip(numbers, for_each(try_one, numbers), strict=True))
        return max(sorted(scores), key=scores.__getitem__)

    steps = int(np.ceil(np.log(max_clusters / min_clusters) / np.log(1.2))) + 1
    grid = sorted({int(round(k)) for k in np.geomspace(min_clusters, max_clusters, steps)})
    place = grid.index(try_all(grid, num_restarts=1))
    lowest, highest = grid[max(place - 2, 0)], grid[min(place + 2, len(grid) - 1)]
    around = np.linspace(lowest, highest, 12).round().astype(int).tolist()
    best = try_all(sorted(set(around)), num_restarts=3)
    return NumClustersEstimate(best, dict(sorted(scores.items())))
