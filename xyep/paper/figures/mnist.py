"""Figures of notebook 05: images on stacked lattices."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from ...responses import affected
from ..studies import response_size
from .measures import FRACTION, percent
from .style import COLORS, MARKERS, PAGE, architecture, in_order, label, letters, plain, subplots


def _nodes(tree):
    return {
        name: tree[name].to_dataset()
        for name in in_order(tree)
        if "test_accuracy" in tree[name] and not name.startswith("digits")
    }


def _wrong(ds, name):
    return 100 * (1 - ds[name])


def _groups(nodes):
    """Nodes drawn together: by channels, by sharing, by couplings within the lattice, dense ones."""
    plain = [n for n in nodes if n.startswith("lcl") and "shells" not in n]
    inner = [n for n in nodes if "shells" in n]
    shared = [n for n in nodes if n.startswith("conv")]
    dense = [n for n in nodes if n.startswith("layered")]
    one = plain[:1]
    return {
        "channels": plain,
        "within the lattice": one + inner,
        "sharing and dense layers": shared + dense,
    }


def curves(tree):
    """Validation error over epochs."""
    nodes = _nodes(tree)
    figure, axes = subplots(1, 3, sharey=True, height=2.5)
    for axis, (title, names) in zip(axes, _groups(nodes).items()):
        for k, name in enumerate(names):
            ds, kind = nodes[name], architecture(name)
            wrong = _wrong(ds, "validation_accuracy")
            same = [n for n in names if architecture(n) == kind]
            shade = 1.0 if len(same) == 1 else 0.35 + 0.65 * same.index(name) / (len(same) - 1)
            axis.fill_between(
                ds["epoch"],
                wrong.min("seed"),
                wrong.max("seed"),
                color=COLORS[kind],
                alpha=0.15 * shade,
                lw=0,
            )
            axis.plot(
                ds["epoch"],
                wrong.mean("seed"),
                color=COLORS[kind],
                alpha=shade,
                ls=("-", "--", ":", "-.")[k % 4],
                label=label(name),
            )
        axis.set(xlabel="epoch", yscale="log", title=title)
        plain(axis.yaxis)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axis.legend(fontsize="small")
    axes[0].set_ylabel("validation error (%)")
    letters(axes)
    first = next(iter(nodes.values()))
    one = _groups(nodes)["channels"][0]
    train, validation = (
        nodes[one]["accuracy"].isel(epoch=-1),
        nodes[one]["validation_accuracy"].isel(epoch=-1),
    )
    caption = (
        f"Share of validation images answered wrongly over training on {first.attrs['task']}, means and ranges of {first.sizes['seed']} "
        f"seeds: (a) locally connected hidden lattices with free couplings and 1 or more channels, (b) one channel with couplings "
        f"within the "
        f"hidden lattice, (c) shared couplings, and dense layers with as many hidden sites and with as many couplings as one channel. "
        f"In the "
        f"last epoch {label(one)} answers {percent(train)} of training images right while it learns them, and {percent(validation)} of "
        f"validation images after it."
    )
    return figure, caption


def over_couplings(tree):
    """Test error after the last epoch over the number of couplings and over their total length."""
    nodes = _nodes(tree)
    figure, axes = subplots(1, 2, sharey=True, height=2.7, width=PAGE)
    for name, ds in nodes.items():
        kind, wrong = architecture(name), _wrong(ds, "test_accuracy").values
        for axis, size in zip(axes, (ds.attrs["n_couplings"], ds.attrs["wire_length"])):
            spread = wrong.std(ddof=1) if len(wrong) > 1 else 0.0
            axis.errorbar(
                size,
                wrong.mean(),
                spread,
                fmt=MARKERS[kind],
                color=COLORS[kind],
                capsize=2,
                label=label(name),
            )
            # local and shared networks have as many couplings, and those of one channel nearly as many
            place = {"ha": "right" if name == "lcl_1" else "left", "textcoords": "offset points"}
            place["xytext"] = {"lcl_1": (-4, -2), "lcl_1_shells1": (3, -9)}.get(
                name, (4, -7 if kind == "lcl" else 3)
            )
            axis.annotate(
                _short(name), (size, wrong.mean()), fontsize="small", color=COLORS[kind], **place
            )
    for axis, text in zip(axes, ("couplings", "total length of couplings (input spacings)")):
        axis.set(xscale="log", yscale="log", xlabel=text)
        plain(axis.yaxis)
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xlim(left=0.7 * axis.get_xlim()[0])
    axes[0].set_ylabel("test error (%)")
    kinds = {
        "lcl": "local, free couplings",
        "conv": "local, shared couplings",
        "layered": "dense layers",
    }
    marks = [
        Line2D([], [], ls="", marker=MARKERS[k], color=COLORS[k], label=text)
        for k, text in kinds.items()
    ]
    axes[1].legend(handles=marks, loc="upper right", bbox_to_anchor=(1, 0.55))
    letters(axes)
    local = {n: ds for n, ds in nodes.items() if not n.startswith("layered")}
    dense = {n: ds for n, ds in nodes.items() if n.startswith("layered")}
    best, best_dense = (
        max(g, key=lambda n: float(g[n]["validation_accuracy"][:, -1].mean()))
        for g in (local, dense)
    )
    text = [
        f"{label(n)} {percent(nodes[n]['test_accuracy'])} ({nodes[n].attrs['n_couplings']:,} couplings, "
        f"{nodes[n].attrs['n_parameters']:,} "
        f"free, {float(nodes[n]['seconds'].median()):.0f} s)"
        for n in nodes
    ]
    few = [
        n
        for n in local
        if 4 * local[n].attrs["n_couplings"] <= dense[best_dense].attrs["n_couplings"]
    ]
    saving = ""
    if few:
        best_few = max(few, key=lambda n: float(local[n]["validation_accuracy"][:, -1].mean()))
        more = 100 * float(
            local[best_few]["test_accuracy"].mean() - dense[best_dense]["test_accuracy"].mean()
        )
        saving = f" With at most a quarter of its couplings, {label(best_few)} answers {more:+.2f} points more right."
    ratio = nodes[best].attrs["n_couplings"] / nodes[best_dense].attrs["n_couplings"]
    caption = (
        f"Test error after the last epoch over (a) the number of couplings and (b) their total length, means and standard deviations of "
        f"{next(iter(nodes.values())).sizes['seed']} seeds. Test accuracies, couplings, and median time of "
        f"a run on one core: {'; '.join(text)}. The best local network on validation images, {label(best)}, has "
        f"{ratio:.2f} times the couplings of the best dense one, {label(best_dense)}, and answers "
        f"{100 * float(local[best]['test_accuracy'].mean() - dense[best_dense]['test_accuracy'].mean()):+.2f} points more test images "
        f"right.{saving}"
    )
    return figure, caption


def _short(name):
    kind, number = name.split("_")[:2]
    if "shells" in name:
        return {"1": "SQ", "4": "4NSQ"}.get(name.rpartition("shells")[2], name)
    return f"{number}" if kind == "layered" else f"{number} ch"


def maps(tree):
    """Couplings and responses of the hidden lattice at several epochs."""
    nodes = {n: ds for n, ds in _nodes(tree).items() if "snapshot" in ds.dims}
    name = next(iter(nodes))
    run = nodes[name].isel(seed=0)
    hidden = np.flatnonzero(run["role"].values == "hidden")
    shots, side = run["snapshot"].values, int(np.sqrt(len(hidden)))
    to_inputs = run["role"].values[run["source"].values] == "input"
    strength = np.stack(
        [
            _rms_at(run["target"].values[to_inputs], c[to_inputs], run.sizes["site"])
            for c in run["coupling"].values
        ]
    )
    rows = {
        "coupling to inputs": strength[:, hidden],
        "nudge response (rad)": response_size(run).values[:, hidden],
        "rms change (rad)": run["pattern_response"].values[:, hidden],
    }
    figure, axes = subplots(3, len(shots), height=4.6, width=1.55 * len(shots) + 0.6)
    for number, (line, (text, values)) in enumerate(zip(axes, rows.items())):
        norm = (
            LogNorm(max(np.quantile(values, 0.1), values.max() * 1e-6), values.max())
            if "nudge" in text
            else Normalize(0, values.max())
        )
        for axis, value, shot in zip(line, values, shots):
            image = axis.imshow(value.reshape(side, side), norm=norm)
            axis.set(xticks=[], yticks=[])
            if number == 0:
                axis.set_title(f"epoch {shot}")
        figure.colorbar(image, ax=line, label=text, shrink=0.9, pad=0.02)
    letters(axes[:, 0])
    share = {}
    for n, ds in nodes.items():
        size = response_size(ds).isel(site=np.flatnonzero(ds["role"].values == "hidden"))
        share[n] = affected(size, FRACTION).mean("site").mean("seed").values
    text = "; ".join(
        f"{label(n)} {100 * s[0]:.0f} % → {100 * s[-1]:.0f} %" for n, s in share.items()
    )
    caption = (
        f"The hidden lattice of {label(name)} ({side}×{side} sites) at several epochs: (a) rms of the couplings of each site to its "
        f"window of inputs, "
        f"(b) rms nudge response, (c) rms change of the phase between training images. "
        f"Share of hidden sites in the affected region (nudge response at least {FRACTION:.0%} of the largest), before → "
        f"after training, means of {nodes[name].sizes['seed']} seeds: {text}."
    )
    return figure, caption


def _rms_at(site, values, n):
    return np.sqrt(np.bincount(site, values**2, n) / np.maximum(np.bincount(site, minlength=n), 1))


_SETTINGS = {
    "beta": "β",
    "learning_rate": "learning rate",
    "coupling_decay": "decay",
    "cost_scale": "scale of the cost",
}


def digits(tree):
    """Test error on 8×8 digits, and validation errors over the grids of settings."""
    small = {
        name: tree[name].to_dataset()
        for name in in_order(tree)
        if name.startswith("digits_") and "test_accuracy" in tree[name]
    }
    figure, axes = subplots(1, 2, height=2.9, gridspec_kw={"width_ratios": [1, 1.2]})
    for x, (name, ds) in enumerate(small.items()):
        kind, wrong = architecture(name), _wrong(ds, "test_accuracy").values
        axes[0].plot(
            np.full(len(wrong), x), wrong, MARKERS[kind], color=COLORS[kind], alpha=0.35, mew=0
        )
        axes[0].errorbar(
            x + 0.25,
            wrong.mean(),
            wrong.std(ddof=1),
            fmt=MARKERS[kind],
            color=COLORS[kind],
            capsize=2,
        )
    axes[0].set_xticks(
        range(len(small)), [label(n).replace(", ", "\n") for n in small], fontsize="small"
    )
    axes[0].set(
        ylabel="test error (%)", title="8×8 digits", xlim=(-0.5, len(small) - 0.3), ylim=(0, None)
    )
    ticks = []
    for node in ("tuning", "tuning_channels", "digits_tuning"):
        grid = tree[node]["validation_accuracy"]
        for name in in_order(grid["network"].values):
            wrong, y, kind = (
                100 * (1 - grid.sel(network=name).values.ravel()),
                len(ticks),
                architecture(name),
            )
            axes[1].plot(
                wrong, np.full(len(wrong), y), MARKERS[kind], color=COLORS[kind], alpha=0.35, mew=0
            )
            axes[1].plot(wrong.min(), y, MARKERS[kind], color=COLORS[kind], ms=5, mfc="none")
            ticks.append("digits: " * (node == "digits_tuning") + label(name))
    axes[1].set_yticks(range(len(ticks)), ticks)
    axes[1].invert_yaxis()
    axes[1].set(
        xlabel="validation error (%)",
        xscale="log",
        title="all settings tried; the chosen ones circled",
    )
    plain(axes[1].xaxis)
    letters(axes)
    first, tuning, own = next(iter(small.values())), tree["tuning"], tree["digits_tuning"]
    text = "; ".join(
        f"{label(n)} {percent(ds['test_accuracy'])} ({ds.attrs['n_couplings']:,} couplings)"
        for n, ds in small.items()
    )
    gain = {
        n: 100 * float(g.max() - g.median())
        for n, g in tuning["validation_accuracy"].groupby("network")
    }
    most = max(gain, key=gain.get)
    tried = [
        f"{node.attrs['epochs']} epochs on {node.attrs['task']} ({', '.join(_SETTINGS[d] for d in node['validation_accuracy'].dims[1:])})"
        for node in (tuning, own)
    ]
    caption = (
        f"(a) 8×8 digits with moved copies of the training images, test images mostly by other writers, last epoch, each of "
        f"{first.sizes['seed']} seeds, mean and standard deviation. Test accuracies: {text}. (b) Validation error with every "
        f"combination of "
        f"the settings that were tried, after {tried[0]} and {tried[1]}. On the former the chosen settings gain most over the median ones "
        f"for {label(most)}, {gain[most]:.1f} points."
    )
    return figure, caption


IMAGES = {"05_curves": curves, "05_couplings": over_couplings, "05_maps": maps, "05_digits": digits}
