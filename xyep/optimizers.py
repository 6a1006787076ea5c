"""Update rules over a flat parameter vector; the state is explicit, so that a run can be stored and resumed."""

from dataclasses import dataclass

import numpy as np

from .checks import check_choice, check_number
from .kernels.updates import adam


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, arXiv:1412.6980) with bias-corrected moments."""

    learning_rate: float = 0.02
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self):
        check_number("learning_rate", self.learning_rate, 0.0)
        check_number("beta1", self.beta1, 0.0, 1.0, exclude=(1.0,))
        check_number("beta2", self.beta2, 0.0, 1.0, exclude=(1.0,))
        check_number("epsilon", self.epsilon, 0.0)

    def init(self, theta):
        """(2, parameter) first and second moments."""
        return np.zeros((2, *theta.shape))

    def update(self, theta, gradient, state, step, rate):
        """Parameters after update number `step` = 1, 2, …; `state` changes in place."""
        corrections = 1 - self.beta1**step, 1 - self.beta2**step
        return adam(
            theta, gradient, *state, self.beta1, self.beta2, *corrections, rate, self.epsilon
        )


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum: v ← m v − η g, θ ← θ + v."""

    learning_rate: float = 0.1
    momentum: float = 0.9

    def __post_init__(self):
        check_number("learning_rate", self.learning_rate, 0.0)
        check_number("momentum", self.momentum, 0.0, 1.0, exclude=(1.0,))

    def init(self, theta):
        return np.zeros((1, *theta.shape))

    def update(self, theta, gradient, state, step, rate):
        state[0] = self.momentum * state[0] - rate * gradient
        return theta + state[0]


#: Learning rate as a fraction of its first value, over the fraction of the training done.
SCHEDULES = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + np.cos(np.pi * done)),
}


def schedule(name):
    return SCHEDULES[check_choice("schedule", name, tuple(SCHEDULES))]
