"""One side of a comparison: a process that takes a JSON request a line and gives a reply a line.

A request is ``{"task": name, …}``, the rest being arguments of one of `TASKS`. The file runs with
the package of the present and with that of c291365, which has other names for some things, so that
both are measured by the same lines. Times are CPU time of the thread, which other processes on the
machine disturb less, unless more than one thread works.
"""

import json
import sys
import warnings
from functools import cache
from pathlib import Path
from time import perf_counter, process_time, thread_time

import numpy as np

import xyep

IMPORTED = process_time()

if hasattr(xyep, "GaussSeidel"):
    from xyep import IMAGES
    from xyep.run import Run
    from xyep.settings import make_training
else:
    from xyep.studies.mnist import IMAGES

    from xyep.training import Run, make_training

#: Share of the tests in which a training that counts as solved gives the right answers.
SOLVED = 0.95

NETWORKS = {
    "LCL": lambda: xyep.stacked_lattices((28, 28)),
    "LCL, SQ": lambda: xyep.stacked_lattices((28, 28), intra_shells=1),
    "LCL, 4NSQ": lambda: xyep.stacked_lattices((28, 28), intra_shells=4),
    "LCL, 4 channels": lambda: xyep.stacked_lattices((28, 28), channels=4),
    "784-120-10": lambda: xyep.layered([784, 120, 10]),
}


@cache
def network(name):
    """One of `NETWORKS`, or a lattice: size, shells and distance of inputs as "7 4 3".

    The inputs are left and right of the output in the middle, as far as there is room.
    """
    if name in NETWORKS:
        return NETWORKS[name]()
    size, shells, distance = map(int, f"{name} 1".split()[:3])
    middle = size // 2
    inputs = [(middle, middle - distance), (middle, middle + distance)]
    return xyep.square_lattice((size, size), inputs, [(middle, middle)], shells=shells)


@cache
def images(n):
    """The first n training images of MNIST; random phases and labels without its files."""
    try:
        task = xyep.load_task("mnist")
        name, inputs, targets, labels = "mnist", task.inputs, task.targets, task.labels
    except FileNotFoundError:
        rng = np.random.default_rng(0)
        name, labels = "random", rng.integers(10, size=n)
        inputs = (rng.random((n, 784)) - 0.5) * np.pi
        targets = np.where(labels[:, None] == np.arange(10), np.pi / 2, -np.pi / 2)
    return xyep.Task(name, inputs[:n], targets[:n], labels[:n])


def timed(call):
    """Seconds by the clock and of this thread, and what the call returns."""
    wall, cpu = perf_counter(), thread_time()
    result = call()
    return {"wall": perf_counter() - wall, "cpu": thread_time() - cpu}, result


def parameters(net, seed, folder):
    """The same on both sides, whatever each draws from a seed: the first to ask writes them."""
    path = Path(folder) / f"{net.n_sites}-{net.n_couplings}-{seed}.npy"
    if not path.exists():
        np.save(path, net.init_parameters(seed).flatten())
    return net.unflatten(np.load(path))


def samples_of(net, n, seed):
    """Inputs and initial phases: images where they fit, else random."""
    rng = np.random.default_rng(seed)
    free = rng.uniform(-np.pi, np.pi, (n, net.n_free))
    if net.n_inputs == 784:
        inputs = np.asarray(images(n).inputs, float)
    else:
        inputs = rng.uniform(-np.pi / 2, np.pi / 2, (n, net.n_inputs))
    return inputs, np.concatenate([inputs, free], axis=1)


def fixed(sweeps, dtype):
    """A fixed number of sweeps."""
    if hasattr(xyep, "GaussSeidel"):
        return xyep.GaussSeidel(sweeps=sweeps, dtype=dtype)
    return xyep.Fast(tol=0.0, max_sweeps=sweeps, dtype=dtype)


def xor(name, seed, epochs=1000, double=False):
    """A training of XOR: CPU seconds an epoch, of all but the first, and whether it is solved."""
    options = {"epochs": epochs}
    if double:
        options |= {"solver": fixed(20, "float64"), "nudged_solver": fixed(4, "float64")}
    run = Run(network(name), xyep.load_task("xor"), make_training(**options), seed)
    run.advance(1)
    seconds, _ = timed(lambda: run.advance(epochs - 1))
    run.advance()
    solved = float(run.arrays["test_solved"]) >= SOLVED
    return {"cpu": seconds["cpu"] / (epochs - 2), "solved": solved}


def relaxation(name, seed, samples, folder, tol=1e-9):
    """From random states to a residual in float64: CPU seconds a sample, and sweeps."""
    net = network(name)
    inputs, initial = samples_of(net, samples, seed)
    p, options = parameters(net, seed, folder), {"initial": initial, "warn": False, "tol": tol}
    seconds, eq = timed(lambda: xyep.relax(net, p, inputs, **options))
    return {
        "cpu": seconds["cpu"] / samples,
        "sweeps": float(np.median(eq.iterations)),
        "largest": int(eq.iterations.max()),
        "unconverged": eq.n_unconverged,
    }


