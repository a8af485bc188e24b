"""What a table says beside its texts."""

import logging

import numpy as np
import pytest

from bert_clustering.errors import InputError
from bert_clustering.texts.attributes import TAKEN, make_attributes


COLUMNS = {
    "sent": ["2024-05-01", "soon", "", None],
    "region": ["north", None, "south", 3],
    "half": ["\ud83d", float("nan"), "", "x"],
    "label": list("abcd"),
}


def test_columns_are_kept_once_as_they_are_written():
    found = make_attributes(COLUMNS, "a.csv", "sent", ["region", "region"], ["half", "sent"])
    assert list(found.columns) == ["sent", "region", "half"]
    assert found.columns["region"] == ["north", "", "south", "3"]
    assert found.columns["half"] == ["?", "", "", "x"]
    assert found.groups["region"].tolist() == ["north", "", "south", "3"]
    assert np.isnat(found.times).tolist() == [False, True, True, True]
    some = found.take(np.array([0, 2]))
    assert some.columns["region"] == ["north", "south"] and len(some.times) == 2
    american = make_attributes({"day": ["05/06/2024", "05/31/2024"]}, "a.csv", "day")
    assert str(american.take(np.array([0])).times[0]) == "2024-05-06T00:00:00", (
        "a row is read as the whole column is"
    )
    assert make_attributes(COLUMNS, "a.csv") is None


def test_times_that_cannot_be_read_are_counted_and_named(caplog):
    with caplog.at_level(logging.WARNING):
        make_attributes(COLUMNS, "a.csv", "sent")
    assert "of 4 rows, 2 hold no date and 1 one that cannot be read ('soon' in row 2)" in (
        caplog.text
    )


def test_an_order_of_day_and_month_that_is_guessed_is_told(caplog):
    with caplog.at_level(logging.INFO):
        make_attributes({"sent": ["05/06/2024"]}, "a.csv", "sent")
        make_attributes({"day": ["05/31/2024"]}, "a.csv", "day")
    assert "'sent': days are taken to stand before months" in caplog.text
    assert "'day'" not in caplog.text


@pytest.mark.parametrize("name", [*TAKEN, "cluster_1", "label_12"])
def test_names_of_our_own_columns_are_refused(name):
    with pytest.raises(InputError, match=f"a.csv: column '{name}' cannot be kept.*Rename it"):
        make_attributes({name: ["x"]}, "a.csv", keep_columns=[name])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"time_column": "region"}, "expected dates in column 'region', as .* got 'north' in row"),
        ({"group_columns": ["reason"]}, "there is no column 'reason'"),
        ({"keep_columns": ["sent", "nothing"]}, "there is no column 'nothing'"),
    ],
)
def test_columns_that_will_not_do_are_one_error(arguments, message):
    with pytest.raises(InputError, match=message):
        make_attributes(COLUMNS, "a.csv", **arguments)


def test_a_column_without_any_date_is_one_error():
    with pytest.raises(InputError, match="got empty cells alone"):
        make_attributes({"sent": ["", None]}, "a.csv", "sent")
