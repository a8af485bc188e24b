"""`Findings`: all that the pages, pictures and files of `results/` tell of one clustering."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.preprocessing import normalize

from ..clusters.quality import silhouettes
from ..clusters.rows import draw_sample
from ..texts.documents import Documents
from .files import nearest_documents
from .layout import cluster_positions


@dataclass
class Findings:
    """Documents, where they belong and where they lie.

    Rows are those with a usable text, in the input's order.

    Args:
        documents (`Documents`): All rows of the input.
        q (`np.ndarray` of shape `(num_usable, num_clusters)`): Soft assignments, rows sum to 1.
        embeddings (`np.ndarray` of shape `(num_usable, hidden_size)`): Document embeddings.
        positions (`np.ndarray` of shape `(num_usable, 2)`): Where the documents lie on the map.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Centroids.
        keywords (`list[list[str]]` of length `num_clusters`): Keywords of each cluster, the most
            telling first.
        labels (`list[str]` of length `num_clusters`): Names of the clusters.
        metrics (`dict`): Scores, as `all_results.json` holds them.
        settings (`dict[str, str]`): How the model was trained.
        history (`list[dict]`): Log lines of the training, as `trainer_state.json` holds them.
    """

    documents: Documents
    q: np.ndarray
    embeddings: np.ndarray
    positions: np.ndarray
    centroids: np.ndarray
    keywords: list[list[str]]
    labels: list[str]
    metrics: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def texts(self) -> list[str]:
        return self.documents.usable_texts

    @cached_property
    def ids(self) -> list:
        return [
            id_
            for id_, usable in zip(self.documents.ids, self.documents.usable, strict=True)
            if usable
        ]

    @cached_property
    def classes(self) -> np.ndarray | None:
        """Gold classes, `(num_usable,)`, where there are any."""
        return (
            None
            if self.documents.classes is None
            else self.documents.classes[self.documents.usable]
        )

    @cached_property
    def clusters(self) -> np.ndarray:
        """Most probable cluster of each document, `(num_usable,)`."""
        return self.q.argmax(axis=1)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Probability of that cluster, `(num_usable,)`."""
        return self.q.max(axis=1)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Documents in each cluster, `(num_clusters,)`."""
        return np.bincount(self.clusters, minlength=len(self.centroids))

    @cached_property
    def middles(self) -> np.ndarray:
        """Where the clusters lie on the map, `(num_clusters, 2)`."""
        return cluster_positions(self.positions, self.clusters, len(self.centroids))

    @cached_property
    def nearest(self) -> list[list[int]]:
        """Rows of the most typical documents of each cluster, the most typical first."""
        return nearest_documents(self.embeddings, self.centroids, self.clusters, self.texts)

    @cached_property
    def mean_probabilities(self) -> np.ndarray:
        """Mean probability of each cluster's documents, `(num_clusters,)`; 0 for an empty one."""
        return np.bincount(
            self.clusters, self.probabilities, len(self.centroids)
        ) / self.sizes.clip(min=1)

    @cached_property
    def stabilities(self) -> list[float | None]:
        """Stability of each cluster (`stability.cluster_stability`); `None` where it is not known."""
        known = self.metrics.get("cluster_stability") or []
        return known if len(known) == len(self.centroids) else [None] * len(self.centroids)

    @cached_property
    def cluster_silhouettes(self) -> np.ndarray:
        """Mean cosine silhouette of each cluster's documents, of 20,000 at most, `(num_clusters,)`;
        0 for none.
        """
        sample = draw_sample(len(self.clusters), seed=0, size=20_000)
        clusters, num_clusters = self.clusters[sample], len(self.centroids)
        values = silhouettes(normalize(self.embeddings[sample]), clusters)
        return np.bincount(clusters, values, num_clusters) / np.bincount(
            clusters, minlength=num_clusters
        ).clip(min=1)
