"""Figures of notebook 06: what a machine costs and what it buys."""

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    FixedLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    StrMethodFormatter,
)

from .measures import SOLVED, better, count, solves
from .style import (
    COLORS,
    MARKERS,
    architecture,
    in_order,
    label,
    letters,
    plain,
    shells,
    subplots,
    success,
)

STYLES = ("-", "--", ":", "-.")


def either(condition, yes, no):
    return yes if condition else no


def in_words(words):
    words = list(words)
    return " and ".join(filter(None, ["; ".join(words[:-1]), words[-1]]))


# --- couplings and wire


def _front(size, error):
    """Networks of which none that is as small is better, by size."""
    order, best = sorted(size, key=lambda n: (size[n], error[n])), np.inf
    kept = []
    for name in order:
        if error[name] < best:
            kept.append(name)
            best = error[name]
    return kept


def made_of(tree):
    """Dataset of `density`, and numbers by network: mean error in %, couplings, wire, hidden sites."""
    ds = tree["density"].to_dataset()
    names = in_order(ds["network"].values)
    by = {
        k: {n: float(ds[k].sel(network=n)) for n in names}
        for k in ("n_couplings", "wire_length", "hidden_sites")
    }
    return ds, {"error": {n: float(ds["test_error"].sel(network=n).mean()) for n in names}} | by


def rivals(by):
    """The local network of one channel, and the dense ones closest to it in hidden sites and in couplings."""
    local = next(n for n in by["error"] if n.startswith("lcl_1") and "shells" not in n)
    dense = [n for n in by["error"] if n.startswith("layered")]
    return local, *(
        min(dense, key=lambda n: abs(by[k][n] - by[k][local]))
        for k in ("hidden_sites", "n_couplings")
    )


def density(tree):
    """Test error over the number of couplings and over their total length, with the fronts."""
    ds, by = made_of(tree)
    figure, axes = subplots(1, 2, sharey=True, height=2.9)
    fronts = []
    for axis, size, text in zip(
        axes,
        ("n_couplings", "wire_length"),
        ("couplings", "total length of couplings (input spacings)"),
    ):
        front = _front(by[size], by["error"])
        fronts.append(front)
        axis.step(
            [by[size][n] for n in front],
            [by["error"][n] for n in front],
            where="post",
            color="0.6",
            lw=0.8,
            zorder=0,
        )
        for name, error in by["error"].items():
            kind, spread = (
                architecture(name),
                float(ds["test_error"].sel(network=name).std(ddof=1))
                if ds.sizes["seed"] > 1
                else 0.0,
            )
            shade = {} if name in front else {"mfc": "w"}
            axis.errorbar(
                by[size][name],
                error,
                spread,
                fmt=MARKERS[kind],
                color=COLORS[kind],
                capsize=2,
                ms=5,
                **shade,
                label=label(name),
            )
        axis.set(xscale="log", yscale="log", xlabel=text)
        plain(axis.yaxis)
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.margins(0.12)
    axes[0].set_ylabel("test error (%)")
    _number(axes, by)
    letters(axes)
    local, sites, same = rivals(by)
    ratio = {k: by[k][sites] / by[k][local] for k in ("n_couplings", "wire_length")}
    over = [in_words(map(label, front)) for front in fronts]
    alike = either(by["hidden_sites"][sites] == by["hidden_sites"][local], "as", "about as")
    caption = (
        f"Test error on {ds.attrs['task']} (means and standard deviations of {ds.sizes['seed']} seeds, from {ds.attrs['source']}) over (a) "
        f"the number of couplings and (b) their total length; small numbers are channels or hidden sites. Filled: on the front (line), no "
        f"network that is as small being better on the average; these are {over[0]} over couplings, and "
        f"{either(over[0] == over[1], 'the same', over[1])} over length. {label(local)} errs on {by['error'][local]:.2f} %; the dense "
        f"network with {alike} many hidden sites, {label(sites)}, on {by['error'][sites]:.2f} % with {ratio['n_couplings']:.1f} times the "
        f"couplings and {ratio['wire_length']:.1f} times the wire; the one with about as many couplings, {label(same)}, on "
        f"{by['error'][same]:.2f} % with {by['wire_length'][same] / by['wire_length'][local]:.1f} times the wire."
    )
    return figure, caption


