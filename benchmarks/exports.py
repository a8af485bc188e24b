r"""Exported models: how many texts they put where the model does, their accuracy, and their speed.

    python -m benchmarks.exports --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora banking77_train.jsonl.gz:77:2000 stackoverflow.jsonl.gz:20:2000 --seeds 42

Corpora are those of `benchmarks.quality`. A model is trained on each, written in all formats of
`bert-clustering export`, and each of them sorts the same texts, in batches of 32 of like length, on
one thread; the fastest of three passes counts. Figures are kept in `benchmarks/results/exports/`; a
run that is there is not repeated.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino
import torch
from tokenizers import Tokenizer

from benchmarks.in_process import trainer_for
from benchmarks.quality import parser_of_corpora, run_corpora, spread
from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.publishing import export_model


FORMATS = {"onnx": "ONNX", "onnx-int8": "ONNX, int8", "openvino": "OpenVINO"}
Assign = Callable[[dict[str, np.ndarray]], np.ndarray]


def loaded(format: str, folder: Path) -> Assign:
    """From the arrays of a batch to its logits."""
    if format == "openvino":
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        model = openvino.compile_model(folder / "openvino_model.xml", "CPU", settings)
        names = [port.get_any_name() for port in model.inputs]
        return lambda batch: model({name: batch[name] for name in names})["logits"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    (path,) = folder.glob("onnx/*.onnx")
    session = onnxruntime.InferenceSession(path, options)
    names = [wanted.name for wanted in session.get_inputs()]
    return lambda batch: session.run(["logits"], {name: batch[name] for name in names})[0]


def assign(texts: list[str], tokenizer: Tokenizer, model: Assign) -> tuple[np.ndarray, float]:
    """Clusters `(num_texts,)`, and texts per second."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    clusters, best = np.zeros(len(texts), dtype=int), 0.0
    for _ in range(3):
        started = time.perf_counter()
        for start in range(0, len(texts), 32):
            rows = order[start : start + 32]
            encoded = tokenizer.encode_batch([texts[row] for row in rows])
            batch = {
                "input_ids": np.array([text.ids for text in encoded]),
                "attention_mask": np.array([text.attention_mask for text in encoded]),
                "token_type_ids": np.array([text.type_ids for text in encoded]),
            }
            clusters[rows] = model(batch).argmax(axis=1)
        best = max(best, len(texts) / (time.perf_counter() - started))
    return clusters, best


def run(
    encoder: str, corpus: str, seed: int, label_column: str, options: list[str]
) -> dict[str, dict[str, float]]:
    """Accuracy, agreement with the model, and speed of each format."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trainer, documents = trainer_for(encoder, corpus, seed, label_column, folder, options)
        trainer.train()
        texts, classes = documents.usable_texts, documents.classes[documents.usable]
        found: dict[str, dict[str, float]] = {}
        model, reference = trainer.model.eval(), None

        def by_torch(batch: dict[str, np.ndarray]) -> np.ndarray:
            with torch.inference_mode():
                return model(**{name: torch.from_numpy(batch[name]) for name in batch}).logits

        for format in FORMATS:
            target = Path(folder, format)
            export_model(model, trainer.processing_class, format, target)
            tokenizer = Tokenizer.from_file(str(target / "tokenizer.json"))
            if reference is None:
                reference, speed = assign(texts, tokenizer, lambda b: by_torch(b).numpy())
                found["torch"] = gold_scores(classes, reference) | {"speed": speed}
            clusters, speed = assign(texts, tokenizer, loaded(format, target))
            agreed = float((clusters == reference).mean())
            found[format] = gold_scores(classes, clusters) | {"speed": speed, "agreed": agreed}
    return found


def table(groups: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a row for each corpus and format."""
    lines = ["| corpus | format | as the model | accuracy | NMI | speed |", "|---" * 6 + "|"]
    for corpus, runs in groups.items():
        for format, title in {"torch": "the model", **FORMATS}.items():
            scores = [spread([one[format][name] for one in runs]) for name in ("accuracy", "nmi")]
            agreed = spread([one[format].get("agreed", 1.0) for one in runs])
            ratio = np.mean([one[format]["speed"] / one["torch"]["speed"] for one in runs])
            lines.append(
                f"| {corpus} | {title} | {agreed} | {' | '.join(scores)} | {ratio:.2f} × |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    arguments, more = parser_of_corpora(__doc__, "exports").parse_known_args()
    print(table(run_corpora(arguments, more, run)))
