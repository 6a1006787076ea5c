"""What notebook 07 finds: what a machine costs, what it buys, and what of it is decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import mannwhitneyu

from ...cases import select
from ...random import uniform
from . import OPEN, Finding, images
from .statistics import (
    LEVEL,
    count,
    count_interval,
    fisher_p,
    holm,
    p_text,
    paired,
    sign_p,
    solves,
    welch,
)
from .words import label, shells, traits_of


class Span(NamedTuple):
    """A number with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        text = f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"
        return text.replace("inf", "∞")


def is_random(traits: Mapping) -> bool:
    """Whether a lattice has skip couplings between random sites."""
    return bool(traits.get("skips")) and not traits.get("skip_range")


def kind(traits: Mapping) -> str:
    """What lattices are called that differ in size alone."""
    return "1 shell, random skips" if is_random(traits) else label(traits, full=False)


def by_kind(ds: xr.Dataset) -> dict[str, list[tuple[dict, xr.Dataset]]]:
    """Lattices that differ in size alone, with their traits, in order of size."""
    found: dict[str, list[tuple[dict, xr.Dataset]]] = {}
    for network in ds.sortby("size")["network"].values:
        traits = traits_of(ds, network)
        found.setdefault(kind(traits), []).append((traits, ds.sel(network=network)))
    return dict(sorted(found.items(), key=lambda item: _order(item[1][0][0])))


def _order(traits):
    return is_random(traits), bool(traits.get("skip_range")), traits["shells"]


# --- reach


def decay_length(rates: np.ndarray) -> Span:
    """ξ = 1/(mean rate over seeds); infinite where a rate of 0 cannot be excluded."""
    mean, low, high, _ = paired(rates, np.zeros(len(rates)))
    return Span(*(1 / rate if rate > 0 else np.inf for rate in (mean, high, low)))


class Reached(NamedTuple):
    """An untrained lattice: its response over the distance, and how fast it decays."""

    traits: dict
    profile: np.ndarray  # relative to the output's, at distance 0, 1, …
    rates: np.ndarray  # by seed, in 1/lattice constant
    length: Span | None  # ξ in lattice constants; none where the response is no exponential

    @property
    def couplings(self) -> int:
        return int(self.traits["n_couplings"])


class Through(NamedTuple):
    """Decay rates of a lattice before and after training, by seed."""

    traits: dict
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Reach:
    """How far the nudging is felt: untrained lattices by kind and size, and trained ones."""

    lattices: dict[str, list[Reached]]
    trained: list[Through]
    source: str  # notebook of the trained ones
    seeds: int

    @property
    def largest(self) -> dict[str, Reached]:
        return {name: rows[-1] for name, rows in self.lattices.items()}

    @property
    def size(self) -> int:
        return max(int(row.traits["size"]) for row in self.largest.values())


def reach(tree: xr.DataTree) -> Reach:
    lattices = {}
    for name, rows in by_kind(tree["reach"].to_dataset()).items():
        lattices[name] = []
        for traits, ds in rows:
            profile = ds["log_response"].mean("seed").dropna("output_distance").values
            rates = ds["decay_rate"].values
            # random skips make a small world, in which the response levels off
            length = None if is_random(traits) else decay_length(rates)
            lattices[name].append(Reached(traits, np.exp(profile - profile[0]), rates, length))
    runs = tree["trained_reach"].to_dataset()
    trained = [
        Through(
            traits_of(runs, n), *runs["decay_rate"].sel(network=n).transpose("when", ...).values
        )
        for n in runs["network"].values
    ]
    trained.sort(key=lambda row: (row.traits["distance"], row.traits["shells"]))
    return Reach(lattices, trained, runs.attrs["source"], tree["reach"].sizes["seed"])


# --- time


class Settled(NamedTuple):
    """Lattices of one kind over their sizes: sweeps and time to rest, (size, seed)."""

    traits: dict
    sizes: np.ndarray
    sweeps: np.ndarray
    time: np.ndarray


@dataclass(frozen=True)
class Times:
    """How long lattices take to settle, and the powers of the edge with which that grows.

    Powers are of medians over seeds, with 95 % intervals of a bootstrap over seeds.
    """

    lattices: dict[str, Settled]
    powers: dict[str, dict[str, Span]]  # "sweeps" and "time" → kind → power
    tolerance: float
    seeds: int
    unfinished: int


