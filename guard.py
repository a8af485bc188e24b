"""Never worse than the start: the weights whose clusters score best are kept, and a collapse is noticed."""

import logging

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from clustering import has_collapsed
from start import ClusterScore


logger = logging.getLogger(__name__)


class Guard:
    """Judges clusters without gold classes, in the fused space of the start, and keeps the best weights on the CPU.

    The space stays that of the pretrained embeddings: in its own, every training looks like a success.

    Args:
        score (`ClusterScore`): What makes one state better than another.
        first_clusters (`torch.LongTensor` of shape `(num_documents,)`): Clusters before the first step.
        num_clusters (`int`): Number of clusters K.
    """

    def __init__(self, score: ClusterScore, first_clusters: torch.Tensor, num_clusters: int) -> None:
        self.score = score
        self.first_clusters = first_clusters
        self.num_clusters = num_clusters
        self.collapsed = False
        self.judged_step = 0
        self.best_step = 0
        self.best_score = -float("inf")
        self.best_clusters = first_clusters
        self.best_weights: dict[str, torch.Tensor] = {}

    def judge(self, model: PreTrainedModel, clusters: torch.Tensor, step: int) -> float:
        """Score the clusters `(num_documents,)` of a step; keep the model's weights if none were better."""
        score, self.judged_step = self.score(clusters.cpu().numpy()), step
        self.collapsed = has_collapsed(self.first_clusters.cpu(), clusters.cpu(), self.num_clusters)
        if self.collapsed:
            logger.warning("The clusters have collapsed: one is empty, or one has swallowed half of the others.")
        elif score >= self.best_score:
            self.best_score, self.best_step, self.best_clusters = score, step, clusters
            self.best_weights = {name: weight.detach().cpu().clone() for name, weight in model.named_parameters()}
        return score

    @torch.no_grad()
    def restore(self, model: PreTrainedModel) -> torch.Tensor:
        """Put the best weights back; the clusters they gave, `(num_documents,)`."""
        logger.info("Going back to step %d, whose clusters score best (%.3f).", self.best_step, self.best_score)
        for name, weight in model.named_parameters():
            weight.copy_(self.best_weights[name])
        return self.best_clusters

    def save(self, path: str) -> None:
        """Write all it knows to a safetensors file."""
        state = {
            "sample": torch.from_numpy(self.score.sample),
            "embeddings": torch.from_numpy(self.score.embeddings),
            "first_clusters": self.first_clusters.cpu(),
            "num_clusters": torch.tensor(self.num_clusters),
            "best_clusters": self.best_clusters.cpu().clone(),  # it may be the first ones
            "best_step": torch.tensor(self.best_step),
            "best_score": torch.tensor(self.best_score, dtype=torch.float64),
        }
        save_file(state | {f"weights.{name}": weight for name, weight in self.best_weights.items()}, path)

    @classmethod
    def load(cls, path: str) -> "Guard":
        """What `save` wrote."""
        state = load_file(path)
        score = ClusterScore(state["sample"].numpy(), state["embeddings"].numpy())
        guard = cls(score, state["first_clusters"], int(state["num_clusters"]))
        guard.best_step, guard.best_score = int(state["best_step"]), float(state["best_score"])
        guard.best_clusters = state["best_clusters"]
        prefix = "weights."
        guard.best_weights = {name.removeprefix(prefix): w for name, w in state.items() if name.startswith(prefix)}
        return guard
