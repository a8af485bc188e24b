"""The mathematics: pure functions of arrays, which know no tokenizer and no disk."""

from .candidates import kmeans
from .metrics import gold_scores, internal_scores
from .num_clusters import NumClustersEstimate, estimate_num_clusters
from .quality import ClusterScore, silhouettes
from .spaces import FusedSpace, Views, cluster_means, lexical_view
from .sparse import SparseAssignment
from .stability import agreement, cluster_stability
from .start import Recipe, Start, find_start, repeat_start
from .targets import calibrate_alpha, target_distribution, teach


__all__ = [
    "ClusterScore",
    "FusedSpace",
    "NumClustersEstimate",
    "Recipe",
    "SparseAssignment",
    "Start",
    "Views",
    "agreement",
    "calibrate_alpha",
    "cluster_means",
    "cluster_stability",
    "estimate_num_clusters",
    "find_start",
    "gold_scores",
    "internal_scores",
    "kmeans",
    "lexical_view",
    "repeat_start",
    "silhouettes",
    "target_distribution",
    "teach",
]
