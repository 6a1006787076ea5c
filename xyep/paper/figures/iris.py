"""Figures of notebook 04: Iris on networks of growing size."""

import numpy as np
from matplotlib.ticker import NullLocator

from .measures import wilson
from .style import (
    COLORS,
    COLUMN,
    MARKERS,
    architecture,
    in_order,
    label,
    lattice_size,
    letters,
    plain,
    shells,
    subplots,
)

TRAINED = 0.9  # test accuracy of a run that counts as trained

BARS = {"capsize": 1.5, "elinewidth": 0.8, "markersize": 4, "markeredgewidth": 0.8}

PLACEMENTS = {"beside": "inputs beside outputs", "edges": "inputs opposite outputs"}


def _nodes(tree):
    return {
        name: tree[name].to_dataset() for name in in_order(tree) if "test_accuracy" in tree[name]
    }


def _percent(ds, name="test_accuracy"):
    """Mean and standard error over runs, in per cent."""
    values = 100 * ds[name].values
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def _text(ds):
    return "{:.1f} ± {:.1f} %".format(*_percent(ds))


def _trained(ds):
    """(trained runs, runs)"""
    return int((ds["test_accuracy"] >= TRAINED).sum()), ds.sizes["seed"]


def long_label(name):
    """A network's name with the placement of its inputs and outputs."""
    place = PLACEMENTS.get(name.partition("_")[0])
    return f"{label(name)} ({place})" if place else label(name)


def _groups(nodes):
    """Panel title → architecture → names in order of size."""
    titles = {"all-to-all and layered": ("all_to_all", "layered")} | {
        f"lattice, {text}": (place,) for place, text in PLACEMENTS.items()
    }
    groups = {}
    for title, prefixes in titles.items():
        names = [n for n in nodes if n.startswith(prefixes) and "skips" not in n]
        groups[title] = {
            kind: [n for n in names if architecture(n) == kind]
            for kind in dict.fromkeys(map(architecture, names))
        }
    return groups


def _kind(kind):
    return shells(kind) if isinstance(kind, int) else kind.replace("_", "-")


def _over_sites(axis, nodes, names, value, **keywords):
    """Value, and the lengths of its bars below and above, over the number of sites."""
    middle, low, high = np.array([value(nodes[n]) for n in names]).T
    kind = architecture(names[0])
    aside = {"layered": 1.04, 1: 0.96, 4: 1.04}.get(
        kind, 1.0
    )  # so that bars do not hide each other
    sites = [aside * nodes[n].attrs["n_sites"] for n in names]
    style = {"marker": MARKERS[kind], "color": COLORS[kind], "label": _kind(kind)}
    axis.errorbar(sites, middle, [low, high], **BARS | style | keywords)


def _mean(ds):
    middle, error = _percent(ds)
    return middle, error, error


def _share(ds):
    k, n = _trained(ds)
    low, high = wilson(k, n)
    return 100 * k / n, 100 * (k / n - low), 100 * (high - k / n)


def _sites_axes(axes):
    for axis in axes:
        axis.set(xscale="log", xlabel="sites")
        plain(axis.xaxis)


def over_size(tree):
    """Accuracy and share of trained runs over the number of sites."""
    nodes = _nodes(tree)
    groups = _groups(nodes)
    figure, axes = subplots(2, 3, sharex=True, sharey="row", height=3.9)
    for column, (title, kinds) in zip(axes.T, groups.items()):
        for kind, names in kinds.items():
            _over_sites(column[0], nodes, names, _mean)
            train = [100 * nodes[n]["accuracy"][:, -1].mean() for n in names]
            column[0].plot(
                [nodes[n].attrs["n_sites"] for n in names], train, ":", color=COLORS[kind], lw=1
            )
            _over_sites(column[1], nodes, names, _share)
        column[0].set_title(title)
    for axis in axes[0]:
        axis.axhline(100 / 3, color="0.7", lw=0.6, zorder=0)
    for axis in axes[1, :2]:  # the third has the same lattices as the second
        axis.legend(loc="lower left")
    _sites_axes(axes[1])
    axes[0, 0].set(ylabel="accuracy (%)", ylim=(25, 101))
    axes[1, 0].set(ylabel="trained runs (%)", ylim=(-4, 104))
    letters(axes, x=-0.08)
    dense, beside, edges = groups.values()
    spread = ["{:.1f} to {:.1f} %".format(*_range(nodes, kinds)) for kinds in (dense, beside)]
    fall = [
        f"{shells(kind)} {_text(nodes[names[0]])} → {_text(nodes[names[-1]])}"
        for kind, names in edges.items()
    ]
    reach = [f"{shells(kind)} {_reach(nodes, names)}" for kind, names in edges.items()]
    first, last = (next(iter(edges.values()))[k] for k in (0, -1))
    caption = (
        f"Iris over the size of the network, after {nodes[first].attrs['training']['epochs']} epochs: (a–c) accuracy on test flowers "
        f"(markers: means and standard errors of {_trained(nodes[first])[1]} runs over folds and seeds) and on training flowers "
        f"(dotted); the "
        f"grey line is guessing. (d–f) Share of trained runs, with a test accuracy of at least {TRAINED:.0%}, and 95 % Wilson "
        f"intervals. From "
        f"the worst to the best size and kind, dense networks answer {spread[0]} of test flowers right, lattices with inputs beside "
        f"outputs "
        f"{spread[1]}. With inputs and outputs on opposite edges, test accuracy goes from {_square(first)} to {_square(last)} sites as "
        f"follows: {'; '.join(fall)}. There at least half of the runs are trained: {'; '.join(reach)}."
    )
    return figure, caption


