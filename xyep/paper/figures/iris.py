"""Figures of notebook 04: Iris on networks of growing size."""

import numpy as np
import xarray as xr
from matplotlib.ticker import NullLocator

from ..findings import iris
from ..findings.iris import TRAINED, Couplings, Sizes, Skips
from ..findings.statistics import count
from .style import COLUMN, Canvas, Figure, bars, letters, look, plain, subplots, success


def _mean(axis, x, differences, style, **keywords):
    """Means and 95 % intervals."""
    middle, low, high = np.array([d[:3] for d in differences]).T
    # an interval that holds 0 % has no lower end on a logarithmic axis
    ends = middle - np.clip(low, 0.1, None), high - middle
    axis.errorbar(
        x, middle, np.clip(ends, 0, None), capsize=1.5, elinewidth=0.8, **style | keywords
    )


def _panels(found, rows=1, **keywords):
    """Axes, one column for each way to place inputs and outputs; series with their columns."""
    figure, axes = subplots(
        rows, len(found.titles), squeeze=False, sharex=True, sharey="row", **keywords
    )
    for axis, title in zip(axes[0], found.titles):
        axis.set_title(title)
    for axis in axes[-1]:
        axis.set(xscale="log", xlabel="sites")
        plain(axis.xaxis)
    letters(axes, x=-0.05)
    columns, series = dict(zip(found.titles, axes.T)), []
    for number, ((title, kind), rows_of) in enumerate(found.series.items()):
        aside = 1.03 ** (number % 3 - 1)  # so that intervals do not hide each other
        sites = [aside * row.sites for row in rows_of]
        series.append((columns[title], kind, rows_of, sites))
    return figure, axes, series


def _baseline(axis, found: Sizes):
    name, error = next(iter(found.baselines.items()))
    return axis.axhline(error.mean, color="0.4", lw=0.8, ls=(0, (1, 1)), zorder=0, label=name)


def draw_size(tree: xr.DataTree, found: Sizes) -> Canvas:
    """Error and share of trained runs over the number of sites."""
    figure, axes, series = _panels(found, 2, height=3.9)
    for (top, low), kind, rows, sites in series:
        style = look(rows[0].traits)
        _mean(top, sites, [row.error for row in rows], style.lines, label=kind)
        for x, row in zip(sites, rows):
            success(low, x, row.trained, **style.points)
        low.plot(sites, [row.trained.mean() for row in rows], color=style.color, ls=style.line)
    for axis in axes[0]:
        _baseline(axis, found)
        axis.set(yscale="log", ylim=(0.9, 110))
        plain(axis.yaxis)
        axis.legend(fontsize="x-small", loc="upper right" if axis is axes[0, 0] else "best")
    axes[0, 0].set_ylabel("test error (%)")
    axes[1, 0].set(ylabel="share of trained runs", ylim=(-0.04, 1.04))
    return figure


def size_caption(found: Sizes) -> str:
    change = {}
    for (title, _), rows in found.series.items():
        change.setdefault(title, []).append(rows[-1].error.mean - rows[0].error.mean)
    _, beside, edges = (change[title] for title in found.titles)
    name, error = next(iter(found.baselines.items()))
    return (
        "**From the smallest to the largest lattice the error changes by "
        f"{min(beside):+.1f} to {max(beside):+.1f} points with inputs beside outputs, and by "
        f"{min(edges):+.1f} to {max(edges):+.1f} points with inputs opposite outputs.** "
        f"(a–c) Test error after {found.epochs} epochs, (d–f) share of runs with at least "
        f"{TRAINED:.0%} right; {found.runs} runs over folds and seeds, 95 % intervals. Dotted: "
        f"{name}, {error.mean:.1f} %. With inputs opposite outputs, size and distance grow "
        "together, so these lattices do not tell which of the two matters."
    )


def draw_couplings(tree: xr.DataTree, found: Couplings) -> Canvas:
    """Test error over the number of couplings."""
    figure, axis = subplots(width=COLUMN, height=3.0)
    for (_, kind), rows in found.sizes.series.items():
        far = rows[0].traits.get("placement") == "edges"
        style = look(rows[0].traits).lines | ({"mfc": "white", "lw": 0.6, "ms": 5} if far else {})
        text = None if far else kind
        x = [row.couplings for row in rows]
        _mean(axis, x, [row.error for row in rows], style, label=text)
    axis.plot([], [], "o", color="0.4", mfc="white", label="inputs opposite outputs")
    _baseline(axis, found.sizes)
    axis.set(xscale="log", yscale="log", xlabel="couplings", ylabel="test error (%)")
    axis.set_ylim(0.9, 110)
    plain(axis.yaxis)
    figure.legend(loc="outside upper center", ncols=2, fontsize="small")
    return figure


