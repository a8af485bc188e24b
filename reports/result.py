"""`ClusteringResult`: all that a run tells of one clustering. Writers read it, and change nothing
of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.preprocessing import normalize

from ..clusters.quality import silhouettes
from ..clusters.rows import draw_sample
from ..clusters.stability import STABLE
from ..clusters.start import describe_choice
from ..texts.documents import Documents
from ..texts.segments import Sentences, whole_documents
from .changes import Changes
from .cuts import MOST_TOLD, Groups, Trend, cut_by_group, cut_by_time
from .known import describe_known
from .layout import cluster_positions
from .levels import Level, coarser_probabilities
from .mix import Mix, documents_per_cluster, mix_sentences
from .nearest import nearest_documents


UNFOUND = "topics_without_texts"  # in the metrics
OUTLIER = -1  # the cluster of documents that belong nowhere
OUTLIER_LABEL = "outlier"
SCORES = ("accuracy", "nmi", "ari", "purity")  # against gold classes
STAGES = {"kmeans": "k-means", "init": "start", "untrained": "untrained", "eval": "final"}
SCORES_OF_K = "num_clusters_scores"  # in the metrics
START_SCORES, START_SIZES = "start_separation", "start_sizes"  # as well


def mean_per_cluster(values: np.ndarray, clusters: np.ndarray, num_clusters: int) -> np.ndarray:
    """Mean of the values of each cluster's documents, `(num_clusters,)`; 0 for an empty one.

    Example:
        >>> mean_per_cluster(np.array([1.0, 0.0, 0.5]), np.array([0, 0, 2]), num_clusters=3)
        array([0.5, 0. , 0.5])
    """
    sizes = np.bincount(clusters, minlength=num_clusters)
    return np.bincount(clusters, values, num_clusters) / sizes.clip(min=1)


@dataclass(frozen=True, eq=False)
class ClusteringResult:
    """Documents, where they belong and where they lie.

    Rows are those with a usable text, in the input's order.

    Args:
        documents (`Documents`): All rows of the input.
        q (`np.ndarray` of shape `(num_usable, num_clusters)`): Soft assignments, rows sum to 1.
        clusters (`np.ndarray` of shape `(num_usable,)`): Most probable cluster of each document.
        probabilities (`np.ndarray` of shape `(num_usable,)`): Probability of that cluster.
        assigned (`np.ndarray` of shape `(num_usable,)`): The clusters, -1 for outliers.
        embeddings (`np.ndarray` of shape `(num_usable, hidden_size)`): Document embeddings.
        positions (`np.ndarray` of shape `(num_usable, 2)`): Where the documents lie on the map.
        centroids (`np.ndarray` of shape `(num_clusters, hidden_size)`): Centroids.
        keywords (`list[list[str]]` of length `num_clusters`): Keywords of each cluster, the most
            telling first.
        labels (`list[str]` of length `num_clusters`): Names of the clusters.
        metrics (`dict`): Scores, as `all_results.json` holds them.
        settings (`dict[str, str]`): What the texts are called, and how the model was trained.
        history (`list[dict]`): Log lines of the training, as `trainer_state.json` holds them.
        before_edits (`np.ndarray` of shape `(num_usable,)`, *optional*): The clusters that the
            documents had, -1 for none, as people edited them. `None`: they did not.
        levels (`Sequence[Level]`, *optional*): Coarser levels of the clusters, the coarsest first.
        is_preview (`bool`, *optional*, defaults to `False`): Whether it is what a training sets out
            from, not what came of it.
        changes (`Changes`, *optional*): What new texts change. `None`: there are none.
    """

    documents: Documents
    q: np.ndarray
    clusters: np.ndarray
    probabilities: np.ndarray
    assigned: np.ndarray
    embeddings: np.ndarray
    positions: np.ndarray
    centroids: np.ndarray
    keywords: Sequence[Sequence[str]]
    labels: Sequence[str]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    before_edits: np.ndarray | None = None
    levels: Sequence[Level] = ()
    is_preview: bool = False
    changes: Changes | None = None

    @property
    def num_clusters(self) -> int:
        return len(self.centroids)

    @property
    def unit(self) -> str:
        """What was clustered, in the plural."""
        return "texts" if self.mix is None else "sentences"

    @property
    def title(self) -> str:
        texts = "" if self.mix is None else f" of {len(self.mix.clusters):,} texts"
        title = f"{len(self.clusters):,} {self.unit}{texts} in {self.num_clusters:,} clusters"
        return f"Preview: {title}" if self.is_preview else title

    @cached_property
    def texts(self) -> list[str]:
        return self.documents.usable_texts

    @cached_property
    def ids(self) -> list:
        return self.documents.usable_ids

    @property
    def whole(self) -> Documents:
        """The documents; where their sentences were clustered, those they are the sentences of."""
        return whole_documents(self.documents)

    @cached_property
    def mix(self) -> Mix | None:
        """What documents are about whose sentences were clustered; `None` where they are whole."""
        return self._mix(self.clusters)

    @cached_property
    def assigned_mix(self) -> Mix | None:
        """The same without what is an outlier."""
        return self._mix(self.assigned)

    def _mix(self, clusters: np.ndarray) -> Mix | None:
        if not isinstance(self.documents, Sentences):
            return None
        values = (self.probabilities, self.coarser_probabilities)
        return mix_sentences(self.documents, clusters, *values, self.num_clusters)

    @cached_property
    def num_documents(self) -> np.ndarray | None:
        """Documents that hold something of each cluster, `(num_clusters,)`; `None` where they are
        whole.
        """
        return None if self.mix is None else documents_per_cluster(self.mix)

    @cached_property
    def classes(self) -> np.ndarray | None:
        """Gold classes, `(num_usable,)`, where there are any; of whole documents."""
        return self.whole.usable_classes

    @property
    def document_clusters(self) -> np.ndarray:
        """Cluster of each whole document, `(num_usable,)`: where sentences were clustered, the one
        with the largest share.
        """
        return self.clusters if self.mix is None else self.mix.clusters

    @cached_property
    def sizes(self) -> np.ndarray:
        """Documents in each cluster, `(num_clusters,)`."""
        return np.bincount(self.clusters, minlength=self.num_clusters)

    @cached_property
    def coarser_probabilities(self) -> np.ndarray:
        """Probability of each document's cluster at each coarser level, `(num_usable,
        num_levels)`.
        """
        return coarser_probabilities(self.q, self.clusters, self.levels)

    @cached_property
    def middles(self) -> np.ndarray:
        """Where the clusters lie on the map, `(num_clusters, 2)`."""
        return cluster_positions(self.positions, self.clusters, self.num_clusters)

    @cached_property
    def nearest(self) -> list[list[int]]:
        """Rows of the most typical documents of each cluster, the most typical first."""
        return nearest_documents(self.embeddings, self.centroids, self.clusters, self.texts)

    @cached_property
    def mean_probabilities(self) -> np.ndarray:
        """Mean probability of each cluster's documents, `(num_clusters,)`; 0 for an empty one."""
        return mean_per_cluster(self.probabilities, self.clusters, self.num_clusters)

    @cached_property
    def stabilities(self) -> list[float | None]:
        """Stability of each cluster (`cluster_stability`); `None` where it is not known."""
        known = self.metrics.get("cluster_stability") or []
        return known if len(known) == self.num_clusters else [None] * self.num_clusters

    @cached_property
    def cluster_silhouettes(self) -> np.ndarray:
        """Mean cosine silhouette of each cluster's documents, of 20,000 at most, `(num_clusters,)`;
        0 for none.
        """
        sample = draw_sample(len(self.clusters), seed=0, size=20_000)
        clusters = self.clusters[sample]
        values = silhouettes(normalize(self.embeddings[sample]), clusters)
        return mean_per_cluster(values, clusters, self.num_clusters)

    @cached_property
    def stage_scores(self) -> dict[str, list[float]]:
        """`SCORES` of each of the `STAGES` that were scored against gold classes, by its title."""
        return {
            title: [self.metrics[f"{stage}_{name}"] for name in SCORES]
            for stage, title in STAGES.items()
            if f"{stage}_{SCORES[0]}" in self.metrics
        }

    @cached_property
    def scores_of_k(self) -> dict[int, float]:
        """Score of every number of clusters that was tried, in order; empty where none was."""
        scores = self.metrics.get(SCORES_OF_K) or {}
        return dict(sorted((int(k), score) for k, score in scores.items()))

    @cached_property
    def counted(self) -> np.ndarray:
        """Rows that times and groups count: all, or one sentence for each topic of a document."""
        if not isinstance(self.documents, Sentences):
            return np.arange(len(self.clusters))
        pairs = self.documents.places * self.num_clusters + self.clusters
        return np.unique(pairs, return_index=True)[1]

    @cached_property
    def trend(self) -> Trend | None:
        """The clusters over time, where it is known."""
        known = self.documents.usable_attributes
        if known is None or known.time_column is None or known.times is None:
            return None
        return cut_by_time(
            known.time_column, known.times, self.clusters, self.num_clusters, self.counted
        )

    @cached_property
    def cuts(self) -> list[Groups]:
        """The clusters by group, for each column of groups."""
        known = self.documents.usable_attributes
        groups = known.groups.items() if known else ()
        found = [
            cut_by_group(*group, self.clusters, self.num_clusters, self.counted) for group in groups
        ]
        return [cut for cut in found if cut is not None]

    @cached_property
    def about_topics(self) -> list[str]:
        """What became of the topics that people know; nothing without any."""
        known = self.documents.usable_known
        if known is None:
            return []
        found = [self.labels[cluster] for cluster in self.clusters]
        unfound = self.metrics.get(UNFOUND, [])
        return describe_known(known, self.labels, found, self.texts, unfound)

    @property
    def findings(self) -> list[tuple[str, str]]:
        """What a person should know first: what to trust, what changes, and for whom; titles and
        what they head.
        """
        trust = [("Stable", self.about_stability)] if self.about_stability else []
        cuts = [*([self.trend] if self.trend else ()), *self.cuts]
        changed = self.changes.tell() if self.changes else []
        return [*trust, *changed, *(line for cut in cuts for line in cut.tell(self.labels))]

    @property
    def about_stability(self) -> str | None:
        """How many clusters can be trusted, and which cannot, where that is known."""
        known = [c for c, stability in enumerate(self.stabilities) if stability is not None]
        chance = [c for c in known if (self.stabilities[c] or 0) < STABLE]
        if not known:
            return None
        largest = sorted(chance, key=lambda c: -self.sizes[c])[:MOST_TOLD]
        names = "; ".join(self.labels[c] for c in largest)
        more = f" and {len(chance) - MOST_TOLD} more" if len(chance) > MOST_TOLD else ""
        share = self.sizes[chance].sum() / len(self.clusters)
        doubt = f"; may be chance ({share:.1%}): {names}{more}" if chance else ""
        return f"{len(known) - len(chance)} of {len(known)} clusters{doubt}"

    @property
    def about_start(self) -> str | None:
        """What a person should know of the kind of clusters that training set out from, where it
        was chosen.
        """
        if not self.metrics.get(START_SCORES):
            return None
        return describe_choice(self.metrics[START_SCORES], self.metrics[START_SIZES])
