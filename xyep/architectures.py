"""Architectures: short constructors of `Network`. A new one needs a function here and nothing elsewhere.

Initial couplings follow the code published for arXiv:2402.08579: N(0, 1) on lattices, N(0, 1/(N_k + N_k+1)) between layers,
N(0, 1/N) all to all; bias amplitudes N(0, 1) on lattices and 0 elsewhere.
"""

from itertools import combinations, product

import numpy as np

from .checks import check_array, check_choice, check_integer
from .network import Network

_HALF_ROOT3 = np.sqrt(3) / 2

#: Cell vectors and sites of a cell, in units of the nearest-neighbour distance; index order (row, column, site of the cell).
LATTICES = {
    "square": ([[0, 1], [1, 0]], [[0, 0]]),
    "triangular": ([[0.5, _HALF_ROOT3], [1, 0]], [[0, 0]]),
    "honeycomb": ([[_HALF_ROOT3, 1.5], [np.sqrt(3), 0]], [[0, 0], [0, 1]]),
    "kagome": ([[1, np.sqrt(3)], [2, 0]], [[0, 0], [1, 0], [0.5, _HALF_ROOT3]]),
    "cubic": ([[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[0, 0, 0]]),
}


def all_to_all(n, inputs=2, outputs=1):
    """Every one of `n` sites (inputs and outputs included) coupled to every other; drawn on a circle."""
    n = check_integer("n", n, 2)
    inputs, outputs = check_integer("inputs", inputs, 0, n - 1), check_integer("outputs", outputs, 1, n)
    if inputs + outputs > n:
        raise ValueError(f"n: found {n} sites for {inputs} inputs and {outputs} outputs; at least {inputs + outputs} are needed")
    angle = 2 * np.pi * np.arange(n) / n
    return Network(
        list(combinations(range(n), 2)),
        range(inputs),
        range(n - outputs, n),
        positions=np.column_stack([np.cos(angle), np.sin(angle)]),
        coupling_scale=n**-0.5,
        bias_scale=0.0,
        name=f"all_to_all_{n}",
    )


def layered(sizes):
    """Layers of the given sizes, dense couplings between neighbouring layers: ``layered([784, 120, 10])``."""
    sizes = [check_integer("sizes", int(n), 1) for n in check_array("sizes", sizes, ("layer",), dtype=np.intp)]
    if len(sizes) < 2:
        raise ValueError(f"sizes: found {len(sizes)} layer; an input and an output layer are needed")
    first = np.cumsum([0, *sizes])
    edges = [
        np.stack(np.meshgrid(np.arange(a, b), np.arange(b, c), indexing="ij"), -1).reshape(-1, 2)
        for a, b, c in zip(first, first[1:], first[2:])
    ]
    scale = [np.full(len(e), (a + b) ** -0.5) for e, a, b in zip(edges, sizes, sizes[1:])]
    place = [np.column_stack([np.arange(n) - (n - 1) / 2, np.full(n, k)]) for k, n in enumerate(sizes)]
    return Network(
        np.concatenate(edges),
        range(sizes[0]),
        range(first[-2], first[-1]),
        positions=np.concatenate(place),
        layer=np.repeat(np.arange(len(sizes)), sizes),
        coupling_scale=np.concatenate(scale),
        bias_scale=0.0,
        name="layered_" + "-".join(map(str, sizes)),
    )


def lattice(kind, shape, inputs, outputs, *, shells=1, periodic=False, skip_range=None, skips=None, skip_seed=0):
    """A lattice with couplings out to the `shells`-th nearest neighbours.

    Parameters
    ----------
    kind : "square", "triangular", "honeycomb", "kagome" or "cubic"
    shape : cells along each direction, e.g. (rows, columns); all but the square, triangular and cubic lattices have several sites a cell
    inputs, outputs : sequences of sites, each a tuple (row, column) or, with several sites a cell, (row, column, site)
    shells : int
        1 couples nearest neighbours, 2 also the next distance, … (square lattice: 4, 8, 12, 20 neighbours for 1, 2, 3, 4 shells).
    periodic : bool
        Opposite edges are joined.
    skip_range : int, optional
        Adds couplings between sites this many cells apart along each lattice direction.
    skips : int, optional
        Adds only this many couplings, drawn without replacement from those of `skip_range` or, without it, from all pairs not yet
        coupled (a small-world lattice), by the generator seeded with `skip_seed`.
    """
    check_choice("kind", kind, tuple(LATTICES))
    vectors, basis = (np.asarray(part, float) for part in LATTICES[kind])
    shape = tuple(check_integer("shape", int(n), 1) for n in check_array("shape", shape, (len(vectors),), dtype=np.intp))
    shells = check_integer("shells", shells, 0)
    cells = np.indices(shape).reshape(len(shape), -1).T
    positions = ((cells @ vectors)[:, None] + basis).reshape(-1, basis.shape[1])

    steps = _shell_steps(vectors, basis, shells)
    edges, lengths = _couple(steps, vectors, basis, shape, cells, periodic)
    if skip_range is not None or skips is not None:
        if skip_range is not None:
            reach = check_integer("skip_range", skip_range, 2)
            steps = [(k, k, tuple(reach * (np.arange(len(shape)) == d))) for k in range(len(basis)) for d in range(len(shape))]
            more, more_lengths = _couple(steps, vectors, basis, shape, cells, periodic)
        else:
            more = np.stack(np.triu_indices(len(positions), 1), -1)
            more_lengths = np.linalg.norm(positions[more[:, 0]] - positions[more[:, 1]], axis=1)
        new = ~np.isin(more @ [len(positions), 1], np.sort(edges, axis=1) @ [len(positions), 1])
        more, more_lengths = more[new], more_lengths[new]
        if skips is not None:
            skips = check_integer("skips", skips, 0, len(more))
            chosen = np.sort(np.random.default_rng(check_integer("skip_seed", skip_seed, 0)).choice(len(more), skips, replace=False))
            more, more_lengths = more[chosen], more_lengths[chosen]
        edges, lengths = np.concatenate([edges, more]), np.concatenate([lengths, more_lengths])

    name = f"{kind}_{'x'.join(map(str, shape))}_shells{shells}"
    name += "_periodic" * bool(periodic) + (f"_skip{skip_range or ''}" if skip_range or skips else "")
    return Network(
        edges,
        _site_numbers("inputs", inputs, shape, len(basis)),
        _site_numbers("outputs", outputs, shape, len(basis)),
        positions=positions,
        lengths=lengths,
        name=name,
    )


def _shell_steps(vectors, basis, shells):
    """(site of the cell, site of the other cell, cell offset) of half of all neighbours out to that shell."""
    reach = 2
    while True:
        offsets = np.array(list(product(range(-reach, reach + 1), repeat=len(vectors))))
        apart = (offsets @ vectors)[:, None, None] + basis[None, None] - basis[None, :, None]
        distance = np.round(np.linalg.norm(apart, axis=-1), 9)
        # offsets beyond the box are at least this far away, so only shells inside it are complete
        height = 1 / np.linalg.norm(np.linalg.inv(vectors), axis=0).max()
        safe = reach * height - 2 * np.abs(basis).max()
        known = np.unique(distance[(distance > 0) & (distance <= safe)])
        if len(known) >= shells:
            break
        reach += 1
    within = (distance > 0) & (distance <= (known[shells - 1] if shells else 0))
    steps = [(int(k), int(m), tuple(map(int, offsets[o]))) for o, k, m in np.argwhere(within)]
    return [step for step in steps if (step[2], step[1]) > (tuple(-x for x in step[2]), step[0])]


def _couple(steps, vectors, basis, shape, cells, periodic):
    """Edges and lengths of those steps from every cell, clipped at the border or wrapped around it."""
    size = len(basis)
    edges, lengths = [np.zeros((0, 2), np.intp)], [np.zeros(0)]
    for k, m, offset in steps:
        other = cells + offset
        inside = np.all((other >= 0) & (other < shape), axis=1) | bool(periodic)
        ends = [np.ravel_multi_index(c[inside].T, shape, mode="wrap") * size + s for c, s in ((cells, k), (other, m))]
        edges.append(np.sort(np.stack(ends, -1), axis=1))
        lengths.append(np.full(inside.sum(), np.linalg.norm(np.asarray(offset) @ vectors + basis[m] - basis[k])))
    edges, lengths = np.concatenate(edges), np.concatenate(lengths)
    if periodic and (len(np.unique(edges, axis=0)) < len(edges) or (edges[:, 0] == edges[:, 1]).any()):
        raise ValueError(f"shape: {shape} is too small to be periodic here: a coupling would meet itself around the lattice")
    return edges, lengths


def _site_numbers(name, sites, shape, size):
    full = (*shape, size) if size > 1 else shape
    numbers = []
    if not isinstance(sites, (list, tuple)):
        raise TypeError(f"{name}: found {sites!r}; a list of lattice sites is needed")
    for site in sites:
        if not isinstance(site, (tuple, list)) or len(site) != len(full):
            raise ValueError(f"{name}: found {site!r}; a lattice site is a tuple of {len(full)} indices below {full}")
        if any(not 0 <= check_integer(name, x, -(2**31)) < n for x, n in zip(site, full)):
            raise ValueError(f"{name}: site {tuple(site)} is out of range; indices must be at least 0 and below {full}")
        numbers.append(int(np.ravel_multi_index(site, full)))
    return numbers


def square_lattice(shape, inputs, outputs, **options):
    """Square lattice; see `lattice`. Site (row, column) lies at x = column, y = row."""
    return lattice("square", shape, inputs, outputs, **options)


def triangular_lattice(shape, inputs, outputs, **options):
    """Triangular lattice (6 nearest neighbours); see `lattice`."""
    return lattice("triangular", shape, inputs, outputs, **options)


def honeycomb_lattice(shape, inputs, outputs, **options):
    """Honeycomb lattice (3 nearest neighbours, 2 sites a cell); see `lattice`."""
    return lattice("honeycomb", shape, inputs, outputs, **options)


def kagome_lattice(shape, inputs, outputs, **options):
    """Kagome lattice (4 nearest neighbours, 3 sites a cell); see `lattice`."""
    return lattice("kagome", shape, inputs, outputs, **options)


def cubic_lattice(shape, inputs, outputs, **options):
    """Simple cubic lattice (6 nearest neighbours); see `lattice`."""
    return lattice("cubic", shape, inputs, outputs, **options)


def xor_lattice(size, shells=1, distance=1, kind="square", **options):
    """Lattice for a two-input, one-output task with a stated distance between inputs and output.

    ``distance`` counts columns or rows: 1 places the inputs left and right of the output in the middle. Larger distances move the
    inputs apart along the row, and once they reach the border along both borders towards the corners; the largest,
    ``size − 1``, puts the inputs in two corners of the first row and the output in the middle of the last.
    """
    size = check_integer("size", size, 3)
    distance = check_integer("distance", distance, 1, size - 1)
    middle = size // 2
    if distance <= min(middle, size - 1 - middle):
        inputs, output = [(middle, middle - distance), (middle, middle + distance)], (middle, middle)
    else:
        inputs, output = [(size - 1 - distance, 0), (size - 1 - distance, size - 1)], (size - 1, middle)
    return lattice(kind, (size, size), inputs, [output], shells=shells, **options)
