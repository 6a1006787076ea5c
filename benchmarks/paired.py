"""The package as it is beside an earlier commit: both run in turn, each in a process of its own."""

from contextlib import ExitStack

import numpy as np
from sides import Side, both, checkout, column, folder, in_turn, spread
from tqdm import tqdm


def _sides(stack, reference):
    """Workers of both packages."""
    sides = {"before": Side(checkout(reference)), "now": Side()}
    return {name: stack.enter_context(side) for name, side in sides.items()}


def _lattice(name):
    size, shells, distance = (*name.split(), "1")[:3]
    return f"{size}×{size}, shells={shells}, distance={distance}"


#: Lattices of `xor_epoch`: size, shells, distance of the inputs from the output.
XOR = ("7 1 1", "7 4 3", "11 4 3", "5 4 2", "7 2 2")


def xor_epoch(quick, reference):
    """An epoch of XOR with the defaults of `train`, and how many seeds are solved.

    Each seed is trained for 1000 epochs, before and now in turn. CPU time of one thread over all
    epochs but the first and the last; "solved" are trainings that answer all four patterns from at
    least 95 % of 200 new initial states. Defaults now: 20 sweeps of the free and 4 of the nudged
    phases, in one compiled loop; before: a residual of 1e-4, in Python.
    """
    names, seeds, rows = XOR[:1] if quick else XOR, 3 if quick else 100, []
    with ExitStack() as stack:
        sides = _sides(stack, reference)
        for name in tqdm(names, desc="XOR"):
            in_turn(sides, [0], "xor", name=name, epochs=10)  # compiles
            replies = in_turn(sides, range(seeds), "xor", name=name)
            solved = {
                f"solved, {k}": f"{sum(r['solved'] for r in v)} of {seeds}"
                for k, v in replies.items()
            }
            rows.append({"network": _lattice(name), **both(replies, "µs", 1e6), **solved})
    return rows


def default_gradient(quick, reference):
    """`ep_gradient` with default arguments on LCL before any training (24,334 couplings, MNIST).

    Time is CPU time a sample, of 512 images in one call. The cosine is that to `implicit_gradient`,
    of 64 images and the same package; outputs that a negative β has drawn to the pole of the
    logarithmic cost spoil it, and are counted and warned of now. Other rows show what helps; the
    last compares with the exact gradient of its own cost.
    """
    (n, few, repeats), rows = (64, 16, 1) if quick else (512, 64, 9), []
    others = {
        "nudging='tangent'": {"nudging": "tangent"},
        "beta=0.01": {"beta": 0.01},
        "cost=LogCosine(0.95)": {"sharpness": 0.95},
    }
    with ExitStack() as stack:
        sides = _sides(stack, reference)
        for name, options in tqdm({"defaults": {}, **others}.items(), desc="default gradient"):
            here = {k: v for k, v in sides.items() if k == "now" or name == "defaults"}
            keywords = {"folder": str(folder("parameters")), **options}
            told = in_turn(here, 1, "direction", samples=few, **keywords)
            in_turn(here, 1, "gradient", samples=n, **keywords)
            replies = in_turn(here, repeats, "gradient", samples=n, **keywords)
            row = {"arguments": name, "inputs": replies["now"][0]["inputs"]}
            if len(here) == 2:
                row |= both(replies, "µs a sample", 1e6)
            else:
                row |= {"now, µs a sample": spread(column(replies["now"]), 1e6)}
            for side in here:
                (found,) = told[side]
                row |= {f"cosine, {side}": found["cosine"]}
            (found,) = told["now"]
            at_pole = f"{found['at a pole']} of {few}"
            rows.append(row | {"at a pole, now": at_pole, "warned, now": found["warned"]})
    return rows


#: Network, samples in one call, random networks.
RELAXATIONS = {"50 1": (32, 15), "50 4": (32, 15), "300 1": (16, 5), "LCL": (256, 9)}


def relaxation(quick, reference):
    """Relaxation from random states to a residual of 1e-9, float64, one thread.

    CPU time a sample, checks and packing included. Each random network is relaxed by both from the
    same states, and the ratio is of these pairs. Over-relaxation follows the network now, and was
    0.6 for all. A block of samples goes on until its slowest has converged.
    """
    rows = []
    with ExitStack() as stack:
        sides, place = _sides(stack, reference), str(folder("parameters"))
        cases = {"50 1": (16, 2)} if quick else RELAXATIONS
        for name, (samples, networks) in tqdm(cases.items(), desc="relaxation"):
            arguments = {"name": name, "samples": samples, "folder": place}
            in_turn(sides, [0], "relaxation", **arguments | {"tol": 1.0})  # compiles
            replies = in_turn(sides, range(networks), "relaxation", **arguments)
            row = {"network": name if name == "LCL" else _lattice(name), "samples": samples}
            row |= {"networks": networks, **both(replies, "µs a sample", 1e6)}
            for side, found in replies.items():
                row[f"sweeps, {side}"] = [
                    int(np.median(column(found, "sweeps"))),
                    int(column(found, "largest").max()),
                ]
            row["unconverged"] = [int(column(r, "unconverged").sum()) for r in replies.values()]
            rows.append(row)
    return rows


