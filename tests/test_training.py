"""Training: determinism, interruption, stores, schedules."""

import filecmp
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import xyep
from xyep import run as run_module
from xyep.paths import data
from xyep.random import phases as random_phases
from xyep.run import Run, evaluate
from xyep.settings import make_training
from xyep.store import partial_folder

XOR = xyep.load_task("xor")
NET = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
SHORT = {
    "epochs": 12,
    "initial_states": 3,
    "snapshots": (0, 4, 12),
    "record_every": 3,
    "final_states": 10,
}


def files(store):
    return sorted(path.relative_to(store) for path in Path(store).rglob("*") if path.is_file())


def assert_identical(first, second):
    assert files(first) == files(second)
    different = [f for f in files(first) if not filecmp.cmp(first / f, second / f, shallow=False)]
    assert not different


def test_xor_is_learned():
    tree = xyep.train(xyep.all_to_all(6), XOR, epochs=500, seed=0)
    assert tree["test_solved"] >= 0.95
    assert tree["cost"][-1] < tree["cost"][0] - 0.5


def test_history_is_labelled():
    tree = xyep.train(NET, XOR, **SHORT)
    assert list(tree["epoch"].values) == [1, 3, 6, 9, 12] and list(tree["snapshot"].values) == [
        0,
        4,
        12,
    ]
    assert tree["coupling"].dims == ("snapshot", "coupling")
    assert tree["nudge_response"].dims == ("snapshot", "sample", "site")
    assert tree["input_response"].dims == ("snapshot", "sample", "site", "input")
    for name in (
        "cost",
        "mismatch",
        "accuracy",
        "residual",
        "sweeps",
        "bias_amplitude",
        "bias_phase",
        "phase",
    ):
        assert np.isfinite(tree[name].values).all(), name
    assert {"x", "y", "layer", "channel", "role", "source", "target", "parameter", "length"} <= set(
        tree.coords
    )
    assert {"seed", "version", "commit", "data_sha256", "training"} <= set(tree.attrs)
    np.testing.assert_allclose(tree["coupling"][0], NET.init_parameters(0).couplings, rtol=1e-6)


@pytest.mark.parametrize("optimizer", [xyep.Adam(0.05), xyep.SGD(0.1, momentum=0.5)])
def test_first_step_follows_the_gradient(optimizer):
    training = make_training(
        **SHORT | {"epochs": 1, "snapshots": (), "optimizer": optimizer, "final_states": 0}
    )
    run = Run(NET, XOR, training, seed=3)
    before = run.arrays["theta"].copy()
    run.advance()
    inputs = np.repeat(XOR.inputs, 3, axis=0)
    start = np.concatenate([inputs, random_phases((12, NET.n_free), 3, 1, 0)], axis=1)
    g = xyep.ep_gradient(
        NET,
        NET.unflatten(before),
        XOR.inputs,
        XOR.targets,
        initial=start,
        initial_states=3,
        method=training.solver,
        nudged_method=training.nudged_solver,
    )
    step, gradient = run.arrays["theta"] - before, g.parameters.flatten()
    expected = (
        -0.05 * gradient / (np.abs(gradient) + 1e-8)
        if isinstance(optimizer, xyep.Adam)
        else -0.1 * gradient
    )
    np.testing.assert_allclose(step, expected, atol=1e-12)


def test_seeds_differ_and_repeat():
    first, again, other = (xyep.train(NET, XOR, seed=s, **SHORT) for s in (1, 1, 2))
    np.testing.assert_array_equal(first["coupling"], again["coupling"])
    assert not np.array_equal(first["coupling"], other["coupling"])


def test_threads_do_not_matter(tmp_path):
    task = xyep.load_task("digits")
    net = xyep.layered([64, 10, 10])
    options = {
        "epochs": 2,
        "batch_size": 500,
        "initial_states": 1,
        "snapshots": (2,),
        "responses": (),
        "final_states": 1,
    }
    solver = xyep.GaussSeidel(tol=1e-3, dtype="float32", max_sweeps=20)
    for threads in (1, 2):
        xyep.train(
            net, task, store=tmp_path / f"{threads}.zarr", threads=threads, solver=solver, **options
        )
    assert_identical(tmp_path / "1.zarr", tmp_path / "2.zarr")
    tree = xyep.read_tree(tmp_path / "1.zarr")
    assert np.isfinite(tree["validation_accuracy"].values).all()


