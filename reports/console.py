"""What a terminal shows at the end of a run: a table of the clusters, and what else it found."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from .atlas import atlas_command
from .page import MAX_POINTS
from .result import SCORES, STAGES, ClusteringResult


def one_line(text: str, width: int) -> str:
    r"""A text as it may be shown in a terminal: on one line, cut, and without control characters.

    Example:
        >>> one_line("two\nlines\tand \x1b[31mred", width=16)
        'two lines and […'
    """
    visible = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * width]).split())
    return visible if len(visible) <= width else visible[: width - 1].rstrip() + "…"


def describe(result: ClusteringResult, output_dir: Path) -> list[str]:
    """Lines of a run on the result that it wrote to `output_dir`."""
    lines, unit = [*cluster_table(result)], "documents" if result.mix is None else "sentences"
    if result.before_edits is not None:
        known = result.before_edits >= 0
        kept = int((result.before_edits == result.clusters)[known].sum())
        lines.append(
            f"{kept:,} of {known.sum():,} {unit} are in the cluster that they were in, as it is "
            "edited."
        )
    if "outliers" in result.metrics:
        lines.append(
            f"{result.metrics['outliers']:,} of {len(result.clusters):,} {unit} belong nowhere: "
            "cluster -1 in the CSV."
        )
    findings = [f"{title}: {told}." for title, told in result.findings]
    lines += [one_line(line, 400) for line in (*result.about_topics, *findings)]
    lines += score_table(result)
    if len(result.clusters) > MAX_POINTS:
        lines.append(
            f"The report shows {MAX_POINTS:,} of the texts. All of them, on the same map, after "
            f"pip install embedding-atlas: {atlas_command(output_dir)}"
        )
    return [*lines, f"Report: {output_dir / 'results' / 'report.html'}"]


def cluster_table(result: ClusteringResult, width: int = 110) -> Iterator[str]:
    """What is known of each cluster, the largest first, and its nearest texts."""
    for cluster in np.argsort(-result.sizes, kind="stable").tolist():
        size, stability = result.sizes[cluster], result.stabilities[cluster]
        trust = f"probability {result.mean_probabilities[cluster]:.2f}"
        if stability is not None:
            trust += f", stability {stability:.2f}"
        share = size / len(result.clusters)
        texts = (
            "" if result.num_documents is None else f" of {result.num_documents[cluster]:,} texts"
        )
        unit = "document" if result.num_documents is None else "sentence"
        count = f"{size:,} {unit}{'' if size == 1 else 's'}{texts} ({share:.1%})"
        yield f"{one_line(result.labels[cluster], 40)}: {count}, {trust}"
        for row in result.nearest[cluster]:
            yield f"    {one_line(result.texts[row], width - 4)}"


def score_table(result: ClusteringResult) -> Iterator[str]:
    """k-means, start, untrained and final model side by side, where there were gold classes."""
    if STAGES["eval"] in result.stage_scores:
        yield from score_lines(result.stage_scores)


def score_lines(stage_scores: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Accuracy, NMI, ARI and purity of some stages, by their title."""
    yield "against gold classes " + "".join(f"{name:>10}" for name in SCORES)
    for title, values in stage_scores.items():
        yield f"{title:<21}" + "".join(f"{value:>10.3f}" for value in values)
