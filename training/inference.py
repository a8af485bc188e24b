"""`ClusterPredictor`: embeddings and clusters of documents from clean passes of a `Trainer`'s
model.

A clean pass sees documents unmasked, in eval mode, sorted by length; every process takes its share
and gets all.
"""

from typing import NamedTuple

import numpy as np
import torch
from datasets import Dataset, IterableDataset
from scipy.stats import median_abs_deviation
from sklearn.metrics import pairwise_distances_argmin_min
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from ..clusters.rows import batches, empty_rows
from ..publishing.push import PublishingTrainer
from ..texts.tokens import document_lengths, prepare_dataset


STREAMED = 16_384  # documents of a stream that are seen at a time


class ClusterPrediction(NamedTuple):
    """What `ClusteringTrainer.predict` returns; the first three fields are those of
    `PredictionOutput`.

    Args:
        predictions (`np.ndarray` of shape `(num_documents, num_clusters)`): Soft assignments q,
            rows sum to 1.
        label_ids (`None`): There are no gold classes here.
        metrics (`dict`): Empty.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings z.
    """

    predictions: np.ndarray
    label_ids: None
    metrics: dict[str, float]
    embeddings: np.ndarray

    @property
    def clusters(self) -> np.ndarray:
        """Most probable cluster of each document, `(num_documents,)`."""
        return self.predictions.argmax(axis=1)

    @property
    def probabilities(self) -> np.ndarray:
        """Probability of that cluster, `(num_documents,)`."""
        return self.predictions.max(axis=1)


class ClusterPredictor(PublishingTrainer):
    """A `Trainer` whose model is a `BertForClustering` and whose `data_collator` a
    `ClusteringCollator`.
    """

    embeddings: np.ndarray | None = (
        None  # of the training set, where no step came after they were made
    )

    @property
    def _shows_progress(self) -> bool:
        return self.args.should_log and not self.args.disable_tqdm

    @torch.no_grad()
    def encode(self, dataset: Dataset) -> np.ndarray:
        """Embeddings of a tokenised dataset from a clean pass: unmasked, in eval mode, sorted by
        length.

        Args:
            dataset (`Dataset`): With the tokenizer's columns. Every process takes its share and
                gets all.

        Returns:
            `np.ndarray` of shape `(num_documents, hidden_size)`, float32, in the dataset's order.
        """
        order = np.argsort([-length for length in document_lengths(dataset)], kind="stable")
        loader = self.get_test_dataloader(dataset.select(order))
        embeddings = empty_rows(len(dataset), self.model.config.hidden_size, self.args.output_dir)
        self.model.eval()
        done = 0
        for batch in tqdm(loader, desc="Encoding", disable=not self._shows_progress):
            with self.accelerator.autocast():
                part = self.model(**batch).embeddings
            part = self.accelerator.gather_for_metrics(part).float().cpu().numpy()
            embeddings[order[done : done + len(part)]] = part
            done += len(part)
        return embeddings

    @torch.no_grad()
    def assign(self, embeddings: np.ndarray) -> torch.Tensor:
        """Soft assignments q of embeddings under the present centroids, `(num_documents,
        num_clusters)`, not on a GPU.

        Beyond 256 MiB they lie on disk.
        """
        q = empty_rows(len(embeddings), self.model.config.num_clusters, self.args.output_dir)
        for part in batches(len(embeddings)):
            log_q = self.model.cluster_head(torch.from_numpy(embeddings[part]).to(self.args.device))
            q[part] = log_q.exp().cpu().numpy()
        return torch.from_numpy(q)

    def predict(
        self, test_dataset: Dataset | IterableDataset | list[str] | None = None
    ) -> ClusterPrediction:
        """Cluster documents with the model as it stands.

        Args:
            test_dataset (`Dataset`, `IterableDataset` or `list[str]`, *optional*): Texts, a dataset
                with a column `text`, or a tokenised one; it may be a stream. `None`: the training
                set, right after `train()`, whose last pass over it is not made again.

        Raises:
            ValueError: The model has no clusters yet, or there are no documents.
        """
        if not self.model.has_clusters:
            raise ValueError(
                "The model has no clusters yet. Call train() first, or load a trained model."
            )
        if isinstance(test_dataset, IterableDataset):
            parts = [
                self.predict(Dataset.from_dict(batch)) for batch in test_dataset.iter(STREAMED)
            ]
            parts = parts or [self.predict([])]  # which says that there are no documents
            q, embeddings = (np.concatenate([part[field] for part in parts]) for field in (0, 3))
            return ClusterPrediction(q, None, {}, embeddings)
        if test_dataset is not None:
            embeddings = self.encode(prepare_dataset(test_dataset, self.processing_class))
        else:
            embeddings = (
                self.encode(self.train_dataset) if self.embeddings is None else self.embeddings
            )
        return ClusterPrediction(self.assign(embeddings).numpy(), None, {}, embeddings)

    def note_distances(self, embeddings: np.ndarray) -> None:
        """Keep in the config how far the training documents lie from their centroids."""
        distances = self._nearest_distances(embeddings)
        deviation = median_abs_deviation(distances, scale="normal")
        self.model.config.typical_distance = [float(np.median(distances)), float(deviation)]

    def outlier_scores(self, embeddings: np.ndarray) -> np.ndarray:
        """How much farther documents lie from all centroids than the training documents did,
        `(num_documents,)`.

        The unit is the robust standard deviation (1.4826 times the median absolute deviation) of
        the distances to the nearest centroid, from their median on: most documents lie between -2
        and 2.

        Args:
            embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        """
        median, deviation = self.model.config.typical_distance
        return (self._nearest_distances(embeddings) - median) / max(deviation, 1e-6)

    def _nearest_distances(self, embeddings: np.ndarray) -> np.ndarray:
        centroids = self.model.cluster_head.centroids.detach().cpu().numpy()
        return pairwise_distances_argmin_min(embeddings, centroids)[1]

    def get_test_dataloader(self, test_dataset: Dataset) -> DataLoader:
        """Batches in the dataset's order, padded and unmasked."""
        loader = DataLoader(
            test_dataset,
            batch_size=self.args.eval_batch_size,
            collate_fn=self.data_collator.unmasked,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)
