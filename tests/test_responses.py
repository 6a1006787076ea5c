"""Responses to nudging and to inputs, as labelled arrays."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from strategies import cases, networks

from xyep.cost import as_cost
from xyep.energy import hessian
from xyep.lattices import square_lattice
from xyep.linear_response import ZeroModeError
from xyep.network import Network, Parameters
from xyep.relaxation import relax
from xyep.responses import (
    affected,
    circular_difference,
    input_response,
    nudge_response,
    pattern_response,
)

TIGHT = {"tol": 1e-13, "max_sweeps": 100_000}


def held(net, seed=0):
    """Ferromagnetic couplings and a bias everywhere: far from any instability."""
    rng = np.random.default_rng(seed)
    free = np.arange(net.n_sites) >= net.n_inputs
    couplings, amplitude = (
        rng.uniform(0.2, 1.0, net.n_parameters),
        free * rng.uniform(0.5, 1.0, net.n_sites),
    )
    return Parameters(couplings, amplitude, rng.uniform(-0.8, 0.8, net.n_sites))


@pytest.fixture
def lattice():
    net = square_lattice((4, 4), [(0, 0), (3, 0)], [(1, 3), (2, 3)], shells=2)
    p = held(net)
    inputs, targets = (
        np.array([[0.5, -0.2], [1.0, 0.7], [-0.3, -0.9]]),
        np.array([[1.5, 0.3], [-0.6, 1.4], [0.9, -1.2]]),
    )
    return net, p, relax(net, p, inputs, **TIGHT), targets


def test_nudge_response_tends_to_the_linear_one_as_beta_squared(lattice):
    net, p, eq, targets = lattice
    exact = nudge_response(net, p, eq, targets, beta=0)
    betas = np.array([0.2, 0.1, 0.05])
    errors = [
        np.linalg.norm(nudge_response(net, p, eq, targets, beta=b, **TIGHT) - exact) for b in betas
    ]
    assert np.polyfit(np.log(betas), np.log(errors), 1)[0] == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("cost", ["log_cosine", "cosine"])
def test_linear_nudge_response_against_its_definition(lattice, cost):
    """−H⁻¹ ∂C/∂φ with a dense matrix, and with a source written out by hand."""
    net, p, eq, targets = lattice
    found = nudge_response(net, p, eq, targets, beta=0, cost=cost)
    for phases, target, response in zip(eq.phases, targets, found.values):
        away = phases[-2:] - target
        source = np.zeros(net.n_free)
        source[-2:] = np.sin(away) / (1 + np.cos(away)) if cost == "log_cosine" else np.sin(away)
        H = hessian(net, p, phases).toarray()[2:, 2:]
        np.testing.assert_allclose(response[2:], -np.linalg.solve(H, source), atol=1e-12)
        np.testing.assert_array_equal(response[:2], 0)


def test_nudge_response_is_half_the_difference_of_the_two_nudged_states(lattice):
    net, p, eq, targets = lattice
    plus, minus = (
        relax(net, p, eq.phases[:, :2], targets=targets, beta=b, initial=eq.phases, **TIGHT).phases
        for b in (0.1, -0.1)
    )
    expected = (plus - minus) / 0.2
    for beta in (0.1, -0.1):
        np.testing.assert_allclose(
            nudge_response(net, p, eq, targets, beta=beta, **TIGHT), expected, atol=1e-10
        )
    by_flow = nudge_response(net, p, eq, targets, method="gradient_flow", tol=1e-10)
    np.testing.assert_allclose(by_flow, expected, atol=1e-7)


def test_nudged_outputs_move_towards_their_targets(lattice):
    net, p, eq, targets = lattice
    response = nudge_response(net, p, eq, targets, beta=0)
    slope = (as_cost("log_cosine").gradient(eq.phases[:, -2:], targets) * response[:, -2:]).sum(
        "site"
    )
    assert (slope < 0).all()


@settings(max_examples=60)
@given(networks())
def test_input_response_is_the_slope_of_the_phases(net):
    p = held(net)
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (2, net.n_inputs))
    eq = relax(net, p, x, **TIGHT)
    found = input_response(net, p, eq)
    assert found.shape == (2, net.n_sites, net.n_inputs)
    for k, move in enumerate(1e-4 * np.eye(net.n_inputs)):
        plus, minus = (
            relax(net, p, x + m, initial=eq.phases, **TIGHT).phases for m in (move, -move)
        )
        np.testing.assert_allclose(
            found[:, :, k], circular_difference(plus, minus) / 2e-4, rtol=0, atol=1e-6
        )
    np.testing.assert_array_equal(
        found[:, : net.n_inputs],
        np.broadcast_to(np.eye(net.n_inputs), (2, net.n_inputs, net.n_inputs)),
    )


@settings(max_examples=40)
@given(cases(bias=("none",)))
def test_without_bias_all_inputs_turned_together_turn_everything(case):
    """Gauge symmetry: the responses to all inputs add up to one."""
    net, p = case.net, case.parameters
    assume(net.n_inputs)
    p = p._replace(couplings=np.abs(p.couplings) + 0.1)
    eq = relax(net, p, np.zeros((1, net.n_inputs)) + 0.3, initial=np.full((1, net.n_sites), 0.3))
    np.testing.assert_allclose(input_response(net, p, eq).sum("input"), 1, atol=1e-10)


def test_labels(lattice):
    net, p, eq, targets = lattice
    nudge, inputs = nudge_response(net, p, eq, targets), input_response(net, p, eq)
    assert (
        isinstance(nudge, xr.DataArray)
        and nudge.dims == ("sample", "site")
        and nudge.name == "nudge_response"
    )
    assert inputs.dims == ("sample", "site", "input") and inputs.name == "input_response"
    for array in (nudge, inputs):
        assert {"x", "y", "layer", "channel", "role", "label"} <= set(array.coords)
        assert array.attrs["units"] and array.attrs["long_name"]
        np.testing.assert_array_equal(array["x"], net.positions[:, 0])
        assert array["role"].values.tolist() == ["input"] * 2 + ["hidden"] * 12 + ["output"] * 2
    assert nudge.attrs["beta"] == 0.1


def test_a_chain_passes_on_what_it_receives():
    """Without bias rigidly; two couplings J in series against a bias h are two springs and one."""
    net = Network([(0, 1), (1, 2)], [0], [2])
    J, h = 1.5, 0.5
    p = Parameters(np.array([J, J]), np.zeros(3), np.zeros(3))
    eq = relax(net, p, np.array([[0.4]]), **TIGHT)
    np.testing.assert_allclose(input_response(net, p, eq)[0, :, 0], 1, atol=1e-10)
    p = p._replace(bias_amplitude=np.array([0, 0, h]))
    eq = relax(net, p, np.array([[0.0]]), **TIGHT)
    np.testing.assert_allclose(
        input_response(net, p, eq)[0, 2, 0], (J / 2) / (J / 2 + h), atol=1e-10
    )


def test_a_free_rotation_has_no_linear_response():
    net = Network([(0, 1)], [], [1])
    p = Parameters(np.ones(1), np.zeros(2), np.zeros(2))
    eq = relax(net, p, np.zeros((1, 0)))
    with pytest.raises(ZeroModeError):
        nudge_response(net, p, eq, eq.phases[:, 1:] + 1.0, beta=0)
    assert input_response(net, p, eq).shape == (1, 2, 0)


def test_affected_region():
    response = xr.DataArray(
        [[0.0, -1.0, 0.5, 0.04, 0.1], [2.0, 0.0, -0.3, 0.1, 0.0]], dims=("sample", "site")
    )
    np.testing.assert_array_equal(
        affected(response), [[False, True, True, False, True], [True, False, True, False, False]]
    )
    np.testing.assert_array_equal(affected(response, 0.5)[0], [False, True, True, False, False])
    np.testing.assert_array_equal(affected(response, 1.0).sum("site"), [1, 1])
    np.testing.assert_array_equal(affected(response, 1.0, dim="sample").sum("sample"), 1)


def test_pattern_response():
    """Root mean square over pairs of states of different patterns, on the circle."""
    net = Network([(0, 1), (1, 2)], [0], [2])
    phases = np.array([[0.0, 3.1, 0.0], [0.4, -3.1, 0.0], [0.4, -3.1, 1.0]])
    across = 2 * np.pi - 6.2
    np.testing.assert_allclose(
        pattern_response(net, phases, [0, 1, 1]), [0.4, across, np.sqrt(0.5)]
    )
    np.testing.assert_allclose(
        pattern_response(net, phases[:2] + 2 * np.pi, [0, 1]), [0.4, across, 0], atol=1e-12
    )


def test_circular_difference():
    a = np.array([3.0, -3.0, 0.5, np.pi, 0.0])
    b = np.array([-3.0, 3.0, 0.2, 0.0, np.pi])
    np.testing.assert_allclose(
        circular_difference(a, b), [6 - 2 * np.pi, 2 * np.pi - 6, 0.3, np.pi, np.pi]
    )


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda net, p, eq, t: nudge_response("net", p, eq, t), "net"),
        (lambda net, p, eq, t: nudge_response(net, p, eq.phases, t), "eq"),
        (lambda net, p, eq, t: nudge_response(net, p, eq, "t"), "targets"),
        (lambda net, p, eq, t: nudge_response(net, p, eq, t, beta="0"), "beta"),
        (lambda net, p, eq, t: nudge_response(net, p, eq, t, beta=1e-300), "beta"),
        (lambda net, p, eq, t: input_response(net, eq, p), "eq"),
        (lambda net, p, eq, t: input_response(net, 1.0, eq), "parameters"),
        (lambda net, p, eq, t: pattern_response(net, eq.phases, [0, 1]), "pattern"),
        (lambda net, p, eq, t: pattern_response(net, eq.phases, [1, 1, 1]), "pattern"),
        (lambda net, p, eq, t: pattern_response(net, eq, [0, 1, 2]), "phases"),
        (lambda net, p, eq, t: affected(eq.phases), "response"),
        (lambda net, p, eq, t: affected(input_response(net, p, eq), dim="sites"), "dim"),
    ],
)
def test_wrong_arguments_are_named(lattice, call, name):
    with pytest.raises((TypeError, ValueError), match=f"^{name}"):
        call(*lattice)
