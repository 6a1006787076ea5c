"""Notebook 02: how many epochs a network needs to solve XOR."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from ...cases import Case
from ...datasets import load_task
from ...ensembles import train_ensemble
from ...lattices import all_to_all, layered, xor_lattice
from ...network import Network, Parameters
from ...optimizers import Adam
from ...random import permutation
from ...relaxation import relax
from ...responses import input_response
from ...run import Run, evaluate
from ...settings import Training
from ...solvers import GaussSeidel

#: A network solves XOR when it answers all four patterns from this share of initial states.
SHARE, STATES = 0.95, 200
#: Streams of random numbers of the initial states that are asked, and of what is chosen here.
_ASKED, _CHOSEN = (1 << 20) + 11, (1 << 20) + 12

Initial = Callable[[Network, int], Parameters]


def looks(limit: int, ratio: float = 1.25, first: int = 50) -> tuple[int, ...]:
    """Epochs at which it is looked whether XOR is solved: multiples of `first`, about geometric.

    >>> looks(400)
    (50, 100, 150, 200, 250, 300, 400)
    """
    steps = round(np.log(limit / first) / np.log(ratio))
    grid = first * np.round(np.geomspace(1, limit / first, steps + 1))
    return tuple(np.unique(grid.astype(int)).tolist())


@dataclass(frozen=True)
class Solved:
    """A callback that stops a run at the first of `epochs` after which it solves XOR.

    Runs of which less than 0.9 of the answers in training are right then are not asked.
    """

    epochs: tuple[int, ...]

    def __call__(self, run: Run) -> bool:
        if run.last("accuracy") < 0.9:
            return False
        options = {"initial_states": STATES, "solver": run.training.test_solver}
        counter = (run.done, _ASKED)
        found = evaluate(
            run.net, run.parameters, run.task, seed=run.seed, counter=counter, **options
        )
        return found["solved"] >= SHARE


def until_solved(limit: int, learning_rate: float, **options: Any) -> Training:
    """Training that ends when XOR is solved, or after `limit` epochs."""
    epochs = looks(limit)
    return Training(
        epochs=limit,
        optimizer=Adam(learning_rate),
        record_every=epochs[0],
        final_states=0,
        callback=Solved(epochs),
        **options,
    )


def epochs_to_solve(cases: Mapping[str, Case], title: str, **keywords: Any) -> xr.Dataset:
    """Epochs after which each run was seen to solve XOR, NaN where it did not within its limit."""
    ds = train_ensemble(dict(cases), title=title, **keywords).to_dataset(inherit=False)
    epochs = ds["epochs_done"].where(ds["stopped"] == 1).astype(np.float32)
    epochs.attrs = {"long_name": "epochs until XOR was solved", "units": "1"}
    return xr.Dataset({"epochs": epochs, "seconds": ds["seconds"]}).assign_attrs(ds.attrs)


def _cases(
    networks: Mapping[str, Network],
    training: Training,
    seeds: Sequence[int],
    initial: Initial | None = None,
    **traits: Any,
) -> dict[str, Case]:
    task, seeds = load_task("xor"), tuple(seeds)
    return {
        name: Case(net, task, training, seeds, traits, initial) for name, net in networks.items()
    }


# ------------------------------------------------------------------------------------- networks


def map_networks(
    size: int, shells: Sequence[int], distances: Sequence[int], kind: str = "square"
) -> dict[str, Network]:
    """Lattices of one size, of each range and distance."""
    return {
        f"{kind}_{size}_{s}_{d}": xor_lattice(size, s, d, kind) for s in shells for d in distances
    }


def size_networks(sizes: Sequence[int], cells: Sequence[Sequence[int]]) -> dict[str, Network]:
    """Lattices of each size, at each (shells, distance)."""
    return {
        name: net
        for n in sizes
        for s, d in cells
        for name, net in map_networks(n, [s], [d]).items()
    }


def dense_networks(couplings: Sequence[int]) -> dict[str, Network]:
    """All-to-all and layered networks with about as many couplings, and the smallest of each."""
    sides = [round((1 + np.sqrt(1 + 8 * n)) / 2) for n in couplings]
    networks = [all_to_all(n) for n in sorted({6, *sides})]
    networks += [layered([2, n, 1]) for n in sorted({4, *(round(n / 3) for n in couplings)})]
    return {net.name: net for net in networks}


def thinned_networks(
    size: int, shells: int, distances: Sequence[int], draws: int
) -> dict[str, Network]:
    """Lattices of longer range with the number of couplings of nearest neighbours alone.

    Which couplings are left is drawn at random, once for each seed, which is their trait `thinned`;
    a draw that leaves a terminal without couplings is repeated.
    """
    few = xor_lattice(size).n_couplings
    networks = {}
    for distance in distances:
        net = xor_lattice(size, shells, distance)
        for draw in range(draws):
            left = _thinned(net, few, draw).with_traits(thinned=draw)
            networks[f"thinned_{size}_{shells}_{distance}_{draw}"] = left
    return networks


def _thinned(net: Network, few: int, draw: int) -> Network:
    for tried in range(1000):
        order = permutation(net.n_couplings, draw, tried, _CHOSEN)
        if np.isin([*net.inputs, *net.outputs], net.edges[order[:few]]).all():
            break
    gone = [tuple(net.labels[net.edges[k]]) for k in order[few:]]
    with warnings.catch_warnings():  # of sites that lose all couplings
        warnings.simplefilter("ignore", UserWarning)
        return net.without(couplings=gone)


# --------------------------------------------------------------------------------------- studies


def learning_rates(
    size: int,
    cells: Sequence[Sequence[int]],
    rates: Sequence[float],
    limit: int,
    seeds: Sequence[int],
    **keywords: Any,
) -> xr.Dataset:
    """Epochs to solve of some (shells, distance) at each learning rate, a trait `rate`."""
    networks = size_networks([size], cells)
    cases = {
        f"{name}_{rate:g}": case
        for rate in rates
        for name, case in _cases(
            networks, until_solved(limit, rate), seeds, learning_rate=rate
        ).items()
    }
    return epochs_to_solve(cases, "learning rates", **keywords).assign_attrs(limit=limit)


def best_rate(ds: xr.Dataset) -> float:
    """The learning rate with the smallest mean of log(epochs), each lattice weighing the same.

    Runs that did not solve XOR count with twice the limit.
    """
    epochs = ds["epochs"].fillna(2.0 * ds.attrs["limit"])
    mean = np.log(epochs).mean("seed").groupby("learning_rate").mean()
    return float(mean["learning_rate"][int(np.argmin(mean.values))])


def training_times(
    groups: Mapping[str, Mapping[str, Network]],
    limit: int,
    learning_rate: float,
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """Epochs to solve of all networks; what group each belongs to is a trait `group`.

    Each network has all `seeds`, but for those thinned, which have the one they were drawn by.
    """
    training = until_solved(limit, learning_rate)
    cases: dict[str, Case] = {}
    for group, networks in groups.items():
        for name, net in networks.items():
            one = net.traits.get("thinned")
            mine = range(seeds) if one is None else [one]
            if name not in cases:
                cases |= _cases({name: net}, training, mine, group=group)
    return epochs_to_solve(cases, "epochs to solve", **keywords).assign_attrs(limit=limit)


def untrained_responses(networks: Mapping[str, Network], seeds: int, states: int) -> xr.Dataset:
    """How strongly an input is felt at the output before training, |∂φ_out/∂x|.

    Geometric mean over both inputs, the four patterns and random initial states, of each seed. Also
    the hops from an input to the output, and the length of the longest coupling.
    """
    task, felt = load_task("xor"), np.empty((len(networks), seeds))
    inputs = np.repeat(task.inputs, states, axis=0)
    for n, net in enumerate(networks.values()):
        for seed in range(seeds):
            p = net.init_parameters(seed)
            eq = relax(net, p, inputs, seed=seed, warn=False)
            response = input_response(net, p, eq).values[:, -1]
            felt[n, seed] = np.log10(np.maximum(np.abs(response), 1e-12)).mean()
    about = {"long_name": "log10 of the response of the output to an input", "units": "1"}
    hops = [_hops(net) for net in networks.values()]
    longest = [float(net.lengths.max()) for net in networks.values()]
    steps = {"long_name": "couplings from input to output", "units": "1"}
    length = {"long_name": "length of the longest coupling", "units": "lattice constant"}
    return xr.Dataset(
        {
            "log_response": (("network", "seed"), felt, about),
            "hops": ("network", hops, steps),
            "longest": ("network", longest, length),
        },
        {"network": list(networks), "seed": np.arange(seeds)},
    )


def _hops(net: Network) -> int:
    ends = net.edges.T
    graph = csr_array((np.ones(net.n_couplings), tuple(ends)), shape=(net.n_sites, net.n_sites))
    away = dijkstra(graph, directed=False, unweighted=True, indices=net.outputs[0])
    return int(away[net.inputs].max())


@dataclass(frozen=True)
class Wires:
    """Initial parameters with strong couplings; where, is one of

    "wires" : on paths from the inputs towards the output, see `Network.init_parameters`
    "cut" : on the same paths, but for the coupling at the input, which stays random
    "scattered" : as many, at random places
    """

    strength: float
    where: str = "wires"

    def __call__(self, net: Network, seed: int) -> Parameters:
        wired, plain = net.init_parameters(seed, wires=self.strength), net.init_parameters(seed)
        if self.where == "wires":
            return wired
        strong = np.flatnonzero(wired.couplings != plain.couplings)
        if self.where == "cut":
            couplings = wired.couplings.copy()
            first = strong[np.isin(net.edges[strong], net.inputs).any(axis=1)]
            couplings[first] = plain.couplings[first]
            return wired._replace(couplings=couplings)
        places = permutation(net.n_couplings, seed, _CHOSEN)[: len(strong)]
        couplings, amplitude = plain.couplings.copy(), plain.bias_amplitude.copy()
        couplings[places] = self.strength
        amplitude[net.edges[places].ravel()] = 0.0
        return Parameters(couplings, amplitude, plain.bias_phase)


def wired_training(
    distances: Sequence[int],
    strengths: Sequence[float],
    starts: Sequence[str],
    limit: int,
    learning_rate: float,
    sweeps: int,
    seeds: Sequence[int],
    **keywords: Any,
) -> xr.Dataset:
    """Nearest neighbours alone, with wires and without; traits `start` and `wire_strength`.

    `starts` are those of `Wires`, and "random". A lattice has five rows and columns more than the
    distance; a wire settles slowly, so that all get more `sweeps`.
    """
    solver = GaussSeidel(sweeps=sweeps, dtype="float32")
    nudged = Training().nudged_solver
    training = until_solved(limit, learning_rate, solver=solver, nudged_solver=nudged)
    cases = {}
    for distance in distances:
        networks = map_networks(distance + 5, [1], [distance])
        for start in starts:
            for strength in strengths if start != "random" else [0.0]:
                initial = Wires(strength, start) if start != "random" else None
                traits = {"start": start, "wire_strength": float(strength)}
                for name, case in _cases(networks, training, seeds, initial, **traits).items():
                    cases[f"{name}_{start}_{strength:g}"] = case
    return epochs_to_solve(cases, "wires", **keywords).assign_attrs(limit=limit)
