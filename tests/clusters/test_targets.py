"""Start and target of the clustering, on answers worked out by hand."""

import numpy as np
import pytest
import torch

from bert_clustering.clusters import targets
from bert_clustering.clusters.targets import (
    calibrate_alpha,
    changed_fraction,
    cluster_shares,
    emptied_clusters,
    fit_teacher,
    has_collapsed,
    target_distribution,
    teach,
)
from bert_clustering.modeling_bert_cluster import soft_assignment
from helpers import make_groups


def test_target_by_hand():
    """f = (1.5, 0.5); rows 1 / 1.5 : 0 / 0.5 and (1/4) / 1.5 : (1/4) / 0.5 = 1 : 3."""
    q = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    torch.testing.assert_close(target_distribution(q), torch.tensor([[1.0, 0.0], [0.25, 0.75]]))


def test_target_with_prior_by_hand():
    """The prior (0.75, 0.25) turns 1 : 3 into 3 : 3."""
    q = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    p = target_distribution(q, prior=torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(p, torch.tensor([[1.0, 0.0], [0.5, 0.5]]))


def test_uniform_prior_is_no_prior():
    q = torch.rand(13, 5).softmax(dim=1)
    torch.testing.assert_close(
        target_distribution(q, torch.full((5,), 0.2)), target_distribution(q)
    )


def test_target_is_sharper_where_clusters_are_of_equal_size():
    q = torch.tensor([[0.6, 0.4], [0.4, 0.6]])
    p = target_distribution(q)
    assert torch.all(p.max(dim=1).values > q.max(dim=1).values)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(2))


def test_target_of_a_cluster_that_nobody_is_in():
    """A very sharp kernel leaves q of 0; what it divides by is then 0 too."""
    q = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    p = target_distribution(q)
    torch.testing.assert_close(p, torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0]]))


def test_target_of_a_document_that_no_prior_knows():
    """It is wholly in a cluster that was empty at the start, and stays there."""
    q = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    p = target_distribution(q.clone(), prior=torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(p, q)


def test_shares_count_empty_clusters():
    torch.testing.assert_close(
        cluster_shares(torch.tensor([2, 2, 0, 2]), 4), torch.tensor([0.25, 0.0, 0.75, 0.0])
    )


def test_changed_fraction():
    assert changed_fraction(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2])) == 0
    assert changed_fraction(torch.tensor([0, 1, 2, 3]), torch.tensor([1, 1, 2, 0])) == 0.5


@pytest.fixture
def two_groups() -> tuple[np.ndarray, np.ndarray]:
    """12 and 5 directions around two axes of the sphere, and which axis is which."""
    generator, groups = np.random.default_rng(0), np.repeat([0, 1], [12, 5])
    points = np.eye(7)[groups] + 0.1 * generator.normal(size=(17, 7))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), groups


@pytest.mark.parametrize("confidence", [0.6, 0.9])
def test_alpha_is_fitted_to_the_confidence(two_groups, confidence):
    embeddings, groups = two_groups
    centroids = torch.from_numpy(
        np.stack([embeddings[groups == group].mean(axis=0) for group in (0, 1)])
    )
    embeddings = torch.from_numpy(embeddings)
    alpha = calibrate_alpha(embeddings, centroids, "multiply", confidence)
    q = soft_assignment(embeddings, centroids, alpha, "multiply").exp()
    assert q.max(dim=1).values.mean().item() == pytest.approx(confidence, abs=0.01)


def test_alpha_that_cannot_reach_the_confidence_comes_as_near_as_it_can():
    """Distances² 1 and 2: divided by alpha, the kernel is never sharper than e^-1/2 : e^-1, which
    is 0.62 to 0.38.
    """
    embeddings, centroids = (
        torch.tensor([[1.0, 0.0, 0.0]]),
        torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    )
    alpha = calibrate_alpha(embeddings, centroids, "divide")
    confidence = soft_assignment(embeddings, centroids, alpha, "divide").exp().max().item()
    assert confidence == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.005)
    assert alpha == pytest.approx(10_000)


def test_alpha_is_fitted_to_a_confidence_of_seven_tenths_by_default(two_groups):
    embeddings, centroids = torch.from_numpy(two_groups[0]), torch.eye(7)[:2]
    alpha = calibrate_alpha(embeddings, centroids, "multiply")
    q = soft_assignment(embeddings, centroids, alpha, "multiply").exp()
    assert q.max(dim=1).values.mean().item() == pytest.approx(0.7, abs=1e-4)


def test_alpha_takes_few_looks_at_a_kernel_that_rises_and_a_grid_at_others(two_groups, monkeypatch):
    looks = []

    def watched(embeddings, centroids, alpha, kernel):
        looks.append(alpha)
        return soft_assignment(embeddings, centroids, alpha, kernel)

    monkeypatch.setattr(targets, "soft_assignment", watched)
    embeddings, centroids = torch.from_numpy(two_groups[0]), torch.eye(7)[:2]
    calibrate_alpha(embeddings, centroids, "multiply")
    assert len(looks) < 25
    looks.clear()
    calibrate_alpha(torch.zeros(1, 2), torch.eye(2), "divide")  # 1 : 1 at any alpha
    steps = np.diff(np.log(looks[-57:]))
    assert len(looks) <= 59 and steps == pytest.approx(np.log(1e6) / 56)
    looks.clear()
    calibrate_alpha(torch.zeros(1, 2), torch.tensor([[0.1**0.5, 0.0], [0.0, 1.0]]), "divide")
    assert len(looks) < 75  # the grid, and as few between two of its places


