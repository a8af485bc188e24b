"""The model card: escaped, complete, without what was not measured, and without a trace of this
machine.
"""

import csv
import html
import inspect
import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi, ModelCard
from transformers import Trainer

from bert_clustering import run_clustering
from bert_clustering.publishing import hub_id
from bert_clustering.publishing.card import (
    cluster_rows,
    describe_num_clusters,
    escape_markdown,
    rename_in_card,
    score_rows,
)
from bert_clustering.trainer import ClusteringTrainer
from helpers import build_trainer


def test_marks_of_markdown_and_html_are_escaped():
    hostile = "<script>alert('1')</script> | `rm` [x](http://y) **b** <!-- \n# title &amp; ~~"
    escaped = escape_markdown(hostile)
    assert not set("<>|`[]*'~\n") & set(escaped)
    assert html.unescape(escaped) == hostile.replace("\n", "").replace("  ", " ")
    assert escape_markdown("plain words, 12") == "plain words, 12"


def test_rows_are_sorted_by_size():
    scores = {"cluster_probability": [0.5, 0.75, 0.0], "cluster_stability": [None, 0.8, None]}
    names = {0: "a", 1: "b|c", 2: "d"}
    rows = cluster_rows([1, 3, 0], names, [["x"], ["y", "z"], []], scores=scores)
    assert [row["cluster"] for row in rows] == [1, 0, 2]
    trust = [(row["probability"], row["stability"]) for row in rows[:2]]
    assert trust == [("0.75", "0.80"), ("0.50", "–")]
    assert rows[0]["label"] == "b&#124;c" and rows[0]["keywords"] == "y, z"
    assert rows[0]["share"] == 0.75


def test_a_card_gets_other_labels_and_else_stays_as_it_is():
    card = (
        "# a\n| 1 | b&#124;c | 3 | y, z |\n| 0 | old | 1 | a |\nMine: a, **a**.\n\n**a**\n\n> a\n"
        "**b&#124;c**\n"
    )
    renamed = rename_in_card(card, {0: "a", 1: "b|c"}, {0: r"\1 <i>", 1: "a"})
    assert renamed == (
        "# a\n| 1 | a | 3 | y, z |\n| 0 | &#92;1 &#60;i&#62; | 1 | a |\nMine: a, **a**.\n\n"
        "**&#92;1 &#60;i&#62;**\n\n> a\n**a**\n"
    )


def test_scores_of_another_number_of_clusters_are_left_out():
    scores = {"cluster_probability": [0.5]}
    rows = cluster_rows([1, 3], {0: "a", 1: "b"}, scores=scores)
    assert [row["probability"] for row in rows] == ["–", "–"]


def test_scores_are_those_there_are():
    scores = score_rows({"eval_silhouette": 0.5, "eval_loss": 1.0})
    assert [row["name"] for row in scores] == ["silhouette"]
    assert score_rows({}) == []


def test_a_hub_id_is_no_path_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "texts").mkdir(parents=True)
    for local in ("owner", "owner/texts", "owner/", str(tmp_path), "./owner", "../owner"):
        assert hub_id(local) is None
    for elsewhere in ("/data/secret", "C:\\data", "~/data", "a/b/c", "my data", "", None):
        assert hub_id(elsewhere) is None
    assert hub_id("owner/topics") == "owner/topics" and hub_id("topics") == "topics"


def test_what_is_said_of_the_number_of_clusters():
    assert describe_num_clusters(8, "8, found between 2 and 200") == "8, found between 2 and 200"
    merged = describe_num_clusters(7, "8, found between 2 and 200")
    assert merged == "7, after edits; before: 8, found between 2 and 200"
    assert describe_num_clusters(7, merged) == merged
    assert describe_num_clusters(80, "8, given") == "80, after edits; before: 8, given"
    assert describe_num_clusters(8, None) == "8"  # a run that did not note it


@pytest.mark.parametrize("name", ["create_model_card", "push_to_hub", "save_model"])
def test_signatures_are_those_of_the_base_class(name):
    ours = inspect.signature(getattr(ClusteringTrainer, name))
    base = inspect.signature(getattr(Trainer, name))
    parameters = [
        [(p.name, p.kind, p.default) for p in s.parameters.values()] for s in (ours, base)
    ]
    assert parameters[0] == parameters[1]