def _range(nodes, kinds):
    means = [_percent(nodes[n])[0] for names in kinds.values() for n in names]
    return min(means), max(means)


def _square(name):
    return f"{lattice_size(name)}×{lattice_size(name)}"


def _reach(nodes, names):
    """The lattices at least half of whose runs are trained, as text."""
    reached = [n for n in names if 2 * _trained(nodes[n])[0] >= _trained(nodes[n])[1]]
    alone = reached == names[: len(reached)]
    return (
        "at no size"
        if not reached
        else f"up to {_square(reached[-1])}"
        if alone
        else "at " + ", ".join(map(_square, reached))
    )


def best_pair(nodes):
    """The lattice and the all-to-all network that are best on validation flowers; their difference on test flowers, run by run, in %."""
    lattices, dense = (
        [n for n in nodes if kind in n and "skips" not in n] for kind in ("square", "all_to_all")
    )
    best = [
        max(group, key=lambda n: float(nodes[n]["validation_accuracy"][:, -1].mean()))
        for group in (lattices, dense)
    ]
    return *best, 100 * np.subtract(*(nodes[n]["test_accuracy"].values for n in best))


def over_couplings(tree):
    """Test error over the number of couplings."""
    nodes = _nodes(tree)
    figure, axis = subplots(width=COLUMN, height=2.9)
    for title, kinds in _groups(nodes).items():
        far = title.endswith(PLACEMENTS["edges"])
        for kind, names in kinds.items():
            right, error = np.array([_percent(nodes[n]) for n in names]).T
            text = None if far else _kind(kind)
            style = {
                "fmt": f"{':' if far else '-'}{MARKERS[kind]}",
                "color": COLORS[kind],
                "lw": 0.8,
                "label": text,
            }
            style |= {"mfc": "white"} if far else {}
            axis.errorbar(
                [nodes[n].attrs["n_couplings"] for n in names], 100 - right, error, **BARS | style
            )
    axis.plot([], [], "o:", color="0.4", mfc="white", lw=0.8, label="opposite edges")
    axis.set(
        xscale="log", yscale="log", xlabel="couplings", ylabel="test error (%)", ylim=(1.8, 80)
    )
    plain(axis.yaxis)
    figure.legend(loc="outside upper center", ncols=3, fontsize="small")
    best, best_dense, difference = best_pair(nodes)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    deficit = -difference.mean()
    verdict = (
        "at least as many"
        if deficit <= 0
        else f"fewer, {'but' if deficit <= error else 'and not'} within one standard error"
    )
    caption = (
        f"Test error on Iris over the number of couplings, means and standard errors of {len(difference)} runs over folds and seeds; "
        f"filled "
        f"markers: dense networks, and lattices with inputs beside outputs; open ones: lattices with inputs and outputs on opposite "
        f"edges. The "
        f"best lattice on validation flowers, {long_label(best)}, {nodes[best].attrs['n_couplings']} couplings, answers "
        f"{_text(nodes[best])} of "
        f"test flowers right; the best all-to-all network, {label(best_dense)}, {nodes[best_dense].attrs['n_couplings']} couplings, "
        f"{_text(nodes[best_dense])}. The difference, run by run on the same folds, is {difference.mean():+.1f} ± {error:.1f} points: "
        f"the lattice "
        f"answers {verdict}."
    )
    return figure, caption


