"""Findings of notebook 06: what a machine may lack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import stats

from . import OPEN, Estimate, Finding
from .statistics import LEVEL, Difference, holm, largest, p_text, paired, solves, weakest, welch

#: Right answers that a machine may lose on images.
ALLOWED = 0.005
#: Share of seeds that must solve XOR.
ENOUGH = 0.75
#: When a machine becomes imperfect, as the studies name it.
END, TRAINING, HEALED = "at the end", "while training", "healed"
WHEN = (END, TRAINING, HEALED)
#: Imperfections, in words; the unit of their levels.
KINDS = {
    "bits": ("bits of a coupling", "bits"),
    "read_bits": ("bits of a reading", "bits"),
    "mismatch": ("mismatch", "%"),
    "asymmetry": ("asymmetry", "%"),
    "drift": ("drift", "% of rms J"),
    "cut": ("couplings cut", "%"),
    "dead": ("dead sites", "%"),
    "detuning": ("detuning", "% of rms J"),
    "temperature": ("temperature", "% of rms J"),
}
#: Both tasks, in words.
TASKS = {"images": "images", "xor": "XOR"}

Levels = dict[float, np.ndarray]


def level_text(kind: str, level: float) -> str:
    """A level with its unit.

    >>> level_text("bits", 4), level_text("temperature", 0.003)
    ('4 bits', '0.3 % of rms J')
    """
    unit = KINDS[kind][1]
    return f"{level:g} bits" if unit == "bits" else f"{100 * level:g} {unit}"


def runs_of(tree: xr.DataTree, node: str, when: str, what: str = "accuracy") -> dict[str, Levels]:
    """Kind → level, the mildest first → (seed,) values; "none" is the ideal machine."""
    ds = tree[node].to_dataset(inherit=False)
    found: dict[str, Levels] = {}
    for n in np.flatnonzero(ds["when"].values == when):
        kind, level = str(ds["kind"].values[n]), float(ds["level"].values[n])
        found.setdefault(kind, {})[level] = ds[what].values[n]
    fewer = {kind: KINDS[kind][1] == "bits" for kind in found if kind in KINDS}
    return {k: dict(sorted(v.items(), reverse=fewer.get(k, False))) for k, v in found.items()}


def ideal(found: Mapping[str, Levels]) -> np.ndarray:
    """(seed,) values of the ideal machine."""
    return next(iter(found["none"].values()))


def within_p(loss: ArrayLike, margin: float = ALLOWED) -> float:
    """p that the mean loss over seeds is not below the margin: Student's t, one-sided.

    >>> round(within_p([0.001, 0.002, 0.003]), 4)
    0.0175
    """
    loss = np.asarray(loss, float)
    if np.ptp(loss) == 0:  # n seeds without spread tell as much as their signs
        return 2.0 ** -len(loss) if loss[0] < margin else 1.0
    return float(stats.ttest_1samp(loss, margin, alternative="less").pvalue)


def solve_p(test_solved: ArrayLike, share: float = ENOUGH) -> float:
    """p that no more than a share of the seeds solve XOR: exact binomial test, one-sided.

    >>> round(solve_p([1.0] * 20), 4)
    0.0032
    """
    solved = solves(np.asarray(test_solved, float))
    found = stats.binomtest(int(solved.sum()), solved.size, share, alternative="greater")
    return float(found.pvalue)


def level_ps(tree: xr.DataTree, task: str, when: str) -> dict[str, dict[float, float]]:
    """Kind → level → p that it is not within what is allowed."""
    if task == "xor":
        found = runs_of(tree, task, when, "test_solved")
        return {k: {x: solve_p(v) for x, v in ls.items()} for k, ls in found.items() if k in KINDS}
    found = runs_of(tree, task, when)
    control = ideal(found)
    return {
        kind: {level: within_p(control - runs) for level, runs in levels.items()}
        for kind, levels in found.items()
        if kind in KINDS
    }


def allowed(ps: Mapping[str, Mapping[float, float]]) -> dict[str, float | None]:
    """Kind → the largest level that is shown to be allowed, None where none is.

    Levels of a kind are tested in their order, each kind at `LEVEL` over the number of kinds.
    """
    found: dict[str, float | None] = {}
    for kind, levels in ps.items():
        found[kind] = None
        for level, p in levels.items():
            if not p < LEVEL / len(ps):
                break
            found[kind] = level
    return found


class Tried(NamedTuple):
    """Of one imperfection: the largest level that is allowed, and the levels tried."""

    allowed: float | None
    levels: list[float]


@dataclass(frozen=True)
class Enough(Finding):
    """Whether couplings of 10 bits and readings of 4 bits are allowed while training."""

    p: dict[tuple[str, str], float]  # (task, kind) → that it is not allowed, uncorrected
    passed: dict[tuple[str, str], bool]
    loss: dict[str, Difference]  # kind → loss on images
    excluded: bool  # more than the allowed loss is shown
    seeds: int

    nodes = ("images", "xor")
    statement = "Couplings of 10 bits and phases read with 4 bits are enough"
    whose = "said of oscillator Ising machines (Gower); tested on ours"
    rule = (
        "each by itself while training: on images the loss is shown to be below half a point, on "
        f"XOR more than {100 * ENOUGH:.0f} % of the seeds solve it (levels in order, p < "
        f"{LEVEL:g}/9 each): yes if all four are shown; no if on images either loses more than "
        f"half a point (one-sided t-test, Holm's correction, p < {LEVEL:g}); else open"
    )

    @property
    def verdict(self) -> str:
        shown = len(self.passed) == 4 and all(self.passed.values())
        return "no" if self.excluded else "yes" if shown else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{KINDS[kind][0]} on {TASKS[task]}: {p_text(self.p[task, kind])}"
            + ("" if self.passed[task, kind] else ", not shown")
            for task, kind in self.p
        ]
        losses = [
            f"{level_text(k, _ENOUGH[k])} lose {loss.text()} points"
            for k, loss in self.loss.items()
        ]
        return f"on images {'; '.join(losses)}; {'; '.join(words)}"

    @property
    def estimate(self) -> Estimate | None:
        if not self.loss:  # these levels were not tried
            return None
        kind = max(self.loss, key=lambda kind: self.loss[kind].mean)
        text = f"loss on images, {KINDS[kind][0]}: {level_text(kind, _ENOUGH[kind])}"
        return self.loss[kind].estimate(text, self.seeds)

    @property
    def by(self) -> str:
        if not self.p:
            return "not tried"
        return f"{p_text(max(self.p.values()))}, the largest of 4, against {LEVEL:g}/9"


#: What is said to be enough.
_ENOUGH = {"bits": 10.0, "read_bits": 4.0}


@dataclass(frozen=True)
class Sheet:
    """What a builder may allow: of each task and time of damage, by imperfection."""

    tried: dict[tuple[str, str], dict[str, Tried]]
    ideal: dict[str, np.ndarray]  # task → right answers of the ideal machine after training
    enough: Enough
    seeds: dict[str, int]


def sheet(tree: xr.DataTree) -> Sheet:
    tried, right, seeds = {}, {}, {}
    p: dict[tuple[str, str], float] = {}
    passed: dict[tuple[str, str], bool] = {}
    for task in TASKS:
        for when in WHEN:
            ps = level_ps(tree, task, when)
            most = allowed(ps)
            tried[task, when] = {k: Tried(most[k], list(levels)) for k, levels in ps.items()}
            if when == TRAINING:
                for kind, level in _ENOUGH.items():
                    if level not in ps.get(kind, {}):
                        continue
                    p[task, kind] = ps[kind][level]
                    order, best = list(ps[kind]), most[kind]
                    passed[task, kind] = best is not None and order.index(best) >= order.index(
                        level
                    )
        right[task] = ideal(runs_of(tree, task, END))
        seeds[task] = len(right[task])
    found = runs_of(tree, "images", TRAINING)
    losses = {
        kind: ideal(found) - found[kind][level]
        for kind, level in _ENOUGH.items()
        if level in found.get(kind, {})
    }
    above = [within_p(-loss, -ALLOWED) for loss in losses.values()]
    loss = {kind: paired(x, np.zeros_like(x)) for kind, x in losses.items()}
    excluded = bool(above) and bool((holm(above) < LEVEL).any())
    enough = Enough(p, passed, loss, excluded, seeds["images"])
    return Sheet(tried, right, enough, seeds)


@dataclass(frozen=True)
class Better(Finding):
    """Right answers at the largest level of each imperfection, less those of `END`."""

    changes: dict[tuple[str, str], Difference]  # (task, kind) → difference
    levels: dict[str, float]
    p: dict[tuple[str, str], float]  # corrected
    seeds: dict[str, int]

    nodes = ("images", "xor")
    whose = "ours"
    rule = (
        "share of right answers at the largest level of each imperfection against damage at the "
        "end, both tasks: paired t-test over seeds, Holm's correction over all; yes if more are "
        f"right in every one at p < {LEVEL:g}, no if fewer are in every one"
    )

    @property
    def more(self) -> list[tuple[str, str]]:
        """Where more answers are right."""
        return [k for k, c in self.changes.items() if c.mean > 0 and self.p[k] < LEVEL]

    @property
    def fewer(self) -> list[tuple[str, str]]:
        """Where fewer are."""
        return [k for k, c in self.changes.items() if c.mean < 0 and self.p[k] < LEVEL]

    @property
    def verdict(self) -> str:
        n = len(self.changes)
        return "yes" if len(self.more) == n else "no" if len(self.fewer) == n else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{TASKS[task]}, {KINDS[kind][0]} {level_text(kind, self.levels[kind])}: "
            f"{change.text(digits=1)}, {p_text(self.p[task, kind])}"
            for (task, kind), change in self.changes.items()
        ]
        return f"more in {len(self.more)} of {len(words)}, fewer in {len(self.fewer)}; points: " + (
            "; ".join(words)
        )

    @property
    def estimate(self) -> Estimate:
        task, kind = weakest(self.p)
        text = f"right answers more, {TASKS[task]}, {KINDS[kind][0]}"
        return self.changes[task, kind].estimate(text, self.seeds[task])

    @property
    def by(self) -> str:
        return largest(self.p)


class TrainedAsItIs(Better):
    """Of machines that are trained with what is wrong in them."""

    statement = "A machine that is trained as it is loses less than one that is damaged afterwards"


class Heals(Better):
    """Of machines that are trained further after the damage."""

    statement = "Further training on the damaged machine heals it"


@dataclass(frozen=True)
class Adapting:
    """Both ways to train with damage."""

    trained: TrainedAsItIs
    heals: Heals


def adapting(tree: xr.DataTree) -> Adapting:
    found = []
    for cls, when in ((TrainedAsItIs, TRAINING), (Heals, HEALED)):
        changes, levels, seeds = {}, {}, {}
        for task in TASKS:
            end, other = runs_of(tree, task, END), runs_of(tree, task, when)
            for kind in (k for k in end if k in KINDS):
                levels[kind] = list(end[kind])[-1]
                runs = other[kind][levels[kind]]
                changes[task, kind] = paired(runs, end[kind][levels[kind]])
                seeds[task] = len(runs)
        p = dict(zip(changes, map(float, holm([c.p for c in changes.values()]))))
        found.append(cls(changes, levels, p, seeds))
    return Adapting(*found)


@dataclass(frozen=True)
class XorRuns:
    """Which seeds solve XOR: time of damage → runs of the ideal machine, and kind → time → runs of
    the largest level."""

    ideal: dict[str, np.ndarray]
    worst: dict[str, dict[str, np.ndarray]]


def xor_runs(tree: xr.DataTree) -> XorRuns:
    found = {when: runs_of(tree, "xor", when, "test_solved") for when in WHEN}
    worst = {
        kind: {when: solves(list(found[when][kind].values())[-1]) for when in WHEN}
        for kind in found[END]
        if kind in KINDS
    }
    return XorRuns({when: solves(ideal(runs)) for when, runs in found.items()}, worst)


@dataclass(frozen=True)
class LocalLoses(Finding):
    """Loss of the local network less that of the dense one, damaged at the end."""

    changes: dict[str, Difference]
    levels: dict[str, float]
    p: dict[str, float]  # corrected
    right: dict[str, np.ndarray]  # network → right answers of the ideal machine
    couplings: dict[str, int]
    seeds: int

    nodes = ("images", "dense")
    statement = "The same damage costs a local network more than a dense one"
    whose = "ours"
    rule = (
        "loss of right answers on images at the largest level of each imperfection, at the end, "
        "local less dense: Welch's t-test, Holm's correction; yes if larger in every one at p < "
        f"{LEVEL:g}, no if smaller in every one"
    )

    @property
    def larger(self) -> int:
        return sum(c.mean > 0 and self.p[k] < LEVEL for k, c in self.changes.items())

    @property
    def smaller(self) -> int:
        return sum(c.mean < 0 and self.p[k] < LEVEL for k, c in self.changes.items())

    @property
    def verdict(self) -> str:
        n = len(self.changes)
        return "yes" if self.larger == n else "no" if self.smaller == n else OPEN

    @property
    def measured(self) -> str:
        nets = ", ".join(
            f"{name} {100 * right.mean():.1f} % with {self.couplings[name]} couplings"
            for name, right in self.right.items()
        )
        words = [
            f"{KINDS[k][0]} {level_text(k, self.levels[k])} {c.text(digits=1)}, {p_text(self.p[k])}"
            for k, c in self.changes.items()
        ]
        return (
            f"{nets}; larger for {self.larger} of {len(words)} imperfections, smaller for "
            f"{self.smaller}; points: {'; '.join(words)}"
        )

    @property
    def estimate(self) -> Estimate:
        kind = weakest(self.p)
        text = f"loss, local less dense, {KINDS[kind][0]}"
        return self.changes[kind].estimate(text, self.seeds)

    @property
    def by(self) -> str:
        return largest(self.p)


def local_loses(tree: xr.DataTree) -> LocalLoses:
    nets = {"local": runs_of(tree, "images", END), "dense": runs_of(tree, "dense", END)}
    right = {name: ideal(found) for name, found in nets.items()}
    changes, levels = {}, {}
    for kind in (k for k in nets["local"] if k in KINDS):
        levels[kind] = list(nets["local"][kind])[-1]
        loss = [right[name] - found[kind][levels[kind]] for name, found in nets.items()]
        changes[kind] = welch(*loss)
    p = dict(zip(changes, map(float, holm([c.p for c in changes.values()]))))
    nodes = zip(nets, ("images", "dense"))
    couplings = {name: int(tree[node].attrs["couplings"]) for name, node in nodes}
    return LocalLoses(changes, levels, p, right, couplings, len(right["local"]))


@dataclass(frozen=True)
class HolomorphicHelps(Finding):
    """ln of the error of the holomorphic estimator less that of the centred, each at its best β."""

    changes: dict[float, Difference]  # noise →
    beta: dict[tuple[str, float], float]  # (estimator, noise) → chosen on the even seeds
    p: dict[float, float]  # corrected
    seeds: int  # odd ones
    readings: int

    nodes = ("read_noise",)
    statement = (
        "With noisy readings the holomorphic estimator gives better gradients than the centred one"
    )
    whose = "ours"
    rule = (
        "relative error of the gradient at an equal number of readings, each estimator at the β of "
        "its smallest median error on the even seeds: paired t-test of the logarithm on the odd "
        "seeds, Holm's correction over the noises; yes if smaller for every noise at p < "
        f"{LEVEL:g}, no if larger for every one"
    )

    @property
    def verdict(self) -> str:
        smaller = [c.mean < 0 and self.p[k] < LEVEL for k, c in self.changes.items()]
        larger = [c.mean > 0 and self.p[k] < LEVEL for k, c in self.changes.items()]
        return "yes" if all(smaller) else "no" if all(larger) else OPEN

    @property
    def measured(self) -> str:
        words = [
            f"{noise:g} rad: error ×{np.exp(c.mean):.2f} ({np.exp(c.low):.2f} to "
            f"{np.exp(c.high):.2f}), {p_text(self.p[noise])}, at β = "
            f"{self.beta['holomorphic', noise]:g} against {self.beta['centered', noise]:g}"
            for noise, c in self.changes.items()
        ]
        return f"{self.readings} readings a pattern; {'; '.join(words)}"

    @property
    def estimate(self) -> Estimate:
        noise = weakest(self.p)
        mean, low, high = (float(x) for x in np.exp(self.changes[noise][:3]))
        text = f"error over that of the centred one, {noise:g} rad"
        return Estimate(text, mean, low, high, "", self.seeds)

    @property
    def by(self) -> str:
        return largest(self.p)


def holomorphic_helps(tree: xr.DataTree) -> HolomorphicHelps:
    ds = tree["read_noise"].to_dataset(inherit=False).isel(network=0)
    error, changes, beta = ds["relative_error"], {}, {}
    even = error["seed"].values % 2 == 0
    for noise in ds["noise"].values.tolist():
        logs = []
        for name in ("holomorphic", "centered"):
            one = error.sel(estimator=name, noise=noise)
            best = int(one.isel(seed=even).median("seed").argmin("beta"))
            beta[name, noise] = float(one["beta"][best])
            logs.append(np.log(one.isel(beta=best, seed=~even).values))
        changes[noise] = paired(*logs)
    p = dict(zip(changes, map(float, holm([c.p for c in changes.values()]))))
    return HolomorphicHelps(changes, beta, p, int((~even).sum()), int(ds.attrs["readings"]))
