"""Doors: what users bring from elsewhere becomes a network, a task, a cost, and goes out again."""

import builtins
import subprocess
import sys
import warnings

import matplotlib
import networkx as nx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from strategies import LIEB, networks

import xyep
from xyep.lattices import UnitCell, lattice
from xyep.network import Network

matplotlib.use("Agg")
with warnings.catch_warnings():  # its successor, dwave-graphs, comes with much else
    warnings.simplefilter("ignore", DeprecationWarning)
    import dwave_networkx as dnx

GRAPHS = {
    "chimera": dnx.chimera_graph(2, 2, 4, coordinates=True),
    "pegasus": dnx.pegasus_graph(2, coordinates=True),
    "zephyr": dnx.zephyr_graph(1, coordinates=True),
    "grid": nx.grid_2d_graph(4, 5, periodic=True),
    "karate": nx.relabel_nodes(nx.karate_club_graph(), lambda k: f"member {k}"),
    "frucht": nx.frucht_graph(),
}


def ends(graph):
    nodes = list(graph)
    return [nodes[0], nodes[3]], [nodes[-1]]


def named(net):
    """Couplings by the labels of their sites."""
    return {frozenset(pair) for pair in net.labels[net.edges].tolist()}


@pytest.mark.filterwarnings("ignore:weight")
@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_of_networkx_keep_their_labels(name):
    graph = GRAPHS[name]
    inputs, outputs = ends(graph)
    net = Network.from_networkx(graph, inputs, outputs)
    assert named(net) == {frozenset(edge) for edge in graph.edges}
    assert net.labels[net.inputs].tolist() == inputs and net.labels[-1] == outputs[0]
    assert [net.site(node) for node in inputs] == [0, 1] and set(net.labels) == set(graph)
    # couplings are in the order of graph.edges, and so may be weights
    assert [frozenset(pair) for pair in net.labels[net.edges].tolist()] == [
        frozenset(edge) for edge in graph.edges
    ]
    tree = xyep.train(net, xyep.load_task("xor"), epochs=2, seed=0)
    assert np.isfinite(tree["cost"]).all()


@settings(max_examples=60)
@given(networks())
def test_networkx_and_back(net):
    graph = net.to_networkx()
    labels = net.labels.tolist()
    assert list(graph) == labels and len(graph.edges) == net.n_couplings
    terminals = labels[: net.n_inputs], labels[net.n_sites - net.n_outputs :]
    other = Network.from_networkx(graph, *terminals)
    assert other.labels.tolist() == labels and other.traits == net.traits
    assert (other.name, other.n_parameters) == (net.name, net.n_parameters)
    for name in ("positions", "periods", "layer", "channel", "bias_scale", "coupling_scale"):
        np.testing.assert_array_equal(getattr(other, name), getattr(net, name), err_msg=name)
    # networkx lists edges in an order of its own
    order, same = (np.lexsort(n.edges.T[::-1]) for n in (net, other))
    for name in ("edges", "lengths", "shell", "parameter"):
        a, b = getattr(net, name)[order], getattr(other, name)[same]
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_what_to_networkx_says_of_sites_and_couplings():
    net = xyep.square_lattice((3, 3), [(0, 0)], [(2, 2)], shells=2)
    graph = net.to_networkx()
    assert graph.nodes[2, 2] == {
        "pos": (2.0, 2.0, 0.0),
        "role": "output",
        "layer": 0,
        "channel": 0,
        "bias_scale": 1.0,
    }
    edge = graph.edges[(0, 0), (1, 1)]
    assert edge["shell"] == 2 and edge["length"] == pytest.approx(2**0.5)
    assert graph.graph["traits"]["kind"] == "square"
    assert nx.shortest_path_length(graph, (0, 0), (2, 2)) == 2


def test_positions_come_from_pos_or_from_a_layout():
    graph = GRAPHS["chimera"].copy()
    layout = dnx.chimera_layout(graph)
    given = Network.from_networkx(graph, *ends(graph), positions=layout)
    nx.set_node_attributes(graph, layout, "pos")
    carried = Network.from_networkx(graph, *ends(graph))
    np.testing.assert_array_equal(given.positions, carried.positions)
    np.testing.assert_allclose(given.positions[-1, :2], layout[list(graph)[-1]])


