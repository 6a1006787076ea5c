"""Benchmarks on MNIST-sized networks; `python mnist.py THREADS SAMPLES` trains one epoch and prints its time and memory as JSON."""

import json
import os
import subprocess
import sys
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from sweeps import Sweeps, measure
from timing import interleaved, matrix_product, seconds_of, spread
from tqdm import tqdm

from xyep.lattices import layered, stacked_lattices
from xyep.paper.studies import IMAGES
from xyep.relaxation import (relax)
from xyep.solvers import (GaussSeidel)
from xyep.responses import circular_difference
from xyep.tasks import (Task, one_hot)
from xyep.datasets import (load_task)
from xyep.training import Run, Training

#: What a training that is only timed leaves out.
BARE = {"epochs": 1, "final_states": 0, "responses": ()}

NETWORKS = {
    "LCL": lambda: stacked_lattices((28, 28)),
    "784-120-10": lambda: layered([784, 120, 10]),
    "LCL, SQ": lambda: stacked_lattices((28, 28), intra_shells=1),
    "LCL, 4NSQ": lambda: stacked_lattices((28, 28), intra_shells=4),
    "LCL, 4 channels": lambda: stacked_lattices((28, 28), channels=4),
}


@lru_cache
def images(n=60_000):
    """The first n training images of MNIST, all for training; random phases and labels in their place where the files are missing."""
    try:
        task = load_task("mnist")
        return Task("mnist", task.inputs[:n], task.targets[:n], task.labels[:n])
    except FileNotFoundError:
        rng = np.random.default_rng(0)
        inputs, labels = rng.random((n, 784), np.float32), rng.integers(10, size=n)
        inputs -= np.float32(0.5)
        inputs *= np.float32(np.pi)
        return Task("random", inputs, one_hot(labels, 10), labels)


def relaxation_rate(quick=False):
    """Rate of relaxation on stacked lattices as a fraction of the same core's sgemm rate, and sweeps and time to a residual.

    One batch of 128 samples with initial parameters, one thread, no lane stops early; multiply-adds are counted as in `cost_per_sweep`,
    and the matrix product (1024 cubed, one BLAS thread) takes its turn in the same rounds. "Free phase" is what a training does: the
    field of the inputs, 16 sweeps and a reading of the residual, all of whose multiply-adds are counted.

    What bounds a sweep: the hidden sites of LCL without intra-layer couplings have only the 10 outputs as free neighbours, so a visit is
    20 multiply-adds a lane and then one reciprocal square root (estimate and Newton step), about as many instructions again that count
    as nothing here, and loads of state and field from the second-level cache, as a block of 16 lanes (twice 69 kB) exceeds the first.
    Visiting sites of the same neighbours in pairs halves the loads of neighbours and overlaps the two chains. Dense intra-layer
    couplings (4NSQ) have more multiply-adds a site but no two sites alike, hence two loads for two multiply-adds. The outputs' rows are
    long and are bounded by loads of the hidden state alone. The field of the inputs has long rows and the windows of neighbouring sites
    differ, again two loads for two multiply-adds.

    Time to residual: from the aligned start, at the initial parameters, each sample until max_i |∂E/∂φ_i| is below the tolerance, the
    field of the inputs included; the slowest of the 16 (float64: 8) samples of a block decides. Below a tolerance of about 1e-6 times the
    largest field float32 cannot go.
    """
    inputs = images(128).inputs
    nets = {name: make() for name, make in NETWORKS.items()}
    mu, phase = IMAGES["solver"].over_relaxation, IMAGES["solver"].max_sweeps
    rates = measure(
        [Sweeps(net, "float32", inputs, over_relaxation=mu) for net in nets.values()],
        5 if quick else 15,
        phase,
    )
    for name, row in zip(nets, rates):
        row["network"] = name
    residuals = []
    for name, net in tqdm(nets.items(), desc="time to residual"):
        for dtype, tolerances in (("float32", (1e-2, 1e-3, 1e-4)), ("float64", (1e-8,))):
            block = Sweeps(net, dtype, inputs, over_relaxation=mu)
            calls = {
                tol: lambda tol=tol, block=block: block.from_aligned(20_000, tol)
                for tol in tolerances
            }
            for tol, seconds in interleaved(calls, 3 if quick else 9).items():
                calls[tol]()
                sweeps, residual = (
                    block.layout.per_sample(values) for values in (block.count, block.residual)
                )
                row = {
                    "network": name,
                    "dtype": dtype,
                    "residual": f"{tol:.0e}",
                    "microseconds a sample": spread(seconds, 1e6 / len(inputs)),
                }
                row |= {"sweeps, median": float(np.median(sweeps)), "largest": int(sweeps.max())}
                residuals.append(row | {"unconverged": int((residual > tol).sum())})
    return {"inputs": images(128).name, "rates": rates, "residuals": residuals}


