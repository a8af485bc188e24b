"""A trained model as files that need neither this package nor remote code: the plain encoder with
its centroids, and graphs for ONNX Runtime and OpenVINO.
"""

import io
import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import torch
from jinja2 import Environment, FileSystemLoader
from safetensors.torch import save_file
from torch import nn
from transformers import AutoModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from ..errors import InputError
from ..modeling_bert_cluster import BertForClustering, ClusteringOutput
from ..texts.prefix import spell_out_prefix, text_prefix
from ..texts.segments import SENTENCE
from .sentence_encoder import FIRST_MODULES, save_sentence_transformers_files


logger = logging.getLogger(__name__)

PLAIN, ONNX, INT8, OPENVINO = FORMATS = ("plain", "onnx", "onnx-int8", "openvino")
NEEDS = {
    PLAIN: (),
    ONNX: ("onnx", "onnxscript"),
    INT8: ("onnx", "onnxscript", "onnxruntime"),
    OPENVINO: ("openvino",),
}
CLUSTERS, CENTROIDS = "clusters.json", "centroids.safetensors"
TEMPLATES = Path(__file__).parent / "templates"


def check_export(format: str, folder: Path) -> None:
    """Raise `InputError` where there is no such format, a library is missing that it needs, or the
    folder holds something.
    """
    if format not in FORMATS:
        raise InputError(f"--to {format}: expected one of {', '.join(FORMATS)}.")
    missing = [name for name in NEEDS[format] if find_spec(name) is None]
    if missing:
        raise InputError(
            f"--to {format} needs {' and '.join(missing)}. Run: pip install {' '.join(missing)}"
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"'{folder}' holds files already. Choose another folder by --output.")


def export_model(
    model: BertForClustering, tokenizer: PreTrainedTokenizerBase, format: str, folder: str | Path
) -> None:
    """Write a model in another format.

    Every format holds the tokenizer, `clusters.json` (the names and what q is made of) and a
    README that shows how to assign texts:

    - `plain`: the encoder as a folder of sentence-transformers, of its own architecture, and the
      centroids beside it (`centroids.safetensors`).
    - `onnx`: a graph from tokens to `logits`, which are log q, and `embeddings`, in
      `onnx/model.onnx`; `onnx-int8` with weights of 8 bits in `onnx/model_quantized.onnx`.
    - `openvino`: the same graph in `openvino_model.xml` and `.bin`.

    Args:
        model (`BertForClustering`): With clusters.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer, which knows how long texts may be.
        format (`str`): One of `FORMATS`.
        folder (`str` or `Path`): Where to; it is empty or not there.

    Raises:
        InputError: `check_export` says so, or the model has no clusters.
    """
    folder = Path(folder)
    check_export(format, folder)
    if not model.has_clusters:
        raise InputError("The model has no clusters to export. Train it first.")
    if model.config.long_documents == "mean":
        logger.warning(
            "The model sorts long texts by the mean of their windows; what is exported reads their "
            "first %d tokens.",
            tokenizer.model_max_length,
        )
    if model.config.segments == SENTENCE:
        logger.warning(
            "The model sorts sentences; what is exported has to be handed them one by one."
        )
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model = model.eval().cpu().float()
    if format == PLAIN:
        _write_plain(model, tokenizer, partial)
    else:
        with _quietly():
            _write_graph(model, tokenizer, format, partial)
    _write_tokenizer(tokenizer, partial)
    _write_clusters(model, partial)
    template = Environment(loader=FileSystemLoader(TEMPLATES)).get_template("export_card.md")
    card = template.render(
        format=format,
        folder=folder.name,
        max_length=tokenizer.model_max_length,
        segments=model.config.segments,
    )
    (partial / "README.md").write_text(card + "\n", encoding="utf-8")
    os.replace(partial, folder)


