"""Results as labelled xarray data in Zarr stores.

One run is a Dataset over (epoch), (snapshot, …) and attributes that say how it was made. While it
goes on, its state is one file beside the store, ``<store>.partial/run.npz``; the store follows from
that state alone, so that an interrupted run ends in the same bytes as an uninterrupted one.

A store is written as a whole or not at all (see `xyep.files`). It is plain Zarr 3 with consolidated
metadata, which ``xr.open_datatree(path)`` opens; attributes are text and numbers; each node has the
attribute ``sha256``, a digest of its variables, values and attributes, and the root lists those of
all nodes in ``nodes``. `read_tree` checks them, as Zarr itself takes a lost chunk for one of fill
values.
"""

import json
import os
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_choice, check_instance, check_integer
from .digest import digest
from .files import (
    StoreError,
    locked,
    recover,
    replace_file,
    replace_folder,
    settled,
    writing,
)
from .network import Network, Parameters
from .provenance import provenance
from .run import FINAL, HISTORY, Run
from .settings import Training
from .tasks import Task

__all__ = [
    "StoreError",
    "attributes",
    "check_tree",
    "parameters_of",
    "read_attrs",
    "read_tree",
    "training_of",
    "undescribed",
    "write_tree",
]

#: Long name and units of every variable of a result.
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
    # traits of networks and settings
    "family": ("family of networks", "1"),
    "kind": ("kind of lattice", "1"),
    "size": ("sites along an edge, or in all", "1"),
    "shape": ("sites along each direction", "1"),
    "sizes": ("sites of each layer", "1"),
    "hidden": ("hidden sites", "1"),
    "shells": ("shells of neighbours that are coupled", "1"),
    "periodic": ("whether opposite edges are joined", "1"),
    "boundary": ("directions in which opposite edges are joined", "1"),
    "skip_range": ("sites that a longer coupling leads over, 0 for none", "1"),
    "skips": ("couplings between random pairs of sites", "1"),
    "skip_seed": ("seed of the random pairs", "1"),
    "distance": ("sites from each input to the output", "1"),
    "placement": ("where inputs and outputs lie", "1"),
    "window": ("edge of a window, in sites", "1"),
    "stride": ("sites between two windows", "1"),
    "channels": ("hidden sites a window", "1"),
    "shared": ("whether all windows share their couplings", "1"),
    "intra_shells": ("shells of neighbours that are coupled within a layer", "1"),
    "readout": ("how hidden sites are coupled to the outputs", "1"),
    "layers": ("hidden layers", "1"),
    "trained_cost": ("cost that is trained with", "1"),
    "learning_rate": ("learning rate at first", "1"),
    "initial_states": ("initial states a sample", "1"),
    "estimator": ("estimator of the gradient", "1"),
    "solver": ("method of relaxation", "1"),
    "beta": ("nudging strength β", "1"),
    "nudging": ("nudging strength β", "1"),
    # what the studies measure
    "agree": ("share of initial states from which both methods reach one equilibrium", "1"),
    "classifier": ("linear classifier", "1"),
    "coupling_length": ("rms length of the couplings", "lattice constant"),
    "decay_rate": ("decay rate of the nudge response", "1/lattice constant"),
    "excess_energy": ("mean energy above the lowest found", "coupling"),
    "far_response": ("nudge response far from the output", "rad"),
    "fast_energy": ("energy above the equilibrium, after each sweep", "coupling"),
    "flow_energy": ("energy above the equilibrium, along the gradient flow", "coupling"),
    "fold": ("fold of the flowers that are tested", "1"),
    "free_sweeps": ("mean sweeps to equilibrium", "1"),
    "free_unconverged": ("samples not at rest after all sweeps", "1"),
    "log_response": ("mean logarithm of the nudge response", "1"),
    "output_distance": ("distance from the nearest output", "lattice constant"),
    "output_response": ("nudge response at the output", "rad"),
    "phase_error": ("rms error of each phase that is read", "rad"),
    "reached": ("distinct equilibria reached", "1"),
    "readout_couplings": ("couplings between hidden sites and outputs", "1"),
    "readout_wire": ("length of the couplings to the outputs", "lattice constant"),
    "relative_error": ("relative error of the gradient", "1"),
    "same_probability": ("probability that two initial states reach one equilibrium", "1"),
    "shift": ("change of the phase by nudging", "rad"),
    "smallest_eigenvalue": ("smallest eigenvalue of the Hessian", "coupling"),
    "sweep": ("sweeps done", "1"),
    "time": ("time of the gradient flow", "1/coupling"),
    "tolerance": ("largest torque at which the relaxation ends", "coupling"),
    "tuned": ("setting that was tuned", "1"),
    "when": ("before or after training", "1"),
}

