"""Results as labelled xarray data in Zarr stores.

One run is a Dataset over (epoch), (snapshot, …) and attributes that say how it was made. A run in
progress keeps its state in one file beside the store, ``<store>.partial/run.npz``, replaced as a
whole; what the store holds follows from that state alone, so that an interrupted run ends in the
same bytes as an uninterrupted one.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_integer
from .digest import digest
from .network import Parameters
from .provenance import provenance
from .run import FINAL, HISTORY, Run

UNITS = {
    "cost": ("mean cost C", "1"),
    "mismatch": ("mean mismatch ½ Σ (1 − cos(φ_o − t_o))", "1"),
    "accuracy": ("share of right answers in training", "1"),
    "residual": ("rms over relaxations of the largest torque of the free phase", "coupling"),
    "sweeps": ("mean sweeps a sample, over all phases", "1"),
    "unconverged": ("share of samples not at the residual asked for", "1"),
    "validation_cost": ("mean cost on validation data", "1"),
    "validation_accuracy": ("accuracy on validation data", "1"),
    "test_accuracy": ("accuracy after training, random initial states", "1"),
    "test_mismatch": ("mean mismatch after training, random initial states", "1"),
    "test_solved": ("share of random initial states from which all samples are right", "1"),
    "test_unconverged": ("relaxations of the final test cut short", "1"),
    "off_equilibrium": ("rms distance of the phases relaxed to in training from rest", "rad"),
    "epochs_done": ("epochs completed", "1"),
    "seconds": ("time of the run, test included", "s"),
    "coupling": ("coupling J", "coupling"),
    "bias_amplitude": ("bias amplitude h", "coupling"),
    "bias_phase": ("bias direction ψ", "rad"),
    "phase": ("free equilibrium φ", "rad"),
    "nudge_response": ("(φ^β − φ^−β)/(2β)", "rad"),
    "input_response": ("∂φ_i/∂x_k", "rad/rad"),
    "pattern_response": ("rms change of φ between patterns", "rad"),
    "epoch": ("passes over the training samples", "1"),
    "snapshot": ("epochs before the snapshot", "1"),
    "seed": ("seed of all random numbers of the run", "1"),
    "network": ("name of the network", "1"),
    "site": ("number of the site, inputs first and outputs last", "1"),
    "pattern": ("number of the training sample", "1"),
    "initial_state": ("number of the initial state of a sample", "1"),
    "input": ("number of the input", "1"),
    "x": ("position along x", "lattice constant"),
    "y": ("position along y", "lattice constant"),
    "z": ("position along z", "lattice constant"),
    "layer": ("layer of the site", "1"),
    "channel": ("channel of the site", "1"),
    "role": ("input, hidden or output", "1"),
    "label": ("name of the site in the network's own terms", "1"),
    "source": ("first site of the coupling", "1"),
    "target": ("second site of the coupling", "1"),
    "parameter": ("number of the coupling parameter", "1"),
    "length": ("length of the coupling", "lattice constant"),
    "shell": ("shell of neighbours that the coupling belongs to, 0 for none", "1"),
    "n_sites": ("sites of the network", "1"),
    "n_couplings": ("couplings of the network", "1"),
    "n_parameters": ("coupling parameters of the network", "1"),
    "wire_length": ("sum of the lengths of all couplings", "lattice constant"),
}

#: Attributes of a run that must agree for it to be continued; another commit or version may go on.
SAME = ("network", "network_sha256", "task", "data_sha256", "initial_sha256", "seed")


class StoreError(ValueError):
    """The store cannot be used for this run; nothing in it has been touched."""


def attributes(net, task, training, seed=None, initial=None) -> dict[str, Any]:
    """Everything that determines a run, as text and numbers; `training` is JSON text."""
    found = {"network": net.name, "n_sites": net.n_sites, "n_couplings": net.n_couplings}
    found |= {"task": task.name, "data_sha256": task.digest, "network_sha256": net.digest}
    found["training"] = json.dumps(training.describe())
    if seed is not None:
        found["seed"] = seed
    if initial is not None:
        found["initial_sha256"] = digest(initial)
    return found | provenance()


def training_of(attrs) -> dict[str, Any]:
    """The fields of `Training` that a result was made with."""
    return json.loads(attrs["training"])


def described(ds: xr.Dataset) -> xr.Dataset:
    """With long names and units on every variable that has none yet."""
    for name, variable in ds.variables.items():
        if name in UNITS and "long_name" not in variable.attrs:
            long_name, units = UNITS[str(name)]
            ds[name].attrs.update(long_name=long_name, units=units)
    return ds


def history(run: Run) -> xr.Dataset:
    """What a run recorded over its epochs, and its final test; NaN for what is not reached."""
    training, a = run.training, run.arrays
    skipped = set() if run.validation is not None else {"validation_cost", "validation_accuracy"}
    final = set(FINAL) if training.final_states else set()
    if training.asks_residual:
        final -= {"off_equilibrium"}
    else:
        skipped |= {"unconverged"}
    variables = {n: ("epoch", a[n].astype(np.float32)) for n in HISTORY if n not in skipped}
    variables |= {name: ((), a[name]) for name in FINAL if name in final}
    variables["epochs_done"] = ((), np.array(run.done))
    return described(xr.Dataset(variables, {"epoch": training.recorded}))


def snapshots(run: Run) -> xr.Dataset:
    """Parameters, phases and responses at the snapshots of a run."""
    net, training, a = run.net, run.training, run.arrays
    shots = len(training.snapshots)
    parts = [net.unflatten(theta) for theta in a["snapshot_theta"]]
    samples = np.arange(run.n_probes)
    coords = net.site_coords() | net.coupling_coords()
    coords |= {"snapshot": list(training.snapshots), "input": net.inputs}
    coords |= {"pattern": ("sample", samples // training.probe_states)}
    coords |= {"initial_state": ("sample", samples % training.probe_states)}
    stack = {
        "coupling": ("coupling", [p.couplings[net.parameter] for p in parts]),
        "bias_amplitude": ("site", [p.bias_amplitude for p in parts]),
        "bias_phase": ("site", [p.bias_phase for p in parts]),
    }
    variables = {}
    for name, (dim, values) in stack.items():
        values = np.asarray(values, np.float32).reshape(shots, -1)
        variables[name] = (("snapshot", dim), values)
    probe = ("snapshot", "sample", "site")
    variables["phase"] = (probe, a["phase"])
    dims = {"nudge_response": probe, "input_response": (*probe, "input")}
    dims |= {"pattern_response": ("snapshot", "site")}
    variables |= {name: (dims[name], a[name]) for name in training.responses}
    return described(xr.Dataset(variables, coords))


def run_tree(run: Run, attrs: dict[str, Any]) -> xr.DataTree:
    """A run as it is stored: history and snapshots, and in the node ``state`` what goes on from it."""
    done, a = run.done, run.arrays
    ds = history(run)
    if run.training.snapshots:
        ds = ds.merge(snapshots(run), combine_attrs="override")
    if a["stopped"]:
        ds = ds.isel(epoch=run.training.recorded <= done)
        if "snapshot" in ds.dims:
            ds = ds.isel(snapshot=np.array(run.training.snapshots) <= done)
    size = np.arange(run.net.n_parameters + 2 * run.net.n_sites)
    state = xr.Dataset(
        {
            "theta": ("theta_entry", a["theta"], {"long_name": "flat parameters", "units": "1"}),
            "initial": ("theta_entry", a["initial"], {"long_name": "at first", "units": "1"}),
            "moments": (
                [f"moment_{k}" for k in range(a["moments"].ndim)],
                a["moments"],
                {"long_name": "state of the optimizer", "units": "1"},
            ),
        },
        {"theta_entry": ("theta_entry", size, {"long_name": "entry", "units": "1"})},
    )
    attrs = attrs | {"epochs_done": done, "finished": int(run.finished)}
    # without a name, which a Zarr store cannot keep for its root
    return xr.DataTree(ds.assign_attrs(attrs), {"state": xr.DataTree(state)})


def parameters_of(
    tree: xr.DataTree | xr.Dataset, snapshot: int = -1, seed: int | None = None
) -> Parameters:
    """Parameters from a result: of one run, or of one seed of one network of an ensemble.

    Parameters
    ----------
    tree : result of `train`, or a network's node of a result of `train_ensemble`
    snapshot : number of the snapshot, from 0 or, as −1, from the last. The last state of a run that
        `train` returned is that of the training itself, in float64; snapshots are float32.
    seed : of an ensemble with several

    Raises
    ------
    ValueError
        If the result holds no parameters, or several seeds and none is named.

    >>> import xyep
    >>> net, task = xyep.all_to_all(4), xyep.load_task("xor")
    >>> tree = xyep.train(net, task, epochs=3, snapshots=(0, 3))
    >>> p, first = parameters_of(tree), parameters_of(tree, snapshot=0)
    >>> bool(np.allclose(first.couplings, net.init_parameters(0).couplings))
    True
    """
    if not isinstance(tree, (xr.DataTree, xr.Dataset)):
        raise TypeError(f"tree: found {type(tree).__name__}; a result of xyep.train is needed")
    check_integer("snapshot", snapshot, -(2**31))
    state = tree["state"] if isinstance(tree, xr.DataTree) and "state" in tree.children else None
    if state is not None and snapshot == -1:
        n = int(tree.attrs["n_sites"])
        theta = state["theta"].values
        return Parameters(theta[: -2 * n], theta[-2 * n : -n], theta[-n:])
    ds = tree.to_dataset() if isinstance(tree, xr.DataTree) else tree
    if "coupling" not in ds or "snapshot" not in ds.dims:
        raise ValueError("tree: found no snapshots; train with snapshots=(…, epochs)")
    if "seed" in ds.dims:
        seeds = ds["seed"].values.tolist()
        if seed is None and len(seeds) > 1:
            raise ValueError(f"seed: found none; one of {seeds} is needed")
        ds = ds.sel(seed=seeds[0] if seed is None else _one_of("seed", seed, seeds))
    elif seed is not None and seed != ds.attrs.get("seed", seed):
        raise ValueError(f"seed: found {seed}; this result is of seed {ds.attrs['seed']}")
    shots = ds.sizes["snapshot"]
    if not -shots <= snapshot < shots:
        raise ValueError(f"snapshot: found {snapshot}; there are {shots}, numbered from 0")
    ds = ds.isel(snapshot=snapshot)
    _, first = np.unique(ds["parameter"].values, return_index=True)
    parts = ds["coupling"].values[first], ds["bias_amplitude"].values, ds["bias_phase"].values
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError(f"snapshot: found NaN in number {snapshot}; the run has not reached it")
    return Parameters(*(part.astype(float) for part in parts))


def _one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"{name}: found {value!r}; one of {allowed} is needed")
    return value


def partial_folder(store) -> Path:
    """Where unfinished runs of a store are kept."""
    return Path(f"{store}.partial")


def local_path(store) -> Path:
    """`store` as a path of this machine, ~ expanded."""
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store: found {store!r}; a path is needed")
    text = os.fspath(store)
    if "://" in text or str(text).endswith(".zip"):
        raise ValueError(f"store: found {text!r}; the path of a local folder is needed")
    return Path(text).expanduser()


def save_arrays(path, arrays, attrs):
    """Write an .npz, attributes included, so that the file is always either the old or the new."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        np.savez(file, attrs=np.array(json.dumps(attrs)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def load_arrays(path, attrs):
    """Arrays of a file that `save_arrays` wrote for a run with these attributes."""
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
    shapes = {name: v.shape for name, v in ds.variables.items() if v.ndim}
    return {name: {"chunks": tuple(max(n, 1) for n in shape)} for name, shape in shapes.items()}


