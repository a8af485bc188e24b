"""`ClusteringState`: what a training knows of its clusters beside the model's weights."""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ..clusters.quality import ClusterScore
from ..clusters.sparse import SparseAssignment
from ..errors import InputError
from .guard import Guard


STATE_NAME = "clustering_state.safetensors"
GUARD, TARGETS = "guard.", "targets."  # before the names of their tensors


@dataclass
class ClusteringState:
    """One training's clusters, from their start to the last refresh. Saved and loaded whole.

    Args:
        start_clusters (`torch.LongTensor` of shape `(num_documents,)`): What training sets out
            from.
        clusters (`torch.LongTensor` of shape `(num_documents,)`): At the last refresh.
        named_by_user (`torch.BoolTensor` of shape `(num_clusters,)`): Whose names are not ours to
            change.
        guard (`Guard`): What keeps the weights to end with.
        targets (`SparseAssignment`, *optional*): The table of p. `None`: the clustering loss has no
            weight.
        prior (`torch.FloatTensor` of shape `(num_clusters,)`, *optional*): The size prior pi.
            `None`: uniform.
        kmeans_clusters (`torch.LongTensor` of shape `(num_documents,)`, *optional*): Of plain
            k-means on the pretrained embeddings. `None`: nobody asked for it.
        repeats (`torch.LongTensor` of shape `(num_repeats, num_documents)`, *optional*): The
            automatic start made again from samples, -1 for documents that a sample lacks.
        agreement (`torch.FloatTensor` of shape `(1,)`, *optional*): Share that the repeats agree
            in, where alpha is fitted; 0: not known.
        labels (`torch.LongTensor` of shape `(num_documents,)`, *optional*): Cluster of documents
            of which something is known, -1 for the others. `None`: of none.
        new_head_loss (`torch.FloatTensor` of shape `()`, *optional*): Running mean of the masked-LM
            loss while a new head learns alone (`new_head.NewHead`). `None`: its gradient reaches
            the encoder.
        start_scores (`torch.DoubleTensor` of shape `(2,)`, *optional*): How far apart the clusters
            of like size and those of any size stand, where one was chosen, on the main process.
        start_sizes (`torch.LongTensor` of shape `(2, num_clusters)`, *optional*): Documents in each
            of their clusters, the most first.
        num_clusters_scores (`torch.DoubleTensor` of shape `(num_tried, 2)`, *optional*): K and its
            score, where K was looked for.
    """

    start_clusters: torch.Tensor
    clusters: torch.Tensor
    named_by_user: torch.Tensor
    guard: Guard
    targets: SparseAssignment | None = None
    prior: torch.Tensor | None = None
    kmeans_clusters: torch.Tensor | None = None
    repeats: torch.Tensor | None = None
    agreement: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    new_head_loss: torch.Tensor | None = None
    start_scores: torch.Tensor | None = None
    start_sizes: torch.Tensor | None = None
    num_clusters_scores: torch.Tensor | None = None

    @property
    def num_clusters(self) -> int:
        return len(self.named_by_user)

    @property
    def untrained_clusters(self) -> torch.Tensor:
        """Clusters of the model between start and first step, `(num_documents,)`."""
        return self.guard.first_clusters

    @property
    def score(self) -> ClusterScore:
        """Of clusters in the space of the start."""
        return self.guard.score

    def targets_of(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of the table of p, as far as they are kept, and the clusters that they are of, both
        `(len(index), num_kept)`.

        Raises:
            InputError: There is no such table, as the clustering loss had no weight.
        """
        if self.targets is None:
            raise InputError(
                "Expected targets of the clustering loss, got none: it had no weight when they "
                "were last made. Pass clustering_weight=0, or start anew."
            )
        return self.targets.shares[index], self.targets.clusters[index].long()

    def save(self, folder: str | Path) -> None:
        """Write all of it to a file in a checkpoint's folder."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        state = {name: value for name, value in tensors.items() if torch.is_tensor(value)}
        state |= {GUARD + name: tensor for name, tensor in self.guard.state_dict().items()}
        if self.targets is not None:
            state[TARGETS + "shares"], state[TARGETS + "clusters"] = self.targets[:2]
        save_file(state, Path(folder, STATE_NAME))

    @classmethod
    def load(cls, folder: str | Path) -> "ClusteringState":
        """What `save` wrote to that folder."""
        state = load_file(Path(folder, STATE_NAME))

        def take(prefix: str) -> dict[str, torch.Tensor]:
            names = [name for name in state if name.startswith(prefix)]
            return {name.removeprefix(prefix): state.pop(name) for name in names}

        guard, kept = Guard.from_state_dict(take(GUARD)), take(TARGETS)
        num_clusters = len(state["named_by_user"])
        targets = SparseAssignment(**kept, num_clusters=num_clusters) if kept else None
        return cls(**state, guard=guard, targets=targets)
