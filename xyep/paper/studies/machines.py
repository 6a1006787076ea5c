"""Notebook 06: machines that are not what their network says, before, while and after training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ...checks import check_choice
from ...cost import LogCosine
from ...datasets import load_task
from ...ensembles import cores
from ...estimators import Holomorphic
from ...gradients import implicit_gradient
from ...holomorphic import _Branch as Branch
from ...lattices import layered, stacked_lattices
from ...machines import Machine
from ...network import Network, Parameters
from ...random import normal
from ...settings import Training
from ...tasks import Task
from ...workers import compute

#: When a machine becomes imperfect: after training; before it, so that it is trained as it is; or
#: after training, and is then trained further.
WHEN = ("at the end", "while training", "healed")
#: Seeds, less that of the run, of a copy of the machine and of further training; counter of the
#: drift between the two trainings.
_COPY, _FURTHER, _REST = 1 << 33, 1 << 32, 1 << 23
#: Counter of the errors of readings.
_READ = 1 << 24


@dataclass(frozen=True)
class Trial:
    """A machine and when it becomes imperfect; `level` is the size of the one imperfection.

    The machine's span, drift, detuning and temperature are in units of the rms coupling of the
    trained network, the drift over the whole first training.
    """

    machine: Machine
    kind: str
    level: float
    when: str


def trials(levels: Mapping[str, Sequence[float]], when: Sequence[str], **same: Any) -> Any:
    """Name → `Trial`: the ideal machine ("none"), and each imperfection at each level, by itself.

    same : fields of `Machine` that all of them share
    """
    cases = [("none", 0.0), *((kind, level) for kind, group in levels.items() for level in group)]
    found = {}
    for kind, level in cases:
        size: Any = int(level) if kind in ("bits", "read_bits") else level
        machine = Machine(**same) if kind == "none" else Machine(**same | {kind: size})
        for moment in when:
            found[f"{kind} {level:g} {moment}"] = Trial(machine, kind, float(level), moment)
    return found


class Job(NamedTuple):
    """What is trained and tested, how, and how much further a damaged machine is trained."""

    net: Network
    task: Task
    training: Training
    further: Training
    sweeps: int  # of a test
    states: int  # random initial states of each test sample

    def right(self, machine: Any, parameters: Parameters, seed: int) -> np.ndarray:
        """(initial state,) share of right answers to the test samples."""
        answers = machine.test(
            self.task.test,
            parameters,
            sweeps=self.sweeps,
            start=self.training.start,
            initial_states=self.states,
            seed=seed,
        )
        return answers.mean(axis=0)

    @property
    def updates(self) -> int:
        """Of the first training."""
        n = len(self.task.numbers("train"))
        return self.training.epochs * -(-n // (self.training.batch_size or n))


def halved(n_train: int, n_test: int) -> Task:
    """The first of MNIST's images in 14×14 pixels, each the mean of four; no validation samples."""
    task = load_task("mnist")
    x = task.inputs.reshape(-1, 14, 2, 14, 2)
    x = ((x[:, :, 0, :, 0] + x[:, :, 0, :, 1]) + (x[:, :, 1, :, 0] + x[:, :, 1, :, 1])) / 4
    chosen = np.concatenate([task.numbers("train")[:n_train], task.numbers("test")[:n_test]])
    parts = {"train": np.arange(n_train), "test": n_train + np.arange(n_test)}
    rest = task.targets[chosen], task.labels[chosen], parts
    return Task("mnist_14", x.reshape(len(x), -1)[chosen], *rest)


def small_images(
    name: str, n_train: int, n_test: int, hidden: int
) -> tuple[Task, Network, Network]:
    """Images of 14×14 pixels ("mnist"; see `halved`) or 8×8 ("digits"), and two networks for them.

    One is local, with windows of 5×5 or 3×3 and one channel, one layered, with `hidden` sites.
    """
    if check_choice("name", name, ("mnist", "digits")) == "mnist":
        task, local = halved(n_train, n_test), stacked_lattices((14, 14), 5)
    else:
        task, local = load_task("digits", validation=0.0), stacked_lattices((8, 8), 3)
    return task, local, layered([local.n_inputs, hidden, local.n_outputs])


