r"""The choice of the start: every candidate against gold classes, what was chosen, and what a rule
that was fixed on other corpora would have chosen.

    python -m benchmarks.starts --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora clinc150.jsonl.gz:150:3000 tweet89.jsonl.gz:89 --seeds 42 43 44

Corpora are those of `benchmarks.quality`; with `auto` for the number of clusters it is looked for,
and told beside the next best. Regret is the accuracy of the best of k-means and both candidates
less that of the one taken. For the second table the corpora are halved at random, several times;
weight and margin of the rule are fixed on one half, where mean regret is least, and judged on the
other. Figures are kept in `benchmarks/results/starts/`; a run that is there is not repeated.
"""

import itertools
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.in_process import trainer_for
from benchmarks.quality import kept, name_of, parser_of_corpora, path_in, spread
from bert_clustering.clusters.candidates import kmeans
from bert_clustering.clusters.metrics import gold_scores
from bert_clustering.clusters.num_clusters import estimate_num_clusters
from bert_clustering.clusters.quality import PER_CLUSTER, ClusterScore, separation
from bert_clustering.clusters.rows import draw_sample
from bert_clustering.clusters.start import ANY, EVEN, MARGIN, find_start


WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # of clusters in the separation
MARGINS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04)
HALVINGS = 10


def run(
    encoder: str, corpus: str, seed: int, label_column: str, options: list[str]
) -> dict[str, Any]:
    """Scores of k-means and of both candidates, and how far apart their clusters stand."""
    with tempfile.TemporaryDirectory() as output_dir:
        trainer, documents = trainer_for(encoder, corpus, seed, label_column, output_dir, options)
        num_clusters, views = trainer.model.config.num_clusters, trainer.views()
    found = None
    if trainer.args.max_clusters is not None:
        least, most = trainer.args.min_clusters, trainer.args.max_clusters
        found = estimate_num_clusters(views, seed, least, most)
        num_clusters = found.num_clusters
    score = ClusterScore(draw_sample(len(views.embeddings), seed), views.fused)
    start = find_start(views, num_clusters, seed, score)
    candidates = {"kmeans": kmeans(views.embeddings, num_clusters, seed)} | start.candidates
    classes = documents.classes[documents.usable]
    return {
        "kind": start.kind,
        "num_classes": len(np.unique(classes)),
        "num_clusters": num_clusters,
        "next_best": None if found is None else found.runners_up(),
        "candidates": {
            name: gold_scores(classes, clusters)
            | {
                "silhouette": separation(views.fused, clusters, 0.0),
                "silhouette_per_cluster": separation(views.fused, clusters, 1.0),
                "largest": int(np.bincount(clusters).max()),
                "smallest": int(np.bincount(clusters, minlength=num_clusters).min()),
            }
            for name, clusters in candidates.items()
        },
    }


def taken_by(candidates: dict[str, dict], weight: float, margin: float) -> str:
    """The kind of clusters that a rule of that weight and margin takes."""
    even, any_size = (
        (1 - weight) * scores["silhouette"] + weight * scores["silhouette_per_cluster"]
        for scores in (candidates[EVEN], candidates[ANY])
    )
    return ANY if any_size - even > margin else EVEN


def regret(candidates: dict[str, dict], taken: str) -> float:
    """What it loses in accuracy to the best candidate to take that one."""
    best = max(scores["accuracy"] for scores in candidates.values())
    return best - candidates[taken]["accuracy"]


def table(groups: dict[str, list[dict]]) -> str:
    """Markdown: a row for each corpus, with accuracy, NMI and ARI of each candidate."""
    lines = ["| corpus | K | k-means | like size | any size | taken | regret |", "|---" * 7 + "|"]
    for corpus, runs in groups.items():
        cells = []
        for name in ("kmeans", EVEN, ANY):
            scores = [
                spread([run["candidates"][name][score] for run in runs])
                for score in ("accuracy", "nmi", "ari")
            ]
            cells.append(" / ".join(scores))
        taken = [run["kind"] for run in runs]
        kinds = ", ".join(kind for kind in (EVEN, ANY) if kind in taken)
        lost = spread([regret(run["candidates"], run["kind"]) for run in runs])
        numbers = dict.fromkeys(number_of(run) for run in runs)
        cells = [corpus, "; ".join(numbers), *cells, kinds, lost]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def number_of(run: dict) -> str:
    """The number of clusters; where it was looked for, with the next best and the classes'."""
    if run["next_best"] is None:
        return str(run["num_clusters"])
    others = ", ".join(map(str, run["next_best"]))
    return f"{run['num_clusters']} (then {others}) for {run['num_classes']}"


def judged_elsewhere(groups: dict[str, list[dict]]) -> str:
    """Markdown: mean regret of rules that were fixed on half of the corpora, on the other half."""
    rules = list(itertools.product(WEIGHTS, MARGINS))
    lost = np.array(
        [
            [mean_regret(runs, lambda found, rule=rule: taken_by(found, *rule)) for rule in rules]
            for runs in groups.values()
        ]
    )
    ours, generator = rules.index((PER_CLUSTER, MARGIN)), np.random.default_rng(0)
    fixed, chosen, largest = [], [], []
    for _ in range(HALVINGS):
        order = generator.permutation(len(lost))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for seen, unseen in (halves, halves[::-1]):
            rule = lost[seen].mean(axis=0).argmin()
            chosen.append("/".join(map(str, rules[rule])))
            fixed.append(float(lost[unseen, rule].mean()))
            largest.append(float(lost[unseen, rule].max()))
    always = {
        kind: np.mean([mean_regret(runs, lambda _, kind=kind: kind) for runs in groups.values()])
        for kind in ("kmeans", EVEN, ANY)
    }
    return "\n".join(
        [
            "| rule | mean regret | largest |",
            "|---|---|---|",
            *(f"| always {kind} | {value:.3f} | |" for kind, value in always.items()),
            f"| the rule taken | {lost[:, ours].mean():.3f} | {lost[:, ours].max():.3f} |",
            f"| {len(fixed)} rules, each fixed on other corpora | {spread(fixed)} | "
            f"{max(largest):.3f} |",
            "",
            f"Rules fixed (weight/margin): {', '.join(sorted(set(chosen)))}",
        ]
    )


def mean_regret(runs: list[dict], take: Callable[[dict], str]) -> float:
    """Mean over the runs of what it loses to take the candidates that `take` names."""
    return float(np.mean([regret(run["candidates"], take(run["candidates"])) for run in runs]))


if __name__ == "__main__":
    arguments, more = parser_of_corpora(__doc__, "starts").parse_known_args()
    found: dict[str, list[dict]] = {}
    for corpus in arguments.corpora:
        for seed in arguments.seeds:
            wanted = (arguments.encoder, corpus, seed, arguments.label_column, more)
            name = name_of(corpus) + (", auto" if corpus.split(":")[1] == "auto" else "")
            path = path_in(arguments.results, name, seed)
            found.setdefault(name, []).append(kept(path, lambda w=wanted: run(*w)))
    print(table(found), judged_elsewhere(found), sep="\n\n")
