"""Results as labelled xarray data in Zarr stores.

One run is a Dataset over (epoch), (snapshot, …) and attributes that say how it was made; runs over several seeds are stacked along
``seed``. A run in progress keeps its state in one file beside the store, ``<store>.partial/``, replaced atomically; what the store
holds follows from that state alone, so that an interrupted run ends in the same bytes as an uninterrupted one.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from .checks import check_integer
from .provenance import provenance
from .training import FINAL, HISTORY, Run, make_training

UNITS = {
    "cost": ("mean cost C", "1"),
    "mismatch": ("mean mismatch ½ Σ (1 − cos(φ_o − t_o))", "1"),
    "accuracy": ("share of right answers in training", "1"),
    "residual": ("largest torque that any relaxation of the epoch ended with", "coupling"),
    "sweeps": ("mean sweeps a sample, over all phases", "1"),
    "unconverged": ("share of samples not converged in all phases", "1"),
    "validation_cost": ("mean cost on validation data", "1"),
    "validation_accuracy": ("accuracy on validation data", "1"),
    "test_accuracy": ("accuracy after training, fresh initial states", "1"),
    "test_mismatch": ("mean mismatch after training, fresh initial states", "1"),
    "test_solved": ("share of fresh initial states from which all samples are right", "1"),
    "test_unconverged": ("relaxations of the final test cut short", "1"),
    "coupling": ("coupling J", "coupling"),
    "bias_amplitude": ("bias amplitude h", "coupling"),
    "bias_phase": ("bias direction ψ", "rad"),
    "phase": ("free equilibrium φ", "rad"),
    "nudge_response": ("(φ^β − φ^−β)/(2β)", "rad"),
    "input_response": ("∂φ_i/∂x_k", "rad/rad"),
    "pattern_response": ("rms change of φ between patterns", "rad"),
}


class StoreError(ValueError):
    """The store cannot be used for this run; nothing in it has been touched."""


def attributes(net, task, training, seed=None):
    """Everything that determines a run, as plain JSON values."""
    found = {
        "network": net.name,
        "n_couplings": net.n_couplings,
        "task": task.name,
        "data_sha256": task.digest,
    }
    found["network_sha256"] = net.digest
    found["training"] = training.describe()
    return json.loads(json.dumps(found | ({} if seed is None else {"seed": seed}) | provenance()))


def run_dataset(run):
    """The recorded arrays of a `Run` as a Dataset; epochs not yet reached are NaN."""
    net, training, a = run.net, run.training, run.arrays
    coords = {"epoch": training.recorded}
    variables = {
        name: ("epoch", a[name].astype(np.float32))
        for name in HISTORY
        if name[:5] != "valid" or run.validation is not None
    }
    if training.final_states:
        variables |= {name: ((), a[name]) for name in FINAL}
    if training.snapshots:
        shots = len(training.snapshots)
        parts = [net.unflatten(theta) for theta in a["snapshot_theta"]]
        samples = np.arange(run.n_probes)
        coords |= (
            net.site_coords()
            | net.coupling_coords()
            | {"snapshot": list(training.snapshots), "input": net.inputs}
        )
        coords |= {
            "pattern": ("sample", samples // training.probe_states),
            "initial_state": ("sample", samples % training.probe_states),
        }
        stack = {
            "coupling": ("coupling", [p.couplings[net.parameter] for p in parts]),
            "bias_amplitude": ("site", [p.bias_amplitude for p in parts]),
            "bias_phase": ("site", [p.bias_phase for p in parts]),
        }
        for name, (dim, values) in stack.items():
            variables[name] = (("snapshot", dim), np.asarray(values, np.float32).reshape(shots, -1))
        variables["phase"] = (("snapshot", "sample", "site"), a["phase"])
        probe = ("snapshot", "sample", "site")
        dims = {
            "nudge_response": probe,
            "input_response": (*probe, "input"),
            "pattern_response": ("snapshot", "site"),
        }
        variables |= {name: (dims[name], a[name]) for name in training.responses}
    ds = xr.Dataset(variables, coords)
    for name, (long_name, units) in UNITS.items():
        if name in ds.variables:
            ds[name].attrs = {"long_name": long_name, "units": units}
    for name in ("x", "y", "z", "length"):
        if name in ds:
            ds[name].attrs = {"units": "lattice constant"}
    return ds


def partial_folder(store):
    return Path(f"{store}.partial")


def save_arrays(path, arrays, attrs):
    """Write an .npz, attributes included, so that the file is either the old or the new one, whenever the process dies."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        np.savez(file, attrs=np.array(json.dumps(attrs)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def load_arrays(path, attrs):
    """Arrays of a file that `save_arrays` wrote for a run with these attributes; another run's is an error."""
    with np.load(path) as file:
        check_same(path, json.loads(str(file["attrs"])), attrs)
        return {name: file[name] for name in file.files if name != "attrs"}


