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
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import check_instance, check_integer
from .contrast import EPGradient
from .cost import Cost, as_cost, as_nudging, at_pole, check_targets, mismatch
from .estimators import Estimator, Holomorphic, as_estimator
from .kernels.elementary import cosine, sine
from .linear_response import nudge_solution, polished
from .network import Network, Parameters
from .relaxation import (
    NotConvergedWarning,
    as_start,
    check_beta,
    check_inputs,
    check_outputs,
    relax,
)
from .solvers import GaussSeidel, Solver, as_solver


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


def prepare(
    net: Network, inputs: ArrayLike, targets: ArrayLike, initial_states: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Checked inputs and targets, each sample repeated for each of its initial states."""
    x = check_inputs(net, inputs)
    t = check_outputs(net, targets, len(x))
    m = check_integer("initial_states", initial_states, 1)
    return np.repeat(x, m, axis=0), np.repeat(t, m, axis=0)


def check_states(initial: ArrayLike | str | None, initial_states: int) -> None:
    """Raise for several initial states that would all be the aligned one."""
    m = check_integer("initial_states", initial_states, 1)
    if isinstance(initial, str) and initial == "aligned" and m > 1:
        raise ValueError(
            f"initial_states: found {m} with an aligned start, which is one state; 1 is needed"
        )


def _check_holomorphic(method: str | Solver | None, options: dict[str, Any]) -> None:
    """Raise for what would change nothing."""
    given = {"method": method} | options
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}: found {value!r} for estimator='holomorphic', which has a solver of its "
                "own, Newton's method; none is needed"
            )


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
    check_states(initial, initial_states)
    inputs, targets = prepare(net, inputs, targets, initial_states)
    cost, beta, estimator = as_cost(cost), check_beta(beta), as_estimator(estimator, points)
    nudging, threads = as_nudging(cost, nudging), check_integer("threads", threads, 1)
    check_targets(cost, targets)
    options: dict[str, Any] = {"tol": tol, "sweeps": sweeps, "over_relaxation": over_relaxation}
    options |= {"max_sweeps": max_sweeps, "dtype": dtype, "rtol": rtol, "atol": atol}
    options |= {"max_time": max_time, "max_steps": max_steps}
    method_given = method
    if method is None:
        asked = not (tol is None and sweeps is None and dtype is None)
        method = "fast" if asked else enough_for(beta)
    if isinstance(estimator, Holomorphic):
        _check_holomorphic(method_given, options | {"nudged_method": nudged_method})
    solver = as_solver(method, **options)
    check_beta(beta, dtype=getattr(solver, "dtype", "float64"))
    start = as_start(net, initial, len(inputs), seed)
    if isinstance(estimator, Holomorphic):
        from .holomorphic import holomorphic_gradient

        gradient = holomorphic_gradient(
            net, p, inputs, targets, start, beta, estimator, cost, nudging, threads
        )
    else:
        nudged = solver if nudged_method is None else as_solver(nudged_method, name="nudged_method")
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
    check_states(initial, initial_states)
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
