"""Results are computed once, and again when what they follow from has changed."""

import numpy as np
import pytest
import xarray as xr

import xyep
from xyep import paths
from xyep.paper.studies import Study, best_settings, chosen, image_networks, tuned_as
from xyep.paper.studies import common as common_module
from xyep.paper.studies.iris import iris_fold

NET = xyep.square_lattice((3, 3), inputs=[(0, 0), (0, 2)], outputs=[(2, 2)])
OTHER = xyep.square_lattice((3, 3), inputs=[(0, 0), (0, 2)], outputs=[(2, 1)])
calls = []


def measure(net, task, value, *, training=None, scale=1.0):
    calls.append(value)
    return xr.Dataset({"result": ("seed", scale * np.arange(value))})


def pair(value):
    calls.append(value)
    return {name: xr.Dataset({"result": ((), value)}) for name in ("a", "b")}


@pytest.fixture
def where(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("XYEP_PROJECT_DIR", str(tmp_path))
    calls.clear()
    return paths.results("smoke", "some")


def study(*arguments, parameters=None, **keywords):
    s = Study("some", "smoke", parameters or {})
    s(measure, *arguments, node="one", **keywords)
    s(pair, 7)
    return s.finish()


def test_the_same_call_is_not_made_twice(where):
    first = study(NET, xyep.load_task("xor"), 3)
    stamps = {p: p.stat().st_mtime_ns for p in where.rglob("*")}
    again = study(NET, xyep.load_task("xor"), np.int64(3))
    assert calls == [3, 7]
    assert {p: p.stat().st_mtime_ns for p in where.rglob("*")} == stamps
    assert set(again) == {"one", "a", "b"} and again["one"]["result"].identical(
        first["one"]["result"]
    )


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((OTHER, "xor", 3), {}),
        ((NET, "digits", 3), {}),
        ((NET, "xor", 4), {}),
        ((NET, "xor", 3), {"scale": 2.0}),
        ((NET, "xor", 3), {"training": xyep.Training(beta=0.2)}),
    ],
)
def test_another_argument_is_another_result(where, arguments, keywords):
    net, task, value = arguments
    study(NET, xyep.load_task("xor"), 3, training=xyep.Training())
    study(net, xyep.load_task(task), value, **{"training": xyep.Training()} | keywords)
    assert calls == [3, 7, value]  # what has not changed was not made again


def test_other_code_is_another_result(where, monkeypatch):
    study(NET, xyep.load_task("xor"), 3)
    monkeypatch.setattr(common_module, "source_digest", lambda *files: "other code")
    study(NET, xyep.load_task("xor"), 3)
    assert calls == [3, 7, 3, 7]


def test_a_store_that_is_not_ours_is_left_alone(where):
    where.mkdir(parents=True)
    (where / "thesis.tex").write_text("precious")
    with pytest.raises(xyep.StoreError, match="store: .*some.zarr"):
        study(NET, xyep.load_task("xor"), 3)
    assert (where / "thesis.tex").read_text() == "precious" and not calls
    (where / "thesis.tex").unlink()
    xr.DataTree(xr.Dataset({"mine": ((), 1)})).to_zarr(where, consolidated=False)
    with pytest.raises(xyep.StoreError, match="store: .*some.zarr"):
        study(NET, xyep.load_task("xor"), 3)
    assert "mine" in xyep.read_tree(where)


def test_finished_runs_of_other_code_are_not_taken(where, monkeypatch):
    """An ensemble that was interrupted goes on, but not with other code."""
    ran = []
    training = xyep.Training(epochs=2, final_states=0, initial_states=1)

    def ensemble(seeds, **keywords):
        cases = {"net": xyep.Case(NET, xyep.load_task("xor"), training, tuple(range(seeds)))}
        node = xyep.train_ensemble(cases, **keywords)["net"].to_dataset()
        if "interrupted" not in ran:
            ran.append("interrupted")
            raise KeyboardInterrupt
        return {"net": node}

    import xyep.ensembles as ensembles

    real = ensembles._run
    monkeypatch.setattr(ensembles, "_run", lambda case, seed: ran.append(seed) or real(case, seed))
    for code, expected in (("a", [0, 1, "interrupted"]), ("a", []), ("b", [0, 1])):
        monkeypatch.setattr(common_module, "source_digest", lambda *files, code=code: code)
        s = Study("some", "smoke", {}, workers=1, scheduler="threads")
        before = len(ran)
        try:
            s.train(ensemble, 2)
        except KeyboardInterrupt:
            pass
        assert sorted(map(str, ran[before:])) == sorted(map(str, expected))


def test_new_parameters_are_written_though_nothing_is_computed(where):
    study(NET, xyep.load_task("xor"), 3)
    tree = study(NET, xyep.load_task("xor"), 3, parameters={"a": 1})
    assert calls == [3, 7] and xyep.read_tree(where).attrs["parameters"] == tree.attrs[
        "parameters"
    ] == {"a": 1}


def test_the_best_on_validation_images_is_chosen():
    right = np.zeros((2, 2, 3))
    right[0, 1, 2], right[1, 0, 1] = 0.9, 0.8
    tuning = xr.Dataset(
        {"validation_accuracy": (("network", "beta", "learning_rate"), right)},
        {"network": ["a", "b"], "beta": [0.1, 0.3], "learning_rate": [1.0, 2.0, 3.0]},
    )
    assert chosen(tuning) == {
        "a": {"beta": 0.3, "learning_rate": 3.0},
        "b": {"beta": 0.1, "learning_rate": 2.0},
    }


def test_networks_of_more_channels_take_the_settings_of_the_fewest():
    found = tuned_as(image_networks((8, 8), 3, [1, 2], [2, 4], [1], []))
    assert found == {
        "lcl_1": "lcl_1",
        "lcl_2": "lcl_1",
        "conv_2": "conv_2",
        "conv_4": "conv_2",
        "lcl_1_shells1": "lcl_1_shells1",
    } | {name: name for name in found if name.startswith("layered")}


def test_iris_takes_the_settings_best_on_the_mean_of_all_networks():
    right = np.zeros((2, 2, 2, 3))
    right[1, 0], right[0, 1, 0] = 0.6, 1.0
    dims = {
        "cost": ["log_cosine", "cross_entropy"],
        "learning_rate": [0.1, 0.2],
        "network": ["a", "b"],
        "seed": [0, 1, 2],
    }
    tuning = xr.Dataset({"validation_accuracy": (list(dims), right)}, dims)
    assert best_settings(tuning) == {"cost": "cross_entropy", "optimizer": xyep.Adam(0.1)}


def test_five_runs_test_every_flower_once():
    tested = [iris_fold(seed).splits["test"] for seed in range(10)]
    for five in (tested[:5], tested[5:]):
        np.testing.assert_array_equal(np.sort(np.concatenate(five)), np.arange(150))
    assert not np.array_equal(tested[0], tested[5])