def _ideal(job: Job, seed: int) -> np.ndarray:
    return Machine().built(job.net).train(job.task, job.training, seed=seed).flatten()


def trained_machines(
    jobs: Mapping[str, Job],
    seeds: int,
    first: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
) -> xr.Dataset:
    """Parameters of the ideal machine after training, (network, seed, parameter)."""
    (job,), numbers = jobs.values(), range(first, first + seeds)
    found: dict[int, np.ndarray] = {}
    calls = [(seed, job, seed) for seed in numbers]
    compute(_ideal, calls, found.__setitem__, workers or cores(), scheduler or "processes")
    theta = np.array([[found[seed] for seed in numbers]])
    coupling = theta[..., : job.net.n_parameters]
    # exactly rounded sums: the same number on every processor
    rms = [[np.sqrt(fsum(row**2) / len(row)) for row in coupling[0]]]
    return xr.Dataset(
        {
            "parameters": (
                ("network", "seed", "parameter"),
                theta,
                _about("couplings, then bias amplitudes, then bias phases (rad)"),
            ),
            "rms_coupling": (("network", "seed"), rms, _about("rms coupling after training")),
        },
        {"network": list(jobs), "seed": list(numbers)},
        {"training": json.dumps(job.training.describe())},
    )


def _outcome(job: Job, own: tuple[Trial, np.ndarray, float, int]) -> tuple[np.ndarray, float]:
    """Share of right answers of each initial state, and share of sites that do not lock."""
    trial, theta, rms, seed = own
    m = trial.machine
    machine = replace(
        m,
        span=m.span * rms,
        drift=m.drift * rms / np.sqrt(job.updates),
        detuning=m.detuning * rms,
        temperature=m.temperature * rms,
        seed=_COPY + seed,
    ).built(job.net)
    p = job.net.unflatten(theta)
    if trial.when == "while training":
        p = machine.train(job.task, job.training, seed=seed)
    else:
        machine.drift(job.updates, _REST)
        if trial.when == "healed":
            p = machine.train(job.task, job.further, p, _FURTHER + seed)
    right = job.right(machine, p, seed)
    unlocked = 0.0
    if m.detuning:
        x = job.task.test.inputs[:50]
        start = {"initial": "aligned"} if job.training.start == "aligned" else {}
        phases = machine.relax(p, x, sweeps=job.sweeps, seed=seed, **start)
        unlocked = float(machine.unlocked(p, phases)[:, job.net.n_inputs :].mean())
    return right, unlocked


def _about(long_name: str) -> dict[str, str]:
    return {"long_name": long_name, "units": "1"}


def imperfect_machines(
    machines: Mapping[str, Trial],
    job: Job,
    trained: xr.Dataset,
    workers: int | None = None,
    scheduler: str | None = None,
) -> xr.Dataset:
    """What machines answer that are not ideal, over (network, seed): one machine of each `Trial`.

    ``accuracy`` is the share of right answers, ``test_solved`` that of the initial states from
    which all are right, ``unlocked`` the share of free sites whose frequency no field holds.
    """
    numbers = trained["seed"].values.tolist()
    theta, rms = trained["parameters"].values[0], trained["rms_coupling"].values[0]
    calls = [
        ((name, k), job, (trial, theta[k], float(rms[k]), seed))
        for name, trial in machines.items()
        for k, seed in enumerate(numbers)
    ]
    found: dict[Any, tuple[np.ndarray, float]] = {}
    compute(_outcome, calls, found.__setitem__, workers or cores(), scheduler or "processes")
    values = np.empty((3, len(machines), len(numbers)))
    for n, name in enumerate(machines):
        for k in range(len(numbers)):
            right, unlocked = found[name, k]
            values[:, n, k] = right.mean(), (right == 1.0).mean(), unlocked
    dims = ("network", "seed")
    units = {
        "accuracy": "share of right answers",
        "test_solved": "share of initial states from which all is solved",
        "unlocked": "share of free sites that do not lock",
    }
    return xr.Dataset(
        {name: (dims, part, _about(text)) for (name, text), part in zip(units.items(), values)},
        {
            "network": list(machines),
            "seed": numbers,
            "kind": ("network", [t.kind for t in machines.values()], _about("imperfection")),
            "level": ("network", [t.level for t in machines.values()], _about("its size")),
            "when": ("network", [t.when for t in machines.values()], _about("time of damage")),
        },
        {
            "training": json.dumps(job.training.describe()),
            "further": json.dumps(job.further.describe()),
            "couplings": job.net.n_couplings,
        },
    )


