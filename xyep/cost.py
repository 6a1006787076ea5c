"""Costs of the outputs: a few forms behind one interface, of value, gradient, and the field by which they nudge."""

from dataclasses import dataclass

import numpy as np

from .checks import check_number
from .kernels import POLE
from .kernels.fast import Nudge


@dataclass(frozen=True)
class LogCosine:
    """C = −Σ_o log(1 + κ cos(φ_o − t_o)) / κ, each output by itself, with sharpness 0 ≤ κ ≤ 1.

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
        f = (
            np.log1p(np.maximum(self.sharpness * x, POLE - 1)) / self.sharpness
            if self.sharpness
            else x
        )
        return -f.sum(axis=-1)

    def gradient(self, phases, targets):
        """∂C/∂φ_o = sin(φ_o − t_o) / (1 + κ cos(φ_o − t_o)), of shape (…, output)."""
        return np.sin(phases - targets) / np.maximum(
            1 + self.sharpness * np.cos(phases - targets), POLE
        )

    def nudge(self, beta):
        """What the kernels need to know for E + βC."""
        return Nudge(beta, self.sharpness, 0.0)


@dataclass(frozen=True)
class CrossEntropy:
    """C = −log p_y, p_o = exp(s sin φ_o) / Σ_o' exp(s sin φ_o'), for classes y read as argmax_o sin φ_o; targets are ±π/2.

    It has no pole, leaves right answers with a margin in peace, and takes the outputs together: output o is nudged with β s (y_o − p_o)
    along π/2 (y_o = 1 for the right class, else 0), which needs to know what the others answer, but only at the outputs. Used with
    equilibrium propagation by Laborieux et al., Front. Neurosci. 15, 633674 (2021).

    scale : s > 0; 1/s is the margin in sin φ beyond which an answer counts as sure.
    """

    scale: float = 10.0

    def __post_init__(self):
        check_number("scale", self.scale, 1e-3, 50.0)

    def _share(self, phases):
        weight = np.exp(self.scale * np.sin(phases))
        return weight / weight.sum(axis=-1, keepdims=True)

    def __call__(self, phases, targets):
        """C of each sample; phases and targets are (…, output) in radians."""
        return -np.log((self._share(phases) * (np.sin(targets) > 0)).sum(axis=-1))

    def gradient(self, phases, targets):
        """∂C/∂φ_o = −s (y_o − p_o) cos φ_o, of shape (…, output)."""
        return -self.scale * ((np.sin(targets) > 0) - self._share(phases)) * np.cos(phases)

    def nudge(self, beta):
        """What the kernels need to know for E + βC."""
        return Nudge(beta, 0.0, self.scale)


COSTS = {"log_cosine": LogCosine(1.0), "cosine": LogCosine(0.0), "cross_entropy": CrossEntropy()}


def as_cost(cost):
    """A `LogCosine` or `CrossEntropy`, or one of the names "log_cosine", "cosine" and "cross_entropy"."""
    if isinstance(cost, (LogCosine, CrossEntropy)):
        return cost
    if not isinstance(cost, str) or cost not in COSTS:
        raise ValueError(
            f"cost: found {cost!r}; a LogCosine, a CrossEntropy or one of {', '.join(map(repr, COSTS))} is needed"
        )
    return COSTS[cost]


def check_classes(cost, targets, name="targets"):
    """Raise unless the targets suit the cost: the cross-entropy needs exactly one output of each sample at π/2."""
    if isinstance(cost, CrossEntropy):
        wrong = (np.sin(targets) > 0).sum(axis=-1) != 1
        if wrong.any():
            raise ValueError(
                f"{name}: {np.count_nonzero(wrong)} samples have not exactly one output with sin t > 0, as cross-entropy needs"
            )


def mismatch(phases, targets):
    """D = ½ Σ_o (1 − cos(φ_o − t_o)) of each sample, the cost that is reported."""
    return 0.5 * (1 - np.cos(phases - targets)).sum(axis=-1)