@pytest.mark.parametrize("confidence", [0.63, 0.7, 0.75])
def test_alpha_of_a_kernel_that_falls_is_found(confidence):
    """Distances² .1 and 1, divided by alpha: from .754 at alpha = .01 it falls to e^.45 : 1."""
    embeddings = torch.tensor([[0.0, 0.0]])
    centroids = torch.tensor([[0.1**0.5, 0.0], [0.0, 1.0]])
    alpha = calibrate_alpha(embeddings, centroids, "divide", confidence)
    q = soft_assignment(embeddings, centroids, alpha, "divide").exp()
    assert 0.01 < alpha < 10_000 and q.max().item() == pytest.approx(confidence, abs=1e-4)


def test_alpha_of_clustered_unit_vectors_is_the_nearest_to_the_confidence():
    """Divided by alpha, the kernel of unit vectors is at its sharpest where alpha is smallest."""
    embeddings, groups = make_groups([30] * 10, spread=0.1)
    centroids = torch.from_numpy(
        np.stack([embeddings[groups == g].mean(axis=0) for g in range(10)])
    )
    embeddings = torch.from_numpy(embeddings)

    def confidence(alpha: float) -> float:
        q = soft_assignment(embeddings, centroids, alpha, "divide").exp()
        return q.max(dim=1).values.mean().item()

    alpha = calibrate_alpha(embeddings, centroids, "divide")
    assert confidence(alpha) == max(confidence(a) for a in np.geomspace(0.01, 10_000, 60))


def test_teacher_mends_bent_clusters(two_groups):
    embeddings, groups = two_groups
    clusters = groups.copy()
    clusters[[0, 12]] = clusters[[12, 0]]
    q = teach(embeddings, clusters, num_clusters=3)
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(q.argmax(axis=1), groups)
    assert q[:, 2].max() < 0.01  # the empty one


def test_teacher_by_hand():
    """Each document alone: cosines of 1 and 0, over a temperature of 1/10. All in one cluster, at
    45 degrees from its mean: the empty one is at -1.
    """
    q = teach(np.eye(4, dtype=np.float32), np.arange(4), num_clusters=4)
    np.testing.assert_allclose(q.diagonal(), np.exp(10) / (np.exp(10) + 3), rtol=1e-5)
    q = teach(np.eye(2, dtype=np.float32), np.zeros(2, dtype=int), num_clusters=2)
    np.testing.assert_allclose(q[:, 1], np.exp(-10 * (0.5**0.5 + 1)), rtol=1e-4)


def test_teacher_learns_from_a_sample_of_fifty_thousand(monkeypatch):
    seen = []

    def watched(known, clusters):
        seen.append(len(known))
        return lambda points: points

    monkeypatch.setattr(targets, "fit_discriminants", watched)
    points = np.repeat(np.eye(2, dtype=np.float32), 25_001, axis=0)
    clusters = np.repeat([0, 1], 25_001)
    teach(points, clusters, num_clusters=2)
    teach(points, np.where(np.arange(50_002) < 10, clusters, -1), num_clusters=2)
    fit_teacher(points, clusters, num_clusters=2, max_seen=70)
    assert seen == [50_000, 10, 70]


def test_teacher_of_documents_that_are_all_clusters_of_their_own_or_all_in_one():
    q = teach(np.eye(4, dtype=np.float32), np.zeros(4, dtype=np.int64), num_clusters=2)
    assert q.argmax(axis=1).tolist() == [0] * 4
    q = teach(np.eye(4, dtype=np.float32), np.array([2, 0, 1, 3]), num_clusters=4)
    assert q.argmax(axis=1).tolist() == [2, 0, 1, 3]


def test_emptied_clusters_are_those_that_had_documents_be_it_one():
    before, after = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 0, 0, 2, 2])
    assert emptied_clusters(before, after, num_clusters=4).tolist() == [1]


def test_collapse():
    start = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    assert not has_collapsed(start, start, num_clusters=3)
    assert not has_collapsed(start, start, num_clusters=4)  # the fourth was empty from the first
    assert has_collapsed(start, start.clamp(max=1), num_clusters=3)
    halves = torch.tensor([0] * 4 + [1] * 4)
    assert not has_collapsed(halves, torch.tensor([0] * 6 + [1] * 2), num_clusters=2)
    assert has_collapsed(halves, torch.tensor([0] * 7 + [1]), num_clusters=2)
    swallowed = torch.tensor([0] * 8 + [1, 2])
    assert has_collapsed(start, swallowed, num_clusters=3)
