"""The files around the package agree with each other and are fit to be published."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PIP_NAME = {
    "dask-core": "dask",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
}  # where conda-forge's lean package differs

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


def tracked_files():
    """Files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [
        path for path in map(ROOT.joinpath, filter(None, listing.split("\0"))) if path.is_file()
    ]


def test_conda_and_pip_ask_for_the_same(project):
    conda = bounds(yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"])
    conda.pop("pip")
    assert conda.pop("python") == SpecifierSet(project["requires-python"])
    assert conda == bounds(project["dependencies"])


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


def test_citation(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    required = {
        "cff-version",
        "message",
        "type",
        "title",
        "authors",
        "version",
        "date-released",
        "license",
        "references",
    }
    assert required <= citation.keys()
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text()


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
