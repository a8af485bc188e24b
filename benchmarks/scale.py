r"""Seconds and memory of each stage of a run, at several numbers of documents and of clusters.

    python -m benchmarks.scale --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --sizes 2000 20000 200000 --num_clusters 20 200

Texts are eight words, most of them of one of K topics; the encoder is cut to its first layer, so
that encoding does not hide the rest. Training takes five steps, with a refresh after them. Each run
is a process of its own, and the stages are those of its own table (`all_results.json`): memory is
the most that the process had taken by the stage's end. Figures are kept in
`benchmarks/results/scale/`; a run that is there is not repeated.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModel, AutoTokenizer

from benchmarks.quality import ROOT, kept


RESULTS = ROOT / "benchmarks" / "results" / "scale"


def write_texts(path: Path, tokenizer: Any, size: int, num_topics: int) -> None:
    """Eight words each: six of the topic's thirty, two of any."""
    generator = np.random.default_rng(0)
    words = np.array(
        sorted(word for word in tokenizer.get_vocab() if word.isalpha() and len(word) > 3)
    )
    topics = generator.choice(words, (num_topics, 30))
    with open(path, "w", encoding="utf-8") as file:
        for topic in generator.integers(num_topics, size=size):
            text = " ".join([*generator.choice(topics[topic], 6), *generator.choice(words, 2)])
            file.write(json.dumps({"text": text}) + "\n")


def cut_encoder(encoder: str, folder: Path, num_layers: int) -> None:
    """The encoder's first layers and its tokenizer."""
    model = AutoModel.from_pretrained(encoder)
    model.encoder.layer = model.encoder.layer[:num_layers]
    model.config.num_hidden_layers = len(model.encoder.layer)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)


def run(
    encoder: str, size: int, num_clusters: int, num_layers: int = 1
) -> dict[str, dict[str, float]]:
    """The table of stages of one run, with so many of the encoder's layers."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        texts, cut, output = (Path(folder, name) for name in ("texts.jsonl", "encoder", "run"))
        write_texts(texts, AutoTokenizer.from_pretrained(encoder), size, num_clusters)
        cut_encoder(encoder, cut, num_layers)
        options = {
            "model_name_or_path": cut,
            "train_file": texts,
            "num_clusters": num_clusters,
            "output_dir": output,
            "max_steps": 5,
            "target_update": 5,
            "disable_tqdm": "true",
        }
        named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        command = [sys.executable, "run_clustering.py", "--do_train", *named]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        return json.loads((output / "all_results.json").read_text())["stages"]


def table(runs: dict[str, dict[str, dict[str, float]]]) -> str:
    """Markdown: a row for each stage, seconds and memory of each run."""
    stages = dict.fromkeys(stage for run in runs.values() for stage in run)
    lines = ["| | " + " | ".join(runs) + " |", "|---" * (len(runs) + 1) + "|"]
    for stage in stages:
        found = [run.get(stage) for run in runs.values()]
        cells = [
            f"{row['seconds']:,.1f} s, {row['peak_memory']:,} MB" if row else "" for row in found
        ]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    wholes = [[*run.values()] for run in runs.values()]
    cells = [
        f"{sum(row['seconds'] for row in rows):,.1f} s, "
        f"{max(row['peak_memory'] for row in rows):,} MB"
        for rows in wholes
    ]
    return "\n".join([*lines, "| whole run | " + " | ".join(cells) + " |"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--sizes", nargs="+", type=int, default=[2000, 20_000, 200_000])
    parser.add_argument("--num_clusters", nargs="+", type=int, default=[20, 200])
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    runs = {}
    for num_clusters in arguments.num_clusters:
        for size in arguments.sizes:

            def measure(size: int = size, num_clusters: int = num_clusters) -> dict:
                return run(arguments.encoder, size, num_clusters)

            path = arguments.results / f"{size}-{num_clusters}.json"
            runs[f"{size:,}, K = {num_clusters}"] = kept(path, measure)
    print(table(runs))


if __name__ == "__main__":
    main()
