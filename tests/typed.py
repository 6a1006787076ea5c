"""A user's file, which mypy checks strictly: the hints of the public names fit together.

It is not run. ``assert_type`` says what a type checker, and so an editor, must know.
"""

from dataclasses import dataclass
from typing import assert_type

import numpy as np
import xarray as xr

import xyep


@dataclass(frozen=True)
class RMSprop:
    """An optimizer of the user's own, without a base class."""

    learning_rate: float = 0.01

    def init(self, theta: np.ndarray) -> np.ndarray:
        return np.zeros((1, len(theta)))

    def update(
        self, theta: np.ndarray, gradient: np.ndarray, state: np.ndarray, step: int, rate: float
    ) -> np.ndarray:
        state[0] += 0.1 * (gradient**2 - state[0])
        new: np.ndarray = theta - rate * gradient / (np.sqrt(state[0]) + 1e-8)
        return new


def halves(progress: float) -> float:
    return 0.5 ** int(4 * progress)


def networks() -> xyep.Network:
    assert_type(xyep.all_to_all(6, inputs=2, outputs=1), xyep.Network)
    assert_type(xyep.layered([784, 120, 10]), xyep.Network)
    assert_type(xyep.stacked_lattices((28, 28), window=6, outputs=10), xyep.Network)
    tube = xyep.lattice("kagome", (3, 3), [(0, 0, 0)], [(2, 2, 1)], periodic=(True, False))
    assert_type(tube, xyep.Network)
    assert_type(xyep.Network(edges=[(0, 1), (1, 2)], inputs=[0], outputs=[2]), xyep.Network)
    net = xyep.square_lattice((7, 7), shells=4, inputs=[(3, 2), (3, 4)], outputs=[(3, 3)])
    assert_type(net.site((0, 0)), int)
    assert_type(net.n_couplings, int)
    return net.without(sites=[(0, 0)])


def gradients(net: xyep.Network, task: xyep.Task) -> np.ndarray:
    assert_type(task.train, xyep.Task)
    start = net.init_parameters(seed=0)
    assert_type(start, xyep.Parameters)
    found = xyep.relax(net, start, task.inputs, seed=0, tol=1e-6)
    assert_type(found, xyep.Equilibrium)
    exact = xyep.implicit_gradient(net, start, task.inputs, task.targets, seed=0)
    assert_type(exact, xyep.Gradient)
    gradient = xyep.ep_gradient(net, start, task.inputs, task.targets, beta=0.1, seed=0)
    assert_type(gradient, xyep.Gradient)
    return gradient.couplings - exact.couplings


def training(net: xyep.Network) -> xr.DataTree:
    task = xyep.Task.from_arrays(np.eye(4), [0, 1, 0, 1], name="mine", test=0.25)
    optimizer: xyep.Optimizer = RMSprop()
    tree = xyep.train(net, task, epochs=3, optimizer=optimizer, schedule=halves, seed=0)
    assert_type(xyep.parameters_of(tree), xyep.Parameters)
    cases = {"one": xyep.Case(net, task, xyep.Training(epochs=3), (0, 1))}
    return xyep.train_ensemble(cases)
