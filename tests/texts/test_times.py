"""Points in time, as tables write them."""

from datetime import date, datetime

import numpy as np
import pytest

from bert_clustering.texts.times import is_day_first, read_times


@pytest.mark.parametrize(
    "value, time",
    [
        ("2024-05-01", "2024-05-01"),
        (" 2024-05-01 12:30 ", "2024-05-01T12:30"),
        ("2015-02-24 11:35:52 -0800", "2015-02-24T19:35:52"),
        ("2015-02-24T23:35:52.5+02:00", "2015-02-24T21:35:52"),
        ("Tue, 24 Feb 2015 11:35:52 -0800", "2015-02-24T19:35:52"),
        ("Feb 24, 2015 3pm", "2015-02-24T15:00"),
        ("1.6.2024", "2024-06-01"),
        ("31/12/24 14:35", "2024-12-31T14:35"),
        ("1/2/69", "1969-02-01"),
        ("2024年5月1日", "2024-05-01"),
        ("20240501", "2024-05-01"),
        ("2024", "2024-01-01"),
        ("1424808952", "2015-02-24T20:15:52"),
        (1424808952, "2015-02-24T20:15:52"),
        (1424808952.0, "2015-02-24T20:15:52"),
        (1424808952000, "2015-02-24T20:15:52"),
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3, 4), "2020-01-02T03:04"),
    ],
)
def test_dates_are_read_however_they_are_written(value, time):
    assert read_times([value])[0] == np.datetime64(time, "s")


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "May", "12", "13:00", "2024-13-45", "99999-01-01", "order 2024", "=2024"),
        *(None, True, 3, float("nan"), float("inf"), [2024], {"year": 2024}, "2024 " * 100_000),
    ],
)
def test_what_is_no_date_with_a_year_is_none(value):
    assert np.isnat(read_times([value])[0])


def test_the_column_says_whether_days_come_first():
    american = ["05/01/2024", "05/31/2024", "06/02/2024"]
    assert [str(time)[:10] for time in read_times(american)] == [
        "2024-05-01",
        "2024-05-31",
        "2024-06-02",
    ]
    assert str(read_times(["05/01/2024", "31/05/2024"])[0])[:10] == "2024-01-05"
    assert str(read_times(["05/01/2024"])[0])[:10] == "2024-01-05", "most of the world's way"
    assert is_day_first(["05/01/2024", None, "x"]) is None
    assert is_day_first(["05.01.2024"]) is True


def test_a_column_keeps_its_rows():
    times = read_times(["2024-05-01", "x", None, "24 Feb 2015"])
    assert times.dtype == "datetime64[s]"
    assert np.isnat(times).tolist() == [False, True, True, False]
    assert len(read_times([])) == 0
