"""Figures of notebook 02: epochs until XOR is solved."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Canvas

from ...cases import select
from ...settings import NUDGED_SWEEPS
from ..findings import xor as findings
from ..findings.statistics import LEVEL, listed, p_text, solves
from ..findings.survival import log_times, median, remaining
from ..findings.sweeps import Sweeps, sweeps
from ..findings.words import shells, traits_of
from ..findings.xor import FACTOR, SHARE, Epochs, Law, Rates, Solvers, WiresHelp
from .style import (
    COLUMN,
    METHODS,
    PAGE,
    Figure,
    Look,
    letters,
    look,
    plain,
    shell_color,
    subplots,
    success,
)

#: Starts with strong couplings, and without.
STARTS = {
    "wires": Look("#CC79A7", "o", "-", "on wires"),
    "cut": Look("#4D4D4D", "s", "--", "on wires, cut at the inputs"),
    "scattered": Look("#7F7F7F", "^", ":", "scattered"),
    "random": Look("#B3B3B3", "x", "-.", "none"),
}
#: Couplings of the longest range, thinned.
THINNED = Look("#56B4E9", "P", (0, (1, 1)), "longest range, thinned")


def _medians(axis, x, found, limit: float, style: Look, **keywords) -> None:
    """Medians with their intervals; an arrow where more than half of the runs are censored."""
    for place, m in zip(x, found):
        top = min(m.high, limit)
        if np.isfinite(m.middle):
            ends = [[m.middle - min(m.low, m.middle)], [top - m.middle]]
            axis.errorbar(place, m.middle, ends, **style.points, capsize=2, **keywords)
        else:
            axis.plot([place, place], [min(m.low, limit), limit], color=style.color)
            axis.plot(place, limit, marker="^", mfc="w", color=style.color, ls="")
    middles = [m.middle if np.isfinite(m.middle) else limit for m in found]
    axis.plot(x, middles, color=style.color, ls=style.line, lw=0.8, zorder=0)


def _draw_rates(tree: xr.DataTree, finding: Rates) -> Canvas:
    ds = tree["rates"].to_dataset(inherit=False)
    figure, axis = subplots(width=COLUMN, height=2.4)
    first = ds["learning_rate"].values == finding.rates[0]
    for k, name in enumerate(ds["network"].values[first]):
        one = traits_of(ds, name)
        mine = select(ds, shells=one["shells"], distance=one["distance"])
        style = look(one)
        mean = np.exp(log_times(mine["epochs"], finding.limit).mean("seed"))
        text = f"{shells(one['shells'])}, distance {one['distance']:.0f}"
        axis.plot(
            mine["learning_rate"],
            mean,
            marker="osD^"[k % 4],
            color=style.color,
            ls=style.line,
            label=text,
            mfc="w" if k % 2 else None,
        )
    axis.axvline(finding.chosen, color="0.7", lw=0.6, zorder=0)
    axis.set(xscale="log", yscale="log", xlabel="learning rate of Adam", ylabel="epochs to solve")
    plain(axis.yaxis)
    plain(axis.xaxis)
    axis.legend()
    return figure


def _caption_rates(f: Rates) -> str:
    inside = "inside the grid" if f.inside else "AT AN END of the grid"
    best = f"{min(f.best.values()):g} to {max(f.best.values()):g}"
    return (
        f"**A learning rate of {f.chosen:g}, {inside}, takes the fewest epochs on average.** "
        f"Geometric means over {f.seeds} seeds that are used for nothing else; runs that had not "
        f"solved XOR within {f.limit} epochs count with twice that. The best rates of single "
        f"lattices are {best}. Grey line: the rate of all that follows."
    )


def _draw_epochs(tree: xr.DataTree, finding: Epochs) -> Canvas:
    ds = findings.epochs_of(tree)
    figure, (left, right) = subplots(1, 2, height=2.8)
    lattices = select(ds, group="map")
    ranges = np.unique(lattices["shells"].values).astype(int).tolist()
    distances = sorted({d for _, d in finding.medians})
    for s in ranges:
        style = look(traits_of(lattices, select(lattices, shells=int(s))["network"].values[0]))
        found = [finding.medians[int(s), d] for d in distances]
        x = np.array(distances) + 0.08 * (s - np.mean(ranges))
        _medians(left, x, found, finding.limit, style)
        left.plot([], [], **style.lines, label=shells(s))
    longer = finding.longer.medians
    _medians(
        left, np.array(list(longer)) + 0.3, [b for _, b in longer.values()], finding.limit, THINNED
    )
    left.plot([], [], **THINNED.lines, label=THINNED.label)
    _, dense = next(iter(finding.harder.medians.values()))
    left.axhline(dense.middle, color="k", lw=1, label="all-to-all")
    left.axhline(finding.limit, color="0.7", lw=0.6, zorder=0)
    left.set(yscale="log", xlabel="distance (lattice constants)", ylabel="epochs to solve XOR")
    plain(left.yaxis)
    left.set_xticks(distances)
    left.set_ylim(dense.middle / 5)  # room for the legend
    left.legend(fontsize="x-small", ncols=2, loc="lower right")
    few = int(ranges[0])
    shown = [(findings.equally_dense(ds, finding.harder.couplings[0]), "all-to-all", "k", "-")]
    for d, line in zip([d for d in longer], ("-", "--", ":")):
        near = select(lattices, shells=few, distance=d)
        shown.append((near, f"{shells(few)}, distance {d}", shell_color(few), line))
        thin = select(ds, group="thinned", distance=d)
        shown.append((thin, f"thinned, distance {d}", THINNED.color, line))
    for mine, text, color, line in shown:
        x, y = remaining(mine, finding.limit)
        right.step(x, y, where="post", color=color, ls=line, label=text)
    right.set(
        xscale="log",
        xlabel="epochs",
        ylabel="share of runs that have not solved XOR",
        ylim=(-0.02, 1.02),
        xlim=(1, None),  # room for the legend
    )
    right.legend(fontsize="x-small", loc="center left")
    letters((left, right))
    return figure


def _caption_epochs(f: Epochs) -> str:
    hard, longer = f.harder, f.longer
    return (
        f"**With as many couplings, nearest neighbours need more epochs than an all-to-all network "
        f"at {len(hard.slower)} of {len(hard.medians)} distances, and than longer couplings at "
        f"{len(longer.slower)} of {len(longer.medians)}.** (a) Medians of {f.seeds} seeds, 95 % "
        f"intervals; open triangles: more than half of the runs had not solved XOR within "
        f"{f.limit} epochs. (b) Runs left, {hard.couplings[0]} couplings each. Log-rank tests, "
        f"Holm's correction. Nudges of {NUDGED_SWEEPS} sweeps do not reach far inputs."
    )


def _draw_law(tree: xr.DataTree, finding: Law) -> Canvas:
    ds = findings.far(findings.quantities(tree))
    mosaic, ratios = [["line", "factor"], ["rest", "factor"]], [1.5, 1]
    figure = plt.figure(figsize=(PAGE, 3.8))
    panels = figure.subplot_mosaic(mosaic, width_ratios=ratios, height_ratios=[2.2, 1])
    left, rest, right = (panels[name] for name in ("line", "rest", "factor"))
    left.tick_params(labelbottom=False)
    rest.sharex(left)
    limit = float(ds.attrs["limit"])
    for name in ds["network"].values:
        one, traits = ds.sel(network=name), traits_of(ds, name)
        style, other = look(traits), traits["group"] == "other"
        found = median(one["epochs"].values)
        keywords = {"mfc": "w", "alpha": 1.0} if other else {}
        if other:
            style = style._replace(marker="v" if traits["shells"] == 1 else "p")
        place = [float(one["response"])]
        _medians(left, place, [found], limit, style, **keywords)
        expected = 10 ** float(finding.line.line.at([[1.0, *place]])[0][0])
        off = type(found)(*(value / expected for value in found))
        _medians(rest, place, [off], limit / expected, style, **keywords)
    felt = ds["response"].values
    x = np.linspace(felt.min(), felt.max(), 60)
    y, half = finding.line.line.at(np.column_stack([np.ones_like(x), x]))
    left.plot(x, 10**y, color="k", lw=1)
    left.fill_between(x, 10 ** (y - half), 10 ** (y + half), color="k", alpha=0.12, lw=0)
    left.axhline(limit, color="0.7", lw=0.6, zorder=0)
    for s in finding.line.offsets:
        style = look({"family": "lattice", "kind": "square", "size": 1, "shells": s}, False)
        left.plot([], [], **style.points, label=f"square, {style.label}")
    left.plot([], [], marker="v", mfc="w", color="0.3", ls="", label="triangular")
    left.set(
        yscale="log",
        ylabel="epochs to solve XOR",
        ylim=(None, 1.6 * limit),
    )
    plain(left.yaxis)
    left.legend(fontsize="x-small")
    rest.axhspan(1 / FACTOR, FACTOR, color="0.9", zorder=0)
    rest.axhline(1, color="0.6", lw=0.6, zorder=1)
    rest.set(
        yscale="log",
        xlabel="−log₁₀ of the response of the output before training",
        ylabel="over the line",
        ylim=(0.007, 7),
    )
    rest.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    rows = {f"square, {shells(s)}": o for s, o in finding.line.offsets.items()}
    rows |= {"triangular": finding.elsewhere.offset}
    small, large = finding.size.sizes
    rows |= {f"{large}×{large} over {small}×{small}": finding.size.change}
    for k, (mean, low, high) in enumerate(rows.values()):
        ends = [[10**mean - 10**low], [10**high - 10**mean]]
        right.errorbar(10**mean, -k, xerr=ends, fmt="o", color="k", capsize=2)
    right.axvspan(1 / FACTOR, FACTOR, color="0.9", zorder=0)
    right.axvline(1, color="0.6", lw=0.6, zorder=1)
    right.set_yticks(-np.arange(len(rows)), list(rows))
    right.set(xscale="log", xlabel="factor in epochs")
    plain(right.xaxis)
    letters((left, rest, right))
    return figure


def _caption_law(f: Law) -> str:
    verdicts = {"yes": "follow", "no": "do not follow", "open": "may follow"}
    return (
        f"**Epochs to solve XOR {verdicts[f.line.verdict]} one line over the response before "
        f"training, for all ranges.** (a) Medians; distances from 2. Line: fit to all runs on "
        f"square lattices, slope {f.line.slope}, 95 % band. Open: triangular, not in the fit. "
        f"(b) Residuals. (c) Factors off the line, and over size with the terminals where they "
        f"are; grey: within {FACTOR:g}."
    )


def _draw_sweeps(tree: xr.DataTree, finding: Sweeps) -> Canvas:
    figure, (left, right) = subplots(1, 2, height=2.8)
    limit, cells = finding.longer.limit, list(finding.medians)
    at = {s: sorted(d for s_, d in cells if s_ == s) for s, _ in cells}
    for k, (s, d) in enumerate(cells):
        style = look({"family": "lattice", "kind": "square", "size": 1, "shells": s}, False)
        shown = style._replace(line=("-", "--", ":")[at[s].index(d) % 3])
        text = f"{shells(s)}, distance {d}"
        mfc = {} if d == at[s][0] else {"mfc": "w"}
        found = finding.unreached[s, d]
        left.plot(list(found), [100 * x for x in found.values()], **shown.lines, **mfc, label=text)
        place = [n * 1.03 ** (k - len(cells) / 2) for n in finding.medians[s, d]]
        _medians(right, place, finding.medians[s, d].values(), limit, shown, **mfc)
    right.axhline(limit, color="0.7", lw=0.6, zorder=0)
    left.set(ylabel="couplings that no nudge reaches (%)")
    right.set(yscale="log", ylabel="epochs to solve XOR")
    plain(right.yaxis)
    for axis in (left, right):
        axis.set(xscale="log", xlabel="sweeps of the nudged phases")
        axis.set_xticks(list(found), [f"{n}" for n in found])
        axis.minorticks_off()
    left.legend(fontsize="x-small")
    letters((left, right))
    return figure


def _caption_sweeps(f: Sweeps) -> str:
    far, enough = f.reached, min(n for _, n in f.reached.p)
    longer = f.longer
    fewer = sum(longer.found)
    return (
        f"**From {enough} nudged sweeps on every coupling is reached, and distance still costs "
        f"epochs in {sum(far.found)} of {len(far.p)} comparisons.** Far away, more sweeps than "
        f"{longer.fewest} need fewer epochs in {fewer} of {len(longer.p)} cases, more in "
        f"{len(longer.found) - fewer} "
        f"(log-rank tests, Holm's correction). (a) Untrained. (b) Medians of {longer.seeds} seeds, "
        f"95 % intervals; triangles: not solved within {longer.limit} epochs. Open: farther inputs."
    )


def _draw_wires(tree: xr.DataTree, finding: WiresHelp) -> Canvas:
    figure, (left, right) = subplots(1, 2, height=2.5, sharey=True)
    for k, (start, counts) in enumerate(finding.solved.items()):
        style = STARTS[start]
        for d, n in counts.items():
            runs = np.arange(finding.seeds) < n
            success(left, d + 0.08 * (k - 1.5), runs, **style.points)
        x = np.array(list(counts)) + 0.08 * (k - 1.5)
        share = np.array(list(counts.values())) / finding.seeds
        left.plot(x, share, **style.lines, label=style.label)
    left.axhline(SHARE, color="0.7", lw=0.6, zorder=0)
    left.set_xticks(list(finding.solved["wires"]))
    left.set(
        xlabel="distance (lattice constants)",
        ylabel="share of seeds that solve XOR",
        ylim=(-0.03, 1.05),
    )
    left.legend(
        fontsize="x-small", title="strong couplings", title_fontsize="x-small", loc="center right"
    )
    ds = tree["strengths"].to_dataset(inherit=False)
    for k, distance in enumerate(np.unique(ds["distance"].values)):
        mine = select(ds, distance=int(distance))
        shown = {"color": "#CC79A7", "marker": "osD"[k % 3], "mfc": ("w", None, "0.5")[k % 3]}
        shares = []
        for strength, runs in zip(mine["wire_strength"].values, mine["epochs"].notnull().values):
            success(right, strength * 1.06 ** (k - 1), runs, **shown, ls="")
            shares.append(runs.mean())
        x = mine["wire_strength"].values * 1.06 ** (k - 1)
        right.plot(x, shares, **shown, ls=("-", "--", ":")[k % 3], label=f"distance {distance:.0f}")
    right.axvline(finding.strength, color="0.7", lw=0.6, zorder=0)
    right.set(xscale="log", xlabel="strength of the wires (random couplings: 1)")
    right.legend(fontsize="x-small")
    letters((left, right))
    return figure


def _caption_wires(f: WiresHelp) -> str:
    counts = f.solved["wires"]
    worst = min(counts, key=counts.__getitem__)
    return (
        f"**With wires at least {counts[worst]} of {f.seeds} seeds solve XOR at every distance up "
        f"to {max(counts)}, within {f.limit} epochs.** Nearest neighbours, 95 % intervals. (a) "
        f"Couplings of {f.strength:g} on paths from the inputs to two couplings before the output, "
        f"and controls; line: {SHARE:.0%}. (b) Other strengths, on seeds of their own."
    )


def _draw_solvers(tree: xr.DataTree, finding: Solvers) -> Canvas:
    ds = tree["solver_comparison"].to_dataset()
    figure, axis = subplots(width=COLUMN, height=2.3)
    for shift, (method, style) in zip((-0.1, 0.1), METHODS.items()):
        mine = select(ds, solver=method)
        for x, runs in enumerate(solves(mine["test_solved"])):
            text = style.label if x == 0 else None
            success(axis, x + shift, runs, **style.points, label=text)
    names = [fill(name, 11) for name in finding.solved]
    axis.set_xticks(range(len(names)), names, fontsize="small")
    axis.set(ylabel="share of seeds that solve XOR", ylim=(-0.03, 1.05))
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.legend()
    return figure


def _caption_solvers(f: Solvers) -> str:
    found = f"differ for {listed(f.apart)}" if f.apart else "are not found to differ"
    least = min(f.p, key=f.p.get)
    a, b = f.solved[least]
    return (
        f"**Shares of seeds that solve XOR, trained by sweeps and by the gradient flow, {found} "
        f"(p < {LEVEL:g}).** Within {f.epochs} epochs, both relaxed to the same tolerance; "
        f"{f.seeds} seeds, 95 % intervals. The least likely pair is {a} against {b} seeds, for "
        f"{least} ({p_text(f.p[least])}; Fisher's exact test, Holm's correction)."
    )


FIGURES = {
    "02_learning_rate": Figure(_draw_rates, findings.rates, _caption_rates),
    "02_epochs": Figure(_draw_epochs, findings.epochs, _caption_epochs),
    "02_law": Figure(_draw_law, findings.law, _caption_law),
    "02_sweeps": Figure(_draw_sweeps, sweeps, _caption_sweeps),
    "02_wires": Figure(_draw_wires, findings.wires, _caption_wires),
    "02_solver_comparison": Figure(_draw_solvers, findings.solvers, _caption_solvers),
}
