"""What the sections find: each statement with the number that supports or contradicts it, measured from a stored result."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .figures.measures import FRACTION, SOLVED, count, percent, solves
from .figures.style import architecture, in_order, label, lattice_size
from .responses import affected
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
    power = error.assign_coords(beta=np.log(small["beta"])).polyfit("beta", 1)["polyfit_coefficients"].sel(degree=1)
    low, high = power.min("network"), power.max("network")
    span = {e: (float(low.sel(estimator=e)), float(high.sel(estimator=e))) for e in ("centered", "one_sided")}
    smallest = float(ds["relative_error"].isel(beta=0).sel(estimator="centered").max())
    text = (
        f"error ∝ β^{span['centered'][0]:.2f}–{span['centered'][1]:.2f} centred, β^{span['one_sided'][0]:.2f}–{span['one_sided'][1]:.2f} "
        f"one-sided (medians of {ds.sizes['seed']} networks each); largest error at β = {float(ds['beta'][0]):g}: {smallest:.0e}"
    )
    near = [abs(p - 2) < 0.2 for p in span["centered"]] + [abs(p - 1) < 0.2 for p in span["one_sided"]]
    return _verdict(*near), text


def _harder(tree):
    """Lattices against all-to-all networks on XOR."""
    nodes = {n: tree[n].to_dataset() for n in in_order(tree) if "cost" in tree[n]}
    dense = [n for n in nodes if architecture(n) == "all_to_all"]
    big = max(map(lattice_size, nodes))
    lattices = [n for n in nodes if lattice_size(n) == big and architecture(n) in (1, 4)]
    share = {n: solves(nodes[n]).mean() for n in [*dense, *lattices]}
    text = {n: count(solves(nodes[n])) for n in share}
    where = {"near": "inputs beside the output", "far": "inputs far"}
    words = [f"{label(n)} {text[n]}" for n in dense] + [f"{label(n)}, {where[n.partition('_')[0]]} {text[n]}" for n in lattices]
    worst = min(share[n] for n in dense)
    return _verdict(*(share[n] < worst for n in lattices)), "seeds that solve XOR: " + "; ".join(words)


def _range(tree):
    """Reach of learning over the range of the couplings."""
    ds = tree["success"].to_dataset()
    size = int(ds["lattice_size"].max())
    solved = (ds["test_solved"].sel(lattice_size=size) >= SOLVED).sum("seed")
    far = 3 if 3 in ds["distance"] else int(ds["distance"].max())
    counts = {int(s): int(solved.sel(distance=far, shells=s)) for s in ds["shells"]}
    low, high = min(counts), max(counts)
    text = f"{size}×{size}, inputs at distance {far}: "
    text += ", ".join(f"{k}/{ds.sizes['seed']} ({s} shell{'s' * (s > 1)})" for s, k in counts.items())
    return _verdict(counts[high] > counts[low]), text


def _regions(tree):
    """Affected share of the lattice before and after training, in runs that solve XOR."""
    before, after, runs = [], [], 0
    for node in tree.values():
        ds = node.to_dataset()
        if "nudge_response" not in ds:
            continue
        free, keep = ds["role"] != "input", np.flatnonzero(ds["test_solved"] >= SOLVED)
        share = (affected(response_size(ds).where(free), FRACTION).sum("site") / int(free.sum())).isel(seed=keep)
        before, after, runs = [*before, *share.isel(snapshot=0).values], [*after, *share.isel(snapshot=-1).values], runs + len(keep)
    fell = np.mean(np.array(after) < np.array(before)) if runs else 0.0
    text = (
        f"affected share of the lattice {100 * np.median(before):.0f} % → {100 * np.median(after):.0f} % (medians of {runs} runs that "
        f"solve XOR); it falls in {100 * fell:.0f} % of them"
    )
    return _verdict(fell > 0.75), text


def _images(tree):
    return {n: tree[n].to_dataset() for n in in_order(tree)}


def _last(ds, name="test_accuracy"):
    return float(ds[name].mean()) if ds[name].ndim == 1 else float(ds[name][:, -1].mean())


def _sparse(tree):
    """The best local stack of at most a quarter of the couplings of the best dense network, both chosen on validation images."""
    nodes = _images(tree)
    dense = [n for n in nodes if n.startswith("layered")]
    best_dense = max(dense, key=lambda n: _last(nodes[n], "validation_accuracy"))
    limit = nodes[best_dense].attrs["n_couplings"] / 4
    local = [n for n in nodes if n.startswith(("lcl", "conv")) and nodes[n].attrs["n_couplings"] <= limit]
    best = max(local, key=lambda n: _last(nodes[n], "validation_accuracy"))
    a, b = nodes[best], nodes[best_dense]
    text = (
        f"{label(best)} {percent(a['test_accuracy'])} with {a.attrs['n_couplings']:,} couplings; {label(best_dense)} "
        f"{percent(b['test_accuracy'])} with {b.attrs['n_couplings']:,} ({a.sizes['seed']} seeds)"
    )
    return _verdict(_last(a) >= _last(b) - 0.003), text


def _compare(first, second, words):
    """Whether the second network answers more test images right than the first by more than their spread."""

    def measure(tree):
        a, b = (tree[n].to_dataset()["test_accuracy"].values for n in (first, second))
        error = np.sqrt(sum(np.var(x, ddof=1) / len(x) if len(x) > 1 else 0.0 for x in (a, b)))
        text = f"{label(first)} {percent(a)}, {label(second)} {percent(b)} ({len(a)} seeds)"
        return (words[0] if b.mean() - a.mean() > 2 * error else words[1] if a.mean() - b.mean() > 2 * error else "no difference"), text

    return measure


def _iris(tree):
    """The best lattice against the best all-to-all network, both chosen on validation flowers; one standard error of the difference."""
    nodes = {n: tree[n].to_dataset() for n in in_order(tree) if "test_accuracy" in tree[n]}
    groups = {kind: [n for n in nodes if kind in n and "skips" not in n] for kind in ("square", "all_to_all")}
    best = [max(names, key=lambda n: _last(nodes[n], "validation_accuracy")) for names in groups.values()]
    a, b = (nodes[n]["test_accuracy"].values for n in best)
    error = np.sqrt(np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b)) if len(a) > 1 else np.nan
    text = f"{label(best[0])} {percent(a)}, {label(best[1])} {percent(b)} ({len(a)} seeds and folds; standard error {100 * error:.1f})"
    return _verdict(a.mean() >= b.mean() - error), text


def _size(tree):
    """Lattices of the longest and shortest range over their size, with inputs beside the outputs and opposite to them."""
    nodes = {n: tree[n].to_dataset() for n in in_order(tree) if "test_accuracy" in tree[n] and "square" in n and "skips" not in n}
    fall, words = {}, []
    for place, text in (("beside", "inputs beside outputs"), ("edges", "on opposite edges")):
        for kind in sorted({architecture(n) for n in nodes})[:: max(1, len({architecture(n) for n in nodes}) - 1)]:
            names = [n for n in nodes if n.startswith(place) and architecture(n) == kind]
            first, last = names[0], names[-1]
            fall[place, kind] = _last(nodes[first]) - _last(nodes[last])
            words.append(f"{text}, {label(first)} {100 * _last(nodes[first]):.1f} % → {label(last)} {100 * _last(nodes[last]):.1f} %")
    near, far = ([v for (p, _), v in fall.items() if p == place] for place in ("beside", "edges"))
    return _verdict(max(near) < 0.03, min(far) > 0.03), "; ".join(words)


def _skips(tree):
    """Lattices with long skips against those of nearest neighbours, on the largest lattice."""
    ds = tree["skips"].to_dataset().isel(placement=-1)
    solved = (ds["test_solved"] >= SOLVED).sum("seed")
    count = {str(n): int(solved.sel(network=n)) for n in ds["network"].values}
    few, regular = next(iter(count)), next(n for n in count if architecture(n) == "skip")
    kept = (ds["far_response"] / ds["output_response"]).isel(snapshot=-1).median("seed")
    text = (
        f"{int(ds['lattice_size'])}×{int(ds['lattice_size'])}, inputs at distance {int(ds['input_distance'])}, seeds of {ds.sizes['seed']} "
        f"that solve XOR: {', '.join(f'{label(n)} {k}' for n, k in count.items())}; share of the output's response left at distance ≥ "
        f"{ds.attrs['far']} after training: {', '.join(f'{label(n)} {float(kept.sel(network=n)):.2g}' for n in (few, regular))}"
    )
    return _verdict(count[regular] > count[few], float(kept.sel(network=regular)) > float(kept.sel(network=few))), text


def _digits(tree):
    """Local networks on 8×8 digits against the 95.0 % of the earlier code."""
    small = {n: tree[n].to_dataset() for n in in_order(tree) if n.startswith("digits_") and "test_accuracy" in tree[n]}
    text = "; ".join(f"{label(n)} {percent(ds['test_accuracy'])}" for n, ds in small.items())
    best = max(_last(ds) for n, ds in small.items() if "layered" not in n)
    return _verdict(best > 0.95), f"{text} ({next(iter(small.values())).sizes['seed']} seeds, last epoch)"


P = "paper"
BASICS, IRIS = "01_equilibrium_propagation", "04_iris_system_size"
XOR, RESPONSES, MNIST = "02_xor_training", "03_xor_lattice_responses", "05_mnist_stacked_lattices"

CLAIMS = [
    Claim("Equilibrium propagation yields the gradient of the cost", "theory", BASICS, "01_gradient_error", _gradients),
    Claim("Lattices are harder to train than all-to-all networks", P, XOR, "02_success", _harder),
    Claim("Couplings of longer range help", P, XOR, "02_success_over_distance", _range),
    Claim("Skip couplings help, and keep long-range responses alive in training", P, RESPONSES, "03_skips", _skips),
    Claim("A lattice organises itself into affected and marginal regions", P, RESPONSES, "03_regions", _regions),
    Claim("On Iris the best lattice matches all-to-all networks", P, IRIS, "04_couplings", _iris),
    Claim("Distance, not size, makes a lattice hard to train", "ours", IRIS, "04_size", _size),
    Claim("Local lattices match dense networks with at most a quarter of the couplings", P, MNIST, "05_couplings", _sparse),
    Claim("More channels help", P, MNIST, "05_curves", _compare("lcl_1", "lcl_4", ("reproduced", "not reproduced"))),
    Claim("Weight sharing at one channel", P, MNIST, "05_curves", _compare("lcl_1", "conv_1", ("helps", "costs"))),
    Claim("Weight sharing at four channels", P, MNIST, "05_curves", _compare("lcl_4", "conv_4", ("helps", "costs"))),
    Claim("Couplings within the hidden lattice, SQ", P, MNIST, "05_curves", _compare("lcl_1", "lcl_1_shells1", ("help", "cost"))),
    Claim("Couplings within the hidden lattice, 4NSQ", P, MNIST, "05_curves", _compare("lcl_1", "lcl_1_shells4", ("help", "cost"))),
    Claim("8×8 digits, above the earlier code's 95.0 %", "ours", MNIST, "05_digits", _digits),
]
