"""Groups of new documents that the clusters do not know yet, and how surely they are new.

Earlier documents are the measure of it: groups are as wide as the clusters are, and a group is new
where it would take many of the new documents, and hardly any of the earlier ones.

Pure functions of arrays.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import false_discovery_control, hypergeom
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min

from .rows import draw_sample
from .spaces import cluster_means
from .stability import STABLE


NONE = -1  # group of a document that is in none
FAR = (
    0.5  # robust standard deviations beyond the typical distance, from which a document may be new
)
WIDE = 75  # percentile of the clusters' widths, up to which groups are joined
CHANCE = 0.01  # false discovery rate of what is called new
TIMES = 3  # as large a share of the new documents as of the earlier ones that a group would take
MAX_GROUPED = 5000  # documents that the groups are made of, at most


class NewGroups(NamedTuple):
    """What `find_new_groups` finds.

    Args:
        groups (`np.ndarray` of shape `(num_new,)`): Group of each new document; -1 for none. Those
            of the most documents come first.
        num_before (`np.ndarray` of shape `(num_groups,)`): Earlier documents that lie nearer to the
            group than to their cluster.
        stability (`np.ndarray` of shape `(num_groups,)`): Mean Jaccard similarity of the group to
            those that parts of the new documents give.
    """

    groups: np.ndarray
    num_before: np.ndarray
    stability: np.ndarray


@dataclass(frozen=True, eq=False)
class Known:
    """Earlier documents, as a measure of new ones.

    Args:
        embeddings (`np.ndarray` of shape `(num_before, hidden_size)`): Their embeddings.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Centroids of the clusters.
        typical (`tuple[float, float]`): Median and robust standard deviation of documents'
            distances to their centroids.
    """

    embeddings: np.ndarray
    centroids: np.ndarray
    typical: tuple[float, float]

    def distances(self) -> np.ndarray:
        """Distance of each document to its centroid as it were without the document,
        `(num_before,)`; and so comparable to a new one's.
        """
        clusters, distances = pairwise_distances_argmin_min(self.embeddings, self.centroids)
        return _without_itself(distances, np.bincount(clusters)[clusters])

    def widest(self) -> float:
        """How wide a group may be: as three quarters of the clusters are, in mean distance."""
        clusters, distances = pairwise_distances_argmin_min(self.embeddings, self.centroids)
        sizes = np.bincount(clusters)
        widths = _without_itself(np.bincount(clusters, distances) / sizes.clip(min=1), sizes)
        return float(np.percentile(widths[sizes > 1], WIDE)) if (sizes > 1).any() else 0.0


def find_new_groups(
    known: Known, embeddings: np.ndarray, least: int, seed: int, num_repeats: int = 5
) -> NewGroups:
    """Groups of new documents that lie apart from the clusters, and are stable.

    New documents beyond the typical distance are parted by k-means into groups as narrow as the
    clusters. Those of which far more new documents would be than earlier ones (hypergeometric test,
    corrected after Benjamini and Hochberg 1995) are joined, as long as they stay as narrow as
    clusters are, and every document goes to the nearest group or stays in its cluster. No document
    takes part in the mean that its own distance is measured to: groups that are chosen for being
    near to their documents would look new otherwise. All of it is done again on parts of the new
    documents, and what does not come back is left out.

    Args:
        known (`Known`): Earlier documents.
        embeddings (`np.ndarray` of shape `(num_new, hidden_size)`): Of the new documents.
        least (`int`): Documents of a group, at least.
        seed (`int`): Seed of k-means and of the parts.
        num_repeats (`int`, *optional*, defaults to 5): Parts, of 80 % of the new documents each.
    """
    own, widest = known.distances(), known.widest()
    distances = pairwise_distances_argmin_min(embeddings, known.centroids)[1]

    def search(rows: np.ndarray, least: int, fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen, own_cluster, found = embeddings[rows], distances[rows], fine
        for joins in (False, True):
            found = _join(seen, found, widest) if joins else found
            fewest = least if joins else max(2, least // 2)
            found = _settle(seen, own_cluster, found, fewest)
            are_new, num_before = _test(known, own, seen, found)
            found, num_before = _take(found, are_new), num_before[are_new]
        return found, num_before

    every = np.arange(len(embeddings))
    far = np.flatnonzero(distances > known.typical[0] + FAR * known.typical[1])
    far = far[draw_sample(len(far), seed, MAX_GROUPED)]
    fine = _part(embeddings[far], known.typical[0], seed)
    groups, num_before = search(every, least, _scatter(fine, far, len(embeddings)))
    stability = np.zeros((num_repeats, len(num_before)))
    for repeat in range(num_repeats if len(num_before) else 0):
        part = draw_sample(len(embeddings), seed + repeat + 1, int(0.8 * len(embeddings)))
        some = np.intersect1d(far, part)
        fine_again = _kmeans(embeddings[some], fine.max(initial=0) + 1, seed + repeat + 1)
        fine_again = _scatter(fine_again, np.searchsorted(part, some), len(part))
        again = search(part, max(2, int(0.8 * least)), fine_again)[0]
        stability[repeat] = _best_jaccard(groups[part], again, len(num_before))
    mean = stability.mean(axis=0)
    order = np.argsort(-np.bincount(groups[groups >= 0], minlength=len(mean)), kind="stable")
    kept = order[mean[order] >= STABLE]
    places = np.full(len(mean) + 1, NONE)  # whose last is that of no group
    places[kept] = np.arange(len(kept))
    return NewGroups(places[groups], num_before[kept], mean[kept])


def _part(embeddings: np.ndarray, typical: float, seed: int) -> np.ndarray:
    """Fine groups of documents, `(num_documents,)`: as few as have half of the documents within the
    typical distance.
    """
    fewest, most = 1, max(1, len(embeddings) // 5)
    while fewest < most:
        middle = (fewest + most) // 2
        if np.median(_spread(embeddings, _kmeans(embeddings, middle, seed))) <= typical:
            most = middle
        else:
            fewest = middle + 1
    return _kmeans(embeddings, fewest, seed)


def _kmeans(embeddings: np.ndarray, num_groups: int, seed: int) -> np.ndarray:
    """Groups of k-means, `(num_documents,)`."""
    num_groups = min(num_groups, len(embeddings))
    if not num_groups:
        return np.zeros(0, dtype=int)
    means = KMeans(num_groups, n_init=1, max_iter=50, random_state=seed)
    return means.fit(embeddings).labels_.astype(int)


def _scatter(groups: np.ndarray, rows: np.ndarray, num_documents: int) -> np.ndarray:
    """Groups of some documents as those of all, `(num_documents,)`; none for the others."""
    every = np.full(num_documents, NONE)
    every[rows] = groups
    return every


def _settle(
    embeddings: np.ndarray, distances: np.ndarray, groups: np.ndarray, least: int, rounds: int = 3
) -> np.ndarray:
    """Each document in the group whose mean is nearest, unless its cluster is nearer, in turns with
    the means; groups of fewer documents than `least` go.
    """
    groups = _take(groups, _sizes(groups) >= least)
    for _ in range(rounds):
        if not _sizes(groups).size:
            break
        found = _distances_to_groups(embeddings, groups)
        groups = np.where(found.min(axis=1) < distances, found.argmin(axis=1), NONE)
        groups = _take(groups, _sizes(groups) >= least)
    return groups


def _test(
    known: Known, own: np.ndarray, embeddings: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which groups are new, and how many earlier documents each would take, both `(num_groups,)`.

    Args:
        known (`Known`): Earlier documents.
        own (`np.ndarray` of shape `(num_before,)`): Distances to their centroids.
        embeddings, groups (`np.ndarray`): New documents and their groups.
    """
    sizes = _sizes(groups)
    if not sizes.size:
        return np.zeros(0, dtype=bool), sizes
    nearest, distances = pairwise_distances_argmin_min(known.embeddings, _means(embeddings, groups))
    taken = np.bincount(nearest[distances < own], minlength=len(sizes))
    num_before, num_new = len(own), len(embeddings)
    chance = hypergeom.sf(sizes - 1, num_before + num_new, sizes + taken, num_new)
    are_many = sizes / num_new >= TIMES * taken / num_before
    return are_many & (false_discovery_control(chance.clip(0, 1)) <= CHANCE), taken


