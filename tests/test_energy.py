"""Energy and its derivatives against each other, symmetries, ground states known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import angle, cases, networks

from xyep.energy import energy, force, hessian, parameter_gradient
from xyep.lattices import all_to_all, triangular_lattice
from xyep.network import Network, Parameters
from xyep.relaxation import relax

STEP = 1e-5


def _shifted(phases, step):
    """(2 site, site): every phase in turn moved forwards, then backwards."""
    moves = step * np.eye(len(phases))
    return np.concatenate([phases + moves, phases - moves])


@given(cases())
def test_force_is_minus_the_slope_of_the_energy(case):
    net, p = case.net, case.parameters
    phases = case.initial()[0]
    plus, minus = energy(net, p, _shifted(phases, STEP)).reshape(2, -1)
    expected = -(plus - minus) / (2 * STEP)
    expected[: net.n_inputs] = 0.0
    np.testing.assert_allclose(force(net, p, phases), expected, rtol=0, atol=1e-7)


@settings(max_examples=100)
@given(cases())
def test_hessian_is_minus_the_slope_of_the_force(case):
    net, p, n = case.net, case.parameters, case.net.n_inputs
    phases = case.initial()[0]
    plus, minus = force(net, p, _shifted(phases, STEP)).reshape(2, net.n_sites, net.n_sites)
    matrix = hessian(net, p, phases).toarray()
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        matrix[:, n:], -((plus - minus) / (2 * STEP))[:, n:], rtol=0, atol=1e-7
    )


@settings(max_examples=100)
@given(cases())
def test_parameter_gradient_is_the_slope_of_the_energy(case):
    net, p = case.net, case.parameters
    phases = case.initial()[0]
    theta = p.flatten()
    slope = [
        (
            energy(net, net.unflatten(theta + move), phases)
            - energy(net, net.unflatten(theta - move), phases)
        )
        / (2 * STEP)
        for move in STEP * np.eye(len(theta))
    ]
    expected = net.unflatten(np.array(slope))
    found = parameter_gradient(net, p, phases)
    np.testing.assert_allclose(found[0], expected.couplings, rtol=0, atol=1e-7)
    for value, wanted in zip(found[1:], expected[1:]):
        np.testing.assert_allclose(value[net.n_inputs :], wanted[net.n_inputs :], rtol=0, atol=1e-7)
        assert not value[: net.n_inputs].any()  # clamped sites have no bias


@settings(max_examples=100)
@given(cases())
def test_a_batch_of_any_shape_is_its_samples_one_by_one(case):
    net, p = case.net, case.parameters
    phases = case.rng.uniform(-np.pi, np.pi, (2, 3, net.n_sites))
    for function in (energy, force, parameter_gradient):
        batch = function(net, p, phases)
        single = function(net, p, phases[1, 2])
        for all_of_them, one in (
            zip(batch, single) if function is parameter_gradient else [(batch, single)]
        ):
            np.testing.assert_allclose(all_of_them[1, 2], one, rtol=0, atol=1e-13 * case.scale)


@settings(max_examples=100)
@given(cases())
def test_gauge_symmetry(case):
    """Rotating all phases, clamped ones included, and all bias directions changes nothing."""
    net, p, turn = case.net, case.parameters, case.rng.uniform(-np.pi, np.pi)
    phases = case.initial()
    turned = p._replace(bias_phase=p.bias_phase + turn)
    np.testing.assert_allclose(
        energy(net, turned, phases + turn),
        energy(net, p, phases),
        rtol=0,
        atol=1e-12 * case.scale * net.n_sites,
    )
    np.testing.assert_allclose(
        force(net, turned, phases + turn), force(net, p, phases), rtol=0, atol=1e-12 * case.scale
    )
    for a, b in zip(
        parameter_gradient(net, turned, phases + turn), parameter_gradient(net, p, phases)
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(1, case.scale) * net.n_couplings)


@settings(max_examples=100)
@given(cases())
def test_mirror_symmetry(case):
    """The sign of all angles is a convention: E(−φ, −ψ) = E(φ, ψ), and the force changes sign."""
    net, p, phases = case.net, case.parameters, case.initial()
    mirrored = p._replace(bias_phase=-p.bias_phase)
    np.testing.assert_array_equal(energy(net, mirrored, -phases), energy(net, p, phases))
    np.testing.assert_allclose(
        force(net, mirrored, -phases), -force(net, p, phases), rtol=0, atol=1e-13 * case.scale
    )


def relabel(net, place):
    """The network with site s labelled place[s], and the number there of each site of `net`."""
    new = Network(
        place[net.edges],
        place[: net.n_inputs],
        place[net.n_sites - net.n_outputs :],
        tying=net.parameter,
        n_sites=net.n_sites,
    )
    return new, np.argsort(new.labels)[place]


@settings(max_examples=100)
@given(cases())
def test_permutation_symmetry(case):
    """What a site is called does not matter."""
    net, p, phases = case.net, case.parameters, case.initial()
    new, number = relabel(net, case.rng.permutation(net.n_sites))
    q = Parameters(p.couplings, *np.empty((2, net.n_sites)))
    moved = np.empty_like(phases)
    moved[:, number], q.bias_amplitude[number], q.bias_phase[number] = (
        phases,
        p.bias_amplitude,
        p.bias_phase,
    )
    np.testing.assert_allclose(
        energy(new, q, moved), energy(net, p, phases), rtol=0, atol=1e-13 * case.scale * net.n_sites
    )
    np.testing.assert_allclose(
        force(new, q, moved)[:, number], force(net, p, phases), rtol=0, atol=1e-13 * case.scale
    )


@settings(max_examples=50)
@given(networks())
def test_energy_is_the_double_sum_of_the_definition(net):
    """E = −½ Σ_ij J_ij cos(φ_i − φ_j) − Σ_i h_i cos(φ_i − ψ_i) over a full symmetric matrix."""
    p = net.init_parameters(seed=1)
    phases = np.random.default_rng(2).uniform(-np.pi, np.pi, net.n_sites)
    J = np.zeros((net.n_sites,) * 2)
    for (i, j), parameter in zip(net.edges, net.parameter):
        J[i, j] = J[j, i] = p.couplings[parameter]
    expected = -0.5 * np.sum(J * np.cos(phases[:, None] - phases)) - np.sum(
        p.bias_amplitude * np.cos(phases - p.bias_phase)
    )
    assert energy(net, p, phases) == pytest.approx(expected, abs=1e-12)


def _plain(net, coupling, **bias):
    zero = np.zeros(net.n_sites)
    return Parameters(
        np.full(net.n_parameters, coupling), bias.get("amplitude", zero), bias.get("phase", zero)
    )


def test_ferromagnet_aligns_with_its_clamped_site():
    net = all_to_all(8, inputs=1, outputs=1)
    eq = relax(net, _plain(net, 1.0), np.full((5, 1), 0.7))
    np.testing.assert_allclose(eq.phases, 0.7, atol=1e-7)
    np.testing.assert_allclose(energy(net, _plain(net, 1.0), eq.phases), -28.0, atol=1e-12)


def test_two_site_antiferromagnet_is_opposite():
    net = Network([(0, 1)], [0], [1])
    eq = relax(net, _plain(net, -2.5), np.array([[0.3], [-2.0]]))
    np.testing.assert_allclose(angle(eq.phases[:, 1], eq.phases[:, 0]), np.pi, atol=1e-7)
    np.testing.assert_allclose(energy(net, _plain(net, -2.5), eq.phases), -2.5, atol=1e-12)


def test_triangle_antiferromagnet_is_the_120_degree_state():
    net = Network([(0, 1), (1, 2), (0, 2)], [0], [2])
    p = _plain(net, -1.0)
    eq = relax(net, p, np.zeros((20, 1)))
    np.testing.assert_allclose(energy(net, p, eq.phases), -1.5, atol=1e-12)
    np.testing.assert_allclose(
        angle(eq.phases[:, [1, 2, 1]], eq.phases[:, [0, 0, 2]]), 2 * np.pi / 3, atol=1e-6
    )
    assert {1, -1} == set(np.sign(np.sin(eq.phases[:, 1])))  # both chiralities


def test_triangular_lattice_antiferromagnet():
    """Each edge lies in two of the 18 triangles: three sublattices have −1.5 |J| / 2 a triangle."""
    net = triangular_lattice((3, 3), [(0, 0)], [(2, 1)], periodic=True)
    p = _plain(net, -0.8)
    eq = relax(net, p, np.zeros((40, 1)))
    found = energy(net, p, eq.phases)
    assert found.min() == pytest.approx(-1.5 * 0.8 * 18 / 2, abs=1e-10)
    assert (found >= found.min() - 1e-10).all()


@pytest.mark.parametrize("amplitude, direction", [(1.5, 0.4), (-1.5, 0.4 - np.pi)])
@pytest.mark.parametrize("method", ["fast", "gradient_flow"])
def test_a_single_site_follows_its_bias(method, amplitude, direction):
    net = Network([], [], [0])
    p = Parameters(np.zeros(0), np.array([amplitude]), np.array([0.4]))
    eq = relax(net, p, np.zeros((4, 0)), method=method)
    np.testing.assert_allclose(angle(eq.phases[:, 0], direction), 0, atol=1e-7)
    np.testing.assert_allclose(energy(net, p, eq.phases), -1.5, atol=1e-12)
    np.testing.assert_allclose(force(net, p, eq.phases), 0, atol=1e-7)
    np.testing.assert_allclose(hessian(net, p, eq.phases[0]).toarray(), [[1.5]], atol=1e-12)


@pytest.mark.parametrize("function", [energy, force, hessian, parameter_gradient])
def test_wrong_arguments_are_named(function):
    net = all_to_all(4, inputs=1, outputs=1)
    p, phases = _plain(net, 1.0), np.zeros(4)
    for arguments, name in [
        (("net", p, phases), "net"),
        ((net, phases, p), "parameters"),
        ((net, p, "aligned"), "phases"),
        ((net, p, [[0.0, 1.0], [0.0]]), "phases"),
        ((net, p, np.zeros(3)), "phases"),
        ((net, p, 0.0), "phases"),
        ((net, p, [0.0, 90.0, 180.0, 270.0]), "phases"),
        ((net, p, np.ma.masked_array(phases, [True, False, False, False])), "phases"),
        ((net, p, phases * 1j), "phases"),
    ]:
        with pytest.raises((TypeError, ValueError), match=f"^{name}"):
            function(*arguments)