def power(sizes: np.ndarray, values: np.ndarray, draws: int = 1000) -> Span:
    """Power of the size with which the median of values (size, seed) grows.

    >>> power(np.array([2, 4, 8]), np.array([[4.0], [16.0], [64.0]])).value
    2.0
    """
    x = np.log(sizes) - np.log(sizes).mean()

    def slope(medians):
        return (np.log(medians) @ x) / (x @ x)

    n = values.shape[1]
    pick = (uniform((draws, *values.shape), 0) * n).astype(int)
    again = np.median(np.take_along_axis(values[None], pick, axis=2), axis=2)
    low, high = np.quantile(slope(again), (0.025, 0.975))
    return Span(round(float(slope(np.median(values, axis=1))), 12), float(low), float(high))


def times(tree: xr.DataTree) -> Times:
    ds = tree["relaxation"].to_dataset()
    lattices = {
        name: Settled(
            rows[0][0],
            np.array([traits["size"] for traits, _ in rows]),
            np.array([one["sweeps"].values for _, one in rows]),
            np.array([one["time"].values for _, one in rows]),
        )
        for name, rows in by_kind(ds).items()
    }
    powers = {
        what: {name: power(s.sizes, getattr(s, what)) for name, s in lattices.items()}
        for what in ("sweeps", "time")
    }
    unfinished = int(ds["unconverged"].sum())
    return Times(lattices, powers, ds.attrs["tolerance"], ds.sizes["seed"], unfinished)


# --- initial states


@dataclass(frozen=True)
class States:
    """Success over the number M of initial states: {shells: {M: which seeds solve XOR}}."""

    solved: dict[int, dict[int, np.ndarray]]
    cost: dict[int, float]  # sweeps an epoch, mean over lattices
    traits: dict
    epochs: int

    @property
    def pooled(self) -> dict[int, np.ndarray]:
        return {m: np.concatenate([runs[m] for runs in self.solved.values()]) for m in self.cost}

    @property
    def enough(self) -> int:
        """The smallest M with at least nine tenths of the most successes."""
        most = max(runs.sum() for runs in self.pooled.values())
        return next(m for m, runs in self.pooled.items() if runs.sum() >= 0.9 * most)


def states(tree: xr.DataTree) -> States:
    ds = tree["initial_states"].to_dataset().sortby(["shells", "initial_states"])
    solved: dict[int, dict[int, np.ndarray]] = {}
    sweeps: dict[int, list[float]] = {}
    for network in ds["network"].values:
        one = ds.sel(network=network)
        m = int(one["initial_states"])
        solved.setdefault(int(one["shells"]), {})[m] = solves(one["test_solved"].values)
        sweeps.setdefault(m, []).append(4 * m * float(one["sweeps"].mean()))  # four patterns
    cost = {m: float(np.mean(values)) for m, values in sweeps.items()}
    return States(solved, cost, traits_of(ds, ds["network"].values[0]), ds.attrs["epochs"])


# --- nudging and precision

#: Node → the coordinate that says how precise, what a value of it is, and its unit.
PRECISION = {
    "stopped_early": ("tolerance", "Stopping relaxation at a torque of", "couplings"),
    "readout_noise": ("phase_error", "Noise in the gradient as of phase errors of", "rad"),
}
ESTIMATORS = {"centered": "centred", "one_sided": "one-sided"}


@dataclass(frozen=True)
class Precision:
    """Success over β: {node: {(estimator, precision, β): which seeds solve XOR}}."""

    solved: dict[str, dict[tuple[str, float, float], np.ndarray]]
    traits: dict
    epochs: int

    @property
    def betas(self) -> list[float]:
        return sorted({beta for runs in self.solved.values() for _, _, beta in runs})

    def values(self, node: str) -> list[float]:
        """Precisions tried, the finest first."""
        return sorted({value for _, value, _ in self.solved[node]})

    def pooled(self, estimator: str, beta: float) -> np.ndarray:
        """(precision of either kind, seed)"""
        return np.array(
            [
                runs[estimator, value, beta]
                for node, runs in self.solved.items()
                for value in self.values(node)
            ]
        )

    @property
    def best_beta(self) -> float:
        """β with the most successes of the centred estimator, the smallest of equal ones."""
        return max(self.betas, key=lambda b: (self.pooled("centered", b).sum(), -b))


def precision(tree: xr.DataTree) -> Precision:
    solved = {}
    for node, (dim, _, _) in PRECISION.items():
        ds = tree[node].to_dataset()
        solved[node] = {}
        for network in ds["network"].values:
            one = ds.sel(network=network)
            point = (str(one["estimator"].item()), float(one[dim]), float(one["beta"]))
            solved[node][point] = solves(one["test_solved"].values)
    return Precision(solved, traits_of(ds, ds["network"].values[0]), ds.attrs["epochs"])


# --- recommendations


