"""Estimators: at which nudging strengths equilibria are compared, and with which weights.

For any parameter θ

    dC/dθ ≈ Σ_k w_k ∂E/∂θ|_β_k,      Σ_k w_k = 0,  Σ_k w_k β_k = 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from .checks import check_integer
from .kernels.elementary import cosine, sine


@runtime_checkable
class Estimator(Protocol):
    """At which nudging strengths equilibria are compared, and with which weights.

    >>> class Skew:
    ...     "β against −β/2"
    ...
    ...     def points(self, beta):
    ...         return (beta, -beta / 2), (2 / 3 / beta, -2 / 3 / beta)
    >>> isinstance(Skew(), Estimator)
    True
    """

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """Strengths β_k and weights w_k with Σ w_k = 0 and Σ w_k β_k = 1."""
        ...


@dataclass(frozen=True)
class Centered:
    """Strengths (β, −β) with weights ±1/(2β).

    The error is O(β²), and what a truncated relaxation leaves cancels. The default.

    >>> Centered().points(0.1)
    ((0.1, -0.1), (5.0, -5.0))
    """

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """See `Estimator`."""
        return (beta, -beta), (0.5 / beta, -0.5 / beta)


@dataclass(frozen=True)
class OneSided:
    """Strengths (β, 0) with weights ±1/β: error O(β).

    >>> OneSided().points(0.1)
    ((0.1, 0.0), (10.0, -10.0))
    """

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """See `Estimator`."""
        return (beta, 0.0), (1 / beta, -1 / beta)


@dataclass(frozen=True)
class Holomorphic:
    """N strengths β e^{2πik/N} with weights e^{−2πik/N}/(Nβ), and so complex phases.

    The error is O((β/R)^N) within the radius of convergence R, see `xyep.holomorphic`; for
    `ep_gradient`, not for training.

    n : N, an even number from 2 to 1024; 2 is the centred estimator

    >>> betas, weights = Holomorphic(4).points(0.5)
    >>> np.round(betas, 3)
    array([ 0.5+0.j ,  0. +0.5j, -0.5+0.j , -0. -0.5j])
    >>> bool(abs(sum(weights)) < 1e-12 and abs(np.dot(weights, betas) - 1) < 1e-12)
    True
    """

    n: int = 8

    def __post_init__(self) -> None:
        if check_integer("points", self.n, 2, 1024) % 2:
            raise ValueError(f"points: found {self.n}; an even number is needed")

    def points(self, beta: float) -> tuple[Sequence[complex], Sequence[complex]]:
        """See `Estimator`."""
        turn = 2 * np.pi * np.arange(self.n) / self.n
        circle = cosine(turn) + 1j * sine(turn)
        return tuple(beta * circle), tuple(circle.conj() / (self.n * beta))


ESTIMATORS: dict[str, type] = {
    "centered": Centered,
    "one_sided": OneSided,
    "holomorphic": Holomorphic,
}


def as_estimator(estimator: str | Estimator, points: int | None = None) -> Estimator:
    """An estimator from its name, or the object itself; `points` belongs to "holomorphic".

    >>> as_estimator("holomorphic", 16)
    Holomorphic(n=16)
    """
    if points is not None and estimator != "holomorphic":
        raise ValueError(f"points: found {points} for {estimator!r}; only 'holomorphic' has points")
    if isinstance(estimator, str) and estimator in ESTIMATORS:
        return ESTIMATORS[estimator](*(() if points is None else (points,)))
    if isinstance(estimator, (str, type)) or not isinstance(estimator, Estimator):
        raise (ValueError if isinstance(estimator, str) else TypeError)(
            f"estimator: found {estimator!r}; one of {', '.join(map(repr, ESTIMATORS))} or an "
            "object with the method of xyep.Estimator is needed"
        )
    return estimator


def real_points(estimator: Estimator, beta: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Strengths and weights of an estimator that a relaxation can follow, checked."""
    try:
        betas, weights = (np.asarray(part, complex) for part in estimator.points(beta))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"estimator: found `points` of {estimator!r} that are no pair of lists of numbers: "
            f"{error}; strengths and weights are needed"
        ) from error
    if betas.ndim != 1 or betas.shape != weights.shape or len(betas) < 2:
        raise ValueError(
            f"estimator: found strengths of shape {betas.shape} and weights of shape "
            f"{weights.shape} from `points`; as many of each, at least two, are needed"
        )
    if (betas.imag != 0).any() or (weights.imag != 0).any():
        raise ValueError(
            f"estimator: found complex strengths from {estimator!r}; relaxations and training need "
            "real ones"
        )
    size = np.abs(weights).sum()
    # NaN is none of these
    fits = abs(weights.sum()) <= 1e-9 * size and abs((weights * betas).sum() - 1) <= 1e-9
    if not fits:
        raise ValueError(
            f"estimator: found weights {weights.real} at strengths {betas.real} from "
            f"{estimator!r}; weights that sum to 0, and to 1 times their strengths, are needed"
        )
    return tuple(map(float, betas.real)), tuple(map(float, weights.real))
