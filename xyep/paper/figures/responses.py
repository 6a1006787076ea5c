"""Figures of notebook 03: what travels through lattices that learn XOR."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from ..findings import responses as findings
from ..findings import skips
from ..findings.responses import BIC, CONTROLS, FRACTION, THRESHOLDS, Maps, Regions, Weakened
from ..findings.skips import ARMS, PREDICTORS, Cuts, Skips
from ..findings.statistics import count, p_text, quartiles
from .style import Figure, Look, band, letters, look, plain, subplots, success

#: States of a lattice: colours that no network has.
STATES = {
    "before": Look("#9E9AC8", "o", "--", CONTROLS["before"]),
    "after": Look("#54278F", "s", "-", "after training"),
    "noise": Look("#01665E", "^", "-.", CONTROLS["noise"]),
    "scrambled": Look("#BF9B30", "D", ":", CONTROLS["scrambled"]),
}
FAILS = Look("#54278F", "X", (0, (1, 1)), "after, XOR not solved")


def _draw_decay(tree: xr.DataTree, finding: Weakened) -> Canvas:
    ds = findings.responses_of(tree)
    names = ds["network"].values
    figure, axes = subplots(2, len(names), height=3.7, sharex=True, sharey="row", squeeze=False)
    for (top, low), network in zip(axes.T, names):
        one = ds.sel(network=network)
        for axis, what in ((top, "nudge_response"), (low, "input_response")):
            profile = findings.by_distance(one, what)
            for state, style in STATES.items():
                spread = quartiles(profile.sel(state=state), axis=0)
                spread = spread if state in ("before", "after") else (spread[1],) * 3
                keywords = {"marker": style.marker, "markevery": 2, "label": style.label}
                band(axis, profile["away"].values, spread, style, **keywords)
            axis.set_yscale("log")
            if what == "input_response":
                axis.axvline(int(one["distance"]), color="0.6", lw=0.6, zorder=0)
        top.set_title(findings.name_of(one))
    axes[0, 0].set_ylabel("nudge response (rad/rad)")
    axes[1, 0].set_ylabel("input response (rad/rad)")
    figure.supxlabel("distance from the output (lattice constants)", fontsize="medium")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(STATES)
    )
    letters(axes)
    return figure


def _caption_decay(f: Weakened) -> str:
    changes = {name: np.exp(change.mean) for name, change in f.changes.items()}
    ends = min(changes.values()), max(changes.values())
    return (
        f"**Training weakens the far nudge response in {f.fallen} of {len(changes)} lattices; what "
        f"is left of it is {ends[0]:.2f} to {ends[1]:.2f}.** Medians of {f.seeds} seeds, before "
        "and after with quartiles. (a–d) Movement of hidden sites for 1 rad of the nudged output, "
        "(e–h) for 1 rad of an input; grey: distance of the inputs. |J| moved: the couplings after "
        "training at other places, with random signs. Paired t-tests, Holm's correction."
    )


def _draw_maps(tree: xr.DataTree, finding: Maps) -> Canvas:
    one = findings.responses_of(tree).sel(network=finding.network)
    size = int(one["size"])
    response, role = findings.hidden(one), one["role"].values.reshape(size, size)
    columns = -(-len(finding.pictures) // 2)
    figure, axes = subplots(2, columns, width=1.65 * columns + 0.6, height=3.6, squeeze=False)
    order = [*finding.pictures[::2], *finding.pictures[1::2]]  # before above after
    for axis, picture in zip(axes.ravel(), order):
        values = response.sel(state=picture.state, seed=picture.seed).values.reshape(size, size)
        share = values / np.nanmax(values)
        image = axis.imshow(np.clip(share, 1e-3, 1), norm=LogNorm(1e-3, 1), origin="upper")
        inside = np.nan_to_num(share) >= FRACTION
        _border(axis, inside)
        for kind, marker in (("input", "^"), ("output", "s")):
            y, x = np.nonzero(role == kind)
            axis.plot(x, y, marker, color="w", mec="k", ms=5)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_title(picture.title, fontsize="small")
    for axis in axes.ravel()[len(order) :]:
        axis.remove()
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("nudge response / largest")
    letters(axes.ravel()[: len(order)])
    return figure


def _border(axis: Axes, inside: np.ndarray) -> None:
    """A line around the sites that are inside."""
    framed, ends = np.pad(inside, 1), []
    for y, x in np.argwhere(framed[:, :-1] != framed[:, 1:]):
        ends.append([(x - 0.5, y - 1.5), (x - 0.5, y - 0.5)])
    for y, x in np.argwhere(framed[:-1] != framed[1:]):
        ends.append([(x - 1.5, y - 0.5), (x - 0.5, y - 0.5)])
    for color, width in (("w", 2.0), ("k", 0.9)):
        axis.add_collection(
            LineCollection(ends, colors=color, linewidths=width, capstyle="round", clip_on=False)
        )


def _caption_maps(f: Maps) -> str:
    shares = {p.title: f"{100 * p.share:.0f} %" for p in f.pictures}
    words = "; ".join(f"{title}: {share}" for title, share in shares.items())
    return (
        f"**At a threshold of {100 * FRACTION:.0f} % a border can be drawn in every state, also "
        f"where nothing is learned.** {f.name}: nudge response of hidden sites over the largest; "
        f"triangles: inputs, square: output. Share of sites within the border: {words}. One run "
        "each; tests follow."
    )


def _draw_regions(tree: xr.DataTree, finding: Regions) -> Canvas:
    ds = findings.responses_of(tree)
    names = list(finding.two)
    figure, axes = subplots(
        2,
        len(names),
        height=3.9,
        sharey="row",
        squeeze=False,
        gridspec_kw={"height_ratios": [1, 1]},
    )
    for axis, name, network in zip(axes[1], names, ds["network"].values):
        one = ds.sel(network=network)
        for state, style in STATES.items():
            share = [
                findings.affected_share(one.sel(state=state), t).median("seed").item()
                for t in THRESHOLDS
            ]
            axis.plot(THRESHOLDS, share, color=style.color, ls=style.line)
        failed = ~finding.solved[name]
        if failed.sum() >= findings.ENOUGH:
            after = one.sel(state="after").isel(seed=np.flatnonzero(failed))
            share = [findings.affected_share(after, t).median("seed").item() for t in THRESHOLDS]
            axis.plot(THRESHOLDS, share, color=FAILS.color, ls=FAILS.line, lw=0.8)
        axis.axvline(FRACTION, color="0.7", lw=0.6, zorder=0)
        axis.set(xscale="log", ylim=(0, 1.02))
    for axis, name in zip(axes[0], names):
        two, solved = finding.two[name], finding.solved[name]
        shown = [(STATES[s], two[s]) for s in STATES]
        shown += [(FAILS, two["after"][~solved])] if (~solved).sum() >= findings.ENOUGH else []
        for x, (style, runs) in enumerate(shown):
            success(axis, x, runs, **style.points)
        axis.axhline(0.5, color="0.7", lw=0.6, zorder=0)
        axis.set(xticks=[], xlim=(-0.6, 4.6), ylim=(-0.03, 1.03), title=name)
    axes[0, 0].set_ylabel("runs with two populations")
    axes[1, 0].set_ylabel("affected share of sites")
    figure.supxlabel("threshold (share of the largest response)", fontsize="medium")
    handles = [
        Line2D([], [], color=s.color, marker=s.marker, ls=s.line, label=s.label)
        for s in (*STATES.values(), FAILS)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    letters(axes)
    return figure


def _caption_regions(f: Regions) -> str:
    shares = [100 * two["after"].mean() for two in f.two.values()]
    control, runs = max(
        ((text, two[c]) for two in f.two.values() for c, text in CONTROLS.items()),
        key=lambda item: item[1].mean(),
    )
    return (
        f"**Affected and marginal regions as two populations: {f.verdict}; {min(shares):.0f} to "
        f"{max(shares):.0f} % of the trained runs of a lattice show them.** (a–d) Runs in which "
        f"two Gaussians describe the log responses better than one (ΔBIC > {BIC:g}, peaks apart), "
        f"95 % intervals; most among controls: {control}, {count(runs)}. (e–h) Share of hidden "
        "sites above a threshold, medians: it falls smoothly."
    )


def _kind_style(kind: str) -> Look:
    traits = {"family": "lattice", "kind": "square", "shells": 1, "skip_range": 0, "skips": 0}
    if kind.isdigit():
        traits["skip_range"] = int(kind)
    return look(traits | {"skips": int(kind == "random")}, full=False)


def _draw_skips(tree: xr.DataTree, finding: Skips) -> Canvas:
    ds = skips.skips_of(tree)
    names = finding.predicted
    panels = 3 if names else 2
    figure, axes = subplots(
        1, panels, height=2.9, gridspec_kw={"width_ratios": [1, 1, 1.15][:panels]}
    )
    longer = finding.longer
    for n, (distance, solved) in enumerate(longer.solved.items()):
        shift = 0.16 * (n - (len(longer.solved) - 1) / 2)
        for x, (kind, runs) in enumerate(solved.items()):
            style = _kind_style(kind)
            fill = {"mfc": "w"} if n else {}
            success(axes[0], x + shift, runs, **style.points | fill)
            one = ds.isel(
                network=[
                    k
                    for k, name in enumerate(ds["network"].values)
                    if int(ds["distance"][k]) == distance
                    and skips.kind_of(ds.isel(network=k)) == kind
                ]
            ).isel(network=0)
            for shot, face in ((0, 0.25), (-1, 1.0)):
                low, middle, high = quartiles(one["far_response"].isel(snapshot=shot))
                keywords = style.points | fill | {"alpha": face, "capsize": 2}
                axes[1].errorbar(x + shift, middle, [[middle - low], [high - middle]], **keywords)
        text = f"inputs at distance {distance}"
        mfc = {"mfc": "w"} if n else {}
        axes[0].plot([], [], "<", color="0.3", label=text, **mfc)
    kinds = list(next(iter(longer.solved.values())))
    for axis in axes[:2]:
        axis.set_xticks(range(len(kinds)), kinds, rotation=0)
        axis.tick_params(axis="x", labelsize="x-small")
        axis.set_xlabel("range of the skips")
    axes[0].set(ylabel="share of seeds that solve XOR", ylim=(-0.03, 1.05))
    axes[0].legend(fontsize="x-small", loc="lower center", bbox_to_anchor=(0.55, 1.0))
    axes[1].set(yscale="log", ylabel="far nudge response (rad/rad)")
    plain(axes[1].yaxis)
    if names:
        _areas(axes[2], finding)
    letters(axes)
    return figure


def _areas(axis: Axes, finding: Skips) -> None:
    """How well responses tell which runs succeed, of each network with both outcomes."""
    names = finding.predicted
    for (what, areas), marker, shift in zip(finding.predicts.areas.items(), "oD", (-0.14, 0.14)):
        for y, a in enumerate(areas.values()):
            ends = [[a.auc - a.low], [a.high - a.auc]]
            axis.errorbar(
                a.auc,
                -y + shift,
                xerr=ends,
                marker=marker,
                color="0.2",
                capsize=2,
                ls="",
                mfc="w" if what == "signal" else "0.2",
            )
        mfc = "w" if what == "signal" else "0.2"
        axis.plot([], [], marker, color="0.2", mfc=mfc, label=PREDICTORS[what])
    axis.axvline(0.5, color="0.7", lw=0.6, zorder=0)
    axis.set_yticks(-np.arange(len(names)), names, fontsize="x-small")
    axis.set(xlim=(0, 1), xlabel="AUC for success")
    axis.legend(fontsize="x-small", loc="lower center", bbox_to_anchor=(0.55, 1.0), ncols=2)


def _caption_skips(f: Skips) -> str:
    longer, rising = f.longer, sum(f.longer.rising)
    p = ", ".join(f"{p_text(p)} at distance {d}" for d, p in longer.p.items())
    told = (
        f" (c) How well responses after {f.predicts.epoch} epochs tell which runs succeed, within "
        "a network."
    )
    return (
        f"**At {longer.couplings[1]} couplings, success rises with the range of the skips at "
        f"{rising} of {len(longer.p)} distances of the inputs.** (a) Success {longer.budget}; "
        f"trend over the range: {p}. (b) Mean response of far sites, medians and quartiles, before "
        f"(pale) and after.{told if f.predicted else ''} 95 % intervals."
    )


def _draw_cuts(tree: xr.DataTree, finding: Cuts) -> Canvas:
    figure, (left, right) = subplots(1, 2, width=5.6, height=2.6)
    markers = dict(zip(ARMS, "osD^v"))
    for x, (arm, runs) in enumerate(finding.solved.items()):
        cut = arm in ("carriers", "skips")
        style = {"color": "k" if cut else "0.45", "marker": markers[arm], "ls": ""}
        success(left, x, runs, **style | {"mfc": None if cut else "w"})
        low, middle, high = finding.left[arm]
        right.errorbar(
            x,
            middle,
            [[middle - low], [high - middle]],
            capsize=2,
            **style,
            mfc="k" if cut else "w",
        )
    words = ["\n".join(text.rsplit(" ", 1)) for text in ARMS.values()]
    for axis in (left, right):
        axis.set_xticks(range(len(words)), words, fontsize="x-small")
        axis.set_xlim(-0.5, len(words) - 0.5)
    left.set(ylabel="share of seeds that solve XOR", ylim=(-0.03, 1.05))
    right.axhline(1, color="0.7", lw=0.6, zorder=0)
    right.set(ylabel="far nudge response\nright after the cut / before", ylim=(0, None))
    letters((left, right))
    return figure


def _caption_cuts(f: Cuts) -> str:
    carriers, others = (f"{runs.sum()}" for runs in (f.solved["carriers"], f.solved["others"]))
    n = len(f.solved["others"])
    return (
        f"**After the {100 * f.share:.0f} % of the couplings that carry most of the nudge response "
        f"are cut, {carriers} of {n} seeds solve XOR; after as many others, {others}.** "
        f"{f.network[0].upper()}{f.network[1:]}; cut after {f.epoch} epochs, then trained on. "
        f"Mean |J| of carriers {f.size['carriers']:.2f}, of the others {f.size['others']:.2f}. "
        f"McNemar's test: {p_text(f.p['carriers'])}; skips against neighbours "
        f"{p_text(f.p['skips'])} (Holm). (a) 95 % intervals, (b) quartiles."
    )


FIGURES = {
    "03_decay": Figure(_draw_decay, findings.weakened, _caption_decay),
    "03_maps": Figure(_draw_maps, findings.maps, _caption_maps),
    "03_regions": Figure(_draw_regions, findings.regions, _caption_regions),
    "03_skips": Figure(_draw_skips, skips.skips, _caption_skips),
    "03_cuts": Figure(_draw_cuts, skips.cuts, _caption_cuts),
}
