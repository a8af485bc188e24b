"""A finished model over shards: what comes out, what goes on after a kill, and what is refused."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet
import pytest
import torch
from loopback_hub import LoopbackHub
from typer.testing import CliRunner

from bert_clustering import InputError, cli, run_clustering
from bert_clustering.assigning import Assigner, assign, manifest
from bert_clustering.assigning import run as run_module
from bert_clustering.assigning.manifest import Manifest
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.texts.shards import check_outputs_differ, find_shards
from helpers import read_rows


@pytest.fixture(scope="module")
def model(encoder_dir, tokenizer, tmp_path_factory):
    """A model of three clusters in two coarser ones, which knows how far its texts lay."""
    folder = str(tmp_path_factory.mktemp("model"))
    made = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    made.cluster_head.centroids.data.normal_()
    made.config.levels, made.config.level_labels = [[0, 1, 1]], [["one", "two"]]
    made.config.typical_distance = [0.0, 1e-3]
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def data(corpus, tmp_path):
    """Three shards of two formats, and what is in the way of them."""
    folder = tmp_path / "data"
    (folder / "more").mkdir(parents=True)
    texts = corpus[0]
    for number, name in enumerate(("a.jsonl", "b.jsonl", "more/c.parquet")):
        part = texts[number * 30 : (number + 1) * 30]
        rows = [{"key": f"K{row}", "text": text, "n": row} for row, text in enumerate(part)]
        if name.endswith("parquet"):
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / name)
        else:
            lines = map(json.dumps, rows)
            (folder / name).write_text("\n".join(lines), encoding="utf-8")
    (folder / "_SUCCESS").touch()
    (folder / "README.md").touch()
    return folder


def read(folder, name):
    return pyarrow.parquet.read_table(folder / "clusters" / f"{name}.parquet").to_pydict()


def states(folder):
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    return {shard["shard"]: shard["state"] for shard in shards}


def test_each_shard_gets_the_clusters_that_predictions_have(
    model, data, corpus, tmp_path, make_trainer
):
    out = tmp_path / "out"
    assert assign(model, str(data), str(out), keep_columns=["n"], top=2)[0].startswith("3 of 3")
    found = make_trainer(model).predict(corpus[0][30:60])
    rows = read(out, "b")
    assert [*rows] == [
        *("id", "cluster", "label", "probability", "cluster_1", "label_1", "probability_1"),
        *("top_clusters", "top_probabilities", "n"),
    ]
    assert rows["id"] == [f"K{row}" for row in range(30)] and rows["n"] == [*range(30)]
    assert rows["cluster"] == found.clusters.tolist()
    assert rows["probability"] == pytest.approx(found.probabilities.tolist(), abs=1e-5)
    assert rows["label_1"] == [["one", "two"][min(c, 1)] for c in rows["cluster"]]
    assert [best[0] for best in rows["top_clusters"]] == rows["cluster"]
    assert len(read(out, "more/c")["id"]) == 30
    assert pyarrow.parquet.read_table(out / "clusters").num_rows == 90


def test_rows_without_a_text_and_outliers(model, tmp_path):
    source, out = tmp_path / "texts.jsonl", tmp_path / "out"
    source.write_text('{"text": "apple pear"}\n{"text": ""}\n{"text": "moon"}')
    with pytest.raises(InputError, match="row 2 is empty"):
        assign(model, str(source), str(tmp_path / "refused"))
    assign(model, str(source), str(out), skip_bad_rows=True, outlier_threshold=3)
    rows = read(out, "texts")
    assert rows["cluster"] == [-1, None, -1] and rows["label_1"] == ["outlier", None, "outlier"]
    assert rows["id"] == [0, 1, 2] and rows["probability"][1] is None


def test_what_is_done_is_not_done_again_and_another_run_is_refused(
    model, data, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assign(model, str(data), str(out))
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "assigned_batches", None)
        assert assign(model, str(data), str(out))[0].startswith("3 of 3")
    with pytest.raises(InputError, match="top was 0 and is 2"):
        assign(model, str(data), str(out), top=2)
    renamed = BertForClustering.from_pretrained(model)
    renamed.config.id2label = {0: "x", 1: "y", 2: "z"}
    other = tmp_path / "renamed"
    renamed.save_pretrained(other)
    Assigner(model).tokenizer.save_pretrained(other)
    with pytest.raises(InputError, match="model_sha256 was"):
        assign(str(other), str(data), str(out))
    (out / "manifest.json").unlink()
    with pytest.raises(InputError, match="new or empty folder"):
        assign(model, str(data), str(out))
    assign(model, str(data / "a.jsonl"), str(tmp_path / "one"))
    with open(data / "a.jsonl", "a") as file:
        file.write('\n{"key": "new", "text": "plum", "n": 1}')
    with pytest.raises(InputError, match="other texts than"):
        assign(model, str(data / "a.jsonl"), str(tmp_path / "one"))


def test_a_bad_shard_is_named_and_stops_or_is_skipped_until_it_is_mended(model, data, tmp_path):
    out, whole = tmp_path / "out", (data / "b.jsonl").read_text()
    (data / "b.jsonl").write_text(whole[:-10])
    with pytest.raises(InputError, match=r"shard 'b.jsonl' is bad.*line 30 is not valid JSON"):
        assign(model, str(data), str(out))
    assert states(out) == {"a.jsonl": "done", "b.jsonl": "bad", "more/c.parquet": "waiting"}
    lines = assign(model, str(data), str(out), bad_shards="skip")
    assert lines[0].startswith("2 of 3") and "line 30" in lines[1]
    assert states(out) == {"a.jsonl": "done", "b.jsonl": "bad", "more/c.parquet": "done"}
    assert not [path for path in out.rglob("*") if "partial" in path.name or "b.parq" in path.name]
    (data / "b.jsonl").write_text(whole)
    assert assign(model, str(data), str(out))[0].startswith("3 of 3")


@pytest.mark.parametrize(
    "source, to, message",
    [
        ("data", "data/out", "lies in"),
        ("none", "out", "no such file"),
        ("data/*.txt", "out", "no such file"),
        ("data", "data/a.jsonl", "lies in"),
        ("data/a.jsonl", "data", "new or empty folder"),
        ("nothing://a", "out", "Give a path"),
    ],
)
def test_what_cannot_be_used_is_one_error_before_the_model_is_read(
    source, to, message, data, monkeypatch
):
    monkeypatch.chdir(data.parent)
    with pytest.raises(InputError, match=message):
        assign("no model", source, to)


def test_two_shards_of_one_name_are_refused(data, tmp_path):
    (data / "a.csv").write_text("text\nplum")
    with pytest.raises(InputError, match="'a.csv' and 'a.jsonl' would both be 'clusters/a.parquet"):
        check_outputs_differ(find_shards(str(data), str(tmp_path / "out")), str(data))


def test_many_shards_are_not_all_looked_at_each_time_one_is_done(model, tmp_path, monkeypatch):
    data, out, looks = tmp_path / "many", tmp_path / "out", []
    data.mkdir()
    for number in range(40):
        (data / f"{number:02}.csv").write_text("text\napple\n")
    look = Manifest._look
    monkeypatch.setattr(Manifest, "_look", lambda self, shard: looks.append(0) or look(self, shard))
    monkeypatch.setattr(manifest, "PAUSE", 1e6)  # as if summing up took long
    assert assign(model, str(data), str(out))[0].startswith("40 of 40 shards")
    assert len(looks) == 40 * 5, "twice at the start, twice at the end, and once to describe them"
    assert [*states(out).values()] == ["done"] * 40


@pytest.mark.parametrize("way", ["mean", "head"])
def test_long_documents_have_the_clusters_that_predictions_have(
    way, model, corpus, tmp_path, make_trainer
):
    made = BertForClustering.from_pretrained(model)
    made.config.long_documents = way
    made.save_pretrained(tmp_path)
    assigner = Assigner(model)
    assigner.tokenizer.model_max_length = 16
    assigner.tokenizer.save_pretrained(tmp_path)
    texts = [" ".join(corpus[0][row : row + 1 + row % 7]) for row in range(40)]
    found = Assigner(str(tmp_path))(texts)
    assert (Assigner(str(tmp_path)).tokenize(texts).documents is None) == (way == "head")
    expected = make_trainer(str(tmp_path)).predict(texts)
    assert found["cluster"].tolist() == expected.clusters.tolist()
    assert found["probability"] == pytest.approx(expected.probabilities, abs=1e-5)


def test_the_command_hands_its_options_on(model, data, tmp_path):
    out = tmp_path / "out"
    line = ["assign", model, str(data), "--to", str(out), "--id", "n", "--keep_columns", "key"]
    done = CliRunner().invoke(cli.app, line)
    assert done.exit_code == 0 and "3 of 3 shards, 90 texts" in done.output
    assert read(out, "a")["id"] == [*range(30)] and read(out, "a")["key"][3] == "K3"


def test_an_assigner_takes_batches_of_another_engine(model):
    columns = Assigner(model)(np.array(["apple pear", "moon", "bank"], dtype=object))
    assert {len(values) for values in columns.values()} == {3}
    with pytest.raises(InputError, match="not empty"):
        Assigner(model)(["apple", " "])


def test_a_model_of_sentences_says_what_predictions_say(model, corpus, tmp_path):
    folder, source = tmp_path / "sentences", tmp_path / "texts.jsonl"
    made = BertForClustering.from_pretrained(model)
    made.config.segments, made.config.sentence_language = "sentence", "en"
    tokenizer = Assigner(model).tokenizer
    embeddings = made(**tokenizer(corpus[0], padding=True, return_tensors="pt")).embeddings
    made.cluster_head.centroids.data.copy_(embeddings[:3])
    nearest = torch.cdist(embeddings, embeddings[:3]).amin(dim=1)
    made.config.typical_distance = [nearest.median().item() - 1e-3, 1e-3]  # half lie farther
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    rows = range(0, 80, 4)
    texts = ["! ".join(corpus[0][row : row + 1 + row % 3]) for row in rows]
    lines = [
        json.dumps({"id": f"m{row}", "text": text}) for row, text in zip(rows, texts, strict=True)
    ]
    source.write_text("\n".join(lines))
    predict = ["--do_predict", "--predict_file", source, "--id_column", "id", "--use_cpu"]
    more = ["--model_name_or_path", folder, "--output_dir", tmp_path / "predicted"]
    run_clustering.main([*map(str, [*predict, *more, "--outlier_threshold", 1])])
    assign(str(folder), str(source), str(tmp_path / "out"), top=2, outlier_threshold=1)
    found = pyarrow.parquet.read_table(tmp_path / "out/clusters/texts.parquet").to_pylist()
    expected = read_rows(tmp_path / "predicted/results/predictions.csv")
    for name in ("id", "cluster", "label", "label_1", "topics"):
        assert [str(row[name]) for row in found] == [row[name] for row in expected]
    assert len({row["cluster"] for row in found}) > 1 and -1 in {row["cluster"] for row in found}
    assert any(";" in row["topics"] for row in found)
    for name in ("probability", "probability_1"):
        values = [float(row[name]) for row in expected]
        assert [row[name] for row in found] == pytest.approx(values, abs=1e-3)
    inside = [row for row in found if row["cluster"] >= 0]
    assert all(row["top_clusters"][0] == row["cluster"] for row in inside)
    assert all(0 < row["top_probabilities"][0] <= 1 for row in inside)


def command(model, data, out, *launcher):
    line = [sys.executable, *launcher, "-m", "bert_clustering.cli", "assign", model, str(data)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*line, "--to", str(out)], env=environment)


@pytest.mark.slow
def test_killed_in_the_middle_it_ends_as_if_it_was_not(model, corpus, tmp_path):
    data, out = tmp_path / "big", tmp_path / "out"
    data.mkdir()
    texts = [f"{text} {number}" for number in range(200) for text in corpus[0]]
    table = pyarrow.table({"text": texts})
    for number in range(3):
        pyarrow.parquet.write_table(table, data / f"{number}.parquet")
    process = command(model, data, out)
    while not [*out.glob("clusters/.*.partial")]:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "waiting" in states(out).values()
    assert command(model, data, out).wait() == 0
    assign(model, str(data), str(tmp_path / "whole"))
    for number in range(3):
        assert read(out, number) == read(tmp_path / "whole", number)
    assert not [*out.rglob("*.partial")]


@pytest.mark.slow
def test_two_processes_share_the_shards(model, data, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", port)
    assert command(model, data, tmp_path / "two", *launcher).wait() == 0
    assign(model, str(data), str(tmp_path / "one"))
    assert [*states(tmp_path / "two").values()] == ["done"] * 3
    for name in ("a", "b", "more/c"):
        assert read(tmp_path / "two", name)["cluster"] == read(tmp_path / "one", name)["cluster"]


@pytest.mark.slow
def test_a_dataset_of_the_hub_is_a_source(model, data, tmp_path):
    hub = LoopbackHub(tmp_path / "hub")
    shutil.copytree(data, hub.add_commit("datasets/user/texts"), dirs_exist_ok=True)
    where = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
    sources = ["", "/more", "/**/*.parquet", "/a.jsonl"]
    code = (
        "from bert_clustering.assigning import assign\n"
        f"for number, source in enumerate({sources}):\n"
        f"    assign({model!r}, 'hf://datasets/user/texts' + source, f'out{{number}}')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | where, check=True)
    for number, source in enumerate(sources):
        out, here = tmp_path / f"out{number}", tmp_path / f"here{number}"
        assign(model, f"{data}{source}", str(here))
        assert states(out) == states(here)
        for path in here.glob("clusters/**/*.parquet"):
            found = pyarrow.parquet.read_table(out / path.relative_to(here))
            assert found == pyarrow.parquet.read_table(path)
    hub.stop()
    assert hub.refused == []
