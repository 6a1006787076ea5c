"""Random networks of every architecture, and what the tests measure on them.

Hypothesis draws the structure (architecture, size, range, periodic or not, skips, defects, which
sites are clamped and read, which feel a bias) and a seed, from which the numbers follow.
"""

import warnings
from typing import NamedTuple
from zlib import crc32

import numpy as np
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from xyep.cost import CrossEntropy, as_cost
from xyep.energy import hessian
from xyep.lattices import CELLS, UnitCell, all_to_all, lattice, layered, stacked_lattices
from xyep.network import Network, Parameters

#: A square lattice without every fourth site, by its bonds.
LIEB = UnitCell(
    vectors=[[0, 2], [2, 0]],
    sites=[[0, 0], [1, 0], [0, 1]],
    bonds=[(0, 1, (0, 0)), (0, 2, (0, 0)), (1, 0, (0, 1)), (2, 0, (1, 0))],
    name="lieb",
)
#: Two rungs a cell and diagonals: one direction in the plane, bonds of two lengths.
LADDER = UnitCell(
    vectors=[[1.0, 0.0]],
    sites=[[0.0, 0.0], [0.0, 1.0]],
    bonds=[(0, 1, (0,)), (0, 0, (1,)), (1, 1, (1,)), (0, 1, (1,))],
    name="ladder",
)
KINDS = {**CELLS, "lieb": LIEB, "ladder": LADDER}
#: Smallest and largest number of cells along a direction of an open lattice, and the periodic
#: lattices in which no coupling meets itself.
OPEN_CELLS = {
    "square": (2, 5),
    "triangular": (2, 5),
    "honeycomb": (2, 3),
    "kagome": (2, 3),
    "cubic": (2, 3),
    "lieb": (2, 3),
    "ladder": (2, 8),
}
PERIODIC = {
    "square": [((3, 3), 1), ((3, 4), 2), ((5, 5), 3), ((5, 5), 4)],
    "triangular": [((3, 3), 1), ((4, 4), 2), ((5, 5), 3)],
    "honeycomb": [((3, 3), 1), ((3, 3), 2), ((3, 3), 3)],
    "kagome": [((3, 3), 1), ((3, 3), 2), ((3, 3), 3)],
    "cubic": [((3, 3, 3), 1), ((3, 3, 3), 2), ((3, 3, 3), 3)],
    "lieb": [((3, 3), 1), ((4, 3), 1)],
    "ladder": [((3,), 1), ((7,), 1)],
}


class Case(NamedTuple):
    """A network with parameters and a batch of samples."""

    net: Network
    parameters: Parameters
    inputs: np.ndarray
    targets: np.ndarray
    rng: np.random.Generator

    @property
    def scale(self):
        """Largest field that a site can feel, the unit of rounding errors and of stiffness."""
        p, net = self.parameters, self.net
        strength = np.repeat(np.abs(p.couplings[net.parameter]), 2)
        return float(
            np.max(np.bincount(net.edges.ravel(), strength, net.n_sites) + np.abs(p.bias_amplitude))
        )

    def initial(self):
        """Random phases of all sites, the inputs clamped."""
        free = self.rng.uniform(-np.pi, np.pi, (len(self.inputs), self.net.n_free))
        return np.concatenate([self.inputs, free], axis=1)

    def softest(self, phases):
        """Smallest eigenvalue of the Hessian over the free sites in one state."""
        n = self.net.n_inputs
        return float(
            np.linalg.eigvalsh(hessian(self.net, self.parameters, phases).toarray()[n:, n:])[0]
        )


@st.composite
def lattices(draw, kind=None):
    """A lattice of any kind, open, periodic or a cylinder, with or without skip couplings."""
    kind = draw(st.sampled_from(sorted(KINDS))) if kind is None else kind
    cell = KINDS[kind]
    directions, basis = len(cell.vectors), len(cell.sites)
    options = {}
    if draw(st.booleans()):
        shape, shells = draw(st.sampled_from(PERIODIC[kind]))
        options["periodic"] = [True] + [draw(st.booleans()) for _ in shape[1:]]
    else:
        shape = tuple(draw(st.integers(*OPEN_CELLS[kind])) for _ in range(directions))
        shells = 1 if cell.bonds else draw(st.integers(1, 4))
        options = draw(st.sampled_from([{}, {}, {"skip_range": 2}, {"skips": 2}]))
    full = (*shape, basis) if basis > 1 else shape
    sites = [
        tuple(map(int, np.unravel_index(s, full)))
        for s in draw(st.permutations(range(int(np.prod(full)))))
    ]
    n_inputs, n_outputs = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    terminals = sites[:n_inputs], sites[-n_outputs:]
    if options.get("skips"):
        options = options | {"skip_seed": draw(st.integers(0, 9))}
    try:
        return lattice(cell, shape, *terminals, shells=shells, **options)
    except ValueError as error:  # all such pairs are coupled already
        if "skip" not in str(error):
            raise
        return lattice(cell, shape, *terminals, shells=shells)


