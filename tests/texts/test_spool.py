"""A file that is read once: checked as a whole, held on disk, handed out batch by batch."""

import builtins
import csv
import gzip
import io
import json
import tracemalloc

import pyarrow
import pytest

from bert_clustering.errors import InputError
from bert_clustering.texts import spool_documents, stream_documents


ROWS = [
    {"id": "007", "text": "one"},
    {"id": 7, "text": "two\nlines, \0"},
    {"id": 1.50, "text": None},
    {"id": None, "text": "six"},
    {"id": True, "text": 2.5},
    {"id": [1, "x"], "text": "half \ud83d"},
    {"id": "", "text": " \t"},
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, ROWS)).encode()))
    return path


def as_csv(parts) -> str:
    file = io.StringIO(newline="")
    for part in parts:
        rows = zip(part.ids, part.texts, part.usable.tolist(), strict=True)
        csv.writer(file).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize("arguments", [{}, {"id_column": "id"}])
def test_batches_are_those_of_the_stream(arguments, path):
    arguments |= {"size": 3, "skip_bad_rows": True}
    streamed = list(stream_documents(str(path), **arguments))
    spooled = spool_documents(str(path), **arguments)
    for _ in range(2):  # as often as one likes
        parts = list(spooled)
        assert [len(part) for part in parts] == [3, 3, 1]
        assert as_csv(parts) == as_csv(streamed)
        for part, expected in zip(parts, streamed, strict=True):
            assert part.usable_texts == expected.usable_texts
            assert [id_ is None for id_ in part.ids] == [id_ is None for id_ in expected.ids]
            assert [text is None for text in part.texts] == [t is None for t in expected.texts]


def test_gold_classes_are_kept_where_the_file_has_them(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"text": "one", "topic": "a"}, {"text": "two", "topic": 7}, {"text": "three"}]
    path.write_text("\n".join(map(json.dumps, rows[:2])))
    parts = list(spool_documents(str(path), size=1, label_column="topic"))
    assert [part.usable_classes.tolist() for part in parts] == [["a"], ["7"]]
    assert all(part.classes is None for part in spool_documents(str(path), label_column="none"))
    assert all(part.classes is None for part in spool_documents(str(path)))
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match="row 3 has no gold class in column 'topic'"):
        spool_documents(str(path), label_column="topic")


def test_two_can_go_through_at_once(path):
    spooled = spool_documents(str(path), size=2, skip_bad_rows=True)
    first, second = iter(spooled), iter(spooled)
    assert next(first).texts == next(second).texts == ["one", "two\nlines, \0"]
    assert next(first).ids == next(second).ids == ["2", "3"]


def test_a_bad_row_shows_before_the_first_batch(path):
    with pytest.raises(InputError, match="the text of row 3 is empty"):
        spool_documents(str(path), size=1)
    with pytest.raises(InputError, match="there is no such file"):
        spool_documents(f"{path}.txt")


def test_the_file_is_opened_once(path, monkeypatch):
    opened, really_open = [], builtins.open

    def count(file, *args, **kwargs):
        opened.append(str(file))
        return really_open(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", count)
    spooled = spool_documents(str(path), size=2, skip_bad_rows=True)
    path.unlink()  # what follows does not need it
    assert sum(len(part) for part in spooled) == sum(len(part) for part in spooled) == len(ROWS)
    assert opened.count(str(path)) == 1


def test_nothing_is_left_on_disk(path, tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    spooled = spool_documents(str(path), folder=str(folder), size=2, skip_bad_rows=True)
    assert next(iter(spooled)).texts[0] == "one" and not list(folder.iterdir())
    with pytest.raises(InputError):
        spool_documents(str(path), folder=str(folder), size=2)
    assert not list(folder.iterdir())


def test_documents_lie_where_they_shall(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        spool_documents(str(path), folder=str(tmp_path / "none"), skip_bad_rows=True)


@pytest.mark.filterwarnings("error")
def test_memory_holds_a_batch(tmp_path):
    """A million characters per row, 64 rows: what Python and Arrow hold stays far below."""
    path = tmp_path / "a.txt"
    with open(path, "w") as file:
        file.writelines(f"{row}{'x' * 1_000_000}\n" for row in range(64))
    before = pyarrow.total_allocated_bytes()
    tracemalloc.start()
    for part in spool_documents(str(path), size=2):
        assert len(part) == 2 and pyarrow.total_allocated_bytes() - before < 16e6
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6


def test_columns_that_are_kept_come_back_in_every_batch(tmp_path):
    rows = [{"text": "one", "n": row["id"]} for row in ROWS]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    parts = list(spool_documents(str(path), size=3, keep_columns=["n", "missing"]))
    kept = [part.attributes.columns for part in parts]
    assert [list(columns) for columns in kept] == [["n"]] * 3
    written = [value for columns in kept for value in columns["n"]]
    assert written == ["007", "7", "1.5", "", "True", "[1, 'x']", ""]
    plain = spool_documents(str(path), keep_columns=["missing"])
    assert [part.attributes for part in plain] == [None]