def test_weights_are_couplings():
    graph = nx.les_miserables_graph()
    with pytest.warns(UserWarning, match="weight: .*p._replace"):
        net = Network.from_networkx(graph, ["Valjean"], ["Javert"])
    weights = [w for *_, w in graph.edges(data="weight")]
    p = net.init_parameters(0)._replace(couplings=np.array(weights, float))
    phases = np.zeros((1, net.n_sites))
    assert -xyep.energy(net, p._replace(bias_amplitude=0 * p.bias_amplitude), phases)[
        0
    ] == pytest.approx(sum(weights))
    matrix = nx.to_scipy_sparse_array(graph, weight="weight")
    nodes = list(graph)
    with pytest.warns(UserWarning, match="weight: "):
        net = Network.from_sparse(matrix, [nodes.index("Valjean")], [nodes.index("Javert")])
    values = scipy.sparse.triu(matrix).tocsr().data
    i, j = net.numbers[net.edges].T
    np.testing.assert_array_equal(values, matrix.toarray()[i, j])


@pytest.mark.filterwarnings("ignore:weight")
@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("form", ["csr", "coo", "lil"])
def test_sparse_matrices(name, form):
    graph = GRAPHS[name]
    matrix = nx.to_scipy_sparse_array(graph, weight=None, format=form)
    n = len(graph)
    place = np.random.default_rng(0).normal(size=(n, 2))
    net = Network.from_sparse(matrix, [0, 3], [n - 1], positions=place)
    nodes = list(graph)
    pairs = {frozenset(nodes[k] for k in pair) for pair in net.labels[net.edges].tolist()}
    assert pairs == {frozenset(edge) for edge in graph.edges}
    np.testing.assert_array_equal(net.positions[:, :2], place[net.numbers])
    assert Network.from_sparse(matrix.astype(bool), [0, 3], [n - 1]).digest == net.digest


RING = nx.cycle_graph(5)
EYE = scipy.sparse.eye_array(4)
CHAIN = scipy.sparse.diags_array([1.0, 1.0], offsets=[-1, 1], shape=(4, 4))
NET = xyep.square_lattice((4, 4), [(0, 0)], [(3, 3)])


def partly_placed():
    graph = RING.copy()
    graph.nodes[0]["pos"] = (0, 0)
    return graph


def cell(**change):
    return UnitCell(**({"vectors": [[1, 0], [0, 1]], "sites": [[0, 0], [0.5, 0.5]]} | change))


def graph(g=RING, inputs=(0,), outputs=(2,), **options):
    return Network.from_networkx(g, inputs, outputs, **options)


def sparse(matrix=CHAIN, inputs=(0,), outputs=(3,), **options):
    return Network.from_sparse(matrix, inputs, outputs, **options)


def square(shape=(4, 4), inputs=((0, 0),), outputs=((3, 3),), **options):
    return xyep.square_lattice(shape, list(inputs), list(outputs), **options)


