"""Where a training sets out from: the clusters of its documents, and centroids and alpha of the
model.
"""

import logging

import numpy as np
import torch
from accelerate.utils import broadcast

from ..clusters.candidates import kmeans
from ..clusters.constraints import FREE, Constraints, obey
from ..clusters.num_clusters import estimate_num_clusters
from ..clusters.quality import ClusterScore
from ..clusters.rows import batches, draw_sample
from ..clusters.seeded import find_seeded_start, thin_out
from ..clusters.spaces import Views, cluster_means
from ..clusters.sparse import SparseAssignment
from ..clusters.stability import agreement
from ..clusters.start import ANY, EVEN, Start, describe_choice, find_start, repeat_start
from ..clusters.targets import calibrate_alpha, cluster_shares, fit_teacher
from ..modeling_bert_cluster import BertForClustering
from ..texts.names import are_named
from .arguments import ClusteringTrainingArguments
from .guard import Guard
from .inference import Inference
from .levels import check_levels, sizes_of, start_levels
from .new_head import initial_loss
from .refresh import set_targets
from .sharing import share_out
from .stages import stage
from .state import ClusteringState


logger = logging.getLogger(__name__)

MAX_STARTING = 20_000  # documents the start is made of
MAX_CALIBRATING = 50_000  # documents alpha is fitted to


def initialize(
    model: BertForClustering,
    args: ClusteringTrainingArguments,
    inference: Inference,
    views: Views,
    known: Constraints | None = None,
) -> ClusteringState:
    """Find the clusters, unless the model has some already, and give it centroids and alpha.

    Processes share what is made in pieces; what comes of it is the main process's, which the others
    take, since roundings may differ.

    Args:
        model (`BertForClustering`): Gets as many clusters as are looked for, centroids and alpha.
        args (`ClusteringTrainingArguments`): How the clusters start.
        inference (`Inference`): Of that model.
        views (`Views`): The training documents.
        known (`Constraints`, *optional*): What people know of some documents and topics. Cluster j
            is then topic j.

    Returns:
        `ClusteringState`: The clustering, with the targets that its teacher, or the model itself,
        gives for the clusters of the start.
    """
    embeddings = views.embeddings
    keeps_clusters = args.init is None and model.has_clusters
    if model.has_clusters:
        check_levels(model.config, args, keeps_clusters)
    levels = [] if keeps_clusters else _wanted_levels(model, args)
    sample = draw_sample(len(embeddings), args.seed)
    score = ClusterScore(sample, views.take(sample).fused)
    least = max(args.min_clusters, known.least_clusters if known else 0)
    scores_of_k = None if keeps_clusters else _find_num_clusters(model, args, views, least)
    num_clusters = model.config.num_clusters
    baseline, start, found, repeats = _cluster(
        num_clusters, args, views, score, known, keeps_clusters
    )
    if levels:
        seen = draw_sample(len(embeddings), args.seed, MAX_STARTING)
        start = start_levels(model, levels, start, views, args, known, seen)
    if not keeps_clusters:
        means = cluster_means(embeddings, start.numpy(), num_clusters)
        model.cluster_head.centroids.data.copy_(torch.from_numpy(means))
    agreed = None
    if model.config.alpha is None:
        fit_alpha(model, args, embeddings)
        share = 0.0 if repeats is None else agreement(start.numpy(), repeats)
        agreed = broadcast(torch.tensor([share], dtype=torch.float32, device=args.device))

    q = inference.assign(embeddings)
    untrained = q.most_probable
    if keeps_clusters:
        start = untrained if known is None else torch.from_numpy(obey(q.dense().numpy(), known))
    state = ClusteringState(
        start_clusters=start,
        clusters=untrained,
        named_by_user=torch.tensor(are_named(model.config)) & (args.init is None),
        guard=Guard(score, untrained, num_clusters, args.keep_best),
        prior=cluster_shares(start, num_clusters) if args.size_prior == "start" else None,
        kmeans_clusters=baseline if args.kmeans_baseline else None,
        repeats=None if repeats is None else torch.from_numpy(repeats),
        agreement=agreed,
        labels=None
        if known is None
        else torch.where(torch.from_numpy(known.is_known), start, FREE),
        new_head_loss=initial_loss(model, args),
        num_clusters_scores=scores_of_k,
    )
    if found is not None:
        _note_choice(state, found, num_clusters)
    if args.lexical_teacher or views.teacher is not None:
        with stage("targets"):
            q = _ask_teacher(views, start.numpy(), num_clusters)
    set_targets(state, q, args)
    return state


