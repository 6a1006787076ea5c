"""Figures of notebook 03: couplings and responses of lattices."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from ...responses import affected
from ..studies import by_distance, response_size
from .measures import FRACTION, p_value, solves
from .style import (
    COLORS,
    DIVERGING,
    MARKERS,
    PAGE,
    architecture,
    in_order,
    label,
    letters,
    subplots,
    success,
)


def _ensembles(tree):
    return {
        name: tree[name].to_dataset() for name in in_order(tree) if "nudge_response" in tree[name]
    }


def lattice_map(axis, ds, values, norm, couplings=None, coupling_norm=None):
    """Sites coloured by `values`; couplings, if given, as lines. Inputs are triangles, outputs squares."""
    x, y = ds["x"].values, ds["y"].values
    if couplings is not None:
        ends = np.stack(
            [np.stack([x[k], y[k]], -1) for k in (ds["source"].values, ds["target"].values)], 1
        )
        order = np.argsort(np.abs(couplings))
        width = 0.2 + 1.2 * np.abs(couplings[order]) / coupling_norm.vmax
        axis.add_collection(
            LineCollection(
                ends[order],
                array=couplings[order],
                cmap=DIVERGING,
                norm=coupling_norm,
                linewidths=width,
                zorder=1,
            )
        )
    for role, marker, size in (("hidden", "o", 18), ("input", "^", 34), ("output", "s", 30)):
        keep = ds["role"].values == role
        edge = {"edgecolors": "k", "linewidths": 0.3 if role == "hidden" else 0.9}
        if role == "input":  # clamped: it does not respond
            axis.scatter(x[keep], y[keep], size, "w", marker=marker, zorder=2, **edge)
        else:
            points = axis.scatter(
                x[keep], y[keep], size, values[keep], marker=marker, norm=norm, zorder=2, **edge
            )
    axis.set(aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.margins(0.08)
    return points


def _maps(tree, success):
    """Node and seed that stand for success or failure: of the largest distance at which some seeds succeed and some fail."""
    best = None
    for name, ds in _ensembles(tree).items():
        solved = solves(ds)
        if solved.any() and not solved.all():
            best = max(
                best or (-1, ""), (ds.attrs["input_distance"] * 10 + ds.attrs["shells"], name)
            )
    name = best[1] if best else next(iter(_ensembles(tree)))
    ds = tree[name].to_dataset()
    chosen = np.flatnonzero(solves(ds) == success)
    return name, ds, int(chosen[0]) if len(chosen) else 0


def _map_figure(tree, success):
    name, ds, k = _maps(tree, success)
    run = ds.isel(seed=k)
    shots = run["snapshot"].values[
        np.unique(np.linspace(0, run.sizes["snapshot"] - 1, 4).round().astype(int))
    ]
    nudge, felt = (
        response_size(ds).isel(seed=k),
        run["pattern_response"].where(run["role"] != "input"),
    )
    figure, axes = subplots(2, len(shots), width=PAGE, height=3.9)
    scale = Normalize(-np.abs(run["coupling"]).max(), np.abs(run["coupling"]).max())
    nudge_norm = LogNorm(max(float(nudge.max()) * 1e-3, 1e-6), float(nudge.max()))
    for column, shot in enumerate(shots):
        couplings = run["coupling"].sel(snapshot=shot).values
        top = lattice_map(
            axes[0, column],
            ds,
            np.clip(nudge.sel(snapshot=shot).values, nudge_norm.vmin, None),
            nudge_norm,
            couplings,
            scale,
        )
        low = lattice_map(
            axes[1, column], ds, felt.sel(snapshot=shot).values, Normalize(0, float(felt.max()))
        )
        axes[0, column].set_title(f"epoch {shot}")
    figure.colorbar(top, ax=axes[0], label="rms nudge response (rad)", shrink=0.9, pad=0.01)
    figure.colorbar(
        low, ax=axes[1], label="rms change between patterns (rad)", shrink=0.9, pad=0.01
    )
    letters(axes[:, 0], x=0.02)
    size = nudge.isel(snapshot=[0, -1]).where(ds["role"] != "input")
    share = affected(size, FRACTION).sum("site") / int((ds["role"] != "input").sum())
    kept = "solves" if solves(ds)[k] else "does not solve"
    caption = (
        f"A {label(name.partition('_')[2])} lattice, inputs (triangles) at distance {ds.attrs['input_distance']} from the output (square), "
        f"seed {int(run['seed'])}, that {kept} XOR. (a) Sites: rms nudge response over the patterns; lines: couplings, red positive, "
        f"blue negative, up to |J| = {scale.vmax:.1f}. (b) rms change of the phases between patterns. The affected region (at least "
        f"{FRACTION:.0%} of the largest nudge response) holds {float(share[0]):.0%} of the free sites before training and "
        f"{float(share[1]):.0%} after."
    )
    return figure, caption


def maps_success(tree):
    """Couplings and responses over training of a lattice that succeeds."""
    return _map_figure(tree, True)


def maps_failure(tree):
    """The same for a lattice that fails."""
    return _map_figure(tree, False)


def _largest(tree):
    nodes = _ensembles(tree)
    distances = sorted({ds.attrs["input_distance"] for ds in nodes.values()})
    return nodes, distances


def decay(tree):
    """Nudge response over the distance from the output, before and after training."""
    nodes, distances = _largest(tree)
    figure, axes = subplots(
        1, len(distances) + 1, height=2.3, gridspec_kw={"width_ratios": [1] * len(distances) + [1]}
    )
    ratio = {}
    for axis, d in zip(axes, distances):
        for ds in nodes.values():
            if ds.attrs["input_distance"] != d:
                continue
            shells = ds.attrs["shells"]
            profile = by_distance(response_size(ds), ds)
            for shot, style in ((0, ":"), (-1, "-")):
                middle = profile.isel(snapshot=shot).median("seed")
                text = f"{shells} shell{'s' * (shells > 1)}" if shot else None
                axis.semilogy(
                    middle["output_distance"], middle, style, color=COLORS[shells], label=text
                )
            far = profile.where(profile["output_distance"] >= 3, drop=True).mean("output_distance")
            ratio[d, shells] = far.median("seed")
        axis.set(
            xlabel="distance from output\n(lattice constants)", title=f"inputs at distance {d}"
        )
    axes[0].set_ylabel("rms nudge response (rad)")
    styles = [
        Line2D([], [], color="k", ls=":", label="before"),
        Line2D([], [], color="k", label="after training"),
    ]
    axes[len(distances) - 1].legend(handles=styles, loc="lower left")
    for axis in axes[1:-1]:
        axis.sharey(axes[0])
    d = distances[0]
    for shells in sorted({s for _, s in ratio}):
        values = ratio[d, shells]
        axes[-1].plot(
            values["snapshot"] + 1,
            values,
            "o-",
            color=COLORS[shells],
            label=f"{shells} shell{'s' * (shells > 1)}",
        )
    axes[-1].legend(fontsize="small", loc="lower left")
    axes[-1].set(
        xscale="log",
        yscale="log",
        xlabel="epoch + 1",
        ylabel="response at distance ≥ 3 (rad)",
        title=f"inputs at distance {d}",
    )
    letters(axes)
    few, many = min(s for _, s in ratio), max(s for _, s in ratio)
    text = "; ".join(
        f"inputs at {d}: {float(ratio[d, few][0]):.2g} → {float(ratio[d, few][-1]):.2g} with {few} shell, "
        f"{float(ratio[d, many][0]):.2g} → {float(ratio[d, many][-1]):.2g} with {many}"
        for d in distances
    )
    caption = (
        f"Nudge response (rms over patterns, median over {next(iter(nodes.values())).sizes['seed']} seeds) over the distance from the "
        f"output, "
        f"before (dotted) and after training, and over training beyond a distance of 3. Before → after, in rad: {text}."
    )
    return figure, caption


def regions(tree):
    """Share of the lattice in the affected region over training, for runs that succeed and that fail."""
    nodes, distances = _largest(tree)
    figure, axes = subplots(1, 2, width=PAGE * 0.7, height=2.4, sharey=True)
    groups = {True: {}, False: {}}
    for ds in nodes.values():
        free = ds["role"] != "input"
        share = affected(response_size(ds).where(free), FRACTION).sum("site") / int(free.sum())
        for kind in groups:
            keep = solves(ds) == kind
            if keep.any():
                groups[kind].setdefault(ds.attrs["shells"], []).append(share.isel(seed=keep))
    ends = {}
    for axis, (kind, found) in zip(axes, groups.items()):
        for shells, parts in sorted(found.items()):
            values = np.concatenate([p.values for p in parts])
            shots = parts[0]["snapshot"].values
            low, middle, high = (np.quantile(values, q, axis=0) for q in (0.25, 0.5, 0.75))
            axis.fill_between(shots + 1, low, high, color=COLORS[shells], alpha=0.12, lw=0)
            axis.plot(
                shots + 1,
                middle,
                "o-",
                color=COLORS[shells],
                label=f"{shells} shell{'s' * (shells > 1)}",
            )
            ends[kind, shells] = (middle[0], middle[-1], len(values))
        axis.set(
            xscale="log",
            xlabel="epoch + 1",
            title="runs that solve XOR" if kind else "runs that do not",
            ylim=(0, 1.02),
        )
    axes[0].set_ylabel("affected share of the lattice")
    axes[1].legend(
        *axes[bool(groups[False]) * 1].get_legend_handles_labels(),
        fontsize="small",
        loc="center left",
        bbox_to_anchor=(1, 0.5),
    )
    letters(axes)
    text = {
        kind: ", ".join(
            f"{100 * a:.0f} → {100 * b:.0f} % ({s}; {n} runs)"
            for (k, s), (a, b, n) in sorted(ends.items())
            if k == kind
        )
        or "no run"
        for kind in groups
    }
    caption = (
        f"Affected region: free sites whose nudge response is at least {FRACTION:.0%} of the largest; the rest is marginal. Medians and "
        f"quartiles over runs with inputs at distances {', '.join(map(str, distances))}. Before → after training, by shells in brackets: "
        f"runs that "
        f"solve XOR {text[True]}; runs that do not {text[False]}."
    )
    return figure, caption


def _quartiles(axis, x, values, **keywords):
    """Median over seeds with quartiles; returns the median."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    axis.errorbar(x, middle, [[middle - low], [high - middle]], capsize=2, **keywords)
    return middle


