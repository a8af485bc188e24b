r"""Scores of whole runs against gold classes: k-means, start and result, for any corpora, settings
and seeds.

    python -m benchmarks.quality --encoder sentence-transformers/all-MiniLM-L6-v2 \
        --corpora stackoverflow.jsonl.gz:20:3000 tweet89.jsonl.gz:89 --settings default paper \
        --label_column label --seeds 42 43 44

A corpus is `file:num_clusters`, or `file:num_clusters:sample_size`. Each run is the command of the
README in a process of its own; its figures are kept in `benchmarks/results/quality/`, and a run
whose figures are there is not repeated. The table shows the mean over the seeds and, behind ±, the
standard deviation. The silhouette is that of the space in which the start was made, of embeddings
and words, so that its stages can be compared; seconds are those of start, warm-up and training.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev


ROOT = Path(__file__).parent.parent
SCORES = ("accuracy", "nmi", "ari", "purity", "start_silhouette")
STAGES = {"kmeans": "k-means", "init": "start", "untrained": "untrained", "eval": "result"}
SETTINGS = {
    "default": [],
    "auto": ["--num_clusters", "auto"],
    # Huang et al. (2020); the learning rate is that of their experiments with BERT.
    "paper": [
        "--init",
        "kmeans",
        "--alpha",
        "1",
        "--kernel",
        "divide",
        "--normalize_embeddings",
        "false",
    ]
    + [
        "--size_prior",
        "uniform",
        "--lexical_teacher",
        "false",
        "--keep_best",
        "false",
        "--mlm_weight",
        "1",
        "--freeze_word_embeddings",
        "false",
    ]
    + ["--learning_rate", "3e-5", "--centroid_learning_rate", "3e-5", "--num_train_epochs", "3"],
}


def command_for(
    encoder: str,
    corpus: str,
    seed: int,
    label_column: str | None,
    output_dir: str,
    options: list[str],
) -> list[str]:
    """Arguments of the command for one training."""
    file, num_clusters, *sample = corpus.split(":")
    command = ["--model_name_or_path", encoder, "--train_file", file]
    command += ["--label_column", label_column] if label_column else []
    command += [
        "--num_clusters",
        num_clusters,
        "--seed",
        str(seed),
        "--do_train",
        "--output_dir",
        output_dir,
    ]
    command += ["--save_strategy", "no", "--disable_tqdm", "true", *options]
    return command + (["--max_train_samples", *sample] if sample else [])


def run(
    encoder: str, corpus: str, setting: list[str], seed: int, label_column: str, more: list[str]
) -> dict:
    """One run of the command; its metrics."""
    with tempfile.TemporaryDirectory() as output_dir:
        command = [
            sys.executable,
            "-m",
            "accelerate.commands.accelerate_cli",
            "launch",
            "--num_processes",
            "1",
        ]
        command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
        command += [
            "--num_cpu_threads_per_process",
            str(os.cpu_count()),
            str(ROOT / "run_clustering.py"),
        ]
        command += command_for(encoder, corpus, seed, label_column, output_dir, [*setting, *more])
        subprocess.run(command, check=True)
        return json.loads(Path(output_dir, "all_results.json").read_text(encoding="utf-8"))


def grouped(results: list[dict]) -> dict[tuple[str, str], list[dict]]:
    """Metrics of the runs by corpus and setting."""
    groups = {}
    for result in results:
        groups.setdefault((result["corpus"], result["setting"]), []).append(result["metrics"])
    return groups


def summary(results: list[dict]) -> str:
    """Markdown: a row for each corpus and setting, with accuracy and NMI of each stage."""
    lines = [
        "| corpus | K | setting | runs | " + " | ".join(STAGES.values()) + " |",
        "|---" * (4 + len(STAGES)) + "|",
    ]
    for (corpus, setting), runs in grouped(results).items():
        cells = []
        for stage in STAGES:
            known = [metrics for metrics in runs if f"{stage}_accuracy" in metrics]
            pairs = [
                spread([metrics[f"{stage}_{score}"] for metrics in known]) for score in SCORES[:2]
            ]
            cells.append(" / ".join(filter(None, pairs)))
        lines.append(
            f"| {corpus} | {numbers(setting, runs)} | {setting} | {len(runs)} | "
            + " | ".join(cells)
            + " |"
        )
    return "\n".join(lines)


def numbers(setting: str, runs: list[dict]) -> str:
    """The number of clusters, or those that were found."""
    return ", ".join(
        str(metrics["num_clusters"]) for metrics in (runs if setting == "auto" else runs[:1])
    )


def table(results: list[dict]) -> str:
    """Markdown: a row for each corpus, setting and stage, with all scores."""
    titles = [score.removeprefix("start_") for score in SCORES]
    lines = ["| corpus | K | setting | stage | " + " | ".join(titles) + " | sizes | seconds |"]
    lines.append("|---|---|---|---|" + "---|" * (len(SCORES) + 2))
    for (corpus, setting), runs in grouped(results).items():
        for stage, title in STAGES.items():
            if not any(f"{stage}_accuracy" in metrics for metrics in runs):
                continue
            cells = [
                spread([m[f"{stage}_{score}"] for m in runs if f"{stage}_{score}" in m])
                for score in SCORES
            ]
            if stage == "eval":
                sizes = [m[f"eval_{end}_cluster"] for end in ("smallest", "largest") for m in runs]
                cells.append(f"{min(sizes)} to {max(sizes)}")
                seconds = [
                    m["start_runtime"] + m["train_runtime"] for m in runs if "start_runtime" in m
                ]
                cells.append(f"{mean(seconds):.0f}" if len(seconds) == len(runs) else "")
            else:
                cells += ["", ""]
            lines.append(
                f"| {corpus} | {numbers(setting, runs)} | {setting} | {title} | "
                + " | ".join(cells)
                + " |"
            )
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Mean and standard deviation; nothing where there is no value."""
    return " ± ".join(f"{part(values):.3f}" for part in (mean, stdev)[: len(values)])


