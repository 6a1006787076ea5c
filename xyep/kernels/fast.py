"""Over-relaxed Gauss–Seidel relaxation on unit vectors, many samples at a time.

Site i is a unit vector u_i in the local field F_i = Σ_j J_ij u_j + f_i, where the constant f_i
holds the bias and the clamped inputs. Visiting the free sites in turn, each is set to

    u_i ← normalise(F_i − k (F_i · u_i)₊ u_i),        0 ≤ k = μ/(1 + μ) ≤ 1/2.

The angle between u_i and F_i never grows, so the energy never rises. As the angle goes to zero this
is normalise((1 + μ) F̂_i − μ u_i): μ = 0 is the plain minimisation over φ_i, μ = 1 keeps the energy
to leading order in the angle, and values between carry soft modes over the lattice as successive
over-relaxation does. No sine, cosine or norm of the field is evaluated, only one reciprocal square
root.

A nudged output o feels a further field, by the kind of nudging:

    log-cosine       β f'(x) t_o, x = u_o · t_o, for the cost C = −Σ_o f(x)
    cross-entropy    β s (y_o − p_o) along π/2, p being the softmax of s sin φ, taken once a sweep
    tangent          −β ∂C/∂φ_o e_o with e_o = (−sin φ_o, cos φ_o), both of the free equilibrium
    law              −β ∂C/∂φ_o e_o of the present state, ∂C/∂φ_o being a function of the user's

Where the field depends on u_o the update is a fixed-point iteration, which would oscillate where
it is steep: its slope −σ is known, and adding σ/(1 + μ) u_o makes it a Newton step.

Layout: samples are cut into blocks of ``width`` lanes; a block's state is ``u[site, component,
lane]`` with component 0 = cos φ and 1 = sin φ, so that every neighbour is one weight times
consecutive numbers. Sites of one row (see `rows`) are visited together: each vector loaded serves
both, as in a matrix product, and their two normalisations overlap. Blocks do not interact, and a
lane that has converged is set aside, so that no sample depends on its company.

`reference` does the same in plain NumPy.
"""

from typing import NamedTuple

import numpy as np

from . import POLE, inline, kernel, part
from .rows import Graph
from .vectors import (
    absolute,
    empty,
    exponential,
    fma,
    high,
    item,
    join,
    larger,
    largest,
    load,
    low,
    rsqrt,
    splat,
    store,
    total,
    totals,
    where_greater,
    zeros,
)


class Stopping(NamedTuple):
    over_relaxation: float  # μ
    tol: float  # residual max_i |∂E/∂φ_i| of a converged sample; below 0: `max_sweeps` for all
    max_sweeps: int
    confirm: bool  # after a fixed number of sweeps: whether to read the residual of the last state


#: Kinds of nudging.
LOG_COSINE, SOFTMAX, TANGENT, LAW = range(4)


class Nudge(NamedTuple):
    kind: int
    beta: float  # nudging strength, 0 in the free phase
    sharpness: float  # κ of the log-cosine cost, f'(x) = 1 / (1 + κ x)
    scale: float  # s of the cross-entropy


class Model(NamedTuple):
    """The network and its parameters."""

    graph: Graph
    couplings: np.ndarray  # (parameter,)
    bias: np.ndarray  # (free site, 2)


class Batch(NamedTuple):
    """Samples in blocks of lanes, all but the mask (block, site, component, lane)."""

    u: np.ndarray  # free sites
    inputs: np.ndarray  # clamped sites
    target: np.ndarray  # outputs: unit vectors of the targets or, for tangent nudging, −∂C/∂φ_o e_o
    mask: np.ndarray  # (block, lane) 0 in lanes that only fill up the last block, else 1


class Phases(NamedTuple):
    """Free phase, first and second nudged phase; a phase with β = 0 is the free equilibrium."""

    nudges: tuple[Nudge, Nudge, Nudge]
    stoppings: tuple[Stopping, Stopping, Stopping]
    first: int  # of those to run: 0 to 3, or 0 to 1 and then 1 to 3 where the nudging depends on
    stop: int  # the free equilibrium


