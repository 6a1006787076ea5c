"""What notebook 05 shows of a trained stack: its windows, and a digit on its way through it."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...responses import affected
from .images import networks


@dataclass(frozen=True)
class Inside:
    """What the stack of one channel has learned, first seed, and what it does with one image.

    share : {network: share of its hidden sites whose rms nudge response is at least a tenth of the
        largest, at each snapshot, mean over seeds}
    """

    name: str
    windows: np.ndarray  # (row, column, row, column) couplings of hidden sites to their windows
    image: np.ndarray  # (row, column) phases of the inputs, in rad
    hidden: np.ndarray  # (row, column) phases of the hidden lattice, in rad
    outputs: np.ndarray  # (output,) phases, in rad
    nudge: np.ndarray  # (row, column) rms nudge response over that of the largest hidden site
    share: dict[str, np.ndarray]
    seeds: int

    @property
    def answer(self) -> int:
        return int(np.argmax(np.sin(self.outputs)))


def inside(tree: xr.DataTree) -> Inside:
    runs = tree["images"].to_dataset(inherit=False)
    nodes = {
        name: node.to_dataset(inherit=False)
        for name, node in tree["images"].items()
        if name in runs["network"].values
    }
    nets = {net.network: net for net in networks(runs) if net.network in nodes}
    first = next(iter(nets))
    ds = nodes[first].isel(seed=0, snapshot=-1)
    role, nudge = ds["role"].values, _nudge(ds)
    phase = ds["phase"].isel(sample=0).values
    return Inside(
        nets[first].name,
        windows_of(ds),
        _square(phase[role == "input"]),
        _square(phase[role == "hidden"]),
        phase[role == "output"],
        _square((nudge / nudge.max("site")).values),
        {
            net.name: affected(_nudge(nodes[name])).mean(("site", "seed")).values
            for name, net in nets.items()
        },
        runs.sizes["seed"],
    )


def windows_of(ds: xr.Dataset) -> np.ndarray:
    """(row, column, row, column) couplings of each site of a square lattice to its inputs."""
    to_inputs = np.flatnonzero(ds["role"].values[ds["source"].values] == "input")
    source, target = (ds[end].values[to_inputs] for end in ("source", "target"))
    coupling = ds["coupling"].values[to_inputs[np.lexsort((source, target))]]
    sites = len(np.unique(target))
    side, edge = int(np.sqrt(sites)), int(np.sqrt(len(target) / sites))
    return coupling.reshape(side, side, edge, edge)


def _square(values: np.ndarray) -> np.ndarray:
    side = int(np.sqrt(len(values)))
    return values.reshape(side, side)


def _nudge(ds: xr.Dataset) -> xr.DataArray:
    """rms nudge response of the hidden sites over the images."""
    hidden = np.flatnonzero(ds["role"].values == "hidden")
    response = ds["nudge_response"].isel(site=hidden).astype(float)
    return np.sqrt((response**2).mean("sample"))
