"""Costs of the outputs: value, gradient, and the field by which they nudge.

A cost of your own is any object with the two methods of `Cost`:

>>> class Quartic:
...     "C = ½ Σ_o (1 − cos(φ_o − t_o))²"
...
...     def __call__(self, phases, targets):
...         return 0.5 * ((1 - np.cos(phases - targets)) ** 2).sum(axis=-1)
...
...     def gradient(self, phases, targets):
...         return (1 - np.cos(phases - targets)) * np.sin(phases - targets)
>>> as_cost(Quartic())(np.zeros((1, 2)), np.ones((1, 2))).round(3)
array([0.211])

That is enough for tangent nudging and for exact gradients. See `Cost` for nudging by E + βC itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numba import cfunc
from numba.core.errors import NumbaError
from numpy.typing import NDArray

from .checks import check_array, check_choice, check_number
from .kernels import POLE
from .kernels.elementary import cosine, exponential, logarithm, logarithm1p, sine
from .kernels.fast import LAW, LOG_COSINE, SOFTMAX, TANGENT, Nudge

Phases = NDArray[np.floating[Any]]

#: Nearness to a pole, as 1 + κ cos(φ − t), at which an output counts as sitting at it: 0.045 rad.
AT_POLE = 1e-3

NUDGINGS = ("cost", "tangent")


@runtime_checkable
class Cost(Protocol):
    """What a cost must know; phases and targets are (…, output) in radians.

    >>> isinstance(LogCosine(), Cost), isinstance("cosine", Cost)
    (True, False)

    With a `slope`, ½ Σ_o (1 − cos(φ_o − t_o))² nudges as LogCosine does:

    >>> def slope(c, s, ct, st):
    ...     return (1 - c * ct - s * st) * (s * ct - c * st)  # (1 − cos) sin of the difference

    Optional further attributes:

    slope : function of four numbers (cos φ, sin φ, cos t, sin t) → ∂C/∂φ of one output, that Numba
        can compile. With it the kernels can relax E + βC (``nudging="cost"``); it must be the
        gradient of a cost in which each output stands for itself.
    at_pole : method (phases, targets) → (…, output) booleans, where the cost has a pole.
    check : method (targets) that raises a ValueError for targets that do not suit the cost.
    """

    def __call__(self, phases: Phases, targets: Phases) -> Phases:
        """C of each sample, of shape (…,)."""
        ...

    def gradient(self, phases: Phases, targets: Phases) -> Phases:
        """∂C/∂φ_o, of shape (…, output)."""
        ...


@dataclass(frozen=True)
class LogCosine:
    """C = −Σ_o log(1 + κ cos(φ_o − t_o)) / κ, each output by itself, with sharpness 0 ≤ κ ≤ 1.

    κ = 1 is the logarithmic cost −Σ log(1 + cos), whose force −tan((φ − t)/2) has no unstable zero
    at φ = t + π; κ → 0 is 1 − cos up to a constant; values between soften the pole. An output
    nudged with strength β feels the field β f'(x) t, f'(x) = 1/(1 + κx). Where 1 + κx is below
    `POLE` = 1e-6, closer than 1.5 mrad to the pole of κ = 1, it is replaced by that, here as in the
    kernels, so that an output exactly opposite to its target has a finite cost.

    >>> LogCosine()(np.array([[0.0]]), np.array([[np.pi / 2]])).round(12)
    array([-0.])
    >>> LogCosine(sharpness=0.5).gradient(np.array([[0.5]]), np.array([[0.0]])).round(3)
    array([[0.333]])
    """

    sharpness: float = 1.0

    def __post_init__(self) -> None:
        check_number("sharpness", self.sharpness, 0.0, 1.0)

    def __call__(self, phases: Phases, targets: Phases) -> Phases:
        """C of each sample; phases and targets are (…, output) in radians."""
        x = cosine(phases - targets)
        if self.sharpness:
            x = logarithm1p(np.maximum(self.sharpness * x, POLE - 1)) / self.sharpness
        return -x.sum(axis=-1)

    def gradient(self, phases: Phases, targets: Phases) -> Phases:
        """∂C/∂φ_o = sin(φ_o − t_o) / (1 + κ cos(φ_o − t_o)), of shape (…, output)."""
        away = phases - targets
        return sine(away) / np.maximum(1 + self.sharpness * cosine(away), POLE)

    def at_pole(self, phases: Phases, targets: Phases) -> NDArray[np.bool_]:
        """Whether 1 + κ cos(φ_o − t_o) < `AT_POLE`, of shape (…, output)."""
        return 1 + self.sharpness * cosine(phases - targets) < AT_POLE


@dataclass(frozen=True)
class CrossEntropy:
    """C = −log p_y, p_o = exp(s sin φ_o) / Σ_o' exp(s sin φ_o'), y = argmax_o sin t_o.

    It has no pole, hardly pulls at answers that are right by a margin, and takes the outputs
    together: output o is nudged with β s (y_o − p_o) along π/2 (y_o = 1 for the right class, else
    0), which needs to know what the others answer, but only at the outputs. Targets are ±π/2. Used
    with equilibrium propagation by Laborieux et al., Front. Neurosci. 15, 633674 (2021).

    scale : s > 0; 1/s is the margin in sin φ beyond which an answer counts as sure.

    >>> CrossEntropy(10.0)(np.array([[1.0, -1.0]]), np.array([[1.57, -1.57]])) < 1e-6
    array([ True])
    """

    scale: float = 10.0

    def __post_init__(self) -> None:
        check_number("scale", self.scale, 1e-3, 50.0)

    def _share(self, phases: Phases) -> Phases:
        weight = exponential(self.scale * sine(phases))
        return weight / weight.sum(axis=-1, keepdims=True)

    def __call__(self, phases: Phases, targets: Phases) -> Phases:
        """C of each sample; phases and targets are (…, output) in radians."""
        return -logarithm((self._share(phases) * (sine(targets) > 0)).sum(axis=-1))

    def gradient(self, phases: Phases, targets: Phases) -> Phases:
        """∂C/∂φ_o = −s (y_o − p_o) cos φ_o, of shape (…, output)."""
        return -self.scale * ((sine(targets) > 0) - self._share(phases)) * cosine(phases)

    def check(self, targets: Phases) -> None:
        """Exactly one output of each sample must have sin t > 0."""
        wrong = np.count_nonzero((sine(targets) > 0).sum(axis=-1) != 1)
        if wrong:
            raise ValueError(
                f"targets: found {wrong} samples without exactly one output with sin t > 0; "
                "classes are needed for the cross-entropy"
            )


COSTS: dict[str, Cost] = {
    "log_cosine": LogCosine(1.0),
    "cosine": LogCosine(0.0),
    "cross_entropy": CrossEntropy(),
}


def as_cost(cost: str | Cost) -> Cost:
    """A cost from its name ("log_cosine", "cosine", "cross_entropy"), or the object itself.

    >>> as_cost("cosine")
    LogCosine(sharpness=0.0)
    """
    if isinstance(cost, str) and cost in COSTS:
        return COSTS[cost]
    if isinstance(cost, str) or isinstance(cost, type) or not isinstance(cost, Cost):
        raise (ValueError if isinstance(cost, str) else TypeError)(
            f"cost: found {cost!r}; one of {', '.join(map(repr, COSTS))} or an object with the "
            "methods of xyep.Cost is needed"
        )
    return cost


def check_targets(cost: Cost, targets: Phases) -> None:
    """Raise unless the targets suit the cost."""
    if hasattr(cost, "check"):
        cost.check(targets)


def at_pole(cost: Cost, phases: Phases, targets: Phases) -> NDArray[np.bool_]:
    """(…, sample) whether any output sits at a pole of the cost; costs without poles say never."""
    if not hasattr(cost, "at_pole"):
        return np.zeros(phases.shape[:-1], bool)
    return cost.at_pole(phases, targets).any(axis=-1)


def gradient_of(cost: Cost, phases: Phases, targets: Phases) -> Phases:
    """∂C/∂φ_o of any cost, checked."""
    return check_array("cost.gradient", cost.gradient(phases, targets), phases.shape)


def as_nudging(cost: Cost, nudging: str | None) -> str:
    """The nudging asked for, by default "cost" where the kernels can and else "tangent"."""
    known = isinstance(cost, (LogCosine, CrossEntropy))
    able = known or hasattr(cost, "slope")
    if able and not known and nudging != "tangent":
        _check_slope(cost)
    if nudging is None:
        return "cost" if able else "tangent"
    if check_choice("nudging", nudging, NUDGINGS) == "cost" and not able:
        raise ValueError(
            f"nudging: found 'cost' for {type(cost).__name__}, which has no `slope` (see "
            "xyep.Cost); 'tangent' is needed"
        )
    return nudging


def nudge_of(cost: Cost, beta: float, nudging: str) -> tuple[Nudge, Any]:
    """What the kernels need to know for nudging with β, and the law of a cost of the user's own."""
    if nudging == "tangent" or beta == 0:
        return Nudge(TANGENT, beta, 0.0, 0.0), None
    if isinstance(cost, LogCosine):
        return Nudge(LOG_COSINE, beta, float(cost.sharpness), 0.0), None
    if isinstance(cost, CrossEntropy):
        return Nudge(SOFTMAX, beta, 0.0, float(cost.scale)), None
    return Nudge(LAW, beta, 0.0, 0.0), _law(_slope_of(cost))


