"""The wheel works alone: it has every file of the package and needs nothing of the checkout."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: What a user does first, with what lies beside the code: the browser's files and the checksums.
FIRST = """
import xyep
from xyep.release import PACKAGE
net = xyep.xor_lattice(3)
print(xyep.__file__)
print(xyep.explore(net).save("lattice.html").stat().st_size > 10_000, "<svg" in net._repr_html_())
print((PACKAGE / "CHECKSUMS").is_file())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_has_every_file_of_the_package(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "xyep"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    if not tracked:
        pytest.skip("no checkout of git")
    held = set(ZipFile(wheel).namelist())
    assert {"xyep/static/explore.js", "xyep/py.typed"} <= set(tracked)
    assert set(tracked) <= held, sorted(set(tracked) - held)
    more = {name for name in held - set(tracked) if ".dist-info/" not in name}
    assert more == {"xyep/CHECKSUMS"}


def test_the_wheel_works_in_an_empty_folder(wheel, tmp_path):
    ZipFile(wheel).extractall(tmp_path / "site")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("XYEP_")}
    environment["PYTHONPATH"] = str(tmp_path / "site")
    command = [sys.executable, "-P", "-c", FIRST]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    where, works, checksums = done.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path / "site")
    assert (works, checksums) == ("True True", "True")
