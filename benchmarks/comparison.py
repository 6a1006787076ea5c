"""EP gradients of xyep beside those of the JAX and diffrax baseline."""

import numpy as np
from mnist import NETWORKS, images, trained
from timing import interleaved, seconds_of, spread
from tqdm import tqdm

from xyep.cost import as_cost
from xyep.contrast import (EPGradient)
from xyep.gradients import (ep_gradient)
from xyep.paper.studies import IMAGES
from xyep.relaxation import (random_phases, relax)
from xyep.solvers import (GaussSeidel)
from xyep.responses import circular_difference

#: Time per sample of one 784-120-10 gradient with the code published for arXiv:2402.08579, on two cores.
PUBLISHED = 1.5
#: Angle (radians) at some site beyond which two states of one sample are held to be in different basins.
APART = 0.5
THREADS = 2
#: Nudging strength of the earlier code.
BETA = 0.1
PRECISE = GaussSeidel(tol=1e-10, over_relaxation=IMAGES["solver"].over_relaxation)


class Samples:
    """The first n images with one random initial state each, of which a part may be taken."""

    def __init__(self, net, n):
        task = images()
        self.inputs, self.targets, self.initial = (
            task.inputs[:n],
            task.targets[:n],
            random_phases((n, net.n_free), 0),
        )

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, rows):
        return self.inputs[rows], self.targets[rows], self.initial[rows]


def batches(baseline, samples, size):
    """The baseline's gradient of each batch; what `Baseline.relax` returns, over all samples."""
    parts = [
        baseline.gradient(*samples[first : first + size])[1]
        for first in range(0, len(samples), size)
    ]
    return [np.concatenate(part) for part in zip(*parts)]


def xyep_gradients(net, parameters, estimator, samples, tol, aligned=False):
    """A call that takes the gradient of each batch and returns residuals and sweeps."""
    solver = GaussSeidel(
        tol=tol, dtype="float32", max_sweeps=2000, over_relaxation=IMAGES["solver"].over_relaxation
    )
    size = min(IMAGES["batch_size"], len(samples))
    keywords = {
        "beta": BETA,
        "cost": as_cost("log_cosine"),
        "solver": solver,
        "nudged_solver": solver,
    }
    batch = EPGradient(net, size, estimator=estimator, threads=THREADS, **keywords)

    def call():
        residuals, sweeps = [], []
        for first in range(0, len(samples), size):
            batch.load(samples.inputs, samples.targets, np.arange(first, first + size))
            start = samples.initial[first : first + size]
            batch(parameters, "aligned" if aligned else lambda a, b, start=start: start[a:b])
            residuals.append(batch.layout.per_sample(batch.residual).copy())
            sweeps.append(batch.layout.per_sample(batch.iterations).copy())
        return np.concatenate(residuals, axis=1), np.concatenate(sweeps, axis=1)

    return call


def agreement(net, parameters, estimator, samples, baseline):
    """Cosines between both gradients in float64 over the samples that ended in the same basins, and the count of the others.

    xyep starts from the same initial states, and once more from the baseline's free states.
    """
    states, _, _, at_pole = baseline.relax(*samples[:])
    row = {"samples": len(samples), "at the pole": int(at_pole.sum())}
    for head, initial in (("", samples.initial), ("from its free states: ", states[:, 0])):
        initial = np.concatenate([samples.inputs.astype(float), initial], axis=1)
        apart = _apart(net, parameters, samples, initial, baseline.betas, states)
        keep = ~at_pole & (apart < APART)
        row[head + "other basin"] = int((~at_pole & ~keep).sum())
        if keep.any():
            keywords = {"beta": BETA, "estimator": estimator, "method": PRECISE, "threads": THREADS}
            g = ep_gradient(
                net,
                parameters,
                samples.inputs[keep],
                samples.targets[keep],
                initial=initial[keep],
                **keywords,
            )
            a, b = g.parameters.flatten(), baseline.contrast(states, samples.inputs, keep)
            row[head + "cosine"] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            row[head + "largest angle apart"] = float(apart[keep].max())
    return row


def _apart(net, parameters, samples, initial, betas, states):
    """(sample,) largest angle between xyep's and the given (sample, phase, free site) states."""
    apart, free = np.zeros(len(samples)), initial
    for k, beta in enumerate((0.0, *betas)):
        if k == 0 or beta:
            keywords = {
                "targets": samples.targets,
                "beta": beta,
                "method": PRECISE,
                "threads": THREADS,
            }
            phases = relax(
                net, parameters, initial[:, : net.n_inputs], initial=free, **keywords
            ).phases
            free = phases if k == 0 else free
            apart = np.maximum(
                apart,
                np.abs(circular_difference(states[:, k], phases[:, net.n_inputs :])).max(axis=1),
            )
    return apart


