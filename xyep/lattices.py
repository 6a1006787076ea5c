"""Lattices: short constructors of `Network`. Another lattice needs a `UnitCell` only.

Initial couplings and bias amplitudes are N(0, 1), as in the code published for arXiv:2402.08579.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .cells import (
    CELLS,
    CUBIC,
    HONEYCOMB,
    KAGOME,
    SQUARE,
    TRIANGULAR,
    Step,
    UnitCell,
    bond_steps,
    integers,
    shell_steps,
)
from .checks import check_array, check_choice, check_flag, check_integer
from .geometry import nearest_image
from .labels import Trait
from .layers import all_to_all as all_to_all
from .layers import layered as layered
from .layers import stacked_lattices as stacked_lattices
from .network import Network
from .random import permutation, uniform

Sites = Sequence[tuple[int, ...]] | np.ndarray


def lattice(
    kind: str | UnitCell,
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    *,
    shells: int = 1,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """A lattice with couplings out to the `shells`-th nearest neighbours, or along its bonds.

    Parameters
    ----------
    kind : "square", "triangular", "honeycomb", "kagome", "cubic", or a `UnitCell`
    shape : cells along each direction, e.g. (rows, columns)
    inputs, outputs : sequences of sites, or (site, index) integers
        A site is a tuple (row, column) or, with several sites a cell, (row, column, site). These
        are also the labels of the network.
    shells : int
        1 couples nearest neighbours, 2 also those at the next distance, … (square lattice: 4, 8,
        12, 20 neighbours for 1, 2, 3, 4 shells). A cell with bonds has these alone.
    periodic : bool, or one a direction
        Opposite edges are joined: ``(True, False)`` is a cylinder whose rows repeat. The periods
        are shape[d]·vectors[d]: tori of triangular, honeycomb and kagome lattices are rhombic.
    skip_range : int, optional
        Adds couplings between sites this many cells apart along each lattice direction.
    skips : int, optional
        Adds only this many couplings, drawn without replacement from those of `skip_range` or,
        without it, from all pairs not yet coupled (a small-world lattice).
    skip_seed : int
        Seed of the drawing.

    Raises
    ------
    ValueError
        For sites outside the lattice, a periodic lattice so small that a coupling would meet
        itself, and skips that do not exist.

    Warns
    -----
    UserWarning
        For a periodic direction of one or two cells: the shortest cycles wind around it, and the
        torus is not the lattice of that name even near a site.

    A cylinder, and a lattice with random skips, which belong to no shell:

    >>> import xyep
    >>> xyep.lattice("square", (5, 5), [(0, 0)], [(4, 4)], periodic=(True, False))
    <Network square_5x5_shells1_periodic-open: 25 sites (1 inputs, 1 outputs), 45 couplings>
    >>> xyep.lattice("square", (5, 5), [(0, 0)], [(4, 4)], skips=10).shell[-10:].tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    if not isinstance(kind, (str, UnitCell)):
        raise TypeError(f"kind: found {kind!r}; a name or a UnitCell is needed")
    cell = kind if isinstance(kind, UnitCell) else CELLS[check_choice("kind", kind, tuple(CELLS))]
    options = shells, periodic, skip_range, skips, skip_seed
    return _lattice(cell, shape, inputs, outputs, *options)


