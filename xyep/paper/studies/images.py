"""Notebook 05: images on stacked lattices."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case, select
from ...cost import CrossEntropy
from ...ensembles import train_ensemble
from ...lattices import layered, stacked_lattices
from ...network import Network
from ...optimizers import Adam
from ...settings import IMAGES, make_training
from ...tasks import Task


def image_networks(
    shape: tuple[int, int],
    window: int,
    channels: Sequence[int],
    shared_channels: Sequence[int],
    intra_shells: Sequence[int],
    dense: Sequence[int],
) -> dict[str, Network]:
    """Stacks with free couplings, with shared ones, and with couplings within; dense layers.

    `dense` lists hidden layer sizes; two are always there: as many hidden sites as one channel has,
    and as many couplings.
    """
    networks = {f"local_{c}": stacked_lattices(shape, window, channels=c) for c in channels}
    networks |= {
        f"shared_{c}": stacked_lattices(shape, window, channels=c, shared=True)
        for c in shared_channels
    }
    networks |= {
        f"local_1_within_{s}": stacked_lattices(shape, window, intra_shells=s) for s in intra_shells
    }
    one = stacked_lattices(shape, window)
    inputs, outputs = one.n_inputs, one.n_outputs
    sizes = {one.n_free - outputs, round(one.n_couplings / (inputs + outputs)), *dense}
    return networks | {
        f"layered_{n}": _spread_out(layered([inputs, n, outputs]), one) for n in sorted(sizes)
    }


def _spread_out(dense: Network, stack: Network) -> Network:
    """The dense network, inputs and outputs where those of the stack lie, hidden sites between."""
    hidden = dense.n_free - dense.n_outputs
    inputs, outputs = stack.positions[: stack.n_inputs], stack.positions[-stack.n_outputs :]
    low, high = (edge(inputs[:, :2], axis=0) for edge in (np.min, np.max))
    side = int(np.ceil(np.sqrt(hidden)))
    cells = np.stack(np.indices((side, side))[::-1], -1).reshape(-1, 2)
    cell = cells[np.arange(hidden) * side**2 // hidden]
    middle = np.column_stack([low + (cell + 0.5) * (high - low) / side, np.ones(hidden)])
    net = Network(
        dense.edges,
        dense.inputs,
        dense.outputs,
        positions=np.concatenate([inputs, middle, outputs]),
        layer=dense.layer,
        name=dense.name,
        coupling_scale=dense.coupling_scale,
        bias_scale=dense.bias_scale,
    )
    return net.with_traits(**dense.traits)


def read_out(net: Network) -> dict[str, float]:
    """Shares of the couplings, and of their length, that end at an output."""
    to_output = np.isin(net.edges, net.outputs).any(axis=1)
    return {
        "readout_couplings": float(to_output.mean()),
        "readout_wire": float(net.lengths[to_output].sum() / net.lengths.sum()),
    }


def tune_images(
    networks: Mapping[str, Network],
    task: Task,
    grid: Mapping[str, Sequence[float]],
    epochs: int,
    *,
    batch_size: int = IMAGES["batch_size"],
    **keywords: Any,
) -> xr.Dataset:
    """Accuracy on validation images after `epochs` with every setting of a grid, one seed.

    `grid` maps "learning_rate", "cost_scale", "beta" or "coupling_decay" to the values tried. One
    entry of ``network`` for each network and point; the point, and the name of the network as
    ``tuned``, are coordinates.
    """
    fixed = {"batch_size": batch_size, "final_states": 0, "record_every": epochs}
    cases = {}
    for k, values in enumerate(product(*grid.values())):
        point = dict(zip(grid, values))
        training = make_training(**IMAGES | image_options(point) | fixed | {"epochs": epochs})
        for name, net in networks.items():
            traits = point | {"tuned": name}
            cases[f"{name}_{k}"] = Case(net, task, training, (0,), traits)
    tree = train_ensemble(cases, title="tuning", **keywords)
    ds = tree.to_dataset(inherit=False)[["validation_accuracy"]].isel(seed=0, epoch=-1)
    grid = {name: [float(value) for value in values] for name, values in grid.items()}
    return ds.assign_attrs(grid=grid, epochs=epochs, task=task.name, data_sha256=task.digest)


def image_options(point: Mapping[str, float]) -> dict[str, Any]:
    """Fields of `Training` from a point of the grid of `tune_images`."""
    fields: dict[str, Any] = dict(point)
    if "learning_rate" in fields:
        fields["optimizer"] = Adam(fields.pop("learning_rate"))
    if "cost_scale" in fields:
        fields["cost"] = CrossEntropy(fields.pop("cost_scale"))
    return fields


def chosen(tuning: xr.Dataset) -> dict[str, dict[str, float]]:
    """Of each network, the point of the grid with the highest accuracy on validation images."""
    found = {}
    for name in dict.fromkeys(tuning["tuned"].values.tolist()):
        tried = select(tuning, tuned=name)
        best = tried.isel(network=int(np.argmax(tried["validation_accuracy"].values)))
        found[name] = {dim: float(best[dim]) for dim in tuning.attrs["grid"]}
    return found


def image_ensembles(
    networks: Mapping[str, Network],
    task: Task,
    epochs: int,
    seeds: int,
    options: Mapping[str, Mapping[str, float]],
    mapped: Sequence[str] = (),
    snapshots: Sequence[int] = (),
    *,
    batch_size: int = IMAGES["batch_size"],
    **keywords: Any,
) -> xr.DataTree:
    """Networks trained with their `options` (see `chosen`), which become coordinates.

    Those named in `mapped` keep couplings and responses at `snapshots`, each in a node of its own.
    """
    cases = {}
    for name, net in networks.items():
        fixed = {"epochs": epochs, "batch_size": batch_size}
        fixed["snapshots"] = tuple(snapshots) if name in mapped else ()
        training = make_training(**IMAGES | image_options(options[name]) | fixed)
        traits = {"hidden": net.n_free - net.n_outputs} | read_out(net) | options[name]
        cases[name] = Case(net, task, training, tuple(range(seeds)), traits)
    return train_ensemble(cases, title="images", **keywords)


def digit_baselines(task: Task) -> xr.Dataset:
    """Test accuracy of classifiers of scikit-learn on the same images, moved copies included."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    classifiers = {"nearest neighbour": KNeighborsClassifier(1), "support vectors, RBF": SVC()}
    train, test = task.numbers("train"), task.test
    right = [
        c.fit(task.inputs[train], task.labels[train]).score(test.inputs, test.labels)
        for c in classifiers.values()
    ]
    return xr.Dataset({"test_accuracy": ("classifier", right)}, {"classifier": list(classifiers)})
