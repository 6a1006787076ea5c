"""Notebook 05: what is due to the network, to its training, and to its feedback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ...cases import Case
from ...energy import force
from ...ensembles import train_ensemble
from ...network import Network, Parameters
from ...optimizers import Adam
from ...records import parameters_of
from ...relaxation import relax
from ...run import CHUNK, evaluate
from ...settings import IMAGES, Training, make_training
from ...solvers import GaussSeidel
from ...tasks import Task
from .images import image_options, read_out
from .protocols import trained_by

#: Nudging so weak, and relaxation so precise, that the estimate is the exact gradient.
EXACT_BETA, EXACT = 3e-4, GaussSeidel(tol=1e-9, max_sweeps=2000)
#: A test at rest, as precise as float32 allows.
REST = GaussSeidel(tol=1e-4, dtype="float32", max_sweeps=1000)
#: How a trained network is read: without the outputs' feedback, after a number of sweeps, at rest.
FORWARD, AT_REST = "forward", "rest"

_LEAST: dict[str, Any] = {"responses": (), "probe_samples": 1}


# ------------------------------------------------------------------------------- frozen windows


@dataclass(frozen=True)
class ReadoutOnly(Adam):
    """Adam for the couplings to the outputs, and their biases; all else stays as it is.

    couplings : coupling parameters, of which those from number `first` on end at an output
    sites, outputs : of the network
    """

    first: int = 0
    couplings: int = 1
    sites: int = 2
    outputs: int = 1

    @classmethod
    def of(cls, net: Network, learning_rate: float) -> "ReadoutOnly":
        to_output = np.isin(net.edges, net.outputs).any(axis=1)
        first = int(net.parameter[to_output].min())
        if net.parameter[~to_output].max() >= first:
            raise ValueError("net: parameters of the read-out must come last; a stack is needed")
        sizes = {"couplings": net.n_parameters, "sites": net.n_sites, "outputs": net.n_outputs}
        return cls(learning_rate, first=first, **sizes)

    def update(
        self, theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, step: int, rate: float
    ) -> np.ndarray:
        """As `Adam.update`, but for what is frozen."""
        found = super().update(theta, gradient, state, step, rate)
        learned = np.zeros(len(theta), bool)
        learned[self.first : self.couplings] = True
        for end in (self.couplings + self.sites, self.couplings + 2 * self.sites):
            learned[end - self.outputs : end] = True
        return np.where(learned, found, theta)


def frozen_windows(
    stack: Network,
    tasks: Mapping[str, Task],
    epochs: Mapping[str, int],
    seeds: int,
    options: Mapping[str, Mapping[str, float]],
    **keywords: Any,
) -> xr.Dataset:
    """A stack trained by equilibrium propagation, and the same with only its read-out trained.

    Each on every one of `tasks`, with the epochs and the options of that name (see
    `image_ensembles`); ``control`` and ``images`` are traits. What is frozen has no decay, which
    would shrink its windows.
    """
    cases = {}
    for images, task in tasks.items():
        own = image_options(options[images]) | {"epochs": epochs[images], **_LEAST}
        trained = make_training(**IMAGES | own, record_every=epochs[images])
        rule = ReadoutOnly.of(stack, trained.optimizer.learning_rate)
        frozen = make_training(trained, optimizer=rule, coupling_decay=0.0)
        for control, training in (("xy_local", trained), ("xy_frozen", frozen)):
            traits = {"control": control, "images": images}
            case = Case(stack, task, training, tuple(range(seeds)), traits)
            cases[f"{control}_{images}"] = case
    return train_ensemble(cases, title="frozen windows", **keywords).to_dataset(inherit=False)


# ------------------------------------------------------------------------------- exact gradients


def first_images(task: Task, number: int) -> Task:
    """The task with only the first images of its training part."""
    splits = task.splits | {"train": task.numbers("train")[:number]}
    return replace(task, splits=splits)


def gradient_trainings(epochs: int) -> dict[str, Training]:
    """As usual; at rest; and by the exact gradient: weak nudging, constant in each phase, at rest.

    >>> [(t.beta, t.nudging, t.solver.tol) for t in gradient_trainings(2).values()]
    [(0.3, 'cost', None), (0.3, 'cost', 0.0001), (0.0003, 'tangent', 1e-09)]
    """
    short = make_training(
        **IMAGES | _LEAST | {"epochs": epochs, "record_every": epochs, "snapshots": (epochs,)}
    )
    rest = make_training(short, solver=REST, nudged_solver=REST)
    exact = make_training(
        short, solver=EXACT, nudged_solver=EXACT, beta=EXACT_BETA, nudging="tangent"
    )
    return {"short": short, "rest": rest, "exact": exact}


def exact_training(
    stack: Network, task: Task, images: int, epochs: int, seeds: int, **keywords: Any
) -> xr.Dataset:
    """`gradient_trainings` of one stack on the first `images`, with `cosine` to exact gradients."""
    part = first_images(task, images)
    ds = trained_by(stack, part, gradient_trainings(epochs), seeds, **keywords)
    return ds.assign_attrs(images=images, epochs=epochs)


# ------------------------------------------------------------------------------- feedback


def forward_answers(net: Network, p: Parameters, inputs: np.ndarray) -> np.ndarray:
    """(sample, output) phases along the field of hidden sites that rest without the outputs."""
    to_output = np.isin(net.edges, net.outputs).any(axis=1)
    cut = np.array(p.couplings)
    cut[net.parameter[to_output]] = 0.0
    keywords: dict[str, Any] = {"initial": "aligned", "method": REST, "warn": False}
    states = relax(net, p._replace(couplings=cut), inputs, **keywords).phases
    quarter, zero = states.copy(), states.copy()
    quarter[:, net.outputs], zero[:, net.outputs] = -np.pi / 2, 0.0
    real, imaginary = (force(net, p, phases)[:, net.outputs] for phases in (quarter, zero))
    return np.arctan2(imaginary, real)


def read_at(net: Network, p: Parameters, task: Task, reading: str) -> float:
    """Share of right answers, read "forward", at "rest", or after a number of sweeps."""
    if reading == FORWARD:
        parts = range(0, len(task), CHUNK)
        outputs = [forward_answers(net, p, task.inputs[k : k + CHUNK]) for k in parts]
        return float((task.classify(np.concatenate(outputs)) == task.labels).mean())
    short: GaussSeidel = IMAGES["solver"]
    solver = REST if reading == AT_REST else replace(short, sweeps=int(reading))
    return float(evaluate(net, p, task, start="aligned", solver=solver)["accuracy"])


def readings(
    networks: Mapping[str, Network],
    task: Task,
    epochs: int,
    seeds: int,
    sweeps: Sequence[int],
    **keywords: Any,
) -> xr.Dataset:
    """Networks trained as `IMAGES`, and their accuracy on test images over ``reading``."""
    training = make_training(
        **IMAGES | _LEAST | {"epochs": epochs, "record_every": epochs, "snapshots": (epochs,)}
    )
    cases = {name: Case(net, task, training, tuple(range(seeds))) for name, net in networks.items()}
    tree = train_ensemble(cases, title="readings", **keywords)
    test, how = task.test, [FORWARD, *map(str, sweeps), AT_REST]
    right = np.full((len(networks), seeds, len(how)), np.nan)
    for k, (name, net) in enumerate(networks.items()):
        for seed in range(seeds):
            p = parameters_of(tree[name].to_dataset(inherit=False), seed=seed)
            right[k, seed] = [read_at(net, p, test, reading) for reading in how]
    about = {"long_name": "share of right answers on test samples", "units": "1"}
    ds = tree.to_dataset(inherit=False)
    return ds.assign(read_accuracy=(("network", "seed", "reading"), right, about)).assign_coords(
        reading=("reading", how, {"long_name": "when outputs are read, in sweeps", "units": "1"})
    )


# ------------------------------------------------------------------------------- wire


def wiring(networks: Mapping[str, Network]) -> dict[str, dict[str, float]]:
    """Of each network: couplings, the longest, their total length, and the read-out's shares.

    Lengths are in input spacings.

    >>> import xyep
    >>> local = xyep.stacked_lattices((8, 8), 4, readout=2)
    >>> wiring({"local": local})["local"]["couplings"]
    466
    """
    return {
        name: {
            "couplings": net.n_couplings,
            "longest coupling": round(float(net.lengths.max()), 1),
            "wire": round(float(net.lengths.sum())),
            "couplings of the read-out": round(read_out(net)["readout_couplings"], 3),
            "wire of the read-out": round(read_out(net)["readout_wire"], 3),
        }
        for name, net in networks.items()
    }
