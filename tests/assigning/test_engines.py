"""The recipes of docs/scale.md, run as they stand there on two local workers."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from bert_clustering.assigning import Assigner
from bert_clustering.modeling_bert_cluster import BertForClustering


PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
NUM_TEXTS = 20_000
# Each start of an `Assigner` and each batch leave a line with their process.
COUNTED = """
import os
class Counted(Assigner):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.note("loaded")
    def __call__(self, texts):
        self.note("batch")
        return super().__call__(texts)
    def note(self, what):
        with open(FOLDER + "/" + what, "a") as file:
            file.write(f"{os.getpid()}\\n")
Assigner = Counted
"""
RAY = """
import ray
ray.init(num_cpus=3, object_store_memory=10**8, include_dashboard=False)
"""
SPARK = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
"""


def recipe(title: str) -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(corpus, encoder_dir, tokenizer, tmp_path):
    """A model in `output` and four files of texts in `data`."""
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=3)
    model.cluster_head.centroids.data.normal_()
    model.save_pretrained(tmp_path / "output")
    tokenizer.save_pretrained(tmp_path / "output")
    (tmp_path / "data").mkdir()
    texts = [corpus[0][row % len(corpus[0])] for row in range(NUM_TEXTS)]
    for part in range(4):
        rows = range(part, NUM_TEXTS, 4)
        table = pyarrow.table({"id": [*rows], "text": [texts[row] for row in rows]})
        pyarrow.parquet.write_table(table, tmp_path / "data" / f"{part}.parquet")
    return tmp_path


def run_recipe(title: str, start: str, folder: Path) -> None:
    first, second = recipe(title)
    script = folder / "script.py"
    counted = COUNTED.replace("FOLDER", repr(str(folder)))
    script.write_text("\n".join([start, first, counted, second]), encoding="utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def check_found(folder: Path) -> None:
    """All texts have their clusters, and each process has loaded the model once."""
    found = pyarrow.parquet.read_table(folder / "assigned").sort_by("id").to_pydict()
    assert found["id"] == [*range(NUM_TEXTS)]
    expected = Assigner(str(folder / "output"))(found["text"][:200])
    assert found["cluster"][:200] == expected["cluster"].tolist()
    assert found["label"][:200] == expected["label"].tolist()
    assert found["probability"][:200] == pytest.approx(expected["probability"].tolist(), abs=1e-5)
    loaded, batches = ((folder / name).read_text().split() for name in ("loaded", "batch"))
    assert len(loaded) == len(set(loaded)) == 2
    assert set(batches) <= set(loaded) and len(batches) >= 4


@pytest.mark.slow
def test_ray_data(folder):
    pytest.importorskip("ray.data", reason='needs: pip install "ray[data]"')
    run_recipe("Ray Data", RAY, folder)
    check_found(folder)


@pytest.mark.slow
def test_spark(folder):
    pytest.importorskip("pyspark", reason="needs: pip install pyspark")
    if shutil.which("java") is None:
        pytest.skip("needs Java: apt-get install openjdk-17-jre-headless")
    run_recipe("Spark", SPARK, folder)
    check_found(folder)
