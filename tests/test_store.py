"""Stores: whole or not at all, one writer, digests, open to all who read Zarr."""

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xyep
from xyep import files
from xyep.ensembles import discard_partial
from xyep.records import described, undescribed
from xyep.store import check_tree, local_path, partial_folder, read_attrs, read_tree, write_tree

XOR = xyep.load_task("xor")
NET = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
SHORT = {"epochs": 4, "initial_states": 2, "snapshots": (0, 4), "final_states": 3}
TRAINING = xyep.Training(**SHORT)


def simple(value):
    return xr.DataTree(described(xr.Dataset({"cost": ("epoch", [value])})))


@pytest.fixture(scope="module")
def ensemble():
    cases = {
        "b": xyep.Case(NET, XOR, TRAINING, (0, 1)),
        "a": xyep.Case(xyep.all_to_all(5), XOR, TRAINING, (0, 1), {"my_own": True}),
    }
    return xyep.train_ensemble(cases, scheduler="threads", workers=1)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


# -------------------------------------------------------------------------------- open to everyone


def test_anyone_opens_a_store_without_arguments_and_warnings(tmp_path, ensemble):
    store = tmp_path / "e.zarr"
    write_tree(ensemble, store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xr.open_datatree(store).load()
        ds = xr.open_zarr(store).load()
    assert list(tree.children) == ["a", "b"]
    assert ds["cost"].identical(tree["cost"])
    for node in tree.subtree:
        assert all(type(value) in (str, int, float) for value in node.attrs.values())
        for variable in node.to_dataset().variables.values():
            assert all(type(value) in (str, int, float) for value in variable.attrs.values())
    assert not undescribed(tree)
    for own, theirs in zip(read_tree(store).subtree, tree.subtree, strict=True):
        assert own.to_dataset(inherit=False).equals(theirs.to_dataset(inherit=False))


def test_it_becomes_netcdf(tmp_path, ensemble):
    pytest.importorskip("h5netcdf")
    write_tree(ensemble, tmp_path / "e.zarr")
    ensemble.to_netcdf(tmp_path / "memory.nc", engine="h5netcdf")
    xr.open_datatree(tmp_path / "e.zarr").to_netcdf(tmp_path / "e.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "e.nc", engine="h5netcdf") as tree:
        assert tree["a"]["coupling"].equals(ensemble["a"]["coupling"])


def test_equal_trees_are_equal_bytes_in_few_files(tmp_path, ensemble):
    for name in ("first", "again"):
        write_tree(ensemble, tmp_path / name)
    write_tree(read_tree(tmp_path / "first"), tmp_path / "read")
    first = contents(tmp_path / "first")
    assert first == contents(tmp_path / "again") == contents(tmp_path / "read")
    arrays = sum(len(node.to_dataset(inherit=False).variables) for node in ensemble.subtree)
    constant = {"z", "channel", "test_unconverged", "epochs_done", "initial_state"}
    assert not {name for name in first for part in constant if f"{part}/c" in name}
    assert len(first) < 2 * arrays


def test_every_value_comes_back(tmp_path):
    odd = np.array([0.0, -0.0, 0.0])
    nan = np.array([-np.nan, np.nan, 1.0])
    tree = xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"flag": True, "grid": {"beta": [0.1, 1]}, "none": None}),
            "/a": xr.Dataset(
                {
                    "odd": ("n", odd),
                    "zeros": ("n", -np.zeros(3)),
                    "nan": ("n", nan),
                    "same": ("n", np.full(3, 0.1, np.float32)),
                    "big": ("n", np.full(3, 2**63 - 1)),
                    "flags": ("n", np.zeros(3, bool)),
                    "empty": ("m", np.zeros(0)),
                    "seconds": ("n", np.arange(3.0), {"units": "s"}),
                    "text": ("n", np.array(["", "é", "a b"], object)),
                    "scalar": ((), 3.5, {"list": [1, 2], "numpy": np.float32(0.5)}),
                }
            ),
        }
    )
    write_tree(tree, tmp_path / "a.zarr")
    found = read_tree(tmp_path / "a.zarr")
    ds = found["a"].to_dataset()
    for name, variable in tree["a"].to_dataset().variables.items():
        if name != "text":
            assert ds[name].dtype == variable.dtype, name
        np.testing.assert_array_equal(ds[name].values, variable.values)
    assert np.signbit(ds["odd"]).values.tolist() == [False, True, False]
    assert np.signbit(ds["zeros"]).values.all()
    assert found.attrs == {"flag": 1, "grid": {"beta": [0.1, 1]}, "none": None}
    assert ds["scalar"].attrs["numpy"] == 0.5
    assert read_attrs(tmp_path / "a.zarr") == found.attrs
    assert check_tree(tmp_path / "a.zarr") == {}
    assert read_attrs(tmp_path / "nothing.zarr") == {}


