"""Notebook 04: small tables of features learned by networks of growing size."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...cases import Case
from ...ensembles import train_ensemble
from ...lattices import all_to_all, layered, square_lattice
from ...network import Network
from ...optimizers import Adam
from ...random import permutation
from ...settings import make_training
from ...tasks import Task, one_hot, scaled

#: Folds of a division of a table; one part in `ASIDE` of what is not tested is set aside.
FOLDS, ASIDE = 5, 6

#: How tables are learned, but for the learning rate. Tests start from 20 random initial states.
TABLES = {
    "initial_states": 1,
    "cost": "cross_entropy",
    "schedule": "cosine",
    "final_states": 20,
}


class Table(NamedTuple):
    """Features and classes of samples."""

    features: NDArray[np.float64]
    labels: NDArray[np.intp]


def iris() -> Table:
    """Fisher's flowers: 4 features, 3 species, 150 samples."""
    from sklearn.datasets import load_iris

    bundle = load_iris()
    return Table(bundle.data, bundle.target)


def coarse_digits() -> Table:
    """Digits 1, 8 and 9 of scikit-learn in 3×3 coarse pixels: 9 features, 3 classes, 536 samples.

    The 8×8 pixels are averaged over rows and columns 0–2, 3–4 and 5–7. No line separates these
    classes well, so that hidden sites have something to do.
    """
    from sklearn.datasets import load_digits

    bundle, classes = load_digits(), (1, 8, 9)
    keep = np.isin(bundle.target, classes)
    ends = ((0, 3), (3, 5), (5, 8))
    blocks = [bundle.images[keep, a:b, c:d].mean(axis=(1, 2)) for a, b in ends for c, d in ends]
    return Table(np.stack(blocks, axis=-1), np.searchsorted(classes, bundle.target[keep]))


KNOWN: Mapping[str, Callable[[], Table]] = {"iris": iris, "digits": coarse_digits}


