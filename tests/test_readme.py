"""What the README shows is run: its Python, and its commands but for those that load a dataset of
the Hub.
"""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from transformers import HfArgumentParser

from bert_clustering.training.arguments import (
    ClusteringTrainingArguments,
    DataArguments,
    ModelArguments,
)


pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HUB_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if "run_clustering.py" in line]


def run(command: list[str], folder: Path, returncode: int = 0, **more: str) -> str:
    """Run it; what it wrote to stderr."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HF_HOME": str(folder / "hf"),
        "ACCELERATE_USE_CPU": "true",
    }
    environment |= more
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == returncode, done.stderr
    return done.stderr


def launch(command: list[str]) -> list[str]:
    """How a command starts the script here."""
    script = command.index("run_clustering.py")
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *command[1:script]]
    return [
        *([sys.executable] if command[0] == "python" else launcher),
        str(ROOT / "run_clustering.py"),
    ]


def test_python_blocks_run_one_after_the_other(corpus, headless_dir, tmp_path):
    code = "\n".join(
        block for block in blocks("python") if "bertopic" not in block and "revision" not in block
    )
    assert HUB_ENCODER in code
    code = f"texts = {corpus[0]!r}\n" + code.replace(HUB_ENCODER, headless_dir)
    code += "\nassert probabilities.shape == (91, 3) and embeddings.shape == (91, 40)"
    code += "\nassert probabilities.argmax(-1).tolist() == clusters.tolist()"
    code += "\nassert [label['label'] for label in labels] == [f'LABEL_{cluster}' for cluster in clusters]"
    run([sys.executable, "-c", code], tmp_path)


def test_commands_are_understood():
    assert len(commands()) >= 3
    parser = HfArgumentParser((ModelArguments, DataArguments, ClusteringTrainingArguments))
    for command in commands():
        arguments = command[command.index("run_clustering.py") + 1 :]
        parser.parse_args_into_dataclasses(
            [argument for argument in arguments if argument != "..."]
        )


def test_an_error_of_a_launched_command_is_one_message(tmp_path):
    command = next(command for command in commands() if "--train_file" in command)
    stderr = run(
        [*launch(command), *command[command.index("run_clustering.py") + 1 :]],
        tmp_path,
        returncode=1,
    )
    assert "error: 'messages.csv': there is no such file." in stderr and "Traceback" not in stderr


def test_commands_on_files_run(corpus, headless_dir, tmp_path):
    for name in ("messages.csv", "new.csv"):
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["text"], *([text] for text in corpus[0])])
    hub = LoopbackHub(tmp_path / "hub")
    endpoint = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HUB_OFFLINE": "0"}
    ran = 0
    for command in commands():
        if {"--train_file", "--predict_file", "--predict_text", "--do_report"} & set(command):
            arguments = command[command.index("run_clustering.py") + 1 :]
            arguments = [argument.replace(HUB_ENCODER, headless_dir) for argument in arguments]
            run([*launch(command), *arguments, "--use_cpu"], tmp_path, **endpoint)
            ran += 1
    assert ran == 6
    (pinned,) = (block for block in blocks("python") if "revision" in block)
    code = pinned.replace("0f3c1d2", hub.commits("user/topics")[-1].name.split("-")[1])
    run([sys.executable, "-c", f"from transformers import AutoModel\n{code}"], tmp_path, **endpoint)
    hub.stop()
    assert hub.refused == []
    clusters = []
    for name in ("output/results/clusters.csv", "predictions/results/predictions.csv"):
        with open(tmp_path / name, newline="", encoding="utf-8") as file:
            clusters.append([row["cluster"] for row in csv.DictReader(file)])
    assert clusters[0] == clusters[1]
