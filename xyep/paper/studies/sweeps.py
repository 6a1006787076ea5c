"""Notebook 02: nudged phases of more sweeps, in which a nudge travels farther."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case
from ...datasets import load_task
from ...gradients import ep_gradient
from ...network import Network
from ...settings import FREE_SWEEPS
from ...solvers import GaussSeidel
from .epochs import epochs_to_solve, size_networks, until_solved

#: Untrained networks of each kind on which it is counted what a nudge reaches.
COUNTED = 8


def nudged_sweeps(
    size: int,
    cells: Sequence[Sequence[int]],
    sweeps: Sequence[int],
    limit: int,
    learning_rate: float,
    seeds: Sequence[int],
    **keywords: Any,
) -> xr.Dataset:
    """Epochs to solve of some (shells, distance), with each number of nudged `sweeps`, a trait.

    The free phases have as many sweeps as they have by default, or as the nudged ones if these are
    more. Also the share of couplings that an update of the untrained network leaves as they are,
    as the nudge has not come so far; couplings between two inputs are not counted.
    """
    networks, cases = size_networks([size], cells), {}
    for n in sweeps:
        free, nudged = _solvers(n)
        training = until_solved(limit, learning_rate, solver=free, nudged_solver=nudged)
        for name, net in networks.items():
            traits = {"nudged_sweeps": n}
            cases[f"{name}_{n}"] = Case(net, load_task("xor"), training, tuple(seeds), traits)
    ds = epochs_to_solve(cases, "nudged sweeps", **keywords).assign_attrs(limit=limit)
    still = {f"{name}_{n}": unreached(net, n) for n in sweeps for name, net in networks.items()}
    about = {"long_name": "share of couplings that a nudge does not reach", "units": "1"}
    values = [still[name] for name in ds["network"].values.tolist()]
    return ds.assign(unreached=("network", values, about))


def _solvers(n: int) -> tuple[GaussSeidel, GaussSeidel]:
    free = GaussSeidel(sweeps=max(n, FREE_SWEEPS), dtype="float32")
    return free, GaussSeidel(sweeps=n, dtype="float32")


def unreached(net: Network, sweeps: int) -> float:
    """Mean share of couplings whose gradient is exactly 0 after so many nudged sweeps."""
    task, (free, nudged) = load_task("xor"), _solvers(sweeps)
    learn = ~np.isin(net.edges, net.inputs).all(axis=1)
    shares = []
    for seed in range(COUNTED):
        found = ep_gradient(
            net,
            net.init_parameters(seed),
            task.inputs,
            task.targets,
            seed=seed,
            initial_states=5,
            method=free,
            nudged_method=nudged,
        )
        shares.append(np.mean(found.couplings[learn] == 0))
    return float(np.mean(shares))
