"""Fixtures: tiny real models and a toy corpus, built here so that no test needs a network."""

import os


os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # faster for models of this size, and the same on every machine
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import random  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForMaskedLM, BertTokenizer  # noqa: E402

from helpers import COMMON_WORDS, TOPICS, build_trainer, tiny_config  # noqa: E402


@pytest.fixture(scope="session")
def corpus() -> tuple[list[str], list[str]]:
    """91 texts of 3 to 13 words on three topics of unequal size, and their gold classes."""
    generator = random.Random(0)
    classes = [name for name, size in zip(TOPICS, (40, 31, 20), strict=True) for _ in range(size)]
    generator.shuffle(classes)
    texts = []
    for name in classes:
        words = generator.choices(TOPICS[name], k=generator.randint(2, 8)) + generator.choices(
            COMMON_WORDS, k=generator.randint(1, 5)
        )
        generator.shuffle(words)
        texts.append(" ".join(words))
    assert len(set(texts)) == len(texts)
    return texts, classes


@pytest.fixture(scope="session")
def tokenizer() -> BertTokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sum(TOPICS.values(), []), *COMMON_WORDS]
    return BertTokenizer(
        vocab={word: number for number, word in enumerate(words)}, model_max_length=16
    )


@pytest.fixture(scope="session")
def encoder_dir(tokenizer, tmp_path_factory) -> str:
    """A plain BERT checkpoint with its head and tokenizer, whose word embeddings know the topics a
    little.
    """
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoder")
    model = AutoModelForMaskedLM.from_config(tiny_config("bert"))
    words = model.get_input_embeddings().weight.data
    for topic in TOPICS.values():
        words[tokenizer.convert_tokens_to_ids(topic)] += 0.1 * torch.randn(words.shape[1])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def headless_dir(encoder_dir, tokenizer, tmp_path_factory) -> str:
    """The same without its head."""
    folder = tmp_path_factory.mktemp("headless")
    AutoModelForMaskedLM.from_pretrained(encoder_dir).base_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def make_trainer(corpus, tokenizer, encoder_dir, tmp_path):
    """Trainers on the toy corpus, or on other texts, with arguments of their own."""

    def make(name=encoder_dir, texts=corpus[0], **arguments):
        return build_trainer(name, tokenizer, texts, str(tmp_path / "run"), **arguments)

    return make