def peak_memory():
    """Peak resident memory of this process in bytes; Linux's ru_maxrss would count the parent's at the fork."""
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(
            next(
                line.split()[1]
                for line in status.read_text().splitlines()
                if line.startswith("VmHWM")
            )
        )
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def epoch(threads, n):
    """One epoch over n images on the LCL network; kernels are compiled, or read from their cache, before the clock starts."""
    net, task, training = NETWORKS["LCL"](), images(n), Training(**IMAGES | BARE)
    few = Task("few", task.inputs[:256], task.targets[:256], task.labels[:256])
    Run(net, few, training, 0, threads).advance()
    run = Run(net, task, training, 0, threads)
    seconds, _ = seconds_of(run.advance)
    a = {name: float(run.arrays[name][0]) for name in ("accuracy", "sweeps")}
    digest = float(np.abs(run.arrays["theta"]).sum())
    return {
        "inputs": task.name,
        "seconds": seconds,
        "peak": peak_memory(),
        "sum of parameters": digest,
        **a,
    }


def training_epoch(quick=False):
    """One epoch of MNIST (60,000 images, no validation) on the LCL network at the settings of the MNIST study.

    Each epoch runs in a process of its own, one and two threads in turn; its clock starts when data are loaded and kernels compiled.
    Memory is the peak of the whole process, data and interpreter included. "Accuracy" is that of the free phases met in training, a check
    that the epoch does what it should; "same parameters" tells whether one and two threads ended in the same sum of parameters.

    What bounds it: a sample takes 10 + 2×5 sweeps and three readings of the residual over 10,580 directed couplings between free
    sites, 0.49 million multiply-adds, and 0.08 million for the field of the 784 inputs and their couplings' gradient, so sweeps decide
    (see `relaxation_rate`). "Fraction of matrix product" sets all of these multiply-adds over the epoch's time on one thread against the
    core's sgemm rate just before: what is missing to the rate of a sweep is packing (sine and cosine of the inputs), the optimizer and
    Python. Two threads share every batch of 128 samples as two units of 64, with a barrier and the optimizer's step after each.
    """
    n, repeats = (2_000, 1) if quick else (60_000, 3)
    product, work = matrix_product("float32")
    results = {1: [], 2: []}
    product()
    rates = []
    for _ in tqdm(range(repeats), desc="training epoch"):
        for threads, entries in results.items():
            rates += [work / min(seconds_of(product)[0] for _ in range(5))] if threads == 1 else []
            command = [sys.executable, os.fspath(Path(__file__).resolve()), str(threads), str(n)]
            entries.append(
                json.loads(
                    subprocess.run(
                        command, capture_output=True, text=True, check=True
                    ).stdout.splitlines()[-1]
                )
            )
    graph = NETWORKS["LCL"]().graph
    free, clamped = len(graph.free.parameter), len(graph.clamped.parameter)
    one, two = ([entry["seconds"] for entry in entries] for entries in results.values())
    first = results[1][0]
    total = n * (2 * free * (first["sweeps"] + 3) + 2 * clamped + 2 * (free + clamped))
    row = {
        "inputs": first["inputs"],
        "images": n,
        "one thread, s": spread(one),
        "two threads, s": spread(two),
        "speed-up": spread(np.divide(one, two)),
        "peak memory, MiB": max(entry["peak"] for entries in results.values() for entry in entries)
        / 2**20,
        "sweeps a sample, three phases": first["sweeps"],
        "fraction of matrix product": spread(total / np.array(one) / np.array(rates)),
        "accuracy": first["accuracy"],
        "same parameters": len(
            {entry["sum of parameters"] for entries in results.values() for entry in entries}
        )
        == 1,
    }
    return [row]


def rest(quick=False):
    """Whether what `fast` calls converged is at rest: how far `gradient_flow` goes from there, on LCL after one epoch.

    1,000 test images are relaxed by `fast` at its default tolerance from random initial states; those that it calls converged are
    integrated in time (two threads, float64) until every |dφ/dt| is a hundredth of that tolerance, and "largest move" is how far any
    phase of any image has gone. A state with residual ε in a mode of curvature λ is ε/λ away from rest; the softest modes decide.
    """
    n = 50 if quick else 1000
    net, rows = NETWORKS["LCL"](), []
    p = trained(net, 6_000 if quick else 60_000)
    inputs = (
        load_task("mnist").test.inputs[:n] if images().name == "mnist" else images().inputs[-n:]
    )
    for dtype in tqdm(("float32", "float64"), desc="rest"):
        eq = relax(net, p, inputs, dtype=dtype, threads=2)
        initial, tol = eq.phases[eq.converged], GaussSeidel(dtype=dtype).tol
        keywords = {"initial": initial, "method": "gradient_flow", "tol": tol / 100, "threads": 2}
        seconds, flow = seconds_of(partial(relax, net, p, initial[:, : net.n_inputs], **keywords))
        move = np.abs(circular_difference(flow.phases, initial)).max(axis=1)
        row = {
            "dtype": dtype,
            "tolerance": tol,
            "converged": f"{len(initial)} of {n}",
            "flow unconverged": flow.n_unconverged,
        }
        rows.append(
            row
            | {
                "median move": float(np.median(move)),
                "largest move": float(move.max()),
                "flow, s": seconds,
            }
        )
    return {"inputs": images().name, "rows": rows}


def trained(net, n, threads=2):
    """Parameters after one epoch over the first n images."""
    run = Run(net, images(n), Training(**IMAGES | BARE), 0, threads)
    run.advance()
    return run.parameters


if __name__ == "__main__":
    print(json.dumps(epoch(int(sys.argv[1]), int(sys.argv[2]))))
