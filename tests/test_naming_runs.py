"""Names by a language model, from the command to the model that is saved: asked for, kept, shown
and paid for once.
"""

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest
from loopback_llm import LoopbackLLM, by_keywords, group_of
from transformers import AutoConfig

from bert_clustering import run_clustering
from bert_clustering.reports.model_server import Server
from helpers import page_data, read_json


@pytest.fixture
def server():
    server = LoopbackLLM()
    yield server
    server.stop()


def call(*arguments) -> None:
    """The script in this process, as from the command line."""
    with pytest.MonkeyPatch.context() as patch:
        words = ["run_clustering.py", *map(str, arguments), "--disable_tqdm", "true", "--use_cpu"]
        patch.setattr(sys, "argv", words)
        run_clustering.main()


@pytest.fixture(scope="module")
def train_file(corpus, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "train.txt"
    path.write_text("\n".join(corpus[0]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def train(train_file, headless_dir):
    def train_in(
        folder: Path, *more, model=headless_dir, num_clusters=("--num_clusters", 3)
    ) -> Path:
        texts = ["--train_file", train_file, *num_clusters, "--num_train_epochs", 1]
        call("--model_name_or_path", model, *texts, "--do_train", "--output_dir", folder, *more)
        return folder

    return train_in


@pytest.fixture(scope="module")
def finished(train, tmp_path_factory) -> Path:
    """A run whose clusters are named by their keywords."""
    return train(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def run_copy(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def labels_of(folder: Path) -> dict[str, str]:
    return read_json(folder / "config.json")["id2label"]


def report(folder: Path, *more) -> None:
    call("--do_report", "--model_name_or_path", folder, *more)


def check_all_agree(folder: Path) -> dict[str, str]:
    """The labels of a run, which are the same wherever they stand."""
    labels, results = labels_of(folder), folder / "results"
    assert AutoConfig.from_pretrained(folder, trust_remote_code=True).id2label == {
        int(cluster): label for cluster, label in labels.items()
    }
    assert read_json(folder / "config.json")["label2id"] == {
        label: int(cluster) for cluster, label in labels.items()
    }
    with open(results / "clusters.csv", encoding="utf-8", newline="") as file:
        assert {row["cluster"]: row["label"] for row in csv.DictReader(file)} == labels
    topics = read_json(results / "topics.json")["payload"]["intertopic_map"]
    assert {str(topic["id"]): topic["label"] for topic in topics} == labels
    shown = page_data((results / "report.html").read_text(encoding="utf-8"))["clusters"]
    assert {cluster["label"] for cluster in shown} == set(labels.values())
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"| {cluster} | {label} | " in card for cluster, label in labels.items())
    return labels


def test_a_training_ends_with_names_that_stand_everywhere(train, server, tmp_path):
    folder = train(tmp_path / "run", "--name_with", server.url, "--about", "short notes")
    labels = check_all_agree(folder)
    assert len(labels) == 3 and all(label.startswith("About ") for label in labels.values())
    assert len(server.requests) == 3
    assert all("The texts are: short notes." in question for question in server.questions)
    names = read_json(folder / "results" / "names.json").values()
    assert {str(row["cluster"]): row["name"] for row in names} == labels
    report(folder, "--name_with", server.url, "--about", "short notes")
    assert len(server.requests) == 3 and check_all_agree(folder) == labels


def test_a_finished_run_gets_names_and_else_stays_as_it_is(run_copy, server):
    card = run_copy / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nMy own words.\n", encoding="utf-8")
    before = labels_of(run_copy)
    rest = read_json(run_copy / "config.json") | {"id2label": 0, "label2id": 0}
    weights = (run_copy / "model.safetensors").stat()
    report(run_copy, "--name_with", server.url)
    labels = check_all_agree(run_copy)
    assert all(label.startswith("About ") for label in labels.values()) and labels != before
    assert read_json(run_copy / "config.json") | {"id2label": 0, "label2id": 0} == rest
    assert (run_copy / "model.safetensors").stat().st_mtime_ns == weights.st_mtime_ns
    assert card.read_text(encoding="utf-8").endswith("My own words.\n")


def test_clusters_inside_coarser_ones_get_names_too(train, server, tmp_path):
    more = ("--levels", "2,4,6", "--num_train_epochs", 0)
    folder = train(tmp_path / "run", *more, num_clusters=())
    before = labels_of(folder)
    report(folder, "--name_with", server.url)
    labels = labels_of(folder)
    assert len(labels) == 6 and not set(labels.values()) & set(before.values())
    level_labels = read_json(folder / "config.json")["level_labels"]
    assert [len(names) for names in level_labels] == [2, 4]
    page = page_data((folder / "results" / "report.html").read_text(encoding="utf-8"))
    assert {cluster["label"] for cluster in page["clusters"]} == set(labels.values())


def test_names_that_people_gave_are_kept_and_those_of_a_model_are_not(run_copy, server):
    report(run_copy, "--name_with", server.url)
    config = read_json(run_copy / "config.json")
    config["id2label"]["1"] = "Mine"
    (run_copy / "config.json").write_text(json.dumps(config))
    server.models, asked = ["other"], len(server.requests)
    server.answer = lambda messages: by_keywords(messages[0]["content"]).replace("About", "On")
    report(run_copy, "--name_with", server.url)
    labels = check_all_agree(run_copy)
    assert labels["1"] == "Mine" and len(server.requests) == asked + 2
    assert labels["0"].startswith("On ") and labels["2"].startswith("On ")


def test_topics_that_people_know_keep_their_names(train, server, tmp_path):
    topics = tmp_path / "topics.json"
    topics.write_text('[{"name": "Fruit", "phrases": ["apple pear plum"]}]')
    folder = train(tmp_path / "run", "--topics", topics, "--name_with", server.url)
    labels = check_all_agree(folder)
    assert labels["0"] == "Fruit" and len(server.requests) == 2
    assert labels["1"].startswith("About ") and labels["2"].startswith("About ")


def test_a_training_that_goes_on_keeps_peoples_names_and_asks_for_the_rest(
    run_copy, train, server, tmp_path
):
    config = read_json(run_copy / "config.json")
    config["id2label"]["2"] = "Mine"
    (run_copy / "config.json").write_text(json.dumps(config))
    labels = labels_of(train(tmp_path / "on", "--name_with", server.url, model=run_copy))
    assert labels["2"] == "Mine" and len(server.requests) == 2
    assert labels["0"].startswith("About ") and labels["1"].startswith("About ")


def test_merged_clusters_are_asked_for_by_what_they_are_now(run_copy, server, tmp_path):
    merged = tmp_path / "merged"
    more = ("--merge", "0,1", "--output_dir", merged, "--name_with", server.url)
    report(run_copy, *more)
    labels = check_all_agree(merged)
    assert len(labels) == len(server.requests) == 2
    assert all(label.startswith("About ") for label in labels.values())
    assert not any(label.startswith("About ") for label in labels_of(run_copy).values())


def test_a_server_that_dies_leaves_keywords_and_a_whole_run(run_copy, server, caplog):
    before = labels_of(run_copy)
    server.delay = 5
    report(run_copy, "--name_with", server.url, "--name_timeout", 0.3)
    assert check_all_agree(run_copy) == before and len(server.requests) == 2
    said = [message for message in caplog.messages if "keep their names" in message]
    assert len(said) == 1 and "no answer within 0.3 s: 0, 1, 2." in said[0]
    assert not (run_copy / "results" / "names.json").exists()


def test_a_run_that_was_killed_does_not_pay_twice(run_copy, server, monkeypatch):
    answer = Server.answer

    def dies(model, messages):
        if len(server.requests) == 2:
            raise KeyboardInterrupt
        return answer(model, messages)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Server, "answer", dies)
        report(run_copy, "--name_with", server.url)
    report(run_copy, "--name_with", server.url)
    check_all_agree(run_copy)
    groups = {tuple(group_of(question)["keywords"]) for question in server.questions}
    assert len(groups) == len(server.questions) == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--name_with", "http://192.0.2.1"], "Pass --send_texts"),
        (["--name_with", "http://127.0.0.1:1"], "cannot be asked"),
        (["--name_with", "no-such-folder"], "expected the URL of a server"),
        (["--name_with", "SERVER", "--output_dir", "other"], "the model's own folder"),
        (["--name_with", "SERVER", "--name_timeout", "0"], "--name_timeout: expected"),
        (["--about", "letters"], "are for --name_with"),
        (["--send_texts"], "are for --name_with"),
    ],
)
def test_what_cannot_be_is_one_error_before_any_work(
    finished, server, monkeypatch, tmp_path, arguments, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_clustering, "load_tokenizer", pytest.fail)
    told = [server.url if argument == "SERVER" else argument for argument in arguments]
    with pytest.raises(SystemExit, match=message):
        report(finished, *told)
    assert server.requests == []


def test_names_are_for_a_model_that_is_saved(finished, server, train_file, tmp_path):
    told = ("--model_name_or_path", finished, "--train_file", train_file, "--do_eval")
    with pytest.raises(SystemExit, match="Pass --do_train, or --do_report"):
        call(*told, "--output_dir", tmp_path / "out", "--name_with", server.url)
