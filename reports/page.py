"""`report.html`: one page that opens from disk and asks no network, filled from
`templates/report.*`.

Every text on it is a stranger's: the template escapes what stands in HTML, `script_json` what
stands in a script, and the page's own script sets text as text. A Content-Security-Policy lets no
other script than the page's own run, and nothing be loaded from anywhere.
"""

import base64
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform
from sklearn.metrics.cluster import contingency_matrix
from sklearn.preprocessing import normalize

from .figure import COLORS, assign_styles
from .files import SCORES, STAGES, replacing
from .result import Findings


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
    return Markup(
        text.encode("utf-8", "replace").decode("utf-8")
    )  # half a surrogate pair is no character


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
        low, high = (
            (middle, high) if np.minimum(lengths, middle).sum() <= budget else (low, middle - 1)
        )
    return low


def choose_rows(findings: Findings, uncertain: list[int], seed: int = 0) -> np.ndarray:
    """Documents that the page shows, sorted: all or, where they are too many, a random sample and
    those it names.
    """
    count = len(findings.clusters)
    if count <= MAX_POINTS:
        return np.arange(count)
    named = sorted({*uncertain, *(row for rows in findings.nearest for row in rows)})
    others = np.setdiff1d(np.arange(count), named)
    drawn = np.random.default_rng(seed).choice(
        others, max(MAX_POINTS - len(named), 0), replace=False
    )
    return np.sort(np.concatenate([np.array(named, dtype=int), drawn]))


def cluster_rows(findings: Findings) -> list[dict[str, Any]]:
    """What the page says of each cluster, the largest first."""
    colors, shapes = assign_styles(findings.middles, findings.sizes)
    return [
        {
            "cluster": cluster,
            "label": findings.labels[cluster],
            "size": int(findings.sizes[cluster]),
            "share": float(findings.sizes[cluster] / len(findings.clusters)),
            "probability": float(findings.mean_probabilities[cluster]),
            "silhouette": float(findings.cluster_silhouettes[cluster]),
            "stability": findings.stabilities[cluster],
            "keywords": findings.keywords[cluster],
            "examples": [
                cut(" ".join(findings.texts[row][:2000].split()), 240)
                for row in findings.nearest[cluster]
            ],
            "color": COLORS[colors[cluster]],
            "shape": int(shapes[cluster]),
            "x": float(findings.middles[cluster, 0]),
            "y": float(findings.middles[cluster, 1]),
        }
        for cluster in np.argsort(-findings.sizes, kind="stable").tolist()
    ]


def document_columns(findings: Findings, rows: np.ndarray) -> tuple[dict[str, list], int | None]:
    """The shown documents, column by column, and the length their texts were cut to, if any were."""
    texts = [findings.texts[row][: MAX_TEXT + 1] for row in rows]
    lengths = np.array([len(text) for text in texts])
    bytes_a_character = len(script_json(texts).encode()) / max(lengths.sum(), 1)
    length = min(MAX_TEXT, fair_length(lengths, int(TEXT_BUDGET / bytes_a_character)))
    q = findings.q[rows]
    first = np.argsort(-q, axis=1, kind="stable")[:, :5]  # beyond five, nobody reads
    columns = {
        "id": [str(findings.ids[row]) for row in rows],
        "text": [cut(text, length) for text in texts],
        "x": findings.positions[rows, 0].round(3).tolist(),
        "y": findings.positions[rows, 1].round(3).tolist(),
        "mix": first.tolist(),
        "probabilities": np.take_along_axis(q, first, axis=1).astype(float).round(3).tolist(),
    }
    return columns, length if lengths.max(initial=0) > length else None


def uncertain_rows(findings: Findings, rows: list[int]) -> list[dict[str, Any]]:
    """Documents with their two most probable clusters."""
    shown = []
    for row in rows:
        choices = np.argsort(-findings.q[row], kind="stable")[:2].tolist()
        chosen = [
            {"label": findings.labels[c], "probability": float(findings.q[row, c])} for c in choices
        ]
        shown.append(
            {"id": findings.ids[row], "text": cut(findings.texts[row], 300), "choices": chosen}
        )
    return shown


def hierarchy(findings: Findings) -> dict[str, Any]:
    """The dendrogram of the clusters that are not empty: lines, clusters from top to bottom, and
    the closest two.
    """
    filled = np.flatnonzero(findings.sizes)
    if len(filled) < 2:
        return {"lines": [], "leaves": [], "closest": []}
    directions = normalize(findings.centroids[filled])
    distances = (1 - directions @ directions.T).clip(min=0)
    links = linkage(squareform(distances, checks=False), method="average")
    tree = dendrogram(links, no_plot=True)
    lines = [{"x": d, "y": i} for d, i in zip(tree["dcoord"], tree["icoord"], strict=True)]
    closest = filled[links[0, :2].astype(int)].tolist()
    return {"lines": lines, "leaves": filled[tree["leaves"]].tolist(), "closest": closest}


