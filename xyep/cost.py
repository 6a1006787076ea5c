"""Costs of the outputs, all of the form C = −Σ_o f(cos(φ_o − t_o))."""

from dataclasses import dataclass

import numpy as np

from .checks import check_number
from .kernels import POLE


@dataclass(frozen=True)
class Cost:
    """C = −Σ_o log(1 + κ cos(φ_o − t_o)) / κ with sharpness 0 ≤ κ ≤ 1.

    κ = 1 is the logarithmic cost −Σ log(1 + cos), whose force −tan((φ − t)/2) has no unstable zero at φ = t + π; κ → 0 is 1 − cos up
    to a constant; values between soften the pole. An output nudged with strength β feels the field β f'(x) t, f'(x) = 1/(1 + κx).
    Where 1 + κx is below `POLE` = 1e-6, closer than 1.5 mrad to the pole of κ = 1, it is replaced by that, here as in the kernels, so
    that an output exactly opposite to its target has a finite cost.
    """

    sharpness: float = 1.0

    def __post_init__(self):
        check_number("sharpness", self.sharpness, 0.0, 1.0)

    def __call__(self, phases, targets):
        """C of each sample; phases and targets are (…, output) in radians."""
        x = np.cos(phases - targets)
        f = np.log1p(np.maximum(self.sharpness * x, POLE - 1)) / self.sharpness if self.sharpness else x
        return -f.sum(axis=-1)

    def gradient(self, phases, targets):
        """∂C/∂φ_o = sin(φ_o − t_o) / (1 + κ cos(φ_o − t_o)), of shape (…, output)."""
        return np.sin(phases - targets) / np.maximum(1 + self.sharpness * np.cos(phases - targets), POLE)


COSTS = {"log_cosine": Cost(1.0), "cosine": Cost(0.0)}


def as_cost(cost):
    """A `Cost`, or one of the names "log_cosine" and "cosine"."""
    if isinstance(cost, Cost):
        return cost
    if not isinstance(cost, str) or cost not in COSTS:
        raise ValueError(f"cost: found {cost!r}; a Cost or one of {', '.join(map(repr, COSTS))} is needed")
    return COSTS[cost]


def distance(phases, targets):
    """D = ½ Σ_o (1 − cos(φ_o − t_o)) of each sample, the cost that is reported."""
    return 0.5 * (1 - np.cos(phases - targets)).sum(axis=-1)