def gradient_per_sample(quick=False):
    """Time per sample of one EP gradient: xyep, and a baseline of the same physics in JAX with diffrax.

    The baseline (`diffrax_baseline.py`) integrates to T = 300 at rtol = atol = 1e-3, as the code published for arXiv:2402.08579 does
    (which takes 1.5 s a sample for 784-120-10), or ends at diffrax's steady-state event ("steady"); float32, all cores, the fastest of a
    few batch sizes. xyep runs on two threads in batches of 128 from random initial states of which the baseline has the first, float32,
    to a tolerance equal to the median residual of the baseline: its largest is at most that. "Aligned" is xyep from the start that
    training uses, "to 1e-4" xyep to that tolerance. Residuals are max |∂(E+βC)/∂φ| over sites;
    median and largest are over samples and phases.

    "initial" are the initial parameters, "trained" those after an epoch of 6,000 images. At β < 0 the logarithmic cost has a pole, into
    which an untrained network's wrong outputs are drawn in most samples; the baseline's integration ends there (which shortens its time),
    its residual is left out and such samples are not compared. Training turns the outputs away from it, and the one-sided estimator of
    the earlier code never meets it.

    The cosine between the gradients is taken in float64, xyep at tol = 1e-10, with the baseline at the published tolerance, whose residual
    is an error of its gradient, and at 1e-8. Samples whose states lie more than 0.5 rad apart at any site and phase ended in another
    basin, and the rest is compared: a random state of an untrained network has many minima below it, and a sweep goes to another one
    than the flow in time does (`gradient_flow` goes to the baseline's). So all is compared once more with xyep started from the free
    states of the baseline, where what still differs has a mode too slow for T = 300; that unfinished drift cancels in the centred
    estimator and falls in full on the one-sided one.

    What bounds the baseline: an explicit integrator's step is limited by stability, about 3/λ_max of the Hessian, so T = 300 takes
    hundreds of steps of 6 evaluations in each phase at any tolerance (and the residual trembles about the tolerance), each with a
    sine and a cosine a site and products with a matrix only 10 wide, and a batch runs until its stiffest sample is done. xyep needs
    tens of sweeps without trigonometry; for 784-120-10 the field of the 784 inputs and their couplings' gradient, 0.4 million
    multiply-adds a sample, outweigh all sweeps together, for LCL the sweeps weigh most.
    """
    from diffrax_baseline import CORES, RTOL, Baseline

    n_epoch, many, repeats = (2_000, 256, 1) if quick else (6_000, 2048, 3)
    modes = (
        [("centered", False)]
        if quick
        else [("centered", False), ("centered", True), ("one_sided", False)]
    )
    rows, cosines = [], []
    for name in tqdm(("784-120-10", "LCL"), desc="gradient per sample"):
        net, n = NETWORKS[name](), (4 if quick else 32 if name == "784-120-10" else 16) * CORES // 2
        few = Samples(net, n)
        baselines = {mode: Baseline(net, mode[0], steady=mode[1]) for mode in modes}
        tolerances = (1e-8,) if quick else (RTOL, 1e-8)
        precise = {
            (mode[0], tol): Baseline(net, mode[0], "float64", tol)
            for mode in modes
            if not mode[1]
            for tol in tolerances
        }
        initial = net.init_parameters(0)
        size = n if quick else _fastest_batch(baselines[modes[0]], initial, few)
        for state, p in {"initial": initial, "trained": trained(net, n_epoch, THREADS)}.items():
            for (estimator, steady), baseline in baselines.items():
                baseline.load(p)
                row = {
                    "network": name,
                    "parameters": state,
                    "estimator": estimator,
                    "integration": "steady" if steady else "T = 300",
                }
                rows.append(
                    row | _time(net, p, estimator, baseline, few, size, Samples(net, many), repeats)
                )
            for (estimator, tol), baseline in precise.items():
                baseline.load(p)
                row = {
                    "network": name,
                    "parameters": state,
                    "estimator": estimator,
                    "rtol = atol": f"{tol:.0e}",
                }
                cosines.append(row | agreement(net, p, estimator, few, baseline))
    return {"inputs": images().name, "times": rows, "cosines": cosines}


def _fastest_batch(baseline, parameters, samples):
    baseline.load(parameters)
    seconds, n = {}, len(samples)
    for size in (n // 4, n // 2, n):
        batches(baseline, samples, size)
        seconds[size] = seconds_of(lambda size=size: batches(baseline, samples, size))[0]
    return min(seconds, key=seconds.get)


def _time(net, p, estimator, baseline, few, size, many, repeats):
    _, residual, steps, at_pole = batches(baseline, few, size)
    phases = 2 if estimator == "one_sided" or at_pole.all() else 3
    measured = residual[:, :phases][~at_pole | at_pole.all()]
    tol = float(np.median(measured))
    calls = {
        "diffrax": lambda: batches(baseline, few, size),
        "xyep": xyep_gradients(net, p, estimator, many, tol),
        "aligned": xyep_gradients(net, p, estimator, many, tol, aligned=True),
        "1e-4": xyep_gradients(net, p, estimator, many, 1e-4),
    }
    reached, sweeps = calls["xyep"]()
    per_sample = {
        key: seconds / len(few if key == "diffrax" else many)
        for key, seconds in interleaved(calls, repeats, ("diffrax",)).items()
    }
    return {
        "diffrax, ms": spread(per_sample["diffrax"], 1e3),
        "xyep, ms": spread(per_sample["xyep"], 1e3),
        "ratio": spread(per_sample["diffrax"] / per_sample["xyep"]),
        "ratio to 1.5 s": spread(PUBLISHED / per_sample["xyep"])
        if net.name == "layered_784-120-10"
        else "",
        "aligned, ms": spread(per_sample["aligned"], 1e3),
        "to 1e-4, ms": spread(per_sample["1e-4"], 1e3),
        "residual, diffrax": [tol, float(measured.max())],
        "residual, xyep": [float(np.median(reached[:phases])), float(reached.max())],
        "steps, diffrax": [int(k) for k in np.median(steps, axis=0)],
        "sweeps, xyep": [int(k) for k in np.median(sweeps, axis=1)],
        "batch, diffrax": size,
        "at the pole": f"{int(at_pole.sum())} of {len(few)}",
    }
