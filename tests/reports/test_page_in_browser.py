"""`report.html` in a headless Chromium: it works without a network and by keyboard, and nothing
hostile runs.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bert_clustering.reports.changes import Changes
from bert_clustering.reports.levels import Level
from bert_clustering.reports.page import write_report
from bert_clustering.texts.attributes import Attributes
from helpers import HOSTILE, TOPICS, make_result


pytestmark = pytest.mark.browser

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-default-apps --window-size=1400,900"
).split()
OWN = ("chrome:", "chrome-untrusted:")  # what the browser asks itself for
LABELS = ["fruit, pear", "space, moon", "money, <script>window.hacked = 9</script>"]


class Browser:
    """A Chromium that remembers what a page asked for and complained of."""

    def __init__(self, profile: Path, *flags: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (*FLAGS, f"--user-data-dir={profile}", *flags):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(
            options, webdriver.ChromeService(shutil.which("chromedriver"))
        )

    def open(self, page: Path) -> None:
        self.driver.get_log("performance"), self.driver.get_log("browser")
        self.driver.get(page.as_uri())
        self.wait("document.documentElement.hasAttribute('data-ready')")

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(f"return {script}", *arguments)

    def wait(self, condition: str) -> None:
        WebDriverWait(self.driver, 120, 0.1).until(lambda driver: self.run(condition), condition)

    def find(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def look(self, **features: str) -> None:
        features = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def resize(self, width: int, height: int, mobile: bool) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("profile"))
    yield started
    started.driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """300 texts in three clusters, seven of them hostile, with gold classes and a history."""
    generator, clusters = np.random.default_rng(0), np.repeat([0, 1, 2], [150, 100, 50])
    words = list(TOPICS.values())
    texts = [
        " ".join([f"number{row}", *generator.choice(words[c], 5)]) for row, c in enumerate(clusters)
    ]
    texts[10:17] = HOSTILE
    history = [{"epoch": e, "clustering_loss": 1 / e, "mlm_loss": 3 / e} for e in (1, 2)]
    sizes = {"cluster_size_0": 150, "cluster_size_1": 100, "cluster_size_2": 50}
    history += [{"epoch": e, "changed": 0.1 / e, **sizes} for e in (1, 2)]
    scores = {f"eval_{name}": 0.9 for name in ("accuracy", "nmi", "ari", "purity")}
    about = {
        "classes": [f"class <b>{c}" for c in clusters],
        "history": history,
        "metrics": scores | {"num_clusters_scores": {"2": 0.4, "3": 0.6, "5": 0.5, "20": 0.2}},
    }
    columns = {
        "sent": [f"2024-05-0{1 + row % 6}" for row in range(300)],
        "region": ["<script>window.hacked = 8</script>", "south", "west"] * 100,
    }
    about["attributes"] = Attributes(columns, "sent", ("region",))
    result = make_result(texts, clusters, LABELS, **about)
    result.positions[10] += 1  # apart from the others
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, result)
    return path


@pytest.fixture
def opened(browser, page) -> Browser:
    browser.resize(1400, 900, mobile=False)
    browser.look(prefers_color_scheme="light")
    browser.open(page)
    return browser


def selected(browser: Browser) -> int | None:
    """Number of points that stand out on the map; `None` where all do."""
    return browser.run("map.data[0].selectedpoints ? map.data[0].selectedpoints.length : null")


def test_it_opens_without_an_error_a_request_or_a_hostile_text_run(opened, page):
    messages = [entry["message"] for entry in opened.driver.get_log("browser")]
    assert not [message for message in messages if "WebGL" not in message], messages
    events = [
        json.loads(entry["message"])["message"] for entry in opened.driver.get_log("performance")
    ]
    requests = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in requests
    assert not [
        url
        for url in requests
        if url != page.as_uri() and not url.startswith(("data:", "blob:", *OWN))
    ]
    ask = (
        "const done = arguments[0]; "
        "fetch('https://example.org').then(() => done('sent'), () => done('refused'))"
    )
    assert opened.driver.execute_async_script(ask) == "refused", (
        "the page could not ask if it wanted to"
    )
    assert opened.run("window.hacked") is None
    opened.driver.get_log("browser")


def test_points_rows_and_charts_are_all_there(opened):
    assert opened.run("map.data[0].x.length") == 300 and opened.run("map.data[1].x.length") == 3
    assert opened.run("map.querySelectorAll('.annotation').length") == 3
    assert len(opened.find("#clusters tbody tr")) == len(opened.find("#legend button")) == 3
    assert len(opened.find(".examples li")) == 9
    for chart in ("hierarchy", "confusion", "clustering_loss", "mlm_loss", "changed", "sizes"):
        assert opened.run(f"document.getElementById('{chart}').data.length") >= 1, chart
    assert opened.run("document.getElementById('sizes').data.map(trace => trace.y.at(-1))") == [
        150,
        100,
        50,
    ]
    assert len(opened.find(".uncertain tbody tr")) == 20


def test_the_curve_over_the_number_of_clusters_marks_the_one_taken(opened):
    charts = "document.getElementById('scores').data"
    assert opened.run(f"{charts}[0].x") == [2, 3, 5, 20]
    assert opened.run(f"{charts}[0].y") == [0.4, 0.6, 0.5, 0.2]
    assert opened.run(f"[{charts}[1].x[0], {charts}[1].y[0], {charts}[1].text[0]]") == [3, 0.6, "3"]
    chart = opened.find("#scores")[0]
    assert chart.size["height"] == 320 and len(opened.find("#scores .scatterlayer .point")) == 5
    section = opened.find("section[aria-labelledby=scores-title]")[0]
    assert section.find_element(By.TAG_NAME, "h2").text == "How many clusters"
    assert "3, was taken" in section.text
    assert chart.get_attribute("aria-label") == "Score by number of clusters; 3 scores best."


def test_search_finds_texts_whatever_is_in_them(opened):
    box = opened.find("#search")[0]
    for words, count in (
        ("number42", 1),
        ("NUMBER1 moon", None),
        ("<script>window.hacked", 1),
        ("no such text", 0),
    ):
        box.clear()
        box.send_keys(words)
        found = opened.run(
            "documents.text.filter(t => arguments[0].every(w => "
            "t.toLowerCase().includes(w))).length",
            words.lower().split(),
        )
        assert count is None or found == count
        opened.wait(f"document.getElementById('count').textContent.startsWith('{found} of 300')")
        assert selected(opened) == found and len(opened.find("#texts li")) == min(found, 50)
    assert "There are no texts" in opened.find("#texts-note")[0].text
    opened.find("#reset")[0].click()
    opened.wait("map.data[0].selectedpoints == null")
    assert opened.run("window.hacked") is None


def test_a_cluster_can_be_chosen_by_keyboard(opened):
    button = opened.find("#legend button")[1]
    opened.run("arguments[0].focus()", button)
    assert opened.run("getComputedStyle(arguments[0]).outlineStyle", button) is not None
    button.send_keys(Keys.ENTER)
    opened.wait("map.data[0].selectedpoints && map.data[0].selectedpoints.length === 100")
    assert button.get_attribute("aria-pressed") == "true"
    assert opened.find("#clusters tr[aria-current=true] th button")[0].text == "space, moon"
    assert "space, moon" in opened.find("#texts-note")[0].text
    opened.find("#more")[0].send_keys(Keys.SPACE)
    assert len(opened.find("#texts li")) == 100
    opened.run("arguments[0].focus()", button)
    button.send_keys(Keys.ENTER)
    opened.wait("map.data[0].selectedpoints == null")


def test_times_and_groups_filter_the_map_the_table_and_the_texts(opened):
    choose = "arguments[0].value = arguments[1], arguments[0].dispatchEvent(new Event('change'))"
    opened.run(choose, opened.find("#from")[0], 4)
    assert selected(opened) == 100 and opened.find("#count")[0].text == "100 of 300 texts"
    opened.run(choose, opened.find("select.group")[0], 1)
    assert selected(opened) == 50 == opened.run("state.matches.length"), "the fifth day and south"
    assert opened.run("state.matches.every(i => i % 6 === 4)")
    totals = opened.run("document.getElementById('trend').data[0].customdata")
    south = [int(total.split()[2]) for total in totals]
    assert south == [0, 50, 0, 0, 50, 0], "of each day, as the group says and whatever the time"
    counts = [small.text for small in opened.find("#legend small")]
    assert list(map(int, counts)) == [25, 16, 9]
    assert opened.find("#clusters tbody td")[0].text == "25 of 150"
    assert "(region: south, 2024-05-05 to 2024-05-06)" in opened.find("#texts-note")[0].text
    assert opened.run("document.getElementById('trend').data.length") == 3
    opened.find("#legend button")[1].click()
    assert opened.run("document.getElementById('trend').data.map(line => line.name)") == [
        "space, moon"
    ]
    assert opened.run("document.getElementById('trend').data[0].y.length") == 6
    assert selected(opened) == 16
    opened.find("#reset")[0].click()
    opened.wait("map.data[0].selectedpoints == null")
    assert [small.text for small in opened.find("#legend small")] == ["150", "100", "50"]
    assert opened.find("#clusters tbody td")[0].text == "150"
    opened.run("showText(0)")
    facts = opened.run("document.querySelector('#mix small').textContent")
    assert facts == "id 0 · sent: 2024-05-01 · region: <script>window.hacked = 8</script>"
    assert opened.run("window.hacked") is None


def test_a_text_shows_its_mix_of_topics(opened):
    opened.find("#texts button")[0].send_keys(Keys.ENTER)
    row = int(opened.find("#texts button")[0].get_attribute("data-row"))
    shares = [dd.text for dd in opened.find("#mix dd") if dd.text]
    expected = opened.run(
        f"documents.probabilities[{row}].map(share => (100 * share).toFixed(0) + '%')"
    )
    assert shares == expected and len(shares) == 3
    assert opened.run("document.querySelector('#mix p').textContent") == opened.run(
        f"documents.text[{row}]"
    )
    for i in range(10, 17):
        opened.run(f"showText({i})")
    assert opened.run("window.hacked") is None


def test_hovering_shows_text_label_and_probability(opened):
    opened.run("map.scrollIntoView()")
    x, y = opened.run(
        "[map._fullLayout._size.l + map._fullLayout.xaxis.l2p(documents.x[10]) - map.clientWidth "
        "/ 2, map._fullLayout._size.t + map._fullLayout.yaxis.l2p(documents.y[10]) - "
        "map.clientHeight / 2]"
    )
    over = ActionChains(opened.driver).move_to_element(opened.find("#map")[0])
    over.move_to_element_with_offset(opened.find("#map")[0], round(x), round(y)).perform()
    opened.wait("!document.getElementById('tip').hidden")
    tip = opened.find("#tip")[0].text
    assert HOSTILE[0] in tip and "fruit, pear" in tip and "%" in tip
    assert opened.run("window.hacked") is None


def test_the_table_sorts_by_numbers_and_by_names(opened):
    def names() -> list[str]:
        return [button.text.split(",")[0] for button in opened.find("#clusters tbody th button")]

    assert names() == ["fruit", "space", "money"], "by size"
    heads = {head.text.split(" ")[0]: head for head in opened.find("#clusters thead th button")}
    heads["Texts"].send_keys(Keys.ENTER)
    assert names() == ["money", "space", "fruit"]
    heads["Cluster"].send_keys(Keys.ENTER)
    assert names() == ["fruit", "money", "space"]
    assert [head.get_attribute("aria-sort") for head in opened.find("#clusters thead th")[:2]] == [
        "ascending",
        "none",
    ]


def test_dark_mode_and_a_phone(opened):
    def color(script: str) -> int:
        return sum(
            map(
                int,
                opened.run(
                    f"getComputedStyle({script}).backgroundColor.match(/\\d+/g).slice(0, 3)"
                ),
            )
        )

    assert color("document.body") > 700
    opened.look(prefers_color_scheme="dark")
    opened.wait("map._fullLayout.plot_bgcolor === '#12161c'")
    assert color("document.body") < 120
    opened.resize(390, 800, mobile=True)
    opened.wait("map._fullLayout.width < 390")
    assert opened.run("document.documentElement.scrollWidth") <= 390, "nothing sticks out sideways"
    assert (
        opened.run("getComputedStyle(document.querySelector('#clusters tbody tr')).display")
        == "block"
    )


def test_without_webgl_the_map_is_drawn_too(page, tmp_path):
    browser = Browser(tmp_path / "profile", "--disable-3d-apis")
    try:
        browser.open(page)
        assert browser.run("map.data[0].type") == "scatter"
        assert browser.run("map.querySelectorAll('.trace.scatter path.point').length") == 303
    finally:
        browser.driver.quit()


def test_twenty_thousand_texts_open_quickly(browser, tmp_path):
    """More than the page takes: it is thinned, its texts are cut, and it is drawn at once."""
    generator, clusters = np.random.default_rng(0), np.arange(21_000) % 40
    words = np.array(sum(TOPICS.values(), []))
    texts = [" ".join(line) for line in words[generator.integers(len(words), size=(21_000, 90))]]
    write_report(
        tmp_path / "report.html",
        make_result(texts, clusters, [f"topic {c}, words" for c in range(40)]),
    )
    assert (tmp_path / "report.html").stat().st_size < 15_000_000
    browser.resize(1400, 900, mobile=False)
    browser.open(tmp_path / "report.html")
    assert browser.run("performance.getEntriesByName('first-contentful-paint')[0].startTime") < 3000
    assert browser.run("map.data[0].x.length") == 20_000
    assert "20,000 of the 21,000 texts" in browser.find(".overview .note")[0].text
    browser.find("#search")[0].send_keys("moon")
    browser.wait("document.getElementById('count').textContent !== ''")
    told = [
        row.text.replace(",", "").split(" of ") for row in browser.find("#clusters td:nth-child(2)")
    ]
    assert sum(int(whole) for _, whole in told) == 20_000, "of those that were searched"


def test_fifteen_hundred_clusters_open_quickly(browser, tmp_path):
    generator, labels = np.random.default_rng(0), [f"topic {c}, words" for c in range(1500)]
    clusters = np.arange(6000) % 1500
    sizes = {f"cluster_size_{c}": 4 for c in range(1500)}
    about = {
        "classes": [f"class {row % 700}" for row in range(6000)],
        "positions": generator.normal(size=(6000, 2)),
        "history": [{"epoch": e, "changed": 0.1, "clustering_loss": 1.0, **sizes} for e in (1, 2)],
    }
    texts = [f"text {row}" for row in range(6000)]
    write_report(tmp_path / "report.html", make_result(texts, clusters, labels, **about))
    assert (tmp_path / "report.html").stat().st_size < 12_000_000
    browser.resize(1400, 900, mobile=False)
    browser.open(tmp_path / "report.html")
    assert browser.run("performance.now()") < 30_000, "names as ticks would take minutes"
    assert browser.run("document.getElementById('hierarchy').data.length") == 2
    assert len(browser.find("#clusters tbody tr")) == 1500


@pytest.fixture
def with_levels(browser, tmp_path) -> Browser:
    """A page of six texts in four clusters inside two, of a telephone's size."""
    labels = ["pear", "moon", "fig", "</script><script>window.hacked = 8</script>"]
    levels = [Level(np.array([0, 1, 0, 1]), ["fruit", "<img src=x onerror=hacked=7>"])]
    texts = ["a pear", "a moon", "a fig", "a plum", "a loan", "<b>a bank"]
    write_report(
        tmp_path / "levels.html", make_result(texts, [0, 1, 2, 2, 3, 3], labels, levels=levels)
    )
    browser.resize(390, 844, mobile=True)
    browser.open(tmp_path / "levels.html")
    return browser


