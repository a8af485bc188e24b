"""Whole documents, in windows as long as the head."""

import pytest
from datasets import Dataset
from transformers import BertTokenizer, CanineTokenizer

from bert_clustering.texts import add_text_prefix, tokenize
from bert_clustering.texts.windows import WholeDocuments, cut_windows, tells_what_was_cut


TEXTS = ["apple", "", "pear plum fig moon", "rocket orbit moon planet comet star probe lunar moon"]


@pytest.mark.parametrize("prefix", ["", "fig: "])
def test_windows_are_those_that_the_tokenizer_itself_would_make(prefix, tokenizer):
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab(), model_max_length=6)
    tokenizer = add_text_prefix(tokenizer, prefix) if prefix else tokenizer
    windows = cut_windows(tokenize(TEXTS, tokenizer), tokenizer)
    known = tokenizer(TEXTS, truncation=True, return_overflowing_tokens=True)
    assert windows["input_ids"][:] == known["input_ids"] and max(windows["length"]) == 6
    assert windows["document"][:] == known["overflow_to_sample_mapping"]
    assert windows["length"][:] == [len(ids) for ids in known["input_ids"]]
    assert len(windows) >= len(TEXTS) + 2


def test_windows_of_a_tokenizer_in_python_hold_the_whole_text():
    tokenizer = CanineTokenizer(model_max_length=6)
    windows = cut_windows(tokenize(["abcdefghij", "abcd", "ab"], tokenizer), tokenizer)
    assert windows["document"][:] == [0, 0, 0, 1, 2]
    said = [bytes(ids[1:-1]).decode() for ids in windows["input_ids"]]
    assert said == ["abcd", "efgh", "ij", "abcd", "ab"]
    ends = {(ids[0], ids[-1]) for ids in windows["input_ids"]}
    assert ends == {(tokenizer.cls_token_id, tokenizer.sep_token_id)}


def test_tokens_of_whole_documents_come_as_they_are_read(tokenizer, monkeypatch):
    monkeypatch.setattr("bert_clustering.texts.windows.READ_AT_A_TIME", 2)
    tokenizer = BertTokenizer(vocab=tokenizer.get_vocab(), model_max_length=6)
    whole = WholeDocuments(tokenize(TEXTS, tokenizer), tokenizer)
    special = set(tokenizer.all_special_ids)
    found = [[token for token in ids if token not in special] for ids in whole[:]]
    assert found == tokenizer(TEXTS, add_special_tokens=False)["input_ids"]
    assert len(whole) == 4 and list(whole[1:3]) == list(whole[:])[1:3]


def test_a_dataset_may_hold_no_more_than_heads(tokenizer):
    dataset = tokenize(TEXTS, tokenizer)
    assert tells_what_was_cut(dataset) and not tells_what_was_cut(dataset.remove_columns("text"))
    assert not tells_what_was_cut(Dataset.from_dict({"input_ids": [[2, 3]]}))
