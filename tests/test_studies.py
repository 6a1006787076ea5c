"""Results are computed once, and again when what they follow from has changed."""

import numpy as np
import pytest
import xarray as xr

import xyep
from xyep import paths
from xyep.paper import fresh, scripts
from xyep.paper.studies import Study

NET = xyep.square_lattice((3, 3), inputs=[(0, 0), (0, 2)], outputs=[(2, 2)])
OTHER = xyep.square_lattice((3, 3), inputs=[(0, 0), (0, 2)], outputs=[(2, 1)])
NOTEBOOK = """# %% [markdown]
# # 1. Some notebook

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper
workers = None
scheduler = None
epochs = 5  # of training
betas = [0.1, 1e-3]
grid = {
    "beta": [0.1],
}  # of settings

# %%
study = 1
"""
calls = []


def measure(net, task, value, *, training=None, scale=1.0):
    calls.append(value)
    return xr.Dataset({"result": ("seed", scale * np.arange(value))})


def pair(value):
    calls.append(value)
    return {name: xr.Dataset({"result": ((), value)}) for name in ("a", "b")}


def ensembles(value, *, store, workers, scheduler):
    calls.append(value)
    root = xr.Dataset({"cost": ("network", [value, value])}, {"network": ["a", "b"]})
    return xr.DataTree.from_dict({"/": root, "/a": xr.Dataset({"phase": ("site", [0.0, 1.0])})})


@pytest.fixture
def where(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_some.py").write_text(NOTEBOOK)
    monkeypatch.setenv("XYEP_PROJECT_DIR", str(tmp_path))
    monkeypatch.delenv("XYEP_REPRODUCE", raising=False)
    calls.clear()
    return paths.results("smoke", "01_some")


def namespace(profile="smoke", **changed):
    own = {"epochs": 5, "betas": [0.1, 1e-3], "grid": {"beta": [0.1]}}
    return {"profile": profile, "workers": None, "scheduler": None} | own | changed


def study(*arguments, parameters=None, **keywords):
    s = Study("01_some", namespace(**parameters or {}))
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
    monkeypatch.setattr(fresh.digest, "digest", lambda *values: "other code")
    study(NET, xyep.load_task("xor"), 3)
    assert calls == [3, 7, 3, 7]


def test_a_store_that_is_not_ours_is_left_alone(where):
    where.mkdir(parents=True)
    (where / "thesis.tex").write_text("precious")
    with pytest.raises(xyep.StoreError, match="store: .*01_some.zarr"):
        study(NET, xyep.load_task("xor"), 3)
    assert (where / "thesis.tex").read_text() == "precious" and not calls
    (where / "thesis.tex").unlink()
    xr.DataTree(xr.Dataset({"mine": ((), 1)})).to_zarr(where, consolidated=False)
    with pytest.raises(xyep.StoreError, match="store: .*01_some.zarr"):
        study(NET, xyep.load_task("xor"), 3)
    assert "mine" in xyep.read_tree(where)


def test_finished_runs_of_other_code_are_not_taken(where, monkeypatch):
    """An ensemble that was interrupted goes on, but not with other code."""
    ran = []
    training = xyep.Training(epochs=2, final_states=0, initial_states=1)

    def ensemble(seeds, **keywords):
        cases = {"net": xyep.Case(NET, xyep.load_task("xor"), training, tuple(range(seeds)))}
        tree = xyep.train_ensemble(cases, **keywords)
        if "interrupted" not in ran:
            ran.append("interrupted")
            raise KeyboardInterrupt
        return tree

    import xyep.ensembles as ensembles

    real = ensembles._run
    monkeypatch.setattr(ensembles, "_run", lambda case, seed: ran.append(seed) or real(case, seed))
    for code, expected in (("a", [0, 1, "interrupted"]), ("a", []), ("b", [0, 1])):
        monkeypatch.setattr(fresh.digest, "digest", lambda *values, code=code: code)
        s = Study("01_some", namespace(workers=1, scheduler="threads"))
        before = len(ran)
        try:
            s.train(ensemble, 2, node="trained")
        except KeyboardInterrupt:
            pass
        assert sorted(map(str, ran[before:])) == sorted(map(str, expected))


def test_new_parameters_are_written_though_nothing_is_computed(where):
    study(NET, xyep.load_task("xor"), 3)
    tree = study(NET, xyep.load_task("xor"), 3, parameters={"epochs": 6})
    assert calls == [3, 7]
    assert (
        xyep.read_tree(where).attrs["parameters"]["epochs"]
        == tree.attrs["parameters"]["epochs"]
        == 6
    )


def test_an_ensemble_gives_a_node_and_nodes_below_it(where):
    for _ in range(2):
        s = Study("01_some", namespace())
        s.train(ensembles, 3, node="some")
        tree = s.finish()
    assert calls == [3] and tree["some"]["cost"].sizes == {"network": 2}
    assert tree["some/a"]["phase"].values.tolist() == [0.0, 1.0]
    assert set(tree.children) == {"some"} and set(tree["some"].children) == {"a"}


def test_what_is_returned_needs_a_name_of_its_own(where):
    s = Study("01_some", namespace())
    with pytest.raises(ValueError, match="node: missing"):
        s(measure, NET, xyep.load_task("xor"), 3)
    with pytest.raises(TypeError, match="function: returned int"):
        s(lambda: 3, node="some")
    s(pair, 7)
    with pytest.raises(ValueError, match="node: a, b is there already"):
        s(pair, 8)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": "many"}, "epochs: found 'many'; an integer is needed, as 5"),
        ({"epochs": True}, "epochs: found True"),
        ({"betas": 0.1}, "betas: found 0.1; a list of such items is needed"),
        ({"betas": ["x"]}, "betas: found"),
        ({"grid": [1]}, "grid: found"),
        ({"profile": "papers"}, "profile: found 'papers'"),
    ],
)
def test_parameters_are_of_their_kind(where, changed, message):
    with pytest.raises(ValueError, match=message):
        Study("01_some", namespace(**changed))


