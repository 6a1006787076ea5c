"""Ensembles: many networks, many seeds, over processes, threads or a cluster.

Their result is one Dataset over ``network`` and ``seed`` for what can be compared between networks,
whose traits are its coordinates, and a node a network for what has its own sites and couplings.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .cases import Case, stacked
from .checks import check_instance, check_integer
from .digest import digest
from .files import is_locked, locked, make_folder, remove, writing
from .records import attributes
from .store import load_arrays, local_path, partial_folder, save_arrays
from .workers import asked_to_stop, compute, cores

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

__all__ = ["cores", "discard_partial", "progress_bar", "train_ensemble"]


def train_ensemble(
    cases: Mapping[str, Case],
    *,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    title: str = "training",
) -> xr.DataTree:
    """Train every case for every seed.

    Parameters
    ----------
    cases : dict of name → `Case`
    store : path, optional. Finished runs are kept in ``<store>.partial/`` until `discard_partial`,
        so that the same call goes on where an ensemble was interrupted; one process at a time.
    workers : how many runs go on at a time, default one a core. Results do not depend on it.
    scheduler : "processes" (default), "threads", or the address of a dask.distributed scheduler,
        which all do the same runs. Kernels release the GIL, and for large networks threads do as
        well; an epoch of a small one is so short that its Python part, which holds the GIL, takes
        longer than its kernels. A run whose process is lost is done again.

    Returns
    -------
    DataTree. Its root is a Dataset over (network, seed, epoch) with the histories and tests; traits
    of the networks are coordinates, to be chosen from with `select`. Networks with snapshots have a
    node each, of dims (seed, snapshot, …). An error in a run is raised; runs finished before are
    kept, as after Ctrl-C and the signals SIGTERM and SIGHUP.

    Raises
    ------
    StoreError
        If another process is at the same store, or if it cannot be written.

    >>> import xyep
    >>> nets = {f"{s} shells": xyep.xor_lattice(3, shells=s) for s in (1, 2)}
    >>> task, training = xyep.load_task("xor"), xyep.Training(epochs=5, final_states=10)
    >>> cases = {name: Case(net, task, training, seeds=(0, 1)) for name, net in nets.items()}
    >>> tree = train_ensemble(cases, scheduler="threads")
    >>> xyep.select(tree, shells=2)["cost"].dims
    ('network', 'seed', 'epoch')
    """
    if not isinstance(cases, Mapping) or not cases:
        raise TypeError(f"cases: found {type(cases).__name__}; a dict of name → Case is needed")
    for name, case in cases.items():
        check_instance(f"cases[{name!r}]", case, Case)
        _check_name(name)
    other = _instead.get()
    if other is not None:
        return other(cases)
    workers = cores() if workers is None else check_integer("workers", workers, 1)
    scheduler = _check_scheduler(scheduler)
    path = None if store is None else local_path(store)
    with _signals(), contextlib.nullcontext() if path is None else locked(path):
        results = _results(cases, path, workers, scheduler, title)
        record = _record.get()
        if record is not None:
            record |= {key: Made(results[key]) for key in results}
        return stacked(cases, results)


Key = tuple[str, int]
Arrays = dict[str, np.ndarray]


class Made:
    """What is kept to know a run again: a digest of all that it computed, and its time in s."""

    def __init__(self, arrays: Arrays) -> None:
        self.sha256 = digest({name: a for name, a in arrays.items() if name != "seconds"})
        self.seconds = float(arrays["seconds"])


_record: ContextVar[dict[Key, Made] | None] = ContextVar("record", default=None)
_instead: ContextVar[Callable[[Mapping[str, Case]], xr.DataTree] | None] = ContextVar(
    "instead", default=None
)


@contextmanager
def recorded() -> Iterator[dict[Key, Made]]:
    """Of all runs of the ensembles that are trained in this context, by case and seed: `Made`."""
    found: dict[Key, Made] = {}
    token = _record.set(found)
    try:
        yield found
    finally:
        _record.reset(token)


@contextmanager
def instead(make: Callable[[Mapping[str, Case]], xr.DataTree]) -> Iterator[None]:
    """In this context, `train_ensemble` trains nothing: it returns `make` of its cases."""
    token = _instead.set(make)
    try:
        yield
    finally:
        _instead.reset(token)


def blank(cases: Mapping[str, Case]) -> xr.DataTree:
    """As `train_ensemble` returns, of one run a case, and nothing done in it yet."""
    firsts = {name: replace(case, seeds=case.seeds[:1]) for name, case in cases.items()}
    no_time, runs = {"seconds": np.array(0.0)}, {}
    for name, case in firsts.items():
        runs[name, case.seeds[0]] = case.run(case.seeds[0]).arrays | no_time
    return stacked(firsts, runs)


def _results(
    cases: Mapping[str, Case], store: Path | None, workers: int, scheduler: str, title: str
) -> dict[Key, Arrays]:
    """Arrays of all runs, those kept from before and those that are left to do."""
    results: dict[Key, Arrays] = {}
    pending: dict[Key, dict[str, Any]] = {}
    folder = None if store is None else partial_folder(store)
    for name, case in cases.items():
        for seed in case.seeds:
            own = case.parameters(seed)
            initial = None if own is None else own.flatten()
            attrs = attributes(case.net, case.task, case.training, seed, initial)
            file = None if folder is None else folder / name / f"{seed}.npz"
            arrays = None if file is None else load_arrays(file, attrs)
            if arrays is None:
                pending[name, seed] = attrs
            else:
                results[name, seed] = arrays
        if folder is not None and store is not None:
            make_folder(folder / name, store)

    def finish(key: Key, arrays: Arrays) -> None:
        if folder is not None:
            save_arrays(folder / key[0] / f"{key[1]}.npz", arrays, pending[key])
        results[key] = arrays
        bar.update()

    calls = [(key, cases[key[0]], key[1]) for key in pending]
    total = len(results) + len(pending)
    with progress_bar(total, len(results), title) as bar:
        try:
            compute(_run, calls, finish, workers, scheduler)
        except (KeyboardInterrupt, _Terminated, ConnectionError) as error:
            what = str(error) if isinstance(error, ConnectionError) else "interrupted"
            kept = f"{len(results)} of {total} runs are finished"
            more = " and lost, as no store was named"
            if folder is not None:
                more = f" and kept in {folder}; the same call goes on from them"
            line = f"{title}: {what}; {kept}{more}"
            if isinstance(error, ConnectionError):
                raise ConnectionError(line) from error
            print(f"\n{line}", file=sys.stderr, flush=True)
            raise
    return results


def _check_name(name: Any) -> None:
    """Names become folders and nodes, on any system."""
    wrong = not isinstance(name, str) or not name.isprintable() or set(name) & set('/\\:*?"<>|')
    if wrong or not 0 < len(name) <= 150 or name[0] in ". " or name[-1] in ". ":
        raise ValueError(
            f"cases: found the name {name!r}; text of at most 150 characters that may name a "
            "folder is needed"
        )


def _check_scheduler(scheduler: str | None) -> str:
    scheduler = "processes" if scheduler is None else scheduler
    if scheduler in ("threads", "processes") or (isinstance(scheduler, str) and ":" in scheduler):
        return scheduler
    raise ValueError(
        f"scheduler: found {scheduler!r}; 'processes', 'threads' or an address such as "
        "'tcp://127.0.0.1:8786' is needed"
    )


class _Terminated(BaseException):
    """A signal has asked the process to end."""


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the process as ever, but in order: workers first."""
    known = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    here = threading.current_thread() is threading.main_thread()
    mine = [number for number in known if here and signal.getsignal(number) == signal.SIG_DFL]

    def end(number: int, frame: Any) -> None:
        raise _Terminated(number)

    for number in mine:
        signal.signal(number, end)
    try:
        yield
    except _Terminated as error:
        signal.signal(error.args[0], signal.SIG_DFL)
        signal.raise_signal(error.args[0])
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def discard_partial(store: str | os.PathLike[str]) -> None:
    """Forget the runs kept for resuming, once their results are stored.

    Those that a process is at now are left alone: of this store, and of stores in its folder.
    """
    store, folder = local_path(store), partial_folder(store)
    inside = [path.name for path in folder.glob(".*.lock")] if folder.is_dir() else []
    busy = [name for name in inside if is_locked(folder / name[1 : -len(".lock")])]
    if folder.exists() and not busy and not is_locked(store):
        with writing(store):
            remove(folder)


def _run(case: Case, seed: int) -> Arrays:
    started = time.monotonic()
    run = case.run(seed)
    while not run.finished and not asked_to_stop():
        run.advance(run.done + max(1, case.training.epochs // 100))
    return run.arrays | {"seconds": np.array(time.monotonic() - started)}


@contextmanager
def progress_bar(total: int, done: int = 0, title: str = "") -> Iterator[Any]:
    """A bar with ETA: on the terminal or, in a notebook that `xyep reproduce` runs, in its file."""
    from tqdm import tqdm as plain
    from tqdm.auto import tqdm

    path = os.environ.get("XYEP_PROGRESS_FILE")
    if path and Path(path).parent.is_dir():
        with (  # plain, as a widget would go to the notebook
            open(path, "a") as file,
            plain(
                total=total, initial=done, desc=title, file=file, mininterval=1.0, ncols=100
            ) as bar,
        ):
            yield bar
    else:
        with tqdm(total=total, initial=done, desc=title, disable=None, mininterval=0.5) as bar:
            yield bar