def _join(embeddings: np.ndarray, groups: np.ndarray, widest: float) -> np.ndarray:
    """Groups, joined two by two, the nearest first, while the mean distance of their documents is
    no more than `widest`.
    """
    while _sizes(groups).size > 1:
        means = _means(embeddings, groups)
        rows, columns = np.triu_indices(len(means), 1)
        for pair in np.argsort(cdist(means, means)[rows, columns], kind="stable"):
            members = np.isin(groups, (rows[pair], columns[pair]))
            joined = np.zeros(members.sum(), dtype=int)
            if _spread(embeddings[members], joined).mean() <= widest:
                groups = np.where(groups == columns[pair], rows[pair], groups)
                groups = _take(groups, _sizes(groups) > 0)
                break
        else:
            break
    return groups


def _best_jaccard(groups: np.ndarray, again: np.ndarray, num_groups: int) -> np.ndarray:
    """Largest Jaccard similarity of each group to any of others, `(num_groups,)`."""
    best = np.zeros(num_groups)
    for group in range(num_groups):
        members = groups == group
        for other in np.unique(again[members & (again >= 0)]):
            found = again == other
            best[group] = max(best[group], (members & found).sum() / (members | found).sum())
    return best


def _without_itself(distances: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Distances of documents to means of so many of them, as they are where each mean leaves out
    the document: sum_{j != i} x_j / (n - 1) lies n / (n - 1) times as far from x_i as the mean;
    infinitely far where there is no other one.
    """
    return np.where(sizes > 1, distances * sizes / np.maximum(sizes - 1, 1), np.inf)


def _distances_to_groups(embeddings: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Distance of each document to each group's mean, to its own without itself, `(num_documents,
    num_groups)`.
    """
    distances = cdist(embeddings, _means(embeddings, groups))
    rows = np.flatnonzero(groups >= 0)
    own = rows, groups[rows]
    distances[own] = _without_itself(distances[own], _sizes(groups)[groups[rows]])
    return distances


def _spread(embeddings: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Distance of each document to the mean of its group without itself, `(num_documents,)`; all
    are in one.
    """
    means = cluster_means(embeddings, groups, groups.max() + 1)
    distances = np.linalg.norm(embeddings - means[groups], axis=1)
    return _without_itself(distances, np.bincount(groups)[groups])


def _means(embeddings: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean of each group, `(num_groups, hidden_size)`."""
    members = groups >= 0
    return cluster_means(embeddings[members], groups[members], len(_sizes(groups)))


def _sizes(groups: np.ndarray) -> np.ndarray:
    """Documents of each group, `(num_groups,)`."""
    return np.bincount(groups[groups >= 0])


def _take(groups: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The groups that are kept, numbered anew."""
    numbers = np.append(np.where(kept, np.cumsum(kept) - 1, NONE), NONE)
    return numbers[groups]
