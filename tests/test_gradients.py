"""EP gradients against the exact one, the exact one against finite differences of the relaxed
cost."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import angle, cases, on_networks, suited

from xyep.cost import CrossEntropy, LogCosine, as_cost, mismatch
from xyep.datasets import load_task
from xyep.energy import force, parameter_gradient, sum_tied
from xyep.gradients import GradientWarning, ep_gradient, implicit_gradient
from xyep.lattices import all_to_all, layered, square_lattice, stacked_lattices
from xyep.linear_response import LinearResponse, ZeroModeError, zero_modes
from xyep.network import Network, Parameters
from xyep.relaxation import NotConvergedWarning, relax
from xyep.solvers import GaussSeidel, GradientFlow

TIGHT = {"tol": 1e-13, "max_sweeps": 100_000}
TIGHTLY = GaussSeidel(**TIGHT)

#: Where the response diverges there is no derivative to compare with: states softer than this part
#: of the stiffness are left out,
#: and so are outputs this near to the pole of the cost.
SOFT, POLE = 1e-3, 1e-3


def flat(gradient):
    return gradient.parameters.flatten()


def equilibrium(case):
    """Free equilibrium of the case, or None with the reason why no derivative can be measured
    there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        eq = relax(
            case.net, case.parameters, case.inputs, seed=int(case.rng.integers(2**31)), **TIGHT
        )
    if not eq.converged.all():
        return None, "not converged"
    if min(case.softest(phases) for phases in eq.phases) < SOFT * case.scale:
        return None, "soft"
    outputs = eq.phases[:, case.net.n_sites - case.net.n_outputs :]
    if (1 + np.cos(outputs - case.targets)).min() < POLE:
        return None, "at the pole"
    return eq, None


@on_networks(wanted=200, spare=20)
def test_implicit_gradient_is_the_slope_of_the_relaxed_cost(case):
    """Central differences, of fourth order, along a random direction in each of the three kinds of
    parameters."""
    net, p, cost = case.net, case.parameters, as_cost("log_cosine")
    eq, reason = equilibrium(case)
    if reason:
        return reason
    exact = implicit_gradient(net, p, case.inputs, case.targets, initial=eq.phases, method=TIGHTLY)
    np.testing.assert_allclose(angle(exact.phases, eq.phases), 0, atol=1e-9)
    softest = min(case.softest(phases) for phases in eq.phases)
    pole = np.sqrt(
        2 * (1 + np.cos(eq.phases[:, net.n_sites - net.n_outputs :] - case.targets)).min()
    )
    theta, slices = p.flatten(), np.cumsum([0, net.n_parameters, net.n_sites, net.n_sites])
    for part in map(slice, slices, slices[1:]):
        direction = np.zeros(len(theta))
        direction[part] = case.rng.normal(size=part.stop - part.start)
        # the step moves no site by more than a small part of what would change the stiffness, or
        # carry an output into the pole
        direction /= max(np.linalg.norm(direction), 1e-9)
        push = force(net, net.unflatten(theta + 1e-3 * direction), eq.phases) - force(
            net, net.unflatten(theta - 1e-3 * direction), eq.phases
        )
        speed = max(
            np.abs(LinearResponse(net, p, s).solve(f[net.n_inputs :])).max()
            for s, f in zip(eq.phases, push / 2e-3)
        )
        step = 0.02 * min(softest / case.scale, pole) / max(speed, 1 / softest)

        def relaxed_cost(k, direction=direction, step=step):
            q = net.unflatten(theta + k * step * direction)
            state = relax(net, q, case.inputs, initial=eq.phases, **TIGHT)
            return cost(state.phases[:, net.n_sites - net.n_outputs :], case.targets).mean()

        slope = (
            8 * (relaxed_cost(1) - relaxed_cost(-1)) - (relaxed_cost(2) - relaxed_cost(-2))
        ) / (12 * step)
        size, whole = np.linalg.norm(flat(exact)[part]), np.linalg.norm(flat(exact))
        assert abs(slope - flat(exact) @ direction) <= 1e-5 * size + 1e-7 * whole, (
            slope,
            flat(exact) @ direction,
        )