#: Attributes of a run that must agree for it to be continued; another commit or version may go on.
SAME = ("network", "network_sha256", "task", "data_sha256", "initial_sha256", "seed")


def attributes(
    net: Network,
    task: Task,
    training: Training,
    seed: int | None = None,
    initial: np.ndarray | None = None,
) -> dict[str, Any]:
    """Everything that determines a run, as text and numbers; `training` is JSON text."""
    found: dict[str, Any] = {
        "network": net.name,
        "n_sites": net.n_sites,
        "n_couplings": net.n_couplings,
    }
    found |= {"task": task.name, "data_sha256": task.digest, "network_sha256": net.digest}
    found["training"] = json.dumps(training.describe())
    if seed is not None:
        found["seed"] = seed
    if initial is not None:
        found["initial_sha256"] = digest(initial)
    return found | provenance()


def training_of(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields of `Training` that a result was made with."""
    return json.loads(attrs["training"])


def described(ds: xr.Dataset) -> xr.Dataset:
    """With long names and units on every variable that has none yet; text of a plain data type."""
    ds = ds.copy()
    for name, variable in ds.variables.items():
        ds[name] = _text(variable)
        for key, text in zip(("long_name", "units"), UNITS.get(str(name), ())):
            ds[name].attrs.setdefault(key, text)
    return ds


def _text(variable: xr.Variable) -> xr.Variable:
    """Text of NumPy's plain kind, which every format has; other variables as they are."""
    if variable.dtype.kind not in "OTU":
        return variable
    flat = variable.values.reshape(-1).tolist()
    if not all(isinstance(value, str) for value in flat):
        return variable
    return variable.copy(data=np.array(flat, str).reshape(variable.shape))


def undescribed(tree: xr.DataTree) -> list[str]:
    """Variables and coordinates of a result that lack a long name or units, as ``node/name``.

    >>> ds = xr.Dataset({"cost": ("epoch", [1.0]), "speed": ("epoch", [2.0])})
    >>> undescribed(xr.DataTree(described(ds)))
    ['/speed']
    """
    return [
        f"{node.path.rstrip('/')}/{name}"
        for node in tree.subtree
        for name, variable in node.to_dataset(inherit=False).variables.items()
        if not {"long_name", "units"} <= set(variable.attrs)
    ]


def history(run: Run) -> xr.Dataset:
    """What a run recorded over its epochs, and its final test; NaN for what is not reached."""
    training, a = run.training, run.arrays
    skipped = set() if run.validation is not None else {"validation_cost", "validation_accuracy"}
    final = set(FINAL) if training.final_states else set()
    if training.asks_residual:
        final -= {"off_equilibrium"}
    else:
        skipped |= {"unconverged"}
    variables: dict[str, Any] = {
        n: ("epoch", a[n].astype(np.float32)) for n in HISTORY if n not in skipped
    }
    variables |= {name: ((), a[name]) for name in FINAL if name in final}
    variables["epochs_done"] = ((), np.array(run.done))
    return described(xr.Dataset(variables, {"epoch": training.recorded}))


def snapshots(run: Run) -> xr.Dataset:
    """Parameters, phases and responses at the snapshots of a run."""
    net, training, a = run.net, run.training, run.arrays
    shots = len(training.snapshots)
    parts = [net.unflatten(theta) for theta in a["snapshot_theta"]]
    samples = np.arange(run.n_probes)
    coords: dict[str, Any] = net.site_coords() | net.coupling_coords()
    coords |= {"snapshot": list(training.snapshots), "input": net.inputs}
    coords |= {"pattern": ("sample", samples // training.probe_states)}
    coords |= {"initial_state": ("sample", samples % training.probe_states)}
    stack = {
        "coupling": ("coupling", [p.couplings[net.parameter] for p in parts]),
        "bias_amplitude": ("site", [p.bias_amplitude for p in parts]),
        "bias_phase": ("site", [p.bias_phase for p in parts]),
    }
    variables: dict[str, Any] = {}
    for name, (dim, values) in stack.items():
        values = np.asarray(values, np.float32).reshape(shots, -1)
        variables[name] = (("snapshot", dim), values)
    probe = ("snapshot", "sample", "site")
    variables["phase"] = (probe, a["phase"])
    dims: dict[str, Any] = {"nudge_response": probe, "input_response": (*probe, "input")}
    dims |= {"pattern_response": ("snapshot", "site")}
    variables |= {name: (dims[name], a[name]) for name in training.responses}
    return described(xr.Dataset(variables, coords))


def run_tree(run: Run, attrs: dict[str, Any]) -> xr.DataTree:
    """A run as it is stored: history, snapshots, and the node ``state`` that it can go on from."""
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
    state = tree.children.get("state") if isinstance(tree, xr.DataTree) else None
    if state is not None and snapshot == -1:
        n = int(tree.attrs["n_sites"])
        theta = state.to_dataset()["theta"].values
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


def _one_of(name: str, value: Any, allowed: list[Any]) -> Any:
    if value not in allowed:
        raise ValueError(f"{name}: found {value!r}; one of {allowed} is needed")
    return value


def partial_folder(store: str | os.PathLike[str]) -> Path:
    """Where unfinished runs of a store are kept."""
    path = local_path(store)
    return path.with_name(f"{path.name}.partial")


def local_path(store: str | os.PathLike[str]) -> Path:
    """`store` as an absolute path of this machine, ~ expanded.

    >>> local_path("s3://bucket/run.zarr")
    Traceback (most recent call last):
        ...
    ValueError: store: found 's3://bucket/run.zarr'; the path of a local folder is needed
    """
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store: found {store!r}; a path is needed")
    text = os.fspath(store)
    if not isinstance(text, str):
        raise TypeError(f"store: found {store!r}; a path as text is needed")
    # a scheme has two letters or more, a drive of Windows one
    remote = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text)
    if not text.strip() or remote or "\0" in text or text.lower().endswith(".zip"):
        raise ValueError(f"store: found {text!r}; the path of a local folder is needed")
    try:
        path = Path(text).expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"store: found {text!r}; {error}") from error
    if not path.name:
        raise ValueError(f"store: found {text!r}; the path of a folder of its own is needed")
    return path


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any]) -> None:
    """Write an .npz with attributes and a digest; the file is always either the old or the new."""
    text = json.dumps(attrs)
    found = np.array([text, digest(text, arrays)])
    with writing(path):
        replace_file(path, lambda file: np.savez(file, attrs=found, **dict(arrays)))  # type: ignore[arg-type]


