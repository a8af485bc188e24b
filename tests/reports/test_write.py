"""What a run leaves to look at, made again from its folder alone, and with clusters merged."""

import csv
import html
import json
import logging
import math
import re
import shutil
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from matplotlib.image import imread
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bert_clustering import run_clustering
from bert_clustering.clusters.start import describe_choice
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.reports import topics
from helpers import page_data


SCHEMA = json.loads(
    Path(topics.__file__).with_name("topics.schema.json").read_text(encoding="utf-8")
)
HOSTILE = ["=HYPERLINK(moon)", "-2 pear <script>alert(1)</script>", "'+ loan"]
GOLD = [
    f"{stage}_{name}"
    for stage in ("kmeans", "init", "untrained", "eval")
    for name in ("accuracy", "nmi")
]


def call(*arguments) -> None:
    """The script in this process, as from the command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys,
            "argv",
            ["run_clustering.py", *map(str, arguments), "--disable_tqdm", "true", "--use_cpu"],
        )
        run_clustering.main()


def read_rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "results" / "clusters.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def read_page(folder: Path) -> str:
    return (folder / "results" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(corpus, headless_dir, tmp_path_factory) -> tuple[Path, list[str]]:
    """A run on the toy corpus, three hostile texts and an empty one, and what it logged."""
    folder = tmp_path_factory.mktemp("trained")
    texts, classes = [*corpus[0], *HOSTILE, ""], [*corpus[1], "space", "fruit", "money", "money"]
    with open(folder / "texts.csv", "w", newline="", encoding="utf-8") as file:
        rows = zip((f"{row:03d}" for row in range(95)), texts, classes, strict=True)
        csv.writer(file).writerows([("key", "text", "topic"), *rows])
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("bert_clustering.training.readable_log").addHandler(handler)
    call(
        *(
            "--model_name_or_path",
            headless_dir,
            "--train_file",
            folder / "texts.csv",
            "--num_clusters",
            3,
        ),
        *(
            "--id_column",
            "key",
            "--label_column",
            "topic",
            "--skip_bad_rows",
            "--do_train",
            "--num_train_epochs",
            2,
        ),
        *(
            "--per_device_train_batch_size",
            16,
            "--stop_tolerance",
            0,
            "--logging_steps",
            3,
            "--seed",
            5,
        ),
        *("--output_dir", folder / "run", "--report_to", "tensorboard"),
    )
    logging.getLogger("bert_clustering.training.readable_log").removeHandler(handler)
    return folder / "run", lines


@pytest.fixture
def run_copy(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "run"))


def test_a_run_leaves_a_map_topics_and_a_report(trained, corpus):
    folder, _ = trained
    rows, topics = read_rows(folder), read_json(folder / "results" / "topics.json")
    jsonschema.validate(topics, SCHEMA)
    documents = topics["payload"]["documents"]
    assert [row["id"] for row in rows] == [f"{row:03d}" for row in range(95)] and len(
        documents
    ) == 94
    assert [document["description"] for document in documents] == [*corpus[0], *HOSTILE]
    for row, document in zip(rows, documents, strict=False):
        assert float(row["x"]) == pytest.approx(document["cord_x"], abs=1e-4)
        assert (row["label"], int(row["cluster"])) == (document["label"], document["cluster_id"])
    assert [row["text"] for row in rows[91:]] == [
        "'=HYPERLINK(moon)",
        f"'{HOSTILE[1]}",
        "''+ loan",
        "",
    ]
    assert [rows[94][name] for name in ("cluster", "label", "probability", "x", "y")] == [""] * 5
    assert imread(folder / "results" / "map.png").shape[:2] == imread(folder / "map.png").shape[:2]
    assert "![Map of the texts, coloured by cluster](map.png)" in (folder / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_report_tells_what_the_other_files_tell(trained):
    folder, _ = trained
    page, data = read_page(folder), page_data(read_page(folder))
    rows, metrics = read_rows(folder), read_json(folder / "all_results.json")
    labels = read_json(folder / "config.json")["id2label"]
    sizes = {number: sum(row["cluster"] == number for row in rows) for number in labels}
    assert {str(cluster["cluster"]): cluster["size"] for cluster in data["clusters"]} == sizes
    assert {str(cluster["cluster"]): cluster["label"] for cluster in data["clusters"]} == labels
    assert "94 texts in 3 clusters" in page and "texts.csv" in page and "Learning rate" in page
    assert f"{metrics['eval_accuracy']:.3f}" in page and f"{metrics['kmeans_nmi']:.3f}" in page
    assert np.sum(data["confusion"]["counts"]) == 94 and set(data["confusion"]["classes"]) == {
        "fruit",
        "space",
        "money",
    }
    assert len(data["curves"]["mlm_loss"]["y"]) == 4 and len(data["curves"]["changed"]["y"]) == 2
    assert all(sum(refresh) == 94 for refresh in data["curves"]["sizes"]["y"])
    mean = (
        np.mean([silhouette["silhouette"] * silhouette["size"] for silhouette in data["clusters"]])
        * 3
        / 94
    )
    assert mean == pytest.approx(metrics["eval_silhouette"], abs=1e-4), (
        "means of the clusters make that of all"
    )


def test_the_choice_of_the_start_is_told_until_clusters_are_merged(run_copy, tmp_path):
    names = {"start_separation", "start_sizes"}
    known = read_json(run_copy / "all_results.json")
    scores, sizes = known["start_separation"], known["start_sizes"]
    assert set(scores) == set(sizes) == {"even", "any"}
    for held in sizes.values():
        assert sum(held) == 94 and held == sorted(held, reverse=True) and len(held) == 3
    sentence = describe_choice(scores, sizes)
    assert sentence in html.unescape(read_page(run_copy))
    call("--do_report", "--model_name_or_path", run_copy)
    again = read_json(run_copy / "all_results.json")
    assert {name: again[name] for name in names} == {name: known[name] for name in names}
    assert sentence in html.unescape(read_page(run_copy))
    merged = tmp_path / "merged"
    call("--do_report", "--model_name_or_path", run_copy, "--merge", "0,2", "--output_dir", merged)
    assert not names & set(read_json(merged / "all_results.json"))
    assert sentence not in html.unescape(read_page(merged))


def test_people_read_sentences_and_trackers_get_numbers(trained):
    folder, lines = trained
    sentences = [line for line in lines if "of the documents moved" in line]
    assert len(sentences) == 2
    assert re.fullmatch(
        r"epoch 1: \d+\.\d % of the documents moved, largest cluster \d+\.\d %, "
        r"smallest \d+\.\d %, mean probability 0\.\d+",
        sentences[0],
    )
    assert any(
        re.fullmatch(r"epoch 0\.5: loss [\d.]+, clustering [\d.]+, masked-LM [\d.]+", line)
        for line in lines
    )
    (events,) = (path.parent for path in folder.rglob("events.out.tfevents*"))
    tracker = EventAccumulator(str(events)).Reload()
    wanted = {
        "train/clustering_loss",
        "train/mlm_loss",
        "train/changed",
        *(f"train/cluster_size_{c}" for c in "012"),
    }
    assert wanted <= set(tracker.Tags()["scalars"])
    sizes = [
        [event.value for event in tracker.Scalars(f"train/cluster_size_{cluster}")]
        for cluster in "012"
    ]
    assert [sum(refresh) for refresh in zip(*sizes, strict=True)] == [94, 94]


def test_the_report_is_made_again_after_an_edit_of_the_labels(run_copy):
    before, metrics = read_rows(run_copy), read_json(run_copy / "all_results.json")
    kept = {
        name: (run_copy / name).read_bytes()
        for name in ("model.safetensors", "README.md", "trainer_state.json")
    }
    config = read_json(run_copy / "config.json")
    config["id2label"] = {"0": "Obst", "1": "=Weltall", "2": "Geld <b>"}
    (run_copy / "config.json").write_text(json.dumps(config))
    for name in ("report.html", "topics.json", "map.png"):
        (run_copy / "results" / name).unlink()
    call("--do_report", "--model_name_or_path", run_copy)
    after = read_rows(run_copy)
    for name in ("id", "cluster", "x", "y", "text"):
        assert [row[name] for row in after] == [row[name] for row in before], name
    assert {row["label"] for row in after} == {"Obst", "'=Weltall", "Geld <b>", ""}
    topics = read_json(run_copy / "results" / "topics.json")["payload"]["intertopic_map"]
    assert [topic["label"] for topic in topics] == ["Obst", "=Weltall", "Geld <b>"]
    data = page_data(read_page(run_copy))
    assert {cluster["label"] for cluster in data["clusters"]} == {"Obst", "=Weltall", "Geld <b>"}
    assert (
        data["confusion"]
        and data["curves"]["changed"]["y"]
        and "Learning rate" in read_page(run_copy)
    )
    again = read_json(run_copy / "all_results.json")
    assert set(again) == set(metrics)
    assert [again[name] for name in GOLD] == pytest.approx([metrics[name] for name in GOLD])
    assert {name: (run_copy / name).read_bytes() for name in kept} == kept


def test_outliers_of_an_earlier_report_are_gone(run_copy):
    known = read_json(run_copy / "all_results.json")
    call("--do_report", "--model_name_or_path", run_copy, "--outlier_threshold", 1)
    marked = [row for row in read_rows(run_copy) if row["cluster"] == "-1"]
    assert read_json(run_copy / "all_results.json")["outliers"] == len(marked) > 0
    call("--do_report", "--model_name_or_path", run_copy)
    assert not [row for row in read_rows(run_copy) if row["cluster"] == "-1"]
    assert set(read_json(run_copy / "all_results.json")) == set(known), "and all else is there"


def test_scores_of_other_texts_are_gone(run_copy, corpus, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("\n".join(corpus[0][:40]) + "\n", encoding="utf-8")
    call(
        "--do_eval",
        "--model_name_or_path",
        run_copy,
        "--train_file",
        other,
        "--output_dir",
        run_copy,
    )
    assert set(read_json(run_copy / "all_results.json")) == {
        *("eval_silhouette", "eval_smallest_cluster", "eval_largest_cluster"),
        *("cluster_probability", "num_clusters", "stages", "truncated_share"),
    }
    assert not (run_copy / "results" / "classes.csv").exists() and len(read_rows(run_copy)) == 40
    page, settings = read_page(run_copy), read_json(run_copy / "results" / "settings.json")
    assert "other.txt" in page and "texts.csv" not in page and settings["Texts"] == "other.txt"
    assert settings["Seed"] == "5" and "Learning rate" in page, "the model is the same"
    assert [cluster["stability"] for cluster in page_data(page)["clusters"]] == [None] * 3


def test_a_report_without_its_gold_classes_has_no_scores_against_them(run_copy):
    (run_copy / "results" / "classes.csv").unlink()
    before = read_json(run_copy / "all_results.json")
    call("--do_report", "--model_name_or_path", run_copy)
    after = read_json(run_copy / "all_results.json")
    assert "eval_accuracy" in before and "eval_accuracy" not in after
    assert after["cluster_stability"] == before["cluster_stability"]
    assert "Against the gold classes" not in read_page(run_copy)


def test_a_local_dataset_is_shown_by_its_last_name(trained, corpus, tmp_path):
    folder = tmp_path / "private place" / "letters"
    folder.mkdir(parents=True)
    text = "\n".join(["text", *corpus[0][:30]]) + "\n"
    (folder / "data.csv").write_text(text, encoding="utf-8")
    new = tmp_path / "new"
    common = ("--do_eval", "--model_name_or_path", trained[0], "--output_dir", new)
    call(*common, "--dataset_name", f"{folder}/")
    assert read_json(new / "results" / "settings.json")["Texts"] == "letters"
    assert ">letters</div>" in read_page(new) and "private place" not in read_page(new)


def test_merged_clusters_make_a_model_like_any_other(run_copy, tmp_path, capsys):
    before, merged = read_rows(run_copy), tmp_path / "merged"
    files = {path: path.read_bytes() for path in run_copy.rglob("*") if path.is_file()}
    call("--do_report", "--model_name_or_path", run_copy, "--merge", "0,2", "--output_dir", merged)
    assert files == {path: path.read_bytes() for path in run_copy.rglob("*") if path.is_file()}, (
        "the old one stays"
    )
    kept = re.search(
        r"(\d+) of 94 documents are in the cluster that they were in", capsys.readouterr().out
    )[1]
    rows, numbers = read_rows(merged), {"0": "0", "1": "1", "2": "0", "": ""}
    assert sum(
        numbers[old["cluster"]] == new["cluster"] != ""
        for old, new in zip(before, rows, strict=True)
    ) == int(kept)
    assert int(kept) > 70 and [row["text"] for row in rows] == [row["text"] for row in before]
    config = read_json(merged / "config.json")
    labels = read_json(run_copy / "config.json")["id2label"]
    assert config["id2label"]["1"] == labels["1"] and config["id2label"]["0"] not in (
        labels["1"],
        "LABEL_0",
    )
    assert {row["label"] for row in rows} == {*config["id2label"].values(), ""}
    model = BertForClustering.from_pretrained(merged)
    assert model.config.num_clusters == 2 and model.cluster_head.centroids.shape == (2, 40)
    metrics = read_json(merged / "all_results.json")
    assert metrics["num_clusters"] == 2 and metrics["train_runtime"] > 0
    assert math.isfinite(metrics["eval_accuracy"])
    assert not {"cluster_stability", "cluster_score", "eval_start_silhouette"} & set(metrics)
    card = (merged / "README.md").read_text(encoding="utf-8")
    assert "into 2 groups" in card and "texts.csv" not in card and "- Seed: 5" in card

    call("--do_report", "--model_name_or_path", merged)
    assert read_rows(merged) == rows and "94 texts in 2 clusters" in read_page(merged)
    call(
        "--do_predict",
        "--predict_text",
        "pear and moon",
        "--model_name_or_path",
        merged,
        "--output_dir",
        merged,
    )
    again = read_json(merged / "all_results.json")
    assert again | {"stages": metrics["stages"]} == metrics, "new texts change no score"
    with pytest.raises(
        SystemExit, match="already holds a model. Choose another folder for the edited one"
    ):
        call(
            "--do_report",
            "--model_name_or_path",
            run_copy,
            "--merge",
            "0,2",
            "--output_dir",
            merged,
        )


def test_one_text_shows_its_whole_mix(trained, tmp_path, capsys):
    folder, _ = trained
    predict = ("--do_predict", "--model_name_or_path", folder, "--output_dir", tmp_path)
    call(*predict, "--predict_text", "ripe pear and sweet plum")
    mix = read_json(tmp_path / "results" / "topic_mix.json")
    assert mix["content"] == ["ripe pear and sweet plum"]
    values = [topic["value"] for topic in mix["distribution"]]
    assert (
        values == sorted(values, reverse=True)
        and sum(values) == pytest.approx(1, abs=1e-5)
        and len(values) == 3
    )
    labels = read_json(folder / "config.json")["id2label"]
    assert {str(topic["label"]): topic["name"] for topic in mix["distribution"]} == labels
    assert f"{values[0]:.1%}  {mix['distribution'][0]['name']}" in capsys.readouterr().out
    with pytest.raises(
        SystemExit, match="--do_predict needs new texts. Pass --predict_file, or one text by"
    ):
        call(*predict, "--predict_text", " ")


BAD_REPORTS = {
    "no run": (
        ["--do_report", "--model_name_or_path", "{encoder}"],
        "There is no '.*clusters.csv' to report on",
    ),
    "merge of what is not there": (
        ["--do_report", "--model_name_or_path", "{run}", "--merge", "1,3", "--output_dir", "{new}"],
        "There is no cluster 3 to edit; the model has 0 to 2",
    ),
    "merge without a report": (
        [
            "--do_predict",
            "--predict_text",
            "a",
            "--model_name_or_path",
            "{run}",
            "--merge",
            "0,1",
            "--output_dir",
            "{new}",
        ],
        "Pass --do_report, but no --do_train or --do_eval",
    ),
}


@pytest.mark.parametrize("name", BAD_REPORTS)
def test_bad_reports_are_one_clear_error_before_any_model_is_loaded(
    name, trained, headless_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(BertForClustering, "from_pretrained", pytest.fail)
    arguments, message = BAD_REPORTS[name]
    places = {"run": trained[0], "encoder": headless_dir, "new": tmp_path / "new"}
    with pytest.raises(SystemExit, match="^error: .*" + message):
        call(*(argument.format(**places) for argument in arguments))
    assert not list(tmp_path.iterdir())
