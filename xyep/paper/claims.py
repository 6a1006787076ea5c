"""What the sections find: each statement with the number that supports or contradicts it, measured from a stored result."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from ..responses import affected
from .figures.iris import best_pair, long_label
from .figures.measures import FRACTION, SOLVED, better, count, p_value, percent, solves
from .figures.style import architecture, in_order, label, lattice_size, shells
from .studies import response_size


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, or of ours, and `measure`: a notebook's tree → (verdict, text)."""

    statement: str
    source: str
    notebook: str
    figure: str
    measure: Callable


def _verdict(*holds):
    return "reproduced" if all(holds) else "partly" if any(holds) else "not reproduced"


def _gradients(tree):
    """Powers of β with which the estimators' errors fall."""
    ds = tree["gradient_error"].to_dataset()
    small = ds.sel(beta=ds["beta"] <= 0.1)
    error = np.log(small["relative_error"].median("seed"))
    power = (
        error.assign_coords(beta=np.log(small["beta"]))
        .polyfit("beta", 1)["polyfit_coefficients"]
        .sel(degree=1)
    )
    low, high = power.min("network"), power.max("network")
    span = {
        e: (float(low.sel(estimator=e)), float(high.sel(estimator=e)))
        for e in ("centered", "one_sided")
    }
    smallest = float(ds["relative_error"].isel(beta=0).sel(estimator="centered").max())
    text = (
        f"error ∝ β^{span['centered'][0]:.2f}–{span['centered'][1]:.2f} centred, β^{span['one_sided'][0]:.2f}–{span['one_sided'][1]:.2f} "
        f"one-sided (medians of {ds.sizes['seed']} networks each); largest error at β = {float(ds['beta'][0]):g}: {smallest:.0e}"
    )
    near = [abs(p - 2) < 0.2 for p in span["centered"]] + [
        abs(p - 1) < 0.2 for p in span["one_sided"]
    ]
    return _verdict(*near), text


def _harder(tree):
    """Lattices against all-to-all networks on XOR; harder is what fewer seeds solve, at p < 0.05."""
    nodes = {n: tree[n].to_dataset() for n in in_order(tree) if "cost" in tree[n]}
    dense = [n for n in nodes if architecture(n) == "all_to_all"]
    big = max(map(lattice_size, nodes))
    lattices = [n for n in nodes if lattice_size(n) == big and architecture(n) in (1, 4)]
    where = {"near": ", inputs beside the output", "far": ", inputs far"}
    words = [
        f"{label(n)}{where.get(n.partition('_')[0], '')} {count(solves(nodes[n]))}"
        for n in [*dense, *lattices]
    ]
    worst = solves(nodes[min(dense, key=lambda n: solves(nodes[n]).mean())])
    harder = [better(worst, solves(nodes[n])) for n in lattices]
    text = f"seeds that solve XOR: {'; '.join(words)}; significantly fewer for {sum(harder)} of these {len(lattices)} lattices"
    return _verdict(*harder), text


def _range(tree):
    """Success over the range of the couplings, on the largest lattice at distance 3."""
    ds = tree["success"].to_dataset()
    ds = ds.sel(lattice_size=ds["lattice_size"].max(), distance=3)
    runs = {int(s): solves(ds, shells=s) for s in ds["shells"]}
    few, many, size = runs[min(runs)], runs[max(runs)], int(ds["lattice_size"])
    text = ", ".join(f"{count(r)} ({shells(s)})" for s, r in runs.items())
    text = f"{size}×{size}, inputs at distance 3: {text}; most against fewest shells p = {p_value(few, many):.1g}"
    return _verdict(better(many, few)), text


def _regions(tree):
    """Affected share of the lattice before and after training, in runs that solve XOR."""
    before, after, runs = [], [], 0
    for node in tree.values():
        ds = node.to_dataset()
        if "nudge_response" not in ds:
            continue
        free, keep = ds["role"] != "input", np.flatnonzero(ds["test_solved"] >= SOLVED)
        share = (
            affected(response_size(ds).where(free), FRACTION).sum("site") / int(free.sum())
        ).isel(seed=keep)
        before, after, runs = (
            [*before, *share.isel(snapshot=0).values],
            [*after, *share.isel(snapshot=-1).values],
            runs + len(keep),
        )
    fell = np.mean(np.array(after) < np.array(before)) if runs else 0.0
    text = (
        f"affected share of the lattice {100 * np.median(before):.0f} % → {100 * np.median(after):.0f} % (medians of {runs} runs that "
        f"solve XOR); it falls in {100 * fell:.0f} % of them"
    )
    return _verdict(fell > 0.75), text


