"""What travels through the network: responses to nudging and to inputs, as labelled arrays.

Phases are in radians. The nudging strength β is a pure number, as the cost C counts in the same
unit of energy as the couplings; a nudge response, radians per unit of β, is therefore in rad.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .checks import check_array, check_choice, check_instance, check_number, check_phases
from .cost import Cost, as_cost, check_targets
from .linear_response import LinearResponse, nudge_solution
from .network import Network, Parameters
from .relaxation import Equilibrium, check_beta, check_outputs, relax
from .solvers import Solver


def circular_difference(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """a − b on the circle, in (−π, π]; radians, shapes broadcast.

    >>> circular_difference([3.0, 0.5], [-3.0, 0.2]).round(4)
    array([-0.2832,  0.3   ])
    """
    return np.pi - np.mod(np.pi - np.subtract(a, b, dtype=float), 2 * np.pi)


def _checked(
    net: Network, parameters: Parameters, eq: Equilibrium
) -> tuple[Parameters, NDArray[np.float64]]:
    """Parameters, and (sample, site) phases of the equilibrium."""
    check_instance("net", net, Network)
    check_instance("eq", eq, Equilibrium, "an Equilibrium, as relax() returns it,")
    phases = check_phases("eq.phases", eq.phases, ("sample", net.n_sites))
    return net.check_parameters(parameters), phases


def nudge_response(
    net: Network,
    parameters: Parameters,
    eq: Equilibrium,
    targets: ArrayLike,
    beta: float = 0.1,
    *,
    cost: str | Cost = "log_cosine",
    nudging: str | None = None,
    method: str | Solver = "fast",
    threads: int = 1,
    tol: float | None = None,
    sweeps: int | None = None,
    max_sweeps: int | None = None,
) -> xr.DataArray:
    """(φ_i^β − φ_i^−β)/(2β), the signal that every update near site i is built from.

    It tends to −(H⁻¹ ∂C/∂φ)_i as β → 0, H being the Hessian of E over the free sites.

    Parameters
    ----------
    eq : free `Equilibrium`, at which the nudged relaxations start
    targets : (sample, output) phases in radians
    beta : nudging strength; 0 takes the limit exactly, through the Hessian
    cost, nudging, method, threads, tol, sweeps, max_sweeps : of the nudged relaxations, as in
        `relax`; a solver object as `method` takes all other options

    Returns
    -------
    DataArray (sample, site) in radians per unit of β; zero at the clamped inputs

    Raises
    ------
    ZeroModeError
        With ``beta=0``, if the energy does not fix the direction in which the cost acts.

    >>> import xyep
    >>> net = xyep.layered([1, 2, 1])
    >>> p = xyep.Parameters(np.ones(4), np.zeros(4), np.zeros(4))
    >>> eq = xyep.relax(net, p, [[0.5]])
    >>> nudge_response(net, p, eq, [[1.5]], beta=0).values.round(3)
    array([[0.   , 0.273, 0.273, 0.546]])
    """
    p, phases = _checked(net, parameters, eq)
    targets, cost = check_outputs(net, targets, len(phases)), as_cost(cost)
    beta = check_beta(beta, zero=True)
    check_targets(cost, targets)
    values = np.zeros(phases.shape)
    if beta == 0:
        for state, target, out in zip(phases, targets, values):
            out[:] = nudge_solution(net, p, state, target, cost)
    else:
        plus, minus = (
            relax(
                net,
                p,
                phases[:, : net.n_inputs],
                targets=targets,
                initial=phases,
                beta=b,
                cost=cost,
                nudging=nudging,
                method=method,
                threads=threads,
                tol=tol,
                sweeps=sweeps,
                max_sweeps=max_sweeps,
            ).phases
            for b in (beta, -beta)
        )
        values[:] = circular_difference(plus, minus) / (2 * beta)
        values[:, : net.n_inputs] = 0.0
    attrs = {"long_name": "nudge response", "units": "rad", "beta": beta}
    return _labelled(net, values, ("sample", "site"), "nudge_response", attrs)


def input_response(net: Network, parameters: Parameters, eq: Equilibrium) -> xr.DataArray:
    """∂φ_i/∂x_k = −(H⁻¹ H_free,input)_ik: how far a small change of input k is felt.

    Parameters
    ----------
    eq : free `Equilibrium`

    Returns
    -------
    DataArray (sample, site, input) in rad/rad; at the inputs themselves the identity

    >>> import xyep
    >>> net = xyep.Network(edges=[(0, 1)], inputs=[0], outputs=[1])
    >>> p = xyep.Parameters(np.ones(1), np.array([0.0, 1.0]), np.zeros(2))
    >>> input_response(net, p, xyep.relax(net, p, [[0.0]])).values[0, :, 0].round(6)
    array([1. , 0.5])
    """
    p, phases = _checked(net, parameters, eq)
    n = net.n_inputs
    values = np.zeros((*phases.shape, n))
    values[:, :n] = np.eye(n)
    for state, out in zip(phases, values):
        if n:
            linear = LinearResponse(net, p, state)
            out[n:] = -linear.solve(linear.hessian[n:, :n].toarray())
    attrs = {"long_name": "input response", "units": "rad/rad"}
    return _labelled(net, values, ("sample", "site", "input"), "input_response", attrs)


def _labelled(
    net: Network,
    values: NDArray[np.float64],
    dims: tuple[str, ...],
    name: str,
    attrs: dict[str, Any],
) -> xr.DataArray:
    return xr.DataArray(values, dims=dims, coords=net.site_coords(), name=name, attrs=attrs)


def pattern_response(net: Network, phases: ArrayLike, pattern: ArrayLike) -> NDArray[np.float64]:
    """Root mean square of the circular difference of φ_i between different input patterns.

    Parameters
    ----------
    phases : (sample, site) in radians
    pattern : (sample,) integers, the number of the pattern of each sample; at least two patterns

    Returns
    -------
    (site,) in radians, over all pairs of samples of different patterns

    >>> import xyep
    >>> net = xyep.Network(edges=[(0, 1)], inputs=[0], outputs=[1])
    >>> pattern_response(net, [[0.0, 0.1], [0.5, 0.4]], [0, 1])
    array([0.5, 0.3])
    """
    check_instance("net", net, Network)
    phases = check_phases("phases", phases, ("sample", net.n_sites))
    pattern = check_array("pattern", pattern, (len(phases),), dtype=np.intp)
    first, second = np.nonzero(pattern[:, None] < pattern[None, :])
    if not first.size:
        raise ValueError("pattern: found samples of one pattern only; at least two are needed")
    return np.sqrt(np.mean(circular_difference(phases[first], phases[second]) ** 2, axis=0))


def affected(response: xr.DataArray, fraction: float = 0.1, dim: str = "site") -> xr.DataArray:
    """Sites of the affected region; the others are the marginal region.

    Parameters
    ----------
    response : with a dimension `dim`, of either sign
    fraction : a site is affected where |response| is at least this part, in [0, 1], of the largest
        along `dim`

    Returns
    -------
    DataArray of booleans with the dimensions of `response`

    >>> affected(xr.DataArray([0.0, -1.0, 0.05], dims="site")).values
    array([False,  True, False])
    """
    check_instance("response", response, xr.DataArray)
    check_number("fraction", fraction, 0.0, 1.0)
    check_choice("dim", dim, tuple(map(str, response.dims)))
    size = abs(response)
    return size >= fraction * size.max(dim)
