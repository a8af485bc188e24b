"""CSV, JSON and NumPy files."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from bert_clustering.reports.files import (
    plain_text,
    replacing,
    safe_cell,
    write_assignments,
    write_embeddings,
    write_json,
)
from bert_clustering.texts.attributes import Attributes
from bert_clustering.texts.documents import make_documents
from helpers import read_rows


@pytest.mark.parametrize("positions", [np.array([[0.5, -1.25], [2, 3]]), None])
def test_assignments_keep_rows_order_and_ids(positions, tmp_path):
    columns = {"id": ["007", "b", "c"], "text": ['one, "two"\nthree', "", "🙂 four"]}
    documents = make_documents(columns, "a.csv", id_column="id", skip_bad_rows=True)
    path = tmp_path / "results" / "clusters.csv"
    parts = [(documents, np.array([1, 0]), np.array([0.75, 1.0]))]
    assert write_assignments(path, parts, {0: "zero", 1: "one"}, positions) == 3
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


def test_columns_that_are_kept_follow_the_text_as_text(tmp_path):
    kept = Attributes({"=region": ["=north", "south"], "sent": ["2024-05-01", ""]})
    documents = make_documents({"text": ["a", None]}, "a.csv", skip_bad_rows=True)
    documents = replace(documents, attributes=kept)
    write_assignments(tmp_path / "a.csv", [(documents, np.array([0]), np.ones(1))], {0: "x"})
    first, second = read_rows(tmp_path / "a.csv")
    assert list(first) == ["id", "cluster", "label", "probability", "text", "'=region", "sent"]
    assert [*first.values()][4:] == ["a", "'=north", "2024-05-01"]
    assert [*second.values()] == ["1", "", "", "", "", "south", ""]


def test_json_is_strict_and_keeps_nothing_of_what_was_there(tmp_path):
    path = tmp_path / "all_results.json"
    write_json(path, {"a": 1, "b": 0.5})
    write_json(path, {"b": math.nan, "c": math.inf})
    assert json.loads(path.read_text()) == {"b": None, "c": None}


def test_rows_are_counted_over_all_parts_and_outliers_have_a_name(tmp_path):
    parts = [
        (make_documents({"text": texts}, "a.csv"), np.array(clusters), np.ones(len(texts)))
        for texts, clusters in ((["a", "b"], [0, -1]), (["c"], [1]))
    ]
    assert write_assignments(tmp_path / "a.csv", iter(parts), {0: "x", 1: "y"}) == 3
    assert [row["label"] for row in read_rows(tmp_path / "a.csv")] == ["x", "outlier", "y"]
    assert write_assignments(tmp_path / "none.csv", [], {}) == 0


def test_embeddings_are_read_back(tmp_path):
    embeddings = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_embeddings(tmp_path / "results" / "embeddings.npy", embeddings)
    np.testing.assert_array_equal(np.load(tmp_path / "results" / "embeddings.npy"), embeddings)


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
