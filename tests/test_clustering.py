"""Start and target of the clustering, on answers worked out by hand."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from clustering import changed_fraction, cluster_shares, kmeans, target_distribution


def test_kmeans_is_scikit_learns_with_as_many_restarts():
    embeddings = np.random.default_rng(0).normal(size=(203, 7)).astype(np.float32)
    clusters, centroids = kmeans(embeddings, num_clusters=9, seed=3)
    reference = KMeans(9, n_init=10, random_state=3).fit(embeddings)
    np.testing.assert_array_equal(clusters, reference.labels_)
    np.testing.assert_array_equal(centroids, reference.cluster_centers_)


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
    torch.testing.assert_close(target_distribution(q, torch.full((5,), 0.2)), target_distribution(q))


def test_target_is_sharper_where_clusters_are_of_equal_size():
    q = torch.tensor([[0.6, 0.4], [0.4, 0.6]])
    p = target_distribution(q)
    assert torch.all(p.max(dim=1).values > q.max(dim=1).values)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(2))


def test_divergence_by_hand():
    """q = (1/2, 1/2), p = (1/4, 3/4): 1/4 ln(1/2) + 3/4 ln(3/2)."""
    q, p = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]])
    loss = torch.nn.functional.kl_div(q.log(), p, reduction="sum")
    assert loss.item() == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(1.5))


def test_shares_count_empty_clusters():
    torch.testing.assert_close(cluster_shares(torch.tensor([2, 2, 0, 2]), 4), torch.tensor([0.25, 0.0, 0.75, 0.0]))


def test_changed_fraction():
    assert changed_fraction(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2])) == 0
    assert changed_fraction(torch.tensor([0, 1, 2, 3]), torch.tensor([1, 1, 2, 0])) == 0.5
