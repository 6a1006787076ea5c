"""Notebook 07: what other notebooks and further measurements tell somebody who builds a machine."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case
from ...datasets import load_task
from ...energy import force
from ...ensembles import train_ensemble
from ...network import Network
from ...optimizers import Adam
from ...random import normal
from ...relaxation import relax
from ...responses import nudge_response
from ...settings import Training, make_training
from ...solvers import GaussSeidel
from .common import ordered
from .xor import skip_networks

Lattices = Mapping[str, Sequence[Network]]


def copied(values: Mapping[str, Any], source: str) -> xr.Dataset:
    """A Dataset of another notebook, `source`, given as ``Dataset.to_dict()`` of it.

    As plain values it is an argument from which a `Study` sees whether it has changed.
    """
    ds = xr.Dataset.from_dict(dict(values))
    return ds.assign_attrs(source=source, source_commit=ds.attrs["commit"])


def density(images: xr.Dataset) -> xr.Dataset:
    """Of the networks of notebook 05: accuracies after the last epoch, and all that they are."""
    ds = images[["test_accuracy", "validation_accuracy", "seconds"]].isel(epoch=-1, drop=True)
    return ds.assign_attrs({name: images.attrs[name] for name in ("task", "commit")})


def solving_times(epochs: xr.Dataset) -> xr.Dataset:
    """Of notebook 02: epochs to solve XOR on square lattices, and what these are."""
    square = (epochs["kind"] == "square") & epochs["group"].isin(["map", "size"])
    ds = ordered(epochs[["epochs", "seconds"]].isel(network=np.flatnonzero(square.values)))
    return ds.assign_attrs({name: epochs.attrs[name] for name in ("limit", "commit")})


# --- untrained lattices


def untrained_lattices(
    sizes: Sequence[int], shells: Sequence[int], skip_range: int, seeds: int
) -> Lattices:
    """`skip_networks` of each size, a network a seed, with the output in the middle.

    The inputs are at the ends of the output's row, the farthest that leaves it in the middle.
    """
    lattices: dict[str, list[Network]] = {}
    for size, seed in product(sizes, range(seeds)):
        for name, net in skip_networks(size, size // 2, shells, skip_range, seed).items():
            lattices.setdefault(f"{name}_{size}", []).append(net)
    return lattices


def _coords(lattices: Lattices) -> dict[str, Any]:
    """Traits of the networks as coordinates over ``network``."""
    traits = [nets[0].traits | {"n_couplings": nets[0].n_couplings} for nets in lattices.values()]
    coords = {name: ("network", [t[name] for t in traits]) for name in traits[0]}
    return coords | {
        "network": list(lattices),
        "seed": np.arange(len(next(iter(lattices.values())))),
    }


#: Responses below are lost in the tolerance of the relaxation and count as this.
RESOLUTION = 1e-10
#: The last distance that a decay is fitted to, in lattice constants.
FITTED = 10


def log_profile(response: np.ndarray, distance: np.ndarray, reach: int) -> np.ndarray:
    """Mean of ln|response| over the sites at each rounded distance: (…, site) → (…, reach + 1)."""
    return _over_distance(np.log(np.maximum(np.abs(response), RESOLUTION)), distance, reach)


def _over_distance(values: np.ndarray, distance: np.ndarray, reach: int) -> np.ndarray:
    return np.stack(
        [values[..., np.rint(distance) == d].mean(axis=-1) for d in range(reach + 1)], axis=-1
    )


def decay_rate(profile: np.ndarray) -> np.ndarray:
    """1/ξ of profiles (…, distance) ∝ exp(−distance/ξ), in 1/lattice constant.

    Least squares of their logarithms from distance 1 to the last, but not beyond `FITTED`.
    """
    profile = profile[..., : FITTED + 1]
    d = np.arange(1, profile.shape[-1]) - profile.shape[-1] / 2
    return -(profile[..., 1:] * d).sum(axis=-1) / (d * d).sum()


def reach(lattices: Lattices) -> xr.Dataset:
    """Nudge response (β → 0) of untrained lattices over the distance from the output.

    ``log_response`` (network, seed, output_distance) is the mean over patterns and sites of
    ln|response|, the response in rad per unit of β, out to half the lattice; ``lost`` the share of
    sites whose response is below `RESOLUTION`; ``decay_rate`` (network, seed) the rate of its decay
    out to `FITTED`.
    """
    task, coords = load_task("xor"), _coords(lattices)
    shape = len(lattices), len(coords["seed"])
    profiles, lost = np.full((2, *shape, max(coords["size"][1]) // 2 + 1), np.nan)
    rate, length = np.empty((2, *shape))
    for k, nets in enumerate(lattices.values()):
        for seed, net in enumerate(nets):
            p, free = net.init_parameters(seed), slice(net.n_inputs, None)
            eq = relax(net, p, task.inputs, seed=seed, tol=1e-8)
            response = nudge_response(net, p, eq, task.targets, beta=0.0).values[:, free]
            distance, half = net.distance_from("output")[free], net.traits["size"] // 2
            profile = log_profile(response, distance, half).mean(axis=0)
            profiles[k, seed, : half + 1], rate[k, seed] = profile, decay_rate(profile)
            below = np.abs(response) < RESOLUTION
            lost[k, seed, : half + 1] = _over_distance(below, distance, half).mean(axis=0)
            length[k, seed] = np.sqrt(np.mean(net.lengths**2))
    dims, constant = ("network", "seed"), "lattice constant"
    long_name = "rms length of the couplings"
    share = {"long_name": "share of sites whose response is lost in the tolerance", "units": "1"}
    return xr.Dataset(
        {
            "log_response": ((*dims, "output_distance"), profiles),
            "lost": ((*dims, "output_distance"), lost, share),
            "decay_rate": (dims, rate, {"units": f"1/{constant}"}),
            "coupling_length": (dims, length, {"long_name": long_name, "units": constant}),
        },
        coords | {"output_distance": np.arange(profiles.shape[-1])},
    )


def trained_reach(responses: xr.Dataset) -> xr.Dataset:
    """Decay rates before and after the training of notebook 03, fitted as by `reach`; successes."""
    controls = ("noise", "scrambled")
    epochs = [str(s) for s in responses["state"].values if str(s) not in controls]
    ends, rates = responses.sel(state=[epochs[0], epochs[-1]]), []
    for name in responses["network"].values:
        one = ends.sel(network=name)
        free = one["role"].values != "input"
        response = one["nudge_response"].transpose("seed", "state", "site").values[..., free]
        profile = log_profile(response, one["output_distance"].values[free], int(one["size"]) // 2)
        rates.append(decay_rate(profile))
    units = {"units": "1/lattice constant"}
    runs = responses[["test_solved"]]
    inner = [name for name, c in runs.coords.items() if not {*c.dims} <= {"network", "seed"}]
    runs = runs.drop_vars(inner)
    return runs.assign(
        decay_rate=(("network", "seed", "when"), np.array(rates), units), when=["before", "after"]
    )


def relaxation_times(
    lattices: Lattices, tolerance: float = 1e-3, max_time: float = 1e4
) -> xr.Dataset:
    """Sweeps, and time of the gradient flow, until no torque is above `tolerance`.

    Medians over the patterns of XOR, from the same random states. The time is read on a grid of 60
    a decade, so to 4 %; it is in units of 1/coupling.
    """
    task, coords = load_task("xor"), _coords(lattices)
    shape = len(lattices), len(coords["seed"])
    sweeps, time, unconverged = np.empty((3, *shape))
    times = np.geomspace(0.1, max_time, 1 + round(60 * np.log10(max_time / 0.1)))
    flow = {"method": "gradient_flow", "rtol": 1e-4, "atol": 1e-4, "max_time": max_time}
    flow |= {"times": times, "threads": os.cpu_count() or 1}  # results do not depend on the threads
    for k, nets in enumerate(lattices.values()):
        for seed, net in enumerate(nets):
            p, start = net.init_parameters(seed), {"seed": seed, "tol": tolerance, "warn": False}
            fast = relax(net, p, task.inputs, **start)
            slow = relax(net, p, task.inputs, **start, **flow)
            moving = np.abs(force(net, p, slow.trajectory)).max(axis=-1) > tolerance
            last = np.where(moving.any(axis=1), len(times) - 1 - moving[:, ::-1].argmax(axis=1), 0)
            sweeps[k, seed], time[k, seed] = np.median(fast.iterations), np.median(times[last])
            unconverged[k, seed] = fast.n_unconverged + slow.n_unconverged
    dims = ("network", "seed")
    return xr.Dataset(
        {
            "sweeps": (dims, sweeps),
            "time": (dims, time, {"units": "1/coupling"}),
            "unconverged": (dims, unconverged),
        },
        coords,
        {"tolerance": tolerance},
    )


# --- XOR


def _success(cases: Mapping[str, Case], title: str, keywords: Mapping[str, Any]) -> xr.Dataset:
    """What each run solves, and the sweeps of its relaxations, means over training.

    The sweeps are those of the three relaxations of one initial state and pattern.
    """
    ds = train_ensemble(dict(cases), title=title, **keywords).to_dataset(inherit=False)
    training = next(iter(cases.values())).training
    return (
        ds[["test_solved"]]
        .assign(sweeps=ds["sweeps"].mean("epoch"))
        .assign_attrs(epochs=training.epochs)
    )


def initial_state_success(
    networks: Sequence[Network],
    counts: Sequence[int],
    training: Training,
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """Success over the number M of initial states, which is the coordinate ``initial_states``."""
    cases = {
        f"{k}_{m}": Case(
            net,
            load_task("xor"),
            make_training(training, initial_states=m),
            tuple(range(seeds)),
            {"initial_states": m},
        )
        for k, net in enumerate(networks)
        for m in counts
    }
    return _success(cases, "initial states", keywords)


@dataclass(frozen=True)
class NoisyGradient:
    """An optimizer that sees the gradient with independent Gaussian noise added to each entry.

    It stands for noise of the readout: the phases themselves, and the test, carry none. The noise
    follows from the step and the parameters alone, so that a run can be resumed.
    """

    optimizer: Adam
    noise: float  # standard deviation, in units of the gradient

    @property
    def learning_rate(self) -> float:
        return self.optimizer.learning_rate

    def init(self, theta: np.ndarray) -> np.ndarray:
        return self.optimizer.init(theta)

    def update(
        self, theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, step: int, rate: float
    ) -> np.ndarray:
        first = int(theta[:1].view(np.uint64)[0])
        draw = normal(theta.shape, first, step)
        return self.optimizer.update(theta, gradient + self.noise * draw, state, step, rate)


#: A relaxation that counts as precise: no torque is above 1e-4 couplings.
PRECISE = GaussSeidel(tol=1e-4, dtype="float32", max_sweeps=300)

#: By how many β the two phases of an estimator are apart.
APART = {"centered": 2.0, "one_sided": 1.0}


def readout_noise(phase_error: float, beta: float, estimator: str, relaxations: int) -> float:
    """Standard deviation of an entry of the gradient whose phases are read with independent errors.

    cos(φ_i − φ_j) is then wrong by √2 |sin(φ_i − φ_j)| times as much, which is `phase_error` (rad)
    in the rms over all angles; two such readings are subtracted and divided by the difference of
    the two β, and the mean over `relaxations` is taken. An estimate: it is that of couplings
    between free sites, and too large by √2 where one of the two phases is known.
    """
    return phase_error * np.sqrt(2 / relaxations) / (beta * APART[estimator])


def precision_success(
    net: Network,
    betas: Sequence[float],
    tolerances: Sequence[float],
    phase_errors: Sequence[float],
    training: Training,
    seeds: int,
    **keywords: Any,
) -> dict[str, xr.Dataset]:
    """Success over β and estimator for a machine that lacks precision; two Datasets.

    stopped_early : relaxations end once no torque is above a tolerance, in training and test alike
    readout_noise : relaxations are precise, and the gradient carries noise (`readout_noise`)
    """
    relaxations = len(load_task("xor")) * training.initial_states

    def stopped(estimator: str, beta: float, tolerance: float) -> Training:
        solver = GaussSeidel(tol=tolerance, dtype="float32", max_sweeps=1000)
        options = {"solver": solver, "nudged_solver": solver}
        return make_training(training, estimator=estimator, beta=beta, **options)

    def noisy(estimator: str, beta: float, phase_error: float) -> Training:
        noise = readout_noise(phase_error, beta, estimator, relaxations)
        optimizer = NoisyGradient(training.optimizer, noise)
        options = {"optimizer": optimizer, "solver": PRECISE, "nudged_solver": PRECISE}
        return make_training(training, estimator=estimator, beta=beta, **options)

    found = {}
    for node, name, values, trained in (
        ("stopped_early", "tolerance", tolerances, stopped),
        ("readout_noise", "phase_error", phase_errors, noisy),
    ):
        cases = {}
        for k, point in enumerate(product(APART, betas, values)):
            traits = dict(zip(("estimator", "beta", name), point))
            case = Case(net, load_task("xor"), trained(*point), tuple(range(seeds)), traits)
            cases[f"{node}_{k}"] = case
        found[node] = _success(cases, node, keywords)
    return found
