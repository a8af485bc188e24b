"""Two real processes through a real launcher: the same start, all documents in order, one set of files."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# `accelerate launch --cpu --num_processes 2` starts one process without a word, so the launcher is told otherwise.
LAUNCHERS = {
    "torchrun": ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29517"],
    "accelerate": ["-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu", "--num_processes", "2"]
    + ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "29518"],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_make_one_run(launcher, corpus, headless_dir, tmp_path):
    texts, topics = corpus
    records = [{"text": text, "topic": topic} for text, topic in zip(texts, topics, strict=True)]
    (tmp_path / "texts.json").write_text(json.dumps(records))
    command = [sys.executable, *LAUNCHERS[launcher], str(ROOT / "run_clustering.py")]
    command += ["--model_name_or_path", headless_dir, "--train_file", str(tmp_path / "texts.json")]
    command += ["--label_column", "topic", "--num_clusters", "3", "--do_train", "--output_dir", str(tmp_path / "run")]
    command += ["--do_predict", "--predict_file", str(tmp_path / "texts.json"), "--use_cpu", "--stop_tolerance", "0"]
    command += ["--per_device_train_batch_size", "8", "--num_train_epochs", "2", "--disable_tqdm", "true"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr

    state = json.loads((tmp_path / "run" / "trainer_state.json").read_text())
    assert state["global_step"] == 2 * 6, "91 documents are 6 steps of 2 x 8, and 12 of 1 x 8"
    with open(tmp_path / "run" / "results" / "clusters.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == texts
    with open(tmp_path / "run" / "results" / "predictions.csv", newline="", encoding="utf-8") as file:
        assert [row["cluster"] for row in csv.DictReader(file)] == [row["cluster"] for row in rows]
    assert json.loads((tmp_path / "run" / "all_results.json").read_text())["eval_accuracy"] > 0.9
    assert done.stdout.count("Results: ") == 1