def make_folder(folder, store):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"store: cannot write {store}: {error.strerror}") from error


def _encoding(ds):
    # one chunk a variable: results are read whole, and small files cost more than they save
    return {
        name: {"chunks": tuple(max(n, 1) for n in v.shape)}
        for name, v in ds.variables.items()
        if v.ndim
    }


def _portable(ds):
    """With strings of variable length, the only ones that Zarr specifies."""
    return ds.assign(
        {name: v.astype(object) for name, v in ds.variables.items() if v.dtype.kind == "U"}
    )


def write_tree(tree, store):
    """Write a DataTree anew; the old store is replaced only once the new one is complete."""
    store = Path(store)
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{store.name}-", dir=store.parent))
    except OSError as error:
        raise StoreError(f"store: cannot write {store}: {error.strerror}") from error
    try:
        tree = tree.map_over_datasets(_portable)
        encoding = {node.path: _encoding(node.to_dataset(inherit=False)) for node in tree.subtree}
        tree.to_zarr(fresh / "new", mode="w", encoding=encoding, consolidated=False, zarr_format=3)
        if store.exists():
            os.replace(store, fresh / "old")
        os.replace(fresh / "new", store)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_tree(store):
    """A result as an in-memory DataTree."""
    if not (Path(store) / "zarr.json").is_file():
        raise StoreError(
            f"store: {store} is not a Zarr store; run the notebook that writes it first"
        )
    with xr.open_datatree(store, engine="zarr", consolidated=False) as tree:
        return tree.load()


def check_same(store, found, wanted):
    """Raise unless a store's attributes are those of the run that is to be continued (another commit or version may go on)."""
    for key in ("network", "network_sha256", "task", "data_sha256", "training", "seed"):
        if found.get(key) != wanted.get(key):
            raise StoreError(
                f"store: {store} holds another run: {key} is {found.get(key)!r} there and {wanted.get(key)!r} here; "
                "choose another store, or delete it"
            )


def train(
    net,
    task,
    *,
    seed=0,
    store=None,
    parameters=None,
    threads=1,
    checkpoint_every=None,
    progress=False,
    training=None,
    **options,
):
    """Train a network by equilibrium propagation.

    Parameters
    ----------
    seed : of the initial parameters, the initial states and the order of samples; everything follows from it, bit for bit
    store : path of a Zarr store, optional. It is written as training goes on; a run found there unfinished is resumed, a finished one
        is returned, and any other content is an error.
    parameters : initial `Parameters`; default ``net.init_parameters(seed)``
    threads : the result does not depend on it
    checkpoint_every : epochs between two checkpoints of the store; default a twentieth of all
    training, options : a `Training` and changes to it, or its fields: ``epochs=…, beta=…, optimizer=Adam(0.01), …``

    Returns
    -------
    DataTree with the history over ``epoch`` and the network over ``snapshot``; see `Training` for what is recorded.
    """
    training = make_training(training, **options)
    run = Run(net, task, training, seed, check_integer("threads", threads, 1), parameters)
    attrs = attributes(net, task, training, run.seed)
    every = (
        max(1, training.epochs // 20)
        if checkpoint_every is None
        else check_integer("checkpoint_every", checkpoint_every, 1)
    )
    if store is not None:
        finished = _open(run, store, attrs)
        if finished is not None:
            return finished
    from tqdm import tqdm

    with tqdm(
        total=training.epochs, initial=run.done, disable=not progress, desc=net.name, unit="epoch"
    ) as bar:
        while not run.finished:
            before = run.done
            run.advance(before + every)
            bar.update(run.done - before)
            if store is not None:
                _checkpoint(run, store, attrs)
    tree = _tree(run, attrs)
    if store is not None:
        shutil.rmtree(partial_folder(store), ignore_errors=True)
    return tree


def _tree(run, attrs):
    # without a name, which a Zarr store cannot keep for its root
    return xr.DataTree(run_dataset(run).assign_attrs(attrs | {"epochs_done": run.done}))


def _checkpoint(run, store, attrs):
    save_arrays(partial_folder(store) / "run.npz", run.arrays, attrs)
    write_tree(_tree(run, attrs), store)


def _open(run, store, attrs):
    """The finished tree in `store`, or None after `run` has been restored to where that store's run stopped."""
    store = Path(store)
    state = partial_folder(store) / "run.npz"
    if store.exists():
        try:
            tree = read_tree(store)
        except Exception as error:  # whatever it is, it is not ours: zarr, xarray and the system each raise their own
            raise StoreError(
                f"store: {store} exists and is not a store of xyep ({error}); choose another path"
            ) from error
        check_same(store, tree.attrs, attrs)
        if tree.attrs["epochs_done"] == run.training.epochs:
            shutil.rmtree(partial_folder(store), ignore_errors=True)
            return tree
    if state.is_file():
        run.restore(load_arrays(state, attrs))
    make_folder(partial_folder(store), store)
    return None
