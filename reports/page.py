"""`report.html`: one page that opens from disk and asks no network, filled from
`templates/report.*`.

Every text on it is a stranger's: the template escapes what stands in HTML, `script_json` what
stands in a script, and the page's own script sets text as text. A Content-Security-Policy lets no
other script than the page's own run, and nothing be loaded from anywhere.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ..clusters.stability import STABLE
from ..texts.segments import Sentences
from .atlas import atlas_command
from .charts import confusion, curves, hierarchy, scores_of_k, sparkline
from .cuts import FEWEST
from .figure import COLORS, assign_styles
from .files import replacing
from .levels import make_tree
from .result import SCORES, ClusteringResult
from .topics import topic_rows


TEMPLATES = Path(__file__).parent / "templates"
MAX_POINTS = 20_000  # documents on the page
TEXT_BUDGET = 7_000_000  # bytes that all of their texts may take
MAX_TEXT = 2000  # characters of a text that are shown
COLUMNS = (
    ("Cluster", "ascending"),
    ("Texts", "descending"),
    ("Share", "descending"),
    ("Probability", "descending"),
    ("Silhouette", "descending"),
    ("Stability", "descending"),
    ("Trend", "descending"),
    ("Keywords", None),
    ("Representative texts", None),
)


def script_json(value: Any) -> Markup:
    r"""Strict JSON that cannot end the script element it stands in.

    Example:
        >>> print(script_json(["</script>"]))
        ["\u003c/script>"]
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Half a surrogate pair is no character.
    return Markup(text.encode("utf-8", "replace").decode("utf-8"))


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def fair_length(lengths: np.ndarray, budget: int) -> int:
    """How many characters each text may keep at most, so that together they keep no more than
    `budget`.

    Example:
        >>> fair_length(np.array([1, 5, 100]), budget=16)
        10
    """
    low, high = 0, int(lengths.max(initial=0))
    while low < high:
        middle = (low + high + 1) // 2
        fits = np.minimum(lengths, middle).sum() <= budget
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def choose_rows(result: ClusteringResult, uncertain: list[int], seed: int = 0) -> np.ndarray:
    """Documents that the page shows, sorted: all or, where they are too many, a random sample and
    those it names.
    """
    count = len(result.clusters)
    if count <= MAX_POINTS:
        return np.arange(count)
    named = sorted({*uncertain, *(row for rows in result.nearest for row in rows)})
    others = np.setdiff1d(np.arange(count), named)
    room = max(MAX_POINTS - len(named), 0)
    drawn = np.random.default_rng(seed).choice(others, room, replace=False)
    return np.sort(np.concatenate([np.array(named, dtype=int), drawn]))


def cluster_rows(result: ClusteringResult) -> list[dict[str, Any]]:
    """What the page says of each cluster, the largest first."""
    colors, shapes = assign_styles(result.middles, result.sizes)
    rows, trend = topic_rows(result), result.trend
    for row in rows:
        cluster = row["cluster"]
        if trend is not None:
            row["trend"] = sparkline(trend.shares[cluster][trend.are_known])
            row["change"] = float(trend.z[cluster]) if trend.are_changing[cluster] else 0.0
        row |= {
            "silhouette": float(result.cluster_silhouettes[cluster]),
            "examples": [cut(" ".join(text[:2000].split()), 240) for text in row["examples"]],
            "color": COLORS[colors[cluster]],
            "shape": int(shapes[cluster]),
            "x": float(result.middles[cluster, 0]),
            "y": float(result.middles[cluster, 1]),
        }
    return rows


def document_columns(
    result: ClusteringResult, rows: np.ndarray
) -> tuple[dict[str, list], int | None]:
    """The shown documents, column by column, and the length that texts were cut to, if any were."""
    texts, mix = [result.texts[row][: MAX_TEXT + 1] for row in rows], result.mix
    lengths = np.array([len(text) for text in texts])
    bytes_per_character = len(script_json(texts).encode()) / max(lengths.sum(), 1)
    length = min(MAX_TEXT, fair_length(lengths, int(TEXT_BUDGET / bytes_per_character)))
    q = result.q[rows]
    first = np.argsort(-q, axis=1, kind="stable")[:, :5]  # beyond five, nobody reads
    columns = {
        "id": [str(result.ids[row]) for row in rows],
        "text": [cut(text, length) for text in texts],
        "x": result.positions[rows, 0].round(3).tolist(),
        "y": result.positions[rows, 1].round(3).tolist(),
        "mix": first.tolist(),
        "probabilities": np.take_along_axis(q, first, axis=1).astype(float).round(3).tolist(),
    }
    if isinstance(result.documents, Sentences) and mix is not None:
        topics = mix.topics
        columns["topics"] = [topics[place] for place in result.documents.places[rows]]
    return columns, length if lengths.max(initial=0) > length else None