def sweeps(tree):
    """Sweeps to equilibrium before and after training over the number of sites."""
    nodes = _nodes(tree)
    groups = _groups(nodes)
    figure, axes = subplots(1, 3, sharex=True, sharey=True, height=2.5)
    for axis, (title, kinds) in zip(axes, groups.items()):
        for names in kinds.values():
            for shot, style in enumerate(({"ls": ":", "mfc": "white", "label": None}, {})):
                _over_sites(
                    axis,
                    nodes,
                    names,
                    lambda ds, shot=shot: _quartiles(ds["free_sweeps"][:, shot]),
                    **style,
                )
        axis.set(title=title, yscale="log")
        plain(axis.yaxis)
        axis.legend(loc="upper left")
    _sites_axes(axes)
    axes[0].set_ylabel("sweeps to equilibrium")
    letters(axes, x=-0.08)
    text = []
    for title, kinds in groups.items():
        grown = []
        for kind, names in kinds.items():
            first, last = (
                np.median(nodes[n]["free_sweeps"], axis=0) for n in (names[0], names[-1])
            )
            sites = "{} → {} sites".format(
                *(nodes[n].attrs["n_sites"] for n in (names[0], names[-1]))
            )
            grown.append(
                f"{_kind(kind)} ({sites}) {first[0]:.0f} → {last[0]:.0f} before and {first[1]:.0f} → {last[1]:.0f} after training"
            )
        text.append(f"{title}: {'; '.join(grown)}")
    short = sum(int(ds["free_unconverged"].sum()) for ds in nodes.values())
    caption = (
        "Sweeps from a random initial state to the free equilibrium (residual below 1e-6), before (open markers) and after training "
        "(filled), "
        f"medians and quartiles over runs of each run's mean over test flowers. From the smallest to the largest network they change so. "
        f"{'. '.join(t[0].upper() + t[1:] for t in text)}. Relaxations not at rest after the largest number of sweeps: {short}."
    )
    return figure, caption


def _quartiles(values):
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return middle, middle - low, high - middle


def skips(tree):
    """Test accuracy over the number of couplings added to a lattice with nearest neighbours, as long skips or as further shells."""
    nodes = _nodes(tree)
    long = [n for n in nodes if "skips" in n]
    size, place = lattice_size(long[0]), long[0].partition("_shells")[0]
    near = [n for n in nodes if n.startswith(f"{place}_shells") and "skips" not in n]
    bare = nodes[near[0]]
    added = {n: nodes[n].attrs["n_couplings"] - bare.attrs["n_couplings"] for n in near + long}
    figure, axes = subplots(1, 2, width=5.2, height=2.4)
    for axis, value in zip(axes, (_mean, _share)):
        for n in near:
            kind, (middle, low, high) = architecture(n), value(nodes[n])
            style = {
                "fmt": MARKERS[kind],
                "color": COLORS[kind],
                "label": shells(kind),
                "zorder": 3,
            }
            axis.errorbar(added[n], middle, [[low], [high]], **BARS | style)
        middle, low, high = np.array([value(nodes[n]) for n in near[:1] + long]).T
        style = {"fmt": f"{MARKERS['random']}-", "color": COLORS["random"], "label": "random skips"}
        axis.errorbar([added[n] for n in near[:1] + long], middle, [low, high], **BARS | style)
        axis.set_xscale("symlog", linthresh=5)
        axis.set(xlabel="couplings added", xlim=(-1, None), xticks=[0, 5, 20, 100, 400])
        axis.xaxis.set_major_formatter("{x:.0f}")
        axis.xaxis.set_minor_locator(NullLocator())
    axes[0].set(ylabel="test accuracy (%)", ylim=(25, 101))
    axes[1].set(ylabel="trained runs (%)", ylim=(-4, 104))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    letters(axes, x=-0.12)
    rows = "; ".join(f"{added[n]} skips {_text(nodes[n])}" for n in long)
    more = "; ".join(
        f"{shells(architecture(n))} ({added[n]} added) {_text(nodes[n])}" for n in near[1:]
    )
    best = max(long, key=lambda n: _percent(nodes[n])[0])
    gain = _percent(nodes[best])[0] - _percent(bare)[0]
    caption = (
        f"The {size}×{size} lattice with inputs and outputs on opposite edges, over the number of couplings added to those between "
        f"nearest neighbours: "
        f"(a) test accuracy, means and standard errors of {bare.sizes['seed']} runs, (b) share of runs with at least {TRAINED:.0%}, 95 % "
        f"Wilson intervals. Nearest neighbours alone: {_text(bare)}. Random skips between any two sites, drawn anew in each run: "
        f"{rows}. Further "
        f"shells: {more}. The most accurate of the former, {added[best]} skips, change the accuracy by {gain:+.1f} points."
    )
    return figure, caption


IRIS = {
    "04_size": over_size,
    "04_couplings": over_couplings,
    "04_sweeps": sweeps,
    "04_skips": skips,
}
