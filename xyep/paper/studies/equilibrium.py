"""Notebook 01: dynamics, errors of the gradient, equilibria."""

import os

import numpy as np
import xarray as xr

from ...energy import energy, hessian
from ...gradients import ep_gradient, implicit_gradient
from ...lattices import all_to_all, layered, xor_lattice
from ...relaxation import random_phases, relax
from ...responses import circular_difference


def sample_networks():
    """One network of each kind, for comparing estimators."""
    return {
        "all_to_all_10": all_to_all(10),
        "layered_2-4-1": layered([2, 4, 1]),
        "square_5x5_shells1": xor_lattice(5, shells=1),
        "square_5x5_shells4": xor_lattice(5, shells=4),
    }


def dynamics(net, parameter_seed, task, *, pattern=1, beta=0.5, seed=0):
    """One sample from a random state to its free and on to its nudged equilibrium, by both methods.

    ``phase(time, site)`` follows the gradient flow, the nudging starting at the attribute ``nudged_from``; energies of the free phase
    over time and over sweeps are relative to the equilibrium that each reaches. Each phase is followed until the free one is at rest.
    """
    parameters = net.init_parameters(parameter_seed)
    inputs, targets = task.inputs[[pattern]], task.targets[[pattern]]
    span = 10.0
    while relax(
        net,
        parameters,
        inputs,
        seed=seed,
        method="gradient_flow",
        tol=1e-6,
        max_time=span,
        warn=False,
    ).n_unconverged:
        span *= 1.5
    times = np.linspace(0, span, 401)
    free = relax(net, parameters, inputs, seed=seed, method="gradient_flow", times=times, tol=1e-10)
    nudged = relax(
        net,
        parameters,
        inputs,
        targets=targets,
        beta=beta,
        initial=free.phases,
        method="gradient_flow",
        times=times,
        tol=1e-10,
    )
    turn = (
        np.round((free.trajectory[0, -1] - free.phases[0]) / (2 * np.pi)) * 2 * np.pi
    )  # phases are wrapped, trajectories are not
    phase = np.concatenate([free.trajectory[0], nudged.trajectory[0, 1:] + turn])
    start = np.concatenate([inputs, random_phases((1, net.n_free), seed)], axis=1)
    sweeps, states = np.arange(61), [start]
    for _ in sweeps[1:]:
        states.append(
            relax(
                net, parameters, inputs, initial=states[-1], max_sweeps=1, tol=0.0, warn=False
            ).phases
        )
    fast = relax(net, parameters, inputs, initial=start, tol=1e-12)
    flow_energy = energy(net, parameters, free.trajectory[0]) - energy(net, parameters, free.phases)
    fast_energy = energy(net, parameters, np.concatenate(states)) - energy(
        net, parameters, fast.phases
    )
    return xr.Dataset(
        {
            "phase": (("time", "site"), phase, {"units": "rad"}),
            "flow_energy": ("free_time", flow_energy, {"units": "coupling"}),
            "fast_energy": ("sweep", fast_energy, {"units": "coupling"}),
        },
        {
            "time": np.concatenate([times, times[-1] + times[1:]]),
            "free_time": times,
            "sweep": sweeps,
        }
        | net.site_coords(),
        {
            "beta": beta,
            "nudged_from": float(times[-1]),
            "target": float(targets[0, 0]),
            "network": net.name,
        },
    )


