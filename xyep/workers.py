"""Calls of one function spread over threads, over processes of this machine, or over a cluster.

A process is a Python of its own that reads calls from a pipe and ends when the pipe does: with its
parent, however that ends. It does not run the caller's script again, so that none needs a main
guard, and what was defined in a notebook is sent along.
"""

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import cloudpickle

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

#: A call: its key, an argument that neighbouring calls share, and one of its own.
Call = tuple[Any, Any, Any]
Finish = Callable[[Any, Any], None]

#: Workers that may be lost, as killed where memory is short, before a call is given up.
TRIES = 5


def cores() -> int:
    """Processor cores that this process may use.

    >>> cores() >= 1
    True
    """
    found = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    try:  # the share of a container
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return max(1, min(found, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return found


def compute(
    function: Callable[..., Any],
    calls: Sequence[Call],
    finish: Finish,
    workers: int,
    scheduler: str,
) -> None:
    """``finish(key, function(shared, own))`` for each call, in this thread and as each one ends.

    scheduler : "threads", "processes", or the address of a dask.distributed scheduler

    The first error of a call is raised. All workers have ended then, as after any other exception;
    a thread cannot be ended, and a long call should look at `asked_to_stop`.
    """
    if scheduler not in ("threads", "processes"):
        return _on_cluster(function, calls, finish, scheduler)
    todo: queue.SimpleQueue[Call] = queue.SimpleQueue()
    for call in calls:
        todo.put(call)
    done: queue.SimpleQueue[tuple[Any, Any, BaseException | None]] = queue.SimpleQueue()
    pool = _Pool(function, todo, done)
    serve = pool.serve_by_thread if scheduler == "threads" else pool.serve_by_process
    try:
        for _ in range(min(workers, len(calls))):
            # daemons: a program that is interrupted does not wait for them
            threading.Thread(target=serve, daemon=True).start()
        for _ in calls:
            finish(*_next(done))
    finally:
        pool.end()


def _next(done: queue.SimpleQueue[tuple[Any, Any, BaseException | None]]) -> tuple[Any, Any]:
    while True:
        try:
            key, result, error = done.get(timeout=1.0)  # so that Windows sees signals
        except queue.Empty:
            continue
        if error is not None:
            raise error
        return key, result


_here = threading.local()


def asked_to_stop() -> bool:
    """Whether nobody waits any more for the call that this thread is at.

    >>> asked_to_stop()
    False
    """
    stop = getattr(_here, "stop", None)
    return stop is not None and stop.is_set()


class _Pool:
    """Workers that share one queue of calls."""

    def __init__(self, function: Callable[..., Any], todo: Any, done: Any) -> None:
        self.function, self.todo, self.done = function, todo, done
        self.stop, self.guard = threading.Event(), threading.Lock()
        self.processes: list[_Process] = []

    def serve_by_thread(self) -> None:
        _here.stop = self.stop
        self._serve(self.function)

    def serve_by_process(self) -> None:
        process = None

        def call(shared: Any, own: Any) -> Any:
            nonlocal process
            for _ in range(TRIES):
                if process is None:
                    process = self._start()
                try:
                    return process.call(shared, own)
                except _Lost:  # and with it the call
                    process.end()
                    ended, process = process.process.returncode, None
            raise RuntimeError(
                f"workers: {TRIES} of them ended (exit code {ended}) in the same run; is memory "
                "short? Fewer workers need less"
            )

        self._serve(call)
        if process is not None:
            process.end()

    def _serve(self, call: Callable[[Any, Any], Any]) -> None:
        while not self.stop.is_set():
            try:
                key, shared, own = self.todo.get_nowait()
            except queue.Empty:
                return
            try:
                self.done.put((key, call(shared, own), None))
            except BaseException as error:
                self.done.put((key, None, error))

    def _start(self) -> "_Process":
        with self.guard:
            if self.stop.is_set():
                raise RuntimeError("workers: stopped")
            self.processes.append(_Process(self.function))
            return self.processes[-1]

    def end(self) -> None:
        with self.guard:
            self.stop.set()
        for process in self.processes:
            process.end()


#: One thread a worker: they share the cores already.
_ONE = dict.fromkeys(("NUMBA", "OMP", "OPENBLAS", "MKL"), "1")
_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from xyep.workers import work; work()"
)


class _Lost(Exception):
    """A worker has gone."""


class _Process:
    """A worker process, seen from its parent."""

    def __init__(self, function: Callable[..., Any]) -> None:
        path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {f"{name}_NUM_THREADS": n for name, n in _ONE.items()},
        )
        self.function, self.shared = function, None

    def call(self, shared: Any, own: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        # what the worker has already is an empty frame
        first = b"" if self.shared is shared else cloudpickle.dumps((self.function, shared))
        second, self.shared = cloudpickle.dumps(own), shared
        try:
            _send(self.process.stdin, first)
            _send(self.process.stdin, second)
            answer = _frame(self.process.stdout)
        except (EOFError, OSError, ValueError) as error:
            raise _Lost from error
        result, error = pickle.loads(answer)
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]


def work() -> None:
    """Answer the calls of a parent until it closes the pipe, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: the parent sees to it
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed here must not get among the answers
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                inbox.put(_frame(source))
        os._exit(1)  # also in the middle of a call

    threading.Thread(target=listen, daemon=True).start()
    function, shared = None, None
    while True:
        first, second = inbox.get(), inbox.get()
        try:
            if first:
                function, shared = pickle.loads(first)
            answer = function(shared, pickle.loads(second)), None  # type: ignore[misc]
        except BaseException as error:
            error.add_note("in a worker:\n" + traceback.format_exc())
            answer = None, error
        try:
            frame = cloudpickle.dumps(answer)
            if answer[1] is not None:
                pickle.loads(frame)  # not all errors can be made again
        except Exception:
            frame = cloudpickle.dumps((None, RuntimeError(f"a worker found {answer}")))
        with contextlib.suppress(OSError):  # nobody waits for it: the listener ends this
            _send(sink, frame)


def _send(pipe: IO[bytes], frame: bytes) -> None:
    pipe.write(len(frame).to_bytes(8, "little"))
    pipe.write(frame)
    pipe.flush()


def _frame(pipe: IO[bytes]) -> bytes:
    size = pipe.read(8)
    data = pipe.read(int.from_bytes(size, "little"))
    if len(size) < 8 or len(data) < int.from_bytes(size, "little"):
        raise EOFError("the other end has closed the pipe")
    return data


def _on_cluster(
    function: Callable[..., Any], calls: Sequence[Call], finish: Finish, address: str
) -> None:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ImportError(
            "scheduler: a cluster needs dask.distributed; install xyep[cluster]"
        ) from error
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ConnectionError(f"scheduler: none answers at {address} ({error})") from error
    shared: dict[int, Any] = {}  # sent once; a worker that is lost leaves the recipe
    keys: dict[Any, Any] = {}
    with client:
        for key, common, own in calls:
            if id(common) not in shared:
                text = cloudpickle.dumps(common)
                shared[id(common)] = client.submit(cloudpickle.loads, text, pure=False)
            keys[client.submit(function, shared[id(common)], own, pure=False)] = key
        for future in as_completed(keys, loop=client.loop):
            if future.cancelled() or future.status == "lost":
                raise ConnectionError(f"scheduler: {address} was lost")
            finish(keys[future], future.result())
