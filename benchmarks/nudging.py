"""How long the phases of a training should be, and how hard to nudge."""

from time import thread_time

import numpy as np
from tqdm import tqdm
from worker import SOLVED, network

import xyep

#: Seeds that no other statement here rests on.
FIRST = 10_000

#: Edge, shells and distance of the inputs, left and right of the output in the middle.
LATTICES = ("5 4 2", "7 1 1", "11 4 4")

#: Sweeps of the free and of the nudged phases, or the residual at which they end, and β.
XOR = (
    *((free, nudged, 0.1) for free in (10, 15, 20, 30) for nudged in (4, 6, 8, 12)),
    *((15, nudged, beta) for beta in (0.05, 0.2, 0.5) for nudged in (6, 12)),
    *((tol, None, beta) for tol in (1e-2, 1e-3, 1e-4) for beta in (0.1, 0.5)),
)

#: An XOR training solves its task from the epoch on of which this many have the share `SOLVED`.
WINDOW = 20


def _phases(free, nudged, beta):
    """Options of `train`."""
    if nudged is None:
        kinds = [{"tol": free, "max_sweeps": 300}] * 2
    else:
        kinds = [{"sweeps": free}, {"sweeps": nudged}]
    solver, cut = (xyep.GaussSeidel(dtype="float32", **kind) for kind in kinds)
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
    for name in tqdm(lattices, desc="nudging, XOR"):
        net = network(name)
        found = {length: [] for length in lengths}
        for seed in range(FIRST, FIRST + seeds):  # in turn, so that a slow moment falls on all
            for length in lengths:
                seconds, tree = _timed(net, task, seed, epochs=epochs, **_phases(*length))
                solved = float(tree["test_solved"]) >= SOLVED
                first = _solved_from(tree["accuracy"].values)
                found[length].append((solved, first, 1e6 * seconds / epochs))
        for row, (solved, first, seconds) in zip(rows, (zip(*v) for v in found.values())):
            middle = int(np.median(first))
            row[f"{name}: solved"] = sum(solved)
            row[f"{name}: epochs"] = middle if middle <= epochs else f"over {epochs}"
            row[f"{name}: µs"] = float(np.median(seconds))
    return rows


def nudging(quick, reference):
    """Length of the free and of the nudged phases, and β: what they do to learning.

    XOR lattices (edge, shells, distance of the inputs), 1000 epochs with the defaults of `train`
    but for the phases: seeds solved of 40; the epoch from which on 20 in a row have an accuracy of
    95 %, median over seeds; CPU time an epoch. "To 1e-02" are phases that end at that residual, or
    after 300 sweeps. The default, 20 + 4 at β = 0.1, follows; seeds from 10,000 on are in no other
    statement here.
    """
    lengths, lattices = (XOR[:2], LATTICES[:1]) if quick else (XOR, LATTICES)
    seeds, epochs = (2, 100) if quick else (40, 1000)
    return _xor(lengths, lattices, seeds, epochs)