class State(NamedTuple):
    """The free sites of one block, which begins at vector `at` of `u`, and room to work in."""

    u: np.ndarray
    at: int
    aside: np.ndarray  # (site, component, lane) states of lanes that have come to rest
    share: np.ndarray  # (2 × output, lane) softmax of the outputs; or ∂C/∂φ_o, and its slope


class Problem(NamedTuple):
    """What the sites of one block feel, and how far they turn."""

    graph: Graph
    weights: np.ndarray  # couplings in the order of the rows
    field: np.ndarray  # (site, component, lane) constant field of biases and inputs
    target: np.ndarray
    target_at: int
    nudge: Nudge
    k: float  # μ/(1 + μ)


class Report(NamedTuple):
    """What is told of the phases: arrays over (phase, block, lane), and the nudged outputs."""

    residual: np.ndarray
    sweeps: np.ndarray
    outputs: np.ndarray  # (nudged phase, block, output, component, lane)


class Sums(NamedTuple):
    """Sums over samples of u_i·u_j at one equilibrium less the other, and of u_i; float64."""

    coupling: np.ndarray  # (parameter,)
    site: np.ndarray  # (free site, component)


@inline
def _field_of_one(lanes, i, u, at, field, rows, r, weights):
    fx, fy = load(lanes, field, 2 * i), load(lanes, field, 2 * i + 1)
    k, stop, w = item(rows.first, r), item(rows.first, r + 1), item(rows.weight, r)
    while k < stop:
        j, J = at + 2 * item(rows.indices, k), splat(lanes, item(weights, w))
        fx, fy = fma(J, load(lanes, u, j), fx), fma(J, load(lanes, u, j + 1), fy)
        k, w = k + 1, w + 1
    return fx, fy


@inline
def _field_of_two(lanes, i, u, at, field, rows, r, weights):
    fx, fy = load(lanes, field, 2 * i), load(lanes, field, 2 * i + 1)
    gx, gy = load(lanes, field, 2 * i + 2), load(lanes, field, 2 * i + 3)
    k, stop, w = item(rows.first, r), item(rows.first, r + 1), item(rows.weight, r)
    while k < stop:
        j = at + 2 * item(rows.indices, k)
        ux, uy = load(lanes, u, j), load(lanes, u, j + 1)
        J = splat(lanes, item(weights, w))
        fx, fy = fma(J, ux, fx), fma(J, uy, fy)
        J = splat(lanes, item(weights, w + 1))
        gx, gy = fma(J, ux, gx), fma(J, uy, gy)
        k, w = k + 1, w + 2
    return join(fx, gx), join(fy, gy)


@inline
def _field_of_four(lanes, i, u, at, field, rows, r, weights):
    ax, ay = load(lanes, field, 2 * i), load(lanes, field, 2 * i + 1)
    bx, by = load(lanes, field, 2 * i + 2), load(lanes, field, 2 * i + 3)
    cx, cy = load(lanes, field, 2 * i + 4), load(lanes, field, 2 * i + 5)
    dx, dy = load(lanes, field, 2 * i + 6), load(lanes, field, 2 * i + 7)
    k, stop, w = item(rows.first, r), item(rows.first, r + 1), item(rows.weight, r)
    while k < stop:
        j = at + 2 * item(rows.indices, k)
        ux, uy = load(lanes, u, j), load(lanes, u, j + 1)
        J = splat(lanes, item(weights, w))
        ax, ay = fma(J, ux, ax), fma(J, uy, ay)
        J = splat(lanes, item(weights, w + 1))
        bx, by = fma(J, ux, bx), fma(J, uy, by)
        J = splat(lanes, item(weights, w + 2))
        cx, cy = fma(J, ux, cx), fma(J, uy, cy)
        J = splat(lanes, item(weights, w + 3))
        dx, dy = fma(J, ux, dx), fma(J, uy, dy)
        k, w = k + 1, w + 4
    return join(ax, bx), join(ay, by), join(cx, dx), join(cy, dy)


