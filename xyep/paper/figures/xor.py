"""Figures of notebook 02: XOR training."""

from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Canvas

from ...cases import select
from ..findings import xor as findings
from ..findings.statistics import LEVEL, SOLVED, listed, p_text, quartiles, solves
from ..findings.words import percents, shells, traits_of
from ..findings.xor import PLACES, Harder, Solvers, SuccessMap
from .style import COLUMN, METHODS, Figure, band, heatmap, letters, look, subplots, success


def _draw_curves(tree: xr.DataTree, finding: Harder) -> Canvas:
    ds = tree["ensembles"].to_dataset()
    figure, axes = subplots(1, 3, height=2.6, gridspec_kw={"width_ratios": [1, 1, 2.2]})
    dense = select(ds, family=["all_to_all", "layered"])
    lattices = select(ds, family="lattice")
    largest = select(lattices, size=finding.size, placement="near")
    for axis, mine, full in ((axes[0], dense, True), (axes[1], largest, False)):
        for k, name in enumerate(mine["network"].values):
            style = look(traits_of(mine, name), full)
            spread = quartiles(
                mine["mismatch"].sel(network=name).transpose("seed", "epoch"), axis=0
            )
            mark = {"marker": style.marker, "markevery": (3 * k, 12), "label": style.label}
            seen = [line.get_color() for line in axis.lines]
            open_again = {"mfc": "w"} if style.color in seen else {}
            band(axis, mine["epoch"], spread, style, **mark | open_again)
        axis.axhline(0.5, color="0.7", lw=0.6, zorder=0)
        axis.set(xscale="log", xlabel="epoch", ylim=(0, 0.85))
        axis.legend(loc="upper right")
    axes[0].set(ylabel="mismatch $D$", title="all-to-all and layered")
    axes[1].set_title(f"{finding.size}×{finding.size}, near")
    _draw_shares(axes[2], dense, lattices)
    letters(axes)
    return figure


def _draw_shares(axis, dense: xr.Dataset, lattices: xr.Dataset) -> None:
    """Success of all networks; the shells of a lattice side by side."""
    ticks = []
    for name in dense["network"].values:
        style = look(traits_of(dense, name))
        success(axis, len(ticks), solves(dense["test_solved"].sel(network=name)), **style.points)
        ticks.append(fill(style.label, 8))
    sizes = np.unique(lattices["size"])
    kinds = np.unique(lattices["shells"])
    for place in PLACES:
        for size in sizes:
            for name in select(lattices, placement=place, size=size)["network"].values:
                traits = traits_of(lattices, name)
                x = len(ticks) + 0.17 * (list(kinds).index(traits["shells"]) - (len(kinds) - 1) / 2)
                runs = solves(lattices["test_solved"].sel(network=name))
                success(axis, x, runs, **look(traits).points, capsize=0)
            ticks.append(f"{size:.0f}×{size:.0f}\n{place}")
    axis.set_xticks(range(len(ticks)), ticks)
    axis.set(ylabel="share of seeds that solve XOR", ylim=(-0.03, 1.03))


def _caption_curves(f: Harder) -> str:
    counts = sorted(f.lattices.values())
    return (
        f"**On {len(f.harder)} of {len(f.lattices)} lattices of {f.size}×{f.size} sites fewer "
        f"seeds solve XOR than on all-to-all networks, {f.budget}.** (a, b) Mismatch "
        f"D = ½(1 − cos(φ_o − t)), medians and quartiles of {f.seeds} seeds; grey: an answer that "
        f"ignores the inputs. (c) Seeds right from {100 * SOLVED:.0f} % of fresh initial states, "
        f"with 95 % intervals; near: inputs beside the output. At least {min(f.dense.values())} "
        f"all-to-all, {counts[0]} to {counts[-1]} on these lattices."
    )


def _draw_map(tree: xr.DataTree, finding: SuccessMap) -> Canvas:
    runs = findings.grid(tree["success"].to_dataset())
    tables = [runs.sel(size=s).dropna("distance", how="all") for s in runs["size"]]
    ratios = {"width_ratios": [*(t.sizes["distance"] for t in tables), 0.25]}
    figure, axes = subplots(1, len(tables) + 1, height=1.9, gridspec_kw=ratios)
    for axis, table in zip(axes, tables):
        first, size = table is tables[0], int(table["size"])
        solved = table.sum("seed").to_pandas()
        heatmap(
            axis,
            solved.rename(columns=int, index=int),
            vmin=0,
            vmax=finding.seeds,
            annot=True,
            fmt=".0f",
            cbar=first,
            cbar_ax=axes[-1] if first else None,
        )
        central = int((table["distance"] <= (size - 1) // 2).sum())
        axis.axvline(central, color="w", lw=4)
        axis.set(title=f"{size}×{size}", xlabel="distance", ylabel="shells" if first else "")
        axis.tick_params(rotation=0)
        axis.invert_yaxis()
    axes[-1].set_ylabel(f"seeds of {finding.seeds} that solve XOR")
    letters(axes[:-1])
    return figure


def _caption_map(f: SuccessMap) -> str:
    reach = " and ".join(
        f"{f'up to distance {r}' if r else 'at no distance'} with {shells(s)}"
        for r, s in zip(f.reach, f.shells)
    )
    sizes = ", ".join(f"{count} on {size}×{size}" for size, count in f.by_size.items())
    matters = ": size matters too" if f.p < LEVEL else ""
    return (
        f"**On {f.size}×{f.size} sites at least half of the seeds solve XOR {f.budget} {reach}.** "
        f"Of {f.seeds} seeds; one half has the 95 % interval {percents(f.half)}. Distance between "
        f"inputs and output in lattice constants; right of the white line the terminals lie on "
        f"borders. At distance {f.distance}, {shells(f.shells[1])}: {sizes} "
        f"({p_text(f.p)}){matters}. How long training takes is not separated from whether it "
        f"succeeds."
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
    "02_learning_curves": Figure(_draw_curves, findings.harder, _caption_curves),
    "02_success_over_distance": Figure(_draw_map, findings.success_map, _caption_map),
    "02_solver_comparison": Figure(_draw_solvers, findings.solvers, _caption_solvers),
}
