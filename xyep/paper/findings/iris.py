"""Findings of notebook 04: small tables learned by networks of growing size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from ...cases import select
from ..studies.iris import FOLDS
from . import CONSISTENT, CONTRADICTED, OPEN, Estimate, Finding
from .statistics import LEVEL, Difference, holm, p_text, paired
from .words import label, shells, traits_of

#: Accuracies that differ by less are comparable; set before the runs.
MARGIN = 0.02
#: Tables and how they are called.
TABLES = {"iris": "Iris", "digits": "digits 1, 8, 9"}

LOCAL, DENSE = ("lattice",), ("all_to_all", "layered")


def chosen(ds: xr.Dataset, dims: tuple[str, ...] = ("learning_rate",)) -> xr.Dataset:
    """Of each run, what is best on validation samples over `dims`; of equals, the least cost."""
    stacked = ds.stack(choice=dims)
    score = stacked["validation_accuracy"] - 1e-6 * stacked["validation_cost"]
    return stacked.isel(choice=score.argmax("choice"))


def divisions(values: xr.DataArray) -> np.ndarray:
    """Mean over the runs that test each sample once, of each division of the samples; last axis."""
    array = values.transpose(..., "run").values.astype(float)
    if array.shape[-1] % FOLDS:
        return array
    return array.reshape(*array.shape[:-1], -1, FOLDS).mean(axis=-1)


def mean(values: np.ndarray) -> Difference:
    return paired(values, np.zeros(len(values)))


class Equal(NamedTuple):
    """A difference of accuracies, and whether it is shown to be within the margin, or beyond it.

    p : of two one-sided tests, corrected;  beyond : p of no difference beyond the margin, corrected
    """

    difference: Difference
    p: float
    beyond: float

    @property
    def within(self) -> bool:
        return self.p < LEVEL

    @property
    def outside(self) -> bool:
        return self.beyond < LEVEL

    @property
    def text(self) -> str:
        return f"{self.difference.text(digits=1)}, {p_text(self.p)}"


def one_sided(values: np.ndarray, bound: float, side: str) -> float:
    """p of Student's t-test that the mean is not on this side ("less", "greater") of a bound."""
    if len(values) < 2:
        return 1.0
    if np.ptp(values) == 0:  # as many runs decide what their signs do
        right = values[0] < bound if side == "less" else values[0] > bound
        return 0.5 ** len(values) if right else 1.0
    return float(stats.ttest_1samp(values, bound, alternative=side).pvalue)


def equivalence(pairs: dict[Any, tuple[np.ndarray, np.ndarray]]) -> dict[Any, Equal]:
    """Of each pair a − b of divisions: TOST against `MARGIN`, corrected over the pairs.

    >>> a = np.array([0.95, 0.96, 0.95, 0.94])
    >>> equivalence({"same": (a, a + [0.001, 0, -0.001, 0])})["same"].within
    True
    """
    differences = {k: np.asarray(a) - np.asarray(b) for k, (a, b) in pairs.items()}
    tost = [
        max(one_sided(d, MARGIN, "less"), one_sided(d, -MARGIN, "greater"))
        for d in differences.values()
    ]
    beyond = [
        min(1.0, 2 * min(one_sided(d, MARGIN, "greater"), one_sided(d, -MARGIN, "less")))
        for d in differences.values()
    ]
    ends = zip(holm(tost), holm(beyond), strict=True)
    return {k: Equal(paired(*pairs[k]), float(p), float(q)) for k, (p, q) in zip(pairs, ends)}


class Row(NamedTuple):
    """One network: what it is, and its accuracy in each division at the learning rates chosen."""

    traits: dict[str, Any]
    accuracy: np.ndarray

    @property
    def couplings(self) -> int:
        return int(self.traits["n_couplings"])

    @property
    def error(self) -> Difference:
        """In %, with its 95 % interval over the divisions."""
        return mean(100 * (1 - self.accuracy))

    @property
    def name(self) -> str:
        return label(self.traits)


def table_of(tree: xr.DataTree, table: str) -> xr.Dataset:
    return tree[table].to_dataset(inherit=False)


