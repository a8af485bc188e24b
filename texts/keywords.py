"""What a cluster is about: the terms that are more frequent in it than elsewhere. Knows no model.

Source: class-based TF-IDF (Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based
TF-IDF procedure"), with a term's share of the relative entropy between cluster and corpus as its
weight (Kullback & Leibler 1951).
"""

import os
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from ..clusters.rows import draw_sample
from .unspaced import GRAMMAR, RUN, UnspacedWords
from .words import WORD, find_stop_words


def diversify(terms: Iterable[str], count: int) -> list[str]:
    """The first `count` terms of which no two share a word or its stem, and none repeats one.

    Example:
        >>> diversify(["query", "queries", "sql query", "oracle", "sql"], count=3)
        ['query', 'oracle', 'sql']
    """
    chosen: list[str] = []
    for term in terms:
        words, known = term.split(), [word for other in chosen for word in other.split()]
        if len(set(words)) == len(words) and not any(
            alike(word, other) for word in words for other in known
        ):
            chosen.append(term)
        if len(chosen) == count:
            break
    return chosen


def alike(one: str, other: str) -> bool:
    """Whether two words are the same, or forms of one stem.

    They are of one stem where they agree in four letters and all but the last three, or differ by
    one letter more; in scripts without spaces, where they share half of the shorter one, and two
    letters or more.

    Example:
        >>> alike("query", "queries"), alike("car", "cars"), alike("bank", "band")
        (True, True, False)
        >>> alike("世界杯", "世界"), alike("世界杯", "世纪")
        (True, False)
    """
    shorter, longer = sorted([len(one), len(other)])
    if RUN.match(one) and RUN.match(other):
        size = max(2, (shorter + 1) // 2)
        return any(one[start : start + size] in other for start in range(len(one) - size + 1))
    common = len(os.path.commonprefix([one, other]))
    return one == other or common >= max(4, longer - 3) or common == shorter == max(3, longer - 1)


def find_terms(texts: list[str]) -> Callable[[str], list[str]]:
    """What finds the terms of a text: words but for stop words, and pairs of neighbours; in scripts
    without spaces, the words that `texts` hold.
    """
    spaced = CountVectorizer(
        token_pattern=WORD, ngram_range=(1, 2), stop_words=sorted(find_stop_words(texts))
    ).build_analyzer()
    unspaced = UnspacedWords(texts)
    return lambda text: [
        *(term for part in RUN.split(text) for term in spaced(part)),
        *unspaced(text),
    ]


def cluster_keywords(
    texts: list[str],
    clusters: np.ndarray,
    num_clusters: int,
    num_keywords: int = 10,
    max_length: int = 1000,
    max_seen: int = 200_000,
    parents: np.ndarray | None = None,
) -> list[dict[str, float]]:
    """Keywords of each cluster with their weights, the most telling first: words and pairs of
    neighbours, no two of a kind.

    A term weighs p(t|c) log(p(t|c) / p(t)), p being the share of documents that hold it, in the
    cluster shrunk by n / (n + 1) where n of them do: words that stand everywhere weigh nothing, in
    any language, and rare ones little. Pairs weigh half as much again, so that they replace a word
    that mostly stands in them; what begins or ends in Hiragana, mostly grammar, weighs half.

    Args:
        texts (`list[str]` of length `num_documents`): The documents.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        num_clusters (`int`): Number of clusters K.
        num_keywords (`int`, *optional*, defaults to 10): Keywords per cluster, at most.
        max_length (`int`, *optional*, defaults to 1000): Characters of a document that are read.
        max_seen (`int`, *optional*, defaults to 200,000): Documents that are read, at most; beyond
            them, a sample.
        parents (`np.ndarray` of shape `(num_clusters,)`, *optional*): The coarser cluster that each
            lies in. p(t) is then the geometric mean of the shares of all documents and of those of
            the coarser cluster: what tells a cluster from its siblings weighs most. `None`: there
            are none.

    Returns:
        A dictionary for each cluster; empty for an empty cluster.
    """
    seen = draw_sample(len(texts), seed=0, size=max_seen)
    texts = [unicodedata.normalize("NFC", texts[row][:max_length]) for row in seen]
    clusters = clusters[seen]
    vectorizer = CountVectorizer(analyzer=find_terms(texts), min_df=2, binary=True)
    try:
        held = vectorizer.fit_transform(texts)  # (num_documents, num_terms)
    except ValueError:  # scikit-learn's word for: no term is left
        return [{} for _ in range(num_clusters)]
    terms, overall = vectorizer.get_feature_names_out(), np.asarray(held.mean(axis=0)).ravel()
    around = {}
    if parents is not None:
        inside = parents[clusters]
        for parent in np.unique(inside):
            share = np.asarray(held[inside == parent].mean(axis=0)).ravel()
            around[parent] = np.sqrt(overall * np.where(share > 0, share, overall))
    favour = np.array([1.5 if " " in term else 0.5 if GRAMMAR.match(term) else 1 for term in terms])
    # Of pieces that weigh the same, the longest is the word.
    lengths = np.array([len(term) if RUN.match(term) else 0 for term in terms])
    keywords = []
    for cluster in range(num_clusters):
        members = held[clusters == cluster]
        counts = np.asarray(members.sum(axis=0)).ravel()
        share = counts**2 / (counts + 1) / max(members.shape[0], 1)
        usual = overall if parents is None else around.get(parents[cluster], overall)
        weight = favour * np.where(share > 0, share * np.log(np.maximum(share, 1e-9) / usual), 0)
        order = np.lexsort([-lengths, -weight])
        order = order[weight[order] > 0]
        weights = dict(zip(terms[order].tolist(), weight[order].tolist(), strict=True))
        keywords.append({term: weights[term] for term in diversify(weights, num_keywords)})
    return keywords


def rank_keywords(
    keywords: list[dict[str, float]], cosines: dict[str, np.ndarray]
) -> list[list[str]]:
    """Keywords in the order that people read them in: by weight times cosine to their cluster, so
    that what is frequent in it and means something else comes last.

    Args:
        keywords (`list[dict[str, float]]` of length `num_clusters`): `cluster_keywords`.
        cosines (`dict[str, np.ndarray]` of arrays of shape `(num_clusters,)`): Of each keyword with
            the clusters, as the encoder sees both.

    Example:
        >>> cosines = {"edu": np.array([0.1]), "faith": np.array([0.6]), "god": np.array([0.5])}
        >>> rank_keywords([{"edu": 0.9, "faith": 0.3, "god": 0.5}], cosines)
        [['god', 'faith', 'edu']]
    """
    return [
        sorted(weights, key=lambda term: -weights[term] * max(cosines[term][cluster], 0))
        for cluster, weights in enumerate(keywords)
    ]
