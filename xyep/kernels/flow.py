"""The physical dynamics dφ/dt = −∂E/∂φ, one sample at a time.

Dormand–Prince 5(4) with its embedded error estimate and a proportional–integral controller (Hairer, Nørsett, Wanner, *Solving Ordinary
Differential Equations I*, II.4). Each sample has its own step size, as its stiffness depends on the state. Time is in units of
1/coupling.
"""

import numpy as np
from numba import njit

from . import INLINE, OPTIONS, POLE

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

#: Error allowed in a step as a fraction of the step's own length. Near rest an absolute tolerance would let the steps grow beyond the
#: limit of stability until the state trembles at that tolerance and never comes to rest.
REST = 0.05


@njit(**INLINE)
def _field(rows, r, i, weights, u, fx, fy):
    """(fx, fy) plus the field of the neighbours, u[site, component], of site i in row r."""
    step, w = rows.site[r + 1] - rows.site[r], rows.weight[r] + i - rows.site[r]
    for k in range(rows.first[r], rows.first[r + 1]):
        j = rows.indices[k]
        fx += weights[w] * u[j, 0]
        fy += weights[w] * u[j, 1]
        w += step
    return fx, fy


@njit(**OPTIONS)
def _velocity(phi, u, field, graph, weights, target, nudge, out):
    """out_i = −∂(E + βC)/∂φ_i = F_i × u_i; returns the largest magnitude."""
    n_free = phi.shape[0]
    first_output = graph.free.site[graph.hidden_rows]
    for i in range(n_free):
        u[i, 0], u[i, 1] = np.cos(phi[i]), np.sin(phi[i])
    worst = 0.0
    total = 0.0
    if nudge.scale > 0.0:
        for i in range(first_output, n_free):
            total += np.exp(nudge.scale * u[i, 1])
    for r in range(len(graph.free.middle)):
        for i in range(graph.free.site[r], graph.free.site[r + 1]):
            fx, fy = _field(graph.free, r, i, weights, u, field[i, 0], field[i, 1])
            out[i] = fy * u[i, 0] - fx * u[i, 1]
            if i >= first_output and nudge.beta != 0.0:
                if nudge.scale > 0.0:
                    wanted = 1.0 if np.sin(target[i - first_output]) > 0.0 else 0.0
                    out[i] += (
                        nudge.beta
                        * nudge.scale
                        * (wanted - np.exp(nudge.scale * u[i, 1]) / total)
                        * u[i, 0]
                    )
                else:
                    away = phi[i] - target[i - first_output]
                    out[i] -= (
                        nudge.beta * np.sin(away) / max(1.0 + nudge.sharpness * np.cos(away), POLE)
                    )
            worst = max(worst, abs(out[i]))
    return worst


@njit(**OPTIONS)
def flow_samples(
    samples,
    phi,
    inputs,
    target,
    couplings,
    bias,
    graph,
    nudge,
    rtol,
    atol,
    tol,
    max_time,
    max_steps,
    times,
    path,
    report,
):
    """Integrate ``phi[sample, free site]`` (radians, in place) until every |dφ/dt| ≤ tol, ``max_time`` or ``max_steps``.

    ``inputs[sample, site, component]`` are clamped unit vectors and ``target[sample, output]`` phases. States at the ascending
    ``times`` go to ``path[sample, time, site]``. ``report[sample]`` holds residual, evaluations of the velocity, and time reached.
    """
    n_free = phi.shape[1]
    weights, input_weights = couplings[graph.free.parameter], couplings[graph.clamped.parameter]
    field, u = np.empty((n_free, 2)), np.empty((n_free, 2))
    stages, state, trial = np.empty((7, n_free)), np.empty(n_free), np.empty(n_free)
    for s in range(samples[0], samples[1]):
        for r in range(len(graph.clamped.middle)):
            for i in range(graph.clamped.site[r], graph.clamped.site[r + 1]):
                field[i] = _field(
                    graph.clamped, r, i, input_weights, inputs[s], bias[i, 0], bias[i, 1]
                )
        state[:] = phi[s]
        time, saved, evaluations, last_error = 0.0, 0, 1, 1.0
        worst = _velocity(state, u, field, graph, weights, target[s], nudge, stages[0])
        step = 0.1 / max(worst, 1e-3)
        for _ in range(max_steps):
            while saved < len(times) and times[saved] <= time:
                path[s, saved] = state
                saved += 1
            if worst <= tol or time >= max_time:
                break
            stop = min(max_time, times[saved]) if saved < len(times) else max_time
            clipped = step >= stop - time
            h = stop - time if clipped else step
            for stage in range(6):
                for i in range(n_free):
                    total = 0.0
                    for k in range(stage + 1):
                        total += _A[stage, k] * stages[k, i]
                    trial[i] = state[i] + h * total
                worst_trial = _velocity(
                    trial, u, field, graph, weights, target[s], nudge, stages[stage + 1]
                )
            evaluations += 6
            square = 0.0
            for i in range(n_free):
                error = 0.0
                for k in range(7):
                    error += _E[k] * stages[k, i]
                scale = min(atol + rtol * max(abs(state[i]), abs(trial[i])), REST * h * worst)
                square += (h * error / scale) ** 2
            norm = max(np.sqrt(square / n_free), 1e-10)
            if norm <= 1.0:
                time = stop if clipped else time + h
                state[:] = trial
                stages[0] = stages[6]  # the last stage is the velocity at the new state
                worst = worst_trial
                factor = 0.9 * norm**-0.14 * last_error**0.08
                last_error = norm
                if not clipped:
                    step = h * min(5.0, max(0.2, factor))
            else:
                step = h * max(0.2, 0.9 * norm**-0.2)
        for k in range(saved, len(times)):
            path[s, k] = state
        phi[s] = state
        report[s, 0], report[s, 1], report[s, 2] = worst, evaluations, time
