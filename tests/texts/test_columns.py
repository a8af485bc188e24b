"""Which column of a table holds the texts, the ids and the times, where nobody says it."""

import pytest

from bert_clustering.errors import InputError
from bert_clustering.texts.columns import find_id_column, find_text_column, find_time_column


MESSAGES = ["my card is lost", "where is my card", "I want my money back"]


@pytest.mark.parametrize(
    "columns, name, reason",
    [
        ({"Text": MESSAGES, "essay": [m * 9 for m in MESSAGES]}, "Text", "by its name"),
        ({"n": [1, 2, 3], "note": MESSAGES}, "note", "the only one that holds words"),
        ({"text": ["1", "2", "3"], "note": MESSAGES}, "note", "the only one that holds words"),
        (
            {"title": ["lost card", "late card", "refund"], "body": MESSAGES},
            "body",
            "the longest, with 14 letters a row; 'title' has 7",
        ),
        ({"status": ["awaiting an answer"] * 9, "body": MESSAGES * 3}, "body", None),
        ({"link": ["https://example.org/some-long-address"], "body": ["lost"]}, "body", None),
        ({"mail": ["somebody.with.long.name@example.org"], "body": ["lost"]}, "body", None),
        ({"信息": ["我的银行卡在哪里"], "编号": ["A1"]}, "信息", None),
        ({"note": [None, "", *MESSAGES]}, "note", None),
    ],
)
def test_the_texts_are_the_most_words(columns, name, reason):
    found = find_text_column(columns, "x.csv")
    assert found.name == name and reason in (None, found.reason)


@pytest.mark.parametrize("columns", [{}, {"id": ["a1", "a2"], "day": ["2024-05-06", "2024-05-07"]}])
def test_a_table_without_words_is_an_error_that_says_what_to_type(columns):
    with pytest.raises(InputError, match=r"x\.csv: expected a column of texts.*--text"):
        find_text_column(columns, "x.csv")


@pytest.mark.parametrize(
    "columns, name",
    [
        ({"ticket_id": [3, 4], "ID": ["a", "b"]}, "ID"),
        ({"Ticket ID": ["a", "b"]}, "Ticket ID"),
        ({"uuid": ["a", "b"], "customer_id": ["c", "c"]}, "uuid"),
        ({"customer_id": ["c", "c"]}, None),
        ({"id": ["a", ""]}, None),
        ({"id": ["a", None]}, None),
        ({"id": []}, None),
        ({"paid": ["a", "b"], "video": ["c", "d"]}, None),
    ],
)
def test_ids_are_called_so_and_differ(columns, name):
    assert find_id_column(columns) == name


DATES, MOSTLY = ["2024-05-01", "01.06.2024", ""], [*["2024-05-01"] * 9, "soon"]


@pytest.mark.parametrize(
    "columns, name",
    [
        ({"version": ["1.2.3", "1.2.4"], "sent": DATES}, "sent"),
        ({"born": ["1990-01-01"], "created_at": ["2024-05-01"]}, "created_at"),
        ({"born": ["1990-01-01"], "createdAt": ["2024-05-01"]}, "createdAt"),
        ({"anything": DATES}, "anything"),
        ({"year": [2019, 2020], "number": ["1424808952"]}, None),
        ({"timestamp": [1424808952, 1424808953]}, "timestamp"),
        ({"date": MOSTLY}, "date"),
        ({"date": [*MOSTLY, "later"]}, None),
        ({"date": ["", None]}, None),
        ({"date": []}, None),
        ({"flat": ["a", "b"], "date": ["red", "blue"]}, None),
    ],
)
def test_times_are_dates_whatever_the_column_is_called(columns, name):
    assert find_time_column(columns) == name