def _write_plain(
    model: BertForClustering, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    encoder = model.backbone.base_model
    stock = AutoModel.from_config(encoder.config)
    missing, _ = stock.load_state_dict(encoder.state_dict(), strict=False)
    for name, parameter in stock.named_parameters():
        if name in missing:  # a pooler, which nothing here reads
            nn.init.zeros_(parameter)
    stock.save_pretrained(folder)
    save_sentence_transformers_files(model, tokenizer, folder, FIRST_MODULES)
    save_file({"centroids": model.cluster_head.centroids.detach().contiguous()}, folder / CENTROIDS)


def _write_config(model: BertForClustering, folder: Path) -> None:
    """The encoder's own configuration, with the names of the clusters, as loaders of graphs read
    it.
    """
    backbone = type(model.config.get_text_config()).from_dict(
        {
            **model.config.get_text_config().to_dict(),
            "id2label": model.config.id2label,
            "label2id": {label: number for number, label in model.config.id2label.items()},
        }
    )
    family = type(model.backbone.base_model).__name__.removesuffix("Model")
    backbone.architectures = [f"{family}ForSequenceClassification"]
    backbone.save_pretrained(folder)


def _write_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """The tokenizer, which cuts and pads by itself also where the library `tokenizers` loads it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.enable_truncation(tokenizer.model_max_length)
        backend.enable_padding(
            pad_id=tokenizer.pad_token_id,
            pad_token=tokenizer.pad_token,
            pad_type_id=tokenizer.pad_token_type_id,
        )
    tokenizer.save_pretrained(folder)
    if text_prefix(tokenizer) is not None:
        spell_out_prefix(folder / "tokenizer.json")


def _write_clusters(model: BertForClustering, folder: Path) -> None:
    config, alpha = model.config, model.config.alpha or 1.0
    content = {
        "labels": [config.id2label[cluster] for cluster in range(config.num_clusters)],
        "levels": config.levels,
        "level_labels": config.level_labels,
        "alpha": alpha,
        "scale": alpha if config.kernel == "multiply" else 1 / alpha,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (folder / CLUSTERS).write_text(text + "\n", encoding="utf-8")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what exporters tell of themselves: pages of it, none of which a user can act on."""
    torch_log, level = logging.getLogger("torch.onnx"), transformers_logging.get_verbosity()
    torch_level = torch_log.level
    torch_log.setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            yield
    finally:
        torch_log.setLevel(torch_level)
        transformers_logging.set_verbosity(level)


class _Graph(BertForClustering):
    """The model as it is traced: its logits and embeddings alone."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
    ) -> ClusteringOutput:
        output = super().forward(input_ids, attention_mask, token_type_ids)
        return ClusteringOutput(logits=output.logits, embeddings=output.embeddings)


def _write_graph(
    model: BertForClustering, tokenizer: PreTrainedTokenizerBase, format: str, folder: Path
) -> None:
    """Trace the model by transformers' own exporters, with batches and lengths of any size."""
    graph = _Graph(model.config, backbone=model.backbone)
    graph.cluster_head = model.cluster_head
    texts = ["one text", "another one, which is longer"]  # that it is traced with
    inputs = dict(tokenizer(texts, padding=True, return_tensors="pt"))
    if format == OPENVINO:
        from openvino import save_model
        from transformers.exporters import OpenVINOConfig, OpenVINOExporter

        exported = OpenVINOExporter().export(graph.eval(), inputs, OpenVINOConfig(dynamic=True))
        save_model(exported.program, folder / "openvino_model.xml", compress_to_fp16=False)
    else:
        import onnx_ir
        from transformers.exporters import (
            OnnxConfig,
            OnnxExporter,
            OnnxRuntimeDynamicConfig,
            OnnxRuntimeQuantizer,
        )

        is_int8 = format == INT8
        quantizer = OnnxRuntimeQuantizer(OnnxRuntimeDynamicConfig()) if is_int8 else None
        config = OnnxConfig(dynamic=True, quantizer=quantizer)
        exported = OnnxExporter().export(graph.eval(), inputs, config)
        path = folder / "onnx" / ("model_quantized.onnx" if is_int8 else "model.onnx")
        path.parent.mkdir()
        onnx_ir.save(exported.program, path)
    _write_config(model, folder)
