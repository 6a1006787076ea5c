"""What travels through the network: responses to nudging and to inputs, as labelled arrays."""

import numpy as np
import xarray as xr

from .checks import check_array, check_number
from .cost import as_cost, check_classes
from .gradients import LinearResponse, nudge_solution
from .relaxation import check_targets, relax


def circular_difference(a, b):
    """a − b on the circle, in (−π, π]."""
    return np.pi - np.mod(np.pi - (a - b), 2 * np.pi)


def _check_equilibrium(net, eq):
    return check_array("eq.phases", getattr(eq, "phases", None), ("sample", net.n_sites))


def nudge_response(
    net,
    parameters,
    eq,
    targets,
    beta=0.1,
    *,
    cost="log_cosine",
    method="fast",
    threads=1,
    **options,
):
    """(φ_i^β − φ_i^−β)/(2β), which tends to −(H⁻¹ ∂C/∂φ)_i as β → 0: the signal that every update near site i is built from.

    Parameters
    ----------
    eq : free `Equilibrium`; the nudged ones start from it
    beta : nudging strength; 0 takes the limit exactly, through the Hessian
    method, options : as in `relax`

    Returns
    -------
    DataArray (sample, site), dimensionless (radians per unit of βC over coupling); zero at the clamped inputs.
    """
    p, phases = net.check_parameters(parameters), _check_equilibrium(net, eq)
    targets, cost, beta = (
        check_targets(net, targets, len(phases)),
        as_cost(cost),
        check_number("beta", beta),
    )
    check_classes(cost, targets)
    if beta == 0:
        values = np.stack(
            [nudge_solution(net, p, state, target, cost) for state, target in zip(phases, targets)]
        )
    else:
        inputs, keywords = (
            phases[:, : net.n_inputs],
            {"cost": cost, "method": method, "threads": threads, **options},
        )
        plus, minus = (
            relax(net, p, inputs, targets=targets, initial=phases, beta=b, **keywords).phases
            for b in (beta, -beta)
        )
        values = circular_difference(plus, minus) / (2 * beta)
        values[:, : net.n_inputs] = 0.0
    attrs = {"long_name": "nudge response", "units": "rad", "beta": beta}
    return xr.DataArray(
        values,
        dims=("sample", "site"),
        coords=net.site_coords(),
        name="nudge_response",
        attrs=attrs,
    )


def input_response(net, parameters, eq):
    """∂φ_i/∂x_k = −(H⁻¹ H_free,input)_ik at the free equilibrium: how far a small change of input k is felt.

    Returns a DataArray (sample, site, input) in rad/rad; at the inputs themselves the identity.
    """
    p, phases = net.check_parameters(parameters), _check_equilibrium(net, eq)
    n = net.n_inputs
    values = np.zeros((*phases.shape, n))
    values[:, :n] = np.eye(n)
    for state, out in zip(phases, values):
        linear = LinearResponse(net, p, state)
        if n:
            out[n:] = -linear.solve(linear.hessian[n:, :n].toarray())
    attrs = {"long_name": "input response", "units": "rad/rad"}
    return xr.DataArray(
        values,
        dims=("sample", "site", "input"),
        coords=net.site_coords(),
        name="input_response",
        attrs=attrs,
    )


def pattern_response(net, phases, pattern):
    """(site,) rms circular distance of φ_i between different input patterns, in radians.

    `phases` is (sample, site) and `pattern` (sample,) numbers the pattern of each sample.
    """
    phases, pattern = np.asarray(phases), np.asarray(pattern)
    first, second = np.nonzero(pattern[:, None] < pattern[None, :])
    return np.sqrt(np.mean(circular_difference(phases[first], phases[second]) ** 2, axis=0))


def affected(response, fraction=0.1, dim="site"):
    """Sites of the affected region: where |response| is at least `fraction` of its largest value along `dim`; the rest is marginal."""
    check_number("fraction", fraction, 0.0, 1.0)
    size = abs(response)
    return size >= fraction * size.max(dim)
