"""Figures of notebook 02: XOR training."""

import numpy as np

from .measures import SOLVED, p_value, solves, wilson
from .style import (
    COLORS,
    COLUMN,
    architecture,
    heatmap,
    in_order,
    label,
    lattice_size,
    letters,
    shells,
    subplots,
    success,
)


def _share(ds):
    """(runs that solved XOR, runs)"""
    return int(solves(ds).sum()), ds.sizes["seed"]


def _ensembles(tree):
    return {name: tree[name].to_dataset() for name in in_order(tree) if "cost" in tree[name]}


def _curve(axis, ds, color, text, style="-"):
    """Median and interquartile range over seeds of the distance."""
    d = ds["mismatch"]
    low, middle, high = (np.quantile(d, q, axis=0) for q in (0.25, 0.5, 0.75))
    axis.fill_between(ds["epoch"], low, high, color=color, alpha=0.15, lw=0)
    axis.plot(ds["epoch"], middle, style, color=color, label=text)


def learning_curves(tree):
    """Distance over epochs, medians and quartiles over seeds."""
    nodes = _ensembles(tree)
    size = max(map(lattice_size, nodes))
    figure, axes = subplots(1, 3, sharey=True, height=2.5)
    for name, ds in nodes.items():
        if "square" not in name:
            _curve(
                axes[0],
                ds,
                COLORS[architecture(name)],
                label(name),
                "--" if name == "all_to_all_6" else "-",
            )
        elif lattice_size(name) == size:
            kind = architecture(name)
            _curve(axes[1 + name.startswith("far")], ds, COLORS[kind], shells(kind))
    text = f"{size}×{size}"
    for axis, title in zip(
        axes,
        (
            "all-to-all and layered",
            f"{text} lattice, inputs beside output",
            f"{text} lattice, inputs far",
        ),
    ):
        axis.set(xscale="log", xlabel="epoch", title=title, ylim=(0, 0.85))
        axis.axhline(0.5, color="0.7", lw=0.6, zorder=0)
        axis.legend(loc="upper right")
    axes[0].set_ylabel("distance $D$ (median, quartiles)")
    letters(axes)
    n = next(iter(nodes.values())).sizes["seed"]
    near = ", ".join(
        f"{_share(nodes[k])[0]} ({architecture(k)})"
        for k in nodes
        if k.startswith("near") and lattice_size(k) == size
    )
    far = ", ".join(
        f"{_share(nodes[k])[0]} ({architecture(k)})"
        for k in nodes
        if k.startswith("far") and lattice_size(k) == size
    )
    dense = ", ".join(f"{label(k)} {_share(d)[0]}" for k, d in nodes.items() if "square" not in k)
    caption = (
        f"LogCosine of XOR over training: distance D = ½(1 − cos(φ_o − t)), medians and quartiles of {n} seeds; the grey line is the answer "
        f"that ignores the inputs. Seeds of {n} that solve XOR: {dense}; {text} lattice with the inputs beside the output, by shells in "
        f"brackets, {near}; with the inputs in the corners opposite the output, {far}."
    )
    return figure, caption


def success_bars(tree):
    """Success probability of every ensemble with 95 % intervals."""
    nodes = _ensembles(tree)
    dense = [n for n in nodes if "square" not in n]
    sizes = sorted({lattice_size(n) for n in nodes if "square" in n})
    figure, axes = subplots(
        1, 3, sharey=True, height=2.3, gridspec_kw={"width_ratios": [0.7, 1, 1]}
    )
    for x, name in enumerate(dense):
        success(axes[0], x, solves(nodes[name]), color=COLORS[architecture(name)])
    axes[0].set_xticks(
        range(len(dense)),
        [label(n).replace(", ", "\n").replace("layered ", "layered\n") for n in dense],
        fontsize="small",
    )
    axes[0].set_xlim(-0.6, len(dense) - 0.4)
    best = {}
    for axis, place in zip(axes[1:], ("near", "far")):
        for name, ds in nodes.items():
            if not name.startswith(f"{place}_"):
                continue
            kind, size = architecture(name), lattice_size(name)
            x = sizes.index(size) + 0.12 * (kind - 2.5)
            text = shells(kind) if size == sizes[0] else None
            best[place, size, kind] = success(axis, x, solves(ds), color=COLORS[kind], label=text)
        axis.set_xticks(range(len(sizes)), [f"{s}×{s}" for s in sizes])
        axis.set(
            xlabel="square lattice",
            title="inputs beside the output" if place == "near" else "inputs in the far corners",
        )
    axes[2].legend(loc="upper right")
    axes[0].set(ylabel="probability of solving XOR", ylim=(-0.03, 1.05), title="dense networks")
    letters(axes)
    big = sizes[-1]
    kinds = sorted({key[2] for key in best})
    caption = (
        f"Probability that training solves XOR (all four patterns right from at least {SOLVED:.0%} of fresh initial states), with 95 % "
        f"Wilson intervals over seeds. On the {big}×{big} lattice with the inputs beside the output {best['near', big, kinds[0]]} solve "
        f"it with {shells(kinds[0])} and {best['near', big, kinds[-1]]} with {shells(kinds[-1])}; with the inputs far away "
        f"{best['far', big, kinds[0]]} and {best['far', big, kinds[-1]]}."
    )
    return figure, caption


