"""What a run left is read back as it was."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bert_clustering.errors import InputError
from bert_clustering.reports.files import write_assignments
from bert_clustering.reports.run_folder import RunFolder
from bert_clustering.texts.attributes import Attributes
from bert_clustering.texts.documents import Documents


TEXTS = ["=1+1", "'=2", 'a "quote", and\r\nlines', "x" * 200_000, "🙂", "", "-5", 7]


def write_run(folder, classes: list[str] | None, attributes: Attributes | None = None) -> Documents:
    usable = np.array([isinstance(text, str) and text != "" for text in TEXTS])
    names = None if classes is None else np.array(classes, dtype=object)
    documents = Documents([f"0{row}" for row in range(len(TEXTS))], TEXTS, usable, names)
    documents = replace(documents, attributes=attributes)
    clusters, probabilities = np.array([0, 1, 0, 1, 0, 1]), np.full(6, 0.5)
    positions = np.arange(12.0).reshape(6, 2)
    path = folder / "results" / "clusters.csv"
    write_assignments(path, [(documents, clusters, probabilities)], {0: "a", 1: "b"}, positions)
    RunFolder(folder).write(documents, {"Seed": "7"})
    return documents


@pytest.mark.parametrize("classes", [["=x", "y", "'z", "x", "y", "z", "-", "x"], None])
def test_documents_classes_positions_and_settings(classes, tmp_path):
    documents = write_run(tmp_path, classes)
    again = RunFolder(tmp_path).documents()
    assert again.ids == documents.ids and again.texts == [str(text) for text in TEXTS]
    assert again.usable.tolist() == documents.usable.tolist() and again.usable.sum() == 6
    assert (again.classes is None) if classes is None else again.classes.tolist() == classes
    assert RunFolder(tmp_path).positions().tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert RunFolder(tmp_path).clusters().tolist() == [0, 1, 0, 1, 0, 1]
    assert RunFolder(tmp_path).settings() == {"Seed": "7"}
    assert RunFolder(tmp_path).metrics() == {} and RunFolder(tmp_path).history() == []


def test_columns_that_were_kept_are_read_back_with_what_they_are(tmp_path):
    columns = {
        "sent": [f"2024-05-0{row + 1}" for row in range(8)],
        "=region": ["=north", "'=south", "", *"abcde"],
        "size": list("12345678"),
    }
    write_run(tmp_path, None, Attributes(columns, "sent", ("=region",)))
    again = RunFolder(tmp_path).documents().attributes
    assert again.columns == columns
    assert (again.time_column, again.group_columns) == ("sent", ("=region",))
    others = RunFolder(tmp_path).documents(group_columns=["size"]).attributes
    assert (others.time_column, others.group_columns) == ("sent", ("size",))
    with pytest.raises(InputError, match="clusters.csv: there is no column 'weight'"):
        RunFolder(tmp_path).documents(group_columns=["weight"])
    write_run(tmp_path, None)
    assert RunFolder(tmp_path).documents().attributes is None


def test_positions_that_are_not_known_of_all_are_not_known(tmp_path):
    write_run(tmp_path, None)
    path = tmp_path / "results" / "clusters.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace("2.0000,3.0000", ","), encoding="utf-8"
    )
    assert RunFolder(tmp_path).positions() is None


def test_classes_of_another_run_are_noticed_and_a_run_without_classes_leaves_none(tmp_path):
    write_run(tmp_path, list("abababab"))
    path = tmp_path / "results" / "classes.csv"
    path.write_text("id,class\n00,a\n", encoding="utf-8")
    with pytest.raises(InputError, match="does not hold the ids of .*row by row. Delete it"):
        RunFolder(tmp_path).documents()
    write_run(tmp_path, None)
    assert not path.exists() and RunFolder(tmp_path).documents().classes is None


def test_a_folder_without_a_run_is_one_clear_error(tmp_path):
    with pytest.raises(
        InputError, match="There is no '.*clusters.csv' to report on. Pass the folder of a run"
    ):
        RunFolder(tmp_path).documents()


def test_history_goes_along(tmp_path):
    lines = [{"epoch": 1.0, "loss": 2.0}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": lines}))
    (tmp_path / "other").mkdir()
    RunFolder(tmp_path).copy_history(tmp_path / "other")
    RunFolder(tmp_path).copy_history(tmp_path)
    assert RunFolder(tmp_path / "other").history() == RunFolder(tmp_path).history() == lines
