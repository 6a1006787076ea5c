"""Networks: who is coupled to whom, how sites are numbered and where they lie, and that nothing can
be changed afterwards."""

import copy
import pickle
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import pdist
from strategies import LADDER, LIEB, networks

from xyep.blocks import graph_of
from xyep.energy import sum_tied
from xyep.geometry import nearest_image, reduced
from xyep.lattices import (
    all_to_all,
    cubic_lattice,
    honeycomb_lattice,
    iris_lattice,
    kagome_lattice,
    lattice,
    layered,
    square_lattice,
    stacked_lattices,
    triangular_lattice,
    xor_lattice,
)
from xyep.network import Network

#: Neighbours out to shell 1, 2, 3, … of the infinite lattice, and a periodic lattice large enough.
NEIGHBOURS = {
    "square": ((7, 7), [4, 8, 12, 20, 24]),
    "triangular": ((7, 7), [6, 12, 18, 30]),
    "honeycomb": ((6, 6), [3, 9, 12, 18]),
    "kagome": ((4, 4), [4, 8, 14, 22]),
    "cubic": ((5, 5, 5), [6, 18, 26, 32]),
}
ROWS = [
    (kind, shape, shells + 1, count)
    for kind, (shape, counts) in NEIGHBOURS.items()
    for shells, count in enumerate(counts)
]


def build(kind, shape, **options):
    several = kind in ("honeycomb", "kagome")
    first, last = (0,) * len(shape), tuple(n - 1 for n in shape)
    return lattice(
        kind,
        shape,
        [(*first, 0) if several else first],
        [(*last, 1) if several else last],
        **options,
    )


def pairs(net):
    """Coupled pairs by the caller's numbers."""
    return {tuple(sorted(map(int, pair))) for pair in net.numbers[net.edges]}


@pytest.mark.parametrize("kind, shape, shells, count", ROWS)
def test_neighbours_of_a_periodic_lattice(kind, shape, shells, count):
    net = build(kind, shape, shells=shells, periodic=True)
    np.testing.assert_array_equal(np.bincount(net.edges.ravel(), minlength=net.n_sites), count)
    lengths = np.sort(net.lengths)
    assert lengths[0] == pytest.approx(1.0)
    assert np.count_nonzero(np.diff(lengths) > 1e-9) == shells - 1


@pytest.mark.parametrize("kind, shape, shells, count", ROWS)
def test_an_open_lattice_couples_all_pairs_within_reach(kind, shape, shells, count):
    """Against distances between the coordinates."""
    net = build(kind, shape, shells=shells)
    distances = np.round(pdist(net.positions), 9)
    reach = np.unique(distances)[shells - 1]
    i, j = np.triu_indices(net.n_sites, 1)
    near = distances <= reach
    assert {tuple(e) for e in net.edges.tolist()} == set(zip(i[near].tolist(), j[near].tolist()))
    np.testing.assert_allclose(
        net.lengths, np.linalg.norm(np.subtract(*net.positions[net.edges.T]), axis=1), atol=1e-12
    )
    assert np.bincount(net.edges.ravel()).max() <= count


@pytest.mark.parametrize("shells, limit", [(1, 1), (2, 2), (3, 4), (4, 5)])
def test_square_lattice_by_hand(shells, limit):
    """All pairs of sites with |Δrow|² + |Δcolumn|² ≤ 1, 2, 4, 5."""
    wanted = {
        (4 * r + c, 4 * s + d)
        for r, c, s, d in np.ndindex(4, 4, 4, 4)
        if (r, c) < (s, d) and (r - s) ** 2 + (c - d) ** 2 <= limit
    }
    assert pairs(square_lattice((4, 4), [(0, 0)], [(3, 3)], shells=shells)) == wanted


def test_lattice_without_shells_has_only_its_skips():
    net = square_lattice((3, 3), [(0, 0)], [(0, 2)], shells=0, skip_range=2)
    assert pairs(net) == {(0, 2), (3, 5), (6, 8), (0, 6), (1, 7), (2, 8)}


