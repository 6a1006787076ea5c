"""Findings of notebook 01: equilibrium propagation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from . import CONSISTENT, CONTRADICTED, OPEN, Estimate, Finding
from .statistics import bootstrap, share, wilson
from .words import label, percents, traits_of


@dataclass(frozen=True)
class Dynamics:
    """One sample on its way to the free and to the nudged equilibria."""

    network: str
    beta: float
    moved: tuple[float, float]  # of the output, under +β and −β, in rad
    towards: float  # difference of the target from the free output, in rad
    sweeps: int  # after which the energy is within `CLOSE` of the equilibrium's


#: In couplings.
CLOSE = 1e-6


def dynamics(tree: xr.DataTree) -> Dynamics:
    ds = tree["dynamics"].to_dataset()
    output = ds["phase"].isel(site=-1, time=-1).item()
    moved = ds["shift"].isel(site=-1, time=-1).values
    return Dynamics(
        label(ds.attrs["traits"]),
        ds.attrs["beta"],
        (float(moved[0]), float(moved[1])),
        float(np.pi - np.mod(np.pi - (ds.attrs["target"] - output), 2 * np.pi)),
        int((ds["fast_energy"].values < CLOSE).argmax()),
    )


#: Largest β at which the error still follows its leading power, and how close that has to be.
FITTED, NEAR = 0.1, 0.2
#: The powers of β that theory gives.
POWERS = {"centered": 2, "one_sided": 1}


@dataclass(frozen=True)
class GradientError(Finding):
    """Errors of the EP gradient over β."""

    nodes = ("gradient_error",)
    statement = "At weak nudging, equilibrium propagation yields the gradient of the cost"
    whose = "theory, on which the paper builds"
    rule = (
        f"in every kind of network, the median error of its seeds for β ≤ {FITTED:g} falls with a "
        f"power of β within {NEAR:g} of 2 (centred) and of 1 (one-sided); "
        "contradicted, if in none; else open"
    )
    seeds: int
    off_target: float  # rad from the free answers to the targets
    powers: dict[str, tuple[float, float]]  # estimator → smallest and largest of the networks
    single: dict[str, tuple[float, float]]  # the same of single seeds
    at: float  # the β at which all XOR is trained, or the nearest …
    large: dict[str, float]  # … network → share of seeds with a centred error above one half
    farthest: Estimate  # power of the network and estimator that is farthest from theory
    crossed: dict[str, float]  # network → smallest β with a centred error above the one-sided one

    @property
    def verdict(self) -> str:
        near = [
            abs(power - POWERS[name]) < NEAR for name, ends in self.powers.items() for power in ends
        ]
        return CONSISTENT if all(near) else OPEN if any(near) else CONTRADICTED

    @property
    def estimate(self) -> Estimate:
        return self.farthest

    @property
    def by(self) -> str:
        return f"margin ±{NEAR:g}"

    @property
    def measured(self) -> str:
        (a, b), (c, d) = self.powers["centered"], self.powers["one_sided"]
        (e, f), (g, h) = self.single["centered"], self.single["one_sided"]
        return (
            f"error ∝ β^{a:.2f}–{b:.2f} centred, β^{c:.2f}–{d:.2f} one-sided (medians of "
            f"{self.seeds} random networks of each kind; single ones {e:.2f}–{f:.2f} and "
            f"{g:.2f}–{h:.2f}), with targets {self.off_target:g} rad from the free answers; at "
            f"β = {self.at:g} the centred error exceeds one half in "
            f"{percents(self.large.values())} of the networks of a kind"
        )


def gradient_error(tree: xr.DataTree) -> GradientError:
    ds = tree["gradient_error"].to_dataset()
    error, names = ds["relative_error"], ds["network"].values
    labels = {name: label(traits_of(ds, name)) for name in names}
    middle = error.median("seed")
    centred, one_sided = (middle.sel(estimator=e) for e in POWERS)
    at = float(ds["beta"].sel(beta=FITTED, method="nearest"))
    above = (error.sel(estimator="centered", beta=at) > 0.5).mean("seed")
    crossed = {
        labels[name]: float(ds["beta"][np.argmax(worse)])
        for name, worse in zip(names, (centred > one_sided).transpose("network", ...).values)
        if worse.any()
    }
    return GradientError(
        seeds=ds.sizes["seed"],
        off_target=ds.attrs["off_target"],
        powers=_powers(middle),
        single=_powers(error),
        at=at,
        large={labels[name]: float(above.sel(network=name)) for name in names},
        farthest=_farthest(error, labels),
        crossed=crossed,
    )


#: Estimators in words.
WORDS = {"centered": "centred", "one_sided": "one-sided"}


def _farthest(error: xr.DataArray, labels: Mapping[str, str]) -> Estimate:
    """The power of β of a median error that is farthest from theory, over networks and estimators.

    Its interval is by the bootstrap over seeds.
    """
    small = error.sel(beta=error["beta"] <= FITTED).transpose("seed", "beta", ...)
    log_beta = np.log(small["beta"].values)
    weights = (log_beta - log_beta.mean()) / ((log_beta - log_beta.mean()) ** 2).sum()
    found = []
    for estimator, power in POWERS.items():
        for name, words in labels.items():
            values = small.sel(estimator=estimator, network=name).values

            def slope(drawn: np.ndarray, values: np.ndarray = values) -> np.ndarray:
                return np.log(np.median(values[drawn], axis=-2)) @ weights

            n = len(values)
            value = float(slope(np.arange(n)))
            of = f"power of β, {WORDS[estimator]}, {words}"
            ends = bootstrap(slope, n)
            found.append((abs(value - power), Estimate(of, value, *ends, "", n)))
    return max(found, key=lambda item: item[0])[1]


def _powers(error: xr.DataArray) -> dict[str, tuple[float, float]]:
    """Smallest and largest slope of ln(error) over ln β."""
    small = error.sel(beta=error["beta"] <= FITTED)
    logs = np.log(small).assign_coords(beta=np.log(small["beta"]))
    slope = logs.polyfit("beta", 1)["polyfit_coefficients"].sel(degree=1)
    ends = {name: slope.sel(estimator=name) for name in POWERS}
    return {name: (float(found.min()), float(found.max())) for name, found in ends.items()}


#: An error beyond which an estimate is of little use as a gradient, and the share of gradients that
#: may be beyond it.
BOUND, MAY = 0.5, 0.05


@dataclass(frozen=True)
class Stability(Finding):
    """Where the estimators stop being gradients, as training meets them."""

    nodes = ("stability",)
    statement = "In untrained networks, the centred estimate at β = 0.1 is a good gradient"
    whose = "ours"
    rule = (
        f"for every kind of network, at most {MAY:.0%} of the seeds have a relative error above "
        f"{BOUND:g} (XOR, logarithmic cost); no, if for some kind the 95 % interval of the share "
        "lies above"
    )
    seeds: int
    samples: int
    at: float  # the β at which XOR is trained, or the nearest
    large: dict[str, int]  # network → seeds with a centred error above the bound
    share: dict[tuple[str, str], tuple[float, ...]]  # (cost, estimator) → mean over networks, by β
    pole: float  # share of samples at a pole, centred, logarithmic cost, at this β
    left: float  # share of samples that leave their basin there

    @property
    def verdict(self) -> str:
        if any(wilson(k, self.seeds)[0] > MAY for k in self.large.values()):
            return "no"
        return "yes" if all(k <= MAY * self.seeds for k in self.large.values()) else OPEN

    @property
    def estimate(self) -> Estimate:
        name, k = max(self.large.items(), key=lambda item: item[1])
        return share(f"error above {BOUND:g} at β = {self.at:g}, {name}", k, self.seeds)

    @property
    def by(self) -> str:
        return f"at most {MAY:.0%}"

    @property
    def measured(self) -> str:
        words = [f"{name} {k}/{self.seeds}" for name, k in self.large.items()]
        return (
            f"seeds with an error above {BOUND:g} at β = {self.at:g}: {', '.join(words)}; "
            f"{self.pole:.0%} of the samples are at a pole of the cost, {self.left:.0%} leave "
            "their basin"
        )


def stability(tree: xr.DataTree) -> Stability:
    ds = tree["stability"].to_dataset()
    off = ~(ds["relative_error"] <= BOUND)  # NaN, of an output at the pole itself, is off too
    at = float(ds["beta"].sel(beta=FITTED, method="nearest"))
    usual = {"cost": "log_cosine", "beta": at}
    here = off.sel(estimator="centered", **usual)
    mean = off.mean(["network", "seed"])
    return Stability(
        ds.sizes["seed"],
        4 * ds.attrs["states"],
        at,
        {label(traits_of(ds, n)): int(here.sel(network=n).sum()) for n in ds["network"].values},
        {
            (str(c), str(e)): tuple(mean.sel(cost=c, estimator=e).values.tolist())
            for c in ds["cost"].values
            for e in ds["estimator"].values
        },
        float(ds["at_pole"].sel(estimator="centered", **usual).mean()),
        float(ds["left_basin"].sel(**usual).mean()),
    )


#: Least share of the equilibria, by the weight of their basins, that an estimate of their number
#: asks for.
COVERED = 0.5


def chao(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Chao's estimate of the number of equilibria from those met once and twice, and coverage.

    S + f₁(f₁ − 1) / 2(f₂ + 1) bounds the number from below; 1 − f₁/n estimates which share of the
    initial states leads to equilibria that were met (Good and Turing).
    """
    once, twice = ds["once"], ds["twice"]
    number = ds["reached"] + once * (once - 1) / (2 * (twice + 1))
    return number, 1 - once / ds.attrs["initial_states"]


