"""`report.html` as a file: nothing in it can be mistaken for markup, and it says what it leaves
out.
"""

import base64
import hashlib
import html
import re

import numpy as np
import pytest

from bert_clustering.reports import page as report_page
from bert_clustering.reports.page import fair_length, render
from bert_clustering.texts.attributes import Attributes
from helpers import HOSTILE, make_result, page_data


@pytest.fixture(scope="module")
def hostile_page() -> str:
    texts = [*HOSTILE, "a pear", None, "a fig"]
    labels = ["<script>window.hacked = 5</script>", 'a "b" </option>']
    about = {
        "classes": ["<i>", "b"] * 5,
        "settings": {"Texts": "<b>.csv", "Seed": "42"},
        "metrics": {f"eval_{name}": 0.5 for name in ("accuracy", "nmi", "ari", "purity")},
    }
    columns = {
        "<b>when": [f"{2020 + row % 2}-01-01" for row in range(10)],
        "<i>": ["<u>", "</td>"] * 5,
    }
    about["attributes"] = Attributes(columns, "<b>when", ("<i>",))
    result = make_result(texts, [0, 1, 0, 1, 0, 1, 0, 1, 0], labels, **about)
    return render(result)


def test_texts_come_through_as_they_are(hostile_page):
    data = page_data(hostile_page)
    shown = data["documents"]["text"]
    assert shown[:4] == HOSTILE[:4] and shown[5] == HOSTILE[5]
    assert shown[4] == HOSTILE[4].replace("\ud83d", "?"), "what is no character cannot be written"
    assert shown[6] == "x" * 1999 + "…" and "their first 2,000 characters" in hostile_page
    assert data["documents"]["id"] == ["0", "1", "2", "3", "4", "5", "6", "7", "9"]
    assert "1 of the 10 rows had no usable text" in hostile_page


def test_no_text_is_markup(hostile_page):
    """What is not our own script or data holds no tag that the template does not."""
    outside = re.sub(r"<script.*?</script>", "", hostile_page, flags=re.DOTALL)
    assert "hacked" in html.unescape(outside), "texts are in the tables too"
    for tag in (
        "<script",
        "<img",
        "<svg onload",
        "<i>",
        "<u>",
        "<b>when",
        "</td></td>",
        "</textarea",
        "<!-- comment",
    ):
        assert tag not in outside
    assert (
        len(re.findall("<script", hostile_page)) == len(re.findall("</script>", hostile_page)) == 3
    )
    assert "49" not in re.findall(r"\{\{.*?\}\}", hostile_page) and "{{ 7 * 7 }}" in html.unescape(
        outside
    )


def test_only_its_own_scripts_may_run_and_nothing_is_loaded(hostile_page):
    policy = html.unescape(
        re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', hostile_page)[1]
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    scripts = re.findall(r"<script>(.*?)</script>", hostile_page, re.DOTALL)
    assert len(scripts) == 2
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    assert (
        rules["script-src"] == " ".join(f"'sha256-{value}'" for value in hashes) + " 'unsafe-eval'"
    )
    assert (
        rules["default-src"] == "'none'"
        and rules["img-src"] == "data: blob:"
        and "connect-src" not in rules
    )
    assert not re.search(
        r"""(src|href)=["']?(https?:|//)""",
        re.sub(r"<script>.*?</script>", "", hostile_page, flags=re.S),
    )


def test_texts_share_a_budget():
    lengths = np.array([10, 1000, 1000])
    assert fair_length(lengths, 10_000) == 1000 and fair_length(lengths, 210) == 100
    assert fair_length(np.array([], dtype=int), 5) == 0


def test_many_long_texts_are_cut_and_many_texts_thinned(monkeypatch):
    monkeypatch.setattr(report_page, "MAX_POINTS", 100)
    monkeypatch.setattr(report_page, "TEXT_BUDGET", 20_000)
    result = make_result([f"{i} " + "ж" * 900 for i in range(300)], [0] * 298 + [1] * 2, ["a", "b"])
    page = render(result)
    documents = page_data(page)["documents"]
    assert (
        len(documents["text"]) == 100
        and sum(len(text.encode()) for text in documents["text"]) < 21_000
    )
    assert "100 of the 300 texts" in page and "300 texts in 2 clusters" in page
    shown = set(documents["id"])
    assert {"298", "299"} <= shown, (
        "representative texts are there, be the cluster as small as it may"
    )
    assert {str(row) for row in np.argsort(result.probabilities)[:20]} <= shown
    assert [cluster["size"] for cluster in page_data(page)["clusters"]] == [298, 2]


def test_classes_make_a_section_be_there_scores_or_not():
    for classes in (["x", "y"], None):
        page = render(make_result(["a", "b"], [0, 1], ["a", "b"], classes=classes))
        assert (
            ('id="confusion"' in page)
            == (page_data(page)["confusion"] is not None)
            == (classes is not None)
        )


def test_a_choice_of_the_start_is_told_where_there_was_one():
    sentence = "Take the others with --init even."
    metrics = {
        "start_separation": {"even": 0.1, "any": 0.3},
        "start_sizes": {"even": [5, 5], "any": [9, 1]},
    }
    for measured in (metrics, {}):
        page = render(make_result(["a", "b"], [0, 1], ["a", "b"], metrics=measured))
        assert (sentence in page) == bool(measured)


def test_times_and_groups_make_sections_filters_and_a_column():
    clusters = [0] * 40 + [1] * 40
    regions = ["north"] * 38 + ["south"] * 42
    columns = {"sent": [f"2024-05-0{1 + row // 20}" for row in range(80)], "region": regions}
    texts = [f"text {row}" for row in range(80)]
    attributes = Attributes(columns, "sent", ("region",))
    page = render(make_result(texts, clusters, ["old", "new"], attributes=attributes))
    cuts = page_data(page)["cuts"]
    assert cuts["trend"]["names"] == [f"2024-05-0{day}" for day in range(1, 5)]
    assert cuts["trend"]["counts"] == [[20, 20, 0, 0], [0, 0, 20, 20]]
    assert cuts["groups"] == [
        {"column": "region", "names": ["south", "north"], "parts": [1] * 38 + [0] * 42}
    ]
    told = re.findall(r"<dt dir=\"auto\">(.*?)</dt><dd dir=\"auto\">(.*?)</dd>", page)
    assert told[:2] == [("Growing", "new (0.0% to 100.0%)"), ("Fading", "old (100.0% to 0.0%)")]
    assert told[2] == (
        "More by region",
        "north in old (2.0 times the expected); south in new (1.9 times the expected)",
    )
    for part in ('id="from"', 'data-group="0"', 'id="trend"', 'data-title="Trend"'):
        assert part in page
    assert 'title="38 texts, 2.0 times as many as expected">100%' in page
    assert page.count('aria-label="more than expected"') == 2

    plain = render(make_result(texts, clusters, ["old", "new"]))
    assert page_data(plain)["cuts"] == {"trend": None, "groups": []}
    for part in ('id="from"', "select class", 'id="trend"', ">Trend<", "For whom"):
        assert part not in plain
