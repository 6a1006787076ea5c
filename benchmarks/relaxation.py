"""Benchmarks of relaxation and of the EP gradient on lattices; each function returns the rows of its tables."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from sweeps import Sweeps, measure
from timing import interleaved, spread
from tqdm import tqdm

from xyep.cost import as_cost
from xyep.contrast import (EPGradient)
from xyep.gradients import (ep_gradient)
from xyep.lattices import layered, square_lattice
from xyep.relaxation import (random_phases, relax)
from xyep.solvers import (GaussSeidel)
from xyep.datasets import (load_task)

#: Tolerances (rtol = atol) that gradient_flow may choose its fastest from; the default is 1e-6.
FLOW_TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)


def _lattice(size, shells, near=True):
    """Square lattice with the output in the middle and, if `near`, inputs left and right of it."""
    c = size // 2
    return square_lattice(
        (size, size), [(c, c - 1), (c, c + 1)] if near else [], [(c, c)], shells=shells
    )


def time_to_residual(quick=False):
    """Time to residual 1e-8 (float64, one thread) of `fast` and of `gradient_flow`: 16 samples from the same initial states.

    A sweep of `fast` costs less than one evaluation of the force in `gradient_flow`, which needs a sine and a cosine per site and whose
    7 evaluations a step are bounded by the stability of an explicit method: near rest its step is about 3/λ_max, so that the number of
    evaluations grows as the condition number of the Hessian whatever the tolerance (the rows with other tolerances show it: looser ones
    hardly save evaluations). `fast` has no step to choose, and its over-relaxation shortens the slow modes. What bounds `fast` here is
    the slowest of the 16 samples: they advance in one block until the last has converged (compare the largest with the median sweeps).

    Several random networks stand for each architecture, as one stiff sample decides the time of a block; ratios are taken network by
    network within one repeat. `gradient_flow` runs with its default tolerances and, beside it, with the fastest of `FLOW_TOLERANCES`.
    """
    cases = {
        "lattice 11×11, shells=1": _lattice(11, 1),
        "lattice 11×11, shells=4": _lattice(11, 4),
        "layered 784-120-10": layered([784, 120, 10]),
    }
    networks, repeats, n = (2 if quick else 5), 5, 16
    rows = []
    for name, net in tqdm(cases.items(), desc="time to residual 1e-8"):
        variants = {"fast": [], "default": [], "loose": []}
        pairs, work, loose = {"default": [], "loose": []}, {key: [] for key in variants}, []
        for seed in range(networks):
            p = net.init_parameters(seed)
            inputs = random_phases((n, net.n_inputs), seed, 1) / 2
            initial = np.concatenate([inputs, random_phases((n, net.n_free), seed)], axis=1)

            def run(net=net, p=p, inputs=inputs, initial=initial, **options):
                return relax(net, p, inputs, initial=initial, threads=1, tol=1e-8, **options)

            def flow(tol, run=run):
                return run(method="gradient_flow", rtol=tol, atol=tol)

            run(max_sweeps=1), run(method="gradient_flow", max_steps=1)  # compile
            trial = interleaved(
                {tol: lambda tol=tol: flow(tol) for tol in FLOW_TOLERANCES}, 1 if quick else 3
            )
            loose.append(min(FLOW_TOLERANCES, key=lambda tol: np.median(trial[tol])))
            calls = {
                "fast": run,
                "default": lambda: run(method="gradient_flow"),
                "loose": lambda tol=loose[-1]: flow(tol),
            }
            work_of = {key: call() for key, call in calls.items()}
            seconds = interleaved(calls, repeats)
            for key in variants:
                variants[key].append(seconds[key])
                work[key].append(work_of[key])
            for key in pairs:
                pairs[key].append(seconds[key] / seconds["fast"])
        row = {"network": name, "networks": networks, "samples": n, "loose tolerances": loose}
        for key in variants:
            row[key] = {
                "microseconds a sample": spread(np.concatenate(variants[key]), 1e6 / n),
                "iterations, median sample": float(np.median([e.iterations for e in work[key]])),
                "iterations, largest": int(max(e.iterations.max() for e in work[key])),
                "unconverged": int(sum(e.n_unconverged for e in work[key])),
            }
        for key in pairs:
            row[f"ratio, {key}"] = spread(np.concatenate(pairs[key]))
            row[f"ratio, {key}, by network"] = [float(np.median(r)) for r in pairs[key]]
        rows.append(row)
    return rows


def cost_per_sweep(quick=False):
    """LogCosine of a sweep over the size of a square lattice up to 300×300, and over the number of neighbours.

    Two cache lines of lanes (one block), no lane stops early, one thread. A directed coupling counts two multiply-adds per lane
    (cosine and sine); the same core's matrix product, measured in turn, says what it could do at best, and a copy of a large array what
    memory yields. A sweep visits every coupling twice and every site once, so its time grows linearly as long as one cache level holds
    state and field; the fitted exponent is given up to 80×80 and over all sizes, where leaving the last cache level raises it above 1.

    What bounds the kernel is shown by the last table: time per site and lane over the number of neighbours on 20×20, fitted as
    a + b·neighbours. a is the site itself: in float32 one estimate of the reciprocal square root and a Newton step, in float64 a square
    root and a division, which the divider unit delivers at a fraction of the rate of multiply-adds; and the wait for this chain, as the
    next site of a row needs its result (on these lattices sites are visited singly, as no two have the same neighbours). b is a
    neighbour: two loads of a row of lanes and two multiply-adds, of which a core does about as many of the one as of the other a cycle,
    so neither has slack. A state that begins 16 bytes off a cache line, so that each load of a full register touches two lines, shows
    what the loads weigh. So for shells=1 the site dominates; beyond a/b neighbours, which shells=4 has, they weigh more.

    Large lattices: "GB/s" is the traffic of state (read and written) and constant field (read) if every sweep streams them. A site costs
    more once state and field exceed the last cache level, but the rate stays below that of the copy, and shells=1 stays cheaper than
    shells=4. So it is not bandwidth alone: probably misses are waited for, as a chain in which each site needs the one before it hides
    little latency (inferred, not measured apart).
    """
    sizes = (10, 20, 40, 80) if quick else (10, 20, 40, 80, 150, 300)
    rows, fits, bounds = [], [], []
    for shells in tqdm((1, 4), desc="cost per sweep"):
        nets = [_lattice(size, shells) for size in sizes]
        for dtype in ("float32", "float64"):
            series = measure([Sweeps(net, dtype) for net in nets], 5 if quick else 7)
            rows += series
            x = np.log([row["free sites"] for row in series])
            y = np.log([row["milliseconds a sweep"]["median"] for row in series])
            fit = {
                "shells": shells,
                "dtype": dtype,
                "exponent, 10×10 to 80×80": float(np.polyfit(x[:4], y[:4], 1)[0]),
            }
            fits.append(
                fit | {f"exponent, 10×10 to {sizes[-1]}×{sizes[-1]}": float(np.polyfit(x, y, 1)[0])}
            )
    nets = [_lattice(20, shells, near=False) for shells in range(5)]
    for dtype in ("float32", "float64"):
        for offset in (0, 16):
            series = measure([Sweeps(net, dtype, offset=offset) for net in nets], 7)
            neighbours = [row["neighbours"] for row in series]
            time = [row["nanoseconds a site, lane and sweep"]["median"] for row in series]
            per_neighbour, isolated = np.polyfit(neighbours[1:], time[1:], 1)
            bounds.append(
                {
                    "dtype": dtype,
                    "lanes": series[-1]["lanes"],
                    "bytes from cache line": offset,
                    "neighbours": neighbours,
                    "nanoseconds a site, lane and sweep": time,
                    "a: ns for a site": float(isolated),
                    "b: ns for a neighbour": float(per_neighbour),
                }
            )
    return {"sizes": rows, "fits": fits, "neighbours": bounds}


@njit(nogil=True)
def _arithmetic(n):
    x = 1.0
    for _ in range(n):
        x = x * 0.999 + 1.0
    return x


def _arithmetic_on(threads, total=40_000_000):
    """Work that shares nothing, split evenly: what two threads can gain on this machine at this moment."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_arithmetic, [total // threads] * threads))


