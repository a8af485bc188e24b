r"""What people use today, on the same texts with the same encoder: accuracy, NMI, ARI, seconds and
peak memory.

    python -m venv peers && peers/bin/pip install -r benchmarks/requirements-peers.txt
    python -m benchmarks.peers --encoder path/to/all-MiniLM-L6-v2 --peers_python peers/bin/python \
        --corpora stackoverflow.jsonl.gz:20:2000 tweet89.jsonl.gz:89 --seeds 42 43 44

Corpora are those of `benchmarks.quality`, the methods those of `benchmarks.peer_methods`; without a
number of clusters, `file::sample_size`, it is that of the classes in the sample. Each is a process
of its own, whose wall time and largest resident memory are measured from its start to its end:
imports, loading, encoding and, of ours, training and the report too. Methods that find the number
of topics by themselves are told the true one where they take it. Outliers are wrong in the
accuracy, and a cluster each in NMI and ARI. Figures are kept in `benchmarks/results/peers/`, and a
run that is there is not repeated.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.peer_methods import PEERS
from benchmarks.quality import ROOT, kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.metrics import gold_scores, in_matched_class
from bert_clustering.texts.documents import Documents, make_documents
from bert_clustering.texts.tables import read_columns


OURS = "BERT-Clustering"


def run(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory, in MiB, of a process of its own.

    The kernel's high-water mark is asked for while it runs: `wait4` would count what this process
    holds, too.
    """
    started, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, cwd=ROOT)
    while process.poll() is None:
        status = Path("/proc", str(process.pid), "status").read_text()
        peak = next(
            (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), peak
        )
        time.sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - started, peak / 1024


def ask(
    python: str, method: str, task: list | dict, encoder: str, num_clusters: int, seed: int
) -> tuple[list[int], float, float]:
    """What a method of `peer_methods` answers; seconds and peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "task.json"), Path(folder, "answer.json")
        given.write_text(json.dumps(task))
        command = [python, "benchmarks/peer_methods.py", method, encoder, str(given), str(answer)]
        seconds, memory = run([*command, str(num_clusters), str(seed)])
        return json.loads(answer.read_text()), seconds, memory


def cluster(
    method: str, documents: Documents, encoder: str, num_clusters: int, seed: int, python: str
) -> tuple[list[int], float, float]:
    """Cluster of each document, -1 for outliers; seconds and peak memory in MiB."""
    if method != OURS:
        return ask(python, method, documents.texts, encoder, num_clusters, seed)
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts.json")
        texts.write_text(json.dumps([{"text": text} for text in documents.texts]))
        command = [
            sys.executable,
            "run_clustering.py",
            "--model_name_or_path",
            encoder,
            "--do_train",
        ]
        command += [
            "--train_file",
            str(texts),
            "--num_clusters",
            str(num_clusters),
            "--seed",
            str(seed),
        ]
        command += [
            "--output_dir",
            f"{folder}/run",
            "--save_strategy",
            "no",
            "--disable_tqdm",
            "true",
        ]
        seconds, memory = run(command)
        with open(
            Path(folder, "run", "results", "clusters.csv"), encoding="utf-8", newline=""
        ) as file:
            return [int(row["cluster"]) for row in csv.DictReader(file)], seconds, memory


def measure(method: str, documents: Documents, *more: Any) -> dict[str, float]:
    """Scores, seconds and memory of a method; arguments as for `cluster`."""
    clusters, seconds, memory = cluster(method, documents, *more)
    return {"seconds": seconds, "peak_mib": memory} | scores(documents.classes, np.array(clusters))


def scores(classes: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    """Scores against gold classes, `(num_documents,)` like the clusters, of which -1 is none."""
    outliers, kept = np.flatnonzero(clusters < 0), clusters >= 0
    apart = clusters.copy()
    apart[outliers] = clusters.max() + 1 + np.arange(len(outliers))
    agreement = gold_scores(classes, apart)
    right = in_matched_class(classes[kept], clusters[kept]).sum() if kept.any() else 0
    return {
        "accuracy": float(right / len(classes)),
        "nmi": agreement["nmi"],
        "ari": agreement["ari"],
        "outliers": len(outliers) / len(classes),
        "num_clusters": len(np.unique(clusters[kept])),
    }


def table(results: list[dict]) -> str:
    """Markdown: a row for each corpus and method, means over the seeds."""
    names = ("accuracy", "nmi", "ari")
    lines = [
        "| corpus | method | accuracy | NMI | ARI | clusters | outliers | seconds | peak MiB |"
    ]
    lines.append("|---" * 9 + "|")
    for corpus, method in dict.fromkeys((result["corpus"], result["method"]) for result in results):
        runs = [
            result for result in results if (result["corpus"], result["method"]) == (corpus, method)
        ]
        cells = [spread([result[name] for result in runs]) for name in names]
        found = sorted({result["num_clusters"] for result in runs})
        cells.append(f"{found[0]} to {found[-1]}" if len(found) > 1 else str(found[0]))
        cells.append(f"{mean(result['outliers'] for result in runs):.1%}")
        cells += [
            f"{mean(result[name] for result in runs):,.0f}" for name in ("seconds", "peak_mib")
        ]
        lines.append(f"| {corpus} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = parser_of_corpora(__doc__, "peers")
    parser.add_argument("--peers_python", required=True)
    parser.add_argument("--methods", nargs="+", default=[*PEERS, OURS], choices=[*PEERS, OURS])
    arguments = parser.parse_args()
    results = []
    for corpus in arguments.corpora:
        file, num_clusters, *sample = corpus.split(":")
        columns = read_columns(file, ("text", arguments.label_column))
        documents = make_documents(columns, file, label_column=arguments.label_column)
        for method in arguments.methods:
            for seed in arguments.seeds:
                about = {"corpus": name_of(corpus), "method": method, "seed": seed}
                drawn = documents.sample(int(sample[0]), seed) if sample else documents
                wanted = (
                    method,
                    drawn,
                    arguments.encoder,
                    int(num_clusters or len(np.unique(drawn.classes))),
                    seed,
                    arguments.peers_python,
                )
                path = path_in(arguments.results, name_of(corpus), method, seed)
                results.append(
                    kept(path, lambda about=about, wanted=wanted: about | measure(*wanted))
                )
    print(table(results))


if __name__ == "__main__":
    main()
