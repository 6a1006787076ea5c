"""Ensembles: many networks, many seeds, through dask.

Their result is one Dataset over ``network`` and ``seed`` for what can be compared between networks,
whose traits are its coordinates, and a node a network for what has its own sites and couplings.
"""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr
from dask.callbacks import Callback
from tqdm.auto import tqdm

from .checks import check_instance, check_integer
from .network import Network
from .run import Run
from .settings import Training
from .store import (
    attributes,
    described,
    history,
    load_arrays,
    local_path,
    make_folder,
    partial_folder,
    save_arrays,
    snapshots,
)
from .tasks import Task

Trait = str | int | float | bool


@dataclass(frozen=True)
class Case:
    """One entry of an ensemble: a network trained on a task for each of `seeds`.

    `traits` become coordinates of the result, beside those of the network.
    """

    net: Network
    task: Task
    training: Training
    seeds: tuple[int, ...]
    traits: Mapping[str, Trait] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("net", Network), ("task", Task), ("training", Training)):
            check_instance(name, getattr(self, name), kind)
        seeds = tuple(check_integer("seeds", s, 0) for s in self.seeds)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds: found {self.seeds}; at least one, each once, is needed")
        object.__setattr__(self, "seeds", seeds)


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def train_ensemble(
    cases: Mapping[str, Case],
    *,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    title: str = "training",
) -> xr.DataTree:
    """Train every case for every seed.

    Parameters
    ----------
    cases : dict of name → `Case`
    store : path, optional. Finished runs are kept in ``<store>.partial/`` until `discard_partial`, so
        that an interrupted ensemble goes on where it stopped.
    workers : how many runs go on at a time, default one a core. Results do not depend on it.
    scheduler : "threads", "processes" (default), or the address of a dask.distributed scheduler,
        which all do the same runs. Kernels release the GIL, and for large networks threads do as
        well; an epoch of a small one is so short that its Python part, which holds the GIL, takes
        longer than its kernels. A script that starts processes needs the usual
        ``if __name__ == "__main__":``.

    Returns
    -------
    DataTree. Its root is a Dataset over (network, seed, epoch) with the histories and tests; traits
    of the networks are coordinates, to be chosen from with `select`. Networks with snapshots have a
    node each, of dims (seed, snapshot, …). An error in a run is raised; runs finished before are kept.

    >>> import xyep
    >>> nets = {f"{s} shells": xyep.xor_lattice(3, shells=s) for s in (1, 2)}
    >>> task, training = xyep.load_task("xor"), xyep.Training(epochs=5, final_states=10)
    >>> cases = {name: Case(net, task, training, seeds=(0, 1)) for name, net in nets.items()}
    >>> tree = train_ensemble(cases, scheduler="threads")
    >>> select(tree, shells=2)["cost"].dims
    ('network', 'seed', 'epoch')
    """
    if not isinstance(cases, Mapping) or not cases:
        raise TypeError(f"cases: found {type(cases).__name__}; a dict of name → Case is needed")
    for name, case in cases.items():
        check_instance(f"cases[{name!r}]", case, Case)
    workers = cores() if workers is None else check_integer("workers", workers, 1)
    store = None if store is None else local_path(store)
    results: dict[tuple[str, int], Any] = {}
    pending = {}
    for name, case in cases.items():
        for seed in case.seeds:
            file = None if store is None else partial_folder(store) / name / f"{seed}.npz"
            attrs = attributes(case.net, case.task, case.training, seed)
            if file is not None and file.is_file():
                results[name, seed] = load_arrays(file, attrs)
            else:
                pending[name, seed] = (file, attrs)
        if store is not None:
            make_folder(partial_folder(store) / name, store)

    def finish(key, arrays):
        file, attrs = pending[key]
        if file is not None:
            save_arrays(file, arrays, attrs)
        results[key] = arrays

    calls = [(key, (cases[key[0]], key[1])) for key in pending]
    scheduler = scheduler or "processes"
    here = scheduler in ("threads", "processes")
    with progress_bar(len(results) + len(pending), len(results), title) as bar:
        compute = _compute_here if here else _compute_on_cluster
        compute(_run, calls, finish, bar, workers, scheduler)
    return _stacked(cases, results)