@inline
def _two(lanes, array, n, step):
    return join(load(lanes, array, n), load(lanes, array, n + step))


@inline
def _nudging(ux, uy, tx, ty, share, slope, nudge):
    """Field of the nudging on an output, and how fast it falls as u turns along with it.

    `share` and `slope` are what `_outputs_together` found.
    """
    zero, one, beta = splat(ux, 0.0), splat(ux, 1.0), splat(ux, nudge.beta)
    if nudge.kind == TANGENT:
        return beta * tx, beta * ty, zero
    if nudge.kind == LAW:
        strength = beta * share
        return strength * uy, -(strength * ux), larger(beta * slope, zero)
    if nudge.kind == SOFTMAX:
        s = splat(ux, nudge.scale)
        strength = beta * s * (where_greater(ty, zero, one, zero) - share)
        # twice its own slope bounds that of all outputs together, which move on one softmax
        slope = splat(ux, 2.0) * beta * s * s * share * (one - share) * (one - uy * uy)
        return zero, strength, larger(slope, zero)
    x, kappa = fma(ux, tx, uy * ty), splat(ux, nudge.sharpness)
    # at the pole x = −1 of the logarithmic cost the field is finite but far above all couplings
    pole = splat(ux, POLE)
    denominator = larger(fma(kappa, x, one), pole)
    strength = beta / denominator
    # for κ = 1 the last factor is exactly 1: else an output within reach of the pole would be
    # thrown across, and fall back, for ever
    slope = strength * kappa * (one - x) * (larger(one + x, pole) / denominator)
    return strength * tx, strength * ty, larger(slope, zero)


@inline
def _softmax(lanes, u, at, outputs, scale, share):
    """Softmax of ``scale`` sin φ over the outputs, whose first unit vector is number `at`."""
    total_share = splat(lanes, u.dtype.type(0))
    for o in range(outputs):
        weight = exponential(splat(lanes, u.dtype.type(scale)) * load(lanes, u, at + 2 * o + 1))
        store(weight, share, o)
        total_share = total_share + weight
    for o in range(outputs):
        store(load(lanes, share, o) / total_share, share, o)


#: Angle over which the slope of a law is taken, which need not be exact.
STEP = 1e-4


@part
def _follow(law, state, problem, first):
    """∂C/∂φ of each output by a function of the user's, lane by lane, and its slope."""
    u, target, share = state.u, problem.target, state.share
    outputs, width = target.shape[1], u.shape[3]
    block, mine = state.at // (2 * u.shape[1]), problem.target_at // (2 * outputs)
    for o in range(outputs):
        for lane in range(width):
            c, s = (
                np.float64(u[block, first + o, 0, lane]),
                np.float64(u[block, first + o, 1, lane]),
            )
            a, b = np.float64(target[mine, o, 0, lane]), np.float64(target[mine, o, 1, lane])
            here = law(c, s, a, b)
            share[o, lane] = here
            share[outputs + o, lane] = (law(c - STEP * s, s + STEP * c, a, b) - here) / STEP


@inline
def _torque(ux, uy, fx, fy):
    return absolute(fma(fx, uy, -(fy * ux)))


@inline
def _turned(ux, uy, fx, fy, slope, k):
    """normalise(F − (k (F·u)₊ − (1 − k) σ) u)"""
    # a tiny share of its own direction, which does not change where it comes to rest, lets a site
    # that feels no field stay
    stay = fma(splat(ux, 1.0 - k), slope, splat(ux, 1e-10))
    own = fma(splat(ux, -k), larger(fma(fx, ux, fy * uy), splat(ux, 0.0)), stay)
    vx, vy = fma(own, ux, fx), fma(own, uy, fy)
    scale = rsqrt(fma(vx, vx, vy * vy))
    return vx * scale, vy * scale