def _nodes(tree):
    return {n: tree[n].to_dataset() for n in in_order(tree) if "test_accuracy" in tree[n]}


def _last(ds, name="test_accuracy"):
    """Mean over seeds, after the last epoch."""
    return float(ds[name].mean()) if ds[name].ndim == 1 else float(ds[name][:, -1].mean())


def _best(nodes):
    """The network that is best on validation data."""
    return max(nodes, key=lambda n: _last(nodes[n], "validation_accuracy"))


def _sparse(tree):
    """The best local stack of at most a quarter of the couplings of the best dense network, both chosen on validation images."""
    nodes = {n: ds for n, ds in _nodes(tree).items() if not n.startswith("digits")}
    dense = _best({n: ds for n, ds in nodes.items() if n.startswith("layered")})
    limit = nodes[dense].attrs["n_couplings"] / 4
    local = _best(
        {
            n: ds
            for n, ds in nodes.items()
            if not n.startswith("layered") and ds.attrs["n_couplings"] <= limit
        }
    )
    a, b = nodes[local], nodes[dense]
    text = (
        f"{label(local)} {percent(a['test_accuracy'])} with {a.attrs['n_couplings']:,} couplings; {label(dense)} "
        f"{percent(b['test_accuracy'])} with {b.attrs['n_couplings']:,} ({a.sizes['seed']} seeds)"
    )
    return _verdict(_last(a) >= _last(b) - 0.003), text


def _compare(first, second, words):
    """Whether the second network answers more test images right than the first, by more than two standard errors of the difference."""

    def measure(tree):
        a, b = (tree[n].to_dataset()["test_accuracy"].values for n in (first, second))
        error = np.sqrt(sum(np.var(x, ddof=1) / len(x) for x in (a, b)))
        text = f"{label(first)} {percent(a)}, {label(second)} {percent(b)} ({len(a)} seeds)"
        return (
            words[0]
            if b.mean() - a.mean() > 2 * error
            else words[1]
            if a.mean() - b.mean() > 2 * error
            else "not decided"
        ), text

    return measure


def _iris(tree):
    """The best lattice against the best all-to-all network, run by run: not worse by more than one standard error."""
    nodes = _nodes(tree)
    lattice, dense, difference = best_pair(nodes)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    text = (
        f"{long_label(lattice)} {percent(nodes[lattice]['test_accuracy'])}, {label(dense)} {percent(nodes[dense]['test_accuracy'])}; "
        f"difference {difference.mean():+.1f} ± {error:.1f} points (standard error, {len(difference)} seeds and folds)"
    )
    return _verdict(difference.mean() >= -error), text


def _size(tree):
    """Lattices of the shortest and longest range, smallest against largest, with inputs beside the outputs and opposite to them.

    Holds if accuracy falls by less than 3 points where the distance stays the same, and by more where it grows.
    """
    nodes = {n: ds for n, ds in _nodes(tree).items() if "square" in n and "skips" not in n}
    kinds, fall, words = sorted({architecture(n) for n in nodes}), {"beside": [], "edges": []}, []
    for place in fall:
        for kind in (kinds[0], kinds[-1]):
            names = [n for n in nodes if n.startswith(place) and architecture(n) == kind]
            ends = [100 * _last(nodes[n]) for n in (names[0], names[-1])]
            fall[place].append(ends[0] - ends[1])
            words.append(
                f"{long_label(names[0])} {ends[0]:.1f} % → {lattice_size(names[-1])}×{lattice_size(names[-1])} {ends[1]:.1f} %"
            )
    return _verdict(
        max(fall["beside"]) < 3, min(fall["edges"]) > 3
    ), f"{'; '.join(words)} ({next(iter(nodes.values())).sizes['seed']} seeds)"