def gradient_errors(networks, betas, seeds, samples=4, off_target=1.0):
    """Relative error |g_EP − g| / |g| over network, estimator, β and seed.

    Each seed has random parameters and random inputs; targets lie `off_target` radians from the free answers, so that no output is
    near the pole of the cost.
    """
    estimators = ("centered", "one_sided")
    error = np.empty((len(networks), len(estimators), len(betas), seeds))
    for n, net in enumerate(networks.values()):
        for seed in range(seeds):
            p, inputs = net.init_parameters(seed), random_phases((samples, net.n_inputs), seed, 1)
            free = relax(net, p, inputs, seed=seed, tol=1e-12)
            targets = free.phases[:, net.outputs] + off_target
            reference = implicit_gradient(
                net, p, inputs, targets, initial=free.phases
            ).parameters.flatten()
            for e, estimator in enumerate(estimators):
                for b, beta in enumerate(betas):
                    g = ep_gradient(
                        net, p, inputs, targets, beta, estimator, initial=free.phases, tol=1e-12
                    )
                    error[n, e, b, seed] = np.linalg.norm(
                        g.parameters.flatten() - reference
                    ) / np.linalg.norm(reference)
    coords = {
        "network": list(networks),
        "estimator": list(estimators),
        "beta": list(betas),
        "seed": np.arange(seeds),
    }
    attrs = {"samples": samples, "off_target": off_target}
    return xr.Dataset(
        {"relative_error": (("network", "estimator", "beta", "seed"), error)}, coords, attrs
    )


def group_states(phases, tolerance=1e-3):
    """(sample,) number of the equilibrium that each state is, states within `tolerance` radians at every site being one."""
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


def equilibria(networks, task, initial_states, seeds, *, pattern=1, tol=1e-8, flow=True):
    """Stable equilibria that random initial states reach, with `fast` and with `gradient_flow` from the same initial states.

    For each network, method and seed: the number of distinct equilibria found, the probability that two initial states reach the
    same one, the energy of every state above the lowest found, the smallest Hessian eigenvalue of all of them; and the share of
    states whose equilibrium the other method found too.
    """
    methods = ("fast", "gradient_flow") if flow else ("fast",)
    threads = os.cpu_count() or 1  # results do not depend on it
    shape = (len(networks), seeds, len(methods))
    found, same, eigenvalue, common, unconverged = (np.full(shape, np.nan) for _ in range(5))
    excess = np.empty((*shape, initial_states))
    agree = np.empty(shape[:2])
    inputs = np.repeat(task.inputs[[pattern]], initial_states, axis=0)
    for n, net in enumerate(networks.values()):
        for seed in range(seeds):
            p = net.init_parameters(seed)
            states = [
                relax(
                    net, p, inputs, seed=seed, method=method, tol=tol, threads=threads, warn=False
                )
                for method in methods
            ]
            group = group_states(np.concatenate([eq.phases for eq in states])).reshape(
                len(methods), -1
            )
            energies = np.array([energy(net, p, eq.phases) for eq in states])
            agree[n, seed] = np.mean(group[0] == group[-1])
            for m, eq in enumerate(states):
                kinds, first, counts = np.unique(group[m], return_index=True, return_counts=True)
                found[n, seed, m] = len(kinds)
                same[n, seed, m] = (counts * (counts - 1)).sum() / (
                    initial_states * (initial_states - 1)
                )
                free = slice(net.n_inputs, None)
                eigenvalue[n, seed, m] = min(
                    np.linalg.eigvalsh(hessian(net, p, eq.phases[s])[free, free].toarray())[0]
                    for s in first
                    if eq.converged[s]
                )
                common[n, seed, m] = np.isin(group[m], group[len(methods) - 1 - m]).mean()
                unconverged[n, seed, m] = eq.n_unconverged
            excess[n, seed] = energies - energies.min()
    dims = ("network", "seed", "solver")
    variables = {
        "equilibria": found,
        "same_probability": same,
        "smallest_eigenvalue": eigenvalue,
        "common": common,
    }
    variables["unconverged"] = unconverged
    sizes = {"sites": ("network", [net.n_sites for net in networks.values()])}
    return xr.Dataset(
        {name: (dims, values) for name, values in variables.items()}
        | {
            "excess_energy": ((*dims, "initial_state"), excess.astype(np.float32)),
            "agree": (dims[:2], agree),
        },
        {"network": list(networks), "seed": np.arange(seeds), "solver": list(methods)} | sizes,
        {"initial_states": initial_states, "pattern": pattern, "tol": tol},
    )
