"""Findings of notebook 03: couplings and responses of lattices while they learn XOR."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ...cases import select
from ...responses import affected
from ..studies.xor import FAR, response_size
from . import CONSISTENT, OPEN, PARTLY, Finding
from .statistics import LEVEL, count_interval, fisher_p, holm, p_text, solves
from .words import Budget, budget_of, label, traits_of

#: Share of the largest response of a hidden site above which a site is affected.
FRACTION = 0.1
#: Share of the solving runs in which the affected region must shrink for the paper's statement.
MOST = 0.75


class Lattice(NamedTuple):
    """One lattice of the study: its traits, its snapshots, and which runs solve XOR."""

    traits: dict[str, Any]
    ds: xr.Dataset
    solved: np.ndarray


def lattices(tree: xr.DataTree) -> list[Lattice]:
    runs = tree["responses"].to_dataset()
    found = []
    for name in runs["network"].values:
        solved = solves(runs["test_solved"].sel(network=name).values)
        node = tree["responses"][str(name)].to_dataset(inherit=False)
        found.append(Lattice(traits_of(runs, name), node, solved))
    return found


def hidden(ds: xr.Dataset) -> xr.DataArray:
    """rms nudge response of the hidden sites, (seed, snapshot, site); NaN elsewhere.

    The output responds on its own account once it is right, so it is left out of all comparisons.
    """
    return response_size(ds).where(ds["role"] == "hidden")


def affected_share(ds: xr.Dataset) -> xr.DataArray:
    """Share of the hidden sites that are affected, (seed, snapshot)."""
    return affected(hidden(ds), FRACTION).sum("site") / int((ds["role"] == "hidden").sum())


def by_distance(ds: xr.Dataset) -> xr.DataArray:
    """Mean response of the hidden sites at each distance, (seed, snapshot, output_distance)."""
    values = hidden(ds).isel(site=np.flatnonzero(ds["role"] == "hidden"))
    return values.groupby("output_distance").mean().transpose("seed", "snapshot", ...)


def far_response(ds: xr.Dataset) -> xr.DataArray:
    """Mean response of the hidden sites at least `FAR` from the output, (seed, snapshot)."""
    return hidden(ds).where(ds["output_distance"] >= FAR).mean("site")


@dataclass(frozen=True)
class Maps:
    """One lattice with a run that solves XOR and one that does not, for pictures."""

    budget: Budget
    number: int  # among `lattices`
    network: str
    distance: int  # of the inputs from the output
    seeds: dict[str, int]  # what is shown of it → its seed
    largest: float  # coupling
    share: dict[str, tuple[float, float]]  # of the hidden sites affected, before and after


def maps(tree: xr.DataTree) -> Maps:
    """The lattice with the most distant inputs, then the most shells, with runs of both kinds."""
    found = lattices(tree)

    def order(k):
        solved, traits = found[k].solved, found[k].traits
        return solved.any() and not solved.all(), traits["distance"], traits["shells"]

    number = max(range(len(found)), key=order)
    traits, ds, solved = found[number]
    kinds = {"solves XOR": solved, "does not solve XOR": ~solved}
    rows = {text: int(np.argmax(runs)) for text, runs in kinds.items() if runs.any()}
    share = affected_share(ds)
    return Maps(
        budget_of(tree),
        number,
        label(traits),
        int(traits["distance"]),
        {text: int(ds["seed"][k]) for text, k in rows.items()},
        max(float(np.abs(ds["coupling"].isel(seed=k)).max()) for k in rows.values()),
        {text: (float(share[k, 0]), float(share[k, -1])) for text, k in rows.items()},
    )


@dataclass(frozen=True)
class Decay:
    """Far nudge response before and after training."""

    seeds: int
    far: int
    response: dict[tuple[int, int], tuple[float, float]]  # (distance, shells) → medians

    @property
    def fallen(self) -> int:
        """How many lattices respond less after training."""
        return sum(after < before for before, after in self.response.values())


def decay(tree: xr.DataTree) -> Decay:
    response, found = {}, lattices(tree)
    for traits, ds, _ in found:
        middle = far_response(ds).median("seed").isel(snapshot=[0, -1])
        response[int(traits["distance"]), int(traits["shells"])] = tuple(middle.values.tolist())
    return Decay(found[0].ds.sizes["seed"], FAR, response)


@dataclass(frozen=True)
class Regions(Finding):
    """Affected share of the hidden sites before and after training."""

    nodes = ("responses",)
    statement = "A lattice organises itself into affected and marginal regions"
    whose = "paper"
    rule = (
        f"hidden sites with at least {100 * FRACTION:.0f} % of the largest hidden response are "
        f"affected; their share falls in more than {100 * MOST:.0f} % of the runs that solve XOR, "
        "and in more of them than of those that do not (Fisher's exact test, "
        f"p < {LEVEL:g}); otherwise open"
    )
    budget: Budget
    ends: dict[bool, tuple[float, float]]  # solved → median share before and after
    fell: dict[bool, tuple[int, int]]  # solved → runs in which it falls, of all such runs
    p: float

    @property
    def verdict(self) -> str:
        (k, n), (m, of) = self.fell[True], self.fell[False]
        falls = n > 0 and k / n > MOST
        more = of > 0 and n > 0 and k / n > m / of and self.p < LEVEL
        return CONSISTENT if falls and more else OPEN

    @property
    def measured(self) -> str:
        kinds = {True: "solve XOR", False: "do not solve XOR"}
        words = [
            f"{100 * a:.0f} % → {100 * b:.0f} % in runs that {kinds[kind]}, falling in "
            f"{self.fell[kind][0]}/{self.fell[kind][1]}"
            for kind, (a, b) in self.ends.items()
        ]
        return f"affected share of the hidden sites {'; '.join(words)} ({p_text(self.p)})"


def regions(tree: xr.DataTree) -> Regions:
    parts = [
        (affected_share(ds).isel(snapshot=[0, -1]).values, solved)
        for _, ds, solved in lattices(tree)
    ]
    share, solved = (np.concatenate(part) for part in zip(*parts))
    groups = {kind: share[solved == kind] for kind in (True, False)}
    falls = {kind: found[:, 1] < found[:, 0] for kind, found in groups.items()}
    return Regions(
        budget_of(tree),
        {
            kind: tuple(np.median(found, axis=0).tolist())
            for kind, found in groups.items()
            if len(found)
        },
        {kind: (int(fell.sum()), len(fell)) for kind, fell in falls.items()},
        fisher_p(falls[True], falls[False]),
    )


@dataclass(frozen=True)
class Skips(Finding):
    """Success with and without skip couplings."""

    nodes = ("skips",)
    statement = "Skip couplings of range 3 help nearest-neighbour lattices"
    whose = "paper"
    rule = (
        "on every lattice, more seeds solve XOR with regular skips than with nearest neighbours "
        f"alone, at p < {LEVEL:g} (Fisher's exact test, Holm's correction)"
    )
    budget: Budget
    seeds: int
    far: int
    skip_range: int
    solved: dict[tuple[int, int], dict[str, np.ndarray]]  # (size, distance) → label → runs
    pairs: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]  # without, with regular skips
    p: dict[tuple[int, int], float]  # of each pair, corrected
    kept: dict[str, tuple[float, float]]  # label → median far/output response before and after

    @property
    def helps(self) -> list[bool]:
        return [b.mean() > a.mean() and self.p[k] < LEVEL for k, (a, b) in self.pairs.items()]

    @property
    def verdict(self) -> str:
        return CONSISTENT if all(self.helps) else PARTLY if any(self.helps) else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{size}×{size}, inputs at distance {distance}: {count_interval(a)} without and "
            f"{count_interval(b)} with skips of {self.skip_range} "
            f"({p_text(self.p[size, distance])})"
            for (size, distance), (a, b) in self.pairs.items()
        ]
        return f"seeds that solve XOR {self.budget}: {'; '.join(words)}"


def skips(tree: xr.DataTree) -> Skips:
    ds = tree["skips"].to_dataset()
    solved, pairs = {}, {}
    for name in ds["network"].values:
        traits = traits_of(ds, name)
        place = int(traits["size"]), int(traits["distance"])
        found = solves(ds["test_solved"].sel(network=name).values)
        solved.setdefault(place, {})[label(traits, full=False)] = found
        if traits["shells"] == 1 and not (traits["skips"] and not traits["skip_range"]):
            pairs.setdefault(place, {})[bool(traits["skip_range"])] = found
    pairs = {place: (found[False], found[True]) for place, found in pairs.items()}
    p = holm([fisher_p(*pair) for pair in pairs.values()])
    size, distance = list(pairs)[-1]
    last = select(ds, size=size, distance=distance)
    share = (last["far_response"] / last["output_response"]).median("seed").isel(snapshot=[0, -1])
    kept = {
        label(traits_of(last, name), full=False): tuple(share.sel(network=name).values.tolist())
        for name in last["network"].values
    }
    return Skips(
        budget_of(tree),
        ds.sizes["seed"],
        ds.attrs["far"],
        int(ds["skip_range"].max()),
        solved,
        pairs,
        dict(zip(pairs, map(float, p))),
        kept,
    )
