"""Figures of notebook 07: what a machine costs and what it buys."""

import numpy as np
import xarray as xr
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from ...settings import Training
from ..findings import guidelines
from ..findings.guidelines import ESTIMATORS, PRECISION, Precision, Reach, Span, States
from ..findings.statistics import count, listed
from ..findings.words import label, shells
from . import scaling
from .style import Canvas, Figure, letters, look, plain, subplots, success

STYLES = ("-", "--", ":", "-.")


def _sizes_axis(axis: Axes, sizes, text: str = "sites along the edge") -> None:
    """A logarithmic axis with a tick at each value."""
    axis.set(xscale="log", xlabel=text)
    axis.xaxis.set(
        major_locator=FixedLocator(list(sizes)),
        major_formatter=StrMethodFormatter("{x:g}"),
        minor_locator=NullLocator(),
    )


def _span(axis: Axes, x, spans: list[Span], style: dict) -> None:
    middle, low, high = np.array(spans).T
    high = np.where(np.isfinite(high), high, 10 * middle)  # beyond the axis
    axis.errorbar(x, middle, [middle - low, high - middle], **style | {"capsize": 2})


def draw_reach(tree: xr.DataTree, found: Reach) -> Canvas:
    """Nudge response over distance, and its decay length over lattice size and through training."""
    figure, axes = subplots(1, 3, height=2.8)
    n = len(found.lattices)
    for k, (name, rows) in enumerate(found.lattices.items()):
        style, last = look(rows[0].traits), rows[-1]
        axes[0].semilogy(last.profile, label=name, **style.lines)
        if last.length is not None:
            x = [row.traits["size"] * 1.02 ** (k - n / 2) for row in rows]
            _span(axes[1], x, [row.length for row in rows], style.lines)
    for k, row in enumerate(found.trained):
        spans = [guidelines.decay_length(rates) for rates in (row.before, row.after)]
        shift = 0.05 * (k - len(found.trained) / 2)
        style = look(row.traits)
        far = row.traits["distance"] > found.trained[0].traits["distance"]
        keywords = style.lines | {"ls": "--" if far else "-", "mfc": "white" if far else None}
        _span(axes[2], np.array([0, 1]) + shift, spans, keywords)
    text = "decay length ξ\n(lattice constants)"
    axes[0].set(xlabel="distance from output\n(lattice constants)")
    axes[0].set(
        ylabel="response / that of the output", title=f"untrained, {found.size}×{found.size}"
    )
    axes[1].set(ylabel=text, title="untrained", yscale="log")
    _sizes_axis(axes[1], [row.traits["size"] for row in rows])
    axes[2].set(ylabel=text, title="XOR", xlim=(-0.4, 1.4), yscale="log")
    axes[2].set_xticks([0, 1], ["before", "after\ntraining"])
    axes[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for axis in axes[1:]:
        plain(axis.yaxis)
    for row in (found.trained[0], found.trained[-1]):
        far = row is not found.trained[0]
        keywords = {"ls": "--" if far else "-", "marker": "o", "mfc": "white" if far else "0.4"}
        text = f"inputs at {row.traits['distance']:.0f}"
        axes[2].plot([], [], color="0.4", label=text, **keywords)
    axes[2].legend(fontsize="small", loc="best")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=3)
    letters(axes)
    return figure


def reach_caption(found: Reach) -> str:
    rows = [row for row in found.largest.values() if row.length]
    few, many = rows[0], max(rows, key=lambda row: row.length.value)
    return (
        f"**On untrained {found.size}×{found.size} lattices the nudging decays over {few.length} "
        f"lattice constants with {guidelines.kind(few.traits)}, and over {many.length} with "
        f"{guidelines.kind(many.traits)}.** "
        f"(a) Nudge response (β → 0), geometric mean over sites, patterns and {found.seeds} seeds, "
        "unless lost in the tolerance. (b) Decay length from a straight line through "
        "its logarithm, from distance 1 to 10 or half the lattice, 95 % intervals; none for random "
        "skips, where it levels off. (c) The same before and after training."
    )


