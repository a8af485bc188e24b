"""Two real processes through a real launcher: what one process gives, all documents in order, one
set of files.
"""

import csv
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file


pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
# `accelerate launch --cpu --num_processes 2` starts one process without a word, so the launcher is
# told otherwise. Each command ends in the port.
LAUNCHERS = {
    "torchrun": "torch.distributed.run --nproc_per_node 2 --master_port",
    "accelerate": "accelerate.commands.accelerate_cli launch --multi_gpu --num_processes 2 "
    "--num_machines 1 --mixed_precision no --dynamo_backend no --main_process_port",
}
# What each machine of two runs, before its number; here they are one.
MACHINE = "torch.distributed.run --nnodes 2 --nproc_per_node 1 --master_addr 127.0.0.1"


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def launch(arguments: list[str], folder: Path) -> str:
    """Run this Python with such arguments; what it wrote to stdout."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_machines_with_half_the_batch_train_as_one(corpus, encoder_dir, tmp_path):
    texts = [*corpus[0], *corpus[0][:21]]  # seven updates of 16 in an epoch
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    machine = ["-m", *MACHINE.split(), "--master_port", free_port(), "--node_rank"]
    found = []
    for num_processes, batch_size, launchers in (
        (1, "16", [[]]),
        (2, "8", [[*machine, "0"], [*machine, "1"]]),
    ):
        folder = tmp_path / str(num_processes)
        script = [
            str(ROOT / "tests" / "plain_training.py"),
            encoder_dir,
            str(tmp_path / "texts.json"),
        ]
        with ThreadPoolExecutor() as pool:
            commands = [[*launcher, *script, batch_size, str(folder)] for launcher in launchers]
            list(pool.map(launch, commands, repeat(tmp_path)))
        about = json.loads((folder / "about.json").read_text())
        assert about["num_processes"] == num_processes
        shared = [[item, (item - 1) % num_processes] for item in range(1, 6)]
        assert about["shared"] == shared, "all have all, in order"
        found.append((about["log"], load_file(folder / "state.safetensors")))
    (one_log, one), (two_log, two) = found
    for name in ("loss", "mlm_loss", "clustering_loss", "changed", "cluster_size_0"):
        values = [[line[name] for line in log if name in line] for log in (one_log, two_log)]
        assert len(values[0]) >= 2 and values[1] == pytest.approx(values[0], rel=1e-4), name
    for name in one:
        torch.testing.assert_close(two[name], one[name], atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_make_one_run(launcher, corpus, headless_dir, tmp_path):
    texts, topics = corpus
    records = [{"text": text, "topic": topic} for text, topic in zip(texts, topics, strict=True)]
    (tmp_path / "texts.json").write_text(json.dumps(records))
    command = ["-m", *LAUNCHERS[launcher].split(), free_port(), str(ROOT / "run_clustering.py")]
    command += ["--model_name_or_path", headless_dir, "--train_file", str(tmp_path / "texts.json")]
    command += [
        "--label_column",
        "topic",
        "--num_clusters",
        "3",
        "--do_train",
        "--output_dir",
        str(tmp_path / "run"),
    ]
    command += [
        "--do_predict",
        "--predict_file",
        str(tmp_path / "texts.json"),
        "--use_cpu",
        "--stop_tolerance",
        "0",
    ]
    command += [
        "--per_device_train_batch_size",
        "8",
        "--num_train_epochs",
        "2",
        "--disable_tqdm",
        "true",
    ]
    stdout = launch(command, tmp_path)

    state = json.loads((tmp_path / "run" / "trainer_state.json").read_text())
    assert state["global_step"] == 2 * 6, "91 documents are 6 steps of 2 x 8, and 12 of 1 x 8"
    with open(tmp_path / "run" / "results" / "clusters.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == texts
    with open(
        tmp_path / "run" / "results" / "predictions.csv", newline="", encoding="utf-8"
    ) as file:
        assert [row["cluster"] for row in csv.DictReader(file)] == [row["cluster"] for row in rows]
    assert json.loads((tmp_path / "run" / "all_results.json").read_text())["eval_accuracy"] > 0.9
    assert stdout.count("Results: ") == 1
