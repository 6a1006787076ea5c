"""A picture of a network: its sites where they lie, its couplings as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from .checks import check_array

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .network import Network

#: Where a site at height z is drawn: to the right and above of one at height 0.
SLANT = np.array([0.45, 0.3])
#: The same for the layers of a stack, in units of their own height.
LIFT = np.array([0.25, 1.2])
MARKERS = {"input": "s", "hidden": "o", "output": "D"}


def flat(net: Network, vectors: np.ndarray) -> np.ndarray:
    """(…, 3) coordinates seen at a slant, (…, 2); layers are lifted clear of each other."""
    stack = net.layer.any() and net.positions[:, 2].any()
    slant = LIFT * max(1.0, float(np.ptp(net.positions[:, 1]))) if stack else SLANT
    return vectors[..., :2] + vectors[..., 2:] * slant


def places(net: Network) -> np.ndarray:
    """(site, 2) where sites are drawn; those on a line go on a circle, or couplings would hide."""
    if not net.positions[:, 1:].any() and not len(net.periods):
        angle = 2 * np.pi * np.argsort(np.argsort(net.positions[:, 0], kind="stable")) / net.n_sites
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return flat(net, net.positions)


def steps(net: Network, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(coupling, 2) from one end to the other, and (coupling,) whether that is around a border."""
    i, j = net.edges.T
    step = place[j] - place[i]
    if not len(net.periods):
        return step, np.zeros(net.n_couplings, bool)
    nearest = flat(net, net.displacements(i, j))
    return nearest, np.abs(nearest - step).max(axis=1, initial=0) > 1e-9


def marker_size(ax: Axes, place: np.ndarray) -> float:
    """Area in points² of the markers: half as wide as the smallest gap between sites."""
    apart = np.unique(place.round(6), axis=0)
    if len(apart) < 2:
        return 60.0
    gap = cKDTree(apart).query(apart, 2)[0][:, 1].min()
    box = ax.get_window_extent()
    extent = np.maximum(np.ptp(apart, axis=0), 1e-9) * 1.1
    scale = min(box.width / extent[0], box.height / extent[1]) * 72 / ax.figure.dpi
    return float(np.clip((0.5 * gap * scale) ** 2 / 1.8, 1.0, 60.0))


def draw(
    net: Network,
    ax: Axes | None = None,
    couplings: ArrayLike | None = None,
    sites: ArrayLike | None = None,
) -> Axes:
    """See `Network.plot`."""
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
        from matplotlib.collections import LineCollection
    except ImportError:
        raise ImportError("plot: matplotlib is needed; pip install matplotlib") from None
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax: found {type(ax).__name__}; matplotlib Axes are needed")
    if couplings is not None:
        couplings = check_array("couplings", couplings, (net.n_couplings,))
    if sites is not None:
        sites = check_array("sites", sites, (net.n_sites,))
    ax = plt.subplots()[1] if ax is None else ax
    place, (i, j) = places(net), net.edges.T
    step, around = steps(net, place)

    # a coupling around the border is drawn as two dashed halves that leave the picture
    ends = [np.stack([place[i], place[i] + step], axis=1)[~around]]
    ends += [np.stack([place[i], place[i] + step / 2], axis=1)[around]]
    ends += [np.stack([place[j], place[j] - step / 2], axis=1)[around]]
    values = None
    if couplings is not None:
        values = [couplings[~around], couplings[around], couplings[around]]
    largest = max(np.abs(couplings).max(initial=0), 1e-300) if couplings is not None else 1.0
    for k, (lines, style) in enumerate(
        ((ends[0], "solid"), (np.concatenate(ends[1:]), (0, (1.5, 1.5))))
    ):
        if not len(lines):
            continue
        thin = min(1.0, 30.0 / np.sqrt(net.n_couplings))
        collection = LineCollection(list(lines), linestyles=[style], zorder=1)
        if values is None:
            collection.set(color="0.65", linewidth=thin)
        else:
            shown = values[0] if k == 0 else np.concatenate(values[1:])
            collection.set(array=shown, cmap="RdBu_r", clim=(-largest, largest))
            collection.set_linewidth(0.3 + 3.2 * np.abs(shown) / largest)
        ax.add_collection(collection)

    size = marker_size(ax, place)
    limits = {} if sites is None else {"vmin": sites.min(), "vmax": sites.max()}
    for role, marker in MARKERS.items():
        which = net.role == role
        if not which.any():
            continue
        color = ("0.75" if size > 10 else "0.45") if role == "hidden" else "0.15"
        look: dict[str, Any] = {"color": color}
        if sites is not None:
            look = {"c": sites[which], "cmap": "viridis"} | limits
        x, y = place[which].T
        ax.scatter(
            x,
            y,
            s=size * (1.0 if role == "hidden" else 1.8),
            marker=marker,
            edgecolors="black",
            linewidths=0.5 if size > 10 else 0.0,
            label=role,
            zorder=2,
            **look,
        )
    ax.autoscale_view()
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax
