"""Relaxation of a machine that is not ideal, with the same bits on any processor.

What a site does in one visit follows from its local field F, with a coupling J_ij that need not be
J_ji, from its own torque ω and from the temperature T:

    rest     u along F, turned by δ with sin δ = ω/|F|; a site with |ω| > |F| does not lock
    heat     u from the von Mises distribution about that, of concentration |F|/T (a heat bath)
"""

from typing import NamedTuple

import numpy as np

from . import inline, kernel
from .elementary import log, sincos
from .vectors import fma, item, load, rsqrt, splat, store, where_greater

_ONE = np.uint64(1)


class Wiring(NamedTuple):
    """What acts on the free sites, in the order of their visits."""

    first: np.ndarray  # (free + 1,) site i has the neighbours other[first[i]:first[i + 1]]
    middle: np.ndarray  # (free,) where those that are inputs end
    other: np.ndarray  # numbers of sites, inputs first
    weights: np.ndarray  # coupling as the site feels it
    bias: np.ndarray  # (free, 2)
    torque: np.ndarray  # (free,) ω
    stuck: np.ndarray  # (free,) whether the site does not move


class Rule(NamedTuple):
    sweeps: int
    reads: int  # last sweeps, over which unit vectors are averaged
    over_relaxation: float  # μ, of sites at rest
    temperature: float


@inline
def _mixed(x):
    """A bijection of 64-bit words that leaves no pattern (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@inline
def _uniform(key, n):
    """Number n of the key's sequence, in (0, 1)."""
    word = _mixed(key + np.uint64(n + 1) * np.uint64(0x9E3779B97F4A7C15))
    return (np.float64(word >> np.uint64(12)) + 0.5) * 2.0**-52


@inline
def _von_mises(kappa, key):
    """cos θ and sin θ of density ∝ exp(κ cos θ): Best and Fisher, Appl. Stat. 28, 152 (1979)."""
    if kappa < 1e-6:
        s, c = sincos(2.0 * np.pi * _uniform(key, 0))
        return c, s
    tau = 1.0 + np.sqrt(1.0 + 4.0 * kappa * kappa)
    rho = (tau - np.sqrt(2.0 * tau)) / (2.0 * kappa)
    above = (1.0 - rho) * (1.0 - rho) / (2.0 * rho)  # r − 1
    r, n = 1.0 + above, 0
    while True:
        s, z = sincos(np.pi * _uniform(key, n))
        v = _uniform(key, n + 1)
        less, more = above * (1.0 - z) / (r + z), (r + 1.0) * (1.0 + z) / (r + z)  # 1 ∓ cos θ
        c = kappa * (above + less)  # κ (r − cos θ)
        if c * (2.0 - c) > v or log(c / v) + 1.0 - c >= 0.0 or n > 600:
            break
        n += 3
    sine = np.sqrt(max(less * more, 0.0))
    return 1.0 - less, (sine if _uniform(key, n + 2) < 0.5 else -sine)


