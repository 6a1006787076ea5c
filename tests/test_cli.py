"""The command line and the running of notebooks, on a project of one small notebook."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

import xyep
from xyep import paths
from xyep.cli import _value, main
from xyep.paper import notebooks

NAME = "01_equilibrium_propagation"
NOTEBOOK = """# %% [markdown]
# # 1. Some notebook

# %% tags=["parameters"]
profile = "paper"  # smoke, quick or paper
workers = None
scheduler = None
sizes = [3, 5]  # of the lattices
beta = 0.1  # of the nudging

# %%
import sys

import numpy as np
import xarray as xr

from xyep.paper.studies.common import Study

study = Study("01_equilibrium_propagation", globals())


def double(values, beta):
    return xr.Dataset({"double": ("x", 2 * np.array(values))}, attrs={"beta": beta})


{more}
study(double, sizes, beta, node="double")
tree = study.finish()
print(sys.executable, beta, workers)
"""
SPEC = {"argv": ["false", "{connection_file}"], "display_name": "other", "language": "python"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one notebook without figures, and another Python's kernel in Jupyter's path."""

    def write(more=""):
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        (folder / f"{NAME}.py").write_text(NOTEBOOK.replace("{more}", more))
        (folder / "profiles.yml").write_text(f"quick:\n  {NAME}: {{sizes: [3]}}\n")
        return tmp_path

    monkeypatch.setenv("XYEP_PROJECT_DIR", str(tmp_path))
    monkeypatch.delenv("XYEP_REPRODUCE", raising=False)
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(SPEC))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setattr(notebooks, "figures_of", lambda notebook: {})
    monkeypatch.setattr(notebooks, "module_of", lambda notebook: "xyep.paths")
    write()
    return write


def printed(profile):
    document = nbformat.read(notebooks.executed(NAME, profile), as_version=4)
    return document, document.cells[-1].outputs[-1].text.split()


def test_a_notebook_runs_in_this_interpreter_with_parameters_in_their_cell(project, capsys):
    command = ["reproduce", "01", "-p", "beta=1e-3", "--workers", "1"]
    assert main(command) == 0 and "done in" in capsys.readouterr().out
    document, words = printed("quick")
    assert words == [sys.executable, "0.001", "1"]
    # one cell says what the values are, and it is the one that a reader edits
    cell = next(c for c in document.cells if "beta =" in c.source)
    assert cell.source.splitlines() == [
        "profile = 'quick'  # smoke, quick or paper",
        "workers = None",
        "scheduler = None",
        "sizes = [3]  # of the lattices",
        "beta = 0.001  # of the nudging",
    ]
    assert not any("injected" in str(c.metadata) for c in document.cells)
    tree = xyep.read_tree(paths.results("quick", NAME))
    np.testing.assert_array_equal(tree["double/double"], [6])
    assert tree.attrs["parameters"] == {"sizes": [3], "beta": 0.001}
    before = notebooks.executed(NAME, "quick").read_bytes()
    assert main(command) == 0 and "0 of 1 notebooks run" in capsys.readouterr().out
    assert notebooks.executed(NAME, "quick").read_bytes() == before
    (paths.results("quick", NAME) / ".DS_Store").write_text("x")
    assert main(["reproduce", "--list", "-p", "beta=1e-3"]) == 0
    said = capsys.readouterr().out
    assert "profile quick: to be run" in said  # at its own β
    assert "sizes=[3]  # of the lattices" in said and "workers" not in said
    assert notebooks.up_to_date(NAME, "quick", {"sizes": [3], "beta": 0.001})
    project("x = 1")
    assert not notebooks.up_to_date(NAME, "quick", {"sizes": [3], "beta": 0.001})


def test_a_cell_that_raises(project, capsys):
    project("raise ValueError('no luck')")
    assert main(["reproduce", "01"]) == 1
    said = capsys.readouterr().err
    assert f"{NAME} failed" in said and "no luck" in said and "Finished runs are kept" in said
    assert not notebooks.executed(NAME, "quick").exists()


