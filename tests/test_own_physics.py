"""What users bring: a cost, an optimizer, a schedule, an estimator and a callback of their own."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import angle, cases, on_networks

import xyep
from xyep.run import CompiledLoop, Run
from xyep.settings import make_training
from xyep.solvers import GaussSeidel

XOR = xyep.load_task("xor")


class Quartic:
    """C = ½ Σ (1 − cos(φ − t))², known by its value and its gradient."""

    def __call__(self, phases, targets):
        return 0.5 * ((1 - np.cos(phases - targets)) ** 2).sum(axis=-1)

    def gradient(self, phases, targets):
        return (1 - np.cos(phases - targets)) * np.sin(phases - targets)


class Nudging(Quartic):
    """The same, with what the kernels need to nudge by it."""

    @staticmethod
    def slope(c, s, a, b):
        return (1 - (c * a + s * b)) * (s * a - c * b)


def log_cosine():
    """C = −Σ log(1 + cos(φ − t)) as a user's cost."""

    class Mine:
        def __call__(self, phases, targets):
            return -np.log1p(np.cos(phases - targets)).sum(axis=-1)

        def gradient(self, phases, targets):
            return np.tan((phases - targets) / 2)

        @staticmethod
        def slope(c, s, a, b):
            return (s * a - c * b) / (1 + c * a + s * b)

    return Mine()


@dataclass(frozen=True)
class RMSprop:
    learning_rate: float = 0.02

    def init(self, theta):
        return np.zeros((1, len(theta)))

    def update(self, theta, gradient, state, step, rate):
        state[0] += 0.1 * (gradient**2 - state[0])
        return theta - rate * gradient / (np.sqrt(state[0]) + 1e-8)


@dataclass(frozen=True)
class MyAdam:
    """Adam as a user writes it: the general loop has the bits of the compiled one."""

    rule: xyep.Adam = xyep.Adam(0.02)

    @property
    def learning_rate(self):
        return self.rule.learning_rate

    def init(self, theta):
        return self.rule.init(theta)

    def update(self, theta, gradient, state, step, rate):
        return self.rule.update(theta, gradient, state, step, rate)


def warm_up(progress):
    """Up to the full rate in the first fifth, then down to a tenth."""
    return progress / 0.2 if progress < 0.2 else 1 - 0.9 * (progress - 0.2) / 0.8


@dataclass(frozen=True)
class Skewed:
    """β against −β/2."""

    def points(self, beta):
        return (beta, -beta / 2), (2 / 3 / beta, -2 / 3 / beta)


@dataclass(frozen=True)
class FourPoints:
    """±β and ±2β, an error of O(β⁴)."""

    def points(self, beta):
        strengths = (beta, -beta, 2 * beta, -2 * beta)
        return strengths, tuple(w / (12 * beta) for w in (8, -8, -1, 1))


@dataclass(frozen=True)
class Patience:
    """Stops as soon as all patterns are answered right."""

    wanted: float = 1.0

    def __call__(self, run):
        return run.last("accuracy") >= self.wanted


def flat(gradient):
    return gradient.parameters.flatten()


def ferromagnet(n=5, outputs=2):
    """A network with one equilibrium, and samples."""
    net = xyep.square_lattice((4, 4), [(0, 0), (0, 3)], [(3, 1), (3, 2)][:outputs], shells=2)
    rng = np.random.default_rng(0)
    h = np.where(np.arange(net.n_sites) < 2, 0.0, rng.uniform(0.5, 1.0, net.n_sites))
    p = xyep.Parameters(rng.uniform(0.2, 1, net.n_parameters), h, rng.uniform(-1, 1, net.n_sites))
    return net, p, rng.uniform(-1, 1, (n, 2)), rng.uniform(-1.5, 1.5, (n, outputs))


# ------------------------------------------------------------------------------------------- costs


