"""Notebook 05: images on stacked lattices."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case
from ...cost import CrossEntropy
from ...ensembles import train_ensemble
from ...lattices import layered, stacked_lattices
from ...network import Network
from ...optimizers import Adam
from ...records import parameters_of
from ...run import evaluate
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


#: By which factor the settings of a network are changed while they are bracketed.
FACTORS = {"learning_rate": 2.0, "beta": 3.0, "coupling_decay": 4.0, "cost_scale": 2.0}


def bracketed(
    networks: Mapping[str, Network],
    task: Task,
    start: Mapping[str, float],
    epochs: int,
    seeds: int,
    *,
    batch_size: int = IMAGES["batch_size"],
    most: int = 3,
    **keywords: Any,
) -> xr.Dataset:
    """Settings of each network with the highest accuracy on validation images, each bracketed.

    One setting after the other, in the order of `start`, is multiplied and divided by its factor
    (`FACTORS`) until the best value has a worse one, or an equal one, on either side; at most
    `most` steps away from the start. The settings of a network stay where they are meanwhile.

    Returns all that was tried, an entry of ``network`` for each network and point, its name as
    ``tuned`` and the settings as coordinates; ``chosen`` marks the one chosen.
    """
    fixed = {"batch_size": batch_size, "final_states": 0, "record_every": epochs, "epochs": epochs}
    steps = {name: dict.fromkeys(start, 0) for name in networks}
    tried: dict[tuple[str, tuple[int, ...]], float] = {}
    parts = []

    def point(at: Mapping[str, int]) -> dict[str, float]:
        return {k: float(f"{start[k] * FACTORS[k] ** n:.3g}") for k, n in at.items()}

    def ask(wanted: Sequence[tuple[str, dict[str, int]]]) -> None:
        for name, at in wanted:
            shrink = IMAGES["optimizer"].learning_rate * IMAGES["coupling_decay"]
            for k in ("learning_rate", "coupling_decay"):
                if k in at:
                    shrink *= point(at)[k] / image_default(k)
            if shrink >= 0.5:  # an update would halve the couplings
                tried[name, tuple(at.values())] = -np.inf
        fresh = {
            (name, tuple(at.values())): (name, point(at))
            for name, at in wanted
            if (name, tuple(at.values())) not in tried
        }
        if not fresh:
            return
        cases = {
            "_".join([name, *(f"{x:g}" for x in settings.values())]): Case(
                networks[name],
                task,
                make_training(**IMAGES | image_options(settings) | fixed),
                tuple(range(100, 100 + seeds)),
                settings | {"tuned": name},
            )
            for name, settings in fresh.values()
        }
        ds = train_ensemble(cases, title="settings", **keywords).to_dataset(inherit=False)
        ds = ds[["validation_accuracy", "seconds"]].isel(epoch=-1, drop=True)
        parts.append(ds)
        mean = ds["validation_accuracy"].mean("seed").values.tolist()
        tried.update(zip(fresh, mean))

    for setting in start:
        moving = set(networks)
        while moving:
            near = {
                name: [steps[name] | {setting: steps[name][setting] + d} for d in (0, -1, 1)]
                for name in sorted(moving)
            }
            ask([(name, at) for name, found in near.items() for at in found])
            for name, found in near.items():
                right = [tried[name, tuple(at.values())] for at in found]
                best = int(np.nanargmax(right)) if np.isfinite(right).any() else 0
                if best == 0 or abs(found[best][setting]) > most:  # the first of equal ones counts
                    moving.discard(name)
                else:
                    steps[name] = found[best]
    ds = _joined(parts)
    best = {name: point(at) for name, at in steps.items()}
    marks = [
        all(float(ds[k][n]) == x for k, x in best[str(ds["tuned"].values[n])].items())
        for n in range(ds.sizes["network"])
    ]
    about = {"long_name": "whether these settings were chosen", "units": "1"}
    ds = ds.assign(chosen=("network", np.array(marks), about))
    return ds.assign_attrs(settings=list(start), epochs=epochs, task=task.name)


def _joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Datasets over ``network`` one after the other; a trait that one lacks is "" or NaN there."""
    traits = {k: v for ds in parts for k, v in ds.coords.items() if v.dims == ("network",)}
    filled = []
    for ds in parts:
        for name, values in traits.items():
            if name not in ds.coords:
                none = "" if values.dtype.kind in "OUT" else np.nan
                lacking = np.full(ds.sizes["network"], none)
                ds = ds.assign_coords({name: ("network", lacking, values.attrs)})
        filled.append(ds)
    return xr.concat(filled, "network", combine_attrs="override")


def image_default(setting: str) -> float:
    """Learning rate or decay of `IMAGES`."""
    optimizer: Adam = IMAGES["optimizer"]
    return optimizer.learning_rate if setting == "learning_rate" else IMAGES[setting]


def image_options(point: Mapping[str, float]) -> dict[str, Any]:
    """Fields of `Training` from a point of the grid of `tune_images`."""
    fields: dict[str, Any] = dict(point)
    if "learning_rate" in fields:
        fields["optimizer"] = Adam(fields.pop("learning_rate"))
    if "cost_scale" in fields:
        fields["cost"] = CrossEntropy(fields.pop("cost_scale"))
    return fields


def chosen(tuning: xr.Dataset) -> dict[str, dict[str, float]]:
    """Of each network, the settings that `bracketed` chose."""
    ds = tuning.isel(network=np.flatnonzero(tuning["chosen"].values))
    return {
        str(name): {k: float(ds[k][n]) for k in tuning.attrs["settings"]}
        for n, name in enumerate(ds["tuned"].values)
    }


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

    ``right`` tells of every test image whether it is answered right after the last epoch. Networks
    named in `mapped` keep couplings and responses at `snapshots`, each in a node of its own.
    """
    cases = {}
    for name, net in networks.items():
        fixed: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size}
        if name in mapped:
            fixed["snapshots"] = tuple(snapshots)
        else:
            fixed |= {"snapshots": (epochs,), "responses": (), "probe_samples": 1}
        training = make_training(**IMAGES | image_options(options[name]) | fixed)
        traits = {"hidden": net.n_free - net.n_outputs} | read_out(net) | options[name]
        cases[name] = Case(net, task, training, tuple(range(seeds)), traits)
    tree = train_ensemble(cases, title="images", **keywords)
    ds = tree.to_dataset(inherit=False)
    right = np.zeros((len(cases), seeds, len(task.test)), bool)
    for n, name in enumerate(ds["network"].values.tolist()):
        for seed in range(seeds):
            right[n, seed] = answers(cases[name], tree[name].to_dataset(inherit=False), seed)
    about = {"long_name": "whether a test image is answered right", "units": "1"}
    ds = ds.assign(right=(("network", "seed", "image"), right, about))
    nodes = {name: tree[name].to_dataset(inherit=False) for name in mapped}
    return xr.DataTree.from_dict({"/": ds} | nodes)


def answers(case: Case, snapshots: xr.Dataset, seed: int) -> np.ndarray:
    """(image,) whether the network as it was at the last snapshot answers each test image right."""
    trained, t = parameters_of(snapshots, seed=seed), case.training
    options: dict[str, Any] = {"start": t.start, "seed": seed, "solver": t.test_solver}
    return evaluate(case.net, trained, case.task.test, cost=t.cost, **options)["right"][:, 0]


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