@on_networks(wanted=200, spare=20, max_samples=1)
def test_bias_of_both_estimators(case):
    """Centred ∝ β², one-sided ∝ β, fitted from where the one-sided bias is about a percent of the
    gradient down to a quarter of that β."""
    net, p = case.net, case.parameters
    eq, reason = equilibrium(case)
    if reason:
        return reason
    exact = flat(
        implicit_gradient(net, p, case.inputs, case.targets, initial=eq.phases, method=TIGHTLY)
    )

    def bias(beta, estimator):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            g = ep_gradient(
                net,
                p,
                case.inputs,
                case.targets,
                beta=beta,
                estimator=estimator,
                initial=eq.phases,
                **TIGHT,
            )
        return np.linalg.norm(flat(g) - exact) / np.linalg.norm(exact)

    beta = 1e-6 * case.scale
    while beta < case.scale and bias(2 * beta, "one_sided") < 0.01:
        beta *= 2
    betas = beta * np.array([1.0, 0.5, 0.25])
    for estimator, wanted in (("centered", 2), ("one_sided", 1)):
        errors = [bias(b, estimator) for b in betas]
        slope = np.polyfit(np.log(betas), np.log(errors), 1)[0]
        assert abs(slope - wanted) <= 0.1, (
            estimator,
            slope,
            beta,
            errors,
            np.linalg.norm(exact),
            case.softest(eq.phases[0]),
        )


def _problem(kind="lattice", n=5, seed=0, bias=0.5):
    """A network away from any instability: ferromagnetic couplings of different strength, biases in
    one half-plane."""
    net = {
        "lattice": lambda: square_lattice((4, 4), [(0, 0), (0, 3)], [(3, 1), (3, 2)], shells=2),
        "layered": lambda: layered([3, 6, 2]),
        "all_to_all": lambda: all_to_all(7, inputs=2, outputs=2),
    }[kind]()
    rng = np.random.default_rng(seed)
    amplitude = np.where(
        np.arange(net.n_sites) < net.n_inputs, 0.0, rng.uniform(bias, 2 * bias, net.n_sites)
    )
    p = Parameters(
        rng.uniform(0.2, 1.0, net.n_parameters), amplitude, rng.uniform(-1, 1, net.n_sites)
    )
    return net, p, rng.uniform(-1, 1, (n, net.n_inputs)), rng.uniform(-1.5, 1.5, (n, net.n_outputs))


KINDS = pytest.mark.parametrize("kind", ["lattice", "layered", "all_to_all"])


@KINDS
@pytest.mark.parametrize("cost", ["log_cosine", "cosine", LogCosine(0.4), CrossEntropy(3.0)])
def test_every_component_of_the_exact_gradient(kind, cost):
    net, p, inputs, targets = _problem(kind)
    theta, step, targets = p.flatten(), 1e-4, suited(targets, cost)

    def relaxed_cost(vector):
        phases = relax(net, net.unflatten(vector), inputs, seed=1, **TIGHT).phases
        return as_cost(cost)(phases[:, net.n_sites - net.n_outputs :], targets).mean()

    slope = [
        (relaxed_cost(theta + move) - relaxed_cost(theta - move)) / (2 * step)
        for move in step * np.eye(len(theta))
    ]
    np.testing.assert_allclose(
        flat(implicit_gradient(net, p, inputs, targets, seed=1, cost=cost)),
        slope,
        rtol=0,
        atol=1e-7,
    )


@KINDS
@pytest.mark.parametrize("cost", ["log_cosine", "cosine", LogCosine(0.4), CrossEntropy(3.0)])
def test_every_component_of_the_ep_gradient(kind, cost):
    net, p, inputs, targets = _problem(kind)
    targets = suited(targets, cost)
    exact = flat(implicit_gradient(net, p, inputs, targets, cost=cost))
    centred = ep_gradient(net, p, inputs, targets, beta=1e-3, cost=cost, tol=1e-12)
    one_sided = ep_gradient(
        net, p, inputs, targets, beta=1e-6, estimator="one_sided", cost=cost, tol=1e-13
    )
    np.testing.assert_allclose(flat(centred), exact, rtol=0, atol=1e-6)
    np.testing.assert_allclose(flat(one_sided), exact, rtol=0, atol=1e-5)