def parser_for(description: str, kept_in: str) -> argparse.ArgumentParser:
    """What the command lines of all benchmarks with kept figures share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / kept_in)
    return parser


def parser_of_corpora(description: str, kept_in: str) -> argparse.ArgumentParser:
    """`parser_for` those that go over corpora with gold classes and over seeds."""
    parser = parser_for(description, kept_in)
    parser.add_argument("--label_column", default="label")
    parser.add_argument("--corpora", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44])
    return parser


def name_of(corpus: str) -> str:
    """What tables call a corpus."""
    file, _, *sample = corpus.split(":")
    return Path(file).name.split(".")[0] + "".join(f", {size} texts" for size in sample)


def in_words(name: str) -> str:
    """The name of a class as people would write it.

    Example:
        >>> in_words("card_not_working")
        'card not working'
    """
    return re.sub(r"[\W_]+", " ", str(name)).strip()


def path_in(folder: Path, *words: str | int) -> Path:
    """The file of a run that such words describe."""
    return folder / ("-".join(map(str, words)).replace(", ", "-").replace(" ", "-") + ".json")


def kept(path: Path, make: Callable[[], dict]) -> dict:
    """The figures that a file holds; they are made where there are none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def run_corpora(
    arguments: argparse.Namespace,
    options: list[str],
    run: Callable[[str, str, int, str, list[str]], dict],
    name_of: Callable[[str], str] = name_of,
) -> dict[str, list[dict]]:
    """The figures of each corpus and seed, by what tables call the corpus.

    Args:
        arguments (`argparse.Namespace`): Of `parser_of_corpora`.
        options (`list[str]`): More arguments of the command.
        run (`Callable`): Makes the figures, from encoder, corpus, seed, label column and options.
        name_of (`Callable`, *optional*): What tables call a corpus.
    """
    groups: dict[str, list[dict]] = {}
    for seed in arguments.seeds:
        for corpus in arguments.corpora:
            wanted = (arguments.encoder, corpus, seed, arguments.label_column, options)
            path = path_in(arguments.results, name_of(corpus), seed)
            figures = kept(path, lambda wanted=wanted: run(*wanted))
            groups.setdefault(name_of(corpus), []).append(figures)
    return groups


def collect(
    description: str, settings: dict[str, list[str]], default: list[str], kept_in: str
) -> list[dict]:
    """The results of all runs that the command line asks for; those that are not kept yet are made.

    Args:
        description (`str`): What `--help` says.
        settings (`dict[str, list[str]]`): Arguments of the command by the name of the setting.
        default (`list[str]`): Settings that are run where none is named.
        kept_in (`str`): Folder of the figures, in `benchmarks/results/`.
    """
    parser = parser_of_corpora(description, kept_in)
    parser.add_argument("--settings", nargs="+", default=default, choices=settings)
    arguments, more = parser.parse_known_args()  # what is left goes to the command
    results = []
    for corpus in arguments.corpora:
        name = name_of(corpus)
        for setting in arguments.settings:
            for seed in arguments.seeds:
                about = {"corpus": name, "setting": setting, "seed": seed, "more": more}
                wanted = (
                    arguments.encoder,
                    corpus,
                    settings[setting],
                    seed,
                    arguments.label_column,
                    more,
                )
                path = path_in(arguments.results, name, setting, seed)
                results.append(
                    kept(path, lambda about=about, wanted=wanted: about | {"metrics": run(*wanted)})
                )
    return results


if __name__ == "__main__":
    found = collect(__doc__, SETTINGS, ["default"], "quality")
    print(summary(found), table(found), sep="\n\n")