def test_skip_couplings():
    plain = square_lattice((5, 5), [(0, 0)], [(4, 4)])
    every = square_lattice((5, 5), [(0, 0)], [(4, 4)], skip_range=3)
    added = pairs(every) - pairs(plain)
    assert pairs(plain) < pairs(every) and len(added) == 2 * 2 * 5
    np.testing.assert_allclose(every.lengths[-20:], 3.0)
    assert all((b - a) in (3, 15) for a, b in added)

    some = square_lattice((5, 5), [(0, 0)], [(4, 4)], skip_range=3, skips=4)
    assert pairs(plain) < pairs(some) < pairs(every) and len(pairs(some)) == len(pairs(plain)) + 4

    anywhere = [
        square_lattice((5, 5), [(0, 0)], [(4, 4)], skips=6, skip_seed=seed) for seed in (0, 0, 1)
    ]
    assert len(pairs(anywhere[0]) - pairs(plain)) == 6 and pairs(plain) < pairs(anywhere[0])
    assert pairs(anywhere[0]) == pairs(anywhere[1]) != pairs(anywhere[2])
    # what a shell couples already is not added again
    two = square_lattice((5, 5), [(0, 0)], [(4, 4)], shells=3, skip_range=3)
    assert len(pairs(two)) == two.n_couplings == len(pairs(every)) + 2 * 16 + 2 * 15
    for options in ({"shells": 3, "skip_range": 2}, {"skip_range": 5}):
        with pytest.raises(ValueError, match="skip_range: .* adds nothing"):
            square_lattice((5, 5), [(0, 0)], [(4, 4)], **options)


def test_periodic_skip_couplings():
    net = square_lattice((5, 5), [(0, 0)], [(4, 4)], periodic=True, skip_range=2)
    np.testing.assert_array_equal(np.bincount(net.edges.ravel()), 8)
    assert sorted(set(net.lengths)) == [1.0, 2.0]


def test_dense_architectures():
    net = all_to_all(6, inputs=2, outputs=1)
    assert pairs(net) == {(i, j) for j in range(6) for i in range(j)}
    assert (net.n_inputs, net.n_outputs, net.n_free) == (2, 1, 4)
    net = layered([3, 4, 2])
    assert pairs(net) == {(i, j) for i in range(3) for j in range(3, 7)} | {
        (i, j) for i in range(3, 7) for j in (7, 8)
    }
    np.testing.assert_array_equal(net.layer, [0] * 3 + [1] * 4 + [2] * 2)
    np.testing.assert_array_equal(net.positions[:, 1], net.layer)


def test_initial_parameters_have_the_published_scales():
    net = layered([40, 60, 10])
    couplings = net.init_parameters(3).couplings
    first = net.layer[net.edges[:, 0]] == 0
    assert couplings[first].std() == pytest.approx(100**-0.5, rel=0.1)
    assert couplings[~first].std() == pytest.approx(70**-0.5, rel=0.1)
    assert not net.init_parameters(3).bias_amplitude.any()
    net = all_to_all(50)
    assert net.init_parameters(0).couplings.std() == pytest.approx(50**-0.5, rel=0.1)
    net = square_lattice((30, 30), [(0, 0), (0, 29)], [(29, 15)])
    p = net.init_parameters(0)
    assert p.couplings.std() == pytest.approx(
        1, rel=0.1
    ) and p.bias_amplitude.std() == pytest.approx(1, rel=0.1)
    assert not p.bias_amplitude[:2].any() and np.abs(p.bias_phase).max() <= np.pi
    np.testing.assert_array_equal(p.flatten(), net.init_parameters(0).flatten())
    assert not np.array_equal(p.couplings, net.init_parameters(1).couplings)
    for part, again in zip(p, net.unflatten(p.flatten())):
        np.testing.assert_array_equal(part, again)


