"""Models in formats of other libraries, which a process without this package loads: the same
clusters.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer
from typer.testing import CliRunner

from bert_clustering import BertForClustering, InputError, cli
from bert_clustering.publishing import FORMATS, export_model
from bert_clustering.texts import add_text_prefix
from helpers import TOPICS, build_trainer


TEXTS = [" ".join(words) for words in TOPICS.values()] + ["pear moon", "loan " * 100]


@pytest.fixture(scope="module")
def trained(headless_dir, corpus, tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "model"
    trainer = build_trainer(headless_dir, tokenizer, corpus[0], folder, num_train_epochs=0)
    trainer.train()
    trainer.save_model()
    return folder


def assigned(folder: Path) -> tuple[list[str], np.ndarray]:
    """Labels of `TEXTS`, and q, by the code of a README, in a process without this package."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    assert 'print([clusters["labels"]' in code and '["a text", "another one"]' in code
    code = code.replace('["a text", "another one"]', repr(TEXTS))
    code = f"import sys\nsys.modules['bert_clustering'] = None\n{code}\nnp.save('q.npy', q)\n"
    code += "assert not any(name.startswith('bert_clustering.') for name in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout.splitlines()[-1]), np.load(folder / "q.npy")


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_a_process_without_the_package_gives_the_same_clusters(format, trained, tmp_path):
    target = tmp_path / "exported"
    done = CliRunner().invoke(
        cli.app, ["export", str(trained), "--to", format, "--output", str(target)]
    )
    assert done.exit_code == 0, done.output
    assert done.output.rstrip().endswith(f"How to use it: {target / 'README.md'}")
    assert "decompositions" not in done.output, "exporters tell of nothing that matters"
    model = BertForClustering.from_pretrained(trained).eval()
    tokenizer = AutoTokenizer.from_pretrained(trained)
    with torch.no_grad():
        batch = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
        expected = model(**batch).logits.exp().numpy()
    labels, q = assigned(target)
    assert labels == [model.config.id2label[cluster] for cluster in expected.argmax(axis=1)]
    np.testing.assert_allclose(q, expected, atol=0.1 if format == "onnx-int8" else 1e-3)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "bert" and config["max_position_embeddings"] > 0
    assert "auto_map" not in config and not list(target.glob("*.py"))
    assert not list(tmp_path.glob("*.partial"))


def test_the_plain_encoder_is_whole_and_of_its_own_architecture(trained, tmp_path):
    model = BertForClustering.from_pretrained(trained).eval()
    tokenizer = AutoTokenizer.from_pretrained(trained)
    export_model(model, tokenizer, "plain", tmp_path / "plain")
    encoder, info = AutoModel.from_pretrained(tmp_path / "plain", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    batch = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(
            encoder(**batch).last_hidden_state, model(**batch).last_hidden_state
        )


@pytest.mark.parametrize("segments", ["text", "sentence"])
def test_what_is_read_of_a_text_is_told(segments, trained, tmp_path, caplog):
    model = BertForClustering.from_pretrained(trained)
    model.config.segments, model.config.long_documents = segments, "mean"
    export_model(model, AutoTokenizer.from_pretrained(trained), "plain", tmp_path / "to")
    readme = (tmp_path / "to/README.md").read_text(encoding="utf-8")
    assert ("sentences of a text" in readme) == (segments == "sentence")
    assert ("handed them one by one" in caplog.text) == (segments == "sentence")
    assert "reads their first" in caplog.text


def test_a_prefix_is_written_as_tokens_of_the_vocabulary(trained, tmp_path):
    tokenizer = add_text_prefix(AutoTokenizer.from_pretrained(trained), "why not ")
    export_model(BertForClustering.from_pretrained(trained), tokenizer, "plain", tmp_path / "new")
    exported = Tokenizer.from_file(str(tmp_path / "new" / "tokenizer.json"))
    assert [text.ids for text in exported.encode_batch(TEXTS)] == tokenizer(
        TEXTS, padding=True, truncation=True
    ).input_ids
    template = json.loads(exported.to_str())["post_processor"]
    assert set(template["special_tokens"]) == {*tokenizer.all_special_tokens, "why", "not"}


BAD = {
    "format": ("pickle", "expected one of plain, onnx, onnx-int8, openvino"),
    "folder": ("plain", "holds files already. Choose another folder by --output"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_one_clear_error(name, trained, tmp_path):
    format, message = BAD[name]
    (tmp_path / "here").write_text("mine")
    done = CliRunner().invoke(
        cli.app, ["export", str(trained), "--to", format, "--output", str(tmp_path)]
    )
    assert (
        done.exit_code == 1 and "error:" in str(done.exception) and message in str(done.exception)
    )
    assert (tmp_path / "here").read_text() == "mine"


def test_a_library_that_is_missing_is_named(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("bert_clustering.publishing.export.find_spec", lambda name: None)
    model = BertForClustering.from_pretrained(trained)
    with pytest.raises(InputError, match="pip install onnx onnxscript onnxruntime"):
        export_model(model, None, "onnx-int8", tmp_path / "new")
