"""Findings of notebook 03: skips of different range, equal in number, and what is cut."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import stats

from . import CONSISTENT, CONTRADICTED, OPEN, Estimate, Finding
from .responses import ENOUGH, Runs
from .statistics import (
    LEVEL,
    count_interval,
    holm,
    largest,
    listed,
    p_text,
    paired,
    quartiles,
    solves,
    weakest,
)
from .words import Budget, budget_of


@dataclass(frozen=True)
class Longer(Finding):
    """Success over the range of skips that are equal in number."""

    budget: Budget
    size: int
    couplings: tuple[int, int]  # without skips, and with
    solved: dict[int, dict[str, Runs]]  # distance of the inputs → kind → runs
    p: dict[int, float]  # of the trend over the range, corrected

    nodes = ("skips",)
    statement = "Longer skips help, at an equal number of couplings"
    whose = "paper (longer skips help)"
    rule = (
        "success rises with the range of the skips at every distance of the inputs "
        f"(Cochran–Armitage test, Holm's correction, p < {LEVEL:g}); contradicted, if it falls at "
        "some and rises at none; else open"
    )

    @property
    def rising(self) -> list[bool]:
        return [slope(runs) > 0 and self.p[d] < LEVEL for d, runs in self.solved.items()]

    @property
    def verdict(self) -> str:
        if any(self.rising):
            return CONSISTENT if all(self.rising) else OPEN
        falling = [slope(runs) < 0 and self.p[d] < LEVEL for d, runs in self.solved.items()]
        return CONTRADICTED if any(falling) else OPEN

    @property
    def estimate(self) -> Estimate:
        distance = weakest(self.p)
        x, y = _by_range(self.solved[distance])
        line = stats.linregress(x, 100 * y)
        half = stats.t.ppf(0.975, len(x) - 2) * line.stderr
        of = f"rise of success with one more of range, inputs at distance {distance}"
        ends = float(line.slope), float(line.slope - half), float(line.slope + half)
        return Estimate(of, *ends, "points", len(x), "runs")

    @property
    def by(self) -> str:
        return largest(self.p)

    @property
    def measured(self) -> str:
        words = [
            f"inputs at distance {d}: "
            + ", ".join(f"{_kind(k)} {count_interval(r)}" for k, r in runs.items())
            + f"; trend {p_text(self.p[d])}"
            for d, runs in self.solved.items()
        ]
        return f"seeds that solve XOR {self.budget}; {'; '.join(words)}"


def _kind(kind: str) -> str:
    return f"range {kind}" if kind.isdigit() else kind


def slope(solved: Mapping[str, Runs]) -> float:
    """Change of the share of runs that solve XOR with one more of range."""
    x, y = _by_range(solved)
    return float(stats.linregress(x, y).slope)


def _by_range(solved: Mapping[str, Runs]) -> tuple[np.ndarray, np.ndarray]:
    ranged = {int(kind): runs for kind, runs in solved.items() if kind.isdigit()}
    x = np.concatenate([np.full(len(runs), r) for r, runs in ranged.items()])
    return x, np.concatenate(list(ranged.values())).astype(float)


def trend_p(solved: Mapping[str, Runs]) -> float:
    """Two-sided p of the Cochran–Armitage test: N r² of range and success is χ² of one freedom."""
    x, y = _by_range(solved)
    if np.ptp(y) == 0 or np.ptp(x) == 0:
        return 1.0
    return float(stats.chi2.sf(len(x) * np.corrcoef(x, y)[0, 1] ** 2, 1))


def skips_of(tree: xr.DataTree) -> xr.Dataset:
    return tree["skips"].to_dataset(inherit=False)


def kind_of(one: xr.Dataset) -> str:
    """Of one network with or without skips: as `skip_network` names it."""
    if int(one["skip_range"]):
        return str(int(one["skip_range"]))
    return "random" if int(one["skips"]) else "none"


def longer(tree: xr.DataTree) -> Longer:
    ds = skips_of(tree)
    solved: dict[int, dict[str, Runs]] = {}
    for network in ds["network"].values:
        one = ds.sel(network=network)
        runs = solves(one["test_solved"].values)
        solved.setdefault(int(one["distance"]), {})[kind_of(one)] = runs
    p = holm([trend_p(runs) for runs in solved.values()])
    couplings = ds["n_couplings"].values
    return Longer(
        budget_of(tree),
        int(ds["size"][0]),
        (int(couplings.min()), int(couplings.max())),
        solved,
        dict(zip(solved, map(float, p))),
    )


class Area(NamedTuple):
    """Area under the curve, its 95 % interval (Hanley and McNeil), and corrected p of 1/2."""

    auc: float
    low: float
    high: float
    p: float


def area(values: np.ndarray, solved: Runs) -> Area:
    """Of a number that may predict which runs solve the task; p not yet corrected.

    >>> area(np.arange(20), np.arange(20) >= 10).auc
    1.0
    """
    yes, no = values[solved], values[~solved]
    test = stats.mannwhitneyu(yes, no)
    a, n, m = float(test.statistic) / (len(yes) * len(no)), len(yes), len(no)
    spread = (n - 1) * (a / (2 - a) - a * a) + (m - 1) * (2 * a * a / (1 + a) - a * a)
    half = 1.96 * np.sqrt((a * (1 - a) + spread) / (n * m))
    return Area(a, max(0.0, a - half), min(1.0, a + half), float(test.pvalue))


#: What may predict success, and how it is called.
PREDICTORS = {"far_response": "far nudge response", "signal": "signal"}


@dataclass(frozen=True)
class Predicts(Finding):
    """How well early responses predict success within each network."""

    epoch: int
    seeds: int
    areas: dict[str, dict[str, Area]]  # predictor → network → area

    nodes = ("skips",)
    statement = "Responses that survive early training predict success within an architecture"
    whose = "ours"
    rule = (
        "AUC of the far nudge response and of the signal, in each network with at least "
        f"{ENOUGH} runs of either outcome (Mann–Whitney test, Holm's correction); yes if in most "
        f"of them, for one of the two, it is above 1/2 at p < {LEVEL:g}"
    )

    def predicted(self, what: str) -> int:
        return sum(a.auc > 0.5 and a.p < LEVEL for a in self.areas[what].values())

    @property
    def verdict(self) -> str:
        most = [2 * self.predicted(what) > len(areas) for what, areas in self.areas.items()]
        return "yes" if any(most) else OPEN

    @property
    def better(self) -> str:
        """The predictor with the larger median area."""
        return max(
            self.areas, key=lambda what: np.median([a.auc for a in self.areas[what].values()])
        )

    @property
    def estimate(self) -> Estimate | None:
        found = sorted(self.areas[self.better].items(), key=lambda item: item[1].auc)
        if not found:
            return None
        name, a = found[len(found) // 2]
        of = f"AUC of the {PREDICTORS[self.better]}, {name}, the middle one of {len(found)}"
        return Estimate(of, *a[:3], "", self.seeds)

    @property
    def by(self) -> str:
        counts = [f"{PREDICTORS[w]} in {self.predicted(w)}/{len(a)}" for w, a in self.areas.items()]
        return f"above 1/2 at corrected p (Holm): {', '.join(counts)}"

    @property
    def measured(self) -> str:
        words = []
        for what, areas in self.areas.items():
            if not areas:
                return "no network with enough runs of either outcome"
            ends = [f(a.auc for a in areas.values()) for f in (min, max)]
            words.append(
                f"{PREDICTORS[what]} after {self.epoch} epochs: AUC {ends[0]:.2f} to {ends[1]:.2f} "
                f"in {len(areas)} networks, above 1/2 in {self.predicted(what)} "
                f"(smallest {p_text(min(a.p for a in areas.values()))})"
            )
        return "; ".join(words)


def predicts(tree: xr.DataTree) -> Predicts:
    ds = skips_of(tree).isel(snapshot=1)
    areas: dict[str, dict[str, Area]] = {what: {} for what in PREDICTORS}
    for network in ds["network"].values:
        one = ds.sel(network=network)
        solved = solves(one["test_solved"].values)
        if min(solved.sum(), (~solved).sum()) >= ENOUGH:
            name = f"distance {int(one['distance'])}, {_kind(kind_of(one))}"
            for what, found in areas.items():
                found[name] = area(one[what].values, solved)
    p = iter(holm([a.p for found in areas.values() for a in found.values()]))
    corrected = {
        what: {name: a._replace(p=float(next(p))) for name, a in found.items()}
        for what, found in areas.items()
    }
    return Predicts(int(ds["snapshot"]), ds.sizes["seed"], corrected)


@dataclass(frozen=True)
class Skips:
    """Success over the range of skips, and what early responses tell of it."""

    longer: Longer
    predicts: Predicts

    @property
    def predicted(self) -> list[str]:
        """Networks of which some runs succeed and some fail."""
        return list(next(iter(self.predicts.areas.values())))


def skips(tree: xr.DataTree) -> Skips:
    return Skips(longer(tree), predicts(tree))


def mcnemar_p(a: Runs, b: Runs) -> float:
    """Exact p that two arms of the same seeds have the same chance.

    >>> mcnemar_p(np.array([1, 1, 1, 1, 1, 0]) > 0, np.zeros(6, bool))
    0.0625
    """
    only = int(np.sum(a & ~b)), int(np.sum(b & ~a))
    return float(stats.binomtest(only[0], sum(only)).pvalue) if sum(only) else 1.0


#: What is cut, in words, and with what it is compared.
PAIRS = {"carriers": "others", "skips": "neighbours"}


@dataclass(frozen=True)
class Cuts(Finding):
    """Success after couplings are cut early in training."""

    epoch: int
    network: str
    share: float
    solved: dict[str, Runs]  # arm → runs
    cut: dict[str, float]  # couplings, on average
    size: dict[str, float]  # mean |J| of these
    left: dict[str, tuple[float, float, float]]  # far nudge response over that before, quartiles
    p: dict[str, float]  # of each of `PAIRS`, corrected

    nodes = ("skips", "cuts")
    statement = "Cutting the couplings that carry the nudge response costs success"
    whose = "paper (skips help by keeping long-range responses alive)"
    rule = (
        "training goes on after the cut; fewer seeds solve XOR than after as many other couplings "
        f"of nearest |J| are cut (McNemar's exact test, Holm's correction, p < {LEVEL:g}); "
        "contradicted, if more do; else open"
    )

    def costs(self, arm: str) -> bool:
        fewer = self.solved[arm].mean() < self.solved[PAIRS[arm]].mean()
        return bool(fewer) and self.p[arm] < LEVEL

    @property
    def verdict(self) -> str:
        if self.costs("carriers"):
            return CONSISTENT
        more = self.solved["carriers"].mean() > self.solved["others"].mean()
        return CONTRADICTED if more and self.p["carriers"] < LEVEL else OPEN

    @property
    def estimate(self) -> Estimate:
        runs = self.solved["carriers"], self.solved["others"]
        of = "success after carriers are cut, less that after as many others are"
        return paired(*runs).estimate(of, len(runs[0]))

    @property
    def by(self) -> str:
        return f"{p_text(self.p['carriers'])}, corrected (Holm over {len(self.p)})"

    @property
    def measured(self) -> str:
        words = [
            f"{ARMS[arm]} {count_interval(runs)}, far response ×{self.left[arm][1]:.2f}"
            for arm, runs in self.solved.items()
        ]
        tests = [f"{ARMS[a]} against {ARMS[b]} {p_text(self.p[a])}" for a, b in PAIRS.items()]
        return (
            f"{self.network}, cut after {self.epoch} epochs, seeds that solve XOR: "
            f"{'; '.join(words)}; {listed(tests)}"
        )


#: Arms of the experiment, in words.
ARMS = {
    "nothing": "nothing cut",
    "carriers": "carriers",
    "others": "as many others",
    "skips": "all skips",
    "neighbours": "as many neighbours",
}


def cuts(tree: xr.DataTree) -> Cuts:
    ds = tree["cuts"].to_dataset(inherit=False)
    solved = {str(arm): solves(ds["test_solved"].sel(arm=arm).values) for arm in ds["arm"].values}
    p = holm([mcnemar_p(solved[a], solved[b]) for a, b in PAIRS.items()])
    means = {name: ds[name].mean("seed") for name in ("cut", "cut_size")}
    return Cuts(
        int(ds.attrs["epoch"]),
        f"skips of {_kind(ds.attrs['kind'])}, inputs at distance {ds.attrs['distance']}",
        float(ds.attrs["share"]),
        solved,
        {arm: float(means["cut"].sel(arm=arm)) for arm in solved},
        {arm: float(means["cut_size"].sel(arm=arm)) for arm in solved},
        {arm: tuple(map(float, quartiles(ds["far_response"].sel(arm=arm)))) for arm in solved},
        dict(zip(PAIRS, map(float, p))),
    )