def _number(axes, by):
    """Channels or hidden sites beside the points of networks of one colour; all names in a legend."""
    names = sorted(
        by["error"],
        key=lambda n: (n.startswith("conv"), n.startswith("layered"), by["n_couplings"][n]),
    )
    handles = dict(zip(*axes[0].get_legend_handles_labels()[::-1]))
    axes[0].figure.legend(
        [handles[label(n)] for n in names],
        map(label, names),
        loc="outside right center",
        fontsize="small",
    )
    for axis, size in zip(axes, ("n_couplings", "wire_length")):
        for name in names:
            if "shells" not in name:
                # clear of the front's line, which runs to the right and down
                left = name.startswith("lcl")
                place = {
                    "xytext": (-6, -5) if left else (6, 0),
                    "ha": "right" if left else "left",
                    "va": "center",
                }
                place |= {
                    "textcoords": "offset points",
                    "fontsize": "small",
                    "color": COLORS[architecture(name)],
                }
                axis.annotate(name.split("_")[1], (by[size][name], by["error"][name]), **place)


# --- reach


def _length(rates):
    """Decay length and its standard error from decay rates of several seeds; infinite where they are not positive on the average."""
    mean, error = float(np.mean(rates)), float(np.std(rates, ddof=1)) / np.sqrt(np.size(rates))
    return (1 / mean, error / mean**2) if mean > 0 else (np.inf, np.nan)


def decay_lengths(tree):
    """{(network, size): (ξ, standard error)} of the untrained lattices."""
    rate = tree["reach"]["decay_rate"]
    return {
        (n, int(s)): _length(rate.sel(network=n, lattice_size=s))
        for n in rate["network"].values
        for s in rate["lattice_size"].values
    }


def trained_lengths(tree):
    """{(distance of the inputs, shells, "before" or "after"): (ξ, standard error)} of notebook 03."""
    rate = tree["trained_reach"]["decay_rate"]
    axes = [rate[d].values.tolist() for d in ("input_distance", "shells", "when")]
    return {
        (d, s, w): _length(rate.sel(input_distance=d, shells=s, when=w))
        for d in axes[0]
        for s in axes[1]
        for w in axes[2]
    }


def end_networks(tree):
    """Lattices of the fewest and the most shells, of skips along the axes, and of random ones."""
    names = list(tree["reach"]["network"].values)
    number = [n for n in names if isinstance(architecture(n), int)]
    return number[0], number[-1], next(n for n in names if architecture(n) == "skip"), "random"


