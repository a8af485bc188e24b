"""`StartingTrainer`: a `Trainer` that finds where the clusters of its documents start."""

import logging
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast

from ..clusters.candidates import find_start, kmeans
from ..clusters.num_clusters import estimate_num_clusters
from ..clusters.quality import ClusterScore
from ..clusters.rows import draw_sample
from ..clusters.spaces import cluster_means, fuse, lexical_view
from ..clusters.stability import agreement, repeat_start
from ..clusters.targets import calibrate_alpha, teach
from .inference import ClusterPredictor


logger = logging.getLogger(__name__)

MAX_STARTING = 20_000  # documents the start is made of
MAX_CALIBRATING = 50_000  # documents alpha is fitted to


class StartingTrainer(ClusterPredictor):
    """A `Trainer` whose model's clusters start from its `train_dataset`; `args` are
    `ClusteringTrainingArguments`.
    """

    kmeans_clusters: torch.Tensor | None = (
        None  # (num_documents,), of plain k-means on the pretrained embeddings
    )
    start_clusters: torch.Tensor | None = None  # (num_documents,), that training sets out from
    num_clusters_scores: torch.Tensor | None = (
        None  # (num_tried, 2), K and its score, where K was looked for
    )
    repeats: torch.Tensor | None = (
        None  # (num_repeats, num_documents), the automatic start made again from samples
    )
    confidence: torch.Tensor | None = (
        None  # (1,), share they agree in, where alpha is fitted; 0: not known
    )

    def start(self) -> tuple[torch.Tensor, np.ndarray | None, ClusterScore]:
        """Find the clusters, unless the model has some already, and give it centroids and alpha.

        Returns:
            Soft assignments q, `(num_documents, num_clusters)`; embeddings beside words,
            `(num_documents, hidden_size + num_components)`, `None` where neither a teacher nor the
            start needs them all; and what scores clusters in that space.
        """
        embeddings, lexical, seed = (
            self.encode(self.train_dataset),
            self._lexical_view(),
            self.args.seed,
        )
        needs_fused = self.args.lexical_teacher or len(embeddings) > MAX_STARTING
        fused = fuse(embeddings, lexical, 1.0, self.args.output_dir) if needs_fused else None
        sample = draw_sample(len(embeddings), seed)
        score = ClusterScore(sample, fuse(embeddings[sample], lexical[sample]))
        keeps_clusters = self.args.init is None and self.model.has_clusters
        if self.args.max_clusters is not None and not keeps_clusters:
            self._find_num_clusters(embeddings, lexical)
        config, head = self.model.config, self.model.cluster_head
        num_clusters = config.num_clusters
        clusters = np.zeros((2, len(embeddings)), dtype=np.int64)
        if (
            self.is_world_process_zero()
        ):  # the others, led elsewhere by rounding, take what it found
            clusters[:] = kmeans(embeddings, num_clusters, seed, progress=self._shows_progress)
            if not keeps_clusters and self.args.init != "kmeans":
                clusters[1] = self._find_start(embeddings, lexical, fused, score)
        self.kmeans_clusters, self.start_clusters = broadcast(
            torch.from_numpy(clusters).to(self.args.device)
        ).cpu()
        if not keeps_clusters:
            means = cluster_means(embeddings, self.start_clusters.numpy(), num_clusters)
            head.centroids.data.copy_(torch.from_numpy(means))
        if config.alpha is None:
            self._fit_alpha(embeddings)
            agreed = torch.zeros(1)
            if self.repeats is not None:  # on the main process
                agreed[0] = agreement(self.start_clusters.numpy(), self.repeats.numpy())
            self.confidence = broadcast(agreed.to(self.args.device))
        q = self.assign(embeddings)
        if keeps_clusters:
            self.start_clusters = q.argmax(dim=1)
        return q, fused, score

    def _fit_alpha(self, embeddings: np.ndarray, **kwargs: Any) -> None:
        config, centroids = self.model.config, self.model.cluster_head.centroids.detach().cpu()
        seen = torch.from_numpy(
            embeddings[draw_sample(len(embeddings), self.args.seed, MAX_CALIBRATING)]
        )
        config.alpha = calibrate_alpha(seen, centroids, config.kernel, **kwargs)
        logger.info("Calibrated alpha of the kernel: %.3g.", config.alpha)

    def _find_start(
        self,
        embeddings: np.ndarray,
        lexical: np.ndarray,
        fused: np.ndarray | None,
        score: ClusterScore,
    ) -> np.ndarray:
        """Clusters `(num_documents,)` of the automatic start, which is repeated to see which come
        back.

        Beyond 20,000 documents it is that of a sample, and the others go where the sample's
        discriminants say.
        """
        num_clusters, seed, progress = (
            self.model.config.num_clusters,
            self.args.seed,
            self._shows_progress,
        )
        sample = draw_sample(len(embeddings), seed, MAX_STARTING)
        seen, words = embeddings[sample], lexical[sample]
        if len(sample) < len(embeddings):
            judged = draw_sample(len(sample), seed)
            score = ClusterScore(judged, fuse(seen[judged], words[judged]))
        start = find_start(seen, words, num_clusters, seed, score, progress=progress)
        scores = ", ".join(f"{name} {value:.3f}" for name, value in start.scores.items())
        logger.info("Start: %s clusters (modularity plus silhouette: %s).", start.name, scores)
        repeats = repeat_start(
            embeddings, lexical, start.name, num_clusters, seed, progress=progress
        )
        self.repeats = torch.from_numpy(repeats)
        clusters = np.full(len(embeddings), -1)
        if len(sample) < len(clusters):
            clusters[sample] = start.clusters
            clusters = teach(fused, clusters, num_clusters, folder=self.args.output_dir).argmax(
                axis=1
            )
        clusters[sample] = start.clusters
        return clusters

    def _find_num_clusters(self, embeddings: np.ndarray, lexical: np.ndarray) -> None:
        """Give the model as many clusters as the documents seem to hold."""
        found = torch.zeros(1, dtype=torch.long)
        if self.is_world_process_zero():
            args = self.args
            estimate = estimate_num_clusters(
                embeddings,
                lexical,
                args.seed,
                args.min_clusters,
                args.max_clusters,
                progress=self._shows_progress,
            )
            found[0] = estimate.num_clusters
            self.num_clusters_scores = torch.tensor(
                list(estimate.scores.items()), dtype=torch.float64
            )
            logger.info(
                "Number of clusters: %d; next best: %s.",
                estimate.num_clusters,
                estimate.runners_up(),
            )
        self.model.resize_clusters(int(broadcast(found.to(self.args.device))))

    def _lexical_view(self) -> np.ndarray:
        """What the words of the training set say; nothing where it is not wanted."""
        if not self.args.lexical_teacher and self.args.init == "kmeans":
            return np.zeros((len(self.train_dataset), 0), dtype=np.float32)
        documents, special = (
            self.train_dataset["input_ids"],
            set(self.processing_class.all_special_ids),
        )
        return lexical_view(documents, self.args.seed, special=special, folder=self.args.output_dir)
