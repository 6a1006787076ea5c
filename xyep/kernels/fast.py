"""Over-relaxed Gauss–Seidel relaxation on unit vectors, many samples at a time.

Site i is a unit vector u_i in the local field F_i = Σ_j J_ij u_j + f_i, where the constant f_i holds the bias and the clamped
inputs. Visiting the free sites in turn, each is set to

    u_i ← normalise(ω F̂_i − (ω − 1) u_i),        1 ≤ ω = 1 + μ ≤ 2.

The angle between u_i and F_i never grows, so the energy never rises; ω = 1 is the plain minimisation over φ_i, ω = 2 keeps the energy
to leading order in the angle, and values between carry soft modes over the lattice as successive over-relaxation does. No sine or
cosine is evaluated.

A nudged output o feels the further field β f'(x) t_o, x = u_o · t_o, for the cost C = −Σ_o f(x). As f' depends on u_o the update is
a fixed-point iteration, which near the cost's pole would oscillate: its slope −s is known, and dividing ω by 1 + s makes it a Newton step.

Layout: samples are cut into blocks of ``width`` lanes; a block's state is ``u[site, component, lane]`` with component 0 = cos φ and
1 = sin φ. Blocks do not interact, and a lane that has converged is frozen, so that no sample depends on its company.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from . import OPTIONS, POLE
from .simd import absolute, fma, largest, load, maximum, splat, sqrt, store, total, where_greater


class Graph(NamedTuple):
    """Couplings as rows of each free site (sites numbered from the first free one; the outputs are the last ones)."""

    indptr: np.ndarray  # (free + 1,) row i holds the free neighbours of free site i, in ascending order
    indices: np.ndarray
    parameter: np.ndarray  # which coupling parameter each entry uses
    upper: np.ndarray  # (free,) where in row i the neighbours j > i begin
    input_indptr: np.ndarray  # (free + 1,) the same for the clamped neighbours
    input_indices: np.ndarray
    input_parameter: np.ndarray
    outputs: int


class Stopping(NamedTuple):
    omega: float  # over-relaxation factor 1 + μ
    tol: float  # residual max_i |∂E/∂φ_i| at which a sample has converged
    max_sweeps: int


class Nudge(NamedTuple):
    beta: float  # nudging strength, 0 in the free phase
    sharpness: float  # κ of the cost, f'(x) = 1 / (1 + κ x)


@njit(**OPTIONS)
def _nudging(lanes, target, o, ux, uy, nudge):
    """Field along the target from the nudging of output ``o``, and the slope of its dependence on u_o."""
    dtype = target.dtype.type
    one, beta, kappa = splat(lanes, dtype(1)), splat(lanes, dtype(nudge.beta)), splat(lanes, dtype(nudge.sharpness))
    x = fma(ux, load(lanes, target, (o, 0)), uy * load(lanes, target, (o, 1)))
    # at the pole x = −1 of the logarithmic cost the field is finite but far above all couplings
    denominator = maximum(fma(kappa, x, one), splat(lanes, dtype(POLE)))
    strength = beta / denominator
    return strength, strength * kappa * (one - x * x) / denominator


@njit(**OPTIONS)
def _local_field(lanes, i, u, field, indptr, indices, weights):
    fx, fy = load(lanes, field, (i, 0)), load(lanes, field, (i, 1))
    for k in range(indptr[i], indptr[i + 1]):
        j, w = indices[k], splat(lanes, weights[k])
        fx = fma(w, load(lanes, u, (j, 0)), fx)
        fy = fma(w, load(lanes, u, (j, 1)), fy)
    return fx, fy


@njit(**OPTIONS)
def _residual(lanes, u, field, graph, weights, target, nudge):
    """Largest torque |∂(E + βC)/∂φ_i| over the free sites, in every lane."""
    n_free = u.shape[0]
    first_output = n_free - graph.outputs
    worst = splat(lanes, u.dtype.type(0))
    for i in range(n_free):
        fx, fy = _local_field(lanes, i, u, field, graph.indptr, graph.indices, weights)
        ux, uy = load(lanes, u, (i, 0)), load(lanes, u, (i, 1))
        if i >= first_output and nudge.beta != 0.0:
            o = i - first_output
            strength, _ = _nudging(lanes, target, o, ux, uy, nudge)
            fx = fma(strength, load(lanes, target, (o, 0)), fx)
            fy = fma(strength, load(lanes, target, (o, 1)), fy)
        worst = maximum(worst, absolute(fx * uy - fy * ux))
    return worst


@njit(**OPTIONS)
def relax_block(lanes, u, field, graph, weights, target, nudge, stopping, residual, sweeps):
    """Relax one block in place; writes ``residual[lane]`` of the final state and ``sweeps[lane]``."""
    dtype = u.dtype.type
    n_free = u.shape[0]
    first_output = n_free - graph.outputs
    zero, one, tiny = splat(lanes, dtype(0)), splat(lanes, dtype(1)), splat(lanes, dtype(1e-30))
    tol, omega = splat(lanes, dtype(stopping.tol)), splat(lanes, dtype(stopping.omega))
    budget = splat(lanes, dtype(stopping.max_sweeps))  # each lane's own, so that none depends on its company
    count = zero
    alive = where_greater(budget, count, one, zero)
    while largest(alive) > 0.0:
        count = count + alive
        worst = zero
        for i in range(n_free):
            fx, fy = _local_field(lanes, i, u, field, graph.indptr, graph.indices, weights)
            ux, uy = load(lanes, u, (i, 0)), load(lanes, u, (i, 1))
            rate = omega
            if i >= first_output and nudge.beta != 0.0:
                o = i - first_output
                strength, slope = _nudging(lanes, target, o, ux, uy, nudge)
                fx = fma(strength, load(lanes, target, (o, 0)), fx)
                fy = fma(strength, load(lanes, target, (o, 1)), fy)
                norm = sqrt(fx * fx + fy * fy)
                rate = omega * norm / maximum(norm + maximum(slope, zero), tiny)
            else:
                norm = sqrt(fx * fx + fy * fy)
            worst = maximum(worst, absolute(fx * uy - fy * ux))
            back = (rate - one) * norm
            vx, vy = rate * fx - back * ux, rate * fy - back * uy
            square = fma(vx, vx, vy * vy)
            scale = one / sqrt(square)
            # a lane that has converged stays, and so does a site that feels no field
            move = square * alive
            store(where_greater(move, tiny, vx * scale, ux), u, (i, 0))
            store(where_greater(move, tiny, vy * scale, uy), u, (i, 1))
        alive = where_greater(budget, count, where_greater(worst, tol, alive, zero), zero)
        if largest(alive) == 0.0:
            # torques were read while their neighbours still moved: confirm at the final state
            alive = where_greater(_residual(lanes, u, field, graph, weights, target, nudge), tol, one, zero)
            alive = where_greater(budget, count, alive, zero)
    store(_residual(lanes, u, field, graph, weights, target, nudge), residual, ())
    store(count, sweeps, ())


@njit(**OPTIONS)
def _input_field(lanes, field, bias, inputs, graph, weights):
    """f_i = h_i (cos ψ_i, sin ψ_i) + Σ_k J_ik u_k over the clamped sites k."""
    for i in range(field.shape[0]):
        fx, fy = splat(lanes, bias[i, 0]), splat(lanes, bias[i, 1])
        for k in range(graph.input_indptr[i], graph.input_indptr[i + 1]):
            j, w = graph.input_indices[k], splat(lanes, weights[k])
            fx = fma(w, load(lanes, inputs, (j, 0)), fx)
            fy = fma(w, load(lanes, inputs, (j, 1)), fy)
        store(fx, field, (i, 0))
        store(fy, field, (i, 1))


@njit(**OPTIONS)
def relax_blocks(lanes, blocks, u, inputs, target, couplings, bias, graph, nudge, stopping, residual, sweeps):
    """Relax ``u[block, site, component, lane]`` in place for each of ``blocks``."""
    field = np.empty(u.shape[1:], u.dtype)
    weights, input_weights = couplings[graph.parameter], couplings[graph.input_parameter]
    for b in range(blocks[0], blocks[1]):
        _input_field(lanes, field, bias, inputs[b], graph, input_weights)
        relax_block(lanes, u[b], field, graph, weights, target[b], nudge, stopping, residual[b], sweeps[b])


@njit(**OPTIONS)
def _contrast(lanes, plus, minus, inputs, mask, graph, coupling_sum, site_sum):
    """Sums over samples of u_i·u_j at the one equilibrium less the other, and of u_i likewise.

    With the mean m and the difference d of the two states, u⁺_i·u⁺_j − u⁻_i·u⁻_j = m_i·d_j + d_i·m_j exactly, which keeps the digits
    that a difference of two numbers near one loses; next to a clamped site it is u_k·d_i. ``plus`` and ``minus`` become m and d.
    """
    half, keep = splat(lanes, plus.dtype.type(0.5)), load(lanes, mask, ())
    for i in range(plus.shape[0]):
        for c in range(2):
            p, m = load(lanes, plus, (i, c)), load(lanes, minus, (i, c))
            store(half * (p + m), plus, (i, c))
            store(keep * (p - m), minus, (i, c))
    mean, change = plus, minus
    for i in range(mean.shape[0]):
        mx, my = load(lanes, mean, (i, 0)), load(lanes, mean, (i, 1))
        dx, dy = load(lanes, change, (i, 0)), load(lanes, change, (i, 1))
        for k in range(graph.upper[i], graph.indptr[i + 1]):
            j = graph.indices[k]
            one = fma(mx, load(lanes, change, (j, 0)), my * load(lanes, change, (j, 1)))
            other = fma(dx, load(lanes, mean, (j, 0)), dy * load(lanes, mean, (j, 1)))
            coupling_sum[graph.parameter[k]] += total(one + other)
        for k in range(graph.input_indptr[i], graph.input_indptr[i + 1]):
            j = graph.input_indices[k]
            coupling_sum[graph.input_parameter[k]] += total(fma(dx, load(lanes, inputs, (j, 0)), dy * load(lanes, inputs, (j, 1))))
        site_sum[i, 0] += total(dx)
        site_sum[i, 1] += total(dy)


@njit(**OPTIONS)
def gradient_blocks(
    lanes, blocks, u, inputs, target, mask, couplings, bias, graph, nudges, stoppings, residual, sweeps, coupling_sum, site_sum
):
    """Free equilibrium, two nudged equilibria from it, and their contrast, for each of ``blocks``.

    ``u`` is left at the free equilibrium. ``nudges`` and ``stoppings`` hold three entries each: free, first and second nudged phase;
    a phase with β = 0 is the free equilibrium itself. ``residual`` and ``sweeps`` are (block, phase, lane); the sums, in float64, are
    kept apart for each block so that whoever adds them can do so in a fixed order.
    """
    field = np.empty(u.shape[1:], u.dtype)
    weights, input_weights = couplings[graph.parameter], couplings[graph.input_parameter]
    plus, minus = np.empty(u.shape[1:], u.dtype), np.empty(u.shape[1:], u.dtype)
    for b in range(blocks[0], blocks[1]):
        _input_field(lanes, field, bias, inputs[b], graph, input_weights)
        relax_block(lanes, u[b], field, graph, weights, target[b], nudges[0], stoppings[0], residual[b, 0], sweeps[b, 0])
        plus[:] = u[b]
        minus[:] = u[b]
        for phase, state in ((1, plus), (2, minus)):
            if nudges[phase].beta != 0.0:
                relax_block(
                    lanes,
                    state,
                    field,
                    graph,
                    weights,
                    target[b],
                    nudges[phase],
                    stoppings[phase],
                    residual[b, phase],
                    sweeps[b, phase],
                )
        _contrast(lanes, plus, minus, inputs[b], mask[b], graph, coupling_sum[b], site_sum[b])


@njit(**OPTIONS)
def contrast_blocks(lanes, blocks, plus, minus, inputs, mask, graph, coupling_sum, site_sum):
    """The contrast alone, of equilibria found by other means; both states are overwritten."""
    for b in range(blocks[0], blocks[1]):
        _contrast(lanes, plus[b], minus[b], inputs[b], mask[b], graph, coupling_sum[b], site_sum[b])
