"""Recommendations of notebook 06: what the measurements say to somebody who builds such a machine."""

import numpy as np

from .guidelines import (
    ESTIMATOR,
    PRECISION,
    best_beta,
    decay_lengths,
    either,
    end_networks,
    enough_states,
    epoch_cost,
    growth_powers,
    in_words,
    made_of,
    pooled_runs,
    rivals,
    trained_lengths,
)
from .measures import better, count, paired_p, solves
from .style import architecture, label, shells


def recommendations(tree):
    """Markdown table of recommendations, the numbers that they follow from, and where these are; the verdicts follow from the numbers."""
    rows = [
        *_of_density(tree),
        *_of_reach(tree),
        *_of_time(tree),
        *_of_states(tree),
        *_of_precision(tree),
    ]
    head = "| recommendation | measured | data: node of this notebook's results, figure |\n|---|---|---|\n"
    return head + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _of_density(tree):
    ds, by = made_of(tree)
    local, sites, same = rivals(by)
    error = by["error"]
    where = f"`density` (from {ds.attrs['source']}), 06_density"
    yield (
        f"**{either(error[local] < error[sites], 'Couple in local windows, not densely', 'Couple densely if wire is no concern')}**",
        f"{ds.attrs['task']}: {label(local)} errs on {error[local]:.2f} %, {label(sites)} on {error[sites]:.2f} % with "
        f"{by['n_couplings'][sites] / by['n_couplings'][local]:.1f} times the couplings and "
        f"{by['wire_length'][sites] / by['wire_length'][local]:.1f} times the wire, {label(same)} on {error[same]:.2f} % with about as "
        f"many couplings",
        where,
    )
    more = [n for n in error if n.startswith("lcl") and "shells" not in n and n != local]
    inner = [n for n in error if n.startswith("lcl") and "shells" in n]
    if more and inner:
        gain = {n: error[local] - error[n] for n in (more[0], inner[-1])}
        cost = {n: by["n_couplings"][n] - by["n_couplings"][local] for n in gain}
        verdict = either(
            gain[more[0]] > gain[inner[-1]],
            "Add channels rather than couplings within a layer",
            "Add couplings within a layer before channels",
        )
        yield (
            f"**{either(max(gain.values()) > 0, verdict, 'Add neither channels nor couplings within a layer')}**",
            "; ".join(
                f"{label(n)}: {-gain[n]:+.2f} points of error for {cost[n]:,.0f} couplings more"
                for n in gain
            ),
            where,
        )


def _of_reach(tree):
    few, many, skip, random = end_networks(tree)
    size = int(tree["reach"]["lattice_size"].values[-1])
    couplings = tree["reach"]["n_couplings"].sel(lattice_size=size)
    ranges = [n for n in couplings["network"].values if isinstance(architecture(n), int)]
    alike = min(
        ranges, key=lambda n: abs(float(couplings.sel(network=n) - couplings.sel(network=skip)))
    )
    xi = {n: decay_lengths(tree)[n, size] for n in dict.fromkeys((few, alike, many, skip, random))}

    def longer(a, b):
        return xi[a][0] - xi[b][0] > 2 * np.hypot(xi[a][1], xi[b][1])

    verdict = either(
        longer(skip, few),
        "Skips lengthen the reach, but no more than as many couplings of shells do",
        "Expect no reach from skips",
    )
    verdict = either(
        longer(skip, alike), "For reach, spend couplings on skips rather than on shells", verdict
    )
    yield (
        f"**{verdict}**",
        f"untrained {size}×{size}: "
        + "; ".join(
            f"{label(n)}, ξ = {xi[n][0]:.2f} ± {xi[n][1]:.2f} with {float(couplings.sel(network=n)):.0f} couplings"
            for n in xi
        ),
        "`reach`, 06_reach",
    )
    trained, distance = (
        trained_lengths(tree),
        int(tree["trained_reach"]["input_distance"].values[0]),
    )
    ends = tree["trained_reach"]["shells"].values[[0, -1]].tolist()
    pairs = {s: [trained[distance, s, w][0] for w in ("before", "after")] for s in ends}
    shorter = all(after < before for before, after in pairs.values())
    yield (
        f"**{either(shorter, 'Leave a margin in reach: training shortens it', 'Training does not shorten the reach everywhere')}**",
        f"inputs at distance {distance}: "
        + ", ".join(f"ξ {a:.1f} → {b:.1f} with {shells(s)}" for s, (a, b) in pairs.items()),
        f"`trained_reach` (from {tree['trained_reach'].attrs['source']}), 06_reach",
    )
    ds = tree["skips"].to_dataset().isel(placement=-1)
    runs = {n: solves(ds, network=n) for n in ds["network"].values}
    regular = next(n for n in runs if architecture(n) == "skip")
    dense = [n for n in runs if isinstance(architecture(n), int)]
    worse = either(
        better(runs[dense[0]], runs[regular]),
        "Do without skips",
        "Skips make no difference that these seeds decide",
    )
    verdict = either(
        better(runs[regular], runs[dense[0]]),
        "Bridge the distance to the inputs with regular skips",
        worse,
    )
    yield (
        f"**{verdict}**",
        f"XOR, {int(ds['lattice_size'])}×{int(ds['lattice_size'])}, inputs at distance {int(ds['input_distance'])}: "
        + "; ".join(
            f"{label(n)} {count(runs[n])} ({int(ds['n_couplings'].sel(network=n))} couplings)"
            for n in runs
        ),
        f"`skips` (from {tree['skips'].attrs['source']}), 03_skips",
    )


