"""Never ruined: the last sound weights are kept, a collapse is noticed."""

import logging

import torch
from transformers import PreTrainedModel

from ..clusters.quality import ClusterScore
from ..clusters.targets import has_collapsed


logger = logging.getLogger(__name__)

WEIGHTS = "weights."  # before the names of the kept weights, in a saved guard


class Guard:
    """Judges a training without gold classes, and keeps the last weights that it did not ruin, of
    those that learn, on the CPU.

    A training is ruined where documents leave in numbers the clusters that their targets name: it
    did not learn what it was taught; or where its clusters collapse, unless documents come to their
    targets at that: a model that is taught what lies far from its own clusters may join some on the
    way. Weights whose clusters have collapsed are not kept in any case. How good the clusters
    look is not asked, since gold classes look worse than what a start finds in the same space; a
    training that comes nearer to them must not be undone.

    Args:
        score (`ClusterScore`): What the log says of the clusters, in the fused space of the start.
        first_clusters (`torch.LongTensor` of shape `(num_documents,)`): Clusters before the first
            step.
        num_clusters (`int`): Number of clusters K.
        keeps_weights (`bool`, *optional*, defaults to `True`): Whether to keep weights at all, or
            to judge alone.
        tolerance (`float`, *optional*, defaults to 0.2): Share of the documents that may leave the
            clusters of their targets from one refresh to the next.
    """

    def __init__(
        self,
        score: ClusterScore,
        first_clusters: torch.Tensor,
        num_clusters: int,
        keeps_weights: bool = True,
        tolerance: float = 0.2,
    ) -> None:
        self.score = score
        self.first_clusters = first_clusters
        self.num_clusters = num_clusters
        self.keeps_weights = keeps_weights
        self.tolerance = tolerance
        self.ruined = False
        self.judged_step = 0
        self.judged_score = -float("inf")
        self.kept_step = 0
        self.kept_score = -float("inf")
        self.kept_clusters = first_clusters
        self.kept_weights: dict[str, torch.Tensor] = {}
        self.restored = False

    def judge(
        self, model: PreTrainedModel, clusters: torch.Tensor, step: int, strayed: float = 0.0
    ) -> float:
        """Score of the clusters `(num_documents,)` of a step; the model's weights are kept unless
        the training is ruined.

        Args:
            model (`PreTrainedModel`): Whose weights gave them.
            clusters (`torch.LongTensor` of shape `(num_documents,)`): Cluster of each document.
            step (`int`): Training step.
            strayed (`float`, *optional*, defaults to 0): Share of the documents that have left the
                clusters of their targets since the last refresh, less that of those which came.
        """
        self.judged_step, self.judged_score = step, self.score(clusters.cpu().numpy())
        collapsed = has_collapsed(self.first_clusters.cpu(), clusters.cpu(), self.num_clusters)
        self.ruined = (collapsed and strayed >= 0) or strayed > self.tolerance
        if collapsed:
            logger.warning(
                "The clusters have collapsed: one is empty, or one has swallowed half of the "
                "others.%s",
                "" if self.ruined else " Texts come nearer to their targets; training goes on.",
            )
        elif self.ruined:
            logger.warning(
                "The training loses what it is taught: %.1f %% of the documents have left the "
                "clusters of their targets. A lower learning rate or --mlm_weight may help.",
                100 * strayed,
            )
        elif self.keeps_weights:
            self.kept_step, self.kept_score = step, self.judged_score
            self.kept_clusters = clusters
            learnt = {name: w.detach() for name, w in model.named_parameters() if w.requires_grad}
            for name, weight in learnt.items():
                if name not in self.kept_weights:  # the same memory serves each time
                    self.kept_weights[name] = torch.empty_like(weight, device="cpu")
                self.kept_weights[name].copy_(weight)
        return self.judged_score

    @torch.no_grad()
    def restore(self, model: PreTrainedModel) -> torch.Tensor:
        """Put the kept weights back; the clusters they gave, `(num_documents,)`."""
        logger.info(
            "Going back to step %d, whose clusters score %.3f.", self.kept_step, self.kept_score
        )
        weights = dict(model.named_parameters())
        for name, kept in self.kept_weights.items():
            weights[name].copy_(kept)
        self.restored = True
        return self.kept_clusters

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All it knows, none of it shared with anything else."""
        return {
            "sample": torch.from_numpy(self.score.sample),
            "embeddings": torch.from_numpy(self.score.embeddings),
            "first_clusters": self.first_clusters.cpu().clone(),
            "num_clusters": torch.tensor(self.num_clusters),
            "ruined": torch.tensor(self.ruined),
            "judged_step": torch.tensor(self.judged_step),
            "judged_score": torch.tensor(self.judged_score, dtype=torch.float64),
            "kept_step": torch.tensor(self.kept_step),
            "kept_score": torch.tensor(self.kept_score, dtype=torch.float64),
            "kept_clusters": self.kept_clusters.cpu().clone(),
        } | {WEIGHTS + name: weight for name, weight in self.kept_weights.items()}

    @classmethod
    def from_state_dict(cls, state: dict[str, torch.Tensor]) -> "Guard":
        """The guard that `state_dict` was taken of."""
        score = ClusterScore(state["sample"].numpy(), state["embeddings"].numpy())
        guard = cls(score, state["first_clusters"], int(state["num_clusters"]))
        guard.ruined = bool(state["ruined"])
        guard.judged_step = int(state["judged_step"])
        guard.judged_score = float(state["judged_score"])
        guard.kept_step = int(state["kept_step"])
        guard.kept_score = float(state["kept_score"])
        guard.kept_clusters = state["kept_clusters"]
        guard.kept_weights = {
            name.removeprefix(WEIGHTS): weight
            for name, weight in state.items()
            if name.startswith(WEIGHTS)
        }
        return guard
