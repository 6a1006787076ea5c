"""Findings of notebook 01: equilibrium propagation."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from . import CONSISTENT, NOT_FOUND, PARTLY, Finding
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
        f"in every network, the median error for β ≤ {FITTED:g} falls with a power of β within "
        f"{NEAR:g} of 2 (centred) and of 1 (one-sided)"
    )
    seeds: int
    off_target: float  # rad from the free answers to the targets
    powers: dict[str, tuple[float, float]]  # estimator → smallest and largest of the networks
    single: dict[str, tuple[float, float]]  # the same of single seeds
    at: float  # the β at which all XOR is trained, or the nearest …
    large: dict[str, float]  # … network → share of seeds with a centred error above one half
    crossed: dict[str, float]  # network → smallest β with a centred error above the one-sided one

    @property
    def verdict(self) -> str:
        near = [
            abs(power - POWERS[name]) < NEAR for name, ends in self.powers.items() for power in ends
        ]
        return CONSISTENT if all(near) else PARTLY if any(near) else NOT_FOUND

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
        crossed=crossed,
    )


def _powers(error: xr.DataArray) -> dict[str, tuple[float, float]]:
    """Smallest and largest slope of ln(error) over ln β."""
    small = error.sel(beta=error["beta"] <= FITTED)
    logs = np.log(small).assign_coords(beta=np.log(small["beta"]))
    slope = logs.polyfit("beta", 1)["polyfit_coefficients"].sel(degree=1)
    ends = {name: slope.sel(estimator=name) for name in POWERS}
    return {name: (float(found.min()), float(found.max())) for name, found in ends.items()}


@dataclass(frozen=True)
class Equilibria:
    """What random initial states of untrained networks reach."""

    initial_states: int
    seeds: int
    most: float  # distinct equilibria reached, the largest median of a network …
    network: str  # … which is this one
    agree: tuple[float, float]  # smallest and largest median share by network
    excess: dict[str, float]  # solver → mean energy above the lowest found, in couplings
    eigenvalue: float  # smallest one of the Hessian at any converged state


def equilibria(tree: xr.DataTree) -> Equilibria:
    ds = tree["equilibria"].to_dataset()
    reached = ds["reached"].sel(solver="fast").median("seed")
    top = reached["network"].values[int(reached.values.argmax())]
    agree, mean = ds["agree"].median("seed"), ds["excess_energy"].mean(["network", "seed"])
    return Equilibria(
        ds.attrs["initial_states"],
        ds.sizes["seed"],
        float(reached.max()),
        label(traits_of(ds, top)),
        (float(agree.min()), float(agree.max())),
        {str(name): float(mean.sel(solver=name)) for name in ds["solver"].values},
        float(ds["smallest_eigenvalue"].min()),
    )
