"""Findings of notebook 03: what travels through lattices that learn XOR."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from . import CONSISTENT, NOT_FOUND, OPEN, Estimate, Finding
from .statistics import (
    LEVEL,
    Difference,
    count,
    count_interval,
    fisher_p,
    holm,
    largest,
    p_text,
    paired,
    share,
    solves,
    weakest,
    wilson,
)
from .words import shells

#: Share of the largest response of a hidden site at which the border is drawn.
FRACTION = 0.1
#: Other thresholds.
THRESHOLDS = np.geomspace(0.01, 0.5, 18)
#: By how much BIC must prefer two populations.
BIC = 10.0
#: Runs of either outcome that a statement about them needs.
ENOUGH = 5
#: Controls of trained runs, in words.
CONTROLS = {"before": "before training", "noise": "trained on noise", "scrambled": "|J| moved"}

Runs = np.ndarray


def name_of(ds: xr.Dataset) -> str:
    """Of one network of the lattices with responses."""
    return f"{shells(int(ds['shells']))}, distance {int(ds['distance'])}"


def responses_of(tree: xr.DataTree) -> xr.Dataset:
    """Responses with states "before", "early", "after", "noise" and "scrambled"."""
    ds = tree["responses"].to_dataset(inherit=False)
    names = {"before": 0, "early": 1, "after": 2, "noise": 3, "scrambled": 4}
    return ds.isel(state=list(names.values())).assign_coords(state=list(names))


def hidden(ds: xr.Dataset, name: str = "nudge_response") -> xr.DataArray:
    """A response at the hidden sites, NaN elsewhere."""
    return ds[name].astype(float).where(ds["role"] == "hidden")


def far(ds: xr.Dataset) -> xr.DataArray:
    """Mean nudge response of the far hidden sites, (network, state, seed)."""
    return hidden(ds).where(ds["output_distance"] >= ds.attrs["far"]).mean("site")


def by_distance(one: xr.Dataset, name: str) -> xr.DataArray:
    """Of one network: mean over the hidden sites at each rounded distance from the output."""
    away = one["output_distance"].round().where(one["role"] == "hidden").rename("away")
    return hidden(one, name).groupby(away).mean()


def affected_share(one: xr.Dataset, threshold: float) -> xr.DataArray:
    """Share of the hidden sites with at least `threshold` of the largest response of one."""
    size = hidden(one)
    return (size >= threshold * size.max("site")).sum("site") / (one["role"] == "hidden").sum()


def factor(change: Difference) -> str:
    """Of a difference of natural logarithms.

    >>> factor(Difference(np.log(0.5), np.log(0.4), np.log(0.6), 0.01))
    '×0.50 (0.40 to 0.60)'
    """
    mean, low, high = np.exp(change[:3])
    return f"×{mean:.2f} ({low:.2f} to {high:.2f})"


@dataclass(frozen=True)
class Weakened(Finding):
    """By what factor training changes the far nudge response, and training on noise."""

    changes: dict[str, Difference]  # lattice → of the logarithm
    noise: dict[str, Difference]
    p: dict[str, float]  # corrected
    seeds: int

    nodes = ("responses",)
    statement = "Training weakens the nudge response far from the output"
    whose = "ours"
    rule = (
        "mean response of the hidden sites at least three lattice constants from the output, after "
        "against before: paired t-test of its logarithm for each lattice, Holm's correction; yes "
        f"if it falls in every lattice at p < {LEVEL:g}, no if it rises in every one"
    )

    @property
    def fallen(self) -> int:
        return sum(c.mean < 0 and self.p[k] < LEVEL for k, c in self.changes.items())

    @property
    def verdict(self) -> str:
        risen = sum(c.mean > 0 and self.p[k] < LEVEL for k, c in self.changes.items())
        n = len(self.changes)
        return "yes" if self.fallen == n else "no" if risen == n else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{name}: {factor(change)}, {p_text(self.p[name])}; on noise {factor(self.noise[name])}"
            for name, change in self.changes.items()
        ]
        return f"{self.seeds} seeds, 95 % intervals; {'; '.join(words)}"

    @property
    def estimate(self) -> Estimate:
        name = weakest(self.p)
        ends = (float(x) for x in np.exp(self.changes[name][:3]))
        return Estimate(f"far response after over before, {name}", *ends, "", self.seeds)

    @property
    def by(self) -> str:
        return largest(self.p)


def weakened(tree: xr.DataTree) -> Weakened:
    ds = responses_of(tree)
    size, changes, noise = np.log(far(ds)), {}, {}
    for network in ds["network"].values:
        one, name = size.sel(network=network), name_of(ds.sel(network=network))
        changes[name] = paired(one.sel(state="after"), one.sel(state="before"))
        noise[name] = paired(one.sel(state="noise"), one.sel(state="before"))
    p = dict(zip(changes, map(float, holm([c.p for c in changes.values()]))))
    return Weakened(changes, noise, p, ds.sizes["seed"])


@dataclass(frozen=True)
class Regions(Finding):
    """Runs whose hidden sites fall into two populations, after training and in controls."""

    two: dict[str, dict[str, Runs]]  # lattice → state → whether, of each run
    solved: dict[str, Runs]
    p: dict[tuple[str, str], float]  # (lattice, control), corrected

    nodes = ("responses",)
    statement = "A lattice organises itself into affected and marginal regions"
    whose = "paper"
    rule = (
        "two populations of log response over the hidden sites (two Gaussians over one by more "
        f"than {BIC:g} in BIC, peaks apart) in more trained runs than in each of three controls, "
        f"on every lattice (Fisher's exact test, Holm's correction, p < {LEVEL:g}); not found, if "
        "on none, and on every lattice the 95 % interval of the share is below one half; else open"
    )

    def holds(self, name: str) -> bool:
        after = self.two[name]["after"].mean()
        return all(after > self.two[name][c].mean() and self.p[name, c] < LEVEL for c in CONTROLS)

    @property
    def verdict(self) -> str:
        held = [self.holds(name) for name in self.two]
        if any(held):
            return CONSISTENT if all(held) else OPEN
        tops = [wilson(two["after"].sum(), two["after"].size)[1] for two in self.two.values()]
        return NOT_FOUND if max(tops) < 0.5 else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{name}: {count_interval(two['after'])} after training; "
            + ", ".join(f"{count(two[c])} {text}" for c, text in CONTROLS.items())
            for name, two in self.two.items()
        ]
        return f"runs with two populations. {'. '.join(words)}"

    @property
    def estimate(self) -> Estimate:
        name = max(self.two, key=lambda name: self.two[name]["after"].mean())
        runs = self.two[name]["after"]
        of = f"trained runs with two populations where they are most, {name}"
        return share(of, int(runs.sum()), len(runs))

    @property
    def by(self) -> str:
        more = sum(
            self.two[name]["after"].mean() > self.two[name][c].mean() and p < LEVEL
            for (name, c), p in self.p.items()
        )
        return f"more often than in a control at corrected p in {more} of {len(self.p)} tests"


def regions(tree: xr.DataTree) -> Regions:
    ds = responses_of(tree)
    two, solved, p = {}, {}, {}
    for network in ds["network"].values:
        one = ds.sel(network=network)
        name, found = name_of(one), one["populations"] > BIC
        two[name] = {str(s): found.sel(state=s).values for s in ds["state"].values}
        solved[name] = solves(one["test_solved"].values)
        p |= {(name, c): fisher_p(two[name]["after"], two[name][c]) for c in CONTROLS}
    return Regions(two, solved, dict(zip(p, map(float, holm(list(p.values()))))))


class Picture(NamedTuple):
    """One run of one lattice in one state."""

    title: str
    state: str
    seed: int
    share: float  # of the hidden sites within the border


@dataclass(frozen=True)
class Maps:
    """Runs to be shown: of the lattice where most runs of the rarer outcome are."""

    network: str
    name: str
    pictures: list[Picture]


def maps(tree: xr.DataTree) -> Maps:
    ds = responses_of(tree)
    solved = solves(ds["test_solved"])
    rarer = np.minimum(solved.sum("seed"), (~solved).sum("seed"))
    one = ds.isel(network=int(rarer.argmax("network")))
    runs, pictures = solved.sel(network=one["network"]).values, []
    share = affected_share(one, FRACTION)
    shown = [("solves XOR, {}", runs, ("before", "after"))]
    shown += [("does not, {}", ~runs, ("before", "after")), ("{}", runs, ("noise", "scrambled"))]
    words = {"before": "before", "after": "after", **{c: CONTROLS[c] for c in list(CONTROLS)[1:]}}
    for title, chosen, states in shown:
        if chosen.any():
            seed = int(ds["seed"][int(np.argmax(chosen))])
            for state in states:
                part = float(share.sel(state=state, seed=seed))
                pictures.append(Picture(title.format(words[state]), state, seed, part))
    return Maps(str(one["network"].item()), name_of(one), pictures)
