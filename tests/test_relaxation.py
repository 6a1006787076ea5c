"""Relaxation: the energy falls, what is called converged is a minimum, both solvers agree, and no
sample depends on its company."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import angle, cases, graphs, on_networks, suited

from xyep.blocks import graph_of, visits
from xyep.cost import COSTS, CrossEntropy, LogCosine, as_cost
from xyep.datasets import load_task
from xyep.energy import energy, force
from xyep.lattices import all_to_all, layered, square_lattice, stacked_lattices
from xyep.network import Network, Parameters
from xyep.random import phases as random_phases
from xyep.relaxation import Equilibrium, NotConvergedWarning, relax
from xyep.run import Run
from xyep.settings import IMAGES, make_training
from xyep.solvers import GaussSeidel, GradientFlow

unconverged_ok = pytest.mark.filterwarnings("ignore::xyep.relaxation.NotConvergedWarning")
MU = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))


def biased(net, strength=4.0, seed=0):
    """Parameters with biases so much stronger than all couplings that each site stays near its own:
    a single minimum."""
    p = net.init_parameters(seed)
    reach = np.bincount(
        net.edges.ravel(), np.repeat(np.abs(p.couplings[net.parameter]), 2), net.n_sites
    )
    return p._replace(
        bias_amplitude=np.where(
            np.arange(net.n_sites) < net.n_inputs, 0.0, strength * (reach + 0.1)
        )
    )


@unconverged_ok
@given(cases(), MU)
def test_the_energy_never_rises_in_any_sweep(case, mu):
    net, p = case.net, case.parameters
    rounding = 1e-14 * case.scale * net.n_sites
    phases = case.initial()
    before = energy(net, p, phases)
    for _ in range(12):
        phases = relax(
            net, p, case.inputs, initial=phases, over_relaxation=mu, max_sweeps=1, tol=0.0
        ).phases
        after = energy(net, p, phases)
        assert (after <= before + rounding).all()
        before = after


@unconverged_ok
@settings(max_examples=50)
@given(cases(), MU)
def test_sweeps_one_by_one_are_sweeps_at_once(case, mu):
    start, keywords = case.initial(), {"over_relaxation": mu, "tol": 0.0}
    phases = start
    for _ in range(3):
        phases = relax(
            case.net, case.parameters, case.inputs, initial=phases, max_sweeps=1, **keywords
        ).phases
    at_once = relax(case.net, case.parameters, case.inputs, initial=start, max_sweeps=3, **keywords)
    assert ((at_once.iterations == 3) | (at_once.residual == 0)).all()
    np.testing.assert_allclose(angle(phases, at_once.phases), 0, atol=1e-10)


@unconverged_ok
@settings(max_examples=100)
@given(cases(), MU)
def test_a_sweep_is_what_it_is_said_to_be(case, mu):
    """Against u ← normalise(F − k (F·u)₊ u), k = μ/(1 + μ), site by site in complex numbers, with
    the field from a full matrix."""
    net, p, start = case.net, case.parameters, case.initial()
    found = relax(
        net, p, case.inputs, initial=start, over_relaxation=mu, max_sweeps=1, tol=0.0
    ).phases
    J = np.zeros((net.n_sites,) * 2)
    J[net.edges[:, 0], net.edges[:, 1]] = J[net.edges[:, 1], net.edges[:, 0]] = p.couplings[
        net.parameter
    ]
    u, well_defined = np.exp(1j * start), np.full(len(start), True)
    for i in visits(net):
        field = u @ J[i] + p.bias_amplitude[i] * np.exp(1j * p.bias_phase[i])
        new = field - mu / (1 + mu) * np.maximum((field * np.conj(u[:, i])).real, 0) * u[:, i]
        well_defined &= np.abs(new) > 1e-6
        u[:, i] = new / np.maximum(np.abs(new), 1e-300)
    np.testing.assert_allclose(angle(found, np.angle(u))[well_defined], 0, atol=1e-7)


@on_networks(wanted=200)
def test_converged_is_a_minimum(case):
    net, p = case.net, case.parameters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        eq = relax(net, p, case.inputs, seed=int(case.rng.integers(2**31)), tol=1e-9)
    worst = np.abs(force(net, p, eq.phases)).max(axis=1)
    np.testing.assert_allclose(eq.residual, worst, rtol=0, atol=1e-14 * case.scale * net.n_sites)
    np.testing.assert_array_equal(eq.phases[:, : net.n_inputs], case.inputs)
    np.testing.assert_array_equal(eq.converged, eq.residual <= 1e-9)
    assert eq.n_unconverged == (~eq.converged).sum()
    for phases in eq.phases[eq.converged]:
        assert case.softest(phases) >= -1e-6
    return None if eq.converged.all() else "not converged"


@settings(max_examples=60)
@given(cases(bias=("none",)), st.floats(0.0, 0.95))
def test_both_methods_agree_where_there_is_one_minimum(case, mu):
    """With biases of four times all couplings of a site, every stable state keeps each phase within
    15° of its bias: it is the only one."""
    net, p, start = case.net, biased(case.net), case.initial()
    fast = relax(net, p, case.inputs, initial=start, over_relaxation=mu, tol=1e-10)
    flow = relax(net, p, case.inputs, initial=start, method="gradient_flow", tol=1e-10)
    assert fast.converged.all() and flow.converged.all()
    np.testing.assert_allclose(angle(fast.phases, flow.phases), 0, atol=1e-8)
    np.testing.assert_allclose(
        angle(fast.phases, relax(net, p, case.inputs, seed=5).phases), 0, atol=1e-7
    )


@settings(max_examples=30)
@given(graphs(tree=True), st.integers(0, 2**32))
def test_both_methods_agree_on_trees(net, seed):
    """Couplings of either sign without a loop have one minimum: each site along its neighbour, or
    opposite to it."""
    rng = np.random.default_rng(seed)
    p = net.init_parameters(0)._replace(bias_amplitude=np.zeros(net.n_sites))
    p = p._replace(
        couplings=rng.choice([-1, 1], net.n_parameters) * rng.uniform(0.5, 2.0, net.n_parameters)
    )
    x = rng.uniform(-np.pi, np.pi, (2, 1))
    start = np.concatenate([x, rng.uniform(-np.pi, np.pi, (2, net.n_free))], axis=1)
    fast, flow = (
        relax(net, p, x, initial=start, method=method, tol=1e-11)
        for method in ("fast", "gradient_flow")
    )
    np.testing.assert_allclose(angle(fast.phases, flow.phases), 0, atol=1e-8)
    np.testing.assert_allclose(energy(net, p, fast.phases), -np.abs(p.couplings).sum(), rtol=1e-14)


def test_both_methods_agree_in_a_ferromagnet():
    net = all_to_all(9, inputs=2, outputs=1)
    p = net.init_parameters(1)
    p = p._replace(couplings=np.abs(p.couplings) + 0.1)
    x = np.array([[0.4, 1.4], [-3.0, 2.4]])
    fast, flow = (
        relax(net, p, x, seed=4, method=method, tol=1e-11) for method in ("fast", "gradient_flow")
    )
    np.testing.assert_allclose(angle(fast.phases, flow.phases), 0, atol=1e-8)


@pytest.fixture(scope="module")
def trained_stack():
    """A stack of lattices, its parameters after as many updates as an epoch of MNIST has, and 64
    images."""
    task = load_task("digits")
    net = stacked_lattices((8, 8))
    run = Run(net, task, make_training(**IMAGES | {"epochs": 40, "record_every": 40}), 0)
    run.advance()
    return net, run.parameters, task.inputs[:64]


@pytest.mark.parametrize("dtype, limit", [("float32", 1e-4), ("float64", 1e-8)])
def test_what_is_called_converged_is_at_rest(trained_stack, dtype, limit):
    """The flow in time goes nowhere from there."""
    net, p, inputs = trained_stack
    eq = relax(net, p, inputs, dtype=dtype)
    flow = relax(
        net,
        p,
        inputs,
        initial=eq.phases,
        method="gradient_flow",
        tol=GaussSeidel(dtype=dtype).tol / 1000,
    )
    assert flow.converged.all()
    assert np.abs(angle(flow.phases, eq.phases)).max() < limit


def test_outputs_opposite_to_their_targets_come_to_rest():
    """Near the pole of the logarithmic cost an output feels a huge field, and must not be thrown to
    and fro."""
    net = layered([1, 2])
    p = Parameters(np.full(2, 20.0), np.zeros(3), np.zeros(3))
    away = np.geomspace(1e-6, 1.0, 40)
    initial = np.stack([np.zeros(40), away, -away], axis=1)
    for dtype in ("float32", "float64"):
        keywords = {
            "targets": np.full((40, 2), np.pi),
            "beta": 0.1,
            "initial": initial,
            "dtype": dtype,
            "over_relaxation": 0.5,
        }
        eq = relax(net, p, np.zeros((40, 1)), tol=1e-3, max_sweeps=100, **keywords)
        assert eq.converged.all()


def _many(n=70, seed=3):
    net = square_lattice((5, 5), [(0, 0), (0, 4)], [(4, 2)], shells=2)
    rng = np.random.default_rng(seed)
    inputs, free = rng.uniform(-np.pi, np.pi, (n, 2)), rng.uniform(-np.pi, np.pi, (n, net.n_free))
    return net, net.init_parameters(0), inputs, np.concatenate([inputs, free], axis=1)


SOLVERS = [GaussSeidel(), GaussSeidel(dtype="float32"), GradientFlow(tol=1e-5)]


@pytest.mark.parametrize("solver", SOLVERS, ids=["float64", "float32", "flow"])
def test_samples_do_not_depend_on_their_batch_or_threads(solver):
    net, p, inputs, start = _many()
    whole = relax(net, p, inputs, initial=start, method=solver)
    assert whole.converged.all()
    for threads in (2, 3):
        again = relax(net, p, inputs, initial=start, method=solver, threads=threads)
        np.testing.assert_array_equal(again.phases, whole.phases)
        np.testing.assert_array_equal(again.iterations, whole.iterations)
    order = np.random.default_rng(0).permutation(len(inputs))
    for part in (order, order[:33], order[:1]):
        alone = relax(net, p, inputs[part], initial=start[part], method=solver)
        np.testing.assert_array_equal(alone.phases, whole.phases[part])
        np.testing.assert_array_equal(alone.residual, whole.residual[part])
        np.testing.assert_array_equal(alone.iterations, whole.iterations[part])


@unconverged_ok
def test_samples_do_not_depend_on_companions_that_do_not_converge():
    """A sample whose first sign of convergence is not confirmed must go on although another one of
    its block uses up all sweeps."""
    rng = np.random.default_rng(0)
    net = square_lattice((6, 6), inputs=[(0, 0), (0, 5)], outputs=[(5, 3)], shells=4)
    p, inputs, start = (
        net.init_parameters(0),
        rng.uniform(-3, 3, (16, 2)),
        rng.uniform(-3, 3, (16, 36)),
    )
    keywords = {"tol": 1e-4, "over_relaxation": 0.6, "max_sweeps": 30}
    together = relax(net, p, inputs, initial=start, **keywords)
    assert 0 < together.n_unconverged < 16
    for s in range(len(inputs)):
        alone = relax(net, p, inputs[s : s + 1], initial=start[s : s + 1], **keywords)
        np.testing.assert_array_equal(alone.phases[0], together.phases[s])
        assert alone.iterations[0] == together.iterations[s]


def test_the_seed_decides_the_initial_state():
    net, p, inputs, _ = _many(20)
    a, b, c = (relax(net, p, inputs, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.phases, b.phases)
    assert not np.array_equal(a.phases, c.phases)
    # sample by sample another state: equal inputs do not all end in one place
    same = relax(net, p, np.zeros((20, 2)), seed=0)
    assert len(np.unique(np.round(energy(net, p, same.phases), 6))) > 1


@settings(max_examples=50)
@given(cases(bias=("none",)))
def test_float32_is_close_to_float64(case):
    net, p = case.net, biased(case.net)
    start = case.initial()
    single = relax(net, p, case.inputs, initial=start, dtype="float32", tol=1e-4 * case.scale)
    double = relax(net, p, case.inputs, initial=start)
    assert single.phases.dtype == np.float64
    np.testing.assert_allclose(angle(single.phases, double.phases), 0, atol=1e-3)


@pytest.mark.parametrize(
    "keywords",
    [
        {"max_sweeps": 3},
        {"method": "gradient_flow", "max_time": 0.1},
        {"method": "gradient_flow", "max_steps": 2},
    ],
)
def test_what_has_not_converged_is_marked_and_counted(keywords):
    net, p, inputs, start = _many(5)
    start[2] = relax(net, p, inputs[2:3], initial=start[2:3]).phases[0]
    with pytest.warns(NotConvergedWarning, match="4 of 5 samples"):
        eq = relax(net, p, inputs, initial=start, **keywords)
    np.testing.assert_array_equal(eq.converged, [False, False, True, False, False])
    assert eq.n_unconverged == 4 and "4 not converged" in repr(eq)
    np.testing.assert_allclose(
        eq.residual, np.abs(force(net, p, eq.phases)).max(axis=1), atol=1e-10
    )


@pytest.mark.parametrize("dtype, factor", [("float64", 1e200), ("float32", 1e30)])
def test_overflow_is_not_called_converged(dtype, factor):
    net, p, inputs, start = _many(2)
    with pytest.warns(NotConvergedWarning):
        eq = relax(
            net,
            p._replace(couplings=factor * p.couplings),
            inputs,
            initial=start,
            dtype=dtype,
            max_sweeps=50,
        )
    assert not eq.converged[~np.isfinite(eq.phases).all(axis=1)].any()


def test_no_warning_when_all_is_well():
    net, p, inputs, start = _many(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        eq = relax(net, p, inputs, initial=start)
    assert (
        isinstance(eq, Equilibrium)
        and eq.beta == 0.0
        and eq.trajectory is None
        and eq.n_unconverged == 0
    )


@pytest.mark.parametrize("method", ["fast", "gradient_flow"])
@pytest.mark.parametrize("cost", ["log_cosine", "cosine", LogCosine(0.5), CrossEntropy(3.0)])
@pytest.mark.parametrize("beta", [0.1, -0.1])
def test_nudged_equilibrium_is_a_stationary_point(method, cost, beta):
    """∂(E + βC)/∂φ = 0 by finite differences of `energy` and the cost alone."""

    @settings(max_examples=40 if method == "fast" else 20)
    @given(cases(bias=("none",)))
    def check(case):
        net, p, n = case.net, biased(case.net, 2.5), case.net.n_inputs
        free = relax(net, p, case.inputs)
        targets = free.phases[:, net.n_sites - net.n_outputs :] + case.rng.uniform(
            -1.5, 1.5, case.targets.shape
        )
        targets = suited(targets, cost)
        if isinstance(cost, CrossEntropy) and net.n_outputs == 1:
            return  # a single class is always right
        strength = beta * p.bias_amplitude[net.n_sites - net.n_outputs :].min()
        keywords = {"targets": targets, "beta": strength, "cost": cost}
        eq = relax(net, p, case.inputs, initial=free.phases, method=method, tol=1e-9, **keywords)
        assert eq.beta == strength and eq.converged.all()
        function = as_cost(cost)
        for phases, target in zip(eq.phases, targets):
            moves = 1e-5 * np.eye(net.n_sites)[n:]
            total = [
                energy(net, p, at)
                + eq.beta * function(at[:, net.n_sites - net.n_outputs :], target)
                for at in (phases + moves, phases - moves)
            ]
            np.testing.assert_allclose((total[0] - total[1]) / 2e-5, 0, atol=3e-7)
        assert angle(eq.phases, free.phases).max() > 1e-4  # it did move

    check()


@settings(max_examples=40)
@given(cases(bias=("none",)))
def test_nudging_moves_outputs_towards_the_target_or_away(case):
    net, p = case.net, biased(case.net, 2.5)
    free = relax(net, p, case.inputs)
    outputs = slice(net.n_sites - net.n_outputs, None)
    targets = free.phases[:, outputs] + 1.0
    costs = []
    for beta in (-0.02, 0.0, 0.02):
        eq = relax(net, p, case.inputs, targets=targets, beta=beta, initial=free.phases, tol=1e-10)
        costs.append(COSTS["log_cosine"](eq.phases[:, outputs], targets))
    assert (costs[0] > costs[1]).all() and (costs[1] > costs[2]).all()


def test_nudging_from_any_start_reaches_the_target_without_other_forces():
    """The cost −log(1 + cos) has no stationary point opposite to the target: a free site finds it
    from everywhere."""
    net = Network([(0, 1)], [0], [1])
    p = Parameters(np.array([1e-9]), np.zeros(2), np.zeros(2))
    start = np.column_stack([np.zeros(50), np.linspace(-np.pi + 1e-3, np.pi - 1e-3, 50)])
    for method in ("fast", "gradient_flow"):
        eq = relax(
            net,
            p,
            np.zeros((50, 1)),
            targets=np.zeros((50, 1)),
            beta=0.3,
            initial=start,
            method=method,
        )
        np.testing.assert_allclose(eq.phases[:, 1], 0.0, atol=1e-6)


@unconverged_ok
@settings(max_examples=50)
@given(cases())
def test_the_flow_goes_downhill(case):
    net, p, start = case.net, case.parameters, case.initial()
    times = np.linspace(0, 10, 30) / case.scale
    eq = relax(
        net,
        p,
        case.inputs,
        initial=start,
        method="gradient_flow",
        times=times,
        rtol=1e-9,
        atol=1e-9,
        max_time=times[-1],
    )
    assert eq.trajectory.shape == (len(start), 30, net.n_sites)
    np.testing.assert_array_equal(eq.trajectory[:, 0], start)
    np.testing.assert_array_equal(
        eq.trajectory[:, :, : net.n_inputs],
        np.broadcast_to(case.inputs[:, None], (*eq.trajectory.shape[:2], net.n_inputs)),
    )
    np.testing.assert_allclose(angle(eq.trajectory[:, -1], eq.phases), 0, atol=1e-12)
    assert (np.diff(energy(net, p, eq.trajectory), axis=1) <= 1e-10 * case.scale).all()


@pytest.mark.parametrize("h", [0.7, 2.0])
@pytest.mark.parametrize("clamped", [True, False])
def test_the_flow_of_one_site_is_known(h, clamped):
    """dφ/dt = −h sin φ is solved by tan(φ/2) = tan(φ₀/2) exp(−h t), whether a bias or a clamped
    neighbour exerts the force."""
    if clamped:
        net, p = Network([(0, 1)], [0], [1]), Parameters(np.array([h]), np.zeros(2), np.zeros(2))
    else:
        net, p = Network([], [], [0]), Parameters(np.zeros(0), np.array([h]), np.zeros(1))
    start = np.array([[-3.1], [-0.5], [1.0], [3.0]])
    times = np.array([0.0, 0.1, 0.5, 0.5, 1.7, 6.0])
    initial = np.pad(start, ((0, 0), (net.n_inputs, 0)))
    options = {"rtol": 1e-10, "atol": 1e-10, "tol": 1e-12}
    eq = relax(
        net,
        p,
        np.zeros((4, net.n_inputs)),
        initial=initial,
        method="gradient_flow",
        times=times,
        **options,
    )
    np.testing.assert_allclose(
        eq.trajectory[:, :, -1],
        2 * np.arctan(np.tan(start / 2) * np.exp(-h * times)),
        rtol=0,
        atol=1e-8,
    )


def test_solvers_as_values():
    """A solver and its name with options are the same thing."""
    net = layered([2, 3, 1])
    p, x = net.init_parameters(0), np.array([[0.1, 0.2]])
    a = relax(net, p, x, method=GaussSeidel(tol=1e-6, over_relaxation=0.3))
    b = relax(net, p, x, tol=1e-6, over_relaxation=0.3)
    c = relax(net, p, x, method=GaussSeidel(tol=1e-6), over_relaxation=0.3)
    np.testing.assert_array_equal(a.phases, b.phases)
    np.testing.assert_array_equal(a.phases, c.phases)
    assert GaussSeidel(dtype="float32").tol > GaussSeidel().tol


def test_rows_of_random_phases_are_those_of_the_whole():
    whole = random_phases((37, 5), 3, 2, 1)
    for rows in ((0, 37), (0, 1), (3, 4), (16, 37), (7, 30)):
        np.testing.assert_array_equal(
            random_phases((37, 5), 3, 2, 1, rows=rows), whole[slice(*rows)]
        )


def test_an_aligned_start_follows_the_field_of_inputs_and_earlier_sites():
    """After one sweep without over-relaxation, site by site with the field from a full matrix; the
    flow starts there too."""
    net, p, inputs, _ = _many(4)
    found = relax(
        net, p, inputs, initial="aligned", over_relaxation=0.0, max_sweeps=1, tol=0.0, warn=False
    ).phases
    J = np.zeros((net.n_sites,) * 2)
    J[net.edges[:, 0], net.edges[:, 1]] = J[net.edges[:, 1], net.edges[:, 0]] = p.couplings[
        net.parameter
    ]
    u = np.zeros(found.shape, complex)
    u[:, : net.n_inputs] = np.exp(1j * inputs)
    for i in visits(net):
        field = u @ J[i] + p.bias_amplitude[i] * np.exp(1j * p.bias_phase[i])
        u[:, i] = field / np.abs(field)
    np.testing.assert_allclose(angle(found, np.angle(u)), 0, atol=1e-6)
    start = relax(
        net, p, inputs, initial="aligned", method="gradient_flow", times=[0.0, 1.0], warn=False
    ).trajectory[:, 0]
    np.testing.assert_allclose(angle(start, found), 0, atol=1e-9)
    again = [relax(net, p, inputs, initial="aligned", seed=s).phases for s in (0, 1)]
    np.testing.assert_array_equal(*again)


def test_sites_visited_in_pairs_move_as_single_ones_do():
    """A layered network and the same one with a dangling, uncoupled-in-effect site that breaks up
    the pairs."""
    net = layered([5, 8, 4])
    extra = [(net.n_sites + k, 5 + 2 * k) for k in range(4)]  # a site on every other hidden one
    broken = Network([*net.edges, *extra], net.inputs, net.outputs, n_sites=net.n_sites + 4)
    visits = [len(graph_of(n).free.middle) / n.n_free for n in (net, broken)]
    assert visits[0] < 0.75 <= visits[1]
    p, rng = net.init_parameters(0), np.random.default_rng(0)
    place = np.argsort(broken.labels)[: net.n_sites]  # where the sites of `net` are in `broken`
    couplings = np.concatenate([p.couplings, np.zeros(4)])
    q = Parameters(couplings, np.zeros(broken.n_sites), np.zeros(broken.n_sites))
    inputs, start = rng.uniform(-1, 1, (20, 5)), rng.uniform(-3, 3, (20, net.n_sites))
    start[:, :5] = inputs
    other = np.zeros((20, broken.n_sites))
    other[:, place] = start
    for dtype, atol in (("float64", 1e-12), ("float32", 1e-5)):
        options = {"max_sweeps": 5, "tol": 0.0, "dtype": dtype, "warn": False}
        one, two = (
            relax(net, p, inputs, initial=start, **options),
            relax(broken, q, inputs, initial=other, **options),
        )
        np.testing.assert_allclose(angle(one.phases, two.phases[:, place]), 0, atol=atol)


def test_competing_classes_come_to_rest():
    """Softmax nudging of two outputs with little field of their own: each by itself would be turned
    too far."""
    net = Network([(0, 1), (0, 2)], [0], [1, 2])
    inputs, targets = np.zeros((1, 1)), np.array([[np.pi / 2, -np.pi / 2]])
    for field, mu, beta in ((1.0, 0.5, 0.3), (4.0, 0.6, 0.3), (8.0, 0.5, 0.3), (0.3, 0.6, 1.0)):
        p = Parameters(np.full(2, field), np.zeros(3), np.zeros(3))
        start = np.zeros((1, 3))
        options = {
            "targets": targets,
            "beta": beta,
            "cost": "cross_entropy",
            "initial": start,
            "over_relaxation": mu,
            "max_sweeps": 200,
        }
        eq = relax(net, p, inputs, **options)
        assert eq.converged.all() and eq.phases[0, 1] > 0.01 and eq.phases[0, 2] < -0.01


def test_a_single_class_is_always_right():
    net = Network([(0, 1)], [0], [1])
    p, inputs, target = (
        Parameters(np.ones(1), np.zeros(2), np.zeros(2)),
        np.array([[0.3]]),
        np.array([[np.pi / 2]]),
    )
    eq = relax(net, p, inputs, targets=target, beta=0.5, cost="cross_entropy")
    np.testing.assert_allclose(eq.phases, 0.3, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_site_without_any_field_stays_in_an_aligned_start(dtype):
    net = Network([(0, 1)], [0], [1], n_sites=3, bias_scale=0.0)
    eq = relax(net, net.init_parameters(0), np.array([[0.3]]), initial="aligned", dtype=dtype)
    assert eq.converged.all() and np.isfinite(eq.phases).all()
    with pytest.raises(ValueError, match="max_sweeps"):
        relax(net, net.init_parameters(0), np.array([[0.3]]), initial="aligned", max_sweeps=0)


def test_pairs_with_cross_entropy_do_not_depend_on_batch_or_threads():
    net = layered([5, 8, 4])
    p, rng = net.init_parameters(1), np.random.default_rng(0)
    inputs = rng.uniform(-1.5, 1.5, (150, 5))
    targets = np.where(np.arange(4) == rng.integers(4, size=150)[:, None], np.pi / 2, -np.pi / 2)
    options = {
        "initial": "aligned",
        "cost": "cross_entropy",
        "beta": 0.1,
        "dtype": "float32",
        "tol": 1e-4,
        "warn": False,
    }
    whole = relax(net, p, inputs, targets=targets, **options)
    threaded = relax(net, p, inputs, targets=targets, threads=3, **options)
    np.testing.assert_array_equal(whole.phases, threaded.phases)
    for part in (slice(0, 1), slice(3, 40), slice(149, 150)):
        few = relax(net, p, inputs[part], targets=targets[part], **options)
        np.testing.assert_array_equal(few.phases, whole.phases[part])
        np.testing.assert_array_equal(few.iterations, whole.iterations[part])
