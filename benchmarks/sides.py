"""Processes that are measured in turn: a slow moment of the machine falls on all of them."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from xyep.paths import PACKAGE, data

WORKER = Path(__file__).resolve().with_name("worker.py")

#: The commit before the rebuild that made sweeps fixed in number and bits equal everywhere.
REFERENCE = "c291365"

#: Variables that hold OpenBLAS back from what it would choose for the processor.
HELD_BACK = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Side:
    """A worker with the package in the folder `root`; call it with the name of a task."""

    def __init__(self, root=PACKAGE.parent, **environment):
        kept = {k: v for k, v in os.environ.items() if k not in HELD_BACK}
        kept |= {"PYTHONPATH": str(root), "XYEP_DATA_DIR": str(data()), "OPENBLAS_NUM_THREADS": "1"}
        if Path(root) != PACKAGE.parent:
            kept["NUMBA_CACHE_DIR"] = str(Path(root) / "compiled")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept | environment,
        )
        found = Path(self("where")["package"])
        if found != (Path(root) / "xyep").resolve():
            raise RuntimeError(f"PYTHONPATH: found {found}; the package in {root} is needed")

    def __call__(self, task, **arguments):
        self._process.stdin.write(json.dumps({"task": task, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{task}: the worker ended with {self._process.wait()}; see above")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@cache
def _temporary():
    """A folder until the end of this process."""
    return tempfile.TemporaryDirectory(prefix="xyep-bench-")


def folder(name):
    """A new folder of this process."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_temporary().name))


@cache
def checkout(commit):
    """The package as it was at a commit, in a folder of its own."""
    git = ["git", "-C", str(PACKAGE.parent), "archive", "--format=tar", commit, "xyep"]
    found = subprocess.run(git, capture_output=True)
    if found.returncode:
        raise RuntimeError(
            f"--reference: {commit} is not in {PACKAGE.parent} ({found.stderr.decode().strip()}); "
            "a clone with that commit is needed"
        )
    root = folder(commit)
    tarfile.open(fileobj=io.BytesIO(found.stdout)).extractall(root, filter="data")
    return root.resolve()


#: Appended to the modules of a copy: functions of the processor and of the system's library, as the
#: package had them before bits were equal everywhere, in place of ours.
LIBRARY = {
    "vectors.py": '''
exponential = _elementwise("exp", 1, "exponential function of the library")


@intrinsic
def rsqrt(typingctx, x):
    """The processor's estimate and a Newton step where it has one, else square root, division."""

    def codegen(context, builder, signature, args):
        v, flags = context.get_value_type(x), ("arcp", "afn", "reassoc")
        root = _llvm(builder, "sqrt", v, v, list(args), flags)
        return builder.fdiv(ir.Constant(v, [1.0] * v.count), root, flags=flags)

    return x(x), codegen
''',
    "elementary.py": """
import math


@inline
def sincos(x):
    return math.sin(x), math.cos(x)


@inline
def exp(x):
    return math.exp(x)


sine, cosine, exponential, logarithm = np.sin, np.cos, np.exp, np.log
logarithm1p, arctangent = np.log1p, np.arctan2
""",
}


@cache
def with_library():
    """The present package with `LIBRARY` in place of our own functions."""
    root = folder("library")
    shutil.copytree(PACKAGE, root / "xyep", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in LIBRARY.items():
        with (root / "xyep" / "kernels" / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return root.resolve()


def in_turn(sides, repeats, task, **arguments):
    """{side: replies} of sides that take turns. A list of `repeats` gives the seed of each."""
    seeds = repeats if isinstance(repeats, (list, range)) else None
    replies = {name: [] for name in sides}
    for r in seeds if seeds is not None else range(repeats):
        if seeds is not None:
            arguments["seed"] = r
        for name, side in sides.items():
            replies[name].append(side(task, **arguments))
    return replies


def column(replies, key="cpu"):
    return np.array([reply[key] for reply in replies], float)


def spread(values, scale=1.0):
    """Median, smallest and largest."""
    values = np.asarray(values, float) * scale
    return {
        "median": float(np.median(values)),
        "min": float(values.min()),
        "max": float(values.max()),
        "repeats": values.size,
    }


def both(replies, unit, scale, key="cpu"):
    """Columns of a row: before, now, and the ratio of pairs."""
    before, now = (column(replies[name], key) for name in ("before", "now"))
    return {
        f"before, {unit}": spread(before, scale),
        f"now, {unit}": spread(now, scale),
        "now / before": spread(now / before),
    }
