"""Figures of notebook 01: equilibrium propagation."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Canvas

from ...cases import select
from ..findings import equilibrium as findings
from ..findings.equilibrium import FITTED, POWERS, Dynamics, Equilibria, GradientError
from ..findings.statistics import quartiles
from ..findings.words import percents, traits_of
from .style import METHODS, PAGE, Figure, band, bars, letters, look, plain, subplots


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


def _draw_gradient_error(tree: xr.DataTree, finding: GradientError) -> Canvas:
    ds = tree["gradient_error"].to_dataset()
    figure, axes = subplots(1, 2, width=PAGE * 0.8, height=2.7, sharey=True)
    beta = ds["beta"].values
    for axis, (estimator, power) in zip(axes, POWERS.items()):
        for name in ds["network"].values:
            style = look(traits_of(ds, name))
            error = ds["relative_error"].sel(network=name, estimator=estimator)
            spread = np.quantile(error.transpose("seed", "beta"), (0.1, 0.5, 0.9), axis=0)
            band(axis, beta, tuple(spread), style, marker=style.marker, label=style.label)
        guide = (
            ds["relative_error"].sel(estimator=estimator, beta=beta[0]).median() / beta[0] ** power
        )
        axis.plot(beta, float(guide) * beta**power, color="0.3", lw=0.6, ls=(0, (1, 2)))
        axis.set(xscale="log", yscale="log", xlabel="nudging strength β")
        axis.set_title({2: "centred (dots: ∝ β²)", 1: "one-sided (dots: ∝ β)"}[power])
    axes[0].set_ylabel("relative error of the gradient")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
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
        f"of the networks of a kind.** Against the exact gradient; lines are medians, bands hold "
        f"80 % of {f.seeds} random networks; powers are fitted to medians at β ≤ {FITTED:g}. "
        f"Targets lie {f.off_target:g} rad from the free answers.{crossed}"
    )


def _draw_equilibria(tree: xr.DataTree, finding: Equilibria) -> Canvas:
    ds = tree["equilibria"].to_dataset().sel(solver="fast")
    figure, axes = subplots(1, 2, width=PAGE * 0.8, height=2.6)
    dense, lattices = (select(ds, family=family) for family in ("all_to_all", "lattice"))
    groups = [dense, *(select(lattices, shells=s) for s in np.unique(lattices["shells"]))]
    for mine in groups:
        style = look(traits_of(mine, mine["network"].values[0]), full=False)
        for axis, name in zip(axes, ("reached", "same_probability")):
            spread = quartiles(mine[name].transpose("seed", "network"), axis=0)
            bars(axis, mine["n_sites"], spread, style, ls=style.line, label=style.label)
    axes[0].axhline(finding.initial_states, color="0.5", lw=0.6, ls=":")
    axes[0].set(yscale="log", ylabel="distinct equilibria reached")
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
    return (
        f"**From {f.initial_states} random initial states, untrained networks reach up to "
        f"{f.most:.0f} distinct equilibria ({f.network}).** Medians and quartiles of {f.seeds} "
        f"seeds. (a) Lower bounds, which cannot exceed the dotted line. (b) Probability that two "
        f"initial states meet. Sweeps and gradient flow reach the same equilibrium from "
        f"{percents(f.agree)} of states; their mean energies are {f.excess['fast']:.2f} and "
        f"{f.excess['gradient_flow']:.2f} above the lowest."
    )


FIGURES = {
    "01_dynamics": Figure(_draw_dynamics, findings.dynamics, _caption_dynamics),
    "01_gradient_error": Figure(
        _draw_gradient_error, findings.gradient_error, _caption_gradient_error
    ),
    "01_equilibria": Figure(_draw_equilibria, findings.equilibria, _caption_equilibria),
}