def select(ds: xr.Dataset | xr.DataTree, **traits: Any) -> xr.Dataset:
    """The networks whose traits have these values; a list of values allows each of them.

    >>> ds = xr.Dataset(coords={"network": ["a", "b"], "shells": ("network", [1, 4])})
    >>> select(ds, shells=4)["network"].values.tolist()
    ['b']
    """
    ds = ds.to_dataset() if isinstance(ds, xr.DataTree) else ds
    keep = np.ones(ds.sizes["network"], bool)
    for name, value in traits.items():
        if name not in ds.coords or ds[name].dims != ("network",):
            known = sorted(str(n) for n, c in ds.coords.items() if c.dims == ("network",))
            raise ValueError(f"{name}: found no such trait; one of {', '.join(known)} is needed")
        keep &= np.isin(ds[name].values, value if isinstance(value, (list, tuple)) else [value])
    return ds.isel(network=np.flatnonzero(keep))


def discard_partial(store):
    """Forget the runs kept for resuming, once their results are stored."""
    shutil.rmtree(partial_folder(store), ignore_errors=True)


def _run(case, seed):
    started = time.monotonic()
    run = Run(case.net, case.task, case.training, seed)
    run.advance()
    return run.arrays | {"seconds": np.array(time.monotonic() - started)}


def _stacked(cases, results):
    """The tree of an ensemble from the arrays of its runs."""
    histories, nodes = [], {}
    for name, case in cases.items():
        runs = []
        for seed in case.seeds:
            run = Run(case.net, case.task, case.training, seed)
            run.restore(results[name, seed])
            runs.append(run)
        seconds = np.array([results[name, s]["seconds"] for s in case.seeds], np.float32)
        one = _over_seeds([history(run) for run in runs], case.seeds)
        histories.append(one.assign(seconds=("seed", seconds)))
        if case.training.snapshots:
            attrs = attributes(case.net, case.task, case.training)
            node = _over_seeds([snapshots(run) for run in runs], case.seeds)
            nodes[name] = described(node).assign_attrs(attrs)
    names = xr.Variable("network", np.array(list(cases), dtype=object))
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


def _over_seeds(datasets, seeds):
    """Variables of equal Datasets along a new dimension; the values of couplings are one of them."""
    first, stacked = datasets[0], {}
    for name in [*first.data_vars, *({"coupling"} & set(first.variables))]:
        values = np.stack([ds[name].values for ds in datasets])
        stacked[name] = (("seed", *first[name].dims), values, first[name].attrs)
    coords = {name: coord for name, coord in first.coords.items() if name != "coupling"}
    return xr.Dataset(stacked, coords | {"seed": list(seeds)})


def _traits(cases):
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
            column = np.array(["" if v is None else str(v) for v in values], dtype=object)
        elif None in values:
            column = np.array([np.nan if v is None else float(v) for v in values])
        else:
            column = np.array(values)
        coords[name] = ("network", column)
    return coords


class _Finished(Callback):
    """Calls back in the main thread as soon as a run has finished, not when all have."""

    def __init__(self, calls, finish, bar):
        self.keys, self.finish, self.bar = {name: key for name, key in calls}, finish, bar

    def _posttask(self, key, result, dsk, state, worker_id):
        if key in self.keys:
            self.finish(self.keys[key], result)
            self.bar.update()


def _compute_here(function, calls, finish, bar, workers, scheduler):
    tasks = [
        (key, dask.delayed(function, pure=False, traverse=False)(*arguments))
        for key, arguments in calls
    ]
    with _Finished([(task.key, key) for key, task in tasks], finish, bar):
        dask.compute(
            *(task for _, task in tasks),
            scheduler=scheduler,
            num_workers=workers,
            optimize_graph=False,
            chunksize=1,
        )


def _compute_on_cluster(function, calls, finish, bar, workers, scheduler):
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ImportError(
            "scheduler: a cluster needs dask.distributed; install xyep[cluster]"
        ) from error
    with Client(scheduler) as client:
        futures = {client.submit(function, *arguments, pure=False): key for key, arguments in calls}
        for future in as_completed(futures):
            finish(futures[future], future.result())
            bar.update()


@contextmanager
def progress_bar(total, done=0, title=""):
    """A bar with ETA, on the terminal or, within a notebook run by `xyep reproduce`, in the file that it watches."""
    path = os.environ.get("XYEP_PROGRESS_FILE")
    if path and Path(path).parent.is_dir():
        with (
            open(path, "a") as file,
            tqdm(
                total=total, initial=done, desc=title, file=file, mininterval=1.0, ncols=100
            ) as bar,
        ):
            yield bar
    else:
        with tqdm(total=total, initial=done, desc=title, disable=None, mininterval=0.5) as bar:
            yield bar