@pytest.fixture
def untrained(encoder_dir, tokenizer, corpus, tmp_path):
    return build_trainer(encoder_dir, tokenizer, corpus[0], str(tmp_path / "run"))


@pytest.fixture
def trainer(untrained):
    untrained.train()
    return untrained


def card_of(trainer, **kwargs) -> ModelCard:
    trainer.create_model_card(**kwargs)
    return ModelCard.load(Path(trainer.args.output_dir, "README.md"))


def test_the_card_of_a_trained_model(trainer, corpus, tmp_path):
    trainer.model.config.base_model = "google-bert/bert-base-uncased"
    scores = {"eval_accuracy": 0.91234, "eval_silhouette": float("nan")}
    trainer.card = {
        "scores": scores,
        "dataset": "someone/texts",
        "keywords": [["pear"], ["moon"], ["<b>"]],
    }
    trainer.save_model()
    card = card_of(trainer)
    assert card.data.base_model == "google-bert/bert-base-uncased"
    assert card.data.datasets == ["someone/texts"]
    result = card.data.eval_results[0]
    assert (result.metric_value, result.dataset_type) == (0.9123, "someone/texts")
    assert card.data.metrics == ["accuracy"]  # what the card reports, and nothing else
    assert "| Accuracy | 0.912 |" in card.text and "Silhouette" not in card.text
    assert "&#60;b&#62;" in card.text and "<b>" not in card.text
    assert str(tmp_path) not in card.content and corpus[0][0] not in card.content
    assert yaml.safe_load(card.content.split("---\n")[1])["library_name"] == "transformers"
    assert "fine-tuned on 91 texts" in card.text and "- Number of clusters: 3, given" in card.text


def test_the_card_before_any_score(trainer, tmp_path):
    trainer.save_model()
    card = card_of(trainer)
    assert "Not measured yet" in card.text and card.data.eval_results is None
    assert card.data.metrics is None
    modules = json.loads((tmp_path / "run" / "modules.json").read_text())
    assert modules[2]["type"].endswith("Normalize")


def test_a_card_can_be_made_before_training(untrained):
    untrained.save_model()
    card = card_of(untrained)
    assert "has no clusters yet" in card.text and card.data.library_name == "transformers"
    assert "LABEL_0" not in card.text and "| cluster |" not in card.text
    assert "was fine-tuned" not in card.text and "How it was trained" not in card.text


@pytest.mark.parametrize("reading", ["head", "mean"])
def test_the_card_says_what_the_model_reads_of_long_texts(trainer, monkeypatch, reading):
    limit = trainer.processing_class.model_max_length
    monkeypatch.setattr(trainer.model.config, "long_documents", reading)
    said = f"the code below reads their first {limit} tokens" in card_of(trainer).text
    assert said == (reading == "mean")


def test_a_model_can_be_pushed_before_training(untrained, monkeypatch, tmp_path):
    uploads = []
    monkeypatch.setattr(HfApi, "upload_folder", lambda self, **kwargs: uploads.append(kwargs))
    untrained.hub_model_id = "owner/topics"
    untrained.push_to_hub("The first", revision="draft", license="mit", tags=["news"])
    (upload,) = uploads
    assert (upload["commit_message"], upload["revision"]) == ("The first", "draft")
    assert {"README.md", "model.safetensors"} < set(upload["allow_patterns"])
    card = ModelCard.load(tmp_path / "run" / "README.md")
    assert card.data.license == "mit" and "news" in card.data.tags
    assert "# topics\n" in card.text and "has no clusters yet" in card.text


def test_the_card_of_a_model_that_others_trained(trainer, tokenizer, corpus, tmp_path):
    """It has clusters, but this trainer knows neither their documents nor their training."""
    trainer.save_model()
    folder = trainer.args.output_dir
    other = build_trainer(folder, tokenizer, corpus[0][:20], str(tmp_path / "other"))
    other.save_model()
    card = card_of(other)
    assert "no clusters yet" not in card.text and "AutoModel.from_pretrained" in card.text
    assert "How it was trained" not in card.text and "0 texts" not in card.text


