"""Networks from graphs of other libraries, and back.

`Network.from_networkx`, `Network.from_sparse` and `Network.to_networkx` are the doors; this module
reads and writes the graphs for them.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from .labels import find_all

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

if TYPE_CHECKING:
    from .network import Network

#: Attributes that are taken over where all nodes, or all edges, have them.
NODES = ("layer", "channel", "bias_scale")
EDGES = ("length", "shell", "parameter", "coupling_scale")


def _warn_of_weights() -> None:
    warnings.warn(
        "weight: the edges carry weights, which a Network does not; where they are to be "
        "couplings, put them into parameters: p._replace(couplings=weights)",
        UserWarning,
        stacklevel=4,
    )


def read_networkx(
    graph: Any, inputs: Any, outputs: Any, positions: Mapping[Hashable, Any] | None
) -> dict[str, Any]:
    """Arguments of `Network` for an undirected simple graph of networkx."""
    if not all(hasattr(graph, name) for name in ("is_directed", "is_multigraph", "nodes", "edges")):
        raise TypeError(f"graph: found {type(graph).__name__}; a networkx.Graph is needed")
    if graph.is_directed():
        raise ValueError(
            "graph: found a directed graph; couplings have no direction, give graph.to_undirected()"
        )
    if graph.is_multigraph():
        raise ValueError(
            "graph: found a multigraph; two sites have one coupling, give networkx.Graph(graph)"
        )
    nodes = list(graph.nodes)
    number = {node: k for k, node in enumerate(nodes)}
    edges = np.array([(number[i], number[j]) for i, j in graph.edges], np.intp).reshape(-1, 2)
    loops = np.flatnonzero(edges[:, 0] == edges[:, 1])
    if loops.size:
        raise ValueError(
            f"graph: node {nodes[edges[loops[0], 0]]!r} is coupled to itself; leave such edges "
            "out: graph.remove_edges_from(list(networkx.selfloop_edges(graph)))"
        )
    if any(weight is not None for *_, weight in graph.edges(data="weight")):
        _warn_of_weights()
    if positions is None:
        positions = dict(graph.nodes(data="pos"))
    elif not isinstance(positions, Mapping):
        raise TypeError(f"positions: found {type(positions).__name__}; a dict of nodes is needed")
    given = [node for node in nodes if positions.get(node) is not None]
    if given and len(given) < len(nodes):
        missing = next(node for node in nodes if positions.get(node) is None)
        raise ValueError(
            f"pos: found for {len(given)} of {len(nodes)} nodes, not for {missing!r}; "
            "all or none are needed"
        )
    arguments: dict[str, Any] = {
        "edges": edges,
        "inputs": find_all("inputs", inputs, number),
        "outputs": find_all("outputs", outputs, number),
        "positions": [np.asarray(positions[node], float) for node in nodes] if given else None,
        "n_sites": len(nodes),
        "labels": nodes,
    }
    nodes_and_edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
    for wanted, data in zip((NODES, EDGES), nodes_and_edges):
        for name in wanted:
            values = [attributes.get(name) for *_, attributes in data]
            if values and all(value is not None for value in values):
                arguments[name] = values
    arguments["lengths"] = arguments.pop("length", None)
    scale = arguments.pop("coupling_scale", None)
    if "parameter" in arguments:
        _, first, tying = np.unique(
            arguments.pop("parameter"), return_index=True, return_inverse=True
        )
        arguments["tying"] = tying
        scale = None if scale is None else np.asarray(scale)[first]
    if scale is not None:
        arguments["coupling_scale"] = scale
    arguments |= {k: graph.graph[k] for k in ("name", "traits", "periods") if graph.graph.get(k)}
    return arguments


def write_networkx(net: Network) -> Any:
    """Graph of networkx with all that the network knows of its sites and couplings."""
    try:
        import networkx
    except ImportError:
        raise ImportError("to_networkx: networkx is needed; pip install networkx") from None
    graph = networkx.Graph(name=net.name, traits=net.traits, periods=net.periods.tolist())
    labels = net.labels.tolist()
    columns = (net.positions, net.role, net.layer, net.channel, net.bias_scale)
    for label, pos, role, layer, channel, scale in zip(labels, *(c.tolist() for c in columns)):
        graph.add_node(
            label, pos=tuple(pos), role=role, layer=layer, channel=channel, bias_scale=scale
        )
    columns = (net.edges, net.lengths, net.shell, net.parameter, net.coupling_scale[net.parameter])
    for (i, j), length, shell, parameter, scale in zip(*(c.tolist() for c in columns)):
        graph.add_edge(
            labels[i],
            labels[j],
            length=length,
            shell=shell,
            parameter=parameter,
            coupling_scale=scale,
        )
    return graph


def read_sparse(matrix: Any) -> np.ndarray:
    """Edges of a symmetric sparse adjacency matrix, row by row above the diagonal."""
    if not sparse.issparse(matrix):
        raise TypeError(
            f"matrix: found {type(matrix).__name__}; a scipy sparse matrix is needed, "
            "such as scipy.sparse.coo_array(matrix)"
        )
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix: found shape {matrix.shape}; a square matrix is needed")
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"matrix: found {matrix.dtype}; real numbers are needed")
    matrix = sparse.csr_array(matrix)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if not np.isfinite(matrix.data).all():
        raise ValueError("matrix: found values that are NaN or infinite; all must be finite")
    loops = np.flatnonzero(matrix.diagonal())
    if loops.size:
        raise ValueError(
            f"matrix: site {loops[0]} is coupled to itself; the diagonal must be empty"
        )
    if (matrix != matrix.T).nnz:
        raise ValueError(
            "matrix: found one that is not symmetric; where it lists each coupling once, "
            "give matrix + matrix.T"
        )
    if not np.isin(matrix.data, (0, 1)).all():
        _warn_of_weights()
    upper = sparse.triu(matrix, 1, format="csr").tocoo()
    return np.stack([upper.row, upper.col], axis=1).astype(np.intp)
