"""EP gradients of xyep beside those of the JAX and diffrax baseline."""

import warnings
from time import perf_counter

import numpy as np
from sides import spread
from tqdm import tqdm
from worker import IMAGES, Run, images, make_training, network, samples_of

import xyep

#: Seconds a sample of one 784-120-10 gradient with the code published for arXiv:2402.08579, on two
#: cores.
PUBLISHED = 1.5
#: Angle (radians) at some site beyond which two states of one sample count as in different basins.
APART = 0.5
THREADS, BETA, BATCH = 2, 0.1, 128


class Samples:
    """The first n images with one random initial state each, of which a part may be taken."""

    def __init__(self, net, n):
        self.inputs, initial = samples_of(net, n, 0)
        self.targets, self.free = np.asarray(images(n).targets, float), initial[:, net.n_inputs :]

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, rows):
        return self.inputs[rows], self.targets[rows], self.free[rows]


def trained(net, n):
    """Parameters after one epoch over the first n images."""
    bare = {"epochs": 1, "final_states": 0, "responses": ()}
    run = Run(net, images(n), make_training(**IMAGES | bare), 0, THREADS)
    run.advance()
    return run.parameters


def batches(baseline, samples, size):
    """The baseline's gradient of each batch; what `Baseline.relax` returns, over all samples."""
    cuts = range(0, len(samples), size)
    parts = [baseline.gradient(*samples[first : first + size])[1] for first in cuts]
    return [np.concatenate(part) for part in zip(*parts)]


def gradients(net, p, estimator, samples, tol, aligned=False):
    """The gradient of each batch; (phase, sample) residuals and sweeps."""
    options = {"tol": tol, "dtype": "float32", "max_sweeps": 2000, "threads": THREADS}
    found = []
    for first in range(0, len(samples), BATCH):
        inputs, targets, free = samples[first : first + BATCH]
        initial = "aligned" if aligned else np.concatenate([inputs, free], axis=1)
        start = {"initial": initial, **options}
        g = xyep.ep_gradient(net, p, inputs, targets, BETA, estimator, method="fast", **start)
        found.append((g.residual, g.iterations))
    return [np.concatenate(part, axis=1) for part in zip(*found)]


def agreement(net, p, estimator, samples, baseline):
    """Cosine of both gradients in float64, of the samples that ended in the same basins.

    xyep starts from the same initial states, and once more from the baseline's free states.
    """
    states, _, _, at_pole = baseline.relax(*samples[:])
    row = {"samples": len(samples), "at the pole": int(at_pole.sum())}
    for head, free in (("", samples.free), ("from its free states: ", states[:, 0])):
        initial = np.concatenate([samples.inputs, free], axis=1)
        apart = _apart(net, p, samples, initial, baseline.betas, states)
        keep = ~at_pole & (apart < APART)
        row[head + "other basin"] = int((~at_pole & ~keep).sum())
        row[head + "1 − cosine"] = row[head + "largest angle apart"] = "none to compare"
        if keep.any():
            options = {"initial": initial[keep], "tol": 1e-10, "threads": THREADS}
            inputs, targets = samples.inputs[keep], samples.targets[keep]
            g = xyep.ep_gradient(net, p, inputs, targets, BETA, estimator, method="fast", **options)
            a, b = g.parameters.flatten(), baseline.contrast(states, samples.inputs, keep)
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            row[head + "1 − cosine"] = float(1 - cosine)
            row[head + "largest angle apart"] = float(apart[keep].max())
    return row


def _apart(net, p, samples, initial, betas, states):
    """(sample,) largest angle between xyep's and the given (sample, phase, free site) states."""
    apart, free = np.zeros(len(samples)), initial
    for k, beta in enumerate((0.0, *betas)):
        if k == 0 or beta:
            options = {"targets": samples.targets, "beta": beta, "tol": 1e-10, "threads": THREADS}
            phases = xyep.relax(net, p, samples.inputs, initial=free, **options).phases
            free = phases if k == 0 else free
            away = np.abs(xyep.circular_difference(states[:, k], phases[:, net.n_inputs :]))
            apart = np.maximum(apart, away.max(axis=1))
    return apart


