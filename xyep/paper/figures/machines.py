"""Figures of notebook 06: machines that are not ideal."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator
from scipy import stats

from ..findings import machines as findings
from ..findings.machines import (
    ALLOWED,
    END,
    ENOUGH,
    HEALED,
    KINDS,
    TASKS,
    TRAINING,
    WHEN,
    Adapting,
    HolomorphicHelps,
    LocalLoses,
    Sheet,
    XorRuns,
)
from ..findings.statistics import count, listed, p_text, quartiles, solves
from .style import Figure, Look, band, heatmap, letters, subplots, success

#: Times of damage, and the dense network damaged at the end: colours that no network has.
TIMES = {
    END: Look("#7F0000", "o", "-", "damaged at the end"),
    TRAINING: Look("#3690C0", "s", "--", "imperfect while training"),
    HEALED: Look("#A6BDDB", "^", "-.", "healed by further training"),
}
DENSE = Look("0.55", "x", ":", "dense network, at the end")
#: Estimators at three noises, the darker the noisier.
ESTIMATORS = {"centered": ("o", "-", "centred"), "holomorphic": ("D", "--", "holomorphic")}
NOISES = ("#FDBB84", "#E34A33", "#7F0000")


def _panels(tree: xr.DataTree, node: str, each: Callable[[Axes, str], None]) -> Canvas:
    """Nine panels, an imperfection each, over its levels from the mildest on."""
    kinds = [k for k in findings.runs_of(tree, node, END) if k in KINDS]
    rows = -(-len(kinds) // 3)
    shape = {"height": 0.6 + 1.55 * rows, "sharey": True, "squeeze": False}
    figure, axes = subplots(rows, 3, **shape)
    for axis, kind in zip(axes.ravel(), kinds):
        each(axis, kind)
        levels = list(findings.runs_of(tree, node, END)[kind])
        shown = [f"{x:g}" if KINDS[kind][1] == "bits" else f"{100 * x:g}" for x in levels]
        axis.set_xticks(range(len(levels)), shown)
        axis.set_xlim(-0.5, len(levels) - 0.5)
        name, unit = KINDS[kind]
        axis.set_xlabel(name if unit == "bits" else f"{name} ({unit})")
    for axis in axes.ravel()[len(kinds) :]:
        axis.remove()
    letters(axes.ravel()[: len(kinds)])
    return figure


def _legend(figure: Canvas, looks: list[Look]) -> None:
    handles = [
        Line2D([], [], color=s.color, marker=s.marker, ls=s.line, label=s.label) for s in looks
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(looks))


def _draw_loss(tree: xr.DataTree, finding: Adapting) -> Canvas:
    shown = [(TIMES[when], "images", when) for when in WHEN] + [(DENSE, "dense", END)]

    def each(axis: Axes, kind: str) -> None:
        axis.axhspan(-100, 100 * ALLOWED, color="0.93", lw=0, zorder=0)
        for k, (style, node, when) in enumerate(shown):
            found = findings.runs_of(tree, node, when)
            loss = [100 * (findings.ideal(found) - runs) for runs in found[kind].values()]
            x, n = np.arange(len(loss)) + 0.13 * (k - 1.5), len(loss[0])
            half = stats.t.ppf(0.975, n - 1) * np.std(loss, axis=1, ddof=1) / np.sqrt(n)
            means = np.mean(loss, axis=1)
            axis.errorbar(x, means, half, **style.lines, capsize=1.5, lw=0.9)
        axis.set_yscale("symlog", linthresh=1.0)
        axis.set_yticks([-1, 0, 1, 10, 80], ["−1", "0", "1", "10", "80"])
        axis.yaxis.set_minor_locator(NullLocator())
        axis.set_ylim(-2.5, 100)

    figure = _panels(tree, "images", each)
    figure.supylabel("loss of right answers (points)", fontsize="medium")
    _legend(figure, [style for style, _, _ in shown])
    return figure


def _caption_loss(f: Adapting) -> str:
    def images(better: findings.Better) -> tuple[int, int]:
        n = sum(task == "images" for task, _ in better.changes)
        return sum(task == "images" for task, _ in better.more), n

    (trained, n), (healed, _) = images(f.trained), images(f.heals)
    return (
        f"**On images, training with the imperfection saves right answers for {trained} of {n} "
        f"imperfections at their largest level, and healing for {healed}.** Control less machine, "
        f"paired by seed ({f.trained.seeds['images']} seeds), means and 95 % intervals. Grey band: "
        "less than half a point. Paired t-tests, Holm's correction over both tasks; each panel one "
        "imperfection by itself."
    )


def _draw_xor(tree: xr.DataTree, finding: XorRuns) -> Canvas:
    def each(axis: Axes, kind: str) -> None:
        axis.axhspan(ENOUGH, 1.1, color="0.93", lw=0, zorder=0)
        for k, when in enumerate(WHEN):
            style, found = TIMES[when], findings.runs_of(tree, "xor", when, "test_solved")
            place = np.arange(len(found[kind])) + 0.15 * (k - 1)
            shares = [np.mean(solves(runs)) for runs in found[kind].values()]
            axis.plot(place, shares, color=style.color, ls=style.line, lw=0.9)
            for x, runs in zip(place, found[kind].values()):
                success(axis, x, solves(runs), **style.points | {"capsize": 1.5})
        axis.set_ylim(-0.04, 1.06)

    figure = _panels(tree, "xor", each)
    figure.supylabel("share of seeds that solve XOR", fontsize="medium")
    _legend(figure, list(TIMES.values()))
    return figure


def _caption_xor(f: XorRuns) -> str:
    more = sum(runs[TRAINING].sum() > runs[END].sum() for runs in f.worst.values())
    return (
        f"**At the largest level, more seeds solve XOR while training than at the end for {more} "
        f"of {len(f.worst)} imperfections.** Seeds that solve it from at least 95 % of fresh "
        f"initial states; ideal machine: {count(f.ideal[END])}, and {count(f.ideal[HEALED])} after "
        f"further training. Grey band: more than {100 * ENOUGH:.0f} %. 95 % Wilson "
        "intervals; each panel one imperfection by itself."
    )


def _draw_sheet(tree: xr.DataTree, finding: Sheet) -> Canvas:
    kinds = list(next(iter(finding.tried.values())))
    texts = np.empty((len(kinds), len(finding.tried)), object)
    shade = np.empty(texts.shape)
    for column, tried in enumerate(finding.tried.values()):
        for row, kind in enumerate(kinds):
            one = tried[kind]
            place = -1 if one.allowed is None else one.levels.index(one.allowed)
            last = place == len(one.levels) - 1
            mark = "" if not last else "≤ " if KINDS[kind][1] == "bits" else "≥ "
            unit = KINDS[kind][1]
            size = one.allowed if unit == "bits" else 100 * (one.allowed or 0)
            texts[row, column] = "–" if one.allowed is None else f"{mark}{size:g}"
            shade[row, column] = (place + 1) / len(one.levels)
    figure, axis = subplots(1, 1, width=5.2, height=0.9 + 0.27 * len(kinds))
    keywords = {"annot": texts, "fmt": "", "cbar": False, "vmin": -0.6, "vmax": 1.6}
    heatmap(axis, shade, **keywords, cmap="Greys_r")
    axis.set_yticks(np.arange(len(kinds)) + 0.5, [_row(kind) for kind in kinds], rotation=0)
    words = {END: "at the\nend", TRAINING: "while\ntraining", HEALED: "healed"}
    columns = [words[when] for _, when in finding.tried]
    axis.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axis.xaxis.tick_top()
    axis.axvline(len(WHEN), color="k", lw=1.2)
    for k, name in enumerate(TASKS.values()):
        axis.text(len(WHEN) * (k + 0.5), -1.35, name, ha="center", fontweight="bold")
    return figure


def _row(kind: str) -> str:
    name, unit = KINDS[kind]
    return name if unit == "bits" else f"{name} ({unit})"


def _caption_sheet(f: Sheet) -> str:
    shown = [
        level_of(kind, one.allowed)
        for kind, one in f.tried["images", END].items()
        if one.allowed is not None
    ]
    n = len(f.tried["images", END])
    return (
        "**On images and at the end, less than half a point is shown to be lost with "
        f"{listed(shown) or 'nothing that was tried'}, one at a time.** Largest levels shown: loss "
        f"below half a point (images, {f.seeds['images']} seeds), more than {100 * ENOUGH:.0f} % "
        "of the seeds solve XOR "
        f"({f.seeds['xor']}); p < 0.05/{n} each. –: not shown even for the mildest level, which "
        "is not the same as too much: trainings scatter."
    )


def level_of(kind: str, level: float) -> str:
    """An imperfection with its level.

    >>> level_of("bits", 6), level_of("mismatch", 0.05)
    ('couplings of 6 bits', 'mismatch of 5 %')
    """
    words = {"bits": "couplings", "read_bits": "readings"}
    return f"{words.get(kind, KINDS[kind][0])} of {findings.level_text(kind, level)}"


def _draw_noise(tree: xr.DataTree, finding: HolomorphicHelps) -> Canvas:
    ds = tree["read_noise"].to_dataset(inherit=False).isel(network=0)
    figure, axis = subplots(1, 1, width=3.9, height=2.9)
    for noise, color in zip(ds["noise"].values.tolist(), NOISES):
        for name, (marker, line, word) in ESTIMATORS.items():
            spread = quartiles(ds["relative_error"].sel(noise=noise, estimator=name), axis=-1)
            style = Look(color, marker, line, f"{word}, {noise:g} rad")
            band(axis, ds["beta"].values, spread, style, marker=marker, label=style.label)
    axis.set(xscale="log", yscale="log", xlabel="|β|", ylabel="relative error of the gradient")
    betas = ds["beta"].values.tolist()
    axis.set_xticks(betas, [f"{beta:g}" for beta in betas])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    figure.legend(loc="outside upper center", ncols=2, fontsize="x-small")
    return figure


def _caption_noise(f: HolomorphicHelps) -> str:
    factors = [f"{np.exp(c.mean):.2f}" for c in f.changes.values()]
    noises = [f"{noise:g}" for noise in f.changes]
    p = ", ".join(p_text(p) for p in f.p.values())
    return (
        f"**With phases read to {listed(noises)} rad, the error of the holomorphic gradient is "
        f"{listed(factors)} times that of the centred one, each at its best β.** Exact equilibria, "
        f"untrained lattice, {f.readings} readings a pattern each; medians and quartiles of seeds. "
        f"Paired t-tests on seeds that did not choose β, Holm: {p}."
    )


def _draw_dense(tree: xr.DataTree, finding: LocalLoses) -> Canvas:
    figure, axis = subplots(1, 1, width=3.9, height=2.6)
    for y, (kind, change) in enumerate(finding.changes.items()):
        mean, low, high = (100 * x for x in change[:3])
        certain = finding.p[kind] < 0.05
        axis.errorbar(
            mean,
            -y,
            xerr=[[mean - low], [high - mean]],
            marker="o",
            color="k",
            mfc="k" if certain else "w",
            capsize=2,
        )
    names = [f"{KINDS[k][0]}, {findings.level_text(k, x)}" for k, x in finding.levels.items()]
    names = [text.replace("bits of a ", "").replace("%  ", "% ") for text in names]
    axis.set_yticks(-np.arange(len(names)), names, fontsize="x-small")
    axis.axvline(0, color="0.7", lw=0.6, zorder=0)
    axis.set_xscale("symlog", linthresh=1.0)
    axis.set_xticks([-10, -1, 0, 1, 10], ["−10", "−1", "0", "1", "10"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("loss, local less dense (points)")
    return figure


def _caption_dense(f: LocalLoses) -> str:
    right = " and ".join(f"{name} {100 * x.mean():.1f} %" for name, x in f.right.items())
    return (
        f"**At their largest level, {f.larger} of {len(f.changes)} imperfections cost the local "
        f"network more than the dense one, and {f.smaller} cost it less.** Images, damaged at the "
        f"end; right without damage: {right}. Means of {f.seeds} seeds, 95 % intervals; filled: "
        "p < 0.05 (Welch's t-test, Holm's correction)."
    )


FIGURES = {
    "06_sheet": Figure(_draw_sheet, findings.sheet, _caption_sheet),
    "06_loss": Figure(_draw_loss, findings.adapting, _caption_loss),
    "06_xor": Figure(_draw_xor, findings.xor_runs, _caption_xor),
    "06_dense": Figure(_draw_dense, findings.local_loses, _caption_dense),
    "06_noise": Figure(_draw_noise, findings.holomorphic_helps, _caption_noise),
}
