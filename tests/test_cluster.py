"""Ensembles on a dask.distributed cluster: the same bits, also where a part of it dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import xyep
from xyep.store import partial_folder

pytest.importorskip("distributed", reason="dask.distributed is not installed: xyep[cluster]")

SEEDS = 6


def cases(epochs=60):
    net = xyep.square_lattice((5, 5), shells=2, inputs=[(0, 0), (0, 1)], outputs=[(4, 4)])
    training = xyep.Training(epochs=epochs, final_states=2)
    return {"a": xyep.Case(net, xyep.load_task("xor"), training, tuple(range(SEEDS)))}


def start(*arguments, cwd):
    """A process of dask's command line, with its output in a file."""
    log = open(cwd / f"{arguments[0]}{time.monotonic_ns()}.log", "w+", encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], cwd=cwd, stdout=log, stderr=log
    )


class Cluster:
    """A scheduler and two workers of one thread, as processes of this machine."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.scheduler = self.run(
            "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", "scheduler.json"
        )
        file = folder / "scheduler.json"
        wait_for(lambda: file.exists() and file.stat().st_size)
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self.add_worker() for _ in range(2)]

    def run(self, *arguments):
        self.processes.append(start(*arguments, cwd=self.folder))
        return self.processes[-1]

    def add_worker(self):
        return self.run("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "dask").mkdir()
    found = Cluster(tmp_path / "dask")
    yield found
    found.end()


def finished(store):
    return list((partial_folder(store) / "a").glob("*.npz"))


def same(tree, other):
    """All that does not depend on when a run took place."""
    a, b = (t.to_dataset().drop_vars("seconds") for t in (tree, other))
    return a.identical(b) or all(
        np.array_equal(a[n].values, b[n].values, equal_nan=a[n].dtype.kind == "f")
        for n in a.variables
    )


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_killed_worker_changes_no_bit(cluster, tmp_path):
    store = tmp_path / "a.zarr"
    kill = threading.Thread(
        target=lambda: (
            wait_for(lambda: finished(store)),
            cluster.workers[0].send_signal(signal.SIGKILL),
        )
    )
    kill.start()
    tree = xyep.train_ensemble(cases(3000), store=store, scheduler=cluster.address)
    kill.join()
    assert cluster.workers[0].wait(10) == -signal.SIGKILL and cluster.workers[1].poll() is None
    assert same(tree, xyep.train_ensemble(cases(3000), scheduler="threads", workers=1))


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_lost_scheduler_is_told_and_the_same_call_goes_on(cluster, tmp_path):
    store = tmp_path / "a.zarr"
    kill = threading.Thread(
        target=lambda: (
            wait_for(lambda: finished(store)),
            cluster.scheduler.send_signal(signal.SIGKILL),
        )
    )
    kill.start()
    with pytest.raises(ConnectionError, match="lost.*runs are finished and kept in"):
        xyep.train_ensemble(cases(3000), store=store, scheduler=cluster.address)
    kill.join()
    kept = len(finished(store))
    assert kept and not store.exists()
    second = Cluster(tmp_path)
    try:
        tree = xyep.train_ensemble(cases(3000), store=store, scheduler=second.address)
    finally:
        second.end()
    assert same(tree, xyep.train_ensemble(cases(3000), scheduler="threads", workers=1))
