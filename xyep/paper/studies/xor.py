"""Notebooks 02 and 03: XOR trained on many networks, and responses of lattices over training."""

from collections.abc import Mapping, Sequence
from typing import Any

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
