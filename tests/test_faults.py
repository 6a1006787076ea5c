"""Kills, interruptions and full disks at every file operation; damage to everything that is read.

The suite takes a sample of a few hundred; ``XYEP_FAULTS=1000`` takes so many of each kind, of some
3,000 operations with four faults each.
"""

import errno
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xyep
from xyep.ensembles import discard_partial
from xyep.store import check_tree, load_arrays, partial_folder, save_arrays

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="faults are injected into forked processes"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

#: How many of each kind are tried, by hand.
MANY = int(os.environ.get("XYEP_FAULTS", 0))
XOR = xyep.load_task("xor")
NET = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
SHORT = {"epochs": 4, "initial_states": 2, "snapshots": (0, 4), "final_states": 3}
SHORT |= {"responses": ("nudge_response",), "probe_samples": 2}
FIRST = SHORT | {"epochs": 2, "snapshots": (0,)}

# ----------------------------------------------------------------------------- the fault injector


class Faults:
    """Counts the file operations below a folder, and does something at one of them."""

    def __init__(self, folder, kind=None, at=None):
        self.folder, self.kind, self.at, self.count, self.full = str(folder), kind, at, 0, False
        self.guard = threading.RLock()
        self.busy = False

    def install(self):
        sys.addaudithook(self.audit)
        fsync = os.fsync

        def watched(number):
            self.operation("fsync", None)
            fsync(number)

        os.fsync = watched

    def audit(self, event, arguments):
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and self.is_below(path):
                self.operation("open", path)
        elif event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"):
            if event.startswith("shutil") or self.is_below(arguments[0], *arguments[1:]):
                self.operation(event, None)

    def is_below(self, path, *rest):
        if isinstance(path, int):
            return False
        path = os.fsdecode(path)
        # shutil.rmtree names files within a folder that it has open
        inside = any(isinstance(fd, int) and fd >= 0 for fd in rest)
        return path.startswith(self.folder) or (inside and not os.path.isabs(path))

    def operation(self, name, path):
        with self.guard:
            if self.busy:
                return
            self.count += 1
            if self.full and name in ("open", "fsync", "os.mkdir"):
                raise OSError(errno.ENOSPC, "No space left on device")
            if self.count != self.at:
                return
            self.busy = True
            if self.kind == "kill":
                os._exit(9)
            if self.kind == "torn":  # within the write that comes next
                if path is not None and not os.path.isdir(os.fsdecode(path)):
                    with open(path, "wb") as file:
                        file.write(b"torn")
                os._exit(9)
            if self.kind == "interrupt":
                self.busy = False
                signal.raise_signal(signal.SIGINT)
            if self.kind == "full":
                self.full, self.busy = True, False
                if name in ("open", "fsync", "os.mkdir"):
                    raise OSError(errno.ENOSPC, "No space left on device")


