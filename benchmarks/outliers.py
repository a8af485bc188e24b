r"""Whether `--outlier_threshold` finds foreign documents, a tenth of all, drawn in equal parts from
other corpora.

    python -m benchmarks.outliers --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --home stackoverflow.jsonl.gz:20:1800 --foreign tweet89.jsonl.gz yelp5_full_5000.jsonl.gz \
        --seeds 42

They are mixed into the training texts (`mixed`), where they may make clusters of their own, and, in
a second training without them, into new texts of the home corpus (`new`). The home corpus is
`file:num_clusters:size`; as many of its other texts are the new ones, as far as there are. Foreign
texts are cut at 30 words. What is not named here goes to the command. Figures are kept in
`benchmarks/results/outliers/`, and a run that is there is not repeated.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.in_process import trainer_for
from benchmarks.quality import kept, name_of, parser_for, path_in, spread
from bert_clustering.texts.tables import read_columns


THRESHOLDS = (1.0, 1.5, 2.0, 2.5, 3.0)


def draw_foreign(files: list[str], size: int, generator: np.random.Generator) -> list[str]:
    """Texts of several corpora, as many of each."""
    foreign = []
    for number, file in enumerate(files):
        texts = read_columns(file, ("text",))["text"]
        share = size // len(files) + (number < size % len(files))
        foreign += [
            " ".join(texts[row].split()[:30])
            for row in generator.choice(len(texts), share, replace=False)
        ]
    return foreign


def run(
    encoder: str, home: str, foreign: list[str], seed: int, options: list[str]
) -> dict[str, dict]:
    """Precision, recall and share of what is found at each threshold, in either case."""
    file, num_clusters, size = home.split(":")
    generator = np.random.default_rng(seed)
    texts = np.array(read_columns(file, ("text",))["text"], dtype=object)
    order, size = generator.permutation(len(texts)), min(int(size), len(texts) * 9 // 10)
    known, new = texts[order[:size]].tolist(), texts[order[size : 2 * size]].tolist()
    found = {}
    for case, others in (("mixed", known), ("new", new)):
        strangers = draw_foreign(foreign, max(1, len(others) // 9), generator)
        training = known + strangers if case == "mixed" else known
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "texts.json")
            path.write_text(json.dumps([{"text": text} for text in training]))
            trainer, _ = trainer_for(
                encoder, f"{path}:{num_clusters}", seed, None, f"{folder}/run", options
            )
            trainer.train()
            scores = trainer.inference.outlier_scores(
                trainer.predict(others + strangers).embeddings
            )
        is_foreign = np.arange(len(scores)) >= len(others)
        found[case] = {"auc": float(roc_auc_score(is_foreign, scores))}
        for threshold in THRESHOLDS:
            said = scores > threshold
            found[case][str(threshold)] = {
                "precision": float(is_foreign[said].mean()) if said.any() else 0.0,
                "recall": float(said[is_foreign].mean()),
                "share": float(said.mean()),
            }
    return found


def table(results: list[dict]) -> str:
    """Markdown: a row for each corpus and case; precision / recall at each threshold."""
    lines = [
        "| home corpus | foreign texts | runs | AUC | " + " | ".join(map(str, THRESHOLDS)) + " |"
    ]
    lines.append("|---" * (4 + len(THRESHOLDS)) + "|")
    for home in dict.fromkeys(result["home"] for result in results):
        for case, words in (("mixed", "in the training"), ("new", "among new texts")):
            runs = [result[case] for result in results if result["home"] == home]
            cells = [spread([run["auc"] for run in runs])]
            for threshold in map(str, THRESHOLDS):
                means = [
                    np.mean([run[threshold][name] for run in runs])
                    for name in ("precision", "recall")
                ]
                cells.append(" / ".join(f"{value:.2f}" for value in means))
            lines.append(f"| {home} | {words} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = parser_for(__doc__, "outliers")
    parser.add_argument("--home", nargs="+", required=True)
    parser.add_argument(
        "--foreign", nargs="+", required=True, help="that of the same name as the home is left out"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44])
    arguments, more = parser.parse_known_args()  # what is left goes to the command
    results = []
    for home in arguments.home:
        foreign = [
            file for file in arguments.foreign if Path(file).name != Path(home.split(":")[0]).name
        ]
        for seed in arguments.seeds:
            about, wanted = (
                {"home": name_of(home), "seed": seed},
                (arguments.encoder, home, foreign, seed, more),
            )
            path = path_in(arguments.results, name_of(home), seed)
            results.append(kept(path, lambda about=about, wanted=wanted: about | run(*wanted)))
    print(table(results))


if __name__ == "__main__":
    main()