@dataclass(frozen=True)
class Recommendation(Finding):
    """Something that was tested; `recommendations` corrects p over all tests of this notebook."""

    statement: str
    nodes: tuple[str, ...]
    numbers: str
    test: str
    where: str  # node and figure, in words
    holds: bool  # whether the numbers point in the direction of the statement
    p: float

    whose = "ours"

    @property
    def rule(self) -> str:
        return self.test

    @property
    def measured(self) -> str:
        return f"{self.numbers}; {p_text(self.p)}"

    @property
    def verdict(self) -> str:
        return OPEN if self.p >= LEVEL else "yes" if self.holds else "no"


def spending(question: images.Question) -> str:
    """What the couplings of a question buy, in words."""
    each = 1000 / question.added
    return (
        f"{question.difference.text()} points for {question.added:,} more couplings: "
        f"{100 * question.difference.mean * each:+.3f} "
        f"({100 * question.difference.low * each:+.3f} to "
        f"{100 * question.difference.high * each:+.3f}) for a thousand"
    )


def recommendations(tree: xr.DataTree) -> list[Finding]:
    """All that notebook 07 has tested; what 05 has decided of its networks comes first."""
    nets = images.networks(tree["density"].to_dataset())
    few = images.sparse(nets)
    tests = [
        *_of_reach(reach(tree)),
        *_of_skips(tree["skips"].to_dataset()),
        *_of_time(times(tree)),
        *_of_states(states(tree)),
        *_of_precision(precision(tree)),
    ]
    corrected = holm([test.p for test in tests])
    rows = [replace(test, p=float(p)) for test, p in zip(tests, corrected, strict=True)]
    return [*([few] if few else []), *images.questions(nets), *rows]


def _of_reach(f: Reach) -> Iterator[Recommendation]:
    largest = f.largest
    skip = next((r for r in largest.values() if r.traits.get("skip_range")), None)
    ranges = [r for r in largest.values() if r.length and not r.traits.get("skip_range")]
    if skip is not None:
        alike = min(ranges, key=lambda row: abs(row.couplings - skip.couplings))
        difference = welch(alike.rates, skip.rates)
        yield Recommendation(
            "For reach before training, regular skips carry the nudging farther than about as many "
            "couplings of shells",
            ("reach",),
            f"untrained {f.size}×{f.size}, decay length in lattice constants: "
            + "; ".join(
                f"{kind(r.traits)} {r.length} with {r.couplings} couplings" for r in (skip, alike)
            ),
            "Welch's t-test of the decay rates over seeds",
            "`reach`, 07_reach",
            difference.mean > 0,
            difference.p,
        )
    near = [row for row in f.trained if row.traits["distance"] == f.trained[0].traits["distance"]]
    for row in (near[0], near[-1]) if len(near) > 1 else near:
        change = paired(row.after, row.before)
        before, after = decay_length(row.before), decay_length(row.after)
        yield Recommendation(
            f"Training shortens the reach, {shells(row.traits['shells'])}",
            ("trained_reach",),
            f"{label(row.traits)}, inputs at distance {row.traits['distance']:.0f}, all seeds, "
            f"decay length in lattice constants: {before} → {after}",
            "paired t-test of the decay rates over seeds",
            f"`trained_reach` (from {f.source}), 07_reach",
            change.mean > 0,
            change.p,
        )


def _of_skips(ds: xr.Dataset) -> Iterator[Recommendation]:
    """XOR of notebook 03, on the largest lattice with the inputs farthest away."""
    size, distance = int(ds["size"].max()), int(ds["distance"].max())
    far = select(ds, size=size, distance=distance)
    runs = {n: solves(far["test_solved"].sel(network=n).values) for n in far["network"].values}
    traits = {n: traits_of(far, n) for n in sorted(runs, key=lambda n: _order(traits_of(far, n)))}
    ranges = {n: t["skip_range"] for n, t in traits.items() if t.get("skip_range")}
    regular = max(ranges, key=ranges.__getitem__, default=None)
    others = [("none", next(iter(traits)))]
    others += [("as many random ones", n) for n, t in traits.items() if is_random(t)]
    for against, other in others if regular else ():
        words = (
            f"{kind(traits[n])} {count_interval(runs[n])}, {traits[n]['n_couplings']:.0f} couplings"
            for n in (regular, other)
        )
        yield Recommendation(
            f"Regular skips solve more seeds than {against}",
            ("skips",),
            f"XOR, {size}×{size}, inputs at distance {distance}: {'; '.join(words)}",
            "Fisher's exact test",
            f"`skips` (from {ds.attrs['source']}), 03_skips",
            runs[regular].mean() > runs[other].mean(),
            fisher_p(runs[regular], runs[other]),
        )