def rows(ds: xr.Dataset) -> list[Row]:
    best = chosen(ds)["test_accuracy"]
    return [Row(traits_of(ds, n), divisions(best.sel(network=n))) for n in ds["network"].values]


def best_of(ds: xr.Dataset, families: tuple[str, ...]) -> np.ndarray:
    """Of each division: the network and learning rate that are best on validation samples."""
    mine = select(ds, family=list(families))
    return divisions(chosen(mine, ("network", "learning_rate"))["test_accuracy"])


def classifiers(tree: xr.DataTree, table: str) -> dict[str, np.ndarray]:
    """Name → accuracy in each division, with the settings chosen on validation samples."""
    ds = tree[f"{table}_baselines"].to_dataset(inherit=False)
    best = chosen(ds.drop_vars("setting_value"), ("setting",))["test_accuracy"]
    return {str(n): divisions(best.sel(classifier=n)) for n in ds["classifier"].values}


# ------------------------------------------------------------------------------------- settings


@dataclass(frozen=True)
class Settings:
    """Accuracy on validation samples over the settings, which are bracketed or not."""

    accuracy: dict[str, dict[str, np.ndarray]]  # table, or rows → network → by learning rate
    rates: dict[str, np.ndarray]
    runs: int

    @property
    def networks(self) -> int:
        return sum(map(len, self.accuracy.values()))

    @property
    def at_an_end(self) -> list[float]:
        """Of each network whose best learning rate is an end of the grid: what it gains there."""
        return [
            float(values.max() - values[1:-1].max(initial=0.0))
            for found in self.accuracy.values()
            for values in found.values()
            if int(np.argmax(values)) in (0, len(values) - 1)
        ]


def settings(tree: xr.DataTree) -> Settings:
    accuracy, rates = {}, {}
    for node in (*TABLES, "rows"):
        ds = table_of(tree, node)
        right = ds["validation_accuracy"].mean("run")
        rates[node] = ds["learning_rate"].values
        accuracy[node] = {}
        for network in ds["network"].values:
            traits = traits_of(ds, network)
            name = label(traits)
            name += f", distance {traits['distance']:.0f}" if "distance" in traits else ""
            accuracy[node][name] = right.sel(network=network).values
    return Settings(accuracy, rates, ds.sizes["run"])


# ---------------------------------------------------------------------------------- comparisons


def margin_text(pairs: Mapping[Any, Equal]) -> str:
    """What decides, in words."""
    p = max(e.p for e in pairs.values())
    return f"margin: {100 * MARGIN:.0f} points; TOST {p_text(p)}, the largest corrected (Holm)"


def widest(pairs: Mapping[Any, Equal]) -> Any:
    """The pair that is least known to be within the margin."""
    return max(pairs, key=lambda key: (pairs[key].p, abs(pairs[key].difference.mean)))


@dataclass(frozen=True)
class _Comparable(Finding):
    """Differences between local lattices and dense networks on one table."""

    pairs: dict[str, Equal]  # what is compared
    divisions: int

    whose = "paper"
    rule = (
        f"accuracies differ by less than {100 * MARGIN:.0f} points, a margin set beforehand: TOST "
        "paired over divisions, Holm's correction over six comparisons on two tables; the opposite "
        "where one is beyond the margin at corrected p; else open"
    )

    @property
    def verdict(self) -> str:
        of_paper = self.whose[:5] == "paper"
        if all(e.within for e in self.pairs.values()):
            return CONSISTENT if of_paper else "yes"
        if any(e.outside for e in self.pairs.values()):
            return CONTRADICTED if of_paper else "no"
        return OPEN

    @property
    def measured(self) -> str:
        found = "; ".join(f"{what} {e.text}" for what, e in self.pairs.items())
        return f"points, 95 % intervals over {self.divisions} divisions, p of TOST: {found}"

    @property
    def estimate(self) -> Estimate:
        what = widest(self.pairs)
        return self.pairs[what].difference.estimate(what, self.divisions, "divisions")

    @property
    def by(self) -> str:
        return margin_text(self.pairs)


