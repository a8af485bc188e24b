"""Where clusters start: candidates of different kinds, and the choice without gold classes.

One recipe serves the start itself, its repeats on samples (`stability`) and the search for the
number of clusters (`num_clusters`); they differ in how much work goes into it.

Pure functions of arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from tqdm.auto import trange

from .candidates import anneal_and_refine, over_cluster, refine, split_and_merge
from .quality import ClusterScore, evenness
from .rows import draw_sample
from .spaces import Views, few_kinds


ANNEALED, OVER_CLUSTERED = "annealed", "over-clustered"
OverCluster = Callable[[np.ndarray, int, int], np.ndarray | None]  # fused, num_clusters, seed


class Start(NamedTuple):
    """A start of the clusters.

    Args:
        name (`str`): The method that made it.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        scores (`dict[str, float]`): `ClusterScore` of every candidate, by its method.
    """

    name: str
    clusters: np.ndarray
    scores: dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """How a start is made.

    Args:
        num_restarts (`int`): Annealed runs of k-means, of which the best is refined.
        num_moves (`int`): Splits and merges of the annealed clusters, at most.
        likes_even (`bool`): Whether even sizes count in favour of annealed clusters, beside the
            score.
        over_cluster (`Callable`): From fused space, K and seed to clusters of any size; `None`
            where it has none.
    """

    num_restarts: int = 10
    num_moves: int = 10
    likes_even: bool = True
    over_cluster: OverCluster = over_cluster


def prefer_any_size(annealed: float, over_clustered: float, margin: float = 0.03) -> bool:
    """Whether the scores of the two kinds of clusters speak for those of any size.

    They must cut what the others lack to the perfect score of 2 by the share `margin`: near-ties
    were mostly corpora of equal classes.
    """
    return 2 - over_clustered < (1 - margin) * (2 - annealed)


def find_start(
    views: Views,
    num_clusters: int,
    seed: int,
    score: ClusterScore,
    recipe: Recipe | None = None,
    kind: str | None = None,
    progress: bool = False,
) -> Start:
    """The better start of two kinds of clusters: of any size where that is clearly better, else of
    like size.

    Args:
        views (`Views`): The documents.
        num_clusters (`int`): Number of clusters K. Where there are fewer distinct documents, the
            rest stay empty.
        seed (`int`): Seed of all that is random.
        score (`ClusterScore`): What makes one better, in the fused space.
        recipe (`Recipe`, *optional*): How much work goes into it. `None`: all that pays.
        kind (`str`, *optional*): `"annealed"` or `"over-clustered"`: the only candidate. `None`:
            both, and the score decides.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.
    """
    recipe = Recipe() if recipe is None else recipe
    kinds = few_kinds(views.fused, num_clusters)
    if kinds is not None:
        return Start("identical documents", kinds, {"identical documents": score(kinds)})
    prefers = _even_score(score, num_clusters) if recipe.likes_even else score
    candidates: dict[str, np.ndarray] = {}
    if kind != OVER_CLUSTERED:
        candidates[ANNEALED] = anneal_and_refine(
            views, num_clusters, seed, prefers, recipe.num_restarts, progress
        )
    if kind != ANNEALED:
        over_clustered = recipe.over_cluster(views.fused, num_clusters, seed)
        if over_clustered is not None:
            candidates[OVER_CLUSTERED] = over_clustered
    scores = {name: score(clusters) for name, clusters in candidates.items()}
    name = _choose(scores)
    clusters = candidates[name]
    if name == ANNEALED:
        polish = partial(refine, views.for_discriminants, num_clusters=num_clusters)
        clusters = split_and_merge(
            views.fused, clusters, num_clusters, seed, prefers, polish, recipe.num_moves
        )
    return Start(name, clusters.astype(np.int64), scores)


def repeat_start(
    views: Views,
    kind: str,
    num_clusters: int,
    seed: int,
    num_repeats: int = 5,
    share: float = 0.8,
    progress: bool = False,
) -> np.ndarray:
    """The start made again from random samples of the documents, each 80 % of them and at most
    5,000, at less expense.

    Args:
        views (`Views`): The documents.
        kind (`str`): The method that made the start (`Start.name`).
        num_clusters (`int`): Number of clusters K.
        seed (`int`): Seed of the samples and of the starts.
        num_repeats (`int`, *optional*, defaults to 5): Samples.
        share (`float`, *optional*, defaults to 0.8): Of the documents in a sample.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.

    Returns:
        `np.ndarray` of shape `(num_repeats, num_documents)`, int64: clusters, whose numbers mean
        nothing from one row to the next; -1 for documents that the sample lacks.
    """
    quick = Recipe(
        num_restarts=3, num_moves=3, over_cluster=partial(over_cluster, inits=("random",) * 2)
    )
    num_documents = len(views.embeddings)
    repeats = np.full((num_repeats, num_documents), -1, dtype=np.int64)
    size = min(5000, max(num_clusters, int(share * num_documents)))
    for repeat in trange(num_repeats, desc="Repeating the start", disable=not progress):
        own_seed = seed + 1000 * (repeat + 1)
        sample = draw_sample(num_documents, own_seed, size)
        seen = views.take(sample)
        score = ClusterScore(np.arange(len(sample)), seen.fused)
        start = find_start(seen, num_clusters, own_seed, score, quick, kind)
        repeats[repeat, sample] = start.clusters
    return repeats


def _even_score(score: ClusterScore, num_clusters: int) -> Callable[[np.ndarray], float]:
    """The score of clusters plus the evenness of their sizes, for clusters of like size."""
    return lambda clusters: score(clusters) + evenness(clusters, num_clusters)


def _choose(scores: dict[str, float]) -> str:
    """The kind that the scores speak for."""
    if len(scores) == 1:
        return next(iter(scores))
    prefers = prefer_any_size(scores[ANNEALED], scores[OVER_CLUSTERED])
    return OVER_CLUSTERED if prefers else ANNEALED