def _slope_of(cost: Cost) -> Callable[..., float]:
    slope = getattr(cost, "slope")  # noqa: B009 - no part of the protocol, as it is optional
    return getattr(slope, "py_func", slope)


@lru_cache
def _law(slope: Callable[..., float]) -> Any:
    """A pointer to a compiled function, which kernels take without being compiled anew."""
    try:
        return cfunc("float64(float64, float64, float64, float64)")(slope)
    except (NumbaError, TypeError) as error:
        brief = (str(error).splitlines() or [""])[0]
        raise TypeError(
            f"cost.slope: found {slope!r}, which Numba cannot compile ({brief}); {_SLOPE}"
        ) from error


_SLOPE = "a function of four numbers (cos φ, sin φ, cos t, sin t) → ∂C/∂φ of one output is needed"


def _check_slope(cost: Cost) -> None:
    """Raise unless `slope` is the gradient, which all else follows, at a few phases."""
    slope = _slope_of(cost)
    if not callable(slope):
        raise TypeError(f"cost.slope: found {slope!r}; {_SLOPE}")
    phases, targets = np.array([[0.3], [-1.2], [2.0]]), np.array([[-0.4], [1.1], [0.7]])
    wanted = gradient_of(cost, phases, targets)[:, 0]
    arguments = [cosine(phases), sine(phases), cosine(targets), sine(targets)]
    law = _law(slope).ctypes
    found = np.array([law(*one) for one in np.concatenate(arguments, axis=1).tolist()])
    if not np.allclose(found, wanted, rtol=1e-5, atol=1e-8):
        raise ValueError(
            f"cost.slope: found {found} at phases {phases[:, 0]} and targets {targets[:, 0]}, but "
            f"cost.gradient gives {wanted}; {_SLOPE}"
        )


def mismatch(phases: Phases, targets: Phases) -> Phases:
    """D = ½ Σ_o (1 − cos(φ_o − t_o)) of each sample, the cost that is reported.

    >>> mismatch(np.array([[0.0], [np.pi]]), np.zeros((2, 1)))
    array([0., 1.])
    """
    return 0.5 * (1 - cosine(np.asarray(phases) - np.asarray(targets))).sum(axis=-1)