def skips(tree):
    """Success, and far nudge response before and after training, of lattices with and without skip couplings."""
    ds = tree["skips"].to_dataset()
    figure, axes = subplots(1, 3, height=2.5)
    names, places = list(ds["network"].values), range(ds.sizes["placement"])
    share = ds["far_response"] / ds["output_response"]
    solved, kept = {}, {}
    for p in places:
        for k, name in enumerate(names):
            kind, x, at = (
                architecture(name),
                p + 0.15 * (k - (len(names) - 1) / 2),
                {"placement": p, "network": k},
            )
            color = {"color": COLORS[kind], "fmt": MARKERS[kind]}
            solved[p, name] = success(
                axes[0], x, solves(ds.isel(at)), label=label(name) if p == 0 else None, **color
            )
            for axis, values in zip(axes[1:], (ds["far_response"], share)):
                values = values.isel(at)
                before = _quartiles(axis, x - 0.03, values[:, 0], mfc="w", **color)
                after = _quartiles(axis, x + 0.03, values[:, -1], **color)
                kept.setdefault((p, name), []).append((before, after))
    text = [
        f"{s}×{s}, inputs\nat distance {d}"
        for s, d in zip(ds["lattice_size"].values, ds["input_distance"].values)
    ]
    for axis in axes:
        axis.set_xticks(places, text)
        axis.set_xlim(-0.5, len(places) - 0.5)
    axes[0].set(ylabel="probability of solving XOR", ylim=(-0.03, 1.05))
    axes[1].set(yscale="log", ylabel="far nudge response (rad)")
    axes[2].set(yscale="log", ylabel="far / output response")
    for axis in axes[1:]:
        axis.yaxis.set_minor_formatter(NullFormatter())
    handles, texts = axes[0].get_legend_handles_labels()
    handles += [Line2D([], [], color="k", ls="", marker="o", mfc=c) for c in ("w", "k")]
    figure.legend(
        handles,
        [*texts, "before", "after training"],
        loc="outside lower center",
        ncol=len(handles),
        columnspacing=1.2,
    )
    letters(axes)
    return figure, _skips_caption(ds, names, solved, kept)


