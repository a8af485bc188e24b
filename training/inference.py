"""Embeddings and soft assignments of documents under a model as it stands.

A clean pass sees documents unmasked, in eval mode, sorted by length; every process takes its share
and gets all.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from scipy.stats import median_abs_deviation
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.preprocessing import normalize
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from ..clusters.rows import batches
from ..clusters.sparse import SparseAssignment
from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering
from ..texts.tokens import document_lengths
from ..texts.windows import cut_windows, tells_what_was_cut
from .arguments import ClusteringTrainingArguments
from .batches import ClusteringCollator, split_batch
from .stages import stage


class ClusterPrediction(NamedTuple):
    """What `ClusteringTrainer.predict` returns; the first three fields are those of
    `PredictionOutput`.

    Args:
        predictions (`np.ndarray` of shape `(num_documents, num_clusters)`): Soft assignments q,
            rows sum to 1.
        label_ids (`None`): There are no gold classes here.
        metrics (`dict`): How long it took.
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


class Inference:
    """Clean passes.

    Args:
        model (`BertForClustering`): The model, not wrapped.
        args (`ClusteringTrainingArguments`): Batch size, and what goes through at once.
        accelerator (`Accelerator`): Whose processes share the work.
        collator (`ClusteringCollator`): Pads documents to batches.
    """

    def __init__(
        self,
        model: BertForClustering,
        args: ClusteringTrainingArguments,
        accelerator: Accelerator,
        collator: ClusteringCollator,
    ) -> None:
        self.model, self.args = model, args
        self.accelerator, self.collator = accelerator, collator

    @stage("clean passes")
    def encode(self, dataset: Dataset) -> np.ndarray:
        """Embeddings of a tokenised dataset from a clean pass.

        Args:
            dataset (`Dataset`): With the tokenizer's columns; those of `texts.tokenize`, where the
                model sees more than the head of long documents.

        Returns:
            `np.ndarray` of shape `(num_documents, hidden_size)`, float32, in the dataset's order.
        """
        if self.model.config.long_documents == "head" or not tells_what_was_cut(dataset):
            return self._encode_heads(dataset)
        windows = cut_windows(dataset, self.collator.tokenizer)
        lengths = np.array(windows["length"], dtype=np.float32)
        unit = bool(self.model.config.normalize_embeddings)
        return join_windows(
            self._encode_heads(windows), lengths, np.array(windows["document"]), unit
        )

    @torch.no_grad()
    def _encode_heads(self, dataset: Dataset) -> np.ndarray:
        """Embeddings of the tokens that a dataset holds."""
        order = np.argsort([-length for length in document_lengths(dataset)], kind="stable")
        loader = self._batches(dataset.select(order))
        shape = len(dataset), self.model.config.hidden_size
        embeddings = np.empty(shape, dtype=np.float32)
        self.model.eval()
        # Which clusters a start finds may hang on the last digits.
        precision = self.accelerator.autocast if self.model.has_clusters else nullcontext
        done = 0
        with precision():
            for batch in tqdm(
                loader, desc="Encoding", leave=False, disable=not self.args.shows_progress
            ):
                parts = split_batch(batch, self.args.max_tokens_per_pass)
                found = torch.cat([self.model(**part).embeddings for part in parts])
                found = self.accelerator.gather_for_metrics(found).float().cpu().numpy()
                embeddings[order[done : done + len(found)]] = found
                done += len(found)
        return embeddings

    @torch.no_grad()
    def encode_terms(self, terms: list[str], size: int = 256) -> np.ndarray:
        """Embeddings of words or short phrases, `(num_terms, hidden_size)`, by this process
        alone.
        """
        self.model.eval()
        found = []
        for start in range(0, len(terms), size):
            batch = self.collator.tokenizer(
                terms[start : start + size], padding=True, truncation=True, return_tensors="pt"
            )
            embeddings = self.model(**batch.to(self.args.device)).embeddings
            found.append(embeddings.float().cpu().numpy())
        return np.concatenate(found)

    @torch.no_grad()
    def assign_in_parts(self, embeddings: np.ndarray) -> Iterator[torch.Tensor]:
        """Soft assignments q of embeddings under the present centroids, on the CPU, of some tens of
        thousands at a time, `(num_documents_in_part, num_clusters)`.

        Args:
            embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.
        """
        for part in batches(len(embeddings)):
            found = torch.from_numpy(embeddings[part]).to(self.args.device)
            yield self.model.cluster_head(found).exp().cpu()

    def assign(self, embeddings: np.ndarray) -> SparseAssignment:
        """As much of these assignments as matters."""
        return SparseAssignment.of(self.assign_in_parts(embeddings))

    def nearest_distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Distance of each document to its nearest centroid, `(num_documents,)`."""
        return nearest_distances(self.model, embeddings)

    def note_distances(self, embeddings: np.ndarray) -> None:
        """Keep in the config how far the training documents lie from their centroids."""
        distances = self.nearest_distances(embeddings)
        deviation = median_abs_deviation(distances, scale="normal")
        self.model.config.typical_distance = [float(np.median(distances)), float(deviation)]

    def outlier_scores(self, embeddings: np.ndarray) -> np.ndarray:
        """Those of the model (`outlier_scores`)."""
        return outlier_scores(self.model, embeddings)

    def _batches(self, dataset: Dataset) -> DataLoader:
        """Batches in the dataset's order, padded and unmasked."""
        loader = DataLoader(
            dataset,
            batch_size=self.args.eval_batch_size,
            collate_fn=self.collator.unmasked,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)


def join_windows(
    embeddings: np.ndarray, lengths: np.ndarray, documents: np.ndarray, unit: bool
) -> np.ndarray:
    """Mean of each document's windows, by their tokens, `(num_documents, hidden_size)`.

    Args:
        embeddings (`np.ndarray` of shape `(num_windows, hidden_size)`): Of the windows.
        lengths, documents (`np.ndarray` of shape `(num_windows,)`): Tokens of each window; the
            number of its document, each of which has one.
        unit (`bool`): Whether to scale the means to unit length.
    """
    totals = np.bincount(documents, lengths).astype(np.float32)
    joined = np.zeros((len(totals), embeddings.shape[1]), dtype=np.float32)
    for part in batches(len(embeddings)):
        np.add.at(joined, documents[part], embeddings[part] * lengths[part, None])
    for part in batches(len(totals)):
        joined[part] /= totals[part, None]
        if unit:
            joined[part] = normalize(joined[part])
    return joined


def nearest_distances(model: BertForClustering, embeddings: np.ndarray) -> np.ndarray:
    """Distance of each document to its nearest centroid, `(num_documents,)`."""
    centroids = model.cluster_head.centroids.detach().cpu().numpy()
    return pairwise_distances_argmin_min(embeddings, centroids)[1]


def outlier_scores(model: BertForClustering, embeddings: np.ndarray) -> np.ndarray:
    """How much farther documents lie from all centroids than the training documents did,
    `(num_documents,)`.

    The unit is the robust standard deviation (1.4826 times the median absolute deviation) of the
    distances to the nearest centroid, from their median on: most documents lie between -2 and 2.

    Args:
        model (`BertForClustering`): Knows how far its training documents lay.
        embeddings (`np.ndarray` of shape `(num_documents, hidden_size)`): Document embeddings.

    Raises:
        InputError: The model does not say how far its training documents lie.
    """
    typical = model.config.typical_distance
    if typical is None:
        raise InputError(
            "The model does not say how far its training documents lie from the centroids. "
            "Call train() first, or load a trained model."
        )
    median, deviation = typical
    return (nearest_distances(model, embeddings) - median) / max(deviation, 1e-6)
