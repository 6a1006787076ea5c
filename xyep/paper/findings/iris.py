"""What notebook 04 finds: Iris on networks of growing size, far and near inputs, long couplings."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from ...cases import select
from . import CONSISTENT, NOT_FOUND, OPEN, PARTLY, Finding
from .statistics import LEVEL, Difference, holm, p_text, paired, percent, quartiles
from .words import label, traits_of

#: Test accuracy of a run that counts as trained.
TRAINED = 0.9
#: Accuracies that differ by less are comparable; set before the runs.
MARGIN = 0.02

PLACES = {"beside": "inputs beside outputs", "edges": "inputs opposite outputs"}


class Row(NamedTuple):
    """One network: what it is, and its numbers over the runs."""

    traits: dict
    accuracy: np.ndarray  # of each run on its test flowers
    error: Difference  # in %, on test flowers: mean and 95 % interval
    train_error: float  # in %, after the last epoch
    trained: np.ndarray  # which runs answer at least `TRAINED` of their test flowers right
    sweeps: dict  # "before", "after" training: quartiles of the mean sweeps to equilibrium

    @property
    def sites(self) -> int:
        return int(self.traits["n_sites"])

    @property
    def couplings(self) -> int:
        return int(self.traits["n_couplings"])

    @property
    def name(self) -> str:
        place = PLACES.get(self.traits.get("placement", ""))
        return label(self.traits) + (f" ({place})" if place else "")


def _mean(values: np.ndarray) -> Difference:
    return paired(values, np.zeros(len(values)))


def rows(ds: xr.Dataset) -> list[Row]:
    """Of each network, in order of size."""
    found = []
    for network in ds["network"].values:
        one = ds.sel(network=network)
        right = one["test_accuracy"].values.astype(float)
        sweeps = {w: quartiles(one["free_sweeps"].sel(when=w)) for w in ds["when"].values}
        train = 100 * (1 - float(one["accuracy"].isel(epoch=-1).mean()))
        error = _mean(100 * (1 - right))
        traits = traits_of(ds, network)
        found.append(Row(traits, right, error, train, right >= TRAINED, sweeps))
    return sorted(found, key=lambda row: row.sites)


@dataclass(frozen=True)
class Sizes:
    """Networks of growing size, in series that differ in size alone.

    series : {(panel, label): rows};  baselines : test error in % of linear classifiers
    """

    series: dict[tuple[str, str], list[Row]]
    baselines: dict[str, Difference]
    epochs: int
    runs: int
    unfinished: int  # relaxations to equilibrium cut short

    @property
    def titles(self) -> list[str]:
        """Panels: dense networks, and lattices by placement."""
        return list(dict.fromkeys(title for title, _ in self.series))


def sizes(tree: xr.DataTree) -> Sizes:
    ds = tree["networks"].to_dataset()
    series: dict[tuple[str, str], list[Row]] = {}
    for row in rows(ds):
        place = PLACES.get(row.traits.get("placement", ""), "")
        panel = f"lattice, {place}" if place else "dense"
        series.setdefault((panel, label(row.traits, full=False)), []).append(row)
    linear = tree["baselines"]["test_accuracy"]
    baselines = {
        str(name): _mean(100 * (1 - linear.sel(classifier=name).values))
        for name in linear["classifier"].values
    }
    unfinished = int(ds["free_unconverged"].sum())
    panels = ["dense", *(f"lattice, {place}" for place in PLACES.values())]
    order = sorted(series, key=lambda key: (panels.index(key[0]), key[1]))
    return Sizes(
        {key: series[key] for key in order},
        baselines,
        int(ds["epoch"][-1]),
        ds.sizes["seed"],
        unfinished,
    )


@dataclass(frozen=True)
class Comparable(Finding):
    """The best lattices against the best all-to-all network, all chosen on validation flowers.

    lattices : the best of all, and the best of those between nearest neighbours only
    differences : of each lattice from the dense network, run by run;  linear : from the baseline
    """

    lattices: tuple[Row, ...]
    dense: Row
    differences: tuple[Difference, ...]
    baseline: str
    linear: Difference

    nodes = ("tuning", "networks", "baselines")
    statement = "Local lattices reach results comparable to dense networks: Iris"
    whose = "paper"
    rule = (
        "best on validation flowers, paired over the same folds; comparable if the 95 % interval "
        f"lies within ±{100 * MARGIN:.0f} points, a margin set beforehand"
    )

    @property
    def verdict(self) -> str:
        within = [-MARGIN < d.low and d.high < MARGIN for d in self.differences]
        if any(within):
            return CONSISTENT if all(within) else PARTLY
        return NOT_FOUND if all(d.high < -MARGIN for d in self.differences) else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{row.name}, {row.couplings} couplings: {percent(row.accuracy)}, "
            f"{difference.text(digits=1)} points"
            for row, difference in zip(self.lattices, self.differences)
        ]
        return (
            f"{self.dense.name}, {self.dense.couplings} couplings: {percent(self.dense.accuracy)}; "
            f"{'; '.join(words)} (difference and 95 % interval over {len(self.dense.accuracy)} "
            f"runs); the first lattice against {self.baseline}, linear, on the same folds: "
            f"{self.linear.text(digits=1)} points"
        )


def comparable(tree: xr.DataTree) -> Comparable:
    ds = tree["networks"].to_dataset()
    lattices, dense = select(ds, family="lattice"), select(ds, family="all_to_all")
    near = select(lattices, shells=int(lattices["shells"].min()))
    best, nearest, best_dense = map(_best, (lattices, near, dense))
    chosen = (best, nearest) if best.name != nearest.name else (best,)
    linear = tree["baselines"]["test_accuracy"]
    baseline = linear["classifier"].values[0]
    return Comparable(
        chosen,
        best_dense,
        tuple(paired(row.accuracy, best_dense.accuracy) for row in chosen),
        str(baseline),
        paired(best.accuracy, linear.sel(classifier=baseline)),
    )


def _best(ds: xr.Dataset) -> Row:
    """The network that is best on validation flowers; of equal ones that of fewer couplings."""
    right = ds["validation_accuracy"].isel(epoch=-1).mean("seed")
    order = np.lexsort((ds["n_couplings"].values, -right.values))
    return rows(ds.isel(network=order[:1]))[0]


@dataclass(frozen=True)
class Couplings:
    """Error over the number of couplings, and the comparison of the paper."""

    sizes: Sizes
    comparable: Comparable


def couplings(tree: xr.DataTree) -> Couplings:
    return Couplings(sizes(tree), comparable(tree))


@dataclass(frozen=True)
class Skips(Finding):
    """A lattice with inputs opposite outputs, and couplings added to those of nearest neighbours.

    near : with 1 and more shells;  long : with random skips
    gains, p : of each number of skips over none, run by run, and corrected p
    """

    near: list[Row]
    long: list[Row]
    gains: tuple[Difference, ...]
    p: np.ndarray

    nodes = ("tuning", "networks", "skips")
    statement = "Random long couplings help a lattice whose inputs are far from its outputs: Iris"
    whose = "ours"
    rule = (
        "paired t-test of test accuracy against no skips, corrected over the numbers of skips; "
        f"yes if one is higher at p < {LEVEL:g} and none lower"
    )

    def added(self, row: Row) -> int:
        return row.couplings - self.near[0].couplings

    @property
    def verdict(self) -> str:
        signs = {np.sign(gain.mean) for gain, p in zip(self.gains, self.p) if p < LEVEL}
        return {(1.0,): "yes", (-1.0,): "no"}.get(tuple(signs), OPEN)

    @property
    def measured(self) -> str:
        words = [
            f"{self.added(row)} skips {gain.text(digits=1)} ({p_text(p)})"
            for row, gain, p in zip(self.long, self.gains, self.p)
        ]
        bare = self.near[0]
        return (
            f"{bare.name}: {percent(bare.accuracy)}; points more with {'; '.join(words)} "
            f"(95 % intervals over {len(bare.accuracy)} runs, p corrected)"
        )


def skips(tree: xr.DataTree) -> Skips:
    drawn = tree["skips"].to_dataset()
    size = int(drawn["size"].values[0])
    near = rows(select(tree["networks"].to_dataset(), placement="edges", size=size))
    near.sort(key=lambda row: row.couplings)
    long = sorted(rows(drawn), key=lambda row: row.couplings)
    gains = tuple(paired(row.accuracy, near[0].accuracy) for row in long)
    return Skips(near, long, gains, holm([gain.p for gain in gains]))
