"""Spaces: what words add to embeddings, and how they are put side by side."""

import warnings

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from bert_clustering.clusters import spaces
from bert_clustering.clusters.spaces import (
    FusedSpace,
    Views,
    cluster_means,
    fit_discriminants,
    lexical_view,
    shared_direction,
    smooth,
)
from helpers import make_groups


def test_cluster_means_of_an_empty_cluster_are_zero():
    means = cluster_means(np.ones((3, 2)), np.array([0, 0, 2]), num_clusters=3)
    np.testing.assert_array_equal(means, [[1, 1], [0, 0], [1, 1]])


def test_lexical_view_joins_documents_that_share_rare_tokens():
    documents = [[1, 2, 3], [1, 2, 3, 9], [7, 8, 9], [7, 8], [4, 5, 6], [4, 5, 6]]
    view = lexical_view(documents, seed=0)
    assert view.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(view, axis=1), 1, rtol=1e-5)
    similarity = view @ view.T
    assert similarity[0, 1] > similarity[0, 2] and similarity[2, 3] > similarity[2, 4]


def test_lexical_view_keeps_the_cosines_of_tf_idf_of_tokens_and_pairs():
    """Every document is there twice, so that the SVD has nothing to cut off. 9 is in too many."""
    kinds = [[1, 1, 1, 2, 3, 9], [2, 3, 1, 9], [5, 6, 7, 7, 9], [6, 5, 1, 8], [2, 7, 6, 5, 9]]
    documents = [ids for ids in kinds for _ in range(2)]
    view = lexical_view(documents, seed=0)
    reference = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True, min_df=2, max_df=0.5
    )
    weights = reference.fit_transform([" ".join(map(str, ids)) for ids in documents])
    assert "9" not in reference.vocabulary_
    np.testing.assert_allclose(view @ view.T, (weights @ weights.T).toarray(), atol=1e-5)


@pytest.mark.parametrize(
    "documents, width",
    [
        ([[token % 150] for token in range(300)], 100),
        ([[token % 20] for token in range(60)], 19),  # of 20 terms
        ([list(range(row, row + 6)) for row in range(15)], 14),  # of 15 documents
    ],
)
def test_lexical_view_has_a_hundred_columns_or_one_less_than_terms_or_documents(documents, width):
    assert lexical_view(documents, seed=0).shape == (len(documents), width)


@pytest.mark.parametrize("documents", [[[1], [2], [3]], [[], [], []], [[1], [1], [1]]])
def test_lexical_view_of_documents_without_shared_tokens_is_empty(documents):
    assert lexical_view(documents, seed=0).shape == (3, 0)


def test_lexical_view_is_made_from_two_hundred_thousand_documents_at_most(monkeypatch):
    sizes, draw_sample = [], spaces.draw_sample

    def watched(num_rows, seed, size):
        sizes.append(size)
        return draw_sample(num_rows, seed, size)

    monkeypatch.setattr(spaces, "draw_sample", watched)
    lexical_view([[1], [1], [2], [2]], seed=0)
    assert sizes == [200_000]


def test_lexical_view_of_a_sample_places_all_documents_and_knows_no_special_tokens():
    generator = np.random.default_rng(0)
    groups = np.repeat([0, 1], 150)
    documents = [
        [101, *(10 * group + generator.integers(5, size=6)).tolist(), 102] for group in groups
    ]
    view = lexical_view(documents, seed=0, special={101, 102}, max_seen=100)
    np.testing.assert_allclose(np.linalg.norm(view, axis=1), 1, rtol=1e-5)
    similarity = view @ view.T
    same = groups[:, None] == groups
    assert similarity[same].mean() > similarity[~same].mean() + 0.3
    alone = lexical_view([ids[1:-1] for ids in documents], seed=0, max_seen=100)
    np.testing.assert_array_equal(view, alone)


