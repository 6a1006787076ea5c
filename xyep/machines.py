"""Machines that are not ideal: what a network becomes when it is built.

A `Machine` says by how much; `Machine.built` draws what is fixed in one copy of it; a `Built`
machine relaxes, tells its phases as they are read, learns from them, and is tested.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import random
from .checks import (
    check_array,
    check_choice,
    check_instance,
    check_integer,
    check_number,
    check_phases,
)
from .cost import as_cost, check_targets
from .kernels.elementary import arctangent, cosine, sine
from .kernels.fast import Sums
from .kernels.machine import Rule, Wiring, contrast_of, relax_samples
from .kernels.updates import gradient_of
from .kernels.vectors import Lanes
from .network import Network, Parameters
from .optimizers import schedule
from .relaxation import ALIGNED, check_inputs, check_outputs, tangents
from .run import check_task
from .settings import Training
from .solvers import GaussSeidel
from .tasks import Task

__all__ = ["Built", "Machine"]

Floats = NDArray[np.float64]

#: Streams of random numbers of what is fixed in a machine, of its drift, and of a training.
_MISMATCH, _ASYMMETRY, _CUT, _DEAD, _STUCK, _DETUNING = range(6)
_DRIFT, _ORDER, _START, _HEAT, _TEST = range(1 << 21, (1 << 21) + 5)
#: Samples that are relaxed side by side.
LANES = 16
#: Samples that are relaxed at a time, to bound memory.
CHUNK = 512


@dataclass(frozen=True)
class Machine:
    """By how much a machine differs from its network; the default is the network itself.

    bits : couplings and bias amplitudes take 2^bits equally spaced values from −span to span, or
        the one of these that is nearest; None: any value
    span : largest coupling that can be set, in couplings
    read_bits : a phase is read as the nearest of 2^read_bits equally spaced ones; None: as it is
    mismatch : rms relative error of each coupling, fixed
    asymmetry : half the rms relative difference between J_ij and J_ji, fixed
    drift : rms step by which each coupling wanders from one update to the next, in couplings
    cut : share of the couplings that are missing
    dead : share of the hidden sites that are stuck at a random phase
    detuning : rms torque ω of each free site, in couplings: sites whose frequencies differ
    temperature : T, in couplings; every visit to a site draws its phase from a heat bath
    reads : sweeps over which the unit vector of a site is averaged when it is read
    seed : of all that is fixed in one copy of the machine

    >>> Machine(bits=4, span=2.0).ideal, Machine().ideal
    (False, True)
    """

    bits: int | None = None
    span: float = 4.0
    read_bits: int | None = None
    mismatch: float = 0.0
    asymmetry: float = 0.0
    drift: float = 0.0
    cut: float = 0.0
    dead: float = 0.0
    detuning: float = 0.0
    temperature: float = 0.0
    reads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("bits", "read_bits"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 1, 32)
        check_number("span", self.span, 0.0, exclude=(0.0,))
        for name in ("mismatch", "asymmetry", "drift", "detuning", "temperature"):
            check_number(name, getattr(self, name), 0.0)
        for name in ("cut", "dead"):
            check_number(name, getattr(self, name), 0.0, 1.0)
        check_integer("reads", self.reads, 1)
        check_integer("seed", self.seed, 0, 2**63 - 1)

    @property
    def ideal(self) -> bool:
        """Whether it is the network itself."""
        return self == Machine(span=self.span, reads=self.reads, seed=self.seed)

    def built(self, net: Network) -> "Built":
        """One copy of the machine for a network."""
        return Built(net, self)


class _Sweeps(NamedTuple):
    free: int
    nudged: int
    over_relaxation: float


class Built:
    """A copy of a machine: what is fixed in it, and where its couplings have wandered.

    >>> import xyep
    >>> net, task = xyep.xor_lattice(5, shells=2), xyep.load_task("xor")
    >>> copy = Machine(mismatch=0.05).built(net)
    >>> copy.relax(net.init_parameters(seed=0), task.inputs, sweeps=50).shape
    (4, 25)
    """

    def __init__(self, net: Network, machine: Machine) -> None:
        self.net = check_instance("net", net, Network)
        self.machine = check_instance("machine", machine, Machine)
        m, edges, seed = machine, net.n_couplings, machine.seed
        self.scale = 1.0 + m.mismatch * random.normal(edges, seed, _MISMATCH)
        self.there = random.uniform(edges, seed, _CUT) >= m.cut
        skew = m.asymmetry * random.normal(edges, seed, _ASYMMETRY)
        hidden = net.n_free - net.n_outputs
        self.stuck = np.zeros(net.n_free, bool)
        self.stuck[:hidden] = random.uniform(hidden, seed, _DEAD) < m.dead
        self.stuck_at = random.phases(net.n_free, seed, _STUCK)
        self.torque = m.detuning * random.normal(net.n_free, seed, _DETUNING)
        self.wander = np.zeros(edges)
        # both directions of each coupling, sorted by the site that feels it
        feels = np.concatenate([net.edges[:, 0], net.edges[:, 1]]) - net.n_inputs
        other = np.concatenate([net.edges[:, 1], net.edges[:, 0]])
        order = np.lexsort((other, feels))
        order = order[feels[order] >= 0]
        self._first = np.searchsorted(feels[order], np.arange(net.n_free + 1))
        self._other, self._edge = other[order], np.tile(np.arange(edges), 2)[order]
        inputs = np.bincount(feels[order][self._other < net.n_inputs], minlength=net.n_free)
        self._middle = self._first[:-1] + inputs
        self._skew = 1.0 + np.concatenate([skew, -skew])[order]

    def drift(self, updates: int = 1, step: int = 0) -> None:
        """Let every coupling wander as far as it does within so many updates.

        step : counter of the random numbers; each call needs another
        """
        size = self.machine.drift * np.sqrt(check_integer("updates", updates, 0))
        self.wander += size * random.normal(len(self.wander), self.machine.seed, _DRIFT, step)

    def unlocked(self, parameters: Parameters, phases: ArrayLike) -> NDArray[np.bool_]:
        """(sample, site) whether a site's torque is more than its field |F_i| can hold.

        Such a site has no phase at rest. Here it stays where it turns slowest, π/2 from its field.

        phases : (sample, site) in radians
        """
        net, parameters = self.net, self.net.check_parameters(parameters)
        u = _vectors(check_phases("phases", phases, ("sample", net.n_sites)))
        couplings, amplitude = self.set(parameters)
        weights = couplings[self._edge] * self._skew
        field = amplitude[:, None] * _vectors(np.asarray(parameters.bias_phase, float))
        size = np.empty((len(u), net.n_free))
        for i in range(net.n_free):
            a = slice(self._first[i], self._first[i + 1])
            felt = (weights[a, None] * u[:, self._other[a]]).sum(axis=1) + field[net.n_inputs + i]
            size[:, i] = np.hypot(felt[:, 0], felt[:, 1])
        free = (np.abs(self.torque) > size) & ~self.stuck
        return np.pad(free, ((0, 0), (net.n_inputs, 0)))

    def set(self, parameters: Parameters) -> tuple[Floats, Floats]:
        """(coupling,) couplings and (site,) bias amplitudes as they come out, before the skew."""
        p, m = parameters, self.machine
        couplings, amplitude = np.asarray(p.couplings, float)[self.net.parameter], p.bias_amplitude
        if m.bits is not None:
            couplings, amplitude = _levels(couplings, m), _levels(amplitude, m)
        return (couplings * self.scale + self.wander) * self.there, np.asarray(amplitude, float)

    def relax(
        self,
        parameters: Parameters,
        inputs: ArrayLike,
        *,
        sweeps: int = 100,
        over_relaxation: float = 0.5,
        initial: ArrayLike | str | None = None,
        push: Floats | None = None,
        seed: int = 0,
        counter: int = 0,
    ) -> Floats:
        """(sample, site) phases in radians, as they are read, after `sweeps`.

        A visit to site i turns it to φ_i = arg F_i + arcsin(ω_i/|F_i|), over-relaxed by μ, or at a
        temperature draws it from the density ∝ exp(|F_i|/T cos(φ − φ_i)).

        Parameters
        ----------
        inputs : (sample, input) phases in radians
        over_relaxation : μ; sites in a heat bath take none
        initial : (sample, site) phases, "aligned", or None, random ones
        push : (sample, output, 2) further field of the outputs
        seed, counter : of the initial state and of the heat bath

        Raises
        ------
        ValueError, TypeError
            For numbers and arrays that are not of these kinds.
        """
        net, p = self.net, self.net.check_parameters(parameters)
        inputs = check_inputs(net, inputs)
        sweeps = check_integer("sweeps", sweeps, 1)
        mu = check_number("over_relaxation", over_relaxation, 0.0, 1.0)
        if isinstance(initial, str):
            check_choice("initial", initial, ("aligned",))
        elif initial is not None:
            initial = check_phases("initial", initial, (len(inputs), net.n_sites))
        if push is not None:
            push = check_array("push", push, (len(inputs), net.n_outputs, 2))
        u = self._state(inputs, initial, seed, counter)
        return self.read(self._relax(p, u, sweeps, mu, push, seed, counter))

    def read(self, u: Floats) -> Floats:
        """Phases of (sample, site, 2) vectors as they are read."""
        phases, bits = arctangent(u[..., 1], u[..., 0]), self.machine.read_bits
        if bits is None:
            return phases
        step = 2 * np.pi / 2**bits
        return step * np.rint(phases / step)

    def _state(
        self, inputs: Floats, initial: ArrayLike | str | None, seed: int, counter: int
    ) -> Floats:
        n, net = len(inputs), self.net
        u = np.empty((n, net.n_sites, 2))
        if isinstance(initial, str):
            u[:, net.n_inputs :] = (ALIGNED, 0.0)
        else:
            if initial is None:
                phases = random.phases((n, net.n_free), seed, _START, counter)
            else:
                phases = np.asarray(initial, float)[:, net.n_inputs :]
            u[:, net.n_inputs :] = _vectors(phases)
        u[:, : net.n_inputs] = _vectors(inputs)
        free = u[:, net.n_inputs :]
        free[:, self.stuck] = _vectors(self.stuck_at[self.stuck])
        return u

    def _relax(
        self,
        parameters: Parameters,
        u: Floats,
        sweeps: int,
        over_relaxation: float,
        push: Floats | None,
        seed: int,
        counter: int,
    ) -> Floats:
        """Averages of the unit vectors over the last sweeps; `u` is where it ends."""
        net, m = self.net, self.machine
        couplings, amplitude = self.set(parameters)
        bias = amplitude[:, None] * _vectors(np.asarray(parameters.bias_phase, float))
        wiring = Wiring(
            self._first,
            self._middle,
            self._other,
            couplings[self._edge] * self._skew,
            bias[net.n_inputs :],
            self.torque,
            self.stuck,
        )
        reads = min(m.reads, sweeps)
        rule = Rule(sweeps, reads, over_relaxation, m.temperature)
        push = np.zeros((len(u), net.n_outputs, 2)) if push is None else push
        words = random.uniform(len(u), seed, _HEAT, counter) * 2.0**53
        mean = np.empty_like(u)
        state, keys = np.empty((net.n_sites, 2, LANES)), words.astype(np.uint64)
        relax_samples(Lanes(LANES), state, wiring, rule, keys, push, u, mean)
        return mean

    def gradient(
        self,
        parameters: Parameters,
        inputs: ArrayLike,
        targets: ArrayLike,
        training: Training,
        *,
        seed: int = 0,
        counter: int = 0,
    ) -> Parameters:
        """The centred estimate with tangent nudging, from phases as they are read.

        dC/dJ ≈ −Σ (cos(φ_i − φ_j)|_β − cos(φ_i − φ_j)|_−β)/(2β), a mean over samples and states

        Of `training`, ``beta``, ``cost``, ``start`` and the sweeps of its solvers are used; the
        force of the cost on an output is that at its phase as it is read.
        """
        check_instance("training", training, Training)
        net, cost, beta = self.net, as_cost(training.cost), training.beta
        sweeps, parameters = _sweeps(training), net.check_parameters(parameters)
        inputs = check_inputs(net, inputs)
        targets = check_outputs(net, targets, len(inputs))
        start = "aligned" if training.start == "aligned" else None
        u = self._state(inputs, start, seed, 4 * counter)
        mu = sweeps.over_relaxation
        free = self._relax(parameters, u, sweeps.free, mu, None, seed, 4 * counter)
        outputs = self.read(free[:, net.n_sites - net.n_outputs :])
        push, states = beta * tangents(cost, outputs, targets), []
        for k, sign in enumerate((1.0, -1.0)):
            mean = self._relax(
                parameters, u.copy(), sweeps.nudged, mu, sign * push, seed, 4 * counter + 1 + k
            )
            states.append(_vectors(self.read(mean)))
        plus, minus = states
        edges = contrast_of(net.edges, plus, minus)
        coupling = np.bincount(net.parameter, edges, net.n_parameters)
        site = (plus - minus).sum(axis=0)[net.n_inputs :]
        direction = _vectors(np.asarray(parameters.bias_phase, float)).T
        factor = -1.0 / (2 * beta * len(inputs))
        amplitude = np.asarray(parameters.bias_amplitude, float)
        sums = Sums(coupling[None], site[None])
        return net.unflatten(gradient_of(sums, amplitude, direction, factor))

    def train(
        self,
        task: Task,
        training: Training,
        parameters: Parameters | None = None,
        seed: int = 0,
    ) -> Parameters:
        """Parameters after ``training.epochs``, from given ones or the network's own of that seed.

        Optimizer, schedule, batches, initial states and decay are those of `training`, the gradient
        is the machine's. Settings that only recording needs are not used.
        """
        check_task(self.net, check_instance("task", task, Task))
        check_instance("training", training, Training)
        check_targets(as_cost(training.cost), task.targets)
        net, t, train = self.net, training, task.numbers("train")
        p = net.init_parameters(seed) if parameters is None else net.check_parameters(parameters)
        theta, n = p.flatten(), len(train)
        size = min(t.batch_size or n, n)
        batches = -(-n // size)
        moments, rate_of = t.optimizer.init(theta), schedule(t.schedule)
        for epoch in range(t.epochs):
            order = random.permutation(n, seed, _ORDER, epoch) if batches > 1 else np.arange(n)
            for b in range(batches):
                step = epoch * batches + b
                rows = np.repeat(train[order[b * size : (b + 1) * size]], t.initial_states)
                if self.machine.drift:
                    self.drift(1, step)
                found = self.gradient(
                    net.unflatten(theta),
                    task.inputs[rows],
                    task.targets[rows],
                    t,
                    seed=seed,
                    counter=step,
                )
                rate = t.optimizer.learning_rate * rate_of(step / (t.epochs * batches))
                theta = t.optimizer.update(theta, found.flatten(), moments, step + 1, rate)
                theta[: net.n_parameters] *= 1 - rate * t.coupling_decay
        return net.unflatten(theta)

    def test(
        self,
        task: Task,
        parameters: Parameters,
        *,
        sweeps: int = 100,
        over_relaxation: float = 0.5,
        start: str = "random",
        initial_states: int = 1,
        seed: int = 0,
    ) -> NDArray[np.bool_]:
        """(sample, initial state) whether each answer, as it is read, is right.

        start : "random", or "aligned", which is one state; the other arguments as in `relax`
        """
        check_task(self.net, check_instance("task", task, Task))
        start = check_choice("start", start, ("random", "aligned"))
        n, m = len(task), check_integer("initial_states", initial_states, 1)
        right = np.empty((n, m), bool)
        for k in range(m):
            for first in range(0, n, CHUNK):
                part = slice(first, first + CHUNK)
                phases = self.relax(
                    parameters,
                    task.inputs[part],
                    sweeps=sweeps,
                    over_relaxation=over_relaxation,
                    initial="aligned" if start == "aligned" else None,
                    seed=seed,
                    counter=_TEST + k * n + first,
                )
                answers = task.classify(phases[:, self.net.n_sites - self.net.n_outputs :])
                right[part, k] = answers == task.labels[part]
        return right


def _levels(values: ArrayLike, machine: Machine) -> Floats:
    """The nearest of 2^bits equally spaced values from −span to span."""
    assert machine.bits is not None
    step = 2 * machine.span / (2**machine.bits - 1)
    inside = np.clip(np.asarray(values, float), -machine.span, machine.span)
    return step * np.rint((inside + machine.span) / step) - machine.span


def _vectors(phases: ArrayLike) -> Floats:
    return np.stack([cosine(phases), sine(phases)], axis=-1)


def _sweeps(training: Training) -> _Sweeps:
    """Sweeps of a training's phases, whose solvers must have a fixed number."""
    counts, mu = [], 0.5
    for name, solver in zip(("solver", "nudged_solver"), training.solvers):
        if not isinstance(solver, GaussSeidel) or solver.sweeps is None:
            raise ValueError(
                f"training.{name}: found {solver!r}; GaussSeidel(sweeps=…) is needed, as a machine "
                "relaxes for a given time"
            )
        counts.append(solver.sweeps)
        mu = mu if solver.over_relaxation is None else solver.over_relaxation
    return _Sweeps(counts[0], counts[1], mu)
