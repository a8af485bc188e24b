r"""What each part of the default method earns: the result's accuracy with that part switched off,
one at a time.

    python -m benchmarks.ablation --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora tweet89.jsonl.gz:89 trec6_train.jsonl.gz:6:3000

Arguments, runs and kept figures are those of `benchmarks.quality`, in
`benchmarks/results/ablation/`. The table shows the mean over the seeds and, behind ±, the standard
deviation.
"""

from benchmarks.quality import collect, spread


SETTINGS = {
    "default": [],
    "k-means start": ["--init", "kmeans"],
    "own target": ["--lexical_teacher", "false"],
    "uniform size prior": ["--size_prior", "uniform"],
    "alpha 1": ["--alpha", "1"],
    "no masked LM": ["--mlm_weight", "0"],
    "no guard": ["--keep_best", "false"],
}


def table(results: list[dict]) -> str:
    """Markdown: a row for each corpus, a column for each setting."""
    settings = list(dict.fromkeys(result["setting"] for result in results))
    lines = [
        "| corpus | start | " + " | ".join(settings) + " |",
        "|---" * (len(settings) + 2) + "|",
    ]
    for corpus in dict.fromkeys(result["corpus"] for result in results):

        def accuracies(setting: str, stage: str, corpus: str = corpus) -> list[float]:
            runs = [
                r["metrics"] for r in results if (r["corpus"], r["setting"]) == (corpus, setting)
            ]
            return [metrics[f"{stage}_accuracy"] for metrics in runs]

        cells = [
            spread(accuracies(settings[0], "init")),
            *(spread(accuracies(name, "eval")) for name in settings),
        ]
        lines.append(f"| {corpus} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(collect(__doc__, SETTINGS, list(SETTINGS), "ablation")))
