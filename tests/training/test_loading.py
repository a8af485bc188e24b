"""What an encoder's sentence-transformers configuration asks for."""

import json

import pytest

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
