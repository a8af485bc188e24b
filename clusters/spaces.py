"""The spaces in which texts are seen: embeddings beside words, and what parts clusters."""

import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, pairwise
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.decomposition import TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import kneighbors_graph
from sklearn.preprocessing import normalize

from .rows import ALL, batches, draw_sample


OWN_WEIGHT = 0.5  # length of the encoder's own embeddings beside a teacher's


class TokenIds(Protocol):
    """Token ids of documents, in a list or wherever slices can be read from."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Iterable[list[int]]: ...


def lexical_view(
    documents: TokenIds,
    seed: int,
    num_components: int = 100,
    special: Collection[int] = (),
    prefix: Sequence[int] = (),
    max_seen: int = 200_000,
) -> np.ndarray:
    """What the words alone say: latent semantic analysis (Deerwester et al. 1990) of token ids.

    TF-IDF of tokens and pairs of neighbours, a truncated SVD, rows of unit length. Tokens instead
    of words need no language's rules.

    Args:
        documents (`TokenIds` of length `num_documents`): Token ids; slices of it are read.
        seed (`int`): Seed of the SVD.
        num_components (`int`, *optional*, defaults to 100): Dimensions, fewer where the vocabulary
            is smaller.
        special (`Collection[int]`, *optional*): Ids of tokens that say nothing.
        prefix (`Sequence[int]`, *optional*): Ids that the documents begin with, all alike.
        max_seen (`int`, *optional*, defaults to 200,000): Documents that vocabulary and components
            are made from, at most; beyond them, a sample.

    Returns:
        `np.ndarray` of shape `(num_documents, num_components)`, float32. A document without a known
        token is a row of zeros; where documents share no tokens at all there are no columns.
    """
    is_seen = np.isin(np.arange(len(documents)), draw_sample(len(documents), seed, max_seen))
    seen = (
        ids for part in batches(len(documents)) for ids in compress(documents[part], is_seen[part])
    )
    vectorizer, weights = _weigh_terms(seen, special, prefix)
    num_components = max(0, min(num_components, *(size - 1 for size in weights.shape)))
    view = np.zeros((len(documents), num_components), dtype=np.float32)
    if not num_components:
        return view
    analysis = TruncatedSVD(num_components, random_state=seed)
    placed = analysis.fit_transform(weights)
    if is_seen.all():
        view[:] = normalize(placed)
        return view
    for part in batches(len(documents)):
        view[part] = normalize(analysis.transform(vectorizer.transform(documents[part])))
    return view


def _weigh_terms(
    documents: Iterable[list[int]], special: Collection[int], prefix: Sequence[int]
) -> tuple[TfidfVectorizer, csr_matrix]:
    """TF-IDF of tokens and pairs, fitted to documents, and their weights; these are empty where
    the documents share no tokens.
    """

    def terms(ids: list[int]) -> list[tuple[int, ...]]:
        ids = [token for token in ids if token not in special]
        if ids[: len(prefix)] == [*prefix]:
            ids = ids[len(prefix) :]
        return [*zip(ids), *pairwise(ids)]

    vectorizer = TfidfVectorizer(analyzer=terms, sublinear_tf=True, min_df=2, max_df=0.5)
    try:
        return vectorizer, vectorizer.fit_transform(documents)
    except ValueError:  # scikit-learn's word for: no term is left
        return vectorizer, csr_matrix((0, 0))


class FusedSpace:
    """Embeddings beside the lexical view, rows of unit length, `(num_documents, hidden_size +
    teacher_size + num_components)`; rows are made when they are asked for.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings, of
            any length.
        lexical (`np.ndarray` of shape `(num_documents, num_components)`): Lexical view, rows of
            unit length.
        lexical_weight (`float`, *optional*, defaults to 0.5): Length of the lexical part beside the
            embedding's 1. For distances half the length does best; discriminants, which weigh for
            themselves, take more.
        teacher (`np.ndarray` of shape `(num_documents, teacher_size)`, *optional*): A teacher's
            embeddings, of any length; they have length 1 too, and the others half of theirs beside
            them.
    """

    def __init__(
        self,
        embeddings: np.ndarray,
        lexical: np.ndarray,
        lexical_weight: float = 0.5,
        teacher: np.ndarray | None = None,
    ) -> None:
        views = [(embeddings, 1.0)]
        if teacher is not None:
            views = [(embeddings, OWN_WEIGHT), (teacher, 1.0)]
        self.dense = [(view, shared_direction(view), weight) for view, weight in views]
        self.lexical, self.lexical_weight = lexical, lexical_weight

    def __len__(self) -> int:
        return len(self.lexical)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        parts = [
            weight * normalize(normalize(view[rows]) - shared)
            for view, shared, weight in self.dense
        ]
        return normalize(np.hstack([*parts, self.lexical_weight * self.lexical[rows]]))


def shared_direction(embeddings: np.ndarray) -> np.ndarray:
    """The mean of the embeddings at unit length, `(hidden_size,)`, where they lie in a narrow cone
    about it; else 0.

    Some encoders put all texts there: what they share then hides what parts them, and is to be
    taken off (Mu & Viswanath, ICLR 2018). A cone is narrow where the mean holds more than half of
    their squared length; where it holds all of it, nothing but rounding parts them.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.

    Example:
        >>> shared_direction(np.array([[4.0, 3.0], [4.0, -3.0]])).round(2)
        array([0.8, 0. ])
        >>> shared_direction(np.array([[3.0, 4.0], [3.0, -4.0]])).round(2)
        array([0., 0.])
    """
    sums = sum(normalize(embeddings[part]).sum(axis=0) for part in batches(len(embeddings)))
    mean = (sums / len(embeddings)).astype(embeddings.dtype)
    return mean if 0.5 < np.square(mean).sum() < 1 - 1e-6 else np.zeros_like(mean)


@dataclass(frozen=True)
class Views:
    """Documents seen in two ways, or three.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        lexical (`np.ndarray` of shape `(num_documents, num_components)`): What their words say
            (`lexical_view`).
        teacher (`np.ndarray` of shape `(num_documents, teacher_size)`, *optional*): What an encoder
            says that knows more.
    """

    embeddings: np.ndarray
    lexical: np.ndarray
    teacher: np.ndarray | None = None

    @cached_property
    def fused(self) -> np.ndarray:
        """All beside each other as distances want it (`FusedSpace`)."""
        return FusedSpace(self.embeddings, self.lexical, teacher=self.teacher)[ALL]

    @cached_property
    def rows_for_discriminants(self) -> FusedSpace:
        """All beside each other as discriminants want it: words weigh as much as embeddings."""
        return FusedSpace(self.embeddings, self.lexical, 1.0, self.teacher)

    @cached_property
    def for_discriminants(self) -> np.ndarray:
        """The rows of all of them."""
        return self.rows_for_discriminants[ALL]

    @cached_property
    def smoothed(self) -> np.ndarray:
        """The fused space, each document moved towards its neighbours (`smooth`)."""
        return smooth(self.fused)

    def take(self, rows: np.ndarray) -> "Views":
        """The views of some of the documents."""
        teacher = None if self.teacher is None else self.teacher[rows]
        return Views(self.embeddings[rows], self.lexical[rows], teacher)


def smooth(embeddings: np.ndarray, num_neighbors: int = 10) -> np.ndarray:
    """Each document half way to the mean of its nearest neighbours, rows of unit length.

    A low-pass filter on their graph, which parts clusters better than the documents themselves do
    (adaptive graph convolution, Zhang et al., IJCAI 2019).

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Rows of unit length.
        num_neighbors (`int`, *optional*, defaults to 10): Neighbours of a document, fewer where
            there are fewer.

    Example:
        >>> smooth(np.array([[1.0, 0.0], [0.8, 0.6], [-1.0, 0.0]]), num_neighbors=1).round(2)
        array([[ 0.95,  0.32],
               [ 0.95,  0.32],
               [-0.32,  0.95]])
    """
    if len(embeddings) < 3:  # two would meet
        return embeddings
    num_neighbors = min(num_neighbors, len(embeddings) - 1)
    with config_context(working_memory=64):  # MiB; it would take a GiB and more
        graph = kneighbors_graph(embeddings, num_neighbors, metric="cosine")
    return normalize(embeddings + (graph @ embeddings) / num_neighbors).astype(embeddings.dtype)


def few_kinds(fused: np.ndarray, num_clusters: int) -> np.ndarray | None:
    """Number of each document's kind where there are fewer distinct ones than clusters,
    `(num_documents,)`.
    """
    kinds: dict[bytes, int] = {}
    for row in fused:
        kinds.setdefault(row.tobytes(), len(kinds))
        if len(kinds) == num_clusters:
            return None
    return np.array([kinds[row.tobytes()] for row in fused])


def cluster_means(embeddings: np.ndarray, clusters: np.ndarray, num_clusters: int) -> np.ndarray:
    """Mean embedding of each cluster, `(num_clusters, hidden_size)`; zero for an empty one.

    Example:
        >>> embeddings = np.array([[0.0, 2.0], [0.0, 4.0], [1.0, 1.0]])
        >>> cluster_means(embeddings, np.array([1, 1, 0]), num_clusters=2)
        array([[1., 1.],
               [0., 3.]])
    """
    sizes = np.bincount(clusters, minlength=num_clusters).clip(min=1)
    sums = sum(
        membership(clusters[part], num_clusters) @ embeddings[part]
        for part in batches(len(embeddings))
    )
    return (sums / sizes[:, None]).astype(embeddings.dtype)


def membership(clusters: np.ndarray, num_clusters: int) -> csr_matrix:
    """Which documents each cluster holds: sparse ones, `(num_clusters, num_documents)`."""
    return csr_matrix(
        (np.ones(len(clusters)), (clusters, np.arange(len(clusters)))),
        (num_clusters, len(clusters)),
    )


def fit_discriminants(
    embeddings: np.ndarray, clusters: np.ndarray, shrinkage: float = 0.4
) -> Callable[[np.ndarray], np.ndarray]:
    """Directions that part the clusters best: shrunken linear discriminant analysis, seen from the
    middle.

    Args:
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        clusters (`np.ndarray` of shape `(num_documents,)`): Cluster of each document.
        shrinkage (`float`, *optional*, defaults to 0.4): Of the covariance within clusters, to a
            sphere.

    Returns:
        A function of embeddings, these or others, that gives each a unit row: the direction from
        the mean of the clusters' means. Where all documents are in one cluster, or no cluster has
        any spread, it is the embedding's.
    """
    names, clusters = np.unique(clusters, return_inverse=True)
    if len(names) in (1, len(clusters)):
        return normalize
    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Only one sample"
        )  # a cluster of one has no spread, as it should be
        try:
            analysis.fit(embeddings, clusters)
        except np.linalg.LinAlgError:  # no spread within any cluster
            return normalize
    middle = cluster_means(analysis.transform(embeddings), clusters, len(names)).mean(axis=0)
    return lambda embeddings: normalize(analysis.transform(embeddings) - middle)
