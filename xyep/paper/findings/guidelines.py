"""What notebook 07 finds: what a machine costs, what it buys, and what of it is decided."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import mannwhitneyu

from ...cases import select
from ...settings import Training
from . import OPEN, Finding, images, scaling
from .scaling import Scaling, by_kind, is_random, kind, order
from .statistics import (
    LEVEL,
    count,
    count_interval,
    fisher_p,
    holm,
    listed,
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


# --- reach

#: Distances at which more than this share of a seed's responses is lost are not shown.
LOST = 0.05


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
            felt = ds["log_response"].where(ds["lost"].max("seed") <= LOST)
            profile = felt.mean("seed").dropna("output_distance").values
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
        *_of_time(scaling.settling(tree)[0]),
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
    traits = {n: traits_of(far, n) for n in sorted(runs, key=lambda n: order(traits_of(far, n)))}
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


def _of_time(f: Scaling) -> Iterator[Recommendation]:
    few, many = (pick(f.laws.values(), key=lambda s: s.traits["shells"]) for pick in (min, max))
    last = few.sizes[-1]
    yield Recommendation(
        f"Couplings of longer range settle faster, {last:.0f}×{last:.0f}",
        ("relaxation",),
        f"untrained lattices, {f.of} in {f.unit}: "
        + "; ".join(f"{kind(s.traits)} {s.value(last)}" for s in (few, many)),
        "Mann–Whitney test of the times over seeds",
        "`relaxation`, 07_scaling",
        np.median(many.logs[-1]) < np.median(few.logs[-1]),
        float(mannwhitneyu(many.logs[-1], few.logs[-1]).pvalue),
    )


def _of_states(f: States) -> Iterator[Recommendation]:
    runs, one, most = f.pooled, min(f.cost), max(f.cost)
    text = ", ".join(f"{count_interval(runs[m])} with M = {m}" for m in runs)
    yield Recommendation(
        f"Training from M = {most} initial states a pattern solves more seeds than M = {one}",
        ("initial_states",),
        f"XOR, all lattices, {f.epochs} epochs: {text}; an epoch with M = {most} takes "
        f"{f.cost[most] / f.cost[one]:.1f} times the sweeps",
        "Fisher's exact test at as many epochs, not as many sweeps",
        "`initial_states`, 07_initial_states",
        runs[most].mean() > runs[one].mean(),
        fisher_p(runs[most], runs[one]),
    )


def _of_precision(f: Precision) -> Iterator[Recommendation]:
    """At the β of the other notebooks, a tenth and ten times of it: none is chosen by the runs."""
    where = "`stopped_early`, `readout_noise`, 07_precision"
    usual = Training().beta
    tried = [beta for beta in (usual / 10, usual, 10 * usual) if beta in f.betas]
    for low, high in pairwise(tried):
        few, many = (f.pooled("centered", beta) for beta in (low, high))
        yield Recommendation(
            f"Within {f.epochs} epochs, β = {high:g} solves more seeds than β = {low:g}",
            tuple(PRECISION),
            f"XOR over all precisions, centred: {count(many)} and {count(few)}; whether a small β "
            "fails or is only slower is not tested; 01 shows how far a large one is from the "
            "gradient",
            "sign test over seeds",
            where,
            many.mean() > few.mean(),
            sign_p(many, few),
        )
    pooled = {e: np.concatenate([f.pooled(e, beta) for beta in tried]) for e in ESTIMATORS}
    yield Recommendation(
        "The centred estimator solves more seeds than the one-sided one",
        tuple(PRECISION),
        f"all precisions, β = {listed([f'{beta:g}' for beta in tried])}: "
        + ", ".join(f"{words} {count(pooled[e])}" for e, words in ESTIMATORS.items()),
        "sign test over seeds",
        where,
        pooled["centered"].mean() > pooled["one_sided"].mean(),
        sign_p(*pooled.values()),
    )
    for (node, (_, words, unit)), beta in product(PRECISION.items(), tried[1:]):
        fine, rough = (f.values(node)[k] for k in (0, -1))
        if fine == rough:
            continue
        runs = {v: f.solved[node]["centered", v, beta] for v in f.values(node)}
        yield Recommendation(
            f"{words} {rough:g} {unit} costs successes against {fine:g}, β = {beta:g}",
            (node,),
            "centred: "
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
