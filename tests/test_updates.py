"""`bert-clustering update`: new texts go to the clusters, new topics are proposed, and nothing that
a run had is lost or moved.
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bert_clustering import BertForClustering, cli, run_clustering
from helpers import COMMON_WORDS, TOPICS, read_json, read_rows


COMMON = ("--disable_tqdm", "true", "--use_cpu", "true", "--bf16", "false", "--report_to", "none")


def call(*arguments: object) -> str:
    done = CliRunner().invoke(cli.app, [*map(str, arguments), *COMMON], catch_exceptions=False)
    if done.exit_code:
        raise SystemExit(done.output)
    return done.output


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_rows(name: str, sizes: dict[str, int], seed: int) -> list[dict[str, str]]:
    generator, rows = np.random.default_rng(seed), []
    for topic, size in sizes.items():
        for _ in range(size):
            words = [*generator.choice(TOPICS[topic], 6), *generator.choice(COMMON_WORDS, 2)]
            id_ = f"{name}-{topic}-{len(rows)}"
            rows.append({"id": id_, "text": " ".join(words), "shop": "north"})
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("files")
    old = make_rows("old", {"fruit": 60, "space": 60}, seed=0)
    new = make_rows("new", {"fruit": 20, "space": 40, "money": 30}, seed=1)
    return write(folder / "first.csv", old), write(folder / "week.csv", [*new, old[0]])


@pytest.fixture(scope="module")
def trained(files, headless_dir, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("updates") / "run"
    call(files[0], "--encoder", headless_dir, "--clusters", 2, "--num_train_epochs", 1,
         "--keep_columns", "shop", "--output", output)  # fmt: skip
    call("edit", output, "--rename", "0=Mine")
    return output


@pytest.fixture(scope="module")
def updated(trained, files, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("updated") / "run"
    output.with_suffix(".log").write_text(call("update", trained, files[1], "--to", output))
    return output


def test_a_topic_that_only_new_texts_have_is_proposed(updated):
    changes = read_json(updated / "results" / "changes.json")
    (topic,) = changes["proposed"]
    assert topic["number"] == 2 and topic["accepted_as"] is None
    assert set(topic["keywords"]) <= {*TOPICS["money"], *COMMON_WORDS} and topic["keywords"]
    assert all(example["id"].startswith("new-money") for example in topic["examples"])
    rows = read_rows(updated / "results" / "clusters.csv")
    proposed = [row["id"] for row in rows if row["proposed"] == "2"]
    assert len(proposed) == topic["size"] >= 20
    assert sum(id_.startswith("new-money") for id_ in proposed) >= 0.9 * len(proposed)
    told = updated.with_suffix(".log").read_text()
    assert f"Proposed: 2: {topic['label']} ({topic['size']} of the new texts)" in told
    assert topic["label"] in (updated / "results" / "report.html").read_text()


def test_what_the_run_had_stays(trained, updated):
    before, after = (BertForClustering.from_pretrained(path) for path in (trained, updated))
    assert after.config.id2label == before.config.id2label and "Mine" in str(after.config.id2label)
    assert all(a.equal(b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    assert (updated / "edits.yaml").read_text() == (trained / "edits.yaml").read_text()
    old = read_rows(trained / "results" / "clusters.csv")
    rows = read_rows(updated / "results" / "clusters.csv")
    names = ("id", "cluster", "label", "text", "shop")
    assert [[row[name] for name in names] for row in rows[: len(old)]] == [
        [row[name] for name in names] for row in old
    ]
    assert [row["from_file"] for row in rows] == ["first.csv"] * len(old) + ["week.csv"] * 90


def test_counts_are_of_texts_that_no_topic_is_proposed_for(updated):
    changes = read_json(updated / "results" / "changes.json")
    assert changes["texts"] == {"before": 120, "new": 90}  # one of 91 was there
    assert changes["unit"] == "texts"
    size = changes["proposed"][0]["size"]
    assert sum(topic["before"] for topic in changes["topics"]) == 120
    assert sum(topic["new"] for topic in changes["topics"]) == 90 - size
    assert changes["lineage"] == [{"model": "run", "file": "week.csv", "texts": 90, "accepted": []}]


@pytest.fixture(scope="module")
def accepted(trained, updated, files, tmp_path_factory) -> Path:
    output = Path(shutil.copytree(updated, tmp_path_factory.mktemp("accepted") / "run"))
    call("update", trained, files[1], "--to", output, "--accept", "2")
    return output


def test_an_accepted_topic_is_a_cluster_of_a_model_that_keeps_its_own(trained, updated, accepted):
    before, after = (BertForClustering.from_pretrained(path) for path in (trained, accepted))
    (topic,) = read_json(updated / "results" / "changes.json")["proposed"]
    assert after.config.id2label == {**before.config.id2label, 2: topic["label"]}
    assert after.config.known_topics == before.config.known_topics == ["Mine"]
    assert after.cluster_head.centroids.shape[0] == 3
    changes = read_json(accepted / "results" / "changes.json")
    assert changes["kept"] >= 0.98 and changes["proposed"][0]["accepted_as"] == 2
    assert changes["topics"][2]["status"] == "new"
    (entry,) = changes["lineage"]
    assert entry["accepted"] == [{"cluster": 2, "label": topic["label"]}]
    found = [
        row for row in read_rows(accepted / "results" / "clusters.csv") if row["cluster"] == "2"
    ]
    of_money = [row["id"].startswith("new-money") for row in found]
    assert len(found) >= 25 and np.mean(of_money) >= 0.9 and "proposed" not in found[0]


def test_the_next_update_goes_on_from_it(accepted, tmp_path):
    rows = make_rows("next", {"fruit": 20, "space": 20, "money": 20}, seed=2)
    call("update", accepted, write(tmp_path / "next.csv", rows), "--to", tmp_path / "next")
    changes = read_json(tmp_path / "next" / "results" / "changes.json")
    assert not changes["proposed"] and changes["topics"][2]["new"] >= 15
    assert [entry["file"] for entry in changes["lineage"]] == ["week.csv", "next.csv"]
    files = {row["from_file"] for row in read_rows(tmp_path / "next" / "results" / "clusters.csv")}
    assert files == {"first.csv", "week.csv", "next.csv"}


def test_a_report_made_anew_tells_of_the_changes(updated, tmp_path):
    output = tmp_path / "again"
    run_clustering.main(
        ["--model_name_or_path", str(updated), "--do_report", "--output_dir", str(output), *COMMON]
    )
    files = [folder / "results" / "changes.json" for folder in (updated, output)]
    assert files[0].read_text() == files[1].read_text()
    assert "What has changed" in (output / "results" / "report.html").read_text()


def test_what_cannot_be_is_one_error_and_changes_nothing(
    trained, updated, accepted, files, tmp_path
):
    here = json.dumps(read_json(trained / "results" / "topics.json"))
    update = ("update", trained, files[1], "--to")
    for arguments, message in {
        (*update, trained): "another --output_dir than the model's folder",
        (*update, accepted): "already holds a model",
        (*update, tmp_path / "a", "--accept", "7"): "--accept 7: there is no such proposed topic",
        (*update, tmp_path / "a", "--accept", "x"): "--accept x: expected numbers",
        (*update, tmp_path / "a", "--min_topic_size", 1): "--min_topic_size: expected 2 or more",
        (*update, tmp_path / "a", "--init", "auto"): "does not go with --init",
        ("update", trained, files[0], "--to", tmp_path / "a"): "no text that is not in the run",
    }.items():
        with pytest.raises(SystemExit, match=message):
            call(*arguments)
    assert json.dumps(read_json(trained / "results" / "topics.json")) == here


def test_a_topic_that_was_another_when_it_was_proposed_is_not_accepted(
    trained, updated, files, tmp_path
):
    output = Path(shutil.copytree(updated, tmp_path / "run"))
    path = output / "results" / "changes.json"
    changes = read_json(path)
    changes["proposed"][0]["label"] = "something else"
    path.write_text(json.dumps(changes))
    with pytest.raises(SystemExit, match="and was 'something else'"):
        call("update", trained, files[1], "--to", output, "--accept", "2")
