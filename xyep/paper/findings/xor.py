"""Findings of notebook 02: XOR training."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...cases import select
from . import CONSISTENT, OPEN, PARTLY, Finding
from .statistics import LEVEL, count, fisher_p, holm, p_text, solves, wilson
from .words import Budget, budget_of, label, traits_of

#: Words for the trait `placement`.
PLACES = {"near": "inputs beside the output", "far": "inputs far"}


@dataclass(frozen=True)
class Harder(Finding):
    """Lattices against all-to-all networks."""

    nodes = ("ensembles",)
    statement = "Lattices are harder to train than all-to-all networks"
    whose = "paper"
    rule = (
        "on the largest lattices, of the shortest and the longest range, inputs near and far, "
        f"fewer seeds solve XOR than on the worst all-to-all network, at p < {LEVEL:g} "
        "(Fisher's exact test, Holm's correction)"
    )
    budget: Budget
    seeds: int
    size: int  # of the largest lattices
    dense: dict[str, int]  # label → seeds that solve XOR
    lattices: dict[str, int]
    p: dict[str, float]  # of each of these lattices, corrected

    @property
    def harder(self) -> list[str]:
        worst = min(self.dense.values())
        return [k for k, n in self.lattices.items() if n < worst and self.p[k] < LEVEL]

    @property
    def verdict(self) -> str:
        all_of_them = len(self.harder) == len(self.lattices)
        return CONSISTENT if all_of_them else PARTLY if self.harder else OPEN

    @property
    def measured(self) -> str:
        words = [f"{name} {n}/{self.seeds}" for name, n in self.dense.items()]
        words += [f"{k} {n}/{self.seeds} ({p_text(self.p[k])})" for k, n in self.lattices.items()]
        return f"seeds that solve XOR {self.budget}: {'; '.join(words)}"


def harder(tree: xr.DataTree) -> Harder:
    ds = tree["ensembles"].to_dataset()
    runs = {
        name: solves(ds["test_solved"].sel(network=name).values) for name in ds["network"].values
    }
    dense = {
        label(traits_of(ds, n)): runs[n] for n in select(ds, family="all_to_all")["network"].values
    }
    worst = min(dense.values(), key=np.mean)
    lattices = select(ds, family="lattice")
    ends = [int(f(lattices["shells"])) for f in (np.min, np.max)]
    size = int(lattices["size"].max())
    chosen = {}
    for name in select(lattices, size=size, shells=ends)["network"].values:
        traits = traits_of(ds, name)
        chosen[f"{label(traits)}, {PLACES[traits['placement']]}"] = runs[name]
    p = holm([fisher_p(worst, found) for found in chosen.values()])
    return Harder(
        budget_of(tree),
        ds.sizes["seed"],
        size,
        {name: int(found.sum()) for name, found in dense.items()},
        {name: int(found.sum()) for name, found in chosen.items()},
        dict(zip(chosen, map(float, p))),
    )


def grid(ds: xr.Dataset) -> xr.DataArray:
    """Whether each run solves XOR, (size, shells, distance, seed); NaN where there is none."""
    keys = ["size", "shells", "distance"]
    others = [name for name in ds.coords if name not in (*keys, "seed", "network")]
    share = ds["test_solved"].drop_vars(others).set_index(network=keys).unstack("network")
    return solves(share).astype(float).where(share.notnull()).transpose(*keys, "seed")


@dataclass(frozen=True)
class SuccessMap:
    """Success over distance and range, by size of the lattice."""

    budget: Budget
    seeds: int
    half: tuple[float, float]  # 95 % interval of a share of one half
    shells: tuple[int, int]  # fewest, most
    size: int  # of the largest lattice …
    reach: tuple[int, int]  # … where half of the seeds solve XOR up to this distance, by shells
    distance: int  # the largest that fits in all sizes …
    by_size: dict[int, str]  # … where this many seeds solve XOR with the most shells …
    p: float  # … which differs between the smallest and the largest size at this p


def success_map(tree: xr.DataTree) -> SuccessMap:
    runs = grid(tree["success"].to_dataset())
    n, sizes = runs.sizes["seed"], [int(s) for s in runs["size"]]
    few, many = (int(runs["shells"][k]) for k in (0, -1))
    largest = runs.mean("seed").sel(size=sizes[-1])
    reach = [largest["distance"].where(largest.sel(shells=s) >= 0.5).max() for s in (few, many)]
    fitting = runs["distance"].where(runs.sel(shells=many).notnull().all(["size", "seed"]))
    distance = int(fitting.max())
    same = {s: runs.sel(size=s, shells=many, distance=distance).values > 0 for s in sizes}
    return SuccessMap(
        budget_of(tree),
        n,
        wilson(n // 2, n),
        (few, many),
        sizes[-1],
        tuple(int(r) if r == r else 0 for r in map(float, reach)),
        distance,
        {s: count(found) for s, found in same.items()},
        fisher_p(same[sizes[0]], same[sizes[-1]]),
    )


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
