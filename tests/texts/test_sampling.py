"""A sample that is drawn while a table is read."""

import json
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chisquare

from bert_clustering import InputError
from bert_clustering.texts.documents import draw_with
from bert_clustering.texts.sampling import draw_table, known_first
from bert_clustering.texts.shards import read_shards
from bert_clustering.texts.tables import join_batches


def batches(num_rows, *sizes):
    """Rows 0, 1, ... in batches of these sizes, the last of which repeats."""
    start = 0
    while start < num_rows:
        size, sizes = sizes[0], sizes[1:] or sizes
        rows = range(start, min(start + size, num_rows))
        yield {"text": [f"text {row}" for row in rows], "n": [*rows], "unread": []}
        start += size


def test_every_set_of_rows_is_drawn_equally_often():
    """All 56 sets of three of eight rows, which pass in batches of three."""
    drawn = Counter(
        tuple(draw_table(batches(8, 3), 3, seed).columns["n"]) for seed in range(56 * 100)
    )
    sets = [*combinations(range(8), 3)]
    assert set(drawn) == set(sets)
    assert chisquare([drawn[rows] for rows in sets]).pvalue > 1e-3


@pytest.mark.parametrize("sizes", [(1,), (7,), (100,), (90, 1, 4), (40, 3)])
def test_the_sample_is_in_order_and_does_not_depend_on_the_batches(sizes):
    found = draw_table(batches(100, *sizes), 12, seed=4, wanted=("text", "n"))
    assert found.rows == draw_with(np.empty(0, dtype=int), 100, 12, seed=4).tolist()
    assert found.rows == sorted(found.rows) and found.num_rows == 100
    assert found.columns == {
        "text": [f"text {row}" for row in found.rows],
        "n": found.rows,
        "unread": [],
    }
    assert found.rows != draw_table(batches(100, *sizes), 12, seed=5).rows


def test_fewer_rows_than_are_asked_for_are_all_of_them():
    found = draw_table(batches(9, 4), 50, seed=0, wanted=("n",))
    assert found.columns == {"text": [], "n": [*range(9)], "unread": []}
    assert draw_table([], 5, seed=0) == ({}, [], 0)


def test_a_column_that_some_shards_lack_is_empty_there():
    parts = [{"a": ["x"] * 5}, {"a": ["y"] * 5, "b": [*range(5)]}, {"b": [*range(5, 10)]}]
    found = draw_table(parts, 9, seed=1)
    for row, a, b in zip(found.rows, found.columns["a"], found.columns["b"], strict=True):
        assert a == (["x"] * 5 + ["y"] * 5 + [None] * 5)[row]
        assert b == ([None] * 5 + [*range(10)])[row]
    assert join_batches(parts, "x") == {
        "a": ["x"] * 5 + ["y"] * 5 + [None] * 5,
        "b": [None] * 5 + [*range(10)],
    }


@pytest.mark.parametrize("in_parts", [False, True])
def test_rows_of_which_something_is_known_come_first(in_parts, tmp_path):
    topics = tmp_path / "topics.json"
    examples = ["text 61", 17, *(["half  of all its words"] if in_parts else [])]
    content = {"topics": [{"name": "a", "examples": examples}], "apart": [["text 3", "text 4"]]}
    topics.write_text(json.dumps(content))
    first = known_first("label", str(topics), "text", None, in_parts)

    def rows():
        for batch in batches(100, 10):
            labels = ["b" if n == 99 else "" for n in batch["n"]]
            texts = [
                "This is\nhalf of all its words. More." if n == 50 else f"text {n}"
                for n in batch["n"]
            ]
            yield batch | {"label": labels, "text": texts}

    known = {3, 4, 17, 61, 99} | ({50} if in_parts else set())
    assert known < set(draw_table(rows(), 10, 0, comes_first=first).rows)
    assert set(draw_table(rows(), 2, 0, comes_first=first).rows) < known
    assert known_first(None, None, "text", "id") is None


def test_shards_of_several_formats_are_one_source(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("text,key\none,1\ntwo,2\n")
    (tmp_path / "in" / "b.jsonl").write_text('{"text": "three", "key": "3"}\n')
    for source in (tmp_path / "in", tmp_path / "in" / "*"):
        columns = join_batches(read_shards(str(source), str(tmp_path / "out")), "in")
        assert columns == {"text": ["one", "two", "three"], "key": ["1", "2", "3"]}
    with pytest.raises(InputError, match="lies in"):
        next(read_shards(str(tmp_path / "in"), str(tmp_path / "in" / "out")))


def test_a_file_with_a_star_in_its_name_is_a_file(tmp_path):
    (tmp_path / "a[1]*.csv").write_text("text\none\n")
    (read,) = read_shards(str(tmp_path / "a[1]*.csv"), str(tmp_path / "out"))
    assert read == {"text": ["one"]}
