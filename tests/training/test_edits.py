"""Edits: as a command says them, what of them cannot be, and what the numbers are afterwards."""

import numpy as np
import pytest

from bert_clustering import InputError
from bert_clustering.training.edits import Edits
from helpers import make_config


def test_a_command_is_read():
    edits = Edits.parse(
        rename=["3= Refunds = soon "], merge=["1,2", "4, 5"], split=["6:3"], drop=["0,7"],
        move=["a:b:3"],
    )  # fmt: skip
    assert edits == Edits({3: "Refunds = soon"}, [[1, 2], [4, 5]], {6: 3}, [0, 7], {"a:b": 3})
    edits.check(make_config(8))
    assert len(edits) == 7 and edits.changes_clusters
    assert not Edits() and not Edits.parse(rename=["1=x"]).changes_clusters


BAD = {
    "a name without a number": (dict(rename=["Refunds"]), 'as in --rename 3="Refunds"'),
    "no name": (dict(rename=["3= "]), "expected a number and a name of one line"),
    "two lines": (dict(rename=["3=a\nb"]), "a name of one line"),
    "two names": (dict(rename=["3=a", "3=b"]), "'3' is there twice"),
    "words": (dict(merge=["oil,gas"]), "expected the number of a cluster, got 'oil'"),
    "an open end": (dict(merge=["1,2,"]), "expected the number of a cluster, got ''"),
    "below": (dict(merge=["-1,2"]), "expected the number of a cluster, got '-1'"),
    "alone": (dict(merge=["3"]), "--merge 3: a group needs two clusters or more"),
    "twice in a group": (dict(merge=["3,3"]), "Cluster 3 is to be merged, split or dropped twice"),
    "in two groups": (dict(merge=["1,2", "2,3"]), "Cluster 2 is to be merged, split or dropped"),
    "all": (dict(merge=["0,1,2,3,4,5,6,7"]), "would leave one cluster of 8"),
    "beyond": (dict(drop=["8"]), "There is no cluster 8 to edit; the model has 0 to 7"),
    "in one part": (dict(split=["5:1"]), "expected 2 parts or more"),
    "dropped and split": (dict(split=["5"], drop=["5"]), "Cluster 5 is to be merged, split or"),
    "a name of what goes": (dict(rename=["5=x"], drop=["5"]), "it can get no name and no text"),
    "two for one": (dict(rename=["1=x", "2=y"], merge=["1,2"]), "they get two names"),
    "no id": (dict(move=["4"]), "--move 4: expected ID:CLUSTER"),
    "taken": (dict(rename=["1=topic 2"]), "Two clusters would be called 'topic 2'"),
    "the same": (dict(rename=["1=x", "2=x"]), "Two clusters would be called 'x'"),
    "reserved": (dict(rename=["1=Outlier"]), "cannot be called 'Outlier'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_one_clear_error(name):
    command, message = BAD[name]
    with pytest.raises(InputError, match=message):
        Edits.parse(**command).check(make_config(8))


def test_names_may_be_swapped_and_taken_from_what_goes():
    Edits.parse(rename=["1=topic 2", "2=topic 1", "3=topic 4"], drop=["4"]).check(make_config(8))


def test_what_lies_apart_at_a_coarser_level_is_not_merged():
    config = make_config(4, levels=[[0, 0, 1, 1]], level_labels=[["a", "b"]])
    Edits.parse(merge=["0,1"]).check(config)
    with pytest.raises(InputError, match="at a coarser level they lie in different clusters"):
        Edits.parse(merge=["1,2"]).check(config)


def test_numbers_close_up_once_and_parts_come_last():
    edits = Edits(merge=[[5, 2]], drop=[0], split={1: 3, 4: 2})
    assert edits.new_numbers(6).tolist() == [-1, 0, 1, 2, 3, 1]
    assert edits.part_numbers(6) == {1: [0, 4, 5], 4: [3, 6]}
    assert np.array_equal(Edits().new_numbers(3), np.arange(3))
