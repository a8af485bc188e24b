"""What tests are built from: tiny real models, a toy corpus, clusters of known shape."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from transformers import CONFIG_MAPPING

from bert_clustering.configuration_bert_cluster import BertClusterConfig
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.reports.result import ClusteringResult
from bert_clustering.texts.attributes import Attributes
from bert_clustering.texts.documents import Documents
from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments
from bert_clustering.training.batches import ClusteringCollator


VOCAB_SIZE = 101
TOPICS = {
    name: words.split()
    for name, words in {
        "fruit": "apple pear plum cherry grape melon lemon banana peach fig ripe sweet juice "
        "orchard",
        "space": "rocket orbit moon planet comet star probe launch crater galaxy lunar solar dust "
        "telescope",
        "money": "bank loan credit debt interest payment account deposit fee refund invoice tax "
        "cash budget",
    }.items()
}
COMMON_WORDS = "the a of and with my is was very not how why".split()

# Odd and unequal sizes, so that a swapped axis fails.
COMMON = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
COMMON |= {"intermediate_size": 37, "max_position_embeddings": 41}
FAMILIES = {
    "bert": COMMON,
    "distilbert": {
        "vocab_size": VOCAB_SIZE,
        "dim": 40,
        "n_layers": 2,
        "n_heads": 4,
        "hidden_dim": 37,
    },
    "roberta": COMMON,
    "xlm-roberta": COMMON,
    "mpnet": COMMON,
    "electra": COMMON | {"embedding_size": 24},
    "modernbert": COMMON | {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3},
    "deberta-v2": COMMON,
}


# Texts that want to be taken for something else.
HOSTILE = [
    "<script>window.hacked = 1</script>",
    "</script><img src=x onerror='window.hacked = 2'>",
    "quotes \" and ' and `${window.hacked = 3}` and {{ 7 * 7 }}",
    "</textarea></title></style><svg onload=window.hacked=4>",
    "🙂 emoji 🏳️‍🌈, שלום ‮drawkcab, separators \u2028 \u2029, nul \x00, half \ud83d",
    "<!-- comment --> &lt;b&gt; &amp; ]]>",
    "x" * 100_000,
]


def tiny_config(family: str):
    """Configuration of a tiny random encoder of one of the `FAMILIES`."""
    return CONFIG_MAPPING[family](**FAMILIES[family])


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
    teacher_embeddings: np.ndarray | None = None,
    known_topics: list[str | None] | None = None,
    **arguments: Any,
) -> ClusteringTrainer:
    """A trainer on the CPU that saves nothing; with `fixed_masks`, one in whose steps nothing is
    random.
    """
    torch.manual_seed(0)
    model = BertForClustering.from_pretrained(name, num_clusters=num_clusters)
    arguments = {
        "output_dir": output_dir,
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
    } | arguments
    arguments = {
        "save_strategy": "no",
        "per_device_train_batch_size": 16,
        "stop_tolerance": 0,
    } | arguments
    args = ClusteringTrainingArguments(**arguments)
    kwargs = {"eval_dataset": eval_dataset, "teacher_embeddings": teacher_embeddings}
    kwargs["known_topics"] = known_topics
    if fixed_masks:
        kwargs["data_collator"] = FixedMasks(tokenizer, args.mlm_probability)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    return ClusteringTrainer(model, args, train_dataset=texts, processing_class=tokenizer, **kwargs)


def watch_kmeans(monkeypatch: Any, module: Any) -> list[dict]:
    """A list that gets the arguments of each `KMeans` that a module makes, K as `size`."""
    runs: list[dict] = []

    def watched(size: int, **options: Any) -> KMeans:
        runs.append({"size": size, **options})
        return KMeans(size, **options)

    monkeypatch.setattr(module, "KMeans", watched)
    return runs


def make_config(num_clusters: int, **more: Any) -> BertClusterConfig:
    """Of a tiny model, whose clusters are called `topic 0`, `topic 1`, ..."""
    config = BertClusterConfig(
        backbone_config=tiny_config("bert"), num_clusters=num_clusters, **more
    )
    config.id2label = {cluster: f"topic {cluster}" for cluster in range(num_clusters)}
    return config


def make_groups(
    sizes: list[int], spread: float, width: int = 24, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Directions around as many axes as there are sizes, and the number of their axis."""
    generator, groups = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    points = np.eye(width)[groups] + spread * generator.normal(size=(len(groups), width))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), groups


def make_result(
    texts: list,
    clusters: list[int],
    labels: list[str],
    classes: list[str] | None = None,
    attributes: Attributes | None = None,
    **more: Any,
) -> ClusteringResult:
    """Result of documents that lie around as many axes as there are labels; `None` is a row without
    a text.
    """
    usable = np.array([text is not None for text in texts])
    classes = None if classes is None else np.array(classes, dtype=object)
    ids = more.pop("ids", list(range(len(texts))))
    documents = Documents(ids, texts, usable, classes, attributes=attributes)
    generator, clusters = np.random.default_rng(0), np.array(clusters)
    embeddings = 0.1 * generator.normal(size=(len(clusters), len(labels)))
    embeddings[np.arange(len(clusters)), clusters] += 1
    q = np.exp(5 * embeddings)
    q = (q / q.sum(axis=1, keepdims=True)).astype(np.float32)
    angles = 2 * np.pi * clusters / len(labels)
    positions = np.column_stack([np.cos(angles), np.sin(angles)]) + 0.1 * embeddings[:, :2]
    made = {
        "q": q,
        "clusters": clusters,
        "probabilities": q.max(axis=1),
        "assigned": clusters,
        "embeddings": embeddings.astype(np.float32),
        "positions": positions,
        "centroids": np.eye(len(labels), dtype=np.float32),
        "keywords": [label.split(", ") for label in labels],
        "labels": labels,
    }
    return ClusteringResult(documents=documents, **made | more)


def read_rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def page_data(page: str) -> dict:
    """What the script of a `report.html` reads."""
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )


def parameters(trainer: ClusteringTrainer) -> dict[str, torch.Tensor]:
    """A copy of a trainer's weights."""
    return {
        name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()
    }


def logged(trainer: ClusteringTrainer, name: str) -> list[float]:
    """A figure in every log line that has it."""
    return [line[name] for line in trainer.state.log_history if name in line]
