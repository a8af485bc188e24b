"""What sentence-transformers finds in a model's folder: modules that are where it has them, and the
model's own embeddings.
"""

import importlib
import json
import warnings

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from bert_clustering import BertForClustering
from bert_clustering.publishing.sentence_encoder import save_sentence_transformers_files


TEXTS = ["apple pear plum", "a loan"]


@pytest.fixture
def save(encoder_dir, tokenizer, tmp_path):
    def call(normalize: bool) -> BertForClustering:
        model = BertForClustering.from_pretrained(
            encoder_dir, num_clusters=3, normalize_embeddings=normalize
        )
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        save_sentence_transformers_files(model, tokenizer, tmp_path)
        return model

    return call


@pytest.mark.parametrize("normalize", [True, False])
def test_its_embeddings_are_those_of_the_model(save, tokenizer, tmp_path, normalize):
    model = save(normalize)
    encoder = SentenceTransformer(str(tmp_path), trust_remote_code=True, device="cpu")
    with torch.no_grad():
        outputs = model(**tokenizer(TEXTS, padding=True, return_tensors="pt"))
    np.testing.assert_allclose(encoder.encode(TEXTS), outputs.embeddings, atol=1e-6)
    assert encoder.max_seq_length == tokenizer.model_max_length


def test_its_modules_are_where_the_library_has_them_today(save, tmp_path):
    save(True)
    modules = json.loads((tmp_path / "modules.json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        for module in modules:
            home, name = module["type"].rsplit(".", 1)
            assert issubclass(getattr(importlib.import_module(home), name), torch.nn.Module)
    assert [module["type"].rsplit(".", 1)[1] for module in modules] == [
        "Transformer",
        "Pooling",
        "Normalize",
    ]