def forked(work, folder, kind=None, at=None):
    """Run `work` in a forked process with a fault; (exit code, number of file operations)."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            faults = Faults(folder, kind, at)
            faults.install()
            try:
                work()
                code = 0
            except KeyboardInterrupt:
                code = 2
            except xyep.StoreError as error:
                code = 3 if "No space left" in str(error) else 98
            except OSError as error:
                code = 4 if error.errno == errno.ENOSPC else 97
            os.write(write, str(faults.count).encode())
        finally:
            os._exit(code)
    os.close(write)
    count = os.read(read, 100)
    os.close(read)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(count or 0)


EXPECTED = {"kill": {9, 0}, "torn": {9, 0}, "interrupt": {0, 2}, "full": {0, 3}}


def contents(folder):
    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def sample(count, kinds, seed=0):
    """Some of the operations with some of the faults."""
    pairs = [(kind, at) for kind in kinds for at in range(1, count + 1)]
    return sorted(random.Random(seed).sample(pairs, min(MANY or 7, len(pairs))))


KINDS = ("kill", "torn", "interrupt", "full")


def inject(prepare, work, check, tmp_path, name):
    """Each fault, then the next call; returns the number of faults."""
    whole = tmp_path / "whole"
    prepare(whole)
    code, count = forked(lambda: work(whole), whole)
    assert code == 0 and count > 10
    expected = check(whole)
    done, started = 0, time.monotonic()
    for kind, at in sample(count, KINDS):
        folder = tmp_path / "faulty"
        shutil.rmtree(folder, ignore_errors=True)
        prepare(folder)
        code, _ = forked(lambda folder=folder: work(folder), folder, kind, at)
        assert code in EXPECTED[kind], (name, kind, at, code)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # no state is so bad that it is given up
            work(folder)
        found = check(folder)
        assert found == expected, (name, kind, at, sorted(set(found) ^ set(expected)))
        done += 1
    seconds = time.monotonic() - started
    print(f"{name}: {count} operations, {done} faults, all identical, {seconds:.0f} s")


def test_training(tmp_path):
    def work(folder):
        xyep.train(NET, XOR, store=folder / "a.zarr", checkpoint_every=2, **SHORT)

    inject(lambda folder: folder.mkdir(), work, contents, tmp_path, "training")


def test_training_made_longer(tmp_path):
    first = tmp_path / "first"
    xyep.train(NET, XOR, store=first / "a.zarr", **FIRST)

    def prepare(folder):
        shutil.copytree(first, folder)

    def work(folder):
        xyep.train(NET, XOR, store=folder / "a.zarr", checkpoint_every=1, **SHORT)

    inject(prepare, work, contents, tmp_path, "training made longer")


def timeless(folder, store):
    """Content of a folder without the times that runs took."""
    found = {name: b"" for name in contents(folder)}
    tree = xyep.read_tree(store)
    changing = ("made_in_s", "wall_time_s")
    for node in tree.subtree:
        ds = node.to_dataset(inherit=False).drop_vars("seconds", errors="ignore")
        attrs = {k: v for k, v in ds.attrs.items() if k not in changing}
        found[node.path] = (ds.to_dict(), attrs).__repr__().encode()
    return found


def test_ensemble(tmp_path):
    training = xyep.Training(epochs=2, final_states=2, initial_states=1, snapshots=(2,))
    cases = {"a": xyep.Case(NET, XOR, training, (0, 1)), "b": xyep.Case(NET, XOR, training, (3,))}

    def work(folder):
        store = folder / "e.zarr"
        tree = xyep.train_ensemble(cases, store=store, scheduler="threads", workers=1)
        xyep.write_tree(tree, store)
        discard_partial(store)

    def check(folder):
        return timeless(folder, folder / "e.zarr")

    inject(lambda folder: folder.mkdir(), work, check, tmp_path, "ensemble")


@pytest.mark.parametrize("kind", ["training", "ensemble"])
def test_signals_at_random_moments(kind, tmp_path):
    def work(folder):
        store = folder / "a.zarr"
        if kind == "training":
            xyep.train(NET, XOR, store=store, checkpoint_every=1, **SHORT)
        else:
            training = xyep.Training(epochs=3, final_states=2)
            cases = {"a": xyep.Case(NET, XOR, training, (0, 1, 2))}
            tree = xyep.train_ensemble(cases, store=store, scheduler="threads", workers=1)
            xyep.write_tree(tree, store)
            discard_partial(store)

    def check(folder):
        return contents(folder) if kind == "training" else timeless(folder, folder / "a.zarr")

    work(tmp_path / "first")
    started = time.monotonic()
    work(tmp_path / "whole")
    usual, expected = time.monotonic() - started, check(tmp_path / "whole")
    rng, ended, folder = random.Random(0), 0, tmp_path / "interrupted"
    many = MANY or 12
    for number in range(many):
        shutil.rmtree(folder, ignore_errors=True)
        child = os.fork()
        if child == 0:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                work(folder)
                os._exit(0)
            finally:
                os._exit(1)
        time.sleep(rng.uniform(0, usual))
        os.kill(child, (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[number % 3])
        _, status = os.waitpid(child, 0)
        ended += status != 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            work(folder)
        assert check(folder) == expected, number
    assert ended > many / 2
    print(f"{kind}: {ended} of {many} ended before they were done, all identical")


NOTEBOOK = """# %% [markdown]
# # 1. Some notebook

# %% tags=["parameters"]
profile = "smoke"  # smoke, quick or paper
workers = None
scheduler = None
epochs = 5  # of training

