"""`topics.xlsx` as a spreadsheet program reads it."""

import openpyxl
import pytest

from bert_clustering.reports import spreadsheet
from bert_clustering.reports.spreadsheet import write_spreadsheet
from bert_clustering.texts.attributes import Attributes
from helpers import HOSTILE, make_result


FORMULAS = ["=1+1", "@x", "+1", "-1", "\t=1"]


def read(path) -> dict[str, list[list]]:
    book = openpyxl.load_workbook(path)
    for cell in (cell for sheet in book for row in sheet.iter_rows() for cell in row):
        assert cell.data_type != "f", "no cell is a formula"
        assert not isinstance(cell.value, str) or cell.quotePrefix, "nor becomes one"
    return {sheet.title: [[cell.value for cell in row] for row in sheet] for sheet in book}


@pytest.fixture
def result():
    texts = [*FORMULAS, *HOSTILE, None, "a pear"]
    columns = {
        "sent": [f"{2021 + row % 3}-05-01" for row in range(len(texts))],
        "=region/of: [sale]": ["north", "=south"] * (len(texts) // 2),
        "note": ["\x01", *["x"] * (len(texts) - 1)],
    }
    attributes = Attributes(columns, "sent", ("=region/of: [sale]",))
    clusters = [0, 1] * 6 + [0]
    return make_result(texts, clusters, ["=cmd()", "fruit, pear"], attributes=attributes)


def test_clusters_cuts_and_texts_have_a_sheet_each(result, tmp_path):
    write_spreadsheet(tmp_path / "topics.xlsx", result)
    sheets = read(tmp_path / "topics.xlsx")
    assert list(sheets) == ["Clusters", "sent", "=region_of_ _sale_", "Texts"]
    head, first, second = sheets["Clusters"]
    assert head[:8] == spreadsheet.HEAD
    assert first[:4] == [0, "=cmd()", 7, 7 / 13] and second[:3] == [1, "fruit, pear", 6]
    assert sheets["sent"][0] == ["cluster", "label", "2021", "2022", "2023"]
    assert sum(sum(row[2:]) for row in sheets["=region_of_ _sale_"][1:]) == 13
    texts = sheets["Texts"]
    assert texts[0] == [
        "id",
        "cluster",
        "label",
        "probability",
        "text",
        *result.documents.attributes.columns,
    ]
    assert [row[4] for row in texts[1:6]] == FORMULAS
    assert texts[1][7] == "\ufffd", "what the format cannot hold"
    assert len(texts[12][4]) == 32_767 and texts[-1][0] == "13" and len(texts) == 14


def test_of_too_many_texts_there_is_no_sheet(result, tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheet, "MAX_TEXTS", 12)
    write_spreadsheet(tmp_path / "topics.xlsx", result)
    assert "Texts" not in read(tmp_path / "topics.xlsx")