def couplings_caption(found: Couplings) -> str:
    compared = found.comparable
    best, difference = compared.lattices[0], compared.differences[0]
    linear = "better than both" if compared.linear.high < 0 else "not told apart from the lattice"
    return (
        "**The best lattice and the best dense network differ by "
        f"{difference.text(digits=1)} points; a linear classifier is {linear}.** "
        f"Means and 95 % intervals of {found.sizes.runs} runs. Best on validation flowers: "
        f"{best.name}, {best.couplings} couplings; {compared.dense.name}, "
        f"{compared.dense.couplings} couplings. Dotted: {compared.baseline}, from which the "
        f"lattice differs by {compared.linear.text(digits=1)}. Open: inputs opposite outputs."
    )


def draw_sweeps(tree: xr.DataTree, found: Sizes) -> Canvas:
    """Sweeps to equilibrium before and after training over the number of sites."""
    figure, axes, series = _panels(found, height=2.5)
    for (axis,), kind, rows, sites in series:
        style = look(rows[0].traits)
        for when, keywords in (("before", {"mfc": "white"}), ("after", {"label": kind})):
            values = np.array([row.sweeps[when] for row in rows]).T
            bars(axis, sites, values, style, **keywords)
            axis.plot(sites, values[1], color=style.color, ls=style.line, lw=0.8)
    for axis in axes[0]:
        axis.plot([], [], "o", color="0.4", mfc="white", label="before training")
        axis.set_yscale("log")
        plain(axis.yaxis)
        axis.legend(loc="upper left", fontsize="x-small")
    axes[0, 0].set_ylabel("sweeps to equilibrium")
    return figure


def sweeps_caption(found: Sizes) -> str:
    grown = [
        rows[-1].sweeps["after"][1] / rows[0].sweeps["after"][1] for rows in found.series.values()
    ]
    factor = [
        row.sweeps["after"][1] / row.sweeps["before"][1]
        for rows in found.series.values()
        for row in rows
    ]
    return (
        f"**From the smallest to the largest network the sweeps to equilibrium grow by "
        f"{min(grown):.1f} to {max(grown):.1f} times.** "
        "Sweeps from a random state to a residual below 1e-6, before (open) and after training "
        f"(filled): medians and quartiles over {found.runs} runs of the mean over test flowers. "
        f"Training changes them by {min(factor):.2f} to {max(factor):.2f} times. "
        f"Relaxations cut short: {found.unfinished}."
    )


def draw_skips(tree: xr.DataTree, found: Skips) -> Canvas:
    """Error and trained runs over the number of couplings added to nearest neighbours."""
    figure, axes = subplots(1, 2, width=5.2, height=2.4)
    skips = look(found.long[0].traits)
    for row in found.near:
        style = look(row.traits)
        points = style.points | {"zorder": 3}
        _mean(
            axes[0],
            [found.added(row)],
            [row.error],
            points,
            label=look(row.traits, full=False).label,
        )
        success(axes[1], found.added(row), row.trained, **style.points)
    x = [found.added(row) for row in found.long]
    _mean(axes[0], x, [row.error for row in found.long], skips.lines, label="random skips")
    axes[1].plot(x, [row.trained.mean() for row in found.long], color=skips.color, ls=skips.line)
    for row in found.long:
        success(axes[1], found.added(row), row.trained, **skips.points)
    for axis in axes:
        axis.set_xscale("symlog", linthresh=5)
        axis.set(xlabel="couplings added", xlim=(-1, None), xticks=[0, 5, 20, 100, 400])
        axis.xaxis.set_major_formatter("{x:.0f}")
        axis.xaxis.set_minor_locator(NullLocator())
    axes[0].set(ylabel="test error (%)", ylim=(0, 105))
    axes[1].set(ylabel="share of trained runs", ylim=(-0.04, 1.04))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    letters(axes, x=-0.12)
    return figure


def skips_caption(found: Skips) -> str:
    bare, most = found.near[0], int(np.argmax([gain.mean for gain in found.gains]))
    answer = {"yes": "help", "no": "hurt"}.get(found.verdict, "are not shown to help or hurt")
    return (
        f"**Random long couplings {answer} where inputs are far from outputs.** "
        f"{bare.name}, with couplings added between random sites, drawn for each run, or as "
        f"further shells. (a) Means and 95 % intervals of {len(bare.accuracy)} runs, (b) share "
        f"of runs with at least {TRAINED:.0%} right. Largest change: "
        f"{found.gains[most].text(digits=1)} points with {found.added(found.long[most])} skips; "
        f"trained {count(bare.trained)} → {count(found.long[most].trained)}."
    )


FIGURES = {
    "04_size": Figure(draw_size, iris.sizes, size_caption),
    "04_couplings": Figure(draw_couplings, iris.couplings, couplings_caption),
    "04_sweeps": Figure(draw_sweeps, iris.sizes, sweeps_caption),
    "04_skips": Figure(draw_skips, iris.skips, skips_caption),
}
