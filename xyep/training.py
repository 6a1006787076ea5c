"""`train`: one run, checkpointed, resumed, made longer."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_flag, check_instance, check_integer
from .cost import Cost
from .estimators import Estimator
from .files import StoreError, beside, locked, make_folder, remove, writing
from .network import Network, Parameters
from .optimizers import Optimizer, Schedule, constant, schedule
from .records import attributes, run_tree, training_of
from .run import HISTORY, Run
from .settings import RESPONSES, Callback, Training, make_training
from .solvers import Solver
from .store import (
    check_same,
    load_arrays,
    local_path,
    partial_folder,
    read_tree,
    save_arrays,
    write_locked,
)
from .tasks import Task

#: Stands for an option that is not given, where None is an answer.
_KEEP: Any = type("Default", (), {"__repr__": lambda self: "…"})()


def train(
    net: Network,
    task: Task,
    *,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    parameters: Parameters | None = None,
    threads: int = 1,
    checkpoint_every: int | None = None,
    progress: bool = False,
    training: Training | None = None,
    epochs: int = _KEEP,
    batch_size: int | None = _KEEP,
    initial_states: int = _KEEP,
    start: str = _KEEP,
    beta: float = _KEEP,
    estimator: str | Estimator = _KEEP,
    nudging: str | None = _KEEP,
    cost: str | Cost = _KEEP,
    optimizer: Optimizer = _KEEP,
    schedule: str | Schedule = _KEEP,
    coupling_decay: float = _KEEP,
    solver: Solver | None = _KEEP,
    nudged_solver: Solver | None = _KEEP,
    test_solver: Solver = _KEEP,
    record_every: int = _KEEP,
    snapshots: tuple[int, ...] = _KEEP,
    responses: tuple[str, ...] = _KEEP,
    response_beta: float | None = _KEEP,
    probe_samples: int = _KEEP,
    probe_states: int = _KEEP,
    final_states: int = _KEEP,
    callback: Callback | None = _KEEP,
) -> xr.DataTree:
    """Train a network by equilibrium propagation.

    Parameters
    ----------
    seed : of the initial parameters, the initial states and the order of samples; everything
        follows from it, bit for bit, on any processor and any number of threads
    store : path of a Zarr store, optional, written when the run has finished. Until then its state
        is kept in ``<store>.partial/``, and the same call goes on from there after any
        interruption. A finished run is returned or, where `epochs` is now larger and the schedule
        constant, made longer; any other content is an error. One process at a time trains a store.
    parameters : initial `Parameters`; default ``net.init_parameters(seed)``
    threads : the result does not depend on it
    checkpoint_every : epochs after which the state is kept again; default a twentieth of all
    progress : show a bar
    training : a `Training`, of which the options that follow replace some fields
    epochs, … : the fields of `Training`, which says what they mean and what they are by default

    Returns
    -------
    DataTree with the history over ``epoch`` and, where `snapshots` asks for it, the network over
    ``snapshot``; its node ``state`` holds the first and the last parameters in full precision.

    Raises
    ------
    StoreError
        If the store holds something else, is damaged, cannot be written, or if another process is
        at it; nothing in it is touched.

    >>> import xyep
    >>> net = xyep.square_lattice((3, 3), inputs=[(1, 0), (1, 2)], outputs=[(1, 1)], shells=2)
    >>> tree = train(net, xyep.load_task("xor"), epochs=300, seed=0)
    >>> tree["cost"].dims, bool(tree["cost"][-1] < tree["cost"][0])
    (('epoch',), True)
    """
    given = {k: v for k, v in locals().items() if k in Training.__dataclass_fields__}
    training = make_training(training, **{k: v for k, v in given.items() if v is not _KEEP})
    check_instance("net", net, Network)
    check_instance("task", task, Task)
    threads = check_integer("threads", threads, 1)
    run = Run(net, task, training, seed, threads, parameters)
    attrs = attributes(net, task, training, run.seed, run.arrays["initial"])
    every = max(1, training.epochs // 20)
    if checkpoint_every is not None:
        every = check_integer("checkpoint_every", checkpoint_every, 1)
    if store is None:
        return _train(run, attrs, every, None, progress)
    path = local_path(store)
    finished = _finished(path, attrs)
    if finished is None:
        with locked(path):
            finished = _open(run, path, attrs)
            if finished is None:
                return _train(run, attrs, every, path, progress)
    elif partial_folder(path).exists():  # ended between the store and the last of its state
        with contextlib.suppress(StoreError), locked(path):
            _open(run, path, attrs)
    return finished


def _train(
    run: Run, attrs: dict[str, Any], every: int, store: Path | None, progress: bool
) -> xr.DataTree:
    from tqdm.auto import tqdm

    hidden, epochs = not check_flag("progress", progress), run.training.epochs
    bar = tqdm(total=epochs, initial=run.done, disable=hidden, desc=run.net.name, unit="epoch")
    with bar:
        while not run.finished:
            before = run.done
            run.advance(before + every)
            bar.update(run.done - before)
            if store is not None:
                save_arrays(_state(store), run.arrays, attrs)
    tree = run_tree(run, attrs)
    if store is not None:
        # the state is complete before the store, and goes only after it
        write_locked(tree, store)
        with writing(store):
            remove(partial_folder(store))
    return tree


def _state(store: Path) -> Path:
    return partial_folder(store) / "run.npz"


def _finished(store: Path, attrs: dict[str, Any]) -> xr.DataTree | None:
    """The run in a store, if it is the finished one that is asked for."""
    there = _stored(store)
    if there is None or not there.attrs["finished"]:
        return None
    try:
        check_same(store, there.attrs, attrs)
    except StoreError:
        return None
    return there


def _stored(store: Path) -> xr.DataTree | None:
    """The run in a store, None where there is nothing."""
    if not store.exists() and not beside(store, "new").exists():
        return None
    tree = read_tree(store)
    if not {"training", "finished"} <= set(tree.attrs):
        raise StoreError(f"store: {store} is not a run of xyep.train; choose another path")
    return tree


def _open(run: Run, store: Path, attrs: dict[str, Any]) -> xr.DataTree | None:
    """The finished tree in `store`, or None after `run` has been restored to where it stopped."""
    there, finished = _stored(store), _finished(store, attrs)
    try:
        arrays = load_arrays(_state(store), attrs)
    except StoreError:  # of another run, perhaps the longer one that this store is to become
        if finished is None:
            raise
        return finished
    if finished is not None:
        with writing(store):
            remove(partial_folder(store))
        return finished
    if arrays is not None:
        run.restore(arrays)
    elif there is not None:
        _check_longer(store, there, attrs, run.training)
        _continue(run, there)
    make_folder(partial_folder(store), store)
    return None


def _check_longer(
    store: Path, tree: xr.DataTree, attrs: dict[str, Any], training: Training
) -> None:
    """Raise unless the finished run in a store is the first part of the one that is asked for."""
    there, here = training_of(tree.attrs), training_of(attrs)
    epochs = there["epochs"]
    if epochs < here["epochs"]:
        longer = {"epochs": here["epochs"]}
        if [s for s in here["snapshots"] if s <= epochs] == there["snapshots"]:
            longer["snapshots"] = here["snapshots"]
        check_same(store, tree.attrs | {"training": json.dumps(there | longer)}, attrs)
        if schedule(training.schedule) is not constant:
            raise StoreError(
                f"store: {store} holds a run of {epochs} epochs, whose schedule depends on their "
                "number; only with schedule='constant' can it be made longer"
            )
        if tree.attrs["epochs_done"] < epochs:
            raise StoreError(
                f"store: {store} holds a run that its callback stopped after "
                f"{tree.attrs['epochs_done']} epochs; choose another store, or delete it"
            )
    else:
        check_same(store, tree.attrs, attrs)


def _continue(run: Run, tree: xr.DataTree) -> None:
    """Restore a run to the end of a shorter one with the same settings."""
    a, done, ds = run.arrays, int(tree.attrs["epochs_done"]), tree.to_dataset()
    state = tree.children["state"].to_dataset(inherit=False)
    a["done"], a["theta"] = np.array(done), state["theta"].values
    a["moments"] = state["moments"].values
    epochs = ds["epoch"].values
    both = np.isin(epochs, run.training.recorded)
    place = np.searchsorted(run.training.recorded, epochs[both])
    for name in HISTORY:
        if name in ds:
            a[name][place] = ds[name].values[both]
    if "snapshot" in ds.dims:
        shots = ds.sizes["snapshot"]
        _, first = np.unique(ds["parameter"].values, return_index=True)
        parts = ds["coupling"].values[:, first], ds["bias_amplitude"], ds["bias_phase"]
        a["snapshot_theta"][:shots] = np.concatenate([np.asarray(p) for p in parts], axis=1)
        for name in ("phase", *RESPONSES):
            if name in ds and name in a:
                a[name][:shots] = ds[name].values
