"""The physical dynamics dφ/dt = −∂E/∂φ, one sample at a time.

Dormand–Prince 5(4) with its embedded error estimate and a proportional–integral controller (Hairer,
Nørsett, Wanner, *Solving Ordinary Differential Equations I*, II.4). Each sample has its own step
size, as its stiffness depends on the state. Time is in units of 1/coupling.
"""

from typing import NamedTuple

import numpy as np

from . import POLE, inline, kernel
from .elementary import exp, log, sincos
from .fast import LAW, SOFTMAX, TANGENT

#: Dormand–Prince coefficients: stages, and fifth-order less fourth-order weights.
_A = np.array(
    [
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
_E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])

#: Error allowed in a step as a fraction of the step's own length. Near rest an absolute tolerance
#: would let the steps grow beyond the limit of stability until the state trembles at that tolerance
#: and never comes to rest.
REST = 0.05


@inline
def _field(rows, r, i, weights, u, fx, fy):
    """(fx, fy) plus the field of the neighbours, u[site, component], of site i in row r."""
    step, w = rows.size[r], rows.weight[r] + i - rows.site[r]
    for k in range(rows.first[r], rows.first[r + 1]):
        j = rows.indices[k]
        fx += weights[w] * u[j, 0]
        fy += weights[w] * u[j, 1]
        w += step
    return fx, fy


class Limits(NamedTuple):
    rtol: float  # error allowed in a step, relative
    atol: float  # and in radians
    tol: float  # largest |dφ/dt| at rest
    max_time: float
    max_steps: int


class Samples(NamedTuple):
    """What is integrated, all (sample, …)."""

    phi: np.ndarray  # (sample, free site) radians, in place
    inputs: np.ndarray  # (sample, site, component)
    target: np.ndarray  # (sample, output, component), as in `fast.Batch`
    path: np.ndarray  # (sample, time, free site) states at the times asked for
    report: np.ndarray  # (sample, 3) residual, evaluations of the velocity, time reached


class Pull(NamedTuple):
    """What one sample feels: constant field, couplings, nudging."""

    field: np.ndarray  # (site, component)
    weights: np.ndarray
    target: np.ndarray  # (output, component), as in `fast.Batch`


@inline
def _nudging(c, s, a, b, exponential, total, law, nudge):
    """−β ∂C/∂φ of an output at (c, s) with the target (a, b)."""
    if nudge.kind == TANGENT:
        return nudge.beta * (b * c - a * s)
    if law is not None:
        if nudge.kind == LAW:
            return -nudge.beta * law(c, s, a, b)
    if nudge.kind == SOFTMAX:
        wanted = 1.0 if b > 0.0 else 0.0
        return nudge.beta * nudge.scale * (wanted - exponential / total) * c
    denominator = max(1.0 + nudge.sharpness * (c * a + s * b), POLE)
    return -nudge.beta * (s * a - c * b) / denominator


@kernel
def _velocity(phi, u, graph, pull, nudge, law, out):
    """out_i = −∂(E + βC)/∂φ_i = F_i × u_i; returns the largest magnitude."""
    n_free = phi.shape[0]
    first_output = graph.first_output
    for i in range(n_free):
        u[i, 1], u[i, 0] = sincos(phi[i])
    worst, total = 0.0, 0.0
    if nudge.kind == SOFTMAX:
        for i in range(first_output, n_free):
            total += exp(nudge.scale * u[i, 1])
    for r in range(len(graph.free.middle)):
        for i in range(graph.free.site[r], graph.free.site[r] + graph.free.size[r]):
            fx, fy = pull.field[i, 0], pull.field[i, 1]
            fx, fy = _field(graph.free, r, i, pull.weights, u, fx, fy)
            out[i] = fy * u[i, 0] - fx * u[i, 1]
            if i >= first_output and nudge.beta != 0.0:
                o, mine = i - first_output, 0.0
                if nudge.kind == SOFTMAX:
                    mine = exp(nudge.scale * u[i, 1])
                a, b = pull.target[o, 0], pull.target[o, 1]
                out[i] += _nudging(u[i, 0], u[i, 1], a, b, mine, total, law, nudge)
            worst = max(worst, abs(out[i]))
    return worst


@kernel
def flow_samples(which, samples, model, nudge, law, limits, times):
    """Integrate `which` = (first, last + 1) of the samples until each rests or is given up.

    States are kept at the ascending ``times``; for the nudging see `fast`.
    """
    phi, inputs, target, path, report = samples
    n_free, graph = phi.shape[1], model.graph
    weights = model.couplings[graph.free.parameter]
    input_weights = model.couplings[graph.clamped.parameter]
    field, u = np.empty((n_free, 2)), np.empty((n_free, 2))
    stages, state, trial = np.empty((7, n_free)), np.empty(n_free), np.empty(n_free)
    for s in range(which[0], which[1]):
        for i in range(n_free):
            field[i] = model.bias[i]
        for r in range(len(graph.clamped.middle)):
            clamped = graph.clamped
            for i in range(clamped.site[r], clamped.site[r] + clamped.size[r]):
                field[i] = _field(
                    graph.clamped, r, i, input_weights, inputs[s], field[i, 0], field[i, 1]
                )
        pull = Pull(field, weights, target[s])
        state[:] = phi[s]
        time, saved, evaluations, last_error = 0.0, 0, 1, 1.0
        worst = _velocity(state, u, graph, pull, nudge, law, stages[0])
        step = 0.1 / max(worst, 1e-3)
        for _ in range(limits.max_steps):
            while saved < len(times) and times[saved] <= time:
                path[s, saved] = state
                saved += 1
            if worst <= limits.tol or time >= limits.max_time:
                break
            stop = min(limits.max_time, times[saved]) if saved < len(times) else limits.max_time
            clipped = step >= stop - time
            h = stop - time if clipped else step
            for stage in range(6):
                for i in range(n_free):
                    total = 0.0
                    for k in range(stage + 1):
                        total += _A[stage, k] * stages[k, i]
                    trial[i] = state[i] + h * total
                worst_trial = _velocity(trial, u, graph, pull, nudge, law, stages[stage + 1])
            evaluations += 6
            square = 0.0
            for i in range(n_free):
                error = 0.0
                for k in range(7):
                    error += _E[k] * stages[k, i]
                scale = limits.atol + limits.rtol * max(abs(state[i]), abs(trial[i]))
                square += (h * error / min(scale, REST * h * worst)) ** 2
            norm = max(np.sqrt(square / n_free), 1e-10)
            if norm <= 1.0:
                time = stop if clipped else time + h
                state[:] = trial
                stages[0] = stages[6]  # the last stage is the velocity at the new state
                worst = worst_trial
                factor = 0.9 * exp(0.08 * log(last_error) - 0.14 * log(norm))
                last_error = norm
                if not clipped:
                    step = h * min(5.0, max(0.2, factor))
            else:
                step = h * max(0.2, 0.9 * exp(-0.2 * log(norm)))
        for k in range(saved, len(times)):
            path[s, k] = state
        phi[s] = state
        report[s, 0], report[s, 1], report[s, 2] = worst, evaluations, time
