"""Phases of samples into blocks of unit vectors.

Sine and cosine are polynomials, evaluated in all lanes at once: with x reduced to |x| ≤ π and
h = x/2, Taylor's series of sin h and cos h, then sin x = 2 sin h cos h and cos x = 1 − 2 sin² h, to
an absolute error of a few units in the last place up to |x| = 10⁴, the largest phase allowed.
"""

from math import factorial

import numpy as np

from . import inline, kernel
from .vectors import (
    fma,
    load,
    nearest,
    series,
    splat,
    store,
)

#: π in three parts, the first two short enough for their multiples to be exact in float32.
_PI = (3.140625, 0.0009675025939941406, 1.509957990978376432e-07)
#: Coefficients of h² in sin h / h and cos h, the highest first; they serve float64 at |h| ≤ π/2.
_SINE, _COSINE = (
    tuple((-1.0) ** k / factorial(2 * k + odd) for k in range(10, -1, -1)) for odd in (1, 0)
)


@inline
def unit_vector(x):
    """cos x and sin x"""
    n, two = nearest(x * splat(x, 0.5 / np.pi)), splat(x, 2.0)
    h = splat(x, 0.5) * x
    for part in _PI:
        h = fma(-n, splat(x, part), h)
    square = h * h
    s, c = h * series(_SINE, x, square), series(_COSINE, x, square)
    c, s = fma(-two * s, s, splat(x, 1.0)), two * s * c
    return c, s


@kernel
def pack_blocks(lanes, blocks, phases, rows, u):
    """``u[block, site, component, lane]`` of ``blocks``, from phases[row, site].

    ``rows`` names the row of phases for each of their lanes.
    """
    sites, width = u.shape[1], u.shape[3]
    for b in range(blocks[0], blocks[1]):
        mine = rows[(b - blocks[0]) * width :]
        for i in range(sites):
            for lane in range(width):
                u[b, i, 0, lane] = phases[mine[lane], i]
        for n in range(b * sites, (b + 1) * sites):
            c, s = unit_vector(load(lanes, u, 2 * n))
            store(c, u, 2 * n)
            store(s, u, 2 * n + 1)