def success_over_distance(tree):
    """Heat maps of the success probability over distance and shells, one a lattice size."""
    ds = tree["success"].to_dataset()
    share = (
        (ds["test_solved"] >= SOLVED).mean("seed").where(ds["test_solved"].notnull().all("seed"))
    )
    sizes = ds["lattice_size"].values
    widths = [int(share.sel(lattice_size=s).notnull().any("shells").sum()) for s in sizes]
    ratios = {"width_ratios": [*widths, 0.25]}
    figure, axes = subplots(1, len(sizes) + 1, height=1.9, gridspec_kw=ratios)
    for axis, size in zip(axes, sizes):
        one = share.sel(lattice_size=size).dropna("distance", how="all")
        table = 100 * one.to_pandas()
        first = size == sizes[0]
        heatmap(
            axis,
            table,
            vmin=0,
            vmax=100,
            annot=True,
            fmt=".0f",
            cbar=first,
            cbar_ax=axes[-1] if first else None,
        )
        axis.set(
            title=f"{size}×{size}", xlabel="input–output distance", ylabel="shells" if first else ""
        )
        axis.tick_params(rotation=0)
        axis.invert_yaxis()
    axes[-1].set_ylabel("solved (%)")
    size, seeds = sizes[-1], ds.sizes["seed"]
    low, high = share["shells"].values[[0, -1]]
    table = share.sel(lattice_size=size)
    reach = {
        s: table.sel(shells=s)
        .where(table.sel(shells=s) >= 0.5)
        .dropna("distance")["distance"]
        .values
        for s in (low, high)
    }
    text = {
        s: f"up to distance {r.max()}" if len(r) else "at no distance" for s, r in reach.items()
    }
    caption = (
        f"Share of {seeds} seeds that solve XOR over the distance between inputs and output (lattice constants, see `xor_lattice`) and the "
        f"range of the couplings, for lattices of growing size. On the {size}×{size} lattice at least half of the seeds succeed "
        f"{text[low]} with {low} shell and {text[high]} with {high} shells: reach is set by distance and coupling range."
    )
    return figure, caption


def solver_comparison(tree):
    """Success probability of training with either method."""
    ds = tree["solver_comparison"].to_dataset()
    figure, axis = subplots(width=COLUMN, height=2.3)
    names, apart, counts, p, n = list(ds["network"].values), [], [], [], ds.sizes["seed"]
    for x, name in enumerate(names):
        intervals = []
        for method, shift in (("fast", -0.1), ("gradient_flow", 0.1)):
            runs = solves(ds, solver=method, network=name)
            intervals.append(wilson(int(runs.sum()), n))
            counts.append(int(runs.sum()))
            success(
                axis,
                x + shift,
                runs,
                color=COLORS[method],
                label=method.replace("_", " ") if x == 0 else None,
            )
        if intervals[0][0] > intervals[1][1] or intervals[1][0] > intervals[0][1]:
            apart.append(label(name))
        p.append(
            p_value(
                *(solves(ds, solver=method, network=name) for method in ("fast", "gradient_flow"))
            )
        )
    axis.set_xticks(
        range(len(names)),
        [label(k).replace(", ", "\n").replace("layered ", "layered\n") for k in names],
        fontsize="small",
    )
    axis.set(ylabel="probability of solving XOR", ylim=(-0.03, 1.05), xlim=(-0.5, len(names) - 0.5))
    axis.legend()
    pairs = ", ".join(
        f"{label(name)} {a} and {b}" for name, a, b in zip(names, counts[::2], counts[1::2])
    )
    finding = (
        "The intervals overlap for every network"
        if not apart
        else f"The intervals do not overlap for {', '.join(apart)}"
    )
    finding += f"; the smallest p of Fisher's exact test is {min(p):.2g}, for {label(names[int(np.argmin(p))])}."
    caption = (
        f"XOR trained for {ds.attrs['fast']['epochs']} epochs with the fast relaxation and with the gradient flow as the dynamics, with "
        f"95 % "
        f"Wilson intervals. Seeds of {n} that solve it, with either: {pairs}. {finding}"
    )
    return figure, caption


XOR = {
    "02_learning_curves": learning_curves,
    "02_success": success_bars,
    "02_success_over_distance": success_over_distance,
    "02_solver_comparison": solver_comparison,
}
