"""`topics.xlsx`: the clusters, their cuts and their texts, for those who live in a spreadsheet.

No cell is a formula, whatever stands in it: all that is no number is marked as text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from .cuts import Cut
from .files import Assignment, of_documents, replacing
from .mix import write_topics
from .result import OUTLIER, OUTLIER_LABEL, ClusteringResult
from .topics import topic_rows


MAX_TEXTS = 50_000  # beyond, `clusters.csv` holds them alone
MAX_CELL = 32_767  # characters, by the format
MAX_TITLE = 31  # characters of a sheet's name
NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
HEAD = ["cluster", "label", "texts", "share", "probability", "stability", "keywords", "examples"]


def write_spreadsheet(path: Path, result: ClusteringResult) -> None:
    """Write a sheet of clusters, one per column of times and of groups with the texts of each
    cluster in each part, and, of up to 50,000, one of the texts, and of their sentences where
    these were clustered.
    """
    book, mix = Workbook(write_only=True), result.assigned_mix
    _add_sheet(book, "Clusters", _cluster_rows(result))
    for cut in [*([result.trend] if result.trend else []), *result.cuts]:
        _add_sheet(book, cut.column, _cut_rows(result, cut))
    if len(result.clusters) <= MAX_TEXTS:
        part = Assignment(result.documents, result.assigned, result.probabilities)
        if mix is not None:
            _add_sheet(book, "Sentences", _text_rows(part, result.labels))
            part = of_documents(result.whole, mix)
        _add_sheet(book, "Texts", _text_rows(part, result.labels))
    with replacing(path, "wb") as file:
        book.save(file)


def _cluster_rows(result: ClusteringResult) -> Iterator[list]:
    above = [f"label_{number + 1}" for number in range(len(result.levels))]
    head = HEAD if result.mix is None else [*HEAD[:2], "sentences", *HEAD[2:]]
    yield [*head[:2], *above, *head[2:]]
    for row in topic_rows(result):
        sizes = [row["size"], *([row["texts"]] if "texts" in row else [])]
        numbers = [*sizes, row["share"], row["probability"], row["stability"]]
        words = [", ".join(row["keywords"]), *row["examples"]]
        labels = [row[name] for name in ("label", *above)]
        yield [row["cluster"], *labels, *numbers, *words]


def _cut_rows(result: ClusteringResult, cut: Cut) -> Iterator[list]:
    yield ["cluster", "label", *cut.names]
    for row in topic_rows(result):
        yield [row["cluster"], row["label"], *cut.counts[row["cluster"]].tolist()]


def _text_rows(part: Assignment, labels: Sequence[str]) -> Iterator[list]:
    documents, known = part.documents, part.documents.usable_attributes
    kept = known.columns if known else {}
    names = {OUTLIER: OUTLIER_LABEL, **dict(enumerate(labels))}
    is_mix = part.topics is not None
    yield ["id", "cluster", "label", "probability", *["topics"] * is_mix, "text", *kept]
    mixes = [[write_topics(topics, names)] for topics in part.topics or ()]
    columns = (
        documents.usable_ids,
        part.clusters.tolist(),
        part.probabilities.tolist(),
        mixes if is_mix else repeat([], len(part.clusters)),
        documents.usable_texts,
    )
    for id_, cluster, probability, mix, text, *others in zip(*columns, *kept.values(), strict=True):
        yield [str(id_), cluster, names[cluster], probability, *mix, text, *others]


def _add_sheet(book: Workbook, title: str, rows: Iterable[list]) -> None:
    """A sheet with a head that stays in view."""
    safe = "".join("_" if character in r"\/?*[]:" else character for character in title)
    sheet = book.create_sheet(_plain(safe)[:MAX_TITLE] or "column")  # made unique by openpyxl
    sheet.freeze_panes = "A2"
    for number, row in enumerate(rows):
        sheet.append([_cell(sheet, value, is_head=number == 0) for value in row])


def _cell(sheet: WriteOnlyWorksheet, value: object, is_head: bool) -> WriteOnlyCell:
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    cell = WriteOnlyCell(sheet, _plain(value)[:MAX_CELL])
    cell.data_type = "s"  # also where it begins like a formula
    cell.quotePrefix = True  # and stays text when somebody edits it
    if is_head:
        cell.font = Font(bold=True)
    return cell


def _plain(text: str) -> str:
    """A text without characters that the format cannot hold."""
    return NO_XML.sub("\ufffd", text)
