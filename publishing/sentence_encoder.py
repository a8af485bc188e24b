"""A model's folder as sentence-transformers loads it: which modules make its embeddings."""

import json
import os
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from ..modeling_bert_cluster import BertForClustering


# Where sentence-transformers has its modules from 5.4 on; older versions take the logits of our
# models for embeddings of tokens.
MODULES = "sentence_transformers.sentence_transformer.modules"
# Where every version finds them, and other readers of a stock encoder, as servers of embeddings.
FIRST_MODULES = "sentence_transformers.models"


def save_sentence_transformers_files(
    model: BertForClustering,
    tokenizer: PreTrainedTokenizerBase,
    folder: str | os.PathLike,
    origin: str = MODULES,
) -> None:
    """Write what `SentenceTransformer(folder)` needs to give the model's own embeddings.

    Args:
        model (`BertForClustering`): The model.
        tokenizer (`PreTrainedTokenizerBase`): Its own, which knows how long texts may be.
        folder (`str` or `os.PathLike`): Where the model is saved.
        origin (`str`, *optional*): The Python module that the file takes its modules from.
    """
    modules = {"Transformer": "", "Pooling": "1_Pooling"}
    if model.config.normalize_embeddings:
        modules["Normalize"] = "2_Normalize"
    files = {
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"{origin}.{name}"}
            for number, (name, path) in enumerate(modules.items())
        ],
        "sentence_bert_config.json": {
            "max_seq_length": tokenizer.model_max_length,
            "do_lower_case": False,
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": model.config.hidden_size,
            "pooling_mode_mean_tokens": True,
        },
    }
    for name, content in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