def test_fuse_has_unit_rows_and_the_weight_asked_for():
    fused = FusedSpace(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]]), lexical_weight=0.5)[:]
    np.testing.assert_allclose(fused, np.array([[1, 0, 0, 0.5]]) / np.sqrt(1.25), rtol=1e-6)
    assert FusedSpace(np.array([[2.0, 0.0]]), np.zeros((1, 0)))[:].tolist() == [[1, 0]]


def test_discriminants_part_clusters_that_are_hardly_apart_and_bear_a_cluster_of_one():
    embeddings, groups = make_groups([40, 40, 1], spread=0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        projected = fit_discriminants(embeddings, groups)(embeddings)
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1, rtol=1e-5)

    def apart(points: np.ndarray) -> float:
        first, second = points[groups == 0], points[groups == 1]
        return float((first @ first.T).mean() - (first @ second.T).mean())

    assert apart(projected) > 2 * apart(embeddings)


def test_discriminants_are_scikit_learns_seen_from_the_mean_of_the_means():
    embeddings, groups = make_groups([50, 20, 10], spread=0.4)
    analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.4).fit(embeddings, groups)
    placed = analysis.transform(embeddings)
    middle = np.mean([placed[groups == group].mean(axis=0) for group in range(3)], axis=0)
    expected = normalize(placed - middle)
    np.testing.assert_allclose(
        fit_discriminants(embeddings, groups)(embeddings), expected, atol=1e-5
    )


def test_discriminants_silence_no_warning_but_that_of_clusters_of_one(monkeypatch):
    class Warned(LinearDiscriminantAnalysis):
        def fit(self, embeddings, clusters):
            warnings.warn("Only one sample in a class", stacklevel=1)
            warnings.warn("something else", stacklevel=1)
            return super().fit(embeddings, clusters)

    monkeypatch.setattr(spaces, "LinearDiscriminantAnalysis", Warned)
    with pytest.warns(UserWarning) as said:
        fit_discriminants(*make_groups([9, 9], spread=0.3))
    assert [str(warning.message) for warning in said] == ["something else"]


@pytest.mark.parametrize("clusters", [[0, 0, 0], [0, 1, 2]])
def test_discriminants_of_one_cluster_or_of_clusters_of_one_are_the_embeddings(clusters):
    embeddings = np.eye(3, 5, dtype=np.float32)
    np.testing.assert_array_equal(
        fit_discriminants(embeddings, np.array(clusters))(embeddings), embeddings
    )


def test_shrunken_discriminants_hold_for_documents_that_they_have_not_seen():
    """Of fifty documents in forty dimensions, unshrunken ones learn the noise by heart."""
    seen, groups = make_groups([25, 25], spread=0.35, width=40, seed=0)
    new, new_groups = make_groups([300, 300], spread=0.35, width=40, seed=1)

    def accuracy(**options: float) -> float:
        project = fit_discriminants(seen, groups, **options)
        means = cluster_means(project(seen), groups, 2)
        return float(((project(new) @ means.T).argmax(axis=1) == new_groups).mean())

    assert accuracy() > accuracy(shrinkage=1e-6) + 0.05


