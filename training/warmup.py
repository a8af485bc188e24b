"""A phase before the joint training: a masked-LM head that the checkpoint came without learns
alone.
"""

import copy
import logging
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase, Trainer
from transformers.trainer_utils import SaveStrategy

from ..modeling_bert_cluster import BertForClustering
from .arguments import ClusteringTrainingArguments
from .batches import ClusteringCollator


logger = logging.getLogger(__name__)


class _HeadTrainer(Trainer):
    """The stock Trainer on the masked-LM loss alone; the targets' `index` is not for it."""

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], *args: Any, **kwargs: Any
    ) -> Any:
        inputs.pop("index")
        return super().compute_loss(model, inputs, *args, **kwargs)


def warm_up_mlm_head(
    model: BertForClustering,
    args: ClusteringTrainingArguments,
    collator: ClusteringCollator,
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
) -> float:
    """Train a new masked-LM head alone, the encoder and what is tied to it being frozen; return the
    mean loss.

    Its gradients would otherwise be noise to the encoder for the first few hundred steps.
    """
    head = {id(parameter) for parameter in model.mlm_head_parameters()}
    frozen = [p for p in model.parameters() if p.requires_grad and id(p) not in head]
    args = copy.copy(args)
    args.num_train_epochs, args.max_steps = args.mlm_head_warmup_epochs, -1
    args.learning_rate = args.mlm_head_warmup_learning_rate
    args.save_strategy, args.push_to_hub, args.report_to = SaveStrategy.NO, False, []
    for parameter in frozen:
        parameter.requires_grad_(False)
    logger.info("Warming up the masked-LM head, which the checkpoint came without.")
    trainer = _HeadTrainer(model, args, collator, dataset, processing_class=tokenizer)
    try:
        return trainer.train().training_loss
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
