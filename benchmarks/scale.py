r"""Seconds and memory of each part of a run, at several numbers of documents, with real arrays of
synthetic texts.

    python -m benchmarks.scale --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --sizes 2000 20000 200000

Texts are eight words, most of them of one of K topics; the encoder is cut to its first layer, so
that encoding does not hide the rest. Training takes five steps, with a refresh after them; the same
texts are then new ones for `--do_predict`. Each size is a process of its own. Memory is the largest
a part held, in MiB, without what lies in files and can be dropped (`RssAnon`), and, of the whole
process, with it (`VmHWM`). Figures are kept in `benchmarks/results/scale.json`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModel, AutoTokenizer

from benchmarks.quality import ROOT
from bert_clustering import run_clustering, trainer
from bert_clustering.reports import write as results
from bert_clustering.training import initialize as starting


KEPT = ROOT / "benchmarks" / "results" / "scale.json"
PARTS = {
    "read": (run_clustering, "read_documents"),
    "tokenise": (run_clustering, "tokenize"),
    "encode": (trainer.ClusteringTrainer, "encode"),
    "lexical view": (starting, "lexical_view"),
    "k-means": (starting, "kmeans"),
    "start": (starting, "find_start"),
    "repeats": (starting, "repeat_start"),
    "teacher": (trainer, "teach"),
    "target": (trainer, "target_distribution"),
    "refresh": (trainer.ClusteringTrainer, "refresh"),
    "checkpoint": (trainer.ClusteringTrainer, "save_model"),
    "keywords": (results, "cluster_keywords"),
    "map": (results, "project"),
    "files and report": (results, "write_files"),
    "predict": (run_clustering, "write_predictions"),
}


def memory(name: str) -> float:
    """MiB that `/proc/self/status` tells of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) / 1024


class Watch:
    """Seconds and largest memory of functions, while it looks at them; a part within another counts
    for both.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = {}
        self._running: list[str] = []
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            now = memory("RssAnon")
            for name in list(self._running):
                self.peaks[name] = max(now, self.peaks.get(name, 0))
            time.sleep(0.05)

    def wrap(self, name: str, function: Callable) -> Callable:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._running.append(name)
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._running.remove(name)
                self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - started

        return timed


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


def cut_encoder(encoder: str, folder: Path) -> None:
    """The encoder's first layer and its tokenizer."""
    model = AutoModel.from_pretrained(encoder)
    model.encoder.layer = model.encoder.layer[:1]
    model.config.num_hidden_layers = 1
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)


def run(encoder: str, size: int, num_clusters: int) -> dict[str, Any]:
    """One run in this process; seconds and memory of its parts."""
    watch = Watch()
    for name, (owner, attribute) in PARTS.items():
        setattr(owner, attribute, watch.wrap(name, getattr(owner, attribute)))
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        texts, cut = Path(folder, "texts.jsonl"), Path(folder, "encoder")
        write_texts(texts, AutoTokenizer.from_pretrained(encoder), size, num_clusters)
        cut_encoder(encoder, cut)
        command = [
            "--model_name_or_path",
            cut,
            "--train_file",
            texts,
            "--num_clusters",
            num_clusters,
            "--do_train",
        ]
        command += [
            "--do_predict",
            "--predict_file",
            texts,
            "--output_dir",
            f"{folder}/run",
            "--max_steps",
            5,
        ]
        command += ["--target_update", 5, "--disable_tqdm", "true", "--use_cpu"]
        sys.argv = ["run_clustering.py", *map(str, command)]
        started = time.perf_counter()
        run_clustering.main()
    return {
        "documents": size,
        "num_clusters": num_clusters,
        "seconds": {"whole": time.perf_counter() - started} | watch.seconds,
        "peak_mib": {"whole, with files": memory("VmHWM")} | watch.peaks,
    }


def table(runs: list[dict]) -> str:
    """Markdown: a row for each part, seconds and memory at each size."""
    lines = [
        "| | " + " | ".join(f"{run['documents']:,}" for run in runs) + " |",
        "|---" * (len(runs) + 1) + "|",
    ]
    for name in dict.fromkeys(
        [name for run in runs for name in [*run["seconds"], *run["peak_mib"]]]
    ):
        cells = []
        for run in runs:
            seconds, peak = run["seconds"].get(name), run["peak_mib"].get(name)
            shown = [
                f"{seconds:,.1f} s" if seconds is not None else "",
                f"{peak:,.0f} MiB" if peak else "",
            ]
            cells.append(", ".join(filter(None, shown)))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--sizes", nargs="+", type=int, default=[2000, 20_000, 200_000])
    parser.add_argument("--num_clusters", type=int, default=20)
    parser.add_argument("--results", type=Path, default=KEPT)
    parser.add_argument("--alone", action="store_true", help="one size, in this process")
    arguments = parser.parse_args()
    (ROOT / "build").mkdir(exist_ok=True)
    if arguments.alone:
        arguments.results.write_text(
            json.dumps(run(arguments.encoder, arguments.sizes[0], arguments.num_clusters))
        )
        return
    runs = []
    for size in arguments.sizes:
        with tempfile.NamedTemporaryFile() as answer:
            command = [
                sys.executable,
                "-m",
                "benchmarks.scale",
                "--alone",
                "--encoder",
                arguments.encoder,
            ]
            command += [
                "--sizes",
                str(size),
                "--num_clusters",
                str(arguments.num_clusters),
                "--results",
                answer.name,
            ]
            subprocess.run(command, check=True, cwd=ROOT)
            runs.append(json.loads(Path(answer.name).read_text()))
    arguments.results.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")
    print(table(runs))


if __name__ == "__main__":
    main()
