"""A seed's history has the same bits on every processor, with any number of threads and workers.

Each variant is a process of its own, which compiles for another processor; NumPy, BLAS and the
system's mathematical library are also told to do without what that processor lacks.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xyep

X86 = platform.machine().lower() in ("x86_64", "amd64")
AVX2 = "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt,+movbe"
#: What libraries may use of a processor, by the names that they give it themselves.
OLD_LIBRARIES = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F,-AVX512VL,-ERMS",
}
VARIANTS = {
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2, **OLD_LIBRARIES},
    # it calls the library for fma, which without the hardware takes minutes; that is exact anyway
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
#: Instructions that the code of a variant must have, and must not have.
INSTRUCTIONS = {"avx2": (("vfmadd", "ymm"), ("zmm",)), "generic": (("mulps",), ("vfmadd", "ymm"))}

MINE = Path(__file__).resolve().parent


class Quartic:
    """C = ½ Σ (1 − cos(φ − t))², by functions whose bits are those of this package."""

    def __call__(self, phases, targets):
        return 0.5 * ((1 - xyep.cost.cosine(phases - targets)) ** 2).sum(axis=-1)

    def gradient(self, phases, targets):
        away = phases - targets
        return (1 - xyep.cost.cosine(away)) * xyep.cost.sine(away)

    @staticmethod
    def slope(c, s, a, b):
        return (1 - (c * a + s * b)) * (s * a - c * b)


def few_digits():
    """Enough for two batches, of which each is shared by two threads."""
    whole = xyep.load_task("digits")
    train, rest = whole.train, whole.test
    inputs = np.concatenate([train.inputs[:260], rest.inputs[:40]])
    targets = np.concatenate([train.targets[:260], rest.targets[:40]])
    splits = {"train": range(260), "validation": range(260, 270), "test": range(270, 300)}
    return xyep.Task("few digits", inputs, targets, splits={k: list(v) for k, v in splits.items()})


def runs(dtype):
    """XOR on a lattice and a convolution on digits, with all that is stored of a run."""
    lattice = xyep.square_lattice((3, 3), shells=2, inputs=[(1, 0), (1, 2)], outputs=[(1, 1)])
    # 128 states are work for two threads
    xor = {"epochs": 3, "initial_states": 32, "snapshots": (0, 3), "final_states": 4}
    xor |= {"probe_samples": 4, "probe_states": 4, "schedule": "cosine"}
    xor |= {"solver": xyep.GaussSeidel(sweeps=15, dtype=dtype)}
    xor |= {"nudged_solver": xyep.GaussSeidel(sweeps=6, dtype=dtype)}
    stack = xyep.stacked_lattices((8, 8), window=4, channels=2, shared=True, intra_shells=1)
    images = xyep.IMAGES | {"epochs": 2, "batch_size": 130, "snapshots": (0, 2)}
    images |= {"responses": ("nudge_response", "input_response", "pattern_response")}
    images |= {"solver": xyep.GaussSeidel(sweeps=10, dtype=dtype, over_relaxation=0.5)}
    images |= {"nudged_solver": xyep.GaussSeidel(sweeps=5, dtype=dtype, over_relaxation=0.5)}
    images |= {"test_solver": xyep.GaussSeidel(tol=1e-4, dtype=dtype, max_sweeps=200)}
    quick = {"initial_states": 4, "snapshots": (), "final_states": 0, "schedule": "linear"}
    own = xor | quick | {"cost": Quartic(), "optimizer": xyep.SGD(0.1)}
    own |= {"nudging": "cost" if dtype == "float64" else "tangent"}
    task = xyep.load_task("xor")
    return {
        "xor": (lattice, task, xor),
        "digits": (stack, few_digits(), images),
        "own": (lattice, task, own),
    }


def store_all(folder, threads, workers=0):
    """What a process of each variant does."""
    for dtype in ("float32", "float64"):
        cases = {}
        for name, (net, task, options) in runs(dtype).items():
            where = {"store": f"{folder}/{name}-{dtype}.zarr", "threads": threads}
            xyep.train(net, task, seed=3, **where, **options)
            cases[name] = xyep.Case(net, task, xyep.Training(**options), (3, 4))
        if workers:
            tree = xyep.train_ensemble({"xor": cases["xor"]}, workers=workers)
            tree = tree.map_over_datasets(lambda ds: ds.drop_vars("seconds", errors="ignore"))
            xyep.write_tree(tree, f"{folder}/ensemble-{dtype}.zarr")


def instructions():
    """Of vectors of samples, as compiled in this process."""
    from numba import njit

    from xyep.kernels.vectors import Lanes, fma, load, rsqrt, store

    @njit
    def step(lanes, u):
        x = load(lanes, u, 0)
        store(rsqrt(fma(x, x, x * x)), u, 0)

    step(Lanes(32), np.ones((1, 32), np.float32))
    return next(iter(step.inspect_asm().values()))


def start(folder, threads, workers, **environment):
    paths = os.pathsep.join([str(MINE), str(Path(xyep.__file__).parents[1]), *sys.path])
    code = f"""
