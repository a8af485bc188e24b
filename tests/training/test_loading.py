"""What an encoder's configuration asks for, and how much of a text is read."""

import copy
import json
import os
import subprocess
import sys

import pytest
from loopback_hub import LoopbackHub

from bert_clustering import BertForClustering
from bert_clustering.training.arguments import ClusteringTrainingArguments
from bert_clustering.training.loading import load_tokenizer, read_prompt
from bert_clustering.training.run_arguments import DataArguments, ModelArguments
from helpers import make_config


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


@pytest.mark.parametrize("asked_for, length", [(None, 256), (64, 64), (280, 280)])
def test_a_finished_model_reads_as_much_as_it_was_trained_on(
    tokenizer, tmp_path, asked_for, length
):
    config = make_config(2)
    config.backbone_config.max_position_embeddings = 300
    BertForClustering(config).save_pretrained(tmp_path)
    saved = copy.deepcopy(tokenizer)
    saved.model_max_length = 256
    saved.save_pretrained(tmp_path)
    args = ClusteringTrainingArguments(str(tmp_path), use_cpu=True)
    loaded = load_tokenizer(
        ModelArguments(str(tmp_path)), DataArguments(max_seq_length=asked_for), args
    )
    assert loaded.model_max_length == length


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
