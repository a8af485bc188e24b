"""`edits.yaml` and what stands beside it: written, read back, and broken."""

import numpy as np
import pytest
import yaml

from bert_clustering import InputError
from bert_clustering.reports.edit_log import EditLog, Entry, Record, hash_texts
from bert_clustering.texts.documents import Documents
from bert_clustering.training.edits import Edits


TEXTS = ["lost card", "new card", "money back"]


def make_log() -> EditLog:
    centroids = np.eye(2, 4, dtype=np.float32)
    record = Record(hash_texts(TEXTS), np.array([0, 1, -1]), np.array([0, 1, 0]), centroids)
    name = "Größe: #1 'x' {y}\u2028"
    edits = Edits({0: name}, [[0, 1]], {1: 2}, [3], {"7": 1, "a:b": 0})
    return EditLog(
        [Entry(edits, record, {0: "card"}, []), Entry(Edits(), record, {}, ["drop 3 (money)"])],
        {"7": 1, "gone": 0},
    )


def test_it_is_read_back_as_it_was(tmp_path):
    log = make_log()
    log.write(tmp_path)
    again = EditLog.read(tmp_path)
    assert again.moved == log.moved
    for one, other in zip(again.entries, log.entries, strict=True):
        assert (one.edits, one.were, one.not_made) == (other.edits, other.were, other.not_made)
        for mine, theirs in zip(one.record, other.record, strict=True):
            assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs)


def test_people_can_read_it(tmp_path):
    make_log().write(tmp_path)
    text = (tmp_path / "edits.yaml").read_text(encoding="utf-8")
    first, second = yaml.safe_load(text)["edits"]
    assert first["merge"] == [[0, 1]] and first["were"] == {0: "card"} and "not_made" not in first
    assert second == {"not_made": ["drop 3 (money)"]}
    assert not any(words in text for words in TEXTS), "texts stay in results"


def test_without_it_there_are_no_edits(tmp_path):
    assert EditLog.read(tmp_path) == EditLog()


@pytest.mark.parametrize(
    "content", ["", "edits: 3", "edits: [{paint: 3}]\nmoved: {}", "edits: [", "- 3", "\x00"]
)
def test_what_is_broken_is_one_clear_error(tmp_path, content):
    make_log().write(tmp_path)
    (tmp_path / "edits.yaml").write_text(content)
    with pytest.raises(InputError, match="cannot be read as the edits of a model"):
        EditLog.read(tmp_path)


def test_what_is_missing_is_one_too(tmp_path):
    make_log().write(tmp_path)
    (tmp_path / "results" / "edits" / "2.safetensors").unlink()
    with pytest.raises(InputError, match=r"with 'results/edits', or delete it"):
        EditLog.read(tmp_path)


def test_texts_that_were_moved_are_known_by_id_and_text():
    log = make_log()
    documents = Documents(
        [7, "gone", "7", "other"],
        ["new card", "another text", "a text that has the id now", "lost card"],
        np.ones(4, dtype=bool),
    )
    assert log.places(documents).tolist() == [1, -1, -1, -1]
