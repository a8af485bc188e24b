"""The notebook runs from top to bottom, with a tiny encoder and the toy corpus in place of its
own.
"""

import csv
from ast import literal_eval
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient


NOTEBOOK = Path(__file__).parent.parent / "examples" / "first_clusters.ipynb"
SETTINGS = {  # the first code cell's, and what takes their place
    'ENCODER = "sentence-transformers/all-MiniLM-L6-v2"': "ENCODER = {encoder!r}",
    'TEXTS = "../build/demo/posts.csv"': "TEXTS = 'texts.csv'",
    "NUM_CLUSTERS = 8  #": "NUM_CLUSTERS = 3  #",
    "MAX_SEQ_LENGTH = 64  #": "MAX_SEQ_LENGTH = 16  #",
    'OUTPUT = "../build/first_clusters"': "OUTPUT = 'output'",
}


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(corpus, headless_dir, tmp_path):
    with open(tmp_path / "texts.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([text] for text in corpus[0])])
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = code_cells(notebook)
    for own, tiny in SETTINGS.items():
        assert cells[0].source.count(own) == 1
        cells[0].source = cells[0].source.replace(own, tiny.format(encoder=headless_dir))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()

    topics, assigned, loaded = (cell.outputs[-1].data["text/plain"] for cell in cells[-3:])
    found = literal_eval(assigned)
    assert len(found) == 2 and all(name in topics for _, name in found)
    assert "LABEL_" not in topics and loaded == "True"


def test_the_notebook_is_short_and_shows_results_alone():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) <= 12 and NOTEBOOK.stat().st_size < 20_000
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert all(output.output_type == "execute_result" for output in outputs)