def test_a_cluster_of_any_level_is_chosen_by_keyboard(with_levels):
    page = with_levels
    inner, leaves = page.find("#levels details > button"), page.find("#levels .leaf")
    assert page.run("window.hacked") is None
    assert page.run("document.documentElement.scrollWidth <= 390")
    assert {button.get_attribute("aria-label") for button in inner} == {
        "Show the texts of fruit",
        "Show the texts of <img src=x onerror=hacked=7>",
    }
    summary = page.find("#levels summary")[0]
    summary.send_keys(Keys.ENTER)
    assert not leaves[0].is_displayed()
    summary.send_keys(Keys.ENTER)
    assert leaves[0].is_displayed()
    fruit = next(b for b in inner if b.get_attribute("data-label") == "fruit")
    fruit.send_keys(Keys.ENTER)
    assert selected(page) == 3 and fruit.get_attribute("aria-pressed") == "true"
    assert "of “fruit”" in page.find("#texts-note")[0].text and len(page.find("#texts li")) == 3
    leaf = next(b for b in leaves if b.text == "fig")
    leaf.send_keys(Keys.ENTER)
    assert selected(page) == 2 and fruit.get_attribute("aria-pressed") == "false"
    leaf.send_keys(Keys.ENTER)
    assert selected(page) is None
    fruit.send_keys(Keys.ENTER)
    page.find("#reset")[0].click()
    page.wait("map.data[0].selectedpoints == null")
    assert fruit.get_attribute("aria-pressed") == "false"


