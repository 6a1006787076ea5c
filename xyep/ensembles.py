"""Ensembles: many networks, many seeds, over processes, threads or a cluster.

Their result is one Dataset over ``network`` and ``seed`` for what can be compared between networks,
whose traits are its coordinates, and a node a network for what has its own sites and couplings.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_instance, check_integer
from .files import is_locked, locked, make_folder, remove, writing
from .network import Network
from .records import UNITS, attributes, described, history, snapshots
from .run import Run
from .settings import Training
from .store import load_arrays, local_path, partial_folder, save_arrays
from .tasks import Task
from .workers import asked_to_stop, compute, cores

__all__ = ["Case", "cores", "discard_partial", "progress_bar", "select", "train_ensemble"]

Trait = str | int | float | bool


@dataclass(frozen=True)
class Case:
    """One entry of an ensemble: a network trained on a task for each of `seeds`.

    net, task, training : what is trained, on what and how, see `Training`
    seeds : different integers from 0, one run each
    traits : become coordinates of the result, beside those of the network, which they override

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

    def __post_init__(self) -> None:
        for name, kind in (("net", Network), ("task", Task), ("training", Training)):
            check_instance(name, getattr(self, name), kind)
        seeds = tuple(check_integer("seeds", s, 0) for s in self.seeds)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds: found {self.seeds}; at least one, each once, is needed")
        object.__setattr__(self, "seeds", seeds)


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
    store : path, optional. Finished runs are kept in ``<store>.partial/`` until `discard_partial`,
        so that the same call goes on where an ensemble was interrupted; one process at a time.
    workers : how many runs go on at a time, default one a core. Results do not depend on it.
    scheduler : "processes" (default), "threads", or the address of a dask.distributed scheduler,
        which all do the same runs. Kernels release the GIL, and for large networks threads do as
        well; an epoch of a small one is so short that its Python part, which holds the GIL, takes
        longer than its kernels. A run whose process is lost is done again.

    Returns
    -------
    DataTree. Its root is a Dataset over (network, seed, epoch) with the histories and tests; traits
    of the networks are coordinates, to be chosen from with `select`. Networks with snapshots have a
    node each, of dims (seed, snapshot, …). An error in a run is raised; runs finished before are
    kept, as after Ctrl-C and the signals SIGTERM and SIGHUP.

    Raises
    ------
    StoreError
        If another process is at the same store, or if it cannot be written.

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
        _check_name(name)
    workers = cores() if workers is None else check_integer("workers", workers, 1)
    scheduler = _check_scheduler(scheduler)
    path = None if store is None else local_path(store)
    with _signals(), contextlib.nullcontext() if path is None else locked(path):
        return _stacked(cases, _results(cases, path, workers, scheduler, title))


Key = tuple[str, int]
Arrays = dict[str, np.ndarray]


def _results(
    cases: Mapping[str, Case], store: Path | None, workers: int, scheduler: str, title: str
) -> dict[Key, Arrays]:
    """Arrays of all runs, those kept from before and those that are left to do."""
    results: dict[Key, Arrays] = {}
    pending: dict[Key, dict[str, Any]] = {}
    folder = None if store is None else partial_folder(store)
    for name, case in cases.items():
        for seed in case.seeds:
            attrs = attributes(case.net, case.task, case.training, seed)
            file = None if folder is None else folder / name / f"{seed}.npz"
            arrays = None if file is None else load_arrays(file, attrs)
            if arrays is None:
                pending[name, seed] = attrs
            else:
                results[name, seed] = arrays
        if folder is not None and store is not None:
            make_folder(folder / name, store)

    def finish(key: Key, arrays: Arrays) -> None:
        if folder is not None:
            save_arrays(folder / key[0] / f"{key[1]}.npz", arrays, pending[key])
        results[key] = arrays
        bar.update()

    calls = [(key, cases[key[0]], key[1]) for key in pending]
    total = len(results) + len(pending)
    with progress_bar(total, len(results), title) as bar:
        try:
            compute(_run, calls, finish, workers, scheduler)
        except (KeyboardInterrupt, _Terminated, ConnectionError) as error:
            what = str(error) if isinstance(error, ConnectionError) else "interrupted"
            kept = f"{len(results)} of {total} runs are finished"
            more = " and lost, as no store was named"
            if folder is not None:
                more = f" and kept in {folder}; the same call goes on from them"
            line = f"{title}: {what}; {kept}{more}"
            if isinstance(error, ConnectionError):
                raise ConnectionError(line) from error
            print(f"\n{line}", file=sys.stderr, flush=True)
            raise
    return results


def _check_name(name: Any) -> None:
    """Names become folders and nodes, on any system."""
    wrong = not isinstance(name, str) or not name.isprintable() or set(name) & set('/\\:*?"<>|')
    if wrong or not 0 < len(name) <= 150 or name[0] in ". " or name[-1] in ". ":
        raise ValueError(
            f"cases: found the name {name!r}; text of at most 150 characters that may name a "
            "folder is needed"
        )


def _check_scheduler(scheduler: str | None) -> str:
    scheduler = "processes" if scheduler is None else scheduler
    if scheduler in ("threads", "processes") or (isinstance(scheduler, str) and ":" in scheduler):
        return scheduler
    raise ValueError(
        f"scheduler: found {scheduler!r}; 'processes', 'threads' or an address such as "
        "'tcp://127.0.0.1:8786' is needed"
    )


class _Terminated(BaseException):
    """A signal has asked the process to end."""


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the process as ever, but in order: workers first."""
    known = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    here = threading.current_thread() is threading.main_thread()
    mine = [number for number in known if here and signal.getsignal(number) == signal.SIG_DFL]

    def end(number: int, frame: Any) -> None:
        raise _Terminated(number)

    for number in mine:
        signal.signal(number, end)
    try:
        yield
    except _Terminated as error:
        signal.signal(error.args[0], signal.SIG_DFL)
        signal.raise_signal(error.args[0])
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


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


def discard_partial(store: str | os.PathLike[str]) -> None:
    """Forget the runs kept for resuming, once their results are stored.

    Those that a process is at now are left alone: of this store, and of stores in its folder.
    """
    store, folder = local_path(store), partial_folder(store)
    inside = [path.name for path in folder.glob(".*.lock")] if folder.is_dir() else []
    busy = [name for name in inside if is_locked(folder / name[1 : -len(".lock")])]
    if folder.exists() and not busy and not is_locked(store):
        with writing(store):
            remove(folder)


def _run(case: Case, seed: int) -> Arrays:
    started = time.monotonic()
    run = Run(case.net, case.task, case.training, seed)
    while not run.finished and not asked_to_stop():
        run.advance(run.done + max(1, case.training.epochs // 100))
    return run.arrays | {"seconds": np.array(time.monotonic() - started)}


def _stacked(cases: Mapping[str, Case], results: dict[Key, Arrays]) -> xr.DataTree:
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


@contextmanager
def progress_bar(total: int, done: int = 0, title: str = "") -> Iterator[Any]:
    """A bar with ETA: on the terminal or, in a notebook that `xyep reproduce` runs, in its file."""
    from tqdm.auto import tqdm

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
