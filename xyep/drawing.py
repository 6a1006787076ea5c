"""A picture of a network: its sites where they lie, its couplings as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .checks import check_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .network import Network

#: Where a site at height z is drawn: to the right and above of one at height 0.
SLANT = np.array([0.45, 0.3])
MARKERS = {"input": "s", "hidden": "o", "output": "D"}


def flat(vectors: np.ndarray) -> np.ndarray:
    """(…, 3) coordinates seen at a slant, (…, 2)."""
    return vectors[..., :2] + vectors[..., 2:] * SLANT


def places(net: Network) -> np.ndarray:
    """(site, 2) where sites are drawn; those on a line go on a circle, or couplings would hide."""
    if not net.positions[:, 1:].any() and not len(net.periods):
        angle = 2 * np.pi * np.argsort(np.argsort(net.positions[:, 0], kind="stable")) / net.n_sites
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return flat(net.positions)


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
    step = place[j] - place[i]
    around = np.zeros(net.n_couplings, bool)
    if len(net.periods):
        nearest = flat(net.displacements(i, j))
        around = np.abs(nearest - step).max(axis=1, initial=0) > 1e-9
        step = nearest

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
        collection = LineCollection(list(lines), linestyles=[style], zorder=1)
        if values is None:
            collection.set(color="0.6", linewidth=1.0)
        else:
            shown = values[0] if k == 0 else np.concatenate(values[1:])
            collection.set(array=shown, cmap="RdBu_r", clim=(-largest, largest))
            collection.set_linewidth(0.3 + 3.2 * np.abs(shown) / largest)
        ax.add_collection(collection)

    size = min(60.0, 4000.0 / np.sqrt(net.n_sites) ** 1.5)
    limits = {} if sites is None else {"vmin": sites.min(), "vmax": sites.max()}
    for role, marker in MARKERS.items():
        which = net.role == role
        if not which.any():
            continue
        color = {"input": "0.15", "hidden": "0.75", "output": "0.15"}[role]
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
            linewidths=0.5,
            label=role,
            zorder=2,
            **look,
        )
    ax.autoscale_view()
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax
