r"""Levels of clusters: one level of several against a run with that number of clusters alone.

    python -m benchmarks.levels --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora stackoverflow.jsonl.gz:20:2000 trec6_train.jsonl.gz:6:2000 \
        --levels 5,20,80 6,47 --seeds 42 43 44

Corpora are those of `benchmarks.quality`; each has its `--levels`, of which the one with as many
clusters as the corpus names is scored. `voted` are levels whose finest clusters are left as they
were found, each given to the coarser one that holds most of it. With `--trains`, whole runs are
scored too. Figures are kept in `benchmarks/results/levels/`; a run that is there is not repeated.
"""

import tempfile
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks.in_process import trainer_for
from benchmarks.quality import kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.levels import nest
from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.clusters.quality import ClusterScore
from bert_clustering.clusters.rows import draw_sample
from bert_clustering.clusters.start import find_start
from bert_clustering.training.levels import start_levels


START = {"alone": "alone", "voted": "voted", "level": "of several"}
TRAINED = {"alone_trained": "alone, trained", "level_trained": "of several, trained"}


def run(
    encoder: str, corpus: str, levels: str, seed: int, label_column: str, options: list[str]
) -> dict[str, dict[str, float]]:
    """Scores of the start at a number of clusters, alone and as one of several levels."""
    sizes, judged = [int(size) for size in levels.split(",")], int(corpus.split(":")[1])
    with tempfile.TemporaryDirectory() as output_dir:
        trainer, documents = trainer_for(encoder, corpus, seed, label_column, output_dir, options)
        views, sample = trainer.views(), np.arange(len(trainer.train_dataset))
    score = ClusterScore(draw_sample(len(sample), seed), views.fused)
    starts = [find_start(views, size, seed, score).clusters for size in sizes]
    trainer.model.resize_clusters(sizes[-1])
    finest = torch.from_numpy(starts[-1].astype(np.int64))
    agreed = start_levels(trainer.model, sizes, finest, views, trainer.args, None, sample).numpy()
    level = sizes.index(judged)
    inside = np.vstack([nest(starts, sizes), np.arange(sizes[-1])])[level]
    found = {"alone": starts[level], "voted": inside[starts[-1]], "level": inside[agreed]}
    classes = documents.classes[documents.usable]
    return {name: gold_scores(classes, clusters) for name, clusters in found.items()}


def run_trained(
    encoder: str, corpus: str, levels: str, seed: int, label_column: str, options: list[str]
) -> dict[str, dict[str, float]]:
    """The same of whole runs."""
    judged, scores = int(corpus.split(":")[1]), {}
    for name in TRAINED:
        with tempfile.TemporaryDirectory() as output_dir:
            trainer, documents = trainer_for(
                encoder, corpus, seed, label_column, output_dir, options
            )
            if name == "level_trained":
                trainer.args.levels = levels
            trainer.train()
            clusters = trainer.predict().clusters
        sizes = [int(size) for size in levels.split(",")]
        if name == "level_trained" and judged != sizes[-1]:
            clusters = np.array(trainer.model.config.levels[sizes.index(judged)])[clusters]
        scores[name] = gold_scores(documents.classes[documents.usable], clusters)
    return scores


def table(groups: dict[tuple[str, str, str], list[dict[str, Any]]], columns: dict[str, str]) -> str:
    """Markdown: a row for each corpus and its levels, accuracy / NMI of each way to find them, and
    what the last of these gains over the first.
    """
    lines = ["| corpus | levels | K | " + " | ".join(columns.values()) + " | gained |"]
    lines.append("|---" * (4 + len(columns)) + "|")
    first, *_, last = columns
    for (corpus, levels, judged), runs in groups.items():
        cells = []
        for name in columns:
            scores = [spread([found[name][s] for found in runs]) for s in ("accuracy", "nmi")]
            cells.append(" / ".join(scores))
        gained = [
            f"{mean(found[last][s] - found[first][s] for found in runs):+.3f}"
            for s in ("accuracy", "nmi")
        ]
        shown = [corpus, levels.replace(",", ", "), judged, *cells, " / ".join(gained)]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = parser_of_corpora(__doc__, "levels")
    parser.add_argument("--levels", nargs="+", required=True)
    parser.add_argument("--trains", action="store_true")
    arguments, more = parser.parse_known_args()
    groups: dict[tuple[str, str, str], list[dict]] = {}
    make, columns = (run_trained, TRAINED) if arguments.trains else (run, START)
    for corpus, levels in zip(arguments.corpora, arguments.levels, strict=True):
        for seed in arguments.seeds:
            name, judged = name_of(corpus), corpus.split(":")[1]
            wanted = (arguments.encoder, corpus, levels, seed, arguments.label_column, more)
            about = (name, levels.replace(",", "-"), judged, *(["trained"] * arguments.trains))
            path = path_in(arguments.results, *about, seed)
            group = groups.setdefault((name, levels, judged), [])
            group.append(kept(path, lambda w=wanted: make(*w)))
    print(table(groups, columns))