@st.composite
def defects(draw):
    """A lattice with sites and couplings missing; in one piece, or nothing would hold its parts."""
    net = draw(lattices())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    hidden = np.arange(net.n_inputs, net.n_sites - net.n_outputs)
    sites = rng.permutation(hidden)[: len(hidden) // 8]
    some = rng.permutation(net.n_couplings)[:1]
    gone = np.isin(net.edges[some], sites).any()
    couplings = [] if gone else [tuple(net.labels[pair]) for pair in net.edges[some]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = net.without(sites=net.labels[sites], couplings=couplings)
    except ValueError:  # an output is cut off, or nothing is named
        return net
    return other if len(set(other.components)) == 1 else net


@st.composite
def graphs(draw, tree=False):
    """A connected random graph with sites in any order; without `tree` also with loops, and
    couplings that share parameters."""
    n = draw(st.integers(2, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    place = rng.permutation(n)
    edges = {tuple(sorted((int(place[i]), int(place[rng.integers(i)])))) for i in range(1, n)}
    if not tree:
        pairs = np.sort(rng.integers(0, n, (draw(st.integers(0, n)), 2)), axis=1)
        edges |= {(int(i), int(j)) for i, j in pairs if i != j}
    edges = sorted(edges)
    tying = None
    if not tree and draw(st.booleans()):
        tying = np.unique(rng.integers(0, len(edges), len(edges)), return_inverse=True)[1]
    n_inputs = 1 if tree else draw(st.integers(0, min(2, n - 1)))
    n_outputs = draw(st.integers(1, min(2, n - n_inputs)))
    sites = rng.permutation(n)
    return Network(
        edges,
        sites[:n_inputs],
        sites[n_inputs : n_inputs + n_outputs],
        positions=rng.normal(size=(n, 2)),
        tying=tying,
    )


@st.composite
def dense(draw):
    n = draw(st.integers(3, 9))
    return all_to_all(
        n, inputs=draw(st.integers(0, 2)), outputs=draw(st.integers(1, min(2, n - 2)))
    )


def layers():
    return st.lists(st.integers(1, 6), min_size=2, max_size=4).map(layered)


@st.composite
def stacks(draw):
    """An input lattice under one or two hidden lattices, with free or shared couplings."""
    layers = draw(st.integers(1, 2))
    options = {"channels": draw(st.lists(st.integers(1, 3), min_size=layers, max_size=layers))}
    options |= {
        "window": [draw(st.integers(1, 4 - layers)), 2][:layers],
        "stride": [draw(st.integers(1, 2)), 1][:layers],
    }
    options |= {
        "shared": draw(st.booleans()),
        "intra_shells": draw(st.integers(0, 4)),
        "outputs": draw(st.integers(1, 3)),
    }
    return stacked_lattices(
        (draw(st.integers(4, 5)), 5), readout=draw(st.sampled_from(["dense", 4])), **options
    )


def networks():
    """Every architecture alike."""
    return st.one_of(
        dense(),
        layers(),
        graphs(),
        stacks(),
        defects(),
        *(lattices(kind) for kind in sorted(KINDS)),
    )


@st.composite
def cases(draw, nets=None, bias=("none", "some", "all"), max_samples=3):
    """A network with random parameters and samples. Networks without inputs get a bias at least
    somewhere, or they could rotate freely."""
    net = draw(networks() if nets is None else nets)
    which = draw(st.sampled_from(bias))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    couplings = rng.normal(size=net.n_parameters) * rng.choice([0.5, 1.0, 2.0])
    biased = (np.arange(net.n_sites) >= net.n_inputs) & (
        rng.random(net.n_sites) < {"none": 0.0, "some": 0.4, "all": 1.0}[which]
    )
    if not net.n_inputs and not biased.any():
        biased[rng.integers(net.n_sites)] = True
    amplitude = np.where(biased, rng.normal(size=net.n_sites), 0.0)
    parameters = Parameters(couplings, amplitude, rng.uniform(-np.pi, np.pi, net.n_sites))
    n = draw(st.integers(1, max_samples))
    inputs, targets = (rng.uniform(-np.pi, np.pi, (n, k)) for k in (net.n_inputs, net.n_outputs))
    return Case(net, parameters, inputs, targets, rng)


def on_networks(wanted=200, spare=20, **options):
    """Decorator: the test runs on random cases; those for which it returns a reason to leave them
    out are counted, and must be few."""

    def decorate(test):
        def run():
            reasons = []

            @seed(crc32(test.__name__.encode()))
            @settings(max_examples=wanted + spare)
            @given(cases(**options))
            def examples(case):
                reasons.append(test(case))

            examples()
            left_out = [reason for reason in reasons if reason]
            assert len(reasons) - len(left_out) >= wanted, (
                f"{len(left_out)} of {len(reasons)} networks left out: {set(left_out)}"
            )

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


def suited(targets, cost):
    """The targets, or where the cost is one of classes the class that they come closest to."""
    if not isinstance(as_cost(cost), CrossEntropy):
        return targets
    best = np.sin(targets).argmax(axis=-1)
    return np.where(np.arange(targets.shape[-1]) == best[..., None], np.pi / 2, -np.pi / 2)


def angle(a, b=0.0):
    """|a − b| on the circle."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(a) - b))))
