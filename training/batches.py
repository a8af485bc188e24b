"""From tokenised documents to batches, in an order and with masks that seed and epoch decide."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase
from transformers.trainer_pt_utils import LengthGroupedSampler

from ..texts.tokens import check_mask_token


class EpochSeededSampler(LengthGroupedSampler):
    """Documents of like length together, in an order that seed and epoch alone decide.

    It is the same on every process and in a resumed run, whatever else has drawn random numbers.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self.generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return super().__iter__()


def split_batch(batch: dict[str, torch.Tensor], max_tokens: int) -> list[dict[str, torch.Tensor]]:
    """A batch in parts of no more than so many tokens, padding counted, and of one document or
    more.

    Args:
        batch (`dict[str, torch.Tensor]`): Tensors with a row per document, `input_ids` of shape
            `(num_documents, num_tokens)` among them.
        max_tokens (`int`): Of a part.
    """
    num_documents, num_tokens = batch["input_ids"].shape
    size = max(1, max_tokens // num_tokens)
    parts = {name: tensor.split(size) for name, tensor in batch.items()}
    return [
        {name: split[number] for name, split in parts.items()}
        for number in range(-(-num_documents // size))
    ]


class ClusteringCollator:
    """Pads documents to a batch and masks tokens for the masked-LM loss; `index` goes along.

    Other columns than the tokenizer's and `index` are left out.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer, with a mask token.
        mlm_probability (`float`): Share of the tokens to predict; of these 80 % become the mask
            token and 10 % a random one (BERT, Devlin et al. 2019).
        seed (`int`, *optional*, defaults to 0): With the epoch and the documents of the batch it
            decides what is masked, whichever worker or resumed run makes the batch.

    Raises:
        InputError: The tokenizer has no mask token.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, mlm_probability: float, seed: int = 0
    ) -> None:
        check_mask_token(tokenizer)
        self.tokenizer = tokenizer
        self.seed = seed
        self.epoch = torch.zeros((), dtype=torch.long).share_memory_()  # workers may outlive it
        self.mask = DataCollatorForLanguageModeling(tokenizer, mlm_probability=mlm_probability)

    def __call__(self, documents: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        index = [document["index"] for document in documents]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed + self.epoch.item(), *index)))
            batch = dict(self.mask(self._features(documents, "special_tokens_mask")))
        batch["index"] = torch.tensor(index)
        return batch

    def set_epoch(self, epoch: int) -> None:
        """Mask other tokens of the same documents from now on."""
        self.epoch.fill_(epoch)

    def unmasked(self, documents: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad alone, for clean passes."""
        return dict(self.tokenizer.pad(self._features(documents), return_tensors="pt"))

    def _features(self, documents: list[dict[str, Any]], *more: str) -> list[dict[str, Any]]:
        wanted = (*self.tokenizer.model_input_names, *more)
        return [
            {name: document[name] for name in wanted if name in document} for document in documents
        ]
