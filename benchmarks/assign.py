r"""How fast texts get their clusters, in how much memory, and whether a run that is killed ends as
one that is not.

    python -m benchmarks.assign --model output --texts stackoverflow.jsonl.gz --size 2000 \
        --sizes 1000 100000 1000000 --kills 3

Speed is that of the whole way from a file to a Parquet file, against `SentenceTransformer.encode`
of the same model, which embeds and no more, both without loading: alternating rounds in one
process, medians, and ratios of the rounds. Memory is the most that a process had taken, for files
of so many texts of eight words and a tiny random model, so that a million take minutes; they are
one Parquet file of one row group. The million, in twenty shards, is then assigned by a command that
is killed so often and started again. Figures are kept in `benchmarks/results/assign.json`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import pyarrow
import pyarrow.parquet
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from benchmarks.quality import ROOT
from benchmarks.scale import write_texts
from bert_clustering.assigning import Assigner
from bert_clustering.assigning.reading import find_reading
from bert_clustering.assigning.run import assigned_batches, schema_of
from bert_clustering.assigning.shards import find_shards
from bert_clustering.assigning.tables import write_whole
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.tables import read_columns


RESULTS = ROOT / "benchmarks" / "results" / "assign.json"
NUM_SHARDS = 20
NUM_TOPICS = 20


def speeds(model: str, texts: list[str], rounds: int, folder: Path) -> dict[str, float]:
    """Texts per second of both, and how many times as fast ours is."""
    source = folder / "texts.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), source)
    (shard,) = find_shards(str(source), str(folder / "out"))
    reading = find_reading([shard], "text", None, [], False)
    assigner, encoder = Assigner(model), SentenceTransformer(model, device="cpu")
    schema = schema_of(reading, assigner)

    def ours() -> None:
        write_whole(
            folder / "out" / "texts.parquet",
            schema,
            assigned_batches(shard, reading, assigner, schema),
        )

    def theirs() -> None:
        encoder.encode(texts, show_progress_bar=False)

    rates: dict[str, list[float]] = {"assign": [], "sentence_transformers": []}
    for _ in range(rounds + 1):
        for name, work in (("assign", ours), ("sentence_transformers", theirs)):
            started = time.perf_counter()
            work()
            rates[name].append(len(texts) / (time.perf_counter() - started))
    measured = {name: values[1:] for name, values in rates.items()}  # the first is to warm up
    ratios = [a / b for a, b in zip(*measured.values(), strict=True)]
    found = {f"{name}_per_second": median(values) for name, values in measured.items()}
    return found | {"ratio": median(ratios), "ratios": ratios}


def make_tiny(tokenizer_of: str, folder: Path) -> None:
    """A model of two narrow layers with random weights and centroids."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    model = BertForClustering.from_pretrained(str(folder), num_clusters=NUM_TOPICS)
    model.cluster_head.centroids.data.normal_()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def command(model: Path, source: Path, output: Path) -> subprocess.Popen:
    """The command, begun; it takes up to a few threads."""
    line = ["-m", "bert_clustering.cli", "assign", str(model), str(source), "--to", str(output)]
    return subprocess.Popen([sys.executable, *line], stdout=subprocess.DEVNULL)


def peak(model: Path, source: Path, output: Path) -> tuple[float, float]:
    """MB that the command takes at most, and seconds."""
    started, process = time.perf_counter(), command(model, source, output)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"assigning {source} failed")
    return usage.ru_maxrss / 1024, time.perf_counter() - started


def read_all(folder: Path) -> pyarrow.Table:
    return pyarrow.parquet.read_table(folder / "clusters")


def killed(model: Path, source: Path, output: Path, kills: int, seconds: float) -> list[int]:
    """Shards that were done after each kill; the last run is not killed."""
    done = []
    for _ in range(kills):
        process = command(model, source, output)
        time.sleep(seconds / (kills + 1))
        process.kill()
        process.wait()
        done.append(len([*(output / "clusters").glob("*.parquet")]))
    peak(model, source, output)
    return done


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="*", type=int, default=[1000, 100_000, 1_000_000])
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    texts = read_columns(arguments.texts)["text"][: arguments.size]
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        folder = Path(name)
        results: dict = {"texts": len(texts)}
        results |= speeds(arguments.model, texts, arguments.rounds, folder)
        print(json.dumps(results, indent=2), flush=True)
        make_tiny(arguments.model, folder / "tiny")
        tokenizer = AutoTokenizer.from_pretrained(arguments.model)
        for size in arguments.sizes:
            write_texts(folder / "texts.jsonl", tokenizer, size, NUM_TOPICS)
            made = read_columns(str(folder / "texts.jsonl"))["text"]
            source = folder / f"{size}.parquet"
            pyarrow.parquet.write_table(pyarrow.table({"text": made}), source, row_group_size=size)
            memory, seconds = peak(folder / "tiny", source, folder / f"out-{size}")
            results |= {f"peak_mb_{size}": round(memory), f"seconds_{size}": round(seconds, 1)}
            print(json.dumps(results, indent=2), flush=True)
        whole, shards = read_all(folder / f"out-{size}"), folder / "shards"
        shards.mkdir()
        rows = -(-size // NUM_SHARDS)
        for number in range(NUM_SHARDS):
            part = pyarrow.table({"text": made[number * rows : (number + 1) * rows]})
            pyarrow.parquet.write_table(part, shards / f"part-{number:02}.parquet")
        results["shards_done_at_kills"] = killed(
            folder / "tiny", shards, folder / "out-killed", arguments.kills, seconds
        )
        again = read_all(folder / "out-killed")
        for column in ("cluster", "label", "probability"):
            results[f"same_{column}"] = (
                again[column].combine_chunks().equals(whole[column].combine_chunks())
            )
        print(json.dumps(results, indent=2))
    arguments.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
