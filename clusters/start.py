"""Where clusters start: candidates of two kinds, and the choice without gold classes.

One recipe serves the start itself, its repeats on samples (`stability`) and the search for the
number of clusters (`num_clusters`); they differ in how much work goes into it.

Pure functions of arrays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from .candidates import INITS, even_clusters, over_cluster
from .quality import ClusterScore
from .rows import ForEach, draw_sample, for_each
from .spaces import Views, few_kinds


EVEN, ANY = "even", "any"  # kinds of clusters
IN_WORDS = {EVEN: "like size", ANY: "any size"}
MARGIN = 0.02  # by which clusters must stand further apart to be taken instead of others
AnyClusters = Callable[[Views, int, int, ClusterScore], np.ndarray | None]


class Start(NamedTuple):
    """A start of the clusters.

    Args:
        kind (`str`): The kind of clusters that was chosen: `"even"` or `"any"`.
        candidates (`dict[str, np.ndarray]`): Cluster of each document, `(num_documents,)`, by kind.
        scores (`dict[str, float]`): How far apart the clusters of each kind stand
            (`quality.separation`).
    """

    kind: str
    candidates: dict[str, np.ndarray]
    scores: dict[str, float]

    @property
    def clusters(self) -> np.ndarray:
        """The chosen ones, `(num_documents,)`."""
        return self.candidates[self.kind]

    def sizes(self, num_clusters: int) -> dict[str, list[int]]:
        """Documents in each of the `num_clusters` clusters, the most first, by kind."""
        return {
            kind: sorted(np.bincount(clusters, minlength=num_clusters).tolist(), reverse=True)
            for kind, clusters in self.candidates.items()
        }


def any_clusters(
    views: Views, num_clusters: int, seed: int, score: ClusterScore, inits: Sequence[str] = INITS
) -> np.ndarray:
    """Clusters of any size, `(num_documents,)`: over-clustering of the fused space, or of the
    smoothed one where its clusters stand clearly further apart.

    Args:
        views, num_clusters, seed, score: As in `find_start`.
        inits (`Sequence[str]`, *optional*): As in `over_cluster`.
    """
    plain, smoothed = (
        over_cluster(space, num_clusters, seed, inits) for space in (views.fused, views.smoothed)
    )
    gained = score.separation(smoothed) - score.separation(plain)
    return smoothed if gained > MARGIN else plain


@dataclass(frozen=True)
class Recipe:
    """How a start is made.

    Args:
        num_restarts (`int`): Annealed runs of k-means, which vote.
        any_clusters (`Callable`): From views, K, seed and score to clusters of any size; `None`
            where it has none.
    """

    num_restarts: int = 10
    any_clusters: AnyClusters = any_clusters


def find_start(
    views: Views,
    num_clusters: int,
    seed: int,
    score: ClusterScore,
    recipe: Recipe | None = None,
    kind: str | None = None,
    progress: bool = False,
    for_each: ForEach = for_each,
) -> Start:
    """The better start of two kinds of clusters: of any size where those stand clearly further
    apart, else of like size.

    Args:
        views (`Views`): The documents.
        num_clusters (`int`): Number of clusters K. Where there are fewer distinct documents, the
            rest stay empty.
        seed (`int`): Seed of all that is random.
        score (`ClusterScore`): Says how far apart clusters stand, in the fused space.
        recipe (`Recipe`, *optional*): How much work goes into it. `None`: all that pays.
        kind (`str`, *optional*): `"even"` or `"any"`: the only candidate. `None`: both, and the
            score decides.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.
        for_each (`Callable`, *optional*): Makes the candidates (`rows.for_each`).
    """
    recipe = Recipe() if recipe is None else recipe
    few = few_kinds(views.fused, num_clusters)
    if few is not None:
        kind = EVEN if kind is None else kind
        return Start(kind, {kind: few}, {kind: score.separation(few)})

    def make(kind: str) -> np.ndarray | None:
        if kind == EVEN:
            return even_clusters(views, num_clusters, seed, recipe.num_restarts, progress)
        return recipe.any_clusters(views, num_clusters, seed, score)

    kinds = [EVEN, ANY] if kind is None else [kind]
    made = zip(kinds, for_each(make, kinds), strict=True)
    candidates = {name: clusters for name, clusters in made if clusters is not None}
    scores = {name: score.separation(clusters) for name, clusters in candidates.items()}
    return Start(choose(scores), candidates, scores)


def choose(scores: Mapping[str, float]) -> str:
    """The kind of clusters that the scores speak for.

    Those of any size must stand clearly further apart, since they may single out the odd ones.

    Example:
        >>> choose({"even": 0.10, "any": 0.11}), choose({"even": 0.10, "any": 0.13})
        ('even', 'any')
    """
    if len(scores) == 1:
        return next(iter(scores))
    return ANY if scores[ANY] - scores[EVEN] > MARGIN else EVEN


def describe_choice(scores: Mapping[str, float], sizes: Mapping[str, Sequence[int]]) -> str:
    """What a person should know of the choice: what was not taken, how near it was, and how to take
    it.

    Args:
        scores (`Mapping[str, float]`): How far apart the clusters of both kinds stand.
        sizes (`Mapping[str, Sequence[int]]`): Documents in each of their clusters.

    Example:
        >>> print(describe_choice({"even": 0.10, "any": 0.13}, {"even": [60, 40], "any": [90, 10]}))
        Clusters of any size were taken: one cluster alone holds 90.0% of the texts, the smallest \
