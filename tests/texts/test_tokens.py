"""Documents to batches: tokens counted and cut, an order and masks that can be made again."""

import pytest
from datasets import Dataset
from transformers import BertTokenizer, CanineTokenizer

from bert_clustering.errors import InputError
from bert_clustering.texts import limit_length, prepare_dataset, tokenize


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