def test_sites_are_numbered_inputs_first_outputs_last():
    net = Network(
        [(0, 1), (1, 2), (2, 3), (3, 4)],
        inputs=[4, 2],
        outputs=[0],
        positions=[[10], [11], [12], [13], [14]],
    )
    np.testing.assert_array_equal(net.labels, [4, 2, 1, 3, 0])
    np.testing.assert_array_equal(net.numbers, net.labels)
    np.testing.assert_array_equal(net.role, ["input", "input", "hidden", "hidden", "output"])
    np.testing.assert_array_equal(net.positions[:, 0], [14, 12, 11, 13, 10])
    np.testing.assert_array_equal(net.inputs, [0, 1])
    np.testing.assert_array_equal(net.outputs, [4])
    np.testing.assert_array_equal(
        net.edges, [[2, 4], [1, 2], [1, 3], [0, 3]]
    )  # in the order given, smaller number first
    coords = net.site_coords()
    assert set(coords) == {"x", "y", "z", "layer", "channel", "role", "label"}
    np.testing.assert_array_equal(coords["label"][1], net.labels)
    assert set(net.coupling_coords()) == {"source", "target", "parameter", "length", "shell"}


@settings(max_examples=100)
@given(networks())
def test_numbering_holds_everywhere(net):
    assert sorted(net.numbers) == list(range(net.n_sites))
    assert [net.site(label) for label in net.labels] == list(range(net.n_sites))
    assert len(net.shell) == net.n_couplings and net.traits["family"]
    assert (net.edges[:, 0] < net.edges[:, 1]).all()
    assert len(pairs(net)) == net.n_couplings == len(net.lengths) == len(net.parameter)
    assert (net.lengths > 0).all()
    hidden = net.numbers[net.n_inputs : net.n_sites - net.n_outputs]
    assert (np.diff(hidden) > 0).all()
    assert (net.role == "input").sum() == net.n_inputs and (
        net.role == "output"
    ).sum() == net.n_outputs
    # the rows that the kernels work on hold each coupling of a free site, with its parameter
    graph, n = graph_of(net), net.n_inputs
    rows = {}
    for part, first in ((graph.free, n), (graph.clamped, 0)):
        assert set(part.size) <= {1, 2, 4}
        visited = np.concatenate([s + np.arange(n) for s, n in zip(part.site, part.size)])
        assert sorted(visited) == list(range(net.n_free))
        for r in range(len(part.middle)):
            i = part.site[r] + np.arange(part.size[r])
            j = part.indices[part.first[r] : part.first[r + 1]]
            parameters = part.parameter[part.weight[r] : part.weight[r + 1]].reshape(len(j), len(i))
            rows |= {
                (int(a) + n, int(b) + first): parameters[k, s]
                for s, a in enumerate(i)
                for k, b in enumerate(j)
            }
            if part is graph.free:
                assert (
                    not np.isin(i, j).any()
                    and len(set((i >= net.n_free - net.n_outputs).tolist())) == 1
                )
                upper = np.arange(part.first[r], part.first[r + 1]) < part.middle[r]
                np.testing.assert_array_equal(upper, j > i[0])
    wanted = {
        (int(a), int(b)): c
        for e, c in zip(net.edges, net.parameter)
        for a, b in (e, e[::-1])
        if a >= n
    }
    assert rows == wanted


def test_lattice_coordinates():
    net = square_lattice((2, 3), [(1, 0)], [(0, 2)])
    by_label = net.positions[np.argsort(net.numbers)]
    np.testing.assert_array_equal(by_label[:, 0], [0, 1, 2, 0, 1, 2])  # x is the column
    np.testing.assert_array_equal(by_label[:, 1], [0, 0, 0, 1, 1, 1])  # y is the row
    assert net.labels[[0, -1]].tolist() == [(1, 0), (0, 2)] and net.numbers[[0, -1]].tolist() == [
        3,
        2,
    ]
    net = cubic_lattice((2, 2, 2), [(0, 0, 1)], [(1, 0, 0)])
    np.testing.assert_array_equal(net.positions[[0, -1]], [[1, 0, 0], [0, 0, 1]])
    net = triangular_lattice((2, 2), [(0, 0)], [(1, 1)])
    np.testing.assert_allclose(net.positions[-1], [1.5, np.sqrt(3) / 2, 0])
    assert honeycomb_lattice((2, 2), [(0, 0, 1)], [(1, 1, 0)]).numbers[0] == 1
    assert kagome_lattice((2, 2), [(1, 0, 2)], [(0, 0, 1)]).numbers[[0, -1]].tolist() == [8, 1]


