"""Embeddings from elsewhere: read from a file or a column, and checked."""

import json

import numpy as np
import pytest

from bert_clustering.errors import InputError
from bert_clustering.texts.documents import make_documents
from bert_clustering.texts.sampling import Table
from bert_clustering.texts.vectors import check_vectors, read_vectors


VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
ALL = np.ones(4, dtype=bool)
table = Table.whole


def test_a_file_is_read_as_it_is_needed(tmp_path):
    path = str(tmp_path / "teacher.npy")
    np.save(path, VECTORS)
    vectors = read_vectors(path, table({}), "texts.csv")
    assert isinstance(vectors, np.memmap)
    np.testing.assert_array_equal(vectors, VECTORS)
    check_vectors(vectors, ALL, path)


def test_a_column_is_read_and_what_is_missing_in_it_counts_only_where_a_text_is_used():
    columns = {"embedding": [*VECTORS[:3].tolist(), None]}
    vectors = read_vectors("embedding", table(columns), "texts.jsonl")
    np.testing.assert_array_equal(vectors[:3], VECTORS[:3])
    check_vectors(vectors, np.array([True, True, True, False]), "embedding")
    with pytest.raises(InputError, match="missing or infinite one in row 4 .1 rows"):
        check_vectors(vectors, ALL, "embedding")


@pytest.mark.parametrize(
    "rows, said",
    [
        ([[1.0, 2.0], [1.0]], "expected 2 numbers in a list in every row, got 1 in row 2"),
        ([[1.0, 2.0], "0.1 0.2"], "expected 2 numbers in a list in every row, got str in row 2"),
        (["0.1", "0.2"], "expected some numbers in a list in every row, got str|expected numbers"),
        ([["a", "b"], [1.0, 2.0]], "expected lists of numbers"),
        ([None, None], "expected numbers in two dimensions"),
    ],
)
def test_a_column_of_anything_else_is_one_error(rows, said):
    with pytest.raises(InputError, match=said):
        vectors = read_vectors("embedding", table({"embedding": rows}), "texts.jsonl")
        check_vectors(vectors, np.ones(2, dtype=bool), "embedding")


@pytest.mark.parametrize(
    "vectors, said",
    [
        (VECTORS[:3], "expected 4 rows, one per document, got 3. Embed the same texts"),
        (VECTORS[0], "in two dimensions, a row per document, got float32 of shape"),
        (VECTORS.astype(str), "expected numbers in two dimensions"),
        (VECTORS[:, :0], "expected numbers in two dimensions"),
        (np.where(VECTORS == 7, np.nan, VECTORS), "in row 3 .1 rows are like this"),
        (np.where(VECTORS > 5, np.inf, VECTORS), "in row 3 .2 rows are like this"),
    ],
)
def test_vectors_that_are_not_those_of_the_documents_are_one_error(vectors, said):
    with pytest.raises(InputError, match=said):
        check_vectors(vectors, ALL, "teacher.npy")


def test_what_is_no_file_or_column_is_one_error(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_vectors(str(tmp_path / "missing.npy"), table({}), "texts.csv")
    with pytest.raises(InputError, match="no column 'embedding'. Its columns are: 'text'"):
        read_vectors("embedding", table({"text": []}), "texts.csv")
    for content in (b"", b"no array", json.dumps([1]).encode()):
        path = tmp_path / "broken.npy"
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected an array of numbers as numpy.save"):
            read_vectors(str(path), table({}), "texts.csv")


def test_a_file_that_would_run_code_is_not_read(tmp_path):
    path = str(tmp_path / "objects.npy")
    np.save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="expected an array of numbers"):
        read_vectors(path, table({}), "texts.csv")


def test_a_sample_takes_the_vectors_of_its_texts():
    documents = make_documents({"text": ["a", "b", "c", "d"]}, "texts.csv")
    documents = type(documents)(**{**vars(documents), "vectors": VECTORS})
    drawn = documents.sample(2, seed=1)
    np.testing.assert_array_equal(drawn.usable_vectors, VECTORS[drawn.ids])
    assert documents.sample(9, seed=1).vectors is VECTORS


def test_of_a_file_the_rows_of_a_drawn_table_are_read(tmp_path):
    path = str(tmp_path / "teacher.npy")
    np.save(path, VECTORS)
    drawn = Table({"text": ["b", "d"]}, [1, 3], 4)
    np.testing.assert_array_equal(read_vectors(path, drawn, "texts.csv"), VECTORS[[1, 3]])
    np.save(path, VECTORS[:2])
    with pytest.raises(InputError, match="expected 4 rows, one per row of texts.csv, got 2"):
        read_vectors(path, drawn, "texts.csv")
