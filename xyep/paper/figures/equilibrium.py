"""Figures of notebook 01: equilibrium propagation."""

import numpy as np

from .style import COLORS, COLUMN, MARKERS, architecture, label, letters, plain, subplots

#: Largest β at which the error still follows its leading power.
FITTED = 0.1


def dynamics(tree):
    """Phases relaxing to the free and on to the nudged equilibrium; energy over time and over sweeps."""
    ds = tree["dynamics"].to_dataset()
    figure, axes = subplots(1, 3, height=2.2, gridspec_kw={"width_ratios": [1.5, 1, 1]})
    turn = ds.attrs["nudged_from"]
    hidden = np.flatnonzero(ds["role"].values == "hidden")
    axes[0].plot(
        ds["time"], ds["phase"].values[:, hidden[:: max(1, len(hidden) // 12)]], color="0.7", lw=0.7
    )
    axes[0].plot(
        ds["time"], ds["phase"].values[:, -1], color=COLORS["gradient_flow"], label="output"
    )
    target = ds.attrs["target"] + 2 * np.pi * np.round(
        (float(ds["phase"][-1, -1]) - ds.attrs["target"]) / (2 * np.pi)
    )
    axes[0].axhline(target, color="k", ls=":", lw=0.8, label="target")
    axes[0].axvline(turn, color="k", lw=0.6)
    place = {
        "transform": axes[0].get_xaxis_transform(),
        "rotation": 90,
        "ha": "right",
        "va": "center",
        "fontsize": "small",
    }
    axes[0].text(
        turn, 0.5, "nudging on", bbox={"fc": "w", "ec": "none", "pad": 1}, zorder=3, **place
    )
    axes[0].set(xlabel="time (1/coupling)", ylabel="phase (rad)")
    axes[0].legend(loc="lower left", bbox_to_anchor=(0.1, 0.98), ncols=2)
    axes[1].semilogy(ds["free_time"], ds["flow_energy"].clip(1e-14), color=COLORS["gradient_flow"])
    axes[1].set(
        xlabel="time (1/coupling)",
        ylabel="$E - E_{eq}$ (coupling)",
        title="gradient flow",
        ylim=(1e-12, None),
    )
    axes[2].semilogy(ds["sweep"], ds["fast_energy"].clip(1e-14), color=COLORS["fast"])
    axes[2].set(xlabel="sweep", title="fast relaxation", ylim=axes[1].get_ylim())
    letters(axes)
    shift = float(ds["phase"][-1, -1] - ds["phase"].sel(time=turn)[-1])
    k = int((ds["fast_energy"].values < 1e-6).argmax())
    caption = (
        f"(a) Phases of a {label(ds.attrs['network'])} lattice under dφ/dt = −∂E/∂φ: free relaxation, then, from time {turn:.0f}, nudging "
        f"with β = {ds.attrs['beta']:g}, which moves the output by {shift:+.2f} rad (grey: some hidden sites). (b, c) The energy "
        f"falls monotonically in either method; over-relaxed sweeps come within 1e-6 of the equilibrium's energy after {k} sweeps."
    )
    return figure, caption


def gradient_error(tree):
    """Error of the EP gradient over β for both estimators."""
    ds = tree["gradient_error"].to_dataset()
    figure, axis = subplots(width=COLUMN, height=2.6)
    slopes = {}
    beta = ds["beta"].values
    for name in ds["network"].values:
        kind = architecture(name)
        for estimator, style in (("centered", "-"), ("one_sided", "--")):
            middle = (
                ds["relative_error"].sel(network=name, estimator=estimator).median("seed").values
            )
            text = label(name) if style == "-" else None
            axis.loglog(beta, middle, style, color=COLORS[kind], marker=MARKERS[kind], label=text)
            x, y = np.log(beta[beta <= FITTED]), np.log(middle[beta <= FITTED])
            slopes.setdefault(estimator, []).append(np.polyfit(x, y, 1)[0])
    axis.set(xlabel="nudging strength β", ylabel="relative error of the gradient")
    axis.plot([], [], "k-", label="centred")
    axis.plot([], [], "k--", label="one-sided")
    axis.legend(fontsize="small", loc="lower right")
    text = {e: f"{min(s):.2f} to {max(s):.2f}" for e, s in slopes.items()}
    caption = (
        f"Relative error of the EP gradient against the exact gradient, medians over {ds.sizes['seed']} random networks each, with "
        f"targets {ds.attrs['off_target']:g} rad from the free answers. For β ≤ {FITTED:g} "
        f"it falls with the power {text['centered']} of β for the centred and {text['one_sided']} for the one-sided estimator."
    )
    return figure, caption


def equilibria(tree):
    """How many stable equilibria there are, how often two initial states reach the same one, and the two methods' energies."""
    ds = tree["equilibria"].to_dataset()
    figure, axes = subplots(1, 3, height=2.3)
    kinds = list(dict.fromkeys(architecture(n) for n in ds["network"].values))
    for kind in kinds:
        mine = ds.isel(network=[architecture(n) == kind for n in ds["network"].values])
        text = (
            f"lattice, {kind} shell{'s' * (kind > 1)}"
            if isinstance(kind, int)
            else kind.replace("_", "-")
        )
        for axis, name in ((axes[0], "equilibria"), (axes[1], "same_probability")):
            values = mine[name].sel(solver="fast")
            low, middle, high = (values.quantile(q, "seed") for q in (0.25, 0.5, 0.75))
            bars = [middle - low, high - middle]
            axis.errorbar(
                mine["sites"],
                middle,
                bars,
                color=COLORS[kind],
                marker=MARKERS[kind],
                capsize=2,
                label=text,
            )
    axes[0].set(xscale="log", yscale="log", xlabel="sites", ylabel="equilibria found")
    axes[1].set(xscale="log", ylim=(0, 1.05), xlabel="sites", ylabel="P(same equilibrium twice)")
    for axis in axes[:2]:
        plain(axis.xaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(kinds))
    for method in ds["solver"].values:
        values = np.sort(ds["excess_energy"].sel(solver=method).values.ravel())
        axes[2].step(
            values,
            np.linspace(0, 1, len(values)),
            color=COLORS[method],
            label=method.replace("_", " "),
        )
    axes[2].set(
        xlabel="$E - E_{lowest}$ (coupling)", ylabel="share of initial states", ylim=(0, 1.02)
    )
    axes[2].legend(loc="lower right")
    letters(axes)
    n, top = (
        ds.attrs["initial_states"],
        ds["network"].values[ds["equilibria"].sel(solver="fast").median("seed").values.argmax()],
    )
    most = float(ds["equilibria"].sel(solver="fast", network=top).median("seed"))
    agree, worst = ds["agree"].median("seed"), float(ds["common"].min())
    mean = ds["excess_energy"].mean(["initial_state", "seed"]).sum("network")
    mean = mean / ds.sizes["network"]
    caption = (
        f"(a) Distinct stable equilibria reached from {n} random initial states of untrained networks, medians and quartiles of "
        f"{ds.sizes['seed']} seeds; up to {most:.0f} for {label(top)}. (b) Probability that two initial states reach the same one. (c) "
        f"Energies reached by the two methods over all these networks: means {float(mean.sel(solver='fast')):.3f} (fast) and "
        f"{float(mean.sel(solver='gradient_flow')):.3f} (gradient flow) above the lowest. From one initial state both reach the "
        f"same equilibrium in {float(agree.min()):.0%} to {float(agree.max()):.0%} of cases (medians by network); every state called "
        f"converged is a minimum: the smallest Hessian eigenvalue found is {float(ds['smallest_eigenvalue'].min()):.1e}. "
        f"The smallest share of states in an equilibrium that the other method found too is {worst:.0%}."
    )
    return figure, caption


EQUILIBRIUM = {
    "01_dynamics": dynamics,
    "01_gradient_error": gradient_error,
    "01_equilibria": equilibria,
}
