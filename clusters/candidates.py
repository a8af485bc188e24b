"""Ways to cluster that a start may choose from, each of a bias of its own.

k-means on the embeddings fails where classes differ in size, and words carry what a small encoder
misses. So embeddings beside words are clustered by two methods of opposite bias: annealed soft
k-means, for clusters of like size, and over-clustering with average linkage, for any.

Pure functions of arrays.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import hstack
from scipy.spatial.distance import pdist, squareform
from scipy.special import softmax
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.preprocessing import normalize
from tqdm.auto import trange

from .constraints import Constraints, obey
from .rows import batches, draw_sample
from .spaces import Views, cluster_means, fit_discriminants, membership


INITS = ("k-means++", *["random"] * 7)  # of the runs of over-clustering


def kmeans(
    embeddings: np.ndarray,
    num_clusters: int,
    seed: int,
    num_restarts: int = 10,
    progress: bool = False,
) -> np.ndarray:
    """Best of several k-means runs, `(num_documents,)`: `KMeans(n_init=num_restarts,
    random_state=seed)` with a bar.

    Beyond 50,000 documents it is that of a sample, and the others go to the nearest centroid.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        num_clusters (`int`): Number of clusters K, at most the number of distinct embeddings.
        seed (`int`): Seed of the k-means++ starts.
        num_restarts (`int`, *optional*, defaults to 10): Runs, of which the one of least inertia is
            kept.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.

    Example:
        >>> clusters = kmeans(np.array([[0.0], [0.1], [5.0]]), num_clusters=2, seed=0)
        >>> bool(clusters[0] == clusters[1] != clusters[2])
        True
    """
    random_state = np.random.RandomState(seed)  # noqa: NPY002 (scikit-learn takes no Generator)
    seen = embeddings[draw_sample(len(embeddings), seed, 50_000)]
    runs = (
        KMeans(num_clusters, n_init=1, random_state=random_state).fit(seen)
        for _ in trange(num_restarts, desc="k-means", leave=False, disable=not progress)
    )
    best = min(runs, key=lambda run: run.inertia_)
    if len(seen) == len(embeddings):
        return best.labels_.astype(np.int64)
    return np.concatenate(
        [best.predict(embeddings[part]) for part in batches(len(embeddings))]
    ).astype(np.int64)


def anneal(
    embeddings: np.ndarray,
    centroids: np.ndarray,
    num_stages: int = 5,
    num_rounds: int = 10,
    constraints: Constraints | None = None,
    known_weight: float = 5.0,
) -> np.ndarray:
    """Soft k-means on the unit sphere whose temperature falls from 0.1 to 0.04, `(num_documents,)`.

    Assignments are softmax(cosine / temperature), centroids their weighted means; both as in
    deterministic annealing (Rose 1998). Temperatures are relative to the total variance, since many
    encoders put all texts into a narrow cone.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Rows of unit length.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Where to begin.
        num_stages (`int`, *optional*, defaults to 5): Temperatures.
        num_rounds (`int`, *optional*, defaults to 10): Rounds at each.
        constraints (`Constraints`, *optional*): What is known of some documents. `None`: all are
            free.
        known_weight (`float`, *optional*, defaults to 5): How many free documents one of these
            counts for.
    """
    centroids = normalize(centroids)
    known = np.flatnonzero(constraints.is_known) if constraints else np.empty(0, dtype=int)
    of_known = constraints.take(known) if constraints else None
    variance = max(1 - np.square(embeddings.mean(axis=0)).sum(), np.finfo(np.float32).eps)
    for temperature in np.geomspace(0.1, 0.04, num_stages) * variance:
        for _ in range(num_rounds):
            weights = softmax(embeddings @ centroids.T / np.float32(temperature), axis=1)
            if len(known):
                clusters = obey(weights[known], of_known)
                weights[known] = 0
                weights[known, clusters] = known_weight
            centroids = normalize(weights.T @ embeddings)
    return weights.argmax(axis=1)


def refine(
    embeddings: np.ndarray, clusters: np.ndarray, num_clusters: int, num_rounds: int = 5
) -> np.ndarray:
    """k-means in the space of the clusters' own discriminants, in turns (Ding & Li, ICML 2007),
    `(num_documents,)`.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        clusters (`np.ndarray` of shape `(num_documents,)`): Where to begin, none empty.
        num_clusters (`int`): Number of clusters K.
        num_rounds (`int`, *optional*, defaults to 5): Turns, at most. A turn that would empty a
            cluster is not taken.
    """
    for _ in range(num_rounds):
        projected = fit_discriminants(embeddings, clusters)(embeddings)
        means = cluster_means(projected, clusters, num_clusters)
        refined = KMeans(num_clusters, init=means, n_init=1).fit_predict(projected)
        if np.array_equal(refined, clusters) or len(np.unique(refined)) < num_clusters:
            break
        clusters = refined
    return clusters


def over_cluster(
    embeddings: np.ndarray, num_clusters: int, seed: int, inits: Sequence[str] = INITS
) -> np.ndarray:
    """k-means into several times K clusters, whose centroids average linkage joins to K,
    `(num_documents,)`.

    Clusters may have any size then. Of several such runs the consensus is taken, which gains from
    their diversity: most start from random documents, at a fraction of the cost of k-means++ where
    K is large.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Rows of unit length.
        num_clusters (`int`): Number of clusters K.
        seed (`int`): Seed of the runs.
        inits (`Sequence[str]`, *optional*): How each run of k-means begins, with each number of
            clusters.
    """
    runs, most = [], max(num_clusters, len(embeddings) // 3)
    for multiple in (2, 3, 4):
        for restart, init in enumerate(inits):
            size = min(multiple * num_clusters, most)
            means = KMeans(size, init=init, n_init=1, max_iter=30, random_state=seed + restart)
            parts = means.fit_predict(embeddings)
            linkage = AgglomerativeClustering(num_clusters, metric="cosine", linkage="average")
            runs.append(linkage.fit_predict(means.cluster_centers_)[parts])
    return consensus(embeddings, np.stack(runs, axis=1), num_clusters)


def consensus(
    embeddings: np.ndarray, runs: np.ndarray, num_clusters: int, max_parts: int = 4000
) -> np.ndarray:
    """Evidence accumulation (Fred & Jain, PAMI 2005): documents that most runs join are joined,
    `(num_documents,)`.

    The distance is the share of the runs that part two documents; where runs tie, that of the
    embeddings decides.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Rows of unit length.
        runs (`np.ndarray` of shape `(num_documents, num_runs)`): Cluster of each document in each
            run.
        num_clusters (`int`): Number of clusters K.
        max_parts (`int`, *optional*, defaults to 4000): Groups of documents that no run parts, or K
            where that is more; the rarest beyond these go with the nearest of the others.
    """
    patterns, parts, counts = np.unique(runs, axis=0, return_inverse=True, return_counts=True)
    means = normalize(cluster_means(embeddings, parts.ravel(), len(patterns)))
    common = np.argsort(-counts, kind="stable")[: max(max_parts, num_clusters)]
    distances = squareform(pdist(patterns[common], "hamming"))
    distances += 0.2 * (1 - means[common] @ means[common].T).clip(min=0)
    linkage = AgglomerativeClustering(
        min(num_clusters, len(common)), metric="precomputed", linkage="average"
    )
    joined = linkage.fit_predict(distances)
    clusters = joined[(means @ means[common].T).argmax(axis=1)]
    clusters[common] = joined
    return clusters[parts.ravel()]


def even_clusters(
    views: Views, num_clusters: int, seed: int, num_restarts: int = 10, progress: bool = False
) -> np.ndarray:
    """Clusters of like size, `(num_documents,)`: annealed k-means in the smoothed space, several
    runs of it, their vote, refined.

    Args:
        views (`Views`): The documents.
        num_clusters (`int`): Number of clusters K, at most the number of distinct documents.
        seed (`int`): Seed of the k-means++ starts.
        num_restarts (`int`, *optional*, defaults to 10): Runs.
        progress (`bool`, *optional*, defaults to `False`): Whether to show a bar.
    """
    runs = []
    for restart in trange(
        num_restarts, desc="Finding the start", leave=False, disable=not progress
    ):
        means = KMeans(num_clusters, n_init=1, max_iter=30, random_state=seed + restart)
        begun = means.fit(views.smoothed).labels_
        annealed = anneal(views.smoothed, cluster_means(views.smoothed, begun, num_clusters))
        runs.append(annealed if len(np.unique(annealed)) == num_clusters else begun)
    return refine(views.for_discriminants, vote(runs, num_clusters), num_clusters)


def vote(runs: Sequence[np.ndarray], num_clusters: int) -> np.ndarray:
    """What runs of one method agree on, `(num_documents,)`: k-means-based consensus (Wu et al.,
    TKDE 2015).

    k-means on the documents' memberships in all runs, begun from each of them; the one of least
    inertia is kept.

    Args:
        runs (`Sequence[np.ndarray]` of arrays of shape `(num_documents,)`): Clusters of each run.
        num_clusters (`int`): Number of clusters K.

    Example:
        >>> runs = [np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), np.array([0, 1, 1, 1])]
        >>> vote(runs, num_clusters=2).tolist()
        [0, 0, 1, 1]
    """
    memberships = hstack([membership(run, num_clusters).T for run in runs], "csr")
    fits = []
    for run in runs:
        sizes = np.bincount(run, minlength=num_clusters).clip(min=1)[:, None]
        means = (membership(run, num_clusters) @ memberships).toarray() / sizes
        fits.append(KMeans(num_clusters, init=means, n_init=1).fit(memberships))
    best = min(fits, key=lambda fit: fit.inertia_)
    return best.labels_ if len(np.unique(best.labels_)) == num_clusters else runs[0]
