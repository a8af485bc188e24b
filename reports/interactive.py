"""The map as a figure of Plotly, for a notebook."""

from html import escape
from textwrap import wrap

import numpy as np
from plotly.graph_objects import Figure, Scattergl

from .figure import COLORS, assign_styles
from .result import ClusteringResult


SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down")  # as in the picture
MAX_TEXT = 300  # characters of a text that are shown


def draw_interactive_map(result: ClusteringResult) -> Figure:
    """A point per document, coloured by cluster, whose text shows under the pointer; the legend
    hides and shows clusters.
    """
    colors, shapes = assign_styles(result.middles, result.sizes)
    figure = Figure()
    for cluster in np.argsort(-result.sizes, kind="stable").tolist():
        rows = np.flatnonzero(result.clusters == cluster)
        if not len(rows):
            continue
        points = result.positions[rows]
        figure.add_trace(
            Scattergl(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                name=escape(result.labels[cluster]),
                text=[hover_text(result.texts[row]) for row in rows],
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
                marker={
                    "color": COLORS[colors[cluster]],
                    "symbol": SHAPES[shapes[cluster]],
                    "size": 5,
                    "opacity": 0.7,
                },
            )
        )
    figure.update_layout(
        title=result.title,
        template="plotly_white",
        height=650,
        xaxis={"visible": False},
        yaxis={"visible": False, "scaleanchor": "x"},
    )
    return figure


def hover_text(text: str) -> str:
    """A text as Plotly shows it, which reads some HTML: escaped, cut, and in lines.

    Example:
        >>> hover_text("1 < 2")
        '1 &lt; 2'
    """
    shown = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return "<br>".join(escape(line) for line in wrap(shown, 60))