def cut_columns(result: ClusteringResult, rows: np.ndarray) -> dict[str, Any]:
    """What the page's script needs of times and groups: their parts, and those of the shown
    documents.
    """
    trend, known = result.trend, result.documents.usable_attributes
    found: dict[str, Any] = {
        "trend": None,
        "groups": [
            {"column": group.column, "names": group.names, "parts": group.parts[rows].tolist()}
            for group in result.cuts
        ],
    }
    if trend is not None and known is not None:
        written = known.columns[trend.column]
        found["trend"] = {
            "column": trend.column,
            "names": trend.names,
            "parts": trend.parts[rows].tolist(),
            "written": [cut(written[row], 40) for row in rows],
            "counts": trend.counts.tolist(),
            "fewest": FEWEST,
        }
    return found


def columns_of(result: ClusteringResult) -> list[tuple[str, str | None]]:
    """Heads of the table of clusters, and by which direction each is sorted first."""
    columns: list[tuple[str, str | None]]
    columns = [column for column in COLUMNS if result.trend or column[0] != "Trend"]
    if result.mix is None:
        return columns
    columns[1:2] = [("Sentences", "descending"), ("In texts", "descending")]
    columns[-1] = ("Representative sentences", None)
    return columns


def uncertain_rows(result: ClusteringResult, rows: list[int]) -> list[dict[str, Any]]:
    """Documents with their two most probable clusters."""
    shown = []
    for row in rows:
        choices = np.argsort(-result.q[row], kind="stable")[:2].tolist()
        chosen = [
            {"label": result.labels[c], "probability": float(result.q[row, c])} for c in choices
        ]
        shown.append(
            {"id": result.ids[row], "text": cut(result.texts[row], 300), "choices": chosen}
        )
    return shown


def figures(result: ClusteringResult) -> list[tuple[str, str, str]]:
    """The few numbers at the head of the page: name, value, and what it means."""
    sizes, metrics, unit = result.sizes, result.metrics, result.unit
    sure = f"{result.probabilities.mean():.2f}"
    smallest_to_largest = f"{sizes.min():,} to {sizes.max():,}"
    shown = [
        (f"{unit.capitalize()} in a cluster", smallest_to_largest, "in the smallest and largest")
    ]
    if not result.is_preview:
        shown.append(("Mean probability", sure, f"of the most probable cluster of {unit}"))
    if "eval_accuracy" in metrics:
        shown.append(("Accuracy", f"{metrics['eval_accuracy']:.1%}", "against the gold classes"))
    return shown


def policy(scripts: list[str]) -> str:
    """A Content-Security-Policy under which these scripts run, and nothing is loaded; Plotly's
    WebGL needs `eval`.
    """
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    ]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def render(result: ClusteringResult, folder: str | None = None) -> str:
    """The page as HTML."""
    total = len(result.clusters)
    uncertain = np.argsort(result.probabilities, kind="stable")[:20].tolist()
    rows, clusters = choose_rows(result, uncertain), cluster_rows(result)
    documents, length = document_columns(result, rows)
    tree, history, tried = hierarchy(result), curves(result.history), scores_of_k(result)
    classes = result.classes
    unit = result.unit
    data = {
        "unit": unit,
        "clusters": clusters,
        "documents": documents,
        "cuts": cut_columns(result, rows),
        "hierarchy": tree,
        "curves": history,
        "scores": tried,
        "confusion": None if classes is None else confusion(classes, result.document_clusters),
    }
    by_number = {row["cluster"]: row for row in clusters}
    names = ["report.js", "report_edits.js"] if folder else ["report.js"]
    own = [(TEMPLATES / name).read_text(encoding="utf-8") for name in names]
    scripts = [get_plotlyjs(), *own]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        title=result.title,
        source=result.settings.get("Texts"),
        is_preview=result.is_preview,
        folder=folder,
        policy=policy(scripts),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        scripts=[Markup(script) for script in scripts],
        data=script_json(data),
        figures=figures(result),
        rows=clusters,
        unit=unit,
        mixed=result.mix is not None,
        columns=columns_of(result),
        about_start=result.about_start,
        changes=result.changes,
        changed=result.changes.changed if result.changes else [],
        about_topics=result.about_topics,
        trend=result.trend,
        fewest=FEWEST,
        cuts=result.cuts,
        findings=result.findings,
        stable=STABLE,
        skipped=int((~result.whole.usable).sum()),
        rows_of_input=len(result.whole),
        thinned=len(rows) < total,
        command=atlas_command(Path(folder)) if folder else None,
        shown=len(rows),
        total=total,
        cut=length,
        closest=[by_number[cluster] for cluster in tree["closest"]],
        uncertain=uncertain_rows(result, uncertain),
        has_classes=classes is not None,
        scores=result.stage_scores.items(),
        score_names=SCORES,
        tree=make_tree(result.levels, result.labels, result.sizes),
        level_sizes=[*(len(level.labels) for level in result.levels), result.num_clusters],
        has_scores_of_k=tried is not None,
        has_history=bool(history["clustering_loss"]["x"]),
        settings=result.settings,
    )


def write_report(path: Path, result: ClusteringResult, folder: str | None = None) -> None:
    """Write the page.

    Args:
        path (`Path`): Where to.
        result (`ClusteringResult`): What there is to tell.
        folder (`str`, *optional*): Name of the folder of the model, whose clusters can then be
            edited by a command that the page puts together, and whose texts stand in `ATLAS`.
    """
    with replacing(path) as file:
        file.write(render(result, folder))
