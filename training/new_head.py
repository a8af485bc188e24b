"""A masked-LM head that the checkpoint came without learns within the joint training, alone at
first: its gradient would be noise to the encoder.
"""

import logging

import numpy as np
import torch
from accelerate import Accelerator
from datasets import Dataset
from scipy.stats import entropy

from ..clusters.rows import batches
from ..modeling_bert_cluster import BertForClustering
from .arguments import ClusteringTrainingArguments
from .state import ClusteringState


logger = logging.getLogger(__name__)

LEARNING_RATE_OF_NEW_HEAD = 1e-3
MEMORY = 0.9  # of the running mean, per update


def token_entropy(dataset: Dataset, vocab_size: int) -> float:
    """Entropy of a dataset's tokens, in nats: the masked-LM loss of one who knows nothing but how
    frequent they are.

    Args:
        dataset (`Dataset`): With `input_ids`, and `special_tokens_mask` where special ones are not
            to count.
        vocab_size (`int`): Size of the vocabulary.
    """
    counts = np.zeros(vocab_size, dtype=np.int64)
    for part in batches(len(dataset)):
        columns = dataset[part]
        ids = np.concatenate(columns["input_ids"])
        if "special_tokens_mask" in columns:
            ids = ids[np.concatenate(columns["special_tokens_mask"]) == 0]
        counts += np.bincount(ids, minlength=vocab_size)
    return float(entropy(counts))


def initial_loss(
    model: BertForClustering, args: ClusteringTrainingArguments
) -> torch.Tensor | None:
    """Masked-LM loss of a head that knows nothing, `()`, where a new one is to learn alone; `None`
    where there is none, or no clustering loss for the encoder to learn from meanwhile.
    """
    config = model.config
    if not (config.mlm_head_is_fresh and args.mlm_weight and args.clustering_weight):
        return None
    return torch.tensor(float(config.get_text_config().vocab_size)).log()


class NewHead:
    """Keeps a new head's gradient from the encoder until the head has learnt half of what the
    frequencies of the tokens tell: until its loss is half way from that of a guess among all tokens
    to their entropy.

    Its projection onto the vocabulary, where it is tied to the token embeddings, does not learn.

    Its loss is a running mean over the updates, which begins at that of a head that knows nothing,
    and is part of the clustering's state.

    Args:
        model (`BertForClustering`): With that head.
        state (`ClusteringState`): Its `new_head_loss` is the running mean; `None` once the gradient
            reaches the encoder.
        dataset (`Dataset`): The training documents.
    """

    def __init__(self, model: BertForClustering, state: ClusteringState, dataset: Dataset) -> None:
        self.model, self.state = model, state
        self.loss = torch.zeros(())  # of the present update
        self.enough = 0.0
        model.mlm_head_learns_alone = state.new_head_loss is not None
        if model.mlm_head_learns_alone:
            vocab_size = model.config.get_text_config().vocab_size
            self.enough = (np.log(vocab_size) + token_entropy(dataset, vocab_size)) / 2

    def note(self, loss: torch.Tensor) -> None:
        """Add a micro-batch's part of the update's masked-LM loss."""
        if self.state.new_head_loss is not None:
            self.loss = self.loss + loss.detach().float()

    def end_update(self, accelerator: Accelerator) -> None:
        """Judge the head by all updates so far; every process comes to the same."""
        if self.state.new_head_loss is None:
            return
        loss = accelerator.reduce(self.loss.to(accelerator.device), "mean").cpu()
        self.loss = torch.zeros(())
        self.state.new_head_loss = self.state.new_head_loss.lerp(loss, 1 - MEMORY)
        if self.state.new_head_loss < self.enough:
            self.state.new_head_loss, self.model.mlm_head_learns_alone = None, False
            logger.info(
                "The new masked-LM head has a loss of less than %.2f, half way to the entropy of "
                "the tokens: its gradient reaches the encoder from now on.",
                self.enough,
            )
