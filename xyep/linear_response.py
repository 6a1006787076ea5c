"""Linear response: H⁻¹ at an equilibrium, with H the Hessian of E over the free sites."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from .cost import Cost, gradient_of
from .energy import force, hessian
from .kernels.linear import Factorisation, narrow_order
from .network import Network, Parameters


class ZeroModeError(ValueError):
    """Some sites can be rotated without changing the energy, and the cost changes with it.

    >>> import xyep
    >>> free = xyep.Network([(0, 1)], inputs=[], outputs=[1])  # no input, no bias
    >>> p = free.init_parameters(seed=0)._replace(bias_amplitude=np.zeros(2))
    >>> xyep.implicit_gradient(free, p, np.zeros((1, 0)), [[1.0]])
    Traceback (most recent call last):
        ...
    xyep.linear_response.ZeroModeError: parameters: the network has 1 zero mode(s), ...
    """


class LinearResponse:
    """H⁻¹ over the free sites at one equilibrium.

    Without bias or clamped neighbour anywhere, a connected component of the network can be rotated
    freely (a zero mode). Such modes are found from the couplings, not from small eigenvalues; they
    are held fixed, and a source that acts along one is an error.
    """

    def __init__(self, net: Network, parameters: Parameters, phases: np.ndarray) -> None:
        n, last = net.n_inputs, net.n_outputs
        self.net, self.hessian = net, hessian(net, parameters, phases)
        free = csr_array(self.hessian[n:, n:])
        self.modes, self.spring = zero_modes(net, parameters), np.zeros(free.shape[0])
        if len(self.modes):
            # a spring at one site of each mode holds it, and is not felt by a source without torque
            self.spring[self.modes.argmax(axis=1)] = np.abs(free.data).max(initial=1.0)
            free = csr_array(free + diags_array(self.spring))
        self.factorisation = Factorisation(free, narrow_order(free, last))

    def without_rotation(self, source: np.ndarray) -> np.ndarray:
        """The part of a source that acts along no zero mode."""
        return source - self.modes.T @ (self.modes @ source)

    def solve(self, source: np.ndarray) -> np.ndarray:
        """H⁻¹ source for a (free site,) or (free site, k) source."""
        source = np.asarray(source, float)
        if not len(self.modes):
            return self.factorisation.solve(source)
        along = np.abs(self.modes @ source).max()
        if along > 1e-9 * max(1.0, np.abs(source).max()):
            raise ZeroModeError(
                f"parameters: the network has {len(self.modes)} zero mode(s), as some sites feel "
                f"neither bias nor input, and the cost acts along it (overlap {along:.1e}); give "
                "these sites a bias or an input"
            )
        return self.without_rotation(self.factorisation.solve(source))


def zero_modes(net: Network, parameters: Parameters) -> NDArray[np.float64]:
    """(mode, free site) unit vectors of the free rotations: components without input and bias."""
    p = net.check_parameters(parameters)
    live = net.edges[p.couplings[net.parameter] != 0]
    graph = coo_array((np.ones(len(live)), live.T), shape=(net.n_sites,) * 2)
    count, label = connected_components(graph, directed=False)
    held = np.unique(label[(np.arange(net.n_sites) < net.n_inputs) | (p.bias_amplitude != 0)])
    modes = np.array([label == c for c in range(count) if c not in held], float)
    modes = modes.reshape(-1, net.n_sites)[:, net.n_inputs :]
    return modes / np.sqrt(modes.sum(axis=1, keepdims=True))


def polished(
    net: Network, parameters: Parameters, phases: np.ndarray, steps: int = 3
) -> np.ndarray:
    """One free equilibrium to the last digits, by Newton's method as long as it comes closer."""
    left = force(net, parameters, phases)[net.n_inputs :]
    for _ in range(steps):
        linear, trial = LinearResponse(net, parameters, phases), phases.copy()
        trial[net.n_inputs :] += linear.solve(linear.without_rotation(left))
        there = force(net, parameters, trial)[net.n_inputs :]
        if not np.abs(there).max() < np.abs(left).max():
            break
        phases, left = trial, there
    return phases


def nudge_solution(
    net: Network, parameters: Parameters, phases: np.ndarray, target: np.ndarray, cost: Cost
) -> NDArray[np.float64]:
    """−H⁻¹ ∂C/∂φ of one sample over all sites, zero at the clamped ones: the limit β → 0."""
    source, response = np.zeros(net.n_free), np.zeros(net.n_sites)
    outputs = phases[net.n_sites - net.n_outputs :]
    source[net.n_free - net.n_outputs :] = gradient_of(cost, outputs, target)
    response[net.n_inputs :] = -LinearResponse(net, parameters, phases).solve(source)
    return response
