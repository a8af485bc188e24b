"""Documents on a plane, for the map: neighbours in the embeddings' space stay neighbours.

Knows no model.

`umap-learn` (McInnes et al. 2018) makes the map where it is installed, else t-SNE (van der Maaten &
Hinton 2008) on the first principal components. t-SNE looks at a sample where there are many
documents, and the others are put among their nearest neighbours in it.
"""

import logging

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from ..clusters.rows import batches
from ..clusters.spaces import few_kinds


logger = logging.getLogger(__name__)

MAX_COMPONENTS = 50
EXTENT = 10.0  # the map reaches from -10 to 10 along its longer side


def project(embeddings: np.ndarray, seed: int, max_tsne: int = 5000) -> np.ndarray:
    """Positions of documents on the map, `(num_documents, 2)`, float64; the same for the same seed.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings;
            directions count.
        seed (`int`): Seed of the projection.
        max_tsne (`int`, *optional*, defaults to 5000): Documents that t-SNE sees, at most.
    """
    if few_kinds(embeddings, 5) is not None:  # too few for neighbourhoods
        embeddings = normalize(embeddings.astype(np.float64))
        left, lengths, _ = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)
        positions = (left * lengths)[:, :2]
        return to_extent(np.pad(positions, ((0, 0), (0, 2 - positions.shape[1]))))
    umap = find_umap()
    if umap is not None:
        logger.info("Map of %d documents: UMAP.", len(embeddings))
        reducer = umap(
            min(15, len(embeddings) - 1), metric="cosine", init="pca", random_state=seed, n_jobs=1
        )
        return to_extent(reducer.fit_transform(embeddings).astype(np.float64))
    generator = np.random.default_rng(seed)
    sample = np.sort(
        generator.choice(len(embeddings), min(max_tsne, len(embeddings)), replace=False)
    )
    seen = "" if len(sample) == len(embeddings) else f" of {max_tsne} of them"
    logger.info(
        "Map of %d documents: t-SNE%s (umap-learn is not installed).", len(embeddings), seen
    )
    analysis = PCA(min(MAX_COMPONENTS, len(sample), embeddings.shape[1]), random_state=seed)
    components = analysis.fit_transform(normalize(embeddings[sample].astype(np.float64)))
    positions = to_extent(project_by_tsne(components, seed))
    if len(sample) == len(embeddings):
        return positions
    parts = [
        analysis.transform(normalize(embeddings[part].astype(np.float64)))
        for part in batches(len(embeddings))
    ]
    components = np.concatenate(parts).astype(np.float32)
    return place_among_neighbors(components, sample, positions, generator)


def project_roughly(embeddings: np.ndarray) -> np.ndarray:
    """Positions of documents by their first two principal components, `(num_documents, 2)`,
    float64.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings;
            directions count.
    """
    directions = normalize(embeddings.astype(np.float64))
    directions -= directions.mean(axis=0)
    _, components = np.linalg.eigh(directions.T @ directions)  # of growing variance
    return to_extent(directions @ components[:, :-3:-1])


def find_umap() -> type | None:
    """The class `umap.UMAP`; `None` where it is not installed."""
    try:
        from umap import UMAP  # slow to import
    except ImportError:
        return None
    return UMAP


def project_by_tsne(components: np.ndarray, seed: int) -> np.ndarray:
    reducer = TSNE(perplexity=min(30.0, (len(components) - 1) / 3), init="pca", random_state=seed)
    # Its threads wait for each other: six times as slow on a busy CPU.
    with threadpool_limits(1, user_api="openmp"):
        return reducer.fit_transform(components).astype(np.float64)


def place_among_neighbors(
    components: np.ndarray,
    sample: np.ndarray,
    positions: np.ndarray,
    generator: np.random.Generator,
    num_neighbors: int = 3,
) -> np.ndarray:
    """Positions of all documents, where those of a sample are known.

    Each of the others lies at the middle of its nearest neighbours in the sample, the median of
    each coordinate, which is not drawn into the gap between two groups. It is moved by up to the
    distance between neighbours on the map, so that documents do not hide each other.

    Args:
        components (`np.ndarray` of shape `(num_documents, num_components)`): Where documents lie.
        sample (`np.ndarray` of shape `(sample_size,)`): Those whose position is known.
        positions (`np.ndarray` of shape `(sample_size, 2)`): Their positions.
        generator (`np.random.Generator`): Source of the moves.
        num_neighbors (`int`, *optional*, defaults to 3): Neighbours to look at.
    """
    others = np.setdiff1d(np.arange(len(components)), sample)
    nearest = NearestNeighbors(n_neighbors=num_neighbors).fit(components[sample])
    middle = np.median(
        positions[nearest.kneighbors(components[others], return_distance=False)], axis=1
    )
    gaps = NearestNeighbors(n_neighbors=2).fit(positions).kneighbors(positions)[0][:, 1]
    placed = np.empty((len(components), 2))
    placed[sample] = positions
    placed[others] = middle + generator.normal(scale=np.median(gaps), size=middle.shape)
    return placed


def to_extent(positions: np.ndarray) -> np.ndarray:
    """Move and scale a map to the middle of its extent.

    Example:
        >>> to_extent(np.array([[0.0, 1.0], [4.0, 2.0]]))
        array([[-10. ,  -2.5],
               [ 10. ,   2.5]])
    """
    lowest, highest = positions.min(axis=0), positions.max(axis=0)
    span = (highest - lowest).max()
    return (positions - (lowest + highest) / 2) * (2 * EXTENT / span if span > 0 else 1.0)


def cluster_positions(positions: np.ndarray, clusters: np.ndarray, num_clusters: int) -> np.ndarray:
    """Where each cluster lies on the map: the middle of its documents, `(num_clusters, 2)`.

    It is the median of each coordinate, which single documents far off do not move. An empty
    cluster lies at 0.

    Example:
        >>> positions = np.array([[0.0, 1.0], [1.0, 1.0], [9.0, 4.0]])
        >>> cluster_positions(positions, np.array([1, 1, 1]), num_clusters=2)
        array([[0., 0.],
               [1., 1.]])
    """
    middles = np.zeros((num_clusters, 2))
    for cluster in np.unique(clusters):
        middles[cluster] = np.median(positions[clusters == cluster], axis=0)
    return middles