def thread_scaling(quick=False):
    """Speed-up from one to two threads, 256 samples on an 11×11 lattice with shells=4.

    Blocks of samples share nothing and the kernels release the GIL, so the sweeps themselves should scale with the cores that are free.
    What remains is serial NumPy work around the kernel (checks, random initial states, sine and cosine of the initial phases,
    arctan2 of the final ones), measured here as the same call with no sweep at all ("share outside the sweeps"), and uneven blocks: with
    few blocks the one that holds the slowest sample decides. Amdahl's law with the serial share bounds the speed-up from above. The
    column "control", pure arithmetic in registers split over threads in the same rounds, tells whether two cores were free; calls of a few
    milliseconds suffer more than it does when other processes delay the start of a thread.
    """
    net, task = _lattice(11, 4), load_task("xor")
    inputs, targets = (np.repeat(part, 64, axis=0) for part in (task.inputs, task.targets))
    p, n = net.init_parameters(0), len(inputs)
    cases = {
        "relax, float64, tol 1e-8": (lambda **k: relax(net, p, inputs, seed=0, **k), {}),
        "relax, float32, 200 sweeps": (
            lambda **k: relax(net, p, inputs, seed=0, dtype="float32", tol=0.0, **k),
            {"max_sweeps": 200},
        ),
        "ep_gradient, float32, tol 1e-4": (
            lambda **k: ep_gradient(net, p, inputs, targets, dtype="float32", tol=1e-4, **k),
            {"max_sweeps": 300},
        ),
    }
    rows = []
    for name, (call, options) in tqdm(cases.items(), desc="threads"):
        calls = {
            t: lambda t=t, call=call, options=options: call(threads=t, **options) for t in (1, 2)
        }
        calls["none"] = lambda call=call: call(threads=1, max_sweeps=0)
        calls |= {("control", t): lambda t=t: _arithmetic_on(t) for t in (1, 2)}
        seconds = interleaved(calls, 5 if quick else 15)
        row = {
            "call": name,
            "samples": n,
            "one thread, ms": spread(seconds[1], 1e3),
            "two threads, ms": spread(seconds[2], 1e3),
        }
        row["speed-up"] = spread(seconds[1] / seconds[2])
        row["share outside the sweeps"] = spread(seconds["none"] / seconds[1])
        row["control: speed-up of pure arithmetic"] = spread(
            seconds["control", 1] / seconds["control", 2]
        )
        rows.append(row)
    return rows


