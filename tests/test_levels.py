"""`--levels`: what a run leaves, what goes on from it, and what is refused."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from bert_clustering import run_clustering
from bert_clustering.estimator import TextClustering
from bert_clustering.training.checkpoints import whole_checkpoints
from helpers import read_json, read_rows


SCHEMA = Path(__file__).parent.parent / "reports" / "topics.schema.json"


@pytest.fixture(scope="module")
def train_file(corpus, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "train.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["text", "topic"], *zip(*corpus, strict=True)])
    return path


def run(*arguments: object) -> None:
    run_clustering.main([*map(str, arguments), "--disable_tqdm", "true", "--use_cpu"])


def train(model: object, train_file: Path, output: Path, *more: object) -> Path:
    what = ("--model_name_or_path", model, "--train_file", train_file, "--do_train")
    how = ("--per_device_train_batch_size", 16, "--stop_tolerance", 0, "--num_train_epochs", 2)
    run(*what, *how, "--output_dir", output, *more)
    return output


@pytest.fixture(scope="module")
def trained(headless_dir, train_file, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("levels") / "run"
    return train(headless_dir, train_file, output, "--levels", "2,4,8")


def test_a_run_tells_all_levels_and_they_nest(trained, corpus):
    rows, config = (
        read_rows(trained / "results" / "clusters.csv"),
        read_json(trained / "config.json"),
    )
    assert len(rows) == len(corpus[0]) and len(config["id2label"]) == 8
    assert [max(level) + 1 for level in config["levels"]] == [2, 4]
    for row in rows:
        finest = int(row["cluster"])
        assert [int(row["cluster_1"]), int(row["cluster_2"])] == [
            level[finest] for level in config["levels"]
        ]
        assert row["label_2"] == config["level_labels"][1][int(row["cluster_2"])]
        sums = [float(row[name]) for name in ("probability", "probability_2", "probability_1")]
        assert sums == sorted(sums) and sums[-1] <= 1
        assert row["label"] not in (row["label_1"], row["label_2"])
    for below, above in (("cluster", "cluster_2"), ("cluster_2", "cluster_1")):
        assert len({(row[below], row[above]) for row in rows}) == len({row[below] for row in rows})
    topics = read_json(trained / "results" / "topics.json")
    jsonschema.validate(topics, read_json(SCHEMA))
    assert [len(level) for level in topics["payload"]["levels"]] == [2, 4]
    page = (trained / "results" / "report.html").read_text(encoding="utf-8")
    assert "2, 4, 8 clusters" in page and page.count("data-finest=") == 14
    assert "inside levels of 2, 4" in (trained / "README.md").read_text(encoding="utf-8")


def test_new_texts_get_all_levels(trained, train_file, tmp_path):
    run(
        *("--model_name_or_path", trained, "--do_predict", "--predict_file", train_file),
        *("--predict_text", "apple pear", "--output_dir", tmp_path),
    )
    known = read_rows(trained / "results" / "clusters.csv")
    new = read_rows(tmp_path / "results" / "predictions.csv")
    names = ("cluster", "cluster_1", "label_1", "cluster_2", "label_2")
    assert [[row[n] for n in names] for row in new] == [[row[n] for n in names] for row in known]
    mix = read_json(tmp_path / "results" / "topic_mix.json")
    assert [len(level) for level in mix["levels"]] == [2, 4]
    assert sum(topic["value"] for topic in mix["levels"][0]) == pytest.approx(1, abs=1e-5)


def test_a_report_takes_over_names_that_people_gave_to_levels(trained, tmp_path):
    folder = tmp_path / "renamed"
    shutil.copytree(trained, folder)
    config = read_json(folder / "config.json")
    config["level_labels"][0] = ["Alpha", "Beta"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    run("--do_report", "--model_name_or_path", folder)
    before = read_rows(trained / "results" / "clusters.csv")
    after = read_rows(folder / "results" / "clusters.csv")
    assert [row["cluster_2"] for row in after] == [row["cluster_2"] for row in before]
    assert [row["label_1"] for row in after] == [
        ["Alpha", "Beta"][int(row["cluster_1"])] for row in before
    ]
    assert {row["label_1"] for row in after} == {"Alpha", "Beta"}


def test_columns_that_are_kept_stand_beside_the_levels(headless_dir, train_file, tmp_path):
    output = tmp_path / "run"
    more = ("--levels", "2,4", "--num_train_epochs", 0, "--group_column", "topic")
    train(headless_dir, train_file, output, *more)
    before = read_rows(output / "results" / "clusters.csv")
    run("--do_report", "--model_name_or_path", output)
    assert read_rows(output / "results" / "clusters.csv") == before
    assert list(before[0])[4:7] == ["cluster_1", "label_1", "probability_1"]
    assert list(before[0])[-2:] == ["text", "topic"]


def test_training_on_keeps_the_levels_or_finds_new_ones(trained, train_file, tmp_path):
    before = read_json(trained / "config.json")
    kept = read_json(train(trained, train_file, tmp_path / "kept") / "config.json")
    assert kept["levels"] == before["levels"] and kept["level_labels"] == before["level_labels"]
    found = train(trained, train_file, tmp_path / "new", "--init", "auto")
    assert [max(level) + 1 for level in read_json(found / "config.json")["levels"]] == [2, 4]
    others = train(trained, train_file, tmp_path / "other", "--init", "auto", "--levels", "3,5")
    config = read_json(others / "config.json")
    assert [max(level) + 1 for level in config["levels"]] == [3] and len(config["id2label"]) == 5
    flat = train(trained, train_file, tmp_path / "flat", "--init", "auto", "--num_clusters", 3)
    assert read_json(flat / "config.json")["levels"] is None


def test_a_run_that_was_killed_ends_as_one_that_was_not(
    trained, headless_dir, train_file, tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    output = tmp_path / "killed"
    arguments = (headless_dir, train_file, output, "--levels", "2,4,8")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("bert_clustering.trainer.ClusteringTrainer._end", kill)
        train(*arguments)
    checkpoint = whole_checkpoints(output)[0]
    assert read_json(Path(checkpoint) / "config.json")["levels"]
    train(*arguments, "--resume_from_checkpoint")
    for name in ("levels", "level_labels", "id2label"):
        assert read_json(output / "config.json")[name] == read_json(trained / "config.json")[name]
    clusters = Path("results", "clusters.csv")
    assert (output / clusters).read_bytes() == (trained / clusters).read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--levels", "2,4", "--num_clusters", 4), "Pass one or the other"),
        (("--levels", "4,2"), "levels: expected two ascending numbers"),
        (("--levels", "2,4", "--max_clusters", 9), "max_clusters: expected none beside levels"),
        (("--levels", "2,400"), "cannot fill 400 clusters"),
    ],
)
def test_levels_that_cannot_be_are_refused(more, message, headless_dir, train_file, tmp_path):
    with pytest.raises(SystemExit, match=message):
        train(headless_dir, train_file, tmp_path / "run", *more)
    assert not (tmp_path / "run").exists()


def test_clusters_of_levels_are_edited_inside_the_coarser_ones(trained, tmp_path):
    inside = np.array(read_json(trained / "config.json")["levels"][-1])
    crowded = np.bincount(inside).argmax()
    (a, b, *_), other = np.flatnonzero(inside == crowded), np.flatnonzero(inside != crowded)[0]
    command = ("--do_report", "--model_name_or_path", trained, "--output_dir", tmp_path / "edited")
    with pytest.raises(SystemExit, match="at a coarser level they lie in different clusters"):
        run(*command, "--merge", f"{a},{other}")
    run(*command, "--merge", f"{a},{b}")
    config = read_json(tmp_path / "edited" / "config.json")
    assert len(config["id2label"]) == 7 == len(config["levels"][0])
    before = read_json(trained / "config.json")["level_labels"]
    assert config["level_labels"] == before
    for row in read_rows(tmp_path / "edited" / "results" / "clusters.csv"):
        above = config["levels"][0][int(row["cluster"])]
        assert row["label_1"] == config["level_labels"][0][above]


def test_levels_are_not_changed_in_silence(trained, train_file, tmp_path):
    with pytest.raises(SystemExit, match="--levels 3,8 was asked for"):
        train(trained, train_file, tmp_path / "run", "--levels", "3,8")


def test_from_python(headless_dir, corpus, tmp_path):
    clustering = TextClustering(
        encoder=headless_dir,
        num_train_epochs=0,
        training_arguments={"levels": "2,6", "use_cpu": True, "bf16": False},
    ).fit(corpus[0])
    assert clustering.topics_["label_1"].nunique() == 2 and len(clustering.topics_) == 6
    loaded = TextClustering.load(clustering.save(tmp_path / "saved"))
    assert loaded.topics_["label_1"].tolist() == clustering.topics_["label_1"].tolist()


@pytest.mark.slow
def test_a_clean_process_sums_the_probabilities_of_a_level(trained, tmp_path):
    code = f"""
        import torch
        from transformers import AutoModel, AutoTokenizer

        model = AutoModel.from_pretrained({str(trained)!r}, trust_remote_code=True).eval()
        tokenizer = AutoTokenizer.from_pretrained({str(trained)!r}, trust_remote_code=True)
        q = model(**tokenizer(["apple pear"], return_tensors="pt")).logits.softmax(dim=1)
        level = torch.tensor(model.config.levels[0])
        sums = torch.zeros(1, 2).index_add(1, level, q)
        assert torch.allclose(sums.sum(), torch.ones(()))
        print(model.config.level_labels[0][sums.argmax()])
    """
    code = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in read_json(trained / "config.json")["level_labels"][0]


def test_without_levels_no_file_knows_of_them(headless_dir, train_file, tmp_path):
    output = train(headless_dir, train_file, tmp_path / "run", "--num_clusters", 3)
    config = read_json(output / "config.json")
    assert config["levels"] is None and config["level_labels"] is None
    rows = read_rows(output / "results" / "clusters.csv")
    assert list(rows[0]) == ["id", "cluster", "label", "probability", "x", "y", "text"]
    assert np.unique([row["cluster"] for row in rows]).tolist() == ["0", "1", "2"]