def confusion(classes: np.ndarray, clusters: np.ndarray) -> dict[str, Any]:
    """Documents of each class in each cluster, best matches on the diagonal."""
    names, numbers = np.unique(classes, return_inverse=True)
    kept, found = np.unique(clusters, return_inverse=True)
    counts = contingency_matrix(numbers, found)  # (num_classes, num_clusters)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    order = np.argsort(-counts[rows, columns], kind="stable")
    rows = [*rows[order], *np.setdiff1d(np.arange(len(names)), rows)]
    columns = [*columns[order], *np.setdiff1d(np.arange(len(kept)), columns)]
    return {
        "classes": [str(names[row]) for row in rows],
        "clusters": kept[columns].tolist(),
        "counts": counts[np.ix_(rows, columns)].tolist(),
    }


def curves(history: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
    """Log lines as curves over the epochs, by name; without values that are no numbers, as of a
    loss that exploded.
    """
    found = {}
    for name in ("clustering_loss", "mlm_loss", "changed"):
        lines = [line for line in history if math.isfinite(line.get(name, math.nan))]
        found[name] = {"x": [line["epoch"] for line in lines], "y": [line[name] for line in lines]}
    refreshes = [line for line in history if "changed" in line]
    sizes = [
        [line[f"cluster_size_{k}"] for k in range(len(line)) if f"cluster_size_{k}" in line]
        for line in refreshes
    ]
    return found | {"sizes": {"x": [line["epoch"] for line in refreshes], "y": sizes}}


def score_rows(metrics: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Scores against gold classes, stage by stage."""
    stages = [
        (prefix, title) for prefix, title in STAGES.items() if f"{prefix}_{SCORES[0]}" in metrics
    ]
    return [(title, [metrics[f"{prefix}_{name}"] for name in SCORES]) for prefix, title in stages]


def figures(findings: Findings) -> list[tuple[str, str, str]]:
    """The few numbers at the head of the page: name, value, and what it means."""
    sizes, metrics = findings.sizes, findings.metrics
    shown = [
        (
            "Texts in a cluster",
            f"{sizes.min():,} to {sizes.max():,}",
            "in the smallest and in the largest cluster",
        ),
        (
            "Mean probability",
            f"{findings.probabilities.mean():.2f}",
            "of a text's most probable cluster",
        ),
    ]
    if math.isfinite(metrics.get("eval_silhouette") or math.nan):
        shown.append(("Silhouette", f"{metrics['eval_silhouette']:.2f}", "cosine, from -1 to 1"))
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


def render(findings: Findings) -> str:
    """The page as HTML."""
    total = len(findings.clusters)
    uncertain = np.argsort(findings.probabilities, kind="stable")[:20].tolist()
    rows, clusters, tree = (
        choose_rows(findings, uncertain),
        cluster_rows(findings),
        hierarchy(findings),
    )
    documents, length = document_columns(findings, rows)
    data = {
        "clusters": clusters,
        "documents": documents,
        "hierarchy": tree,
        "curves": curves(findings.history),
    }
    data["confusion"] = (
        None if findings.classes is None else confusion(findings.classes, findings.clusters)
    )
    by_number = {row["cluster"]: row for row in clusters}
    scripts = [get_plotlyjs(), (TEMPLATES / "report.js").read_text(encoding="utf-8")]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        title=f"{total:,} texts in {len(clusters):,} clusters",
        source=findings.settings.get("Texts"),
        policy=policy(scripts),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        scripts=[Markup(script) for script in scripts],
        data=script_json(data),
        figures=figures(findings),
        rows=clusters,
        columns=COLUMNS,
        skipped=len(findings.documents) - total,
        thinned=len(rows) < total,
        shown=len(rows),
        total=total,
        cut=length,
        closest=[by_number[cluster] for cluster in tree["closest"]],
        uncertain=uncertain_rows(findings, uncertain),
        has_classes=findings.classes is not None,
        scores=score_rows(findings.metrics),
        score_names=SCORES,
        has_history=bool(data["curves"]["clustering_loss"]["x"]),
        settings=findings.settings,
    )


def write_report(path: Path, findings: Findings) -> None:
    """Write the page."""
    with replacing(path) as file:
        file.write(render(findings))
