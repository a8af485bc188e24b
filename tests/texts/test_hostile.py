"""Bad and hostile files: each ends in the right rows, in their order, or in one error that names
file and row.
"""

import csv
import gzip
import io
import json
import os
import random
import re
import zipfile

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bert_clustering.errors import InputError
from bert_clustering.reports.files import write_assignments
from bert_clustering.texts import (
    Documents,
    make_documents,
    read_columns,
    spool_documents,
    stream_documents,
    tokenize,
)
from bert_clustering.texts.readers import MAX_COLUMNS


CASES = 60 if os.environ.get("THOROUGH") else 4  # of each kind
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")

NASTY = [
    *(
        "",
        " ",
        "\n",
        "\u00a0",
        "\u200b",
        "\x00",
        "a\x00b",
        "\ufeffmark",
        "'",
        '"',
        '""',
        '"open',
        ",",
        "a,b",
        "a\tb",
    ),
    *(
        "a\nb",
        "a\rb",
        "a\r\nb",
        "\x85",
        "\u2028",
        "\x0c",
        "\x1a",
        "\x1b[31m",
        "\u202eleft",
        "e\u0301",
        "🙂" * 99,
        "NaN",
    ),
    *(
        "null",
        "None",
        "NA",
        "TRUE",
        "007",
        "1e5",
        "1.10",
        "-0",
        "=1+1",
        "=HYPERLINK('x')",
        "@cmd",
        "{}",
        "[]",
        "\\",
        "\\n",
    ),
    *(
        "%s",
        "{0}",
        "<b>",
        "&amp;",
        "../../etc/passwd",
        "DROP TABLE",
        "word " * 200_000,
        "x" * 1_000_000,
        "\ud800",
        "\udfff b",
    ),
]
FORMATS = ("csv", "tsv", "json", "jsonl", "parquet", "xlsx", "txt")
UNWRITABLE = re.compile("[\ud800-\udfff]")  # by all but JSON, which may escape them
IN_NO_SHEET = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")


def write(ending: str, rows: list[tuple[str, str]]) -> bytes:
    """A file of `id, text`, or of texts alone, by the format's own library."""
    file, records = io.BytesIO(), [{"id": id_, "text": text} for id_, text in rows]
    if ending in ("csv", "tsv"):
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter="," if ending == "csv" else "\t", quoting=csv.QUOTE_ALL)
        writer.writerows([("id", "text"), *rows])
        return text.getvalue().encode()
    if ending == "json":
        return json.dumps(records).encode()
    if ending == "jsonl":
        return "\n".join(map(json.dumps, records)).encode()
    if ending == "txt":
        return "\n".join(text for _, text in rows).encode()
    if ending == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), file)
        return file.getvalue()
    book = openpyxl.Workbook()
    for number, row in enumerate([("id", "text"), *rows], 1):
        for column, value in enumerate(row, 1):
            cell = book.active.cell(number, column, value)
            cell.data_type = "s"  # else '=1+1' would be a formula
    book.save(file)
    return file.getvalue()


def read(path, **arguments) -> Documents | str:
    """The documents, or the error's message; anything else that is raised is a failure."""
    try:
        documents = make_documents(read_columns(str(path)), str(path), **arguments)
    except InputError as error:
        assert str(path) in str(error) and len(str(error)) < 500 + len(str(path))
        assert "\n" not in str(error)[:60]
        with pytest.raises(InputError):
            list(stream_documents(str(path), size=2, **arguments))
        with pytest.raises(InputError):
            spool_documents(str(path), size=2, **arguments)
        return str(error).removeprefix(f"'{path}': ").removeprefix(f"{path}: ")
    parts = list(stream_documents(str(path), size=2, **arguments))
    assert [text for part in parts for text in part.texts] == documents.texts
    assert [id_ for part in parts for id_ in part.ids] == documents.ids
    for part, spooled in zip(parts, spool_documents(str(path), size=2, **arguments), strict=True):
        assert spooled.ids == [None if id_ is None else str(id_) for id_ in part.ids]
        assert spooled.usable_texts == part.usable_texts
        assert spooled.usable.tolist() == part.usable.tolist()
    return documents


def is_bad(text: str) -> bool:
    return not text.strip() or UNWRITABLE.search(text) is not None


