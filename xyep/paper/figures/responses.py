"""Figures of notebook 03: couplings and responses of lattices."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from ...cases import select
from ...responses import affected
from ..findings import OPEN
from ..findings import responses as findings
from ..findings.responses import FRACTION, Decay, Lattice, Maps, Regions, Skips
from ..findings.statistics import quartiles, solves
from ..findings.words import shells, traits_of
from .style import DIVERGING, PAGE, Figure, band, bars, letters, look, subplots, success


def lattice_map(
    axis: Axes,
    ds: xr.Dataset,
    values: np.ndarray,
    norm: Normalize,
    ringed: np.ndarray | None = None,
    couplings: np.ndarray | None = None,
    scale: Normalize | None = None,
) -> PathCollection:
    """Hidden sites coloured by `values`, those `ringed` with a thick edge; couplings as lines.

    Inputs are white triangles, outputs white squares.
    """
    at = np.stack([ds["x"].values, ds["y"].values], -1)
    if couplings is not None:
        order = np.argsort(np.abs(couplings))
        ends = np.stack([at[ds[end].values] for end in ("source", "target")], 1)[order]
        style = {"cmap": DIVERGING, "norm": scale, "zorder": 1}
        width = 0.2 + 1.2 * np.abs(couplings[order]) / scale.vmax
        axis.add_collection(LineCollection(ends, array=couplings[order], linewidths=width, **style))
    for role, marker, size in (("input", "^", 34), ("output", "s", 30)):
        x, y = at[ds["role"].values == role].T
        axis.scatter(x, y, size, "w", marker=marker, edgecolors="k", linewidths=0.9, zorder=2)
    keep = ds["role"].values == "hidden"
    width = 0.3 if ringed is None else np.where(ringed[keep], 1.1, 0.2)
    style = {"norm": norm, "edgecolors": "k", "linewidths": width, "zorder": 2}
    points = axis.scatter(*at[keep].T, 20, values[keep], **style)
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.margins(0.08)
    return points


def _draw_maps(tree: xr.DataTree, finding: Maps) -> Canvas:
    ds = findings.lattices(tree)[finding.number].ds
    last = ds.sizes["snapshot"] - 1
    shots = np.unique(np.linspace(0, last, 4).round().astype(int))
    rows = 2 * len(finding.seeds)
    figure, axes = subplots(rows, len(shots), height=1.75 * rows, squeeze=False)
    scale = Normalize(-finding.largest, finding.largest)
    felt = (
        ds["pattern_response"].where(ds["role"] == "hidden").sel(seed=list(finding.seeds.values()))
    )
    norms = LogNorm(1e-3, 1.0), Normalize(0, float(felt.max()))
    for row, (text, seed) in enumerate(finding.seeds.items()):
        run = ds.sel(seed=[seed])
        response = findings.hidden(run).isel(seed=0)
        for column, shot in enumerate(shots):
            size = response.isel(snapshot=shot)
            upper, lower = axes[2 * row : 2 * row + 2, column]
            share = (size / size.max()).clip(norms[0].vmin).values
            ringed = affected(size, FRACTION).values
            couplings = run["coupling"].isel(seed=0, snapshot=shot).values
            top = lattice_map(upper, ds, share, norms[0], ringed, couplings, scale)
            low = lattice_map(lower, ds, felt.isel(seed=row, snapshot=shot).values, norms[1])
            if row == 0:
                upper.set_title(f"epoch {int(ds['snapshot'][shot])}")
        axes[2 * row, 0].set_ylabel(text)
    bars_of_rows = (
        (top, "response / largest"),
        (low, "change between\npatterns (rad)"),
        (top.axes.collections[0], "coupling $J$"),
        (low, "change between\npatterns (rad)"),
    )
    for row, (points, text) in zip(axes, bars_of_rows):
        figure.colorbar(points, ax=row, label=text, pad=0.01)
    letters(axes[:, 0], x=0.02)
    return figure


def _caption_maps(f: Maps) -> str:
    words = " and ".join(
        f"{100 * a:.0f} → {100 * b:.0f} % where it {text}" for text, (a, b) in f.share.items()
    )
    return (
        f"**Share of the hidden sites with at least {100 * FRACTION:.0f} % of the largest response "
        f"(ringed), before and after training: {words}.** {f.network}, inputs (triangles) at "
        f"distance {f.distance} from the output (square), {f.budget}. (a, c) Lines: couplings; "
        f"sites: rms nudge response over the largest of a hidden site. (b, d) rms change of the "
        f"phases between patterns. One seed each: an illustration."
    )


def _draw_decay(tree: xr.DataTree, finding: Decay) -> Canvas:
    found = findings.lattices(tree)
    distances = sorted({int(one.traits["distance"]) for one in found})
    figure, axes = subplots(2, len(distances), height=4.4, squeeze=False, sharey="row")
    for upper, lower, distance in zip(*axes, distances):
        mine = [one for one in found if one.traits["distance"] == distance]
        for one in (mine[0], mine[-1]):
            _decay_lines(upper, one)
        for one in mine:
            style = look(one.traits, full=False)
            spread = quartiles(findings.far_response(one.ds).transpose("seed", "snapshot"), axis=0)
            band(
                lower, one.ds["snapshot"] + 1, spread, style, marker=style.marker, label=style.label
            )
        upper.set(yscale="log", xlabel="distance from output (lattice constants)")
        upper.set_title(f"inputs at distance {distance}")
        lower.set(xscale="log", yscale="log", xlabel="epoch + 1")
    axes[0, 0].set_ylabel("nudge response (rad per unit β)")
    axes[1, 0].set_ylabel("far response (rad per unit β)")
    for axis in axes[:, -1]:
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    letters(axes)
    return figure


def _decay_lines(axis: Axes, one: Lattice) -> None:
    """Response over distance before (thin, open) and after training."""
    profile, style = findings.by_distance(one.ds), look(one.traits, full=False)
    for shot, when, width in ((0, "before", 0.6), (-1, "after", 1.2)):
        spread = quartiles(profile.isel(snapshot=shot), axis=0)
        mark = {"marker": style.marker, "lw": width, "mfc": style.color if shot else "w"}
        text = f"{style.label}, {when}"
        band(axis, profile["output_distance"], spread, style, label=text, **mark)


def _caption_decay(f: Decay) -> str:
    few, many = (end(s for _, s in f.response) for end in (min, max))
    parts = [
        f"inputs at {d}, {shells(s)}: {a:.2g} → {b:.2g}"
        for (d, s), (a, b) in f.response.items()
        if s in (few, many)
    ]
    return (
        f"**Training lowers the far nudge response of {f.fallen} of {len(f.response)} lattices.** "
        f"Medians and quartiles of all {f.seeds} seeds. Above: hidden sites, before (open) and "
        f"after training. Below: mean from distance {f.far} on. Rad per unit β, before → after: "
        f"{'; '.join(parts)}."
    )


def _draw_regions(tree: xr.DataTree, finding: Regions) -> Canvas:
    figure, axes = subplots(1, 2, width=PAGE * 0.8, height=2.6, sharey=True)
    found = findings.lattices(tree)
    for axis, kind in zip(axes, (True, False)):
        for n in sorted({one.traits["shells"] for one in found}):
            mine = [one for one in found if one.traits["shells"] == n]
            parts = [findings.affected_share(one.ds).values[one.solved == kind] for one in mine]
            values, style = np.concatenate(parts), look(mine[0].traits, full=False)
            if len(values):
                epoch = mine[0].ds["snapshot"] + 1
                text = {"marker": style.marker, "label": f"{style.label} ({len(values)} runs)"}
                band(axis, epoch, quartiles(values, axis=0), style, **text)
        axis.set(xscale="log", xlabel="epoch + 1", ylim=(0, 1.02))
        axis.set_title("runs that solve XOR" if kind else "runs that do not")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    axes[0].set_ylabel("affected share of the hidden sites")
    letters(axes)
    return figure


def _caption_regions(f: Regions) -> str:
    (k, n), (m, of) = f.fell[True], f.fell[False]
    doubt = ""
    if f.verdict == OPEN:
        doubt = " What falls without success too does not show that learning divides the lattice."
    return (
        f"**The affected share of the hidden sites falls in {k} of {n} runs that solve XOR, and in "
        f"{m} of {of} that do not: {f.verdict}.** Affected: nudge response of at least "
        f"{100 * FRACTION:.0f} % of the largest of a hidden site. Medians and quartiles over seeds "
        f"and distances of the inputs.{doubt}"
    )


def _draw_skips(tree: xr.DataTree, finding: Skips) -> Canvas:
    ds = tree["skips"].to_dataset()
    figure, axes = subplots(1, 2, height=2.9)
    share, handles = ds["far_response"] / ds["output_response"], {}
    for place, (size, distance) in enumerate(finding.solved):
        mine = select(ds, size=size, distance=distance)
        names = mine["network"].values
        for k, name in enumerate(names):
            x = place + 0.15 * (k - (len(names) - 1) / 2)
            style = look(traits_of(mine, name), full=False)
            success(axes[0], x, solves(mine["test_solved"].sel(network=name)), **style.points)
            for shot, shift, face in ((0, -0.03, "w"), (-1, 0.03, style.color)):
                values = quartiles(share.sel(network=name).isel(snapshot=shot))
                bars(axes[1], x + shift, values, style, mfc=face)
            handles.setdefault(_kind(style, mine, name), Line2D([], [], **style.points))
    for axis in axes:
        text = [f"{s}×{s}, inputs\nat distance {d}" for s, d in finding.solved]
        axis.set_xticks(range(len(text)), text)
        axis.set_xlim(-0.5, len(text) - 0.5)
    axes[0].set(ylabel="share of seeds that solve XOR", ylim=(-0.03, 1.05))
    axes[1].set(yscale="log", ylabel="far / output response")
    handles |= {w: Line2D([], [], color="k", ls="", marker="o", mfc=c) for w, c in _WHEN.items()}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    letters(axes)
    return figure


_WHEN = {"before training": "w", "after": "k"}


def _kind(style: Any, ds: xr.Dataset, name: Any) -> str:
    """Legend of a network, the same for every size: as many random skips as regular ones."""
    traits = traits_of(ds, name)
    random = traits["skips"] and not traits["skip_range"]
    return f"{shells(traits['shells'])}, random skips" if random else style.label


def _caption_skips(f: Skips) -> str:
    lattices = "; ".join(
        f"{a.sum()} → {b.sum()} on {size}×{size} (p = {f.p[size, d]:.1g})"
        for (size, d), (a, b) in f.pairs.items()
    )
    few, most = (end(f.kept, key=lambda k: f.kept[k][1]) for end in (min, max))
    return (
        f"**Of {f.seeds} seeds, without → with regular skips of {f.skip_range}, so many solve XOR "
        f"{f.budget}: {lattices}.** (a) 95 % intervals; p: Fisher's exact test, Holm's correction. "
        f"Random skips are as many. (b) Mean response at hidden sites from {f.far} lattice "
        f"constants on, over the output's, β → 0; medians and quartiles. After training it is "
        f"smallest for {few} and largest for {most}: a description, not shown to be the cause."
    )


FIGURES = {
    "03_maps": Figure(_draw_maps, findings.maps, _caption_maps),
    "03_decay": Figure(_draw_decay, findings.decay, _caption_decay),
    "03_regions": Figure(_draw_regions, findings.regions, _caption_regions),
    "03_skips": Figure(_draw_skips, findings.skips, _caption_skips),
}
