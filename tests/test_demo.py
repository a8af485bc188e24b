"""The demo's real text and real encoder, through the script, for a few steps."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest


pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([sys.executable, ROOT / "demo" / "prepare.py", folder], check=True, timeout=120)
    return folder


def test_posts_are_2000_of_8_groups(demo):
    with open(demo / "posts.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(Counter(row["group"] for row in rows).values()) == {250: 8}
    assert len({row["text"] for row in rows}) > 1990 and all(row["text"].strip() for row in rows)


def test_a_real_encoder_without_head_clusters_real_posts(demo, tmp_path):
    command = [sys.executable, ROOT / "run_clustering.py", "--model_name_or_path", demo / "encoder"]
    command += [
        "--train_file",
        demo / "posts.csv",
        "--label_column",
        "group",
        "--num_clusters",
        "8",
        "--do_train",
    ]
    command += [
        "--max_train_samples",
        "300",
        "--max_seq_length",
        "32",
        "--max_steps",
        "4",
        "--use_cpu",
    ]
    command += ["--output_dir", tmp_path / "run", "--disable_tqdm", "true"]
    done = subprocess.run(
        list(map(str, command)), env=os.environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "all_results.json").read_text())
    assert (
        metrics["kmeans_accuracy"] > 0.6
        and metrics["eval_accuracy"] > metrics["kmeans_accuracy"] - 0.1
    )
    assert "has no masked-LM head" in done.stderr and "corrupted" not in done.stderr
