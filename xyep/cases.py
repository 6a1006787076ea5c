"""Cases of an ensemble, and their results as one Dataset over networks and seeds.

What can be compared between networks is a Dataset over ``network`` and ``seed`` whose coordinates
are the traits of the networks; what has its own sites and couplings is a node a network.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_instance, check_integer, found
from .labels import check_traits
from .network import Network, Parameters
from .records import UNITS, attributes, described, history, snapshots
from .run import Run, check_task
from .settings import Training
from .tasks import Task

Trait = str | int | float | bool


@dataclass(frozen=True)
class Case:
    """One entry of an ensemble: a network trained on a task for each of `seeds`.

    net, task, training : what is trained, on what and how, see `Training`
    seeds : different integers from 0, one run each
    traits : become coordinates of the result, beside those of the network, which they override
    initial : initial parameters of a network and a seed, where they are not its own
        ``init_parameters(seed)``

    >>> import xyep
    >>> net, xor = xyep.xor_lattice(5), xyep.load_task("xor")
    >>> case = Case(net, xor, Training(epochs=9), seeds=(0, 1), traits={"note": "a"})
    >>> case.seeds, case.training.epochs
    ((0, 1), 9)
    """

    net: Network
    task: Task
    training: Training
    seeds: tuple[int, ...]
    traits: Mapping[str, Trait] | None = None
    initial: Callable[[Network, int], Parameters] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("net", Network), ("task", Task), ("training", Training)):
            check_instance(name, getattr(self, name), kind)
        check_task(self.net, self.task)
        if isinstance(self.seeds, str) or not isinstance(self.seeds, Iterable):
            raise TypeError(f"seeds: found {found(self.seeds)}; a list of integers is needed")
        seeds = tuple(check_integer("seeds", s, 0, 2**63 - 1) for s in self.seeds)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds: found {self.seeds}; at least one, each once, is needed")
        object.__setattr__(self, "seeds", seeds)
        if self.traits is not None:
            check_traits(self.traits)
        if self.initial is not None and not callable(self.initial):
            raise TypeError(
                f"initial: found {found(self.initial)}; a function of network and seed is needed"
            )

    def parameters(self, seed: int) -> Parameters | None:
        """What `initial` gives for a seed, checked; None without it."""
        if self.initial is None:
            return None
        return self.net.check_parameters(self.initial(self.net, seed), "initial")

    def run(self, seed: int) -> Run:
        """The run of a seed, before its first epoch."""
        return Run(self.net, self.task, self.training, seed, parameters=self.parameters(seed))


def select(ds: xr.Dataset | xr.DataTree, **traits: Any) -> xr.Dataset:
    """The networks whose traits have these values; a list of values allows each of them.

    >>> ds = xr.Dataset(coords={"network": ["a", "b"], "shells": ("network", [1, 4])})
    >>> select(ds, shells=4)["network"].values.tolist()
    ['b']
    """
    check_instance("ds", ds, (xr.Dataset, xr.DataTree))
    ds = ds.to_dataset() if isinstance(ds, xr.DataTree) else ds
    if "network" not in ds.dims:
        raise ValueError("ds: found no dimension 'network'; the root of an ensemble is needed")
    keep = np.ones(ds.sizes["network"], bool)
    for name, value in traits.items():
        if name not in ds.coords or ds[name].dims != ("network",):
            known = sorted(str(n) for n, c in ds.coords.items() if c.dims == ("network",))
            raise ValueError(f"{name}: found no such trait; one of {', '.join(known)} is needed")
        wanted = list(value) if isinstance(value, (list, tuple)) else [value]
        text = ds[name].dtype.kind in "OUT"
        for one in wanted:
            if isinstance(one, str) != text:
                raise TypeError(
                    f"{name}: found {found(one)}; {'text' if text else 'a number'} is needed"
                )
        keep &= np.isin(ds[name].values, wanted)
    return ds.isel(network=np.flatnonzero(keep))


def stacked(
    cases: Mapping[str, Case], results: Mapping[tuple[str, int], dict[str, np.ndarray]]
) -> xr.DataTree:
    """The tree of an ensemble from the arrays of its runs."""
    histories, nodes = [], {}
    for name, case in cases.items():
        runs = []
        for seed in case.seeds:
            run = case.run(seed)
            run.restore(results[name, seed])
            runs.append(run)
        seconds = np.array([results[name, s]["seconds"] for s in case.seeds], np.float32)
        one = _over_seeds([history(run) for run in runs], case.seeds)
        histories.append(one.assign(seconds=("seed", seconds)))
        if case.training.snapshots:
            attrs = attributes(case.net, case.task, case.training)
            node = _over_seeds([snapshots(run) for run in runs], case.seeds)
            nodes[name] = described(node).assign_attrs(attrs)
    names = xr.Variable("network", np.array(list(cases)))
    root = xr.concat(
        histories, names, join="outer", data_vars="all", combine_attrs="override", fill_value=np.nan
    )
    root = described(root.assign_coords(_traits(cases)))
    first = next(iter(cases.values()))
    attrs = attributes(first.net, first.task, first.training)
    shared = {k: v for k, v in attrs.items() if k not in ("n_sites", "n_couplings")}
    for case in cases.values():
        there = attributes(case.net, case.task, case.training)
        shared = {k: v for k, v in shared.items() if there.get(k) == v}
    # cases may have seeds of their own; a tree wants the same ones in all of its nodes
    nodes = {name: node.reindex(seed=root["seed"].values) for name, node in nodes.items()}
    return xr.DataTree.from_dict({"/": root.assign_attrs(shared)} | nodes)


def _over_seeds(datasets: list[xr.Dataset], seeds: tuple[int, ...]) -> xr.Dataset:
    """Variables of equal Datasets along a new dimension, the values of couplings among them."""
    first, stacked = datasets[0], {}
    for name in [*first.data_vars, *({"coupling"} & set(first.variables))]:
        values = np.stack([ds[name].values for ds in datasets])
        stacked[name] = (("seed", *first[name].dims), values, first[name].attrs)
    coords = {name: coord for name, coord in first.coords.items() if name != "coupling"}
    return xr.Dataset(stacked, coords | {"seed": list(seeds)})


def _traits(cases: Mapping[str, Case]) -> dict[str, Any]:
    """Coordinates over ``network``; what a network lacks is "" or NaN."""
    rows = []
    for case in cases.values():
        net = case.net
        row = dict(net.traits) | {"n_sites": net.n_sites, "n_couplings": net.n_couplings}
        row |= {"n_parameters": net.n_parameters, "wire_length": float(net.lengths.sum())}
        rows.append(row | dict(case.traits or {}))
    coords = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        if any(isinstance(v, str) for v in values):
            column = np.array(["" if v is None else str(v) for v in values])
        elif None in values:
            column = np.array([np.nan if v is None else float(v) for v in values])
        else:
            column = np.array(values)
        # what a user calls a trait is its name
        about = {} if name in UNITS else {"long_name": name.replace("_", " "), "units": "1"}
        coords[name] = ("network", column, about)
    return coords
