"""From tables to checked documents, and from documents to a tokenised dataset with an `index` and to batches.

Rows keep the input's order and count. What cannot be clustered is an error that names the first bad row, or, with
`skip_bad_rows`, a row without a cluster. Gold classes are held apart from what training sees.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import BatchEncoding, DataCollatorForLanguageModeling, PreTrainedTokenizerBase


@dataclass
class Documents:
    """The rows of one input, in its order.

    Args:
        ids (`list`): What the id column holds, unaltered, or the row's number from 0.
        texts (`list`): What the text column holds.
        usable (`np.ndarray` of shape `(num_rows,)`): Whether the row's text can be clustered.
        classes (`np.ndarray` of shape `(num_rows,)`, *optional*): Gold classes, for metrics alone.
    """

    ids: list
    texts: list
    usable: np.ndarray
    classes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def usable_texts(self) -> list[str]:
        return [text for text, usable in zip(self.texts, self.usable, strict=True) if usable]

    def sample(self, size: int, seed: int) -> "Documents":
        """A random sample of the rows, in the input's order; all of them where there are no more than `size`."""
        if size >= len(self):
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self), size, replace=False))
        classes = None if self.classes is None else self.classes[rows]
        return Documents([self.ids[i] for i in rows], [self.texts[i] for i in rows], self.usable[rows], classes)


def make_documents(
    columns: dict[str, list],
    source: str,
    text_column: str = "text",
    label_column: str | None = None,
    id_column: str | None = None,
    skip_bad_rows: bool = False,
) -> Documents:
    """Pick text, gold classes and ids out of a table and check them.

    Args:
        columns (`dict[str, list]`): The table, one list a column.
        source (`str`): Name of the input, for messages.
        text_column (`str`, *optional*, defaults to `"text"`): Column of the texts.
        label_column (`str`, *optional*): Column of the gold classes. `None`: there are none.
        id_column (`str`, *optional*): Column of the ids. `None`: rows are numbered from 0.
        skip_bad_rows (`bool`, *optional*, defaults to `False`): Keep rows without a text, but without a cluster.

    Raises:
        ValueError: A column is missing, there are no texts, a text is empty or no string, a gold class is missing, or
            all are the same.
    """
    for name in filter(None, (text_column, label_column, id_column)):
        if name not in columns:
            raise ValueError(
                f"{source}: there is no column '{name}'. Its columns are: {', '.join(map(repr, columns)) or 'none'}."
            )
    texts = columns[text_column]
    if not texts:
        raise ValueError(f"{source}: there are no texts in column '{text_column}'.")
    usable = np.array([isinstance(text, str) and not text.isspace() and text != "" for text in texts])
    if not skip_bad_rows and not usable.all():
        row = int(usable.argmin())
        found = "is empty" if texts[row] is None or isinstance(texts[row], str) else f"is {texts[row]!r}, not a string"
        raise ValueError(
            f"{source}: the text of row {row + 1} {found} ({(~usable).sum()} of {len(texts)} rows are like this). "
            "Mend them, or pass --skip_bad_rows to leave them without a cluster."
        )
    classes = _check_classes(columns[label_column], source, label_column) if label_column else None
    ids = columns[id_column] if id_column else list(range(len(texts)))
    return Documents(ids, texts, usable, classes)


def _check_classes(classes: list, source: str, label_column: str) -> np.ndarray:
    names = np.array([None if label in (None, "") else str(label) for label in classes], dtype=object)
    missing = np.flatnonzero(names == None)  # noqa: E711 (elementwise)
    if len(missing):
        raise ValueError(f"{source}: row {missing[0] + 1} has no gold class in column '{label_column}'.")
    if len(set(names)) == 1:
        raise ValueError(
            f"{source}: all gold classes in column '{label_column}' are '{names[0]}', so there is nothing to score. "
            "Name another column, or leave --label_column out."
        )
    return names


def check_enough_documents(documents: Documents, num_clusters: int, source: str) -> None:
    """Raise `ValueError` unless there are at least as many distinct texts as clusters."""
    texts = documents.usable_texts
    if len(set(texts)) < num_clusters:
        raise ValueError(
            f"{source}: {len(texts)} documents with {len(set(texts))} distinct texts cannot fill {num_clusters} "
            "clusters. Lower --num_clusters or bring more texts."
        )


def limit_length(tokenizer: PreTrainedTokenizerBase, max_seq_length: int | None, max_position_embeddings: int) -> None:
    """Set the tokenizer's `model_max_length`, which is saved with it, to what the user wants and the encoder can.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): Changed in place.
        max_seq_length (`int`, *optional*): Tokens a document, special ones included. `None`: as many as possible.
        max_position_embeddings (`int`): The encoder's number of positions.

    Raises:
        ValueError: The limit leaves no room for a word, or is beyond what the encoder can read.
    """
    limit = tokenizer.model_max_length
    if limit > max_position_embeddings:  # it was never set; families after RoBERTa cannot use two of the positions
        limit = max_position_embeddings - 2
    if max_seq_length is not None and not 3 <= max_seq_length <= limit:
        raise ValueError(f"max_seq_length={max_seq_length}: the encoder reads from 3 to {limit} tokens a document.")
    tokenizer.model_max_length = max_seq_length or limit


def tokenize(texts: list[str], tokenizer: PreTrainedTokenizerBase, num_proc: int | None = None) -> Dataset:
    """Tokenise, cutting at the tokenizer's `model_max_length`.

    Args:
        texts (`list[str]` of length `num_documents`): The documents.
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer.
        num_proc (`int`, *optional*): Processes to use. `None`: this one.

    Returns:
        `datasets.Dataset` with the tokenizer's columns, `special_tokens_mask`, `length` in tokens, whether the
        document was `truncated`, and its `index` from 0.
    """

    def encode(batch: dict[str, list], index: list[int]) -> BatchEncoding:
        encoded = tokenizer(batch["text"], truncation=True, return_special_tokens_mask=True)
        encoded["length"] = [len(ids) for ids in encoded["input_ids"]]
        full = [length >= tokenizer.model_max_length for length in encoded["length"]]
        cut = full if encoded.encodings is None else [bool(part.overflowing) for part in encoded.encodings]
        return BatchEncoding({**encoded, "truncated": cut, "index": index})

    dataset = Dataset.from_dict({"text": texts})
    return dataset.map(
        encode, batched=True, with_indices=True, num_proc=num_proc, remove_columns=["text"], desc="Tokenising"
    )


class ClusteringCollator:
    """Pads documents to a batch and masks tokens for the masked-LM loss; `index` goes along.

    Other columns than the tokenizer's and `index` are left out.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): The encoder's tokenizer, with a mask token.
        mlm_probability (`float`): Share of the tokens to predict; of these 80 % become the mask token and 10 % a
            random one (BERT, Devlin et al. 2019).
        seed (`int`, *optional*, defaults to 0): With the documents of the batch it decides what is masked, whichever
            worker or resumed run makes the batch.

    Raises:
        ValueError: The tokenizer has no mask token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, mlm_probability: float, seed: int = 0) -> None:
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
        return [{name: document[name] for name in wanted if name in document} for document in documents]


def check_mask_token(tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `ValueError` where the tokenizer has no mask token."""
    if tokenizer.mask_token is None:
        raise ValueError(
            f"The tokenizer ({type(tokenizer).__name__}) has no mask token, which masked language modelling needs. "
            "Use a checkpoint of the BERT kind together with its own tokenizer."
        )
