"""Files and tables that people read."""

import csv
import json
import math

import numpy as np
import pytest

from bert_clustering.reports.files import (
    cluster_table,
    nearest_documents,
    one_line,
    plain_text,
    replacing,
    safe_cell,
    score_table,
    write_assignments,
    write_json,
)
from bert_clustering.texts.documents import make_documents


def read_rows(path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("positions", [np.array([[0.5, -1.25], [2, 3]]), None])
def test_assignments_keep_rows_order_and_ids(positions, tmp_path):
    columns = {"id": ["007", "b", "c"], "text": ['one, "two"\nthree', "", "🙂 four"]}
    documents = make_documents(columns, "a.csv", id_column="id", skip_bad_rows=True)
    path = tmp_path / "results" / "clusters.csv"
    parts = [(documents, np.array([1, 0]), np.array([0.75, 1.0]))]
    write_assignments(path, parts, {0: "zero", 1: "one"}, positions)
    first, second, none = ({}, {}, {})
    if positions is not None:
        first, second, none = (
            {"x": "0.5000", "y": "-1.2500"},
            {"x": "2.0000", "y": "3.0000"},
            {"x": "", "y": ""},
        )
    expected = [
        {
            "id": "007",
            "cluster": "1",
            "label": "one",
            "probability": "0.750000",
            **first,
            "text": 'one, "two"\nthree',
        },
        {"id": "b", "cluster": "", "label": "", "probability": "", **none, "text": ""},
        {
            "id": "c",
            "cluster": "0",
            "label": "zero",
            "probability": "1.000000",
            **second,
            "text": "🙂 four",
        },
    ]
    assert read_rows(path) == expected
    assert list(read_rows(path)[0]) == list(expected[0])


FORMULAS = ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", "'=1", "''-1", "'+"]
HARMLESS = ["1+1", "'tis", "''", "'", "a=b", " =1", "", "🙂"]


@pytest.mark.parametrize("text", FORMULAS + HARMLESS)
def test_no_cell_is_a_formula_and_each_can_be_read_back(text):
    assert safe_cell(text) == (f"'{text}" if text in FORMULAS else text)
    assert plain_text(safe_cell(text)) == text


def test_formulas_in_texts_and_labels_are_neutralised_but_not_in_ids(tmp_path):
    documents = make_documents(
        {"id": ["=1", "-2"], "text": ["=cmd()", "plain"]}, "a.csv", id_column="id"
    )
    write_assignments(
        tmp_path / "a.csv", [(documents, np.array([0, 1]), np.ones(2))], {0: "@a", 1: "b"}
    )
    rows = [(row["id"], row["label"], row["text"]) for row in read_rows(tmp_path / "a.csv")]
    assert rows == [("=1", "'@a", "'=cmd()"), ("-2", "b", "plain")]


def test_json_is_strict_and_adds_to_what_is_there(tmp_path):
    path = tmp_path / "all_results.json"
    write_json(path, {"a": 1, "b": 0.5})
    write_json(path, {"b": math.nan, "c": math.inf})
    assert json.loads(path.read_text()) == {"a": 1, "b": None, "c": None}


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write("half")
        raise RuntimeError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    with replacing(path, "wb") as file:
        file.write(b"\xff")
    assert path.read_bytes() == b"\xff" and list(tmp_path.iterdir()) == [path]


def test_nearest_documents_are_distinct_texts():
    embeddings = np.array([[0.0], [0.1], [0.1], [0.3], [0.5], [5.0]])
    texts = ["a", "b", "b", "c", "d", "e"]
    nearest = nearest_documents(
        embeddings, np.array([[0.0], [5.5], [9.0]]), np.array([0, 0, 0, 0, 0, 1]), texts
    )
    assert nearest == [[0, 1, 3], [5], []]


def test_near_duplicates_of_nearer_documents_are_skipped():
    texts = [
        "the red car is fast and loud",
        "The red car is fast and LOUD",
        "a red car is fast and loud",
        "a blue sea",
    ]
    nearest = nearest_documents(
        np.arange(4.0)[:, None], np.zeros((1, 1)), np.zeros(4, dtype=int), texts, count=3
    )
    assert nearest == [[0, 2, 3]], "one word of eight differs: 6 of 8 are shared"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain", "plain"),
        ("two\r\nlines\t\x00here", "two lines here"),
        ("\x1b[2Jwipe", "[2Jwipe"),
        ("right\u202eleft", "right left"),
        ("x" * 100, "x" * 19 + "…"),
        ("x" * 10_000_000, "x" * 19 + "…"),
    ],
)
def test_a_text_is_shown_on_one_harmless_line(text, shown):
    assert one_line(text, width=20) == shown


def test_tables_show_sizes_texts_and_scores():
    about = (np.array([0, 1, 1]), [[0], [2, 1]], ["one", "two", "three"], ["A", "B"])
    lines = list(cluster_table(*about, np.array([0.5, 0.75]), [None, 0.8]))
    assert lines == [
        *("B: 2 documents (66.7%), probability 0.75, stability 0.80", "    three", "    two"),
        *("A: 1 documents (33.3%), probability 0.50", "    one"),
    ]
    assert list(score_table({"eval_silhouette": 0.3})) == []
    metrics = {
        f"{stage}_{name}": 0.5
        for stage in ("kmeans", "eval")
        for name in ("accuracy", "nmi", "ari", "purity")
    }
    table = "\n".join(score_table(metrics))
    assert "k-means" in table and "final" in table and "start" not in table