def gradient_per_sample(quick, reference):
    """Time per sample of one EP gradient, and of the same physics in JAX with diffrax.

    The baseline (`diffrax_baseline.py`) integrates to T = 300 at rtol = atol = 1e-3, as the code
    published for arXiv:2402.08579 does (which takes 1.5 s a sample for 784-120-10), or ends at
    diffrax's steady-state event ("steady"); float32, all cores, the fastest of a few batch sizes.
    `ep_gradient` runs on two threads in batches of 128 from random initial states of which the
    baseline has the first, float32, to a tolerance equal to the median residual of the baseline:
    its largest is at most that. "Aligned" is the start that training uses, "to 1e-4" another
    tolerance. Residuals are max |∂(E+βC)/∂φ| over sites; median and largest over samples, phases.

    "initial" are the initial parameters, "trained" those after an epoch of 6,000 images. At β < 0
    the logarithmic cost has a pole, into which an untrained network's wrong outputs are drawn in
    most samples; the baseline's integration ends there (which shortens its time), its residual is
    left out and such samples are not compared. Training turns the outputs away from it, and the
    one-sided estimator never meets it.

    The cosine is taken in float64, xyep at tol = 1e-10, the baseline at the published tolerance,
    whose residual is an error of its gradient, and at 1e-8. Samples whose states lie more than 0.5
    rad apart at any site and phase ended in another basin, and the rest is compared; and all once
    more with xyep started from the free states of the baseline, where what still differs has a mode
    too slow for T = 300. An explicit integrator's step is limited by stability, so that T = 300
    takes hundreds of steps of 6 evaluations in each phase at any tolerance.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they count is in the table
        return _gradient_per_sample(quick)


def _gradient_per_sample(quick):
    from diffrax_baseline import CORES, RTOL, Baseline

    n_epoch, many, repeats = (2_000, 256, 1) if quick else (6_000, 2048, 5)
    modes = [("centered", False), ("centered", True), ("one_sided", False)][: 1 if quick else 3]
    times, cosines = [], []
    for name in tqdm(("784-120-10", "LCL"), desc="gradient per sample"):
        net = network(name)
        n = (4 if quick else 32 if name == "784-120-10" else 16) * max(1, CORES // 2)
        few = Samples(net, n)
        baselines = {mode: Baseline(net, mode[0], steady=mode[1]) for mode in modes}
        precise = {
            (mode[0], tol): Baseline(net, mode[0], "float64", tol)
            for mode in modes
            if not mode[1]
            for tol in ((1e-8,) if quick else (RTOL, 1e-8))
        }
        initial = net.init_parameters(0)
        size = n if quick else _fastest_batch(baselines[modes[0]], initial, few)
        for state, p in {"initial": initial, "trained": trained(net, n_epoch)}.items():
            about = {"network": name, "inputs": images(1).name, "parameters": state}
            for (estimator, steady), baseline in baselines.items():
                baseline.load(p)
                row = {"estimator": estimator, "integration": "steady" if steady else "T = 300"}
                row |= _time(net, p, estimator, baseline, few, size, Samples(net, many), repeats)
                times.append(about | row)
            for (estimator, tol), baseline in precise.items():
                baseline.load(p)
                row = {"estimator": estimator, "rtol = atol": tol}
                cosines.append(about | row | agreement(net, p, estimator, few, baseline))
    return {"times": times, "cosines": cosines}


def _seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def _fastest_batch(baseline, parameters, samples):
    baseline.load(parameters)
    seconds, n = {}, len(samples)
    for size in (n // 4, n // 2, n):
        batches(baseline, samples, size)
        seconds[size] = _seconds(lambda size=size: batches(baseline, samples, size))
    return min(seconds, key=seconds.get)


def _time(net, p, estimator, baseline, few, size, many, repeats):
    _, residual, steps, at_pole = batches(baseline, few, size)
    phases = 2 if estimator == "one_sided" or at_pole.all() else 3
    measured = residual[:, :phases][~at_pole | at_pole.all()]
    tol = float(np.median(measured))
    calls = {
        "diffrax": lambda: batches(baseline, few, size),
        "xyep": lambda: gradients(net, p, estimator, many, tol),
        "aligned": lambda: gradients(net, p, estimator, many, tol, aligned=True),
        "1e-4": lambda: gradients(net, p, estimator, many, 1e-4),
    }
    reached, sweeps = calls["xyep"]()
    seconds = {key: np.empty(repeats) for key in calls}
    calls["aligned"]()  # compiled before the clock starts, as the others
    for r in range(repeats):
        for key, call in calls.items():
            seconds[key][r] = _seconds(call) / len(few if key == "diffrax" else many)
    published = spread(PUBLISHED / seconds["xyep"]) if "784" in net.name else ""
    return {
        "diffrax, ms": spread(seconds["diffrax"], 1e3),
        "xyep, ms": spread(seconds["xyep"], 1e3),
        "ratio": spread(seconds["diffrax"] / seconds["xyep"]),
        "1.5 s / xyep": published,
        "aligned, ms": spread(seconds["aligned"], 1e3),
        "to 1e-4, ms": spread(seconds["1e-4"], 1e3),
        "residual, diffrax": [tol, float(measured.max())],
        "residual, xyep": [float(np.median(reached[:phases])), float(reached.max())],
        "steps, diffrax": [int(k) for k in np.median(steps, axis=0)],
        "sweeps, xyep": [int(k) for k in np.median(sweeps, axis=1)],
        "batch, diffrax": size,
        "at the pole": f"{int(at_pole.sum())} of {len(few)}",
    }
