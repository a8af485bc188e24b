"""What others load: from a clean process elsewhere, with nothing but the saved directory."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers.dynamic_module_utils import get_imports

import bert_clustering
from bert_clustering.modeling_bert_cluster import BertForClustering


pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
TEXTS = ["apple pear plum", "the rocket and the moon of the very bright star", "a loan"]


def run_python(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run code in a clean process in another folder, with a module cache of its own."""
    environment = {
        "HF_HOME": str(cwd / "hf"),
        "PYTHONPATH": "",
        "PATH": os.environ["PATH"],
    } | environment
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=cwd,
        env=os.environ | {"HF_HUB_OFFLINE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def saved(encoder_dir, tokenizer, tmp_path):
    """A model of four clusters, its folder and its outputs for `TEXTS`."""
    model = BertForClustering.from_pretrained(encoder_dir, num_clusters=4).eval()
    torch.nn.init.normal_(model.cluster_head.centroids, std=0.2)
    model.config.id2label = {0: "fruit, pear", 1: "space", 2: "money", 3: "rest"}
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with torch.no_grad():
        outputs = model(**tokenizer(TEXTS, padding=True, return_tensors="pt"))
    return model, folder, outputs


def test_auto_classes_and_pipeline_are_equal_to_the_model(saved, tmp_path):
    _, folder, outputs = saved
    (tmp_path / "elsewhere").mkdir()
    code = f"""
        import numpy as np, sys, torch
        from transformers import (
            AutoConfig,
            AutoModel,
            AutoModelForSequenceClassification,
            AutoTokenizer,
            pipeline,
        )
        folder, texts = {str(folder)!r}, {TEXTS!r}
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
        inputs = tokenizer(texts, padding=True, return_tensors="pt")
        arrays = {{}}
        for auto in (AutoModel, AutoModelForSequenceClassification):
            model = auto.from_pretrained(folder, trust_remote_code=True)
            with torch.no_grad():
                output = model(**inputs)
            assert type(model).__name__ == "BertForClustering" and model.config.num_clusters == 4
            for name in ("logits", "embeddings"):
                arrays[f"{{auto.__name__}}_{{name}}"] = output[name].numpy()
            model.save_pretrained(f"again_{{auto.__name__}}")
            tokenizer.save_pretrained(f"again_{{auto.__name__}}")
        again = AutoModel.from_pretrained("./again_AutoModel", trust_remote_code=True)
        with torch.no_grad():
            arrays["again_logits"] = again(**inputs).logits.numpy()
        config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
        assert config.id2label[0] == "fruit, pear"
        sort = pipeline("text-classification", model=folder, trust_remote_code=True)
        scores = [{{one["label"]: one["score"] for one in row}} for row in sort(texts, top_k=None)]
        labels = ("fruit, pear", "space", "money", "rest")
        arrays["pipeline"] = [[row[label] for label in labels] for row in scores]
        assert not any(name in sys.modules for name in ("bert_clustering", "sklearn.cluster"))
        np.savez("arrays.npz", **arrays)
    """
    done = run_python(code, tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    arrays = np.load(tmp_path / "elsewhere" / "arrays.npz")
    for name in ("AutoModel_logits", "AutoModelForSequenceClassification_logits", "again_logits"):
        np.testing.assert_array_equal(arrays[name], outputs.logits.numpy(), err_msg=name)
    np.testing.assert_array_equal(arrays["AutoModel_embeddings"], outputs.embeddings.numpy())
    np.testing.assert_allclose(arrays["pipeline"], outputs.logits.exp().numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["configuration_bert_cluster.py", "modeling_bert_cluster.py"])
def test_published_files_need_nothing_that_a_user_lacks(name):
    needed = set(get_imports(ROOT / name)) - sys.stdlib_module_names
    assert needed <= {"torch", "transformers", "huggingface_hub"}


def test_nothing_is_unpickled():
    package = Path(bert_clustering.__file__).parent
    modules = [*package.glob("*.py")]
    for room in ("clusters", "publishing", "reports", "texts", "training"):
        modules += (package / room).glob("*.py")
    assert len(modules) > 30
    for path in modules:
        assert not re.search(
            r"torch\.load\(|import pickle|from pickle", path.read_text(encoding="utf-8")
        ), path


def test_saved_folder_holds_the_two_modules(saved):
    _, folder, _ = saved
    modules = {path.name for path in folder.glob("*.py")}
    assert modules == {"configuration_bert_cluster.py", "modeling_bert_cluster.py"}
    for name in modules:
        assert (folder / name).read_text() == (ROOT / name).read_text()


@pytest.mark.parametrize("first", ["bert_clustering.run_clustering", "bert_clustering"])
def test_old_transformers_is_named_by_the_first_import(first, tmp_path):
    old = tmp_path / "transformers"
    old.mkdir()
    (old / "__init__.py").write_text('__version__ = "4.57.1"\n')
    done = run_python(
        f"import {first}", tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)])
    )
    assert done.returncode != 0
    assert "needs transformers 5 or newer, found 4.57.1" in done.stderr.splitlines()[-1]


def test_with_the_package_no_remote_code_is_needed(saved, tmp_path):
    """By each of the names that a model is loaded by."""
    _, folder, _ = saved
    code = f"""
        import bert_clustering
        from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

        folder = {str(folder)!r}
        assert type(AutoConfig.from_pretrained(folder)) is bert_clustering.BertClusterConfig
        for auto in (AutoModel, AutoModelForSequenceClassification):
            assert type(auto.from_pretrained(folder)) is bert_clustering.BertForClustering
    """
    done = run_python(textwrap.dedent(code), tmp_path)
    assert done.returncode == 0, done.stderr
