"""Notebook 01: dynamics, errors of the gradient, equilibria."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from ...datasets import load_task
from ...energy import energy, hessian
from ...ensembles import cores
from ...gradients import Gradient, GradientWarning, ep_gradient, implicit_gradient
from ...lattices import all_to_all, layered, xor_lattice
from ...network import Network
from ...random import phases as random_phases
from ...relaxation import NotConvergedWarning, relax
from ...responses import circular_difference
from ...solvers import GaussSeidel, GradientFlow
from ...tasks import Task

#: To equilibrium, as well as float64 can tell.
PRECISE = GaussSeidel(tol=1e-12)
#: The same where some samples may never rest, as at a pole.
ROBUST = GaussSeidel(tol=1e-9, max_sweeps=2000)


def named(networks: Iterable[Network]) -> dict[str, Network]:
    """Networks by their own names."""
    return {net.name: net for net in networks}


def network_coords(networks: Mapping[str, Network]) -> dict[str, Any]:
    """Names and traits as coordinates over ``network``; what a network lacks is "" or NaN."""
    rows = [dict(net.traits) | {"n_sites": net.n_sites} for net in networks.values()]
    coords: dict[str, Any] = {"network": list(networks)}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        lacking = "" if any(isinstance(v, str) for v in values) else np.nan
        coords[name] = ("network", [lacking if v is None else v for v in values])
    return coords


def sample_networks() -> dict[str, Network]:
    """One network of each kind, for comparing estimators."""
    lattices = [xor_lattice(5, shells) for shells in (1, 4)]
    return named([all_to_all(10), layered([2, 4, 1]), *lattices])


def counted_networks(sizes: Sequence[int]) -> dict[str, Network]:
    """Square lattices of two ranges, and all-to-all networks with as many sites."""
    lattices = [xor_lattice(n, shells) for shells in (1, 4) for n in sizes]
    return named([*(all_to_all(n * n) for n in sizes), *lattices])


def dynamics(
    net: Network,
    parameter_seed: int,
    task: Task,
    *,
    pattern: int = 1,
    beta: float = 0.5,
    seed: int = 0,
) -> xr.Dataset:
    """One sample from a random state to its free, and on to its nudged equilibria.

    ``phase(time, site)`` follows the gradient flow to the free equilibrium, and
    ``shift(nudging, time, site)`` from there, nudged by ±β. Energies are above the equilibrium:
    ``flow_energy(time)``, and ``fast_energy(sweep)`` of over-relaxed sweeps from the same state.
    """
    parameters = net.init_parameters(parameter_seed)
    inputs, targets = task.inputs[[pattern]], task.targets[[pattern]]
    start = np.concatenate([inputs, random_phases((1, net.n_free), seed)], axis=1)
    span = 10.0
    while relax(
        net,
        parameters,
        inputs,
        initial=start,
        method=GradientFlow(tol=1e-6, max_time=span),
        warn=False,
    ).n_unconverged:
        span *= 1.5
    times = np.linspace(0, span, 401)
    flow = {"method": GradientFlow(tol=1e-10), "times": times}
    free = relax(net, parameters, inputs, initial=start, **flow)
    shift = [
        relax(
            net, parameters, inputs, targets=targets, beta=b, initial=free.phases, **flow
        ).trajectory[0]
        - free.phases
        for b in (beta, -beta)
    ]
    states = [start]
    for _ in range(60):
        states.append(relax(net, parameters, inputs, initial=states[-1], sweeps=1).phases)
    fast = relax(net, parameters, inputs, initial=states[-1], method=PRECISE)

    def above(phases, rest):
        return energy(net, parameters, phases) - energy(net, parameters, rest.phases)

    rad, coupling = {"units": "rad"}, {"units": "coupling"}
    return xr.Dataset(
        {
            "phase": (("time", "site"), free.trajectory[0], rad),
            "shift": (("nudging", "time", "site"), np.stack(shift), rad),
            "flow_energy": ("time", above(free.trajectory[0], free), coupling),
            "fast_energy": ("sweep", above(np.concatenate(states), fast), coupling),
        },
        {
            "time": ("time", times, {"units": "1/coupling"}),
            "sweep": np.arange(len(states)),
            "nudging": [beta, -beta],
        }
        | net.site_coords(),
        {"beta": beta, "target": float(targets[0, 0]), "traits": dict(net.traits)},
    )


#: Estimators that are compared: keywords of `ep_gradient`.
ESTIMATORS: dict[str, dict[str, Any]] = {
    "one_sided": {"estimator": "one_sided", "nudging": "cost"},
    "centered": {"estimator": "centered", "nudging": "cost"},
    "tangent": {"estimator": "centered", "nudging": "tangent"},
    "holomorphic": {"estimator": "holomorphic", "points": 8, "nudging": "cost"},
}


def _estimate(net: Network, *arguments: Any, solver: GaussSeidel, **keywords: Any) -> Gradient:
    """`ep_gradient` without its warnings, which are of what is measured."""
    if keywords["estimator"] != "holomorphic":  # which has a solver of its own
        keywords |= {"method": solver, "nudged_method": solver}
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", GradientWarning)
        warnings.simplefilter("ignore", NotConvergedWarning)
        return ep_gradient(net, *arguments, **keywords)


def _relative_error(gradient: Gradient, exact: np.ndarray) -> float:
    return float(np.linalg.norm(gradient.parameters.flatten() - exact) / np.linalg.norm(exact))


def gradient_errors(
    networks: Mapping[str, Network],
    betas: Sequence[float],
    seeds: int,
    samples: int = 4,
    off_target: float = 1.0,
) -> xr.Dataset:
    """Relative error |g_EP − g| / |g| over network, estimator, β and seed, away from poles.

    Each seed has random parameters and random inputs; targets lie `off_target` radians from the
    free answers, so that no output is near the pole of the cost.
    """
    error = np.empty((len(networks), len(ESTIMATORS), len(betas), seeds))
    for n, net in enumerate(networks.values()):
        for seed in range(seeds):
            p, inputs = net.init_parameters(seed), random_phases((samples, net.n_inputs), seed, 1)
            free = relax(net, p, inputs, seed=seed, method=PRECISE)
            targets, start = free.phases[:, net.outputs] + off_target, free.phases
            exact = implicit_gradient(net, p, inputs, targets, initial=start).parameters.flatten()
            for (e, keywords), (b, beta) in product(
                enumerate(ESTIMATORS.values()), enumerate(betas)
            ):
                options = {"initial": start, "solver": PRECISE} | keywords
                g = _estimate(net, p, inputs, targets, beta, **options)
                error[n, e, b, seed] = _relative_error(g, exact)
    return xr.Dataset(
        {"relative_error": (("network", "estimator", "beta", "seed"), error)},
        network_coords(networks)
        | {"estimator": list(ESTIMATORS), "beta": list(betas), "seed": np.arange(seeds)},
        {"samples": samples, "off_target": off_target},
    )


def training_gradients(
    networks: Mapping[str, Network],
    betas: Sequence[float],
    seeds: int,
    states: int,
    costs: Sequence[str],
) -> xr.Dataset:
    """Relative errors as training meets them: XOR, random parameters and initial states.

    Also the shares of samples of which an output is at a pole of the cost (``at_pole``), and of
    which the state nudged by β, let go, returns to another free equilibrium (``left_basin``).
    """
    task = load_task("xor")
    inputs, targets = (np.repeat(a, states, axis=0) for a in (task.inputs, task.targets))
    shape = len(networks), len(costs), len(ESTIMATORS), len(betas), seeds
    error, pole = np.empty(shape), np.zeros(shape)
    left = np.empty((*shape[:2], *shape[3:]))
    for n, net in enumerate(networks.values()):
        for seed in range(seeds):
            p = net.init_parameters(seed)
            free = relax(net, p, inputs, seed=seed, method=ROBUST, warn=False)
            start = free.phases
            for c, cost in enumerate(costs):
                exact = implicit_gradient(net, p, inputs, targets, initial=start, cost=cost)
                flat = exact.parameters.flatten()
                for b, beta in enumerate(betas):
                    nudged = relax(
                        net,
                        p,
                        inputs,
                        targets=targets,
                        beta=beta,
                        cost=cost,
                        initial=start,
                        method=ROBUST,
                        warn=False,
                    )
                    back = relax(net, p, inputs, initial=nudged.phases, method=ROBUST, warn=False)
                    away = np.abs(circular_difference(back.phases, start)).max(axis=1)
                    left[n, c, b, seed] = np.mean(away > 1e-3)
                    for e, keywords in enumerate(ESTIMATORS.values()):
                        options = {"initial": start, "cost": cost, "solver": ROBUST} | keywords
                        g = _estimate(net, p, inputs, targets, beta, **options)
                        error[n, c, e, b, seed] = _relative_error(g, flat)
                        pole[n, c, e, b, seed] = np.mean(g.at_pole)
    dims = ("network", "cost", "estimator", "beta", "seed")
    fewer = tuple(d for d in dims if d != "estimator")
    return xr.Dataset(
        {
            "relative_error": (dims, error, {"units": "1"}),
            "at_pole": (dims, pole, {"long_name": "share of samples at a pole", "units": "1"}),
            "left_basin": (
                fewer,
                left,
                {"long_name": "share of samples that leave their basin", "units": "1"},
            ),
        },
        network_coords(networks)
        | {"cost": list(costs), "estimator": list(ESTIMATORS), "beta": list(betas)}
        | {"seed": np.arange(seeds)},
        {"states": states},
    )


def group_states(phases: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """(sample,) number of the equilibrium that each state is in.

    States within `tolerance` radians at every site are one.
    """
    group, kept = np.empty(len(phases), int), np.empty_like(phases)
    known = 0
    for s, state in enumerate(phases):
        near = np.abs(circular_difference(kept[:known], state)).max(axis=1, initial=0) < tolerance
        if near.any():
            group[s] = int(near.argmax())
        else:
            group[s], kept[known] = known, state
            known += 1
    return group


def equilibria(
    networks: Mapping[str, Network], initial_states: int, seeds: int, *, pattern: int = 1
) -> xr.Dataset:
    """Stable equilibria that random initial states reach, over network and seed.

    ``reached`` distinct ones, of which ``once`` and ``twice`` were met so many times;
    ``same_probability`` that two initial states reach the same one; ``smallest_eigenvalue`` of the
    Hessian at those met most often.
    """
    task, shape = load_task("xor"), (len(networks), seeds)
    inputs = np.repeat(task.inputs[[pattern]], initial_states, axis=0)
    found = {name: np.empty(shape) for name in ("reached", "once", "twice", "same_probability")}
    eigenvalue = np.empty(shape)
    for n, net in enumerate(networks.values()):
        free = slice(net.n_inputs, None)
        for seed in range(seeds):
            p = net.init_parameters(seed)
            eq = relax(net, p, inputs, seed=seed, method=ROBUST, threads=cores(), warn=False)
            _, first, counts = np.unique(
                group_states(eq.phases), return_index=True, return_counts=True
            )
            pairs = initial_states * (initial_states - 1)
            found["reached"][n, seed] = len(counts)
            found["once"][n, seed], found["twice"][n, seed] = (
                np.count_nonzero(counts == k) for k in (1, 2)
            )
            found["same_probability"][n, seed] = (counts * (counts - 1)).sum() / pairs
            eigenvalue[n, seed] = min(
                np.linalg.eigvalsh(hessian(net, p, eq.phases[s])[free, free].toarray())[0]
                for s in first[np.argsort(-counts, kind="stable")][:10]
                if eq.converged[s]
            )
    dims, words = ("network", "seed"), {"units": "1"}
    return xr.Dataset(
        {name: (dims, values, words) for name, values in found.items()}
        | {"smallest_eigenvalue": (dims, eigenvalue, {"units": "coupling"})},
        network_coords(networks) | {"seed": np.arange(seeds)},
        {"initial_states": initial_states, "pattern": pattern},
    )
