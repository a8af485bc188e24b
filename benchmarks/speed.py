r"""How fast training and encoding are: against the stock `Trainer`, the naive loop,
sentence-transformers and the CPU.

    python -m benchmarks.speed --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --texts stackoverflow.jsonl.gz

Training is measured in documents per second over the same texts, batch size and number of steps,
encoding over the same texts, in alternating rounds; the figures are medians, ratios those of the
rounds. They are kept in `benchmarks/results/speed.json`. The limit is the rate at which this
machine multiplies matrices of the encoder's own shapes: what the step's products alone would take.
The naive loop pads to 128 tokens, computes the logits of every token, and runs the encoder a second
time for the embeddings.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from sentence_transformers import SentenceTransformer
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from benchmarks.quality import ROOT
from bert_clustering.modeling_bert_cluster import BertForClustering, soft_assignment
from bert_clustering.texts.tables import read_columns
from bert_clustering.texts.tokens import limit_length, tokenize
from bert_clustering.trainer import ClusteringTrainer
from bert_clustering.training.arguments import ClusteringTrainingArguments


RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
BATCH_SIZE = 64
QUIET = {"save_strategy": "no", "disable_tqdm": True, "report_to": "none"}


class Contest:
    """The same texts for all who take part.

    Args:
        encoder (`str`): Hub id or folder.
        texts (`list[str]`): As many as the steps take.
        device (`str`, *optional*, defaults to `"cpu"`): Where all of it runs.
        bf16 (`bool`, *optional*, defaults to `False`): Multiply in bfloat16.
    """

    def __init__(
        self, encoder: str, texts: list[str], device: str = "cpu", bf16: bool = False
    ) -> None:
        self.encoder = encoder
        self.texts = texts
        self.device = device
        self.dtype = torch.bfloat16 if bf16 else torch.float32
        self.options = QUIET | {"use_cpu": device == "cpu", "bf16": bf16}
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(encoder)
        limit_length(self.tokenizer, 128, 512)
        self.sentence_transformer = SentenceTransformer(
            encoder, device=device, model_kwargs={"dtype": self.dtype}
        )

    def joint(self, output_dir: str) -> float:
        """Our joint step, of a trainer that has made its start."""
        model = BertForClustering.from_pretrained(self.encoder, num_clusters=20)
        args = ClusteringTrainingArguments(
            output_dir,
            max_steps=self.num_steps,
            target_update=str(10**9),
            keep_best=False,
            **self.options,
        )
        trainer = ClusteringTrainer(
            model, args, train_dataset=self.texts, processing_class=self.tokenizer
        )
        return self.rate(trainer.train().metrics["train_runtime"])  # without the start

    def masked_lm_alone(self, output_dir: str) -> float:
        """The stock `Trainer`, which computes the masked-LM loss alone, of all logits."""
        args = TrainingArguments(
            output_dir,
            per_device_train_batch_size=BATCH_SIZE,
            max_steps=self.num_steps,
            learning_rate=1e-4,
            **self.options,
        )
        columns = ["input_ids", "attention_mask", "special_tokens_mask"]
        trainer = Trainer(
            AutoModelForMaskedLM.from_pretrained(self.encoder),
            args,
            data_collator=DataCollatorForLanguageModeling(self.tokenizer),
            train_dataset=tokenize(self.texts, self.tokenizer).select_columns(columns),
        )
        return self.rate(trainer.train().metrics["train_runtime"])

    def naive_loop(self, output_dir: str, num_steps: int = 2) -> float:
        """Both losses as a notebook computes them."""
        model = BertForClustering.from_pretrained(self.encoder, num_clusters=20).train()
        centroids = torch.nn.Parameter(torch.randn(20, model.config.hidden_size))
        optimizer = torch.optim.AdamW([*model.backbone.parameters(), centroids], lr=3e-5)
        collate = DataCollatorForLanguageModeling(self.tokenizer)
        started = time.perf_counter()
        for step in range(num_steps):
            texts = self.texts[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
            batch = self.tokenizer(texts, padding="max_length", truncation=True, max_length=128)
            batch = collate([{"input_ids": ids} for ids in batch["input_ids"]])
            mask = (batch["input_ids"] != self.tokenizer.pad_token_id).long()
            output = model.backbone(batch["input_ids"], mask, output_hidden_states=True)
            mlm_loss = F.cross_entropy(output.logits.flatten(0, 1), batch["labels"].flatten())
            hidden = model.backbone.base_model(batch["input_ids"], mask).last_hidden_state
            log_q = soft_assignment(hidden.mean(dim=1), centroids, 1.0, "multiply")
            target = log_q.detach().exp().square().softmax(dim=1)
            (mlm_loss + F.kl_div(log_q, target, reduction="batchmean")).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            optimizer.zero_grad()
        return num_steps * BATCH_SIZE / (time.perf_counter() - started)

    def clean_pass(self, output_dir: str) -> float:
        """Our encoding: start, refresh and prediction."""
        model = BertForClustering.from_pretrained(self.encoder, num_clusters=20)
        args = ClusteringTrainingArguments(output_dir, **self.options)
        trainer = ClusteringTrainer(model, args, processing_class=self.tokenizer)
        trainer.model.cluster_head.centroids.data.fill_(1.0)  # without clusters, it is in float32
        started = time.perf_counter()
        trainer.inference.encode(tokenize(self.texts, self.tokenizer))
        return self.rate(time.perf_counter() - started)

    def sentence_transformers(self, output_dir: str) -> float:
        started = time.perf_counter()
        self.sentence_transformer.encode(self.texts, batch_size=32)
        return self.rate(time.perf_counter() - started)

    @property
    def num_steps(self) -> int:
        return len(self.texts) // BATCH_SIZE

    def rate(self, seconds: float) -> float:
        return len(self.texts) / seconds

    def products(self) -> float:
        """Documents a second if a joint step were its matrix products alone, at this machine's own
        rate.
        """
        forward = sum(count * self.product(*shape) for shape, count in self.shapes())
        return BATCH_SIZE / (3 * forward)  # two products backward

    def product(self, rows: int, inner: int, columns: int, num_rounds: int = 20) -> float:
        """Seconds of one matrix product."""
        left, right = (
            torch.randn(size, device=self.device, dtype=self.dtype)
            for size in ((rows, inner), (inner, columns))
        )
        torch.mm(left, right)
        self.wait()
        started = time.perf_counter()
        for _ in range(num_rounds):
            torch.mm(left, right)
        self.wait()
        return (time.perf_counter() - started) / num_rounds

    def shapes(self) -> list[tuple[tuple[int, int, int], int]]:
        """Shapes of the products of a batch's forward pass with its masked-LM loss, and how many of
        each there are.
        """
        config = AutoConfig.from_pretrained(self.encoder)
        hidden, wide, num_layers = (
            config.hidden_size,
            config.intermediate_size,
            config.num_hidden_layers,
        )
        length = round(np.mean(tokenize(self.texts, self.tokenizer)["length"]))
        masked = round(0.15 * BATCH_SIZE * length)
        tokens = BATCH_SIZE * length
        return [
            ((tokens, hidden, hidden), 4 * num_layers),
            ((tokens, hidden, wide), num_layers),
            ((tokens, wide, hidden), num_layers),
            ((masked, hidden, config.vocab_size), 1),
        ]

    def wait(self) -> None:
        """Until the device has done what it was told."""
        if self.device != "cpu":
            torch.accelerator.synchronize()


def rounds(methods: dict[str, Callable[[str], float]], num_rounds: int) -> dict[str, list[float]]:
    """Documents a second of each method, in alternating rounds after one that warms up."""
    rates: dict[str, list[float]] = {name: [] for name in methods}
    for number in range(num_rounds + 1):
        for name, method in methods.items():
            with tempfile.TemporaryDirectory() as output_dir:
                rate = method(output_dir)
            if number:
                rates[name].append(rate)
    return rates


def ratio(rates: dict[str, list[float]], ours: str, theirs: str) -> float:
    return median(a / b for a, b in zip(rates[ours], rates[theirs], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--size", type=int, default=1280, help="documents")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    texts = read_columns(arguments.texts, ("text",))["text"]
    contest = Contest(arguments.encoder, texts[: arguments.size // BATCH_SIZE * BATCH_SIZE])
    names = ("joint", "masked_lm_alone", "naive_loop", "clean_pass", "sentence_transformers")
    rates = rounds({name: getattr(contest, name) for name in names}, arguments.rounds)
    rates["products"] = [contest.products() for _ in range(arguments.rounds)]
    results = {
        "documents": len(contest.texts),
        "documents_per_second": {name: median(values) for name, values in rates.items()},
        "joint_over_masked_lm_alone": ratio(rates, "joint", "masked_lm_alone"),
        "joint_over_naive_loop": ratio(rates, "joint", "naive_loop"),
        "clean_pass_over_sentence_transformers": ratio(
            rates, "clean_pass", "sentence_transformers"
        ),
        "joint_over_products": ratio(rates, "joint", "products"),
    }
    arguments.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
