"""Compiled kernels on disk: one folder a state of the sources, written by many processes at
once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

import xyep
from xyep.kernels import cache, kernel
from xyep.kernels.elementary import sincos

#: The package as it is imported here, also in processes that start in other folders.
PATHS = os.pathsep.join([str(Path(xyep.__file__).parents[1]), *sys.path])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Kernels are kept in a folder of the test's own."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    cache.folder.cache_clear()
    yield tmp_path / "cache"
    cache.folder.cache_clear()


def a_kernel(x):
    return 2 * x


def kept(place):
    return [path for path in place.rglob("*") if path.is_file()]


def test_a_kernel_is_compiled_once(place):
    first, second = kernel(a_kernel), kernel(a_kernel)
    assert first(3) == 6 and second(3) == 6
    assert (first.stats.cache_misses, first.stats.cache_hits) == ({first.signatures[0]: 1}, {})
    assert sum(second.stats.cache_hits.values()) == 1 and not second.stats.cache_misses
    assert len(kept(place)) == 1


def test_processes_that_compile_at_once_do_not_take_each_others_kernels(place):
    """Both look before either has written, for the same kernel and different arguments."""
    first, second = kernel(a_kernel), kernel(a_kernel)
    assert first(3) == 6 and second(1.5) == 3.0
    third = kernel(a_kernel)
    assert third(1.5) == 3.0 and third(3) == 6
    assert sum(third.stats.cache_hits.values()) == 2 and len(kept(place)) == 2


def test_kernels_of_other_sources_are_forgotten(place, monkeypatch, tmp_path):
    """Not those of other checkouts, and of other versions of Python."""
    old = kernel(a_kernel)
    old(3)
    (before,) = kept(place)
    other = before.parent.with_name(before.parent.name.replace("py3", "py4"))
    other.mkdir()
    sources = tmp_path / "sources"
    shutil.copytree(cache.SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    with monkeypatch.context() as patch:  # the same sources elsewhere
        patch.setattr(cache, "SOURCES", sources)
        cache.folder.cache_clear()
        assert cache.folder().parent != before.parent.parent and before.is_file()
        mine = cache.folder()
        (sources / "fast.py").write_text((sources / "fast.py").read_text() + "\n# later\n")
        cache.folder.cache_clear()
        assert cache.folder() != mine and not mine.exists() and before.is_file()
    cache.folder.cache_clear()
    assert cache.folder() == before.parent and other.is_dir()


def test_where_nothing_can_be_written_one_warning_says_so(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(blocked)}
    environment["PYTHONPATH"] = PATHS
    code = "import xyep; print(xyep.kernels.cache.folder(), xyep.mismatch(0.5, [0.5]))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["None", "0.0"]
    assert done.stderr.count("kernels are compiled in every process") == 1
    assert "NUMBA_CACHE_DIR" in done.stderr and blocked.read_text() == "no folder"


def test_a_first_training_compiles_each_kernel_once(tmp_path):
    """Relaxation is in one kernel, whoever calls it, and for one kind of array."""
    code = """
import xyep
xyep.train(xyep.xor_lattice(5), xyep.load_task("xor"), epochs=3, final_states=10)
"""
    environment = os.environ | {"PYTHONPATH": PATHS, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    names = sorted(path.name.split("-")[0] for path in kept(tmp_path))
    assert len(set(names)) == len(names) <= 8
    assert {"fast.gradient_blocks", "loop.train_epochs", "packing.pack_blocks"} <= set(names)


def test_parts_are_for_kernels_alone():
    """Python would call machine code that is not there."""
    with pytest.raises(TypeError, match="sincos: only kernels"):
        sincos(0.5)


def test_other_users_of_numba_keep_their_own_cache(tmp_path):
    """Importing xyep leaves Numba's classes as they are."""
    code = """
import numba.core.caching as caching
before = {name: vars(caching.__dict__[name]).copy() for name in dir(caching)
          if isinstance(caching.__dict__[name], type)}
import xyep
assert all(vars(caching.__dict__[name]) == was for name, was in before.items())
"""
    environment = os.environ | {"PYTHONPATH": PATHS}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)


def test_every_source_of_a_kernel_counts(place, monkeypatch, tmp_path):
    stamps = set()
    sources = tmp_path / "sources"
    shutil.copytree(cache.SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "SOURCES", sources)
    files = sorted(sources.glob("*.py"))
    for file in (None, *files):
        if file is not None:
            file.write_text(file.read_text() + "\n")
        cache.folder.cache_clear()
        stamps.add(cache.folder().name)
    assert len(stamps) == len(files) + 1
    assert {Path(xyep.kernels.__file__).name, "fast.py"} <= {file.name for file in files}