def test_what_the_base_class_takes_is_in_the_card(trainer):
    trainer.save_model()
    trainer.card = {"scores": {"eval_nmi": 0.5}, "dataset": "someone/texts"}
    given = {
        "language": "en",
        "license": "apache-2.0",
        "tags": "news",
        "model_name": "headlines",
        "finetuned_from": "owner/encoder",
        "tasks": "text-classification",
        "dataset_tags": ["owner/one", "owner/two"],
        "dataset": ["The first", "The second"],
        "dataset_args": ["small", "large"],
    }
    assert set(given) == set(inspect.signature(Trainer.create_model_card).parameters) - {"self"}
    card = card_of(trainer, **given)
    data = card.data
    assert (data.language, data.license, data.model_name) == ("en", "apache-2.0", "headlines")
    assert "news" in data.tags and "text-clustering" in data.tags
    assert data.base_model == "owner/encoder" and "# headlines\n" in card.text
    assert data.datasets == ["owner/one", "owner/two"]
    results = [(r.task_type, r.dataset_type, r.dataset_name) for r in data.eval_results]
    assert results == [
        ("text-classification", "owner/one", "The first"),
        ("text-classification", "owner/two", "The second"),
    ]
    assert [r.dataset_config for r in data.eval_results] == ["small", "large"]


def test_local_names_given_to_the_card_stay_out_of_it(trainer, tmp_path):
    (tmp_path / "hushed").mkdir()
    trainer.save_model()
    trainer.card = {"scores": {"eval_nmi": 0.5}}
    local = str(tmp_path / "hushed")
    card = card_of(trainer, finetuned_from=local, dataset_tags=local, dataset=local)
    assert "hushed" not in card.content
    assert card.data.datasets is None and card.data.eval_results[0].dataset_type == "own-texts"


@pytest.fixture
def run(monkeypatch):
    def call(*arguments) -> str:
        arguments = [
            "run_clustering.py",
            "--disable_tqdm",
            "true",
            "--use_cpu",
            *map(str, arguments),
        ]
        monkeypatch.setattr(sys, "argv", arguments)
        run_clustering.main()
        output_dir = Path(arguments[arguments.index("--output_dir") + 1])
        return (output_dir / "README.md").read_text(encoding="utf-8")

    return call


@pytest.fixture
def train(run, headless_dir, corpus, tmp_path, monkeypatch):
    """Train on a local folder that bears a secret name; the card."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hushed").mkdir()
    with open(tmp_path / "hushed" / "train.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "topic"], *zip(*corpus, strict=True)])

    def call(*more, dataset="hushed", model=headless_dir, output="run") -> str:
        source = ("--model_name_or_path", model, "--dataset_name", dataset, "--do_train")
        return run(*source, "--label_column", "topic", "--output_dir", tmp_path / output, *more)

    return call


@pytest.mark.parametrize("is_absolute", [False, True])
def test_the_card_of_a_local_dataset_has_no_trace_of_it(train, tmp_path, is_absolute):
    dataset = str(tmp_path / "hushed") if is_absolute else "hushed"
    card = train("--num_clusters", 3, dataset=dataset)
    assert "Accuracy" in card and "own-texts" in card
    assert "hushed" not in card and str(tmp_path) not in card


def limits(card: str) -> str:
    return re.search(r"^- Number of clusters: (.*); every text gets one", card, re.MULTILINE)[1]


def test_the_card_says_where_the_number_of_clusters_is_from(train, run, tmp_path):
    card = train("--num_clusters", "auto", "--min_clusters", 3, "--max_clusters", 6)
    number = len(json.loads((tmp_path / "run" / "config.json").read_text())["id2label"])
    found = f"{number}, found between 3 and 6"
    assert limits(card) == found and f"- Number of clusters: {found}\n" in card
    assert "was given" not in card

    merge = ("--do_report", "--merge", "0,1", "--output_dir", tmp_path / "merged")
    card = run("--model_name_or_path", tmp_path / "run", *merge)
    assert limits(card) == f"{number - 1}, after edits; before: {found}"
    card = train(model=tmp_path / "run", output="on")
    assert limits(card) == f"{number}, kept from the model"
    assert limits(train("--num_clusters", 3, output="given")) == "3, given"