@settings(max_examples=60)
@given(cases())
def test_all_methods_nudge_to_one_state(case):
    net, p = case.net, case.parameters
    reach = np.bincount(
        net.edges.ravel(), np.repeat(np.abs(p.couplings[net.parameter]), 2), net.n_sites
    )
    p = p._replace(bias_amplitude=4 * (reach + 0.1))  # a single minimum
    nudged = {"targets": case.targets, "beta": 0.2, "cost": Nudging(), "nudging": "cost"}
    free = xyep.relax(net, p, case.inputs, tol=1e-11).phases
    fast, flow, plain = (
        xyep.relax(net, p, case.inputs, initial=free, method=method, tol=1e-10, **nudged)
        for method in ("fast", "gradient_flow", "reference")
    )
    np.testing.assert_allclose(angle(fast.phases, flow.phases), 0, atol=1e-8)
    np.testing.assert_allclose(angle(fast.phases, plain.phases), 0, atol=1e-8)
    # ∂(E + βC)/∂φ = 0 by finite differences of the two values alone
    n, out = net.n_inputs, slice(net.n_sites - net.n_outputs, None)
    for phases, target in zip(fast.phases, case.targets):
        moves = 1e-5 * np.eye(net.n_sites)[n:]
        plus, minus = (
            xyep.energy(net, p, at) + 0.2 * Nudging()(at[:, out], target)
            for at in (phases + moves, phases - moves)
        )
        np.testing.assert_allclose((plus - minus) / 2e-5, 0, atol=3e-7 * max(1, case.scale))


def test_a_known_cost_told_as_ones_own():
    """The logarithmic cost through a user's slope nudges as the kernels' own law does."""
    net, p, x, t = ferromagnet()
    free = xyep.relax(net, p, x, tol=1e-12).phases
    for method in ("fast", "gradient_flow", "reference"):
        for beta in (0.3, -0.1):
            mine, known = (
                xyep.relax(
                    net,
                    p,
                    x,
                    targets=t,
                    beta=beta,
                    cost=cost,
                    initial=free,
                    method=method,
                    tol=1e-11,
                ).phases
                for cost in (log_cosine(), "log_cosine")
            )
            np.testing.assert_allclose(angle(mine, known), 0, atol=1e-9)
    for gradient in (xyep.ep_gradient, xyep.implicit_gradient):
        mine, known = (
            flat(gradient(net, p, x, t, cost=cost, tol=1e-11))
            for cost in (log_cosine(), "log_cosine")
        )
        np.testing.assert_allclose(mine, known, rtol=0, atol=1e-9)


