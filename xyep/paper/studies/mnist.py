"""Notebook 05: images on stacked lattices."""

import re
from itertools import product

import numpy as np
import xarray as xr

from ...cost import CrossEntropy
from ...ensembles import Case, train_ensemble
from ...lattices import layered, stacked_lattices
from ...network import Network
from ...optimizers import Adam
from ...relaxation import GaussSeidel
from ...training import make_training

#: How images are trained, but for what `tune_images` chooses for each network: few sweeps from an aligned start, as what is left of the
#: free relaxation mostly cancels between nudging with β and −β.
IMAGES = {
    "batch_size": 128,
    "initial_states": 1,
    "start": "aligned",
    "beta": 0.3,
    "cost": CrossEntropy(10.0),
    "optimizer": Adam(0.005),
    "schedule": "cosine",
    "coupling_decay": 0.2,
    "solver": GaussSeidel(tol=1e-6, dtype="float32", max_sweeps=10, over_relaxation=0.5),
    "nudged_solver": GaussSeidel(tol=1e-6, dtype="float32", max_sweeps=5, over_relaxation=0.5),
    "probe_samples": 20,
    "responses": ("nudge_response", "pattern_response"),
    "response_beta": 0.0,
    "final_states": 1,
}


def image_networks(shape, window, channels, shared_channels, intra_shells, dense):
    """Stacked lattices with free couplings by channels, with shared ones, and with couplings within the lattice; dense layers.

    `dense` lists hidden layer sizes; two are always there: as many hidden sites as one channel has, and as many couplings.
    """
    networks = {f"lcl_{c}": stacked_lattices(shape, window, channels=c) for c in channels}
    networks |= {
        f"conv_{c}": stacked_lattices(shape, window, channels=c, shared=True)
        for c in shared_channels
    }
    networks |= {
        f"lcl_1_shells{s}": stacked_lattices(shape, window, intra_shells=s) for s in intra_shells
    }
    one = stacked_lattices(shape, window)
    inputs, outputs = one.n_inputs, one.n_outputs
    sizes = {one.n_free - outputs, round(one.n_couplings / (inputs + outputs)), *dense}
    return networks | {
        f"layered_{n}": _spread_out(layered([inputs, n, outputs]), one) for n in sorted(sizes)
    }


def _spread_out(dense, stack):
    """The layered network with inputs and outputs where those of the stack lie, hidden sites spread evenly between them."""
    hidden = dense.n_free - dense.n_outputs
    low, high = (edge(stack.positions[: stack.n_inputs, :2], axis=0) for edge in (np.min, np.max))
    side = int(np.ceil(np.sqrt(hidden)))
    cell = np.stack(np.indices((side, side))[::-1], -1).reshape(-1, 2)[
        np.arange(hidden) * side**2 // hidden
    ]
    positions = np.concatenate(
        [
            stack.positions[: stack.n_inputs],
            np.column_stack([low + (cell + 0.5) * (high - low) / side, np.ones(hidden)]),
            stack.positions[-stack.n_outputs :],
        ]
    )
    scales = {"coupling_scale": dense.coupling_scale, "bias_scale": dense.bias_scale}
    return Network(
        dense.edges,
        dense.inputs,
        dense.outputs,
        positions=positions,
        layer=dense.layer,
        name=dense.name,
        **scales,
    )


def tuned_as(networks):
    """Of each of `image_networks` the one whose settings it takes: that of one channel, or the one of fewest channels, of its kind."""
    kind = {
        name: re.sub(r"_\d+$", "", name) if name.startswith(("lcl", "conv")) else name
        for name in networks
    }
    first = {}
    for name in networks:
        first.setdefault(kind[name], name)
    return {name: first[kind[name]] for name in networks}


def tune_images(networks, task, grid, epochs, *, batch_size=IMAGES["batch_size"], **keywords):
    """Accuracy on validation images after `epochs` with every combination of the options in `grid`, over (network, …), one seed.

    `grid` maps "learning_rate", "cost_scale", "beta" or "coupling_decay" to the values that are tried.
    """
    axes = [list(values) for values in grid.values()]
    cases = {}
    for name, net in networks.items():
        for k, values in enumerate(product(*axes)):
            fixed = {"batch_size": batch_size, "final_states": 0, "record_every": epochs}
            training = make_training(
                epochs=epochs, **IMAGES | image_options(dict(zip(grid, values))) | fixed
            )
            cases[f"{name}__{k}"] = Case(net, task, training, (0,))
    tree = train_ensemble(cases, title="tuning", **keywords)
    right = [
        [
            float(tree[f"{name}__{k}"]["validation_accuracy"][0, -1])
            for k in range(len(cases) // len(networks))
        ]
        for name in networks
    ]
    shape = (len(networks), *map(len, axes))
    attrs = {"epochs": epochs, "task": task.name, "data_sha256": task.digest}
    return xr.Dataset(
        {"validation_accuracy": (("network", *grid), np.reshape(right, shape))},
        {"network": list(networks), **grid},
        attrs,
    )


def image_options(options):
    """Fields of `Training` from a point of the grid of `tune_images`."""
    fields = dict(options)
    if "learning_rate" in fields:
        fields["optimizer"] = Adam(fields.pop("learning_rate"))
    if "cost_scale" in fields:
        fields["cost"] = CrossEntropy(fields.pop("cost_scale"))
    return fields


def chosen(tuning):
    """The point of the grid with the highest accuracy on validation images, for each network of a `tune_images` Dataset."""
    found = {}
    for name in tuning["network"].values:
        one = tuning["validation_accuracy"].sel(network=name)
        found[str(name)] = {dim: float(one[dim][k]) for dim, k in one.argmax(...).items()}
    return found


def image_ensembles(
    networks,
    task,
    epochs,
    seeds,
    options,
    mapped=(),
    snapshots=(),
    *,
    batch_size=IMAGES["batch_size"],
    **keywords,
):
    """One node a network, trained with its `options` (see `chosen`); those in `mapped` keep couplings and responses at `snapshots`."""
    cases = {}
    for name, net in networks.items():
        shots = tuple(snapshots) if name in mapped else ()
        training = make_training(
            epochs=epochs,
            **IMAGES
            | image_options(options[name])
            | {"snapshots": shots, "batch_size": batch_size},
        )
        attrs = {
            "n_parameters": net.n_parameters,
            "hidden_sites": net.n_free - net.n_outputs,
            "wire_length": float(net.lengths.sum()),
        }
        cases[name] = Case(net, task, training, tuple(range(seeds)), attrs | options[name])
    return {
        name: node.to_dataset()
        for name, node in train_ensemble(cases, title="images", **keywords).items()
    }
