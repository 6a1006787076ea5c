"""Findings of notebook 02: is it the lattice, or the nudges that do not come far?"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from . import OPEN, Estimate, Finding
from .statistics import LEVEL, holm, largest, p_text, weakest
from .survival import Median, log_rank_p, long_form, median
from .words import shells
from .xor import means

Cell = tuple[int, int]  # shells, distance


@dataclass(frozen=True)
class Ranked(Finding):
    """Pairs of groups of runs: which need more epochs, by log-rank tests."""

    limit: int
    seeds: int
    holds: dict[tuple[int, ...], bool]  # whether the first of a pair needs more
    p: dict[tuple[int, ...], float]  # corrected

    nodes = ("sweeps",)
    whose = "ours"

    @property
    def found(self) -> list[bool]:
        """Of the pairs that differ: whether what is said holds."""
        return [self.holds[k] for k, p in self.p.items() if p < LEVEL]

    @property
    def verdict(self) -> str:
        if len(self.found) == len(self.p) and all(self.found):
            return "yes"
        return "no" if self.found and not any(self.found) else OPEN

    @property
    def by(self) -> str:
        return largest(self.p)


@dataclass(frozen=True)
class Reached(Ranked):
    """Distance with nudged phases in which every coupling takes part."""

    statement = "Distance costs epochs also where the nudge reaches every coupling"
    rule = (
        "with as many nudged sweeps as leave no coupling out, more epochs are needed at the "
        "largest distance than at the smallest, for each range and number of sweeps (log-rank "
        f"test, Holm's correction, p < {LEVEL:g}); no, if fewer at some and more at none; else open"
    )
    pairs: dict[tuple[int, ...], tuple[Median, Median]]  # (shells, sweeps) → far, near

    @property
    def estimate(self) -> Estimate:
        s, n = weakest(self.p)
        far, near = self.pairs[s, n]
        of = f"median epochs far away, {shells(s)}, {n} sweeps; near {near.text(self.limit)}"
        return Estimate(of, *far, "epochs", self.seeds)

    @property
    def measured(self) -> str:
        words = [
            f"{shells(s)}, {n} sweeps: {far.text(self.limit)} against {near.text(self.limit)} "
            f"({p_text(self.p[s, n])})"
            for (s, n), (far, near) in self.pairs.items()
        ]
        return f"median epochs far and near (95 % interval), {self.seeds} seeds: {'; '.join(words)}"


@dataclass(frozen=True)
class Longer(Ranked):
    """Nudged phases of more sweeps against the default ones, at the largest distance."""

    statement = "Longer nudged phases shorten training where short nudges do not come far"
    rule = (
        "at the largest distance of each range, fewer epochs are needed with every larger number "
        "of nudged sweeps than with the smallest (log-rank test, Holm's correction, "
        f"p < {LEVEL:g}); "
        "no, if at none fewer, and at some more; else open"
    )
    fewest: int
    medians: dict[Cell, dict[int, Median]]  # (shells, distance) → sweeps → epochs

    @property
    def estimate(self) -> Estimate:
        apart = [
            k for k, p in self.p.items() if p < LEVEL and np.isfinite(self.medians[k[:2]][k[2]][0])
        ]
        s, d, n = weakest({k: self.p[k] for k in apart} or self.p)
        short = self.medians[s, d][self.fewest].text(self.limit)
        of = f"median epochs, {shells(s)}, distance {d}, {n} sweeps; {self.fewest} sweeps {short}"
        return Estimate(of, *self.medians[s, d][n], "epochs", self.seeds)

    @property
    def measured(self) -> str:
        words = []
        for s, d in dict.fromkeys((s, d) for s, d, _ in self.p):
            found = [f"{n} sweeps {m.text(self.limit)}" for n, m in self.medians[s, d].items()]
            tests = [p_text(p) for k, p in self.p.items() if k[:2] == (s, d)]
            words.append(
                f"{shells(s)}, distance {d}: {', '.join(found)} (against {self.fewest}: "
                f"{', '.join(tests)})"
            )
        return f"median epochs (95 % interval), {self.seeds} seeds: {'; '.join(words)}"


@dataclass(frozen=True)
class Sweeps:
    """Epochs to solve over the sweeps of the nudged phases."""

    medians: dict[Cell, dict[int, Median]]
    unreached: dict[Cell, dict[int, float]]  # share of couplings left out
    reached: Reached
    longer: Longer


def sweeps(tree: xr.DataTree) -> Sweeps:
    ds = tree["sweeps"].to_dataset(inherit=False)
    limit, seeds = int(ds.attrs["limit"]), ds.sizes["seed"]
    runs: dict[Cell, dict[int, np.ndarray]] = {}
    left: dict[Cell, dict[int, float]] = {}
    for k in range(ds.sizes["network"]):
        one = ds.isel(network=[k])
        cell, n = (int(one["shells"][0]), int(one["distance"][0])), int(one["nudged_sweeps"][0])
        runs.setdefault(cell, {})[n] = long_form(one)[1]
        left.setdefault(cell, {})[n] = float(one["unreached"][0])
    medians = {cell: {n: median(x) for n, x in found.items()} for cell, found in runs.items()}
    ends = {}
    for s in dict.fromkeys(s for s, _ in runs):
        at = [d for s_, d in runs if s_ == s]
        ends[s] = min(at), max(at)
    tried = sorted(next(iter(runs.values())))
    fewest = tried[0]
    whole = [n for n in tried if all(u[n] == 0 for u in left.values())] or tried[-1:]
    pairs = {
        (s, n): (runs[s, far][n], runs[s, near][n])
        for s, (near, far) in ends.items()
        for n in whole
    }
    reached = Reached(
        limit,
        seeds,
        *_ranked(pairs, limit),
        {k: (median(a), median(b)) for k, (a, b) in pairs.items()},
    )
    pairs = {
        (s, far, n): (runs[s, far][fewest], runs[s, far][n])
        for s, (_, far) in ends.items()
        for n in runs[s, far]
        if n != fewest
    }
    longer = Longer(limit, seeds, *_ranked(pairs, limit), fewest, medians)
    return Sweeps(medians, left, reached, longer)


def _ranked(pairs: dict, limit: int) -> tuple[dict, dict]:
    """Whether the first of each pair needs more epochs, by the mean of their logarithms; p."""
    more = {k: bool(np.subtract(*means(a, b, limit)) > 0) for k, (a, b) in pairs.items()}
    p = holm([log_rank_p(a, b, limit) for a, b in pairs.values()])
    return more, dict(zip(pairs, map(float, p)))
