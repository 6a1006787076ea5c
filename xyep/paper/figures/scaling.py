"""Figures of notebook 07: laws over size, what they mean in seconds, and what can be expected."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

from ..findings import scaling, technologies
from ..findings.calculator import Calculator, Expected, calculator
from ..findings.scaling import FAR, Law, Scaling, Scalings
from ..findings.statistics import listed
from ..findings.technologies import TECHNOLOGIES, Answers
from .style import Canvas, Figure, Look, heatmap, letters, look, plain, subplots

#: How the laws are labelled on the axes.
AXES = {
    "time": "time to settle\n(1/coupling)",
    "sweeps": "sweeps to rest",
    "reach": "decay length\n(lattice constants)",
    "epochs": "epochs to solve XOR",
    "error": "test error (%)",
}
#: What the panel of each law is of.
PANELS = {
    "time": "untrained lattices",
    "sweeps": "untrained lattices",
    "reach": "untrained lattices from 21×21 on",
    "epochs": "XOR, terminals where they are",
    "error": "images, stacks of more and more channels",
}
#: Epochs of the map of what to expect.
EXPECTED = 1000


def _law(axis: Axes, law: Law, style: Look, shift: float, label: str | None) -> None:
    """What was measured, the line, and where it puts the largest, as an open marker."""
    x = law.sizes * shift
    spans = np.array([law.value(size) for size in law.sizes])
    middle, low, high = spans.T
    bars = np.array([middle - low, high - middle])
    keywords = {"color": style.color, "marker": style.marker, "ls": "", "capsize": 2}
    axis.errorbar(x, middle, bars, label=label, **keywords)
    line = np.exp([law.at(size).mean() for size in law.sizes])
    axis.plot(x, line, color=style.color, ls=style.line, lw=0.9)
    axis.plot(x[-1], line[-1], marker="o", ms=8, mfc="none", mec=style.color, ls="")


def _axis(axis: Axes, one: Scaling) -> None:
    law = next(iter(one.laws.values()))
    axis.set(xscale="log", yscale="log", ylabel=AXES[one.name])
    axis.set_xlabel("couplings" if one.size != "edge" else "sites along the edge")
    axis.xaxis.set(
        major_locator=FixedLocator(list(law.sizes)),
        major_formatter=StrMethodFormatter("{x:g}" if one.size == "edge" else "{x:,.0f}"),
        minor_locator=NullLocator(),
    )
    if one.size != "edge":
        axis.tick_params(axis="x", rotation=30)
    plain(axis.yaxis)


def draw_scaling(tree: xr.DataTree, found: Scalings) -> Canvas:
    """Each quantity over size, with the power that all but the largest give."""
    n = len(found.laws)
    figure, axes = subplots(2, 3, height=4.4)
    seen: set[str] = set()
    for axis, one in zip(axes.flat, found.laws):
        for k, law in enumerate(one.laws.values()):
            style = look(law.traits, full=False)
            name = "local stacks" if law.traits["family"] == "stack" else style.label
            _law(axis, law, style, 1.02 ** (k - len(one.laws) / 2), None if name in seen else name)
            seen.add(name)
        _axis(axis, one)
    for axis in axes.flat[n:]:
        axis.remove()
    handles = [axis.get_legend_handles_labels() for axis in axes.flat[:n]]
    lines, words = ([item for pair in handles for item in pair[k]] for k in (0, 1))
    place = {"loc": "lower right", "bbox_to_anchor": (0.93, 0.15)} if n < axes.size else {}
    figure.legend(lines, words, **(place or {"loc": "outside lower center", "ncol": len(words)}))
    letters(axes.flat[:n])
    return figure


def scaling_caption(found: Scalings) -> str:
    right = [one.name for one in found.laws if one.verdict == "yes"]
    wrong = [one.name for one in found.laws if one.verdict == "no"]
    left = [one.name for one in found.laws if one.name not in (*right, *wrong)]
    words = {"time": "time to settle", "sweeps": "sweeps", "reach": "decay length"}
    words |= {"epochs": "epochs", "error": "test error"}
    told = [
        f"{verb} for {listed([words[n] for n in names])}"
        for verb, names in (("hold", right), ("fail", wrong), ("stay open", left))
        if names
    ]
    names = [one.name for one in found.laws]
    most = " or the most channels" if "error" in names else ""
    panels = ", ".join(f"({letter}) {PANELS[name]}" for letter, name in zip("abcde", names))
    last = int(found["time"].laws[next(iter(found["time"].laws))].sizes[-1])
    return (
        f"**Predictions for the largest network by the power of the smaller ones "
        f"{', '.join(told)}.** "
        f"Points: geometric means with 95 % intervals over seeds. Lines: powers fitted to all but "
        f"the largest, {last}×{last}{most}; large open markers: what they predict there. {panels}."
    )


#: Technologies, from the slowest: told apart in grey too.
_LINES = (("#000000", "-", "o"), ("#666666", "--", "s"), ("#999999", ":", "D"))


def draw_technologies(tree: xr.DataTree, found: Answers) -> Canvas:
    """Seconds until an answer, over the edge, measured and extrapolated."""
    figure, axis = subplots(width=4.4, height=2.6)
    sizes, far = found.law.sizes, np.geomspace(1.02 * found.law.sizes[-1], FAR, 30)
    for one, (color, line, marker) in zip(TECHNOLOGIES, _LINES):
        middle, low, high = np.array([found.seconds(one, size) for size in sizes]).T
        bars = [middle - low, high - middle]
        axis.errorbar(
            sizes, middle, bars, color=color, ls=line, marker=marker, capsize=2, label=one.name
        )
        beyond = np.array([found.seconds(one, size) for size in far]).T
        axis.fill_between(far, beyond[1], beyond[2], color=color, alpha=0.25, lw=0)
        axis.plot(far, beyond[0], color=color, ls=line, lw=0.8)
    axis.axvline(sizes[-1], color="0.7", lw=0.6)
    axis.set(xscale="log", yscale="log", xlabel="sites along the edge", ylabel="time to settle (s)")
    axis.xaxis.set(
        major_locator=FixedLocator([*sizes[::2], 200, FAR]),
        major_formatter=StrMethodFormatter("{x:g}"),
        minor_formatter=NullFormatter(),
    )
    figure.legend(loc="outside upper center", ncol=1)
    return figure


def technologies_caption(found: Answers) -> str:
    last, slow, fast = int(found.law.sizes[-1]), TECHNOLOGIES[0], TECHNOLOGIES[-1]
    ends = [technologies.seconds_text(found.seconds(one, last).value) for one in (slow, fast)]
    rates = listed(
        [f"{one.rate:.0e}".replace("e+0", "e").replace("e+", "e") for one in TECHNOLOGIES]
    )
    doubt = "; the largest measured is not as the smaller ones predict" if found.fails else ""
    return (
        f"**At the coupling rates that are stated, an untrained {last}×{last} lattice settles in "
        f"{ends[0]} of {slow.name} and {ends[1]} of {fast.name}.** "
        f"Lattices with {found.name}. Rates: {rates} rad/s, from what is published of "
        f"each, listed in the notebook. Right of the grey line: extrapolated, with 95 % "
        f"bands{doubt}. Only for rings is a power known, and so an energy."
    )


def _per_cent(one: Expected) -> str:
    share, low, high = (100 * x for x in one[:3])
    return f"{share:.0f}\n{low:.0f}–{high:.0f}"


def draw_calculator(tree: xr.DataTree, found: Calculator) -> Canvas:
    """Seeds that solve XOR over distance and shells."""
    distances = sorted({d for row in found.epochs.values() for d in row})
    ranges = sorted(found.epochs)
    points = [[found(d, s, EXPECTED) for d in distances] for s in ranges]
    shares = np.array([[100 * one.share for one in row] for row in points])
    words = np.array([[_per_cent(one) for one in row] for row in points])
    figure, axis = subplots(width=4.4, height=2.6)
    bar = {"label": "seeds that solve XOR (%)"}
    ends = {"vmin": 0, "vmax": 100, "xticklabels": distances, "yticklabels": ranges}
    heatmap(axis, shares, annot=words, fmt="", cmap="cividis", cbar_kws=bar, **ends)
    axis.set(xlabel="distance of the inputs (lattice constants)", ylabel="shells")
    axis.invert_yaxis()
    return figure


def calculator_caption(found: Calculator) -> str:
    ranges = sorted(found.epochs)
    far = {
        s: max((d for d in found.epochs[s] if found(d, s, EXPECTED).low >= 0.5), default=0)
        for s in (ranges[0], ranges[-1])
    }
    few, many = ranges[0], ranges[-1]
    last = max(found.epochs[many])
    text = f"{far[many]:.0f}" + ", the largest measured" * (far[many] == last)
    return (
        f"**Within {EXPECTED} epochs at least half of the seeds solve XOR out to distance "
        f"{far[few]} with {few} shell, and out to {text}, with {many}.** "
        f"Per cent of the seeds with 95 % Wilson intervals, {found.size}×{found.size} lattices "
        "of notebook 02. The calculator reads these numbers at any number of epochs, "
        "interpolates between distances and says where it goes beyond them."
    )


FIGURES = {
    "07_scaling": Figure(draw_scaling, scaling.scalings, scaling_caption),
    "07_technologies": Figure(draw_technologies, technologies.answers, technologies_caption),
    "07_calculator": Figure(draw_calculator, calculator, calculator_caption),
}
