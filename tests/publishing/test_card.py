"""The model card: escaped, complete, and without what was not measured."""

import html
import json

import pytest
import yaml
from huggingface_hub import ModelCard

from bert_clustering.publishing.card import cluster_rows, escape_markdown, score_rows


def test_marks_of_markdown_and_html_are_escaped():
    hostile = "<script>alert('1')</script> | `rm` [x](http://y) **b** <!-- \n# title &amp; ~~"
    escaped = escape_markdown(hostile)
    assert not set("<>|`[]*'~\n") & set(escaped)
    assert html.unescape(escaped) == hostile.replace("\n", "").replace("  ", " ")
    assert escape_markdown("plain words, 12") == "plain words, 12"


def test_rows_are_sorted_by_size():
    scores = {"cluster_probability": [0.5, 0.75, 0.0], "cluster_stability": [None, 0.8, None]}
    rows = cluster_rows(
        [1, 3, 0], {0: "a", 1: "b|c", 2: "d"}, [["x"], ["y", "z"], []], scores=scores
    )
    assert [row["cluster"] for row in rows] == [1, 0, 2]
    assert [(row["probability"], row["stability"]) for row in rows[:2]] == [
        ("0.75", "0.80"),
        ("0.50", "–"),
    ]
    scores = {"cluster_probability": [0.5]}  # of another number of clusters
    assert [
        row["probability"] for row in cluster_rows([1, 3], {0: "a", 1: "b"}, scores=scores)
    ] == ["–", "–"]
    assert (
        rows[0]["label"] == "b&#124;c"
        and rows[0]["share"] == 0.75
        and rows[0]["keywords"] == "y, z"
    )


def test_scores_are_those_there_are():
    assert [row["name"] for row in score_rows({"eval_silhouette": 0.5, "eval_loss": 1.0})] == [
        "silhouette"
    ]
    assert score_rows({}) == []


@pytest.fixture
def trainer(encoder_dir, tokenizer, corpus, tmp_path):
    from bert_clustering.modeling_bert_cluster import BertForClustering
    from bert_clustering.trainer import ClusteringTrainer, ClusteringTrainingArguments

    args = ClusteringTrainingArguments(
        str(tmp_path / "run"), report_to=[], use_cpu=True, disable_tqdm=True
    )
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    trainer = ClusteringTrainer(model, args, train_dataset=corpus[0], processing_class=tokenizer)
    trainer.train()
    return trainer


def test_the_card_of_a_trained_model(trainer, corpus, tmp_path):
    trainer.model.config.base_model = "google-bert/bert-base-uncased"
    scores = {"eval_accuracy": 0.91234, "eval_silhouette": float("nan")}
    trainer.card = {
        "scores": scores,
        "dataset": "someone/texts",
        "keywords": [["pear"], ["moon"], ["<b>"]],
    }
    trainer.save_model()
    trainer.create_model_card()
    card = ModelCard.load(tmp_path / "run" / "README.md")
    assert card.data.base_model == "google-bert/bert-base-uncased" and card.data.datasets == [
        "someone/texts"
    ]
    assert card.data.eval_results[0].metric_value == 0.9123
    assert "| Accuracy | 0.912 |" in card.text and "Silhouette" not in card.text
    assert "&#60;b&#62;" in card.text and "<b>" not in card.text
    assert str(tmp_path) not in card.content and corpus[0][0] not in card.content
    assert yaml.safe_load(card.content.split("---\n")[1])["library_name"] == "transformers"


def test_the_card_before_any_score(trainer, tmp_path):
    trainer.save_model()
    trainer.create_model_card()
    card = ModelCard.load(tmp_path / "run" / "README.md")
    assert "Not measured yet" in card.text and card.data.eval_results is None
    assert json.loads((tmp_path / "run" / "modules.json").read_text())[2]["type"].endswith(
        "Normalize"
    )