def test_changes_of_the_clusters_make_a_command_that_any_shell_reads(browser, tmp_path):
    labels = ["pear", "moon", "fig", "loan", "sun"]
    ids = ["a", "$(touch hacked)", "it's `here`!", 'two "words"', "-5", "line\nbreak"]
    texts = [f"text {row}" for row in range(6)]
    write_report(
        tmp_path / "edits.html", make_result(texts, [0, 1, 2, 3, 4, 4], labels, ids=ids), "my run"
    )
    browser.resize(390, 844, mobile=True)
    browser.open(tmp_path / "edits.html")
    assert not browser.find("#edits")[0].is_displayed()
    picks = {pick.get_attribute("value"): pick for pick in browser.find("#clusters .pick")}

    def change(kind: str, *numbers: int) -> None:
        for number in numbers:
            picks[str(number)].send_keys(Keys.SPACE)
        browser.find(f"[data-edit={kind}]")[0].send_keys(Keys.ENTER)

    change("drop", 0)
    change("split", 1)
    change("merge", 1, 2)  # in the place of the split
    browser.run("document.getElementById('new-name').value = 'Börse & $(touch hacked)'")
    change("rename", 2)
    for row, target in ((1, 3), (2, 3), (3, 4)):
        browser.run("showText(arguments[0])", row)
        select = browser.find("#mix select")[0]
        script = (
            "arguments[0].value = arguments[1], arguments[0].dispatchEvent(new Event('change'))"
        )
        browser.run(script, select, str(target))
    for row in (4, 5):
        browser.run("showText(arguments[0])", row)
        assert not browser.find("#mix select"), "no command can say it"
    assert browser.run("document.documentElement.scrollWidth <= 390")
    command = browser.find("#command")[0].text
    fake = tmp_path / "bert-clustering"
    fake.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    fake.chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=os.environ | path, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == [
        *("edit", "my run", "--rename", "2=Börse & $(touch hacked)", "--merge", "1,2"),
        *("--drop", "0", "--move", f"{ids[1]}:3", "--move", f"{ids[2]}:3", "--move", f"{ids[3]}:4"),
    ]
    assert not (tmp_path / "hacked").exists()
    browser.find("#edits [type=reset]")[0].send_keys(Keys.ENTER)
    browser.wait("document.getElementById('edits').hidden")


