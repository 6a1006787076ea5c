"""The plain NumPy sweep against the compiled one: every nudging, every architecture."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import angle, cases, suited

from xyep.blocks import visits
from xyep.cost import CrossEntropy, LogCosine
from xyep.kernels import reference
from xyep.relaxation import relax
from xyep.solvers import over_relaxation_for

COSTS = {
    "log_cosine": LogCosine(1.0),
    "soft": LogCosine(0.5),
    "cosine": LogCosine(0.0),
    "cross_entropy": CrossEntropy(5.0),
}


def nudging_of(cost, beta, targets):
    if isinstance(cost, CrossEntropy):
        return reference.cross_entropy(beta, cost.scale, targets)
    return reference.log_cosine(beta, cost.sharpness, targets)


def by_reference(net, p, start, nudging=None, tol=0.0, max_sweeps=1, mu=None):
    """Phases, residual and sweeps."""
    couplings = np.zeros((net.n_sites, net.n_sites))
    i, j = net.edges.T
    couplings[i, j] = couplings[j, i] = p.couplings[net.parameter]
    mu = over_relaxation_for(net) if mu is None else mu
    u, bias = np.exp(1j * start), p.bias_amplitude * np.exp(1j * p.bias_phase)
    place = u, bias, couplings, visits(net), net.n_outputs
    u, residual, sweeps = reference.relax(*place, nudging, mu, tol, max_sweeps)
    return np.angle(u), residual, sweeps


def close(a, b, atol):
    np.testing.assert_allclose(angle(a, b), 0.0, atol=atol)


@given(
    cases(), st.sampled_from(["free", *COSTS]), st.sampled_from([0.1, -0.1, 1.0]), st.integers(1, 3)
)
def test_a_few_sweeps(case, name, beta, sweeps):
    net, p, start = case.net, case.parameters, case.initial()
    cost, beta = (LogCosine(), 0.0) if name == "free" else (COSTS[name], beta)
    targets = suited(case.targets, cost)
    options = {"tol": 0.0, "max_sweeps": sweeps}
    nudged = {"targets": targets, "beta": beta, "cost": cost}
    found = relax(net, p, case.inputs, initial=start, **nudged, warn=False, **options)
    nudging = nudging_of(cost, beta, targets) if beta else None
    phases, residual, count = by_reference(net, p, start, nudging, **options)
    # near a pole of the cost, and where a field nearly vanishes, rounding is magnified
    close(found.phases, phases, 1e-9)
    np.testing.assert_allclose(found.residual, residual, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(found.iterations, count)


@settings(max_examples=100)
@given(cases(), st.sampled_from(["free", *COSTS]), st.sampled_from([0.1, -0.1]))
def test_until_at_rest(case, name, beta):
    net, p, start = case.net, case.parameters, case.initial()
    cost = LogCosine() if name == "free" else COSTS[name]
    targets, options = suited(case.targets, cost), {"tol": 1e-11, "max_sweeps": 1000}
    free = relax(net, p, case.inputs, initial=start, warn=False, **options)
    if name == "free":
        found, nudging = free, None
    else:
        start, nudging = free.phases, nudging_of(cost, beta, targets)
        nudged = {"targets": targets, "beta": beta, "cost": cost}
        found = relax(net, p, case.inputs, initial=start, **nudged, warn=False, **options)
    phases, residual, _ = by_reference(net, p, start, nudging, **options)
    rest = found.converged & (found.iterations < 500)
    close(found.phases[rest], phases[rest], 1e-8)
    assert (residual[rest] <= 1e-11).all()


@settings(max_examples=60)
@given(cases(max_samples=1), st.sampled_from(sorted(COSTS)), st.sampled_from([0.1, -0.3]))
def test_tangent_nudging_is_a_change_of_bias(case, name, beta):
    """Its field is constant: the compiled kernel relaxes a network with that much more bias."""
    net, p, cost = case.net, case.parameters, COSTS[name]
    targets = suited(case.targets, cost)
    free = case.initial()
    outputs = free[:, net.n_sites - net.n_outputs :]
    nudging = reference.tangent(beta, cost.gradient(outputs, targets), outputs)
    phases, residual, _ = by_reference(net, p, free, nudging, max_sweeps=3)
    bias = p.bias_amplitude * np.exp(1j * p.bias_phase)
    bias[net.n_sites - net.n_outputs :] += nudging(None)[0][0]
    biased = p._replace(bias_amplitude=np.abs(bias), bias_phase=np.angle(bias))
    found = relax(net, biased, case.inputs, initial=free, tol=0.0, max_sweeps=3, warn=False)
    close(found.phases, phases, 1e-9)
    np.testing.assert_allclose(found.residual, residual, rtol=1e-7, atol=1e-9)


@settings(max_examples=60)
@given(cases(), st.sampled_from(["soft", "cosine", "cross_entropy"]), st.sampled_from([0.1, -0.1]))
def test_any_cost_through_its_gradient(case, name, beta):
    """The torque decides where an output rests: the same place as by the field of the cost."""
    net, p, cost = case.net, case.parameters, COSTS[name]
    targets, options = suited(case.targets, cost), {"tol": 1e-11, "max_sweeps": 1000}
    start = relax(net, p, case.inputs, initial=case.initial(), warn=False, **options).phases
    nudging = reference.through_gradient(beta, cost.gradient, targets)
    phases, residual, _ = by_reference(net, p, start, nudging, **options)
    _, at_rest, _ = by_reference(net, p, phases, nudging_of(cost, beta, targets), max_sweeps=0)
    np.testing.assert_allclose(residual, at_rest, rtol=0, atol=1e-12 * (1 + case.scale))
    if name != "cross_entropy":  # of which outputs the field knows less than the torque
        found, _, _ = by_reference(net, p, start, nudging_of(cost, beta, targets), **options)
        rest = residual <= 1e-11
        close(found[rest], phases[rest], 1e-4)


@settings(max_examples=60)
@given(cases(), st.sampled_from(sorted(COSTS)))
def test_single_precision(case, name):
    net, p, start, cost = case.net, case.parameters, case.initial(), COSTS[name]
    targets, options = suited(case.targets, cost), {"tol": 0.0, "max_sweeps": 2}
    nudged = {"targets": targets, "beta": 0.1, "cost": cost}
    found = relax(
        net, p, case.inputs, initial=start, **nudged, dtype="float32", warn=False, **options
    )
    phases, _, _ = by_reference(net, p, start, nudging_of(cost, 0.1, targets), **options)
    close(found.phases, phases, 1e-3)
    assert np.median(angle(found.phases, phases)) < 1e-5


@given(cases())
def test_aligned_start(case):
    """Sites much shorter than one are felt by nobody until they are visited."""
    net, p = case.net, case.parameters
    found = relax(net, p, case.inputs, initial="aligned", tol=0.0, max_sweeps=1, warn=False)
    start = np.concatenate([case.inputs + 0j, np.full((len(case.inputs), net.n_free), 18.42j)], 1)
    phases, _, _ = by_reference(net, p, start)
    felt = np.ones(net.n_sites, bool)
    felt[net.n_inputs :] = p.bias_amplitude[net.n_inputs :] != 0
    if net.n_inputs and felt.all():
        close(found.phases, phases, 1e-6)


class Quartic:
    """C = ½ Σ (1 − cos(φ − t))², with what the compiled kernel needs to nudge by it."""

    def __call__(self, phases, targets):
        return 0.5 * ((1 - np.cos(phases - targets)) ** 2).sum(axis=-1)

    def gradient(self, phases, targets):
        return (1 - np.cos(phases - targets)) * np.sin(phases - targets)

    @staticmethod
    def slope(c, s, a, b):
        return (1 - (c * a + s * b)) * (s * a - c * b)


@settings(max_examples=60)
@given(
    cases(),
    st.sampled_from([*COSTS.values(), Quartic()]),
    st.sampled_from(["cost", "tangent"]),
    st.sampled_from([0.1, -0.1]),
)
def test_the_public_door(case, cost, nudging, beta):
    """relax(method="reference") against the default method, by E + βC and by tangents."""
    net, p, targets = case.net, case.parameters, suited(case.targets, cost)
    nudged = {"targets": targets, "beta": beta, "cost": cost, "nudging": nudging, "sweeps": 3}
    nudged |= {"initial": case.initial(), "warn": False}
    fast = relax(net, p, case.inputs, **nudged)
    plain = relax(net, p, case.inputs, method="reference", **nudged)
    close(fast.phases, plain.phases, 1e-9)
    np.testing.assert_allclose(fast.residual, plain.residual, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(fast.iterations, plain.iterations)
