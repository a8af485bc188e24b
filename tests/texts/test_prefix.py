"""A prefix that stands before every text: in the ids, in no mask, in no word that is counted."""

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    AutoTokenizer,
    BertTokenizer,
    CanineTokenizer,
    MPNetTokenizer,
    RobertaTokenizer,
    XLMRobertaTokenizer,
)

from bert_clustering.errors import InputError
from bert_clustering.texts import (
    add_text_prefix,
    limit_length,
    prefix_ids,
    read_texts,
    text_prefix,
    tokenize,
)
from bert_clustering.texts.prefix import spell_out_prefix
from bert_clustering.training.batches import ClusteringCollator
from helpers import COMMON_WORDS, TOPICS


PREFIX = "query: fig "  # a word of the texts
TEXTS = ["apple pear", "fig query fig", "", "a loan (of: the bank) " * 9, "世界杯 и мир"]


def make_wordpiece(kind):
    pad, unknown, start, end, mask = (
        ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
        if kind is BertTokenizer
        else ("<pad>", "[UNK]", "<s>", "</s>", "<mask>")
    )
    words = [start, pad, end, unknown, mask, "query", ":", *sum(TOPICS.values(), [])]
    words += [*COMMON_WORDS, "世", "界", "杯"]
    return kind(vocab={word: number for number, word in enumerate(words)}, model_max_length=16)


def make_byte_level(kind):
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator([PREFIX + text for text in TEXTS] * 5, 320, 1, False, special)
    trained.save_model(".")
    return kind.from_pretrained(".", model_max_length=16)


def make_unigram(kind):
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [(token, 0.0) for token in special]
    pieces += [(f"▁{word}", -3.0) for word in ("query", "fig", *sum(TOPICS.values(), []))]
    pieces += [(letter, -9.0) for letter in "▁:abcdefghijklmnopqrstuvwxyz()世界杯имр"]
    return kind(vocab=[*pieces, ("<mask>", 0.0)], model_max_length=16)


