"""Files to documents: every format gives the same rows, ids and order are kept, what is bad is
named.
"""

import csv
import dataclasses
import gzip
import io
import json
import re

import numpy as np
import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from bert_clustering.errors import InputError
from bert_clustering.texts import (
    Documents,
    check_classes_differ,
    check_enough_documents,
    make_documents,
    read_batches,
    read_columns,
    stream_documents,
)
from bert_clustering.texts.unpacking import check_unpacked


ROWS = [
    {"id": "007", "text": 'one, "two"\nthree', "label": "a"},
    {"id": "1e5", "text": "naïve 漢字 🙂", "label": "b"},
    {"id": "NA", "text": "null", "label": "a"},
]


def write_csv(path, delimiter=","):
    def quoted(value):
        return '"' + value.replace('"', '""') + '"'

    lines = [delimiter.join(["id", "text", "label"])]
    lines += [delimiter.join(quoted(row[name]) for name in ("id", "text", "label")) for row in ROWS]
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8-sig")


def write_xlsx(path):
    book = openpyxl.Workbook()
    book.active.append(["id", "text", "label"])
    for row in ROWS:
        book.active.append([row["id"], row["text"], row["label"]])
    book.save(path)


WRITERS = {
    ".csv": write_csv,
    ".tsv": lambda path: write_csv(path, "\t"),
    ".json": lambda path: path.write_text(json.dumps(ROWS), encoding="utf-8"),
    ".jsonl": lambda path: path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8"),
    ".parquet": lambda path: pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path),
    ".xlsx": write_xlsx,
}


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_rows_unaltered(ending, gzipped, tmp_path):
    path = tmp_path / f"texts{ending}"
    WRITERS[ending](path)
    if gzipped:
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed
    documents = make_documents(
        read_columns(str(path)), str(path), label_column="label", id_column="id"
    )
    assert documents.ids == [row["id"] for row in ROWS]
    assert documents.texts == [row["text"] for row in ROWS]
    assert documents.classes.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("ending", WRITERS)
def test_batches_are_the_table_in_parts(ending, tmp_path):
    path = tmp_path / f"texts{ending}"
    WRITERS[ending](path)
    sizes = [len(batch["text"]) for batch in read_batches(str(path), size=2)]
    assert sizes == [2, 1]
    parts = list(stream_documents(str(path), size=2, id_column="id"))
    assert [id_ for part in parts for id_ in part.ids] == [row["id"] for row in ROWS]
    assert [text for part in parts for text in part.texts] == [row["text"] for row in ROWS]
    assert [id_ for part in stream_documents(str(path), size=2) for id_ in part.ids] == [0, 1, 2]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_a_batch_is_read_before_the_rest_of_the_file(name, tmp_path):
    rows = {
        "a.csv": b"text\none\ntwo\n",
        "a.jsonl": b'{"text": "one"}\n{"text": "two"}\n',
        "a.txt": b"one\ntwo\n",
    }
    (tmp_path / name).write_bytes(rows[name] + rows[name][5:] * 100_000 + b"\xff")
    batches = stream_documents(str(tmp_path / name), size=2, skip_bad_rows=True)
    assert next(batches).texts == ["one", "two"]
    with pytest.raises(ValueError, match="not UTF-8|valid JSON"):
        list(batches)


def test_a_stream_numbers_its_bad_rows_on_and_needs_texts(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in ("one", "two", "three", "")))
    with pytest.raises(ValueError, match="row 4 is empty"):
        list(stream_documents(str(path), size=3))
    for content, message in (
        ("", "a.csv: expected one document or more, got an empty file"),
        ("text\n", "a.csv: there are no texts in column 'text'"),
        ("title\n", "a.csv: there is no column 'text'. Its columns are: 'title'"),
    ):
        (tmp_path / "a.csv").write_text(content)
        with pytest.raises(InputError, match=message):
            list(stream_documents(str(tmp_path / "a.csv")))


def test_nul_bytes_are_read_and_can_be_written(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"o\0ne\n\0\ntwo")
    documents = make_documents(read_columns(str(tmp_path / "a.txt")), "a.txt")
    assert documents.texts == ["o\0ne", "\0", "two"]
    file = io.StringIO(newline="")
    csv.writer(file).writerows(zip(documents.ids, documents.texts, strict=True))
    assert file.getvalue() == "0,o\0ne\r\n1,\0\r\n2,two\r\n"


