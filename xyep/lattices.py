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
    inputs, outputs = (
        check_integer("inputs", inputs, 0, n - 1),
        check_integer("outputs", outputs, 1, n),
    )
    if inputs + outputs > n:
        raise ValueError(
            f"n: found {n} sites for {inputs} inputs and {outputs} outputs; at least {inputs + outputs} are needed"
        )
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
    sizes = [
        check_integer("sizes", int(n), 1)
        for n in check_array("sizes", sizes, ("layer",), dtype=np.intp)
    ]
    if len(sizes) < 2:
        raise ValueError(
            f"sizes: found {len(sizes)} layer; an input and an output layer are needed"
        )
    first = np.cumsum([0, *sizes])
    edges = [
        np.stack(np.meshgrid(np.arange(a, b), np.arange(b, c), indexing="ij"), -1).reshape(-1, 2)
        for a, b, c in zip(first, first[1:], first[2:])
    ]
    scale = [np.full(len(e), (a + b) ** -0.5) for e, a, b in zip(edges, sizes, sizes[1:])]
    place = [
        np.column_stack([np.arange(n) - (n - 1) / 2, np.full(n, k)]) for k, n in enumerate(sizes)
    ]
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


def lattice(
    kind,
    shape,
    inputs,
    outputs,
    *,
    shells=1,
    periodic=False,
    skip_range=None,
    skips=None,
    skip_seed=0,
):
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
    shape = tuple(
        check_integer("shape", int(n), 1)
        for n in check_array("shape", shape, (len(vectors),), dtype=np.intp)
    )
    shells = check_integer("shells", shells, 0)
    cells = np.indices(shape).reshape(len(shape), -1).T
    positions = ((cells @ vectors)[:, None] + basis).reshape(-1, basis.shape[1])

    steps = _shell_steps(vectors, basis, shells)
    edges, lengths = _couple(steps, vectors, basis, shape, cells, periodic)
    if skip_range is not None or skips is not None:
        if skip_range is not None:
            reach = check_integer("skip_range", skip_range, 2)
            steps = [
                (k, k, tuple(reach * (np.arange(len(shape)) == d)))
                for k in range(len(basis))
                for d in range(len(shape))
            ]
            more, more_lengths = _couple(steps, vectors, basis, shape, cells, periodic)
        else:
            more = np.stack(np.triu_indices(len(positions), 1), -1)
            more_lengths = np.linalg.norm(positions[more[:, 0]] - positions[more[:, 1]], axis=1)
        new = ~np.isin(more @ [len(positions), 1], np.sort(edges, axis=1) @ [len(positions), 1])
        more, more_lengths = more[new], more_lengths[new]
        if skips is not None:
            skips = check_integer("skips", skips, 0, len(more))
            chosen = np.sort(
                np.random.default_rng(check_integer("skip_seed", skip_seed, 0)).choice(
                    len(more), skips, replace=False
                )
            )
            more, more_lengths = more[chosen], more_lengths[chosen]
        edges, lengths = np.concatenate([edges, more]), np.concatenate([lengths, more_lengths])

    name = f"{kind}_{'x'.join(map(str, shape))}_shells{shells}"
    name += "_periodic" * bool(periodic) + (
        f"_skip{skip_range or ''}" if skip_range or skips else ""
    )
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
        ends = [
            np.ravel_multi_index(c[inside].T, shape, mode="wrap") * size + s
            for c, s in ((cells, k), (other, m))
        ]
        edges.append(np.sort(np.stack(ends, -1), axis=1))
        lengths.append(
            np.full(
                inside.sum(), np.linalg.norm(np.asarray(offset) @ vectors + basis[m] - basis[k])
            )
        )
    edges, lengths = np.concatenate(edges), np.concatenate(lengths)
    if periodic and (
        len(np.unique(edges, axis=0)) < len(edges) or (edges[:, 0] == edges[:, 1]).any()
    ):
        raise ValueError(
            f"shape: {shape} is too small to be periodic here: a coupling would meet itself around the lattice"
        )
    return edges, lengths


def _site_numbers(name, sites, shape, size):
    full = (*shape, size) if size > 1 else shape
    numbers = []
    if not isinstance(sites, (list, tuple)):
        raise TypeError(f"{name}: found {sites!r}; a list of lattice sites is needed")
    for site in sites:
        if not isinstance(site, (tuple, list)) or len(site) != len(full):
            raise ValueError(
                f"{name}: found {site!r}; a lattice site is a tuple of {len(full)} indices below {full}"
            )
        if any(not 0 <= check_integer(name, x, -(2**31)) < n for x, n in zip(site, full)):
            raise ValueError(
                f"{name}: site {tuple(site)} is out of range; indices must be at least 0 and below {full}"
            )
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