@dataclass(frozen=True)
class EqualIris(_Comparable):
    nodes = ("iris",)
    statement = "Local lattices are comparable to dense networks of as many couplings: Iris"


@dataclass(frozen=True)
class BestIris(_Comparable):
    nodes = ("iris",)
    statement = "The best local lattices are comparable to the best dense networks: Iris"


@dataclass(frozen=True)
class EqualDigits(_Comparable):
    nodes = ("digits",)
    whose = "ours"
    statement = "Local lattices are comparable to dense networks of as many couplings: harder table"


@dataclass(frozen=True)
class BestDigits(_Comparable):
    nodes = ("digits",)
    whose = "ours"
    statement = "The best local lattices are comparable to the best dense networks: harder table"


#: What is compared on each table.
EQUAL = ("nearest neighbours − all-to-all", "nearest neighbours − layered")
BEST = "best lattice − best dense"


def first(ds: xr.Dataset, **traits: Any) -> Row:
    """The network with these traits and the fewest couplings, that of equal couplings."""
    return min(rows(select(ds, **traits)), key=lambda row: row.couplings)


def comparable(tree: xr.DataTree) -> list[_Comparable]:
    """Of each table, at equal couplings and each at its best."""
    pairs = {}
    for table in TABLES:
        ds = table_of(tree, table)
        near = first(ds, family="lattice", shells=1)
        others = [first(ds, family=family) for family in DENSE]
        pairs |= {(table, t): (near.accuracy, o.accuracy) for t, o in zip(EQUAL, others)}
        pairs[table, BEST] = best_of(ds, LOCAL), best_of(ds, DENSE)
    found = equivalence(pairs)
    n = len(next(iter(pairs.values()))[0])
    kinds = {"iris": (EqualIris, BestIris), "digits": (EqualDigits, BestDigits)}
    return [
        kind({what: found[table, what] for what in whats}, n)
        for table, both in kinds.items()
        for kind, whats in zip(both, (EQUAL, (BEST,)))
    ]


@dataclass(frozen=True)
class Plain(Finding):
    """The best lattice against classifiers of scikit-learn."""

    pairs: dict[tuple[str, str], Equal]  # (table, classifier)
    accuracy: dict[tuple[str, str], float]
    divisions: int

    nodes = ("iris", "digits", "iris_baselines", "digits_baselines")
    statement = "The best local lattices are comparable to plain classifiers"
    whose = "ours"
    rule = (
        f"the same margin of {100 * MARGIN:.0f} points, test and correction, against linear "
        "discriminant analysis, logistic regression and a ReLU network, of five settings each; yes "
        "if all are within the margin, no if one is beyond it at corrected p"
    )

    @property
    def verdict(self) -> str:
        if all(e.within for e in self.pairs.values()):
            return "yes"
        return "no" if any(e.outside for e in self.pairs.values()) else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{TABLES[t]}, {name} ({100 * self.accuracy[t, name]:.1f} %): {e.text}"
            for (t, name), e in self.pairs.items()
        ]
        return f"best lattice less the classifier, points, p of TOST; {'; '.join(words)}"

    @property
    def estimate(self) -> Estimate:
        table, name = widest(self.pairs)
        of = f"best lattice less {name}, {TABLES[table]}"
        return self.pairs[table, name].difference.estimate(of, self.divisions, "divisions")

    @property
    def by(self) -> str:
        return margin_text(self.pairs)


def plain(tree: xr.DataTree) -> Plain:
    pairs = {}
    for table in TABLES:
        best = best_of(table_of(tree, table), LOCAL)
        pairs |= {(table, name): (best, a) for name, a in classifiers(tree, table).items()}
    accuracy = {key: float(other.mean()) for key, (_, other) in pairs.items()}
    return Plain(equivalence(pairs), accuracy, len(best))


@dataclass(frozen=True)
class Margin:
    """All comparisons against the margin."""

    comparable: list[_Comparable]
    plain: Plain

    def of(self, table: str) -> dict[str, Equal]:
        """All comparisons with dense networks on a table."""
        mine = [c for c in self.comparable if c.nodes == (table,)]
        return {what: e for c in mine for what, e in c.pairs.items()}


