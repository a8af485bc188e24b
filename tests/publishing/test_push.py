"""Publishing: what arrives on a Hub, that it loads from there in every way the card names, and what
fails cleanly.
"""

import csv
import json
import os
import re
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi, RepoUrl
from loopback_hub import LoopbackHub

from bert_clustering.publishing.push import HUB_FILES, hub_files


ROOT = Path(__file__).parents[2]
REPO = "tester/topics"
EXPECTED = {
    "1_Pooling/config.json",
    "README.md",
    "config.json",
    "configuration_bert_cluster.py",
    "map.png",
    "model.safetensors",
    "modeling_bert_cluster.py",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


def test_only_what_is_on_the_list_may_go(tmp_path):
    allowed = [
        "model-00001-of-00002.safetensors",
        "config.json",
        "tokenizer.json",
        "1_Pooling/config.json",
        "map.png",
    ]
    others = [
        "results/clusters.csv",
        "training_args.bin",
        "checkpoint-3/model.safetensors",
        "guard.safetensors",
    ]
    others += [
        "all_results.json",
        "secret.txt",
        "results/README.md",
        "optimizer.pt",
        "1_Pooling/notes.md",
    ]
    for name in [*allowed, *others]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(hub_files(tmp_path)) == sorted(allowed)
    assert not any("**" in pattern for pattern in HUB_FILES)


def hub_environment(
    hub: LoopbackHub, folder: Path, token: str | None = "hf_right"
) -> dict[str, str]:
    """The environment of a process that knows this Hub alone, with a cache of its own."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HF_HUB_OFFLINE", "HF_TOKEN")
    }
    environment |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": "",
    }
    return environment | ({"HF_TOKEN": token} if token else {})


@pytest.mark.parametrize("strategy, commits", [("end", 0), ("every_save", 2), ("checkpoint", 4)])
def test_saves_push_what_is_on_the_list_and_nothing_else(
    make_trainer, monkeypatch, strategy, commits
):
    uploads = []

    def upload(self, **arguments) -> Future:
        uploads.append(arguments)
        done: Future = Future()
        done.set_result(None)
        return done

    monkeypatch.setattr(HfApi, "upload_folder", upload)
    monkeypatch.setattr(
        HfApi, "create_repo", lambda *_, **__: RepoUrl(f"https://huggingface.co/{REPO}")
    )
    trainer = make_trainer(
        num_train_epochs=2, save_strategy="epoch", push_to_hub=True, hub_strategy=strategy
    )
    trainer.train()
    assert len(uploads) == commits
    whole = [upload for upload in uploads if upload["folder_path"] == trainer.args.output_dir]
    assert len(whole) == min(commits, 2)
    for upload in whole:
        assert {"README.md", "model.safetensors"} < set(upload["allow_patterns"])
        assert "training_args.bin" not in upload["allow_patterns"]
    others = [Path(upload["folder_path"]).name for upload in uploads if upload not in whole]
    assert others == ["checkpoint-6", "checkpoint-12"] * (strategy == "checkpoint")


@pytest.fixture
def push(headless_dir, corpus, tmp_path):
    """Train and push by the command, in a process of its own."""
    texts, topics = corpus
    rows = [{"text": text, "topic": topic} for text, topic in zip(texts, topics, strict=True)]
    (tmp_path / "texts.json").write_text(json.dumps(rows))

    def call(
        hub: LoopbackHub, *more: str, output: str = "run", **environment: str
    ) -> subprocess.CompletedProcess:
        command = [
            sys.executable,
            str(ROOT / "run_clustering.py"),
            "--model_name_or_path",
            headless_dir,
        ]
        command += [
            "--train_file",
            str(tmp_path / "texts.json"),
            "--num_clusters",
            "3",
            "--do_train",
            "--use_cpu",
        ]
        command += [
            "--output_dir",
            str(tmp_path / output),
            "--num_train_epochs",
            "2",
            "--stop_tolerance",
            "0",
        ]
        command += [
            "--per_device_train_batch_size",
            "16",
            "--disable_tqdm",
            "true",
            "--push_to_hub",
        ]
        return subprocess.run(
            [*command, "--hub_model_id", REPO, *more],
            cwd=tmp_path,
            env=hub_environment(hub, tmp_path) | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return call


def run_python(code: str, hub: LoopbackHub, folder: Path, **environment: str) -> str:
    """Run code in a clean process in an empty folder; what it printed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=hub_environment(hub, folder) | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_save_is_a_whole_repository(hub, push, tmp_path, headless_dir, corpus):
    done = push(hub, "--hub_strategy", "every_save", "--hub_always_push", "--label_column", "topic")
    assert done.returncode == 0, done.stderr
    assert len(hub.commits(REPO)) == 1 + 2 + 1, (
        "one commit an epoch after the empty one, and the end"
    )
    for commit in range(1, 4):
        files = hub.files(REPO, commit)
        assert set(files) == EXPECTED - (set() if commit == 3 else {"map.png"}), (
            "the map is drawn at the end"
        )
        content = b"\n".join(path.read_bytes() for path in files.values())
        for secret in (str(tmp_path), headless_dir, "texts.json", corpus[0][0], corpus[0][50]):
            assert secret.encode() not in content
    card = hub.files(REPO)["README.md"].read_text(encoding="utf-8")
    assert "# topics" in card and "Accuracy" in card and "cherry" in card
    first = run_python(
        LOAD.format(revision=hub.commits(REPO)[1].name.split("-")[1]), hub, tmp_path / "first"
    )
    assert len(json.loads(first)["logits"]) == 2


ESTIMATOR = """
from bert_clustering import TextClustering
texts = {texts!r}
on_cpu = {{"use_cpu": True}}
made = TextClustering(3, encoder={encoder!r}, num_train_epochs=0, training_arguments=on_cpu)
made.fit(texts).push_to_hub("tester/made", private=True)
found = TextClustering.load("tester/made")
assert (found.predict(texts) == made.labels_).all()
"""


@pytest.mark.slow
def test_an_estimator_is_pushed_without_its_texts(hub, tmp_path, headless_dir, corpus):
    code = ESTIMATOR.format(texts=corpus[0], encoder=headless_dir)
    run_python(code, hub, tmp_path / "made")
    files = hub.files("tester/made")
    assert set(files) == EXPECTED - {"map.png"}
    content = b"\n".join(path.read_bytes() for path in files.values())
    for secret in (str(tmp_path), headless_dir, corpus[0][0], corpus[0][50]):
        assert secret.encode() not in content
    assert "# made" in files["README.md"].read_text(encoding="utf-8")


LOAD = """
import json, torch
from transformers import AutoModel, AutoTokenizer
name, keywords = "tester/topics", {{"trust_remote_code": True, "revision": "{revision}"}}
tokenizer = AutoTokenizer.from_pretrained(name, **keywords)
model = AutoModel.from_pretrained(name, **keywords)
with torch.no_grad():
    outputs = model(**tokenizer(["apple pear plum", "a loan"], padding=True, return_tensors="pt"))
print(json.dumps({{"logits": outputs.logits.tolist(), "embeddings": outputs.embeddings.tolist()}}))
"""


@pytest.mark.slow
def test_it_loads_from_the_hub_in_every_way_of_its_card(hub, push, tmp_path):
    assert push(hub).returncode == 0
    assert "### Examples" not in hub.files(REPO)["README.md"].read_text(encoding="utf-8")
    assert (
        push(hub, "--card_examples", output="again").returncode == 0
    )  # a second push over the first
    expected = json.loads(run_python(LOAD.format(revision="main"), hub, tmp_path / "expected"))
    local = LOAD.replace("tester/topics", str(tmp_path / "again")).format(revision="main")
    assert json.loads(run_python(local, hub, tmp_path / "local")) == expected

    card = hub.files(REPO)["README.md"].read_text(encoding="utf-8")
    assert "### Examples" in card
    blocks = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert len(blocks) == 4
    more = """
assert abs(sum(row["score"] for row in labels[0]) - 1) < 1e-5
assert {row["label"] for row in labels[0]} == set(model.config.id2label.values())
assert len(labels[0]) == 3
import json
from transformers import AutoConfig
with torch.no_grad():
    both = tokenizer(["apple pear plum", "a loan"], padding=True, return_tensors="pt")
    print(json.dumps(model(**both).logits.tolist()))
assert AutoConfig.from_pretrained("tester/topics", trust_remote_code=True).num_clusters == 3
sentences = SentenceTransformer("tester/topics", trust_remote_code=True)
sentences = sentences.encode(["apple pear plum", "a loan"])
again = AutoModel.from_pretrained("tester/topics", trust_remote_code=True, dtype=torch.bfloat16)
assert again.cluster_head.centroids.dtype == torch.float32
assert again(**inputs).logits.isfinite().all()
print(json.dumps(sentences.tolist()))
"""
    prepare = 'import torch\ninputs = tokenizer(["apple pear plum"], return_tensors="pt")\n'
    printed = run_python("\n".join(blocks) + prepare + more, hub, tmp_path / "card")
    logits, embeddings = map(json.loads, printed.splitlines())
    assert logits == expected["logits"]
    np.testing.assert_allclose(embeddings, expected["embeddings"], atol=1e-6)


@pytest.mark.slow
def test_training_goes_on_and_texts_are_sorted_from_the_hub(hub, push, tmp_path):
    """The first push also leaves the checkpoint to go on from, with its pickles, as the strategy
    says.
    """
    assert push(hub, "--hub_strategy", "checkpoint", "--hub_always_push").returncode == 0
    files = set(hub.files(REPO))
    assert {name for name in files if not name.startswith("last-checkpoint/")} == EXPECTED
    assert {"last-checkpoint/optimizer.pt", "last-checkpoint/clustering_state.safetensors"} < files
    more = ("--model_name_or_path", REPO, "--num_train_epochs", "1")
    done = push(hub, *more, output="on")
    assert done.returncode == 0, done.stderr
    config, before = (
        json.loads((tmp_path / name / "config.json").read_text()) for name in ("on", "run")
    )
    assert config["id2label"] == before["id2label"] and "fresh" not in done.stderr
    assert config["base_model"] is None and str(tmp_path) not in json.dumps(config)

    command = [
        sys.executable,
        str(ROOT / "run_clustering.py"),
        "--model_name_or_path",
        REPO,
        "--do_predict",
    ]
    command += [
        "--predict_file",
        str(tmp_path / "texts.json"),
        "--output_dir",
        "predictions",
        "--use_cpu",
    ]
    environment = hub_environment(hub, tmp_path / "fresh")
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    with open(
        tmp_path / "predictions" / "results" / "predictions.csv", newline="", encoding="utf-8"
    ) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 91 and {row["label"] for row in rows} == set(config["id2label"].values())


@pytest.mark.slow
def test_a_push_that_breaks_off_says_how_to_finish_it(push, tmp_path):
    hub = LoopbackHub(tmp_path / "hub")
    hub.dies_at_commit = 1
    done = push(hub, "--hub_strategy", "end")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        "could not be pushed" in done.stderr
        and (tmp_path / "run" / "results" / "clusters.csv").is_file()
    )
    command = done.stderr.strip().splitlines()[-1]
    assert command.startswith(f"hf upload {REPO}")

    again = LoopbackHub(tmp_path / "hub")
    command = f"{Path(sys.executable).parent}/{command}"
    finished = subprocess.run(
        command, shell=True, env=hub_environment(again, tmp_path), capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert set(again.files(REPO)) == EXPECTED
    assert (
        len(
            json.loads(run_python(LOAD.format(revision="main"), again, tmp_path / "load"))["logits"]
        )
        == 2
    )
    again.stop()


@pytest.mark.slow
def test_a_wrong_token_is_one_clear_error_before_training(hub, push, tmp_path):
    done = push(hub, HF_TOKEN="hf_wrong")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ") and "token" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_private_repository_is_for_those_with_a_token(push, tmp_path):
    hub = LoopbackHub(tmp_path / "hub")
    assert push(hub, "--hub_private_repo", "true").returncode == 0
    assert hub.private == {REPO}
    code = LOAD.format(revision="main")
    assert run_python(code, hub, tmp_path / "known")
    with pytest.raises(AssertionError, match="not a valid model identifier|401|gated or private"):
        run_python(code, hub, tmp_path / "unknown", HF_TOKEN="")
    hub.stop()
