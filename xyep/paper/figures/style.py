"""One visual language: sizes, colours and file formats of all figures."""

import re

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .measures import count, wilson

#: Widths of a journal's single and double column, in inches.
COLUMN, PAGE = 3.4, 7.0

#: Colour-blind safe (Okabe–Ito), one colour an architecture throughout the paper.
COLORS = {
    "all_to_all": "#000000",
    "layered": "#999999",
    1: "#D55E00",
    2: "#E69F00",
    3: "#009E73",
    4: "#0072B2",
    "lcl": "#CC79A7",
    "conv": "#56B4E9",
    "skip": "#882255",
    "random": "#332288",
    "fast": "#0072B2",
    "gradient_flow": "#D55E00",
}
MARKERS = {
    "all_to_all": "s",
    "layered": "^",
    "lcl": "h",
    "conv": "X",
    "skip": "<",
    "random": ">",
    1: "o",
    2: "v",
    3: "D",
    4: "P",
}
#: Map of signed couplings; magnitudes have matplotlib's ``image.cmap``.
DIVERGING = "RdBu_r"

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


def subplots(*shape, width=PAGE, height=2.4, **keywords):
    return plt.subplots(*shape, figsize=(width, height), **keywords)


def architecture(name):
    """Colour key of a network: "all_to_all", "layered", "lcl", "conv", "skip", "random", or the number of shells within a lattice."""
    name = name.removeprefix("digits_")
    for kind in ("all_to_all", "layered", "lcl", "conv", "skip", "random"):
        if name.startswith(kind) and "shells" not in name:
            return kind
    return int(name.rpartition("shells")[2][0])


def label(name):
    """A network's name for people: ``near_square_7x7_shells4`` → "7×7, 4 shells"."""
    kind, name = architecture(name), name.removeprefix("digits_")
    if kind == "all_to_all":
        return f"all-to-all, {name.split('_')[3]} sites"
    if kind == "layered":
        return f"layered {name.split('_')[1]}"
    if name.startswith(("lcl", "conv")):
        channels = int(name.split("_")[1])
        text = f"{'local' if name.startswith('lcl') else 'shared'}, {channels} channel{'s' * (channels > 1)}"
        return text + {0: "", 1: ", SQ", 4: ", 4NSQ"}.get(
            kind if isinstance(kind, int) else 0, f", {kind} shells"
        )
    if kind == "skip":
        return f"1 shell, skips of {name.removeprefix('skip')}"
    if kind == "random":
        return "1 shell, random skips"
    size, skips = lattice_size(name), name.partition("_skips")[2]
    return f"{size}×{size}, " * bool(size) + shells(kind) + f", {skips} skips" * bool(skips)


def shells(n):
    return f"{n} shell{'s' * (n > 1)}"


def lattice_size(name):
    """Sites along the edge of a named square lattice, 0 for other networks."""
    found = re.search(r"_(\d+)x\d+_", name)
    return int(found[1]) if found else 0


def in_order(names):
    """Names of networks sorted by placement, size and shells, dense ones first; Zarr lists them in any order."""
    place = {"near": 1, "beside": 1, "far": 2, "edges": 2}
    number = re.compile(r"\d+")
    return sorted(
        names,
        key=lambda n: (place.get(n.partition("_")[0], 0), [int(x) for x in number.findall(n)], n),
    )


def letters(axes, x=-0.02, y=1.03):
    for letter, axis in zip("abcdefghijkl", np.ravel(axes)):
        axis.text(
            x,
            y,
            letter,
            transform=axis.transAxes,
            fontweight="bold",
            fontsize="large",
            ha="right",
            va="bottom",
        )


def plain(axis):
    """Numbers 1, 2, 3, 5, 10, … on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def success(axis, x, runs, **keywords):
    """A point with its 95 % Wilson interval for the share of runs that solved the task; returns text "k/n"."""
    k, n = int(np.sum(runs)), np.size(runs)
    low, high = wilson(k, n)
    axis.errorbar(
        x, k / n, [[k / n - low], [high - k / n]], **{"fmt": "o", "capsize": 2, **keywords}
    )
    return count(runs)


def heatmap(axis, table, **keywords):
    keywords = {
        "cmap": plt.rcParams["image.cmap"],
        "linewidths": 0.5,
        "annot_kws": {"fontsize": "small"},
        **keywords,
    }
    sns.heatmap(table, ax=axis, **keywords)
    axis.tick_params(length=0)


#: What `save` writes of each figure.
SUFFIXES = ("pdf", "svg", "png", "md")


def save(figure, caption, stem):
    """Write ``stem``.pdf, .svg and .png (300 dpi) with equal bytes for equal figures, and the caption as ``stem``.md."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(stem.with_suffix(".pdf"), metadata={"CreationDate": None})
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(stem.with_suffix(".png"), dpi=300, metadata={"Software": None})
    plt.close(figure)
    stem.with_suffix(".md").write_text(f"![{stem.name}]({stem.name}.png)\n\n{caption}\n")
    return stem.with_suffix(".png")
