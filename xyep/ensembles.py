"""Ensembles: many networks, many seeds, through dask."""

import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dask
import numpy as np
import xarray as xr
from dask.callbacks import Callback
from tqdm import tqdm

from .checks import check_integer
from .network import Network
from .store import attributes, load_arrays, make_folder, partial_folder, run_dataset, save_arrays
from .tasks import Task
from .training import Run, Training


@dataclass(frozen=True)
class Case:
    """One entry of an ensemble: a network trained on a task for each of `seeds`; `attrs` are kept with the result."""

    net: Network
    task: Task
    training: Training
    seeds: tuple
    attrs: dict | None = None


def train_ensemble(cases, *, store=None, workers=None, scheduler=None, title="training"):
    """Train every case for every seed.

    Parameters
    ----------
    cases : dict of name → `Case`
    store : path, optional. Finished runs are kept in ``<store>.partial/`` until `discard_partial`, so that an interrupted ensemble
        goes on where it stopped.
    workers : how many runs go on at a time, default one a core. Results do not depend on it.
    scheduler : "threads", "processes" (default), or the address of a dask.distributed scheduler, which all do the same runs. Kernels
        release the GIL, and for large networks threads do as well; an epoch of a small one is so short that its Python part,
        which holds the GIL, takes longer than its kernels.

    Returns
    -------
    DataTree with one node a case, of dims (seed, epoch, snapshot, …). An error in a run is raised; runs finished before are kept.
    """
    workers = (os.cpu_count() or 1) if workers is None else check_integer("workers", workers, 1)
    results, pending = {}, {}
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
    with progress_bar(len(results) + len(pending), len(results), title) as bar:
        scheduler = scheduler or "processes"
        (_compute_here if scheduler in ("threads", "processes") else _compute_on_cluster)(
            _run, calls, finish, bar, workers, scheduler
        )
    nodes = {
        name: stack(case, {seed: results[name, seed] for seed in case.seeds})
        for name, case in cases.items()
    }
    return xr.DataTree.from_dict(nodes)


def discard_partial(store):
    """Forget the runs kept for resuming, once their results are stored."""
    shutil.rmtree(partial_folder(store), ignore_errors=True)


def _run(case, seed):
    started = time.monotonic()
    run = Run(case.net, case.task, case.training, seed)
    run.advance()
    return run.arrays | {"seconds": np.array(time.monotonic() - started)}


def stack(case, arrays):
    """Dataset of one case over its seeds, with the time that each run took on its worker."""
    datasets = []
    for seed, values in arrays.items():
        run = Run(case.net, case.task, case.training, seed)
        run.restore(values)
        datasets.append(run_dataset(run))
    first = datasets[0]
    stacked = {}
    for name in [*first.data_vars, *({"coupling"} & set(first.variables))]:
        values = np.stack([ds[name].values for ds in datasets])
        stacked[name] = (("seed", *first[name].dims), values, first[name].attrs)
    coords = {name: coord for name, coord in first.coords.items() if name != "coupling"}
    seconds = np.array([values["seconds"] for values in arrays.values()], np.float32)
    stacked["seconds"] = (
        "seed",
        seconds,
        {"long_name": "time of the run, test included", "units": "s"},
    )
    attrs = attributes(case.net, case.task, case.training) | (case.attrs or {})
    return xr.Dataset(stacked, coords | {"seed": list(arrays)}, attrs)


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