def test_a_process_that_dies(project, capsys):
    project("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert main(["reproduce", "01"]) == 1
    assert "process died" in capsys.readouterr().err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(project, sent):
    """One line says so, and the notebook's process ends."""
    root = project(
        "open('started', 'w').write(str(__import__('os').getpid()))\nimport time\ntime.sleep(100)"
    )
    code = (
        "from xyep.paper import notebooks\n"
        "notebooks.figures_of, notebooks.module_of = lambda n: {}, lambda n: 'xyep.paths'\n"
        "from xyep.cli import main\nraise SystemExit(main(['reproduce', '01']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True
    ) as process:
        for _ in range(600):
            if (root / "started").exists() and (root / "started").read_text():
                break
            time.sleep(0.1)
        process.send_signal(sent)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert [line for line in said.splitlines() if "xyep reproduce" in line] == said.splitlines()
    assert "finished runs are kept" in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((root / "started").read_text()), 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "01", "-p", "betas=5"], "no parameter 'betas'"),
        (["reproduce", "01", "-p", "beta"], "-p: found 'beta'; NAME=VALUE"),
        (["reproduce", "01", "-p", "=1"], "-p: found '=1'; NAME=VALUE"),
        (["reproduce", "01", "-p", "beta=two"], "beta: found 'two'; a number is needed, as 0.1"),
        (["reproduce", "01", "-p", "sizes=3"], "sizes: found 3; a list"),
        (["reproduce", "01", "-p", "sizes=[3.5]"], "sizes: found [3.5]; a list"),
        (["reproduce", "01", "-p", "sizes=[3"], "-p: found '[3'; a value in YAML"),
        (["reproduce", "01", "-p", "workers=1"], "give it as --workers"),
        (["reproduce", "01", "-p", "profile=paper"], "give it as --profile"),
        (["reproduce", "01", "-p", "beta=1", "--profile", "paper"], "give --profile mine"),
        (["reproduce", "01", "--workers", "0"], "--workers: found 0"),
        (["reproduce", "01", "--workers", "-1"], "--workers: found -1"),
        (["reproduce", "09"], "NOTEBOOK: found '09'"),
        (["figures", "nothing"], "NOTEBOOK: found 'nothing'"),
        (["figures", "01"], "run what writes it"),
        (["figures", "01", "--rc", "image.cmap=cividis"], "--rc: found without --to"),
        (["figures", "--rc", "image.map=gray", "--to", "x"], "no setting 'image.map'"),
        (["figures", "--rc", "image.cmap=nosuch", "--to", "x"], "cannot be 'nosuch'"),
        (["figures", "--rc", "font.size=big", "--to", "x"], "font.size cannot be 'big'"),
        (["figures", "--check", "--to", "x"], "--check: found with --rc or --to"),
        (["data", "cifar"], "found 'cifar'"),
        (["data", "fetch", "cifar"], "fetch: found cifar"),
        (["data", "fetch"], "fetch: found nothing"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(project, arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1.5E+3", -1500.0),
        ("3", 3),
        ("0.5", 0.5),
        ("[1, 1e-2]", [1, 0.01]),
        ("{beta: [1e-1]}", {"beta": [0.1]}),
        ("true", True),
        ("null", None),
        ("digits", "digits"),
        ("#eee", "#eee"),
        ("1-2", "1-2"),
    ],
)
def test_values_are_read_as_yaml_1_2(text, value):
    assert _value(text) == value and type(_value(text)) is type(value)


@pytest.mark.parametrize("command", ["reproduce", "figures", "data", "bench"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0 and "usage: xyep" in capsys.readouterr().out


def test_the_package_is_a_command():
    command = [sys.executable, "-m", "xyep", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["xyep", xyep.__version__]


def test_the_project_is_found_from_within_its_notebooks(tmp_path, monkeypatch):
    """As an installed package finds it from a notebook's working directory."""
    monkeypatch.delenv("XYEP_PROJECT_DIR", raising=False)
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "site-packages" / "xyep")
    inside = tmp_path / "checkout" / "notebooks"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    with pytest.raises(FileNotFoundError, match="neither .* nor a folder above it has"):
        paths.project()
    (inside / f"{NAME}.py").write_text("")
    assert paths.project() == (tmp_path / "checkout").resolve()
    monkeypatch.setenv("XYEP_PROJECT_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="XYEP_PROJECT_DIR: found .* without notebooks/"):
        paths.project()


def test_a_relative_data_folder_is_meant_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XYEP_DATA_DIR", "data")
    assert paths.data() == tmp_path / "data"
    monkeypatch.setenv("XYEP_DATA_DIR", "~/data")
    assert paths.data() == Path.home() / "data"