def test_what_has_changed_fits_a_telephone(browser, tmp_path):
    """Proposed topics with long names and texts, and hostile ones."""
    texts = [f"{text} {'which goes on and on, ' * 20}" for text in HOSTILE[:3]]
    topic = {
        "number": 2,
        "label": HOSTILE[0],
        "keywords": ["refund", "money back", "chargeback", HOSTILE[1]],
        "size": 1_234,
        "stability": 0.98,
        "earlier_texts_near": 3,
        "nearest_cluster": 0,
        "nearest_label": "fruit, pear",
        "examples": [{"id": f"m{number}", "text": text} for number, text in enumerate(texts)],
        "accepted_as": None,
    }
    row = {"cluster": 1, "label": "moon", "status": "growing", "is_drifting": True, "shift": 0.2}
    row |= {"before": 1_000, "new": 2_000, "share_before": 0.1, "share_new": 0.2, "ratio": 2.0}
    row |= {"more_about": ["eclipse", HOSTILE[2]]}
    counts = {"before": 10_000, "new": 10_000}
    changes = Changes(f"{HOSTILE[3]}.csv", counts, 0.99, [row], [topic], lineage=[])
    result = make_result(["a pear", "a moon"], [0, 1], ["fruit, pear", "moon"])
    write_report(tmp_path / "changed.html", replace(result, changes=changes))
    browser.resize(390, 844, mobile=True)
    browser.open(tmp_path / "changed.html")
    section = browser.find("section[aria-labelledby=changes-title]")[0].text
    assert "money back" in section and "growing, drifting" in section
    assert browser.run("document.documentElement.scrollWidth <= 390")
    assert browser.run("window.hacked") is None
