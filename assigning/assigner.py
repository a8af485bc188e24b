"""`Assigner`: texts in, columns of clusters out, by one process, however many texts there are."""

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from ..errors import InputError
from ..reports.levels import coarser_probabilities, levels_of
from ..reports.mix import mix_sentences, write_topics
from ..reports.result import OUTLIER, OUTLIER_LABEL
from ..texts import (
    SENTENCE,
    Sentences,
    cut_windows,
    make_text_documents,
    split_documents,
    text_prefix,
    tokenize,
)
from ..training import (
    ClusteringTrainingArguments,
    DataArguments,
    ModelArguments,
    load_model,
    load_tokenizer,
)
from ..training.inference import join_windows, outlier_scores


class Tokens(NamedTuple):
    """Texts as the encoder reads them.

    Args:
        ids (`list[list[int]]`): Of each text, or of each of its windows; of its sentences, where
            the model clusters these.
        documents (`np.ndarray` of shape `(num_windows,)`, *optional*): Which text, or sentence, a
            window is of. `None`: there is one for each.
        sentences (`Sentences`, *optional*): Those of the texts.
    """

    ids: list[list[int]]
    documents: np.ndarray | None = None
    sentences: Sentences | None = None


class Assigner:
    """Sorts texts into the clusters of a finished model.

    It holds the model, and no texts: give it batches of some thousands, which it sorts by length.

    Args:
        model (`str`): Folder or Hub id of the model.
        outlier_threshold (`float`, *optional*): Cluster -1 for texts that lie farther from all
            centroids than the training texts, by so many of their robust standard deviations.
        top (`int`, *optional*, defaults to 0): Also the so many most probable clusters of a text.
        max_seq_length (`int`, *optional*): Tokens that are read of each text. `None`: the model's.
        model_arguments (*optional*): More of `ModelArguments`, by name.

    Raises:
        InputError: It is no model that has clusters, or it cannot do what is asked.

    Example (`output` is a model's folder):

        assigner = Assigner("output")
        assigner(["Where is my parcel?"])
        # {"cluster": array([3]), "label": array(["parcel, late"]), "probability": array([0.93])}
    """

    def __init__(
        self,
        model: str,
        *,
        outlier_threshold: float | None = None,
        top: int = 0,
        max_seq_length: int | None = None,
        **model_arguments: Any,
    ) -> None:
        # Kernels for batches of a thousand shapes would take hundreds of megabytes.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
        model_args = ModelArguments(model, **model_arguments)
        self.args = ClusteringTrainingArguments(
            "",  # nothing is written
            do_predict=True,
            report_to="none",
            use_cpu=not torch.accelerator.is_available(),
        )
        data_args = DataArguments(
            max_seq_length=max_seq_length, outlier_threshold=outlier_threshold
        )
        self.tokenizer = load_tokenizer(model_args, data_args, self.args)
        self.model = load_model(model_args, self.args).eval()
        self.model.to(self.args.device)
        if not self.model.has_clusters:
            raise InputError(f"'{model}' has no clusters yet. Give a trained model.")
        self.config, self.levels = self.model.config, levels_of(self.model.config)
        self.outlier_threshold, self.top = outlier_threshold, min(top, self.config.num_clusters)

    def __call__(self, texts: Iterable[str]) -> dict[str, np.ndarray]:
        """Columns, a value per text: `cluster`, `label` and `probability`, those of coarser levels
        (`cluster_1`, ...), and of the `top` clusters `top_clusters` and `top_probabilities`. Where
        the model clusters sentences, a text's cluster is the one that holds most of it; `topics`
        tells them all, with their shares, which `top_probabilities` then are.

        Raises:
            InputError: A text is empty or no string.
        """
        return self.assign(self.tokenize(make_text_documents(texts).texts))

    @property
    def column_names(self) -> list[str]:
        """Names of these columns, in their order."""
        levels = ["", *(f"_{number}" for number in range(1, len(self.levels) + 1))]
        names = [
            f"{name}{level}" for level in levels for name in ("cluster", "label", "probability")
        ]
        names += ["topics"] if self.config.segments == SENTENCE else []
        return names + (["top_clusters", "top_probabilities"] if self.top else [])

    def sha256(self) -> str:
        """What the columns depend on, as a digest: weights, names and levels, and the tokenizer."""
        passing = ("transformers_version", "_name_or_path", "backbone_config")
        config = {k: v for k, v in self.config.to_dict().items() if k not in passing}
        vocabulary = sorted(self.tokenizer.get_vocab().items())
        told = json.dumps([config, vocabulary, text_prefix(self.tokenizer)], sort_keys=True)
        digest = hashlib.sha256(told.encode())
        for name, weight in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + weight.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def tokenize(self, texts: list[str]) -> Tokens:
        """The texts, or their sentences, cut at the length that the model reads, or in windows of
        that length. None may be empty.
        """
        sentences = None
        if self.config.segments == SENTENCE:
            language = self.config.sentence_language
            sentences = split_documents(make_text_documents(texts), language)
            texts = sentences.texts
        if self.config.long_documents == "mean":
            windows = cut_windows(tokenize(texts, self.tokenizer), self.tokenizer)
            return Tokens(windows["input_ids"][:], np.array(windows["document"]), sentences)
        encoded = self.tokenizer(
            texts, truncation=True, return_attention_mask=False, return_token_type_ids=False
        )
        return Tokens(encoded["input_ids"], None, sentences)

    @torch.inference_mode()
    def assign(self, tokens: Tokens) -> dict[str, np.ndarray]:
        """The columns that `__call__` returns, of texts that `tokenize` has read."""
        embeddings = self._encode(tokens.ids)
        if tokens.documents is not None:
            lengths = np.array([len(ids) for ids in tokens.ids], dtype=np.float32)
            unit = bool(self.config.normalize_embeddings)
            embeddings = join_windows(embeddings, lengths, tokens.documents, unit)
        on_device = torch.from_numpy(embeddings).to(self.args.device)
        q = self.model.cluster_head(on_device).exp().cpu().numpy()
        clusters, probabilities = q.argmax(axis=1), q.max(axis=1)
        coarser = coarser_probabilities(q, clusters, self.levels)
        told: dict[str, np.ndarray] = {}
        if self.outlier_threshold is not None:
            strays = outlier_scores(self.model, embeddings) > self.outlier_threshold
            clusters = np.where(strays, OUTLIER, clusters)  # with what their nearest cluster has
        if tokens.sentences is not None:
            num_clusters = self.config.num_clusters
            mix = mix_sentences(tokens.sentences, clusters, probabilities, coarser, num_clusters)
            clusters, q = mix.clusters, mix.shares.toarray()
            probabilities, coarser = mix.values[:, 0], mix.values[:, 1:]
            names = self.config.id2label | {OUTLIER: OUTLIER_LABEL}
            told["topics"] = np.array([write_topics(part, names) for part in mix.topics], object)
        columns = _columns(clusters, probabilities, self.config.id2label)
        for number, level in enumerate(self.levels):
            above = np.where(clusters == OUTLIER, OUTLIER, level.inside[clusters])
            found = _columns(above, coarser[:, number], dict(enumerate(level.labels)))
            columns |= {f"{name}_{number + 1}": values for name, values in found.items()}
        columns |= told
        if self.top:
            best = np.argsort(-q, axis=1, kind="stable")[:, : self.top]
            columns["top_clusters"] = best.astype(np.int32)
            columns["top_probabilities"] = np.take_along_axis(q, best, axis=1)
        return columns

    def _encode(self, ids: list[list[int]]) -> np.ndarray:
        """Embeddings `(num_windows, hidden_size)`, in passes of like length and so many tokens."""
        lengths = np.array([len(tokens) for tokens in ids])
        order, start = np.argsort(-lengths, kind="stable"), 0
        embeddings = np.empty((len(ids), self.config.hidden_size), dtype=np.float32)
        with torch.autocast(self.args.device.type, torch.bfloat16, enabled=bool(self.args.bf16)):
            while start < len(order):
                longest = lengths[order[start]]
                rows = order[start : start + max(1, self.args.max_tokens_per_pass // longest)]
                embeddings[rows] = self._encode_pass([ids[row] for row in rows])
                start += len(rows)
        return embeddings

    def _encode_pass(self, ids: list[list[int]]) -> np.ndarray:
        """Embeddings of what goes through the model at once."""
        padding = self.tokenizer.pad_token_id
        inputs = [torch.tensor(tokens) for tokens in ids]
        masks = [torch.ones_like(tokens) for tokens in inputs]
        found = self.model(
            input_ids=pad_sequence(inputs, True, padding).to(self.args.device),
            attention_mask=pad_sequence(masks, True, 0).to(self.args.device),
        )
        return found.embeddings.float().cpu().numpy()


def _columns(
    clusters: np.ndarray, probabilities: np.ndarray, labels: dict[int, str]
) -> dict[str, np.ndarray]:
    """Columns of one level."""
    names = np.array([*(labels[cluster] for cluster in range(len(labels))), OUTLIER_LABEL], object)
    return {
        "cluster": clusters.astype(np.int32),
        "label": names[clusters],  # that of -1 stands last
        "probability": probabilities.astype(np.float32),
    }
