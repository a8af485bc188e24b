"""The map as a picture: a point per document, coloured by cluster, with labels that do not cover
each other.

It shows no text but the labels. Colours are Petroff's ten (2021, "Accessible Color Sequences for
Data Visualization"), made to be told apart with any kind of colour vision. Beyond ten clusters a
colour comes again, as far away on the map as can be and with another shape of point.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from .files import replacing
from .result import ClusteringResult


COLORS = "#3f90da #ffa90e #bd1f01 #94a4a2 #832db6 #a96b59 #e76300 #b9ac70 #717581 #92dadd".split()
MARKERS = "osD^v"
FONTS = [
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Noto Sans Devanagari",
]
INK = "#1c2430"
MANY = 30  # beyond so many clusters labels are shorter and smaller


def assign_styles(positions: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour and shape of each cluster, both `(num_clusters,)` indices; no two alike among the
    first fifty.

    Larger clusters choose first. Once each colour is taken, a cluster takes the one that is
    farthest from it.

    Args:
        positions (`np.ndarray` of shape `(num_clusters, 2)`): Where the clusters lie on the map.
        sizes (`np.ndarray` of shape `(num_clusters,)`): Documents in each cluster.
    """
    order = np.argsort(-sizes, kind="stable")
    colors, shapes = np.zeros(len(sizes), dtype=int), np.zeros(len(sizes), dtype=int)
    for rank, cluster in enumerate(order):
        if rank < len(COLORS):
            colors[cluster] = rank
            continue
        before, uses = order[:rank], np.bincount(colors[order[:rank]], minlength=len(COLORS))
        distances = np.linalg.norm(positions[before] - positions[cluster], axis=1)
        nearest = [distances[colors[before] == color].min() for color in range(len(COLORS))]
        # All are used equally often, so that shapes last.
        allowed = uses < rank // len(COLORS) + 1
        colors[cluster] = int(np.argmax(np.where(allowed, nearest, -1)))
        shapes[cluster] = uses[colors[cluster]] % len(MARKERS)
    return colors, shapes


def place_labels(
    anchors: np.ndarray,
    extents: np.ndarray,
    bounds: tuple[float, float],
    reach: float,
    obstacles: np.ndarray | None = None,
) -> list[tuple[float, float] | None]:
    """Middles of labels such that none covers another, or an obstacle, or leaves the picture; all
    in pixels.

    Each label takes the free place nearest to its anchor, out to `reach`; earlier ones choose
    first.

    Args:
        anchors (`np.ndarray` of shape `(num_labels, 2)`): Where labels belong.
        extents (`np.ndarray` of shape `(num_labels, 2)`): Width and height of each label.
        bounds (`tuple`): Width and height of the picture.
        reach (`float`): How far a label may lie from its anchor.
        obstacles (`np.ndarray` of shape `(num_obstacles, 4)`, *optional*): Middle, width and height
            of what must stay visible.

    Returns:
        A middle for each label; `None` where no place is free.

    Example:
        >>> anchors, extents = np.array([[50, 50], [50, 50]]), np.array([[40, 10], [40, 10]])
        >>> place_labels(anchors, extents, (100, 100), reach=30)
        [(50.0, 50.0), (50.0, 60.0)]
    """
    angles = np.pi / 2 + np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    offsets = np.vstack([[[0.0, 0.0]], *(radius * circle for radius in np.arange(5, reach + 1, 5))])
    taken = np.zeros((0, 4)) if obstacles is None else obstacles
    placed: list[tuple[float, float] | None] = []
    for anchor, extent in zip(anchors, extents, strict=True):
        middles = (anchor + offsets).round(6)
        inside = ((middles - extent / 2 >= 0) & (middles + extent / 2 <= bounds)).all(axis=1)
        apart = np.abs(taken[:, :2] - anchor) - (extent + taken[:, 2:]) / 2
        near = taken[(apart <= reach + 1).all(axis=1)]  # what is farther off cannot be covered
        gaps = np.abs(middles[:, None] - near[:, :2]) - (extent + near[:, 2:]) / 2
        free = inside & (gaps >= 0).any(axis=2).all(axis=1)
        if not free.any():
            placed.append(None)
            continue
        x, y = middles[free.argmax()].tolist()
        taken = np.vstack([taken, [x, y, *extent]])
        placed.append((x, y))
    return placed


def usable_fonts() -> list[str]:
    """Those of the fonts that are installed here; the first one comes with matplotlib."""
    known = set(font_manager.get_font_names())
    return [name for name in FONTS if name in known]


