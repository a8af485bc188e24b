"""From texts to a tokenised dataset with an `index`."""

from collections.abc import Iterator
from reprlib import repr as short_repr
from typing import Any

from datasets import Dataset, IterableDataset
from transformers import BatchEncoding, PreTrainedTokenizerBase

from ..errors import InputError
from .prefix import prefix_ids


STREAMED = 16_384  # documents of a stream that are seen at a time
UNUSABLE_POSITIONS = 2  # at most: RoBERTa and its like count from the padding token's number on


def limit_length(
    tokenizer: PreTrainedTokenizerBase, max_seq_length: int | None, max_position_embeddings: int
) -> None:
    """Set the tokenizer's `model_max_length`, which is saved with it, to what the user wants and
    the encoder can.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): Changed in place.
        max_seq_length (`int`, *optional*): Tokens per document, special ones included. `None`: as
            many as possible.
        max_position_embeddings (`int`): The encoder's number of positions.

    Raises:
        InputError: The limit leaves no room for a word, or is beyond what the encoder can read.
    """
    limit, shortest = tokenizer.model_max_length, tokenizer.num_special_tokens_to_add() + 1
    if limit > max_position_embeddings:  # the checkpoint names no limit of its own
        limit = max_position_embeddings - UNUSABLE_POSITIONS
    if max_seq_length is None:
        max_seq_length = limit
    elif not shortest <= max_seq_length <= limit:
        raise InputError(
            f"max_seq_length={max_seq_length}: the encoder reads from {shortest} to {limit} tokens "
            "per document. Choose a number of these, or leave it out."
        )
    tokenizer.model_max_length = max_seq_length


def tokenize(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, num_proc: int | None = None
) -> Dataset:
    """Tokenise, cutting at the tokenizer's `model_max_length`.

    Args:
        texts (`list[str]` of length `num_documents`): The documents.
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer.
        num_proc (`int`, *optional*): Processes to use. `None`: this one.

    Returns:
        `datasets.Dataset` with the `text`, the tokenizer's columns, `special_tokens_mask`, `length`
        in tokens, whether the document was `truncated`, and its `index` from 0.
    """

    def encode(batch: dict[str, list], index: list[int]) -> BatchEncoding:
        encoded = tokenizer(batch["text"], truncation=True, return_special_tokens_mask=True)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        if encoded.is_fast:
            truncated = [bool(part.overflowing) for part in encoded.encodings]
        else:  # it does not say what it cut off; what fills the limit most likely was longer
            truncated = [length >= tokenizer.model_max_length for length in lengths]
        columns = {"length": lengths, "truncated": truncated, "index": index}
        return BatchEncoding({**encoded, **columns})

    dataset = Dataset.from_dict({"text": texts})
    return dataset.map(
        encode, batched=True, with_indices=True, num_proc=num_proc, desc="Tokenising"
    )


def document_lengths(dataset: Dataset) -> list[int]:
    """Tokens of each document, special ones included."""
    if "length" in dataset.column_names:
        return dataset["length"][:]
    return [len(ids) for ids in dataset["input_ids"]]


def prepare_dataset(dataset: Dataset | list[str], tokenizer: Any) -> Dataset:
    """Tokenised documents, numbered by `index` from 0, whatever was given.

    Raises:
        InputError: It is neither a list of texts nor a dataset with a column `text` or `input_ids`,
            or it is empty.
    """
    if isinstance(dataset, (Dataset, list)) and not len(dataset):
        raise InputError("There are no documents: the dataset is empty. Give one text or more.")
    texts, found = dataset, short_repr(dataset)
    if isinstance(dataset, Dataset):
        names = dataset.column_names
        if "input_ids" in names:
            unnumbered = dataset.remove_columns("index") if "index" in names else dataset
            return unnumbered.add_column("index", list(range(len(dataset))))
        found = f"a dataset with the columns {names}"
        if "text" in names:
            texts = dataset["text"][:]
            found += f" and the texts {short_repr(texts)}"
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(
            f"Expected texts, or a dataset with a column 'text' or 'input_ids', got {found}."
        )
    return tokenize(texts, tokenizer)


def prepare_parts(
    dataset: Dataset | IterableDataset | list[str], tokenizer: Any
) -> Iterator[Dataset]:
    """What `prepare_dataset` makes of documents, part by part where they are a stream.

    Raises:
        InputError: As `prepare_dataset`.
    """
    if not isinstance(dataset, IterableDataset):
        yield prepare_dataset(dataset, tokenizer)
        return
    parts = dataset.iter(STREAMED)
    yield prepare_dataset(Dataset.from_dict(next(parts, {"text": []})), tokenizer)
    for part in parts:
        yield prepare_dataset(Dataset.from_dict(part), tokenizer)


def read_texts(dataset: Dataset, tokenizer: Any) -> list[str]:
    """The texts of a tokenised dataset; what its tokens say, where it does not hold them."""
    if "text" in dataset.column_names:
        return dataset["text"][:]
    texts = tokenizer.batch_decode(dataset["input_ids"][:], skip_special_tokens=True)
    prefix = tokenizer.decode(prefix_ids(tokenizer))
    return [text.removeprefix(prefix).lstrip() for text in texts]


def check_mask_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `InputError` where the tokenizer has no mask token."""
    if tokenizer.mask_token is None:
        raise InputError(
            f"The tokenizer ({type(tokenizer).__name__}) has no mask token, which masked language "
            "modelling needs. Use a checkpoint of the BERT kind together with its own tokenizer."
        )
