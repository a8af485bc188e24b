"""The map as a picture: clusters told apart, labels that can be read."""

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

from bert_clustering.reports.figure import (
    COLORS,
    MARKERS,
    assign_styles,
    draw_labels,
    draw_map,
    place_labels,
)
from helpers import make_result


def test_ten_clusters_have_ten_colors_and_fifty_fifty_looks():
    generator = np.random.default_rng(0)
    colors, shapes = assign_styles(generator.normal(size=(10, 2)), np.arange(10))
    assert len(set(colors)) == 10 and set(shapes) == {0}
    assert colors[9] == 0, "the largest chooses first"
    colors, shapes = assign_styles(generator.normal(size=(50, 2)), np.ones(50))
    assert len(set(zip(colors, shapes, strict=True))) == 50
    assert len(COLORS) == 10 and shapes.max() < len(MARKERS)


def test_a_color_comes_again_far_away():
    """Of eleven clusters on a line, the last takes the color of the one at the other end."""
    positions = np.array([[float(x), 0.0] for x in range(11)])
    colors, shapes = assign_styles(positions, np.arange(11, 0, -1))
    assert colors[10] == colors[0] and shapes[10] != shapes[0]


@pytest.mark.parametrize("seed", range(3))
def test_labels_cover_neither_each_other_nor_obstacles(seed):
    generator = np.random.default_rng(seed)
    anchors, extents = (
        generator.uniform(100, 300, size=(40, 2)),
        generator.uniform((30, 8), (90, 14), size=(40, 2)),
    )
    obstacles = np.array([[200.0, 200.0, 60.0, 60.0]])
    places = place_labels(anchors, extents, (400.0, 400.0), reach=20, obstacles=obstacles)
    kept = [row for row, place in enumerate(places) if place]
    assert 10 < len(kept) < 40, "some find a place, not all"
    boxes = [(*places[row], *extents[row]) for row in kept] + [tuple(obstacles[0])]
    for i, (x, y, width, height) in enumerate(boxes):
        assert width / 2 <= x <= 400 - width / 2 and height / 2 <= y <= 400 - height / 2
        for other_x, other_y, other_width, other_height in boxes[:i]:
            apart = (
                abs(x - other_x) >= (width + other_width) / 2
                or abs(y - other_y) >= (height + other_height) / 2
            )
            assert apart
    for row in kept:
        assert np.hypot(*(anchors[row] - places[row])) <= 20.001


def test_drawn_labels_do_not_overlap():
    figure = Figure(figsize=(8, 6), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    middles = np.random.default_rng(0).normal(size=(20, 2))
    axes.scatter(*middles.T)
    labels = [f"label, of number, {i}" for i in range(20)]
    unplaced = draw_labels(figure, axes, middles, labels, np.arange(1, 21))
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 20 - unplaced and len(boxes) > 12
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_a_map_shows_all_clusters_and_any_label(tmp_path):
    generator, clusters = np.random.default_rng(0), np.repeat(np.arange(5), 40)
    middles = np.array([[0, 0], [5, 0], [0, 5], [5, 5], [9, 9]], dtype=float)
    positions = middles[clusters] + 0.3 * generator.normal(size=(200, 2))
    labels = ["$x_{1}$, 100%", "two\nlines", "деньги, банк", "🦄, 漢字, 𓀀", "<b>&amp;</b>", "empty"]
    result = make_result(["text"] * 200, clusters, labels, positions=positions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_map(tmp_path / "map.png", result)
    pixels = imread(tmp_path / "map.png")[..., :3]
    assert pixels.shape[0] > 1000
    for color in COLORS[:5]:
        wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        assert (np.abs(pixels - (0.8 * wanted + 0.2)).max(axis=2) < 0.03).sum() > 500, color
    colors = pixels[pixels.std(axis=2) > 0.05]
    assert len(colors) < 0.5 * pixels.shape[0] * pixels.shape[1]