def stacked_lattices(
    shape,
    window=6,
    stride=1,
    channels=1,
    shared=False,
    intra_shells=0,
    outputs=10,
    *,
    readout="dense",
):
    """An input lattice, one or several hidden lattices above it, and a read-out.

    A hidden site is coupled to the sites of the lattice below that lie in a square window under it, in all their channels.

    Parameters
    ----------
    shape : (rows, columns) of the input lattice; input k is site (k // columns, k % columns)
    window, stride, channels : integers, or one for each hidden lattice
        Over n rows, a window w and a stride s make a lattice of (n − w)//s + 1 rows. Channels are sites at the same place.
    shared : bool
        False: every coupling is free (locally connected layer, LCL). True: couplings of one displacement and pair of channels share
        a parameter (convolution), within hidden lattices too. Biases and the read-out stay free.
    intra_shells : int
        Couplings within a hidden lattice and channel, out to this shell of neighbours: 0 none, 1 SQ, 4 is read as 4NSQ (20 neighbours).
    outputs : int
    readout : "dense", or an integer
        Outputs lie in two rows over the last lattice; each is coupled to all its sites, or to those in a window of this side under it.

    Initial couplings between lattices are N(0, 1/(n_i + n_j)), n_i and n_j being the mean numbers of such couplings at either end, which
    for dense layers is the rule of `layered`; within a lattice N(0, 1/z) for z neighbours on the average. There is no initial bias.
    Lengths are in input spacings, also from lattice to lattice.
    """
    shape = tuple(
        check_integer("shape", int(n), 1) for n in check_array("shape", shape, (2,), dtype=np.intp)
    )
    layers = max(map(np.size, (window, stride, channels)))
    each = zip(
        *(
            _for_each_layer(*argument, layers)
            for argument in (("window", window), ("stride", stride), ("channels", channels))
        )
    )
    intra_shells, outputs = (
        check_integer("intra_shells", intra_shells, 0),
        check_integer("outputs", outputs, 1),
    )

    # of each lattice: numbers of its sites (row, column, channel), and where its places lie (row, column, 2)
    sites, place = (
        np.arange(shape[0] * shape[1]).reshape(*shape, 1),
        np.stack(np.indices(shape)[::-1], -1).astype(float),
    )
    lattices, parts, pitch = [(sites, place)], [], 1
    for w, s, c in each:
        below, (rows, columns) = sites, [(n - w) // s + 1 for n in sites.shape[:2]]
        if min(rows, columns) < 1:
            raise ValueError(
                f"window: found {w} over a lattice of {below.shape[0]}×{below.shape[1]}; it must fit in"
            )
        sites = below.max() + 1 + np.arange(rows * columns * c).reshape(rows, columns, c)
        place = place[: s * rows : s, : s * columns : s][:rows, :columns] + (w - 1) / 2 * pitch
        pitch *= s
        parts.append((*_windows(below, sites, w, s), shared))
        if intra_shells:
            parts.append((*_within(sites, intra_shells), shared))
        lattices.append((sites, place))

    x, y = (
        np.linspace(place[..., d].min(), place[..., d].max(), 2 * n + 1)[1::2]
        for d, n in ((0, -(-outputs // 2)), (1, min(outputs, 2)))
    )
    above = np.stack(np.meshgrid(x, y), -1).reshape(-1, 1, 2)[:outputs]
    pairs = np.stack(
        np.broadcast_arrays(sites.reshape(-1, 1), sites.max() + 1 + np.arange(outputs)), -1
    )
    if readout != "dense":
        apart = np.abs(
            np.repeat(place.reshape(-1, 1, 2), sites.shape[2], axis=0) - above[:, 0]
        ).max(axis=-1)
        pairs = pairs[apart <= check_integer("readout", readout, 1) / 2]
    parts.append((pairs.reshape(-1, 2), np.arange(pairs.size // 2), False))
    lattices.append((sites.max() + 1 + np.arange(outputs).reshape(outputs, 1, 1), above))

    tying, scale, used = [], [], 0
    parts = [part for part in parts if len(part[0])]
    for pairs, kind, tied in parts:
        kind = np.unique(kind, return_inverse=True)[1] if tied else np.arange(len(pairs))
        tying.append(used + kind)
        used += kind.max() + 1
        scale.append(
            np.full(
                kind.max() + 1, sum(len(pairs) / len(np.unique(end)) for end in pairs.T) ** -0.5
            )
        )
    numbers = [lattice[0] for lattice in lattices]
    name = (
        f"{'conv' if shared else 'lcl'}_{_dashed(window)}x{_dashed(channels)}"
        + f"_stride{_dashed(stride)}" * int(np.max(stride) > 1)
    )
    return Network(
        np.concatenate([pairs for pairs, _, _ in parts]),
        numbers[0].ravel(),
        numbers[-1].ravel(),
        positions=np.concatenate(
            [
                np.column_stack(
                    [np.repeat(p.reshape(-1, 2), n.shape[2], axis=0), np.full(n.size, k)]
                )
                for k, (n, p) in enumerate(lattices)
            ]
        ),
        tying=np.concatenate(tying),
        layer=np.repeat(np.arange(len(numbers)), [n.size for n in numbers]),
        channel=np.concatenate(
            [np.broadcast_to(np.arange(n.shape[2]), n.shape).ravel() for n in numbers]
        ),
        coupling_scale=np.concatenate(scale),
        bias_scale=0.0,
        name=name
        + f"_shells{intra_shells}" * (intra_shells > 0)
        + f"_readout{readout}" * (readout != "dense"),
    )


def _for_each_layer(name, value, layers):
    values = check_array(
        name,
        np.broadcast_to(value, layers) if np.ndim(value) == 0 else value,
        (layers,),
        dtype=np.intp,
    )
    return [check_integer(name, int(v), 1) for v in values]


def _dashed(value):
    return "-".join(map(str, np.atleast_1d(value)))


def _windows(below, sites, window, stride):
    """Couplings of `sites` to the windows under them, and their kind: displacement and pair of channels."""
    rows, columns, channels = sites.shape
    pairs, kinds = [], []
    for k, (dy, dx) in enumerate(product(range(window), repeat=2)):
        under = below[dy : dy + stride * rows : stride, dx : dx + stride * columns : stride][
            :rows, :columns
        ]
        ends = np.broadcast_arrays(under[..., :, None], sites[..., None, :])
        pairs.append(np.stack(ends, -1).reshape(-1, 2))
        kind = k * below.shape[2] * channels + np.arange(below.shape[2] * channels).reshape(
            below.shape[2], channels
        )
        kinds.append(np.broadcast_to(kind, ends[0].shape).ravel())
    return np.concatenate(pairs), np.concatenate(kinds)


def _within(sites, shells):
    """Couplings between the sites of one lattice and channel out to a shell of the square lattice, and their kind."""
    rows, columns, channels = sites.shape
    pairs, kinds = [np.zeros((0, 2), np.intp)], [np.zeros(0, np.intp)]
    for k, (_, _, (dy, dx)) in enumerate(_shell_steps(*map(np.array, LATTICES["square"]), shells)):
        y, x = (np.arange(max(0, -d), min(n, n - d)) for d, n in ((dy, rows), (dx, columns)))
        ends = sites[np.ix_(y, x)], sites[np.ix_(y + dy, x + dx)]
        pairs.append(np.stack(ends, -1).reshape(-1, 2))
        kinds.append(np.broadcast_to(k * channels + np.arange(channels), ends[0].shape).ravel())
    return np.concatenate(pairs), np.concatenate(kinds)


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
        inputs, output = (
            [(middle, middle - distance), (middle, middle + distance)],
            (middle, middle),
        )
    else:
        inputs, output = (
            [(size - 1 - distance, 0), (size - 1 - distance, size - 1)],
            (size - 1, middle),
        )
    return lattice(kind, (size, size), inputs, [output], shells=shells, **options)


def iris_lattice(size, shells=1, placement="beside", kind="square", **options):
    """Lattice for a four-input, three-output task; its terminals stay together, or move apart as it grows.

    ``placement="beside"`` puts inputs and outputs into a block of 3×3 sites in the middle: outputs along its middle row, inputs in its
    corners; all other sites surround them. ``"edges"`` spreads the inputs along the first row and the outputs along the last one, so that
    they are ``size − 1`` rows apart.
    """
    size = check_integer(
        "size",
        size,
        {"beside": 3, "edges": 4}[check_choice("placement", placement, ("beside", "edges"))],
    )
    if placement == "beside":
        m = (size - 1) // 2
        inputs, outputs = (
            [(m + dy, m + dx) for dy in (-1, 1) for dx in (-1, 1)],
            [(m, m + dx) for dx in (-1, 0, 1)],
        )
    else:
        inputs, outputs = (
            [(row, round(x)) for x in np.linspace(0, size - 1, n).tolist()]
            for row, n in ((0, 4), (size - 1, 3))
        )
    return lattice(kind, (size, size), inputs, outputs, shells=shells, **options)
