"""Levels as reports show them: the tree, the tables and what a front end gets."""

import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from openpyxl import load_workbook

from bert_clustering.configuration_bert_cluster import BertClusterConfig
from bert_clustering.reports.files import Assignment, write_assignments
from bert_clustering.reports.levels import Level, coarser_probabilities, levels_of, make_tree
from bert_clustering.reports.page import render
from bert_clustering.reports.spreadsheet import write_spreadsheet
from bert_clustering.reports.topics import make_topics, topic_mix, topic_rows
from helpers import make_result


SCHEMA = Path(__file__).parents[2] / "reports" / "topics.schema.json"
LABELS = ["pear", "moon", "fig", "<b>loan"]
LEVELS = [
    Level(np.array([0, 1, 0, 1]), ["things", "<i>rest"], [["thing"], ["rest"]]),
    Level(np.array([1, 2, 1, 0]), ["=money", "fruit", "space"], [["money"], ["fruit"], []]),
]


@pytest.fixture
def result():
    texts = ["a pear", "a moon", "a fig", "a plum", None, "a loan"]
    return make_result(texts, [0, 1, 2, 2, 3], LABELS, levels=LEVELS)


def test_the_tree_holds_each_cluster_once_with_sizes_that_add_up(result):
    tree = make_tree(LEVELS, LABELS, result.sizes)
    assert [(node["label"], node["size"], node["finest"]) for node in tree] == [
        ("things", 3, [0, 2]),
        ("<i>rest", 2, [1, 3]),
    ]
    fruit = tree[0]["children"][0]
    assert fruit["label"] == "fruit" and fruit["share"] == pytest.approx(0.6)
    assert [leaf["label"] for leaf in fruit["children"]] == ["fig", "pear"]  # by size
    assert {node["label"] for node in tree[1]["children"]} == {"space", "=money"}
    assert make_tree([], LABELS, result.sizes) == []


def test_the_table_has_columns_for_each_coarser_level(result, tmp_path):
    path, outlier = tmp_path / "clusters.csv", np.array([0, -1, 2, 2, 3])
    part = Assignment(result.documents, outlier, result.probabilities, result.coarser_probabilities)
    id2label = dict(enumerate(LABELS))
    write_assignments(path, [part], id2label, result.positions, LEVELS)
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ["cluster_1", "label_1", "probability_1", "cluster_2", "label_2", "probability_2"]
    assert list(rows[0]) == [
        *("id", "cluster", "label", "probability"),
        *names,
        *("x", "y", "text"),
    ]
    assert [rows[0][name] for name in ("cluster_1", "label_1", "cluster_2", "label_2")] == [
        *("0", "things", "1", "fruit")
    ]
    assert float(rows[0]["probability_2"]) == pytest.approx(result.q[0, [0, 2]].sum(), abs=1e-5)
    assert [rows[1][name] for name in ("cluster", "cluster_1", "label_2")] == [
        "-1",
        "-1",
        "outlier",
    ]
    assert rows[4]["cluster_2"] == rows[4]["label_1"] == ""
    assert rows[5]["label_2"] == "'=money"
    write_assignments(path, [(result.documents, outlier, result.probabilities)], id2label)
    assert path.read_text().splitlines()[0] == "id,cluster,label,probability,text"


def test_the_more_a_level_holds_the_surer_it_is():
    q = np.random.default_rng(0).dirichlet(np.ones(4), size=30).astype(np.float32)
    clusters = q.argmax(axis=1)
    found = coarser_probabilities(q, clusters, LEVELS)
    assert (found[:, 0] >= found[:, 1] - 1e-6).all()
    assert (found[:, 1] >= q.max(axis=1) - 1e-6).all()


def test_a_front_end_gets_parents_and_children(result):
    topics = json.loads(json.dumps(make_topics(result), allow_nan=False))
    jsonschema.validate(topics, json.loads(SCHEMA.read_text(encoding="utf-8")))
    coarse, middle = topics["payload"]["levels"]
    assert [row["parent"] for row in topics["payload"]["intertopic_map"]] == [1, 2, 1, 0]
    assert [row["parent"] for row in middle] == [1, 0, 1]
    assert [row["children"] for row in coarse] == [[1], [0, 2]]
    assert [row["size"] for row in middle] == [1, 3, 1] and coarse[0]["parent"] is None
    for number, row in enumerate(coarse):
        assert all(middle[child]["parent"] == number for child in row["children"])


def test_topics_and_the_mix_of_a_text_name_the_levels(result):
    assert topic_rows(result)[0]["label_1"] == "things"
    mix = topic_mix("a pear", np.array([0.3, 0.1, 0.2, 0.4]), LABELS, LEVELS)
    assert [topic["name"] for topic in mix["levels"][1]] == ["fruit", "=money", "space"]
    assert mix["levels"][0][0]["value"] == pytest.approx(0.5)
    assert "levels" not in topic_mix("a pear", np.array([0.5, 0.5]), ["a", "b"])


def test_the_page_has_a_tree_with_labels_escaped(result):
    page = render(result)
    tree = page[page.index('id="levels"') : page.index('id="clusters-title"')]
    assert tree.count("<details") == 5 and tree.count('class="leaf"') == 4
    assert "&lt;i&gt;rest" in tree and "<i>rest" not in tree and "<b>loan" not in tree
    assert 'data-finest="0 2"' in tree and "60.0%" in tree


def test_a_spreadsheet_names_the_levels(result, tmp_path):
    write_spreadsheet(tmp_path / "topics.xlsx", result)
    sheet = load_workbook(tmp_path / "topics.xlsx")["Clusters"]
    head, first, *_ = sheet.values
    assert head[:5] == ("cluster", "label", "label_1", "label_2", "texts")
    assert first[:5] == (2, "fig", "things", "fruit", 2)


def test_without_levels_there_is_no_trace_of_them():
    result = make_result(["a pear", "a moon"], [0, 1], ["fruit", "space"])
    assert 'id="levels"' not in render(result) and "label_1" not in topic_rows(result)[0]
    payload = make_topics(result)["payload"]
    assert "levels" not in payload and "parent" not in payload["intertopic_map"][0]


def test_a_model_without_names_for_its_levels_gets_numbers():
    config = BertClusterConfig(num_clusters=3, levels=[[0, 1, 1]])
    assert levels_of(config)[0].labels == ["cluster 0", "cluster 1"]
    assert levels_of(BertClusterConfig(num_clusters=3)) == []