def _note_choice(state: ClusteringState, found: Start, num_clusters: int) -> None:
    """Keep what both candidates of a start were like, where there were two."""
    if len(found.scores) < 2:
        return
    scores, sizes = found.scores, found.sizes(num_clusters)
    state.start_scores = torch.tensor([scores[EVEN], scores[ANY]], dtype=torch.float64)
    state.start_sizes = torch.tensor([sizes[EVEN], sizes[ANY]])


def _wanted_levels(model: BertForClustering, args: ClusteringTrainingArguments) -> list[int]:
    """Number of clusters at each level that the start is to have: those asked for, or as many as
    the model has; empty for no levels. The model gets as many clusters as the finest.
    """
    levels = args.level_sizes
    if not levels and args.max_clusters is None:
        levels = sizes_of(model.config)
    if levels:
        model.resize_clusters(levels[-1])
    return levels


def _cluster(
    num_clusters: int,
    args: ClusteringTrainingArguments,
    views: Views,
    score: ClusterScore,
    known: Constraints | None,
    keeps_clusters: bool,
) -> tuple[torch.Tensor, torch.Tensor, Start | None, np.ndarray | None]:
    """Clusters of k-means and of the start, both `(num_documents,)` and 0 where nobody asks for
    them; also the start itself and its repeats, where there are any.
    """
    clusters, found, repeats = np.zeros((2, len(views.embeddings)), dtype=np.int64), None, None
    if args.is_main_process and (args.kmeans_baseline or args.init == "kmeans"):
        progress = args.shows_progress
        with stage("k-means"):
            clusters[:] = kmeans(views.embeddings, num_clusters, args.seed, progress=progress)
    if not keeps_clusters and args.init != "kmeans":
        found, clusters[1], repeats = _find_start(num_clusters, args, views, score, known)
    baseline, start = broadcast(torch.from_numpy(clusters).to(args.device)).cpu()
    return baseline, start, found, repeats


def fit_alpha(
    model: BertForClustering,
    args: ClusteringTrainingArguments,
    embeddings: np.ndarray,
    confidence: float = 0.7,
) -> None:
    """Give the model the alpha at which the mean of the largest q is `confidence`.

    Args:
        model (`BertForClustering`): With centroids.
        args (`ClusteringTrainingArguments`): Whose seed draws the documents, where there are many.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        confidence (`float`, *optional*, defaults to 0.7): The mean to reach.
    """
    config, centroids = model.config, model.cluster_head.centroids.detach().cpu()
    sample = draw_sample(len(embeddings), args.seed, MAX_CALIBRATING)
    seen = torch.from_numpy(embeddings[sample])
    config.alpha = calibrate_alpha(seen, centroids, config.kernel, confidence)
    logger.info("Calibrated alpha of the kernel: %.3g.", config.alpha)


def bound_confidence(
    model: BertForClustering,
    args: ClusteringTrainingArguments,
    inference: Inference,
    embeddings: np.ndarray,
    state: ClusteringState,
    is_start: bool,
) -> None:
    """Have q no surer in the mean than the repeats of the start agree; just as sure where q is
    still the start's.

    Repeats share what the start has wrong, so they tell how sure a cluster is at most. The start's
    own mean q is what alpha was fitted to, whatever the documents.

    Args:
        model, args, inference: As in `initialize`.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Of the training set.
        state (`ClusteringState`): Knows how far the repeats agree.
        is_start (`bool`): Whether the weights are those that training set out from.
    """
    if state.agreement is None or not state.agreement > 0:
        return
    agreement = state.agreement.item()
    if is_start or inference.assign(embeddings).probabilities.mean() > agreement:
        fit_alpha(model, args, embeddings, agreement)


