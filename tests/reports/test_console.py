"""What a terminal shows."""

from pathlib import Path

import numpy as np
import pytest

from bert_clustering.reports.console import describe, one_line
from helpers import make_result


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


def test_a_table_shows_sizes_trust_and_texts_the_largest_first():
    about = {
        "probabilities": np.array([0.5, 0.7, 0.8]),
        "metrics": {"cluster_stability": [None, 0.8]},
    }
    result = make_result(["one", "two\nlines", "three"], [0, 1, 1], ["A", "B"], **about)
    first, *texts, second, text, stable, report = describe(result, Path("run"))
    assert first == "B: 2 documents (66.7%), probability 0.75, stability 0.80"
    assert second == "A: 1 document (33.3%), probability 0.50"
    assert sorted(texts) == ["    three", "    two lines"] and text == "    one"
    assert stable == "Stable: 1 of 1 clusters."
    assert report == f"Report: {Path('run', 'results', 'report.html')}"


def test_stages_stand_side_by_side_where_there_are_gold_classes():
    names = ("accuracy", "nmi", "ari", "purity")
    metrics = {f"{stage}_{name}": 0.5 for stage in ("kmeans", "eval") for name in names}
    result = make_result(["one", "two"], [0, 1], ["A", "B"], metrics=metrics)
    heads = [line.split()[0] for line in describe(result, Path("run"))[-4:-1]]
    assert heads == ["against", "k-means", "final"]
    without = {name: value for name, value in metrics.items() if "eval" not in name}
    result = make_result(["one", "two"], [0, 1], ["A", "B"], metrics=without)
    assert not [line for line in describe(result, Path("run")) if "k-means" in line]


def test_outliers_are_counted_where_they_were_asked_for():
    texts, clusters = ["one", "two", "three"], [0, 1, 1]
    told = [
        "\n".join(describe(make_result(texts, clusters, ["A", "B"], metrics=metrics), Path("run")))
        for metrics in ({}, {"outliers": 0}, {"outliers": 1})
    ]
    assert "nowhere" not in told[0] and "0 of 3 documents belong nowhere" in told[1]
    assert "1 of 3 documents belong nowhere: cluster -1 in the CSV." in told[2]


def test_edits_tell_how_many_documents_stayed_where_they_were():
    before = np.array([0, 0, 1, -1])
    result = make_result(["a", "b", "c", "d"], [0, 1, 1, 1], ["A", "B"], before_edits=before)
    assert "2 of 3 documents are in the cluster that they were in, as it is edited." in describe(
        result, Path("run")
    )