def test_text_file_has_a_document_a_line(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("one\r\ntwo \x85 more\nthree", encoding="utf-8")
    assert make_documents(read_columns(str(path)), str(path)).texts == [
        "one",
        "two \x85 more",
        "three",
    ]


def test_json_of_a_front_end_and_json_lines_by_the_name_of_json(tmp_path):
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"data": ROWS}))
    assert read_columns(str(path))["id"] == ["007", "1e5", "NA"]
    path.write_text("\n".join(map(json.dumps, ROWS)))
    assert read_columns(str(path))["id"] == ["007", "1e5", "NA"]


def test_sheets_with_blank_ends_and_numbers(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "text", None], [0, "one"], [1, "two", None, None], [0, None], [None, None]):
        book.active.append(row)
    book.save(tmp_path / "texts.xlsx")
    assert read_columns(str(tmp_path / "texts.xlsx")) == {
        "id": [0, 1, 0],
        "text": ["one", "two", None],
    }


def test_a_very_long_text_is_read(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "word " * 100_000 + "\n")
    assert len(read_columns(str(path))["text"][0]) == 500_000


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.csv", b'text\none\n"two\n', "in row 2 the quotes do not match"),
        ("a.csv", b'"text\none\n', "in the header the quotes do not match"),
        ("a.csv", b"text,text\none,two\n", "a column stands twice"),
        ("a.csv", b"id,text\n0,one\n,\n", "the text of row 2 is empty"),
        ("a.csv", b"text\none\n\ntwo\n", "the text of row 2 is empty"),
        (
            "a.csv.gz",
            gzip.compress(b"text\none\n" * 99, mtime=0)[:-12],
            "Compressed file ended before",
        ),
        ("a.csv", b"id,text\n1,one,two\n", "row 1: expected 2 columns as in the header, got 3"),
        ("a.csv", b"text\n\xff\xfe\n", "line 2 is not UTF-8"),
        ("a.jsonl", b'{"text": "one"}\n{"text": \n', "line 2 is not valid JSON"),
        (
            "a.jsonl",
            b'{"text": "one"}\n[1]\n',
            "row 2: expected an object with named columns, got [1]",
        ),
        ("a.json", b'"text"', "expected a list of objects, or one object per line, got 'text'"),
        ("a.json", b"", "not valid JSON"),
        ("a.json", b'[\n{"text": "one"},\n{"text": \n]', "line 4 column 1"),
        ("a.json", b"[]", "no column 'text'"),
        ("a.csv", b"", "no column 'text'"),
        ("a.csv", b"text\n", "no texts"),
        ("a.xlsx", b"not a zip", "File is not a zip file"),
        ("a.parquet", b"not parquet", "Parquet magic bytes not found"),
        ("a.csv.gz", b"not gzip", "Not a gzipped file"),
        ("a.pdf", b"", "expected one of .csv, .tsv, .json, .jsonl, .txt, .parquet, .xlsx, gzipped"),
        ("a.gz", b"", "unknown format: expected one of .csv"),
        ("a", b"", "or not, got ''"),
    ],
)
def test_broken_files_are_named(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        make_documents(read_columns(str(path)), str(path))
    before, fault = str(caught.value).split(str(path), 1)
    assert before in ("'", "") and message in fault


def test_a_file_that_is_not_there_is_wrong_input(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match=f"'{path}': there is no such file"):
            next(read_batches(str(path)))


def test_what_a_file_may_unpack_to_is_limited(tmp_path):
    """With the limits as they are: 64 MiB, or a hundred times the size of the file."""
    path = tmp_path / "a.txt.gz"
    line = b"0" * 2**16 + b"\n"
    path.write_bytes(gzip.compress(line * (60 * 2**20 // len(line)), compresslevel=1))
    assert sum(len(batch["text"]) for batch in read_batches(str(path), size=16)) == 959
    path.write_bytes(gzip.compress(line * (65 * 2**20 // len(line)), compresslevel=1))
    assert path.stat().st_size < 65 * 2**20 / 100
    with pytest.raises(InputError, match="unpacks to over 100 times its size"):
        list(read_batches(str(path), size=16))


@pytest.mark.parametrize(
    "unpacked, packed", [(64 * 2**20, 1), (64 * 2**20, 2**20 // 2), (200 * 2**20, 2 * 2**20)]
)
def test_the_limit_of_unpacking_is_the_larger_of_two(unpacked, packed):
    check_unpacked(unpacked, packed)
    with pytest.raises(InputError, match="unpacks to over 100 times"):
        check_unpacked(unpacked + 1, packed)


@pytest.mark.parametrize(
    "texts, message",
    [
        (["one", "", "two"], "row 2 is empty (1 of 3"),
        (["one", " \n\t "], "row 2 is empty"),
        ([None, "one"], "row 1 is empty"),
        (["one", 2.5, 3], "row 2 is 2.5, not a string (2 of 3"),
        ([], "there are no texts in column 'text'"),
        (["one", "a \ud800"], "row 2 holds half a character (a lone surrogate), which cannot"),
    ],
)
def test_bad_rows_are_named_or_kept_without_a_cluster(texts, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_documents({"text": texts}, "a.csv")
    if texts:
        documents = make_documents({"text": texts}, "a.csv", skip_bad_rows=True)
        assert len(documents) == len(texts) == len(documents.usable)
        good = [row for row, text in enumerate(texts) if text in ("one", "two")]
        assert documents.usable.nonzero()[0].tolist() == documents.usable_ids == good
        assert documents.usable_texts == [texts[row] for row in good]


def test_columns_and_classes_are_checked():
    columns = {"title": ["x", "y"], "body": ["one", "two"], "same": [1, 1], "some": ["a", None]}
    with pytest.raises(ValueError, match="no column 'text'. Its columns are: 'title', 'body'"):
        make_documents(columns, "a.csv")
    documents = make_documents(columns, "a.csv", "body", label_column="same")
    with pytest.raises(InputError, match="all gold classes in column 'same' are '1'"):
        check_classes_differ(documents, "same", "a.csv")
    check_classes_differ(make_documents(columns, "a.csv", "body"), None, "a.csv")
    with pytest.raises(ValueError, match="row 2 has no gold class in column 'some'"):
        make_documents(columns, "a.csv", "body", label_column="some")
    with pytest.raises(InputError, match="no column 'topic'. Its columns are: 'title', 'body'"):
        make_documents(columns, "a.csv", "body", label_column="topic")


def test_there_must_be_a_text_per_cluster():
    documents = make_documents({"text": ["one", "two", "two", ""]}, "a.csv", skip_bad_rows=True)
    check_enough_documents(documents, 2, "a.csv")
    with pytest.raises(InputError, match="a.csv: 3 documents with 2 distinct texts cannot fill 3"):
        check_enough_documents(documents, 3, "a.csv")


def test_documents_stay_as_they_are_and_derive_what_is_usable_once():
    usable = np.array([True, False, True])
    documents = Documents(["a", "b", "c"], ["one", "", "two"], usable, np.array(["x", "y", "y"]))
    assert documents.usable_texts == ["one", "two"] and documents.usable_ids == ["a", "c"]
    assert documents.usable_classes.tolist() == ["x", "y"]
    assert documents.usable_texts is documents.usable_texts
    with pytest.raises(dataclasses.FrozenInstanceError):
        documents.texts = ["three"]
    changed = dataclasses.replace(documents, texts=["six", "", "ten"], classes=None)
    assert changed.usable_texts == ["six", "ten"] and changed.usable_classes is None


def test_sample_keeps_the_order_and_its_rows_together():
    columns = {"text": [f"text {i}" for i in range(50)], "label": [i % 7 for i in range(50)]}
    documents = make_documents(columns, "a.csv", label_column="label")
    sample = documents.sample(20, seed=1)
    assert sample.ids == sorted(set(sample.ids)) and len(sample) == 20
    assert sample.texts == [f"text {i}" for i in sample.ids]
    assert sample.classes.tolist() == [str(i % 7) for i in sample.ids]
    assert sample.ids == documents.sample(20, seed=1).ids != documents.sample(20, seed=2).ids
    assert documents.sample(50, seed=0) is documents