def short_labels(
    labels: Sequence[str], fonts: list[str], num_keywords: int, width: int = 42
) -> list[str]:
    """First keywords of labels, on one line, cut; a label that no font can draw becomes the number
    of its cluster.

    Example:
        >>> labels = ["oil, prices, opec", "a long label " * 9]
        >>> short_labels(labels, usable_fonts(), num_keywords=2, width=20)
        ['oil, prices', 'a long label a long…']
    """
    files = [font_manager.findfont(name) for name in fonts]
    covered = {chr(code) for file in files for code in font_manager.get_font(file).get_charmap()}
    shown = []
    for cluster, label in enumerate(labels):
        label = ", ".join(" ".join(label.split()).split(", ")[:num_keywords])
        label = label if len(label) <= width else label[: width - 1].rstrip(", ") + "…"
        shown.append(label if covered.issuperset(label) else f"cluster {cluster}")
    return shown


def draw_points(
    axes: Axes, positions: np.ndarray, clusters: np.ndarray, middles: np.ndarray
) -> None:
    """A point per document, none of the clusters on top of the others."""
    sizes = np.bincount(clusters, minlength=len(middles))
    colors, shapes = assign_styles(middles, sizes)
    order = np.random.default_rng(0).permutation(len(clusters))
    area = np.clip(30_000 / len(clusters), 2.5, 24)
    opacity = np.clip(60 / np.sqrt(len(clusters)), 0.5, 0.8)
    palette = np.array(COLORS)
    for shape, marker in enumerate(MARKERS):
        rows = order[shapes[clusters[order]] == shape]
        x, y = positions[rows].T
        color = palette[colors[clusters[rows]]]
        axes.scatter(x, y, s=area, c=color, alpha=opacity, marker=marker, linewidths=0)
    x, y = middles[sizes > 0].T
    axes.scatter(x, y, s=26, c="white", edgecolors=INK, linewidths=1.1, zorder=3)


def draw_labels(
    figure: Figure, axes: Axes, middles: np.ndarray, labels: Sequence[str], sizes: np.ndarray
) -> int:
    """Put the labels of clusters that are not empty, the largest first; the number of those without
    a place.
    """
    order = [cluster for cluster in np.argsort(-sizes, kind="stable") if sizes[cluster]]
    few, fonts = len(order) <= MANY, usable_fonts()
    shown = short_labels(labels, fonts, num_keywords=3 if few else 2)
    style: dict[str, Any] = {
        "fontsize": 9.5 if few else 7,
        "family": fonts,
        "color": INK,
        "parse_math": False,
        "zorder": 5,
        "ha": "center",
        "va": "center",
        "path_effects": [withStroke(linewidth=2.5, foreground="white")],
    }
    figure.draw_without_rendering()  # settles where on the picture a point of the map is,
    axes.autoscale(False)  # and there it stays
    texts = [axes.text(0, 0, shown[cluster], **style) for cluster in order]
    scale, to_data = figure.dpi / 72, axes.transData.inverted().transform
    extents = np.array([text.get_window_extent().size for text in texts]) + 3 * scale
    dots = axes.transData.transform(middles[order])
    obstacles = np.hstack([dots, np.full_like(dots, 6 * scale)])
    anchors = dots + (0, extents[:, 1].max() / 2 + 4 * scale)
    places = place_labels(anchors, extents, figure.bbox.size, reach=60 * scale, obstacles=obstacles)
    for text, anchor, dot, place in zip(texts, anchors, dots, places, strict=True):
        if place is None:
            text.remove()
            continue
        x, y = to_data(place)
        text.set_position((x, y))
        if np.hypot(*(place - anchor)) > 10 * scale:
            axes.plot(*to_data([place, dot]).T, color=INK, linewidth=0.5, alpha=0.5, zorder=2)
    return places.count(None)


def draw_map(path: Path, result: ClusteringResult) -> None:
    """Draw the map to a PNG file."""
    figure = Figure(figsize=(12, 8), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.04, 0.05, 0.92, 0.85))
    axes.set_axis_off()
    draw_points(axes, result.positions, result.clusters, result.middles)
    style: dict[str, Any] = {"fontsize": 16, "weight": "bold", "color": INK}
    figure.text(0.03, 0.94, result.title, family=usable_fonts(), parse_math=False, **style)
    unplaced = draw_labels(figure, axes, result.middles, result.labels, result.sizes)
    if unplaced:
        note = f"Without a label here: {unplaced} of the smaller clusters."
        figure.text(0.97, 0.02, note, fontsize=8, color=INK, ha="right")
    with replacing(path, "wb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})
