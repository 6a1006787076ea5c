"""Energy of the XY model, its force and its Hessian.

    E(φ; J, h, ψ) = − Σ_(ij) J_ij cos(φ_i − φ_j) − Σ_i h_i cos(φ_i − ψ_i)

Written independently of the kernels, in angles, so that each can be tested against the other.
"""

from math import prod

import numpy as np
from scipy.sparse import coo_array

from .checks import check_array


def energy(net, parameters, phases):
    """E of each sample; `phases` is (…, site) in radians."""
    p, phases = net.check_parameters(parameters), _phases(net, phases)
    i, j = net.edges.T
    bonds = np.cos(phases[..., i] - phases[..., j]) @ p.couplings[net.parameter]
    return -bonds - np.cos(phases - p.bias_phase) @ p.bias_amplitude


def force(net, parameters, phases):
    """−∂E/∂φ of shape (…, site); zero at clamped sites, which do not move."""
    p, phases = net.check_parameters(parameters), _phases(net, phases)
    i, j = net.edges.T
    torque = p.couplings[net.parameter] * np.sin(phases[..., i] - phases[..., j])
    total = -p.bias_amplitude * np.sin(phases - p.bias_phase)
    incidence = _incidence(net)
    total -= _apply(incidence.T, torque)
    total[..., : net.n_inputs] = 0.0
    return total


def hessian(net, parameters, phases):
    """∂²E/∂φ_i∂φ_j of one sample as a sparse (site, site) matrix, clamped sites included."""
    p, phases = net.check_parameters(parameters), _phases(net, phases, 1)
    stiffness = p.couplings[net.parameter] * np.cos(
        phases[net.edges[:, 0]] - phases[net.edges[:, 1]]
    )
    incidence = _incidence(net)
    diagonal = p.bias_amplitude * np.cos(phases - p.bias_phase)
    sites = np.arange(net.n_sites)
    return (incidence.T * stiffness @ incidence + coo_array((diagonal, (sites, sites)))).tocsc()


def parameter_gradient(net, parameters, phases):
    """∂E/∂J, ∂E/∂h and ∂E/∂ψ of each sample, (…, parameter) or (…, site)."""
    p, phases = net.check_parameters(parameters), _phases(net, phases)
    bonds = -np.cos(phases[..., net.edges[:, 0]] - phases[..., net.edges[:, 1]])
    free = np.arange(net.n_sites) >= net.n_inputs
    bias = phases - p.bias_phase
    return sum_tied(net, bonds), -np.cos(bias) * free, -p.bias_amplitude * np.sin(bias) * free


def sum_tied(net, per_coupling):
    """Sum (…, coupling) values over the couplings that share a parameter."""
    tie = coo_array(
        (np.ones(net.n_couplings), (np.arange(net.n_couplings), net.parameter)),
        (net.n_couplings, net.n_parameters),
    )
    return _apply(tie.T, per_coupling)


def _incidence(net):
    """(coupling, site) matrix with +1 and −1 at the two ends of each coupling."""
    rows, sign = np.arange(net.n_couplings), np.ones(net.n_couplings)
    where = (np.concatenate([rows, rows]), net.edges.T.ravel())
    return coo_array((np.concatenate([sign, -sign]), where), (net.n_couplings, net.n_sites)).tocsr()


def _apply(matrix, values):
    """A sparse matrix times the last axis of `values`, whatever axes come before it."""
    *batch, n = values.shape
    return (matrix @ values.reshape(prod(batch), n).T).T.reshape(*batch, matrix.shape[0])


def _phases(net, phases, ndim=None):
    array = np.asarray(phases)
    return check_array(
        "phases", array, (*array.shape[:-1], net.n_sites) if ndim is None else (net.n_sites,)
    )
