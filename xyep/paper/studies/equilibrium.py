"""Notebook 01: dynamics, errors of the gradient, equilibria."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ...energy import energy, hessian
from ...ensembles import cores
from ...gradients import GradientWarning, ep_gradient, implicit_gradient
from ...lattices import all_to_all, layered, xor_lattice
from ...network import Network
from ...random import phases as random_phases
from ...relaxation import NotConvergedWarning, relax
from ...responses import circular_difference
from ...solvers import GaussSeidel, GradientFlow
from ...tasks import Task

#: To equilibrium, as well as float64 can tell.
PRECISE = GaussSeidel(tol=1e-12)


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


def gradient_errors(
    networks: Mapping[str, Network],
    betas: Sequence[float],
    seeds: int,
    samples: int = 4,
    off_target: float = 1.0,
) -> xr.Dataset:
    """Relative error |g_EP − g| / |g| over network, estimator, β and seed.

    Each seed has random parameters and random inputs; targets lie `off_target` radians from the
    free answers, so that no output is near the pole of the cost.
    """
    estimators = ("centered", "one_sided")
    error = np.empty((len(networks), len(estimators), len(betas), seeds))
    fixed = {"method": PRECISE, "nudged_method": PRECISE, "nudging": "cost"}
    for n, net in enumerate(networks.values()):
        for seed in range(seeds):
            p, inputs = net.init_parameters(seed), random_phases((samples, net.n_inputs), seed, 1)
            free = relax(net, p, inputs, seed=seed, method=PRECISE)
            targets, start = free.phases[:, net.outputs] + off_target, free.phases
            exact = implicit_gradient(net, p, inputs, targets, initial=start).parameters.flatten()
            for e, b in np.ndindex(error.shape[1:3]):
                with warnings.catch_warnings():  # of poles, which are part of what is measured
                    warnings.simplefilter("ignore", GradientWarning)
                    warnings.simplefilter("ignore", NotConvergedWarning)
                    g = ep_gradient(
                        net, p, inputs, targets, betas[b], estimators[e], initial=start, **fixed
                    )
                off = np.linalg.norm(g.parameters.flatten() - exact)
                error[n, e, b, seed] = off / np.linalg.norm(exact)
    return xr.Dataset(
        {"relative_error": (("network", "estimator", "beta", "seed"), error)},
        network_coords(networks)
        | {"estimator": list(estimators), "beta": list(betas), "seed": np.arange(seeds)},
        {"samples": samples, "off_target": off_target},
    )


def group_states(phases: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """(sample,) number of the equilibrium that each state is in.

    States within `tolerance` radians at every site are one.
    """
    group, kept = np.empty(len(phases), int), []
    for s, state in enumerate(phases):
        for g, other in enumerate(kept):
            if np.abs(circular_difference(state, other)).max() < tolerance:
                group[s] = g
                break
        else:
            group[s] = len(kept)
            kept.append(state)
    return group


def equilibria(
    networks: Mapping[str, Network],
    task: Task,
    initial_states: int,
    seeds: int,
    *,
    pattern: int = 1,
    tol: float = 1e-8,
) -> xr.Dataset:
    """Stable equilibria reached by both methods from the same random initial states.

    Over network, seed and solver: the number of distinct equilibria reached, the probability that
    two initial states reach the same one, the mean energy above the lowest found, the smallest
    Hessian eigenvalue of all converged states. ``agree``: the share of initial states from which
    both methods reach the same equilibrium.
    """
    methods = {"fast": GaussSeidel(tol=tol), "gradient_flow": GradientFlow(tol=tol)}
    shape = (len(networks), seeds, len(methods))
    reached, same, excess, eigenvalue = np.empty((4, *shape))
    agree = np.empty(shape[:2])
    inputs = np.repeat(task.inputs[[pattern]], initial_states, axis=0)
    for n, net in enumerate(networks.values()):
        free = slice(net.n_inputs, None)
        for seed in range(seeds):
            p = net.init_parameters(seed)
            states = [
                relax(net, p, inputs, seed=seed, method=method, threads=cores(), warn=False)
                for method in methods.values()
            ]
            group = group_states(np.concatenate([eq.phases for eq in states])).reshape(2, -1)
            energies = np.array([energy(net, p, eq.phases) for eq in states])
            agree[n, seed] = np.mean(group[0] == group[1])
            excess[n, seed] = energies.mean(axis=1) - energies.min()
            for m, eq in enumerate(states):
                _, first, counts = np.unique(group[m], return_index=True, return_counts=True)
                reached[n, seed, m] = len(counts)
                pairs = initial_states * (initial_states - 1)
                same[n, seed, m] = (counts * (counts - 1)).sum() / pairs
                eigenvalue[n, seed, m] = min(
                    np.linalg.eigvalsh(hessian(net, p, eq.phases[s])[free, free].toarray())[0]
                    for s in first
                    if eq.converged[s]
                )
    dims = ("network", "seed", "solver")
    return xr.Dataset(
        {
            "reached": (dims, reached),
            "same_probability": (dims, same),
            "excess_energy": (dims, excess, {"units": "coupling"}),
            "smallest_eigenvalue": (dims, eigenvalue, {"units": "coupling"}),
            "agree": (dims[:2], agree),
        },
        network_coords(networks) | {"seed": np.arange(seeds), "solver": list(methods)},
        {"initial_states": initial_states, "pattern": pattern, "tol": tol},
    )
