"""The flat gradient and parameter updates, each in one pass over memory."""

import numpy as np

from . import kernel


@kernel
def gradient_of(coupling_sums, site_sums, amplitude, direction, factor):
    """Flat gradient from the sums of each unit of samples.

    They are added in their order, whichever thread computed them. ``amplitude`` and ``direction``
    (x or y, site) are those of the biases of all sites, of which the last ones are free.
    """
    n_parameters, n_sites = coupling_sums.shape[1], len(amplitude)
    clamped = n_sites - site_sums.shape[1]
    gradient = np.zeros(n_parameters + 2 * n_sites)
    for unit in range(len(coupling_sums)):
        for n in range(n_parameters):
            gradient[n] += coupling_sums[unit, n] * factor
        for i in range(clamped, n_sites):
            x, y = direction[0, i], direction[1, i]
            dx, dy = (
                site_sums[unit, i - clamped, 0] * factor,
                site_sums[unit, i - clamped, 1] * factor,
            )
            gradient[n_parameters + i] += x * dx + y * dy
            gradient[n_parameters + n_sites + i] += amplitude[i] * (x * dy - y * dx)
    return gradient


@kernel
def adam(theta, gradient, mean, square, beta1, beta2, correction1, correction2, rate, epsilon):
    """Updated copy of ``theta``; the moments ``mean`` and ``square`` change in place."""
    out = np.empty_like(theta)
    rate, scale = rate / correction1, 1 / np.sqrt(correction2)
    for n in range(len(theta)):
        mean[n] += (1 - beta1) * (gradient[n] - mean[n])
        square[n] += (1 - beta2) * (gradient[n] * gradient[n] - square[n])
        out[n] = theta[n] - rate * mean[n] / (np.sqrt(square[n]) * scale + epsilon)
    return out
