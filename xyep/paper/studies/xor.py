"""Notebooks 02 and 03: XOR trained on many networks, and responses of lattices over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case
from ...cost import LogCosine
from ...datasets import load_task
from ...ensembles import train_ensemble
from ...lattices import xor_lattice
from ...network import Network
from ...settings import Training, make_training
from ...solvers import GaussSeidel, GradientFlow


def _cases(
    networks: Mapping[str, Network], training: Training, seeds: int, **traits: Any
) -> dict[str, Case]:
    task, seeds = load_task("xor"), tuple(range(seeds))
    return {name: Case(net, task, training, seeds, traits) for name, net in networks.items()}


def compare_solvers(
    networks: Mapping[str, Network], epochs: int, seeds: int, **keywords: Any
) -> xr.Dataset:
    """XOR trained with either method relaxed to a tolerance, a coordinate `solver`; else alike.

    The cost is softened (κ = 0.95), as an output drawn into the pole of the logarithmic cost is
    arbitrarily stiff for any explicit integrator. Tolerance and time limit of the flow follow the
    code published for arXiv:2402.08579.
    """
    solvers = {
        "fast": GaussSeidel(tol=1e-3, max_sweeps=1000),
        "gradient_flow": GradientFlow(tol=1e-3, rtol=1e-3, atol=1e-3, max_time=300.0),
    }
    cases = {}
    for method, solver in solvers.items():
        training = make_training(
            epochs=epochs,
            cost=LogCosine(0.95),
            solver=solver,
            nudged_solver=solver,
            record_every=epochs,
        )
        named = {f"{name}_{method}": net for name, net in networks.items()}
        cases |= _cases(named, training, seeds, solver=method)
    runs = train_ensemble(cases, title="fast against gradient flow", **keywords).to_dataset()
    return runs[["test_solved", "residual", "seconds"]]


def response_ensembles(
    size: int,
    distances: Sequence[int],
    shells: Sequence[int],
    training: Training,
    seeds: int,
    **keywords: Any,
) -> xr.DataTree:
    """Square lattices with their snapshots of couplings and responses.

    The sites of each have a coordinate `output_distance`, in lattice constants.
    """
    lattices = [xor_lattice(size, s, d) for d in distances for s in shells]
    networks = {f"{net.name}_{net.traits['distance']}": net for net in lattices}
    cases = _cases(networks, training, seeds)
    tree = train_ensemble(cases, title="responses", **keywords)
    for name, net in networks.items():
        away = ("site", net.distance_from("output"), {"units": "lattice constant"})
        node = tree[name].to_dataset(inherit=False)
        tree[name].dataset = node.assign_coords(output_distance=away)
    return tree


def response_size(ds: xr.Dataset) -> xr.DataArray:
    """rms nudge response over the probes, (seed, snapshot, site), in rad per unit of β."""
    return np.sqrt((ds["nudge_response"].astype(float) ** 2).mean("sample"))


def skip_networks(
    size: int, distance: int, shells: Sequence[int], skip_range: int, seed: int = 0
) -> dict[str, Network]:
    """XOR lattices out to several shells, and of nearest neighbours with longer couplings added.

    "skip": also between sites `skip_range` apart along rows and columns; "random": as many more
    between random pairs drawn by `seed`.
    """
    networks = {f"shells{s}": xor_lattice(size, s, distance) for s in shells}
    skips = xor_lattice(size, 1, distance, skip_range=skip_range)
    more = skips.n_couplings - xor_lattice(size, 1, distance).n_couplings
    random = xor_lattice(size, 1, distance, skips=more, skip_seed=seed)
    return networks | {"skip": skips, "random": random}


#: Lattice constants from the output, from where on a site is far.
FAR = 3


def skip_training(
    placements: Sequence[tuple[int, int]],
    shells: Sequence[int],
    skip_range: int,
    training: Training,
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """XOR on `skip_networks`: what is solved, and the nudge response before and after training.

    placements : (size, distance of the inputs) of each lattice; each seed draws its random skips.

    Returns a Dataset over (network, seed) and, for responses, snapshot (0, epochs): rms over the
    patterns in the limit β → 0, averaged over the hidden sites at least `FAR` from the output
    (`far_response`), and at the output itself (`output_response`).
    """
    shots, task = (0, training.epochs), load_task("xor")
    training = make_training(
        training,
        snapshots=shots,
        record_every=training.epochs,
        responses=("nudge_response",),
        response_beta=0.0,
        probe_samples=4,
    )
    cases, runs = {}, {}  # runs: name of the result → of its cases, one a seed
    for size, distance in placements:
        for seed in range(seeds):
            for kind, net in skip_networks(size, distance, shells, skip_range, seed).items():
                name = f"{kind}_{size}_{distance}"
                runs.setdefault(name, []).append(f"{name}_{seed}")
                cases[f"{name}_{seed}"] = Case(net, task, training, (seed,))
    tree = train_ensemble(cases, title="skips", **keywords)
    solved = np.empty((len(runs), seeds))
    far, output = np.empty((2, len(runs), seeds, len(shots)))
    for n, seed in np.ndindex(solved.shape):
        case = list(runs.values())[n][seed]
        net, node = cases[case].net, tree[case].to_dataset(inherit=False).sel(seed=[seed])
        response = response_size(node).values[0]
        is_far = (net.distance_from("output") >= FAR) & (net.role == "hidden")
        solved[n, seed] = tree["test_solved"].sel(network=case, seed=seed)
        far[n, seed] = response[:, is_far].mean(axis=1)
        output[n, seed] = response[:, net.outputs[0]]
    firsts = tree.to_dataset()[["test_solved"]].isel(seed=0, drop=True)
    firsts = firsts.sel(network=[names[0] for names in runs.values()])
    unit, dims = {"units": "rad per unit of β"}, ("network", "seed")
    return xr.Dataset(
        {
            "test_solved": (dims, solved),
            "far_response": ((*dims, "snapshot"), far, unit),
            "output_response": ((*dims, "snapshot"), output, unit),
        },
        {name: firsts[name] for name in firsts.coords if name != "skip_seed"}
        | {"network": list(runs), "seed": np.arange(seeds), "snapshot": list(shots)},
        {"far": FAR, "training": training.describe()},
    )
