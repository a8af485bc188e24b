"""Topics by what is said of them: their name, a description, phrases.

A short phrase lies far from any one text, and the texts that are nearest to it may be of topics
that it borders on; where clusters lie is known better than what they are called. So topics are
matched to whole clusters first, and then both have their say of each document.

Pure functions of arrays.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import log_softmax
from sklearn.preprocessing import normalize

from .constraints import Constraints, obey
from .rows import draw_sample
from .spaces import cluster_means
from .targets import teach


MAX_ASKED = 3000  # documents that say how near others come


def phrase_cosines(embeddings: np.ndarray, phrases: np.ndarray) -> np.ndarray:
    """Cosines of documents and what is said of topics, both seen from the documents' mean,
    `(num_documents, num_topics)`; 0 where nothing is said.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        phrases (`np.ndarray` of shape `(num_topics, hidden_size)`): Embedding of what is said of
            each topic; a row of zeros where it is nothing.
    """
    embeddings, is_said = normalize(embeddings), np.any(phrases != 0, axis=1)
    middle = embeddings.mean(axis=0)
    topics = normalize(normalize(phrases) - middle) * is_said[:, None]
    return normalize(embeddings - middle) @ topics.T


def term_cosines(
    embeddings: np.ndarray, clusters: np.ndarray, num_clusters: int, terms: np.ndarray
) -> np.ndarray:
    """Cosines of terms and clusters, both seen from the documents' mean, `(num_terms,
    num_clusters)`.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        num_clusters (`int`): Number of clusters K.
        terms (`np.ndarray` of shape `(num_terms, hidden_size)`): Embeddings of the terms.
    """
    means = cluster_means(embeddings, clusters, num_clusters)
    middle = np.bincount(clusters, minlength=num_clusters) @ means / len(clusters)
    return normalize(terms - middle) @ normalize(means - middle).T


def add_soft_examples(
    cosines: np.ndarray,
    labels: np.ndarray,
    free_clusters: np.ndarray,
    num_clusters: int,
    count: int = 5,
) -> np.ndarray:
    """Labels, `(num_documents,)`, with those of documents that come nearest to what is said of a
    topic.

    A short description lies too far from any one text to be an example itself, and the texts that
    are nearest to it may be of other topics that it borders on. So topics and whole clusters are
    matched first, one to one, and each topic takes the documents of its cluster that are nearest.

    Args:
        cosines (`np.ndarray` of shape `(num_documents, num_topics)`): `phrase_cosines`.
        labels (`np.ndarray` of shape `(num_documents,)`): Topic of each document; -1 for none.
        free_clusters (`np.ndarray` of shape `(num_documents,)`): Clusters of a start without
            labels.
        num_clusters (`int`): Their number K, no less than that of topics.
        count (`int`, *optional*, defaults to 5): Documents that a topic takes.
    """
    shared = cluster_means(cosines, free_clusters, num_clusters).T
    labelled = labels >= 0
    np.add.at(shared, (labels[labelled], free_clusters[labelled]), 1)
    _, matched = linear_sum_assignment(shared, maximize=True)
    softly = labels.copy()
    for topic in np.flatnonzero(cosines.any(axis=0)):
        is_free = softly < 0
        of_cluster = is_free & (free_clusters == matched[topic])
        rows = np.flatnonzero(of_cluster if of_cluster.any() else is_free)
        nearest = np.argsort(-cosines[rows, topic], kind="stable")
        softly[rows[nearest[:count]]] = topic
    return softly


def sort_by_phrases(
    cosines: np.ndarray,
    space: np.ndarray,
    known: Constraints,
    clusters: np.ndarray,
    num_clusters: int,
    temperature: float = 0.05,
    rounds: int = 10,
) -> np.ndarray:
    """Clusters, `(num_documents,)`, by their own discriminants and by what is said of their topics:
    the product of both probabilities decides, in turns.

    Where fewer than half of the documents of these topics are nearest to their own one, topics and
    clusters do not match, and the turns begin with the nearest topic of each document.

    Args:
        cosines (`np.ndarray` of shape `(num_documents, num_topics)`): `phrase_cosines`, of which
            something is said of one topic or more.
        space (`np.ndarray` of shape `(num_documents, num_dimensions)`): Where discriminants are
            found (`Views.for_discriminants`).
        known (`Constraints`): What is known of the documents.
        clusters (`np.ndarray` of shape `(num_documents,)`): To begin with; cluster j is topic j.
        num_clusters (`int`): Their number K, no less than that of topics.
        temperature (`float`, *optional*, defaults to 0.05): At which cosines to what is said of
            topics make a probability.
        rounds (`int`, *optional*, defaults to 10): Turns at most.
    """
    said = np.flatnonzero(cosines.any(axis=0))
    cosines = cosines[:, said]
    nearest, most = said[cosines.argmax(axis=1)], cosines.max(axis=1)
    # Nothing is said of other clusters. They get what all but the loneliest documents reach.
    other = np.quantile(most, 0.3)
    scores = np.full((len(clusters), num_clusters), other, dtype=np.float32)
    scores[:, said] = cosines
    scores = log_softmax(scores / temperature, axis=1)
    of_said = np.isin(clusters, said)
    if (clusters == nearest)[of_said].mean() < 0.5:
        clusters = np.where(most > other, nearest, clusters)
    for _ in range(rounds):
        q = teach(space, clusters, num_clusters)
        q = scores + np.log(q.clip(min=np.finfo(q.dtype).tiny))
        found = obey(q, known)
        for cluster in np.setdiff1d(np.arange(num_clusters), found):
            found[np.where(known.is_known, -np.inf, q[:, cluster]).argmax()] = cluster
        if np.array_equal(found, clusters):
            break
        clusters = found
    return clusters


def find_no_texts(
    embeddings: np.ndarray, phrases: np.ndarray, seed: int, count: int = 5, share: float = 0.01
) -> np.ndarray:
    """Topics, by their numbers, that no document comes near: those nearest to what is said of them
    are less like it than all but 1 % of the documents are like those nearest to them.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        phrases (`np.ndarray` of shape `(num_topics, hidden_size)`): As in `phrase_cosines`.
        seed (`int`): Seed of the documents that are asked, where there are many.
        count (`int`, *optional*, defaults to 5): Nearest documents, whose mean cosine counts.
        share (`float`, *optional*, defaults to 0.01): Of the documents, which are as lonely.
    """
    seen = normalize(embeddings[draw_sample(len(embeddings), seed, MAX_ASKED)])
    count = min(count, len(seen) - 1)

    def likeness(rows: np.ndarray, skipped: int) -> np.ndarray:
        nearest = -np.sort(-rows @ seen.T, axis=1)
        return nearest[:, skipped : skipped + count].mean(axis=1)

    lonely = np.quantile(likeness(seen, 1), share)  # each is nearest to itself
    is_said = np.any(phrases != 0, axis=1)
    return np.flatnonzero(is_said & (likeness(normalize(phrases), 0) < lonely))