def test_what_cannot_be_stored_is_an_error(tmp_path):
    with pytest.raises(TypeError, match="attribute net: found Network"):
        write_tree(xr.DataTree(xr.Dataset(attrs={"net": NET})), tmp_path / "a.zarr")
    with pytest.raises(TypeError, match="tree: found Dataset"):
        write_tree(xr.Dataset(), tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "path", ["s3://b/x.zarr", "https://x.org/a", "file:///a", Path("s3://b"), "a.zarr.ZIP", "", "/"]
)
def test_paths_that_are_no_local_folder_are_refused(path):
    with pytest.raises(ValueError, match="store: found .* is needed"):
        local_path(path)


def test_kinds_of_paths(tmp_path, monkeypatch):
    for path in (None, 5, b"a.zarr"):
        with pytest.raises(TypeError, match="store: found"):
            local_path(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert local_path("~/a.zarr") == (tmp_path / "a.zarr").resolve()
    with pytest.raises(ValueError, match="store: found '~nobody-of-this-name"):
        local_path("~nobody-of-this-name/a.zarr")
    (tmp_path / "folder é ü").mkdir()
    monkeypatch.chdir(tmp_path / "folder é ü")
    tree = xyep.train(NET, XOR, store="a [1].zarr", **SHORT)
    monkeypatch.chdir(tmp_path)
    assert read_tree("folder é ü/a [1].zarr").identical(tree)
    assert os.listdir("folder é ü") == ["a [1].zarr"]


# ------------------------------------------------------------------------------------ transactions


def test_every_state_between_leads_to_a_whole_store(tmp_path):
    trees = [simple(float(k)) for k in range(2)]
    for k, tree in enumerate(trees):
        write_tree(tree, tmp_path / f"{k}")
    old, new = tmp_path / "0", tmp_path / "1"
    states = {  # what lies there → which tree is found
        ("store",): 0,
        ("store", "part-1a2b"): 0,
        ("store", "lock"): 0,
        ("store", "new"): 1,
        ("old", "new"): 1,
        ("old", "new", "lock"): 1,
        ("new",): 1,
        ("new store", "old"): 1,
        ("new store", "old", "part-77"): 1,
    }
    for reader in (read_tree, lambda store: write_tree(trees[1], store)):
        for state, expected in states.items():
            folder = tmp_path / "there"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            store = folder / "a.zarr"
            for kind in state:
                if kind == "lock":
                    files.beside(store, kind).write_text("process 1 on nowhere")
                elif kind.endswith("store"):
                    shutil.copytree(new if kind == "new store" else old, store)
                else:
                    shutil.copytree(new if kind == "new" else old, files.beside(store, kind))
            found = reader(store)
            assert os.listdir(folder) == ["a.zarr"], state
            if found is not None:
                assert found.identical(trees[expected]), state


def test_a_reader_who_may_not_write_finds_it_too(tmp_path, monkeypatch):
    tree = simple(1.0)
    store = tmp_path / "a.zarr"
    write_tree(tree, store)
    store.rename(files.beside(store, "new"))

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_acquire", refuse)
    assert read_tree(store).identical(tree)
    with pytest.raises(xyep.StoreError, match="store: cannot write .*a.zarr: Permission denied"):
        write_tree(tree, store)


def test_a_finished_run_is_returned_where_nothing_can_be_written(tmp_path, monkeypatch):
    tree = xyep.train(NET, XOR, store=tmp_path / "a.zarr", **SHORT)

    def refuse(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(files, "_acquire", refuse)
    assert xyep.train(NET, XOR, store=tmp_path / "a.zarr", **SHORT).identical(tree)
    with pytest.raises(xyep.StoreError, match="cannot write .*b.zarr: Read-only file system"):
        xyep.train(NET, XOR, store=tmp_path / "b.zarr", **SHORT)


def test_only_stores_are_replaced(tmp_path):
    tree = simple(1.0)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("precious")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "empty").mkdir()
    for name in ("thesis", "file"):
        with pytest.raises(xyep.StoreError, match=f"{name} is not a Zarr store"):
            write_tree(tree, tmp_path / name)
    write_tree(tree, tmp_path / "empty")
    assert (tmp_path / "thesis" / "a.tex").read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "thesis"]


# --------------------------------------------------------------------------------------- one writer

TRAIN = """
import sys
import xyep
net = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
print("ready", flush=True)
sys.stdin.readline()
tree = xyep.train(net, xyep.load_task("xor"), store=sys.argv[1], epochs=20000, record_every=1000)
print("trained", flush=True)
"""