def _find_start(
    num_clusters: int,
    args: ClusteringTrainingArguments,
    views: Views,
    score: ClusterScore,
    known: Constraints | None,
) -> tuple[Start, np.ndarray, np.ndarray]:
    """The start, clusters of all documents `(num_documents,)`, and the repeats.

    Beyond 20,000 documents it is that of a sample and of those of which something is known, and the
    others go where the sample's discriminants say.
    """
    num_documents = len(views.embeddings)
    sample = draw_sample(num_documents, args.seed, MAX_STARTING)
    if known is not None:
        thinned = thin_out(known.labels, MAX_STARTING, args.seed)
        paired = known.is_known & (known.labels < 0)
        sample = np.union1d(sample, np.flatnonzero((thinned >= 0) | paired))
    seen = views.take(sample)
    if len(sample) < num_documents:
        judged = draw_sample(len(sample), args.seed)
        score = ClusterScore(judged, seen.take(judged).fused)
    kind = args.init if args.init in (EVEN, ANY) else None
    progress = args.shows_progress
    with stage("start"):
        start = find_start(
            seen, num_clusters, args.seed, score, kind=kind, progress=progress, for_each=share_out
        )
    scores = ", ".join(f"{name} {value:.3f}" for name, value in start.scores.items())
    logger.info("Start: %s (separation of the clusters: %s).", start.kind, scores)
    if len(start.scores) == 2:
        logger.info("%s", describe_choice(start.scores, start.sizes(num_clusters)))
    with stage("repeats"):
        repeats = repeat_start(
            views, start.kind, num_clusters, args.seed, progress=progress, for_each=share_out
        )
    found = start.clusters
    if known is not None:
        shown = known.relabel(thinned).take(sample)
        with stage("known topics"):
            seeded = find_seeded_start(seen, shown, found, num_clusters, args.seed)
        found = seeded.clusters
        logger.info("What is known: %s", seeded.describe())
    if len(sample) == num_documents:  # there are no others
        return start, found, repeats
    clusters = np.full(num_documents, -1)
    clusters[sample] = found
    clusters = _ask_teacher(views, clusters, num_clusters).most_probable.numpy()
    clusters[sample] = found
    if known is not None:
        clusters = np.where(known.labels >= 0, known.labels, clusters)
    return start, clusters, repeats


def _ask_teacher(views: Views, clusters: np.ndarray, num_clusters: int) -> SparseAssignment:
    """What the views make of the clusters of documents, -1 for those that have none."""
    space = views.rows_for_discriminants
    teacher = fit_teacher(space, clusters, num_clusters)
    parts = (teacher(space[part]) for part in batches(len(space)))
    return SparseAssignment.of(map(torch.from_numpy, parts))


def _find_num_clusters(
    model: BertForClustering, args: ClusteringTrainingArguments, views: Views, least: int
) -> torch.Tensor | None:
    """Give the model as many clusters as the documents seem to hold, if nobody said how many.

    Returns:
        `torch.Tensor` of shape `(num_tried, 2)`: K and its score.
    """
    if args.max_clusters is None:
        return None
    with stage("number of clusters"):
        estimate = estimate_num_clusters(
            views,
            args.seed,
            least,
            args.max_clusters,
            progress=args.shows_progress,
            for_each=share_out,
        )
    logger.info(
        "Number of clusters: %d; next best: %s.", estimate.num_clusters, estimate.runners_up()
    )
    found = torch.tensor([estimate.num_clusters], device=args.device)
    model.resize_clusters(int(broadcast(found)))
    return torch.tensor(list(estimate.scores.items()), dtype=torch.float64)