KILLED = {
    "lattice": """
net = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
options = {"epochs": 3000, "snapshots": (0, 1000, 3000), "record_every": 100, "final_states": 10}
xyep.train(net, xyep.load_task("xor"), checkpoint_every=100, **options, **where)
""",
    "stacked lattices, batches": """
net = xyep.stacked_lattices((8, 8), window=3, channels=2, shared=True)
options = {"epochs": 40, "snapshots": (0, 40), "batch_size": 100, "start": "random"}
xyep.train(net, xyep.load_task("digits"), checkpoint_every=2, **IMAGES | options, **where)
""",
    "mnist": """
net = xyep.stacked_lattices((28, 28))
options = {"epochs": 3, "snapshots": (3,)}
xyep.train(net, xyep.load_task("mnist"), checkpoint_every=1, **IMAGES | options, **where)
""",
}
BEFORE = """
import sys
import xyep
from xyep import IMAGES
where = {"store": sys.argv[1], "threads": int(sys.argv[2])}
"""


@pytest.mark.parametrize("kind", KILLED)
def test_killed_run_resumes_to_the_same_bytes(kind, tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    epochs = int(re.search(r"epochs\": (\d+)", KILLED[kind])[1])
    if kind == "mnist" and not (data() / "mnist").is_dir():
        pytest.skip("MNIST is not at hand")

    def start(name, threads):
        return subprocess.Popen(
            [sys.executable, "-c", BEFORE + KILLED[kind], tmp_path / name, threads], env=environment
        )

    assert start("whole.zarr", "1").wait() == 0
    process = start("killed.zarr", "2")
    state = partial_folder(tmp_path / "killed.zarr") / "run.npz"
    deadline = time.monotonic() + 120
    while (
        not (state.is_file() and np.load(state)["done"] >= min(4, epochs - 2))
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert np.load(state)["done"] >= min(4, epochs - 2), "the run had not begun when it was killed"
    assert np.load(state)["done"] < epochs, "the run ended before it could be killed"
    assert start("killed.zarr", "2").wait() == 0
    assert_identical(tmp_path / "whole.zarr", tmp_path / "killed.zarr")
    assert not partial_folder(tmp_path / "killed.zarr").exists()


def test_run_stopped_at_any_epoch_is_the_same():
    training = make_training(**SHORT)
    whole = Run(NET, XOR, training, seed=0)
    whole.advance()
    for stop in (0, 1, 5, 11):
        first, second = (Run(NET, XOR, training, seed=0) for _ in range(2))
        first.advance(stop)
        second.restore(first.arrays)
        second.advance()
        for name, values in whole.arrays.items():
            np.testing.assert_array_equal(second.arrays[name], values, err_msg=name)


def test_finished_store_is_returned_unchanged(tmp_path):
    store = tmp_path / "run.zarr"
    first = xyep.train(NET, XOR, store=store, **SHORT)
    stamps = {f: (store / f).stat().st_mtime_ns for f in files(store)}
    again = xyep.train(NET, XOR, store=store, **SHORT)
    assert stamps == {f: (store / f).stat().st_mtime_ns for f in files(store)}
    np.testing.assert_array_equal(first["coupling"], again["coupling"])


def test_foreign_stores_are_refused_and_left_alone(tmp_path):
    store = tmp_path / "run.zarr"
    xyep.train(NET, XOR, store=store, **SHORT)
    before = {f: (store / f).read_bytes() for f in files(store)}
    for change in ({"seed": 5}, {"beta": 0.2}, {"epochs": 11, "snapshots": (0, 4)}):
        with pytest.raises(xyep.StoreError, match="store: .* holds another run"):
            xyep.train(NET, XOR, store=store, **SHORT | change)
    assert before == {f: (store / f).read_bytes() for f in files(store)}
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "important.txt").write_text("keep me")
    with pytest.raises(xyep.StoreError, match="store: .* is not a Zarr store"):
        xyep.train(NET, XOR, store=tmp_path / "notes", **SHORT)
    assert (tmp_path / "notes" / "important.txt").read_text() == "keep me"
    with pytest.raises(xyep.StoreError, match="store: cannot write"):
        xyep.train(NET, XOR, store=tmp_path / "notes" / "important.txt" / "run.zarr", **SHORT)


def timeless(tree):
    """An ensemble without the time that each run took."""
    return tree.map_over_datasets(lambda ds: ds.drop_vars("seconds", errors="ignore"))


def test_ensemble_resumes_and_does_not_depend_on_workers(tmp_path, monkeypatch):
    training = make_training(**SHORT)
    cases = {
        "a": xyep.Case(NET, XOR, training, (0, 1, 2)),
        "b": xyep.Case(xyep.all_to_all(5), XOR, training, (4,)),
    }
    one = xyep.train_ensemble(cases, workers=1, scheduler="threads")
    two = xyep.train_ensemble(cases, workers=2, scheduler="threads", store=tmp_path / "e.zarr")
    assert timeless(one).identical(timeless(two))
    coupling = one["a"]["coupling"]
    assert coupling.dims == ("seed", "snapshot", "coupling")
    # a tree has the same seeds in all of its nodes
    known = np.isfinite(coupling).all(("snapshot", "coupling"))
    assert dict(zip(coupling["seed"].values, known.values)) == {0: 1, 1: 1, 2: 1, 4: 0}
    (partial_folder(tmp_path / "e.zarr") / "a" / "1.npz").unlink()
    calls = []
    import xyep.ensembles as ensembles

    real = ensembles._run
    monkeypatch.setattr(
        ensembles, "_run", lambda case, seed: calls.append(seed) or real(case, seed)
    )
    again = xyep.train_ensemble(cases, workers=1, scheduler="threads", store=tmp_path / "e.zarr")
    assert timeless(again).identical(timeless(one))
    assert calls == [1]


def test_failed_run_is_an_error_and_keeps_the_others(tmp_path, monkeypatch):
    import xyep.ensembles as ensembles

    real = ensembles._run

    calls = []

    def fail(case, seed):
        calls.append(seed)
        if len(calls) == 2:
            raise FloatingPointError("the second run diverged")
        return real(case, seed)

    monkeypatch.setattr(ensembles, "_run", fail)
    cases = {"a": xyep.Case(NET, XOR, make_training(**SHORT), (0, 1, 2))}
    with pytest.raises(FloatingPointError, match="second run"):
        xyep.train_ensemble(cases, workers=1, scheduler="threads", store=tmp_path / "e.zarr")
    assert [f.stem for f in (partial_folder(tmp_path / "e.zarr") / "a").iterdir()] == [
        str(calls[0])
    ]


def test_processes_agree_with_threads():
    cases = {"a": xyep.Case(NET, XOR, make_training(**SHORT), (0, 1))}
    both = (
        xyep.train_ensemble(cases, workers=2),
        xyep.train_ensemble(cases, workers=1, scheduler="threads"),
    )
    assert timeless(both[0]).identical(timeless(both[1]))


def test_tree_roundtrip(tmp_path):
    tree = xyep.train(NET, XOR, **SHORT)
    xyep.write_tree(tree, tmp_path / "t.zarr")
    assert xyep.read_tree(tmp_path / "t.zarr").identical(tree)
    with pytest.raises(xyep.StoreError, match="store"):
        xyep.read_tree(tmp_path / "nothing.zarr")


def test_evaluation_does_not_depend_on_its_chunks(monkeypatch):
    task = xyep.load_task("digits").test
    net = xyep.stacked_lattices((8, 8), window=3)
    p = net.init_parameters(0)
    for options in ({"start": "aligned"}, {"initial_states": 2, "seed": 3}):
        whole = evaluate(net, p, task, cost="cross_entropy", **options)
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "CHUNK", 7)
            parts = evaluate(net, p, task, cost="cross_entropy", **options)
        np.testing.assert_array_equal(whole["right"], parts["right"])
        assert whole["cost"] == parts["cost"]