def test_lengths_follow_from_positions_or_are_given():
    square = [[0, 0], [0, 3], [4, 3]]
    np.testing.assert_allclose(
        Network([(0, 1), (1, 2), (0, 2)], [0], [2], positions=square).lengths, [3, 4, 5]
    )
    np.testing.assert_allclose(
        Network([(0, 1), (1, 2)], [0], [2], lengths=[1.5, 2.5]).lengths, [1.5, 2.5]
    )
    np.testing.assert_allclose(
        Network([(0, 1), (1, 2)], [0], [2], positions=square).distance_from("input"), [0, 3, 5]
    )
    np.testing.assert_allclose(
        Network([(0, 1), (1, 2)], [0], [2], positions=square).distance_from("output"), [5, 4, 0]
    )


@pytest.mark.parametrize("size", [3, 4, 5, 7, 8])
def test_xor_lattice_places_inputs_at_the_distance(size):
    for distance in range(1, size):
        net = xor_lattice(size, distance=distance)
        (a, b), (out,) = net.positions[:2, :2], net.positions[-1:, :2]
        np.testing.assert_array_equal([out - a, out - b], [[0, distance], [distance, 0]])
        ends = np.array([a, b, out])
        margins = ends.min(axis=0), size - 1 - ends.max(axis=0)
        assert np.ptp(margins) <= 1  # in the middle
        assert np.min(margins) >= 1 or distance > size - 3


def test_the_contract_placement_beside_the_output():
    net = square_lattice((7, 7), shells=4, inputs=[(3, 2), (3, 4)], outputs=[(3, 3)])
    np.testing.assert_array_equal(net.positions[[0, 1, -1], :2], [[2, 3], [4, 3], [3, 3]])


@pytest.mark.parametrize("size", [3, 4, 7, 8])
def test_iris_lattice_keeps_terminals_together_or_apart(size):
    def rows(net):
        return net.positions[:4, 1], net.positions[-3:, 1]

    beside = iris_lattice(size, placement="beside")
    terminals = np.concatenate([beside.positions[:4, :2], beside.positions[-3:, :2]])
    np.testing.assert_array_equal(np.ptp(terminals, axis=0), [2, 2])
    assert abs(terminals.mean(axis=0) - (size - 1) / 2).max() <= 0.5
    if size > 3:
        inputs, outputs = rows(iris_lattice(size, placement="edges"))
        assert not inputs.any() and (outputs == size - 1).all()


def test_couplings_may_share_parameters():
    net = Network([(0, 1), (1, 2), (2, 3)], [0], [3], tying=[1, 0, 1])
    assert (net.n_couplings, net.n_parameters) == (3, 2) and len(
        net.init_parameters().couplings
    ) == 2
    np.testing.assert_array_equal(sum_tied(net, np.array([1.0, 10.0, 100.0])), [10.0, 101.0])
    assert Network([(0, 1), (1, 2)], [0], [2]).n_parameters == 2


def test_a_network_cannot_be_changed():
    edges = np.array([(0, 1), (1, 2)])
    net = Network(edges, [0], [2], positions=np.zeros((3, 2)), coupling_scale=np.ones(2))
    with pytest.raises(AttributeError, match="n_sites"):
        net.n_sites = 5
    with pytest.raises(AttributeError, match="new"):
        net.new = 1
    for name in (
        "edges",
        "labels",
        "numbers",
        "positions",
        "periods",
        "lengths",
        "shell",
        "parameter",
        "layer",
        "channel",
        "coupling_scale",
        "bias_scale",
    ):
        with pytest.raises(ValueError, match="read-only"):
            getattr(net, name)[...] = 0
    edges[0, 0] = 2  # the caller's array is the caller's
    np.testing.assert_array_equal(net.edges[0], [0, 1])


