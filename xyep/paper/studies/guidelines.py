"""Notebook 06: what the other notebooks and some further measurements tell somebody who builds a machine."""

import os
from dataclasses import dataclass
from itertools import product

import numpy as np
import xarray as xr

from ...energy import force
from ...ensembles import Case, train_ensemble
from ...gradients import ESTIMATORS
from ...optimizers import Adam
from ...paths import results
from ...relaxation import GaussSeidel, relax
from ...responses import nudge_response
from ...store import StoreError, read_tree
from ...tasks import load_task
from ...training import make_training
from .xor import skip_networks


def earlier(notebook, profile):
    """Results of another notebook at the same profile, as a DataTree."""
    try:
        return read_tree(results(profile, notebook))
    except StoreError:
        short = notebook.partition("_")[0]
        raise FileNotFoundError(
            f"06 reads the results of {notebook}, and there are none: run `xyep reproduce {short} --profile {profile}` first"
        ) from None


def copied(values, source):
    """What this notebook takes from the results of another, `source`: ``Dataset.to_dict()`` of it, as a Dataset.

    As plain values it is an argument from which a `Study` sees whether it has changed.
    """
    ds = xr.Dataset.from_dict(values)
    return ds.assign_attrs(source=source, source_commit=ds.attrs["commit"])


def density(tree):
    """Test errors of the networks of notebook 05, with what they are made of."""
    nodes = {
        n: node
        for n, node in sorted(tree.items())
        if "wire_length" in node.attrs and not n.startswith("digits")
    }
    error = 100 * (1 - np.array([node["test_accuracy"].values for node in nodes.values()]))
    sizes = {
        k: ("network", [n.attrs[k] for n in nodes.values()])
        for k in ("n_couplings", "n_parameters", "hidden_sites", "wire_length")
    }
    sizes["wire_length"] = (*sizes["wire_length"], {"units": "input spacings"})
    first = next(iter(nodes.values()))
    return xr.Dataset(
        {"test_error": (("network", "seed"), error, {"units": "%"})} | sizes,
        {"network": list(nodes), "seed": np.arange(error.shape[1])},
        {"task": first.attrs["task"], "commit": first.attrs["commit"]},
    )


def log_profile(response, distance, reach):
    """Mean of ln|response| over the sites at each whole distance 0 … `reach`, distances rounded: (…, site) → (…, reach + 1)."""
    size = np.log(np.maximum(np.abs(response), RESOLUTION))
    return np.stack(
        [size[..., np.rint(distance) == d].mean(axis=-1) for d in range(reach + 1)], axis=-1
    )


#: Responses below are lost in the tolerance of the relaxation and count as this.
RESOLUTION = 1e-10


def decay_rate(profile):
    """1/ξ of profiles (…, distance) ∝ exp(−distance/ξ): least squares of their logarithms from distance 1 to the last."""
    d = np.arange(1, profile.shape[-1])
    d = d - d.mean()
    return -(profile[..., 1:] * d).sum(axis=-1) / (d * d).sum()


