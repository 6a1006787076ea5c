"""How long the phases of a training should be, and how hard to nudge."""

from time import thread_time

import numpy as np
from sides import spread
from tqdm import tqdm
from worker import SOLVED, images

import xyep

#: Seeds that no other statement here rests on.
FIRST = 10_000

#: Size, shells and distance of the inputs from the output.
LATTICES = ((5, 4, 2), (7, 1, 1), (7, 1, 2), (11, 4, 4))

#: Sweeps of the free and of the nudged phases, or the residual at which they end, and β.
XOR = (
    *((free, nudged, 0.1) for free in (10, 15, 20) for nudged in (2, 4, 6, 12)),
    *((20, 4, beta) for beta in (0.05, 0.2, 0.5)),
    *((tol, None, beta) for tol in (1e-2, 1e-4) for beta in (0.1, 0.5)),
)
LCL = (
    *((free, nudged, 0.3) for free in (5, 10, 20) for nudged in (3, 5, 10)),
    *((10, 5, beta) for beta in (0.1, 1.0)),
    *((tol, None, 0.3) for tol in (1e-2, 1e-4)),
)

#: An XOR training solves its task from the epoch on of which this many have the share `SOLVED`.
WINDOW = 20


def _phases(free, nudged, beta, **options):
    """Options of `train`."""
    if nudged is None:
        kinds = [{"tol": free, "max_sweeps": 300}] * 2
    else:
        kinds = [{"sweeps": free}, {"sweeps": nudged}]
    solver, cut = (xyep.GaussSeidel(dtype="float32", **kind, **options) for kind in kinds)
    return {"solver": solver, "nudged_solver": cut, "beta": beta}


def _row(free, nudged, beta):
    phases = f"to {free:.0e}" if nudged is None else f"{free} + {nudged} sweeps"
    return {"phases": phases, "β": beta}


def _timed(net, task, seed, **options):
    start = thread_time()
    tree = xyep.train(net, task, seed=seed, **options)
    return thread_time() - start, tree


def _solved_from(accuracy):
    """The epoch, counted beyond the last one where there is none."""
    right = np.convolve(accuracy, np.full(WINDOW, 1 / WINDOW), "valid") >= SOLVED
    return int(np.argmax(right)) + 1 if right.any() else len(accuracy) + 1


def _xor(lengths, lattices, seeds, epochs):
    rows, task = [_row(*length) for length in lengths], xyep.load_task("xor")
    for size, shells, distance in tqdm(lattices, desc="nudging, XOR"):
        net = xyep.xor_lattice(size, shells, distance)
        found = {length: [] for length in lengths}
        for seed in range(FIRST, FIRST + seeds):  # in turn, so that a slow moment falls on all
            for length in lengths:
                seconds, tree = _timed(net, task, seed, epochs=epochs, **_phases(*length))
                solved = float(tree["test_solved"]) >= SOLVED
                first = _solved_from(tree["accuracy"].values)
                found[length].append((solved, first, 1e6 * seconds / epochs))
        head = f"{size}×{size}, {shells}, {distance}"
        for row, (solved, first, seconds) in zip(rows, (zip(*v) for v in found.values())):
            middle = int(np.median(first))
            row[f"{head}: solved"] = sum(solved)
            row[f"{head}: epochs"] = middle if middle <= epochs else f"over {epochs}"
            row[f"{head}: µs"] = float(np.median(seconds))
    return rows


def _lcl(lengths, seeds, n, epochs):
    found = {length: [] for length in lengths}
    some, net = images(n + n // 5), xyep.stacked_lattices((28, 28))
    splits = {"train": range(n), "test": range(n, n + n // 5)}
    task = xyep.Task(
        "part", some.inputs, some.targets, splits={k: list(v) for k, v in splits.items()}
    )
    common = xyep.IMAGES | {"epochs": epochs, "responses": ()}
    for seed in tqdm(range(FIRST, FIRST + seeds), desc="nudging, LCL"):
        for length in lengths:
            options = common | _phases(*length, over_relaxation=0.5)
            seconds, tree = _timed(net, task, seed, **options)
            found[length].append((100 * float(tree["test_accuracy"]), seconds / epochs))
    return [
        _row(*length)
        | {"accuracy, %": spread([a for a, _ in v]), "s an epoch": spread([s for _, s in v])}
        for length, v in found.items()
    ]


def nudging(quick, reference):
    """Length of the free and of the nudged phases, and β: what they do to learning.

    XOR lattices (edge, shells, distance of the inputs), 1000 epochs with the defaults of `train`
    but for the phases: seeds solved of 16; the epoch from which on 20 in a row have an accuracy of
    95 %, median over seeds; CPU time an epoch. "To 1e-2" are phases that end at that residual, or
    after 300 sweeps. LCL: 4 epochs over 10,000 images of MNIST with the settings for images but for
    the phases, and accuracy on 2,000 others of the training images. The default, 20 + 4 at β = 0.1,
    follows from an earlier run on seeds 10,000 to 10,139, with the terminals in other places.
    """
    lengths, lattices = (XOR[:2], LATTICES[:1]) if quick else (XOR, LATTICES)
    seeds, epochs = (2, 100) if quick else (16, 1000)
    rows = _xor(lengths, lattices, seeds, epochs)
    size = (1, 500, 1) if quick else (3, 10_000, 4)
    return {"XOR": rows, "LCL": _lcl(LCL[:2] if quick else LCL, *size)}