@settings(max_examples=50)
@given(networks())
def test_networks_travel_between_processes(net):
    for other in (pickle.loads(pickle.dumps(net)), copy.copy(net)):
        assert repr(other) == repr(net) and other.digest == net.digest
        assert other.traits == net.traits and not other.edges.flags.writeable
        for name in (
            "labels",
            "numbers",
            "edges",
            "positions",
            "periods",
            "lengths",
            "shell",
            "parameter",
            "layer",
            "channel",
            "coupling_scale",
            "bias_scale",
            "role",
        ):
            np.testing.assert_array_equal(getattr(other, name), getattr(net, name))
        np.testing.assert_array_equal(
            other.init_parameters(1).flatten(), net.init_parameters(1).flatten()
        )


def test_all_that_a_network_knows_travels():
    """Renumbered sites, a site without couplings, and every keyword different at each site."""
    each = np.arange(6)
    keywords = {
        "layer": each,
        "channel": each[::-1],
        "bias_scale": each / 2,
        "positions": np.random.default_rng(0).normal(size=(6, 3)),
    }
    with pytest.warns(UserWarning, match="edges: no coupling names 2 of 6 sites"):
        net = Network(
            [(4, 0), (1, 4), (3, 1)],
            [3, 0],
            [1],
            tying=[0, 1, 0],
            n_sites=6,
            lengths=[3, 1, 2],
            shell=[1, 2, 1],
            periods=[[9.0, 0, 0]],
            labels=["a", 1, (2, 3), None, "b", 2.5],
            coupling_scale=[2, 3],
            name="all",
            traits={"family": "graph", "wired": True},
            **keywords,
        )
    net.labels, net.digest, net.components, net.site("a")  # what is cached stays at home
    other = pickle.loads(pickle.dumps(net))
    assert not {"labels", "digest", "components"} & set(vars(other))
    for name, value in vars(other).items():
        np.testing.assert_array_equal(value, getattr(net, name), err_msg=name)
    assert set(vars(net)) > set(vars(other)) and net.site(None) == 0 == other.site(None)


def test_the_digest_tells_networks_apart():
    base = {"edges": [(0, 1), (1, 2), (2, 3)], "inputs": [0], "outputs": [3]}
    other = [
        {},
        {"edges": [(0, 1), (1, 2), (1, 3)]},
        {"inputs": []},
        {"outputs": [2]},
        {"tying": [0, 0, 1]},
        {"bias_scale": 0.5},
    ]
    digests = [Network(**(base | change)).digest for change in other]
    assert len(set(digests)) == len(other)
    assert Network(**base, name="other").digest == digests[0]


def test_components():
    with pytest.warns(UserWarning, match="1 of 5 sites: 4;"):
        net = Network([(0, 1), (2, 3)], [0], [1], n_sites=5)
    assert len(set(net.components)) == 3


def test_stacked_lattices_have_the_couplings_of_the_paper():
    net = stacked_lattices((28, 28), window=6, stride=1)
    assert (net.n_inputs, net.n_free, net.n_outputs, net.n_couplings) == (
        784,
        23 * 23 + 10,
        10,
        24_334,
    )
    assert np.count_nonzero(net.edges[:, 0] < 784) == 19_044 and net.n_parameters == 24_334
    neighbours = stacked_lattices((28, 28), intra_shells=4).n_couplings - net.n_couplings
    inner = [(dy, dx) for dy in range(-4, 5) for dx in range(-4, 5) if 0 < dy * dy + dx * dx <= 5]
    assert (
        len(inner) == 20
        and neighbours == sum((23 - abs(dy)) * (23 - abs(dx)) for dy, dx in inner) // 2
    )
    shared = stacked_lattices((28, 28), channels=4, shared=True, intra_shells=1)
    assert shared.n_parameters == 4 * 36 + 4 * 2 + 10 * 4 * 529


def test_sites_of_dense_layers_share_rows():
    graph = graph_of(layered([7, 6, 4]))
    assert list(graph.free.size) == list(graph.clamped.size) == [4, 2, 4]


