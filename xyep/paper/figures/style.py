"""One visual language: sizes, colours and file formats of all figures."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..findings.statistics import count, wilson
from ..findings.words import label, shells, traits_of

__all__ = ["label", "shells", "traits_of"]  # figures take their words from here


class Figure(NamedTuple):
    """A figure of a notebook: ``finding(tree)``, ``draw(tree, finding)``, ``caption(finding)``."""

    draw: Callable[[xr.DataTree, Any], Canvas]
    finding: Callable[[xr.DataTree], Any]
    caption: Callable[[Any], str]


class Look(NamedTuple):
    """How one kind of network, or one method, is drawn everywhere; each field tells it apart."""

    color: str
    marker: str
    line: Any
    label: str

    @property
    def points(self) -> dict[str, Any]:
        """Keywords of `plot` and `errorbar` for points alone."""
        return {"color": self.color, "marker": self.marker, "ls": ""}

    @property
    def lines(self) -> dict[str, Any]:
        """Keywords of `plot` and `errorbar` for points joined by a line."""
        return {"color": self.color, "marker": self.marker, "ls": self.line}


#: Widths of a journal's single and double column, in inches.
COLUMN, PAGE = 3.4, 7.0
#: Map of signed couplings; magnitudes have matplotlib's ``image.cmap``.
DIVERGING = "RdBu_r"

#: Shells: colour-blind safe (Okabe–Ito); further ones darken.
_SHELLS = {1: "#D55E00", 2: "#E69F00", 3: "#009E73", 4: "#0072B2"}
_MARKERS = "ovDP*pdH"
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 3)), (0, (1, 3)), (0, (7, 2)))
_PLAIN = {
    "all_to_all": ("#000000", "s", "-"),
    "layered": ("#999999", "^", "--"),
    "graph": ("#7F5F3F", "x", "-"),
}
_SKIPS = {"regular": ("#882255", "<", (0, (5, 1))), "random": ("#332288", ">", (0, (1, 1)))}

#: Methods that relax: colours that no network has.
METHODS = {
    "fast": Look("#8C510A", "d", "-", "over-relaxed sweeps"),
    "gradient_flow": Look("#35978F", "p", "--", "gradient flow"),
}

#: Settings of all figures; those given to `draw` go before them.
RC = {
    "image.cmap": "viridis",
    "font.size": 8,
    "axes.titlesize": "medium",
    "axes.labelsize": "medium",
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "legend.fontsize": "small",
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "svg.hashsalt": "xyep",
    "svg.fonttype": "none",
}


def subplots(*shape: int, width: float = PAGE, height: float = 2.4, **keywords: Any) -> tuple:
    return plt.subplots(*shape, figsize=(width, height), **keywords)


def shell_color(n: int) -> str:
    """Colour of couplings out to the n-th shell.

    >>> shell_color(1), len({shell_color(n) for n in range(1, 13)})
    ('#D55E00', 12)
    """
    n = int(n)
    return _SHELLS[n] if n in _SHELLS else to_hex(colormaps["magma"](0.9 / (n - 3)))


def look(traits: Mapping[str, Any], full: bool = True) -> Look:
    """Colour, marker, line and label of a network with these traits.

    Lattices have the colour of their shells, or of their skips; stacks a colour for each number of
    channels. A label that is not `full` leaves the size out.

    >>> look({"family": "lattice", "kind": "square", "size": 7, "shells": 4})
    Look(color='#0072B2', marker='P', line=':', label='7×7, 4 shells')
    """
    style = {"lattice": _lattice, "stack": _stack}.get(traits["family"])
    color, marker, line = style(traits) if style else _PLAIN[traits["family"]]
    return Look(color, marker, line, label(traits, full))


def _lattice(traits: Mapping[str, Any]) -> tuple:
    if traits.get("skip_range"):
        return _SKIPS["regular"]
    if traits.get("skips"):
        return _SKIPS["random"]
    n = int(traits["shells"])
    return shell_color(n), _MARKERS[(n - 1) % len(_MARKERS)], _LINES[(n - 1) % len(_LINES)]


def _stack(traits: Mapping[str, Any]) -> tuple:
    step, intra = int(np.log2(traits["channels"])), int(traits.get("intra_shells") or 0)
    color = to_hex(colormaps["RdPu"](min(0.45 + 0.17 * step, 1.0)))
    if intra:
        color = shell_color(intra)
    elif traits["shared"]:
        color = "#56B4E9"
    return color, "X" if traits["shared"] else "h", _LINES[(step + intra) % len(_LINES)]


def letters(axes: Iterable[Axes], x: float = -0.02, y: float = 1.03) -> None:
    """Panel letters at the upper left."""
    style = {"fontweight": "bold", "fontsize": "large", "ha": "right", "va": "bottom"}
    for letter, axis in zip("abcdefghijkl", np.ravel(axes)):
        axis.text(x, y, letter, transform=axis.transAxes, **style)


def plain(axis: Any) -> None:
    """Numbers 1, 2, 3, 5, 10, … on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def band(axis: Axes, x: Any, quartiles: tuple, style: Look, **keywords: Any) -> None:
    """A median as a line, with its quartiles as a band."""
    low, middle, high = quartiles
    axis.fill_between(x, low, high, color=style.color, alpha=0.15, lw=0)
    axis.plot(x, middle, **{"color": style.color, "ls": style.line} | keywords)


def bars(axis: Axes, x: Any, quartiles: tuple, style: Look, **keywords: Any) -> None:
    """A median as a point, with its quartiles as bars."""
    low, middle, high = (np.asarray(q, float) for q in quartiles)
    ends = np.reshape([middle - low, high - middle], (2, -1))
    axis.errorbar(x, middle, ends, **style.points | {"capsize": 2} | keywords)


def success(axis: Axes, x: float, runs: Any, **keywords: Any) -> str:
    """A share of runs as a point with its 95 % Wilson interval; returns its text "k/n"."""
    k, n = int(np.sum(runs)), np.size(runs)
    low, high = wilson(k, n)
    keywords = {"fmt": "o", "capsize": 2} | keywords
    if "marker" in keywords:
        keywords.pop("fmt")
    axis.errorbar(x, k / n, [[k / n - low], [high - k / n]], **keywords)
    return count(runs)


def heatmap(axis: Axes, table: Any, **keywords: Any) -> None:
    look = {"cmap": plt.rcParams["image.cmap"], "linewidths": 0.5}
    sns.heatmap(table, ax=axis, **look | {"annot_kws": {"fontsize": "small"}} | keywords)
    axis.tick_params(length=0)


#: What `save` writes of each figure.
SUFFIXES = ("pdf", "svg", "png", "md")


def save(figure: Canvas, caption: str, stem: Path) -> Path:
    """Write ``stem``.pdf, .svg, .png (300 dpi), equal bytes for equal figures; caption as .md."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(stem.with_suffix(".pdf"), metadata={"CreationDate": None})
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), dpi=300, metadata={"Software": None})
    plt.close(figure)
    text = f"![{stem.name}]({stem.name}.png)\n\n{caption}\n"
    stem.with_suffix(".md").write_text(text, "utf-8")
    return stem.with_suffix(".png")
