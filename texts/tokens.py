"""From documents to a tokenised dataset with an `index`, and from that to batches in a reproducible
order.
"""

from collections.abc import Iterator
from typing import Any

import torch
from datasets import Dataset
from transformers import BatchEncoding, DataCollatorForLanguageModeling, PreTrainedTokenizerBase
from transformers.trainer_pt_utils import LengthGroupedSampler


def limit_length(
    tokenizer: PreTrainedTokenizerBase, max_seq_length: int | None, max_position_embeddings: int
) -> None:
    """Set the tokenizer's `model_max_length`, which is saved with it, to what the user wants and
    the encoder can.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): Changed in place.
        max_seq_length (`int`, *optional*): Tokens a document, special ones included. `None`: as
            many as possible.
        max_position_embeddings (`int`): The encoder's number of positions.

    Raises:
        ValueError: The limit leaves no room for a word, or is beyond what the encoder can read.
    """
    limit = tokenizer.model_max_length
    if (
        limit > max_position_embeddings
    ):  # it was never set; families after RoBERTa cannot use two of the positions
        limit = max_position_embeddings - 2
    if max_seq_length is not None and not 3 <= max_seq_length <= limit:
        raise ValueError(
            f"max_seq_length={max_seq_length}: the encoder reads from 3 to {limit} tokens a "
            "document."
        )
    tokenizer.model_max_length = max_seq_length or limit


def tokenize(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, num_proc: int | None = None
) -> Dataset:
    """Tokenise, cutting at the tokenizer's `model_max_length`.

    Args:
        texts (`list[str]` of length `num_documents`): The documents.
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer.
        num_proc (`int`, *optional*): Processes to use. `None`: this one.

    Returns:
        `datasets.Dataset` with the tokenizer's columns, `special_tokens_mask`, `length` in tokens,
        whether the document was `truncated`, and its `index` from 0.
    """

    def encode(batch: dict[str, list], index: list[int]) -> BatchEncoding:
        encoded = tokenizer(batch["text"], truncation=True, return_special_tokens_mask=True)
        encoded["length"] = [len(ids) for ids in encoded["input_ids"]]
        full = [length >= tokenizer.model_max_length for length in encoded["length"]]
        cut = (
            full
            if encoded.encodings is None
            else [bool(part.overflowing) for part in encoded.encodings]
        )
        return BatchEncoding({**encoded, "truncated": cut, "index": index})

    dataset = Dataset.from_dict({"text": texts})
    return dataset.map(
        encode,
        batched=True,
        with_indices=True,
        num_proc=num_proc,
        remove_columns=["text"],
        desc="Tokenising",
    )


def document_lengths(dataset: Dataset) -> list[int]:
    """Tokens of each document, special ones included."""
    return (
        dataset["length"][:]
        if "length" in dataset.column_names
        else [len(ids) for ids in dataset["input_ids"]]
    )


def prepare_dataset(dataset: Dataset | list[str], tokenizer: Any) -> Dataset:
    """Tokenised documents, numbered by `index` from 0, whatever was given.

    Raises:
        ValueError: It is neither a list of texts nor a dataset with a column `text` or `input_ids`,
            or it is empty.
    """
    if isinstance(dataset, (Dataset, list)) and not len(dataset):
        raise ValueError("There are no documents: the dataset is empty.")
    if isinstance(dataset, Dataset) and "input_ids" in dataset.column_names:
        numbered = dataset.remove_columns(
            [name for name in ("index",) if name in dataset.column_names]
        )
        return numbered.add_column("index", list(range(len(dataset))))
    if isinstance(dataset, Dataset) and "text" in dataset.column_names:
        dataset = dataset["text"][:]
    if not isinstance(dataset, list) or not all(isinstance(text, str) for text in dataset):
        found = (
            f"a dataset with the columns {dataset.column_names}"
            if isinstance(dataset, Dataset)
            else type(dataset)
        )
        raise ValueError(
            f"Found {found}; wanted are texts, or a dataset with a column 'text' or 'input_ids'."
        )
    return tokenize(dataset, tokenizer)


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


class ClusteringCollator:
    """Pads documents to a batch and masks tokens for the masked-LM loss; `index` goes along.

    Other columns than the tokenizer's and `index` are left out.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer, with a mask token.
        mlm_probability (`float`): Share of the tokens to predict; of these 80 % become the mask
            token and 10 % a random one (BERT, Devlin et al. 2019).
        seed (`int`, *optional*, defaults to 0): With the documents of the batch it decides what is
            masked, whichever worker or resumed run makes the batch.

    Raises:
        ValueError: The tokenizer has no mask token.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, mlm_probability: float, seed: int = 0
    ) -> None:
        check_mask_token(tokenizer)
        self.tokenizer = tokenizer
        self.seed = seed
        self.mask = DataCollatorForLanguageModeling(tokenizer, mlm_probability=mlm_probability)

    def __call__(self, documents: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        index = [document["index"] for document in documents]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed, *index)))
            batch = dict(self.mask(self._features(documents, "special_tokens_mask")))
        batch["index"] = torch.tensor(index)
        return batch

    def unmasked(self, documents: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad alone, for clean passes."""
        return dict(self.tokenizer.pad(self._features(documents), return_tensors="pt"))

    def _features(self, documents: list[dict[str, Any]], *more: str) -> list[dict[str, Any]]:
        wanted = (*self.tokenizer.model_input_names, *more)
        return [
            {name: document[name] for name in wanted if name in document} for document in documents
        ]


def check_mask_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `ValueError` where the tokenizer has no mask token."""
    if tokenizer.mask_token is None:
        raise ValueError(
            f"The tokenizer ({type(tokenizer).__name__}) has no mask token, which masked language "
            "modelling needs. Use a checkpoint of the BERT kind together with its own tokenizer."
        )
