"""What made a result: versions, commit and machine."""

import os
import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from .paths import PACKAGE
from .version import __version__

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True


@lru_cache
def commit() -> str:
    """Commit of the checkout that the code runs from, with "+" where the package differs from it.

    Empty outside a checkout.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


#: Version of an installed package; ensembles ask for it thousands of times.
version = lru_cache(metadata.version)


@lru_cache
def machine() -> str:
    """Processor and number of cores."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        models = [
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cpu}, {cores} cores"


def provenance() -> dict[str, str]:
    """What is kept with every result.

    >>> sorted(provenance())
    ['commit', 'llvmlite', 'machine', 'numba', 'numpy', 'paper', 'platform', 'python', 'version']
    """
    return {
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "llvmlite": version("llvmlite"),
        "platform": platform.platform(),
        "machine": machine(),
        "paper": "arXiv:2601.21945",
    }
