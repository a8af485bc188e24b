"""Documents to batches: tokens counted and cut, an order and masks that can be made again."""

import pytest
import torch
from datasets import Dataset
from transformers import BertTokenizer, CanineTokenizer

from bert_clustering.errors import InputError
from bert_clustering.texts import limit_length, prepare_dataset, tokenize
from bert_clustering.training.batches import ClusteringCollator, EpochSeededSampler


def test_tokens_are_cut_counted_and_numbered(tokenizer):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab(), model_max_length=6)
    dataset = tokenize(["apple", "apple pear plum fig", "apple pear plum fig moon"], tokenizer)
    assert dataset["length"][:] == [3, 6, 6]
    assert dataset["truncated"][:] == [False, False, True]
    assert dataset["index"][:] == [0, 1, 2]


def test_a_tokenizer_in_python_does_not_say_what_it_cuts_so_a_full_document_counts_as_cut():
    tokenizer = CanineTokenizer(model_max_length=6)
    assert not tokenizer.is_fast
    dataset = tokenize(["a", "abc", "abcdefgh"], tokenizer)
    assert dataset["length"][:] == [3, 5, 6] and dataset["truncated"][:] == [False, False, True]


@pytest.mark.parametrize(
    "own, positions, wanted, limit",
    [(512, 512, None, 512), (512, 514, 100, 100), (int(1e30), 514, None, 512), (512, 512, 3, 3)],
)
def test_length_limit(own, positions, wanted, limit, tokenizer):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab(), model_max_length=own)
    limit_length(tokenizer, wanted, positions)
    assert tokenizer.model_max_length == limit


@pytest.mark.parametrize("wanted", [2, 513, -1])
def test_length_limit_refuses(wanted, tokenizer):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab(), model_max_length=512)
    message = f"max_seq_length={wanted}: the encoder reads from 3 to 512 tokens per document"
    with pytest.raises(InputError, match=message):
        limit_length(tokenizer, wanted, 512)


def test_masks_leave_special_tokens_and_depend_on_seed_and_documents_alone(corpus, tokenizer):
    documents = list(tokenize(corpus[0], tokenizer))
    collator = ClusteringCollator(tokenizer, 0.3, seed=1)
    batch = collator(documents)
    torch.manual_seed(5)
    again = ClusteringCollator(tokenizer, 0.3, seed=1)(documents)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert not torch.equal(
        batch["labels"], ClusteringCollator(tokenizer, 0.3, seed=2)(documents)["labels"]
    )
    assert batch["index"].tolist() == list(range(91))

    masked = batch["labels"] != -100
    clean = collator.unmasked(documents)["input_ids"]
    special = torch.isin(clean, torch.tensor(tokenizer.all_special_ids))
    assert not masked[special].any()
    assert masked[~special].float().mean() == pytest.approx(0.3, abs=0.05)
    assert torch.equal(batch["labels"][masked], clean[masked])
    assert torch.equal(batch["input_ids"][~masked], clean[~masked])
    assert (batch["input_ids"][masked] == tokenizer.mask_token_id).float().mean() == pytest.approx(
        0.8, abs=0.1
    )


def test_tokenizer_without_a_mask_token_is_refused(tokenizer):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab())
    tokenizer.mask_token = None
    with pytest.raises(ValueError, match="has no mask token"):
        ClusteringCollator(tokenizer, 0.15)


def test_order_depends_on_seed_and_epoch_and_keeps_like_lengths_together():
    lengths = torch.randint(1, 100, (640,)).tolist()
    sampler = EpochSeededSampler(32, lengths, seed=1)
    first = list(sampler)
    torch.manual_seed(5)
    assert list(sampler) == first and sorted(first) == list(range(640))
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(EpochSeededSampler(32, lengths, seed=2)) != first
    batches = torch.tensor([lengths[row] for row in first]).view(20, 32)
    assert (
        batches.max(dim=1).values - batches.min(dim=1).values
    ).float().mean() < 30  # of about 93 in random order


def test_rows_are_numbered_anew(corpus, tokenizer):
    dataset = tokenize(corpus[0], tokenizer).select([5, 3, 8])
    assert prepare_dataset(dataset, tokenizer)["index"][:] == [0, 1, 2]
    assert prepare_dataset(dataset.remove_columns("index"), tokenizer)["index"][:] == [0, 1, 2]


@pytest.mark.parametrize(
    "dataset, message",
    [
        ([], "There are no documents"),
        (Dataset.from_dict({"text": []}), "There are no documents"),
        (Dataset.from_dict({"title": ["one"]}), r"got a dataset with the columns \['title'\]"),
        (["one", 2], r"Expected texts, or a dataset .*, got \['one', 2\]"),
        ("one", "got 'one'"),
        (
            Dataset.from_dict({"text": ["one", None]}),
            r"the columns \['text'\] and the texts \['one', None\]",
        ),
    ],
)
def test_what_is_no_documents_is_wrong_input(dataset, message, tokenizer):
    with pytest.raises(InputError, match=message):
        prepare_dataset(dataset, tokenizer)
