r"""What a GPU makes of it: joint step and clean pass in bfloat16 against the stock `Trainer`,
sentence-transformers and the card's own peak, then whole runs, stage by stage.

    python -m benchmarks.gpu --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --texts stackoverflow.jsonl.gz

The peak is the rate of large products on the same card in the same minute. A joint step counts the
products of its forward pass three times (backward takes two), a clean pass those of its encoder
once; what attention multiplies is left out. Whole runs have texts of eight words, all layers of the
encoder, and five steps (`benchmarks.scale`). Figures are kept in `benchmarks/results/gpu.json`.
"""

import argparse
import json
from pathlib import Path
from statistics import median

import torch

from benchmarks.quality import ROOT
from benchmarks.scale import run, table
from benchmarks.speed import BATCH_SIZE, Contest, ratio, rounds
from bert_clustering.texts.tables import read_columns


RESULTS = ROOT / "benchmarks" / "results" / "gpu.json"


def operations(contest: Contest) -> dict[str, float]:
    """Multiplications and additions of a document, in a joint step and in a clean pass."""
    *encoder, head = [
        2 * rows * inner * columns * count / BATCH_SIZE
        for (rows, inner, columns), count in contest.shapes()
    ]
    return {"joint": 3 * (sum(encoder) + head), "clean_pass": sum(encoder)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--size", type=int, default=6400, help="documents of the first part")
    parser.add_argument("--sizes", nargs="*", type=int, default=[1000, 100_000, 1_000_000])
    parser.add_argument("--num_clusters", type=int, default=20)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    has_gpu = torch.cuda.is_available()
    texts = read_columns(arguments.texts, ("text",))["text"]
    contest = Contest(
        arguments.encoder,
        texts[: arguments.size // BATCH_SIZE * BATCH_SIZE],
        device="cuda" if has_gpu else "cpu",
        bf16=True,
    )
    names = ("joint", "masked_lm_alone", "clean_pass", "sentence_transformers")
    rates = rounds({name: getattr(contest, name) for name in names}, num_rounds=3)
    size = 8192 if has_gpu else 1024
    peak = 2 * size**3 / contest.product(size, size, size)
    medians = {name: median(values) for name, values in rates.items()}
    results = {
        "device": torch.cuda.get_device_name() if has_gpu else "cpu",
        "documents_per_second": medians,
        "peak_per_second": peak,
        "share_of_peak": {
            name: medians[name] * count / peak for name, count in operations(contest).items()
        },
        "joint_over_masked_lm_alone": ratio(rates, "joint", "masked_lm_alone"),
        "clean_pass_over_sentence_transformers": ratio(
            rates, "clean_pass", "sentence_transformers"
        ),
    }
    print(json.dumps(results, indent=2), flush=True)
    runs = {
        f"{size:,}": run(arguments.encoder, size, arguments.num_clusters, num_layers=100)
        for size in arguments.sizes
    }
    print(table(runs))
    arguments.results.write_text(
        json.dumps(results | {"runs": runs}, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
