"""What notebook 05 shows of a trained stack: its windows, and a digit on its way through it."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from .images import networks


@dataclass(frozen=True)
class Inside:
    """One trained stack of one channel and one image, both the first of those kept."""

    name: str
    window: int
    windows: np.ndarray  # (row, column): couplings to the inputs, a square for each hidden site
    digit: np.ndarray  # (row, column) phases of the inputs, in rad
    hidden: np.ndarray  # (row, column) phases of the hidden sites, in rad
    outputs: np.ndarray  # (output,) phases in rad
    response: np.ndarray  # (row, column) size of the nudge response, over the largest
    answered: float  # share of test images that this run answers right

    @property
    def answer(self) -> int:
        return int(np.argmax(np.sin(self.outputs)))

    @property
    def share(self) -> float:
        """Of the hidden sites, those whose response is at least a tenth of the largest."""
        return float((self.response >= 0.1).mean())


def inside(tree: xr.DataTree) -> Inside:
    runs = tree["images"].to_dataset(inherit=False)
    kept = tree["images"].children
    net = next(n for n in networks(runs) if n.network in kept and not n.traits["intra_shells"])
    ds = kept[net.network].to_dataset(inherit=False).isel(seed=0, snapshot=-1)
    one = ds.isel(sample=0)
    place = {role: _places(ds, role) for role in ("input", "hidden")}
    sites = {role: np.flatnonzero(ds["role"].values == role) for role in ("hidden", "output")}
    response = np.abs(_lattice(one["nudge_response"].values, place["hidden"]))
    return Inside(
        net.name,
        int(net.traits["window"]),
        _mosaic(ds, place),
        _lattice(one["phase"].values, place["input"]),
        _lattice(one["phase"].values, place["hidden"]),
        one["phase"].values[sites["output"]],
        response / response.max(),
        float(net.right[0]),
    )


def _places(ds: xr.Dataset, role: str) -> dict[int, tuple[int, int]]:
    """Site → its row and column, of a lattice of one channel."""
    sites = np.flatnonzero(ds["role"].values == role)
    row, column = (np.unique(ds[d].values[sites], return_inverse=True)[1] for d in ("y", "x"))
    return dict(zip(sites.tolist(), zip(row.tolist(), column.tolist())))


def _lattice(values: np.ndarray, place: dict[int, tuple[int, int]]) -> np.ndarray:
    rows, columns = (max(at) + 1 for at in zip(*place.values()))
    found = np.full((rows, columns), np.nan)
    for site, at in place.items():
        found[at] = values[site]
    return found


def _mosaic(ds: xr.Dataset, place: dict[str, dict[int, tuple[int, int]]]) -> np.ndarray:
    """The window of each hidden site, where the site is."""
    ends = zip(ds["source"].values.tolist(), ds["target"].values.tolist())
    pairs = [(k, i, h) for k, (i, h) in enumerate(ends) if i in place["input"]]
    corner: dict[int, tuple[int, int]] = {}
    for _, i, h in pairs:
        y, x = place["input"][i]
        first = corner.get(h, (y, x))
        corner[h] = min(first[0], y), min(first[1], x)
    offset = [(h, np.subtract(place["input"][i], corner[h]), k) for k, i, h in pairs]
    side = 1 + max(int(away.max()) for _, away, _ in offset)
    rows, columns = (max(at) + 1 for at in zip(*place["hidden"].values()))
    found = np.full((rows * side, columns * side), np.nan)
    coupling = ds["coupling"].values
    for h, away, k in offset:
        y, x = np.multiply(place["hidden"][h], side) + away
        found[y, x] = coupling[k]
    return found