def _of_time(tree):
    ds = tree["relaxation"].to_dataset()
    powers, (few, many, skip, random) = growth_powers(tree, "time"), end_networks(tree)
    sizes = ds["lattice_size"].values[[0, -1]]
    time = ds["time"].median("seed")
    slower = float(
        time.sel(network=many, lattice_size=sizes[1]) / time.sel(network=few, lattice_size=sizes[1])
    )
    growth = either(
        max(powers.values()) < 1,
        "less than in proportion to",
        f"with up to the power {max(powers.values()):.1f} of",
    )
    yield (
        f"**Time to settle grows {growth} the edge; "
        f"{either(slower <= 1, 'longer couplings do not slow it', 'longer couplings cost time')}**",
        f"time to a torque of {ds.attrs['tolerance']:g}, {sizes[0]}×{sizes[0]} → {sizes[1]}×{sizes[1]}: "
        + "; ".join(
            f"{label(n)} {float(time.sel(network=n, lattice_size=sizes[0])):.0f} → {float(time.sel(network=n, lattice_size=sizes[1])):.0f} "
            f"(power {powers[n]:.1f} of the edge)"
            for n in (few, many, skip, random)
        ),
        "`relaxation`, 06_relaxation",
    )


def _of_states(tree):
    ds = tree["initial_states"].to_dataset()
    runs, enough = enough_states(ds)
    kinds, numbers = ds["shells"].values.tolist(), list(runs)
    text = "; ".join(
        f"{shells(k)} " + ", ".join(count(solves(ds, shells=k, initial_states=m)) for m in numbers)
        for k in kinds
    )
    cost = epoch_cost(ds).mean("shells")
    yield (
        f"**{either(runs[enough].any(), f'Train from M = {enough} initial states of each pattern', 'No M that was tried suffices')}**",
        f"XOR solved with M = {', '.join(map(str, numbers))}: {text}; sweeps an epoch: {', '.join(f'{float(c):,.0f}' for c in cost)}",
        "`initial_states`, 06_initial_states",
    )


def _of_precision(tree):
    best = {e: best_beta(tree, e) for e in ESTIMATOR}
    betas = tree["stopped_early"]["beta"].values
    small = pooled_runs(tree, "centered", betas[0])
    top = pooled_runs(tree, "centered", best["centered"])
    yield (
        f"**Nudge strongly: β ≈ {best['centered']:g}**"
        if best["centered"] > np.median(betas)
        else f"**Nudge with β ≈ {best['centered']:g}**",
        f"XOR over all precisions, centred: {count(top)} at β = {best['centered']:g}, {count(small)} at {betas[0]:g}, "
        f"{count(pooled_runs(tree, 'centered', betas[-1]))} at {betas[-1]:g}",
        "`stopped_early`, `readout_noise`, 06_precision",
    )
    shared = [b for b in betas if b <= best["centered"]]
    pooled = {e: np.concatenate([pooled_runs(tree, e, b) for b in shared]) for e in ESTIMATOR}
    ahead = max(pooled, key=lambda e: pooled[e].sum())
    p = paired_p(*pooled.values())
    above = [
        f"at β = {b:g} {ESTIMATOR['centered']} {count(pooled_runs(tree, 'centered', b))}, {ESTIMATOR['one_sided']} "
        f"{count(pooled_runs(tree, 'one_sided', b))}"
        for b in betas
        if b > best["centered"]
    ]
    yield (
        f"**{either(p < 0.05, f'Use the {ESTIMATOR[ahead]} estimator', 'Which estimator is better is not decided')}**",
        f"all precisions and β ≤ {best['centered']:g}: "
        + ", ".join(f"{ESTIMATOR[e]} {count(pooled[e])}" for e in ESTIMATOR)
        + f" (p = {p:.1g}, sign test over seeds); "
        + "; ".join(above),
        "`stopped_early`, `readout_noise`, 06_precision",
    )
    enough, counts = [], []
    for node, (dim, title, _) in PRECISION.items():
        runs = {
            v: solves(tree[node], estimator="centered", beta=best["centered"], **{dim: v})
            for v in tree[node][dim].values
        }
        good = [
            v for v, run in runs.items() if run.mean() >= 0.5 and not better(runs[min(runs)], run)
        ]
        name, unit = {"tolerance": ("torque", ""), "phase_error": ("phase error", " rad")}[dim]
        enough.append(
            f"a {name} of {max(good):g}{unit} is not shown to hurt"
            if good
            else f"no {name} tried is small enough"
        )
        counts.append(f"{title} {', '.join(f'{count(r)} ({v:g})' for v, r in runs.items())}")
    yield (
        f"**At that β {in_words(enough)}**",
        f"centred: {'; '.join(counts)}",
        "`stopped_early`, `readout_noise`, 06_precision",
    )
