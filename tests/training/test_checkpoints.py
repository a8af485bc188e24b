"""Checkpoints: which are whole, and which of them is the last."""

import pytest

from bert_clustering.training.checkpoints import find_last_checkpoint, is_whole, whole_checkpoints


def test_checkpoints_that_are_missing_something_are_passed_over(tmp_path):
    states = {
        "checkpoint-9": "{}",
        "checkpoint-10": "{}",
        "checkpoint-11": '{"epoch": ',
        "checkpoint-12": "",
    }
    states |= {"checkpoint-best": "{}", "checkpoint-14": "[]"}
    for name, state in states.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-13").mkdir()
    (tmp_path / "checkpoint-15").write_text("{}")
    assert [path.name for path in whole_checkpoints(tmp_path)] == ["checkpoint-9", "checkpoint-10"]
    assert find_last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert not is_whole(tmp_path / "none")
    with pytest.raises(ValueError, match="There is no checkpoint to resume from in"):
        find_last_checkpoint(tmp_path / "checkpoint-9")
