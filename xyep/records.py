"""Results as labelled xarray data: what a run recorded, with names, units and attributes.

One run is a Dataset over (epoch), (snapshot, …) and attributes that say how it was made.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from .checks import check_integer
from .digest import digest
from .network import Network, Parameters
from .provenance import provenance
from .run import FINAL, HISTORY, Run
from .settings import Training
from .tasks import Task

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
    "stopped": ("whether a callback stopped the run", "1"),
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
    for name, variable in list(ds.variables.items()):
        plain = plain_text(variable)
        if plain is not variable:
            ds[name] = plain
        for key, text in zip(("long_name", "units"), UNITS.get(str(name), ())):
            ds.variables[name].attrs.setdefault(key, text)
    return ds


def plain_text(variable: xr.Variable) -> xr.Variable:
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
    if training.callback is not None:
        variables["stopped"] = ((), a["stopped"])
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
    if seed is not None:
        check_integer("seed", seed, 0)
    if "seed" not in tree.dims and seed is not None and seed != tree.attrs.get("seed", seed):
        raise ValueError(f"seed: found {seed}; this result is of seed {tree.attrs['seed']}")
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
