"""Tiny real models and a toy corpus, built here so that no test needs a network."""

import os


os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # faster for models of this size, and the same on every machine
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import random  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from transformers import CONFIG_MAPPING, AutoModelForMaskedLM, BertTokenizer  # noqa: E402

from data import ClusteringCollator  # noqa: E402
from documents import Documents  # noqa: E402
from findings import Findings  # noqa: E402
from modeling_bert_cluster import BertForClustering  # noqa: E402
from trainer import ClusteringTrainer, ClusteringTrainingArguments  # noqa: E402


VOCAB_SIZE = 101
TOPICS = {
    "fruit": "apple pear plum cherry grape melon lemon banana peach fig ripe sweet juice orchard".split(),
    "space": "rocket orbit moon planet comet star probe launch crater galaxy lunar solar dust telescope".split(),
    "money": "bank loan credit debt interest payment account deposit fee refund invoice tax cash budget".split(),
}
COMMON_WORDS = "the a of and with my is was very not how why".split()

# Odd and unequal sizes, so that a swapped axis fails.
COMMON = {"vocab_size": VOCAB_SIZE, "hidden_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
COMMON |= {"intermediate_size": 37, "max_position_embeddings": 41}
FAMILIES = {
    "bert": COMMON,
    "distilbert": {"vocab_size": VOCAB_SIZE, "dim": 40, "n_layers": 2, "n_heads": 4, "hidden_dim": 37},
    "roberta": COMMON,
    "xlm-roberta": COMMON,
    "mpnet": COMMON,
    "electra": COMMON | {"embedding_size": 24},
    "modernbert": COMMON | {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
    "deberta-v2": COMMON,
}


def tiny_config(family: str):
    """Configuration of a tiny random encoder of one of the `FAMILIES`."""
    return CONFIG_MAPPING[family](**FAMILIES[family])


@pytest.fixture(scope="session")
def corpus() -> tuple[list[str], list[str]]:
    """91 distinct texts of 3 to 13 words on three topics of unequal size, and their gold classes."""
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
    return BertTokenizer(vocab={word: number for number, word in enumerate(words)}, model_max_length=16)


@pytest.fixture(scope="session")
def encoder_dir(tokenizer, tmp_path_factory) -> str:
    """A plain BERT checkpoint with its head and tokenizer, whose word embeddings know the topics a little."""
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


class FixedMasks(ClusteringCollator):
    """Masks the first 1 to 4 words of a document, so that the mask does not depend on the batch."""

    def __call__(self, documents):
        batch = self.unmasked(documents)
        batch["index"] = torch.tensor([document["index"] for document in documents])
        batch["labels"] = torch.full_like(batch["input_ids"], -100)
        for row, document in enumerate(documents):
            masked = slice(1, min(2 + document["index"] % 4, len(document["input_ids"]) - 1))
            batch["labels"][row, masked] = batch["input_ids"][row, masked]
            batch["input_ids"][row, masked] = self.tokenizer.mask_token_id
        return batch


def build_trainer(
    name: str,
    tokenizer: Any,
    texts: list[str],
    output_dir: str,
    num_clusters: int = 3,
    fixed_masks: bool = False,
    eval_dataset: Any = None,
    **arguments: Any,
) -> ClusteringTrainer:
    """A trainer on the CPU that saves nothing; with `fixed_masks`, one in whose steps nothing is random."""
    torch.manual_seed(0)
    model = BertForClustering.from_pretrained(name, num_clusters=num_clusters)
    arguments = {"output_dir": output_dir, "disable_tqdm": True, "use_cpu": True} | arguments
    arguments = {"save_strategy": "no", "per_device_train_batch_size": 16, "stop_tolerance": 0} | arguments
    args = ClusteringTrainingArguments(**arguments)
    kwargs = {"eval_dataset": eval_dataset}
    if fixed_masks:
        kwargs["data_collator"] = FixedMasks(tokenizer, args.mlm_probability)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    return ClusteringTrainer(model, args, train_dataset=texts, processing_class=tokenizer, **kwargs)


def make_groups(sizes: list[int], spread: float, width: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Directions around as many axes as there are sizes, and the number of their axis."""
    generator, groups = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    points = np.eye(width)[groups] + spread * generator.normal(size=(len(groups), width))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), groups


def make_findings(
    texts: list, clusters: list[int], labels: list[str], classes: list[str] | None = None, **more: Any
) -> Findings:
    """Findings of documents that lie around as many axes as there are labels; `None` is a row without a text."""
    usable = np.array([text is not None for text in texts])
    classes = None if classes is None else np.array(classes, dtype=object)
    documents = Documents(more.pop("ids", list(range(len(texts)))), texts, usable, classes)
    generator, clusters = np.random.default_rng(0), np.array(clusters)
    embeddings = 0.1 * generator.normal(size=(len(clusters), len(labels)))
    embeddings[np.arange(len(clusters)), clusters] += 1
    q = np.exp(5 * embeddings)
    angles = 2 * np.pi * clusters / len(labels)
    positions = np.column_stack([np.cos(angles), np.sin(angles)]) + 0.1 * embeddings[:, :2]
    return Findings(
        documents=documents,
        q=(q / q.sum(axis=1, keepdims=True)).astype(np.float32),
        embeddings=embeddings.astype(np.float32),
        positions=positions,
        centroids=np.eye(len(labels), dtype=np.float32),
        keywords=[label.split(", ") for label in labels],
        labels=labels,
        **more,
    )