def untrained_lattices(sizes, shells, skip_range, seeds):
    """{name: {size: one network a seed}}: `skip_networks` with the output in the middle.

    The inputs are at the ends of the output's row, the farthest from it that leaves it in the middle.
    """
    lattices = {}
    for size in sizes:
        for seed in range(seeds):
            for name, net in skip_networks(size, size // 2, shells, skip_range, seed).items():
                lattices.setdefault(name, {}).setdefault(size, []).append(net)
    return lattices


def _each(lattices):
    """Names, sizes, number of seeds, and a list of ((name, size, seed) indices, network, initial parameters)."""
    names, sizes = list(lattices), list(next(iter(lattices.values())))
    seeds = len(lattices[names[0]][sizes[0]])
    places = list(np.ndindex(len(names), len(sizes), seeds))
    nets = [lattices[names[n]][sizes[k]][seed] for n, k, seed in places]
    return (
        names,
        sizes,
        seeds,
        [(place, net, net.init_parameters(place[2])) for place, net in zip(places, nets)],
    )


def reach(lattices):
    """Nudge response (β → 0) of untrained lattices over the distance from the output.

    ``log_response`` (network, lattice_size, seed, distance) is the mean over patterns and sites of ln|response in rad|, out to half the
    lattice; ``decay_rate`` the rate of its decay, fitted for each seed by `decay_rate`.
    """
    task, (names, sizes, seeds, runs) = load_task("xor"), _each(lattices)
    shape = (len(names), len(sizes), seeds)
    profiles, rate = np.full((*shape, max(sizes) // 2 + 1), np.nan), np.empty(shape)
    length, couplings = np.empty((2, *shape))
    for place, net, p in runs:
        eq = relax(net, p, task.inputs, seed=place[2])
        free = slice(net.n_inputs, None)
        response = nudge_response(net, p, eq, task.targets, beta=0.0).values
        profile = log_profile(
            response[:, free], net.distance_from("output")[free], sizes[place[1]] // 2
        ).mean(axis=0)
        profiles[place][: len(profile)], rate[place] = profile, decay_rate(profile)
        length[place], couplings[place] = np.sqrt(np.mean(net.lengths**2)), net.n_couplings
    dims, constant = ("network", "lattice_size", "seed"), "lattice constant"
    return xr.Dataset(
        {
            "log_response": ((*dims, "distance"), profiles),
            "decay_rate": (dims, rate, {"units": f"1/{constant}"}),
            "coupling_length": (
                dims[:2],
                length.mean(axis=2),
                {"long_name": "rms length of the couplings", "units": constant},
            ),
            "n_couplings": (dims[:2], couplings.mean(axis=2)),
        },
        {
            "network": names,
            "lattice_size": list(sizes),
            "seed": np.arange(seeds),
            "distance": np.arange(profiles.shape[-1]),
        },
    )


def trained_reach(tree):
    """Decay rates of the nudge response before and after the training of notebook 03, fitted as by `reach`, and what is solved."""
    nodes = {
        (n.attrs["input_distance"], n.attrs["shells"]): n
        for n in tree.values()
        if "nudge_response" in n
    }
    distances, shells = (sorted(set(values)) for values in zip(*nodes))
    rate, solved = [], []
    for place in product(distances, shells):
        node = nodes[place]
        free = node["role"].values != "input"
        response = node["nudge_response"].isel(snapshot=[0, -1]).values[..., free]
        profile = log_profile(
            response, node["output_distance"].values[free], node.attrs["lattice_size"] // 2
        )
        rate.append(decay_rate(profile.mean(axis=2)))
        solved.append(node["test_solved"].values)
    shape, dims = (len(distances), len(shells), -1), ("input_distance", "shells", "seed")
    return xr.Dataset(
        {
            "decay_rate": (
                (*dims, "when"),
                np.reshape(rate, (*shape, 2)),
                {"units": "1/lattice constant"},
            ),
            "test_solved": (dims, np.reshape(solved, shape)),
        },
        {"input_distance": distances, "shells": shells, "when": ["before", "after"]},
        {"lattice_size": node.attrs["lattice_size"], "commit": node.attrs["commit"]},
    )


def relaxation_times(lattices, tolerance=1e-3, max_time=1e4):
    """Sweeps of `fast` and time of the gradient flow until no torque is above `tolerance`, medians over the patterns of XOR.

    Both start from the same random states. The time is read on a grid of 60 a decade, so to 4 %; it is in units of 1/coupling.
    """
    task, (names, sizes, seeds, runs) = load_task("xor"), _each(lattices)
    shape = (len(names), len(sizes), seeds)
    sweeps, time, unconverged = np.empty((3, *shape))
    times = np.geomspace(0.1, max_time, 1 + round(60 * np.log10(max_time / 0.1)))
    flow = {
        "method": "gradient_flow",
        "rtol": 1e-4,
        "atol": 1e-4,
        "max_time": max_time,
        "times": times,
        "threads": os.cpu_count() or 1,
    }
    for place, net, p in runs:
        start = {"seed": place[2], "tol": tolerance, "warn": False}
        fast, slow = (
            relax(net, p, task.inputs, **start),
            relax(net, p, task.inputs, **start, **flow),
        )
        moving = np.abs(force(net, p, slow.trajectory)).max(axis=-1) > tolerance
        last = np.where(moving.any(axis=1), len(times) - 1 - moving[:, ::-1].argmax(axis=1), 0)
        sweeps[place], time[place] = np.median(fast.iterations), np.median(times[last])
        unconverged[place] = fast.n_unconverged + slow.n_unconverged
    dims = ("network", "lattice_size", "seed")
    return xr.Dataset(
        {
            "sweeps": (dims, sweeps),
            "time": (dims, time, {"units": "1/coupling"}),
            "unconverged": (dims, unconverged),
        },
        {"network": names, "lattice_size": list(sizes), "seed": np.arange(seeds)},
        {"tolerance": tolerance},
    )


def success_over(grid, case, seeds, title, keywords):
    """XOR trained for every point of `grid` {dimension: values}, with the network and `Training` that ``case(*point)`` returns.

    ``sweeps`` are those of the three relaxations of one initial state and pattern, and ``unconverged`` the share of relaxations cut
    short, means over training.
    """
    points = {
        "_".join([title.replace(" ", "_"), *map(str, at)]): at
        for at in np.ndindex(*map(len, grid.values()))
    }
    values = [list(v) for v in grid.values()]
    cases = {}
    for name, at in points.items():
        net, training = case(*(v[k] for v, k in zip(values, at)))
        cases[name] = Case(net, load_task("xor"), training, tuple(range(seeds)))
    tree = train_ensemble(cases, title=title, **keywords)
    solved, sweeps, unconverged = np.empty((3, *map(len, values), seeds))
    for name, at in points.items():
        run = tree[name].to_dataset()
        solved[at], sweeps[at], unconverged[at] = (
            run["test_solved"],
            run["sweeps"].mean("epoch"),
            run["unconverged"].mean("epoch"),
        )
    dims = (*grid, "seed")
    coords = dict(zip(grid, values)) | {"seed": np.arange(seeds)}
    return xr.Dataset(
        {
            "test_solved": (dims, solved),
            "sweeps": (dims, sweeps),
            "unconverged": (dims, unconverged),
        },
        coords,
    )


def initial_state_success(networks, counts, training, seeds, **keywords):
    """Success over the number M of initial states an epoch; `networks` are {shells: network}."""
    grid = {"shells": networks, "initial_states": counts}
    found = success_over(
        grid,
        lambda s, m: (networks[s], make_training(training, initial_states=m)),
        seeds,
        "initial states",
        keywords,
    )
    return found.assign_attrs(
        training=training.describe(), **_described(next(iter(networks.values())))
    )


def _described(net):
    return {
        "network": net.name,
        "input_distance": float(net.distance_from("output")[net.inputs].min()),
    }


@dataclass(frozen=True)
class NoisyAdam(Adam):
    """Adam on a gradient each entry of which carries independent Gaussian noise of standard deviation `noise`.

    The noise follows from the step and the parameters alone, so that a run can be resumed.
    """

    noise: float = 0.0

    def update(self, theta, gradient, state, step, rate):
        draw = np.random.default_rng([step, int(theta[:1].view(np.uint64)[0])]).standard_normal(
            len(theta)
        )
        return super().update(theta, gradient + self.noise * draw, state, step, rate)


def readout_noise(phase_error, beta, estimator, relaxations):
    """Standard deviation of an entry of the EP gradient whose phases are read with independent errors of `phase_error` rad.

    cos(φ_i − φ_j) is then wrong by √2 |sin(φ_i − φ_j)| times as much, which is `phase_error` in the rms over all angles; two such
    readings are subtracted and divided by the difference of the two β, and the mean over `relaxations` is taken. An estimate: it is
    that of couplings between free sites, and too large by √2 where only one of the two phases is read, at clamped sites and biases.
    """
    first, second = ESTIMATORS[estimator]
    return phase_error * np.sqrt(2 / relaxations) / (beta * (first - second))


def precision_success(net, betas, tolerances, phase_errors, training, seeds, **keywords):
    """Success over β and estimator for a machine that lacks precision; two Datasets.

    stopped_early : relaxations end once no torque is above a tolerance, in training and test alike
    readout_noise : relaxations are precise, phases are read with an error (`readout_noise`)
    """
    estimators, relaxations = list(ESTIMATORS), len(load_task("xor")) * training.initial_states

    def stopped(estimator, tolerance, beta):
        solver = GaussSeidel(tol=tolerance, dtype="float32", max_sweeps=1000)
        return net, make_training(training, estimator=estimator, beta=beta, solver=solver)

    def noisy(estimator, error, beta):
        optimizer = NoisyAdam(
            training.optimizer.learning_rate,
            noise=readout_noise(error, beta, estimator, relaxations),
        )
        return net, make_training(training, estimator=estimator, beta=beta, optimizer=optimizer)

    grids = {
        "stopped_early": (
            {"estimator": estimators, "tolerance": tolerances, "beta": betas},
            stopped,
        ),
        "readout_noise": (
            {"estimator": estimators, "phase_error": phase_errors, "beta": betas},
            noisy,
        ),
    }
    attrs = {"training": training.describe(), **_described(net)}
    return {
        name: success_over(grid, case, seeds, name.replace("_", " "), keywords).assign_attrs(attrs)
        for name, (grid, case) in grids.items()
    }
