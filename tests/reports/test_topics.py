"""`topics.json`: the schema a front end was written for, and what it was written with."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from bert_clustering.reports.topics import make_topics, topic_mix
from bert_clustering.texts.attributes import Attributes
from helpers import make_result


SCHEMA = json.loads(
    (Path(__file__).parents[2] / "reports" / "topics.schema.json").read_text(encoding="utf-8")
)
TEXTS = ["a pear", "a moon", None, "<b> 🙂", "a fig"]


@pytest.fixture
def topics() -> dict:
    result = make_result(TEXTS, [0, 1, 0, 0], ["fruit, pear", "space", "nothing"])
    return json.loads(json.dumps(make_topics(result), allow_nan=False))


def test_it_follows_the_schema(topics):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(topics, SCHEMA)
    for broken in (
        {**topics, "status": "error"},
        {"status": "success", "payload": {"documents": []}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)


def test_clusters_and_documents_are_told_key_for_key(topics):
    clusters, documents = topics["payload"]["intertopic_map"], topics["payload"]["documents"]
    assert list(clusters[0])[:5] == ["id", "keywords", "size", "cord_x", "cord_y"]
    assert list(documents[0])[:5] == ["id", "cord_x", "cord_y", "cluster_id", "description"]
    assert [(cluster["id"], cluster["size"], cluster["label"]) for cluster in clusters] == [
        (0, 3, "fruit, pear"),
        (1, 1, "space"),
        (2, 0, "nothing"),
    ]
    assert [
        (document["id"], document["description"], document["cluster_id"]) for document in documents
    ] == [(0, "a pear", 0), (1, "a moon", 1), (3, "<b> 🙂", 0), (4, "a fig", 0)]
    assert clusters[1]["cord_x"] == documents[1]["cord_x"], "a cluster lies amid its documents"
    assert documents[0]["cord_x"] != round(documents[0]["cord_x"])
    assert (
        clusters[1]["probability"] == pytest.approx(documents[1]["probability"])
        and clusters[2]["probability"] == 0
    )


def test_trends_are_told_where_times_are_known():
    columns = {"sent": [f"2024-05-0{1 + row // 20}" for row in range(80)]}
    result = make_result(
        [f"text {row}" for row in range(80)],
        [0] * 40 + [1] * 40,
        ["old", "new", "none"],
        attributes=Attributes(columns, "sent"),
    )
    topics = json.loads(json.dumps(make_topics(result), allow_nan=False))
    jsonschema.validate(topics, SCHEMA)
    periods = [f"2024-05-0{day}" for day in range(1, 5)]
    assert topics["payload"]["trend"] == {"column": "sent", "period": "day", "periods": periods}
    trends = [topic["trend"] for topic in topics["payload"]["intertopic_map"]]
    assert [trend["counts"] for trend in trends] == [[20, 20, 0, 0], [0, 0, 20, 20], [0] * 4]
    assert [trend["change"] for trend in trends] == ["fading", "growing", None]
    assert trends[0]["z"] < 0 < trends[1]["z"]


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        (["17", "4"], [17, 4]),
        ([17, 4], [17, 4]),
        (["007", "4"], ["007", "4"]),
        (["None", 3], ["None", "3"]),
        ([4, None], ["4", ""]),
    ],
)
def test_ids_are_integers_where_all_are_whole_numbers(ids, shown):
    documents = make_topics(make_result(["one", "two"], [0, 1], ["a", "b"], ids=ids))["payload"][
        "documents"
    ]
    assert [document["id"] for document in documents] == shown


def test_the_mix_of_a_text_is_its_probabilities_sorted():
    mix = topic_mix("a pear", np.array([0.25, 0.5, 0.25]), ["space", "fruit", "money"])
    assert mix == {
        "content": ["a pear"],
        "distribution": [
            {"label": 1, "value": 0.5, "name": "fruit"},
            {"label": 0, "value": 0.25, "name": "space"},
            {"label": 2, "value": 0.25, "name": "money"},
        ],
    }