def sweep(name, dtype, samples, sweeps):
    """CPU seconds a sweep of all samples, by that of many less that of few, and its work."""
    net = network(name)
    inputs, initial = samples_of(net, samples, 0)
    p = net.init_parameters(0)

    def call(k):
        options = {"initial": initial, "method": fixed(k, dtype), "warn": False}
        return timed(lambda: xyep.relax(net, p, inputs, **options))[0]["cpu"]

    free = int((net.edges >= net.n_inputs).all(axis=1).sum())
    seconds = max(call(10 + sweeps) - call(10), 1e-9) / sweeps
    # two multiply-adds (cosine and sine) of each end of a coupling between free sites
    return {"cpu": seconds, "work": 4 * free * samples, "visits": net.n_free * samples}


def untrained(samples, folder, sharpness):
    """LCL before training: arguments of its gradient, and the cost where one is asked for."""
    net, task = network("LCL"), images(samples)
    inputs, targets = np.asarray(task.inputs, float), np.asarray(task.targets, float)
    cost = {} if sharpness is None else {"cost": xyep.LogCosine(sharpness)}
    return (net, parameters(net, 0, folder), inputs, targets), cost


def gradient(samples, folder, sharpness=None, **options):
    """`ep_gradient`: CPU seconds a sample."""
    arguments, cost = untrained(samples, folder, sharpness)
    seconds, _ = timed(lambda: xyep.ep_gradient(*arguments, **cost, **options))
    return {"cpu": seconds["cpu"] / samples, "inputs": images(samples).name}


def direction(samples, folder, sharpness=None, **options):
    """The same gradient beside that of implicit differentiation, and what is warned of."""
    arguments, cost = untrained(samples, folder, sharpness)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        g = xyep.ep_gradient(*arguments, **cost, **options)
    exact = xyep.implicit_gradient(*arguments, **cost)
    a, b = (x.parameters.flatten() for x in (g, exact))
    return {
        "cosine": float(a @ b / np.sqrt((a @ a) * (b @ b))),
        "at a pole": int(np.sum(g.at_pole)) if hasattr(g, "at_pole") else None,
        "warned": "; ".join(sorted({w.category.__name__ for w in caught})) or "nothing",
    }


def peak():
    """Most memory of this process so far, MiB."""
    status = Path("/proc/self/status")  # Linux; getrusage would count the parent's at the fork
    kib = status.read_text("utf-8").partition("VmHWM:")[2].split()[0] if status.exists() else "nan"
    return float(kib) / 1024


def large(size, shells, skips, sweeps):
    """A square lattice built, relaxed and differentiated: CPU seconds of each, and memory."""
    options = {"shells": shells, **({"skips": skips} if skips else {})}
    ends = [(0, 0)], [(size - 1, size - 1)]
    seconds, net = timed(lambda: xyep.square_lattice((size, size), *ends, **options))
    reply = {"couplings": net.n_couplings, "build": seconds["cpu"], "build, peak": peak()}
    p, x, y = net.init_parameters(0), np.zeros((1, 1)), np.ones((1, 1))
    # one sample: the small network compiles for blocks as narrow
    small = xyep.square_lattice((40, 40), [(0, 0)], [(39, 39)])
    for name, call in {
        "relax": lambda net, p: xyep.relax(net, p, x, method=fixed(sweeps, "float32"), warn=False),
        "gradient": lambda net, p: xyep.ep_gradient(
            net, p, x, y, method=fixed(sweeps, "float32"), nudged_method=fixed(5, "float32")
        ),
    }.items():
        call(small, small.init_parameters(0))
        reply[name] = timed(lambda call=call: call(net, p))[0]["cpu"]
        reply[f"{name}, peak"] = peak()
    return reply


def epoch(n, threads):
    """One epoch over n images on LCL with the settings for images."""
    bare = {"epochs": 1, "final_states": 0, "responses": ()}
    run = Run(network("LCL"), images(n), make_training(**IMAGES | bare), 0, threads)
    seconds, _ = timed(run.advance)
    return seconds | {
        "inputs": images(n).name,
        "accuracy": float(run.arrays["accuracy"][0]),
        "peak": peak(),
        "parameters": float(np.abs(run.arrays["theta"]).sum()),
    }


def first_training():
    """CPU seconds of the import, and of a first `train` in a process."""
    start = process_time()
    net, task = xyep.xor_lattice(5, 2), xyep.load_task("xor")
    xyep.train(net, task, epochs=3, final_states=10)
    return {"import": IMPORTED, "cpu": process_time() - start}


@cache
def matrices(dtype, size):
    a, b = np.random.default_rng(0).normal(size=(2, size, size)).astype(dtype)
    return a, b, np.empty_like(a)


def product(dtype, size=1024):
    """A matrix product, best of three, and the kernel that OpenBLAS has chosen."""
    from threadpoolctl import threadpool_info

    a, b, out = matrices(dtype, size)
    seconds = min(timed(lambda: np.matmul(a, b, out=out))[0]["cpu"] for _ in range(3))
    blas = [i for i in threadpool_info() if i["user_api"] == "blas"]
    kernel = ", ".join(sorted({f"{i['internal_api']} {i.get('architecture', '')}" for i in blas}))
    return {"cpu": seconds, "work": size**3, "kernel": kernel}


TASKS = {
    f.__name__: f
    for f in (xor, relaxation, sweep, gradient, direction, epoch, large, first_training, product)
}


def where():
    """Folder of the package that is measured."""
    return {"package": str(Path(xyep.__file__).parent)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what matters is in the tables
    for line in sys.stdin:
        request = json.loads(line)
        reply = (TASKS | {"where": where})[request.pop("task")](**request)
        print(json.dumps(reply), flush=True)