if __name__ == "__main__":
    import test_bits
    test_bits.store_all({str(folder)!r}, {threads}, {workers})
    open({f"{folder}.asm"!r}, "w").write(test_bits.instructions())
"""
    everything = os.environ | {"PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"} | environment
    return subprocess.Popen([sys.executable, "-c", code], cwd=MINE, env=everything)


def numpy_features():
    """Of this processor, those that NumPy has code of its own for."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Folder of each variant's stores. The processes work side by side, two at a time."""
    base = tmp_path_factory.mktemp("bits")
    plain = {"NPY_DISABLE_CPU_FEATURES": numpy_features()} if numpy_features() else {}
    waiting = [(base / "here", 1, 1, {}), (base / "threads", 2, 0, {})]
    if X86:
        waiting = [
            (base / "generic", 2, 0, VARIANTS["generic"] | plain),
            (base / "avx2", 2, 2, VARIANTS["avx2"] | plain),
            (base / "here", 1, 1, {}),
        ]
    running = []
    for folder, threads, workers, environment in waiting:
        if len(running) == 2:
            assert running.pop(0).wait() == 0
        running.append(start(folder, threads, workers, **environment))
    assert [process.wait() for process in running] == [0] * len(running)
    return {folder.name: folder for folder, *_ in waiting}


def content(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_same_bytes_everywhere(stores):
    here = content(stores["here"])
    kinds = {name.split(".")[0] for name in here}
    dtypes = ("float32", "float64")
    assert kinds == {f"{k}-{d}" for k in ("xor", "digits", "own", "ensemble") for d in dtypes}
    others = [name for name in stores if name != "here"]
    assert others
    for name in others:
        there = content(stores[name])
        missing = {file for file in set(here) - set(there) if not file.startswith("ensemble")}
        assert not missing and set(there) <= set(here), name
        different = [file for file in there if there[file] != here[file]]
        assert not different, f"{name}: {len(different)} of {len(there)} files, {different[:5]}"


def test_the_stores_hold_what_they_should(stores):
    tree = xyep.read_tree(stores["here"] / "digits-float32.zarr")
    for name in ("coupling", "phase", "nudge_response", "input_response", "pattern_response"):
        values = tree[name].values
        assert np.isfinite(values).all() and len(np.unique(values)) > 10, name
    assert not np.array_equal(tree["coupling"][0], tree["coupling"][1])
    double = xyep.read_tree(stores["here"] / "digits-float64.zarr")
    assert not np.array_equal(tree["coupling"][1], double["coupling"][1])


@pytest.mark.parametrize("name", VARIANTS if X86 else [])
def test_the_variants_are_what_they_are_called(stores, name):
    code = (stores[name].parent / f"{name}.asm").read_text()
    wanted, unwanted = INSTRUCTIONS[name]
    assert all(word in code for word in wanted) and not any(word in code for word in unwanted)
