"""Training epochs in one compiled call: random starts, gradient, optimizer and what is recorded.

For networks whose epoch takes microseconds, Python between the kernels takes longer than they do.
Every step is the one of the general loop (`xyep.run`), in the same order, so that both give the
same bits.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import inline, kernel, part
from .compiling import Address
from .elementary import power, sincos
from .fast import Model, Phases, Stopping, Sums, copy, gradient_blocks
from .packing import unit_vector
from .rows import Graph
from .updates import adam, gradient_of
from .vectors import empty, load, splat, store, zeros

# kernels of their own elsewhere, parts of this one here
_gradient_of, _adam, _power = part(gradient_of.py_func), part(adam.py_func), part(power)

ADAM, SGD = range(2)
CONSTANT, LINEAR, COSINE = range(3)


class Rule(NamedTuple):
    """How parameters follow the gradient."""

    kind: int
    learning_rate: float
    memory: float  # β₁ of Adam, or the momentum
    memory2: float  # β₂
    epsilon: float
    schedule: int
    decay: float  # λ of the couplings
    total: int  # updates of the whole training


class Start(NamedTuple):
    """Initial states: random phases of a seed, or the aligned start."""

    seed: np.uint64
    length: float  # 0: random; else that of the unit vectors' stand-ins in an aligned start


class Plan(NamedTuple):
    """What stays the same from epoch to epoch."""

    start: Start
    rule: Rule
    graph: Graph
    phases: Phases
    weight: float  # of the first nudged state in the gradient
    n_samples: int
    units: np.ndarray  # (unit, 2) ranges of blocks


class Kept(NamedTuple):
    """What is kept of each recorded epoch: outputs' unit vectors, and as in `Report`."""

    outputs: np.ndarray
    residual: np.ndarray
    sweeps: np.ndarray


#: Multipliers and key increments of Philox4x64 (Salmon et al., SC 2011).
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


@intrinsic
def _upper(typingctx, a, b):
    """Upper word of a 64×64-bit product."""

    def codegen(context, builder, signature, args):
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(arg, wide) for arg in args))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word)

    return types.uint64(a, b), codegen


@inline
def philox(c0, c1, c2, c3, k0, k1):
    """Ten rounds: four random words of a counter and a key."""
    for _ in range(10):
        h0, h1 = _upper(_M0, c0), _upper(_M1, c2)
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, _M1 * c2, h0 ^ c3 ^ k1, _M0 * c0
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


@inline
def _phase(word):
    """As `xyep.random.phases`."""
    return np.pi * ((2.0 * (word >> np.uint64(12)) + 1.0) * 2.0**-52 - 1.0)


