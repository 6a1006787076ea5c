"""Notebook 05: one stack trained as published, and what each change of the training brings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case
from ...ensembles import train_ensemble
from ...gradients import ep_gradient, implicit_gradient
from ...network import Network
from ...optimizers import Adam
from ...records import parameters_of
from ...settings import IMAGES, Training, make_training
from ...solvers import GaussSeidel
from ...tasks import Task

#: Validation images on which gradients are compared with exact ones, and the exact residual.
COMPARED = 50
_REST = GaussSeidel(tol=1e-3, dtype="float32", max_sweeps=1000)


def protocols(published_epochs: int, epochs: int) -> dict[str, Training]:
    """Trainings from the published one to `IMAGES`, each with a change more than the one before.

    As published: batches of 200, one random state, β = 0.1, the logarithmic cost, one-sided, Adam
    at 10⁻⁴, relaxed to equilibrium (here a residual of 10⁻³), with the cost followed or its
    tangent. Two changes are ours in the published ones too: the order of images, and float32.
    """
    fixed = {"responses": (), "probe_samples": 1, "final_states": 1, "record_every": 5}
    published = make_training(
        epochs=published_epochs,
        snapshots=(published_epochs,),
        batch_size=200,
        initial_states=1,
        beta=0.1,
        cost="log_cosine",
        estimator="one_sided",
        optimizer=Adam(1e-4),
        solver=_REST,
        nudged_solver=_REST,
        **fixed,
    )
    found = {"published": published, "tangent": make_training(published, nudging="tangent")}
    changes: dict[str, dict[str, Any]] = {
        "rate": {
            "epochs": epochs,
            "snapshots": (epochs,),
            "record_every": 1,
            "batch_size": IMAGES["batch_size"],
            **{k: IMAGES[k] for k in ("optimizer", "schedule", "coupling_decay")},
        },
        "both_sides": {"estimator": "centered"},
        "entropy": {"cost": IMAGES["cost"], "beta": IMAGES["beta"]},
        "aligned": {"start": "aligned"},
        "short": {k: IMAGES[k] for k in ("solver", "nudged_solver")},
    }
    now = published
    for name, change in changes.items():
        now = found[name] = make_training(now, **change)
    return found


def trained_by(
    net: Network,
    task: Task,
    trainings: Mapping[str, Training],
    seeds: int,
    **keywords: Any,
) -> xr.Dataset:
    """One network, trained by each of `trainings` (a trait `protocol`), and its gradients.

    ``cosine`` is that of each run's own estimate, after its last epoch, with the exact gradient of
    its cost at equilibria from the same states, over the first validation images.
    """
    cases = {
        name: Case(net, task, training, tuple(range(seeds)), {"protocol": name})
        for name, training in trainings.items()
    }
    tree = train_ensemble(cases, title="protocols", **keywords)
    ds = tree.to_dataset(inherit=False)
    cosine = np.full((len(cases), seeds), np.nan)
    for k, name in enumerate(ds["network"].values.tolist()):
        for seed in range(seeds):
            trained = parameters_of(tree[name].to_dataset(inherit=False), seed=seed)
            cosine[k, seed] = cosine_to_exact(net, trained, task, trainings[name], seed)
    about = {"long_name": "cosine between the estimated and the exact gradient", "units": "1"}
    return ds.assign(cosine=(("network", "seed"), cosine, about))


def cosine_to_exact(net: Network, trained: Any, task: Task, training: Training, seed: int) -> float:
    """Cosine of the gradient that `training` takes, of `COMPARED` images, with the exact one."""
    part = task.validation
    inputs, targets = part.inputs[:COMPARED], part.targets[:COMPARED]
    solver, nudged = training.solvers
    start = "aligned" if training.start == "aligned" else None
    options: dict[str, Any] = {"seed": seed, "cost": training.cost, "initial": start}
    mine = ep_gradient(
        net,
        trained,
        inputs,
        targets,
        training.beta,
        training.estimator,
        nudging=training.nudging,
        method=solver,
        nudged_method=nudged,
        **options,
    ).couplings
    exact = implicit_gradient(net, trained, inputs, targets, **options).couplings
    return float(mine @ exact / np.sqrt((mine @ mine) * (exact @ exact)))
