"""Update rules over a flat parameter vector, and how their learning rate changes in training.

The state of a rule is explicit, an array, so that a run can be stored and resumed. A rule or a
schedule of one's own is any object with the methods of `Optimizer` or `Schedule`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from .checks import check_choice, check_number, found
from .kernels import elementary
from .kernels.elementary import power
from .kernels.updates import adam

__all__ = ["SGD", "Adam", "Optimizer", "Schedule", "constant", "cosine", "linear", "schedule"]


@runtime_checkable
class Optimizer(Protocol):
    """What an update rule must have; `Adam` and `SGD` are two.

    `learning_rate` is the largest rate η; the schedule multiplies it in training.

    An RMSprop, θ ← θ − η g / √v with v the running mean of g²:

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class RMSprop:
    ...     learning_rate: float = 0.01
    ...
    ...     def init(self, theta):
    ...         return np.zeros((1, len(theta)))
    ...
    ...     def update(self, theta, gradient, state, step, rate):
    ...         state[0] += 0.1 * (gradient**2 - state[0])
    ...         return theta - rate * gradient / (np.sqrt(state[0]) + 1e-8)
    >>> isinstance(RMSprop(), Optimizer), isinstance("adam", Optimizer)
    (True, False)

    A frozen dataclass tells its settings to the store, so that only the same run is resumed.
    """

    @property
    def learning_rate(self) -> float:
        """Rate at the start, in the units of a parameter."""
        ...

    def init(self, theta: np.ndarray) -> np.ndarray:
        """State before the first update, an array of any shape, for (parameter,) `theta`."""
        ...

    def update(
        self, theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, step: int, rate: float
    ) -> np.ndarray:
        """New (parameter,) array after update number `step` = 1, 2, … at this `rate`.

        `theta` and `gradient` stay as they are; `state` is changed in place.
        """
        ...


@runtime_checkable
class Schedule(Protocol):
    """What a schedule must do: a function is enough.

    Down to a tenth in three steps:

    >>> def steps(progress):
    ...     return 10 ** -(int(3 * progress) / 2)
    >>> schedule(steps)(0.0), schedule(steps)(0.99)
    (1.0, 0.1)
    """

    def __call__(self, progress: float, /) -> float:
        """Factor of the learning rate, at least 0; `progress` in [0, 1) is the part done."""
        ...


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, arXiv:1412.6980) with bias-corrected moments.

    m ← m + (1 − β₁)(g − m),  v ← v + (1 − β₂)(g² − v),
    θ ← θ − η m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)   for gradient g at update t = 1, 2, …

    Parameters
    ----------
    learning_rate : η > 0, about the change of each parameter in the first updates
    beta1, beta2 : memory of the two means, in [0, 1)
    epsilon : ε > 0, which bounds an update where the gradient vanishes

    >>> rule, theta = Adam(learning_rate=0.1), np.array([1.0, 2.0])
    >>> state = rule.init(theta)
    >>> rule.update(theta, np.array([5.0, -0.1]), state, step=1, rate=0.1).round(6)
    array([0.9, 2.1])
    """

    learning_rate: float = 0.02
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _check_fields(self, "learning_rate", "epsilon", below_one=("beta1", "beta2"))

    def init(self, theta: np.ndarray) -> np.ndarray:
        """(2, parameter) first and second moments, all 0."""
        return np.zeros((2, *theta.shape))

    def update(
        self, theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, step: int, rate: float
    ) -> np.ndarray:
        """Parameters after update number `step` = 1, 2, …; `state` changes in place."""
        _check_update(theta, gradient, state, 2, step)
        corrections = 1.0 - power(self.beta1, step), 1.0 - power(self.beta2, step)
        memory = self.beta1, self.beta2
        return adam(theta, gradient, state, memory, corrections, rate, self.epsilon)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum: v ← m v − η g, θ ← θ + v.

    Parameters
    ----------
    learning_rate : η > 0
    momentum : m in [0, 1); 0 is plain gradient descent

    >>> rule, theta = SGD(learning_rate=0.5, momentum=0.0), np.array([1.0, 2.0])
    >>> rule.update(theta, np.array([1.0, -1.0]), rule.init(theta), step=1, rate=0.5)
    array([0.5, 2.5])
    """

    learning_rate: float = 0.1
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _check_fields(self, "learning_rate", below_one=("momentum",))

    def init(self, theta: np.ndarray) -> np.ndarray:
        """(1, parameter) velocity v, 0."""
        return np.zeros((1, *theta.shape))

    def update(
        self, theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, step: int, rate: float
    ) -> np.ndarray:
        """Parameters after one update; `state` changes in place."""
        _check_update(theta, gradient, state, 1, step)
        state[0] = self.momentum * state[0] - rate * gradient
        return theta + state[0]


def _check_fields(rule: object, *positive: str, below_one: tuple[str, ...]) -> None:
    for name in positive:
        number = check_number(name, getattr(rule, name), 0.0, exclude=(0.0,))
        object.__setattr__(rule, name, number)
    for name in below_one:
        number = check_number(name, getattr(rule, name), 0.0, 1.0, exclude=(1.0,))
        object.__setattr__(rule, name, number)


def _check_update(
    theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, moments: int, step: int
) -> None:
    """Kernels do not look where arrays end."""
    for name, array, shape in (
        ("theta", theta, np.shape(gradient)),
        ("state", state, (moments, *np.shape(theta))),
    ):
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f"{name}: found shape {np.shape(array)}; an array of shape {shape} is needed, "
                "as theta, gradient and init(theta) have it"
            )
    if step < 1:
        raise ValueError(f"step: found {step}; the number of the update, 1 or more, is needed")


# ---------------------------------------------------------------------------------------- schedules


def constant(progress: float) -> float:
    """1: the learning rate stays, and a run can be made longer.

    >>> constant(0.5)
    1.0
    """
    return 1.0


def linear(progress: float) -> float:
    """1 − p, down to 0 at the end.

    >>> linear(0.25)
    0.75
    """
    return 1.0 - progress


def cosine(progress: float) -> float:
    """(1 + cos πp)/2, flat at both ends, with the same bits on every processor.

    >>> cosine(0.5)
    0.5
    """
    return 0.5 * (1.0 + float(elementary.cosine(np.pi * progress)))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "linear": linear, "cosine": cosine}


@dataclass(frozen=True)
class _Checked:
    """A schedule of the user's, each of whose factors is checked."""

    rule: Schedule

    def __call__(self, progress: float) -> float:
        return check_number(f"schedule({progress:.4g})", self.rule(progress), 0.0)


def schedule(value: str | Schedule) -> Schedule:
    """The schedule of that name, "constant", "linear" or "cosine", or the user's own function.

    A schedule maps the part of the updates done, in [0, 1), to a factor of the learning rate.
    Only `constant` does not depend on the number of epochs: where ``schedule(value) is constant``,
    a finished run can go on.

    Raises
    ------
    ValueError, TypeError
        For other names and objects; when called, for a factor that is negative or no number.

    >>> schedule("linear")(0.5), schedule("constant") is constant
    (0.5, True)
    >>> schedule(lambda progress: progress - 0.5)(0.25)
    Traceback (most recent call last):
        ...
    ValueError: schedule(0.25): found -0.25; a finite number of at least 0.0 is needed
    """
    if isinstance(value, str):
        return SCHEDULES[check_choice("schedule", value, SCHEDULES)]
    if isinstance(value, type) or not callable(value):
        names = ", ".join(map(repr, SCHEDULES))
        raise TypeError(
            f"schedule: found {found(value)}; one of {names}, or a function of the progress in "
            "[0, 1), is needed"
        )
    if isinstance(value, _Checked) or value in (constant, linear, cosine):
        return value
    return _Checked(value)