@KINDS
def test_ep_gradient_is_the_contrast_of_two_equilibria(kind):
    """Against the definition: energy gradients at nudged states that `relax` finds one at a
    time."""
    net, p, inputs, targets = _problem(kind)
    free = relax(net, p, inputs, seed=3)
    for estimator, betas in (("centered", (0.2, -0.2)), ("one_sided", (0.2, 0.0))):
        found = ep_gradient(
            net, p, inputs, targets, beta=0.2, estimator=estimator, seed=3, tol=1e-9
        )
        states = [
            relax(net, p, inputs, targets=targets, beta=b, initial=free.phases).phases
            for b in betas
        ]
        slopes = [
            np.concatenate([part.mean(axis=0) for part in parameter_gradient(net, p, state)])
            for state in states
        ]
        np.testing.assert_allclose(
            flat(found), (slopes[0] - slopes[1]) / (betas[0] - betas[1]), rtol=0, atol=1e-7
        )
        np.testing.assert_allclose(angle(found.phases, free.phases), 0, atol=1e-12)


def test_a_step_against_the_gradient_lowers_the_cost():
    net, p, inputs, targets = _problem()
    for gradient in (implicit_gradient, ep_gradient):
        g = gradient(net, p, inputs, targets)
        theta = p.flatten() - 0.01 * flat(g)
        outputs = relax(net, net.unflatten(theta), inputs, seed=0).phases[:, -net.n_outputs :]
        assert as_cost("log_cosine")(outputs, targets).mean() < g.cost.mean()


def test_what_comes_with_a_gradient():
    net, p, inputs, targets = _problem(n=3)
    for gradient, phases in ((ep_gradient, 3), (implicit_gradient, 1)):
        g = gradient(net, p, inputs, targets, initial_states=4, seed=2, tol=1e-9)
        assert g.couplings.shape == (
            net.n_parameters,
        ) and g.bias_amplitude.shape == g.bias_phase.shape == (net.n_sites,)
        assert g.phases.shape == (12, net.n_sites)
        assert g.residual.shape == g.iterations.shape == g.converged.shape == (phases, 12)
        assert g.n_unconverged == 0 and (g.iterations > 0).all()
        outputs, repeated = g.phases[:, -net.n_outputs :], np.repeat(targets, 4, axis=0)
        np.testing.assert_array_equal(g.phases[:, : net.n_inputs], np.repeat(inputs, 4, axis=0))
        np.testing.assert_allclose(g.cost, as_cost("log_cosine")(outputs, repeated))
        np.testing.assert_allclose(g.mismatch, mismatch(outputs, repeated))
        assert np.abs(force(net, p, g.phases)).max() < 1e-7
        assert not g.bias_amplitude[: net.n_inputs].any() and not g.bias_phase[: net.n_inputs].any()


@settings(max_examples=50)
@given(cases(max_samples=3))
def test_couplings_between_inputs_have_no_gradient(case):
    net = case.net
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        g = ep_gradient(net, case.parameters, case.inputs, case.targets, max_sweeps=50)
    only_inputs = np.setdiff1d(
        np.arange(net.n_parameters), net.parameter[net.edges[:, 1] >= net.n_inputs]
    )
    assert not g.couplings[only_inputs].any()


@pytest.mark.parametrize("gradient", [ep_gradient, implicit_gradient])
def test_shared_couplings_add_up(gradient):
    net, p, inputs, targets = _problem()
    tying = np.random.default_rng(0).permutation(np.arange(net.n_couplings) % 5)
    tied = Network(
        net.edges,
        net.inputs,
        net.outputs,
        tying=tying,
        n_sites=net.n_sites,
    )
    assert tied.n_parameters == 5
    shared = p._replace(couplings=p.couplings[:5])
    free = shared._replace(couplings=shared.couplings[tying])
    a, b = gradient(tied, shared, inputs, targets), gradient(net, free, inputs, targets)
    np.testing.assert_allclose(a.couplings, sum_tied(tied, b.couplings), rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.bias_amplitude, b.bias_amplitude, rtol=0, atol=1e-12)


