"""Which clusters to trust: those that come back when the start is made again from other documents
of the same corpus.

Source: Hennig, "Cluster-wise assessment of cluster stability" (Computational Statistics & Data
    Analysis 52, 2007).
Pure functions of arrays. They know no model, no tokenizer and no disk.
"""

import warnings
from functools import partial

import numpy as np
from tqdm.auto import trange

from .candidates import anneal_and_refine, even_score, over_cluster, refine, split_and_merge
from .metrics import clustering_accuracy
from .quality import ClusterScore
from .rows import draw_sample
from .spaces import few_kinds, fuse, membership


def repeat_start(
    embeddings: np.ndarray,
    lexical: np.ndarray,
    kind: str,
    num_clusters: int,
    seed: int,
    num_repeats: int = 5,
    share: float = 0.8,
    progress: bool = False,
) -> np.ndarray:
    """The start made again from random samples of the documents, each 80 % of them and at most
    5,000.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        lexical (`np.ndarray` of shape `(num_documents, num_components)`): Lexical view.
        kind (`str`): `"annealed"` or `"over-clustered"` (`start.find_start`).
        num_clusters (`int`): Number of clusters K.
        seed (`int`): Seed of the samples and of the starts.
        num_repeats (`int`, *optional*, defaults to 5): Samples.
        share (`float`, *optional*, defaults to 0.8): Of the documents in a sample.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.

    Returns:
        `np.ndarray` of shape `(num_repeats, num_documents)`, int64: clusters, whose numbers mean
        nothing from one row to the next; -1 for documents that the sample lacks.
    """
    repeats = np.full((num_repeats, len(embeddings)), -1, dtype=np.int64)
    size = min(5000, max(num_clusters, int(share * len(embeddings))))
    for repeat in trange(num_repeats, desc="Repeating the start", disable=not progress):
        own_seed = seed + 1000 * (repeat + 1)
        sample = draw_sample(len(embeddings), own_seed, size)
        seen, words = embeddings[sample], lexical[sample]
        fused = fuse(seen, words)
        kinds = few_kinds(fused, num_clusters)
        if kinds is not None:
            clusters = kinds
        elif kind == "annealed":
            score = even_score(ClusterScore(np.arange(len(sample)), fused), num_clusters)
            polish = partial(refine, fuse(seen, words, 1.0), num_clusters=num_clusters)
            clusters = anneal_and_refine(seen, words, num_clusters, own_seed, score, num_restarts=3)
            clusters = split_and_merge(
                fused, clusters, num_clusters, own_seed, score, polish, num_rounds=3
            )
        else:
            clusters = over_cluster(fused, num_clusters, own_seed, inits=["random"] * 2)
        repeats[repeat, sample] = clusters
    return repeats


def cluster_stability(clusters: np.ndarray, repeats: np.ndarray, num_clusters: int) -> np.ndarray:
    """Mean over the repeats of the largest Jaccard similarity of each cluster to any of theirs,
    `(num_clusters,)`.

    1 is a cluster that always comes back; below 0.6 it should not be trusted (Hennig 2007). NaN
    where no repeat saw one of its documents.

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        repeats (`np.ndarray` of shape `(num_repeats, num_documents)`): Clusters of other runs, -1
            for what they lack.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> cluster_stability(np.array([0, 0, 1, 1]), np.array([[5, 5, 5, 0], [2, 2, 3, -1]]), num_clusters=2)
        array([0.83333333, 0.75      ])
    """
    best = np.full((len(repeats), num_clusters), np.nan)
    for row, repeat in enumerate(repeats):
        seen = repeat >= 0
        ours = membership(clusters[seen], num_clusters)
        theirs = membership(repeat[seen], repeat.max() + 1)
        shared = (ours @ theirs.T).toarray()  # (num_clusters, clusters of the repeat)
        united = np.add.outer(ours.sum(axis=1).A1, theirs.sum(axis=1).A1) - shared
        held = ours.sum(axis=1).A1 > 0
        best[row, held] = (shared / np.maximum(united, 1)).max(axis=1)[held]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        return np.nanmean(best, axis=0)


def agreement(clusters: np.ndarray, repeats: np.ndarray) -> float:
    """Share of the documents that the repeats put into the cluster they are in, in the mean, 0 to
    1.

    The clusters of a repeat are matched to ours one to one (`metrics.clustering_accuracy`).

    Args:
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        repeats (`np.ndarray` of shape `(num_repeats, num_documents)`): Clusters of other runs, -1
            for what they lack.

    Example:
        >>> agreement(np.array([0, 0, 1, 1]), np.array([[5, 5, 5, 0], [2, 2, 3, -1]]))
        0.875
    """
    return float(
        np.mean([clustering_accuracy(row[row >= 0], clusters[row >= 0]) for row in repeats])
    )
