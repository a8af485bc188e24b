"""`SparseAssignment`: soft assignments of many documents, as far as they matter."""

from collections.abc import Iterable
from typing import NamedTuple

import torch

from .rows import ALL


NUM_KEPT = 16  # entries of a row; the others hold next to nothing


class SparseAssignment(NamedTuple):
    """Soft assignments of which each row's largest entries are kept, the largest first: all of them
    up to 16 clusters, 16 beyond.

    Args:
        shares (`torch.FloatTensor` of shape `(num_documents, min(num_clusters, 16))`): The entries.
        clusters (`torch.IntTensor` of the same shape): Of which clusters they are.
        num_clusters (`int`): Number of clusters K.
    """

    shares: torch.Tensor
    clusters: torch.Tensor
    num_clusters: int

    @classmethod
    def of(cls, parts: Iterable[torch.Tensor]) -> "SparseAssignment":
        """Keep the largest entries of assignments that come in parts.

        Args:
            parts (`Iterable[torch.FloatTensor]` of shapes `(num_documents_in_part, num_clusters)`):
                Rows of all entries, one part at least.

        Example:
            >>> SparseAssignment.of([torch.tensor([[0.2, 0.8]]), torch.tensor([[0.9, 0.1]])])[:2]
            (tensor([[0.8000, 0.2000],
                    [0.9000, 0.1000]]), tensor([[1, 0],
                    [0, 1]], dtype=torch.int32))
        """
        shares, clusters = [], []
        for part in parts:
            num_clusters = part.shape[1]
            largest = part.topk(min(NUM_KEPT, num_clusters), dim=1)
            shares.append(largest.values)
            clusters.append(largest.indices.int())
        return cls(torch.cat(shares), torch.cat(clusters), num_clusters)

    def dense(self, rows: slice = ALL) -> torch.Tensor:
        """Rows with all entries, 0 where none was kept, `(num_rows, num_clusters)`."""
        shares, clusters = self.shares[rows], self.clusters[rows].long()
        return shares.new_zeros(len(shares), self.num_clusters).scatter_(1, clusters, shares)

    def totals(self) -> torch.Tensor:
        """Sum of all rows, `(num_clusters,)`."""
        places, shares = self.clusters.flatten(), self.shares.flatten()
        return shares.new_zeros(self.num_clusters).index_add_(0, places, shares)

    @property
    def most_probable(self) -> torch.Tensor:
        """Cluster of the largest entry of each document, `(num_documents,)`, int64."""
        return self.clusters[:, 0].long()

    @property
    def probabilities(self) -> torch.Tensor:
        """The largest entry of each document, `(num_documents,)`."""
        return self.shares[:, 0]

    def to(self, device: torch.device) -> "SparseAssignment":
        """The same on another device."""
        return self._replace(shares=self.shares.to(device), clusters=self.clusters.to(device))