def one_gradient(quick=False):
    """One centred EP gradient (β = 0.1, μ = 0.6, float32, tol 1e-4) of 20 samples on a 7×7 lattice with shells=4.

    The samples are the four patterns of XOR from 5 initial states each. They lie in one block of 32 lanes, 12 of them padding; the
    slowest sample of each phase sets its number of sweeps. "prepared" is a step of a training, where checks and the packing of inputs are
    done once; the rest is what a single call adds. The state (12 kB) and the couplings lie in the first-level cache, so the cost is
    sweeps × (up to 20 neighbours and one normalisation a site), on top of what remains with no sweep:
    "no sweep" is the same prepared call with no sweep: sine and cosine of the initial states, contrast, and Python.
    """
    net, task, m = _lattice(7, 4), load_task("xor"), 5
    p = net.init_parameters(0)
    inputs, targets = (np.repeat(part, m, axis=0) for part in (task.inputs, task.targets))
    solver = GaussSeidel(tol=1e-4, over_relaxation=0.6, dtype="float32")
    keywords = {"beta": 0.1, "estimator": "centered", "threads": 1}

    def prepared(solver):
        batch = EPGradient(
            net,
            len(inputs),
            cost=as_cost("log_cosine"),
            solver=solver,
            nudged_solver=solver,
            **keywords,
        )
        batch.load(inputs, targets, np.arange(len(inputs)))
        initial = random_phases((len(inputs), net.n_free), 0)
        return lambda: batch(p, lambda first, last: initial[first:last])

    calls = {
        "ep_gradient": lambda: ep_gradient(
            net, p, inputs, targets, seed=0, method=solver, **keywords
        ),
        "prepared": prepared(solver),
        "no sweep": prepared(GaussSeidel(tol=1e-4, dtype="float32", max_sweeps=0)),
    }
    result = calls["ep_gradient"]()
    rows = []
    many = {name: lambda call=call: [call() for _ in range(20)] for name, call in calls.items()}
    for name, seconds in interleaved(many, 5 if quick else 15).items():
        rows.append({"call": name, "microseconds": spread(seconds / 20, 1e6)})
    rows[0]["sweeps of the three phases, largest"] = [int(s) for s in result.iterations.max(axis=1)]
    rows[0]["unconverged"] = result.n_unconverged
    return rows