KINDS = {
    BertTokenizer: make_wordpiece,
    MPNetTokenizer: make_wordpiece,
    RobertaTokenizer: make_byte_level,
    XLMRobertaTokenizer: make_unigram,
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def make(request, tmp_path, monkeypatch):
    """A tokenizer of one family, made anew at each call."""
    monkeypatch.chdir(tmp_path)
    return lambda: KINDS[request.param](request.param)


@pytest.mark.parametrize("prefix", [PREFIX, "query: ", "fig bank: "])
def test_ids_are_those_of_prefix_and_text_as_one(make, prefix, tmp_path):
    plain, own = make(), add_text_prefix(make(), prefix)
    folder, pair = tmp_path / "saved", (TEXTS[0], " " + TEXTS[1])
    own.save_pretrained(folder)
    for tokenizer in (own, AutoTokenizer.from_pretrained(folder)):
        assert text_prefix(tokenizer) == prefix and text_prefix(plain) is None
        assert prefix_ids(tokenizer) == plain(prefix.rstrip(), add_special_tokens=False).input_ids
        for text in TEXTS:
            joined = prefix + text if text else prefix.rstrip()
            for limits in ({}, {"truncation": True}, {"truncation": True, "max_length": 9}):
                wanted, got = plain(joined, **limits), tokenizer(text, **limits)
                assert dict(got) == dict(wanted)
        assert dict(tokenizer(*pair)) == dict(plain(prefix + pair[0], pair[1]))
        for name in ("model_max_length", "model_input_names", "padding_side", "mask_token_id"):
            assert getattr(tokenizer, name) == getattr(plain, name)


def test_every_window_of_a_long_text_begins_with_it(make):
    tokenizer = add_text_prefix(make(), PREFIX)
    ids = tokenizer(TEXTS[3], truncation=True, stride=2, return_overflowing_tokens=True).input_ids
    start = tokenizer("").input_ids[:-1]
    assert len(ids) > 2 and all(window[: len(start)] == start for window in ids)
    assert max(map(len, ids)) <= tokenizer.model_max_length


def test_it_is_never_masked(make):
    tokenizer = add_text_prefix(make(), PREFIX)
    documents = list(tokenize([text for text in TEXTS if text] * 9, tokenizer))
    batch = ClusteringCollator(tokenizer, mlm_probability=0.9)(documents)
    size = 1 + len(prefix_ids(tokenizer))
    start = torch.tensor([document["input_ids"][:size] for document in documents])
    assert (batch["input_ids"][:, :size] == start).all()
    assert (batch["labels"][:, :size] == -100).all() and (batch["labels"][:, size:] >= 0).any()


@pytest.mark.parametrize("prefix", [PREFIX, "query: ", "fig bank: "])
def test_spelled_out_it_is_tokens_of_the_vocabulary_and_the_same_ids(make, prefix, tmp_path):
    own = add_text_prefix(make(), prefix)
    own.save_pretrained(tmp_path / "saved")
    spell_out_prefix(tmp_path / "saved" / "tokenizer.json")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert dict(again(TEXTS, truncation=True)) == dict(own(TEXTS, truncation=True))
    assert dict(again(TEXTS[0], TEXTS[1])) == dict(own(TEXTS[0], TEXTS[1]))
    template = json.loads((tmp_path / "saved" / "tokenizer.json").read_text())["post_processor"]
    names = [part["SpecialToken"]["id"] for part in template["single"] if "SpecialToken" in part]
    assert own.convert_tokens_to_ids(names) == own("").input_ids


def test_it_is_put_there_once(make):
    tokenizer = add_text_prefix(make(), PREFIX)
    assert add_text_prefix(tokenizer, PREFIX) is tokenizer
    with pytest.raises(InputError, match="puts 'query: fig ' before .*, and cannot put 'x'"):
        add_text_prefix(tokenizer, "x")


def test_a_tokenizer_in_python_has_no_template():
    with pytest.raises(InputError, match="The prefix 'x: ' needs .*, got a CanineTokenizer"):
        add_text_prefix(CanineTokenizer(), "x: ")


def test_it_leaves_room_for_a_word(make):
    tokenizer = add_text_prefix(make(), PREFIX)
    shortest = 3 + len(prefix_ids(tokenizer))
    with pytest.raises(InputError, match=f"reads from {shortest} to 16 tokens"):
        limit_length(tokenizer, shortest - 1, 512)
    limit_length(tokenizer, shortest, 512)
    assert len(tokenizer(TEXTS[0], truncation=True).input_ids) == shortest


@pytest.fixture
def make_prefixed(make_trainer, tokenizer, monkeypatch, tmp_path):
    """Trainers on the toy corpus, whose tokenizer adds a word of it."""

    def make(prefix, **arguments):
        tokenizer.save_pretrained(tmp_path / "tokenizer")
        trainer = make_trainer(num_train_epochs=1, **arguments)
        own = AutoTokenizer.from_pretrained(tmp_path / "tokenizer", model_max_length=32)
        own = add_text_prefix(own, prefix) if prefix else own
        texts = trainer.train_dataset["text"][:]
        kind, model, args = type(trainer), trainer.model, trainer.args
        return kind(model, args, train_dataset=texts, processing_class=own)

    return make


def test_words_keywords_and_texts_do_not_see_it(make_prefixed, corpus):
    plain, own = make_prefixed(None), make_prefixed("fig moon ")
    assert plain.model.config.text_prefix is None
    assert own.model.config.text_prefix == "fig moon "
    np.testing.assert_allclose(plain._lexical_view(), own._lexical_view(), atol=1e-5)
    own.train_dataset = own.train_dataset.remove_columns("text")
    assert read_texts(own.train_dataset, own.processing_class) == corpus[0]
    own.initialize_clusters()
    assert any(own.keywords) and "fig moon" not in sum(own.keywords, [])


def test_a_saved_model_adds_it_by_itself_in_every_way_of_loading(make_prefixed, corpus, tmp_path):
    trainer = make_prefixed("fig moon ")
    trainer.train()
    trainer.save_model()
    embeddings = trainer.predict(corpus[0]).embeddings
    trainer.create_model_card()
    folder = tmp_path / "run"
    card = (folder / "README.md").read_text()
    assert 'The tokenizer puts "fig moon" before every text by itself' in card
    sentences = SentenceTransformer(str(folder), trust_remote_code=True, device="cpu")
    assert not any(sentences.prompts.values())
    np.testing.assert_allclose(sentences.encode(corpus[0]), embeddings, atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    inputs = tokenizer(corpus[0], padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        outputs = trainer.model(**inputs).embeddings
    np.testing.assert_allclose(outputs, embeddings, atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    inputs = tokenizer(corpus[0], padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        assert not np.allclose(trainer.model(**inputs).embeddings, embeddings, atol=0.01)