#: Network, dtype, samples in one call, sweeps.
RATES = [
    ("LCL", "float32", 512, 100),
    ("784-120-10", "float32", 512, 200),
    ("LCL, SQ", "float32", 256, 100),
    ("LCL, 4NSQ", "float32", 256, 100),
    ("LCL, 4 channels", "float32", 128, 100),
    ("LCL", "float64", 256, 100),
    ("11 4", "float32", 512, 200),
    ("11 1", "float32", 512, 400),
    ("11 4", "float64", 256, 200),
    ("11 1", "float64", 256, 400),
    ("300 4", "float32", 32, 20),
]


def relaxation_rate(quick, reference):
    """A sweep over all free sites, and its rate as a fraction of the core's matrix product.

    One thread, CPU time, that of many sweeps less that of ten, so that packing is left out; initial
    parameters. A coupling between free sites counts two multiply-adds for each of its ends, the
    normalisation of a site none. The matrix product (1024 cubed, the same dtype) takes its turn in
    a process of its own with one BLAS thread, in which variables that hold OpenBLAS back
    (OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE) are unset; the column says which kernel it chose.
    """
    rows = []
    with ExitStack() as stack:
        sides = _sides(stack, reference)
        product = stack.enter_context(Side())
        for name, dtype, samples, sweeps in tqdm(RATES[:1] if quick else RATES, desc="sweeps"):
            arguments = {"name": name, "dtype": dtype, "samples": samples, "sweeps": sweeps}
            in_turn(sides, 1, "sweep", **arguments | {"sweeps": 1})  # compiles
            best, replies = [], {name: [] for name in sides}
            for _ in range(1 if quick else 9):
                best.append(product("product", dtype=dtype))
                for side, found in in_turn(sides, 1, "sweep", **arguments).items():
                    replies[side] += found
            work, visits = replies["now"][0]["work"], replies["now"][0]["visits"]
            rate, top = (
                work / column(replies["now"]) / 1e9,
                column(best, "work") / column(best) / 1e9,
            )
            rows.append(
                {
                    "network": name if name in ("784-120-10",) or "LCL" in name else _lattice(name),
                    "dtype": dtype,
                    "samples": samples,
                    **both(replies, "ns a site and sample", 1e9 / visits),
                    "GFMA/s": spread(rate),
                    "matrix product, GFMA/s": spread(top),
                    "fraction of matrix product": spread(rate / top),
                    "BLAS": best[0]["kernel"],
                }
            )
    return rows


def training_epoch(quick, reference):
    """An epoch of MNIST (60,000 images) on LCL with the settings for images, on 1 and 2 threads.

    Data are loaded and kernels compiled before the clock starts; the first epoch of each process is
    not counted. One thread: CPU time; two threads, and the speed-up: time by the clock, which other
    processes on the machine lengthen. "Accuracy" is that of the free phases met in training;
    "same parameters", whether one and two threads ended in the same. Memory is the peak of a
    process that runs one epoch on two threads, data and interpreter included.
    """
    n, repeats = (2_000, 1) if quick else (60_000, 9)
    with ExitStack() as stack:
        sides, replies = _sides(stack, reference), {1: [], 2: []}
        for threads in replies:
            in_turn(sides, 1, "epoch", n=n, threads=threads)
        for _ in tqdm(range(repeats), desc="training epoch"):
            for threads, found in replies.items():
                found.append(in_turn(sides, 1, "epoch", n=n, threads=threads))
    peak = {}  # of new processes, as these have compiled
    for side, root in (("before", checkout(reference)), ("now", None)):
        with Side(*([root] if root else [])) as fresh:
            peak[side] = fresh("epoch", n=n, threads=2)["peak"]
    found = {
        (side, t): [r[side][0] for r in all_of] for t, all_of in replies.items() for side in sides
    }
    rows = []
    for side in sides:
        one, two = found[side, 1], found[side, 2]
        wall = {t: column(found[side, t], "wall") for t in (1, 2)}
        ratios = {
            t: column(found[side, t], key) / column(found["before", t], key)
            for t, key in ((1, "cpu"), (2, "wall"))
        }
        rows.append(
            {
                "package": side,
                "inputs": one[0]["inputs"],
                "images": n,
                "one thread, s": spread(column(one)),
                "two threads, s": spread(wall[2]),
                "speed-up": spread(wall[1] / wall[2]),
                "to before, one thread": spread(ratios[1]),
                "to before, two threads": spread(ratios[2]),
                "peak memory, MiB": peak[side],
                "accuracy": one[0]["accuracy"],
                "same parameters": len({r["parameters"] for r in one + two}) == 1,
            }
        )
    return rows[::-1]  # now first


def compilation(quick, reference):
    """A first `train` (XOR, 5×5, shells=2) where nothing is compiled yet: CPU seconds.

    A new process each time, with an empty NUMBA_CACHE_DIR; "import" is what `import xyep` and the
    start of Python take before. "Kept" is the same once compiled kernels lie on disk.
    """
    roots, rows = {"before": checkout(reference), "now": None}, []
    replies = {name: {key: [] for key in ("empty", "kept")} for name in roots}
    for _ in tqdm(range(1 if quick else 3), desc="compilation"):
        for name, root in roots.items():
            where = {"NUMBA_CACHE_DIR": str(folder("compiled"))}
            for kept in ("empty", "kept"):
                with Side(*([root] if root else []), **where) as side:
                    replies[name][kept].append(side("first_training"))
    for kept in ("empty", "kept"):
        pairs = {name: replies[name][kept] for name in roots}
        imports = {f"import, {k}, s": spread(column(v, "import")) for k, v in pairs.items()}
        rows.append({"compiled kernels": kept, **both(pairs, "s", 1.0), **imports})
    return rows