def _of_time(f: Times) -> Iterator[Recommendation]:
    few, many = (pick(f.lattices.values(), key=lambda s: s.traits["shells"]) for pick in (min, max))
    first, last = few.sizes[[0, -1]]
    powers = f.powers["time"]
    yield Recommendation(
        f"Couplings of longer range settle faster, {last:.0f}×{last:.0f}",
        ("relaxation",),
        f"time to a torque of {f.tolerance:g}, in 1/coupling, medians: "
        + "; ".join(
            f"{kind(s.traits)} {np.median(s.time[0]):.0f} ({first:.0f}×{first:.0f}) → "
            f"{np.median(s.time[-1]):.0f}, power {powers[kind(s.traits)]} of the edge"
            for s in (few, many)
        )
        + ". Untrained lattices of these sizes; nothing follows for larger ones",
        "Mann–Whitney test of the times over seeds",
        "`relaxation`, 07_relaxation",
        np.median(many.time[-1]) < np.median(few.time[-1]),
        float(mannwhitneyu(many.time[-1], few.time[-1]).pvalue),
    )


def _of_states(f: States) -> Iterator[Recommendation]:
    runs, enough = f.pooled, f.enough
    one = min(runs)
    text = ", ".join(f"{count_interval(runs[m])} with M = {m}" for m in runs)
    enough = enough if enough != one else max(runs)
    yield Recommendation(
        f"Training from M = {enough} initial states a pattern solves more seeds than M = {one}",
        ("initial_states",),
        f"XOR, all lattices, {f.epochs} epochs: {text}; an epoch with M = {enough} takes "
        f"{f.cost[enough] / f.cost[one]:.1f} times the sweeps",
        "Fisher's exact test at as many epochs, not as many sweeps; M is chosen from the same runs",
        "`initial_states`, 07_initial_states",
        runs[enough].mean() > runs[one].mean(),
        fisher_p(runs[enough], runs[one]),
    )


def _of_precision(f: Precision) -> Iterator[Recommendation]:
    best, where = f.best_beta, "`stopped_early`, `readout_noise`, 07_precision"
    small = f.betas[0]
    top, low = f.pooled("centered", best), f.pooled("centered", small)
    if best > small:
        yield Recommendation(
            f"Within {f.epochs} epochs, β = {best:g} solves more seeds than β = {small:g}",
            tuple(PRECISION),
            f"XOR over all precisions, centred: {count(top)} at β = {best:g}, {count(low)} at "
            f"{small:g}, {count(f.pooled('centered', f.betas[-1]))} at {f.betas[-1]:g}; whether a "
            "small β fails or is only slower is not tested; 01 shows how far a large one is from "
            "the gradient",
            "sign test over seeds; the better β is chosen from the same runs",
            where,
            top.mean() > low.mean(),
            sign_p(top, low),
        )
    shared = [beta for beta in f.betas if beta <= best]
    pooled = {e: np.concatenate([f.pooled(e, b) for b in shared]) for e in ESTIMATORS}
    yield Recommendation(
        "The centred estimator solves more seeds than the one-sided one",
        tuple(PRECISION),
        f"all precisions and β ≤ {best:g}: "
        + ", ".join(f"{words} {count(pooled[e])}" for e, words in ESTIMATORS.items()),
        "sign test over seeds",
        where,
        pooled["centered"].mean() > pooled["one_sided"].mean(),
        sign_p(*pooled.values()),
    )
    for node, (_, words, unit) in PRECISION.items():
        fine, rough = (f.values(node)[k] for k in (0, -1))
        if fine == rough:
            continue
        runs = {v: f.solved[node]["centered", v, best] for v in f.values(node)}
        yield Recommendation(
            f"{words} {rough:g} {unit} costs successes against {fine:g}",
            (node,),
            f"centred, β = {best:g}: "
            + ", ".join(f"{count_interval(r)} at {v:g} {unit}" for v, r in runs.items())
            + "; larger ones are not tried",
            "Fisher's exact test",
            f"`{node}`, 07_precision",
            runs[rough].mean() < runs[fine].mean(),
            fisher_p(runs[rough], runs[fine]),
        )


def table(found: list[Finding]) -> str:
    """Recommendations as a Markdown table."""
    rows = ["| tested | verdict | measured | by | data |", "|---|---|---|---|---|"]
    for one in found:
        measured, where = one.measured, "`density`, 05_couplings"
        if isinstance(one, images.Question):
            where = "`density`, 05_questions"
            if one.added:
                measured = f"{one.other.name}: {spending(one)}; {p_text(one.p)}"
        if isinstance(one, Recommendation):
            where = one.where
        rows.append(f"| {one.statement} | **{one.verdict}** | {measured} | {one.rule} | {where} |")
    return "\n".join(rows)