def test_couplings_decay():
    """With no learning from the gradient, each update takes the share ηλ of every coupling and of
    nothing else."""
    options = SHORT | {"epochs": 3, "snapshots": (), "final_states": 0}
    run = Run(NET, XOR, make_training(**options, optimizer=Still(0.1), coupling_decay=0.5), seed=0)
    before = run.arrays["theta"].copy()
    run.advance()
    n = NET.n_parameters
    np.testing.assert_allclose(run.arrays["theta"][:n], before[:n] * 0.95**3)
    np.testing.assert_array_equal(run.arrays["theta"][n:], before[n:])


class Still(xyep.SGD):
    """Leaves all parameters as they are."""

    def update(self, theta, gradient, state, step, rate):
        return theta.copy()


def test_defaults_follow_what_they_are_defaults_of():
    base = make_training(solver=xyep.GaussSeidel(dtype="float32"), beta=0.2)
    changed = make_training(base, solver=xyep.GaussSeidel(), beta=0.3)
    assert changed.nudged_solver == xyep.GaussSeidel() and changed.response_beta == 0.3
    kept = make_training(
        make_training(nudged_solver=xyep.GaussSeidel(tol=1e-3, dtype="float32")), beta=0.3
    )
    assert kept.nudged_solver.tol == 1e-3
    with pytest.raises(TypeError, match="nudged_solver.*dtype"):
        make_training(solver=xyep.GaussSeidel(dtype="float32"), nudged_solver=xyep.GaussSeidel())