@part
def random_start(lanes, u, n_samples, seed, epoch):
    """``u[block, site, component, lane]`` at random phases: `xyep.random` of this epoch."""
    blocks, sites, width = u.shape[0], u.shape[1], u.shape[3]
    zero, one, key = np.uint64(0), np.uint64(1), np.uint64(seed)
    total = n_samples * sites
    number, sample, site = 0, 0, 0
    for step in range((total + 3) // 4):
        # NumPy's generator counts up before it draws
        words = philox(np.uint64(step) + one, zero, zero, np.uint64(epoch), key, zero)
        for word in words:
            if number < total:
                u[sample // width, site, 0, sample % width] = _phase(word)
                number, site = number + 1, site + 1
                if site == sites:
                    site, sample = 0, sample + 1
    last = n_samples - 1
    for s in range(n_samples, blocks * width):  # the last block is filled up with its last sample
        for i in range(sites):
            u[s // width, i, 0, s % width] = u[last // width, i, 0, last % width]
    for n in range(blocks * sites):
        c, s = unit_vector(load(lanes, u, 2 * n))
        store(c, u, 2 * n)
        store(s, u, 2 * n + 1)


@part
def _updated(theta, gradient, moments, step, rule, n_parameters):
    """Parameters after one update, as the optimizers of `xyep.optimizers` make it."""
    progress = (step - 1) / rule.total
    factor = 1.0
    if rule.schedule == LINEAR:
        factor = 1.0 - progress
    elif rule.schedule == COSINE:
        factor = 0.5 * (1.0 + sincos(np.pi * progress)[1])
    rate = rule.learning_rate * factor
    if rule.kind == ADAM:
        corrections = 1.0 - _power(rule.memory, step), 1.0 - _power(rule.memory2, step)
        memory = rule.memory, rule.memory2
        out = _adam(theta, gradient, moments, memory, corrections, rate, rule.epsilon)
    else:
        out = empty(theta, theta.shape)
        for n in range(len(theta)):
            moments[0, n] = rule.memory * moments[0, n] - rate * gradient[n]
            out[n] = theta[n] + moments[0, n]
    for n in range(n_parameters):
        out[n] *= 1.0 - rate * rule.decay
    return out


@inline
def _hurried(stopping):
    """The same without reading the residual of the last state."""
    return Stopping(stopping.over_relaxation, stopping.tol, stopping.max_sweeps, False)


def gradient_for(lanes, batch, plan, law, report):
    """`gradient_blocks` for `train_epochs` to call; within it, it would be compiled twice."""
    n_free, dtype = batch.u.shape[1], batch.u.dtype
    model = Model(plan.graph, np.empty(0, dtype), np.empty((n_free, 2), dtype))
    sums = Sums(np.empty(0), np.empty((n_free, 2)))
    return Address(gradient_blocks, lanes, (0, 1), batch, model, plan.phases, law, report, sums)


@kernel
def train_epochs(lanes, epochs, plan, batch, relaxed, law, theta, moments, records, report, kept):
    """Epochs ``epochs[0]`` … ``epochs[1]`` of one batch that holds all samples; returns θ.

    `relaxed` is what `gradient_for` returns.

    For the epochs of which ``records`` is true the outputs, residuals and sweeps are `kept`; in the
    others residuals are not read after a fixed number of sweeps. Stops after the first epoch whose
    parameters are not finite.
    """
    u, n_free, rule = batch.u, batch.u.shape[1], plan.rule
    n_outputs, n_inputs = batch.target.shape[1], batch.inputs.shape[1]
    n_sites, first_output = n_free + n_inputs, n_free - n_outputs
    n_parameters, n_units, size = len(theta) - 2 * n_sites, len(plan.units), 2 * n_outputs
    sums = Sums(zeros(theta, (n_units, n_parameters)), zeros(theta, (n_units, n_free, 2)))
    bias, couplings = empty(u, (n_free, 2)), empty(u, (n_parameters,))
    direction, record, calm = empty(theta, (2, n_sites)), 0, plan.phases
    free, nudged = _hurried(calm.stoppings[0]), _hurried(calm.stoppings[1])
    hurried = Phases(calm.nudges, (free, nudged, nudged), calm.first, calm.stop)
    for epoch in range(epochs[0], epochs[1] + 1):
        if plan.start.length == 0.0:
            random_start(lanes, u, plan.n_samples, plan.start.seed, epoch)
        else:
            for n in range(u.shape[0] * n_free):
                store(splat(lanes, u.dtype.type(plan.start.length)), u, 2 * n)
                store(splat(lanes, u.dtype.type(0.0)), u, 2 * n + 1)
        amplitude = theta[n_parameters : n_parameters + n_sites]
        for i in range(n_sites):
            direction[1, i], direction[0, i] = sincos(theta[n_parameters + n_sites + i])
        for i in range(n_free):
            h = amplitude[n_inputs + i]
            bias[i, 0], bias[i, 1] = h * direction[0, n_inputs + i], h * direction[1, n_inputs + i]
        for n in range(n_parameters):
            couplings[n] = theta[n]
        model, recorded = Model(plan.graph, couplings, bias), records[epoch - epochs[0]]
        phases = calm if recorded else hurried
        for unit in range(n_units):
            blocks = plan.units[unit, 0], plan.units[unit, 1]
            mine = Sums(sums.coupling[unit], sums.site[unit])
            relaxed(lanes, blocks, batch, model, phases, law, report, mine)
        gradient = _gradient_of(sums, amplitude, direction, -plan.weight / plan.n_samples)
        if recorded:
            for b in range(u.shape[0]):
                at = 2 * (b * n_free + first_output)
                copy(lanes, u, at, kept.outputs, (record * u.shape[0] + b) * size, size)
            count = 3 * u.shape[0]
            copy(lanes, report.residual, 0, kept.residual, record * count, count)
            copy(lanes, report.sweeps, 0, kept.sweeps, record * count, count)
            record += 1
        theta = _updated(theta, gradient, moments, epoch, rule, n_parameters)
        for n in range(len(theta)):
            if not np.isfinite(theta[n]):
                return theta
    return theta
