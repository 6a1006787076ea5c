"""Sweeps beside the physical dynamics integrated in time."""

from time import thread_time

import numpy as np
from sides import spread
from tqdm import tqdm

import xyep

#: Tolerances (rtol = atol) that the flow may choose its fastest from; the default is 1e-6.
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)

NETWORKS = {
    "lattice 11×11, shells=1": lambda: xyep.xor_lattice(11, 1),
    "lattice 11×11, shells=4": lambda: xyep.xor_lattice(11, 4),
    "layered 784-120-10": lambda: xyep.layered([784, 120, 10]),
}


def time_to_residual(quick, reference):
    """Time to a residual of 1e-8 of `fast` and of `gradient_flow`: 16 samples, float64, one thread.

    Both start from the same states; CPU time. A sweep costs less than one evaluation of the force,
    which needs a sine and a cosine a site; 7 evaluations make a step, which near rest is bounded by
    the stability of an explicit method, whatever the tolerance. Several random networks stand for
    each architecture; the ratio is of pairs. "Fastest" is the flow with the fastest of its
    tolerances, chosen for each network. Iterations are sweeps and evaluations: median sample, most.
    """
    networks, n, rows = 1 if quick else 7, 16, []
    for name, make in tqdm(NETWORKS.items(), desc="time to residual 1e-8"):
        net, seconds, iterations, unconverged = make(), {}, {}, 0
        for seed in range(networks):
            rng, p = np.random.default_rng(seed), net.init_parameters(seed)
            initial = rng.uniform(-np.pi, np.pi, (n, net.n_sites))
            initial[:, : net.n_inputs] /= 2
            if seed == 0:  # compiles
                _relax(net, p, initial, max_sweeps=1)
                _relax(net, p, initial, method="gradient_flow", max_steps=1)
            calls = {"fast": {}}
            calls |= {t: {"method": "gradient_flow", "rtol": t, "atol": t} for t in TOLERANCES}
            for key, options in calls.items():
                found = [
                    _relax(net, p, initial, **options) for _ in range(5 if key == "fast" else 1)
                ]
                seconds.setdefault(key, []).append(np.median([s for s, _ in found]))
                iterations.setdefault(key, []).append(found[0][1].iterations)
                unconverged += found[0][1].n_unconverged
        seconds = {key: np.array(values) for key, values in seconds.items()}
        seconds["fastest"] = np.min([seconds[tol] for tol in TOLERANCES], axis=0)
        row = {"network": name, "fast, µs a sample": spread(seconds["fast"], 1e6 / n)}
        for label, key in (("default", 1e-6), ("fastest", "fastest")):
            row[f"flow, {label}, µs a sample"] = spread(seconds[key], 1e6 / n)
            row[f"ratio, {label}"] = spread(seconds[key] / seconds["fast"])
        for label, key in (("sweeps", "fast"), ("evaluations", 1e-6)):
            row[label] = [int(np.median(iterations[key])), int(np.max(iterations[key]))]
        rows.append(row | {"unconverged": unconverged})
    return rows


def _relax(net, p, initial, **options):
    """CPU seconds and the equilibrium."""
    keywords = {"initial": initial, "tol": 1e-8, "warn": False, **options}
    start = thread_time()
    eq = xyep.relax(net, p, initial[:, : net.n_inputs], **keywords)
    return thread_time() - start, eq