@KINDS
@pytest.mark.parametrize("estimator", ["centered", "one_sided"])
def test_gradient_flow_gives_the_same_gradient(kind, estimator):
    net, p, inputs, targets = _problem(kind, n=3)
    start = relax(net, p, inputs).phases
    keywords = {"estimator": estimator, "initial": start, "tol": 1e-11}
    fast, flow = (
        ep_gradient(net, p, inputs, targets, method=method, **keywords)
        for method in ("fast", "gradient_flow")
    )
    np.testing.assert_allclose(flat(fast), flat(flow), rtol=0, atol=1e-8)
    np.testing.assert_allclose(angle(fast.phases, flow.phases), 0, atol=1e-9)
    assert flow.residual.shape == fast.residual.shape and flow.converged.all()


@pytest.mark.parametrize("gradient", [ep_gradient, implicit_gradient])
def test_a_batch_is_the_mean_of_its_samples(gradient):
    net, p, inputs, targets = _problem(n=37)
    start = np.concatenate(
        [inputs, np.random.default_rng(1).uniform(-1, 1, (37, net.n_free))], axis=1
    )
    whole = flat(gradient(net, p, inputs, targets, initial=start, tol=1e-9))
    single = [
        flat(gradient(net, p, inputs[[s]], targets[[s]], initial=start[[s]], tol=1e-9))
        for s in range(37)
    ]
    np.testing.assert_allclose(whole, np.mean(single, axis=0), rtol=0, atol=1e-13)


def test_initial_states_are_averaged():
    net, p, inputs, targets = _problem(n=2)
    repeated = ep_gradient(
        net, p, np.repeat(inputs, 3, axis=0), np.repeat(targets, 3, axis=0), seed=5
    )
    np.testing.assert_array_equal(
        flat(ep_gradient(net, p, inputs, targets, initial_states=3, seed=5)), flat(repeated)
    )


@pytest.mark.parametrize("estimator", ["centered", "one_sided"])
@pytest.mark.parametrize(
    "solver",
    [GaussSeidel(), GaussSeidel(tol=1e-4, dtype="float32"), GradientFlow(tol=1e-6)],
    ids=["float64", "float32", "flow"],
)
def test_threads_do_not_change_a_bit(solver, estimator):
    net, p, inputs, targets = _problem(n=150)
    one, two, three = (
        ep_gradient(net, p, inputs, targets, method=solver, estimator=estimator, threads=threads)
        for threads in (1, 2, 3)
    )
    for other in (two, three):
        np.testing.assert_array_equal(flat(one), flat(other))
        np.testing.assert_array_equal(one.phases, other.phases)
        np.testing.assert_array_equal(one.iterations, other.iterations)


@KINDS
def test_float32_is_close_to_float64(kind):
    net, p, inputs, targets = _problem(kind, n=40)
    single = flat(ep_gradient(net, p, inputs, targets, dtype="float32"))
    double = flat(ep_gradient(net, p, inputs, targets, tol=1e-9))
    assert np.linalg.norm(single - double) < 1e-3 * np.linalg.norm(double)


def test_looser_nudged_phases():
    net, p, inputs, targets = _problem()
    loose = ep_gradient(
        net, p, inputs, targets, method=GaussSeidel(), nudged_method=GaussSeidel(tol=1e-3)
    )
    tight = ep_gradient(net, p, inputs, targets, method=GaussSeidel())
    assert loose.iterations[1:].sum() < tight.iterations[1:].sum()
    assert 0 < np.abs(flat(loose) - flat(tight)).max() < 0.05
    assert loose.converged.all() and loose.residual[1:].max() > 1e-6


def test_unconverged_gradients_are_marked_and_counted():
    net, p, inputs, targets = _problem()
    for method, options in (("fast", {"max_sweeps": 2}), ("gradient_flow", {"max_steps": 2})):
        with pytest.warns(NotConvergedWarning, match="5 of 5"):
            g = ep_gradient(net, p, inputs, targets, method=method, **options)
        assert g.n_unconverged == 5 and not g.converged.any()


def test_a_network_that_can_rotate_freely_is_found():
    net = all_to_all(5, inputs=0, outputs=1)
    p, nothing = net.init_parameters(0), np.zeros((2, 0))
    assert len(zero_modes(net, p)) == 1
    with pytest.raises(ZeroModeError, match="bias"):
        implicit_gradient(net, p, nothing, np.ones((2, 1)))
    held = p._replace(bias_amplitude=np.array([0, 0.5, 0, 0, 0]))
    assert len(zero_modes(net, held)) == 0
    assert np.isfinite(flat(implicit_gradient(net, held, nothing, np.ones((2, 1))))).all()


