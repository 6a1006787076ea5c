"""The sweep of `fast` in plain NumPy, to be read beside it and tested against it.

A state is ``u[sample, site]`` = exp(iφ) of all sites, inputs first, outputs last. A sweep visits
the free sites in a given order, the outputs last. With F the field on a site and k = μ/(1 + μ), its
new direction is that of F − (k (F·u)₊ − (1 − k) σ) u.

A *nudging* is a function from the outputs' u to the field that each feels further, and to the slope
σ by which that field's torque falls as the output turns, both (sample, output). It is asked once a
sweep, just before the outputs are visited.
"""

import numpy as np

from . import POLE


def sweep(u, bias, couplings, order, n_outputs, k, nudging=None, moving=True):
    """Visit all free sites once, `u` in place; returns each sample's largest torque on the way."""
    worst, first_output = np.zeros(len(u)), u.shape[1] - n_outputs
    for i in order:
        J, own, sigma = couplings[i], u[:, i].copy(), 0.0
        F = bias[i] + (J * u).sum(axis=1)
        if nudging is not None and i >= first_output:
            if i == first_output:
                fields, slopes = nudging(u[:, first_output:])
            F = F + fields[:, i - first_output]
            sigma = np.maximum(slopes[:, i - first_output], 0.0)
        turned = (
            own.conj() * F
        )  # as the site sees it: the part along itself, and i times the torque
        worst = np.maximum(worst, np.abs(turned.imag))
        if moving:
            v = F - (k * np.maximum(turned.real, 0.0) - (1.0 - k) * sigma - 1e-10) * own
            u[:, i] = v / np.abs(v)
    return worst


def relax(u, bias, couplings, order, n_outputs, nudging, over_relaxation, tol, max_sweeps):
    """Sweep each sample until its residual is at most `tol`; with ``tol < 0`` all `max_sweeps`.

    u : (sample, site) where to start; sites of length ≪ 1 are felt by no neighbour at first
    bias : (site,) h exp(iψ)
    couplings : (site, site) symmetric matrix J
    order : free sites in the order of visits, outputs last

    Returns states, residuals max_i |∂(E + βC)/∂φ_i| (sample,), and sweeps (sample,).
    """
    u = np.array(u, complex)
    place = bias, couplings, order, n_outputs, over_relaxation / (1.0 + over_relaxation), nudging
    count, moving = np.zeros(len(u), int), np.full(len(u), max_sweeps > 0)
    while moving.any():
        swept, short = u.copy(), (np.abs(u) < 0.5).any(axis=1)
        worst = sweep(swept, *place)
        u, count = np.where(moving[:, None], swept, u), count + moving
        # torques were read while neighbours still moved: those of the state itself count as well
        rest = (worst <= tol) & ~short & (sweep(u, *place, moving=False) <= tol)
        moving &= ~rest & (count < max_sweeps)
    return u, sweep(u, *place, moving=False), count


def log_cosine(beta, sharpness, targets):
    """β f'(x) t with x = cos(φ − t) and f'(x) = 1/(1 + κx), of the cost −Σ log(1 + κx)/κ."""
    t = np.exp(1j * targets)

    def nudging(u):
        x = (t.conj() * u).real
        below = np.maximum(1.0 + sharpness * x, POLE)
        slope = sharpness * (1.0 - x) * np.maximum(1.0 + x, POLE) / below
        return beta / below * t, beta / below * slope

    return nudging


def cross_entropy(beta, scale, targets):
    """β s (y − p) along π/2, p the softmax of s sin φ over the outputs and y its right answer."""
    y = np.sin(targets) > 0

    def nudging(u):
        # twice its own slope bounds that of all outputs together
        p = np.exp(scale * u.imag)
        p /= p.sum(axis=1, keepdims=True)
        return 1j * beta * scale * (y - p), 2.0 * beta * scale**2 * p * (1.0 - p) * u.real**2

    return nudging


def tangent(beta, slope, free):
    """The constant field −β ∂C/∂φ e, e = i exp(iφ), of ∂C/∂φ and φ at the free equilibrium."""
    field = -beta * slope * 1j * np.exp(1j * free)
    return lambda u: (field, np.zeros(field.shape))


def through_gradient(beta, gradient, targets, step=1e-4):
    """Any cost, by its ``gradient(φ, t)``: the torque −β ∂C/∂φ of the present state."""

    def nudging(u):
        phases = np.angle(u)
        here, slope = gradient(phases, targets), np.empty(u.shape)
        for o in range(u.shape[1]):
            moved = phases + step * (np.arange(u.shape[1]) == o)
            slope[:, o] = (gradient(moved, targets)[:, o] - here[:, o]) / step
        return -beta * here * 1j * u, beta * slope

    return nudging