def test_views_are_fused_for_distances_and_for_discriminants_and_cut_alike():
    embeddings, lexical = np.array([[2.0, 0.0], [0.0, 3.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    views = Views(embeddings, lexical)
    np.testing.assert_array_equal(views.fused, FusedSpace(embeddings, lexical, 0.5)[:])
    np.testing.assert_array_equal(views.for_discriminants, FusedSpace(embeddings, lexical, 1.0)[:])
    np.testing.assert_array_equal(views.take(np.array([1])).fused, views.fused[1:])


def smoothed_by_hand(embeddings: np.ndarray, num_neighbors: int) -> np.ndarray:
    """Row by row: half way to the mean of those of largest cosine, never of itself."""
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :num_neighbors]
    middles = [
        (row + embeddings[others].mean(axis=0)) / 2
        for row, others in zip(embeddings, nearest, strict=True)
    ]
    return np.array([middle / np.linalg.norm(middle) for middle in middles])


@pytest.mark.parametrize("num_documents", [60, 12, 11, 10, 3])
def test_smoothing_goes_half_way_to_the_ten_nearest_or_to_all_others(num_documents):
    embeddings, _ = make_groups([num_documents], spread=0.5)
    expected = smoothed_by_hand(embeddings, min(10, num_documents - 1))
    np.testing.assert_allclose(smooth(embeddings), expected, atol=1e-5)
    if num_documents > 4:
        fewer = smoothed_by_hand(embeddings, 4)
        np.testing.assert_allclose(smooth(embeddings, num_neighbors=4), fewer, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_smoothing_keeps_the_type(dtype):
    assert smooth(make_groups([15], spread=0.3)[0].astype(dtype)).dtype == dtype


def test_a_copy_is_a_neighbour_and_a_document_is_not_its_own():
    embeddings = np.repeat(np.eye(2), 2, axis=0)
    np.testing.assert_array_equal(smooth(embeddings, num_neighbors=1), embeddings)


@pytest.mark.parametrize("num_documents", [1, 2])
def test_one_document_or_two_are_not_smoothed(num_documents):
    """Two would meet half way."""
    embeddings = np.eye(3, dtype=np.float32)[:num_documents]
    np.testing.assert_array_equal(smooth(embeddings), embeddings)


def test_smoothing_brings_a_group_together():
    embeddings, groups = make_groups([40, 40], spread=0.1)
    scatter = [
        np.square(points - cluster_means(points, groups, 2)[groups]).sum()
        / np.square(points - points.mean(axis=0)).sum()
        for points in (embeddings, smooth(embeddings))
    ]
    assert scatter[1] < scatter[0] / 2


def test_views_are_smoothed_where_they_are_fused():
    embeddings, _ = make_groups([20], spread=0.5)
    views = Views(embeddings, make_groups([20], spread=0.5, width=5, seed=1)[0])
    np.testing.assert_array_equal(views.smoothed, smooth(views.fused))
    assert views.smoothed is views.smoothed


def test_what_all_embeddings_share_does_not_drown_what_parts_them():
    """In a narrow cone the fused space sees the groups as plainly as without it."""
    groups, _ = make_groups([20, 20, 20], spread=0.2)
    cone = normalize(0.3 * groups + np.eye(24, dtype=np.float32)[23])
    nothing = np.zeros((60, 0), dtype=np.float32)
    assert np.square(cone.mean(axis=0)).sum() > 0.9
    assert np.square(FusedSpace(cone, nothing)[:].mean(axis=0)).sum() < 0.1
    wide = normalize(groups)
    np.testing.assert_allclose(FusedSpace(wide, nothing)[:], wide, rtol=1e-5)


def test_a_cone_is_narrow_where_the_mean_holds_more_than_half_of_the_squared_length():
    for height, is_narrow in ((0.49, False), (0.51, True)):
        embeddings = np.array([[height**0.5, side * (1 - height) ** 0.5] for side in (-1, 1)])
        expected = [height**0.5, 0] if is_narrow else [0, 0]
        np.testing.assert_allclose(shared_direction(3 * embeddings), expected, atol=1e-12)
    np.testing.assert_array_equal(shared_direction(np.eye(2)), [0, 0])


def test_embeddings_that_rounding_alone_parts_stay_as_they_are():
    same = np.full((5, 4), 0.5, dtype=np.float32)
    same[0, 0] = np.nextafter(np.float32(0.5), np.float32(1))
    np.testing.assert_allclose(
        FusedSpace(same, np.zeros((5, 0), dtype=np.float32))[:], same, rtol=1e-5
    )


def test_the_words_of_a_prefix_are_left_out():
    """Also where a document has them further on, they count there."""
    documents = [[1, 2], [1, 3], [2, 3, 4], [4, 7, 8], [7, 8, 1]]
    led = [[7, 8, *ids] for ids in documents[:3]] + documents[3:4] + [[7, 8, *documents[4]]]
    plain = lexical_view(documents, seed=0)
    np.testing.assert_array_equal(lexical_view(led, seed=0, prefix=[7, 8]), plain)
    assert lexical_view(led, seed=0).shape != plain.shape
