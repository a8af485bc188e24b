"""What clusters are about: keywords as the encoder sees them."""

from itertools import pairwise

import numpy as np

from ..clusters.levels import parents_between
from ..clusters.phrases import term_cosines
from ..configuration_bert_cluster import BertClusterConfig
from ..texts.keywords import cluster_keywords, rank_keywords
from .inference import Inference


def find_keywords(
    texts: list[str],
    clusters: np.ndarray,
    embeddings: np.ndarray,
    num_clusters: int,
    inference: Inference,
    parents: np.ndarray | None = None,
) -> list[list[str]]:
    """Keywords of each cluster, those first that are frequent in it and close to it.

    Args:
        texts (`list[str]` of length `num_documents`): The documents.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Embedding of each.
        num_clusters (`int`): Number of clusters K.
        inference (`Inference`): Embeds the keywords, on this process alone.
        parents (`np.ndarray` of shape `(num_clusters,)`, *optional*): The coarser cluster that each
            lies in. `None`: there are none.
    """
    keywords = cluster_keywords(texts, clusters, num_clusters, parents=parents)
    terms = sorted(set().union(*keywords))
    if not terms:
        return [[] for _ in keywords]
    found = term_cosines(embeddings, clusters, num_clusters, inference.encode_terms(terms))
    return rank_keywords(keywords, dict(zip(terms, found, strict=True)))


def find_keywords_of_levels(
    texts: list[str],
    clusters: np.ndarray,
    embeddings: np.ndarray,
    config: BertClusterConfig,
    inference: Inference,
) -> list[list[list[str]]]:
    """Keywords of the clusters at each level of a model, the coarsest first, each held against its
    siblings; without levels, of its clusters alone.

    Args:
        texts, clusters, embeddings, inference: As in `find_keywords`.
        config (`BertClusterConfig`): Of the model.
    """
    levels = [*map(np.array, config.levels or []), np.arange(config.num_clusters)]
    parents = [None, *(parents_between(below, above) for above, below in pairwise(levels))]
    return [
        find_keywords(texts, inside[clusters], embeddings, inside.max() + 1, inference, above)
        for inside, above in zip(levels, parents, strict=True)
    ]