def test_windows_lie_under_their_sites():
    """Hidden site (row, column) of a stack sees the inputs from row·stride to row·stride + window,
    and channels share places."""
    net = stacked_lattices((9, 8), window=(3, 2), stride=(2, 1), channels=(2, 3), outputs=4)
    assert net.n_couplings == 4 * 3 * 2 * 9 + 3 * 2 * 2 * 3 * 4 + 3 * 2 * 3 * 4
    first, second = net.layer == 1, net.layer == 2
    assert (first.sum(), second.sum()) == (4 * 3 * 2, 3 * 2 * 3)
    number = net.site((1, 1, 2, 0))  # layer, row, column, channel
    assert number == net.n_inputs + (1 * 3 + 2) * 2
    under = net.edges[(net.edges[:, 1] == number) & (net.edges[:, 0] < net.n_inputs), 0]
    assert sorted(under) == [row * 8 + column for row in (2, 3, 4) for column in (4, 5, 6)]
    np.testing.assert_array_equal(net.positions[number], [5, 3, 1])  # the middle of its window
    np.testing.assert_array_equal(net.positions[number + 1], net.positions[number])
    np.testing.assert_array_equal(net.channel[number : number + 3], [0, 1, 0])
    for site in np.flatnonzero(second):
        below = net.edges[(net.edges[:, 1] == site) & (net.layer[net.edges[:, 0]] == 1), 0]
        np.testing.assert_allclose(net.positions[below, :2].mean(axis=0), net.positions[site, :2])


def test_shared_couplings_depend_on_displacement_and_channels_alone():
    net = stacked_lattices((6, 7), window=2, channels=2, shared=True, intra_shells=2, outputs=2)
    (i, j), x = net.edges.T, net.positions
    hidden = j < net.n_sites - 2
    step = np.where(
        (net.layer[i] == net.layer[j])[:, None] & (x[i] > x[j]).any(axis=1)[:, None],
        x[i] - x[j],
        x[j] - x[i],
    )
    kind = [
        (
            *map(float, np.abs(s) if a == b else s),
            float(np.sign(s[0] * s[1])) * (a == b),
            int(net.channel[p]),
            int(net.channel[q]),
        )
        for s, a, b, p, q in zip(step, net.layer[i], net.layer[j], i, j)
    ]
    groups = {}
    for k in np.flatnonzero(hidden):
        groups.setdefault(kind[k], set()).add(int(net.parameter[k]))
    assert all(len(used) == 1 for used in groups.values()), groups
    assert len(set.union(*groups.values())) == len(groups) == 4 * 2 + 4 * 2
    assert len(np.unique(net.parameter[~hidden])) == np.count_nonzero(~hidden)


def test_a_local_readout_is_coupled_to_what_lies_under_it():
    net = stacked_lattices((10, 10), window=2, outputs=10, readout=3)
    outputs = net.edges[:, 1] >= net.n_sites - 10
    (i, j) = net.edges[outputs].T
    assert np.abs(net.positions[i, :2] - net.positions[j, :2]).max() <= 1.5
    assert (
        set(np.bincount(j - net.n_sites + 10)) <= {9, 12, 6, 4}
        and net.n_couplings < stacked_lattices((10, 10), window=2).n_couplings
    )


def test_shells_of_couplings():
    net = build("square", (8, 8), shells=3, skip_range=4)
    assert np.bincount(net.shell).tolist() == [64, 112, 98, 96]
    np.testing.assert_allclose(net.lengths, np.array([4, 1, 2**0.5, 2])[net.shell])
    stack = stacked_lattices((6, 6), window=2, intra_shells=2, outputs=2)
    within = stack.layer[stack.edges[:, 0]] == stack.layer[stack.edges[:, 1]]
    assert not stack.shell[~within].any() and set(stack.shell[within]) == {1, 2}
    ladder = lattice(LADDER, (5,), [(0, 0)], [(4, 1)])
    np.testing.assert_allclose(ladder.lengths, np.array([0, 1, 2**0.5])[ladder.shell])


TORI = [
    ("triangular", (6, 6), 1, 108),
    ("square", (8, 8), 1, 128),
    ("square", (8, 8), 2, 256),
    ("square", (8, 8), 3, 384),
    ("honeycomb", (4, 4), 1, 48),
    ("kagome", (3, 3), 1, 54),
    ("cubic", (3, 3, 3), 1, 81),
]