@inline
def _visit_two(lanes, i, fx, fy, state, problem, nudged, moving, worst):
    """Visit site i and the next, in these fields."""
    u, share, target = state.u, state.share, problem.target
    n, nothing = state.at + 2 * i, splat(lanes, u.dtype.type(0))
    ux, uy, slope = _two(lanes, u, n, 2), _two(lanes, u, n + 1, 2), join(nothing, nothing)
    if nudged:
        p = i - problem.graph.first_output
        o = problem.target_at + 2 * p
        t, s = _two(lanes, target, o, 2), _two(lanes, target, o + 1, 2)
        a, b = _two(lanes, share, p, 1), _two(lanes, share, p + target.shape[1], 1)
        nx, ny, slope = _nudging(ux, uy, t, s, a, b, problem.nudge)
        fx, fy = fx + nx, fy + ny
    torque = _torque(ux, uy, fx, fy)
    if moving:
        ux, uy = _turned(ux, uy, fx, fy, slope, problem.k)
        store(low(ux), u, n)
        store(low(uy), u, n + 1)
        store(high(ux), u, n + 2)
        store(high(uy), u, n + 3)
    return larger(low(torque), larger(high(torque), worst))


@inline
def _visit(lanes, first, last, state, problem, nudged, moving, worst):
    """Visit rows `first` to `last`, all hidden sites or all outputs, which may be nudged."""
    u, at, share, target = state.u, state.at, state.share, problem.target
    rows, field, weights = problem.graph.free, problem.field, problem.weights
    for r in range(first, last):
        i, size = item(rows.site, r), item(rows.size, r)
        if size == 1:
            fx, fy = _field_of_one(lanes, i, u, at, field, rows, r, weights)
            n = at + 2 * i
            ux, uy, slope = load(lanes, u, n), load(lanes, u, n + 1), splat(lanes, u.dtype.type(0))
            if nudged:
                p = i - problem.graph.first_output
                o = problem.target_at + 2 * p
                t, s = load(lanes, target, o), load(lanes, target, o + 1)
                a, b = load(lanes, share, p), load(lanes, share, p + target.shape[1])
                nx, ny, slope = _nudging(ux, uy, t, s, a, b, problem.nudge)
                fx, fy = fx + nx, fy + ny
            worst = larger(_torque(ux, uy, fx, fy), worst)
            if moving:
                ux, uy = _turned(ux, uy, fx, fy, slope, problem.k)
                store(ux, u, n)
                store(uy, u, n + 1)
        elif size == 2:
            fx, fy = _field_of_two(lanes, i, u, at, field, rows, r, weights)
            worst = _visit_two(lanes, i, fx, fy, state, problem, nudged, moving, worst)
        else:
            fx, fy, gx, gy = _field_of_four(lanes, i, u, at, field, rows, r, weights)
            worst = _visit_two(lanes, i, fx, fy, state, problem, nudged, moving, worst)
            worst = _visit_two(lanes, i + 2, gx, gy, state, problem, nudged, moving, worst)
    return worst


@inline
def _sweep(lanes, state, problem, law, moving):
    """The largest torque |∂(E + βC)/∂φ_i| in every lane.

    Each site's is read when it is visited and, if `moving`, turned.
    """
    graph, nudge = problem.graph, problem.nudge
    hidden, rows = graph.hidden_rows, len(graph.free.middle)
    worst = splat(lanes, state.u.dtype.type(0))
    worst = _visit(lanes, 0, hidden, state, problem, False, moving, worst)
    if nudge.beta != 0.0:
        first, outputs = graph.first_output, problem.target.shape[1]
        if nudge.kind == SOFTMAX:
            at = state.at + 2 * first
            _softmax(lanes, state.u, at, outputs, nudge.scale, state.share)
        if law is not None:
            if nudge.kind == LAW:
                _follow(law, state, problem, first)
    return _visit(lanes, hidden, rows, state, problem, nudge.beta != 0.0, moving, worst)


