"""How the score depends on the number of clusters, as a picture."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from .figure import COLORS, INK
from .files import replacing


def draw_scores(path: Path, scores: dict[int, float], num_clusters: int) -> None:
    """Draw the score of every number of clusters that was tried to a PNG file.

    Args:
        path (`Path`): The file.
        scores (`dict[int, float]`): The score by K (`num_clusters.estimate_num_clusters`).
        num_clusters (`int`): The K that was taken.
    """
    figure = Figure(figsize=(8, 4.5), dpi=160, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes, tried = figure.subplots(), sorted(scores)
    axes.plot(tried, [scores[k] for k in tried], "o-", color=COLORS[0], markersize=3.5)
    axes.axvline(num_clusters, color=COLORS[2], linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(
        [
            k
            for k in (2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)
            if tried[0] <= k <= tried[-1]
        ]
    )
    axes.set_xlabel("number of clusters")
    axes.set_ylabel("score (higher is better)")
    axes.set_title(f"{num_clusters} clusters score best", color=INK, weight="bold", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    with replacing(path, "wb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})