@pytest.mark.parametrize("kind, shape, shells, couplings", TORI)
def test_couplings_of_tori(kind, shape, shells, couplings):
    assert build(kind, shape, shells=shells, periodic=True).n_couplings == couplings


def test_a_lieb_lattice_by_its_bonds():
    net = lattice(LIEB, (4, 4), [(0, 0, 0)], [(3, 3, 0)], periodic=True)
    degree = np.bincount(net.edges.ravel())
    corner = np.array([label[2] == 0 for label in net.labels])
    assert (degree[corner] == 4).all() and (degree[~corner] == 2).all()
    assert (net.n_sites, net.n_couplings) == (48, 64) and set(net.lengths) == {1.0}
    assert net.traits == {
        "family": "lattice",
        "kind": "lieb",
        "size": 4,
        "shells": 1,
        "periodic": True,
        "skip_range": 0,
        "skips": 0,
    }


def test_cylinders_repeat_in_one_direction():
    square = {"inputs": [(0, 0)], "outputs": [(3, 3)]}
    count = {
        flags: square_lattice((4, 4), **square, periodic=flags).n_couplings
        for flags in (False, (False, False), (True, False), (False, True), (True, True), True)
    }
    assert list(count.values()) == [24, 24, 28, 28, 32, 32]
    net = square_lattice((4, 5), [(0, 0)], [(3, 3)], periodic=np.array([True, False]))
    assert net.site((3, 2)) in net.edges[(net.edges == net.site((0, 2))).any(axis=1)]
    assert net.periods.tolist() == [[0, 4, 0]] and set(net.lengths) == {1.0}
    assert net.traits["boundary"] == "periodic-open" and net.traits["shape"] == "4x5"


@pytest.mark.parametrize(
    "kind, shape", [("square", (6, 5)), ("triangular", (7, 3)), ("cubic", (3, 4, 5))]
)
def test_lengths_and_distances_are_those_of_the_nearest_images(kind, shape):
    """Against all images within three periods."""
    net = build(kind, shape, periodic=True, skips=25, skip_seed=1)
    images = np.array(list(np.ndindex(*[7] * len(shape)))) - 3
    images = images @ net.periods
    apart = net.positions[net.edges[:, 1]] - net.positions[net.edges[:, 0]]
    wanted = np.linalg.norm(apart[:, None] + images, axis=-1).min(axis=1)
    np.testing.assert_allclose(net.lengths, wanted, rtol=1e-12)
    from_output = net.positions - net.positions[-1]
    wanted = np.linalg.norm(from_output[:, None] + images, axis=-1).min(axis=1)
    np.testing.assert_allclose(net.distance_from("output"), wanted, atol=1e-12)


def test_skew_periods_are_reduced_before_the_nearest_image_is_sought():
    rng = np.random.default_rng(0)
    for periods in ([[40.0, 0.1, 0], [39, 1, 0]], [[1, 0, 0], [7, 1, 0], [30, 9, 1]]):
        periods = np.array(periods)
        vectors = rng.uniform(-30, 30, (50, 3)) * (1, 1, len(periods) > 2)
        steps = np.array(list(np.ndindex(*[9] * len(periods)))) - 4
        near = nearest_image(vectors, periods)
        # no image of what was found is shorter, and it is an image
        others = np.linalg.norm(near[:, None] + steps @ reduced(periods), axis=-1).min(axis=1)
        np.testing.assert_allclose(np.linalg.norm(near, axis=1), others, atol=1e-9)
        turns = (vectors - near) @ np.linalg.pinv(periods)
        np.testing.assert_allclose(turns, turns.round(), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (4, 2)])
def test_tori_that_wind_around_are_warned_of(shape):
    with pytest.warns(UserWarning, match="shape: .* small for a periodic lattice"):
        honeycomb_lattice(shape, [(0, 0, 0)], [(0, 0, 1)], periodic=True)