def test_a_rotating_part_that_no_output_feels_does_no_harm():
    """Sites 3 and 4 are coupled to each other alone; nothing is divided by their zero mode."""
    parameters = {"bias_amplitude": np.array([0, 0.3, 0, 0.5, 0.4]), "bias_phase": np.ones(5)}
    net = Network([(0, 1), (1, 2), (3, 4)], [0], [2], n_sites=5)
    p = Parameters(np.array([1.0, 0.7, 0.9]), **parameters)
    # sites are numbered inputs, hidden, outputs: labels 0, 1, 3, 4, 2
    p = p._replace(bias_amplitude=np.array([0, 0.3, 0, 0, 0.4]))
    modes = zero_modes(net, p)
    np.testing.assert_allclose(np.abs(modes), [[0, np.sqrt(0.5), np.sqrt(0.5), 0]])
    small = Network([(0, 1), (1, 2)], [0], [2])
    q = Parameters(p.couplings[:2], p.bias_amplitude[[0, 1, 4]], p.bias_phase[[0, 1, 4]])
    inputs, targets = np.array([[0.3]]), np.array([[1.2]])
    whole, alone = (
        implicit_gradient(net, p, inputs, targets),
        implicit_gradient(small, q, inputs, targets),
    )
    np.testing.assert_allclose(whole.couplings, [*alone.couplings, 0.0], atol=1e-9)
    # a coupling of exactly zero holds nothing
    cut = Network([(0, 1), (1, 2), (2, 3)], [0], [1], n_sites=4)
    assert (
        len(zero_modes(cut, Parameters(np.array([1.0, 0.0, 1.0]), np.zeros(4), np.zeros(4)))) == 1
    )


def cosine_of(a, b):
    return flat(a) @ flat(b) / np.linalg.norm(flat(a)) / np.linalg.norm(flat(b))


def test_samples_at_a_pole_are_counted():
    """An untrained stack and images: negative nudging draws some outputs into the pole."""
    net, task = stacked_lattices((8, 8), window=3), load_task("digits").train
    p, x, t = net.init_parameters(seed=0), task.inputs[:64], task.targets[:64]
    exact = implicit_gradient(net, p, x, t)
    with pytest.warns(GradientWarning) as caught:
        g = ep_gradient(net, p, x, t, initial=exact.phases)
    n = int(g.at_pole.sum())
    assert 0 < n <= 64 and g.at_pole.shape == (64,)
    assert str(caught[0].message).startswith(f"{n} of 64 samples have an output at a pole")
    assert f"{n} at a pole" in repr(g)
    # counted where ∂E/∂θ is taken: the state nudged with −β
    nudged = {"targets": t, "beta": -0.1, "initial": exact.phases, "tol": 1e-4, "dtype": "float32"}
    state = relax(net, p, x, **nudged, warn=False).phases[:, -net.n_outputs :]
    np.testing.assert_array_equal(g.at_pole, (1 + np.cos(state - t) < 1e-3).any(axis=1))
    # a soft cost has no pole, and tangent nudging only that of the free outputs
    for cost in (LogCosine(0.95), "cosine"):
        with warnings.catch_warnings():
            warnings.simplefilter("error", GradientWarning)
            soft = ep_gradient(net, p, x, t, initial=exact.phases, cost=cost)
        wanted = implicit_gradient(net, p, x, t, initial=exact.phases, cost=cost)
        assert not soft.at_pole.any() and cosine_of(soft, wanted) > 0.9 > cosine_of(g, exact)
    with pytest.warns(GradientWarning, match=f"{int(exact.at_pole.sum())} of 64"):
        tangent = ep_gradient(net, p, x, t, initial=exact.phases, nudging="tangent")
    free = exact.phases[:, -net.n_outputs :]
    np.testing.assert_array_equal(exact.at_pole, (1 + np.cos(free - t) < 1e-3).any(axis=1))
    np.testing.assert_array_equal(tangent.at_pole, exact.at_pole)
    assert 0 < exact.at_pole.sum() < n


def test_no_pole_no_warning():
    net, p, inputs, targets = _problem()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        g = ep_gradient(net, p, inputs, targets)
    assert not g.at_pole.any() and not g.beyond_radius.any()
