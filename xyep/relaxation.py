"""Relaxation to free and nudged equilibria."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import random
from .blocks import Layout, Range, graph_of, over_threads, visits
from .checks import (
    check_array,
    check_choice,
    check_flag,
    check_instance,
    check_integer,
    check_number,
    check_phases,
)
from .cost import (
    Cost,
    CrossEntropy,
    LogCosine,
    Phases,
    as_cost,
    as_nudging,
    check_targets,
    gradient_of,
    nudge_of,
)
from .kernels import fast, reference
from .kernels.elementary import cosine, sine
from .kernels.fast import Batch, Model, Report, Sums, gradient_blocks
from .kernels.flow import Limits, Samples, flow_samples
from .network import Network, Parameters
from .solvers import GaussSeidel, GradientFlow, Reference, Solver, as_solver

#: Where relaxations start: "aligned", or phases of the free sites of samples first … last − 1.
Start = str | Callable[[int, int], np.ndarray]

#: Largest nudging strength that means anything: beyond, the couplings no longer count.
MOST_BETA = 1e3


class NotConvergedWarning(UserWarning):
    """Some samples have not reached the residual that was asked for.

    As an error, where none may go unseen:

    >>> import xyep
    >>> net = xyep.all_to_all(6)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", NotConvergedWarning)
    ...     eq = xyep.relax(net, net.init_parameters(seed=0), [[1.0, 2.0]], max_sweeps=2)
    Traceback (most recent call last):
        ...
    xyep.relaxation.NotConvergedWarning: 1 of 1 samples have not converged (largest residual ...
    """


@dataclass(frozen=True)
class Equilibrium:
    """State that a relaxation ended in.

    phases : (sample, site) in (−π, π], radians; the first columns are the clamped inputs
    residual : (sample,) max_i |∂(E + βC)/∂φ_i| of that state, in units of the couplings
    converged : (sample,) whether residual ≤ tol; after a fixed number of sweeps, which asks for no
        residual, whether the state is finite
    iterations : (sample,) sweeps (`fast`) or evaluations of the force (`gradient_flow`)
    trajectory : (sample, time, site) unwrapped phases at the times asked for, or None
    beta : nudging strength, 0 in the free phase

    >>> import xyep
    >>> net = xyep.all_to_all(6)
    >>> eq = xyep.relax(net, net.init_parameters(seed=0), [[1.0, 2.0]])
    >>> eq.phases[:, : net.n_inputs], eq.n_unconverged
    (array([[1., 2.]]), 0)
    """

    phases: NDArray[np.float64] = field(repr=False)
    residual: NDArray[np.float64] = field(repr=False)
    converged: NDArray[np.bool_] = field(repr=False)
    iterations: NDArray[np.intp] = field(repr=False)
    trajectory: NDArray[np.float64] | None = field(default=None, repr=False)
    beta: float = 0.0

    @property
    def n_unconverged(self) -> int:
        """Number of samples that have not converged."""
        return int(np.count_nonzero(~self.converged))

    def __repr__(self) -> str:
        return (
            f"<Equilibrium of {len(self.phases)} samples at beta={self.beta:g}: "
            f"{self.n_unconverged} not converged, largest residual "
            f"{self.residual.max(initial=0.0):.1e}, "
            f"{np.median(self.iterations):.0f} iterations (median)>"
        )


#: Length of the unit vectors' stand-ins in an aligned start: too short to be felt by a neighbour.
ALIGNED = 1e-8


def pack_start(layout: Layout, start: Start, u: np.ndarray, blocks: Range) -> None:
    """Initial unit vectors of a range of blocks.

    `start` is "aligned", or a function (first, last) → (sample, free site) phases.
    """
    if isinstance(start, str):
        u[blocks[0] : blocks[1], :, 0], u[blocks[0] : blocks[1], :, 1] = ALIGNED, 0.0
        return
    samples = layout.samples(blocks)
    first, last = int(samples[0]), int(samples[-1])
    layout.pack(start(first, last + 1), samples - first, u, blocks)


def check_inputs(net: Network, inputs: ArrayLike, name: str = "inputs") -> NDArray[np.float64]:
    """(sample, input) phases, at least one sample."""
    checked = check_phases(name, inputs, ("sample", net.n_inputs))
    if not len(checked):
        raise ValueError(f"{name}: found no samples; at least one is needed")
    return checked


def check_outputs(
    net: Network, targets: ArrayLike, n_samples: int, name: str = "targets"
) -> NDArray[np.float64]:
    """(sample, output) phases."""
    return check_phases(name, targets, (n_samples, net.n_outputs))


def check_beta(
    beta: float, *, zero: bool = False, name: str = "beta", dtype: str = "float64"
) -> float:
    """A nudging strength that means something in float64, and in the `dtype` of a solver."""
    beta = check_number(name, beta)
    if dtype == "float32" and 0 < abs(beta) < 1e-4:
        raise ValueError(
            f"{name}: found {beta:g} with a solver in float32, whose rounding hides it; at least "
            "1e-4, or dtype='float64', is needed"
        )
    if not (zero and beta == 0) and not 1e-8 <= abs(beta) <= MOST_BETA:
        raise ValueError(
            f"{name}: found {beta:g}; a magnitude from 1e-8 (less is lost in rounding) to "
            f"{MOST_BETA:g} (more drowns the couplings) is needed"
        )
    return beta


def bias_field(net: Network, parameters: Parameters) -> NDArray[np.float64]:
    """(free site, 2) field h (cos ψ, sin ψ)."""
    h, psi = parameters.bias_amplitude[net.n_inputs :], parameters.bias_phase[net.n_inputs :]
    return np.stack([h * cosine(psi), h * sine(psi)], axis=-1)


def tangents(cost: Cost, outputs: Phases, targets: Phases) -> NDArray[np.float64]:
    """(sample, output, 2): −∂C/∂φ_o (−sin φ_o, cos φ_o), the field of tangent nudging over β."""
    pull = -gradient_of(cost, outputs, targets)
    return np.stack([-pull * sine(outputs), pull * cosine(outputs)], axis=-1)


def relax(
    net: Network,
    parameters: Parameters,
    inputs: ArrayLike,
    *,
    targets: ArrayLike | None = None,
    beta: float = 0.0,
    cost: str | Cost = "log_cosine",
    nudging: str | None = None,
    seed: int = 0,
    initial: ArrayLike | str | None = None,
    method: str | Solver = "fast",
    times: ArrayLike = (),
    threads: int = 1,
    warn: bool = True,
    tol: float | None = None,
    sweeps: int | None = None,
    over_relaxation: float | None = None,
    max_sweeps: int | None = None,
    dtype: str | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_time: float | None = None,
    max_steps: int | None = None,
) -> Equilibrium:
    """Relax every sample to a minimum of E + βC.

    Parameters
    ----------
    inputs : (sample, input) phases of the clamped sites in radians; for a network without inputs an
        array of shape (sample, 0)
    targets, beta, cost : of the nudged phase; with ``beta=0`` (default) the equilibrium is free
    nudging : "cost" nudges by E + βC itself; "tangent" by the constant field −β ∂C/∂φ_o e_o with
        e_o = (−sin φ_o, cos φ_o), both taken at `initial`, the free equilibrium. Default "cost", or
        "tangent" for a cost that gives no `slope`.
    seed : of the random initial state, uniform on (−π, π); not used with `initial`
    initial : (sample, site) phases, or "aligned"; optional
        Start from here; a nudged equilibrium starts from the free one. "aligned": the free sites,
        in the order of their numbers, each start along the field of bias, inputs and the sites
        before it, as if the network were switched on from the inputs to the outputs.
    method : "fast", "gradient_flow", "reference", or a solver `GaussSeidel(...)`,
        `GradientFlow(...)`. The default relaxes to a residual of 1e-9 in float64: responses and
        gradients amplify what is left, and a relaxation spends little time on the last digits.
    tol, sweeps, over_relaxation, max_sweeps, dtype : options of "fast", see `GaussSeidel`
    tol, rtol, atol, max_time, max_steps : options of "gradient_flow", see `GradientFlow`
    times : ascending times at which "gradient_flow" records the trajectory
    threads : number of threads; the result does not depend on it
    warn : whether samples that have not converged raise a warning; False is for callers that count
        them themselves

    Returns
    -------
    Equilibrium. Samples that have not converged are marked, and a `NotConvergedWarning` counts
    them.

    >>> import xyep
    >>> net = xyep.square_lattice((3, 3), inputs=[(0, 0)], outputs=[(2, 2)])
    >>> eq = relax(net, net.init_parameters(seed=0), [[0.5], [-0.5]])
    >>> eq.phases.shape, bool(eq.converged.all()), bool((eq.residual < 1e-9).all())
    ((2, 9), True, True)
    """
    check_instance("net", net, Network)
    p, inputs = net.check_parameters(parameters), check_inputs(net, inputs)
    solver = as_solver(
        method,
        tol=tol,
        sweeps=sweeps,
        over_relaxation=over_relaxation,
        max_sweeps=max_sweeps,
        dtype=dtype,
        rtol=rtol,
        atol=atol,
        max_time=max_time,
        max_steps=max_steps,
    )
    cost, threads = as_cost(cost), check_integer("threads", threads, 1)
    beta = check_beta(beta, zero=True, dtype=getattr(solver, "dtype", "float64"))
    nudging, n = as_nudging(cost, nudging), len(inputs)
    check_flag("warn", warn)
    if targets is None:
        if beta:
            raise ValueError("targets: found none; a nudged relaxation (beta ≠ 0) needs them")
        targets = np.zeros((n, net.n_outputs))
    targets = check_outputs(net, targets, n)
    if beta:
        check_targets(cost, targets)
    times = check_array("times", times, ("time",))
    if (np.diff(times, prepend=0.0) < 0).any():
        raise ValueError(f"times: found {times}; ascending times from 0 on are needed")
    if len(times) and not isinstance(solver, GradientFlow):
        raise ValueError("times: only method='gradient_flow' follows a trajectory in time")
    start, field = as_start(net, initial, n, seed), None
    if beta and nudging == "tangent":
        if initial is None or isinstance(initial, str):
            raise ValueError(
                "initial: found none for nudging='tangent'; the phases of the free equilibrium are "
                "needed, at which ∂C/∂φ is taken"
            )
        outputs = check_phases("initial", initial, (n, net.n_sites))[
            :, net.n_sites - net.n_outputs :
        ]
        field = tangents(cost, outputs, targets)
    nudge = Nudging(cost, beta, nudging, targets, field)
    if isinstance(solver, GradientFlow):
        eq = _flow(net, p, inputs, start, nudge, solver, times, threads)
    elif isinstance(solver, Reference):
        eq = _reference(net, p, inputs, start, nudge, solver)
    else:
        if isinstance(start, str) and not solver.stopping(net).max_sweeps:
            raise ValueError(
                "max_sweeps: found 0 with an aligned start; that start is made by the first sweep"
            )
        eq = _fast(net, p, inputs, start, nudge, solver, threads)
    if warn:
        warn_unconverged(eq.residual, eq.converged)
    return eq


@dataclass(frozen=True)
class Nudging:
    """Strength and kind of nudging, with what the outputs are nudged to."""

    cost: Cost
    beta: float
    kind: str
    targets: NDArray[np.float64]
    field: NDArray[np.float64] | None = None  # (sample, output, 2) of tangent nudging

    @property
    def vectors(self) -> NDArray[np.float64]:
        """(sample, output, 2): the field of tangent nudging, or unit vectors of the targets."""
        if self.field is not None:
            return self.field
        return np.stack([cosine(self.targets), sine(self.targets)], axis=-1)


def warn_unconverged(residual: np.ndarray, converged: NDArray[np.bool_]) -> None:
    """Count the samples not converged in a warning; both arrays are (…, sample)."""
    bad = int(np.count_nonzero(~converged.all(axis=tuple(range(converged.ndim - 1)))))
    if bad:
        warnings.warn(
            f"{bad} of {converged.shape[-1]} samples have not converged (largest residual "
            f"{residual.max():.1e}); see `converged` of the result, and `tol` and the limits of "
            "the solver",
            NotConvergedWarning,
            stacklevel=3,
        )


def as_start(net: Network, initial: ArrayLike | str | None, n: int, seed: int) -> Start:
    """What `pack_start` takes, from an argument `initial` and a seed."""
    if initial is None:
        seed = check_integer("seed", seed, 0, 2**64 - 1)
        return lambda first, last: random.phases((n, net.n_free), seed, rows=(first, last))
    if isinstance(initial, str):
        return check_choice("initial", initial, ("aligned",))
    phases = check_phases("initial", initial, (n, net.n_sites))[:, net.n_inputs :]
    return lambda first, last: phases[first:last]


def _fast(
    net: Network,
    p: Parameters,
    inputs: np.ndarray,
    start: Start,
    nudging: Nudging,
    solver: GaussSeidel,
    threads: int,
) -> Equilibrium:
    layout, graph = Layout(net, len(inputs), solver.dtype), graph_of(net)
    u, clamped, target = (layout.empty(n) for n in (net.n_free, net.n_inputs, net.n_outputs))
    layout.pack_vectors(nudging.vectors, target)
    residual, sweeps = np.zeros((2, 1, layout.n_blocks, layout.width), layout.dtype)
    report = Report(residual, sweeps, np.empty((0, 0, 0, 2, layout.width), layout.dtype))
    phases = np.empty((len(inputs), net.n_sites))
    phases[:, : net.n_inputs] = inputs
    bias = bias_field(net, p).astype(layout.dtype)
    model = Model(graph, p.couplings.astype(layout.dtype), bias)
    nudge, law = nudge_of(nudging.cost, nudging.beta, nudging.kind)
    batch, nothing = Batch(u, clamped, target, layout.mask), Sums(np.empty(0), np.empty((0, 2)))
    alone = fast.Phases((nudge,) * 3, (solver.stopping(net),) * 3, 0, 1)

    def run(blocks: Range) -> None:
        pack_start(layout, start, u, blocks)
        layout.pack(inputs, layout.samples(blocks), clamped, blocks)
        gradient_blocks(layout.lanes, blocks, batch, model, alone, law, report, nothing)
        layout.unpack(u, phases[:, net.n_inputs :], blocks)

    over_threads(run, layout.units, threads)
    residual, sweeps = (layout.per_sample(a[0]).astype(np.float64) for a in (residual, sweeps))
    residual = _seen(phases, residual)
    return _ended(phases, residual, sweeps, solver.tol, nudging.beta)


def _ended(
    phases: np.ndarray,
    residual: np.ndarray,
    iterations: np.ndarray,
    tol: float | None,
    beta: float,
    trajectory: np.ndarray | None = None,
) -> Equilibrium:
    converged = np.isfinite(residual) if tol is None else residual <= tol
    return Equilibrium(phases, residual, converged, iterations.astype(int), trajectory, beta)


def _seen(phases: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """The residual, infinite where an overflow has left no phases and so no torque."""
    return np.where(np.isfinite(phases).all(axis=1), residual, np.inf)


def _start_of_all(
    net: Network, p: Parameters, inputs: np.ndarray, start: Start, nudging: Nudging, threads: int
) -> np.ndarray:
    """(sample, free site) phases of any start."""
    if callable(start):
        return np.array(start(0, len(inputs)))
    one = GaussSeidel(sweeps=1, over_relaxation=0.0)
    return _fast(net, p, inputs, start, nudging, one, threads).phases[:, net.n_inputs :]


def _flow(
    net: Network,
    p: Parameters,
    inputs: np.ndarray,
    start: Start,
    nudging: Nudging,
    solver: GradientFlow,
    times: np.ndarray,
    threads: int,
) -> Equilibrium:
    n = len(inputs)
    phi = _start_of_all(net, p, inputs, start, nudging, threads)
    clamped = np.stack([cosine(inputs), sine(inputs)], axis=-1)
    path, report = np.empty((n, len(times), net.n_free)), np.empty((n, 3))
    model = Model(graph_of(net), p.couplings, bias_field(net, p))
    nudge, law = nudge_of(nudging.cost, nudging.beta, nudging.kind)
    limits = Limits(**vars(solver))
    samples = Samples(phi, clamped, nudging.vectors, path, report)

    def run(which: Range) -> None:
        flow_samples(which, samples, model, nudge, law, limits, times)

    cuts = np.linspace(0, n, min(n, 4 * threads) + 1).astype(int)
    over_threads(run, [(int(a), int(b)) for a, b in zip(cuts, cuts[1:])], threads)
    phases = np.concatenate([inputs, np.pi - np.mod(np.pi - phi, 2 * np.pi)], axis=1)
    trajectory = None
    if len(times):
        held = np.broadcast_to(inputs[:, None], (n, len(times), net.n_inputs))
        trajectory = np.concatenate([held, path], axis=2)
    residual = _seen(phases, report[:, 0])
    return _ended(phases, residual, report[:, 1], solver.tol, nudging.beta, trajectory)


def _reference(
    net: Network,
    p: Parameters,
    inputs: np.ndarray,
    start: Start,
    nudging: Nudging,
    solver: Reference,
) -> Equilibrium:
    if callable(start):
        free = np.exp(1j * start(0, len(inputs)))
    else:
        free = np.full((len(inputs), net.n_free), ALIGNED, complex)
    u = np.concatenate([np.exp(1j * inputs), free], axis=1)
    couplings = np.zeros((net.n_sites, net.n_sites))
    i, j = net.edges.T
    couplings[i, j] = couplings[j, i] = p.couplings[net.parameter]
    bias = p.bias_amplitude * np.exp(1j * p.bias_phase)
    stopping, order = solver.stopping(net), (visits(net), net.n_outputs)
    limits = stopping.over_relaxation, stopping.tol, stopping.max_sweeps
    u, residual, sweeps = reference.relax(u, bias, couplings, *order, _plainly(nudging), *limits)
    phases = np.concatenate([inputs, np.angle(u[:, net.n_inputs :])], axis=1)
    return _ended(phases, _seen(phases, residual), sweeps, solver.tol, nudging.beta)


def _plainly(nudging: Nudging) -> Callable[[np.ndarray], Any] | None:
    """The nudging as `reference` takes it."""
    cost, beta, targets = nudging.cost, nudging.beta, nudging.targets
    if not beta:
        return None
    if nudging.field is not None:
        field = beta * (nudging.field[..., 0] + 1j * nudging.field[..., 1])
        return lambda u: (field, np.zeros(field.shape))
    if isinstance(cost, LogCosine):
        return reference.log_cosine(beta, cost.sharpness, targets)
    if isinstance(cost, CrossEntropy):
        return reference.cross_entropy(beta, cost.scale, targets)
    return reference.through_gradient(beta, cost.gradient, targets)
