"""The flat gradient and parameter updates, each in one pass over memory."""

import numpy as np

from . import kernel
from .vectors import empty, zeros


@kernel
def gradient_of(sums, amplitude, direction, factor):
    """Flat gradient from the `Sums` of each unit of samples.

    They are added in their order, whichever thread computed them. ``amplitude`` and ``direction``
    (x or y, site) are those of the biases of all sites, of which the last ones are free.
    """
    n_units, n_parameters, n_sites = len(sums.site), sums.coupling.shape[1], len(amplitude)
    clamped = n_sites - sums.site.shape[1]
    gradient = zeros(amplitude, (n_parameters + 2 * n_sites,))
    for unit in range(n_units):
        for n in range(n_parameters):
            gradient[n] += sums.coupling[unit, n] * factor
        for i in range(clamped, n_sites):
            x, y = direction[0, i], direction[1, i]
            dx = sums.site[unit, i - clamped, 0] * factor
            dy = sums.site[unit, i - clamped, 1] * factor
            gradient[n_parameters + i] += x * dx + y * dy
            gradient[n_parameters + n_sites + i] += amplitude[i] * (x * dy - y * dx)
    return gradient


@kernel
def adam(theta, gradient, moments, memory, corrections, rate, epsilon):
    """Updated copy of ``theta``; both ``moments``, of `memory` β₁ and β₂, change in place."""
    out, mean, square = empty(theta, theta.shape), moments[0], moments[1]
    rate, scale = rate / corrections[0], 1 / np.sqrt(corrections[1])
    for n in range(len(theta)):
        mean[n] += (1 - memory[0]) * (gradient[n] - mean[n])
        square[n] += (1 - memory[1]) * (gradient[n] * gradient[n] - square[n])
        out[n] = theta[n] - rate * mean[n] / (np.sqrt(square[n]) * scale + epsilon)
    return out