def _skips_caption(ds, names, solved, kept):
    n, last = ds.sizes["seed"], ds.sizes["placement"] - 1
    regular = next(name for name in names if architecture(name) == "skip")
    lattices = []
    for p, (size, d) in enumerate(zip(ds["lattice_size"].values, ds["input_distance"].values)):
        each = [
            f"{label(name)} ({int(ds['n_couplings'][p, k])} couplings) {solved[p, name]}"
            for k, name in enumerate(names)
        ]
        lattices.append(f"{size}×{size} with inputs at distance {d}: {', '.join(each)}")
    tests = []
    for p, size in enumerate(ds["lattice_size"].values):
        few, skip = (solves(ds.isel(placement=p), network=name) for name in (names[0], regular))
        value = p_value(few, skip)
        verdict = (
            ("helps" if skip.sum() > few.sum() else "is worse")
            if value < 0.05
            else "makes no significant difference"
        )
        tests.append(
            f"{verdict} on the {size}×{size} lattice (p = {value:.1g}, Fisher's exact test)"
        )
    rad, share = (
        "; ".join(
            f"{label(m)} {kept[last, m][k][0]:.2g} → {kept[last, m][k][1]:.2g}" for m in names
        )
        for k in (0, 1)
    )
    gain = kept[last, regular][1][1] / kept[last, names[0]][1][1]
    strongest = max(names, key=lambda m: kept[last, m][1][1])
    best = max(names, key=lambda m: int(solved[last, m].partition("/")[0]))
    end = (
        "which is also the one that solves XOR most often."
        if strongest == best
        else f"but {label(best)} solves XOR most often."
    )
    return (
        f"(a) Seeds that solve XOR, with 95 % Wilson intervals; {'. '.join(lattices)}. Adding skips of {ds.attrs['skip_range']} to nearest "
        f"neighbours {' and '.join(tests)}. (b) Nudge response (rms over patterns, β → 0, mean over sites at least {ds.attrs['far']} from "
        f"the output, median and quartiles of {n} seeds) before (open) and after training; on the last lattice, in rad: {rad}. "
        f"An output that has its target is no longer pulled, so (c) shows it relative to that of the output: {share}. After training, "
        f"skips "
        f"transmit {gain:.1f} times the share that nearest neighbours alone do. The largest share is kept by {label(strongest)}, {end}"
    )


RESPONSES = {
    "03_maps_success": maps_success,
    "03_maps_failure": maps_failure,
    "03_decay": decay,
    "03_regions": regions,
    "03_skips": skips,
}