def trainers(stores):
    """Processes that train at the same time; their outputs and errors."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", TRAIN]
    running = [
        subprocess.Popen([*command, str(store)], text=True, env=environment, **pipes)
        for store in stores
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate() for process in running]


def test_one_process_trains_and_the_others_are_told(tmp_path):
    found = trainers([tmp_path / "a.zarr"] * 4)
    errors = [text for out, text in found if "trained" not in out]
    assert len(errors) == 3
    wanted = r"StoreError: store: .*a.zarr is being written by process \d+ on .*; wait until"
    assert all(re.search(wanted, text) for text in errors), errors
    assert os.listdir(tmp_path) == ["a.zarr"] and not check_tree(tmp_path / "a.zarr")
    both = trainers([tmp_path / "b.zarr", tmp_path / "c.zarr"])
    assert all("trained" in out for out, _ in both), both
    alone = contents(tmp_path / "a.zarr")
    assert alone == contents(tmp_path / "b.zarr") == contents(tmp_path / "c.zarr")


def test_a_lock_is_of_one_writer_until_it_ends(tmp_path):
    store = tmp_path / "a.zarr"
    tree = simple(1.0)
    write_tree(tree, store)
    with files.locked(store):
        assert files.is_locked(store)
        wanted = f"store: .*a.zarr is being written by process {os.getpid()} on"
        with pytest.raises(xyep.StoreError, match=wanted):
            write_tree(tree, store)
        assert read_tree(store).identical(tree)
    assert not files.is_locked(store)
    write_tree(tree, store)


def test_the_writer_is_named_though_it_tells_its_name_late(tmp_path, monkeypatch):
    store = tmp_path / "a.zarr"
    with files.locked(store), monkeypatch.context() as patch:
        path = files.beside(store, "lock")
        path.write_text("")
        patch.setattr(files.time, "sleep", lambda _: path.write_text("process 1 on somewhere"))
        with pytest.raises(xyep.StoreError, match="is being written by process 1 on somewhere;"):
            write_tree(simple(1.0), store)


def test_partial_runs_of_another_process_are_left_alone(tmp_path):
    store = tmp_path / "a.zarr"
    inside = partial_folder(store) / "key"
    with files.locked(inside):
        partial_folder(inside).mkdir()
        discard_partial(store)
        assert partial_folder(inside).exists()
    discard_partial(store)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------ damage


def test_damage_is_told_and_the_rest_can_be_read(tmp_path, ensemble):
    store = tmp_path / "e.zarr"
    write_tree(ensemble, store)
    chunk = next(path for path in (store / "a" / "coupling" / "c").rglob("*") if path.is_file())
    chunk.unlink()
    with pytest.raises(xyep.StoreError, match="store: .*e.zarr is damaged: node /a: .*delete the"):
        read_tree(store)
    assert list(check_tree(store)) == ["/a"]
    rest = read_tree(store, damaged="skip")
    assert set(rest.children) == {"b"} and rest["cost"].identical(ensemble["cost"])
    shutil.rmtree(store / "b")
    assert sorted(check_tree(store)) == ["/a", "/b"]
    with pytest.raises(ValueError, match="damaged: found 'ignore'"):
        read_tree(store, damaged="ignore")


def test_a_node_of_another_store_is_told(tmp_path, ensemble):
    for k, name in enumerate(("one", "two")):
        write_tree(ensemble.map_over_datasets(lambda ds, k=k: ds + k), tmp_path / name)
    shutil.rmtree(tmp_path / "one" / "a")
    shutil.copytree(tmp_path / "two" / "a", tmp_path / "one" / "a")
    assert "/a" in check_tree(tmp_path / "one")


def test_a_store_without_digests_is_read_with_a_warning(tmp_path):
    tree = xr.DataTree(xr.Dataset({"mine": ("n", [1, 2])}))
    for consolidated in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree.to_zarr(tmp_path / "a.zarr", mode="w", consolidated=consolidated)
        with pytest.warns(UserWarning, match="a.zarr has no digests"):
            assert read_tree(tmp_path / "a.zarr")["mine"].values.tolist() == [1, 2]


def test_a_damaged_run_is_not_returned(tmp_path):
    store = tmp_path / "a.zarr"
    xyep.train(NET, XOR, store=store, **SHORT)
    shutil.rmtree(store / "cost" / "c")
    with pytest.raises(xyep.StoreError, match="a.zarr is damaged: node /"):
        xyep.train(NET, XOR, store=store, **SHORT)


# --------------------------------------------------------------------------------------- ensembles


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "a.", " a", "a\\b", "a:b", "x" * 151, 3])
def test_names_of_cases_can_name_folders(name, tmp_path):
    cases = {name: xyep.Case(NET, XOR, TRAINING, (0,))}
    with pytest.raises(ValueError, match="cases: found the name"):
        xyep.train_ensemble(cases, store=tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scheduler", ["process", "", 3, True])
def test_schedulers(scheduler):
    with pytest.raises(ValueError, match="scheduler: found"):
        xyep.train_ensemble({"a": xyep.Case(NET, XOR, TRAINING, (0,))}, scheduler=scheduler)