10.0%. Of like size, one cluster alone would hold 60.0% of the texts, the smallest 40.0%. This was \
a close call (separation 0.130 against 0.100; any size is taken from 0.120 on). Take the others \
with --init even.
    """
    if sorted(sizes[EVEN]) == sorted(sizes[ANY]):
        return "Clusters of like size and of any size came out the same."
    taken = choose(scores)
    other = EVEN if taken == ANY else ANY
    is_close = abs(scores[ANY] - scores[EVEN]) <= 2 * MARGIN
    return (
        f"Clusters of {IN_WORDS[taken]} were taken: {_describe_sizes(sizes[taken], 'holds')}. "
        f"Of {IN_WORDS[other]}, {_describe_sizes(sizes[other], 'would hold')}. This was a "
        f"{'close' if is_close else 'clear'} call (separation {scores[taken]:.3f} against "
        f"{scores[other]:.3f}; any size is taken from {scores[EVEN] + MARGIN:.3f} on). "
        f"Take the others with --init {other}."
    )


def _describe_sizes(sizes: Sequence[int], hold: str) -> str:
    least, most = min(sizes) / sum(sizes), max(sizes) / sum(sizes)
    largest = "one cluster alone" if most > 0.5 else "the largest"
    return f"{largest} {hold} {most:.1%} of the texts, the smallest {least:.1%}"


def repeat_start(
    views: Views,
    kind: str,
    num_clusters: int,
    seed: int,
    num_repeats: int = 5,
    share: float = 0.8,
    progress: bool = False,
    for_each: ForEach = for_each,
) -> np.ndarray:
    """The start made again from random samples of the documents, each 80 % of them and at most
    5,000, at less expense.

    Args:
        views (`Views`): The documents.
        kind (`str`): The kind of clusters that the start has (`Start.kind`).
        num_clusters (`int`): Number of clusters K.
        seed (`int`): Seed of the samples and of the starts.
        num_repeats (`int`, *optional*, defaults to 5): Samples.
        share (`float`, *optional*, defaults to 0.8): Of the documents in a sample.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.
        for_each (`Callable`, *optional*): Makes the repeats (`rows.for_each`).

    Returns:
        `np.ndarray` of shape `(num_repeats, num_documents)`, int64: clusters, whose numbers mean
        nothing from one row to the next; -1 for documents that the sample lacks.
    """
    quick = Recipe(3, partial(any_clusters, inits=("random",) * 2))
    num_documents = len(views.embeddings)
    size = min(5000, max(num_clusters, int(share * num_documents)))

    def make(own_seed: int) -> tuple[np.ndarray, np.ndarray]:
        sample = draw_sample(num_documents, own_seed, size)
        seen = views.take(sample)
        score = ClusterScore(np.arange(len(sample)), seen.fused)
        start = find_start(seen, num_clusters, own_seed, score, quick, kind)
        bar.update()
        return sample, start.clusters

    repeats = np.full((num_repeats, num_documents), -1, dtype=np.int64)
    seeds = [seed + 1000 * (repeat + 1) for repeat in range(num_repeats)]
    name = "Repeating the start"
    with tqdm(desc=name, total=num_repeats, leave=False, disable=not progress) as bar:
        for row, (sample, clusters) in zip(repeats, for_each(make, seeds), strict=True):
            row[sample] = clusters
    return repeats
