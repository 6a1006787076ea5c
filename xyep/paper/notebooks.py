"""Running the notebooks: percent scripts in, executed notebooks, datasets and figures out."""

import atexit
import os
import re
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from .. import digest
from ..checks import check_choice, check_integer
from ..paths import data, figures, project, results
from . import fresh
from .figures import SUFFIXES, figures_of, module_of
from .scripts import PROFILES, check_parameters, names, source, written


class NotebookError(RuntimeError):
    """A notebook did not run through."""


def profile_parameters(notebook: str, profile: str) -> dict[str, Any]:
    """Parameters that a profile changes, from ``notebooks/profiles.yml``."""
    check_choice("profile", profile, PROFILES)
    table = yaml.safe_load((project() / "notebooks" / "profiles.yml").read_text("utf-8"))
    return (table.get(profile) or {}).get(notebook) or {}


def executed(notebook: str, profile: str) -> Path:
    """Path of the executed notebook: beside its source at profile paper, else beside results."""
    folder = project() / "notebooks" if profile == "paper" else results(profile, notebook).parent
    return folder / f"{notebook}.ipynb"


def stamp(notebook: str, profile: str, changed: Mapping[str, Any]) -> str:
    """Digest of all that an executed notebook follows from.

    That is its text, comments included, as they are read in it; the code that it reaches; its own
    figures; its parameters, in the text or `changed`; and the results that it reads.
    """
    return digest.digest(
        "notebook",
        digest.script_digest(project() / "notebooks" / f"{notebook}.py"),
        digest.source_digest(module_of(notebook)),
        dict(changed),
        {name: fresh.store_digest(results(profile, name)) for name in fresh.reads(notebook)},
    )


def up_to_date(notebook: str, profile: str, changed: Mapping[str, Any]) -> bool:
    """Whether notebook, results and figures are there and follow from what there is now."""
    import nbformat

    path = executed(notebook, profile)
    folder = figures(profile)
    files = [folder / f"{name}.{suffix}" for name in figures_of(notebook) for suffix in SUFFIXES]
    if not path.is_file() or not all(file.is_file() for file in files):
        return False
    made_from = nbformat.read(path, as_version=4).metadata.get("xyep")
    return made_from == stamp(notebook, profile, changed)


def run(
    notebook: str,
    profile: str = "quick",
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    changed: Mapping[str, Any] | None = None,
    echo: Callable[[str], Any] = print,
) -> bool:
    """Execute a notebook at a profile, unless it is up to date; returns whether it was executed.

    `changed` are parameters that differ from those of the profile. The values are written into the
    notebook's parameters cell, so that whoever edits them there changes them. It appears under its
    name only when it has run through.

    Raises
    ------
    ValueError
        For an unknown notebook, profile or parameter.
    NotebookError
        When a cell raised, or the notebook's process died.
    """
    import jupytext
    import nbformat

    check_choice("notebook", notebook, tuple(names()))
    changes = profile_parameters(notebook, profile) | dict(changed or {})
    if workers is not None:
        check_integer("workers", workers, 1)
    if scheduler is None and profile in ("smoke", "quick"):
        scheduler = "threads"  # processes take longer to start than these runs take
    options = {"profile": profile, "workers": workers, "scheduler": scheduler}
    check_parameters(notebook, changes | options)
    if up_to_date(notebook, profile, changes):
        return False
    target = executed(notebook, profile)
    target.parent.mkdir(parents=True, exist_ok=True)
    document = jupytext.reads(source(notebook), fmt="py:percent")
    for number, cell in enumerate(document.cells):
        cell["id"] = f"cell-{number}"  # random ones would differ from run to run
    (cell,) = (c for c in document.cells if "parameters" in c.metadata.get("tags", []))
    shown = written(cell.source, changes | {"profile": profile})
    cell.source = written(shown, options)
    _execute(document, echo)
    cell.source = shown  # without workers and scheduler, on which no result depends
    _tidy(document)
    document.metadata["xyep"] = stamp(notebook, profile, changes)
    partial = target.with_suffix(".partial")
    nbformat.write(document, partial)
    os.replace(partial, target)
    return True


def _execute(document: Any, echo: Callable[[str], Any]) -> None:
    """Run all cells in place, by a kernel of this interpreter in the project's folder."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    document.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    # without folders to search, the only kernel is that of this interpreter, whatever else is
    # called python3
    kernels = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    client = NotebookClient(
        document,
        km=kernels,
        timeout=None,
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    failed: list[BaseException] = []
    done = (
        threading.Event()
    )  # Thread.join, when interrupted, takes a running thread for a finished one
    with (
        tempfile.TemporaryDirectory() as scratch,
        open(Path(scratch, "stderr"), "w+", encoding="utf-8") as stderr,
        _watch(Path(scratch, "progress"), echo) as path,
    ):
        environment = {
            **os.environ,
            "XYEP_PROJECT_DIR": str(project()),
            "XYEP_DATA_DIR": str(data()),  # a relative one would be taken from another folder there
            "XYEP_REPRODUCE": "1",
            "XYEP_PROGRESS_FILE": str(path),
            "MPLBACKEND": "agg",
        }

        def work() -> None:
            try:
                client.execute(
                    env=environment,
                    cwd=str(project()),
                    stderr=stderr,
                    cleanup_kc=True,
                )
            except BaseException as error:
                failed.append(error)
            finally:
                done.set()

        # in a thread, as nbclient handles signals in the main one, and then nobody learns of them
        threading.Thread(target=work, daemon=True).start()
        try:
            while not done.wait(1.0):
                pass
        except BaseException:
            _stop(kernels, done)
            # the process is gone, and nbclient would look for it once more when Python ends
            atexit.unregister(client._cleanup_kernel)
            raise
        stderr.seek(0)
        last_words = stderr.read()[-2000:]
    for error in failed:
        if isinstance(error, CellExecutionError):
            raise NotebookError(re.sub(r"\x1b\[[0-9;]*m", "", str(error))) from None
        if isinstance(error, DeadKernelError):
            raise NotebookError(
                f"its process died; if memory ran out, fewer --workers need less\n{last_words}"
            ) from None
        raise error


def _stop(kernels: Any, done: threading.Event) -> None:
    """Interrupt the notebook, so that it ends its workers; end it if it takes long."""
    for signal_, patience in ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0)):
        pid = getattr(kernels.provisioner, "pid", None)
        if pid and not done.is_set():
            try:
                os.kill(pid, signal_)
            except ProcessLookupError:
                pass
            done.wait(patience)


def _tidy(document: Any) -> None:
    """Drop what differs from run to run and says nothing: paths of this machine."""
    for cell in document.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = re.sub(r"[^\s\"']*/(?=(xyep|site-packages)/)", "", output.text)


@contextmanager
def _watch(path: Path, echo: Callable[[str], Any]) -> Iterator[Path]:
    """Repeat the last line of a progress file while the notebook's process writes it."""
    over = threading.Event()

    def follow() -> None:
        seen = ""
        while not over.wait(5.0):
            if path.is_file():
                line = path.read_text("utf-8").replace("\r", "\n").strip().rpartition("\n")[2]
                if line and line != seen:
                    echo(line)
                    seen = line

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield path
    finally:
        over.set()
        thread.join()
