"""What the same bits on every processor cost."""

from contextlib import ExitStack

import numpy as np
from sides import Side, column, in_turn, spread, with_library
from tqdm import tqdm

#: A training step: task of the worker, its arguments, steps in what the worker measures.
STEPS = {
    "XOR, 7×7, shells=4, float32": ("xor", {"name": "7 4 3"}, 1),
    "XOR, 7×7, shells=4, float64": ("xor", {"name": "7 4 3", "double": True}, 1),
    "XOR, 7×7, shells=1, float32": ("xor", {"name": "7 1 1"}, 1),
    "LCL, batch of 128 images, float32": ("epoch", {"n": 12_800, "threads": 1}, 100),
}


def equal_bits(quick, reference):
    """A training step as it is, beside one with the processor's estimates and the system's library.

    "Library" is a copy of the package, compiled on its own, whose reciprocal square root is the
    processor's estimate with a Newton step where it has one, or its square root and division, and
    whose exp, sin, cos, log and arctan are the system's and NumPy's: everything that differs
    between processors. CPU time of one thread, both in turn, the same seeds; defaults of `train`
    for XOR, the settings for images for LCL.
    """
    rows, repeats = [], 1 if quick else 25
    with ExitStack() as stack:
        roots = {"library": [with_library()], "ours": []}
        sides = {name: stack.enter_context(Side(*root)) for name, root in roots.items()}
        cases = list(STEPS.items())[: 1 if quick else None]
        for name, (task, arguments, steps) in tqdm(cases, desc="equal bits"):
            seeds = range(repeats) if task == "xor" else repeats
            in_turn(sides, [0] if task == "xor" else 1, task, **arguments)  # compiles
            seconds = {
                k: column(v) / steps for k, v in in_turn(sides, seeds, task, **arguments).items()
            }
            row = {"step": name} | {f"{k}, µs": spread(v, 1e6) for k, v in seconds.items()}
            ratio = seconds["ours"] / seconds["library"]
            rows.append(
                row
                | {"ours / library": spread(ratio), "cost, %": 100 * (float(np.median(ratio)) - 1)}
            )
    return rows
