"""What clusters are about: keywords as the encoder sees them."""

import numpy as np

from ..clusters.phrases import term_cosines
from ..texts.keywords import cluster_keywords, rank_keywords
from .inference import Inference


def find_keywords(
    texts: list[str],
    clusters: np.ndarray,
    embeddings: np.ndarray,
    num_clusters: int,
    inference: Inference,
) -> list[list[str]]:
    """Keywords of each cluster, those first that are frequent in it and close to it.

    Args:
        texts (`list[str]` of length `num_documents`): The documents.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Embedding of each.
        num_clusters (`int`): Number of clusters K.
        inference (`Inference`): Embeds the keywords, on this process alone.
    """
    keywords = cluster_keywords(texts, clusters, num_clusters)
    terms = sorted(set().union(*keywords))
    if not terms:
        return [[] for _ in keywords]
    found = term_cosines(embeddings, clusters, num_clusters, inference.encode_terms(terms))
    return rank_keywords(keywords, dict(zip(terms, found, strict=True)))