@kernel
def relax_samples(lanes, state, wiring, rule, keys, push, u, mean):
    """Relax (sample, site, 2) unit vectors u in place; mean: averages over the last sweeps.

    state : (site, 2, lane) memory for the samples that are relaxed side by side
    keys : (sample,) of the random numbers;  push : (sample, output, 2) further field of outputs
    """
    n_free, n, sites, width = len(wiring.bias), len(u), u.shape[1], state.shape[2]
    first_free, first_output = sites - n_free, n_free - push.shape[1]
    average, fixed = np.empty((n_free, 2, width)), np.empty((n_free, 2, width))
    field = np.empty((2, width))
    for start in range(0, n, width):
        alive = min(width, n - start)
        for lane in range(width):
            k = min(start + lane, n - 1)  # the last block is filled up with the last sample
            for i in range(sites):
                state[i, 0, lane], state[i, 1, lane] = u[k, i, 0], u[k, i, 1]
            for i in range(n_free):
                for xy in range(2):
                    pushed = push[k, i - first_output, xy] if i >= first_output else 0.0
                    fixed[i, xy, lane] = wiring.bias[i, xy] + pushed
        for i in range(n_free):
            x, y = load(lanes, fixed, 2 * i), load(lanes, fixed, 2 * i + 1)
            x, y = _felt(lanes, wiring, wiring.first[i], wiring.middle[i], state, x, y)
            store(x, fixed, 2 * i)
            store(y, fixed, 2 * i + 1)
            store(splat(lanes, 0.0), average, 2 * i)
            store(splat(lanes, 0.0), average, 2 * i + 1)
        for sweep in range(rule.sweeps):
            for i in range(n_free):
                if not wiring.stuck[i]:
                    x, y = load(lanes, fixed, 2 * i), load(lanes, fixed, 2 * i + 1)
                    x, y = _felt(lanes, wiring, wiring.middle[i], wiring.first[i + 1], state, x, y)
                    if rule.temperature > 0.0:
                        store(x, field, 0)
                        store(y, field, 1)
                        visit = _mixed(np.uint64(sweep) * np.uint64(n_free) + np.uint64(i) + _ONE)
                        for lane in range(alive):
                            key = _mixed(keys[start + lane] ^ visit)
                            _heat(rule, wiring.torque[i], key, lane, field, state[first_free + i])
                    else:
                        _rest(lanes, rule, wiring.torque[i], x, y, state, 2 * (first_free + i))
            if sweep >= rule.sweeps - rule.reads:
                for k in range(2 * n_free):
                    seen = load(lanes, average, k) + load(lanes, state, 2 * first_free + k)
                    store(seen, average, k)
        for lane in range(alive):
            for i in range(sites):
                for xy in range(2):
                    here = state[i, xy, lane]
                    u[start + lane, i, xy] = here
                    seen = average[max(i - first_free, 0), xy, lane]
                    mean[start + lane, i, xy] = seen if i >= first_free else here


@inline
def _felt(lanes, wiring, first, stop, state, x, y):
    """The field (x, y) and what the neighbours first … stop − 1 add to it."""
    for a in range(first, stop):
        j, weight = 2 * item(wiring.other, a), splat(lanes, item(wiring.weights, a))
        x, y = fma(weight, load(lanes, state, j), x), fma(weight, load(lanes, state, j + 1), y)
    return x, y


@inline
def _rest(lanes, rule, torque, fx, fy, state, at):
    x, y = load(lanes, state, at), load(lanes, state, at + 1)
    one, least = splat(lanes, 1.0), splat(lanes, 1e-200)
    square = fma(fx, fx, fy * fy)
    scale = rsqrt(square + least)
    vx, vy = fx * scale, fy * scale
    if torque != 0.0:
        s = splat(lanes, torque) * scale
        s = where_greater(s, one, one, where_greater(-one, s, -one, s))
        rest = fma(-s, s, one)
        c = rest * rsqrt(rest + least)
        vx, vy = fma(c, vx, -(s * vy)), fma(s, vx, c * vy)
    mu = splat(lanes, rule.over_relaxation)
    vx, vy = fma(mu, vx - x, vx), fma(mu, vy - y, vy)
    scale = rsqrt(fma(vx, vx, fma(vy, vy, least)))
    # without a field a site stays
    store(where_greater(square, least, vx * scale, x), state, at)
    store(where_greater(square, least, vy * scale, y), state, at + 1)


@inline
def _heat(rule, torque, key, lane, field, own):
    fx, fy = field[0, lane], field[1, lane]
    size = np.sqrt(fx * fx + fy * fy)
    if size > 0.0:
        s = min(max(torque / size, -1.0), 1.0)
        c = np.sqrt(1.0 - s * s)
        fx, fy = (c * fx - s * fy) / size, (s * fx + c * fy) / size
    else:
        fx, fy = 1.0, 0.0
    c, s = _von_mises(size / rule.temperature, key)
    own[0, lane], own[1, lane] = c * fx - s * fy, s * fx + c * fy


@kernel
def contrast_of(edges, plus, minus):
    """Σ over samples of u_i · u_j, of (sample, site, 2) states, of one less the other: (edge,)."""
    total = np.zeros(len(edges))
    for k in range(len(plus)):
        a, b = plus[k], minus[k]
        for e in range(len(edges)):
            i, j = edges[e, 0], edges[e, 1]
            total[e] += (a[i, 0] * a[j, 0] + a[i, 1] * a[j, 1]) - (
                b[i, 0] * b[j, 0] + b[i, 1] * b[j, 1]
            )
    return total
