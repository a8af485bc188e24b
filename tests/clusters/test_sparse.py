"""Soft assignments of which the largest entries are kept."""

import pytest
import torch

from bert_clustering.clusters.sparse import SparseAssignment


def make_q(num_documents: int, num_clusters: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (4 * torch.randn(num_documents, num_clusters, generator=generator)).softmax(dim=1)


@pytest.mark.parametrize("num_clusters", [1, 3, 16])
def test_of_few_clusters_all_is_kept(num_clusters):
    q = make_q(23, num_clusters)
    kept = SparseAssignment.of([q[:10], q[10:]])
    assert torch.equal(kept.dense(), q) and torch.equal(kept.dense(slice(3, 12)), q[3:12])
    assert torch.equal(kept.most_probable, q.argmax(dim=1))
    assert torch.equal(kept.probabilities, q.max(dim=1).values)
    torch.testing.assert_close(kept.totals(), q.sum(dim=0))


def test_of_many_clusters_the_largest_sixteen_are_kept():
    q = make_q(23, 40)
    kept = SparseAssignment.of([q])
    assert kept.shares.shape == kept.clusters.shape == (23, 16)
    least = q.sort(dim=1, descending=True).values[:, 15:16]
    assert torch.equal(kept.dense(), torch.where(q >= least, q, 0))
    torch.testing.assert_close(kept.totals(), kept.dense().sum(dim=0))