def read_noise(
    networks: Mapping[str, Network],
    noises: Sequence[float],
    betas: Sequence[float],
    seeds: int,
    readings: int = 8,
) -> xr.Dataset:
    """Relative error of gradients whose equilibria are exact, and whose phases are read with noise.

    Each seed has one of XOR's patterns. Each estimator reads as often: the holomorphic one the
    state at each of its points, the centred one its two states ``readings / 2`` times each. Every
    free phase is read with an independent normal error of standard deviation `noises` (rad), real
    and imaginary part alike where it is complex. Over (network, estimator, noise, beta, seed).
    """
    task, names = load_task("xor"), ("centered", "holomorphic")
    shape = len(networks), len(names), len(noises), len(betas), seeds
    error = np.empty(shape)
    for (n, net), seed in product(enumerate(networks.values()), range(seeds)):
        p, pattern = net.init_parameters(seed), slice(seed % 4, seed % 4 + 1)
        targets = task.targets[pattern]
        exact = implicit_gradient(net, p, task.inputs[pattern], targets, seed=seed)
        goal = exact.parameters.flatten()
        for b, beta in enumerate(betas):
            for e, points in enumerate((2, readings)):
                states = _states(net, p, exact.phases, targets, beta, points)
                for s, noise in enumerate(noises):
                    counter = (s * len(betas) + b) * 2 + e
                    found = _read(net, states, noise, readings // points, seed, counter)
                    error[n, e, s, b, seed] = np.linalg.norm(found - goal) / np.linalg.norm(goal)
    return xr.Dataset(
        {
            "relative_error": (
                ("network", "estimator", "noise", "beta", "seed"),
                error,
                _about("relative error of the gradient"),
            )
        },
        {
            "network": list(networks),
            "estimator": list(names),
            "noise": ("noise", list(noises), {"long_name": "error of a reading", "units": "rad"}),
            "beta": list(betas),
            "seed": np.arange(seeds),
            "n_couplings": ("network", [net.n_couplings for net in networks.values()]),
        },
        {"readings": readings},
    )


State = tuple[Branch, np.ndarray, complex]


def _states(
    net: Network, p: Parameters, phases: np.ndarray, targets: np.ndarray, beta: float, points: int
) -> list[State]:
    """The equilibrium of each sample at each point: its branch, free phases, and weight."""
    found = []
    betas, weights = Holomorphic(points).points(beta)
    for state, target in zip(phases, targets):
        branch = Branch(net, p, state, target, LogCosine(), "tangent")
        free, before = branch.start, 0.0j
        for point, weight in zip(betas, weights):
            free, _, _ = branch.follow(free, before, point)
            before = point
            found.append((branch, free, weight / len(targets)))
    return found


def _read(
    net: Network, states: list[State], noise: float, repeats: int, seed: int, counter: int
) -> np.ndarray:
    """The gradient of states that are read `repeats` times each."""
    shape = len(states), repeats, 2, net.n_free
    errors = noise * normal(shape, seed, _READ, counter)
    total = np.zeros(net.n_parameters + 2 * net.n_sites)
    for (branch, free, weight), error in zip(states, errors):
        for real, imaginary in error:
            moved = free + real + (1j * imaginary if np.any(free.imag) else 0.0)
            total += (weight * branch.slopes(moved)).real / repeats
    return total
