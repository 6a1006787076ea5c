"""Networks: who is coupled to whom, how sites are numbered and where they lie, and that nothing can be changed afterwards."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import pdist
from strategies import networks

from xyep.energy import sum_tied
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

#: Neighbours out to shell 1, 2, 3, … of the infinite lattice, and a periodic lattice large enough for all of them.
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
    return {tuple(sorted(map(int, pair))) for pair in net.labels[net.edges]}


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
    assert pairs(square_lattice((5, 5), [(0, 0)], [(4, 4)], shells=3, skip_range=2)) == pairs(
        square_lattice((5, 5), [(0, 0)], [(4, 4)], shells=3)
    )


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
    assert set(net.coupling_coords()) == {"source", "target", "parameter", "length"}


@settings(max_examples=100)
@given(networks())
def test_numbering_holds_everywhere(net):
    assert sorted(net.labels) == list(range(net.n_sites))
    assert (net.edges[:, 0] < net.edges[:, 1]).all()
    assert len(pairs(net)) == net.n_couplings == len(net.lengths) == len(net.parameter)
    assert (net.lengths > 0).all()
    hidden = net.labels[net.n_inputs : net.n_sites - net.n_outputs]
    assert (np.diff(hidden) > 0).all()
    assert (net.role == "input").sum() == net.n_inputs and (
        net.role == "output"
    ).sum() == net.n_outputs
    # the rows that the kernels work on hold each coupling of a free site, with its parameter
    graph, n = net.graph, net.n_inputs
    rows = {}
    for part, first in ((graph.free, n), (graph.clamped, 0)):
        assert (
            part.site[0] == 0 and part.site[-1] == net.n_free and set(np.diff(part.site)) <= {1, 2}
        )
        for r in range(len(part.middle)):
            i, j = (
                np.arange(part.site[r], part.site[r + 1]),
                part.indices[part.first[r] : part.first[r + 1]],
            )
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
    by_label = net.positions[np.argsort(net.labels)]
    np.testing.assert_array_equal(by_label[:, 0], [0, 1, 2, 0, 1, 2])  # x is the column
    np.testing.assert_array_equal(by_label[:, 1], [0, 0, 0, 1, 1, 1])  # y is the row
    np.testing.assert_array_equal(net.labels[[0, -1]], [3, 2])
    net = cubic_lattice((2, 2, 2), [(0, 0, 1)], [(1, 0, 0)])
    np.testing.assert_array_equal(net.positions[[0, -1]], [[1, 0, 0], [0, 0, 1]])
    net = triangular_lattice((2, 2), [(0, 0)], [(1, 1)])
    np.testing.assert_allclose(net.positions[-1], [1.5, np.sqrt(3) / 2, 0])
    assert honeycomb_lattice((2, 2), [(0, 0, 1)], [(1, 1, 0)]).labels[0] == 1
    assert kagome_lattice((2, 2), [(1, 0, 2)], [(0, 0, 1)]).labels[[0, -1]].tolist() == [8, 1]


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
        # as many columns or rows away, both alike up to half a column, and on the lattice's middle column
        assert max(np.abs(a - out).max(), np.abs(b - out).max()) >= distance
        assert abs(np.abs(a - out)[0] - np.abs(b - out)[0]) <= 1 and out[0] == size // 2
        assert (np.abs(a - out)[0] == distance) or (out - a)[1] == distance
    far = xor_lattice(size, distance=size - 1)
    np.testing.assert_array_equal(
        far.positions[[0, 1, -1], :2], [[0, 0], [size - 1, 0], [size // 2, size - 1]]
    )


def test_the_contract_placement_beside_the_output():
    net, same = (
        xor_lattice(7, shells=4),
        square_lattice((7, 7), shells=4, inputs=[(3, 2), (3, 4)], outputs=[(3, 3)]),
    )
    np.testing.assert_array_equal(net.labels, same.labels)
    np.testing.assert_array_equal(net.edges, same.edges)
    assert net.digest == same.digest


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
        "positions",
        "lengths",
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
        for name in (
            "labels",
            "edges",
            "positions",
            "lengths",
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
    net = Network(
        [(4, 0), (1, 4), (3, 1)],
        [3, 0],
        [1],
        tying=[0, 1, 0],
        n_sites=6,
        lengths=[3, 1, 2],
        coupling_scale=[2, 3],
        **keywords,
    )
    other = pickle.loads(pickle.dumps(net))
    for name, value in vars(net).items():
        np.testing.assert_array_equal(getattr(other, name), value, err_msg=name)


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
    assert net.paired and not stacked_lattices((28, 28), intra_shells=1).paired
    neighbours = stacked_lattices((28, 28), intra_shells=4).n_couplings - net.n_couplings
    inner = [(dy, dx) for dy in range(-4, 5) for dx in range(-4, 5) if 0 < dy * dy + dx * dx <= 5]
    assert (
        len(inner) == 20
        and neighbours == sum((23 - abs(dy)) * (23 - abs(dx)) for dy, dx in inner) // 2
    )
    shared = stacked_lattices((28, 28), channels=4, shared=True, intra_shells=1)
    assert shared.n_parameters == 4 * 36 + 4 * 2 + 10 * 4 * 529


def test_dense_layers_are_visited_in_pairs():
    net = layered([7, 6, 4])
    for rows in (net.graph.free, net.graph.clamped):
        assert (np.diff(rows.site)[:3] == 2).all()
    assert (np.diff(net.graph.free.site) == 2).all()


def test_windows_lie_under_their_sites():
    """Hidden site (row, column) of a stack sees the inputs from row·stride to row·stride + window, and channels share places."""
    net = stacked_lattices((9, 8), window=(3, 2), stride=(2, 1), channels=(2, 3), outputs=4)
    assert net.n_couplings == 4 * 3 * 2 * 9 + 3 * 2 * 2 * 3 * 4 + 3 * 2 * 3 * 4
    first, second = net.layer == 1, net.layer == 2
    assert (first.sum(), second.sum()) == (4 * 3 * 2, 3 * 2 * 3)
    number = net.n_inputs + (1 * 3 + 2) * 2  # row 1, column 2, channel 0
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
