"""Notebook 04: Iris on networks of growing size."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ...cases import Case
from ...datasets import load_task
from ...ensembles import train_ensemble
from ...lattices import all_to_all, iris_lattice, layered
from ...network import Network
from ...optimizers import Adam
from ...records import parameters_of
from ...relaxation import relax
from ...settings import Training, make_training
from ...solvers import GaussSeidel
from ...tasks import Task

INPUTS, OUTPUTS, FOLDS = 4, 3, 5

#: How Iris is trained, but for what `tune_iris` compares.
IRIS = {
    "initial_states": 1,
    "schedule": "cosine",
    "responses": (),
    "probe_samples": 1,
    "final_states": 20,
}

#: How equilibria are reached where their cost is measured, alike for all networks.
TO_EQUILIBRIUM = GaussSeidel(tol=1e-6, max_sweeps=5000)

#: Seeds of `tune_iris` start here: no run whose settings are chosen has the split of a tested run.
TUNING_SEED = 1000

KEPT = ["cost", "accuracy", "validation_accuracy", "residual", "test_accuracy", "seconds"]


class Group(NamedTuple):
    """One network for each seed, all trained alike; `traits` go before those of the networks."""

    nets: Sequence[Network]
    training: Training
    traits: Mapping[str, Any] = {}


def iris_fold(seed: int) -> Task:
    """Five seeds in turn test each flower once; the next five divide the flowers again."""
    return load_task("iris", fold=seed % FOLDS, folds=FOLDS, seed=seed // FOLDS)


def iris_networks(
    sizes: Sequence[int],
    shells: Sequence[int],
    all_to_all_sizes: Sequence[int],
    hidden: Sequence[int],
) -> dict[str, Network]:
    """Dense networks, and square lattices by placement of inputs and outputs, size and shells."""
    dense = [all_to_all(n, INPUTS, OUTPUTS) for n in all_to_all_sizes]
    dense += [layered([INPUTS, n, OUTPUTS]) for n in hidden]
    lattices = {
        f"{placement}_{size}_{s}": iris_lattice(size, s, placement)
        for placement, smallest in (("beside", 3), ("edges", 4))
        for size in sizes
        for s in shells
        if size >= smallest
    }
    return {net.name: net for net in dense} | lattices


def train_folds(
    groups: Mapping[str, Group], seeds: Sequence[int], title: str, **keywords: Any
) -> tuple[xr.Dataset, xr.DataTree]:
    """Networks trained on the fold of each seed: a Dataset over (network, seed), and all runs."""
    cases = {
        f"{name}_{seed}": Case(net, iris_fold(seed), group.training, (seed,), group.traits)
        for name, group in groups.items()
        for net, seed in zip(group.nets, seeds, strict=True)
    }
    tree = train_ensemble(cases, title=title, **keywords)
    runs = tree.to_dataset(inherit=False)
    parts = [
        runs.sel(network=[f"{name}_{seed}" for name in groups], seed=[seed]).assign_coords(
            network=list(groups)
        )
        for seed in seeds
    ]
    same = {"coords": "minimal", "compat": "override", "combine_attrs": "override"}
    return xr.concat(parts, "seed", data_vars="minimal", **same), tree


def tune_iris(
    networks: Mapping[str, Network],
    costs: Sequence[str],
    learning_rates: Sequence[float],
    epochs: int,
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """Validation accuracy with every cost and learning rate, which are coordinates.

    One entry of ``network`` for each network and setting; the test flowers are not looked at.
    """
    numbers, groups = range(TUNING_SEED, TUNING_SEED + seeds), {}
    for cost in costs:
        for rate in learning_rates:
            fixed = {"epochs": epochs, "record_every": epochs, "final_states": 0}
            training = make_training(**IRIS | fixed | {"cost": cost, "optimizer": Adam(rate)})
            traits = {"trained_cost": cost, "learning_rate": rate}
            groups |= {
                f"{name}_{cost}_{rate}": Group([net] * seeds, training, traits)
                for name, net in networks.items()
            }
    ds, _ = train_folds(groups, numbers, "tuning", **keywords)
    return ds[["validation_accuracy"]].isel(epoch=-1)


def best_settings(tuning: xr.Dataset) -> dict[str, Any]:
    """Cost and optimizer with the highest mean validation accuracy over networks and seeds."""
    settings = ["trained_cost", "learning_rate"]
    table = tuning["validation_accuracy"].mean("seed").to_dataframe()
    cost, rate = table.groupby(settings)["validation_accuracy"].mean().idxmax()
    return {"cost": cost, "optimizer": Adam(rate)}


def iris_ensembles(
    networks: Mapping[str, Network],
    settings: Mapping[str, Any],
    epochs: int,
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """All networks over seeds, each with its fold, as one Dataset over ``network``."""
    return _ensembles({n: [net] * seeds for n, net in networks.items()}, settings, epochs, keywords)


def iris_skips(
    size: int,
    shells: int,
    skips: Sequence[int],
    settings: Mapping[str, Any],
    epochs: int,
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """Lattices with inputs and outputs on opposite edges and random long couplings.

    `skips` are their numbers; each seed draws its own.
    """
    networks = {
        f"skips_{n}": [
            iris_lattice(size, shells, "edges", skips=n, skip_seed=seed) for seed in range(seeds)
        ]
        for n in skips
    }
    return _ensembles(networks, settings, epochs, keywords)


def _ensembles(networks, settings, epochs, keywords):
    """`networks` are lists, one network a seed."""
    training = make_training(
        epochs=epochs, record_every=max(1, epochs // 20), snapshots=(0, epochs), **IRIS | settings
    )
    groups = {name: Group(nets, training) for name, nets in networks.items()}
    seeds = range(max(map(len, networks.values())))
    ds, tree = train_folds(groups, seeds, "ensembles", **keywords)
    sweeps = np.array(
        [
            [_sweeps(net, tree[f"{name}_{seed}"], seed) for net, seed in zip(nets, seeds)]
            for name, nets in networks.items()
        ]
    )
    return ds[KEPT].assign(
        free_sweeps=(
            ("network", "seed", "when"),
            sweeps[..., 0].astype(np.float32),
            {"long_name": f"mean sweeps to a residual of {TO_EQUILIBRIUM.tol:g}", "units": "1"},
        ),
        free_unconverged=(
            ("network", "seed", "when"),
            sweeps[..., 1].astype(int),
            {"long_name": f"flowers not at rest after {TO_EQUILIBRIUM.max_sweeps} sweeps"},
        ),
        when=["before", "after"],
        fold=("seed", [seed % FOLDS for seed in seeds]),
    )


def _sweeps(net, run, seed):
    """(when, 2): mean sweeps from random states to equilibria of the test flowers; cut short."""
    inputs, found = iris_fold(seed).test.inputs, []
    for shot in (0, -1):
        parameters = parameters_of(run, shot, seed)
        eq = relax(net, parameters, inputs, seed=seed, method=TO_EQUILIBRIUM, warn=False)
        found.append((eq.iterations.mean(), eq.n_unconverged))
    return found


def iris_baselines(seeds: int) -> xr.Dataset:
    """Linear classifiers of scikit-learn on the same folds: test accuracy over (classifier, seed).

    They learn from the training flowers alone, as the networks do, and have no setting to choose.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression

    classifiers = {
        "linear discriminant analysis": LinearDiscriminantAnalysis,
        "logistic regression": LogisticRegression,
    }
    right = np.empty((len(classifiers), seeds))
    for seed in range(seeds):
        task = iris_fold(seed)
        train, test = task.numbers("train"), task.test
        for row, classifier in zip(right, classifiers.values()):
            fit = classifier().fit(task.inputs[train], task.labels[train])
            row[seed] = fit.score(test.inputs, test.labels)
    return xr.Dataset(
        {"test_accuracy": (("classifier", "seed"), right)},
        {"classifier": list(classifiers), "seed": np.arange(seeds)},
    )