@inline
def copy(lanes, a, a_at, b, b_at, vectors):
    """Overwrite b by a; less to compile than an assignment of slices."""
    for n in range(vectors):
        store(load(lanes, a, a_at + n), b, b_at + n)


@inline
def _blend(lanes, chosen, a, a_at, b, b_at, vectors):
    """Overwrite b by a in the lanes where `chosen` is 1."""
    nothing = splat(lanes, a.dtype.type(0))
    for n in range(vectors):
        one = where_greater(chosen, nothing, load(lanes, a, a_at + n), load(lanes, b, b_at + n))
        store(one, b, b_at + n)


@part
def _relax_block(lanes, state, problem, law, stopping, report, report_at):
    """Relax one block; its residual and sweeps are vector `report_at` of the report."""
    u, at, aside = state.u, state.at, state.aside
    dtype = u.dtype.type
    zero, one = splat(lanes, dtype(0)), splat(lanes, dtype(1))
    tol, budget = splat(lanes, dtype(stopping.tol)), splat(lanes, dtype(stopping.max_sweeps))
    vectors = 2 * u.shape[1]
    worst, count, frozen, alive = zero, zero, zero, where_greater(budget, zero, one, zero)
    # an aligned start: vectors too short for their torques to count become unit vectors at first
    ux, uy = load(lanes, u, at), load(lanes, u, at + 1)
    short = where_greater(splat(lanes, dtype(0.5)), fma(ux, ux, uy * uy), one, zero)
    fresh = short * splat(lanes, dtype(1e30))
    fixed, moving = stopping.tol < 0.0, largest(alive) > 0.0
    while moving or not fixed or stopping.confirm:
        worst = _sweep(lanes, state, problem, law, moving)
        if moving:
            count = count + alive
            if fixed:
                moving = largest(where_greater(budget, count, one, zero)) > 0.0
                continue
            worst, fresh = larger(worst, fresh), zero
            going = where_greater(worst, tol, where_greater(budget, count, alive, zero), zero)
            if largest(going) > 0.0:
                if largest(alive - going) > 0.0:
                    # these lanes go on being swept with the others, their states are kept aside
                    _blend(lanes, alive - going, u, at, aside, 0, vectors)
                    frozen = frozen + (alive - going)
            else:
                moving = False  # torques were read while neighbours moved: confirm them at rest
                if largest(frozen) > 0.0:
                    _blend(lanes, frozen, aside, 0, u, at, vectors)
            alive = going
        else:
            alive = where_greater(worst, tol, where_greater(budget, count, one, zero), zero)
            if fixed or largest(alive) == 0.0:
                break
            _blend(lanes, one, u, at, aside, 0, vectors)
            frozen, moving = one - alive, True
    store(worst, report.residual, report_at)
    store(count, report.sweeps, report_at)


@inline
def _constant_field(lanes, field, bias, inputs, inputs_at, rows, weights):
    """f_i = h_i (cos ψ_i, sin ψ_i) + Σ_k J_ik u_k over the clamped sites k."""
    for i in range(len(bias)):
        store(splat(lanes, bias[i, 0]), field, 2 * i)
        store(splat(lanes, bias[i, 1]), field, 2 * i + 1)
    for r in range(len(rows.middle)):
        i, size = item(rows.site, r), item(rows.size, r)
        if size == 1:
            fx, fy = _field_of_one(lanes, i, inputs, inputs_at, field, rows, r, weights)
            store(fx, field, 2 * i)
            store(fy, field, 2 * i + 1)
        elif size == 2:
            fx, fy = _field_of_two(lanes, i, inputs, inputs_at, field, rows, r, weights)
            store(low(fx), field, 2 * i)
            store(low(fy), field, 2 * i + 1)
            store(high(fx), field, 2 * i + 2)
            store(high(fy), field, 2 * i + 3)
        else:
            a, b, c, d = _field_of_four(lanes, i, inputs, inputs_at, field, rows, r, weights)
            store(low(a), field, 2 * i)
            store(low(b), field, 2 * i + 1)
            store(high(a), field, 2 * i + 2)
            store(high(b), field, 2 * i + 3)
            store(low(c), field, 2 * i + 4)
            store(low(d), field, 2 * i + 5)
            store(high(c), field, 2 * i + 6)
            store(high(d), field, 2 * i + 7)