def margin(tree: xr.DataTree) -> Margin:
    return Margin(comparable(tree), plain(tree))


@dataclass(frozen=True)
class Couplings:
    """Error over the number of couplings, with plain classifiers."""

    rows: dict[str, list[Row]]  # table → networks
    plain: dict[str, dict[str, Difference]]  # table → classifier → error in %
    best: dict[str, tuple[Difference, Difference]]  # error of the best lattice and dense network
    runs: int


def couplings(tree: xr.DataTree) -> Couplings:
    found, linear, best = {}, {}, {}
    for table in TABLES:
        ds = table_of(tree, table)
        found[table] = rows(ds)
        errors = classifiers(tree, table)
        linear[table] = {n: mean(100 * (1 - a)) for n, a in errors.items()}
        best[table] = tuple(mean(100 * (1 - best_of(ds, f))) for f in (LOCAL, DENSE))
    return Couplings(found, linear, best, ds.sizes["run"])


# -------------------------------------------------------------------------------- size, distance


@dataclass(frozen=True)
class _Change(Finding):
    """Differences in accuracy between the ends of one axis, the other one fixed."""

    pairs: dict[tuple[int, int], Equal]  # (shells, the other one)
    ends: tuple[int, int]
    divisions: int

    nodes = ("rows",)
    whose = "ours"
    other = ""

    @property
    def verdict(self) -> str:
        if all(e.within for e in self.pairs.values()):
            return "no"
        return "yes" if any(e.outside for e in self.pairs.values()) else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{shells(s)}, {self.other.format(k)}: {e.text}" for (s, k), e in self.pairs.items()
        ]
        return f"Iris, from {self.ends[0]} to {self.ends[1]}, points, p of TOST: {'; '.join(words)}"

    @property
    def estimate(self) -> Estimate:
        s, k = widest(self.pairs)
        of = f"accuracy at {self.ends[1]} less that at {self.ends[0]}, {shells(s)}, "
        difference = self.pairs[s, k].difference
        return difference.estimate(of + self.other.format(k), self.divisions, "divisions")

    @property
    def by(self) -> str:
        return margin_text(self.pairs)


@dataclass(frozen=True)
class Size(_Change):
    statement = "Size matters, with inputs and outputs left where they are"
    rule = (
        f"accuracy on the largest less the smallest lattice: TOST with {100 * MARGIN:.0f} points, "
        "paired over divisions, Holm's correction; no if all are within, yes if one "
        "is beyond at corrected p"
    )
    other = "distance {}"


@dataclass(frozen=True)
class Distance(_Change):
    statement = "Distance between inputs and outputs matters, at a fixed size"
    rule = (
        f"accuracy at the largest less the smallest distance: TOST with {100 * MARGIN:.0f} points, "
        "paired over divisions, Holm's correction; no if all are within, yes if one is beyond at "
        "corrected p"
    )
    other = "{0}×{0}"


@dataclass(frozen=True)
class Sizes:
    """Error over size and distance, each with the other one fixed."""

    error: dict[tuple[int, int, int], Difference]  # (shells, distance, size) → in %
    size: Size
    distance: Distance
    runs: int


def sizes(tree: xr.DataTree) -> Sizes:
    ds = tree["rows"].to_dataset(inherit=False)
    found = {
        tuple(int(row.traits[n]) for n in ("shells", "distance", "size")): row.accuracy
        for row in rows(ds)
    }
    ranges, distances, edges = (sorted({key[k] for key in found}) for k in range(3))
    a, b = edges[0], edges[-1]
    near, far = distances[0], distances[-1]
    size = equivalence(
        {(s, d): (found[s, d, b], found[s, d, a]) for s in ranges for d in distances}
    )
    distance = equivalence(
        {(s, n): (found[s, far, n], found[s, near, n]) for s in ranges for n in edges}
    )
    errors = {key: mean(100 * (1 - accuracy)) for key, accuracy in found.items()}
    n = len(next(iter(found.values())))
    both = Size(size, (a, b), n), Distance(distance, (near, far), n)
    return Sizes(errors, *both, ds.sizes["run"])
