"""Gradients of the cost at the free equilibrium: by equilibrium propagation, and exactly.

Equilibrium propagation compares two equilibria of E + βC that grow out of one free equilibrium. For any parameter θ

    dC/dθ ≈ (∂E/∂θ|_β₁ − ∂E/∂θ|_β₂) / (β₁ − β₂),

with (β₁, β₂) = (β, 0) for the one-sided and (β, −β) for the centred estimator, whose errors are O(β) and O(β²). Every number
that this needs, cos(φ_i − φ_j), is local to the coupling that it updates.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from .blocks import Layout, over_threads
from .checks import check_choice, check_integer, check_number
from .cost import as_cost, check_classes, mismatch
from .energy import hessian
from .kernels.fast import contrast_blocks, gradient_blocks
from .kernels.updates import gradient_of
from .network import Parameters
from .relaxation import (
    GaussSeidel,
    NotConvergedWarning,
    as_solver,
    as_start,
    check_inputs,
    check_targets,
    pack_start,
    relax,
)

#: (β₁, β₂) of each estimator, in units of β.
ESTIMATORS = {"centered": (1.0, -1.0), "one_sided": (1.0, 0.0)}


@dataclass(frozen=True)
class Gradient:
    """dC/dθ averaged over samples and initial states, and the state it was taken at.

    couplings : (parameter,)       bias_amplitude, bias_phase : (site,)
    cost, mismatch : (sample × initial state,) C and D = ½ Σ (1 − cos(φ_o − t_o)) at the free equilibrium
    phases : (sample × initial state, site) free equilibrium; initial states of one sample are adjacent
    residual, iterations : (phase, sample × initial state) for the free phase and the nudged phases
    converged : same shape
    """

    couplings: np.ndarray
    bias_amplitude: np.ndarray
    bias_phase: np.ndarray
    cost: np.ndarray = field(repr=False)
    mismatch: np.ndarray = field(repr=False)
    phases: np.ndarray = field(repr=False)
    residual: np.ndarray = field(repr=False)
    iterations: np.ndarray = field(repr=False)
    converged: np.ndarray = field(repr=False)

    @property
    def parameters(self):
        return Parameters(self.couplings, self.bias_amplitude, self.bias_phase)

    @property
    def n_unconverged(self):
        """Samples of which at least one phase has not converged."""
        return int(np.count_nonzero(~self.converged.all(axis=0)))


class EPGradient:
    """The EP gradient of batches of one size; memory is kept from batch to batch.

    ``load`` inputs and targets (again where they change), then call it with parameters and a start (see `pack_start`).
    """

    def __init__(self, net, n_samples, *, beta, estimator, cost, solver, nudged_solver, threads):
        self.net, self.n_samples = net, n_samples
        self.cost, self.solver, self.nudged_solver, self.threads = (
            cost,
            solver,
            nudged_solver,
            threads,
        )
        self.betas = tuple(beta * sign for sign in ESTIMATORS[estimator])
        self.layout = layout = Layout(net, n_samples, getattr(solver, "dtype", "float64"))
        self.u, self._clamped, self._target = (
            layout.empty(sites) for sites in (net.n_free, net.n_inputs, net.n_outputs)
        )
        self._nudges = tuple(cost.nudge(b) for b in (0.0, *self.betas))
        self._coupling_sum = np.zeros((len(layout.units), net.n_parameters))
        self._site_sum = np.zeros((len(layout.units), net.n_free, 2))
        self.residual, self.iterations = np.zeros(
            (2, 3, layout.n_blocks, layout.width), layout.dtype
        )
        self._unit = {unit: number for number, unit in enumerate(layout.units)}
        self._packed = False

    def load(self, inputs, targets, rows):
        """The next batch: these `rows` of (sample, input) and (sample, output) phases, which suit the cost (see `check_classes`)."""
        self._inputs, self.targets, self._rows, self._packed = inputs, targets[rows], rows, False

    @property
    def inputs(self):
        return self._inputs[self._rows]

    def __call__(self, parameters, start):
        """Flat gradient (see `Parameters.flatten`); `phases`, `residual` and `iterations` describe the states it came from."""
        psi = parameters.bias_phase
        direction = np.stack([np.cos(psi), np.sin(psi)])
        if isinstance(self.solver, GaussSeidel):
            self._relax_fast(parameters, direction, start)
        else:
            self._relax_generic(parameters, start)
        factor = -1.0 / ((self.betas[0] - self.betas[1]) * self.n_samples)
        return gradient_of(
            self._coupling_sum, self._site_sum, parameters.bias_amplitude, direction, factor
        )

    def _pack(self, blocks):
        if not self._packed:
            samples = self.layout.samples(blocks)
            self.layout.pack(self._inputs, self._rows[samples], self._clamped, blocks)
            self.layout.pack(self.targets, samples, self._target, blocks)

    def _relax_fast(self, p, direction, start):
        layout, net = self.layout, self.net
        stoppings = (self.solver.stopping, self.nudged_solver.stopping, self.nudged_solver.stopping)
        couplings = p.couplings.astype(layout.dtype)
        bias = (p.bias_amplitude * direction).T[net.n_inputs :].astype(layout.dtype, order="C")

        def run(blocks):
            self._pack(blocks)
            pack_start(layout, start, self.u, blocks)
            gradient_blocks(
                layout.lanes,
                blocks,
                self.u,
                self._clamped,
                self._target,
                layout.mask,
                couplings,
                bias,
                net.graph,
                self._nudges,
                stoppings,
                self.residual,
                self.iterations,
                self._coupling_sum[self._unit[blocks]],
                self._site_sum[self._unit[blocks]],
            )

        over_threads(run, layout.units, self.threads)
        self._packed = True

    def _relax_generic(self, p, start):
        """The same three phases with any solver; the contrast is the same kernel."""
        layout, net = self.layout, self.net
        if callable(start):
            start = np.concatenate([self.inputs, start(0, self.n_samples)], axis=1)
        states = []
        for phase, beta in enumerate((0.0, *self.betas)):
            solver = self.nudged_solver if phase else self.solver
            if phase and not beta:
                states.append(states[0].copy())
                continue
            keywords = {
                "targets": self.targets,
                "beta": beta,
                "cost": self.cost,
                "threads": self.threads,
            }
            eq = relax(net, p, self.inputs, initial=start, method=solver, **keywords, warn=False)
            states.append(layout.empty(net.n_free))
            everything = (0, layout.n_blocks)
            layout.pack(
                eq.phases[:, net.n_inputs :], layout.samples(everything), states[-1], everything
            )
            self.residual[phase], self.iterations[phase] = (
                layout.spread(eq.residual),
                layout.spread(eq.iterations),
            )
            start = start if phase else eq.phases
        self.u = states[0]
        self._pack((0, layout.n_blocks))
        sums = (self._coupling_sum[0], self._site_sum[0])
        contrast_blocks(
            layout.lanes,
            layout.n_blocks,
            states[1],
            states[2],
            self._clamped,
            layout.mask,
            net.graph,
            *sums,
        )

    def report(self):
        """(sample, output, component) of the free equilibrium, and (sample, phase) residuals and iterations; copies."""
        outputs = np.moveaxis(self.u[:, -self.net.n_outputs :].copy(), -1, 1).reshape(
            -1, self.net.n_outputs, 2
        )
        return outputs[: self.n_samples], *(
            self.layout.per_sample(values).T.copy() for values in (self.residual, self.iterations)
        )

    @property
    def phases(self):
        """(sample, site) free equilibrium."""
        return np.concatenate([self.inputs, self.layout.unpack(self.u)], axis=1)

    @property
    def converged(self):
        """(phase, sample)"""
        tol = np.array([self.solver.tol, self.nudged_solver.tol, self.nudged_solver.tol])
        settled = np.isfinite(self.layout.unpack(self.u)).all(
            axis=1
        )  # an overflow has left no phases, and so no torque
        return (self.layout.per_sample(self.residual) <= tol[:, None]) & settled


def prepare(net, inputs, targets, initial_states):
    """Checked inputs and targets, each sample repeated for each of its initial states."""
    inputs = check_inputs(net, inputs)
    targets = check_targets(net, targets, len(inputs))
    m = check_integer("initial_states", initial_states, 1)
    return np.repeat(inputs, m, axis=0), np.repeat(targets, m, axis=0)


def ep_gradient(
    net,
    parameters,
    inputs,
    targets,
    beta=0.1,
    estimator="centered",
    seed=0,
    *,
    initial_states=1,
    initial=None,
    cost="log_cosine",
    method="fast",
    nudged_method=None,
    threads=1,
    **options,
):
    """Gradient of the mean cost by equilibrium propagation, (∂E/∂θ|_β₁ − ∂E/∂θ|_β₂)/(β₁ − β₂).

    Parameters
    ----------
    inputs, targets : (sample, input) and (sample, output) phases in radians
    beta : nudging strength, not zero
    estimator : "centered" (β, −β; error O(β²)) or "one_sided" (β, 0; error O(β))
    seed, initial_states : each sample is relaxed from this many random initial states, and the gradient averaged over them
    initial : (sample × initial state, site) phases or "aligned", optional: start here instead, see `relax`
    cost : "log_cosine", "cosine", "cross_entropy", a `LogCosine` or a `CrossEntropy`
    method, nudged_method : solver of the free and of the nudged phases (default: the same), with `options`, as in `relax`
    threads : the result is bit-identical for every number

    Returns
    -------
    Gradient. With a negative β the logarithmic cost has a pole at φ_o = t_o + π; an output near it may be drawn into the pole, where
    the difference of the two states is still finite.
    """
    p = net.check_parameters(parameters)
    inputs, targets = prepare(net, inputs, targets, initial_states)
    cost = as_cost(cost)
    check_classes(cost, targets)
    solver = as_solver(method, **options)
    nudged = solver if nudged_method is None else as_solver(nudged_method)
    if type(nudged) is not type(solver) or getattr(nudged, "dtype", None) != getattr(
        solver, "dtype", None
    ):
        raise ValueError(
            f"nudged_method: found {nudged!r}; it must be of the kind and dtype of method={solver!r}"
        )
    batch = EPGradient(
        net,
        len(inputs),
        beta=check_number("beta", beta, exclude=(0.0,)),
        estimator=check_choice("estimator", estimator, tuple(ESTIMATORS)),
        cost=cost,
        solver=solver,
        nudged_solver=nudged,
        threads=check_integer("threads", threads, 1),
    )
    start = as_start(net, initial, len(inputs), seed)
    batch.load(inputs, targets, np.arange(len(inputs)))
    gradient = _gradient(net, batch, batch(p, start))
    if gradient.n_unconverged:
        warnings.warn(
            f"{gradient.n_unconverged} of {len(inputs)} samples have not converged in all phases; see Gradient.converged",
            NotConvergedWarning,
            stacklevel=2,
        )
    return gradient


def _gradient(net, batch, vector):
    phases = batch.phases
    outputs = phases[:, net.n_sites - net.n_outputs :]
    return Gradient(
        *net.unflatten(vector),
        cost=batch.cost(outputs, batch.targets),
        mismatch=mismatch(outputs, batch.targets),
        phases=phases,
        residual=batch.layout.per_sample(batch.residual).astype(float),
        iterations=batch.layout.per_sample(batch.iterations).astype(int),
        converged=batch.converged,
    )


class ZeroModeError(ValueError):
    """A group of sites can be rotated without changing the energy, and the cost changes with it: no finite response exists."""


class LinearResponse:
    """H⁻¹ over the free sites at one equilibrium.

    Without bias or clamped neighbour anywhere, a connected component of the network can be rotated freely (a zero mode). Such modes
    are found from the couplings, not from small eigenvalues; they are held fixed, and a source that acts along one is an error.
    """

    def __init__(self, net, parameters, phases):
        self.net, n = net, net.n_inputs
        self.hessian = hessian(net, parameters, phases)
        free = self.hessian[n:, n:].tocsc()
        self.modes = zero_modes(net, parameters)
        if len(self.modes):
            # adding the projector onto the uniform rotation shifts its eigenvalue from 0 to 1 and leaves the others
            rotation = csc_array(self.modes)
            free = (free + rotation.T @ rotation).tocsc()
        self._solve = splu(free).solve

    def solve(self, source):
        """H⁻¹ source for a (free site,) or (free site, k) source."""
        source = np.asarray(source, float)
        if len(self.modes):
            along = np.abs(self.modes @ source).max()
            if along > 1e-9 * max(1.0, np.abs(source).max()):
                raise ZeroModeError(
                    f"parameters: the network has {len(self.modes)} zero mode(s), as some sites feel neither bias nor input, and the cost "
                    f"acts along it (overlap {along:.1e}); give these sites a bias or an input"
                )
        return self._solve(source)


def zero_modes(net, parameters):
    """(mode, free site) unit vectors of the free global rotations: components without input and without bias."""
    p = net.check_parameters(parameters)
    live = net.edges[p.couplings[net.parameter] != 0]
    graph = coo_array((np.ones(len(live)), live.T), shape=(net.n_sites,) * 2)
    count, label = connected_components(graph, directed=False)
    held = np.unique(label[(np.arange(net.n_sites) < net.n_inputs) | (p.bias_amplitude != 0)])
    modes = np.array([label == c for c in range(count) if c not in held], float).reshape(
        -1, net.n_sites
    )[:, net.n_inputs :]
    return modes / np.sqrt(modes.sum(axis=1, keepdims=True))


def implicit_gradient(
    net,
    parameters,
    inputs,
    targets,
    seed=0,
    *,
    initial_states=1,
    initial=None,
    cost="log_cosine",
    method="fast",
    **options,
):
    """Exact gradient of the mean cost at the free equilibrium, dC/dθ = −(∂C/∂φ)ᵀ H⁻¹ ∂²E/∂φ∂θ.

    The arguments are those of `ep_gradient`; the free equilibrium is found with tol=1e-12 unless `options` say otherwise. One sparse
    factorisation a sample: a reference, not a training method.

    Raises
    ------
    ZeroModeError
        If the energy does not fix the direction in which the cost acts (no bias and no input).
    """
    p, cost = net.check_parameters(parameters), as_cost(cost)
    inputs, targets = prepare(net, inputs, targets, initial_states)
    check_classes(cost, targets)
    if isinstance(method, str) and "tol" not in options:
        options["tol"] = 1e-12
    eq = relax(net, p, inputs, seed=seed, initial=initial, method=method, **options)
    parts = net.unflatten(np.zeros(net.n_parameters + 2 * net.n_sites))
    i, j = net.edges.T
    for phases, target in zip(eq.phases, targets):
        response = nudge_solution(net, p, phases, target, cost)  # −H⁻¹ ∂C/∂φ, zero at inputs
        torque = np.sin(phases[i] - phases[j]) * (response[i] - response[j])  # ∂²E/∂φ∂J · response
        parts.couplings[:] += np.bincount(net.parameter, torque, net.n_parameters)
        away = phases - p.bias_phase
        parts.bias_amplitude[:] += np.sin(away) * response
        parts.bias_phase[:] -= p.bias_amplitude * np.cos(away) * response
    vector = np.concatenate(parts) / len(inputs)
    outputs = eq.phases[:, net.n_sites - net.n_outputs :]
    return Gradient(
        *net.unflatten(vector),
        cost=cost(outputs, targets),
        mismatch=mismatch(outputs, targets),
        phases=eq.phases,
        residual=eq.residual[None],
        iterations=eq.iterations[None],
        converged=eq.converged[None],
    )


def nudge_solution(net, parameters, phases, target, cost):
    """−H⁻¹ ∂C/∂φ of one sample over all sites: the nudge response in the limit β → 0, zero at the clamped sites."""
    source, response = np.zeros(net.n_free), np.zeros(net.n_sites)
    source[net.n_free - net.n_outputs :] = cost.gradient(
        phases[net.n_sites - net.n_outputs :], target
    )
    response[net.n_inputs :] = -LinearResponse(net, parameters, phases).solve(source)
    return response
