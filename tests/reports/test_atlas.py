"""`results/atlas/`: what Embedding Atlas opens."""

import shlex
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from bert_clustering.reports.atlas import ATLAS, LABELS, TEXTS, atlas_command, write_atlas
from bert_clustering.reports.console import describe
from bert_clustering.reports.levels import Level
from bert_clustering.reports.page import MAX_POINTS, render
from bert_clustering.texts.attributes import Attributes
from helpers import HOSTILE, make_result


@pytest.fixture
def tables(tmp_path) -> list:
    """What is written of four texts and a row without one, in two of three clusters."""
    columns = {"sent": ["2024-05-01", "", "?", "2024-05-03", ""], "region": list("nssnn")}
    result = make_result(
        ["a pear", None, HOSTILE[0], HOSTILE[4].replace("\ud83d", ""), "a fig"],
        [0, 1, 1, 0],
        ["fruit", "<b>space", "nothing"],
        ids=["007", "b", None, 4, "d"],
        attributes=Attributes(columns, "sent", ("region",)),
        levels=[Level(np.array([0, 1, 1]), ["food", "rest"])],
        assigned=np.array([0, 1, 1, -1]),
    )
    write_atlas(tmp_path, result)
    assert sorted(path.name for path in (tmp_path / ATLAS).iterdir()) == [LABELS, TEXTS]
    return [parquet.read_table(tmp_path / ATLAS / name) for name in (TEXTS, LABELS)] + [result]


def test_texts_stand_in_input_order_with_all_that_is_known_of_them(tables):
    texts, _, result = tables
    table = texts.to_pydict()
    levels = ["cluster_1", "label_1", "probability_1"]
    kept = ["sent", "region"]
    assert list(table) == [
        *["id", "cluster", "label", "probability", *levels, "x", "y", "text", *kept]
    ]
    assert table["id"] == ["007", None, "4", "d"] and table["text"] == result.texts
    assert table["cluster"] == [0, 1, 1, -1]
    assert table["label"] == ["fruit", "<b>space", "<b>space", "outlier"]
    assert table["cluster_1"] == [0, 1, 1, -1]
    assert table["label_1"] == ["food", "rest", "rest", "outlier"]
    assert table["probability"] == pytest.approx(result.probabilities.tolist())
    assert np.column_stack([table["x"], table["y"]]) == pytest.approx(result.positions)
    assert table["sent"] == [datetime(2024, 5, 1), None, datetime(2024, 5, 3), None]
    assert table["region"] == list("nsnn")


def test_names_stand_amid_the_texts_of_their_clusters(tables):
    _, labels, result = tables
    table = labels.to_pydict()
    assert list(table) == ["x", "y", "text", "content", "level", "priority"]
    assert table["text"] == table["content"] == ["fruit", "<b>space"], "none of an empty cluster"
    assert table["priority"] == [2, 2] and table["level"] == [0, 0]
    assert np.column_stack([table["x"], table["y"]]) == pytest.approx(result.middles[:2])


def test_the_command_names_the_tables_whatever_the_folder_is_called():
    assert atlas_command(Path()) == (
        "embedding-atlas results/atlas/texts.parquet --text text --x x --y y "
        "--labels results/atlas/labels.parquet"
    )
    parts = shlex.split(atlas_command(Path("my run; $HOME")))
    assert parts[1] == "my run; $HOME/results/atlas/texts.parquet"
    assert parts[-1] == "my run; $HOME/results/atlas/labels.parquet"


def test_it_is_told_of_where_the_page_shows_a_part():
    half = MAX_POINTS // 2 + 1
    many = make_result(["a", "b"] * half, [0, 1] * half, ["a", "b"])
    few = make_result(["a", "b"], [0, 1], ["a", "b"])
    command = atlas_command(Path("run"))
    assert f"<code>{command}</code>" in render(many, folder="run")
    assert "embedding-atlas" not in render(many) + render(few, folder="run")
    assert command in describe(many, Path("run"))[-2]
    assert "embedding-atlas" not in "".join(describe(few, Path("run")))
