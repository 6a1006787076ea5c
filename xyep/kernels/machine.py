"""Relaxation of a machine that is not ideal, one sample at a time, on any processor the same.

What a site does in one visit follows from its local field F, with a coupling J_ij that need not be
J_ji, from its own torque ω and from the temperature T:

    rest     u along F, turned by δ with sin δ = ω/|F|; a site with |ω| > |F| does not lock
    heat     u from the von Mises distribution about that, of concentration |F|/T (a heat bath)
"""

from typing import NamedTuple

import numpy as np

from . import inline, kernel
from .elementary import log, sincos

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
def relax_samples(wiring, rule, keys, push, u, mean):
    """Relax (sample, site, 2) unit vectors u in place; mean: averages over the last sweeps.

    keys : (sample,) of the random numbers;  push : (sample, output, 2) further field of outputs
    """
    n_free = len(wiring.bias)
    first_free = u.shape[1] - n_free
    first_output = n_free - push.shape[1]
    fixed = np.empty((n_free, 2))
    for k in range(len(u)):
        state, average = u[k], mean[k]
        average[:] = 0.0
        average[:first_free] = state[:first_free]
        for i in range(n_free):
            fx, fy = wiring.bias[i, 0], wiring.bias[i, 1]
            if i >= first_output:
                fx += push[k, i - first_output, 0]
                fy += push[k, i - first_output, 1]
            for a in range(wiring.first[i], wiring.middle[i]):
                j = wiring.other[a]
                fx += wiring.weights[a] * state[j, 0]
                fy += wiring.weights[a] * state[j, 1]
            fixed[i, 0], fixed[i, 1] = fx, fy
        for sweep in range(rule.sweeps):
            for i in range(n_free):
                if not wiring.stuck[i]:
                    _visit(wiring, rule, keys[k], sweep, i, first_free, fixed, state)
            if sweep >= rule.sweeps - rule.reads:
                for i in range(first_free, len(state)):
                    average[i, 0] += state[i, 0]
                    average[i, 1] += state[i, 1]


@inline
def _visit(wiring, rule, key, sweep, i, first_free, fixed, state):
    fx, fy = fixed[i, 0], fixed[i, 1]
    for a in range(wiring.middle[i], wiring.first[i + 1]):
        j = wiring.other[a]
        fx += wiring.weights[a] * state[j, 0]
        fy += wiring.weights[a] * state[j, 1]
    size = np.sqrt(fx * fx + fy * fy)
    if size > 0.0:
        fx, fy = fx / size, fy / size
        if wiring.torque[i] != 0.0:
            s = min(max(wiring.torque[i] / size, -1.0), 1.0)
            c = np.sqrt(1.0 - s * s)
            fx, fy = c * fx - s * fy, s * fx + c * fy
    else:
        fx, fy = state[first_free + i, 0], state[first_free + i, 1]
    if rule.temperature > 0.0:
        visit = np.uint64(sweep) * np.uint64(len(fixed)) + np.uint64(i)
        c, s = _von_mises(size / rule.temperature, _mixed(key ^ _mixed(visit + _ONE)))
        fx, fy = c * fx - s * fy, s * fx + c * fy
    else:
        mu = rule.over_relaxation
        fx = (1.0 + mu) * fx - mu * state[first_free + i, 0]
        fy = (1.0 + mu) * fy - mu * state[first_free + i, 1]
        size = np.sqrt(fx * fx + fy * fy)
        if size > 0.0:
            fx, fy = fx / size, fy / size
    state[first_free + i, 0], state[first_free + i, 1] = fx, fy


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