@inline
def _fraction(stopping):
    """k = μ/(1 + μ)"""
    return stopping.over_relaxation / (1.0 + stopping.over_relaxation)


@part
def _taken(values, numbers):
    """values[numbers]"""
    out = empty(values, (len(numbers),))
    for n in range(len(numbers)):
        out[n] = values[numbers[n]]
    return out


@inline
def _four_products(lanes, blocks, i, j, left, left_at, right, right_at):
    """Σ over the samples of a_i·b_j for four pairs of sites, in one vector."""
    a = b = c = d = splat(lanes, left.dtype.type(0))
    lefts, rights = 2 * left.shape[1], 2 * right.shape[1]
    for block in range(blocks):
        p, q = left_at + block * lefts, right_at + block * rights
        for component in range(2):
            a = fma(
                load(lanes, left, p + 2 * i[0] + component),
                load(lanes, right, q + 2 * j[0] + component),
                a,
            )
            b = fma(
                load(lanes, left, p + 2 * i[1] + component),
                load(lanes, right, q + 2 * j[1] + component),
                b,
            )
            c = fma(
                load(lanes, left, p + 2 * i[2] + component),
                load(lanes, right, q + 2 * j[2] + component),
                c,
            )
            d = fma(
                load(lanes, left, p + 2 * i[3] + component),
                load(lanes, right, q + 2 * j[3] + component),
                d,
            )
    return totals(join(join(a, b), join(c, d)))


@inline
def _four_sums(lanes, blocks, i, j, pair, others, others_at, mutual):
    """Σ over the samples of d_i·u_j, and of m_i·d_j if `mutual`, for four pairs of sites."""
    mean, change = pair
    sums = _four_products(lanes, blocks, i, j, change, 0, others, others_at)
    return sums + _four_products(lanes, blocks, i, j, mean, 0, change, 0) if mutual else sums


#: Neighbours of a row whose states the first-level cache holds for one unit of samples.
NEAR = 32


