"""Tiny real models and a toy corpus, built here so that no test needs a network."""

import os


os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest  # noqa: E402
import torch  # noqa: E402
from transformers import CONFIG_MAPPING  # noqa: E402


VOCAB_SIZE = 101

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


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
