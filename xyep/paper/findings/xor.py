"""Findings of notebook 02: epochs until XOR is solved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...cases import select
from ..studies.epochs import best_rate, looks
from . import CONSISTENT, CONTRADICTED, OPEN, Estimate, Finding
from .statistics import (
    LEVEL,
    fisher_p,
    holm,
    largest,
    listed,
    p_text,
    share,
    solves,
    weakest,
    wilson,
)
from .survival import Fit, Median, fit, log_rank_p, log_times, long_form, median, times
from .words import label, shells, traits_of

#: A difference of less than this factor does not count.
FACTOR = 2.0
#: Share of the seeds that a start is to solve XOR with.
SHARE = 0.9
#: What the epochs may follow from, in words.
QUANTITIES = {
    "distance": "distance",
    "hops": "hops",
    "relative": "distance / longest coupling",
    "response": "−log₁₀ response before training",
}


def _limit(ds: xr.Dataset) -> int:
    return int(ds.attrs["limit"])


def epochs_of(tree: xr.DataTree) -> xr.Dataset:
    """Epochs to solve of all networks."""
    return tree["epochs"].to_dataset(inherit=False)


def _runs(ds: xr.Dataset, **traits: Any) -> np.ndarray:
    """Epochs of all runs of the networks with these traits, NaN where censored."""
    return long_form(select(ds, **traits))[1]


def _verdict(inside: bool, outside: bool) -> str:
    return "yes" if inside else "no" if outside else OPEN


def _factor(low: float, high: float) -> tuple[bool, bool]:
    """Whether an interval of a log₁₀ lies within the factor that does not count, or beyond it."""
    edge = np.log10(FACTOR)
    return bool(-edge < low and high < edge), bool(low > edge or high < -edge)


def times_text(mean: float, low: float, high: float) -> str:
    """A log₁₀ of a ratio as a factor with its interval.

    >>> times_text(0.0, -0.301, 0.301)
    '1.00 (0.50 to 2.00)'
    """
    return f"{10**mean:.2f} ({10**low:.2f} to {10**high:.2f})"


# --------------------------------------------------------------------------------- the paper's


@dataclass(frozen=True)
class Compared(Finding):
    """Epochs of lattices at each distance, against others with as many couplings."""

    limit: int
    seeds: int
    couplings: tuple[int, int]  # of the lattices, of the others
    medians: dict[int, tuple[Median, Median]]  # distance → of the lattices, of the others
    more: dict[int, bool]  # whether the lattices need more, by the mean of log(epochs)
    p: dict[int, float]  # log-rank, corrected

    @property
    def slower(self) -> list[int]:
        """Distances at which the lattices need more epochs than the others."""
        return [d for d, more in self.more.items() if self.p[d] < LEVEL and more]

    @property
    def faster(self) -> list[int]:
        return [d for d, more in self.more.items() if self.p[d] < LEVEL and not more]

    @property
    def verdict(self) -> str:
        if len(self.slower) == len(self.medians):
            return CONSISTENT
        return CONTRADICTED if self.faster and not self.slower else OPEN

    @property
    def estimate(self) -> Estimate:
        distance = weakest(self.p)
        mine, other = self.medians[distance]
        of = f"median epochs at distance {distance}; of the others {other.text(self.limit)}"
        return Estimate(of, *mine, "epochs", self.seeds)

    @property
    def by(self) -> str:
        return largest(self.p)

    @property
    def measured(self) -> str:
        words = [
            f"distance {d}: {a.text(self.limit)} against {b.text(self.limit)} ({p_text(self.p[d])})"
            for d, (a, b) in self.medians.items()
        ]
        return (
            f"median epochs to solve XOR (95 % interval), {self.couplings[0]} against "
            f"{self.couplings[1]} couplings, {self.seeds} seeds: {'; '.join(words)}"
        )


@dataclass(frozen=True)
class Harder(Compared):
    nodes = ("epochs",)
    statement = "Lattices are harder to train than all-to-all networks"
    whose = "paper"
    rule = (
        "with nearest neighbours alone, more epochs are needed than by an all-to-all network with "
        f"as many couplings, at every distance (log-rank test, Holm's correction, p < {LEVEL:g}); "
        "contradicted, if fewer at some distance and more at none; else open"
    )


@dataclass(frozen=True)
class Range(Compared):
    nodes = ("epochs",)
    statement = "Couplings of longer range help, at an equal number of couplings"
    whose = "paper (longer range helps)"
    rule = (
        "with nearest neighbours alone, more epochs are needed than with couplings of the longest "
        "range thinned at random to as many, at every distance (log-rank test, Holm's correction, "
        f"p < {LEVEL:g}); contradicted, if fewer at some distance and more at none; else open"
    )


def _compared(kind: type[Compared], ds: xr.Dataset, others: Mapping[int, xr.Dataset]) -> Compared:
    nearest = select(ds, group="map", shells=int(select(ds, group="map")["shells"].min()))
    limit, pairs = _limit(ds), {}
    for distance, other in others.items():
        mine = select(nearest, distance=distance)
        pairs[distance] = long_form(mine)[1], long_form(other)[1]
    p = holm([log_rank_p(a, b, limit) for a, b in pairs.values()])
    other = next(iter(others.values()))
    return kind(
        limit,
        len(next(iter(pairs.values()))[0]),
        (int(nearest["n_couplings"][0]), int(other["n_couplings"][0])),
        {d: (median(a), median(b)) for d, (a, b) in pairs.items()},
        {d: bool(np.subtract(*means(*pair, limit)) > 0) for d, pair in pairs.items()},
        dict(zip(pairs, map(float, p))),
    )


def means(a: np.ndarray, b: np.ndarray, limit: float) -> tuple[float, float]:
    """Means of log(epochs) of two groups of runs."""
    return tuple(float(log_times(xr.DataArray(t), limit).mean()) for t in (a, b))


def _thinned(ds: xr.Dataset) -> xr.Dataset:
    return select(ds, group="thinned")


def equally_dense(ds: xr.Dataset, couplings: int) -> xr.Dataset:
    """The all-to-all network with about as many couplings."""
    dense = select(ds, family="all_to_all")
    nearest = int(np.argmin(np.abs(dense["n_couplings"].values - couplings)))
    return dense.isel(network=[nearest])


@dataclass(frozen=True)
class Epochs:
    """Medians over distance and range, and two statements of the paper."""

    limit: int
    seeds: int
    medians: dict[tuple[int, int], Median]  # (shells, distance)
    harder: Harder
    longer: Range


def epochs(tree: xr.DataTree) -> Epochs:
    ds = epochs_of(tree)
    lattices = select(ds, group="map")
    few = int(lattices["shells"].min())
    distances = [int(d) for d in select(lattices, shells=few)["distance"].values]
    dense = equally_dense(ds, int(select(lattices, shells=few)["n_couplings"][0]))
    thinned = _thinned(ds)
    by_distance = {
        int(d): select(thinned, distance=int(d)) for d in np.unique(thinned["distance"].values)
    }
    return Epochs(
        _limit(ds),
        ds.sizes["seed"],
        {
            (s, d): median(_runs(lattices, shells=s, distance=d))
            for s in np.unique(lattices["shells"].values).astype(int).tolist()
            for d in distances
        },
        _compared(Harder, ds, {d: dense for d in distances}),
        _compared(Range, ds, by_distance),
    )


# -------------------------------------------------------------------------------------- the law


def quantities(tree: xr.DataTree) -> xr.Dataset:
    """Epochs of the lattices whose responses are known, with `QUANTITIES` as coordinates."""
    ds, felt = epochs_of(tree), tree["responses"].to_dataset(inherit=False)
    known = [name for name in ds["network"].values.tolist() if name in felt["network"].values]
    ds, felt = ds.sel(network=known), felt.sel(network=known)
    distance = ds["distance"].values.astype(float)
    return ds.assign_coords(
        hops=("network", felt["hops"].values.astype(float)),
        relative=("network", distance / felt["longest"].values),
        response=("network", -felt["log_response"].mean("seed").values),
    )


def fitted(ds: xr.Dataset, columns: list[np.ndarray], offset: np.ndarray | float = 0.0) -> Fit:
    """A fit of the runs of `ds`; columns and offset are of its networks."""
    network, found = long_form(ds)
    x = np.column_stack([np.asarray(c, float)[network] for c in columns])
    shift = np.broadcast_to(np.asarray(offset, float), ds.sizes["network"])[network]
    return fit(x, found, looks(_limit(ds)), network, shift)


def far(ds: xr.Dataset) -> xr.Dataset:
    """Without distance 1, at which the inputs are beside the output."""
    return ds.isel(network=np.flatnonzero(ds["distance"].values > 1))


@dataclass(frozen=True)
class OneLine(Finding):
    """log₁₀(epochs) over the response before training, for all ranges."""

    nodes = ("epochs", "responses")
    statement = "Epochs to solve XOR follow, at any range, from the response before training"
    whose = "ours"
    rule = (
        "a line for log₁₀(epochs) over −log₁₀ of the response of the output to an input before "
        "training has a slope whose 95 % interval is above 0, and the offset of each range from it "
        f"lies within a factor of {FACTOR:g}, with its interval; no, if the slope is not, or an "
        "offset lies beyond"
    )
    networks: int
    line: Fit
    offsets: dict[int, tuple[float, float, float]]  # shells → log₁₀ of a factor, its interval
    likelihood: dict[str, float]  # of each quantity, log₁₀ below the best

    @property
    def verdict(self) -> str:
        if self.line.interval(1)[0] <= 0:
            return "no"
        found = [_factor(*ends) for _, *ends in self.offsets.values()]
        return _verdict(all(a for a, _ in found), any(b for _, b in found))

    @property
    def estimate(self) -> Estimate:
        of = "slope of log₁₀(epochs) over −log₁₀ of the response"
        ends = self.line.interval(1)
        return Estimate(of, float(self.line.b[1]), *ends, "", self.networks, "networks")

    @property
    def by(self) -> str:
        return f"slope above 0, offsets within a factor of {FACTOR:g}"

    @property
    def slope(self) -> str:
        low, high = self.line.interval(1)
        return f"{self.line.b[1]:.2f} ({low:.2f} to {high:.2f})"

    @property
    def measured(self) -> str:
        words = [f"{shells(s)} {times_text(*o)}" for s, o in self.offsets.items()]
        best = min(self.likelihood, key=self.likelihood.__getitem__)
        return (
            f"slope {self.slope} over {self.networks} networks; factor off the line: "
            f"{', '.join(words)}; best in likelihood: {best}"
        )


@dataclass(frozen=True)
class Elsewhere(Finding):
    """Whether the line predicts lattices that it was not fitted to."""

    nodes = ("epochs", "responses")
    statement = "The same line predicts triangular lattices"
    whose = "ours"
    rule = (
        "fitted to square lattices alone, it is off for triangular ones by less than a factor of "
        f"{FACTOR:g}, with the 95 % interval of this; no, if by more"
    )
    networks: int
    offset: tuple[float, float, float]

    @property
    def verdict(self) -> str:
        return _verdict(*_factor(*self.offset[1:]))

    @property
    def estimate(self) -> Estimate:
        ends = (10**x for x in self.offset)
        return Estimate("epochs over those predicted", *ends, "", self.networks, "networks")

    @property
    def by(self) -> str:
        return f"margin: a factor of {FACTOR:g}"

    @property
    def measured(self) -> str:
        return f"epochs over those predicted {times_text(*self.offset)}, {self.networks} networks"


@dataclass(frozen=True)
class Size(Finding):
    """Lattices of growing size, the terminals where they are."""

    nodes = ("epochs",)
    statement = "With the terminals where they are, the size of the lattice does not matter"
    whose = "ours"
    rule = (
        "epochs to solve XOR on the largest lattice over those on the smallest lie within a factor "
        f"of {FACTOR:g}, with the 95 % interval of this; no, if beyond"
    )
    sizes: tuple[int, int]
    change: tuple[float, float, float]
    networks: int

    @property
    def verdict(self) -> str:
        return _verdict(*_factor(*self.change[1:]))

    @property
    def estimate(self) -> Estimate:
        small, large = self.sizes
        of = f"epochs on {large}×{large} over those on {small}×{small}"
        return Estimate(of, *(10**x for x in self.change), "", self.networks, "networks")

    @property
    def by(self) -> str:
        return f"margin: a factor of {FACTOR:g}"

    @property
    def measured(self) -> str:
        small, large = (f"{n}×{n}" for n in self.sizes)
        return f"{large} over {small}: {times_text(*self.change)}"


@dataclass(frozen=True)
class Law:
    line: OneLine
    elsewhere: Elsewhere
    size: Size


def _with_interval(found: Fit, k: int, scale: float = 1.0) -> tuple[float, float, float]:
    low, high = found.interval(k)
    return float(scale * found.b[k]), scale * low, scale * high


def one_line(tree: xr.DataTree) -> OneLine:
    ds = far(select(quantities(tree), group="map"))
    one, likelihood = np.ones(ds.sizes["network"]), {}
    for name in QUANTITIES:
        likelihood[name] = fitted(ds, [one, ds[name].values]).log_likelihood / np.log(10)
    columns = [one, ds["response"].values]
    ranges = np.unique(ds["shells"].values).astype(int).tolist()
    offsets = {}
    for s in ranges if len(ranges) > 1 else []:
        found = fitted(ds, [*columns, ds["shells"].values == s])
        offsets[s] = _with_interval(found, 2)
    best = max(likelihood.values())
    return OneLine(
        ds.sizes["network"],
        fitted(ds, columns),
        offsets,
        {QUANTITIES[k]: best - v for k, v in likelihood.items()},
    )


def elsewhere(tree: xr.DataTree, line: Fit) -> Elsewhere:
    ds = far(select(quantities(tree), group="other"))
    x = np.column_stack([np.ones(ds.sizes["network"]), ds["response"].values])
    found = fitted(ds, [x[:, 0]], x @ line.b)
    low, high = found.interval(0)
    _, more = line.at(x.mean(axis=0))
    half = float(np.hypot((high - low) / 2, more[0]))
    mean = float(found.b[0])
    return Elsewhere(ds.sizes["network"], (mean, mean - half, mean + half))


def size(tree: xr.DataTree) -> Size:
    ds = epochs_of(tree)
    cells = select(ds, group="size")
    pairs = {(int(s), int(d)) for s, d in zip(cells["shells"].values, cells["distance"].values)}
    ds = select(ds, group=["map", "size"])
    cell = zip(ds["shells"].values, ds["distance"].values)
    ds = ds.isel(network=np.flatnonzero([(int(s), int(d)) in pairs for s, d in cell]))
    sizes = ds["size"].values.astype(float)
    ends = int(sizes.min()), int(sizes.max())
    columns = [(ds["shells"].values == s) & (ds["distance"].values == d) for s, d in sorted(pairs)]
    found = fitted(ds, [*columns, np.log2(sizes)])
    change = _with_interval(found, len(columns), np.log2(ends[1] / ends[0]))
    return Size(ends, change, ds.sizes["network"])


def law(tree: xr.DataTree) -> Law:
    line = one_line(tree)
    return Law(line, elsewhere(tree, line.line), size(tree))


# ---------------------------------------------------------------------------------------- wires


@dataclass(frozen=True)
class WiresHelp(Finding):
    """Starts with wires over distance, and their controls."""

    nodes = ("wires", "controls")
    statement = (
        "Strong couplings on paths from the inputs, set before training, make distance harmless"
    )
    whose = "ours"
    rule = (
        f"at every distance at least {SHARE:.0%} of the seeds solve XOR and, from distance 4 on, "
        "more than with the same couplings cut off at the inputs or scattered (Fisher's exact "
        f"test, Holm's correction, p < {LEVEL:g}); no, if at some distance the 95 % interval of "
        "the share is below"
    )
    limit: int
    seeds: int
    strength: float
    solved: dict[str, dict[int, int]]  # start → distance → seeds that solve XOR
    epochs: dict[int, Median]  # with wires
    p: dict[tuple[str, int], float]

    @property
    def verdict(self) -> str:
        wires = self.solved["wires"]
        if any(wilson(k, self.seeds)[1] < SHARE for k in wires.values()):
            return "no"
        enough = all(k >= SHARE * self.seeds for k in wires.values())
        return "yes" if enough and self.p and max(self.p.values()) < LEVEL else OPEN

    @property
    def estimate(self) -> Estimate:
        d, k = min(self.solved["wires"].items(), key=lambda item: item[1])
        return share(f"solve XOR with wires at distance {d}, the worst", k, self.seeds)

    @property
    def by(self) -> str:
        if not self.p:
            return f"at least {SHARE:.0%}"
        return f"at least {SHARE:.0%}; {largest(self.p)}"

    @property
    def measured(self) -> str:
        words = []
        for start, found in self.solved.items():
            counts = ", ".join(str(k) for k in found.values())
            words.append(f"{start} {counts} at distance {listed([str(d) for d in found])}")
        worst = f"; largest corrected {p_text(max(self.p.values()))}" if self.p else ""
        return f"of {self.seeds} seeds within {self.limit} epochs: {'; '.join(words)}{worst}"


def wires(tree: xr.DataTree) -> WiresHelp:
    wired, controls = (tree[n].to_dataset(inherit=False) for n in ("wires", "controls"))
    solved: dict[str, dict[int, np.ndarray]] = {}
    for ds in (wired, controls):
        for name in ds["network"].values:
            one = ds.sel(network=name)
            found = np.isfinite(times(one["epochs"].values))
            solved.setdefault(str(one["start"].item()), {})[int(one["distance"])] = found
    tests = {
        (start, d): fisher_p(solved["wires"][d], solved[start][d])
        for start in ("cut", "scattered")
        for d in solved[start]
        if d >= 4 and d in solved["wires"]
    }
    p = holm(list(tests.values())) if tests else []
    return WiresHelp(
        _limit(wired),
        wired.sizes["seed"],
        float(wired["wire_strength"].values[0]),
        {s: {d: int(x.sum()) for d, x in sorted(found.items())} for s, found in solved.items()},
        {int(d): median(_runs(wired, distance=int(d))) for d in wired["distance"].values},
        dict(zip(tests, map(float, p))),
    )


@dataclass(frozen=True)
class Rates:
    """Epochs to solve at each learning rate."""

    limit: int
    seeds: int
    chosen: float
    rates: tuple[float, ...]
    best: dict[str, float]  # lattice → its best rate

    @property
    def inside(self) -> bool:
        """Whether the chosen rate lies inside the grid."""
        return min(self.rates) < self.chosen < max(self.rates)


def rates(tree: xr.DataTree) -> Rates:
    ds = tree["rates"].to_dataset(inherit=False)
    grid = np.unique(ds["learning_rate"].values)
    best = {}
    for name in ds["network"].values[ds["learning_rate"].values == grid[0]]:
        one = traits_of(ds, name)
        mine = select(ds, shells=one["shells"], distance=one["distance"])
        found = log_times(mine["epochs"], _limit(ds)).mean("seed").values
        lattice = f"{shells(one['shells'])}, distance {one['distance']:.0f}"
        best[lattice] = float(mine["learning_rate"].values[int(np.argmin(found))])
    return Rates(_limit(ds), ds.sizes["seed"], best_rate(ds), tuple(grid.tolist()), best)


# -------------------------------------------------------------------------------------- solvers


@dataclass(frozen=True)
class Solvers:
    """Training with sweeps against training with the gradient flow."""

    epochs: int
    seeds: int
    solved: dict[str, tuple[int, int]]  # label → seeds that solve XOR with sweeps, with the flow
    p: dict[str, float]  # of no difference, corrected

    @property
    def apart(self) -> list[str]:
        """The networks for which it makes a difference."""
        return [name for name, p in self.p.items() if p < LEVEL]


def solvers(tree: xr.DataTree) -> Solvers:
    ds = tree["solver_comparison"].to_dataset()
    runs = {}
    for name in ds["network"].values:
        traits = traits_of(ds, name)
        found = solves(ds["test_solved"].sel(network=name).values)
        runs.setdefault(label(traits), {})[traits["solver"]] = found
    pairs = {name: (found["fast"], found["gradient_flow"]) for name, found in runs.items()}
    p = holm([fisher_p(*pair) for pair in pairs.values()])
    return Solvers(
        tree.attrs["parameters"]["compare_epochs"],
        ds.sizes["seed"],
        {name: (int(a.sum()), int(b.sum())) for name, (a, b) in pairs.items()},
        dict(zip(pairs, map(float, p))),
    )
