"""Gradients of the cost at the free equilibrium: by equilibrium propagation, and exactly.

Equilibrium propagation compares equilibria of E + β_k C that grow out of one free equilibrium. For
any parameter θ

    dC/dθ ≈ Σ_k w_k ∂E/∂θ|_β_k,      Σ_k w_k = 0,  Σ_k w_k β_k = 1.

The one-sided estimator takes (β, 0) with weights ±1/β, the centred one (β, −β) with ±1/(2β); their
errors are O(β) and O(β²). The holomorphic one takes N points on a circle in the complex plane
(`xyep.holomorphic`). Every number that this needs, cos(φ_i − φ_j), is local to the coupling that
it updates.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from .blocks import Layout, Range, graph_of, over_threads
from .checks import check_instance, check_integer
from .cost import Cost, as_cost, as_nudging, at_pole, check_targets, gradient_of, mismatch, nudge_of
from .energy import force, hessian
from .kernels import loop, updates
from .kernels.elementary import cosine, sine
from .kernels.fast import (
    Batch,
    Model,
    Phases,
    Report,
    Stopping,
    Sums,
    contrast_blocks,
    gradient_blocks,
)
from .kernels.linear import Factorisation, narrow_order
from .network import Network, Parameters
from .relaxation import (
    GaussSeidel,
    NotConvergedWarning,
    Solver,
    Start,
    as_solver,
    as_start,
    check_beta,
    check_inputs,
    check_outputs,
    pack_start,
    relax,
    tangents,
)


class GradientWarning(UserWarning):
    """A gradient is not what it says for some samples: see `Gradient.at_pole`, `beyond_radius`.

    As an error, where none may go unseen:

    >>> import xyep
    >>> net = xyep.Network([(0, 1)], inputs=[0], outputs=[1])
    >>> p = net.init_parameters(seed=0)._replace(couplings=np.array([1.0]))
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", GradientWarning)
    ...     xyep.ep_gradient(net, p._replace(bias_amplitude=np.zeros(2)), [[0.0]], [[3.14]])
    Traceback (most recent call last):
        ...
    xyep.gradients.GradientWarning: 1 of 1 samples have an output at a pole of the cost, ...
    """


@runtime_checkable
class Estimator(Protocol):
    """At which nudging strengths equilibria are compared, and with which weights.

    >>> class Skew:
    ...     "β against −β/2"
    ...
    ...     def points(self, beta):
    ...         return (beta, -beta / 2), (2 / 3 / beta, -2 / 3 / beta)
    >>> isinstance(Skew(), Estimator)
    True
    """

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """Strengths β_k and weights w_k with Σ w_k = 0 and Σ w_k β_k = 1."""
        ...


@dataclass(frozen=True)
class Centered:
    """Strengths (β, −β) with weights ±1/(2β).

    The error is O(β²), and what a truncated relaxation leaves cancels. The default.

    >>> Centered().points(0.1)
    ((0.1, -0.1), (5.0, -5.0))
    """

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """See `Estimator`."""
        return (beta, -beta), (0.5 / beta, -0.5 / beta)


@dataclass(frozen=True)
class OneSided:
    """Strengths (β, 0) with weights ±1/β: error O(β).

    >>> OneSided().points(0.1)
    ((0.1, 0.0), (10.0, -10.0))
    """

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """See `Estimator`."""
        return (beta, 0.0), (1 / beta, -1 / beta)


@dataclass(frozen=True)
class Holomorphic:
    """N strengths β e^{2πik/N} with weights e^{−2πik/N}/(Nβ), and so complex phases.

    The error is O((β/R)^N) within the radius of convergence R, see `xyep.holomorphic`; for
    `ep_gradient`, not for training.

    n : N, an even number from 2 to 1024; 2 is the centred estimator

    >>> betas, weights = Holomorphic(4).points(0.5)
    >>> np.round(betas, 3)
    array([ 0.5+0.j ,  0. +0.5j, -0.5+0.j , -0. -0.5j])
    >>> bool(abs(sum(weights)) < 1e-12 and abs(np.dot(weights, betas) - 1) < 1e-12)
    True
    """

    n: int = 8

    def __post_init__(self) -> None:
        if check_integer("points", self.n, 2, 1024) % 2:
            raise ValueError(f"points: found {self.n}; an even number is needed")

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """See `Estimator`."""
        turn = 2 * np.pi * np.arange(self.n) / self.n
        circle = cosine(turn) + 1j * sine(turn)
        return tuple(beta * circle), tuple(circle.conj() / (self.n * beta))


ESTIMATORS: dict[str, type] = {
    "centered": Centered,
    "one_sided": OneSided,
    "holomorphic": Holomorphic,
}


def as_estimator(estimator: str | Estimator, points: int | None = None) -> Estimator:
    """An estimator from its name, or the object itself; `points` belongs to "holomorphic".

    >>> as_estimator("holomorphic", 16)
    Holomorphic(n=16)
    """
    if points is not None and estimator != "holomorphic":
        raise ValueError(f"points: found {points} for {estimator!r}; only 'holomorphic' has points")
    if isinstance(estimator, str) and estimator in ESTIMATORS:
        return ESTIMATORS[estimator](*(() if points is None else (points,)))
    if isinstance(estimator, (str, type)) or not isinstance(estimator, Estimator):
        raise (ValueError if isinstance(estimator, str) else TypeError)(
            f"estimator: found {estimator!r}; one of {', '.join(map(repr, ESTIMATORS))} or an "
            "object with the method of xyep.Estimator is needed"
        )
    return estimator


def real_points(estimator: Estimator, beta: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Strengths and weights of an estimator that a relaxation can follow, checked."""
    try:
        betas, weights = (np.asarray(part, complex) for part in estimator.points(beta))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"estimator: found `points` of {estimator!r} that are no pair of lists of numbers: "
            f"{error}; strengths and weights are needed"
        ) from error
    if betas.ndim != 1 or betas.shape != weights.shape or len(betas) < 2:
        raise ValueError(
            f"estimator: found strengths of shape {betas.shape} and weights of shape "
            f"{weights.shape} from `points`; as many of each, at least two, are needed"
        )
    if (betas.imag != 0).any() or (weights.imag != 0).any():
        raise ValueError(
            f"estimator: found complex strengths from {estimator!r}; relaxations and training need "
            "real ones"
        )
    size = np.abs(weights).sum()
    # NaN is none of these
    fits = abs(weights.sum()) <= 1e-9 * size and abs((weights * betas).sum() - 1) <= 1e-9
    if not fits:
        raise ValueError(
            f"estimator: found weights {weights.real} at strengths {betas.real} from "
            f"{estimator!r}; weights that sum to 0, and to 1 times their strengths, are needed"
        )
    return tuple(map(float, betas.real)), tuple(map(float, weights.real))


