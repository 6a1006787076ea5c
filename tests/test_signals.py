"""Ensembles under signals, with killed workers and without a main guard: nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import xyep
from xyep.store import partial_folder
from xyep.workers import compute

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

#: Tries of each signal, more by hand.
TRIES = int(os.environ.get("XYEP_SIGNALS", 1))

SCRIPT = """
import sys
import xyep
net = xyep.square_lattice((5, 5), shells=2, inputs=[(0, 0), (0, 1)], outputs=[(4, 4)])
training = xyep.Training(epochs={epochs}, final_states=2)
cases = {{"a": xyep.Case(net, xyep.load_task("xor"), training, tuple(range({seeds})))}}
tree = xyep.train_ensemble(cases, store=sys.argv[1], scheduler="{scheduler}", workers=2)
print("done", float(tree["cost"].sum()))
"""


def children(pid):
    """Processes that have `pid` in their line of parents, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def alive(pids):
    states = []
    for pid in pids:
        try:
            states.append(
                Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
            )
        except OSError:
            continue
    return [state for state in states if state != "Z"]


def start(store, epochs, seeds, scheduler="processes"):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    code = SCRIPT.format(epochs=epochs, seeds=seeds, scheduler=scheduler)
    return subprocess.Popen(
        [sys.executable, "-c", code, store],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing has happened"
        time.sleep(0.05)


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGKILL")


@linux
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("scheduler", ["processes", "threads"])
def test_all_processes_end(name, scheduler, tmp_path):
    if scheduler == "threads" and name == "SIGKILL":
        return
    for k in range(TRIES):
        store = tmp_path / f"{k}.zarr"
        process = start(store, 3000, 400, scheduler)
        kept = partial_folder(store) / "a"
        wait_for(lambda kept=kept: len(list(kept.glob("*.npz"))) >= 2)
        workers = children(process.pid)
        assert len(workers) == (2 if scheduler == "processes" else 0)
        sent = time.monotonic()
        process.send_signal(getattr(signal, name))
        _, text = process.communicate(timeout=10)
        wait_for(lambda pids=workers: not alive(pids), 5)
        assert time.monotonic() - sent < 5
        if name == "SIGINT":
            assert process.returncode in (1, -signal.SIGINT) and "KeyboardInterrupt" in text
        else:
            assert process.returncode == -getattr(signal, name)
        if name != "SIGKILL":
            said = [line for line in text.splitlines() if "interrupted" in line]
            assert len(said) == 1 and "runs are finished and kept in" in said[0]
        if name in ("SIGTERM", "SIGHUP"):
            assert len(text.strip().splitlines()) <= 5, text
        assert not list(kept.glob(".*"))


@linux
def test_a_killed_worker_is_replaced(tmp_path):
    whole = start(tmp_path / "whole.zarr", 2000, 6)
    expected, _ = whole.communicate()
    process = start(tmp_path / "a.zarr", 2000, 6)
    wait_for(lambda: len(children(process.pid)) == 2)
    killed = set()
    for _ in range(3):
        time.sleep(0.5)
        for pid in children(process.pid)[:1]:
            if pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
    found, text = process.communicate(timeout=120)
    assert process.returncode == 0, text
    assert found == expected and killed


def test_a_script_needs_no_main_guard(tmp_path):
    script = tmp_path / "no guard é.py"
    script.write_text(SCRIPT.format(epochs=3, seeds=2, scheduler="processes"), "utf-8")
    for arguments, text in (([str(script)], None), (["-"], script.read_text("utf-8"))):
        run = subprocess.run(
            [sys.executable, *arguments, str(tmp_path / "a.zarr")],
            input=text,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.count("done") == 1


def answers(function, calls, workers=2, scheduler="processes"):
    found = {}
    compute(function, calls, found.__setitem__, workers, scheduler)
    return found


@pytest.mark.parametrize("scheduler", ["processes", "threads"])
def test_calls_and_their_errors(scheduler):
    def square(base, n):
        print("what a worker prints is no answer")
        if n == base:
            raise FloatingPointError(f"{n} diverged")
        return np.full(3, n**2)

    calls = [(n, 100, n) for n in range(5)]
    found = answers(square, calls, scheduler=scheduler)
    assert {key: value.tolist() for key, value in found.items()} == {
        n: [n**2] * 3 for n in range(5)
    }
    with pytest.raises(FloatingPointError, match="3 diverged"):
        answers(square, [(n, 3, n) for n in range(5)], scheduler=scheduler)


class Odd(Exception):
    """Cannot be made again from what pickle keeps of it."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize("kind", [OSError, Odd])
def test_any_error_comes_back(kind):
    def fail(shared, own):
        raise kind("no such thing", 2)

    with pytest.raises(Exception, match="no such thing"):
        answers(fail, [(0, 0, 0)])


def test_a_worker_that_ends_each_time_is_an_error():
    with pytest.raises(RuntimeError, match="ended .exit code 7. in the same run; is memory short"):
        answers(lambda shared, own: os._exit(7), [(0, 0, 0)], workers=1)


def test_two_processes_on_one_store(tmp_path):
    store = tmp_path / "a.zarr"
    process = start(store, 3000, 400)
    wait_for((partial_folder(store) / "a" / "0.npz").exists)
    net = xyep.all_to_all(4)
    cases = {"a": xyep.Case(net, xyep.load_task("xor"), xyep.Training(epochs=1), (0,))}
    with pytest.raises(xyep.StoreError, match=f"a.zarr is being written by process {process.pid}"):
        xyep.train_ensemble(cases, store=store, scheduler="threads")
    process.kill()
    process.communicate()
    with pytest.raises(xyep.StoreError, match="holds another run"):
        xyep.train_ensemble(cases, store=store, scheduler="threads")


def test_eight_processes_on_one_store(tmp_path):
    store = tmp_path / "a.zarr"
    lock = tmp_path / ".a.zarr.lock"
    begun = [start(store, 3000, 400)]
    try:
        wait_for((partial_folder(store) / "a" / "0.npz").exists)
        begun += [start(store, 3000, 400) for _ in range(7)]
        for other in begun[1:]:
            _, errors = other.communicate(timeout=300)
            message = f"a.zarr is being written by process {begun[0].pid}"
            assert other.returncode == 1
            assert message in errors.strip().splitlines()[-1]
        assert begun[0].poll() is None
        begun[0].kill()
        begun[0].communicate()
        begun.append(start(store, 3000, 400))
        wait_for(lambda: lock.read_text().startswith(f"process {begun[-1].pid} "))
    finally:
        for process in begun:
            process.kill()
            process.communicate()