def test_few_random_skips_of_a_large_lattice():
    start = time.process_time()
    net = square_lattice((300, 300), [(0, 0)], [(299, 299)], skips=100, skip_seed=3)
    assert time.process_time() - start < 2
    assert net.n_couplings == 2 * 300 * 299 + 100 and not net.shell[-100:].any()
    assert (net.lengths[-100:] > 1).all()
    tracemalloc.start()
    square_lattice((100, 100), [(0, 0)], [(99, 99)], skips=10)
    assert tracemalloc.get_traced_memory()[1] < 50e6  # all pairs alone: 400 MB
    tracemalloc.stop()


def test_random_skips_are_of_any_number():
    for skips in (0, 1, 20, 35, 53, 54):
        net = square_lattice((3, 4), [(0, 0)], [(2, 3)], skips=skips if skips <= 49 else 49)
        assert net.n_couplings == 17 + min(skips, 49) == len(pairs(net))


def test_labels_are_any_hashables():
    net = Network([(0, 1), (1, 2)], [0], [2], labels=["in", (1, "mid"), frozenset({3})])
    assert net.site((1, "mid")) == 1 and net.site(frozenset({3})) == 2
    assert net.site_coords()["label"][1].tolist() == ["in", "(1, 'mid')", "frozenset({3})"]
    net = Network([(0, 1), (1, 2)], [2], [0], labels=np.array([[0, 5], [1, 5], [2, 5]]))
    assert net.labels.tolist() == [(2, 5), (1, 5), (0, 5)] and net.site([1, 5]) == 1
    assert Network([(0, 1), (1, 2)], [0], [2], labels=[30, 20, 10]).labels.dtype == np.intp


def test_traits_travel_and_do_not_change_what_is_trained():
    net = xor_lattice(5, distance=2)
    other = net.with_traits(placement="far", distance=np.int64(4), rate=0.5)
    assert other.traits == net.traits | {"placement": "far", "distance": 4, "rate": 0.5}
    assert other.digest == net.digest and "placement" not in net.traits
    other.traits["family"] = "mine"  # a copy
    assert other.traits["family"] == "lattice"
    stack = stacked_lattices((9, 9), window=(3, 2), channels=(2, 3), shared=True, outputs=4)
    assert stack.traits == {
        "family": "stack",
        "size": 9,
        "window": "3-2",
        "stride": 1,
        "channels": "2-3",
        "shared": True,
        "intra_shells": 0,
        "readout": "dense",
        "layers": 2,
    }
    assert iris_lattice(5, placement="edges").traits["placement"] == "edges"
    assert all_to_all(6).traits == {"family": "all_to_all", "size": 6}


def test_wires_end_two_couplings_before_the_output():
    net = xor_lattice(7, distance=6)
    plain, wired = net.init_parameters(3), net.init_parameters(3, wires=100.0)
    paths = net.wire_paths()
    changed = np.flatnonzero(plain.couplings != wired.couplings)
    assert (wired.couplings[changed] == 100).all()
    on_wires = np.unique(np.concatenate(paths))
    quiet = on_wires[(on_wires >= net.n_inputs)]
    assert not wired.bias_amplitude[quiet].any() and plain.bias_amplitude[quiet].all()
    rest = np.setdiff1d(np.arange(net.n_sites), quiet)
    np.testing.assert_array_equal(wired.bias_amplitude[rest], plain.bias_amplitude[rest])
    for start, path in enumerate(paths):
        assert path[0] == start and len(path) == 5  # of 6 hops to the output, 4
        assert np.ptp(net.positions[[path[-1], -1], :2], axis=0).sum() == 2


def test_wires_by_hand():
    ring = Network([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)], [0, 1], [3])
    #  site 0 reaches 3 by 5 and 4: the way over 1 is through an input
    assert [ring.labels[path].tolist() for path in ring.wire_paths()] == [[0, 5], [1]]
    two = Network([(0, 1), (1, 2), (0, 3)], [0], [2, 3])
    assert [two.labels[path].tolist() for path in two.wire_paths()] == [[0]]
    with pytest.raises(ValueError, match="wires: input 1 reaches no output"):
        Network([(0, 1), (0, 2)], [0, 1], [2]).wire_paths()
    with pytest.raises(ValueError, match="wires"):
        all_to_all(3, 0).init_parameters(0, wires=1.0)
