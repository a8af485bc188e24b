"""Where a run's time goes."""

import subprocess
import sys
import time

import numpy as np
import pytest

from bert_clustering.training.stages import Stages


def test_what_a_stage_takes_within_another_counts_once():
    stages = Stages()
    with stages.measure("outer"):
        time.sleep(0.05)
        with stages.measure("inner"):
            time.sleep(0.15)
    started = time.time()
    table = stages.table()
    assert set(table) == {"libraries", "outer", "inner", "other"}
    assert 0.05 <= stages.seconds["outer"] < 0.14 <= stages.seconds["inner"]
    assert sum(row["share"] for row in table.values()) == pytest.approx(1, abs=0.01)
    assert sum(stages.seconds.values()) == pytest.approx(started - stages.began, abs=0.05)


def test_a_stage_may_be_entered_again_and_left_by_an_error():
    stages = Stages()

    @stages.measure("work")
    def work(fails: bool) -> None:
        time.sleep(0.05)
        if fails:
            raise ValueError

    work(False)
    with pytest.raises(ValueError):
        work(True)
    assert stages.seconds["work"] >= 0.1 and stages.name == "other"
    peaks = [row["peak_memory"] for row in stages.table().values()]
    assert all(peak > 50 for peak in peaks)
    assert any(line.startswith("work") and " MB" in line for line in stages.lines())


def test_memory_is_that_of_this_process_alone():
    """A parent's would be counted by `getrusage`."""
    large = np.ones(2**27)  # 1 GiB
    command = "from bert_clustering.training.stages import peak_memory; print(peak_memory())"
    said = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert 100 < float(said.stdout) < 1000 <= large.nbytes / 1e6
