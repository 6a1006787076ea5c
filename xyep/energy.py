"""Energy of the XY model, its force and its Hessian.

    E(φ; J, h, ψ) = − Σ_(ij) J_ij cos(φ_i − φ_j) − Σ_i h_i cos(φ_i − ψ_i)        each edge once

Energies are in the unit of the couplings J and bias amplitudes h, phases φ and ψ in radians.
Written independently of the kernels, in angles, so that each can be tested against the other; sine
and cosine are `xyep.kernels.elementary`'s, and sums avoid BLAS, for the same bits everywhere.
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csc_array

from .checks import check_array, check_instance, check_phases
from .kernels.elementary import cosine, sine
from .network import Network, Parameters

Floats = NDArray[np.float64]


def energy(net: Network, parameters: Parameters, phases: ArrayLike) -> Floats:
    """E = − Σ_(ij) J_ij cos(φ_i − φ_j) − Σ_i h_i cos(φ_i − ψ_i) of each sample.

    Parameters
    ----------
    phases : (…, site) in radians, all sites, with any axes before the last

    Returns
    -------
    (…,) in the unit of the couplings

    >>> import xyep
    >>> net = xyep.all_to_all(4, inputs=1, outputs=1)
    >>> p = Parameters(np.ones(6), np.zeros(4), np.zeros(4))
    >>> energy(net, p, [[0.3, 0.3, 0.3, 0.3], [0.0, 0.0, np.pi, np.pi]])
    array([-6.,  2.])
    """
    p, phases = _checked(net, parameters, phases)
    bonds = p.couplings[net.parameter] * cosine(_differences(net, phases))
    return -bonds.sum(axis=-1) - (p.bias_amplitude * cosine(phases - p.bias_phase)).sum(axis=-1)


def force(net: Network, parameters: Parameters, phases: ArrayLike) -> Floats:
    """−∂E/∂φ_i = − Σ_j J_ij sin(φ_i − φ_j) − h_i sin(φ_i − ψ_i), the torque on each site.

    Parameters
    ----------
    phases : (…, site) in radians

    Returns
    -------
    (…, site) in the unit of the couplings; zero at clamped sites, which do not move

    >>> import xyep
    >>> net = xyep.Network(edges=[(0, 1)], inputs=[0], outputs=[1])
    >>> force(net, Parameters(np.ones(1), np.zeros(2), np.zeros(2)), [0.0, np.pi / 2])
    array([ 0., -1.])
    """
    p, phases = _checked(net, parameters, phases)
    torque = p.couplings[net.parameter] * sine(_differences(net, phases))
    total = -p.bias_amplitude * sine(phases - p.bias_phase)
    rows, sign = np.arange(net.n_couplings), np.ones(net.n_couplings)
    ends = (np.concatenate([rows, rows]), net.edges.T.ravel())
    incidence = coo_array((np.concatenate([sign, -sign]), ends), (net.n_couplings, net.n_sites))
    total -= _apply(incidence.T.tocsr(), torque)
    total[..., : net.n_inputs] = 0.0
    return total


def hessian(net: Network, parameters: Parameters, phases: ArrayLike) -> csc_array:
    """∂²E/∂φ_i∂φ_j = − J_ij cos(φ_i − φ_j), i ≠ j; each row sums to h_i cos(φ_i − ψ_i).

    Parameters
    ----------
    phases : (site,) in radians, of one sample

    Returns
    -------
    (site, site) sparse matrix in the unit of the couplings, clamped sites included

    >>> import xyep
    >>> net = xyep.Network(edges=[(0, 1)], inputs=[0], outputs=[1])
    >>> hessian(net, Parameters(np.ones(1), np.zeros(2), np.zeros(2)), [0.0, 0.0]).toarray()
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    p, phases = _checked(net, parameters, phases, batch=False)
    (i, j), n = net.edges.T, net.n_sites
    stiffness = p.couplings[net.parameter] * cosine(_differences(net, phases))
    diagonal = p.bias_amplitude * cosine(phases - p.bias_phase)
    diagonal = diagonal + np.bincount(i, stiffness, n) + np.bincount(j, stiffness, n)
    sites = np.arange(n)
    where = (np.concatenate([i, j, sites]), np.concatenate([j, i, sites]))
    return coo_array((np.concatenate([-stiffness, -stiffness, diagonal]), where), (n, n)).tocsc()


def parameter_gradient(
    net: Network, parameters: Parameters, phases: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """∂E/∂J = − Σ cos(φ_i − φ_j), ∂E/∂h_i = − cos(φ_i − ψ_i), ∂E/∂ψ_i = − h_i sin(φ_i − ψ_i).

    Parameters
    ----------
    phases : (…, site) in radians

    Returns
    -------
    (…, parameter), (…, site), (…, site): the first summed over the couplings that share a
    parameter, the others zero at clamped sites

    >>> import xyep
    >>> net = xyep.Network(edges=[(0, 1)], inputs=[0], outputs=[1])
    >>> p = Parameters(np.ones(1), np.array([0.0, 2.0]), np.zeros(2))
    >>> for part in parameter_gradient(net, p, [0.0, np.pi / 2]):
    ...     print(part.round(12) + 0.0)
    [0.]
    [0. 0.]
    [ 0. -2.]
    """
    p, phases = _checked(net, parameters, phases)
    bonds = -cosine(_differences(net, phases))
    free = np.arange(net.n_sites) >= net.n_inputs
    bias = phases - p.bias_phase
    return sum_tied(net, bonds), -cosine(bias) * free, -p.bias_amplitude * sine(bias) * free


def sum_tied(net: Network, per_coupling: ArrayLike) -> Floats:
    """Sum of (…, coupling) values over the couplings that share a parameter, (…, parameter).

    >>> import xyep
    >>> net = xyep.Network(edges=[(0, 1), (1, 2)], inputs=[0], outputs=[2], tying=[0, 0])
    >>> sum_tied(net, [1.0, 10.0])
    array([11.])
    """
    check_instance("net", net, Network)
    values = check_array("per_coupling", per_coupling, _any_batch(per_coupling, net.n_couplings))
    where = (net.parameter, np.arange(net.n_couplings))
    tie = coo_array((np.ones(net.n_couplings), where), (net.n_parameters, net.n_couplings))
    return _apply(tie.tocsr(), values)


def _differences(net: Network, phases: Floats) -> Floats:
    """(…, coupling) φ_i − φ_j"""
    return phases[..., net.edges[:, 0]] - phases[..., net.edges[:, 1]]


def _apply(matrix: Any, values: Floats) -> Floats:
    """A sparse matrix times the last axis of `values`, whatever axes come before it."""
    *batch, n = values.shape
    return (matrix @ values.reshape(prod(batch), n).T).T.reshape(*batch, matrix.shape[0])


def _checked(
    net: Network, parameters: Parameters, phases: ArrayLike, batch: bool = True
) -> tuple[Parameters, Floats]:
    check_instance("net", net, Network)
    shape = _any_batch(phases, net.n_sites) if batch else (net.n_sites,)
    return net.check_parameters(parameters), check_phases("phases", phases, shape)


def _any_batch(values: ArrayLike, n: int) -> tuple[int | None, ...]:
    """The shape (…, n) with as many axes as `values` have."""
    try:
        axes = np.ndim(values)
    except ValueError:  # ragged lists, which the check will name
        axes = 1
    return (*[None] * (axes - 1), n)
