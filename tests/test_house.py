"""The files around the package agree with each other and are fit to be published."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PIP_NAME = {
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
}  # where conda-forge's lean package differs

#: Modules that cut up text: sources, command lines, paths, names of variables, messages.
READERS = {
    "blocks.py",
    "checks.py",
    "cli.py",
    "digest.py",
    "kernels/cache.py",
    "paper/scripts.py",
    "paper/figures/responses.py",  # breaks the words of labels into lines
    "paper/figures/__init__.py",
    "paper/fresh.py",
    "paper/notebooks.py",
    "paper/report.py",
    "provenance.py",
    "run.py",
    "settings.py",
    "store.py",
    "workers.py",
}

# Written so that this file does not match itself.
HOST_PARTS = [
    ("py", "pi.org"),
    ("python", "hosted"),
    ("registry", ".npmjs"),
    ("deb", ".debian"),
    ("conda", ".anaconda"),
    ("repo", ".anaconda"),
]
HOSTS = re.compile("|".join(re.escape(head + tail) for head, tail in HOST_PARTS))
MACHINE_PATH = re.compile(r"(?<![\w.\-])/(?:work|farm|tmp|root|home)/")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def bounds(requirements):
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(PIP_NAME.get(r.name, r.name)): r.specifier for r in parsed}


def conda_names(environment):
    """Requirements of environment.yml, those that pip installs included."""
    found = []
    for entry in environment["dependencies"]:
        found += entry["pip"] if isinstance(entry, dict) else [entry]
    return found


def tracked_files():
    """Files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [
        path for path in map(ROOT.joinpath, filter(None, listing.split("\0"))) if path.is_file()
    ]


def test_conda_and_pip_ask_for_the_same(project):
    conda = bounds(conda_names(yaml.safe_load((ROOT / "environment.yml").read_text())))
    conda.pop("pip")
    assert conda.pop("python") == SpecifierSet(project["requires-python"])
    extras = project["optional-dependencies"]
    assert conda == bounds(project["dependencies"] + extras["test"] + extras["lab"])


def test_constraints_pin_every_dependency(project):
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pins = {}
    for r in requirements:
        assert re.fullmatch(r"==[^*,]+", str(r.specifier)) and r.url is None, (
            f"constraints.txt: not a plain pin: {r}"
        )
        pins.setdefault(canonicalize_name(r.name), []).append(str(r.specifier).removeprefix("=="))
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    for name, specifier in bounds(project["dependencies"] + extras).items():
        assert pins.get(name), f"constraints.txt pins no {name}"
        assert all(specifier.contains(version) for version in pins[name]), (
            f"constraints.txt: {name} outside {specifier}"
        )


def test_a_folder_called_like_the_package_does_not_hide_it(tmp_path):
    """As when Python starts in the folder that holds a clone, which git names xyep."""
    (tmp_path / "xyep").mkdir()
    (tmp_path / "xyep" / "README.md").write_text("a clone")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", "import xyep; print(xyep.train.__name__, xyep.__file__)"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.split()[:1] == ["train"], done.stderr
    assert str(tmp_path) not in done.stdout


def test_binder_installs_the_package_where_its_notebooks_are():
    commands = [
        line for line in (ROOT / "postBuild").read_text().splitlines() if "pip install" in line
    ]
    assert len(commands) == 1 and "--no-deps -e ." in commands[0]
    assert os.access(ROOT / "postBuild", os.X_OK)


def test_numba_is_bounded_to_the_versions_tested(project):
    assert bounds(project["dependencies"])["numba"].contains(version("numba"))
    assert not bounds(project["dependencies"])["numba"].contains("999")


def test_no_name_of_a_network_is_parsed():
    """What a network is, its traits say. Text is cut up only where it is text that is read."""
    methods = "startswith endswith partition rpartition removeprefix removesuffix split rsplit"
    cut = re.compile(rf"(?<!np)\.({methods.replace(' ', '|')})\(|\bre\.[a-z]+\(|\bfnmatch")
    package = ROOT / "xyep"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if cut.search(path.read_text())
    }
    assert found <= READERS, f"text is cut up in {', '.join(sorted(found - READERS))}"


def test_no_host_or_machine_path_in_tracked_text():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so there is no list of tracked files")
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # binary
        for number, line in enumerate(text.splitlines(), 1):
            if HOSTS.search(line) or MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


def test_machine_path_pattern():
    for path in ("/{}/x", "'/{}/x'", "file:///{}/x"):
        assert MACHINE_PATH.search(path.format("work")), path
    for path in ("../{}/x".format("work"), "results/{}/x".format("tmp"), "/workflows/x"):
        assert not MACHINE_PATH.search(path), path


def test_texts_are_written_alike_in_every_locale():
    """`write_text` and `read_text` take the encoding of the locale where none is given."""
    bare = []
    for path in [*(ROOT / "xyep").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            least = {"write_text": 2, "read_text": 1}.get(node.func.attr, 0)
            named = [one.arg for one in node.keywords]
            if len(node.args) < least and "encoding" not in named:
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not bare
