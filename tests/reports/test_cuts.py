"""The clusters by time and by group."""

import numpy as np
import pytest

from bert_clustering.reports.cuts import (
    MOST_GROUPS,
    MOST_TOLD,
    OTHERS,
    choose_unit,
    cut_by_group,
    cut_by_time,
    name_period,
    number_periods,
)


def days(first: str, last: str, count: int = 2000) -> np.ndarray:
    ends = np.array([first, last], dtype="datetime64[s]").astype(int)
    return np.linspace(*ends, count).astype(int).astype("datetime64[s]")


@pytest.mark.parametrize(
    "last, count, unit",
    [
        ("2024-01-09", 2000, "D"),
        ("2024-03-02", 2000, "D"),
        ("2024-03-20", 2000, "W"),
        ("2025-03-01", 2000, "W"),
        ("2025-06-01", 2000, "M"),
        ("2033-12-01", 2000, "M"),
        ("2034-02-01", 2000, "Y"),
        ("2024-01-09", 30, "W"),
        ("2024-06-30", 60, "M"),
        ("2024-06-30", 12, "Y"),
    ],
)
def test_periods_go_by_the_range_and_hold_enough_texts(last, count, unit):
    assert choose_unit(days("2024-01-01", last, count)) == unit


@pytest.mark.parametrize(
    "time, unit, name",
    [
        ("2024-04-28T23:59", "D", "2024-04-28"),
        ("2024-04-28T23:59", "W", "2024-04-22"),  # a Sunday
        ("2024-04-29", "W", "2024-04-29"),  # a Monday
        ("1969-12-31", "W", "1969-12-29"),
        ("2024-04-28", "M", "2024-04"),
        ("1964-04-28", "Y", "1964"),
    ],
)
def test_a_period_is_called_by_its_beginning(time, unit, name):
    (number,) = number_periods(np.array([time], dtype="datetime64[s]"), unit)
    assert name_period(number, unit) == name


def test_times_become_periods_without_gaps():
    times = np.concatenate([days("2024-01-01", "2024-01-03", 40), days("2024-01-06", "2024-01-07")])
    times[5] = np.datetime64("NaT")
    clusters = np.zeros(len(times), dtype=int)
    trend = cut_by_time("sent", times, clusters, 2)
    assert trend.period == "day" and trend.names == [f"2024-01-0{day}" for day in range(1, 8)]
    assert trend.parts[5] == -1 and trend.counts.sum() == len(times) - 1
    assert trend.counts[0, 3] == trend.counts[0, 4] == 0
    assert trend.are_known.tolist() == [True, True, False, False, False, True, False]
    assert trend.shares[0].tolist() == [1, 1, 1, 0, 0, 1, 1] and not trend.shares[1].any()


@pytest.mark.parametrize("times", [["NaT"] * 3, ["2024-01-01", "2024-01-01", "NaT"], []])
def test_without_two_periods_there_is_no_trend(times):
    times = np.array(times, dtype="datetime64[s]")
    assert cut_by_time("sent", times, np.zeros(len(times), dtype=int), 2) is None


def test_what_grows_and_fades_is_told_with_its_shares():
    generator, times = np.random.default_rng(0), days("2024-01-01", "2024-01-30")
    clusters = np.where(generator.random(2000) < np.linspace(0.1, 0.5, 2000), 1, 0)
    trend = cut_by_time("sent", times, clusters, 3)
    growing, fading = [": ".join(said) for said in trend.tell(["old <b>", "new", "none"])]
    first, second = (f"{share:.1%}" for share in trend.halves[1])
    assert growing == f"Growing: new ({first} to {second})" and trend.halves[1, 1] > 0.3
    assert fading.startswith("Fading: old <b> (")
    even = cut_by_time("sent", times, generator.integers(3, size=2000), 3)
    assert even.tell(["a", "b", "c"]) == []


def test_a_trend_that_the_halves_contradict_is_not_told():
    sizes, held = [100, 1000, 1000, 50], [20, 600, 540, 45]
    times = np.repeat(np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]"), sizes)
    clusters = np.concatenate(
        [
            np.repeat([0, 1], [inside, size - inside])
            for size, inside in zip(sizes, held, strict=True)
        ]
    )
    trend = cut_by_time("sent", times.astype("datetime64[s]"), clusters, 2)
    assert trend.z[0] > 3 and trend.halves[0, 1] < trend.halves[0, 0]
    assert not trend.are_changing.any() and trend.tell(["a", "b"]) == []


def test_of_many_that_change_a_few_are_named():
    times, clusters = days("2024-01-01", "2024-01-30"), np.repeat(np.arange(20), 100)
    growing, _ = cut_by_time("sent", times, clusters, 20).tell([f"c{k}" for k in range(20)])
    assert growing[0] == "Growing" and growing[1].startswith("c19 (")
    assert growing[1].count("(") == MOST_TOLD and growing[1].endswith(" more")


def test_a_curve_of_many_clusters_has_longer_periods_if_it_still_is_a_curve():
    a_year, a_quarter = (days("2024-01-01", last) for last in ("2024-12-31", "2024-03-31"))
    assert choose_unit(a_year) == "W" and choose_unit(a_year, num_clusters=20) == "M"
    assert choose_unit(a_quarter, num_clusters=20) == "W"
    assert choose_unit(a_quarter, num_clusters=200) == "W", "better noisy than three months"


def test_what_groups_have_more_of_is_told_most_texts_first():
    values = np.repeat(["north", "south"], [600, 400]).astype(object)
    clusters = np.concatenate([np.repeat([0, 1, 2], [400, 100, 100]), np.repeat([1, 2], 200)])
    cut = cut_by_group("region", values, clusters, 3)
    assert cut.tell(["old", "new <b>", "other"]) == [
        (
            "More by region",
            "north in old (1.7 times the expected); south in new <b> (1.7 times the expected); "
            "south in other (1.7 times the expected)",
        )
    ]
    even = cut_by_group("region", values, np.arange(1000) % 3, 3)
    assert even.tell(["old", "new", "other"]) == []


def test_groups_come_largest_first_and_the_many_small_count_as_one():
    values = np.array(["b", "a", "b", "", "b", "a"], dtype=object)
    cut = cut_by_group("region", values, np.array([0, 1, 0, 1, 1, 0]), 2)
    assert cut.names == ["b", "a", "(none)"] and cut.parts.tolist() == [0, 1, 0, 2, 0, 1]
    assert cut.counts.tolist() == [[2, 1, 0], [1, 1, 1]]
    many = np.array([f"customer {row % 50}" for row in range(500)], dtype=object)
    cut = cut_by_group("customer", many, np.zeros(500, dtype=int), 1)
    assert len(cut.names) == MOST_GROUPS and cut.names[-1] == OTHERS
    assert cut.counts.sum() == 500 and cut.counts[0, -1] == 500 - 10 * (MOST_GROUPS - 1)
    assert cut_by_group("region", np.array(["a", "a"]), np.array([0, 1]), 2) is None
