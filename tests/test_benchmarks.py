"""The benchmarks' tables: means and spreads of what is known, and runs that are not repeated."""

import json
import sys

import pytest

from benchmarks import ablation, quality


def result(corpus: str, setting: str, seed: int, accuracy: float, **more: float) -> dict:
    scores = {f"{stage}_{name}": accuracy for stage in ("kmeans", "init", "eval") for name in quality.SCORES}
    sizes = {"eval_smallest_cluster": 3, "eval_largest_cluster": 9 + seed}
    return {
        "corpus": corpus,
        "setting": setting,
        "seed": seed,
        "metrics": {"num_clusters": 4 + seed, "start_runtime": 1.0, "train_runtime": 2.0} | scores | sizes | more,
    }


@pytest.mark.parametrize("values, shown", [([], ""), ([0.5], "0.500"), ([0.4, 0.6], "0.500 ± 0.141")])
def test_spread(values, shown):
    assert quality.spread(values) == shown


def test_tables_show_what_is_known():
    results = [
        result("a", "default", 0, 0.4),
        result("a", "default", 1, 0.6, untrained_accuracy=0.3, untrained_nmi=0.2),
    ]
    results.append(result("b", "auto", 2, 0.7))
    assert "| 0.300 / 0.200 | 0.500 ± 0.141 / 0.500 ± 0.141 |" in quality.summary(results)
    assert "| b | 6 | auto | 1 | 0.700 / 0.700 | 0.700 / 0.700 |  | 0.700 / 0.700 |" in quality.summary(results)
    table = quality.table(results)
    assert "| a | 4 | default | untrained | 0.300 | 0.200 |  |" in table
    assert "| 3 to 10 | 3 |" in table and table.count("\n") == 1 + 4 + 3


def test_ablation_shows_a_column_a_setting():
    results = [result("a", "default", 0, 0.5), result("a", "no guard", 0, 0.25)]
    assert ablation.table(results).splitlines()[-1] == "| a | 0.500 | 0.500 | 0.250 |"


def test_a_run_that_is_kept_is_not_repeated(tmp_path, monkeypatch):
    made = []

    def run(encoder, corpus, setting, seed, label_column, more):
        made.append((corpus, setting, seed, more))
        return {"num_clusters": 2}

    monkeypatch.setattr(quality, "run", run)
    command = ["quality", "--encoder", "e", "--corpora", "x/a.csv:2:30", "--settings", "one two", "--seeds", "1", "2"]
    command += ["--results", str(tmp_path), "--max_seq_length", "9"]
    monkeypatch.setattr(sys, "argv", command)
    for _ in range(2):
        results = quality.collect("", {"one two": ["--init", "kmeans"]}, ["one two"], "unused")
    assert made == [("x/a.csv:2:30", ["--init", "kmeans"], seed, ["--max_seq_length", "9"]) for seed in (1, 2)]
    assert [r["corpus"] for r in results] == ["a, 30 texts"] * 2
    kept = json.loads((tmp_path / "a-30-texts-one-two-1.json").read_text())
    assert kept == results[0]