@dataclass(frozen=True)
class Equilibria:
    """What random initial states of untrained networks reach."""

    initial_states: int
    seeds: int
    growth: dict[str, tuple[float, float, float]]  # kind → sites for a factor of 10, its interval
    uncovered: list[str]  # networks of which too little was met to count
    eigenvalue: float  # smallest one of the Hessian at the states met most often


def equilibria(tree: xr.DataTree) -> Equilibria:
    ds = tree["equilibria"].to_dataset()
    number, coverage = chao(ds)
    covered = coverage.median("seed") >= COVERED
    kinds: dict[str, list[str]] = {}
    for name in ds["network"].values:
        kinds.setdefault(label(traits_of(ds, name), full=False), []).append(name)
    growth = {}
    for kind, names in kinds.items():
        mine = [n for n in names if covered.sel(network=n)]
        if len(mine) > 1:
            growth[kind] = _per_decade(ds, number, mine)
    return Equilibria(
        ds.attrs["initial_states"],
        ds.sizes["seed"],
        growth,
        [label(traits_of(ds, n)) for n in ds["network"].values if not covered.sel(network=n)],
        float(ds["smallest_eigenvalue"].min()),
    )


def _per_decade(
    ds: xr.Dataset, number: xr.DataArray, names: list[str]
) -> tuple[float, float, float]:
    """Sites that make ten times as many equilibria, with a 95 % interval, by regression."""
    counts = np.log10(number.sel(network=names).transpose("network", "seed").values)
    sites = np.repeat(ds["n_sites"].sel(network=names).values.astype(float), counts.shape[1])
    line = stats.linregress(sites, counts.ravel())
    half = stats.t.ppf(0.975, len(sites) - 2) * line.stderr
    ends = line.slope - half, line.slope + half
    return float(1 / line.slope), *(float(1 / e) if e > 0 else np.inf for e in ends[::-1])