# %%
study = 1
"""


def measure(value):
    return xr.Dataset({"result": ("seed", np.arange(3.0) + value)})


def test_study(tmp_path, monkeypatch):
    from xyep.paper.studies import Study

    monkeypatch.delenv("XYEP_REPRODUCE", raising=False)

    def prepare(folder):
        (folder / "notebooks").mkdir(parents=True)
        (folder / "notebooks" / "01_some.py").write_text(NOTEBOOK)
        study(folder, 1)

    def study(folder, value):
        os.environ["XYEP_PROJECT_DIR"] = str(folder)
        names = {"profile": "smoke", "workers": None, "scheduler": None, "epochs": 4 + value}
        s = Study("01_some", names)
        s(measure, 1, node="same")
        s(measure, value, node="other")
        s.finish()

    def check(folder):
        return timeless(folder, folder / "results" / "smoke" / "01_some.zarr")

    monkeypatch.setenv("XYEP_PROJECT_DIR", str(tmp_path))
    inject(prepare, lambda folder: study(folder, 2), check, tmp_path, "study")


# --------------------------------------------------------------------------------------- mutations


def mutate(folder, rng):
    """Change one thing below a folder; says what."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = rng.choice(files)
    data = bytearray(path.read_bytes())
    kind = rng.choice(["flip", "cut", "delete", "swap", "junk", "folder", "json", "json", "zeros"])
    if path.name == "zarr.json" and kind == "json":
        return f"{path.name}: {_json(path, rng)}"
    if kind == "flip" and data:
        for _ in range(rng.choice([1, 1, 3])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
    elif kind == "cut":
        path.write_bytes(data[: rng.randrange(len(data) + 1)])
    elif kind == "delete":
        path.unlink()
    elif kind == "swap":
        other = rng.choice(files)
        there = other.read_bytes()
        other.write_bytes(data)
        path.write_bytes(there)
        return f"swap {path} {other}"
    elif kind == "junk":
        path.write_bytes(data + rng.randbytes(rng.randrange(1, 40)))
    elif kind == "folder":
        shutil.rmtree(path.parent)
    else:
        path.write_bytes(bytes(len(data)))
    return f"{kind} {path.relative_to(folder)}"


def _json(path, rng):
    """Change an attribute, a data type, a shape, a fill value or a name in metadata."""
    content = json.loads(path.read_text())
    places = []

    def walk(node):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(value, (dict, list)):
                walk(value)

    walk(content)
    node, key = rng.choice(places)
    old = node[key]
    what = rng.choice(["delete", "other", "null"])
    if what == "delete":
        del node[key]
    elif what == "null":
        node[key] = None
    elif isinstance(old, bool) or not isinstance(old, (int, float, str)):
        node[key] = {} if old != {} else [1]
    elif isinstance(old, str):
        known = {"float32": "float64", "float64": "float32", "int64": "int32", "little": "big"}
        node[key] = known.get(old, old + "x")
    else:
        node[key] = old + 1
    path.write_text(json.dumps(content))
    return f"{what} {key}"


def same(tree, other):
    return tree.identical(other)


def example(folder):
    """A run, and a tree of several nodes like the results of a notebook."""
    xyep.train(NET, XOR, store=folder / "run.zarr", **SHORT)
    rng = np.random.default_rng(0)
    nodes = {
        name: xr.Dataset(
            {"cost": (("network", "seed"), rng.normal(size=(2, 3))), "sweeps": ("seed", [0, 0, 0])},
            {"network": ["b", "a"], "seed": [0, 1, 2], "shared": ("network", [True, False])},
            {"made_from": "x" * 64, "grid": {"beta": [0.1, 0.2]}, "made_in_s": 0.5},
        )
        for name in ("one", "two", "two/c")
    }
    nodes["/"] = xr.Dataset(attrs={"parameters": {"epochs": 3}, "version": "0"})
    xyep.write_tree(xr.DataTree.from_dict(nodes), folder / "results.zarr")


@pytest.mark.parametrize("name", ["run", "results"])
def test_damaged_stores(name, tmp_path):
    example(tmp_path)
    whole = xyep.read_tree(tmp_path / f"{name}.zarr")
    nodes = {node.path: node.to_dataset(inherit=False) for node in whole.subtree}
    counts = dict.fromkeys(("unaffected", "StoreError", "silent", "raw"), 0)
    bad, readable = [], 0
    for seed in range(MANY or 40):
        store = tmp_path / "damaged.zarr"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(tmp_path / f"{name}.zarr", store)
        what = mutate(store, random.Random(f"{name}{seed}"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = xyep.read_tree(store)
            outcome = "unaffected" if same(found, whole) else "silent"
        except xyep.StoreError as error:
            outcome = "StoreError"
            assert str(store) in str(error)
        except Exception as error:  # whatever else it raises is counted and fails the test
            outcome, what = "raw", f"{what}: {error!r}"
        counts[outcome] += 1
        bad += [what] * (outcome in ("silent", "raw"))
        if outcome == "StoreError" and (store / "zarr.json").is_file():
            problems = check_tree(store)
            assert problems, what
            rest = xyep.read_tree(store, damaged="skip")
            for node in rest.subtree:
                if node.path in problems:
                    continue
                readable += 1
                there = node.to_dataset(inherit=False)
                assert there.identical(nodes[node.path]), (what, node.path)
            lost = set(nodes) - set(problems) - {node.path for node in rest.subtree}
            assert not lost or "/" in problems, (what, lost)
    assert not bad, (counts, bad)
    print(name, counts, f"{readable} other nodes read")


def test_damaged_runs_are_taken_for_what_they_are(tmp_path):
    """`train` on a damaged store, resumed or finished, ends in the truth or in a StoreError."""
    whole = xyep.train(NET, XOR, store=tmp_path / "whole.zarr", **SHORT)
    counts = {"truth": 0, "StoreError": 0}
    for seed in range(MANY or 25):
        store = tmp_path / "damaged.zarr"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(tmp_path / "whole.zarr", store)
        what = mutate(store, random.Random(f"train{seed}"))
        try:
            assert xyep.train(NET, XOR, store=store, **SHORT).identical(whole), what
            counts["truth"] += 1
        except xyep.StoreError:
            counts["StoreError"] += 1
    print(counts)


def rewrite(path, rng):
    """Write a checkpoint again with something changed."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    name = rng.choice([name for name in arrays if arrays[name].size])
    values = arrays[name]
    kind = rng.choice(["cast", "change", "delete", "nan", "reshape"])
    if kind == "cast" and values.dtype.kind in "iuf":
        arrays[name] = values.astype(rng.choice(["float32", "float16", "complex128", "int32"]))
    elif kind == "delete":
        del arrays[name]
    elif kind == "nan" and values.dtype.kind == "f":
        arrays[name] = np.full_like(values, -1 if np.isnan(values).all() else np.nan)
    elif kind == "reshape" and values.ndim:
        arrays[name] = values[None]
    elif values.dtype.kind in "iuf":
        arrays[name] = values + 1
    elif values.dtype.kind == "b":
        arrays[name] = ~values
    else:
        arrays[name] = np.char.replace(values, "1", "2")
    np.savez(path, **arrays)
    return f"{kind} {name}"


def test_damaged_checkpoints(tmp_path):
    run = xyep.run.Run(NET, XOR, xyep.Training(**SHORT), 0)
    run.advance(2)
    attrs = xyep.records.attributes(NET, XOR, run.training, 0, run.arrays["initial"])
    state = partial_folder(tmp_path / "a.zarr") / "run.npz"
    state.parent.mkdir()
    save_arrays(state, run.arrays, attrs)
    kept = state.read_bytes()
    counts = {"unaffected": 0, "computed again": 0}
    for seed in range(MANY or 40):
        state.parent.mkdir(exist_ok=True)
        state.write_bytes(kept)
        rng = random.Random(f"npz{seed}")
        what = rewrite(state, rng) if rng.random() < 0.5 else mutate(state.parent, rng)
        gone = not state.exists()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            arrays = load_arrays(state, attrs)
        messages = [str(w.message) for w in caught]
        if arrays is None:
            assert gone or len(messages) == 1, (what, messages)
            assert all(f"{state} cannot be read" in text for text in messages), messages
            counts["computed again"] += 1
            continue
        for name, values in run.arrays.items():
            assert arrays[name].dtype == values.dtype, (what, name)
            np.testing.assert_array_equal(arrays[name], values, err_msg=what)
        counts["unaffected"] += 1
    print(counts)


def test_a_checkpoint_that_cannot_be_read_is_computed_again(tmp_path):
    whole = xyep.train(NET, XOR, **SHORT)
    store = tmp_path / "a.zarr"
    partial_folder(store).mkdir()
    (partial_folder(store) / "run.npz").write_bytes(b"PK half of a file")
    with pytest.warns(UserWarning, match="run.npz cannot be read .*computed again"):
        assert xyep.train(NET, XOR, store=store, **SHORT).identical(whole)
    assert xyep.read_tree(store).identical(whole) and os.listdir(tmp_path) == ["a.zarr"]


def test_a_cut_off_run_of_an_ensemble_is_done_again(tmp_path):
    training = xyep.Training(epochs=2, final_states=0)
    cases = {"a": xyep.Case(NET, XOR, training, (0, 1))}
    options = {"store": tmp_path / "e.zarr", "scheduler": "threads", "workers": 1}
    whole = xyep.train_ensemble(cases, **options)
    file = partial_folder(tmp_path / "e.zarr") / "a" / "1.npz"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="1.npz cannot be read .*computed again"):
        again = xyep.train_ensemble(cases, **options)
    both = [tree.to_dataset().drop_vars("seconds") for tree in (again, whole)]
    assert both[0].identical(both[1])


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path):
    attrs = xyep.records.attributes(NET, XOR, xyep.Training(), 0)
    save_arrays(tmp_path / "a.npz", {"done": np.array(3)}, attrs)
    assert load_arrays(tmp_path / "a.npz", attrs)["done"] == 3
    with pytest.raises(xyep.StoreError, match="holds another run: seed"):
        load_arrays(tmp_path / "a.npz", attrs | {"seed": 1})