def accepts(ending: str, text: str) -> bool:
    """Whether a file of the format can hold the text at all."""
    if ending in ("json", "jsonl"):
        return True
    if ending == "xlsx":
        return not IN_NO_SHEET.search(text) and len(text) < 32_768 and "x005F_" not in text
    return not UNWRITABLE.search(text) and (ending != "txt" or not re.search("[\r\n]", text))


texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=30))


@pytest.mark.parametrize("ending", FORMATS)
@settings(
    max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_rows_come_back_as_they_are_or_the_bad_one_is_named(ending, data, tmp_path, tokenizer):
    kind = texts.filter(lambda text: accepts(ending, text))
    ids = kind.filter(lambda text: not UNWRITABLE.search(text) and text != "")
    rows = data.draw(st.lists(st.tuples(ids, kind), min_size=1, max_size=6))
    if ending == "txt":
        rows[-1] = (rows[-1][0], "the end")  # the file's last line break would hide an empty line
        rows[0] = (rows[0][0], rows[0][1].lstrip("\ufeff"))  # and its first mark is the encoding's
    gzipped = data.draw(st.booleans())
    content, path = write(ending, rows), tmp_path / f"a.{ending}{'.gz' if gzipped else ''}"
    path.write_bytes(gzip.compress(content) if gzipped else content)
    id_column = None if ending == "txt" else "id"
    bad = [row for row, (_, text) in enumerate(rows, 1) if is_bad(text)]
    found = read(path, id_column=id_column)
    if bad:
        assert f"the text of row {bad[0]} " in found and f"({len(bad)} of {len(rows)}" in found
    documents = read(path, id_column=id_column, skip_bad_rows=True)
    assert documents.ids == ([*range(len(rows))] if ending == "txt" else [id_ for id_, _ in rows])
    assert [row for row, usable in enumerate(documents.usable, 1) if not usable] == bad
    assert documents.usable_texts == [text for _, text in rows if not is_bad(text)]

    dataset = tokenize(documents.usable_texts, tokenizer) if documents.usable_texts else []
    assert len(dataset) == len(rows) - len(bad)
    zeros = [0] * len(dataset)
    part = (documents, *map(pyarrow.array(zeros, pyarrow.int64()).to_numpy, (False, False)))
    write_assignments(tmp_path / "out.csv", [part], {0: "label"})
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        written = list(csv.reader(file))[1:]
    assert [row[0] for row in written] == [str(id_) for id_ in documents.ids]
    assert all(
        row[-1].endswith(text or "") for row, text in zip(written, documents.texts, strict=True)
    )


@pytest.mark.parametrize("ending", FORMATS)
@settings(
    max_examples=2 * CASES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(seed=st.integers(0, 2**32), gzipped=st.booleans(), before=st.booleans())
def test_a_damaged_file_is_read_or_named(ending, seed, gzipped, before, tmp_path):
    """Bytes changed, cut off, doubled or put in, before or after packing."""
    generator = random.Random(seed)
    content = write(ending, [(str(i), f"text {i}, it's {'long ' * i}") for i in range(9)])
    content = gzip.compress(content) if gzipped and not before else content
    for _ in range(generator.randint(1, 3)):
        place = generator.randrange(len(content))
        piece = generator.choice(
            [b"\x00", b'"', b"\xff\xfe", b",", b"\n", b"\r", b"[" * 9, generator.randbytes(4)]
        )
        content = generator.choice(
            [
                content[:place] + piece + content[place:],
                content[:place] + piece + content[place + len(piece) :],
                content[: place + 1],
                content[:place] + content[place // 2 :],
            ]
        )
    path = tmp_path / f"a.{ending}{'.gz' if gzipped else ''}"
    path.write_bytes(gzip.compress(content) if gzipped and before else content)
    read(path, skip_bad_rows=generator.random() < 0.5)


@pytest.mark.parametrize("named", FORMATS)
@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_of_another_format_than_its_name_is_read_or_named(ending, named, tmp_path):
    rows = [("1", "one"), ("2", "two"), ("3", "three")]
    (tmp_path / f"a.{named}").write_bytes(write(ending, rows))
    found = read(tmp_path / f"a.{named}")
    if ending == named or {ending, named} == {"json", "jsonl"} and named == "json":
        assert found.texts == ["one", "two", "three"]
    elif named != "txt":
        assert isinstance(found, str)


def sheet(change) -> bytes:
    file, book = io.BytesIO(), openpyxl.Workbook()
    change(book)
    book.save(file)
    return file.getvalue()


def repacked(content: bytes, name: str, change) -> bytes:
    """A sheet with one of its parts changed."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            new.writestr(part, change(old.read(part)) if part == name else old.read(part))
    return file.getvalue()


def rows_of(*rows):
    def fill(book) -> None:
        for row in rows:
            book.active.append(row)

    return sheet(fill)


SHEET = "xl/worksheets/sheet1.xml"
PLAIN = rows_of(["text"], ["one"], ["two"])
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 99) for i in range(9)
)
PARQUET_TYPES = {"text": pyarrow.array([1, 2]), "more": pyarrow.array([{"a": [None]}, None])}


def parquet(**columns) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


NOT_UTF8 = pyarrow.Array.from_buffers(
    pyarrow.string(),
    2,
    [None, pyarrow.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pyarrow.py_buffer(b"a\xff")],
)
BOMB = b"0" * 2**20
HOSTILE = {
    "utf-16": ("a.csv", "text\none\n".encode("utf-16"), "line 1 is not UTF-8"),
    "latin-1 after much else": (
        "a.csv",
        b"text\n" + b"one\n" * 9999 + b"caf\xe9\n",
        "line 10001 is not UTF-8",
    ),
    "mixed encodings in lines": (
        "a.txt",
        "naïve\n".encode() + "naïve\n".encode("latin-1"),
        "line 2 is not UTF-8",
    ),
    "mixed encodings, packed": (
        "a.jsonl.gz",
        gzip.compress(b'{"text": "a"}\n"\xff"'),
        "line 2 is not UTF-8",
    ),
    "mark of the encoding": ("a.csv", b"\xef\xbb\xbftext\none\n", ["one"]),
    "mark and lines": (
        "a.jsonl",
        b'\xef\xbb\xbf{"text": "one"}\n\n{"text": "two"}',
        ["one", "two"],
    ),
    "old line ends": ("a.csv", b"text\rone\rtwo\r", ["one", "two"]),
    "NUL bytes": ("a.txt", b"o\0ne\ntwo", ["o\0ne", "two"]),
    "a long line": ("a.txt", b"word " * 200_000 + b"\ntwo", ["word " * 200_000, "two"]),
    "header alone": ("a.csv", b"text", "there are no texts in column 'text'"),
    "nothing": ("a.tsv", b"", "no column 'text'. Its columns are: none"),
    "blank lines alone": ("a.csv", b"\n\n\n", "no column 'text'"),
    "a mark alone": ("a.csv", b"\xef\xbb\xbf", "no column 'text'"),
    "nothing packed": ("a.txt.gz", gzip.compress(b""), "no column 'text'"),
    "packed file of no bytes": ("a.txt.gz", b"", "no column 'text'"),
    "cut packed file": (
        "a.csv.gz",
        gzip.compress(b"text\none\n" * 99)[:30],
        "Compressed file ended before",
    ),
    "packed twice": ("a.txt.gz", gzip.compress(gzip.compress(b"one")), "line 1 is not UTF-8"),
    "text after a quote": ("a.csv", b'text\none\n"two"x\n', "in row 2 the quotes do not match"),
    "quote never closed": (
        "a.csv",
        b'text\none\n"two\nthree\n',
        "in row 2 the quotes do not match",
    ),
    "huge cell": (
        "a.csv",
        b'text\none\n"' + b"x" * (2**24 + 9),
        "in row 2 the quotes do not match (field larger",
    ),
    "ragged, long": (
        "a.csv",
        b"id,text\n1,one\n2,two,too\n",
        "row 2: expected 2 columns as in the header, got 3",
    ),
    "ragged, short": (
        "a.csv",
        b"id,text\n1,one\n2\n",
        "row 2: expected 2 columns as in the header, got 1",
    ),
    "column twice": ("a.csv", b"text,id,text\none,1,two\n", "a column stands twice in the header"),
    "column twice in a sheet": (
        "a.xlsx",
        rows_of(["text", "text"], ["one", "two"]),
        "a column stands twice",
    ),
    "NaN": (
        "a.json",
        b'[{"text": "one"}, {"text": NaN}]',
        "the text of row 2 is nan, not a string",
    ),
    "infinity": (
        "a.jsonl",
        b'{"text": "one"}\n{"text": -Infinity}',
        "the text of row 2 is -inf, not a string",
    ),
    "numbers": (
        "a.json",
        b'[{"text": 1}, {"text": 2.5}]',
        "the text of row 1 is 1, not a string (2 of 2",
    ),
    "huge number": (
        "a.jsonl",
        b'{"text": "one"}\n{"text": ' + b"9" * 9999 + b"}",
        "line 2 is not valid JSON (Exceeds",
    ),
    "large number": ("a.json", b'[{"text": ' + b"9" * 999 + b"}]", "the text of row 1 is 9999"),
    "deep lines": (
        "a.jsonl",
        b'{"text": "one"}\n' + b"[" * 10**5,
        "line 2 is not valid JSON (maximum recursion",
    ),
    "deep list": ("a.json", b"[" * 10**6, "it is not valid JSON (maximum recursion"),
    "deep text": (
        "a.json",
        b'[{"text": ' + b"[" * 400 + b"]" * 400 + b"}]",
        "the text of row 1 is [[[[",
    ),
    "long list for a text": (
        "a.json",
        b'[{"text": [' + b"1," * 99_999 + b"1]}]",
        "the text of row 1 is [1, 1",
    ),
    "record that is none": (
        "a.jsonl",
        b'{"text": "one"}\n"two"',
        "row 2: expected an object with named columns, got 'two'",
    ),
    "record of nothing": (
        "a.jsonl",
        b'{}\n{"text": "one"}',
        "row 1: expected an object with named columns, got {}",
    ),
    "record without a text": (
        "a.json",
        b'[{"text": "one"}, {"body": "two"}]',
        "the text of row 2 is empty",
    ),
    "two records in a line": (
        "a.jsonl",
        b'{"text": "one"}{"text": "two"}',
        "line 1 is not valid JSON (Extra data",
    ),
    "cut list": (
        "a.json",
        b'[{"text": "one"},\n{"text": "tw',
        "it is not valid JSON (Unterminated string",
    ),
    "cut line": ("a.json", b'{"text": "one"}\n{"text": "tw', "line 2 is not valid JSON"),
    "half a character": (
        "a.jsonl",
        b'{"text": "one"}\n{"text": "\\ud83d"}',
        "the text of row 2 holds half a character",
    ),
    "both halves": ("a.jsonl", b'{"text": "\\ud83d\\ude42"}', ["🙂"]),
    "ever new columns": (
        "a.jsonl",
        b"\n".join(b'{"text": "a", "%d": 1}' % i for i in range(99_999)),
        f"row {MAX_COLUMNS}: expected at most 1,000 columns in all, got more",
    ),
    "bomb of one line": (
        "a.txt.gz",
        gzip.compress(BOMB * 20),
        "unpacks to over 100 times its size",
    ),
    "bomb of one cell": (
        "a.csv.gz",
        gzip.compress(b"text\n" + BOMB * 20),
        "unpacks to over 100 times its size",
    ),
    "bomb of blank lines": (
        "a.jsonl.gz",
        gzip.compress(b"\n" * 2**20 * 20),
        "unpacks to over 100 times its size",
    ),
    "bomb of JSON": (
        "a.json.gz",
        gzip.compress(b"[" + BOMB * 20),
        "unpacks to over 100 times its size",
    ),
    "bomb of a table": (
        "a.parquet.gz",
        gzip.compress(BOMB * 20),
        "unpacks to over 100 times its size",
    ),
    "bomb of bombs": ("a.csv.gz", gzip.compress(BOMB) * 20, "unpacks to over 100 times its size"),
    "bomb of a sheet": (
        "a.xlsx",
        repacked(PLAIN, SHEET, lambda part: part + BOMB * 20),
        "unpacks to over 100 times",
    ),
    "formula never computed": (
        "a.xlsx",
        rows_of(["text"], ["one"], ['="t"&"wo"']),
        "row 2 has a formula that was never",
    ),
    "numbers in a sheet": (
        "a.xlsx",
        rows_of(["text"], ["one"], [2]),
        "the text of row 2 is 2, not a string",
    ),
    "column without a name": (
        "a.xlsx",
        rows_of(["id", None, "text"], [1, "x", "one"], [2, "x", "two"]),
        ["one", "two"],
    ),
    "rows of any length": (
        "a.xlsx",
        rows_of(["id", "text"], [1, "one", "x"], [2, "two"]),
        ["one", "two"],
    ),
    "wrong size in a sheet": (
        "a.xlsx",
        repacked(PLAIN, SHEET, lambda part: re.sub(b'ref="[^"]*"', b'ref="A1"', part)),
        ["one", "two"],
    ),
    "huge size in a sheet": (
        "a.xlsx",
        repacked(PLAIN, SHEET, lambda part: re.sub(b'ref="[^"]*"', b'ref="A1:XFD1048576"', part)),
        ["one", "two"],
    ),
    "row beyond the end": (
        "a.xlsx",
        repacked(
            PLAIN,
            SHEET,
            lambda part: part.replace(b'r="3"', b'r="999999999999"').replace(b'r="A3"', b'r="A9"'),
        ),
        "row 1001 lies beyond the end of any sheet",
    ),
    "column beyond the end": (
        "a.xlsx",
        repacked(PLAIN, SHEET, lambda part: part.replace(b'"A2"', b'"ZZZZZ2"')),
        "'ZZZZZ' is not a valid column name",
    ),
    "broken sheet": (
        "a.xlsx",
        repacked(PLAIN, SHEET, lambda part: part[:-40]),
        "unclosed token: line 1, column 5",
    ),
    "entities of entities": (
        "a.xlsx",
        repacked(PLAIN, SHEET, lambda part: LAUGHS + b"]><worksheet>&j;</worksheet>"),
        "amplification factor",
    ),
    "no sheet": (
        "a.xlsx",
        repacked(PLAIN, "xl/workbook.xml", lambda part: part[:9]),
        "unclosed token: line 1, column 0",
    ),
    "a zip of something else": (
        "a.xlsx",
        repacked(PLAIN, "[Content_Types].xml", lambda part: b"<x/>"),
        "no valid workbook part",
    ),
    "numbers in a table": (
        "a.parquet",
        parquet(**PARQUET_TYPES),
        "the text of row 1 is 1, not a string",
    ),
    "bytes in a table": (
        "a.parquet",
        parquet(text=pyarrow.array([b"one"])),
        "the text of row 1 is b'one', not a string",
    ),
    "table without rows": (
        "a.parquet",
        parquet(text=pyarrow.array([], pyarrow.string())),
        "there are no texts",
    ),
    "table of bad UTF-8": ("a.parquet", parquet(text=NOT_UTF8), "from row 1 on: "),
    "table without columns": ("a.parquet", parquet(), "no column 'text'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_read_or_named(name, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "bert_clustering.texts.unpacking.MAX_UNPACKED", 2**20
    )  # smaller bombs will do
    monkeypatch.setattr("bert_clustering.texts.readers.MAX_SHEET_ROWS", 1000)
    file, content, expected = HOSTILE[name]
    (tmp_path / file).write_bytes(content)
    found = read(tmp_path / file)
    if isinstance(expected, str):
        assert isinstance(found, str) and expected in found, found
    else:
        assert found.texts == expected


def test_ids_stay_as_they_are_and_must_be_writable(tmp_path):
    ids = ["7", "007", "7", None, "a\nb", "1e5", "NaN"]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"id": id_, "text": "one"}) for id_ in ids))
    assert read(path, id_column="id").ids == ids
    path.write_text('{"id": 1, "text": "one"}\n{"id": "\\udc00", "text": "two"}')
    for skip_bad_rows in (False, True):
        message = read(path, id_column="id", skip_bad_rows=skip_bad_rows)
        assert "the id of row 2 holds half a character" in message
    assert read(path).texts == ["one", "two"]


def test_classes_that_are_missing_are_named(tmp_path):
    for value in ("null", '""', "NaN"):
        (tmp_path / "a.jsonl").write_text(
            '{"text": "one", "label": 1}\n{"text": "two", "label": ' + value + "}"
        )
        assert "row 2 has no gold class" in read(tmp_path / "a.jsonl", label_column="label")


def test_a_training_takes_only_so_many_rows(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("one\n" * 9)
    monkeypatch.setattr("bert_clustering.texts.tables.MAX_ROWS", 8)
    with pytest.raises(ValueError, match="a.txt': over 8 rows, more than a training can hold"):
        read_columns(str(tmp_path / "a.txt"))
