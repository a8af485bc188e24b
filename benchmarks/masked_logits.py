"""What it saves to compute masked-LM logits at masked positions alone: a joint step against the
dense computation.

    python -m benchmarks.masked_logits --encoder sentence-transformers/all-MiniLM-L6-v2

Both compute the same loss and gradients on the same random batch, in alternating rounds; the
figures are medians, the ratio is the median of the rounds' ratios.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F

from bert_clustering.modeling_bert_cluster import BertForClustering


RESULTS = Path(__file__).parent / "results" / "masked_logits.json"


def masked_step(model: BertForClustering, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    output = model(**batch)
    return output.mlm_loss + output.logits[:, 0].mean()


def dense_step(model: BertForClustering, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    output = model.backbone(**inputs, output_hidden_states=True)
    loss = F.cross_entropy(output.logits.flatten(0, 1).float(), batch["labels"].flatten())
    return (
        loss
        + model.cluster_head(model._pool(output.hidden_states[-1], inputs["attention_mask"]))[
            :, 0
        ].mean()
    )


def seconds(step: Callable, model: BertForClustering, batch: dict[str, torch.Tensor]) -> float:
    model.zero_grad()
    started = time.perf_counter()
    step(model, batch).backward()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True)
    parser.add_argument(
        "--shapes", nargs="+", default=["64x16", "64x64", "32x128"], help="documents x tokens"
    )
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    model = BertForClustering.from_pretrained(arguments.encoder, num_clusters=20).train()
    vocabulary = model.config.backbone_config.vocab_size
    results = []
    for shape in arguments.shapes:
        size = tuple(map(int, shape.split("x")))
        input_ids = torch.randint(vocabulary, size)
        labels = torch.where(torch.rand(size) < 0.15, input_ids, -100)
        batch = {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "labels": labels,
        }
        rounds = [
            (seconds(masked_step, model, batch), seconds(dense_step, model, batch))
            for _ in range(arguments.rounds + 1)
        ]
        masked, dense = zip(*rounds[1:], strict=True)  # the first round warms up
        results.append(
            {
                "shape": shape,
                "masked_seconds": median(masked),
                "dense_seconds": median(dense),
                "dense_over_masked": median(d / m for m, d in zip(masked, dense, strict=True)),
            }
        )
        print(results[-1], flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    RESULTS.write_text(
        json.dumps(
            {"rounds": arguments.rounds, "peak_mib": round(peak), "steps": results}, indent=2
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