@dataclass(frozen=True)
class Gradient:
    """dC/dθ averaged over samples and initial states, and the states that it was taken at.

    couplings : (parameter,)       bias_amplitude, bias_phase : (site,)
    cost, mismatch : (sample × initial state,) C and D = ½ Σ (1 − cos(φ_o − t_o)) at the free
        equilibrium
    phases : (sample × initial state, site) free equilibrium; initial states of one sample adjoin
    residual, iterations : (phase, sample × initial state) for the free and the nudged phases
    converged : same shape
    at_pole : (sample × initial state,) whether an output, nudged or, for tangent nudging, free,
        sits at a pole of the cost, where the estimate is finite but not the gradient
    beyond_radius : (sample × initial state,) of the holomorphic estimator: whether β lies beyond
        where its points give the gradient to 1e-12 (see `xyep.holomorphic`); else all False

    Couplings, biases and C share one unit of energy; phases are in radians.

    >>> import xyep
    >>> net = xyep.layered([2, 3, 1])
    >>> g = xyep.implicit_gradient(net, net.init_parameters(seed=0), [[0.5, 1.0]], [[0.0]])
    >>> g.couplings.shape, g.bias_phase.shape, g.phases.shape, int(g.at_pole.sum())
    ((9,), (6,), (1, 6), 0)
    >>> g.parameters.flatten().shape  # in the order of `Parameters.flatten`
    (21,)
    """

    couplings: NDArray[np.float64]
    bias_amplitude: NDArray[np.float64]
    bias_phase: NDArray[np.float64]
    cost: NDArray[np.floating[Any]] = field(repr=False)
    mismatch: NDArray[np.floating[Any]] = field(repr=False)
    residual: NDArray[np.float64] = field(repr=False)
    iterations: NDArray[np.intp] = field(repr=False)
    converged: NDArray[np.bool_] = field(repr=False)
    at_pole: NDArray[np.bool_] = field(repr=False)
    beyond_radius: NDArray[np.bool_] = field(repr=False)
    _phases: Any = field(repr=False)

    @cached_property
    def phases(self) -> NDArray[np.float64]:
        """(sample × initial state, site) free equilibrium, in radians."""
        return self._phases() if callable(self._phases) else self._phases

    @property
    def parameters(self) -> Parameters:
        """The gradient in the form of the parameters."""
        return Parameters(self.couplings, self.bias_amplitude, self.bias_phase)

    @property
    def n_unconverged(self) -> int:
        """Samples of which at least one phase has not converged."""
        return int(np.count_nonzero(~self.converged.all(axis=0)))

    def __repr__(self) -> str:
        size = np.sqrt(sum(float((part**2).sum()) for part in self.parameters))
        return (
            f"<Gradient of {len(self.couplings)} couplings and {len(self.bias_phase)} biases, norm "
            f"{size:.3g}: mean cost {self.cost.mean():.3g} over {len(self.cost)} samples, "
            f"{self.n_unconverged} not converged, {int(self.at_pole.sum())} at a pole>"
        )