def _skips(tree):
    """Nearest neighbours with and without regular skips, at the greatest distance: success, and what is left of the response."""
    ds = tree["skips"].to_dataset().isel(placement=-1)
    runs = {str(n): solves(ds, network=n) for n in ds["network"].values}
    few, skip = next(iter(runs)), next(n for n in runs if architecture(n) == "skip")
    share = ds["far_response"] / ds["output_response"]
    before, after = (
        {n: share.sel(network=n).isel(snapshot=k).values for n in (few, skip)} for k in (0, -1)
    )
    size, p = (
        int(ds["lattice_size"]),
        float(mannwhitneyu(after[skip], after[few], alternative="greater").pvalue),
    )
    kept = ", ".join(
        f"{label(n)} {np.median(before[n]):.2g} → {np.median(after[n]):.2g}" for n in (few, skip)
    )
    text = (
        f"{size}×{size}, inputs at distance {int(ds['input_distance'])}, seeds that solve XOR: "
        f"{', '.join(f'{label(n)} {count(r)}' for n, r in runs.items())}; median share of the output's response left at distance ≥ "
        f"{ds.attrs['far']}, before → after training: {kept} (after, one-sided Mann–Whitney, p = {p:.1g})"
    )
    return _verdict(better(runs[skip], runs[few]), p < 0.05), text


def _digits(tree):
    """The local network that is best on validation digits against the 95.0 % of the earlier code."""
    nodes = {n: ds for n, ds in _nodes(tree).items() if n.startswith("digits_")}
    tuned = tree["digits_tuning"]["validation_accuracy"]
    best = max(
        (n for n in nodes if "layered" not in n), key=lambda n: float(tuned.sel(network=n).max())
    )
    others = "; ".join(
        f"{label(n)} {percent(ds['test_accuracy'])}" for n, ds in nodes.items() if n != best
    )
    seeds = nodes[best].sizes["seed"]
    text = f"{label(best)} {percent(nodes[best]['test_accuracy'])} ({seeds} seeds, last epoch, moved copies of training images); {others}"
    return _verdict(_last(nodes[best]) > 0.95), text


PAPER, ASKED, OURS = "paper", "the paper's question", "ours"
BASICS, IRIS = "01_equilibrium_propagation", "04_iris_system_size"
XOR, RESPONSES, MNIST = "02_xor_training", "03_xor_lattice_responses", "05_mnist_stacked_lattices"

CLAIMS = [
    Claim(
        "Equilibrium propagation yields the gradient of the cost",
        "theory",
        BASICS,
        "01_gradient_error",
        _gradients,
    ),
    Claim(
        "Lattices are harder to train than all-to-all networks", PAPER, XOR, "02_success", _harder
    ),
    Claim("Couplings of longer range help", PAPER, XOR, "02_success_over_distance", _range),
    Claim(
        "Skip couplings help, and leave a larger long-range response after training",
        PAPER,
        RESPONSES,
        "03_skips",
        _skips,
    ),
    Claim(
        "A lattice organises itself into affected and marginal regions",
        PAPER,
        RESPONSES,
        "03_regions",
        _regions,
    ),
    Claim(
        "Local lattices reach results comparable to dense networks: Iris",
        PAPER,
        IRIS,
        "04_couplings",
        _iris,
    ),
    Claim("Distance, not size, makes a lattice hard to train", OURS, IRIS, "04_size", _size),
    Claim(
        "Local lattices with at most a quarter of the couplings are comparable to dense ones",
        PAPER,
        MNIST,
        "05_couplings",
        _sparse,
    ),
    Claim(
        "Do more channels help?",
        ASKED,
        MNIST,
        "05_curves",
        _compare("lcl_1", "lcl_4", ("yes", "no")),
    ),
    Claim(
        "Does weight sharing help, at one channel?",
        ASKED,
        MNIST,
        "05_curves",
        _compare("lcl_1", "conv_1", ("yes", "it costs")),
    ),
    Claim(
        "Does weight sharing help, at four channels?",
        ASKED,
        MNIST,
        "05_curves",
        _compare("lcl_4", "conv_4", ("yes", "it costs")),
    ),
    Claim(
        "Do couplings within the lattice help, SQ?",
        ASKED,
        MNIST,
        "05_curves",
        _compare("lcl_1", "lcl_1_shells1", ("yes", "they cost")),
    ),
    Claim(
        "Do couplings within the lattice help, 4NSQ?",
        ASKED,
        MNIST,
        "05_curves",
        _compare("lcl_1", "lcl_1_shells4", ("yes", "they cost")),
    ),
    Claim(
        "8×8 digits: better than the 95.0 % of the earlier code", OURS, MNIST, "05_digits", _digits
    ),
]
