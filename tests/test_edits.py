"""`bert-clustering edit`: a finished model and all that tells of it change together, stay so, and
after another training are changed again.
"""

import csv
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from bert_clustering import BertForClustering, TextClustering, cli
from helpers import read_json, read_rows


COMMON = ("--disable_tqdm", "true", "--use_cpu", "true", "--bf16", "false")


def clusters_of(folder: Path) -> list[dict[str, str]]:
    return read_rows(folder / "results" / "clusters.csv")


def call(*arguments) -> str:
    done = CliRunner().invoke(cli.app, [*map(str, arguments), *COMMON], catch_exceptions=False)
    if done.exit_code:
        raise SystemExit(done.output)
    return done.output


@pytest.fixture(scope="module")
def messages(corpus, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("messages") / "messages.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = [(f"m{row}", text) for row, text in enumerate(corpus[0])]
        csv.writer(file).writerows([("id", "text"), *rows])
    return path


def train(messages, encoder, output, *more) -> Path:
    options = ("--encoder", encoder, "--clusters", 3, "--num_train_epochs", 0, "--output", output)
    call(messages, *options, *more)
    return output


@pytest.fixture(scope="module")
def trained(messages, headless_dir, tmp_path_factory) -> Path:
    return train(messages, headless_dir, tmp_path_factory.mktemp("edits") / "run")


@pytest.fixture
def model(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def topics(corpus, folder: Path) -> dict[str, int]:
    """Cluster that holds most texts of each gold class."""
    found: dict[str, list[int]] = {"fruit": [], "space": [], "money": []}
    for row, name in zip(clusters_of(folder), corpus[1], strict=True):
        found[name].append(int(row["cluster"]))
    return {name: max(numbers, key=numbers.count) for name, numbers in found.items()}


def check_all_agree(folder: Path) -> list[str]:
    labels = list(read_json(folder / "config.json")["id2label"].values())
    rows = clusters_of(folder)
    assert {row["label"] for row in rows} == set(labels)
    assert all(labels[int(row["cluster"])] == row["label"] for row in rows)
    payload = read_json(folder / "results" / "topics.json")["payload"]
    assert [cluster["label"] for cluster in payload["intertopic_map"]] == labels
    model = BertForClustering.from_pretrained(folder)
    assert len(model.cluster_head.centroids) == len(labels)
    page = (folder / "results" / "report.html").read_text(encoding="utf-8")
    assert f"in {len(labels)} clusters" in page
    return labels


def test_all_that_tells_of_a_cluster_follows(model, corpus):
    fruit, space, money = topics(corpus, model).values()
    call("edit", model, "--rename", f"{fruit}=Fruit & vegetables", "--merge", f"{space},{money}")
    labels = check_all_agree(model)
    assert len(labels) == 2 and "Fruit & vegetables" in labels
    fruit = labels.index("Fruit & vegetables")
    call("edit", model, "--split", 1 - fruit, "--rename", f"{fruit}=Fruit")
    assert len(check_all_agree(model)) == 3
    found = topics(corpus, model)
    assert found["space"] != found["money"], "what was merged is found again"
    log = yaml.safe_load((model / "edits.yaml").read_text(encoding="utf-8"))["edits"]
    assert [[*entry] for entry in log] == [["rename", "merge", "were"], ["rename", "split", "were"]]
    call("edit", model, "--drop", found["money"])
    assert len(check_all_agree(model)) == 2 and "Fruit" in check_all_agree(model)


def test_a_text_that_is_moved_stays_there(model, trained, tmp_path):
    before = clusters_of(trained)
    target = next(row["cluster"] for row in before if row["cluster"] != before[0]["cluster"])
    call("edit", model, "--move", f"m0:{target}")
    call("edit", model, "--rename", f"{target}=Here")
    row = clusters_of(model)[0]
    assert (row["cluster"], row["label"], float(row["probability"])) == (target, "Here", 1.0)
    gone = next(number for number in "012" if number not in (target, before[0]["cluster"]))
    call("edit", model, "--drop", gone)
    assert clusters_of(model)[0]["label"] == "Here", "whatever its number"
    assert TextClustering.load(model).topics_["size"].sum() == len(before)
    labels = TextClustering.load(model).labels_
    assert labels[0] == int(clusters_of(model)[0]["cluster"]), "from Python too"
    call("edit", model, "--rename", "0=There", "--output", tmp_path / "new")
    assert [row["id"] for row in clusters_of(tmp_path / "new")] == [row["id"] for row in before]
    assert clusters_of(model)[0]["label"] == "Here", "the old one stays"


def test_an_edit_is_taken_back(model, trained):
    call("edit", model, "--merge", "0,1")
    assert "is as it was before its last edit" in call("edit", model, "--undo")
    for path in trained.rglob("*"):
        if path.is_file():
            assert (model / path.relative_to(trained)).read_bytes() == path.read_bytes(), path
    assert not (model / "edits.yaml").exists()


def test_edits_are_made_again_after_another_training(
    model, corpus, messages, headless_dir, tmp_path, caplog
):
    fruit, space, money = topics(corpus, model).values()
    row = corpus[1].index("fruit")
    edits = ("--rename", f"{fruit}=Fruit", "--merge", f"{space},{money}")
    call("edit", model, *edits, "--move", f"m{row}:{space}")
    rest = 1 - check_all_agree(model).index("Fruit")
    call("edit", model, "--rename", f"{rest}=Other")
    caplog.set_level(logging.INFO)
    again = train(messages, headless_dir, tmp_path / "again", "--seed", 9, "--edits_of", model)
    assert sorted(check_all_agree(again)) == ["Fruit", "Other"]
    assert "Edits made again: 4; not: 0." in caplog.text
    found = {row["id"]: row["label"] for row in clusters_of(again)}
    agree = [found[row["id"]] == row["label"] for row in clusters_of(model)]
    assert np.mean(agree) > 0.9 and found[f"m{row}"] == "Other"
    call("edit", again, "--split", check_all_agree(again).index("Other"))
    assert len(check_all_agree(again)) == 3

    onward = train(messages, model, tmp_path / "onward", "--clusters", 2)
    assert sorted(check_all_agree(onward)) == ["Fruit", "Other"], "its clusters stay edited"
    assert (onward / "edits.yaml").read_text() == (model / "edits.yaml").read_text()


def test_what_cannot_be_matched_is_named(model, messages, headless_dir, tmp_path, caplog):
    call("edit", model, "--drop", 2, "--rename", "0=First")
    other = tmp_path / "other.csv"
    words = ("kettle", "teapot", "mug")
    lines = [f"n{row},{words[row % 3]} {row} {words[row % 3]}" for row in range(60)]
    other.write_text("\n".join(["id,text", *lines]))
    again = train(other, headless_dir, tmp_path / "again", "--edits_of", model)
    missed = yaml.safe_load((again / "edits.yaml").read_text())["edits"][0]["not_made"]
    assert len(missed) == 2 and missed[0].startswith("drop 2 (")
    assert caplog.text.count("This edit could not be made again") == 2
    assert len(read_json(again / "config.json")["id2label"]) == 3


@pytest.mark.parametrize("folder", ["model", "nowhere"])
def test_edits_that_are_not_there_are_one_clear_error(folder, model, messages, tmp_path):
    places = {"model": model, "nowhere": tmp_path / "nowhere"}
    with pytest.raises(SystemExit, match="there are no edits of a model"):
        train(messages, model, tmp_path / "again", "--init", "auto", "--edits_of", places[folder])
    assert not (tmp_path / "again").exists()


BAD = {
    "nothing": ((), "There is nothing to change"),
    "no cluster": (("--drop", 3), "There is no cluster 3 to edit; the model has 0 to 2"),
    "no text": (("--move", "x:1"), "there is no text of that id"),
    "nothing to undo": (("--undo",), "There is no edit of"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_edit_changes_nothing(name, model):
    before = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    arguments, message = BAD[name]
    with pytest.raises(SystemExit, match=message):
        call("edit", model, *arguments)
    assert before == {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
