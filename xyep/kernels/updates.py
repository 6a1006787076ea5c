"""Parameter updates in one pass over memory."""

import numpy as np
from numba import njit

from . import OPTIONS


@njit(**OPTIONS)
def adam(theta, gradient, mean, square, beta1, beta2, correction1, correction2, rate, epsilon):
    """Updated copy of ``theta``; the moments ``mean`` and ``square`` change in place."""
    out = np.empty_like(theta)
    for n in range(len(theta)):
        mean[n] += (1 - beta1) * (gradient[n] - mean[n])
        square[n] += (1 - beta2) * (gradient[n] * gradient[n] - square[n])
        out[n] = theta[n] - rate * (mean[n] / correction1) / (np.sqrt(square[n] / correction2) + epsilon)
    return out
