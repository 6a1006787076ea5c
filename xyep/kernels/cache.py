"""Compiled kernels kept on disk, in one folder for each state of their sources.

Numba's own cache looks only at the file that a function is in, so that an edit of a module which it
imports goes unseen; it numbers the files of a function's signatures, so that two processes that
compile at once can take each other's; and it raises where nothing can be written. Here the folder
is named by a digest of all kernel sources and a file by what it was compiled for. Other users of
Numba in the same process keep their own cache.
"""

import os
import shutil
import sys
import warnings
from functools import cache
from pathlib import Path

import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.misc.appdirs import AppDirs

from ..digest import digest

SOURCES = Path(__file__).resolve().parent


@cache
def folder():
    """Where kernels are kept, or None, after one warning, if no place can be written."""
    stamp = digest(*(path.read_bytes() for path in sorted(SOURCES.glob("*.py"))))[:16]
    version = f"py{sys.version_info[0]}{sys.version_info[1]}-numba{numba.__version__}"
    elsewhere = f"xyep-{digest(str(SOURCES))[:16]}"  # one for each checkout
    places = [SOURCES / "__pycache__", Path(AppDirs("numba", False).user_cache_dir) / elsewhere]
    if config.CACHE_DIR:
        places = [Path(config.CACHE_DIR) / elsewhere]
    for place in places:
        mine = place / f"{version}-{stamp}"
        try:
            mine.mkdir(parents=True, exist_ok=True)
            probe = mine / f".{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError:
            continue
        for old in place.glob(f"{version}-*"):
            if old != mine:
                shutil.rmtree(old, ignore_errors=True)
        return mine
    warnings.warn(
        f"kernels are compiled in every process, as {' and '.join(map(str, places))} cannot be "
        "written; set NUMBA_CACHE_DIR to a folder that can",
        stacklevel=2,
    )
    return None


class _Place:
    """What Numba calls a locator: one folder for all kernels."""

    def __init__(self, function):
        self._py_file, self._function = function.__code__.co_filename, function

    @classmethod
    def from_function(cls, function, file):
        return cls(function)

    def get_cache_path(self):
        return str(folder())

    def ensure_cache_path(self):
        folder().mkdir(parents=True, exist_ok=True)

    def get_source_stamp(self):
        return folder().name

    def get_disambiguator(self):
        return self._function.__module__.rpartition(".")[2]


class _Files(IndexDataCacheFile):
    """One file for each key and no index, which processes could take from each other."""

    def _name(self, key):
        signature, target, code = key
        return self._index_name.replace(
            ".nbi", f"-{digest(repr(signature), repr(target))[:16]}.nbc"
        )

    def save(self, key, data):
        self._save_data(self._name(key), data)

    def load(self, key):
        try:
            return self._load_data(self._name(key))
        except OSError:
            return None

    def flush(self):
        """Nothing: the folder goes when the sources change."""


class _Implementation(CompileResultCacheImpl):
    _locator_classes = (_Place,)


class _KernelCache(FunctionCache):
    _impl_class = _Implementation

    def __init__(self, function):
        super().__init__(function)
        base = self._impl.filename_base
        self._cache_file = _Files(self._cache_path, base, self._impl.locator.get_source_stamp())


def keep(dispatcher):
    """The same compiled function, kept on disk where that is possible."""
    if folder() is not None:
        dispatcher._cache = _KernelCache(dispatcher.py_func)
    return dispatcher