def _portable(ds):
    """With strings of variable length, the only ones that Zarr specifies."""
    return ds.assign({n: v.astype(object) for n, v in ds.variables.items() if v.dtype.kind == "U"})


def write_tree(tree: xr.DataTree, store: str | os.PathLike[str]) -> None:
    """Write a DataTree; the old store is replaced only once the new one is complete."""
    store = local_path(store)
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{store.name}-", dir=store.parent))
    except OSError as error:
        raise StoreError(f"store: cannot write {store}: {error.strerror}") from error
    try:
        tree = tree.map_over_datasets(_portable)
        encoding = {n.path: _encoding(n.to_dataset(inherit=False)) for n in tree.subtree}
        tree.to_zarr(fresh / "new", mode="w", encoding=encoding, consolidated=False, zarr_format=3)
        if store.exists():
            os.replace(store, fresh / "old")
        os.replace(fresh / "new", store)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_tree(store: str | os.PathLike[str]) -> xr.DataTree:
    """A result as an in-memory DataTree, nodes and variables in the order of their names."""
    store = local_path(store)
    if not (store / "zarr.json").is_file():
        raise StoreError(f"store: {store} is not a Zarr store; run the notebook that writes it")
    with xr.open_datatree(store, engine="zarr", consolidated=False) as tree:
        tree = tree.load()
    nodes = {node.path: _sorted(node.to_dataset(inherit=False)) for node in tree.subtree}
    return xr.DataTree.from_dict(dict(sorted(nodes.items())))


def _sorted(ds):
    data, coords = ({n: ds[n].variable for n in sorted(g)} for g in (ds.data_vars, ds.coords))
    return xr.Dataset(data, coords, ds.attrs)


def check_same(store, found, wanted):
    """Raise unless a store's attributes are those of the run that is to be continued."""
    for key in SAME:
        if found.get(key) != wanted.get(key):
            raise StoreError(
                f"store: {store} holds another run: {key} is {found.get(key)!r} there and "
                f"{wanted.get(key)!r} here; choose another store, or delete it"
            )
    there, here = training_of(found), training_of(wanted)
    for key in sorted(set(there) | set(here)):
        if there.get(key) != here.get(key):
            raise StoreError(
                f"store: {store} holds another run: {key} is {there.get(key)!r} there and "
                f"{here.get(key)!r} here; choose another store, or delete it"
            )
