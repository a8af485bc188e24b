"""Batches: what is masked, and in which order documents come."""

import pytest
import torch
from transformers import BertTokenizer

from bert_clustering.texts import tokenize
from bert_clustering.training.batches import ClusteringCollator, EpochSeededSampler, split_batch


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


@pytest.mark.parametrize("max_tokens, sizes", [(1, [1] * 7), (24, [3, 3, 1]), (1000, [7])])
def test_a_batch_is_split_by_its_tokens(max_tokens, sizes):
    batch = {"input_ids": torch.arange(56).view(7, 8), "index": torch.arange(7)}
    parts = split_batch(batch, max_tokens)
    assert [len(part["index"]) for part in parts] == sizes
    for name, whole in batch.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), whole)
