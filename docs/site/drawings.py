"""Every figure of the paper as PNG, SVG and PDF, with the numbers that it shows as CSV."""

import csv

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PathCollection, PolyCollection, QuadMesh

from xyep.paper.figures import figures_of
from xyep.paper.figures.style import RC

FORMATS = ("png", "svg", "pdf")


def draw(notebook, tree, folder):
    """Draw all figures of a notebook into a folder; yields their names, with findings, captions."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures_of(notebook).items():
        finding = figure.finding(tree)
        with mpl.rc_context(RC):
            canvas = figure.draw(tree, finding)
            for suffix in FORMATS:
                canvas.savefig(folder / f"{name}.{suffix}", dpi=200)
            canvas.savefig(folder / f"{name}_small.png", dpi=480 / canvas.get_figwidth())
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["panel", "mark", "series", "x", "y", "value"])
            writer.writerows(numbers(canvas))
        size = canvas.get_figwidth()
        plt.close(canvas)
        yield name, finding, figure.caption(finding), size


def numbers(canvas):
    """Rows of what a figure's axes show; coordinates are those of the axes."""
    for number, axis in enumerate(canvas.axes, 1):
        panel = axis.get_title() or f"{axis.get_ylabel()} over {axis.get_xlabel()}".strip()
        panel = f"{number}: {panel}"
        for line in axis.get_lines():
            yield from _points(panel, "line", line, *line.get_data())
        for shape in axis.collections:
            if isinstance(shape, PathCollection):
                values, places = shape.get_array(), np.ma.getdata(shape.get_offsets())
                yield from _points(panel, "points", shape, *places.T, values)
            elif isinstance(shape, QuadMesh):
                rows = shape.get_coordinates().shape[0] - 1
                values = np.ma.filled(shape.get_array(), np.nan).reshape(rows, -1)
                yield from _grid(panel, "map", shape, values)
            elif isinstance(shape, PolyCollection):
                for path in shape.get_paths():
                    yield from _points(panel, "band", shape, *path.vertices.T)
        for image in axis.get_images():
            values = np.ma.filled(image.get_array(), np.nan)
            if values.ndim == 2:
                yield from _grid(panel, "image", image, values)
        for bar in axis.patches:
            if hasattr(bar, "get_height") and hasattr(bar, "get_x"):
                x, y = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height()
                yield [panel, "bar", _series(bar), _number(x), _number(y), ""]


def _series(artist):
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else label


def _number(value):
    return f"{value:.7g}" if isinstance(value, (int, float, np.number)) else str(value)


def _points(panel, mark, artist, x, y, values=None):
    values = [""] * len(x) if values is None or len(values) != len(x) else map(_number, values)
    for a, b, v in zip(x, y, values):
        yield [panel, mark, _series(artist), _number(a), _number(b), v]


def _grid(panel, mark, artist, table):
    for (row, column), value in np.ndenumerate(table):
        yield [panel, mark, _series(artist), column, row, _number(value)]
