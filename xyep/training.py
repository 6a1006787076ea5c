"""`train`: one run, checkpointed, resumed, made longer."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_flag, check_instance, check_integer
from .cost import Cost
from .gradients import Estimator
from .network import Network, Parameters
from .optimizers import Optimizer, Schedule, constant, schedule
from .relaxation import Solver
from .run import HISTORY, Run
from .settings import RESPONSES, Callback, Training, make_training
from .store import (
    StoreError,
    attributes,
    check_same,
    load_arrays,
    local_path,
    make_folder,
    partial_folder,
    read_tree,
    run_tree,
    save_arrays,
    training_of,
    write_tree,
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
    seed : of the initial parameters, the initial states and the order of samples; everything follows
        from it, bit for bit, on any processor and any number of threads
    store : path of a Zarr store, optional. It is written as training goes on; a run found there
        unfinished is resumed, a finished one is returned or, where `epochs` is now larger and the
        schedule constant, made longer; any other content is an error.
    parameters : initial `Parameters`; default ``net.init_parameters(seed)``
    threads : the result does not depend on it
    checkpoint_every : epochs between two checkpoints of the store; default a twentieth of all
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
        If the store holds something else; nothing in it is touched.

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
    if store is not None:
        store = local_path(store)
        finished = _open(run, store, attrs)
        if finished is not None:
            return finished
    from tqdm.auto import tqdm

    hidden = not check_flag("progress", progress)
    bar = tqdm(total=training.epochs, initial=run.done, disable=hidden, desc=net.name, unit="epoch")
    with bar:
        while not run.finished:
            before = run.done
            run.advance(before + every)
            bar.update(run.done - before)
            if store is not None and not run.finished:
                _checkpoint(run, store, attrs)
    tree = run_tree(run, attrs)
    if store is not None:
        # the state is complete before the store, and goes only after it
        _checkpoint(run, store, attrs)
        shutil.rmtree(partial_folder(store), ignore_errors=True)
    return tree


def _checkpoint(run: Run, store: Path, attrs: dict[str, Any]) -> None:
    save_arrays(partial_folder(store) / "run.npz", run.arrays, attrs)
    write_tree(run_tree(run, attrs), store)


def _open(run: Run, store: Path, attrs: dict[str, Any]) -> xr.DataTree | None:
    """The finished tree in `store`, or None after `run` has been restored to where it stopped."""
    state = partial_folder(store) / "run.npz"
    if state.is_file():
        run.restore(load_arrays(state, attrs))
    elif store.exists():
        try:
            tree = read_tree(store)
        except Exception as error:  # zarr, xarray and the system each raise their own
            raise StoreError(
                f"store: {store} exists and is not a store of xyep ({error}); choose another path"
            ) from error
        if "training" not in tree.attrs:
            raise StoreError(f"store: {store} is not a run of xyep.train; choose another path")
        if _can_go_on(tree, attrs, run.training):
            _continue(run, tree)
        else:
            check_same(store, tree.attrs, attrs)
            if tree.attrs["finished"]:
                return tree
    make_folder(partial_folder(store), store)
    return None


def _can_go_on(tree: xr.DataTree, attrs: dict[str, Any], training: Training) -> bool:
    """Whether the finished run in a store is the first part of the one that is asked for."""
    there, here = training_of(tree.attrs), training_of(attrs)
    if not tree.attrs.get("finished") or there["epochs"] >= here["epochs"]:
        return False
    if schedule(training.schedule) is not constant or tree.attrs["epochs_done"] < there["epochs"]:
        return False
    if [s for s in here["snapshots"] if s <= there["epochs"]] != there["snapshots"]:
        return False
    longer = {"epochs": here["epochs"], "snapshots": here["snapshots"]}
    try:
        check_same("", tree.attrs | {"training": json.dumps(there | longer)}, attrs)
    except StoreError:
        return False
    return True


def _continue(run: Run, tree: xr.DataTree) -> None:
    """Restore a run to the end of a shorter one with the same settings."""
    a, done = run.arrays, int(tree.attrs["epochs_done"])
    state = tree["state"]
    a["done"], a["theta"] = np.array(done), state["theta"].values
    a["moments"] = state["moments"].values
    epochs = tree["epoch"].values
    both = np.isin(epochs, run.training.recorded)
    place = np.searchsorted(run.training.recorded, epochs[both])
    for name in HISTORY:
        if name in tree:
            a[name][place] = tree[name].values[both]
    if "snapshot" in tree.dims:
        shots = tree.sizes["snapshot"]
        _, first = np.unique(tree["parameter"].values, return_index=True)
        parts = tree["coupling"].values[:, first], tree["bias_amplitude"], tree["bias_phase"]
        a["snapshot_theta"][:shots] = np.concatenate([np.asarray(p) for p in parts], axis=1)
        for name in ("phase", *RESPONSES):
            if name in tree and name in a:
                a[name][:shots] = tree[name].values
