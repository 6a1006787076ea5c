"""Relaxation to free and nudged equilibria."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from .blocks import Layout, over_threads
from .checks import check_array, check_choice, check_integer, check_number, check_options
from .cost import as_cost, check_classes
from .kernels.fast import Stopping, relax_blocks
from .kernels.flow import flow_samples


class NotConvergedWarning(UserWarning):
    """Some samples have not reached the residual that was asked for."""


@dataclass(frozen=True)
class GaussSeidel:
    """Over-relaxed Gauss–Seidel minimisation on unit vectors (`xyep.kernels.fast`).

    tol : largest torque max_i |∂E/∂φ_i| of a converged sample; default 1e-9 in float64 and 1e-5 in float32.
    over_relaxation : μ in [0, 1]; 0 minimises over one phase at a time; towards 1 small deviations hardly decay.
    max_sweeps : sweeps over all free sites after which a sample is given up.
    dtype : "float64" or "float32".
    """

    tol: float | None = None
    over_relaxation: float = 0.6
    max_sweeps: int = 20_000
    dtype: str = "float64"

    def __post_init__(self):
        check_choice("dtype", self.dtype, ("float64", "float32"))
        if self.tol is None:
            object.__setattr__(self, "tol", 1e-9 if self.dtype == "float64" else 1e-5)
        check_number("tol", self.tol, 0.0)
        check_number("over_relaxation", self.over_relaxation, 0.0, 1.0)
        check_integer("max_sweeps", self.max_sweeps, 0, 2**24)  # which float32 still counts to

    @property
    def stopping(self):
        return Stopping(self.over_relaxation, self.tol, self.max_sweeps)


@dataclass(frozen=True)
class GradientFlow:
    """Adaptive Runge–Kutta integration of dφ/dt = −∂E/∂φ (`xyep.kernels.flow`); time is in units of 1/coupling.

    tol : largest |dφ/dt| at which a sample has converged.
    rtol, atol : error allowed in a step, relative and in radians.
    max_time, max_steps : after which a sample is given up.
    """

    tol: float = 1e-8
    rtol: float = 1e-6
    atol: float = 1e-6
    max_time: float = 1e5
    max_steps: int = 1_000_000

    def __post_init__(self):
        for name in ("rtol", "atol"):
            check_number(name, getattr(self, name), 1e-15)
        check_number("tol", self.tol, 0.0)
        check_number("max_time", self.max_time, 0.0)
        check_integer("max_steps", self.max_steps, 0)


SOLVERS = {"fast": GaussSeidel, "gradient_flow": GradientFlow}


def as_solver(method="fast", **options):
    """A solver from its name and options, or a solver with some options replaced."""
    if isinstance(method, (GaussSeidel, GradientFlow)):
        return (
            replace(method, **check_options("method", type(method), options)) if options else method
        )
    if not isinstance(method, str) or method not in SOLVERS:
        raise ValueError(
            f"method: found {method!r}; a solver or one of {', '.join(map(repr, SOLVERS))} is needed"
        )
    return SOLVERS[method](**check_options(f"method {method!r}", SOLVERS[method], options))


@dataclass(frozen=True)
class Equilibrium:
    """State that a relaxation ended in.

    phases : (sample, site) in (−π, π]; the first columns are the clamped inputs
    residual : (sample,) max_i |∂(E + βC)/∂φ_i| of that state
    converged : (sample,) whether residual ≤ tol
    iterations : (sample,) sweeps (`fast`) or evaluations of the force (`gradient_flow`)
    trajectory : (sample, time, site) unwrapped phases at the times asked for, or None
    beta : nudging strength, 0 in the free phase
    """

    phases: np.ndarray
    residual: np.ndarray
    converged: np.ndarray
    iterations: np.ndarray
    trajectory: np.ndarray | None = None
    beta: float = 0.0

    @property
    def n_unconverged(self):
        return int(np.count_nonzero(~self.converged))

    def __repr__(self):
        return (
            f"<Equilibrium of {len(self.phases)} samples at beta={self.beta:g}: {self.n_unconverged} not converged, "
            f"largest residual {self.residual.max(initial=0.0):.1e}, {np.median(self.iterations):.0f} iterations (median)>"
        )


def random_phases(shape, seed, *counter, rows=None):
    """Phases uniform on (−π, π); a function of `seed` and up to two counters alone, so that no generator state needs saving.

    `rows` = (start, stop) returns only these rows of the (sample, site) array.
    """
    major, minor = (*counter, 0, 0)[:2]
    start, stop = (0, shape[0]) if rows is None else rows
    n = shape[1]
    bits = np.random.Philox(key=seed, counter=[0, 0, minor, major])
    bits.advance(start * n // 4)  # four numbers a step
    extra = start * n % 4
    numbers = np.random.Generator(bits).random(extra + (stop - start) * n)[extra:]
    numbers *= 2 * np.pi
    numbers -= np.pi
    return numbers.reshape(stop - start, n)


#: Length of the unit vectors' stand-ins in an aligned start: too short to be felt by a neighbour.
ALIGNED = 1e-8


def pack_start(layout, start, u, blocks):
    """Initial unit vectors of a range of blocks: `start` is "aligned", or a function (first, last) → (sample, free site) phases."""
    if isinstance(start, str):
        u[blocks[0] : blocks[1], :, 0], u[blocks[0] : blocks[1], :, 1] = ALIGNED, 0.0
        return
    samples = layout.samples(blocks)
    first, last = int(samples[0]), int(samples[-1])
    layout.pack(start(first, last + 1), samples - first, u, blocks)


def check_inputs(net, inputs, name="inputs"):
    inputs = check_array(name, inputs, ("sample", net.n_inputs))
    if not len(inputs):
        raise ValueError(f"{name}: found no samples; at least one is needed")
    return inputs


def check_targets(net, targets, n_samples, name="targets"):
    return check_array(name, targets, (n_samples, net.n_outputs))


def bias_field(net, parameters):
    """(free site, 2) field h (cos ψ, sin ψ)."""
    h, psi = parameters.bias_amplitude[net.n_inputs :], parameters.bias_phase[net.n_inputs :]
    field = np.empty((net.n_free, 2))
    field[:, 0], field[:, 1] = h * np.cos(psi), h * np.sin(psi)
    return field


def relax(
    net,
    parameters,
    inputs,
    *,
    targets=None,
    beta=0.0,
    cost="log_cosine",
    seed=0,
    initial=None,
    method="fast",
    times=(),
    threads=1,
    warn=True,
    **options,
):
    """Relax every sample to a minimum of E + βC.

    Parameters
    ----------
    inputs : (sample, input) phases of the clamped sites in radians; for a network without inputs an array of shape (sample, 0)
    targets, beta, cost : of the nudged phase; with ``beta=0`` (default) the equilibrium is free
    seed : int
        Of the random initial state, uniform on (−π, π). Not used with `initial`.
    initial : (sample, site) phases, or "aligned"; optional
        Start from here; a nudged equilibrium starts from the free one. "aligned": the free sites, in the order of their numbers, each
        start along the field of bias, inputs and the sites before it, as if the network were switched on from the inputs to the outputs.
    method : "fast", "gradient_flow", or a solver `GaussSeidel(...)`, `GradientFlow(...)`; `options` are its fields, such as ``tol``
    times : ascending times at which "gradient_flow" records the trajectory
    threads : number of threads; the result does not depend on it
    warn : whether samples that have not converged raise a warning; False is for callers that count them themselves

    Returns
    -------
    Equilibrium. Samples that have not converged are marked, and a `NotConvergedWarning` counts them.
    """
    p, inputs = net.check_parameters(parameters), check_inputs(net, inputs)
    solver, cost = as_solver(method, **options), as_cost(cost)
    beta, threads = check_number("beta", beta), check_integer("threads", threads, 1)
    n = len(inputs)
    if targets is None:
        if beta:
            raise ValueError("targets: none given; a nudged relaxation (beta ≠ 0) needs them")
        targets = np.zeros((n, net.n_outputs))
    targets = check_targets(net, targets, n)
    start = as_start(net, initial, n, seed)
    if beta:
        check_classes(cost, targets)
    nudge = cost.nudge(beta)
    times = check_array("times", times, ("time",))
    if (np.diff(times, prepend=0.0) < 0).any():
        raise ValueError(f"times: found {times}; ascending times from 0 on are needed")
    if isinstance(solver, GradientFlow):
        eq = _flow(net, p, inputs, targets, start, nudge, solver, times, threads)
    elif len(times):
        raise ValueError("times: only method='gradient_flow' follows a trajectory in time")
    else:
        if isinstance(start, str) and not solver.max_sweeps:
            raise ValueError(
                "max_sweeps: found 0; an aligned start takes the first sweep, so at least 1 is needed"
            )
        eq = _fast(net, p, inputs, targets, start, nudge, solver, threads)
    if warn:
        warn_unconverged(eq.residual, eq.converged)
    return eq


def warn_unconverged(residual, converged):
    """Count the samples not converged in a `NotConvergedWarning`; both arrays are (…, sample)."""
    bad = int(np.count_nonzero(~converged.all(axis=tuple(range(converged.ndim - 1)))))
    if bad:
        warnings.warn(
            f"{bad} of {converged.shape[-1]} samples have not converged (largest residual {residual.max():.1e}); "
            "see `converged` of the result, and `tol` and the limits of the solver",
            NotConvergedWarning,
            stacklevel=3,
        )


def as_start(net, initial, n, seed):
    """What `pack_start` takes, from an argument `initial` and a seed."""
    if initial is None:
        seed = check_integer("seed", seed, 0)
        return lambda first, last: random_phases((n, net.n_free), seed, rows=(first, last))
    if isinstance(initial, str):
        return check_choice("initial", initial, ("aligned",))
    initial = check_array("initial", initial, (n, net.n_sites))[:, net.n_inputs :]
    return lambda first, last: initial[first:last]


def _fast(net, p, inputs, targets, start, nudge, solver, threads):
    layout = Layout(net, len(inputs), solver.dtype)
    u, clamped, target = (
        layout.empty(sites) for sites in (net.n_free, net.n_inputs, net.n_outputs)
    )
    residual, sweeps = np.empty((2, layout.n_blocks, layout.width), layout.dtype)
    phases = np.empty((len(inputs), net.n_sites))
    phases[:, : net.n_inputs] = inputs
    couplings, bias = p.couplings.astype(layout.dtype), bias_field(net, p).astype(layout.dtype)

    def run(blocks):
        samples = layout.samples(blocks)
        pack_start(layout, start, u, blocks)
        layout.pack(inputs, samples, clamped, blocks)
        layout.pack(targets, samples, target, blocks)
        relax_blocks(
            layout.lanes,
            blocks,
            u,
            clamped,
            target,
            couplings,
            bias,
            net.graph,
            nudge,
            solver.stopping,
            residual,
            sweeps,
        )
        layout.unpack(u, phases[:, net.n_inputs :], blocks)

    over_threads(run, layout.units, threads)
    residual, sweeps = (layout.per_sample(a).astype(np.float64) for a in (residual, sweeps))
    residual = _seen(phases, residual)
    return Equilibrium(
        phases, residual, residual <= solver.tol, sweeps.astype(int), beta=nudge.beta
    )


def _seen(phases, residual):
    """The residual, infinite where an overflow has left no phases and so no torque."""
    return np.where(np.isfinite(phases).all(axis=1), residual, np.inf)


def _flow(net, p, inputs, targets, start, nudge, solver, times, threads):
    n = len(inputs)
    if isinstance(start, str):
        phi = _fast(
            net,
            p,
            inputs,
            targets,
            start,
            nudge,
            GaussSeidel(over_relaxation=0.0, max_sweeps=1),
            threads,
        ).phases[:, net.n_inputs :]
    else:
        phi = np.array(start(0, n))
    clamped = np.stack([np.cos(inputs), np.sin(inputs)], axis=-1)
    path, report = np.empty((n, len(times), net.n_free)), np.empty((n, 3))
    bias = bias_field(net, p)

    def run(samples):
        tolerances = (solver.rtol, solver.atol, solver.tol, solver.max_time, solver.max_steps)
        flow_samples(
            samples,
            phi,
            clamped,
            targets,
            p.couplings,
            bias,
            net.graph,
            nudge,
            *tolerances,
            times,
            path,
            report,
        )

    cuts = np.linspace(0, n, min(n, 4 * threads) + 1).astype(int)
    over_threads(run, [(int(a), int(b)) for a, b in zip(cuts, cuts[1:])], threads)
    phases = np.concatenate([inputs, np.pi - np.mod(np.pi - phi, 2 * np.pi)], axis=1)
    trajectory = None
    if len(times):
        trajectory = np.concatenate(
            [np.broadcast_to(inputs[:, None], (n, len(times), net.n_inputs)), path], axis=2
        )
    residual = _seen(phases, report[:, 0])
    return Equilibrium(
        phases, residual, residual <= solver.tol, report[:, 1].astype(int), trajectory, nudge.beta
    )
