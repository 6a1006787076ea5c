"""Figures of notebook 01: equilibrium propagation."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Canvas

from ...cases import select
from ...lattices import xor_lattice
from ..findings import equilibrium as findings
from ..findings.equilibrium import BOUND, FITTED, Dynamics, Equilibria, GradientError, Stability
from ..findings.statistics import quartiles
from ..findings.words import percents, traits_of
from .style import METHODS, PAGE, Figure, bars, heatmap, letters, look, plain, subplots


def _draw_dynamics(tree: xr.DataTree, finding: Dynamics) -> Canvas:
    ds = tree["dynamics"].to_dataset()
    figure, axes = subplots(1, 3, height=2.3)
    flow, fast, time = METHODS["gradient_flow"], METHODS["fast"], ds["time"]
    hidden = np.flatnonzero(ds["role"].values == "hidden")
    some = hidden[:: max(1, len(hidden) // 12)]
    axes[0].plot(time, ds["phase"].isel(site=some), color="0.7", lw=0.7)
    axes[0].plot(time, ds["phase"].isel(site=-1), color=flow.color, label="output")
    axes[0].set(ylabel="phase (rad)", title="to the free equilibrium")
    for sign, line in ((0, "-"), (1, "--")):
        shift = ds["shift"].isel(nudging=sign)
        axes[1].plot(time, shift.isel(site=some), line, color="0.7", lw=0.7)
        text = f"output, {'+−'[sign]}β"
        axes[1].plot(time, shift.isel(site=-1), line, color=flow.color, label=text)
    low, high = axes[1].get_ylim()
    axes[1].set(ylabel="change of the phase (rad)", title="nudged from there")
    axes[1].set_ylim(low, high + 0.35 * (high - low))  # room for the legend
    settled = np.flatnonzero(
        (np.abs(ds["shift"] - ds["shift"][:, -1]) > 1e-3).any(["nudging", "site"])
    )
    axes[1].set_xlim(0, float(time[min(settled[-1] + 1 if len(settled) else 1, len(time) - 1)]))
    for x, name, style in ((time, "flow_energy", flow), (ds["sweep"], "fast_energy", fast)):
        axes[2].semilogy(
            x, ds[name].clip(1e-14), color=style.color, ls=style.line, label=style.label
        )
    axes[2].set(
        xlabel="time (1/coupling), or sweeps",
        ylabel=r"$E - E_\mathrm{eq}$ (coupling)",
        ylim=(1e-12, None),
        xlim=(0, float(ds["sweep"].max())),
    )
    for axis in axes[:2]:
        axis.set_xlabel("time (1/coupling)")
    for axis in axes:
        axis.legend(loc="upper right")
    letters(axes)
    return figure


def _caption_dynamics(f: Dynamics) -> str:
    return (
        f"**Nudging by β = ±{f.beta:g} moves the output by {f.moved[0]:+.2f} and "
        f"{f.moved[1]:+.2f} rad; its target is {f.towards:+.2f} rad away.** {f.network}, under "
        f"dφ/dt = −∂E/∂φ. (a) Free relaxation; (b) nudged from there. Grey: some hidden sites. (c) "
        f"Energy above the free equilibrium; over-relaxed sweeps come within 10⁻⁶ of it after "
        f"{f.sweeps}."
    )


#: Words for estimators.
ESTIMATORS = {
    "one_sided": "one-sided",
    "centered": "centred",
    "tangent": "centred, tangent nudging",
    "holomorphic": "holomorphic, 8 points",
}
#: Powers of β that are drawn to compare with.
GUIDES = {"one_sided": 1, "centered": 2, "tangent": 2, "holomorphic": 8}


def _draw_gradient_error(tree: xr.DataTree, finding: GradientError) -> Canvas:
    ds = tree["gradient_error"].to_dataset()
    figure, axes = subplots(2, 2, height=4.4, sharex=True, sharey=True)
    beta = ds["beta"].values
    for axis, (estimator, text) in zip(np.ravel(axes), ESTIMATORS.items()):
        names = ds["network"].values
        for k, name in enumerate(names):
            style = look(traits_of(ds, name))
            error = ds["relative_error"].sel(network=name, estimator=estimator)
            spread = np.quantile(error.transpose("seed", "beta"), (0.1, 0.5, 0.9), axis=0)
            place = beta * 1.12 ** (k - (len(names) - 1) / 2)  # so that bars do not overlap
            bars(
                axis, place, tuple(spread), style, ls=style.line, label=style.label, elinewidth=0.7
            )
        power, middle = GUIDES[estimator], len(beta) // 2
        point = float(ds["relative_error"].sel(estimator=estimator, beta=beta[middle]).median())
        axis.plot(beta, point * (beta / beta[middle]) ** power, color="0.3", lw=0.8, ls=":")
        axis.set(xscale="log", yscale="log", ylim=(1e-13, 30))
        axis.set_title(f"{text} (dots: ∝ β{'¹²³⁴⁵⁶⁷⁸'[power - 1] if power > 1 else ''})")
    for axis in axes[1]:
        axis.set_xlabel("nudging strength β")
    for axis in axes[:, 0]:
        axis.set_ylabel("relative error")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    letters(axes)
    return figure


def _caption_gradient_error(f: GradientError) -> str:
    (a, b), (c, d) = f.powers["centered"], f.powers["one_sided"]
    crossed = ""
    if f.crossed:
        crossed = f" From β = {min(f.crossed.values()):g} on, centred can be the worse of the two."
    return (
        f"**The error falls as β^{a:.2f}–{b:.2f} (centred) and β^{c:.2f}–{d:.2f} (one-sided), but "
        f"at β = {f.at:g} the centred one still exceeds one half in {percents(f.large.values())} "
        f"of the networks of a kind.** Against the exact gradient; points are medians, bars hold "
        f"80 % of {f.seeds} random networks; powers are fitted to medians at β ≤ {FITTED:g}. "
        f"Targets lie {f.off_target:g} rad from the free answers.{crossed}"
    )


#: Words for costs.
COSTS = {"log_cosine": "logarithmic cost", "cosine": "1 − cos"}


def _draw_stability(tree: xr.DataTree, finding: Stability) -> Canvas:
    ds = tree["stability"].to_dataset()
    costs = [str(c) for c in ds["cost"].values]
    ratios = {"width_ratios": [1, 1, 0.06, 1.1]}
    figure, axes = subplots(1, 4, height=2.4, gridspec_kw=ratios)
    rows = [ESTIMATORS[str(e)].replace("centred, ", "") for e in ds["estimator"].values]
    betas = [f"{b:g}" for b in ds["beta"].values]
    for k, (axis, cost) in enumerate(zip(axes, costs)):
        share = np.array([finding.share[cost, str(e)] for e in ds["estimator"].values])
        heatmap(
            axis,
            100 * share,
            vmin=0,
            vmax=100,
            annot=True,
            fmt=".0f",
            xticklabels=betas,
            yticklabels=rows if k == 0 else False,
            cbar=k == 0,
            cbar_ax=axes[2] if k == 0 else None,
        )
        axis.set(title=COSTS[cost], xlabel="β")
        axis.tick_params(rotation=0)
    axes[2].set_ylabel(f"% with an error above {BOUND:g}")
    for cost, color, marker in zip(costs, ("k", "0.55"), "os"):
        pole = ds["at_pole"].sel(cost=cost, estimator="centered").mean(["network", "seed"])
        left = ds["left_basin"].sel(cost=cost).mean(["network", "seed"])
        text = COSTS[cost]
        axes[3].plot(ds["beta"], 100 * left, marker=marker, color=color, label=f"basin, {text}")
        if cost == "log_cosine":
            axes[3].plot(ds["beta"], 100 * pole, "--", marker="x", color=color, label="at a pole")
    axes[3].set(xscale="log", xlabel="β", ylabel="% of samples")
    axes[3].legend(fontsize="x-small")
    letters([axes[0], axes[1], axes[3]])
    return figure


def _caption_stability(f: Stability) -> str:
    worst = max(f.large, key=f.large.__getitem__)
    return (
        f"**At β = {f.at:g}, {min(f.large.values())} to {f.large[worst]} of {f.seeds} untrained "
        f"networks of a kind have a centred gradient that is off by more than {BOUND:.0%}.** XOR, "
        f"random initial states, {f.samples} samples a gradient. (a, b) Mean over four kinds of "
        f"networks. (c) Samples of which the output, nudged by −β, sits at a pole of the cost, or "
        f"the state nudged by β does not return to its free equilibrium."
    )


def _draw_equilibria(tree: xr.DataTree, finding: Equilibria) -> Canvas:
    ds = tree["equilibria"].to_dataset()
    number, coverage = findings.chao(ds)
    figure, axes = subplots(1, 2, width=PAGE * 0.8, height=2.6)
    dense, lattices = (select(ds, family=family) for family in ("all_to_all", "lattice"))
    groups = [dense, *(select(lattices, shells=s) for s in np.unique(lattices["shells"]))]
    for mine in groups:
        names = mine["network"].values
        style = look(traits_of(mine, names[0]), full=False)
        for axis, values in zip(axes, (number, ds["same_probability"])):
            spread = quartiles(values.sel(network=names).transpose("seed", "network"), axis=0)
            bars(axis, mine["n_sites"], spread, style, ls=style.line, label=style.label)
        for name in names[coverage.median("seed").sel(network=names) < findings.COVERED]:
            x, y = float(ds["n_sites"].sel(network=name)), number.sel(network=name).median()
            axes[0].plot(x, y, marker=style.marker, color=style.color, mfc="w", zorder=5)
    axes[0].set(yscale="log", ylabel="number of equilibria (Chao)")
    plain(axes[0].yaxis)
    axes[1].set(ylim=(0, 1.05), ylabel="P(same equilibrium twice)")
    for axis in axes:
        axis.set(xscale="log", xlabel="sites")
        plain(axis.xaxis)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(groups)
    )
    letters(axes)
    return figure


def _caption_equilibria(f: Equilibria) -> str:
    words = [
        f"{n:.0f} ({low:.0f} to {'∞' if np.isinf(high) else f'{high:.0f}'}) more sites, {kind}"
        for kind, (n, low, high) in f.growth.items()
    ]
    few = " Open: less, so a lower bound." if f.uncovered else ""
    return (
        f"**The number of equilibria grows tenfold with every {'; '.join(words)}.** 95 % "
        f"intervals, from networks of which at least {findings.COVERED:.0%} was met.{few} "
        f"Untrained, {f.initial_states} random initial states, medians and quartiles of {f.seeds} "
        f"seeds. (a) Estimated from equilibria met once and twice. (b) Probability that two "
        f"initial states meet."
    )


def _draw_schematic(tree: xr.DataTree, finding: Dynamics) -> Canvas:
    ds = tree["dynamics"].to_dataset()
    traits = ds.attrs["traits"]
    net = xor_lattice(int(traits["size"]), int(traits["shells"]), int(traits["distance"]))
    free, shift = ds["phase"].isel(time=-1).values, ds["shift"].isel(time=-1, nudging=0).values
    place, (i, j) = net.positions[:, :2] * [1, -1], net.edges.T
    figure, axes = subplots(1, 3, height=2.6, gridspec_kw={"width_ratios": [1, 1, 0.95]})
    middle = int(np.argmin(np.abs(place - place.mean(axis=0)).sum(axis=1)))
    mine = (i == middle) | (j == middle)
    for axis, title in zip(axes, ("free equilibrium", "nudged by β: change")):
        for k in np.flatnonzero(net.lengths < 1.01):
            axis.plot(*place[[i[k], j[k]]].T, color="0.88", lw=0.8, zorder=0)
        low, high = place.min(axis=0) - 0.6, place.max(axis=0) + 0.6
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", title=title)
        axis.set(xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set_visible(False)
    for k in np.flatnonzero(mine):
        axes[0].plot(*place[[i[k], j[k]]].T, color=look(traits).color, lw=0.8, zorder=1)
    color = np.where(np.arange(net.n_sites) < net.n_inputs, "#009E73", "0.25").astype(object)
    color[net.outputs] = "#D55E00"
    u = np.column_stack([np.cos(free), np.sin(free)])
    arrows = {"angles": "xy", "scale_units": "xy", "pivot": "mid", "width": 0.012}
    axes[0].quiver(*place.T, *u.T, color=color, scale=1.35, zorder=3, **arrows)
    size = 140 * np.sqrt(np.abs(shift) / np.abs(shift[net.n_inputs :]).max())
    for sign, color, face in ((shift > 0, "#D55E00", "#D55E00"), (shift < 0, "#0072B2", "w")):
        axes[1].scatter(*place[sign].T, size[sign], c=face, edgecolors=color, zorder=3, lw=1)
    for axis in axes[:2]:
        axis.scatter(
            *place[net.inputs].T, 150, facecolors="none", edgecolors="#009E73", marker="s", lw=1.2
        )
        axis.scatter(
            *place[net.outputs].T, 170, facecolors="none", edgecolors="#D55E00", marker="o", lw=1.2
        )
    marks = {"fontsize": "small", "textcoords": "offset points", "va": "center"}
    box = {"boxstyle": "square,pad=0.1", "fc": "w", "ec": "none", "alpha": 0.8}
    for site in net.inputs:
        axes[0].annotate("input", place[site], (-10, 12), ha="right", bbox=box, **marks)
    axes[0].annotate("output", place[net.outputs[0]], (11, -12), bbox=box, **marks)
    _draw_rule(axes[2])
    letters(axes, x=0.02)
    return figure


def _draw_rule(axis) -> None:
    """Two sites, nudged one way and the other, and what their coupling learns from them."""
    axis.set(xlim=(0, 4), ylim=(0, 4), xticks=[], yticks=[], aspect="equal")
    axis.set_title("what a coupling compares")
    for side in axis.spines.values():
        side.set_visible(False)
    circle, size = np.linspace(0, 2 * np.pi, 60), 0.48
    for y, angles, text in ((3.1, (1.6, 0.95), "nudged\nby β"), (1.6, (1.9, 0.7), "nudged\nby −β")):
        axis.plot([1.9, 2.8], [y, y], color="0.7", lw=2, zorder=0)
        axis.text(2.35, y + 0.1, "$J_{ij}$", ha="center", fontsize="small", color="0.4")
        axis.text(-0.1, y, text, va="center", fontsize="small")
        for x, angle, name in zip((1.4, 3.3), angles, "ij"):
            axis.plot(x + size * np.cos(circle), y + size * np.sin(circle), color="0.8", lw=0.7)
            style = {"arrowstyle": "-|>", "color": "0.2", "shrinkA": 0, "shrinkB": 0}
            end = (x + size * np.cos(angle), y + size * np.sin(angle))
            axis.annotate("", end, (x, y), arrowprops=style)
            axis.text(x, y - 0.55, rf"$\varphi_{name}$", ha="center", va="top", fontsize="small")
    rule = (
        r"$\Delta J_{ij}\propto\cos(\varphi_i-\varphi_j)_\beta"
        r"-\cos(\varphi_i-\varphi_j)_{-\beta}$"
    )
    axis.text(2.0, 0.1, rule, ha="center", fontsize="small")


def _caption_schematic(f: Dynamics) -> str:
    return (
        "**A lattice computes by settling, and learns from what a small nudge of its output "
        f"changes.** {f.network}. (a) Arrows: phases at rest, inputs clamped; blue: the couplings "
        "of one site. (b) The output is drawn towards its target; discs: how far each phase moves, "
        "filled forward, open back. (c) Each coupling learns from its own two "
        "sites, nudged by β and by −β."
    )


FIGURES = {
    "01_schematic": Figure(_draw_schematic, findings.dynamics, _caption_schematic),
    "01_dynamics": Figure(_draw_dynamics, findings.dynamics, _caption_dynamics),
    "01_gradient_error": Figure(
        _draw_gradient_error, findings.gradient_error, _caption_gradient_error
    ),
    "01_stability": Figure(_draw_stability, findings.stability, _caption_stability),
    "01_equilibria": Figure(_draw_equilibria, findings.equilibria, _caption_equilibria),
}
