r"""What the figures of trust are worth: are stable clusters purer, and are probabilities the share
that is right?

    python -m benchmarks.trust --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora stackoverflow.jsonl.gz:20:3000 tweet89.jsonl.gz:89 --seeds 42 43 44

Corpora are those of `benchmarks.quality`; what is not named here goes to the command. The expected
calibration error is that of the largest q against being in the class that the cluster is matched
to, with the alpha of the training (`before`) and with that of the finished model (`after`). Figures
are kept in `benchmarks/results/trust/`, and a run that is there is not repeated.
"""

import tempfile
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from transformers import TrainerCallback

from benchmarks.in_process import trainer_for
from benchmarks.quality import kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.metrics import calibration_error, in_matched_class, purity
from bert_clustering.clusters.stability import cluster_stability
from bert_clustering.training.inference import ClusterPrediction


BINS = (0.0, 0.6, 0.75, 0.85, 0.95, 1.0)


class RememberAlpha(TrainerCallback):
    """Keeps the alpha of the training."""

    def on_train_begin(self, *args: Any, model: Any, **kwargs: Any) -> None:
        self.alpha = model.config.alpha


def run(
    encoder: str, corpus: str, seed: int, label_column: str, options: list[str]
) -> dict[str, Any]:
    """One training; how far its figures of trust may be trusted."""
    with tempfile.TemporaryDirectory() as output_dir:
        trainer, documents = trainer_for(encoder, corpus, seed, label_column, output_dir, options)
        remember = RememberAlpha()
        trainer.add_callback(remember)
        trainer.train()
        after, config = trainer.predict(), trainer.model.config
        alphas, config.alpha = (remember.alpha, config.alpha), remember.alpha
        before = trainer.predict()
    classes, clusters = documents.classes[documents.usable], after.clusters
    right = in_matched_class(classes, clusters)
    repeats = trainer.clustering.repeats.numpy()
    stabilities = cluster_stability(clusters, repeats, config.num_clusters)
    return {
        "accuracy": float(right.mean()),
        "agreement": trainer.clustering.agreement.item(),
        "alphas": alphas,
        "before": calibration(right, before),
        "after": calibration(right, after),
        "clusters": [
            {
                "size": int((clusters == cluster).sum()),
                "purity": purity(classes[clusters == cluster], clusters[clusters == cluster]),
                "stability": float(stabilities[cluster]),
                "probability": float(after.probabilities[clusters == cluster].mean()),
            }
            for cluster in np.unique(clusters)
        ],
    }


def calibration(right: np.ndarray, prediction: ClusterPrediction) -> dict[str, float]:
    probabilities = prediction.probabilities
    error = calibration_error(right, probabilities)
    return {"mean_probability": float(probabilities.mean()), "calibration_error": error}


def calibration_table(results: list[dict]) -> str:
    """Markdown: a row for each corpus."""
    titles = (
        "accuracy",
        "agreement of repeats",
        "mean q before",
        "mean q after",
        "ECE before",
        "ECE after",
    )
    lines = ["| corpus | runs | " + " | ".join(titles) + " |", "|---" * (2 + len(titles)) + "|"]
    for corpus in dict.fromkeys(result["corpus"] for result in results):
        runs = [result for result in results if result["corpus"] == corpus]
        cells = [
            spread([run["accuracy"] for run in runs]),
            spread([run["agreement"] for run in runs]),
        ]
        for name in ("mean_probability", "calibration_error"):
            cells += [spread([run[when][name] for run in runs]) for when in ("before", "after")]
        lines.append(f"| {corpus} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def purity_table(results: list[dict]) -> str:
    """Markdown: purity of the clusters of all runs, by their stability and by their mean
    probability.
    """
    lines = [
        "| | " + " | ".join(f"{low:g} to {high:g}" for low, high in pairs()) + " |",
        "|---" * len(BINS) + "|",
    ]
    clusters = [cluster for result in results for cluster in result["clusters"]]
    sizes, purities = (
        np.array([cluster[name] for cluster in clusters]) for name in ("size", "purity")
    )
    for name in ("stability", "probability"):
        values, cells = np.array([cluster[name] for cluster in clusters]), []
        for low, high in pairs():
            held = (values >= low) & ((values < high) | (high == BINS[-1]))
            cells.append(
                f"{np.average(purities[held], weights=sizes[held]):.3f} ({held.sum()})"
                if held.any()
                else ""
            )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def pairs() -> list[tuple[float, float]]:
    return list(zip(BINS[:-1], BINS[1:], strict=True))


def correlation_table(results: list[dict]) -> str:
    """Markdown: for each corpus, the rank correlation (Spearman 1904) of a cluster's purity with
    either figure.
    """
    lines = ["| corpus | stability | probability |", "|---|---|---|"]
    for corpus in dict.fromkeys(result["corpus"] for result in results):
        runs = [result["clusters"] for result in results if result["corpus"] == corpus]
        cells = []
        for name in ("stability", "probability"):
            values = [
                spearmanr([c[name] for c in run], [c["purity"] for c in run]).statistic
                for run in runs
            ]
            cells.append(spread([float(value) for value in values if not np.isnan(value)]))
        lines.append(f"| {corpus} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = parser_of_corpora(__doc__, "trust")
    arguments, more = parser.parse_known_args()  # what is left goes to the command
    results = []
    for corpus in arguments.corpora:
        for seed in arguments.seeds:
            about = {"corpus": name_of(corpus), "seed": seed, "more": more}
            wanted = (arguments.encoder, corpus, seed, arguments.label_column, more)
            path = path_in(arguments.results, name_of(corpus), seed)
            results.append(kept(path, lambda about=about, wanted=wanted: about | run(*wanted)))
    print(calibration_table(results), purity_table(results), correlation_table(results), sep="\n\n")


if __name__ == "__main__":
    main()