def _lattice(
    cell: UnitCell,
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    shells: int,
    periodic: bool | Sequence[bool],
    skip_range: int | None,
    skips: int | None,
    skip_seed: int,
) -> Network:
    vectors, basis = np.array(cell.vectors), np.array(cell.sites)
    shape = tuple(integers("shape", shape))
    if len(shape) != len(vectors):
        raise ValueError(f"shape: found {shape}; {len(vectors)} numbers of cells are needed")
    shells = check_integer("shells", shells, 0)
    around = _flags(periodic, len(shape))
    if skip_range is not None:
        skip_range = check_integer("skip_range", skip_range, 2)
    if skips is not None:
        skips = check_integer("skips", skips, 0)
    skip_seed = check_integer("skip_seed", skip_seed, 0)
    cells = np.indices(shape).reshape(len(shape), -1).T
    full = (*shape, len(basis)) if len(basis) > 1 else shape
    positions = ((cells @ vectors)[:, None] + basis).reshape(-1, basis.shape[1])
    periods = (np.array(shape)[:, None] * vectors)[around]

    steps = bond_steps(cell, shells) if cell.bonds is not None else shell_steps(cell, shells)
    crossing = np.any(np.array([step.offset for step in steps]).reshape(-1, len(shape)), axis=0)
    if (around & crossing & (np.array(shape) <= 2)).any():
        warnings.warn(
            f"shape: {shape} is small for a periodic lattice; its shortest cycles wind around it",
            UserWarning,
            stacklevel=3,
        )
    tie = _Lattice(cell, shape, cells, around, periods)
    edges, lengths, shell = tie.couple("shape", steps)
    more, more_lengths = tie.more(edges, positions, skip_range, skips, skip_seed)
    shell = np.concatenate([shell, np.zeros(len(more), np.intp)])
    traits, name = _describe(tie, shells, int(shell.max(initial=0)), skip_range, skips)
    return Network(
        np.concatenate([edges, more]),
        _site_numbers("inputs", inputs, full),
        _site_numbers("outputs", outputs, full),
        positions=positions,
        lengths=np.concatenate([lengths, more_lengths]),
        shell=shell,
        periods=periods,
        labels=np.indices(full).reshape(len(full), -1).T,
        name=name,
        traits=traits,
    )


def _describe(
    tie: _Lattice, shells: int, known: int, skip_range: int | None, skips: int | None
) -> tuple[dict[str, Trait], str]:
    """Traits and name; of a cell with bonds, as many shells as its bonds have lengths."""
    kind, shells = tie.cell.name, known if tie.cell.bonds is not None else shells
    around, sizes = tie.around, "x".join(map(str, tie.shape))
    size: Trait = tie.shape[0] if len(set(tie.shape)) == 1 else sizes
    traits: dict[str, Trait] = {"family": "lattice", "kind": kind}
    traits["shape" if isinstance(size, str) else "size"] = size
    traits |= {"shells": shells, "periodic": bool(around.any())}
    boundary = "periodic"
    if around.any() and not around.all():
        boundary = "-".join("periodic" if flag else "open" for flag in around)
        traits["boundary"] = boundary
    traits |= {"skip_range": skip_range or 0, "skips": skips or 0}
    name = f"{kind}_{sizes}_shells{shells}" + f"_{boundary}" * bool(around.any())
    return traits, name + f"_skip{skip_range or ''}" * bool(skip_range or skips)


def _flags(periodic: Any, directions: int) -> np.ndarray:
    if isinstance(periodic, (tuple, list, np.ndarray)) and np.ndim(periodic):
        if len(periodic) != directions:
            raise ValueError(
                f"periodic: found {len(periodic)} flags; one, or one for each of {directions} "
                "directions, is needed"
            )
        return np.array([check_flag("periodic", flag) for flag in periodic])
    return np.full(directions, check_flag("periodic", periodic))