def test_a_fixed_number_of_sweeps_is_no_failure(recwarn):
    """Nothing is called not converged; how far from rest the sweeps end is stored instead."""
    tree = xyep.train(NET, XOR, **SHORT)
    net_p = NET, xyep.parameters_of(tree)
    eq = xyep.relax(*net_p, XOR.inputs, sweeps=2)
    xyep.ep_gradient(*net_p, XOR.inputs, XOR.targets, sweeps=2, cost="cosine")
    assert not [w for w in recwarn if issubclass(w.category, xyep.NotConvergedWarning)]
    assert eq.converged.all() and eq.residual.max() > 1e-6 and (eq.iterations == 2).all()
    assert "unconverged" not in tree and 0 < tree["residual"][-1] < 10
    assert 0 < tree["off_equilibrium"] < np.pi
    asked = SHORT | {"solver": xyep.GaussSeidel(tol=1e-3, dtype="float32", max_sweeps=3)}
    other = xyep.train(NET, XOR, **asked)
    assert "off_equilibrium" not in other and other["unconverged"].max() > 0


def test_off_equilibrium_is_the_distance_from_rest():
    """More sweeps end closer; many at rest."""
    options = {"epochs": 30, "final_states": 1, "seed": 4, "dtype": None}
    options.pop("dtype")
    away = [
        float(
            xyep.train(NET, XOR, solver=xyep.GaussSeidel(sweeps=sweeps), **options)[
                "off_equilibrium"
            ]
        )
        for sweeps in (2, 15, 2000)
    ]
    assert away[0] > away[2] and away[1] > away[2] and away[2] < 1e-6


def test_residual_is_that_of_the_free_phase():
    """rms over relaxations of the largest torque, at the parameters before each update."""
    options = SHORT | {"snapshots": (0, 2), "record_every": 1, "epochs": 3, "final_states": 0}
    training = make_training(**options)
    run = Run(NET, XOR, training, seed=0)
    run.advance(2)
    theta = run.arrays["theta"]
    run.advance()
    start = random_phases((12, NET.n_free), 0, 3, 0)
    inputs = np.repeat(XOR.inputs, 3, axis=0)
    eq = xyep.relax(
        NET,
        NET.unflatten(theta),
        inputs,
        initial=np.concatenate([inputs, start], axis=1),
        method=training.solver,
    )
    np.testing.assert_allclose(
        run.arrays["residual"][2], np.sqrt((eq.residual**2).mean()), rtol=1e-5
    )
