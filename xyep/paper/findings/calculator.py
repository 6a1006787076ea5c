"""What to expect of a lattice: the share of seeds that solve XOR, read from what was measured."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from ...checks import check_number, found
from .statistics import wilson


class Expected(NamedTuple):
    """A share of seeds with the ends of its 95 % interval, and how it was come by."""

    share: float
    low: float
    high: float
    told: tuple[str, ...]  # what was interpolated or extrapolated; nothing where it was measured

    def __str__(self) -> str:
        ends = f"{100 * self.share:.0f} ({100 * self.low:.0f} to {100 * self.high:.0f}) %"
        return "; ".join([ends, *(self.told or ("measured",))])


@dataclass(frozen=True)
class Calculator:
    """Epochs to solve XOR: {shells: {distance: of each seed, NaN where it has not}}."""

    epochs: dict[int, dict[int, np.ndarray]]
    limit: int
    size: int

    def solved(self, shells: int, distance: int, epochs: float) -> np.ndarray:
        """Which seeds of a measured lattice have solved XOR by then."""
        return self.epochs[shells][distance] <= epochs

    def __call__(self, distance: float, shells: int, epochs: float = 1000) -> Expected:
        """The share of seeds that solve XOR within some epochs.

        Between measured distances shares and their intervals are interpolated by straight lines;
        beyond them, and beyond the limit of the runs, the nearest measured cell is taken.

        Parameters
        ----------
        distance : of inputs and output in lattice constants, at least 1
        shells : of the couplings, one of those measured
        epochs : of training, at least 1

        Raises
        ------
        ValueError
            For what has no nearest cell.

        >>> c = Calculator({1: {1: np.array([50.0, 50]), 3: np.array([np.nan, np.nan])}}, 100, 5)
        >>> c(2, 1, 80).share, c(2, 1, 80).told
        (0.5, ('interpolated between distances 1 and 3',))
        >>> c(9, 1, 80).share, c(9, 1, 80).told
        (0.0, ('extrapolated: distance 3 is the largest measured',))
        """
        if shells not in self.epochs:
            known = ", ".join(map(str, sorted(self.epochs)))
            raise ValueError(f"shells: found {found(shells)}; measured are {known}")
        check_number("distance", distance, 1)
        check_number("epochs", epochs, 1)
        told = []
        if epochs > self.limit:
            told.append(f"extrapolated: runs end after {self.limit} epochs")
        known = np.array(sorted(self.epochs[shells]))
        points = np.array([self._point(shells, int(d), epochs) for d in known])
        if distance > known[-1]:
            told.append(f"extrapolated: distance {known[-1]} is the largest measured")
        elif distance < known[0]:
            told.append(f"extrapolated: distance {known[0]} is the smallest measured")
        elif distance not in known:
            k = int(np.searchsorted(known, distance))
            told.append(f"interpolated between distances {known[k - 1]} and {known[k]}")
        share, low, high = (float(np.interp(distance, known, column)) for column in points.T)
        return Expected(share, low, high, tuple(told))

    def _point(self, shells: int, distance: int, epochs: float) -> tuple[float, float, float]:
        runs = self.solved(shells, distance, epochs)
        return (float(runs.mean()), *wilson(int(runs.sum()), len(runs)))


def calculator(tree: xr.DataTree) -> Calculator:
    """From what notebook 07 has of notebook 02: lattices of one size, over shells and distance."""
    ds = tree["xor_times"].to_dataset()
    ds = ds.isel(network=np.flatnonzero(ds["group"].values == "map"))
    epochs: dict[int, dict[int, np.ndarray]] = {}
    for name in ds["network"].values:
        one = ds.sel(network=name)
        values = one["epochs"].values.astype(float)
        epochs.setdefault(int(one["shells"]), {})[int(one["distance"])] = values
    return Calculator(epochs, int(ds.attrs["limit"]), int(ds["size"][0]))
