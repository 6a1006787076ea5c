"""Machines that are not ideal: the ideal one is the network, the others are what they say."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import xyep
from xyep.paper.findings import machines as findings
from xyep.paper.studies import machines as studies
from xyep.settings import make_training
from xyep.solvers import GaussSeidel

LONG = GaussSeidel(sweeps=1500)


@pytest.fixture(scope="module")
def lattice():
    return xyep.xor_lattice(5, shells=2)


@pytest.fixture(scope="module")
def task():
    return xyep.load_task("xor")


@pytest.fixture(scope="module")
def parameters(lattice):
    return lattice.init_parameters(seed=1)


# ----------------------------------------------------------------------------- the ideal machine


def test_an_ideal_machine_rests_where_the_network_does(lattice, task, parameters):
    eq = xyep.relax(lattice, parameters, task.inputs, seed=1, tol=1e-11)
    moved = eq.phases + 0.02 * np.arange(lattice.n_sites) / lattice.n_sites
    machine = xyep.Machine().built(lattice)
    found = machine.relax(parameters, task.inputs, initial=moved, sweeps=3000)
    np.testing.assert_allclose(xyep.circular_difference(found, eq.phases), 0, atol=1e-8)
    found = machine.relax(parameters, task.inputs, seed=5, sweeps=5000)
    assert np.abs(xyep.force(lattice, parameters, found)).max() < 1e-8


@pytest.mark.parametrize("cost", ["log_cosine", "cosine"])
def test_an_ideal_machine_has_the_gradient_of_the_network(lattice, task, parameters, cost):
    training = make_training(
        solver=LONG,
        nudged_solver=LONG,
        start="aligned",
        initial_states=1,
        final_states=1,
        beta=0.02,
        cost=cost,
    )
    found = xyep.Machine().built(lattice).gradient(parameters, task.inputs, task.targets, training)
    wanted = xyep.ep_gradient(
        lattice,
        parameters,
        task.inputs,
        task.targets,
        beta=0.02,
        cost=cost,
        nudging="tangent",
        initial="aligned",
        sweeps=1500,
    )
    np.testing.assert_allclose(found.flatten(), wanted.parameters.flatten(), atol=1e-7)


def test_samples_do_not_know_of_each_other(lattice, parameters):
    x = np.linspace(-1.5, 1.5, 2 * 37).reshape(37, 2)
    machine = xyep.Machine(temperature=0.3, reads=2, detuning=0.2).built(lattice)
    all_of_them = machine.relax(parameters, x, sweeps=9, seed=4)
    np.testing.assert_array_equal(
        machine.relax(parameters, x[:5], sweeps=9, seed=4), all_of_them[:5]
    )
    assert (machine.relax(parameters, x[:5], sweeps=9, seed=5) != all_of_them[:5])[:, 2:].all()


# ------------------------------------------------------------------------------- each imperfection


def test_the_heat_bath_is_boltzmanns():
    """Two coupled sites, averages against the integral over both phases."""
    net = xyep.Network([(0, 1), (1, 2)], inputs=[0], outputs=[2])
    p = xyep.Parameters([0.8, 1.1], [0.0, 0.5, 0.3], [0.0, 1.0, -2.0])
    x, T, n = 0.4, 0.7, 20000
    a, b = np.meshgrid(*[np.arange(400) * 2 * np.pi / 400] * 2, indexing="ij")
    E = -0.8 * np.cos(a - x) - 1.1 * np.cos(a - b) - 0.5 * np.cos(a - 1) - 0.3 * np.cos(b + 2)
    weight = np.exp(-E / T)
    machine = xyep.Machine(temperature=T).built(net)
    phi = machine.relax(p, np.full((n, 1), x), sweeps=60, seed=2)
    for of in (
        lambda a, b: np.cos(a - b),
        lambda a, b: np.cos(a - x),
        lambda a, b: np.sin(b),
        lambda a, b: np.cos(2 * a - b),
    ):
        seen, exact = of(phi[:, 1], phi[:, 2]), (of(a, b) * weight).sum() / weight.sum()
        assert abs(seen.mean() - exact) < 4.5 * seen.std() / np.sqrt(n)


def test_a_cold_heat_bath_is_at_rest(lattice, task, parameters):
    eq = xyep.relax(lattice, parameters, task.inputs, seed=1, tol=1e-11).phases
    cold = xyep.Machine(temperature=1e-9).built(lattice)
    found = cold.relax(parameters, task.inputs, initial=eq, sweeps=50)
    np.testing.assert_allclose(xyep.circular_difference(found, eq), 0, atol=2e-3)


def test_sites_of_other_frequencies_lag_behind_their_field():
    net = xyep.Network([(0, 1)], inputs=[0], outputs=[1])
    p = xyep.Parameters([1.0], [0.0, 0.0], [0.0, 0.0])
    for seed in range(6):
        machine = xyep.Machine(detuning=1.0, seed=seed).built(net)
        phi = machine.relax(p, [[0.3]], sweeps=200)
        omega = machine.torque[0]
        away = np.arcsin(np.clip(omega, -1, 1))
        np.testing.assert_allclose(phi[0, 1] - 0.3, away, atol=1e-6 if abs(omega) < 1 else 1e-3)
        assert machine.unlocked(p, phi).tolist() == [[False, abs(omega) > 1]]


def test_couplings_take_the_levels_that_there_are(lattice, parameters):
    couplings, amplitude = xyep.Machine(bits=2, span=3.0).built(lattice).set(parameters)
    assert set(np.round(np.concatenate([couplings, amplitude]), 9)) <= {-3.0, -1.0, 1.0, 3.0}
    inside = np.abs(parameters.couplings) < 3
    assert np.abs(couplings - parameters.couplings)[inside].max() <= 1.0


def test_phases_are_read_in_steps(lattice, task, parameters):
    phi = xyep.Machine(read_bits=3).built(lattice).relax(parameters, task.inputs)
    exact = xyep.Machine().built(lattice).relax(parameters, task.inputs)
    np.testing.assert_allclose(phi / (np.pi / 4), np.round(phi / (np.pi / 4)), atol=1e-12)
    assert np.abs(xyep.circular_difference(phi, exact)).max() <= np.pi / 8 + 1e-12


def test_couplings_are_off_by_what_is_said():
    net = xyep.square_lattice((40, 40), inputs=[(0, 0)], outputs=[(39, 39)])
    p = net.init_parameters(0)
    off = xyep.Machine(mismatch=0.1).built(net).set(p)[0] / p.couplings - 1
    assert abs(off.std() - 0.1) < 0.01 and abs(off.mean()) < 0.01
    gone = xyep.Machine(cut=0.2).built(net).set(p)[0] == 0
    assert abs(gone.mean() - 0.2) < 0.03
    wandering = xyep.Machine(drift=0.01).built(net)
    wandering.drift(updates=100)
    away = wandering.set(p)[0] - p.couplings
    assert abs(away.std() - 0.1) < 0.01
    wandering.drift(updates=100, step=1)
    assert abs((wandering.set(p)[0] - p.couplings).std() - 0.1 * np.sqrt(2)) < 0.015


def test_a_coupling_acts_on_either_end_by_its_own_factor():
    net = xyep.Network([(0, 1), (1, 2)], inputs=[0], outputs=[2])
    p = xyep.Parameters([1.0, 1.0], [0.0, 0.0, 0.7], [0.0, 0.0, 1.0])
    machine = xyep.Machine(asymmetry=0.4).built(net)
    phi = machine.relax(p, [[0.9]], sweeps=500)[0]
    skew = machine._skew  # of 0→1, 2→1 and 1→2
    field = skew[0] * np.exp(0.9j) + skew[1] * np.exp(1j * phi[2])
    assert abs(np.sin(np.angle(field) - phi[1])) < 1e-9
    field = skew[2] * np.exp(1j * phi[1]) + 0.7 * np.exp(1j)
    assert abs(np.sin(np.angle(field) - phi[2])) < 1e-9
    assert skew[1] - 1 == pytest.approx(1 - skew[2]) and abs(skew[1] - 1) > 0.01


def test_dead_sites_stay_where_they_are(lattice, task, parameters):
    machine = xyep.Machine(dead=0.3).built(lattice)
    phi = machine.relax(parameters, task.inputs, seed=1)[:, lattice.n_inputs :]
    assert 2 <= machine.stuck.sum() <= 12 and not machine.stuck[-1]
    still = np.ptp(phi, axis=0) < 1e-9
    np.testing.assert_array_equal(still, machine.stuck)
    np.testing.assert_allclose(phi[0, machine.stuck], machine.stuck_at[machine.stuck])


def test_a_machine_learns_with_what_is_wrong_in_it(lattice, task):
    net = xyep.xor_lattice(5, shells=4, distance=2)
    machine = xyep.Machine(mismatch=0.3, detuning=0.1, bits=6).built(net)
    trained = machine.train(task, make_training(epochs=200, optimizer=xyep.Adam(0.02)), seed=0)
    before = machine.test(task, net.init_parameters(0), initial_states=20).mean()
    assert machine.test(task, trained, initial_states=20).mean() > max(0.9, before + 0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bits": 0}, "bits: found 0"),
        ({"read_bits": 2.5}, "read_bits: found 2.5"),
        ({"span": 0}, "span: found 0"),
        ({"mismatch": -0.1}, "mismatch: found -0.1"),
        ({"cut": 1.5}, "cut: found 1.5"),
        ({"reads": 0}, "reads: found 0"),
        ({"temperature": np.nan}, "temperature: found nan"),
    ],
)
def test_what_a_machine_cannot_be(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        xyep.Machine(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sweeps": 0}, "sweeps: found 0"),
        ({"over_relaxation": 2.0}, "over_relaxation: found 2.0"),
        ({"initial": "cold"}, "initial: found 'cold'"),
        ({"initial": [[0.0]]}, "initial: found shape"),
        ({"push": [1.0]}, "push: found shape"),
    ],
)
def test_what_a_machine_cannot_do(lattice, task, parameters, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        xyep.Machine().built(lattice).relax(parameters, task.inputs, **options)


def test_a_machine_relaxes_for_a_given_time(lattice, task, parameters):
    training = make_training(solver=GaussSeidel(tol=1e-4))
    with pytest.raises(ValueError, match=r"training\.solver"):
        xyep.Machine().built(lattice).gradient(parameters, task.inputs, task.targets, training)


# ---------------------------------------------------------------------------------------- the study


def test_a_trial_is_in_units_of_the_trained_coupling(monkeypatch):
    net, asked = xyep.xor_lattice(5), []
    real = studies.Machine.built
    monkeypatch.setattr(studies.Machine, "built", lambda m, n: asked.append(m) or real(m, n))
    training = make_training(epochs=4)
    job = studies.Job(net, xyep.load_task("xor"), training, training, sweeps=20, states=2)
    trials = studies.trials({"temperature": [0.1], "bits": [3]}, studies.WHEN, reads=2)
    assert list(trials)[0] == "none 0 at the end" and len(trials) == 9
    theta = net.init_parameters(0).flatten()
    for name in ("temperature 0.1 at the end", "bits 3 healed"):
        right, unlocked = studies._outcome(job, (trials[name], theta, 0.5, 7))
        assert right.shape == (2,) and unlocked == 0
    assert asked[0].temperature == 0.05 and asked[0].reads == 2
    assert (asked[1].bits, asked[1].span) == (3, 2.0)


def test_noise_of_readings_grows_and_the_circle_is_exact():
    nets = {"a": xyep.xor_lattice(5, 4, 2)}
    ds = studies.read_noise(nets, [0.0, 0.01], [0.1], 2)
    error = ds["relative_error"].isel(network=0, beta=0)
    exact = error.sel(noise=0.0)
    assert (exact.sel(estimator="holomorphic") < 0.02 * exact.sel(estimator="centered")).all()
    assert (exact < 0.1).all()
    assert (error.sel(noise=0.01) > error.sel(noise=0.0)).all()


# ------------------------------------------------------------------------------------- the findings


def test_levels_are_tested_in_order():
    ps = {"cut": {0.1: 1e-6, 0.2: 0.5, 0.3: 1e-6}, "dead": {0.1: 0.03}}
    assert findings.allowed(ps) == {"cut": 0.1, "dead": None}
    assert findings.allowed({"dead": {0.1: 0.03}}) == {"dead": 0.1}


KINDS = {
    "bits": [10, 2],
    "read_bits": [4, 2],
    "mismatch": [0.05, 0.3],
    "cut": [0.01, 0.1],
    "temperature": [0.01, 0.1],
}


def made(loss, seeds=6):
    """A tree as notebook 06 makes it; loss(task, kind, number of the level, when) in points."""
    rng, nodes = np.random.default_rng(0), {}
    for task, n in (("images", seeds), ("dense", seeds), ("xor", 20)):
        trials = studies.trials(KINDS, studies.WHEN[:1] if task == "dense" else studies.WHEN)
        right = np.empty((len(trials), n))
        for row, trial in zip(right, trials.values()):
            order = KINDS.get(trial.kind, [0.0]).index(trial.level)
            lost = loss(task, trial.kind, order, trial.when) if trial.kind != "none" else 0.0
            row[:] = 0.9 - lost / 100 + rng.normal(0, 0.0003, n)
        nodes[task] = xr.Dataset(
            {
                "accuracy": (("network", "seed"), right),
                "test_solved": (("network", "seed"), np.where(right > 0.89, 1.0, 0.5)),
            },
            {
                "network": list(trials),
                "kind": ("network", [t.kind for t in trials.values()]),
                "level": ("network", [t.level for t in trials.values()]),
                "when": ("network", [t.when for t in trials.values()]),
            },
            {"couplings": 100},
        )
    return xr.DataTree.from_dict(nodes)


def of_level(task, kind, order, when):
    return (0.1, 5.0)[order]


def test_the_sheet_has_the_largest_level_that_is_shown():
    sheet = findings.sheet(made(of_level))
    for tried in sheet.tried.values():
        assert {k: t.allowed for k, t in tried.items()} == {k: v[0] for k, v in KINDS.items()}
    assert sheet.enough.verdict == "yes" and sheet.enough.estimate.value == pytest.approx(
        0.1, abs=0.1
    )
    everything = findings.sheet(made(lambda *_: 0.0)).tried["xor", "healed"]
    assert {k: t.allowed for k, t in everything.items()} == {k: v[1] for k, v in KINDS.items()}


@pytest.mark.parametrize(("lost", "verdict"), [(0.1, "yes"), (0.5, "open"), (2.0, "no")])
def test_bits_are_enough_or_not(lost, verdict):
    def loss(task, kind, order, when):
        return lost if (task, kind) == ("images", "read_bits") else 0.0

    tree = made(loss)
    enough = findings.sheet(tree).enough
    assert enough.verdict == verdict
    ds = tree["images"].to_dataset().set_xindex("when").sel(when="while training")
    right = ds["accuracy"].where((ds["kind"] == "read_bits") & (ds["level"] == 4), drop=True)
    control = ds["accuracy"].where(ds["kind"] == "none", drop=True)
    away = control.values[0] - right.values[0]
    found = enough.loss["read_bits"]
    interval = stats.ttest_1samp(away, 0).confidence_interval()
    np.testing.assert_allclose(found[:3], (away.mean(), interval.low, interval.high))
    p = stats.ttest_1samp(away, 0.005, alternative="less").pvalue
    assert enough.p["images", "read_bits"] == pytest.approx(p)


@pytest.mark.parametrize(("trained", "verdict"), [(2.0, "yes"), (5.0, "open"), (9.0, "no")])
def test_training_with_damage(trained, verdict):
    def loss(task, kind, order, when):
        return 5.0 if when == "at the end" else trained

    found = findings.adapting(made(loss))
    assert found.trained.verdict == found.heals.verdict == verdict
    assert len(found.trained.changes) == 2 * len(KINDS)
    for (task, _), change in found.trained.changes.items():
        assert 100 * change.mean == pytest.approx(5.0 - trained, abs=0.2), task


@pytest.mark.parametrize(("dense", "verdict"), [(1.0, "yes"), (5.0, "open"), (9.0, "no")])
def test_local_and_dense(dense, verdict):
    def loss(task, kind, order, when):
        return (0.1, dense if task == "dense" else 5.0)[order]

    assert findings.local_loses(made(loss)).verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "yes"), (1.0, "open"), (2.0, "no")])
def test_holomorphic_readings(factor, verdict):
    """β is chosen on the even seeds; the odd ones alone decide."""
    rng = np.random.default_rng(1)
    seeds = np.arange(40)
    best = np.where(np.arange(2)[:, None] == np.arange(3) - 1, 0.1, 0.4)  # (estimator, β)
    error = best[:, None, :, None] * np.exp(rng.normal(0, 0.1, (2, 2, 3, 40)))
    error[1] = np.where(seeds % 2, factor * error[1], error[1])
    dims = ("network", "estimator", "noise", "beta", "seed")
    coords = {"network": ["a"], "estimator": ["centered", "holomorphic"], "noise": [0.01, 0.1]}
    coords |= {"beta": [0.1, 0.3, 1.0], "seed": seeds}
    ds = xr.Dataset({"relative_error": (dims, error[None])}, coords, {"readings": 8})
    found = findings.holomorphic_helps(xr.DataTree.from_dict({"read_noise": ds}))
    assert found.verdict == verdict
    assert found.beta["centered", 0.1] == 0.3 and found.beta["holomorphic", 0.1] == 1.0
    a, b = (np.log(error[k, 1, k + 1, seeds % 2 == 1]) for k in (1, 0))
    assert found.changes[0.1].p == pytest.approx(stats.ttest_rel(a, b).pvalue)
