"""What a folder held before it was edited: kept, and put back."""

import shutil
from pathlib import Path

import pytest

from bert_clustering import InputError
from bert_clustering.reports.before_edit import UNFINISHED, end_unfinished, keep_before, undo


def files(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("config.json", "results/clusters.csv", "checkpoint-3/model.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name} before")
    return tmp_path


def edit(folder: Path) -> None:
    for name in ("config.json", "edits.yaml", "results/edits/1.safetensors"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{name} edited")


def test_an_edit_can_be_taken_back_once(folder):
    before = files(folder)
    with keep_before(folder):
        edit(folder)
    edited = files(folder)
    assert edited["config.json"] == "config.json edited" and "edits.yaml" in edited
    assert edited["before_edit/config.json"] == "config.json before"
    assert not [name for name in edited if name.startswith("before_edit/checkpoint")]
    with keep_before(folder):
        (folder / "config.json").write_text("edited twice")
    undo(folder)
    again = files(folder)
    assert again == {name: edited[name] for name in edited if not name.startswith("before")}
    assert {**before, **again} == again
    with pytest.raises(InputError, match="There is no edit of '.*' to take back"):
        undo(folder)


def test_an_edit_that_fails_leaves_all_as_it_was(folder):
    before = files(folder)
    with pytest.raises(OSError, match="disk full"), keep_before(folder):
        edit(folder)
        raise OSError("disk full")
    assert files(folder) == before


def test_an_edit_that_was_killed_is_taken_back_at_the_next_start(folder, caplog, tmp_path_factory):
    before = files(folder)
    killed = tmp_path_factory.mktemp("killed")
    with keep_before(folder):
        edit(folder)
        shutil.copytree(folder, killed, dirs_exist_ok=True)
    assert (killed / UNFINISHED).is_dir()
    end_unfinished(killed)
    assert files(killed) == before and "did not end: all is as it was" in caplog.text
    caplog.clear()
    end_unfinished(killed)
    assert not caplog.text