def test_the_cell_must_have_run(where):
    with pytest.raises(ValueError, match="namespace: epochs, betas, grid missing"):
        Study("01_some", {"profile": "smoke", "workers": None, "scheduler": None})


def test_published_results_are_not_overwritten_by_a_reader(where, capsys, monkeypatch):
    def run(**changed):
        given = namespace("paper", **changed)
        s = Study("01_some", given)
        s(pair, given["epochs"])
        return s.finish(), given["profile"]

    run()
    assert run()[1] == "paper" and capsys.readouterr().out == ""
    tree, profile = run(epochs=6)
    said = capsys.readouterr().out
    assert profile == "mine" and tree["a"]["result"] == 6
    assert "epochs" in said and '"mine"' in said and said.count("\n") == 1
    assert xyep.read_tree(paths.results("paper", "01_some"))["a"]["result"] == 5
    assert xyep.read_tree(paths.results("mine", "01_some"))["a"]["result"] == 6
    monkeypatch.setenv("XYEP_REPRODUCE", "1")  # make paper, after an edit of the source
    assert run(epochs=7)[1] == "paper"


def test_published_results_are_not_overwritten_by_other_code(where, capsys):
    def run(function):
        s = Study("01_some", namespace("paper"))
        s(function, 5)
        return s.finish(), s.profile

    def changed(epochs):
        return {name: ds + 1 for name, ds in pair(epochs).items()}

    run(pair)
    before = xyep.read_tree(paths.results("paper", "01_some"))
    tree, profile = run(changed)
    assert profile == "mine" and tree["a"]["result"] == 6
    assert "other code" in capsys.readouterr().out
    xr.testing.assert_identical(xyep.read_tree(paths.results("paper", "01_some")), before)


def test_a_readers_own_study_goes_on_from_the_papers_results(where, monkeypatch):
    monkeypatch.setenv("XYEP_REPRODUCE", "1")
    with pytest.raises(FileNotFoundError, match="xyep reproduce 01_some --profile quick"):
        Study("01_some", namespace("quick")).earlier("01_some")
    s = Study("01_some", namespace("paper"))
    s(pair, 5)
    s.finish()
    assert Study("01_some", namespace("mine")).earlier("01_some")["a"]["result"] == 5


def test_parameters_of_a_notebook(where):
    found = scripts.parameters("01_some")
    assert found["epochs"] == (5, "of training") and found["grid"] == (
        {"beta": [0.1]},
        "of settings",
    )
    assert list(found)[:3] == list(scripts.OPTIONS)


def test_values_are_written_into_the_cell():
    cell = NOTEBOOK[NOTEBOOK.index("profile =") : NOTEBOOK.index("# %%\nstudy")]
    assert scripts.written(cell, {"epochs": 5, "betas": [0.1, 0.001]}) == cell
    text = scripts.written(cell, {"grid": {"beta": [1.0]}, "epochs": 7, "profile": "quick"})
    assert text == cell.replace('"paper"', "'quick'").replace("= 5", "= 7").replace(
        '{\n    "beta": [0.1],\n}', "{'beta': [1.0]}"
    )


def test_the_order_of_variables_in_a_store_makes_no_difference():
    a, b = (("x", [1.0, 2.0]), ("x", ["u", "v"]))
    one, other = xr.Dataset({"a": a, "b": b}), xr.Dataset({"b": b, "a": a})
    keys = {fresh.key(measure, None, (ds, 1), {}) for ds in (one, other)}
    assert len(keys) == 1 and fresh.key(measure, None, (one.isel(x=[1, 0]), 1), {}) not in keys
    assert fresh.key(pair, None, (one, 1), {}) not in keys


def test_what_is_no_part_of_a_store_does_not_count(where):
    study(NET, xyep.load_task("xor"), 3)
    before = fresh.store_digest(where)
    for name in (".DS_Store", "notes.txt", "one/.DS_Store", "one/result/c/.DS_Store"):
        (where / name).write_text("x")
    assert fresh.store_digest(where) == before
    chunk = next(path for path in where.rglob("c/*") if path.is_file() and path.name[0] != ".")
    chunk.write_bytes(chunk.read_bytes() + b"x")
    assert fresh.store_digest(where) != before


def test_a_damaged_node_is_computed_again_and_the_others_are_kept(where, capsys):
    task = xyep.load_task("xor")
    first = study(NET, task, 3)
    chunk = next(path for path in (where / "one" / "result").rglob("c/*") if path.is_file())
    chunk.write_bytes(bytes([chunk.read_bytes()[0] ^ 1]) + chunk.read_bytes()[1:])
    again = study(NET, task, 3)
    assert calls == [3, 7, 3] and "one" in capsys.readouterr().out
    assert again["one"].to_dataset().equals(first["one"].to_dataset())
    assert xyep.store.check_tree(where) == {}
