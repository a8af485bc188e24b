"""The command: what a run leaves, every way to call it, and one clear error for every bad input."""

import csv
import dataclasses
import gzip
import json
import re
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModel, AutoTokenizer, BertTokenizer, TrainingArguments
from typer.testing import CliRunner

from bert_clustering import ClusteringTrainer, cli, run_clustering
from bert_clustering.modeling_bert_cluster import BertForClustering
from bert_clustering.training import (
    ClusteringTrainingArguments,
    DataArguments,
    ModelArguments,
    documents,
)
from helpers import page_data, read_rows, tiny_config


def strict_json(path) -> dict:
    def refuse(constant):
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture
def run(monkeypatch):
    """Call the script in this process as from the command line."""

    def call(*arguments) -> None:
        monkeypatch.setattr(sys, "argv", ["run_clustering.py", *map(str, arguments)])
        run_clustering.main()

    return call


@pytest.fixture(scope="module")
def train_file(corpus, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "train.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "text", "topic"])
        writer.writerows(
            [f"{row:03d}", text, topic]
            for row, (text, topic) in enumerate(zip(*corpus, strict=True))
        )
    return path


@pytest.fixture(scope="module")
def new_file(corpus, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "new.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"text": text, "key": row}) + "\n" for row, text in enumerate(corpus[0][:7])
        )
    return path


@pytest.fixture
def train(run, train_file, headless_dir, tmp_path):
    def call(*more, output="run") -> Path:
        run(
            *(
                "--model_name_or_path",
                headless_dir,
                "--train_file",
                train_file,
                "--num_clusters",
                3,
                "--do_train",
            ),
            *(
                "--output_dir",
                tmp_path / output,
                "--num_train_epochs",
                2,
                "--per_device_train_batch_size",
                16,
            ),
            *("--stop_tolerance", 0, "--disable_tqdm", "true", "--use_cpu", *more),
        )
        return tmp_path / output

    return call


def test_the_number_of_clusters_is_found(train, run, train_file, tmp_path, caplog):
    output = train("--num_clusters", "auto", "--max_clusters", 9, "--num_train_epochs", 1)
    results = strict_json(output / "all_results.json")
    found, scores = results["num_clusters"], results["num_clusters_scores"]
    assert scores[str(found)] == max(scores.values()) and set(map(int, scores)) <= set(range(2, 10))
    assert len(strict_json(output / "config.json")["id2label"]) == found
    assert page_data((output / "results" / "report.html").read_text())["scores"]
    assert {int(row["cluster"]) for row in read_rows(output / "results" / "clusters.csv")} == set(
        range(found)
    )
    assert f"Number of clusters: {found}; next best" in caplog.text
    on = [
        "--model_name_or_path",
        output,
        "--train_file",
        train_file,
        "--num_clusters",
        "auto",
        "--do_train",
    ]
    with pytest.raises(
        SystemExit, match=f"holds {found} clusters, --num_clusters auto was asked for"
    ):
        run(*on, "--output_dir", tmp_path / "on")
    resumed = train(
        "--num_clusters", "auto", "--max_clusters", 9, "--resume_from_checkpoint"
    )  # for another epoch
    results = strict_json(resumed / "all_results.json")
    assert (
        results["num_clusters"] == found
        and results["num_clusters_scores"] == scores
        and results["epoch"] == 2
    )


@pytest.mark.parametrize("init", ["even", "any", "kmeans"])
def test_of_a_start_that_was_asked_for_no_choice_is_told(train, init):
    output = train("--init", init, "--num_train_epochs", 1)
    results = strict_json(output / "all_results.json")
    assert not {"start_separation", "start_sizes"} & set(results)
    assert ("cluster_stability" in results) == (init != "kmeans")
    page = (output / "results" / "report.html").read_text(encoding="utf-8")
    assert "Clusters of like size" not in page and "Clusters of any size" not in page
    settings = strict_json(output / "results" / "settings.json")
    assert settings["Start of the clusters"] == init


def test_documents_that_belong_nowhere_get_no_cluster(
    train, run, train_file, corpus, tmp_path, capsys
):
    output = train("--outlier_threshold", 1.5, "--save_embeddings")
    rows, results = (
        read_rows(output / "results" / "clusters.csv"),
        strict_json(output / "all_results.json"),
    )
    outliers = [row for row in rows if row["cluster"] == "-1"]
    assert 0 < results["outliers"] == len(outliers) < 20 and {row["label"] for row in outliers} == {
        "outlier"
    }
    assert f"{len(outliers)} of 91 documents belong nowhere" in capsys.readouterr().out
    model = BertForClustering.from_pretrained(output)
    embeddings = np.load(output / "results" / "embeddings.npy")[:, None]
    distances = np.linalg.norm(
        embeddings - model.cluster_head.centroids.detach().numpy(), axis=2
    ).min(axis=1)
    farthest = {corpus[0][row] for row in np.argsort(distances)[len(rows) - len(outliers) :]}
    assert {row["text"] for row in outliers} == farthest
    median, deviation = model.config.typical_distance
    assert median == pytest.approx(np.median(distances), rel=1e-4)
    assert deviation == pytest.approx(1.4826 * np.median(np.abs(distances - median)), rel=1e-3)

    told = [
        "--model_name_or_path",
        output,
        "--output_dir",
        tmp_path / "new",
        "--outlier_threshold",
        1.5,
    ]
    run(*told, "--do_predict", "--predict_file", train_file)
    rows = read_rows(tmp_path / "new" / "results" / "predictions.csv")
    assert {row["text"] for row in rows if row["cluster"] == "-1"} == farthest
    run(
        "--do_report",
        "--model_name_or_path",
        output,
        "--merge",
        "0,2",
        "--output_dir",
        tmp_path / "merged",
    )
    rows = read_rows(tmp_path / "merged" / "results" / "clusters.csv")
    assert {row["cluster"] for row in rows} == {"0", "1"}
    assert "outliers" not in strict_json(tmp_path / "merged" / "all_results.json")
    assert BertForClustering.from_pretrained(tmp_path / "merged").config.typical_distance != [
        median,
        deviation,
    ]

    model.config.typical_distance = None
    model.config.save_pretrained(output)
    with pytest.raises(
        SystemExit, match="does not say how far its documents lie from the centroids"
    ):
        run(*told, "--do_predict", "--predict_file", train_file)


def test_labels_that_a_person_gave_stay_with_their_clusters(train, run, train_file, tmp_path):
    output = train("--num_train_epochs", 1)
    config = strict_json(output / "config.json")
    assert not any(label.startswith("LABEL_") for label in config["id2label"].values())
    config["id2label"] = {"0": "Obst", "1": "Weltall", "2": "Geld"}
    (output / "config.json").write_text(json.dumps(config))
    more = ["--model_name_or_path", output, "--train_file", train_file, "--do_train", "--use_cpu"]
    run(*more, "--output_dir", tmp_path / "on")
    assert strict_json(tmp_path / "on" / "config.json")["id2label"] == config["id2label"]
    run(*more, "--output_dir", tmp_path / "anew", "--init", "kmeans", "--num_clusters", 3)
    anew = strict_json(tmp_path / "anew" / "config.json")["id2label"]
    assert len(set(anew.values())) == 3 and not set(anew.values()) & set(
        config["id2label"].values()
    )
    assert {
        row["label"] for row in read_rows(tmp_path / "anew" / "results" / "clusters.csv")
    } == set(anew.values())


def test_a_model_that_reads_long_documents_whole_goes_on_doing_so(train, run, train_file, tmp_path):
    arguments = ("--max_seq_length", 5, "--save_embeddings", "--num_train_epochs", 1)
    output = train(*arguments, "--long_documents", "mean")
    assert strict_json(output / "config.json")["long_documents"] == "mean"
    assert strict_json(output / "all_results.json")["truncated_share"] == 0
    train(*arguments[:-1], 2, "--resume_from_checkpoint")  # for another epoch
    results = strict_json(output / "all_results.json")
    assert results["epoch"] == 2 and results["truncated_share"] == 0
    told = ["--model_name_or_path", output, "--do_predict", "--predict_file", train_file]
    assigned = {}
    for reading in ("mean", "head"):
        more = ["--long_documents", "head"] if reading == "head" else []
        run(*told, *more, "--use_cpu", "--output_dir", tmp_path / reading)
        rows = read_rows(tmp_path / reading / "results" / "predictions.csv")
        assigned[reading] = [(row["cluster"], row["probability"]) for row in rows]
    rows = read_rows(output / "results" / "clusters.csv")
    assert [(row["cluster"], row["probability"]) for row in rows] == assigned["mean"]
    assert assigned["mean"] != assigned["head"]


def test_columns_beside_the_texts_go_through_training_report_and_predictions(
    run, corpus, headless_dir, tmp_path
):
    rows = [
        {"text": text, "sent": f"2024-0{1 + row % 4}-01", "region": topic[:1], "ticket": f"T{row}"}
        for row, (text, topic) in enumerate(zip(*corpus, strict=True))
    ]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    columns = ["--time_column", "sent", "--group_column", "region", "--keep_columns", "ticket"]
    common = ["--use_cpu", "--output_dir", tmp_path / "run"]
    run(
        *("--model_name_or_path", headless_dir, "--train_file", tmp_path / "texts.jsonl"),
        *("--num_clusters", 3, "--do_train", "--num_train_epochs", 0, "--max_train_samples", 60),
        *("--do_predict", "--predict_file", tmp_path / "texts.jsonl", *columns, *common),
    )
    results = tmp_path / "run" / "results"
    clusters = read_rows(results / "clusters.csv")
    assert len(clusters) == 60
    for row in [*clusters, *read_rows(results / "predictions.csv")]:
        known = rows[int(row["id"])]
        assert {name: row[name] for name in known} == known
    page = page_data((results / "report.html").read_text(encoding="utf-8"))
    assert page["cuts"]["trend"]["column"] == "sent"
    assert sum(map(sum, page["cuts"]["trend"]["counts"])) == 60
    assert [group["column"] for group in page["cuts"]["groups"]] == ["region"]
    assert (results / "topics.xlsx").stat().st_size > 0

    run("--model_name_or_path", tmp_path / "run", "--do_report", *common)
    assert page_data((results / "report.html").read_text(encoding="utf-8"))["cuts"] == page["cuts"]
    assert read_rows(results / "clusters.csv") == clusters


def test_predictions_in_parts_are_those_of_the_whole(train, run, tmp_path, monkeypatch):
    """Parts of two rows, one of them without any usable text."""
    output = train("--num_train_epochs", 1)
    texts = ["pear", "moon of the star", "", "", "a loan", "fig and plum juice", "rocket"]
    (tmp_path / "new.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    predict = [
        "--model_name_or_path",
        output,
        "--do_predict",
        "--predict_file",
        tmp_path / "new.jsonl",
    ]
    predict += ["--skip_bad_rows", "--use_cpu", "--output_dir"]
    run(*predict, tmp_path / "whole")
    spool = documents.spool_documents
    monkeypatch.setattr(
        documents, "spool_documents", lambda *args, **kwargs: spool(*args, size=2, **kwargs)
    )
    run(*predict, tmp_path / "parts")
    whole, parts = (
        read_rows(tmp_path / name / "results" / "predictions.csv") for name in ("whole", "parts")
    )
    assert [row["text"] for row in parts] == texts and [row["id"] for row in parts] == [*"0123456"]
    assert [row["cluster"] for row in parts] == [row["cluster"] for row in whole]
    assert [row["cluster"] == "" for row in parts] == [text == "" for text in texts]


def test_one_command_from_texts_to_clusters(train, new_file, corpus, capsys):
    output = train(
        *("--label_column", "topic", "--id_column", "key", "--max_seq_length", 9),
        *("--do_predict", "--predict_file", new_file, "--save_embeddings"),
    )
    texts, _ = corpus
    rows = read_rows(output / "results" / "clusters.csv")
    assert list(rows[0]) == ["id", "cluster", "label", "probability", "x", "y", "text"]
    assert [row["id"] for row in rows] == [f"{i:03d}" for i in range(91)]
    assert [row["text"] for row in rows] == texts
    assert all(1 / 3 <= float(row["probability"]) <= 1 for row in rows)
    new = read_rows(output / "results" / "predictions.csv")
    assert list(new[0]) == ["id", "cluster", "label", "probability", "text"]
    assert [row["cluster"] for row in new] == [row["cluster"] for row in rows[:7]]
    assert np.load(output / "results" / "embeddings.npy").shape == (91, 40)

    metrics = strict_json(output / "all_results.json")
    scores = ("accuracy", "nmi", "ari", "purity")
    assert {
        f"{stage}_{name}" for stage in ("kmeans", "init", "untrained", "eval") for name in scores
    } < set(metrics)
    assert [metrics[f"kmeans_{name}"] for name in scores] == [
        metrics[f"init_{name}"] for name in scores
    ]
    sizes = np.bincount([int(row["cluster"]) for row in rows], minlength=3)
    assert (metrics["eval_smallest_cluster"], metrics["eval_largest_cluster"]) == (
        sizes.min(),
        sizes.max(),
    )
    assert (
        metrics["num_clusters"] == 3
        and metrics["train_runtime"] > 0
        and metrics["train_samples_per_second"] > 0
    )
    assert -1 <= metrics["eval_silhouette"] <= 1
    assert metrics["truncated_share"] == pytest.approx(
        np.mean([len(text.split()) > 7 for text in texts])
    )
    assert strict_json(output / "trainer_state.json")["global_step"] == 12

    printed = capsys.readouterr().out
    assert f"{sizes.max()} documents" in printed and re.search(r"k-means +[01]\.\d+", printed)
    assert sum(f"    {text}" in printed for text in texts) == 9
    assert str(output / "results") in printed

    config = strict_json(output / "config.json")
    assert "headless" not in json.dumps(config), "the path of the base model is not for the public"
    assert not config["mlm_head_is_fresh"]


def test_topics_of_some_rows_steer_the_clusters(run, corpus, headless_dir, tmp_path, capsys):
    texts, classes = corpus
    known = [name if row < 30 and name != "fruit" else "" for row, name in enumerate(classes)]
    known[0] = "money" if classes[0] == "space" else "space"  # said so, and wrong
    path = tmp_path / "texts.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        writer.writerows(zip(texts, known, strict=True))
    output = tmp_path / "run"
    common = ("--model_name_or_path", headless_dir, "--train_file", path, "--num_clusters", 3)
    common += ("--known_label_column", "topic", "--disable_tqdm", "true", "--use_cpu")
    run(*common, "--do_train", "--output_dir", output)
    names = strict_json(output / "config.json")["id2label"]
    assert {names["0"], names["1"]} == {"money", "space"}
    printed = capsys.readouterr().out
    labelled = sum(name != "" for name in known)
    assert re.search(rf"\d+ of {labelled} labelled texts are in the cluster of their", printed)
    assert "Clusters beside the known topics: 1 (" in printed
    page = (output / "results" / "report.html").read_text(encoding="utf-8")
    assert "labelled texts are in the cluster of their topic" in page


def test_a_preview_stands_there_before_training_and_its_end_replaces_it(
    train, monkeypatch, caplog, tmp_path
):
    seen, super_train = {}, ClusteringTrainer.train

    def watched(trainer, *args, **kwargs):
        folder = Path(trainer.args.output_dir)
        results = sorted(path.name for path in (folder / "results").iterdir())
        page = (folder / "results" / "report.html").read_text(encoding="utf-8")
        table = (folder / "results" / "clusters.csv").read_text(encoding="utf-8")
        start = trainer.clustering.start_clusters
        seen.update(results=results, page=page, rows=table.splitlines()[1:], start=start)
        output = super_train(trainer, *args, **kwargs)
        assert torch.equal(trainer.clustering.start_clusters, start), "it is not made anew"
        return output

    monkeypatch.setattr(ClusteringTrainer, "train", watched)
    with caplog.at_level("INFO"):
        output = train("--id_column", "key")
    assert seen["results"] == ["clusters.csv", "report.html"]
    assert "This is a preview, before training" in seen["page"] and "Preview: 91" in seen["page"]
    assert f"A preview, before training: {output / 'results' / 'report.html'}" in caplog.text
    clusters = [int(row.split(",")[1]) for row in seen["rows"]]
    assert np.mean(np.array(clusters) == seen["start"].numpy()) > 0.9
    assert "preview" not in (output / "results" / "report.html").read_text(encoding="utf-8").lower()


def test_no_epoch_at_all_makes_a_model_of_the_start(train, run, new_file, tmp_path):
    model = train("--num_train_epochs", 0, "--label_column", "topic")
    assert strict_json(model / "all_results.json")["eval_accuracy"] > 0.8
    run(
        *("--model_name_or_path", model, "--do_predict", "--predict_file", new_file),
        *("--output_dir", tmp_path / "new", "--disable_tqdm", "true", "--use_cpu"),
    )
    assert (tmp_path / "new" / "results" / "predictions.csv").exists()


def test_a_file_of_topics_steers_the_clusters_and_their_names_stay(
    run, corpus, train_file, headless_dir, tmp_path, capsys
):
    texts, classes = corpus
    rows = {name: [row for row, c in enumerate(classes) if c == name] for name in set(classes)}
    a, b = rows["money"][:2]
    topics = {
        "topics": [
            {"name": "Planets", "phrases": [texts[row] for row in rows["space"][3:6]]},
            {"name": "Budgets", "examples": [f"{a:03d}", texts[b]]},
        ],
        "apart": [[f"{rows['fruit'][0]:03d}", f"{a:03d}"]],
    }
    path = tmp_path / "topics.json"
    path.write_text(json.dumps(topics))
    first, merged = tmp_path / "first", tmp_path / "merged"
    common = ("--disable_tqdm", "true", "--use_cpu")
    known = ("--id_column", "key", "--topics", path, "--num_clusters", 3)
    train = ("--train_file", train_file, *known, "--do_train", "--output_dir", first)
    run("--model_name_or_path", headless_dir, *train, *common)
    config = strict_json(first / "config.json")
    assert [config["id2label"][number] for number in "01"] == ["Planets", "Budgets"]
    assert config["known_topics"] == ["Planets", "Budgets"]
    with open(first / "results" / "clusters.csv", newline="", encoding="utf-8") as file:
        found = [row["label"] for row in csv.DictReader(file)]
    for name, topic in (("space", "Planets"), ("money", "Budgets")):
        assert np.mean([found[row] == topic for row in rows[name]]) > 0.8
    assert "2 of 2 labelled texts are in the cluster of their topic" in capsys.readouterr().out
    run("--model_name_or_path", first, "--do_report", "--merge", "1,2", "--output_dir", merged)
    assert strict_json(merged / "config.json")["id2label"] == {"0": "Planets", "1": "Budgets"}


def test_new_texts_are_scored_where_they_have_gold_classes(
    train, run, train_file, new_file, tmp_path, capsys
):
    model, new = train("--label_column", "topic"), tmp_path / "new"
    common = ("--model_name_or_path", model, "--disable_tqdm", "true", "--use_cpu")
    predict = (*common, "--do_predict", "--label_column", "topic", "--output_dir", new)
    capsys.readouterr()
    run(*predict, "--predict_file", train_file)
    scores = strict_json(new / "predict_results.json")
    known = strict_json(model / "all_results.json")
    assert scores == {
        f"predict_{name}": known[f"eval_{name}"] for name in ("accuracy", "nmi", "ari", "purity")
    }
    assert re.search(rf"new documents +{scores['predict_accuracy']:.3f}", capsys.readouterr().out)
    run(*predict, "--predict_file", new_file)  # which has none
    assert not (new / "predict_results.json").exists()
    assert "against gold classes" not in capsys.readouterr().out


def test_saved_model_clusters_new_texts_and_scores_old_ones(
    train, run, train_file, new_file, tmp_path
):
    output = train("--label_column", "topic")
    first, model = (
        strict_json(output / "all_results.json"),
        (output / "model.safetensors").read_bytes(),
    )
    common = ("--model_name_or_path", output, "--disable_tqdm", "true", "--use_cpu")
    run(
        *common,
        "--do_predict",
        "--predict_file",
        new_file,
        "--output_dir",
        tmp_path / "new",
        "--id_column",
        "key",
    )
    clusters = [row["cluster"] for row in read_rows(output / "results" / "clusters.csv")]
    new = read_rows(tmp_path / "new" / "results" / "predictions.csv")
    assert [row["cluster"] for row in new] == clusters[:7] and [row["id"] for row in new] == list(
        "0123456"
    )

    run(
        *common,
        "--do_eval",
        "--train_file",
        train_file,
        "--label_column",
        "topic",
        "--output_dir",
        output,
    )
    again = strict_json(output / "all_results.json")
    for name in ("eval_accuracy", "eval_silhouette", "eval_largest_cluster"):
        assert again[name] == pytest.approx(first[name]), name
    assert {"train_runtime", "init_nmi"} <= set(first) and not {"train_runtime", "init_nmi"} & set(
        again
    )
    assert (output / "model.safetensors").read_bytes() == model


def test_arguments_from_a_json_file(run, train_file, headless_dir, tmp_path):
    arguments = {
        "model_name_or_path": headless_dir,
        "train_file": str(train_file),
        "num_clusters": 3,
        "alpha": 1,
        "kernel": "divide",
        "normalize_embeddings": False,
        "size_prior": "uniform",
        "target_update": 3,
        "do_train": True,
        "max_steps": 4,
        "disable_tqdm": True,
        "use_cpu": True,
        "output_dir": str(tmp_path / "run"),
    }
    (tmp_path / "arguments.json").write_text(json.dumps(arguments))
    run(tmp_path / "arguments.json")
    config = strict_json(tmp_path / "run" / "config.json")
    assert (
        config["alpha"] == 1 and config["kernel"] == "divide" and not config["normalize_embeddings"]
    )


def test_resume_goes_on_in_the_same_folder(train):
    whole = train("--num_train_epochs", 2, output="whole")
    output = train("--num_train_epochs", 1, output="half")
    train("--num_train_epochs", 2, "--resume_from_checkpoint", output="half")
    assert (output / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert read_rows(output / "results" / "clusters.csv") == read_rows(
        whole / "results" / "clusters.csv"
    )


def test_the_same_seed_gives_the_same_results_whatever_the_number_of_workers(train):
    first = train(output="first")
    for name, workers in (
        ("again", ()),
        ("more", ("--preprocessing_num_workers", 2, "--dataloader_num_workers", 2)),
    ):
        output = train(*workers, output=name)
        for file in ("model.safetensors", "results/clusters.csv"):
            assert (output / file).read_bytes() == (first / file).read_bytes(), (name, file)


def test_resuming_without_a_whole_checkpoint_starts_from_the_beginning(train, tmp_path, caplog):
    whole = train(output="whole")
    (tmp_path / "run" / "checkpoint-6").mkdir(parents=True)
    (tmp_path / "run" / "checkpoint-6" / "trainer_state.json").write_text('{"epoch": ')
    output = train("--resume_from_checkpoint")
    assert "no whole checkpoint" in caplog.text and "starts from the beginning" in caplog.text
    assert (output / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    with pytest.raises(
        SystemExit,
        match="was written for 91 documents, there are now 90. Resume with the same texts",
    ):
        train("--resume_from_checkpoint", "--max_train_samples", 90)


@pytest.mark.parametrize(
    "first_to_fail, lacking, message",
    [
        ("model.safetensors", 100, "error: .*File too large"),
        ("optimizer.pt", 100, "error: A file could not be written"),
        ("optimizer.pt", 9000, "error: A file could not be written"),
    ],
)
def test_a_full_disk_is_one_clear_message_and_the_run_can_go_on(
    train, monkeypatch, first_to_fail, lacking, message
):
    """Files may grow to somewhat less than the one that is to fail; the page is larger."""
    monkeypatch.setattr(run_clustering, "write_preview", lambda *args: None)
    whole = train("--save_strategy", "epoch", output="whole")
    (checkpoint,) = whole.glob("checkpoint-*")
    size = (checkpoint / first_to_fail).stat().st_size - lacking
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(SystemExit, match=f"(?s)^{message}") as caught:
            train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "--resume_from_checkpoint" not in str(caught.value), "there is no checkpoint yet"
    output = train("--resume_from_checkpoint")
    assert (output / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_folder_that_must_not_be_written_to_is_named(train, monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(SystemExit, match=f"nothing may be written to '{tmp_path}'"):
        train()


def test_ctrl_c_is_one_clear_message(train, monkeypatch, capsys):
    def interrupt(*arguments, **kwargs):
        raise KeyboardInterrupt

    patched = [("train", False), ("save_state", True)]  # before and after the last checkpoint
    for number, (name, has_checkpoint) in enumerate(patched):
        with monkeypatch.context() as patch:
            patch.setattr(run_clustering.ClusteringTrainer, name, interrupt)
            with pytest.raises(SystemExit) as caught:
                train(output=f"run{number}")
        said = capsys.readouterr().err
        assert caught.value.code == 130 and "\ninterrupted." in said
        assert ("with --resume_from_checkpoint goes on" in said) == has_checkpoint


def test_a_traceback_is_logged_for_those_who_debug(train, caplog, monkeypatch):
    for level, shown in (("info", False), ("debug", True)):
        caplog.clear()
        with pytest.raises(SystemExit, match="there is no column 'body'"):
            train("--text_column", "body", "--log_level", level)
        traces = [record for record in caplog.records if record.exc_info]
        assert bool(traces) == shown


def test_going_on_keeps_the_clusters_and_starts_anew_when_told(train, tmp_path):
    output = train("--learning_rate", 0, "--centroid_learning_rate", 0)
    clusters = [row["cluster"] for row in read_rows(output / "results" / "clusters.csv")]
    going_on = train(  # the encoder reads more tokens than the first run asked for
        *("--model_name_or_path", output, "--learning_rate", 0, "--centroid_learning_rate", 0),
        *("--max_seq_length", 30),
        output="going_on",
    )
    assert [row["cluster"] for row in read_rows(going_on / "results" / "clusters.csv")] == clusters
    with pytest.raises(SystemExit, match="holds 3 clusters, --num_clusters 4 was asked for"):
        train("--model_name_or_path", output, "--num_clusters", 4, output="other")
    fixed = train("--model_name_or_path", output, "--alpha", 2, output="fixed")
    fitted = train("--model_name_or_path", fixed, "--alpha", "auto", output="fitted")
    alphas = [
        json.loads((folder / "config.json").read_text())["alpha"] for folder in (fixed, fitted)
    ]
    assert alphas[0] == 2 and alphas[1] not in (2, None)
    other = train(
        "--model_name_or_path", output, "--num_clusters", 4, "--init", "kmeans", output="other"
    )
    assert BertForClustering.from_pretrained(other).config.num_clusters == 4


def test_a_prompt_of_the_encoder_stays_with_the_model(train, headless_dir, tmp_path, caplog):
    encoder = tmp_path / "encoder"
    shutil.copytree(headless_dir, encoder)
    prompts = {"prompts": {"clustering": "fig of: "}, "default_prompt_name": None}
    (encoder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    short, name = ("--num_train_epochs", 1), "--model_name_or_path"
    ids = {"plain": train(*short, name, encoder, "--text_prefix", "", output="plain")}
    ids["read"] = train(*short, name, encoder, output="read")
    assert "The encoder wants 'fig of: ' before every text" in caplog.text
    ids["given"] = train(*short, "--text_prefix", "the moon ", output="given")
    ids["on"] = train(*short, name, ids["given"], output="on")
    known = {}
    for run_name, folder in ids.items():
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
        words = tokenizer.convert_ids_to_tokens(tokenizer("apple").input_ids)
        known[run_name] = strict_json(folder / "config.json")["text_prefix"], words[1:-1]
    assert known == {
        "plain": (None, ["apple"]),
        "read": ("fig of: ", ["fig", "of", "[UNK]", "apple"]),
        "given": ("the moon ", ["the", "moon", "apple"]),
        "on": ("the moon ", ["the", "moon", "apple"]),
    }
    for folder, own in ((ids["given"], "the moon "), (ids["plain"], "")):
        message = f"puts '{own}' before every text, --text_prefix 'x: ' was asked for"
        with pytest.raises(SystemExit, match=message):
            train(name, folder, "--text_prefix", "x: ", output="other")


def test_bad_rows_stay_without_a_cluster(run, headless_dir, corpus, tmp_path):
    texts = [*corpus[0][:20], "", *corpus[0][20:40], None]
    (tmp_path / "texts.json").write_text(json.dumps([{"text": text} for text in texts]))
    run(
        *(
            "--model_name_or_path",
            headless_dir,
            "--train_file",
            tmp_path / "texts.json",
            "--num_clusters",
            3,
        ),
        *(
            "--do_train",
            "--max_steps",
            1,
            "--skip_bad_rows",
            "--use_cpu",
            "--output_dir",
            tmp_path / "run",
        ),
    )
    rows = read_rows(tmp_path / "run" / "results" / "clusters.csv")
    assert [row["text"] for row in rows] == [text or "" for text in texts]
    assert [i for i, row in enumerate(rows) if row["cluster"] == ""] == [20, 41]


def test_datasets_are_loaded_by_name(run, headless_dir, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "data").mkdir()
    table = pyarrow.table({"body": corpus[0], "topic": corpus[1], "unused": [[1]] * len(corpus[0])})
    pyarrow.parquet.write_table(table, tmp_path / "data" / "train.parquet")
    arguments = [
        "--model_name_or_path",
        headless_dir,
        "--dataset_name",
        tmp_path / "data",
        "--text_column",
        "body",
    ]
    arguments += [
        "--label_column",
        "topic",
        "--num_clusters",
        3,
        "--do_train",
        "--max_steps",
        1,
        "--use_cpu",
    ]
    arguments += ["--cache_dir", tmp_path / "cache", "--output_dir", tmp_path / "run"]
    run(*arguments)
    assert [
        row["text"] for row in read_rows(tmp_path / "run" / "results" / "clusters.csv")
    ] == corpus[0]
    with pytest.raises(SystemExit, match='error: .*"test"'):
        run(*arguments, "--dataset_split", "test", "--output_dir", tmp_path / "other")
    with pytest.raises(
        SystemExit, match="there is no column 'title'. Its columns are: 'body', 'topic', 'unused'"
    ):
        run(*arguments, "--text_column", "title", "--output_dir", tmp_path / "other")


def test_a_sample_is_drawn_by_the_seed(train):
    first, again = (train("--max_train_samples", 40, output=name) for name in ("first", "again"))
    rows = read_rows(first / "results" / "clusters.csv")
    assert len(rows) == 40 and rows == read_rows(again / "results" / "clusters.csv")
    ids = [int(row["id"]) for row in rows]
    assert ids == sorted(ids) and ids[-1] > 40


def test_a_sample_of_several_files_says_how_all_of_them_are_assigned(
    run, corpus, headless_dir, tmp_path, caplog, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in put").mkdir()
    rows = [{"key": f"K{row}", "text": text, "n": row} for row, text in enumerate(corpus[0])]
    for part in range(3):
        lines = map(json.dumps, rows[part::3])
        (tmp_path / "in put" / f"{part}.jsonl").write_text("\n".join(lines))
    run(
        *("--model_name_or_path", headless_dir, "--train_file", "in put", "--num_clusters", 3),
        *("--do_train", "--num_train_epochs", 0, "--max_train_samples", 40, "--use_cpu"),
        *("--id_column", "key", "--keep_columns", "n", "--output_dir", "run"),
    )
    for row in read_rows(tmp_path / "run" / "results" / "clusters.csv"):
        assert row["text"] == rows[int(row["n"])]["text"] and row["id"] == f"K{row['n']}"
    said = next(line for line in caplog.messages if "assigned by" in line)
    assert f"Trains on 40 of {len(rows)} texts" in said
    command = shlex.split(said.partition("bert-clustering ")[2])
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0 and f"3 of 3 shards, {len(rows)} texts" in done.output


@pytest.fixture(scope="module")
def bad_things(corpus, encoder_dir, tokenizer, tmp_path_factory) -> Path:
    """A folder of files and checkpoints that cannot be clustered."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "texts.docx").write_text("texts")
    (folder / "nothing.csv").write_text("text\n")
    (folder / "empty_row.csv").write_text("text\none\n \nthree\n")
    (folder / "number.json").write_text('[{"text": "one"}, {"text": 2}]')
    (folder / "repeated.csv").write_text("text\n" + "one\ntwo\n" * 9)
    (folder / "one_class.csv").write_text("text,topic\none,a\ntwo,a\nthree,a\nfour,a\n")
    for name in ("gpt2", "t5"):
        sizes = (
            {"n_layer": 1, "n_head": 1, "n_embd": 8}
            if name == "gpt2"
            else {"d_model": 8, "num_layers": 1}
        )
        AutoModel.from_config(CONFIG_MAPPING[name](vocab_size=99, **sizes)).save_pretrained(
            folder / name
        )
    AutoModel.from_config(tiny_config("bert")).save_pretrained(folder / "no_mask")
    without = BertTokenizer(vocab=tokenizer.get_vocab(), model_max_length=16)
    without.mask_token = None
    without.save_pretrained(folder / "no_mask")
    (folder / "full").mkdir()
    (folder / "full" / "config.json").write_text("{}")
    (folder / "half" / "checkpoint-3").mkdir(parents=True)
    (folder / "half" / "checkpoint-3" / "trainer_state.json").write_text('{"epoch": ')
    (folder / "foreign").mkdir()
    (folder / "foreign" / "trainer_state.json").write_text("{}")
    (folder / "told" / "results").mkdir(parents=True)
    (folder / "told" / "results" / "topics.json").write_text("{}")
    (folder / "told" / "README.md").write_text("a project of the user's")
    return folder


BAD_INPUT = {
    "missing file": (["--train_file", "{bad}/none.csv"], "none.csv': there is no such file"),
    "unknown format": (
        ["--train_file", "{bad}/texts.docx"],
        "unknown format: expected one of .csv",
    ),
    "no such column": (
        ["--text_column", "body"],
        "there is no column 'body'. Its columns are: 'key', 'text', 'topic'",
    ),
    "no such label column": (["--label_column", "gold"], "there is no column 'gold'"),
    "no such id column": (["--id_column", "id"], "there is no column 'id'"),
    "no texts": (["--train_file", "{bad}/nothing.csv"], "there are no texts in column 'text'"),
    "empty row": (["--train_file", "{bad}/empty_row.csv"], "the text of row 2 is empty (1 of 3"),
    "row of another type": (
        ["--train_file", "{bad}/number.json"],
        "the text of row 2 is 2, not a string",
    ),
    "fewer documents than clusters": (
        ["--num_clusters", "92"],
        "91 documents with 91 distinct texts cannot fill 92",
    ),
    "fewer distinct texts than clusters": (
        ["--train_file", "{bad}/repeated.csv"],
        "18 documents with 2 distinct texts cannot fill 3 clusters",
    ),
    "one cluster": (["--num_clusters", "1"], "num_clusters=1: at least 2"),
    "no cluster": (["--num_clusters", "0"], "num_clusters=0: at least 2"),
    "fewer than no cluster": (["--num_clusters", "-3"], "num_clusters=-3: at least 2"),
    "clusters of another type": (
        ["--num_clusters", "many"],
        "--num_clusters: expected a whole number or auto, got 'many'",
    ),
    "bounds of a given number of clusters": (
        ["--max_clusters", "9"],
        "--max_clusters is for --num_clusters auto",
    ),
    "bounds the wrong way round": (
        ["--num_clusters", "auto", "--min_clusters", "9", "--max_clusters", "4"],
        "max_clusters: expected min_clusters=9 or more, got 4",
    ),
    "number of clusters to find without training": (
        ["--num_clusters", "auto", "--do_train", "false", "--do_eval"],
        "--num_clusters auto is found when training starts. Pass --do_train",
    ),
    "alpha that is no number": (
        ["--alpha", "ten"],
        "--alpha: expected a number or auto, got 'ten'",
    ),
    "alpha of 0": (["--alpha", "0"], "alpha=0.0: it must be larger than 0"),
    "alpha to fit without training": (
        ["--alpha", "auto", "--do_train", "false", "--do_eval"],
        "--alpha auto is found when training starts. Pass --do_train",
    ),
    "unknown kernel": (["--kernel", "gauss"], "kernel"),
    "unknown start": (
        ["--init", "random"],
        "init: expected 'auto', 'even', 'any' or 'kmeans', got 'random'",
    ),
    "output folder holds a model": (
        ["--output_dir", "{bad}/full"],
        "(config.json). Choose another folder, or pass --re",
    ),
    "output folder holds a checkpoint": (
        ["--output_dir", "{bad}/half"],
        "already holds a model or other files",
    ),
    "output folder holds results": (
        ["--output_dir", "{bad}/told"],
        "(README.md, topics.json). Choose another folder",
    ),
    "a model, but nothing to resume": (
        ["--output_dir", "{bad}/full", "--resume_from_checkpoint"],
        "(config.json). Choose another folder.",
    ),
    "half a checkpoint": (
        ["--resume_from_checkpoint", "{bad}/half/checkpoint-3"],
        "checkpoint-3' is no whole checkpoint: its trainer_state.json is missing or cut off",
    ),
    "checkpoint of something else": (
        ["--resume_from_checkpoint", "{bad}/foreign"],
        "it is no checkpoint of this trainer",
    ),
    "output is a file": (
        ["--output_dir", "{bad}/nothing.csv"],
        "nothing.csv' is no folder. Choose another one",
    ),
    "output below a file": (
        ["--output_dir", "{bad}/nothing.csv/a/b"],
        "nothing.csv' is no folder. Choose another",
    ),
    "classes all the same": (
        ["--train_file", "{bad}/one_class.csv", "--label_column", "topic"],
        "all gold classes in column 'topic' are 'a'",
    ),
    "decoder": (
        ["--model_name_or_path", "{bad}/gpt2"],
        "type 'gpt2', which is no masked-language-model encoder",
    ),
    "encoder and decoder": (
        ["--model_name_or_path", "{bad}/t5"],
        "type 't5', which is no masked-language-model",
    ),
    "no checkpoint": (["--model_name_or_path", "{bad}/none"], "none"),
    "tokenizer without mask": (["--model_name_or_path", "{bad}/no_mask"], "has no mask token"),
    "too long": (
        ["--max_seq_length", "1000"],
        "max_seq_length=1000: the encoder reads from 3 to 16 tokens",
    ),
    "both sources": (
        ["--dataset_name", "user/data"],
        "either by --train_file or by --dataset_name",
    ),
    "nothing to predict": (["--do_predict"], "--do_predict needs new texts"),
    "bad file to predict": (
        ["--do_predict", "--predict_file", "{bad}/empty_row.csv"],
        "the text of row 2 is empty",
    ),
    "no such option": (["--num_cluster_s", "3"], "no option '--num_cluster_s'. Is --num_clusters"),
    "nothing to do": (["--do_train", "false"], "There is nothing to do"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_clear_error_before_any_model_is_loaded(
    name, bad_things, train, monkeypatch, tmp_path
):
    def refuse(*arguments, **kwargs):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(BertForClustering, "from_pretrained", refuse)
    arguments, message = BAD_INPUT[name]
    with pytest.raises(SystemExit, match="^error: .*" + re.escape(message)):
        train(*(argument.format(bad=bad_things) for argument in arguments))
    assert not list(tmp_path.rglob("*")), "nothing was written"


def test_clusters_are_needed_for_more_than_training(run, train_file, headless_dir, tmp_path):
    common = (
        "--model_name_or_path",
        headless_dir,
        "--train_file",
        train_file,
        "--output_dir",
        tmp_path / "run",
    )
    with pytest.raises(SystemExit, match="has no clusters yet. Pass --num_clusters"):
        run(*common, "--do_train")
    with pytest.raises(SystemExit, match="has no clusters yet. Pass --do_train"):
        run(*common, "--do_eval")


def test_a_report_with_a_training_keeps_the_log_of_that_training(train):
    first = train("--num_train_epochs", 1)
    again = train("--model_name_or_path", first, "--do_report", "--num_train_epochs", 2, output="b")
    assert strict_json(again / "trainer_state.json")["num_train_epochs"] == 2


def test_help_names_every_option_once_and_explains_it(run, capsys):
    with pytest.raises(SystemExit) as caught:
        run("--help")
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for arguments in (ModelArguments, DataArguments, ClusteringTrainingArguments):
        for field in dataclasses.fields(arguments):
            assert len(re.findall(rf"^  --{field.name}\b", said, re.MULTILINE)) == 1, field.name
    ours = {field.name for field in dataclasses.fields(ClusteringTrainingArguments)}
    ours -= {field.name for field in dataclasses.fields(TrainingArguments)}
    assert all(ClusteringTrainingArguments.__dataclass_fields__[n].metadata["help"] for n in ours)


def test_without_an_install_it_says_how_to_install(tmp_path):
    """The file alone, with an interpreter that finds nothing else."""
    script = Path(run_clustering.__file__)
    done = subprocess.run(
        [sys.executable, "-S", "-E", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: BERT-Clustering is not installed. In its folder, run: pip install --editable .\n"
    )