def reach(tree):
    """Nudge response over distance, and its decay length over lattice size and through training."""
    ds, xi, trained = tree["reach"].to_dataset(), decay_lengths(tree), trained_lengths(tree)
    names, sizes = list(ds["network"].values), ds["lattice_size"].values.tolist()
    distances, kinds = (
        tree["trained_reach"][k].values.tolist() for k in ("input_distance", "shells")
    )
    figure, axes = subplots(1, 3, height=2.7)
    for name in names:
        kind = architecture(name)
        color = {"color": COLORS[kind], "marker": MARKERS[kind]}
        one = (
            ds["log_response"]
            .sel(network=name, lattice_size=sizes[-1])
            .mean("seed")
            .dropna("distance")
        )
        axes[0].semilogy(one["distance"], np.exp(one - one[0]), label=label(name), **color)
        values, errors = np.array([xi[name, s] for s in sizes]).T
        axes[1].errorbar(sizes, values, errors, capsize=2, **color)
    for d, style in zip(distances, STYLES):
        for s in kinds:
            values, errors = np.array([trained[d, s, w] for w in ("before", "after")]).T
            axes[2].errorbar(
                [0, 1], values, errors, capsize=2, color=COLORS[s], marker=MARKERS[s], ls=style
            )
    axes[0].set(
        xlabel="distance from output\n(lattice constants)",
        ylabel="response / that of the output",
        title=f"untrained, {sizes[-1]}×{sizes[-1]}",
    )
    axes[1].set(
        xlabel="sites along the edge",
        ylabel="decay length ξ\n(lattice constants)",
        title="untrained",
        xscale="log",
        yscale="log",
    )
    axes[1].xaxis.set(
        major_locator=FixedLocator(sizes),
        major_formatter=StrMethodFormatter("{x:g}"),
        minor_locator=NullLocator(),
    )
    trained_size = tree["trained_reach"].attrs["lattice_size"]
    axes[2].set(
        ylabel="decay length ξ\n(lattice constants)",
        title=f"XOR, {trained_size}×{trained_size}",
        xlim=(-0.3, 1.3),
        yscale="log",
    )
    axes[2].set_xticks([0, 1], ["before", "after\ntraining"])
    plain(axes[1].yaxis)
    plain(axes[2].yaxis)
    axes[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    lines = [
        Line2D([], [], color="k", ls=style, label=f"inputs at {d}")
        for d, style in zip(distances, STYLES)
    ]
    axes[2].legend(handles=lines, fontsize="small", loc="best")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=len(names))
    letters(axes)
    few, many, skip, random = end_networks(tree)
    far = ds["log_response"].sel(lattice_size=sizes[-1]).mean("seed")
    left = {
        n: float(
            np.exp(far.sel(network=n, distance=sizes[-1] // 2) - far.sel(network=n, distance=0))
        )
        for n in names
    }
    text = "; ".join(
        f"{label(n)} {xi[n, sizes[-1]][0]:.2f} ± {xi[n, sizes[-1]][1]:.2f}" for n in names
    )
    rms = ds["coupling_length"].sel(lattice_size=sizes[-1])
    growth = {
        n: xi[n, sizes[-1]][0] / xi[n, sizes[len(sizes) // 2 - 1]][0]
        for n in (few, many, skip, random)
    }
    middle = sizes[len(sizes) // 2 - 1]
    through = {
        d: [
            f"{trained[d, s, 'before'][0]:.1f} → {trained[d, s, 'after'][0]:.1f} ({s})"
            for s in kinds
        ]
        for d in distances
    }
    change = "; ".join(f"inputs at {d}: {', '.join(pairs)}" for d, pairs in through.items())
    caption = (
        f"(a) Nudge response (β → 0, exp of the mean of ln|response| over sites, patterns and {ds.sizes['seed']} seeds) of untrained "
        f"{sizes[-1]}×{sizes[-1]} lattices, relative to that of the output; at distance {sizes[-1] // 2} "
        f"{', '.join(f'{v:.1g} ({label(n)})' for n, v in left.items())}. (b) Decay length ξ, from a straight line through ln|response| "
        f"from distance 1 to half the lattice, with standard errors; at {sizes[-1]}×{sizes[-1]}: {text}. The rms length of the couplings "
        f"is {float(rms.sel(network=few)):.1f} with {label(few)} and {float(rms.sel(network=many)):.1f} with {label(many)}. From "
        f"{middle}×{middle} to {sizes[-1]}×{sizes[-1]} ξ changes by the factor {growth[few]:.2f} with {label(few)}, {growth[many]:.2f} "
        f"with {label(many)}, {growth[skip]:.2f} with skips along the axes, and {growth[random]:.2f} with random ones. (c) The same fit "
        f"at β = 0.1, before and after the training of {tree['trained_reach'].attrs['source']}, all seeds, by shells in brackets: {change}."
    )
    return figure, caption


# --- time


def growth_powers(tree, name):
    """{network: power of the edge with which the median over seeds grows}."""
    values = tree["relaxation"][name].median("seed")
    edge = np.log(values["lattice_size"].values)
    return {
        n: float(np.polyfit(edge, np.log(values.sel(network=n).values), 1)[0])
        for n in values["network"].values
    }


def relaxation(tree):
    """Sweeps and physical time until a lattice is at rest."""
    ds = tree["relaxation"].to_dataset()
    sizes, names = ds["lattice_size"].values, list(ds["network"].values)
    figure, axes = subplots(1, 2, height=2.7)
    for axis, quantity in zip(axes, ("sweeps", "time")):
        for k, name in enumerate(names):
            kind, x = architecture(name), sizes * 1.012 ** (k - len(names) / 2)
            low, middle, high = (
                ds[quantity].sel(network=name).quantile(q, "seed").values for q in (0.25, 0.5, 0.75)
            )
            axis.errorbar(
                x,
                middle,
                [middle - low, high - middle],
                color=COLORS[kind],
                marker=MARKERS[kind],
                capsize=2,
                label=label(name),
            )
        axis.set(xscale="log", yscale="log", xlabel="sites along the edge")
        axis.xaxis.set(
            major_locator=FixedLocator(sizes),
            major_formatter=StrMethodFormatter("{x:g}"),
            minor_locator=NullLocator(),
        )
        plain(axis.yaxis)
    axes[0].set_ylabel("sweeps (fast)")
    axes[1].set_ylabel("time of the gradient flow (1/coupling)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    letters(axes)
    powers = {q: growth_powers(tree, q) for q in ("sweeps", "time")}
    text = {
        q: "; ".join(f"{label(n)} {p:.2f}" for n, p in found.items()) for q, found in powers.items()
    }
    big = {q: ds[q].sel(lattice_size=sizes[-1]).median("seed") for q in powers}
    ends = end_networks(tree)[:2]
    pairs = {
        q: " and ".join(f"{float(big[q].sel(network=n)):.0f} with {label(n)}" for n in ends)
        for q in big
    }
    caption = (
        f"(a) Sweeps of the fast relaxation and (b) time of the gradient flow from a random state until no torque is above "
        f"{ds.attrs['tolerance']:g}, untrained lattices, medians and quartiles of {ds.sizes['seed']} seeds. Medians at "
        f"{sizes[-1]}×{sizes[-1]}: sweeps {pairs['sweeps']}; time {pairs['time']}. Powers of the edge with which they grow: sweeps "
        f"{text['sweeps']}; time {text['time']}. Relaxations not finished: {int(ds['unconverged'].sum())}."
    )
    return figure, caption


# --- initial states


def epoch_cost(ds):
    """Sweeps an epoch, all relaxations of the 4 patterns × M initial states together."""
    return 4 * ds["initial_states"] * ds["sweeps"].mean("seed")


def enough_states(ds):
    """Successes over all lattices for each M, and the smallest M with at least nine tenths of the most."""
    runs = {int(m): solves(ds, initial_states=m) for m in ds["initial_states"].values}
    most = max(run.sum() for run in runs.values())
    return runs, next(m for m, run in runs.items() if run.sum() >= 0.9 * most)


def initial_states(tree):
    """Success over the number of initial states, and over what an epoch costs."""
    ds = tree["initial_states"].to_dataset()
    numbers, kinds = ds["initial_states"].values, ds["shells"].values.tolist()
    cost, found = epoch_cost(ds), {}
    figure, axes = subplots(1, 2, sharey=True, height=2.5)
    for k, kind in enumerate(kinds):
        runs = [solves(ds, shells=kind, initial_states=m) for m in numbers]
        x = numbers * 1.03 ** (k - (len(kinds) - 1) / 2)
        for axis, places in zip(axes, (x, cost.sel(shells=kind).values)):
            axis.plot(places, [r.mean() for r in runs], color=COLORS[kind], lw=0.8, zorder=0)
            for place, run in zip(places, runs):
                success(
                    axis,
                    place,
                    run,
                    color=COLORS[kind],
                    fmt=MARKERS[kind],
                    label=shells(kind) if run is runs[0] else None,
                )
        found[kind] = [count(r) for r in runs]
    axes[0].set(
        xscale="log",
        xlabel="initial states M",
        ylabel="probability of solving XOR",
        ylim=(-0.03, 1.05),
    )
    axes[0].xaxis.set(
        major_locator=FixedLocator(numbers),
        major_formatter=StrMethodFormatter("{x:g}"),
        minor_locator=NullLocator(),
    )
    axes[1].set(xscale="log", xlabel="sweeps an epoch")
    plain(axes[1].xaxis)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    letters(axes)
    text = "; ".join(f"{shells(k)} {', '.join(counts)}" for k, counts in found.items())
    runs, enough = enough_states(ds)
    pooled = ", ".join(count(r) for r in runs.values())
    verdict = either(
        better(runs[enough], runs[int(numbers[0])]),
        "is significantly better",
        "is not significantly better",
    )
    compared = (
        f", and {verdict} than M = {numbers[0]} (Fisher's exact test at 0.05)"
        if enough != numbers[0]
        else ""
    )
    lattice = label(ds.attrs["network"]).partition(",")[0]
    many = float((cost.isel(initial_states=-1) / cost.isel(initial_states=0)).mean())
    caption = (
        f"Seeds that solve XOR on the {lattice} lattice with inputs at distance {ds.attrs['input_distance']:g} after "
        f"{ds.attrs['training']['epochs']} epochs, with 95 % Wilson intervals, over (a) the number M of initial states and (b) the sweeps "
        f"that an epoch takes. For M = {', '.join(map(str, numbers))}: {text}; together {pooled}. M = {enough} is the smallest with at "
        f"least nine tenths of the most successes{compared}. An epoch with M = {numbers[-1]} costs {many:.1f} times one with M = "
        f"{numbers[0]}."
    )
    return figure, caption


# --- nudging and precision

PRECISION = {
    "stopped_early": ("tolerance", "relaxation stopped early", "torque"),
    "readout_noise": ("phase_error", "noise of the readout", "rad"),
}
ESTIMATOR = {"centered": "centred", "one_sided": "one-sided"}


def pooled_runs(tree, estimator, beta):
    """(precision, seed) whether a run at this β solves XOR, precisions of both kinds one after the other."""
    return np.concatenate(
        [
            tree[node]["test_solved"].sel(estimator=estimator, beta=beta).values >= SOLVED
            for node in PRECISION
        ]
    )


def best_beta(tree, estimator):
    """β with the most successes over all precisions, the smallest of equal ones."""
    betas = tree["stopped_early"]["beta"].values
    return float(max(betas, key=lambda b: (pooled_runs(tree, estimator, b).sum(), -b)))


def _good_betas(ds, **at):
    """Range of β at which at least half of the seeds succeed, as text."""
    good = [b for b in ds["beta"].values if solves(ds, beta=b, **at).mean() >= 0.5]
    return f"{good[0]:g}–{good[-1]:g}" if len(good) > 1 else f"{good[0]:g}" if good else "none"


def precision(tree):
    """Success over β, estimator and two kinds of imprecision."""
    figure, axes = subplots(2, 2, sharex=True, sharey=True, height=4.0)
    ranges = {}
    for line, (node, (dim, title, unit)) in zip(axes, PRECISION.items()):
        ds = tree[node].to_dataset()
        values = ds[dim].values
        for axis, estimator in zip(line, ESTIMATOR):
            for k, value in enumerate(values):
                color = colormaps[rcParams["image.cmap"]](0.1 + 0.7 * k / max(len(values) - 1, 1))
                x = ds["beta"].values * 1.06 ** (k - (len(values) - 1) / 2)
                runs = [
                    solves(ds, estimator=estimator, beta=b, **{dim: value})
                    for b in ds["beta"].values
                ]
                axis.plot(x, [r.mean() for r in runs], STYLES[k % 4], color=color, lw=0.8, zorder=0)
                for place, run in zip(x, runs):
                    text = f"{value:g} {'rad' if unit == 'rad' else ''}" if run is runs[0] else None
                    success(axis, place, run, color=color, fmt="oDv"[k % 3], label=text)
                ranges[node, estimator, value] = _good_betas(
                    ds, estimator=estimator, **{dim: value}
                )
            axis.set(title=f"{title}, {ESTIMATOR[estimator]}", xscale="log", ylim=(-0.03, 1.05))
        line[0].set_ylabel("probability of solving XOR")
        line[1].legend(
            title={"torque": "largest torque\n(couplings)", "rad": "phase error"}[unit],
            title_fontsize="small",
            loc="center left",
            bbox_to_anchor=(1, 0.5),
        )
    for axis in axes[1]:
        axis.set_xlabel("nudging strength β")
    letters(axes)
    first = tree["stopped_early"].to_dataset()
    text = "; ".join(
        f"{title}, {ESTIMATOR[e]}: "
        + ", ".join(f"{ranges[node, e, v]} ({v:g})" for v in tree[node][dim].values)
        for node, (dim, title, _) in PRECISION.items()
        for e in ESTIMATOR
    )
    low, high = first["beta"].values[[0, -1]]
    ends = "; ".join(
        f"{ESTIMATOR[e]} {count(pooled_runs(tree, e, low))} at {low:g}, {count(pooled_runs(tree, e, best_beta(tree, e)))} at "
        f"{best_beta(tree, e):g}, {count(pooled_runs(tree, e, high))} at {high:g}"
        for e in ESTIMATOR
    )
    caption = (
        f"Seeds of {first.sizes['seed']} that solve XOR on the lattice {label(first.attrs['network'])}, inputs at distance "
        f"{ds.attrs['input_distance']:g}, after {first.attrs['training']['epochs']} epochs, with 95 % Wilson intervals. β at which at "
        f"least half succeed, by precision in brackets: {text}. Over all precisions, with the smallest, the best and the largest β: "
        f"{ends}. {_verdict(tree)}"
    )
    return figure, caption


def _verdict(tree):
    """Whether small β fails for want of precision and large β for being biased, with the centred estimator."""
    ds, best = tree["stopped_early"].to_dataset(), best_beta(tree, "centered")
    low, high = ds["beta"].values[[0, -1]]
    fine, rough = (
        {b: solves(ds, estimator="centered", tolerance=t, beta=b) for b in (low, best, high)}
        for t in np.sort(ds["tolerance"])[[0, -1]]
    )
    small = either(
        better(fine[best], fine[low]),
        "fails even with the precise relaxation",
        "is not significantly worse with the precise relaxation",
    )
    return (
        f"With the centred estimator the smallest β {small} ({count(fine[low])} against {count(fine[best])} at the best; rough "
        f"relaxation {count(rough[low])} against {count(rough[best])}), and the largest "
        f"{either(better(fine[best], fine[high]), 'fails with it too', 'is not significantly worse with it')} ({count(fine[high])})."
    )


GUIDELINES = {
    "06_density": density,
    "06_reach": reach,
    "06_relaxation": relaxation,
    "06_initial_states": initial_states,
    "06_precision": precision,
}