class EPGradient:
    """The EP gradient of batches of one size; memory is kept from batch to batch.

    ``load`` inputs and targets (again where they change), then call it with parameters and a start
    (see `pack_start`).
    """

    def __init__(
        self,
        net: Network,
        n_samples: int,
        *,
        beta: float,
        estimator: Estimator,
        nudging: str,
        cost: Cost,
        solver: Solver,
        nudged_solver: Solver,
        threads: int,
    ) -> None:
        self.net, self.n_samples, self.cost, self.nudging = net, n_samples, cost, nudging
        self.solver, self.nudged_solver, self.threads = solver, nudged_solver, threads
        betas, weights = real_points(estimator, beta)
        # Σ w_k ∂E_k as contrasts of two states each, all but one against the same last state
        self.contrasts = [((b, betas[-1]), w) for b, w in zip(betas[:-1], weights[:-1])]
        self.layout = layout = Layout(net, n_samples, getattr(solver, "dtype", "float64"))
        free, clamped, target = (layout.empty(n) for n in (net.n_free, net.n_inputs, net.n_outputs))
        self._batch = Batch(free, clamped, target, layout.mask)
        units, shape = len(layout.units), (3, layout.n_blocks, layout.width)
        self._sums = Sums(np.zeros((units, net.n_parameters)), np.zeros((units, net.n_free, 2)))
        self.residual, self.iterations = np.zeros((2, *shape), layout.dtype)
        self._outputs = np.zeros((2, *target.shape), layout.dtype)
        self._report = Report(self.residual, self.iterations, self._outputs)
        self._unit = {unit: number for number, unit in enumerate(layout.units)}
        self._packed = False

    def load(self, inputs: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> None:
        """The next batch: these `rows` of (sample, input) and (sample, output) phases."""
        self._inputs, self.targets, self._rows, self._packed = inputs, targets[rows], rows, False

    @property
    def inputs(self) -> np.ndarray:
        """(sample, input) phases of the batch."""
        return self._inputs[self._rows]

    def __call__(self, parameters: Parameters, start: Start, confirm: bool = True) -> np.ndarray:
        """Flat gradient (see `Parameters.flatten`); `phases` and `report` tell where it was taken.

        `confirm` : read the residual of a state reached by a fixed number of sweeps.
        """
        psi = parameters.bias_phase
        direction = np.stack([cosine(psi), sine(psi)])
        solver, nudged = self.solver, self.nudged_solver
        vector = np.zeros(self.net.n_parameters + 2 * self.net.n_sites)
        state: Start | np.ndarray = start
        for number, (betas, weight) in enumerate(self.contrasts):
            phases = (0, 3) if number == 0 else (1, 3)
            if isinstance(solver, GaussSeidel) and isinstance(nudged, GaussSeidel):
                stops = solver.stopping(self.net, confirm), nudged.stopping(self.net, confirm)
                self._relax_fast(parameters, direction, start, betas, phases, stops)
            else:
                state = self._relax_generic(parameters, state, betas, phases)
            factor, amplitude = -weight / self.n_samples, parameters.bias_amplitude
            vector = vector + updates.gradient_of(self._sums, amplitude, direction, factor)
        return vector

    def _pack(self, blocks: Range) -> None:
        if not self._packed:
            samples, batch = self.layout.samples(blocks), self._batch
            self.layout.pack(self._inputs, self._rows[samples], batch.inputs, blocks)
            if self.nudging != "tangent":
                self.layout.pack(self.targets, samples, batch.target, blocks)

    def _relax_fast(
        self,
        p: Parameters,
        direction: np.ndarray,
        start: Start,
        betas: tuple[float, float],
        phases: Range,
        stops: tuple[Stopping, Stopping],
    ) -> None:
        layout, net, batch = self.layout, self.net, self._batch
        bias = (p.bias_amplitude * direction).T[net.n_inputs :].astype(layout.dtype, order="C")
        model = Model(graph_of(net), p.couplings.astype(layout.dtype), bias)
        nudges, laws = zip(*(nudge_of(self.cost, b, self.nudging) for b in (0.0, *betas)))
        law = next((law for law in laws if law is not None), None)

        def run(blocks: Range, chosen: Range) -> None:
            if chosen[0] == 0:
                self._pack(blocks)
                pack_start(layout, start, batch.u, blocks)
            unit = self._unit[blocks]
            sums = Sums(self._sums.coupling[unit], self._sums.site[unit])
            which = Phases(nudges, (stops[0], stops[1], stops[1]), *chosen)
            gradient_blocks(layout.lanes, blocks, batch, model, which, law, self._report, sums)

        if self.nudging == "tangent":
            if phases[0] == 0:
                over_threads(lambda blocks: run(blocks, (0, 1)), layout.units, self.threads)
            layout.pack_vectors(tangents(self.cost, self.outputs, self.targets), batch.target)
            phases = (1, 3)
        over_threads(lambda blocks: run(blocks, phases), layout.units, self.threads)
        self._packed = True

    def epochs(
        self,
        epochs: Range,
        records: NDArray[np.bool_],
        start: loop.Start,
        rule: loop.Rule,
        state: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Epochs in one compiled call: θ after them, and what `report` tells, of those recorded.

        `state` is θ and the optimizer's own, which changes in place. For `GaussSeidel`, a single
        contrast and nudging by the cost, with `load` done; see `kernels.loop`.
        """
        solver, nudged_solver = self.solver, self.nudged_solver
        assert isinstance(solver, GaussSeidel) and isinstance(nudged_solver, GaussSeidel)
        layout, batch = self.layout, self._batch
        self._pack(layout.everything)
        ((betas, weight),) = self.contrasts
        nudges, laws = zip(*(nudge_of(self.cost, b, self.nudging) for b in (0.0, *betas)))
        free, nudged = solver.stopping(self.net), nudged_solver.stopping(self.net)
        count = int(np.count_nonzero(records))
        shape = (count, 3, layout.n_blocks, layout.width)
        kept = loop.Kept(
            np.empty((count, layout.n_blocks, *batch.target.shape[1:]), layout.dtype),
            np.zeros(shape, layout.dtype),
            np.zeros(shape, layout.dtype),
        )
        phases = Phases(nudges, (free, nudged, nudged), 0, 3)
        units = np.array(layout.units)
        plan = loop.Plan(start, rule, graph_of(self.net), phases, weight, self.n_samples, units)
        law = next((law for law in laws if law is not None), None)
        theta = loop.train_epochs(
            layout.lanes, epochs, plan, batch, law, *state, records, self._report, kept
        )
        found = []
        for values in kept[1:]:
            # (record, phase, block, lane) → (phase, record × sample)
            samples = layout.per_sample(values).astype(float)
            found.append(np.moveaxis(samples, 1, 0).reshape(3, -1))
        found[0][np.isnan(found[0])] = np.inf
        outputs = np.concatenate([layout.unpack(u) for u in kept[0]]) if count else np.empty(0)
        return theta, (outputs, found[0], found[1])

    def _relax_generic(
        self,
        p: Parameters,
        start: Start | np.ndarray,
        betas: tuple[float, float],
        phases: Range,
    ) -> np.ndarray | str:
        """The same phases with any solver; the contrast is the same kernel. Returns the start."""
        layout, net, batch = self.layout, self.net, self._batch
        everything = layout.everything
        if callable(start):
            start = np.concatenate([self.inputs, start(0, self.n_samples)], axis=1)
        states = [batch.u]
        for phase, beta in enumerate((0.0, *betas)):
            if phase and not beta:
                states.append(batch.u.copy())
                self._outputs[phase - 1] = batch.u[:, -net.n_outputs :]
                continue
            if phase < phases[0]:
                continue
            solver = self.nudged_solver if phase else self.solver
            keywords = {"targets": self.targets, "beta": beta, "cost": self.cost}
            keywords |= {"nudging": self.nudging, "threads": self.threads, "warn": False}
            eq = relax(net, p, self.inputs, initial=start, method=solver, **keywords)
            state = layout.empty(net.n_free) if phase else batch.u
            free = eq.phases[:, net.n_inputs :]
            layout.pack(free, layout.samples(everything), state, everything)
            self.residual[phase] = layout.spread(eq.residual)
            self.iterations[phase] = layout.spread(eq.iterations)
            if phase:
                states.append(state)
                self._outputs[phase - 1] = state[:, -net.n_outputs :]
            else:
                start = eq.phases
        self._pack(everything)
        sums = Sums(self._sums.coupling[0], self._sums.site[0])
        graph, n = graph_of(net), layout.n_blocks
        contrast_blocks(layout.lanes, n, states[1], states[2], batch, graph, sums)
        return start

    @property
    def outputs(self) -> np.ndarray:
        """(sample, output) phases of the free equilibrium."""
        return self.layout.unpack(self._batch.u[:, -self.net.n_outputs :])

    @property
    def phases(self) -> np.ndarray:
        """(sample, site) phases of the free equilibrium."""
        return np.concatenate([self.inputs, self.layout.unpack(self._batch.u)], axis=1)

    def lazy_phases(self) -> Callable[[], np.ndarray]:
        """The same when called, of a copy of the present state."""
        u, inputs, layout = self._batch.u.copy(), self.inputs, self.layout
        return lambda: np.concatenate([inputs, layout.unpack(u)], axis=1)

    def report(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(sample, output) phases at the free equilibrium, (phase, sample) residuals and sweeps."""
        found = (self.layout.per_sample(a).astype(float) for a in (self.residual, self.iterations))
        residual, sweeps = found
        residual[np.isnan(residual)] = np.inf  # an overflow has left no phases, and so no torque
        return self.outputs, residual, sweeps

    @property
    def at_pole(self) -> NDArray[np.bool_]:
        """(sample,) whether an output sits at a pole of the cost where ∂C/∂φ is taken."""
        if self.nudging == "tangent":
            return at_pole(self.cost, self.outputs, self.targets)
        used = [k for k, beta in enumerate(self.contrasts[-1][0]) if beta]
        nudged = (self.layout.unpack(self._outputs[k]) for k in used)
        return np.any([at_pole(self.cost, state, self.targets) for state in nudged], axis=0)

    def converged(self, residual: np.ndarray) -> NDArray[np.bool_]:
        """(phase, sample) whether each phase is at the residual asked for, if any was."""
        tol = [s.tol for s in (self.solver, self.nudged_solver, self.nudged_solver)]
        return np.stack([np.isfinite(r) if t is None else r <= t for r, t in zip(residual, tol)])


def prepare(
    net: Network, inputs: ArrayLike, targets: ArrayLike, initial_states: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Checked inputs and targets, each sample repeated for each of its initial states."""
    x = check_inputs(net, inputs)
    t = check_outputs(net, targets, len(x))
    m = check_integer("initial_states", initial_states, 1)
    return np.repeat(x, m, axis=0), np.repeat(t, m, axis=0)


def enough_for(beta: float) -> GaussSeidel:
    """The default solver of `ep_gradient`: what its relaxation leaves is less than O(β²).

    A residual r makes an error of the order of r/β in the gradient. With r = β³/10, at most 1e-4,
    it stays below the error of the centred estimator itself, and at β = 0.1 float32 is enough.

    >>> enough_for(0.1), enough_for(0.01)
    (GaussSeidel(tol=0.0001, dtype='float32'), GaussSeidel(tol=1e-07))
    """
    tol = min(1e-4, max(1e-12, float(f"{abs(beta) ** 3 / 10:.3g}")))
    return GaussSeidel(tol=tol, dtype="float32" if tol >= 2e-5 else "float64")


def ep_gradient(
    net: Network,
    parameters: Parameters,
    inputs: ArrayLike,
    targets: ArrayLike,
    beta: float = 0.1,
    estimator: str | Estimator = "centered",
    seed: int = 0,
    *,
    points: int | None = None,
    nudging: str | None = None,
    initial_states: int = 1,
    initial: ArrayLike | str | None = None,
    cost: str | Cost = "log_cosine",
    method: str | Solver | None = None,
    nudged_method: str | Solver | None = None,
    threads: int = 1,
    tol: float | None = None,
    sweeps: int | None = None,
    over_relaxation: float | None = None,
    max_sweeps: int | None = None,
    dtype: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
) -> Gradient:
    """Gradient of the mean cost by equilibrium propagation, Σ_k w_k ∂E/∂θ|_β_k.

    Parameters
    ----------
    inputs, targets : (sample, input) and (sample, output) phases in radians
    beta : nudging strength, not zero
    estimator : "centered" (β, −β; error O(β²)), "one_sided" (β, 0; error O(β)), "holomorphic"
        (`points` complex strengths of magnitude β, default 8; error O(β^points)), or an `Estimator`
    nudging : "cost" relaxes E + βC; "tangent" keeps −β ∂C/∂φ_o of the free equilibrium as a
        constant field on each output, which has no pole. Default "cost", or "tangent" for a cost of
        your own without `slope`.
    seed, initial_states : each sample is relaxed from this many random initial states, and the
        gradient averaged over them
    initial : (sample × initial state, site) phases or "aligned", optional: start here instead, see
        `relax`
    cost : "log_cosine", "cosine", "cross_entropy", or a `Cost`
    method, nudged_method : solver of the free and of the nudged phases (default: the same), with
        the options that follow, as in `relax`. By default `fast` to a residual of β³/10, at most
        1e-4: below what the estimator itself leaves, and at β = 0.1 in float32, as fast as it gets.
    threads : the result is bit-identical for every number

    Returns
    -------
    Gradient

    Warns
    -----
    GradientWarning
        Counts the samples of which an output sits at a pole of the cost (`Gradient.at_pole`). With
        negative β the logarithmic cost draws outputs near t + π there. The estimate is finite but
        not the gradient: use ``nudging="tangent"``, ``cost=LogCosine(0.95)`` or a smaller β.
    NotConvergedWarning
        Counts the samples that are not at the residual asked for.

    >>> import xyep
    >>> net = xyep.layered([2, 3, 1])
    >>> p, task = net.init_parameters(seed=1), xyep.load_task("xor")
    >>> g = ep_gradient(net, p, task.inputs, task.targets, beta=0.01, cost="cosine")
    >>> exact = implicit_gradient(net, p, task.inputs, task.targets, cost="cosine")
    >>> bool(np.allclose(g.couplings, exact.couplings, atol=1e-5))
    True
    """
    check_instance("net", net, Network)
    p = net.check_parameters(parameters)
    inputs, targets = prepare(net, inputs, targets, initial_states)
    cost, beta, estimator = as_cost(cost), check_beta(beta), as_estimator(estimator, points)
    nudging, threads = as_nudging(cost, nudging), check_integer("threads", threads, 1)
    check_targets(cost, targets)
    options: dict[str, Any] = {"tol": tol, "sweeps": sweeps, "over_relaxation": over_relaxation}
    options |= {"max_sweeps": max_sweeps, "dtype": dtype, "rtol": rtol, "atol": atol}
    options |= {"max_time": max_time, "max_steps": max_steps}
    if method is None:
        asked = not (tol is None and sweeps is None and dtype is None)
        method = "fast" if asked else enough_for(beta)
    solver = as_solver(method, **options)
    start = as_start(net, initial, len(inputs), seed)
    if isinstance(estimator, Holomorphic):
        from .holomorphic import holomorphic_gradient

        gradient = holomorphic_gradient(
            net, p, inputs, targets, start, beta, estimator, cost, nudging, threads
        )
    else:
        nudged = solver if nudged_method is None else as_solver(nudged_method)
        if type(nudged) is not type(solver) or getattr(nudged, "dtype", 0) != getattr(
            solver, "dtype", 0
        ):
            raise ValueError(
                f"nudged_method: found {nudged!r}; one of the kind and dtype of method={solver!r} "
                "is needed"
            )
        batch = EPGradient(
            net,
            len(inputs),
            beta=beta,
            estimator=estimator,
            nudging=nudging,
            cost=cost,
            solver=solver,
            nudged_solver=nudged,
            threads=threads,
        )
        batch.load(inputs, targets, np.arange(len(inputs)))
        gradient = _gradient(net, batch, batch(p, start))
    _warn(gradient, len(inputs), stacklevel=3)
    return gradient


def _gradient(net: Network, batch: EPGradient, vector: np.ndarray) -> Gradient:
    outputs, residual, sweeps = batch.report()
    return Gradient(
        **net.unflatten(vector)._asdict(),
        cost=batch.cost(outputs, batch.targets),
        mismatch=mismatch(outputs, batch.targets),
        residual=residual,
        iterations=sweeps.astype(int),
        converged=batch.converged(residual),
        at_pole=batch.at_pole,
        beyond_radius=np.zeros(len(outputs), bool),
        _phases=batch.lazy_phases(),
    )


def _warn(gradient: Gradient, n: int, stacklevel: int) -> None:
    if gradient.at_pole.any():
        warnings.warn(
            f"{np.count_nonzero(gradient.at_pole)} of {n} samples have an output at a pole of the "
            "cost, where the estimate is not the gradient; nudging='tangent', "
            "cost=LogCosine(0.95) or a smaller beta avoid it (see Gradient.at_pole)",
            GradientWarning,
            stacklevel=stacklevel,
        )
    if gradient.n_unconverged:
        warnings.warn(
            f"{gradient.n_unconverged} of {n} samples have not converged in all phases; see "
            "Gradient.converged",
            NotConvergedWarning,
            stacklevel=stacklevel,
        )


class ZeroModeError(ValueError):
    """Some sites can be rotated without changing the energy, and the cost changes with it.

    >>> import xyep
    >>> free = xyep.Network([(0, 1)], inputs=[], outputs=[1])  # no input, no bias
    >>> p = free.init_parameters(seed=0)._replace(bias_amplitude=np.zeros(2))
    >>> xyep.implicit_gradient(free, p, np.zeros((1, 0)), [[1.0]])
    Traceback (most recent call last):
        ...
    xyep.gradients.ZeroModeError: parameters: the network has 1 zero mode(s), ...
    """


class LinearResponse:
    """H⁻¹ over the free sites at one equilibrium.

    Without bias or clamped neighbour anywhere, a connected component of the network can be rotated
    freely (a zero mode). Such modes are found from the couplings, not from small eigenvalues; they
    are held fixed, and a source that acts along one is an error.
    """

    def __init__(self, net: Network, parameters: Parameters, phases: np.ndarray) -> None:
        n, last = net.n_inputs, net.n_outputs
        self.net, self.hessian = net, hessian(net, parameters, phases)
        free = csr_array(self.hessian[n:, n:])
        self.modes, self.spring = zero_modes(net, parameters), np.zeros(free.shape[0])
        if len(self.modes):
            # a spring at one site of each mode holds it, and is not felt by a source without torque
            self.spring[self.modes.argmax(axis=1)] = np.abs(free.data).max(initial=1.0)
            free = csr_array(free + diags_array(self.spring))
        self.factorisation = Factorisation(free, narrow_order(free, last))

    def without_rotation(self, source: np.ndarray) -> np.ndarray:
        """The part of a source that acts along no zero mode."""
        return source - self.modes.T @ (self.modes @ source)

    def solve(self, source: np.ndarray) -> np.ndarray:
        """H⁻¹ source for a (free site,) or (free site, k) source."""
        source = np.asarray(source, float)
        if not len(self.modes):
            return self.factorisation.solve(source)
        along = np.abs(self.modes @ source).max()
        if along > 1e-9 * max(1.0, np.abs(source).max()):
            raise ZeroModeError(
                f"parameters: the network has {len(self.modes)} zero mode(s), as some sites feel "
                f"neither bias nor input, and the cost acts along it (overlap {along:.1e}); give "
                "these sites a bias or an input"
            )
        return self.without_rotation(self.factorisation.solve(source))


def zero_modes(net: Network, parameters: Parameters) -> NDArray[np.float64]:
    """(mode, free site) unit vectors of the free rotations: components without input and bias."""
    p = net.check_parameters(parameters)
    live = net.edges[p.couplings[net.parameter] != 0]
    graph = coo_array((np.ones(len(live)), live.T), shape=(net.n_sites,) * 2)
    count, label = connected_components(graph, directed=False)
    held = np.unique(label[(np.arange(net.n_sites) < net.n_inputs) | (p.bias_amplitude != 0)])
    modes = np.array([label == c for c in range(count) if c not in held], float)
    modes = modes.reshape(-1, net.n_sites)[:, net.n_inputs :]
    return modes / np.sqrt(modes.sum(axis=1, keepdims=True))


def implicit_gradient(
    net: Network,
    parameters: Parameters,
    inputs: ArrayLike,
    targets: ArrayLike,
    seed: int = 0,
    *,
    initial_states: int = 1,
    initial: ArrayLike | str | None = None,
    cost: str | Cost = "log_cosine",
    method: str | Solver = "fast",
    threads: int = 1,
    tol: float | None = None,
) -> Gradient:
    """Exact gradient of the mean cost at the free equilibrium.

    dC/dθ = −(∂C/∂φ)ᵀ H⁻¹ ∂²E/∂φ∂θ, with H the Hessian of E over the free sites. The arguments are
    those of `ep_gradient`; the free equilibrium is found to a residual of 1e-12 unless `tol` says
    otherwise. One sparse factorisation a sample: a reference, not a training method.

    Raises
    ------
    ZeroModeError
        If the energy does not fix the direction in which the cost acts (no bias and no input).

    >>> import xyep
    >>> net = xyep.layered([2, 3, 1])
    >>> g = implicit_gradient(net, net.init_parameters(seed=1), [[0.5, 1.0]], [[1.5]])
    >>> g.couplings.shape
    (9,)
    """
    check_instance("net", net, Network)
    p, cost = net.check_parameters(parameters), as_cost(cost)
    inputs, targets = prepare(net, inputs, targets, initial_states)
    check_targets(cost, targets)
    if isinstance(method, str) and tol is None:
        tol = 1e-12
    eq = relax(net, p, inputs, seed=seed, initial=initial, method=method, tol=tol, threads=threads)
    parts = net.unflatten(np.zeros(net.n_parameters + 2 * net.n_sites))
    i, j = net.edges.T
    states = np.array([polished(net, p, state) for state in eq.phases])
    for phases, target in zip(states, targets):
        response = nudge_solution(net, p, phases, target, cost)  # −H⁻¹ ∂C/∂φ, zero at inputs
        # ∂²E/∂φ∂J · response
        torque = sine(phases[i] - phases[j]) * (response[i] - response[j])
        parts.couplings[:] += np.bincount(net.parameter, torque, net.n_parameters)
        away = phases - p.bias_phase
        parts.bias_amplitude[:] += sine(away) * response
        parts.bias_phase[:] -= p.bias_amplitude * cosine(away) * response
    vector = np.concatenate(parts) / len(inputs)
    outputs = states[:, net.n_sites - net.n_outputs :]
    return Gradient(
        **net.unflatten(vector)._asdict(),
        cost=cost(outputs, targets),
        mismatch=mismatch(outputs, targets),
        residual=eq.residual[None],
        iterations=eq.iterations[None],
        converged=eq.converged[None],
        at_pole=at_pole(cost, outputs, targets),
        beyond_radius=np.zeros(len(outputs), bool),
        _phases=states,
    )


def polished(
    net: Network, parameters: Parameters, phases: np.ndarray, steps: int = 3
) -> np.ndarray:
    """One free equilibrium to the last digits, by Newton's method as long as it comes closer."""
    left = force(net, parameters, phases)[net.n_inputs :]
    for _ in range(steps):
        linear, trial = LinearResponse(net, parameters, phases), phases.copy()
        trial[net.n_inputs :] += linear.solve(linear.without_rotation(left))
        there = force(net, parameters, trial)[net.n_inputs :]
        if not np.abs(there).max() < np.abs(left).max():
            break
        phases, left = trial, there
    return phases


def nudge_solution(
    net: Network, parameters: Parameters, phases: np.ndarray, target: np.ndarray, cost: Cost
) -> NDArray[np.float64]:
    """−H⁻¹ ∂C/∂φ of one sample over all sites, zero at the clamped ones: the limit β → 0."""
    source, response = np.zeros(net.n_free), np.zeros(net.n_sites)
    outputs = phases[net.n_sites - net.n_outputs :]
    source[net.n_free - net.n_outputs :] = gradient_of(cost, outputs, target)
    response[net.n_inputs :] = -LinearResponse(net, parameters, phases).solve(source)
    return response
