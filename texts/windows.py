"""The whole of documents that are longer than what the encoder reads at a time."""

from collections.abc import Iterator

from datasets import Dataset
from transformers import PreTrainedTokenizerBase


READ_AT_A_TIME = 1000


def tells_what_was_cut(dataset: Dataset) -> bool:
    """Whether a dataset holds whole texts, and says which of them its tokens hold the head of."""
    return {"text", "truncated", "special_tokens_mask"} <= {*dataset.column_names}


class WholeDocuments:
    """Token ids of documents, of the whole ones where the dataset holds them; slices are made as
    they are read.

    Args:
        dataset (`Dataset`): With `input_ids`; of `texts.tokenize` for whole documents.
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer.
    """

    def __init__(self, dataset: Dataset, tokenizer: PreTrainedTokenizerBase) -> None:
        self.was_cut = tells_what_was_cut(dataset)
        columns = ["text", "truncated"] if self.was_cut else []
        self.dataset, self.tokenizer = dataset.select_columns(["input_ids", *columns]), tokenizer

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, rows: slice) -> Iterator[list[int]]:
        seen = self.dataset.select(range(*rows.indices(len(self))))
        for part in seen.iter(READ_AT_A_TIME):
            yield from read_whole(part, self.tokenizer) if self.was_cut else part["input_ids"]


def read_whole(part: dict[str, list], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Token ids of some documents: those of the head, or where it was cut, of the whole text
    without special ones.
    """
    cut = [row for row, was_cut in enumerate(part["truncated"]) if was_cut]
    ids = list(part["input_ids"])
    if cut:
        texts = [part["text"][row] for row in cut]
        whole = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        for row, tokens in zip(cut, whole, strict=True):
            ids[row] = tokens
    return ids


def cut_windows(dataset: Dataset, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """Whole documents in windows as long as the head, with the head's special tokens.

    Args:
        dataset (`Dataset`): Of `texts.tokenize`.
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer.

    Returns:
        `datasets.Dataset` with a row per window, documents in their order: `input_ids`, `length` in
        tokens, and the `document`'s row.
    """

    def cut(part: dict[str, list], rows: list[int]) -> dict[str, list]:
        windows: dict[str, list] = {"input_ids": [], "document": []}
        heads, masks = part["input_ids"], part["special_tokens_mask"]
        whole = read_whole(part, tokenizer)
        for row, head, mask, was_cut, ids in zip(
            rows, heads, masks, part["truncated"], whole, strict=True
        ):
            found = _split(ids, head, mask) if was_cut else [head]
            windows["input_ids"] += found
            windows["document"] += [row] * len(found)
        return windows | {"length": [len(ids) for ids in windows["input_ids"]]}

    return dataset.map(
        cut,
        batched=True,
        with_indices=True,
        remove_columns=dataset.column_names,
        desc="Cutting windows",
    )


def _split(ids: list[int], head: list[int], mask: list[int]) -> list[list[int]]:
    """A document's tokens, as many at a time as its head has beside the special ones."""
    first, end = mask.index(0), len(mask) - mask[::-1].index(0)
    size = end - first
    return [
        head[:first] + ids[begin : begin + size] + head[end:] for begin in range(0, len(ids), size)
    ]