def load_arrays(path: Path, attrs: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Arrays of a file that `save_arrays` wrote for a run with these attributes.

    None where there is no such file, and, with a warning, where it cannot be read: that run is then
    computed again.
    """
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as raw, np.load(raw) as file:
            arrays = {name: file[name] for name in file.files}
        text, found = arrays.pop("attrs").tolist()
        if found != digest(text, arrays):
            raise ValueError("its content is not what was written")
        there = json.loads(text)
    except Exception as error:  # zipfile, zlib, numpy and json each raise their own
        warnings.warn(
            f"{path} cannot be read ({_brief(error)}); that run is computed again", stacklevel=3
        )
        return None
    check_same(path, there, attrs)
    return arrays


def _brief(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:200]


# ------------------------------------------------------------------------------------ Zarr stores

#: Attributes that are the store's own: its digests, and which others are text of JSON.
_SHA256, _NODES, _JSON = "sha256", "nodes", "json_attributes"


def write_tree(tree: xr.DataTree, store: str | os.PathLike[str]) -> None:
    """Write a DataTree as a Zarr store; the old one is replaced once the new one is complete.

    Raises
    ------
    StoreError
        If another process is writing the store, if there is something else at its place, or if it
        cannot be written, as on a full disk.

    >>> import tempfile
    >>> tree = xr.DataTree(xr.Dataset({"cost": ("epoch", [0.5, 0.25])}))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tree(tree, folder + "/a.zarr")
    ...     read_tree(folder + "/a.zarr")["cost"].values.tolist(), check_tree(folder + "/a.zarr")
    ([0.5, 0.25], {})
    """
    check_instance("tree", tree, xr.DataTree)
    store = local_path(store)
    with locked(store):
        write_locked(tree, store)


def write_locked(tree: xr.DataTree, store: Path) -> None:
    """`write_tree` for one who holds the lock of the store."""
    with writing(store):
        recover(store)
        if store.exists() and not (store / "zarr.json").is_file():
            if not store.is_dir() or any(store.iterdir()):
                raise StoreError(f"store: {store} is not a Zarr store; choose another path")
        nodes = {node.path: _plain(node.to_dataset(inherit=False)) for node in tree.subtree}
        nodes = dict(sorted(nodes.items()))
        sums = {path: _digest(ds) for path, ds in nodes.items() if path != "/"}
        nodes["/"].attrs[_NODES] = json.dumps(sums)
        sums["/"] = _digest(nodes["/"])
        encoding = {path: _encoding(ds) for path, ds in nodes.items()}
        for path, ds in nodes.items():
            ds.attrs[_SHA256] = sums[path]
            nodes[path] = ds.assign(
                {n: v.astype(object) for n, v in ds.variables.items() if v.dtype.kind == "U"}
            )
        whole = xr.DataTree.from_dict(nodes)
        with warnings.catch_warnings():
            # the Zarr specification does not have consolidated metadata yet; all readers do
            warnings.filterwarnings("ignore", message=".*[Cc]onsolidated metadata")
            replace_folder(
                store,
                lambda folder: whole.to_zarr(
                    folder, mode="w", encoding=encoding, consolidated=True, zarr_format=3
                ),
            )


def _plain(ds: xr.Dataset) -> xr.Dataset:
    """As it is stored: variables in order, attributes text and numbers, one kind of NaN."""
    ds = described(ds).drop_encoding()
    data, coords = (
        {n: ds[n].variable for n in sorted(g, key=str)} for g in (ds.data_vars, ds.coords)
    )
    for variable in [*data.values(), *coords.values()]:
        variable.attrs = _plain_attrs(variable.attrs)
        if variable.dtype.kind == "f" and np.isnan(variable.values).any():
            values = variable.values
            variable.values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    own = (_SHA256, _NODES, _JSON)
    return xr.Dataset(
        data, coords, _plain_attrs({k: v for k, v in ds.attrs.items() if k not in own})
    )


def _plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in attrs.items():
        if isinstance(value, (np.generic, np.ndarray)):
            value = value.tolist()
        if isinstance(value, str):
            plain[name] = str(value)
        elif isinstance(value, (bool, int)):
            plain[name] = int(value)
        elif isinstance(value, float):
            plain[name] = value
        else:
            try:
                plain[name] = json.dumps(value)
            except TypeError as error:
                raise TypeError(
                    f"attribute {name}: found {type(value).__name__}; text, a number, or lists and "
                    "dicts of these are needed"
                ) from error
            plain[_JSON] = f"{plain.get(_JSON, '')} {name}".strip()
    return plain


def _restored(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """Attributes as they were before they were written."""
    texts = str(attrs.get(_JSON, "")).split()
    own = (_SHA256, _NODES, _JSON)
    return {k: json.loads(v) if k in texts else v for k, v in attrs.items() if k not in own}


def _encoding(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """One chunk a variable, as results are read whole, and none for one that is constant."""
    found: dict[str, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        values, chosen = variable.values, found.setdefault(str(name), {})
        if values.ndim:
            chosen["chunks"] = tuple(max(n, 1) for n in values.shape)
        if values.dtype.kind in "biuf" and values.size:
            first = values.reshape(-1)[:1]
            constant = values.tobytes() == first.tobytes() * values.size
            if constant and not (first[0] == 0 and np.signbit(first[0])):
                chosen["fill_value"] = first[0].item()
            elif values.dtype.kind == "f":
                chosen["fill_value"] = float("nan")  # a chunk of zeros of both signs is kept
    return found


def _digest(ds: xr.Dataset) -> str:
    """Digest of all that a node holds."""
    content = {
        str(name): (str(name) in ds.coords, v.dims, v.values, _sorted(v.attrs))
        for name, v in ds.variables.items()
    }
    return digest(content, _sorted({k: v for k, v in ds.attrs.items() if k != _SHA256}))


def _sorted(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    return dict(sorted(attrs.items()))


def read_tree(store: str | os.PathLike[str], damaged: str = "raise") -> xr.DataTree:
    """A result as an in-memory DataTree, nodes and variables in the order of their names.

    Parameters
    ----------
    damaged : "raise", or "skip" for a tree without the nodes that do not have the content that was
        written; `check_tree` tells them

    Raises
    ------
    StoreError
        If there is no store, or a node of it is damaged.

    >>> import tempfile, xyep
    >>> folder, net = tempfile.mkdtemp(), xyep.all_to_all(4)
    >>> path = os.path.join(folder, "run.zarr")
    >>> tree = xyep.train(net, xyep.load_task("xor"), epochs=3, store=path)
    >>> bool((read_tree(path)["cost"] == tree["cost"]).all())
    True
    """
    check_choice("damaged", damaged, ("raise", "skip"))
    store = local_path(store)
    nodes, problems = _examine(store)
    if problems and damaged == "raise":
        node, problem = next(iter(problems.items()))
        more = f", and {len(problems) - 1} more nodes" * (len(problems) > 1)
        raise StoreError(
            f"store: {store} is damaged: node {node}: {problem}{more}; delete the store and "
            'compute it again, or take a copy of it; read_tree(…, damaged="skip") reads the rest'
        )
    return xr.DataTree.from_dict(dict(sorted(nodes.items())))


def check_tree(store: str | os.PathLike[str]) -> dict[str, str]:
    """Path of each damaged or missing node of a store → what is wrong with it; {} if nothing."""
    return _examine(local_path(store))[1]


def read_attrs(store: str | os.PathLike[str]) -> dict[str, Any]:
    """Attributes of a store's root, without reading its data; {} if there are none."""
    try:
        return _restored(_json(settled(local_path(store)) / "zarr.json")["attributes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def _examine(store: Path) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    """The nodes of a store that are whole, and the problems of the others."""
    for _ in range(10):
        path = settled(store)
        before = _identity(path)
        if before is None:
            time.sleep(0.02)  # the moment between two renames of one who writes
            continue
        found = _read(path, store)
        if _identity(path) == before:
            return found
    if before is None:
        raise StoreError(f"store: {store} is not a Zarr store; run what writes it")
    raise StoreError(f"store: {store} is written all the time; wait until that ends")


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
        return (
            (found.st_dev, found.st_ino, found.st_mtime_ns)
            if (path / "zarr.json").is_file()
            else None
        )
    except OSError:
        return None


def _read(path: Path, store: Path) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    problems: dict[str, str] = {}
    loaded: dict[str, xr.Dataset] = {}
    _check_metadata(path, problems)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that Zarr does not know, as .DS_Store
        for node, ds in _opened(path, problems):
            try:
                loaded[node] = _loaded(ds)
            except Exception as error:  # zarr, numcodecs and xarray each raise their own
                problems.setdefault(node, _brief(error))
    if not problems and not any(_SHA256 in ds.attrs for ds in loaded.values()):
        warnings.warn(
            f"{store} has no digests: it was not written by this version of xyep, and damage to it "
            "cannot be seen",
            stacklevel=4,
        )
        return loaded, {}
    for node, ds in loaded.items():
        try:
            if ds.attrs.get(_SHA256) != _digest(ds):
                problems.setdefault(node, "its digest is not that of what was written")
        except TypeError as error:
            problems.setdefault(node, _brief(error))
    listed = _listed(path)
    for node in set(listed) - set(loaded):
        problems.setdefault(node, "it is missing")
    if "/" in loaded and "/" not in problems and _NODES in loaded["/"].attrs:
        for node, ds in loaded.items():
            if node not in ("/", *listed):
                problems.setdefault(node, "it does not belong to this store")
            elif node != "/" and listed[node] != ds.attrs[_SHA256]:
                problems.setdefault(node, "it is another one")
    whole = {node: ds for node, ds in loaded.items() if node not in problems}
    for ds in whole.values():
        ds.attrs = _restored(ds.attrs)
    return whole, dict(sorted(problems.items()))


def _listed(path: Path) -> dict[str, Any]:
    """Digests of all nodes below the root, as its attributes have them."""
    try:
        return dict(json.loads(_json(path / "zarr.json")["attributes"][_NODES]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _check_metadata(path: Path, problems: dict[str, str]) -> None:
    """The consolidated metadata, which are read first, must be those of each group and array."""
    try:
        root = _json(path / "zarr.json")
        known: Any = root.get("consolidated_metadata")
        if known is None and _SHA256 not in root["attributes"]:
            return
        listed = known["metadata"].items()
    except Exception as error:
        problems["/"] = _brief(error)
        return
    for name, entry in listed:
        try:
            node = "/" + (name if entry["node_type"] == "group" else name.rpartition("/")[0])
            found = _json(path / name / "zarr.json")
            if found["node_type"] == "group":
                found, entry = ({**one, "consolidated_metadata": None} for one in (found, entry))
            if found != entry:
                problems.setdefault(node, f"the metadata of {name} differ")
        except Exception as error:
            problems.setdefault("/" + name.rpartition("/")[0], _brief(error))


def _opened(path: Path, problems: dict[str, str]) -> list[tuple[str, xr.Dataset]]:
    """Path and Dataset, not loaded yet, of every node that can be opened."""
    if not problems:
        try:
            tree = xr.open_datatree(path, engine="zarr")
            return [(node.path, node.to_dataset(inherit=False)) for node in tree.subtree]
        except Exception as error:
            problems["/"] = _brief(error)
    found = []
    for file in sorted(path.rglob("zarr.json")):
        node = "/" + file.parent.relative_to(path).as_posix().strip(".")
        try:
            if _json(file)["node_type"] == "group":
                ds = xr.open_dataset(path, engine="zarr", group=node, consolidated=False)
                found.append((node, ds))
        except Exception as error:
            if not (file.parent / "c").exists():  # of an array: its node tells
                problems.setdefault(node, _brief(error))
    return found


def _loaded(ds: xr.Dataset) -> xr.Dataset:
    """In memory, variables in the order of their names, text of a plain data type."""
    ds = ds.load().drop_encoding()
    data, coords = (
        {n: ds[n].variable for n in sorted(g, key=str)} for g in (ds.data_vars, ds.coords)
    )
    for group in (data, coords):
        for name, variable in group.items():
            group[name] = _text(variable)
    return xr.Dataset(data, coords, ds.attrs)


def check_same(store: Path | str, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> None:
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
