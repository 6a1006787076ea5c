"""More epochs in the same store, or from its parameters."""

import re
from pathlib import Path

import numpy as np
import pytest

import xyep
from xyep.run import Run
from xyep.settings import make_training

XOR = xyep.load_task("xor")
NET = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
OPTIONS = {"initial_states": 3, "final_states": 6, "seed": 3}


def few_digits(validation=True):
    whole = xyep.load_task("digits")
    n = np.arange(160)
    splits = {"train": n[:100], "test": n[130:]} | (
        {"validation": n[100:130]} if validation else {}
    )
    return xyep.Task("few", whole.train.inputs[:160], whole.train.targets[:160], splits=splits)


def content(store):
    files = (path for path in sorted(Path(store).rglob("*")) if path.is_file())
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}


STACK = xyep.stacked_lattices((8, 8), window=4)
IMAGES = xyep.IMAGES | {"schedule": "constant", "batch_size": 40}
IMAGES.pop("epochs")
RUNS = {
    "plain": (NET, XOR, {}),
    "snapshots": (NET, XOR, {"snapshots": (0, 4, 10, 20)}),
    "snapshots later": (NET, XOR, {"snapshots": (15, 20)}),
    "few records": (NET, XOR, {"record_every": 4, "snapshots": (0, 3, 12)}),
    "momentum": (NET, XOR, {"optimizer": xyep.SGD(0.05), "nudging": "tangent"}),
    "to a residual": (NET, XOR, {"solver": xyep.GaussSeidel(tol=1e-4, dtype="float32")}),
    "batches, validation": (STACK, few_digits(), IMAGES | {"snapshots": (0, 10, 20)}),
    "shared": (
        xyep.stacked_lattices((8, 8), window=4, shared=True),
        few_digits(False),
        IMAGES | {"snapshots": (0, 20), "responses": ("pattern_response",)},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_ten_epochs_and_ten_more_are_twenty(name, tmp_path):
    net, task, options = RUNS[name]
    options = OPTIONS | options
    if "start" in options:
        options |= {"initial_states": 1, "final_states": 1}
    longer = {"epochs": 20, "snapshots": options.pop("snapshots", ())}
    shorter = {"epochs": 10, "snapshots": tuple(s for s in longer["snapshots"] if s <= 10)}
    xyep.train(net, task, store=tmp_path / "whole.zarr", **options, **longer)
    first = xyep.train(net, task, store=tmp_path / "parts.zarr", **options, **shorter)
    second = xyep.train(net, task, store=tmp_path / "parts.zarr", **options, **longer)
    assert content(tmp_path / "whole.zarr") == content(tmp_path / "parts.zarr")
    assert (first.attrs["epochs_done"], second.attrs["epochs_done"]) == (10, 20)
    np.testing.assert_array_equal(
        first["cost"].sel(epoch=[1, 10 if options.get("record_every", 1) == 1 else 8]),
        second["cost"].sel(epoch=[1, 10 if options.get("record_every", 1) == 1 else 8]),
    )


def test_in_many_parts_and_with_threads(tmp_path):
    xyep.train(NET, XOR, store=tmp_path / "whole.zarr", epochs=12, **OPTIONS)
    for epochs in (1, 2, 7, 12):
        threads = 1 + epochs % 2
        xyep.train(NET, XOR, store=tmp_path / "p.zarr", epochs=epochs, threads=threads, **OPTIONS)
    assert content(tmp_path / "whole.zarr") == content(tmp_path / "p.zarr")


def test_a_continued_run_is_resumed(tmp_path, monkeypatch):
    """Interrupted on its way from 10 to 20 epochs, and asked for either."""
    store = tmp_path / "x.zarr"
    xyep.train(NET, XOR, store=store, epochs=10, **OPTIONS)
    ten = content(store)
    real = Run.advance

    def stop(run, epochs=None):
        real(run, epochs)
        if run.done >= 14:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "advance", stop)
        xyep.train(NET, XOR, store=store, epochs=20, checkpoint_every=2, **OPTIONS)
    assert content(store) == ten  # the shorter run is whole until the longer one is
    begun = []

    def watched(run, epochs=None):
        begun.append(run.done)
        return real(run, epochs)

    monkeypatch.setattr(Run, "advance", watched)
    xyep.train(NET, XOR, store=store, epochs=20, checkpoint_every=2, **OPTIONS)
    assert begun[0] == 12
    xyep.train(NET, XOR, store=tmp_path / "whole.zarr", epochs=20, **OPTIONS)
    assert content(store) == content(tmp_path / "whole.zarr")


def half(progress):
    return 0.5


def other_start(seed=9):
    return NET.init_parameters(seed)


#: What is asked for of a store of ten epochs, and what the refusal names.
REFUSED = {
    "cosine": ({}, {"schedule": "cosine"}, "schedule"),
    "linear before": ({"schedule": "linear"}, {"schedule": "linear"}, "schedule"),
    "own schedule": ({"schedule": half}, {"schedule": half}, "schedule"),
    "snapshots before": ({"snapshots": (0, 10)}, {"snapshots": (0, 5, 20)}, "snapshots"),
    "snapshot missing": ({}, {"snapshots": (10, 20)}, "snapshots"),
    "snapshot gone": ({"snapshots": (5,)}, {"snapshots": (20,)}, "snapshots"),
    "beta": ({}, {"beta": 0.2}, "beta"),
    "optimizer": ({}, {"optimizer": xyep.Adam(0.01)}, "optimizer"),
    "solver": ({}, {"solver": xyep.GaussSeidel(sweeps=9)}, "nudged_solver"),
    "nudging": ({}, {"nudging": "tangent"}, "nudging"),
    "record_every": ({}, {"record_every": 2}, "record_every"),
    "final_states": ({}, {"final_states": 7}, "final_states"),
    "initial parameters": ({}, {"parameters": other_start()}, "initial_sha256"),
    "initial parameters before": ({"parameters": other_start()}, {}, "initial_sha256"),
    "seed": ({}, {"seed": 4}, "seed"),
    "fewer epochs": ({}, {"epochs": 5}, "epochs"),
    "task": ({}, {"task": xyep.Task("xor", XOR.inputs, -XOR.targets)}, "data_sha256"),
    "network": ({}, {"net": xyep.all_to_all(9)}, "network"),
    "stopped": ({"callback": bool}, {"callback": bool}, "callback"),
}


@pytest.mark.parametrize("epochs", [10, 20])
@pytest.mark.parametrize("name", REFUSED)
def test_other_runs_are_refused_by_name(name, epochs, tmp_path):
    before, then, field = REFUSED[name]
    if epochs == 10 and before == then | {}:
        return  # that is the run itself
    what = {"net": NET, "task": XOR} | OPTIONS
    store = tmp_path / "x.zarr"
    xyep.train(store=store, **what | {"epochs": 10} | before)
    ten = content(store)
    if name == "fewer epochs":
        epochs = 5
    elif max(then.get("snapshots", (0,))) > epochs:
        epochs = 20
    with pytest.raises(xyep.StoreError, match=rf"store: .*\b{field}\b") as caught:
        xyep.train(store=store, **what | {"epochs": epochs} | then)
    others = {"epochs", "cost", "beta"} - {field}
    assert not re.search(rf"another run: ({'|'.join(others)})\b", str(caught.value))
    assert content(store) == ten


def test_same_parameters_given_are_the_same_run(tmp_path):
    store = tmp_path / "x.zarr"
    one = xyep.train(NET, XOR, store=store, epochs=5, **OPTIONS)
    p = NET.init_parameters(OPTIONS["seed"])
    assert xyep.train(NET, XOR, store=store, epochs=5, parameters=p, **OPTIONS).identical(one)


def test_from_the_parameters_of_a_run(tmp_path):
    """The last ones are those of the training itself, to the last bit."""
    options = OPTIONS | {"epochs": 6, "snapshots": (0, 3, 6)}
    tree = xyep.train(NET, XOR, store=tmp_path / "x.zarr", **options)
    run = Run(NET, XOR, make_training(**{k: v for k, v in options.items() if k != "seed"}), 3)
    run.advance()
    for result in (tree, xyep.read_tree(tmp_path / "x.zarr")):
        last, shot = xyep.parameters_of(result), xyep.parameters_of(result, snapshot=2)
        np.testing.assert_array_equal(last.flatten(), run.arrays["theta"])
        np.testing.assert_array_equal(
            shot.flatten(), run.arrays["theta"].astype(np.float32).astype(float)
        )
        first = xyep.parameters_of(result, snapshot=0)
        np.testing.assert_allclose(first.flatten(), NET.init_parameters(3).flatten(), rtol=1e-6)
        np.testing.assert_array_equal(
            xyep.parameters_of(result, snapshot=-3).flatten(), first.flatten()
        )
        np.testing.assert_array_equal(result["state"]["initial"], NET.init_parameters(3).flatten())
    further = xyep.train(NET, XOR, parameters=last, **options | {"schedule": "cosine"})
    np.testing.assert_array_equal(further["state"]["initial"], last.flatten())
    assert further["cost"][0] < tree["cost"][0]


def test_parameters_of_shared_couplings():
    net, task, _ = RUNS["shared"]
    tree = xyep.train(net, task, **IMAGES | {"epochs": 2, "snapshots": (0, 2)})
    last, shot = xyep.parameters_of(tree), xyep.parameters_of(tree, snapshot=1)
    assert net.n_parameters < net.n_couplings and last.couplings.shape == (net.n_parameters,)
    np.testing.assert_array_equal(shot.flatten(), last.flatten().astype(np.float32))


def test_parameters_of_an_ensemble(tmp_path):
    training = xyep.Training(epochs=4, snapshots=(0, 4), final_states=0, initial_states=2)
    cases = {
        "a": xyep.Case(NET, XOR, training, (0, 5)),
        "b": xyep.Case(xyep.all_to_all(5), XOR, training, (5,)),
    }
    tree = xyep.train_ensemble(cases, scheduler="threads", workers=1)
    xyep.write_tree(tree, tmp_path / "e.zarr")
    for whole in (tree, xyep.read_tree(tmp_path / "e.zarr")):
        for seed in (0, 5):
            alone = xyep.train(NET, XOR, seed=seed, training=training)
            for node in (whole["a"], whole["a"].to_dataset()):
                np.testing.assert_array_equal(
                    xyep.parameters_of(node, seed=seed).flatten(),
                    xyep.parameters_of(alone, snapshot=1).flatten(),
                )
        with pytest.raises(ValueError, match=r"seed: .*\[0, 5\]"):
            xyep.parameters_of(whole["a"])
        with pytest.raises(ValueError, match="seed: found 7"):
            xyep.parameters_of(whole["a"], seed=7)
        with pytest.raises(ValueError, match="tree: "):
            xyep.parameters_of(whole)
        with pytest.raises(ValueError, match="NaN|has not"):  # that case has no such seed
            xyep.parameters_of(whole["b"], seed=0)
        assert xyep.parameters_of(whole["b"], seed=5).couplings.shape == (10,)
    again = xyep.parameters_of(tree["a"], seed=5)
    assert np.isfinite(xyep.train(NET, XOR, parameters=again, epochs=2)["cost"]).all()


@pytest.mark.parametrize(
    "call, error, word",
    [
        (lambda tree: xyep.parameters_of("run.zarr"), TypeError, "tree"),
        (lambda tree: xyep.parameters_of(None), TypeError, "tree"),
        (lambda tree: xyep.parameters_of(tree, snapshot=2), ValueError, "snapshot"),
        (lambda tree: xyep.parameters_of(tree, snapshot=-3), ValueError, "snapshot"),
        (lambda tree: xyep.parameters_of(tree, snapshot=0.0), TypeError, "snapshot"),
        (lambda tree: xyep.parameters_of(tree, snapshot=True), TypeError, "snapshot"),
        (lambda tree: xyep.parameters_of(tree, snapshot=None), TypeError, "snapshot"),
        (lambda tree: xyep.parameters_of(tree, seed=1), ValueError, "seed"),
        (lambda tree: xyep.parameters_of(tree, snapshot=0, seed=1), ValueError, "seed"),
        (lambda tree: xyep.parameters_of(tree, seed="0"), (TypeError, ValueError), "seed"),
        (lambda tree: xyep.parameters_of(tree["state"]), ValueError, "tree"),
    ],
)
def test_wrong_questions(call, error, word):
    tree = xyep.train(NET, XOR, epochs=2, snapshots=(0, 2), final_states=0)
    with pytest.raises(error, match=f"^{word}: "):
        call(tree)


def test_no_snapshots_but_the_last_state():
    tree = xyep.train(NET, XOR, epochs=2, final_states=0)
    assert xyep.parameters_of(tree).couplings.shape == (NET.n_parameters,)
    with pytest.raises(ValueError, match="tree: found no snapshots"):
        xyep.parameters_of(tree, snapshot=0)