@pytest.mark.parametrize("cost", [Quartic(), Nudging()], ids=["gradient", "slope"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_of_ones_own_cost(cost, dtype):
    net, p, x, t = ferromagnet()
    exact = flat(xyep.implicit_gradient(net, p, x, t, cost=cost))
    step, theta = 1e-4, p.flatten()

    def relaxed_cost(vector):
        phases = xyep.relax(net, net.unflatten(vector), x, tol=1e-12).phases
        return cost(phases[:, -2:], t).mean()

    slope = [
        (relaxed_cost(theta + move) - relaxed_cost(theta - move)) / (2 * step)
        for move in step * np.eye(len(theta))
    ]
    np.testing.assert_allclose(exact, slope, rtol=0, atol=1e-7)
    beta, atol = (1e-3, 1e-6) if dtype == "float64" else (0.05, 5e-3)
    for method in ("fast", "gradient_flow", "reference") if dtype == "float64" else ("fast",):
        options = {"dtype": dtype} if method == "fast" else {}
        tol = 1e-11 if dtype == "float64" else 1e-5
        g = xyep.ep_gradient(net, p, x, t, beta, cost=cost, method=method, tol=tol, **options)
        np.testing.assert_allclose(flat(g), exact, rtol=0, atol=atol)
    assert np.abs(exact).max() > 0.04


def test_what_a_cost_leaves_out_is_said():
    net, p, x, t = ferromagnet()
    options = {"targets": t, "beta": 0.1, "cost": Quartic()}
    with pytest.raises(ValueError, match="nudging: .*Quartic.*slope"):
        xyep.relax(net, p, x, nudging="cost", **options)
    with pytest.raises(ValueError, match="initial: .*free equilibrium"):
        xyep.relax(net, p, x, **options)
    with pytest.raises(ValueError, match="nudging: .*slope"):
        xyep.Training(cost=Quartic(), nudging="cost")
    assert xyep.Training(cost=Quartic()).nudging == "tangent"
    assert xyep.Training(cost=Nudging()).nudging == "cost"
    with pytest.raises(TypeError, match="cost: "):
        xyep.ep_gradient(net, p, x, t, cost=Quartic)
    with pytest.raises(TypeError, match="cost: "):
        xyep.ep_gradient(net, p, x, t, cost=lambda phases, targets: 0.0)


class Wrong(Quartic):
    """Gradients that are none."""

    def __init__(self, value):
        self.value = value

    def gradient(self, phases, targets):
        return self.value(super().gradient(phases, targets))


@pytest.mark.parametrize(
    "value, problem",
    [
        (lambda g: g.sum(axis=-1), "shape"),
        (lambda g: g * np.nan, "NaN"),
        (lambda g: g > 0, "booleans"),
        (lambda g: None, "None"),
        (lambda g: g * 1j, "numbers"),
    ],
)
def test_wrong_gradients_are_found(value, problem):
    net, p, x, t = ferromagnet()
    for gradient in (xyep.ep_gradient, xyep.implicit_gradient):
        with pytest.raises((TypeError, ValueError), match=rf"cost.gradient: .*{problem}"):
            gradient(net, p, x, t, cost=Wrong(value))


SMALL = xyep.all_to_all(6)


@pytest.mark.parametrize("cost", [Quartic(), Nudging()], ids=["gradient", "slope"])
def test_xor_by_ones_own_cost(cost):
    tree = xyep.train(SMALL, XOR, epochs=600, seed=0, cost=cost, optimizer=xyep.Adam(0.05))
    assert tree["test_solved"] >= 0.9 and tree["cost"][-1] < 0.2 * tree["cost"][0]


def test_snapshots_of_ones_own_cost():
    options = {"epochs": 4, "snapshots": (0, 4), "cost": Quartic(), "final_states": 4}
    tree = xyep.train(SMALL, XOR, **options)
    assert np.isfinite(tree["nudge_response"]).all() and float(abs(tree["nudge_response"]).max())
    limit = xyep.train(SMALL, XOR, response_beta=0.0, **options)
    assert np.isfinite(limit["nudge_response"]).all()


# -------------------------------------------------------------------------- optimizers, schedules


def test_xor_by_ones_own_optimizer_and_schedule():
    options = {"epochs": 500, "optimizer": RMSprop(0.02), "schedule": warm_up}
    tree = xyep.train(SMALL, XOR, seed=1, **options)
    assert tree["test_solved"] >= 0.9


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_as_ones_own_has_the_same_bits(schedule, decay):
    """Python's loop over epochs against the compiled one."""
    options = {"epochs": 20, "schedule": schedule, "coupling_decay": decay, "final_states": 0}
    mine, known = (
        Run(SMALL, XOR, make_training(optimizer=rule, **options), seed=2)
        for rule in (MyAdam(), xyep.Adam(0.02))
    )
    for run in (mine, known):
        run.advance()
    for name, values in known.arrays.items():
        np.testing.assert_array_equal(mine.arrays[name], values, err_msg=name)


def test_a_schedule_is_followed():
    """Each update is the rate times the gradient; the part done is asked for, once an update."""
    asked = []

    def steps(progress):
        asked.append(progress)
        return 0.5 if progress < 0.5 else 0.0

    rule = xyep.SGD(0.1, momentum=0.0)
    options = {"epochs": 4, "optimizer": rule, "schedule": steps, "final_states": 0}
    run = Run(SMALL, XOR, make_training(**options), seed=0)
    run.advance(2)
    moved = run.arrays["theta"].copy()
    run.advance()
    np.testing.assert_array_equal(run.arrays["theta"], moved)
    assert asked == [0.0, 0.25, 0.5, 0.75] and not np.array_equal(moved, run.arrays["initial"])


@pytest.mark.parametrize("factor", [-0.1, np.nan, np.inf, "half", None, True])
def test_a_wrong_schedule_is_found(factor):
    with pytest.raises((TypeError, ValueError), match="schedule"):
        xyep.train(SMALL, XOR, epochs=2, schedule=lambda progress: factor)


# -------------------------------------------------------------------------------------- estimators


@on_networks(wanted=60, spare=60, max_samples=1)
def test_order_of_ones_own_estimators(case):
    """Skewed: the error falls as β; four points: as β⁴; the weights alone say so."""
    net, p = case.net, case.parameters
    solver = GaussSeidel(tol=1e-13, max_sweeps=100_000)
    eq = xyep.relax(net, p, case.inputs, initial=case.initial(), method=solver, warn=False)
    if not eq.converged.all() or case.softest(eq.phases[0]) < 1e-2 * case.scale:
        return "soft, or not converged"
    targets = eq.phases[:, net.n_sites - net.n_outputs :] + case.rng.uniform(0.3, 0.8)
    where = {"initial": eq.phases, "cost": "cosine", "method": solver}
    exact = flat(xyep.implicit_gradient(net, p, case.inputs, targets, **where))

    def error(estimator, beta):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xyep.NotConvergedWarning)
            g = xyep.ep_gradient(net, p, case.inputs, targets, beta, estimator, **where)
        return np.linalg.norm(flat(g) - exact) / np.linalg.norm(exact)

    beta = 1e-6 * case.scale
    while beta < case.scale and error("one_sided", 2 * beta) < 0.01:
        beta *= 2
    skewed = [error(Skewed(), b) for b in (beta, beta / 4)]
    assert abs(np.log(skewed[0] / skewed[1]) / np.log(4) - 1) < 0.1
    four = [error(FourPoints(), 4 * b) for b in (beta, beta / 4)]
    if four[0] > 1e-2 or four[1] < 1e-10:
        return "too far, or at the end of what a relaxation resolves"
    assert np.log(four[0] / four[1]) / np.log(4) > 2.8
    return None


def test_training_by_ones_own_estimator():
    for estimator in (Skewed(), FourPoints(), xyep.OneSided()):
        options = {"epochs": 400, "optimizer": xyep.Adam(0.05), "estimator": estimator}
        tree = xyep.train(SMALL, XOR, seed=0, **options)
        assert tree["cost"][-1] < tree["cost"][0] - 0.5, estimator
        assert str(type(estimator).__name__) in tree.attrs["training"]


def test_an_estimator_as_ones_own_is_the_known_one():
    @dataclass(frozen=True)
    class Mine:
        def points(self, beta):
            return [beta, -beta], [0.5 / beta, -0.5 / beta]

    net, p, x, t = ferromagnet()
    mine, known = (flat(xyep.ep_gradient(net, p, x, t, estimator=e)) for e in (Mine(), "centered"))
    np.testing.assert_array_equal(mine, known)


@pytest.mark.parametrize(
    "points",
    [
        ((0.1,), (10.0,)),
        ((0.1, -0.1), (5.0, -5.0, 0.0)),
        ((0.1, -0.1), (5.0, 5.0)),
        ((0.1, -0.1), (1.0, -1.0)),
        ((0.1j, -0.1j), (-5.0j, 5.0j)),
        ((0.1, -0.1), (np.nan, np.nan)),
        (("a", "b"), (5.0, -5.0)),
        0.1,
        None,
    ],
)
def test_a_wrong_estimator_is_found(points):
    class Mine:
        def points(self, beta):
            return points

    net, p, x, t = ferromagnet()
    with pytest.raises((TypeError, ValueError), match="estimator: "):
        xyep.ep_gradient(net, p, x, t, estimator=Mine())
    with pytest.raises((TypeError, ValueError), match="estimator: "):
        xyep.Training(estimator=Mine())


# --------------------------------------------------------------------------------------- callbacks


def test_a_callback_stops_early(tmp_path):
    options = {"epochs": 800, "optimizer": xyep.Adam(0.05), "snapshots": (0, 10, 800)}
    whole = xyep.train(SMALL, XOR, seed=0, **options)
    store = tmp_path / "x.zarr"
    tree = xyep.train(SMALL, XOR, seed=0, store=store, callback=Patience(), **options)
    done = int(tree["epochs_done"])
    assert 10 < done < 800 and tree.attrs["epochs_done"] == done and tree.attrs["finished"]
    assert tree["epoch"].values.tolist() == list(range(1, done + 1))
    assert tree["accuracy"][-1] == 1.0 and not (tree["accuracy"][:-1] == 1.0).any()
    assert tree["snapshot"].values.tolist() == [0, 10] and np.isfinite(tree["test_solved"])
    # up to there it is the same run, and a stopped one is returned as it is
    np.testing.assert_array_equal(tree["cost"], whole["cost"][:done])
    again = xyep.train(SMALL, XOR, seed=0, store=store, callback=Patience(), **options)
    assert again.identical(tree)
    with pytest.raises(xyep.StoreError, match="callback"):
        xyep.train(SMALL, XOR, seed=0, store=store, callback=Patience(0.9), **options)
    with pytest.raises(xyep.StoreError, match="callback"):
        xyep.train(SMALL, XOR, seed=0, store=store, **options)


def test_what_a_callback_is_told():
    told = []

    def look(run):
        told.append((run.done, run.last("cost"), run.parameters.couplings.copy()))
        return None

    tree = xyep.train(SMALL, XOR, epochs=6, record_every=2, callback=look, final_states=0)
    assert [done for done, *_ in told] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(
        [cost for _, cost, _ in told], np.repeat(tree["cost"].values, [1, 2, 2, 1])
    )
    np.testing.assert_array_equal(told[-1][2], xyep.parameters_of(tree).couplings)


class At:
    """Notes when it is called, at some epochs only, and stops at the last of them."""

    def __init__(self, *epochs):
        self.epochs, self.called = epochs, []

    def __call__(self, run):
        self.called.append((run.done, run.parameters.couplings.copy()))
        return run.done == self.epochs[-1]


def test_a_callback_at_some_epochs_leaves_the_others_to_the_compiled_loop(monkeypatch):
    at, epochs = At(3, 7, 12), []
    real = CompiledLoop.advance
    monkeypatch.setattr(
        CompiledLoop, "advance", lambda s, run, stop: epochs.append(stop) or real(s, run, stop)
    )
    run = Run(SMALL, XOR, xyep.Training(epochs=20, callback=at, final_states=0), 0)
    run.advance()
    assert epochs == [3, 7, 12] == [done for done, _ in at.called] and run.done == 12
    whole = xyep.train(SMALL, XOR, epochs=20, seed=0, snapshots=(3, 7, 12), final_states=0)
    for k, (_, couplings) in enumerate(at.called):
        kept = xyep.parameters_of(whole, k).couplings
        np.testing.assert_array_equal(couplings.astype(np.float32), kept)
    # the general loop asks at the same epochs
    slow = At(3, 7, 12)
    momentum = RMSprop()
    xyep.train(SMALL, XOR, epochs=20, seed=0, callback=slow, optimizer=momentum, final_states=0)
    assert [done for done, _ in slow.called] == [3, 7, 12]


@pytest.mark.parametrize("epochs", [(3, 2), (0, 1), (2, 2), 5, "12", (1.5,)])
def test_epochs_of_a_callback_are_checked(epochs):
    at = At()
    at.epochs = epochs
    with pytest.raises((TypeError, ValueError), match="callback.epochs: found"):
        xyep.Training(callback=at)


# --------------------------------------------------------------------------------------- ensembles


def doubled(net, seed):
    p = net.init_parameters(seed)
    return p._replace(couplings=2 * p.couplings)


def test_initial_parameters_of_an_ensemble(tmp_path):
    training = xyep.Training(epochs=4, final_states=0, snapshots=(0,))
    case = xyep.Case(SMALL, XOR, training, (0, 1), initial=doubled)
    options = {"store": tmp_path / "a.zarr", "workers": 1, "scheduler": "threads"}
    tree = xyep.train_ensemble({"a": case}, **options)
    for seed in (0, 1):
        single = xyep.train(
            SMALL, XOR, training=training, seed=seed, parameters=doubled(SMALL, seed)
        )
        np.testing.assert_array_equal(tree["cost"].sel(seed=seed)[0], single["cost"])
    # kept runs are not taken for those of another start
    other = xyep.Case(SMALL, XOR, training, (0, 1))
    with pytest.raises(xyep.StoreError, match="initial_sha256"):
        xyep.train_ensemble({"a": other}, **options)
    with pytest.raises(TypeError, match="initial: found 3"):
        xyep.Case(SMALL, XOR, training, (0,), initial=3)
    with pytest.raises((TypeError, ValueError), match="initial"):
        xyep.Case(SMALL, XOR, training, (0,), initial=lambda net, seed: 3).run(0)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_ensembles_of_all_of_it(scheduler):
    """Objects of one's own travel to other processes."""
    own = {"cost": Nudging(), "optimizer": RMSprop(), "schedule": warm_up}
    own |= {"estimator": FourPoints(), "callback": Patience(), "final_states": 10}
    tangent = {"cost": Quartic(), "estimator": Skewed(), "final_states": 10}
    trainings = {name: xyep.Training(epochs=8, **o) for name, o in (("a", own), ("b", tangent))}
    cases = {name: xyep.Case(SMALL, XOR, t, (0, 1)) for name, t in trainings.items()}
    tree = xyep.train_ensemble(cases, workers=2, scheduler=scheduler)
    for name, training in trainings.items():
        for seed in (0, 1):
            alone = xyep.train(SMALL, XOR, seed=seed, training=training)
            part = tree.sel(network=name, seed=seed)
            done = int(alone["epochs_done"])
            np.testing.assert_array_equal(part["cost"][:done], alone["cost"])
            assert part["epochs_done"] == done and part["test_solved"] == alone["test_solved"]


def test_settings_of_ones_own_are_stored_by_what_they_do():
    """Another setting, or another class, is another run."""
    rules = (RMSprop(0.1), RMSprop(0.2), MyAdam(), xyep.Adam())
    texts = {str(xyep.Training(optimizer=rule).describe()["optimizer"]) for rule in rules}
    assert len(texts) == 4
    again = xyep.Training(optimizer=RMSprop(0.1)).describe()
    assert again == xyep.Training(optimizer=RMSprop(0.1)).describe()
