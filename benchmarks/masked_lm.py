r"""What the masked-LM loss does: the same training by the clustering loss alone and by both,
refresh by refresh.

    python -m benchmarks.masked_lm --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpus yelp5_full_5000.jsonl.gz:5:1000 --max_seq_length 48 --num_train_epochs 30

Corpus and the paper's settings are those of `benchmarks.quality`; ours are the defaults without the
guard, which would undo what is to be seen, and neither stops early. What is not named here goes to
the command. Figures and pictures are kept in `benchmarks/results/masked_lm/`, and a run that is
there is not repeated.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from transformers import TrainerCallback

from benchmarks.in_process import trainer_for
from benchmarks.quality import SETTINGS as QUALITY_SETTINGS
from benchmarks.quality import kept, parser_for, path_in
from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.reports.figure import draw_points
from bert_clustering.reports.layout import project
from bert_clustering.trainer import ClusteringTrainer


ALONE = ["--mlm_weight", "0"]
PAPER, OURS = QUALITY_SETTINGS["paper"], ["--keep_best", "false"]
RUNS = {  # settings -> losses -> arguments of the command
    "paper": {"clustering loss alone": [*PAPER, *ALONE], "both losses": PAPER},
    "default": {"clustering loss alone": [*OURS, *ALONE], "both losses": OURS},
}


class WatchClusters(TrainerCallback):
    """Keeps what became of the clusters at the start and at every refresh."""

    def __init__(self, trainer: ClusteringTrainer, classes: np.ndarray) -> None:
        self.trainer = trainer
        self.classes = classes
        self.start = {}
        self.refreshes = []

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        embeddings, centroids = self.trainer.predict().embeddings, self.centroids()
        between = np.linalg.norm(centroids[:, None] - centroids[None], axis=2)
        gap = between[np.triu_indices(len(centroids), 1)].mean()
        self.start = {"centroids": centroids, "gap": gap, "spread": spread(embeddings)}
        self.watch(embeddings)

    def on_log(self, *args: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "changed" in logs:
            self.watch(self.trainer.predict().embeddings)

    def watch(self, embeddings: np.ndarray) -> None:
        q = self.trainer.inference.assign(embeddings)
        clusters = q.most_probable.numpy()
        moved = np.linalg.norm(self.centroids() - self.start["centroids"], axis=1)
        self.refreshes.append(
            {
                "epoch": self.trainer.state.epoch or 0,
                "sizes": np.bincount(clusters, minlength=q.num_clusters).tolist(),
                "mean_probability": float(q.probabilities.mean()),
                "centroid_drift": float(moved.mean() / self.start["gap"]),
                "spread": spread(embeddings) / self.start["spread"],
            }
            | gold_scores(self.classes, clusters)
        )

    def centroids(self) -> np.ndarray:
        return self.trainer.model.cluster_head.centroids.detach().cpu().numpy().copy()


def spread(embeddings: np.ndarray) -> float:
    """Root of the mean squared distance of embeddings from their mean."""
    return float(np.sqrt(((embeddings - embeddings.mean(axis=0)) ** 2).sum(axis=1).mean()))


def run(
    encoder: str, corpus: str, options: list[str], seed: int, label_column: str, picture: Path
) -> list[dict]:
    """One training in this process; what became of the clusters at each refresh, and a picture of
    the end.
    """
    with tempfile.TemporaryDirectory() as output_dir:
        options = [*options, "--stop_tolerance", "0"]
        trainer, documents = trainer_for(encoder, corpus, seed, label_column, output_dir, options)
        watch = WatchClusters(trainer, documents.classes[documents.usable])
        trainer.add_callback(watch)
        trainer.train()
        draw(picture, trainer, watch.centroids(), seed)
    return watch.refreshes


def draw(path: Path, trainer: ClusteringTrainer, centroids: np.ndarray, seed: int) -> None:
    """Documents, coloured by cluster, and centroids on one map."""
    prediction = trainer.predict()
    positions = project(np.vstack([prediction.embeddings, centroids]), seed)
    documents, middles = np.split(positions, [len(prediction.embeddings)])
    figure = Figure(figsize=(6, 5), dpi=120, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.set_axis_off()
    draw_points(axes, documents, prediction.clusters, middles)
    axes.scatter(*middles.T, s=160, c="#1f4fd8", edgecolors="white", linewidths=1.5, zorder=4)
    figure.savefig(path, metadata={"Software": None})


def table(results: list[dict], epochs: list[float]) -> str:
    """Markdown: a row for each run and refresh, with the sizes of all clusters."""
    titles = ("sizes", "accuracy", "mean probability", "centroid drift", "spread")
    lines = [
        "| settings | losses | epoch | " + " | ".join(titles) + " |",
        "|---" * (3 + len(titles)) + "|",
    ]
    for result in results:
        for seen in result["refreshes"]:
            if round(seen["epoch"], 2) in epochs:
                figures = [seen[title.replace(" ", "_")] for title in titles[1:]]
                cells = [
                    " / ".join(map(str, seen["sizes"])),
                    *(f"{figure:.3f}" for figure in figures),
                ]
                begin = f"| {result['setting']} | {result['losses']} | {seen['epoch']:.0f} | "
                lines.append(begin + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = parser_for(__doc__, "masked_lm")
    parser.add_argument("--label_column", default="label")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--settings", nargs="+", default=list(RUNS), choices=RUNS)
    parser.add_argument(
        "--epochs", nargs="+", type=float, default=[0, 1, 5, 10, 30], help="those shown"
    )
    parser.add_argument("--seed", type=int, default=42)
    arguments, more = parser.parse_known_args()  # what is left goes to the command
    arguments.results.mkdir(parents=True, exist_ok=True)  # for the pictures
    results = []
    for setting in arguments.settings:
        for losses, options in RUNS[setting].items():
            path = path_in(
                arguments.results,
                setting,
                losses,
                arguments.seed,
                *(word.lstrip("-") for word in more),
            )
            about = {"setting": setting, "losses": losses, "more": more}
            wanted = (
                arguments.encoder,
                arguments.corpus,
                [*options, *more],
                arguments.seed,
                arguments.label_column,
            )
            make = partial(run, *wanted, path.with_suffix(".png"))
            results.append(kept(path, lambda about=about, make=make: about | {"refreshes": make()}))
    print(table(results, arguments.epochs))


if __name__ == "__main__":
    main()