@part
def _products(lanes, blocks, rows, stops, pair, others, others_at, mutual, products):
    """Σ over the samples of d_i·u_j, and of m_i·d_j if `mutual`, of couplings up to ``stops``."""
    sums, longest = empty(products, (NEAR + 1, 4)), 0
    for r in range(len(stops)):
        longest = max(longest, stops[r] - rows.first[r])
    for turn in range(0, longest, NEAR):  # rows of dense layers take turns
        for r in range(len(stops)):
            i, size, four = rows.site[r], rows.size[r], 0
            first = rows.first[r] + turn
            last = min(first + NEAR, stops[r]) - 1
            # a row's couplings lie in the order of its neighbours, of which the last one is
            # repeated to make up four pairs
            for k in range(first, last + 1, 4 // size):
                j0, j1 = rows.indices[k], rows.indices[min(k + 1, last)]
                if size == 4:
                    i4, j4 = (i, i + 1, i + 2, i + 3), (j0, j0, j0, j0)
                elif size == 2:
                    i4, j4 = (i, i + 1, i, i + 1), (j0, j0, j1, j1)
                else:
                    j2, j3 = rows.indices[min(k + 2, last)], rows.indices[min(k + 3, last)]
                    i4, j4 = (i, i, i, i), (j0, j1, j2, j3)
                found = _four_sums(lanes, blocks, i4, j4, pair, others, others_at, mutual)
                store(found, sums, four)
                four += 1
            for n in range(size * (last + 1 - first)):
                products[rows.coupling[rows.weight[r] + size * turn + n]] = sums[n // 4, n % 4]


@part
def _contrast(lanes, n_blocks, plus, minus, batch, first, graph, sums):
    """`Sums` over the samples of some blocks.

    With the mean m and the difference d of the two states, u⁺_i·u⁺_j − u⁻_i·u⁻_j =
    m_i·d_j + d_i·m_j exactly, which keeps the digits that a difference of two numbers near one
    loses; next to a clamped site it is u_k·d_i. ``plus`` and ``minus`` hold the states of as many
    blocks, of which the first is block number `first` of the batch, and become m and d.
    """
    half, n = splat(lanes, plus.dtype.type(0.5)), 2 * plus.shape[1]
    for b in range(n_blocks):
        keep = load(lanes, batch.mask, first + b)
        for v in range(b * n, (b + 1) * n):
            p, m = load(lanes, plus, v), load(lanes, minus, v)
            store(half * (p + m), plus, v)
            store(keep * (p - m), minus, v)
    products, at = zeros(plus, (len(graph.parameter),)), 2 * first * batch.inputs.shape[1]
    free, clamped, pair = graph.free, graph.clamped, (plus, minus)
    _products(lanes, n_blocks, free, free.middle, pair, plus, 0, True, products)
    _products(lanes, n_blocks, clamped, clamped.first[1:], pair, batch.inputs, at, False, products)
    for c in range(len(sums.coupling)):
        sums.coupling[c] = 0.0
    # couplings that share a parameter in the order of their numbers, whatever that of the rows
    for c in range(len(products)):
        sums.coupling[graph.parameter[c]] += products[c]
    for i in range(plus.shape[1]):
        sums.site[i, 0] = sums.site[i, 1] = 0.0
        for b in range(n_blocks):
            sums.site[i, 0] += total(load(lanes, minus, b * n + 2 * i))
            sums.site[i, 1] += total(load(lanes, minus, b * n + 2 * i + 1))


@kernel
def gradient_blocks(lanes, blocks, batch, model, phases, law, report, sums):
    """Free equilibrium, two nudged equilibria from it, and their contrast, summed over ``blocks``.

    ``batch.u`` is left at the free equilibrium.
    """
    u, graph, target = batch.u, model.graph, batch.target
    first, n = blocks[0], blocks[1] - blocks[0]
    aside, field = empty(u, u.shape[1:]), empty(u, u.shape[1:])
    share = zeros(u, (2 * target.shape[1], u.shape[3]))
    room = n if phases.stop == 3 else 0
    shape = (room, *u.shape[1:])
    plus, minus = empty(u, shape), empty(u, shape)
    weights = _taken(model.couplings, graph.free.parameter)
    input_weights = _taken(model.couplings, graph.clamped.parameter)
    size, target_size = 2 * u.shape[1], 2 * target.shape[1]
    for b in range(first, blocks[1]):
        at = 2 * b * batch.inputs.shape[1]
        _constant_field(lanes, field, model.bias, batch.inputs, at, graph.clamped, input_weights)
        for phase in range(phases.first, phases.stop):
            nudge, stopping = phases.nudges[phase], phases.stoppings[phase]
            where, at = u, b * size
            if phase > 0:
                where, at = plus if phase == 1 else minus, (b - first) * size
                copy(lanes, u, b * size, where, at, size)
            if phase == 0 or nudge.beta != 0.0:
                state, k = State(where, at, aside, share), _fraction(stopping)
                problem = Problem(graph, weights, field, target, b * target_size, nudge, k)
                _relax_block(lanes, state, problem, law, stopping, report, phase * u.shape[0] + b)
            if phase > 0:
                slot = ((phase - 1) * u.shape[0] + b) * target_size
                copy(lanes, where, at + 2 * graph.first_output, report.outputs, slot, target_size)
    if phases.stop == 3:
        _contrast(lanes, n, plus, minus, batch, first, graph, sums)


@kernel
def contrast_blocks(lanes, n_blocks, plus, minus, batch, graph, sums):
    """The contrast alone, of equilibria found by other means; both are overwritten."""
    _contrast(lanes, n_blocks, plus, minus, batch, 0, graph, sums)