def fold(table: str, run: int) -> Task:
    """The division of a table that a run learns, validates and is tested on.

    Five runs in turn test each sample once; the next five divide the samples again. A sixth of what
    is not tested is set aside for validation. Classes are divided alike, and features are scaled
    over the training part.
    """
    features, labels = KNOWN[table]()
    part = np.empty(len(labels), np.intp)
    aside = np.empty(len(labels), bool)
    for number in range(labels.max() + 1):
        members = np.flatnonzero(labels == number)
        members = members[permutation(len(members), run // FOLDS, number)]
        part[members] = np.arange(len(members)) % FOLDS
        aside[members] = (np.arange(len(members)) // FOLDS) % ASIDE == 0
    tested = part == run % FOLDS
    train, validation, test = map(np.flatnonzero, (~tested & ~aside, ~tested & aside, tested))
    splits = {"train": train, "validation": validation, "test": test}
    targets = one_hot(labels, int(labels.max()) + 1, np.float64)
    return Task(table, scaled(features, train), targets, labels, splits)


#: Where inputs lie in a block of the lattice, and outputs: (row, column) from its middle.
PLACES = {
    "iris": ([(-1, -1), (-1, 1), (1, -1), (1, 1)], [(0, -1), (0, 0), (0, 1)]),
    "digits": (
        [(r, c) for r in (-2, 0, 2) for c in (-2, 0, 2)],
        [(-1, 0), (0, 1), (1, -1)],
    ),
}


def block_lattice(table: str, size: int, shells: int) -> Network:
    """Square lattice with inputs and outputs close together in the middle, whatever its size."""
    middle = (size - 1) // 2
    inputs, outputs = ([(middle + r, middle + c) for r, c in part] for part in PLACES[table])
    return square_lattice((size, size), inputs, outputs, shells=shells)


def rows_lattice(size: int, shells: int, distance: int) -> Network:
    """Square lattice for Iris: four inputs in a row, and three outputs `distance` rows below.

    Inputs and outputs are two columns apart, between each other's columns, and the rows lie around
    the middle. All are away from the border from size 9 and a distance of 6 on, so that larger
    lattices add surroundings alone.
    """
    middle, first = size // 2, (size - 1 - distance) // 2
    inputs = [(first, middle + column) for column in (-3, -1, 1, 3)]
    outputs = [(first + distance, middle + column) for column in (-2, 0, 2)]
    net = square_lattice((size, size), inputs, outputs, shells=shells)
    return net.with_traits(distance=distance)


def acting(net: Network) -> int:
    """Couplings that can change an answer: not those between two inputs."""
    return int((net.edges.max(axis=1) >= net.n_inputs).sum())


def table_networks(
    table: str,
    all_to_all_sites: Sequence[int],
    hidden: Sequence[int],
    near: Sequence[int],
    far: Sequence[int],
) -> dict[str, Network]:
    """Dense networks, and lattices by size: nearest neighbours (`near`) and 4 shells (`far`)."""
    inputs, outputs = (len(part) for part in PLACES[table])
    networks = [all_to_all(n, inputs, outputs) for n in all_to_all_sites]
    networks += [layered([inputs, n, outputs]) for n in hidden]
    networks += [block_lattice(table, n, shells=1) for n in near]
    networks += [block_lattice(table, n, shells=4) for n in far]
    return {net.name: net for net in networks}


KEPT = ("validation_accuracy", "validation_cost", "test_accuracy")

WORDS = {
    "validation_accuracy": "share of right answers on validation samples",
    "validation_cost": "mean cost on validation samples",
    "test_accuracy": "share of right answers on test samples",
}


def nested(
    table: str,
    networks: Mapping[str, Network],
    learning_rates: Sequence[float],
    epochs: int,
    runs: int,
    first: int = 0,
    **keywords: Any,
) -> xr.Dataset:
    """Every network trained at every learning rate on all divisions of a table.

    Returns a Dataset over (network, learning_rate, run). Which learning rate counts for a
    run is to be chosen on its validation samples alone. Runs are numbered from `first`.
    """
    cases, numbers = {}, np.arange(first, first + runs)
    for name, net in networks.items():
        for rate in learning_rates:
            training = make_training(
                epochs=epochs, record_every=epochs, optimizer=Adam(rate), **TABLES
            )
            for run in numbers.tolist():
                cases[f"{name}_{rate}_{run}"] = Case(net, fold(table, run), training, (run,))
    ds = train_ensemble(cases, title=table, **keywords).to_dataset().isel(epoch=-1)
    dims = ("network", "learning_rate", "run")
    shape = (len(networks), len(learning_rates), runs)
    seed = np.broadcast_to(np.arange(runs), shape).ravel()
    case = np.arange(len(cases))  # in the order of `dims`
    found = {
        name: (dims, ds[name].values[case, seed].reshape(shape).astype(np.float32), about(name))
        for name in KEPT
    }
    traits = _traits(networks)
    return xr.Dataset(
        found,
        {"network": list(networks), "learning_rate": list(learning_rates), "run": numbers} | traits,
        {"table": table, "training": json.dumps(training.describe())},
    )


def about(name: str) -> dict[str, str]:
    return {"long_name": WORDS[name], "units": "1"}


def _traits(networks: Mapping[str, Network]) -> dict[str, Any]:
    """Coordinates over ``network``; `n_couplings` are those that can change an answer."""
    rows = [
        dict(net.traits) | {"n_sites": net.n_sites, "n_couplings": acting(net)}
        for net in networks.values()
    ]
    found = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        text = any(isinstance(value, str) for value in values)
        empty = "" if text else np.nan
        column = [empty if v is None else str(v) if text else v for v in values]
        found[name] = ("network", np.array(column))
    return found


def size_and_distance(
    sizes: Sequence[int],
    distances: Sequence[int],
    shells: Sequence[int],
    learning_rates: Sequence[float],
    epochs: int,
    runs: int,
    first: int = 0,
    **keywords: Any,
) -> xr.Dataset:
    """Iris, as `nested`, on lattices of every size and distance between inputs and outputs."""
    networks = {
        f"rows_{size}_{distance}_{s}": rows_lattice(size, s, distance)
        for s in shells
        for distance in distances
        for size in sizes
    }
    return nested("iris", networks, learning_rates, epochs, runs, first, **keywords)


def baselines(table: str, hidden: int, runs: int, first: int = 0) -> xr.Dataset:
    """Classifiers of scikit-learn on the divisions of `nested`, each with five settings.

    Linear discriminant analysis by shrinkage of its covariances, logistic regression by the inverse
    strength C of its penalty, and a ReLU network of one hidden layer by its learning rate (Adam).
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    def relu(rate: float, seed: int) -> Any:
        layers, rates = (hidden,), {"learning_rate_init": rate, "max_iter": 200}
        return MLPClassifier(layers, batch_size=64, random_state=seed, **rates)

    makers: dict[str, tuple[Sequence[float], Callable[[float, int], Any]]] = {
        "linear discriminant": (
            (0.0, 0.01, 0.1, 0.3, 0.9),
            lambda x, _: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=x),
        ),
        "logistic regression": (
            (0.01, 0.1, 1.0, 10.0, 100.0),
            lambda x, _: LogisticRegression(C=x, max_iter=5000),
        ),
        f"ReLU network, {hidden} hidden": ((0.001, 0.003, 0.01, 0.03, 0.1), relu),
    }
    dims, shape = ("classifier", "setting", "run"), (len(makers), 5, runs)
    validation, cost, tested = np.empty((3, *shape), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a given number of epochs
        for run in range(runs):
            task = fold(table, first + run)
            parts = [task.part(name) for name in ("train", "validation", "test")]
            for c, (settings, make) in enumerate(makers.values()):
                for s, setting in enumerate(settings):
                    fit = make(setting, first + run).fit(parts[0].inputs, parts[0].labels)
                    at, (_, aside, test) = (c, s, run), parts
                    validation[at] = fit.score(aside.inputs, aside.labels)
                    chance = fit.predict_proba(aside.inputs)
                    cost[at] = -np.log(chance[np.arange(len(aside)), aside.labels] + 1e-12).mean()
                    tested[at] = fit.score(test.inputs, test.labels)
    return xr.Dataset(
        {
            "validation_accuracy": (dims, validation, about("validation_accuracy")),
            "validation_cost": (dims, cost, about("validation_cost")),
            "test_accuracy": (dims, tested, about("test_accuracy")),
            "setting_value": (
                dims[:2],
                np.array([settings for settings, _ in makers.values()]),
                {"long_name": "shrinkage, C or learning rate", "units": "1"},
            ),
        },
        {"classifier": list(makers), "setting": np.arange(5)}
        | {"run": np.arange(first, first + runs)},
        {"table": table},
    )
