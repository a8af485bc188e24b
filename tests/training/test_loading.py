"""What an encoder's sentence-transformers configuration asks for."""

import json
import os
import subprocess
import sys

import pytest
from loopback_hub import LoopbackHub

from bert_clustering.training.loading import read_prompt


@pytest.mark.parametrize(
    "config, prompt",
    [
        (None, ""),
        ({"__version__": {"transformers": "5.23.0"}}, ""),
        ({"prompts": None, "default_prompt_name": None}, ""),
        ({"prompts": {"query": "q: ", "document": ""}, "default_prompt_name": None}, ""),
        ({"prompts": {"query": "q: ", "passage": "p: "}, "default_prompt_name": "query"}, "q: "),
        ({"prompts": {"query": "q: ", "Clustering": "c: "}, "default_prompt_name": "query"}, "c: "),
        ({"prompts": {"query": "q: ", "clustering": ""}, "default_prompt_name": "query"}, ""),
        ({"prompts": {"query": "q: "}, "default_prompt_name": "gone"}, ""),
    ],
)
def test_the_prompt_for_clustering_goes_before_the_default_one(config, prompt, tmp_path):
    if config is not None:
        (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(config))
    assert read_prompt(str(tmp_path), {"revision": "main"}) == prompt


@pytest.mark.slow
def test_the_prompt_is_read_from_the_hub_where_there_is_one(tmp_path):
    hub = LoopbackHub(tmp_path / "hub")
    for name, config in (("e5", '{"prompts": {"clustering": "c: "}}'), ("plain", None)):
        folder = hub.add_commit(f"tester/{name}")
        (folder / "config.json").write_text("{}")
        if config:
            (folder / "config_sentence_transformers.json").write_text(config)
    code = (
        "from bert_clustering.training.loading import read_prompt\n"
        "print([read_prompt(f'tester/{name}', {'revision': 'main'}) for name in ('e5', 'plain')])"
    )
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    hub.stop()
    assert done.stdout == "['c: ', '']\n", done.stderr