def draw_states(tree: xr.DataTree, found: States) -> Canvas:
    """Success over the number of initial states."""
    figure, axis = subplots(width=4.4, height=2.5)
    for k, (n, runs) in enumerate(found.solved.items()):
        style, x = look(found.traits | {"shells": n}), np.array(list(runs)) * 1.03 ** (k - 1)
        axis.plot(x, [r.mean() for r in runs.values()], color=style.color, ls=style.line, lw=0.8)
        for place, run in zip(x, runs.values()):
            text = shells(n) if place == x[0] else None
            success(axis, place, run, **style.points, label=text)
    axis.set(ylabel="probability of solving XOR", ylim=(-0.03, 1.05))
    _sizes_axis(axis, found.cost, "initial states M")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside right center")
    return figure


def states_caption(found: States) -> str:
    runs, (first, *_, last) = found.pooled, found.cost
    pooled = ", ".join(f"{count(r)} (M = {m})" for m, r in runs.items())
    lattice = f"{found.traits['size']:.0f}×{found.traits['size']:.0f}"
    return (
        f"**Seeds that solve XOR, all lattices: {pooled}.** "
        f"{lattice} lattices, inputs at distance {found.traits['distance']:.0f}, "
        f"{found.epochs} epochs for each M, with 95 % Wilson intervals. An epoch with M = {last} "
        f"takes {found.cost[last] / found.cost[first]:.1f} times the sweeps of one with "
        f"M = {first}, so equal epochs are not equal cost."
    )


def draw_precision(tree: xr.DataTree, found: Precision) -> Canvas:
    """Success over β, estimator and two kinds of imprecision."""
    figure, axes = subplots(2, 2, sharex=True, sharey=True, height=4.0)
    betas = np.array(found.betas)
    for line, (node, (_, _, unit)) in zip(axes, PRECISION.items()):
        values = found.values(node)
        for axis, (estimator, words) in zip(line, ESTIMATORS.items()):
            for k, value in enumerate(values):
                color = colormaps[rcParams["image.cmap"]](0.1 + 0.7 * k / max(len(values) - 1, 1))
                x = betas * 1.15 ** (k - (len(values) - 1) / 2)
                runs = [found.solved[node][estimator, value, beta] for beta in found.betas]
                axis.plot(x, [r.mean() for r in runs], STYLES[k % 4], color=color, lw=0.8)
                for place, run in zip(x, runs):
                    text = f"{value:g}" if run is runs[0] else None
                    success(axis, place, run, color=color, fmt="oDv^s"[k % 5], label=text)
            axis.set(title=words, xscale="log", ylim=(-0.03, 1.05))
        line[0].set_ylabel("probability of solving XOR")
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "title_fontsize": "small"}
        what = {"couplings": "largest torque\n(couplings)", "rad": "phase error\n(rad)"}[unit]
        line[1].legend(title=what, **place)
    for axis in axes[1]:
        axis.set_xlabel("nudging strength β")
    letters(axes)
    return figure


def precision_caption(found: Precision) -> str:
    usual = Training().beta
    shown = [found.betas[0], usual, 10 * usual, found.betas[-1]]
    told = [
        f"{count(found.pooled('centered', b))} runs at β = {b:g}"
        for b in dict.fromkeys(shown)
        if b in found.betas
    ]
    return (
        f"**Within {found.epochs} epochs, centred, XOR is solved by {listed(told)}, all "
        "tolerances and noises pooled.** "
        f"{label(found.traits)}, inputs at distance {found.traits['distance']:.0f}, 95 % Wilson "
        "intervals. (a, b) Relaxation stopped once no torque is above a tolerance, in the test "
        "too. (c, d) Noise of the readout: each entry of the gradient carries Gaussian noise as if "
        "phases were read with an error; the phases and the test carry none."
    )


FIGURES = scaling.FIGURES | {
    "07_reach": Figure(draw_reach, guidelines.reach, reach_caption),
    "07_initial_states": Figure(draw_states, guidelines.states, states_caption),
    "07_precision": Figure(draw_precision, guidelines.precision, precision_caption),
}