class _Lattice(NamedTuple):
    """Cells to be coupled."""

    cell: UnitCell
    shape: tuple[int, ...]
    cells: np.ndarray  # (cell, direction)
    around: np.ndarray  # (direction,) whether periodic
    periods: np.ndarray

    def couple(self, name: str, steps: list[Step]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Edges, lengths and shells of those steps from every cell that has the other site."""
        vectors, basis = np.array(self.cell.vectors), np.array(self.cell.sites)
        mode: Any = ["wrap" if flag else "raise" for flag in self.around]
        edges, lengths = [np.zeros((0, 2), np.intp)], [np.zeros(0)]
        shell = [np.zeros(0, np.intp)]
        for step in steps:
            other = self.cells + step.offset
            inside = np.all((other >= 0) & (other < self.shape) | self.around, axis=1)
            i, j = (
                np.asarray(np.ravel_multi_index(tuple(c[inside].T), self.shape, mode=mode))
                for c in (self.cells, other)
            )
            i, j = i * len(basis) + step.site, j * len(basis) + step.other
            apart = np.array(step.offset) @ vectors + basis[step.other] - basis[step.site]
            apart = nearest_image(apart, self.periods)
            edges.append(np.stack([np.minimum(i, j), np.maximum(i, j)], axis=-1))
            lengths.append(np.full(len(i), float(np.linalg.norm(apart))))
            shell.append(np.full(len(i), step.shell, np.intp))
        edges, lengths = np.concatenate(edges), np.concatenate(lengths)
        if self.around.any():
            keys = np.sort(_keys(edges, len(self.cells) * len(basis)))
            if (keys[1:] == keys[:-1]).any() or (edges[:, 0] == edges[:, 1]).any():
                raise ValueError(
                    f"{name}: {self.shape} cells are too few to be periodic here: "
                    "a coupling would meet itself around the lattice"
                )
        return edges, lengths, np.concatenate(shell)

    def more(
        self,
        edges: np.ndarray,
        positions: np.ndarray,
        skip_range: int | None,
        skips: int | None,
        seed: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Skips, couplings that `edges` does not have, and their lengths."""
        if skip_range is None:
            pairs = _random_pairs(skips or 0, edges, len(positions), seed)
            apart = nearest_image(positions[pairs[:, 1]] - positions[pairs[:, 0]], self.periods)
            return pairs, np.linalg.norm(apart, axis=1)
        steps = [
            Step(k, k, tuple((skip_range * (np.arange(len(self.shape)) == d)).tolist()), 0)
            for k in range(len(self.cell.sites))
            for d in range(len(self.shape))
        ]
        pairs, lengths, _ = self.couple("skip_range", steps)
        new = np.flatnonzero(~np.isin(_keys(pairs, len(positions)), _keys(edges, len(positions))))
        if not new.size:
            raise ValueError(
                f"skip_range: found {skip_range}, which adds nothing to {self.shape} cells; a "
                "range that fits in and is not yet coupled is needed"
            )
        if skips is not None:
            check_integer("skips", skips, 0, len(new))
            new = new[np.sort(permutation(len(new), seed)[:skips])]
        return pairs[new], lengths[new]


def _keys(pairs: np.ndarray, n: int) -> np.ndarray:
    """One integer for each pair of n sites, the smaller first."""
    return pairs[:, 0] * n + pairs[:, 1]


def _random_pairs(count: int, edges: np.ndarray, n: int, seed: int) -> np.ndarray:
    """That many pairs of n sites that `edges` does not list, in ascending order."""
    free = n * (n - 1) // 2 - len(edges)
    check_integer("skips", count, 0, free)
    coupled = np.sort(_keys(edges, n))
    if 2 * count > free:  # few are left over: list all
        keys = np.setdiff1d(_keys(np.stack(np.triu_indices(n, 1), axis=-1), n), coupled)
        chosen = keys[permutation(free, seed)[:count]]
    else:
        chosen, attempt = np.zeros(0, np.intp), 0
        while len(chosen) < count:
            ends = (uniform((2 * count + 8, 2), seed, attempt) * n).astype(np.intp)
            ends = np.stack([ends.min(axis=1), ends.max(axis=1)], axis=1)[ends[:, 0] != ends[:, 1]]
            keys = _keys(ends, n)
            keys = np.concatenate([chosen, keys[~np.isin(keys, coupled)]])
            first = np.sort(np.unique(keys, return_index=True)[1])
            chosen, attempt = keys[first][:count], attempt + 1
    return np.stack(np.divmod(np.sort(chosen), n), axis=-1)


def _site_numbers(name: str, sites: Any, full: tuple[int, ...]) -> np.ndarray:
    """Numbers of sites given by their indices."""
    if isinstance(sites, np.ndarray) and sites.dtype != object and sites.size:
        sites = check_array(name, sites, ("site", len(full)), dtype=np.intp).tolist()
    if isinstance(sites, (str, bytes)) or not isinstance(sites, Iterable):
        raise TypeError(f"{name}: found {sites!r}; a list of lattice sites is needed")
    numbers = []
    for site in sites:
        if not isinstance(site, (tuple, list, np.ndarray)) or len(site) != len(full):
            raise ValueError(
                f"{name}: found {site!r}; a lattice site is a tuple of {len(full)} indices "
                f"below {full}"
            )
        if any(not 0 <= check_integer(name, x, -(2**31)) < n for x, n in zip(site, full)):
            raise ValueError(
                f"{name}: site {tuple(site)} is out of range; indices must be at least 0 and "
                f"below {full}"
            )
        numbers.append(int(np.ravel_multi_index(tuple(site), full)))
    return np.array(numbers, np.intp)


def square_lattice(
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    *,
    shells: int = 1,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Square lattice (4 nearest neighbours); the arguments are those of `lattice`.

    Site (row, column) lies at x = column, y = row.

    >>> import numpy as np, xyep
    >>> net = xyep.square_lattice((7, 7), shells=4, inputs=[(3, 2), (3, 4)], outputs=[(3, 3)])
    >>> np.bincount(net.edges.ravel()).max()
    np.int64(20)
    """
    options = shells, periodic, skip_range, skips, skip_seed
    return _lattice(SQUARE, shape, inputs, outputs, *options)


def triangular_lattice(
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    *,
    shells: int = 1,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Triangular lattice (6 nearest neighbours); the arguments are those of `lattice`.

    Each row is moved by half a column against the one before.

    >>> import numpy as np, xyep
    >>> net = xyep.triangular_lattice((6, 6), inputs=[(0, 0)], outputs=[(3, 3)], periodic=True)
    >>> net.n_couplings, np.bincount(net.edges.ravel()).max()
    (108, np.int64(6))
    """
    options = shells, periodic, skip_range, skips, skip_seed
    return _lattice(TRIANGULAR, shape, inputs, outputs, *options)


def honeycomb_lattice(
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    *,
    shells: int = 1,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Honeycomb lattice (3 nearest neighbours); the arguments are those of `lattice`.

    Its cells have two sites: a site is (row, column, 0 or 1).

    >>> import numpy as np, xyep
    >>> net = xyep.honeycomb_lattice((4, 4), [(0, 0, 0)], [(3, 3, 1)], periodic=True)
    >>> net.n_sites, net.n_couplings, np.bincount(net.edges.ravel()).max()
    (32, 48, np.int64(3))
    """
    options = shells, periodic, skip_range, skips, skip_seed
    return _lattice(HONEYCOMB, shape, inputs, outputs, *options)


def kagome_lattice(
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    *,
    shells: int = 1,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Kagome lattice (4 nearest neighbours); the arguments are those of `lattice`.

    Its cells have three sites: a site is (row, column, 0, 1 or 2).

    >>> import numpy as np, xyep
    >>> net = xyep.kagome_lattice((3, 3), [(0, 0, 0)], [(2, 2, 2)], periodic=True)
    >>> net.n_sites, net.n_couplings, np.bincount(net.edges.ravel()).max()
    (27, 54, np.int64(4))
    """
    options = shells, periodic, skip_range, skips, skip_seed
    return _lattice(KAGOME, shape, inputs, outputs, *options)


def cubic_lattice(
    shape: Sequence[int],
    inputs: Sites,
    outputs: Sites,
    *,
    shells: int = 1,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Simple cubic lattice (6 nearest neighbours); the arguments are those of `lattice`.

    Site (i, j, k) lies at x = k, y = j, z = i.

    >>> import numpy as np, xyep
    >>> net = xyep.cubic_lattice((3, 3, 3), [(0, 0, 0)], [(2, 2, 2)], periodic=True)
    >>> net.n_couplings, np.bincount(net.edges.ravel()).max()
    (81, np.int64(6))
    """
    options = shells, periodic, skip_range, skips, skip_seed
    return _lattice(CUBIC, shape, inputs, outputs, *options)


def xor_lattice(
    size: int,
    shells: int = 1,
    distance: int = 1,
    kind: str | UnitCell = "square",
    *,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Lattice for two inputs and one output, each input at the same distance from the output.

    One input lies `distance` rows above the output, the other as many columns to its left, and the
    three are as far from the borders as the size allows: offsets do not depend on the size, and no
    terminal lies on a border up to a distance of ``size − 3``. `kind` is a lattice of two
    directions and one site a cell; the other arguments are those of `lattice`.

    Raises
    ------
    ValueError
        For lattices of other kinds, distances beyond the lattice, and on periodic ones distances
        that are shorter around the border.

    >>> import xyep
    >>> net = xyep.xor_lattice(7, shells=4, distance=2)
    >>> net.labels[[0, 1, -1]].tolist(), net.traits["distance"]
    ([(2, 4), (4, 2), (4, 4)], 2)
    """
    cell = _rows_and_columns(kind)
    size = check_integer("size", size, 3)
    distance = check_integer("distance", distance, 1, size - 1)
    if np.any(_flags(periodic, 2)) and distance > size // 2:
        raise ValueError(
            f"distance: found {distance} on a periodic lattice of {size}; it is shorter around "
            f"the border, at most {size // 2} is possible"
        )
    near = (size - 1 - distance) // 2
    far = near + distance
    options = shells, periodic, skip_range, skips, skip_seed
    net = _lattice(cell, (size, size), [(near, far), (far, near)], [(far, far)], *options)
    return net.with_traits(distance=distance)


def _rows_and_columns(kind: Any) -> UnitCell:
    cell = (
        kind if isinstance(kind, UnitCell) else CELLS.get(kind) if isinstance(kind, str) else None
    )
    if cell is None or len(cell.vectors) != 2 or len(cell.sites) != 1:
        raise ValueError(
            f"kind: found {kind!r}; a lattice of two directions with one site a cell is needed, "
            "such as 'square' or 'triangular'"
        )
    return cell


def iris_lattice(
    size: int,
    shells: int = 1,
    placement: str = "beside",
    kind: str | UnitCell = "square",
    *,
    periodic: bool | Sequence[bool] = False,
    skip_range: int | None = None,
    skips: int | None = None,
    skip_seed: int = 0,
) -> Network:
    """Lattice for four inputs and three outputs that stay together, or move apart as it grows.

    ``placement="beside"`` puts inputs and outputs into a block of 3×3 sites in the middle: outputs
    along its middle row, inputs in its corners; all other sites surround them. ``"edges"`` spreads
    the inputs along the first row and the outputs along the last one, so that they are
    ``size − 1`` rows apart. `kind` is a lattice of two directions and one site a cell; the other
    arguments are those of `lattice`.

    Raises
    ------
    ValueError
        For lattices of other kinds, and edges that are joined in a periodic lattice.

    >>> import xyep
    >>> net = xyep.iris_lattice(5, placement="edges")
    >>> net.labels[:4].tolist(), net.labels[-3:].tolist()
    ([(0, 0), (0, 1), (0, 3), (0, 4)], [(4, 0), (4, 2), (4, 4)])
    """
    cell = _rows_and_columns(kind)
    check_choice("placement", placement, ("beside", "edges"))
    size = check_integer("size", size, {"beside": 3, "edges": 4}[placement])
    if placement == "edges" and _flags(periodic, 2)[0]:
        raise ValueError("periodic: the first and last row would be joined; they are to be apart")
    if placement == "beside":
        m = (size - 1) // 2
        inputs = [(m + dy, m + dx) for dy in (-1, 1) for dx in (-1, 1)]
        outputs = [(m, m + dx) for dx in (-1, 0, 1)]
    else:
        inputs, outputs = (
            [(row, round(x)) for x in np.linspace(0, size - 1, n).tolist()]
            for row, n in ((0, 4), (size - 1, 3))
        )
    options = shells, periodic, skip_range, skips, skip_seed
    net = _lattice(cell, (size, size), inputs, outputs, *options)
    return net.with_traits(placement=placement)