# (what is done, exception, what the message says)
BAD = [
    (lambda: graph(nx.DiGraph(RING)), ValueError, "graph: .*to_undirected"),
    (lambda: graph(nx.MultiGraph(RING)), ValueError, "graph: .*multigraph"),
    (lambda: graph(nx.Graph([(0, 1), (1, 1), (1, 2)])), ValueError, "graph: node 1 .*itself"),
    (lambda: graph([(0, 1)]), TypeError, "graph: found list; a networkx.Graph"),
    (lambda: graph(inputs=[9]), ValueError, "inputs: found 9; no site is called that"),
    (lambda: graph(inputs=0), TypeError, "inputs: found 0; a list of labels"),
    (lambda: graph(inputs="ab"), TypeError, "inputs: found 'ab'; a list of labels"),
    (lambda: graph(inputs=[0, 0]), ValueError, "inputs: site 0 is named twice"),
    (lambda: graph(outputs=[0]), ValueError, "outputs: site 0 is also an input"),
    (lambda: graph(partly_placed()), ValueError, "pos: found for 1 of 5 nodes, not for 1"),
    (lambda: graph(positions=[(0, 0)] * 5), TypeError, "positions: found list; a dict"),
    (lambda: graph(nx.Graph([(0, 1), (2, 3)])), ValueError, "outputs: site 2 is not connected"),
    (lambda: sparse(CHAIN.toarray()), TypeError, "matrix: .*coo_array"),
    (lambda: sparse(scipy.sparse.triu(CHAIN)), ValueError, r"matrix: .*matrix \+ matrix.T"),
    (lambda: sparse(CHAIN + EYE), ValueError, "matrix: site 0 is coupled to itself"),
    (lambda: sparse(scipy.sparse.csr_array((3, 4))), ValueError, "matrix: found shape"),
    (lambda: sparse(CHAIN * 1j), TypeError, "matrix: found complex128"),
    (lambda: sparse(CHAIN * np.nan), ValueError, "matrix: found values that are NaN"),
    (lambda: sparse(positions=np.zeros((3, 2))), ValueError, "positions: found shape"),
    (lambda: NET.without(), ValueError, "without: no site and no coupling"),
    (lambda: NET.without(sites=[(0, 0)]), ValueError, r"sites: \(0, 0\) is an input"),
    (lambda: NET.without(sites=[(3, 3)]), ValueError, r"sites: \(3, 3\) is an output"),
    (lambda: NET.without(sites=[(9, 9)]), ValueError, r"sites: found \(9, 9\); no site"),
    (lambda: NET.without(sites=[5]), ValueError, "sites: found 5; no site is called that"),
    (lambda: NET.without(sites=(1, 1)), ValueError, "sites: found 1; no site is called that"),
    (lambda: NET.without(sites=[(1, 1), (1, 1)]), ValueError, "sites: .*named twice"),
    (lambda: NET.without(sites=[(2, 3), (3, 2)]), ValueError, r"outputs: site \(3, 3\) is not"),
    (lambda: NET.without(couplings=[((0, 0), (1, 1))]), ValueError, "couplings: .*no coupling"),
    (lambda: NET.without(couplings=[(0, 0)]), ValueError, "couplings: found 0; no site"),
    (lambda: NET.without(couplings=[0]), ValueError, "couplings: each must be a pair"),
    (lambda: NET.without(couplings="all"), TypeError, "couplings: found 'all'; a list of pairs"),
    (lambda: NET.site((0, 9)), ValueError, r"label: found \(0, 9\); no site is called that"),
    (lambda: NET.site(3), ValueError, "label: found 3; no site is called that"),
    (lambda: NET.site({}), ValueError, "label: found {}; no site is called that"),
    (lambda: NET.with_traits(size=[7]), TypeError, r"traits: found 'size': \[7\]"),
    (lambda: NET.with_traits(size=None), TypeError, "traits: found 'size': None"),
    (lambda: NET.plot(ax="axes"), TypeError, "ax: found str"),
    (lambda: NET.plot(couplings=[1.0]), ValueError, "couplings: found shape"),
    (lambda: NET.plot(sites=np.full(16, np.nan)), ValueError, "sites: .*NaN"),
    (lambda: NET.init_parameters(0, wires=0), ValueError, "wires: "),
    (lambda: NET.init_parameters(0, wires=-2.0), ValueError, "wires: "),
    (lambda: NET.init_parameters(0, wires=True), TypeError, "wires: "),
    (lambda: NET.init_parameters(0.5), TypeError, "seed: "),
    (lambda: Network([(0, 1)], [0], [1], labels="ab"), TypeError, "labels: found 'ab'"),
    (lambda: Network([(0, 1)], [0], [1], labels=["a"]), ValueError, "labels: found 1; one for"),
    (lambda: Network([(0, 1)], [0], [1], labels=["a", "a"]), ValueError, "labels: 'a' is the"),
    (lambda: Network([(0, 1)], [0], [1], labels=[[0], [1]]), TypeError, "labels: .*hashable"),
    (lambda: Network([(0, 1)], [0], [1], labels=np.zeros((2, 2), int)), ValueError, "labels: "),
    (lambda: Network([(0, 1)], [0], [1], labels=np.zeros((2, 2))), ValueError, "labels: "),
    (lambda: Network([(0, 1)], [0], [1], traits=["a"]), TypeError, "traits: found list"),
    (lambda: Network([(0, 1)], [0], [1], traits={1: "a"}), TypeError, "traits: found 1"),
    (lambda: Network([(0, 1)], [0], [1], shell=[1, 2]), ValueError, "shell: found shape"),
    (lambda: Network([(0, 1)], [0], [1], shell=[0.5]), TypeError, "shell: "),
    (lambda: Network([(0, 1)], [0], [1], periods=[1.0]), ValueError, "periods: found shape"),
    (lambda: Network([(0, 1)], [0], [1], periods=[[0.0]]), ValueError, "periods: .*independent"),
    (lambda: Network([(0, 1)], [0], [1], name=7), TypeError, "name: found 7"),
    (lambda: Network([(0, 1)], [], [1]).distance_from("input"), ValueError, "role: .*'input'"),
    (lambda: square(periodic="no"), TypeError, "periodic: "),
    (lambda: square(periodic=1), TypeError, "periodic: "),
    (lambda: square(periodic=(True, "no")), TypeError, "periodic: "),
    (lambda: square(periodic=(True, 0)), TypeError, "periodic: "),
    (lambda: square(periodic=np.array([1, 0])), TypeError, "periodic: "),
    (lambda: square(periodic=(True,)), ValueError, "periodic: found 1 flags"),
    (lambda: square(periodic=None), TypeError, "periodic: "),
    (lambda: square(shape=(4, True)), TypeError, "shape: "),
    (lambda: square(shape=4), TypeError, "shape: "),
    (lambda: square(shape=(4, 4, 4)), ValueError, "shape: "),
    (lambda: square(shape=(4.0, 4)), TypeError, "shape: "),
    (lambda: square(inputs=np.zeros((2, 3), int)), ValueError, "inputs: "),
    (lambda: xyep.square_lattice((4, 4), "00", [(3, 3)]), TypeError, "inputs: found '00'"),
    (lambda: xyep.square_lattice((4, 4), np.zeros((1, 3), int), [(3, 3)]), ValueError, "inputs: "),
    (lambda: xyep.square_lattice((4, 4), np.zeros((1, 2)), [(9, 3)]), ValueError, "outputs: "),
    (lambda: xyep.square_lattice((4, 4), (0, 0), [(3, 3)]), ValueError, "inputs: found 0; a lat"),
    (lambda: square(skip_range=9), ValueError, "skip_range: found 9, which adds nothing"),
    (lambda: square((6, 6), periodic=True, skip_range=3), ValueError, "skip_range: .*too few"),
    (lambda: square(skips=200), ValueError, "skips: found 200"),
    (lambda: square(skips=True), TypeError, "skips: "),
    (lambda: square(shells=True), TypeError, "shells: "),
    (lambda: lattice(3, (4, 4), [(0, 0)], [(3, 3)]), TypeError, "kind: found 3"),
    (lambda: lattice("lieb", (4, 4), [(0, 0)], [(3, 3)]), ValueError, "kind: found 'lieb'"),
    (lambda: lattice(LIEB, (4, 4), [(0, 0, 0)], [(3, 3, 0)], shells=2), ValueError, "shells: "),
    (lambda: lattice(LIEB, (2, 2), [(0, 0)], [(1, 1)]), ValueError, "inputs: "),
    (lambda: cell(vectors=[[1, 0], [2, 0]]), ValueError, "vectors: .*independent"),
    (lambda: cell(vectors=[1, 0]), ValueError, "vectors: found shape"),
    (lambda: cell(vectors=np.eye(4), sites=np.zeros((1, 4))), ValueError, "vectors: found 4"),
    (lambda: cell(sites=[[0, 0, 0]]), ValueError, "sites: found shape"),
    (lambda: cell(sites=np.zeros((0, 2))), ValueError, "sites: none"),
    (lambda: cell(bonds=[(0, 2, (0, 0))]), ValueError, "bonds: found 2"),
    (lambda: cell(bonds=[(0, 0, (0, 0))]), ValueError, "bonds: .*itself"),
    (lambda: cell(bonds=[(0, 1)]), ValueError, "bonds: found .*cell offset"),
    (lambda: cell(bonds=[(0, 1, (0,))]), ValueError, "bonds: found shape"),
    (lambda: cell(bonds=[(0, 1, (0, 0.5))]), TypeError, "bonds: "),
    (lambda: cell(bonds=[(0, 1, (0, 1)), (1, 0, (0, -1))]), ValueError, "bonds: .*twice"),
    (lambda: cell(name=3), TypeError, "name: found 3"),
    (
        lambda: lattice(cell(sites=[[0, 0], [1, 0]]), (3, 3), [(0, 0, 0)], [(2, 2, 0)]),
        ValueError,
        "sites: .*one place",
    ),
    (lambda: xyep.xor_lattice(5, kind="kagome"), ValueError, "kind: found 'kagome'"),
    (lambda: xyep.xor_lattice(5, kind="cubic"), ValueError, "kind: found 'cubic'"),
    (lambda: xyep.iris_lattice(5, kind="honeycomb"), ValueError, "kind: found 'honeycomb'"),
    (lambda: xyep.xor_lattice(7, distance=6, periodic=True), ValueError, "distance: found 6 on"),
    (lambda: xyep.iris_lattice(7, placement="edges", periodic=True), ValueError, "periodic: "),
    (lambda: xyep.layered([True, True]), TypeError, "sizes: "),
    (lambda: xyep.layered([3, True]), TypeError, "sizes: "),
    (lambda: xyep.layered("32"), TypeError, "sizes: "),
    (lambda: xyep.layered(3), TypeError, "sizes: "),
    (lambda: xyep.layered([3, 2.0]), TypeError, "sizes: "),
    (lambda: xyep.layered([3]), ValueError, "sizes: found 1 layers"),
    (lambda: xyep.stacked_lattices((8, 8), shared="no"), TypeError, "shared: "),
    (lambda: xyep.stacked_lattices((8, 8), shared=[True]), TypeError, "shared: "),
    (lambda: xyep.stacked_lattices((8, 8), channels=True), TypeError, "channels: "),
    (lambda: xyep.stacked_lattices((8, 8), channels=[1, 2], window=[2]), ValueError, "window: "),
    (lambda: xyep.stacked_lattices((8,)), ValueError, "shape: "),
    (lambda: xyep.stacked_lattices((8, 8), readout="local"), ValueError, "readout: "),
    (lambda: xyep.stacked_lattices((8, 8), readout=True), TypeError, "readout: "),
    (lambda: xyep.stacked_lattices((8, 8), window=9), ValueError, "window: "),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_networks_are_refused(number):
    do, error, message = BAD[number]
    with pytest.raises(error, match=f"^{message}"):
        do()


def test_defects_keep_what_is_left():
    net = xyep.square_lattice((20, 20), [(0, 0), (0, 19)], [(19, 10)], shells=2)
    rng = np.random.default_rng(0)
    hidden = net.labels[net.n_inputs : -net.n_outputs]
    gone = list(rng.choice(hidden, 20, replace=False))  # 5 % of the sites
    other = net.without(sites=gone, couplings=[((0, 0), (0, 1))])
    assert other.n_sites == net.n_sites - 20 and not set(map(tuple, gone)) & set(other.labels)
    assert named(other) == {pair for pair in named(net) if not pair & set(gone)} - {
        frozenset([(0, 0), (0, 1)])
    }
    back = np.array([net.site(label) for label in other.labels])
    np.testing.assert_array_equal(other.positions, net.positions[back])
    assert other.traits == net.traits and set(other.shell) == {1, 2}
    assert other.labels[[0, 1, -1]].tolist() == [(0, 0), (0, 19), (19, 10)]
    lengths = np.linalg.norm(np.subtract(*other.positions[other.edges.T]), axis=1)
    np.testing.assert_allclose(other.lengths, lengths)
    np.testing.assert_allclose(other.lengths, np.array([0, 1, 2**0.5])[other.shell])


def test_defects_of_networks_with_shared_couplings():
    net = xyep.stacked_lattices((5, 5), window=2, channels=2, shared=True, outputs=2)
    other = net.without(sites=[(1, 0, 0, 0), (1, 3, 3, 1)])
    assert other.n_parameters == net.n_parameters - 4  # each had a coupling to either output
    back = np.array([net.site(label) for label in other.labels])
    old = {frozenset(pair): k for k, pair in enumerate(net.labels[net.edges].tolist())}
    kept = [old[frozenset(pair)] for pair in other.labels[other.edges].tolist()]
    used, tying = np.unique(net.parameter[kept], return_inverse=True)
    np.testing.assert_array_equal(other.parameter, tying)
    np.testing.assert_array_equal(other.coupling_scale, net.coupling_scale[used])
    for name in ("layer", "channel", "bias_scale", "role"):
        np.testing.assert_array_equal(getattr(other, name), getattr(net, name)[back])
    # what an absent site did not touch is relaxed as before
    again = Network([(0, 1), (1, 2)], [0], [1]).without(sites=[2])
    assert again.n_sites == 2 and again.labels.tolist() == [0, 1]


def test_defects_of_a_torus_stay_on_it():
    net = xyep.square_lattice((6, 6), [(0, 0)], [(3, 3)], periodic=True)
    other = net.without(sites=[(1, 1)])
    np.testing.assert_array_equal(other.periods, net.periods)
    assert other.distance_from("input").max() == pytest.approx(18**0.5)
    assert other.without(couplings=[((0, 0), (5, 0))]).n_couplings == 72 - 4 - 1


def test_isolated_sites_are_warned_of():
    with pytest.warns(UserWarning, match=r"edges: no coupling names 1 of 15 sites: \(0, 2\);"):
        xyep.square_lattice((4, 4), [(0, 0)], [(3, 3)]).without(
            sites=[(0, 3)], couplings=[((0, 1), (0, 2)), ((0, 2), (1, 2))]
        )


def shown(net, **options):
    """Collections of lines, and of sites, that a plot makes."""
    ax = net.plot(**options)
    lines = [c for c in ax.collections if isinstance(c, matplotlib.collections.LineCollection)]
    sites = [c for c in ax.collections if c not in lines]
    ax.figure.canvas.draw()
    matplotlib.pyplot.close(ax.figure)
    return lines, sites


@settings(max_examples=30, deadline=None)
@given(networks())
def test_every_network_can_be_drawn(net):
    lines, sites = shown(net)
    drawn = sum(len(c.get_segments()) for c in lines)
    twice = len(lines[-1].get_segments()) // 2 if len(net.periods) and len(lines) > 1 else 0
    assert drawn - twice == net.n_couplings or len(lines) == 1
    assert sum(len(c.get_offsets()) for c in sites) == net.n_sites


def test_a_plot_shows_values_and_dashes_what_goes_around():
    net = xyep.square_lattice((5, 5), [(0, 0)], [(4, 4)], periodic=(True, False))
    values = np.linspace(-2, 1, net.n_couplings)
    lines, sites = shown(net, couplings=values, sites=np.arange(25.0))
    inner, around = lines
    assert (len(inner.get_segments()), len(around.get_segments())) == (40, 10)
    assert inner.get_clim() == around.get_clim() == (-2, 2)
    widths = inner.get_linewidths()
    assert widths[0] == max(widths) and widths[0] == pytest.approx(3.5)
    for segment in around.get_segments():  # none reaches across the picture
        assert np.linalg.norm(np.subtract(*segment)) == pytest.approx(0.5)
    shapes = {c.get_label(): len(c.get_paths()[0].vertices) for c in sites}
    assert set(shapes) == {"input", "hidden", "output"}
    _, ax = matplotlib.pyplot.subplots()
    assert net.plot(ax) is ax
    matplotlib.pyplot.close(ax.figure)


def test_optional_libraries_are_asked_for_by_name(monkeypatch):
    plain = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] in ("networkx", "matplotlib"):
            raise ImportError(name)
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="to_networkx: networkx is needed"):
        NET.to_networkx()
    with pytest.raises(ImportError, match="plot: matplotlib is needed"):
        NET.plot()


def test_networks_need_neither_networkx_nor_matplotlib():
    code = "import sys, xyep.lattices; print({'networkx', 'matplotlib'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
