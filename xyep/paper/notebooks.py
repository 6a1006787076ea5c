"""Running the notebooks: percent scripts in, executed notebooks, datasets and figures out."""

import hashlib
import json
import os
import re
import tempfile
import threading
import time
from pathlib import Path

import yaml

from ..checks import check_choice
from ..paths import PACKAGE, figures, project, results
from .figures import FIGURES, SUFFIXES

PROFILES = ("smoke", "quick", "paper")


def names():
    """Notebooks of the project, in order."""
    return sorted(path.stem for path in (project() / "notebooks").glob("[0-9]*.py"))


def profile_parameters(notebook, profile):
    """Parameters of a notebook at a profile, from ``notebooks/profiles.yml``."""
    check_choice("profile", profile, PROFILES)
    table = yaml.safe_load((project() / "notebooks" / "profiles.yml").read_text())
    return table[profile].get(notebook, {})


def check_parameters(notebook, parameters):
    """Raise for a parameter that the notebook's ``parameters`` cell does not have; papermill only logs it."""
    import jupytext

    cells = jupytext.read(project() / "notebooks" / f"{notebook}.py").cells
    cell = next(c for c in cells if "parameters" in c.metadata.get("tags", []))
    known = [
        line.split("=")[0].strip()
        for line in cell.source.splitlines()
        if "=" in line and line[0] not in "# "
    ]
    for name in parameters:
        if name not in known:
            raise ValueError(
                f"parameters: {notebook} has no parameter {name!r}; it has {', '.join(known)}"
            )


def executed(notebook, profile):
    """Path of the executed notebook: the paper profile's lies beside its source, the others' beside their results."""
    folder = project() / "notebooks" if profile == "paper" else results(profile, notebook).parent
    return folder / f"{notebook}.ipynb"


def stamp(notebook, profile, parameters):
    """SHA-256 of all that an executed notebook follows from: its source and parameters, the package, and results up to its own.

    A notebook may read the results of those before it. Its own results say themselves what they follow from (`studies.Study`).
    """
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    stores = [results(profile, name) for name in names() if name <= notebook]
    files = [path for store in stores for path in sorted(store.rglob("*")) if path.is_file()]
    for root, paths in (
        (project(), [project() / "notebooks" / f"{notebook}.py", *files]),
        (PACKAGE, sorted(PACKAGE.rglob("*.py"))),
    ):
        for path in paths:
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def up_to_date(notebook, profile, parameters):
    """Whether the executed notebook, its results and its figures are there and follow from what there is now."""
    import nbformat

    path = executed(notebook, profile)
    drawn = (
        figures(profile) / f"{name}.{suffix}" for name in FIGURES[notebook] for suffix in SUFFIXES
    )
    if not path.is_file() or not all(figure.is_file() for figure in drawn):
        return False
    return nbformat.read(path, as_version=4).metadata.get("xyep") == stamp(
        notebook, profile, parameters
    )


def run(notebook, profile="quick", *, workers=None, scheduler=None, parameters=None, echo=print):
    """Execute one notebook at a profile, unless it is up to date; returns the path of the executed notebook.

    It appears under its name only when it has run through.
    """
    import jupytext
    import nbformat
    import papermill

    check_choice("notebook", notebook, tuple(names()))
    chosen = profile_parameters(notebook, profile) | (parameters or {})
    given = chosen | {"profile": profile, "workers": workers, "scheduler": scheduler}
    check_parameters(notebook, given)
    root, target = project(), executed(notebook, profile)
    if up_to_date(notebook, profile, chosen):
        echo(f"{notebook}: up to date")
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    document = jupytext.read(root / "notebooks" / f"{notebook}.py")
    document.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for number, cell in enumerate(document.cells):
        cell["id"] = f"cell-{number}"  # random ones would differ from run to run
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        source, done = Path(scratch, "source.ipynb"), Path(scratch, "done.ipynb")
        nbformat.write(document, source)
        with _watch(Path(scratch, "progress"), echo) as progress:
            environment = {
                "XYEP_PROJECT_DIR": str(root),
                "XYEP_PROGRESS_FILE": str(progress),
                "MPLBACKEND": "agg",
            }
            before = {key: os.environ.get(key) for key in environment}
            os.environ.update(environment)
            try:
                quiet = {
                    "progress_bar": False,
                    "log_output": False,
                    "extra_arguments": ["--IPKernelApp.log_level=40"],
                }
                papermill.execute_notebook(
                    source, done, parameters=given, kernel_name="python3", cwd=str(root), **quiet
                )
            finally:
                for key, value in before.items():
                    os.environ.pop(key) if value is None else os.environ.update({key: value})
        document = _tidy(nbformat.read(done, as_version=4))
        document.metadata["xyep"] = stamp(notebook, profile, chosen)
        nbformat.write(document, target.with_suffix(".partial"))
        os.replace(target.with_suffix(".partial"), target)
    echo(f"{notebook}: done in {time.monotonic() - started:.0f} s")
    return target


def _tidy(document):
    """Drop what differs from run to run and says nothing: times of cells and paths of this machine."""
    document.metadata.pop("papermill", None)
    for cell in document.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = re.sub(r"[^\s\"']*/(?=(xyep|site-packages)/)", "", output.text)
    return document


class _watch:
    """Repeats the last line of a progress file on the terminal while the notebook's kernel, another process, writes it."""

    def __init__(self, path, echo):
        self.path, self.echo, self.over = path, echo, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()
        return self.path

    def __exit__(self, *exception):
        self.over.set()
        self.thread.join()

    def _follow(self):
        seen = ""
        while not self.over.wait(5.0):
            if self.path.is_file():
                line = self.path.read_text().replace("\r", "\n").strip().rpartition("\n")[2]
                if line and line != seen:
                    self.echo(line)
                    seen = line
