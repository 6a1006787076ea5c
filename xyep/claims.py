"""What the sections find: each statement with the number that supports or contradicts it, measured from a stored result."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .figures.responses import FRACTION
from .figures.style import architecture, in_order, label, lattice_size
from .figures.xor import SOLVED
from .responses import affected
from .studies import response_size


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, or of ours, and `measure`: a notebook's tree → ("reproduced", "not reproduced" or "partly", text)."""

    statement: str
    source: str
    notebook: str
    figure: str
    measure: Callable


def _verdict(*holds):
    return "reproduced" if all(holds) else "partly" if any(holds) else "not reproduced"


def _solved(ds):
    return int((ds["test_solved"] >= SOLVED).sum()), ds.sizes["seed"]


def _percent(values):
    values = 100 * np.asarray(values, float)
    return f"{values.mean():.2f} ± {values.std(ddof=1) if len(values) > 1 else 0.0:.2f} %"


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
    share = {n: np.divide(*_solved(nodes[n])) for n in [*dense, *lattices]}
    text = {n: "{}/{}".format(*_solved(nodes[n])) for n in share}
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
        f"{label(best)} {_percent(a['test_accuracy'])} with {a.attrs['n_couplings']:,} couplings; {label(best_dense)} "
        f"{_percent(b['test_accuracy'])} with {b.attrs['n_couplings']:,} ({a.sizes['seed']} seeds)"
    )
    return _verdict(_last(a) >= _last(b) - 0.003), text


def _compare(first, second, words):
    """Whether the second network answers more test images right than the first by more than their spread."""

    def measure(tree):
        a, b = (tree[n].to_dataset()["test_accuracy"].values for n in (first, second))
        error = np.sqrt(sum(np.var(x, ddof=1) / len(x) if len(x) > 1 else 0.0 for x in (a, b)))
        text = f"{label(first)} {_percent(a)}, {label(second)} {_percent(b)} ({len(a)} seeds)"
        return (words[0] if b.mean() - a.mean() > 2 * error else words[1] if a.mean() - b.mean() > 2 * error else "no difference"), text

    return measure


P = "paper"
BASICS = "01_equilibrium_propagation"
XOR, RESPONSES, MNIST = "02_xor_training", "03_xor_lattice_responses", "05_mnist_stacked_lattices"

CLAIMS = [
    Claim("Equilibrium propagation yields the gradient of the cost", "theory", BASICS, "01_gradient_error", _gradients),
    Claim("Lattices are harder to train than all-to-all networks", P, XOR, "02_success", _harder),
    Claim("Couplings of longer range help", P, XOR, "02_success_over_distance", _range),
    Claim("A lattice organises itself into affected and marginal regions", P, RESPONSES, "03_regions", _regions),
    Claim("Local lattices match dense networks with far fewer couplings", P, MNIST, "05_couplings", _sparse),
    Claim("More channels help", P, MNIST, "05_curves", _compare("lcl_1", "lcl_4", ("reproduced", "not reproduced"))),
    Claim("Weight sharing costs accuracy", P, MNIST, "05_curves", _compare("conv_1", "lcl_1", ("yes", "no"))),
    Claim("Couplings within the hidden lattice (4NSQ) matter", P, MNIST, "05_curves", _compare("lcl_1", "lcl_1_shells4", ("help", "harm"))),
]
