"""Levels of clusters: what is asked for, and where they start."""

import numpy as np
import torch
from accelerate.utils import broadcast

from ..clusters.candidates import kmeans
from ..clusters.constraints import Constraints
from ..clusters.levels import agree, nest, refill
from ..clusters.quality import ClusterScore
from ..clusters.rows import batches, draw_sample
from ..clusters.spaces import Views
from ..clusters.start import ANY, EVEN, find_start
from ..clusters.targets import fit_teacher
from ..configuration_bert_cluster import BertClusterConfig
from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering
from .arguments import ClusteringTrainingArguments
from .stages import stage


def sizes_of(config: BertClusterConfig) -> list[int]:
    """Number of clusters at each level of a model, ascending; empty where it has no levels."""
    if not config.levels:
        return []
    return [*(max(parents) + 1 for parents in config.levels), config.num_clusters]


def check_levels(
    config: BertClusterConfig, args: ClusteringTrainingArguments, keeps_clusters: bool
) -> None:
    """Raise `InputError` where a model that has clusters does not suit what is asked of its levels.

    Args:
        config (`BertClusterConfig`): Of that model.
        args (`ClusteringTrainingArguments`): What is asked.
        keeps_clusters (`bool`): Whether its clusters stay.
    """
    held, asked_for = sizes_of(config), args.level_sizes
    if keeps_clusters and asked_for and asked_for != held:
        holds = f"levels of {_listed(held)} clusters" if held else "no levels"
        raise InputError(
            f"The model has {holds}, --levels {args.levels} was asked for. Leave it out to keep "
            "its clusters, or pass --init auto to start anew."
        )


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes[:-1])) + f" and {sizes[-1]}"


def start_levels(
    model: BertForClustering,
    sizes: list[int],
    finest: torch.Tensor,
    views: Views,
    args: ClusteringTrainingArguments,
    known: Constraints | None,
    sample: np.ndarray,
) -> torch.Tensor:
    """Find the coarser levels and note in the model's config in which of their clusters the finest
    ones lie; the finest clusters, on which all levels agree, `(num_documents,)`.

    The main process does it; the others take its results.

    Args:
        model (`BertForClustering`): With as many clusters as the finest level.
        sizes (`list[int]`): Number of clusters at each level, ascending.
        finest (`torch.LongTensor` of shape `(num_documents,)`): The start of the finest level.
        views, args, known: As in `initialize.initialize`. Documents of which something is known
            stay where they are.
        sample (`np.ndarray` of shape `(sample_size,)`): Documents that starts are made of.
    """
    inside = np.zeros((len(sizes) - 1, sizes[-1]), dtype=np.int64)
    clusters = finest.numpy().copy()
    if args.is_main_process:
        with stage("levels"):
            coarser = _coarser_starts(sizes[:-1], views, args, sample)
            inside[:] = nest([*coarser, clusters], sizes)
            agreed = _agree([*coarser, clusters], sizes, inside, views)
            if known is not None:
                agreed = np.where(known.is_known, clusters, agreed)
            clusters = refill(agreed, clusters, sizes[-1])
    inside, clusters = (
        broadcast(torch.from_numpy(found).to(args.device)).cpu() for found in (inside, clusters)
    )
    model.config.levels, model.config.level_labels = inside.tolist(), None
    return clusters


def _coarser_starts(
    sizes: list[int], views: Views, args: ClusteringTrainingArguments, sample: np.ndarray
) -> list[np.ndarray]:
    """Starts of the coarser levels, `(num_documents,)` each; -1 for what the sample lacks."""
    num_documents = len(views.embeddings)
    seen = views if len(sample) == num_documents else views.take(sample)
    if args.init == "kmeans":
        found = [kmeans(seen.embeddings, size, args.seed) for size in sizes]
    else:
        judged = draw_sample(len(sample), args.seed)
        score = ClusterScore(judged, seen.take(judged).fused)
        kind = args.init if args.init in (EVEN, ANY) else None
        starts = [find_start(seen, size, args.seed, score, kind=kind) for size in sizes]
        found = [start.clusters for start in starts]
    spread = np.full((len(sizes), num_documents), -1)
    spread[:, sample] = found
    return [*spread]


def _agree(
    levels: list[np.ndarray], sizes: list[int], inside: np.ndarray, views: Views
) -> np.ndarray:
    """What the views of the documents make of all levels, `(num_documents,)`."""
    space = views.rows_for_discriminants
    teachers = [fit_teacher(space, *level) for level in zip(levels, sizes, strict=True)]
    return np.concatenate(
        [
            agree([teacher(space[part]) for teacher in teachers], inside)
            for part in batches(len(space))
        ]
    )
