"""Architectures: short constructors of `Network`. A new one needs a function here and no change
elsewhere; a new lattice needs a `UnitCell` only.

Initial couplings follow the code published for arXiv:2402.08579: N(0, 1) on lattices,
N(0, 1/(N_k + N_k+1)) between layers, N(0, 1/N) all to all; bias amplitudes N(0, 1) on lattices and
0 elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .checks import check_array, check_choice, check_flag, check_integer
from .geometry import nearest_image
from .labels import Trait
from .network import Network
from .random import permutation, uniform

Sites = Sequence[tuple[int, ...]] | np.ndarray


@dataclass(frozen=True)
class UnitCell:
    """What a lattice repeats: any lattice is made from one by `lattice`.

    Parameters
    ----------
    vectors : (direction, dimension) floats
        Translations to the next cell in each direction, in 1 to 3 dimensions.
    sites : (site, dimension) floats
        Positions of the sites within the cell.
    bonds : sequence of (site, other site, cell offset), optional
        The couplings of one cell: between `site` and the `other site` of the cell that lies
        `offset`, one integer a direction, away; each is listed once. Default: couplings out to a
        shell of neighbours, all pairs of sites up to a distance.
    name : str
        The trait `kind` of its lattices.

    Raises
    ------
    ValueError
        For vectors that are not independent, and bonds that name no site, join a site to itself
        or are listed twice.

    A Lieb lattice is a square lattice without every fourth site:

    >>> import xyep
    >>> lieb = xyep.UnitCell(
    ...     vectors=[[0, 2], [2, 0]],
    ...     sites=[[0, 0], [1, 0], [0, 1]],
    ...     bonds=[(0, 1, (0, 0)), (0, 2, (0, 0)), (1, 0, (0, 1)), (2, 0, (1, 0))],
    ... )
    >>> net = xyep.lattice(lieb, (4, 4), inputs=[(0, 0, 0)], outputs=[(3, 3, 0)], periodic=True)
    >>> net.n_sites, net.n_couplings
    (48, 64)
    """

    vectors: Any
    sites: Any
    bonds: Any = None
    name: str = "cell"

    def __post_init__(self) -> None:
        vectors = check_array("vectors", self.vectors, ("direction", "dimension"))
        if not 1 <= vectors.shape[0] <= vectors.shape[1] <= 3:
            raise ValueError(
                f"vectors: found {vectors.shape[0]} in {vectors.shape[1]} dimensions; "
                "1 to 3 dimensions and no more vectors than these are needed"
            )
        if np.linalg.matrix_rank(vectors) < len(vectors):
            raise ValueError("vectors: found some that are not independent of each other")
        sites = check_array("sites", self.sites, ("site", vectors.shape[1]))
        if not len(sites):
            raise ValueError("sites: none named; a cell needs at least one")
        if not isinstance(self.name, str):
            raise TypeError(f"name: found {self.name!r}; text is needed")
        object.__setattr__(self, "vectors", tuple(map(tuple, vectors.tolist())))
        object.__setattr__(self, "sites", tuple(map(tuple, sites.tolist())))
        if self.bonds is not None:
            bonds = tuple(_bond(bond, len(sites), len(vectors)) for bond in self.bonds)
            both = [bond for a, b, way in bonds for bond in {(a, b, way), (b, a, _back(way))}]
            if len(set(both)) < len(both):
                twice = next(bond for k, bond in enumerate(both) if bond in both[:k])
                raise ValueError(f"bonds: {twice} is listed twice; list each bond once")
            object.__setattr__(self, "bonds", bonds)


def _back(offset: Iterable[int]) -> tuple[int, ...]:
    return tuple(-step for step in offset)


def _bond(bond: Any, sites: int, directions: int) -> tuple[int, int, tuple[int, ...]]:
    if not isinstance(bond, (tuple, list)) or len(bond) != 3:
        raise ValueError(f"bonds: found {bond!r}; (site, other site, cell offset) is needed")
    a, b = (check_integer("bonds", site, 0, sites - 1) for site in bond[:2])
    offset = check_array("bonds", bond[2], (directions,), dtype=np.intp)
    if a == b and not offset.any():
        raise ValueError(f"bonds: {bond!r} joins a site to itself; bonds join two different sites")
    return a, b, tuple(offset.tolist())


_HALF_ROOT3 = float(np.sqrt(3) / 2)

#: Named cells, in units of the nearest-neighbour distance; the first direction counts rows.
SQUARE = UnitCell([[0, 1], [1, 0]], [[0, 0]], name="square")
TRIANGULAR = UnitCell([[0.5, _HALF_ROOT3], [1, 0]], [[0, 0]], name="triangular")
HONEYCOMB = UnitCell([[_HALF_ROOT3, 1.5], [2 * _HALF_ROOT3, 0]], [[0, 0], [0, 1]], name="honeycomb")
KAGOME = UnitCell(
    [[1, 2 * _HALF_ROOT3], [2, 0]], [[0, 0], [1, 0], [0.5, _HALF_ROOT3]], name="kagome"
)
CUBIC = UnitCell([[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[0, 0, 0]], name="cubic")
CELLS = {cell.name: cell for cell in (SQUARE, TRIANGULAR, HONEYCOMB, KAGOME, CUBIC)}


def _each(name: str, values: Any, low: int = 1) -> list[int]:
    """A sequence of integers, each looked at: a True among them would be taken as 1."""
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        raise TypeError(f"{name}: found {values!r}; a sequence of integers is needed")
    return [check_integer(name, value, low) for value in values]


def all_to_all(n: int, inputs: int = 2, outputs: int = 1) -> Network:
    """Every one of `n` sites coupled to every other, inputs and outputs included.

    The first `inputs` sites are clamped, the last `outputs` are read; `inputs` may be 0. The
    n(n − 1)/2 initial couplings are N(0, 1/n), without initial bias. Sites lie on a circle of
    radius 1.

    Raises
    ------
    ValueError
        For fewer sites than inputs and outputs.

    >>> import xyep
    >>> xyep.all_to_all(6, inputs=2, outputs=1)
    <Network all_to_all_6: 6 sites (2 inputs, 1 outputs), 15 couplings>
    """
    n = check_integer("n", n, 2)
    inputs = check_integer("inputs", inputs, 0, n - 1)
    outputs = check_integer("outputs", outputs, 1, n)
    if inputs + outputs > n:
        raise ValueError(
            f"n: found {n} sites for {inputs} inputs and {outputs} outputs; "
            f"at least {inputs + outputs} are needed"
        )
    angle = 2 * np.pi * np.arange(n) / n
    return Network(
        np.stack(np.triu_indices(n, 1), axis=1),
        range(inputs),
        range(n - outputs, n),
        positions=np.column_stack([np.cos(angle), np.sin(angle)]),
        coupling_scale=n**-0.5,
        bias_scale=0.0,
        name=f"all_to_all_{n}",
        traits={"family": "all_to_all", "size": n},
    )


def layered(sizes: Sequence[int]) -> Network:
    """Layers of the given sizes with dense couplings between neighbouring layers.

    The first layer is clamped, the last is read. Initial couplings between layers of N and M
    sites are N(0, 1/(N + M)), without initial bias. Layers lie at y = 0, 1, ….

    Raises
    ------
    TypeError, ValueError
        For fewer than two layers, and sizes that are no integers of at least 1.

    >>> import xyep
    >>> xyep.layered([784, 120, 10])
    <Network layered_784-120-10: 914 sites (784 inputs, 10 outputs), 95280 couplings>
    """
    sizes = _each("sizes", sizes)
    if len(sizes) < 2:
        raise ValueError(
            f"sizes: found {len(sizes)} layers; an input and an output layer are needed"
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
    text = "-".join(map(str, sizes))
    return Network(
        np.concatenate(edges),
        np.arange(sizes[0]),
        np.arange(first[-2], first[-1]),
        positions=np.concatenate(place),
        layer=np.repeat(np.arange(len(sizes)), sizes),
        coupling_scale=np.concatenate(scale),
        bias_scale=0.0,
        name=f"layered_{text}",
        traits={"family": "layered", "sizes": text, "hidden": sum(sizes[1:-1])},
    )


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
        Of the drawing.

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
    vectors, basis = np.array(cell.vectors), np.array(cell.sites)
    shape = tuple(_each("shape", shape))
    if len(shape) != len(vectors):
        raise ValueError(f"shape: found {shape}; {len(vectors)} numbers of cells are needed")
    shells = check_integer("shells", shells, 0)
    around = _flags(periodic, len(shape))
    if skip_range is not None:
        skip_range = check_integer("skip_range", skip_range, 2)
    skip_seed = check_integer("skip_seed", skip_seed, 0)
    cells = np.indices(shape).reshape(len(shape), -1).T
    full = (*shape, len(basis)) if len(basis) > 1 else shape
    positions = ((cells @ vectors)[:, None] + basis).reshape(-1, basis.shape[1])
    periods = (np.array(shape)[:, None] * vectors)[around]

    steps = _bond_steps(cell, shells) if cell.bonds is not None else _shell_steps(cell, shells)
    crossing = np.any([step.offset for step in steps] or [around * 0], axis=0)
    if (around & crossing & (np.array(shape) <= 2)).any():
        warnings.warn(
            f"shape: {shape} is small for a periodic lattice; its shortest cycles wind around it",
            UserWarning,
            stacklevel=2,
        )
    tie = _Lattice(cell, shape, cells, around, periods)
    edges, lengths, shell = tie.couple("shape", steps)
    if skip_range is not None or skips is not None:
        if skip_range is not None:
            more, more_lengths = tie.skips(skip_range, edges)
            if skips is not None:
                check_integer("skips", skips, 0, len(more))
                chosen = np.sort(permutation(len(more), skip_seed)[:skips])
                more, more_lengths = more[chosen], more_lengths[chosen]
        else:
            more = _random_pairs(check_integer("skips", skips, 0), edges, len(positions), skip_seed)
            apart = nearest_image(positions[more[:, 1]] - positions[more[:, 0]], periods)
            more_lengths = np.linalg.norm(apart, axis=1)
        edges, lengths = np.concatenate([edges, more]), np.concatenate([lengths, more_lengths])
        shell = np.concatenate([shell, np.zeros(len(more), np.intp)])

    boundary = "-".join("periodic" if flag else "open" for flag in around)
    mixed = around.any() and not around.all()
    traits: dict[str, Trait] = {"family": "lattice", "kind": cell.name}
    if len(set(shape)) == 1:
        traits["size"] = shape[0]
    else:
        traits["shape"] = "x".join(map(str, shape))
    traits |= {"shells": int(shell.max(initial=0)) if cell.bonds is not None else shells}
    traits |= {"periodic": bool(around.any())} | ({"boundary": boundary} if mixed else {})
    traits |= {"skip_range": skip_range or 0, "skips": skips or 0}
    name = f"{cell.name}_{'x'.join(map(str, shape))}_shells{traits['shells']}"
    name += f"_{boundary if mixed else 'periodic'}" * bool(around.any())
    name += f"_skip{skip_range or ''}" * bool(skip_range or skips)
    return Network(
        edges,
        _site_numbers("inputs", inputs, full),
        _site_numbers("outputs", outputs, full),
        positions=positions,
        lengths=lengths,
        shell=shell,
        periods=periods,
        labels=np.indices(full).reshape(len(full), -1).T,
        name=name,
        traits=traits,
    )


def _flags(periodic: Any, directions: int) -> np.ndarray:
    if isinstance(periodic, (tuple, list, np.ndarray)) and np.ndim(periodic):
        if len(periodic) != directions:
            raise ValueError(
                f"periodic: found {len(periodic)} flags; one, or one for each of {directions} "
                "directions, is needed"
            )
        return np.array([check_flag("periodic", flag) for flag in periodic])
    return np.full(directions, check_flag("periodic", periodic))


class Step(NamedTuple):
    """A coupling that every cell has: to another site of the cell that lies `offset` away."""

    site: int
    other: int
    offset: tuple[int, ...]
    shell: int


def _shell_steps(cell: UnitCell, shells: int) -> list[Step]:
    """Half of all neighbours out to that shell; the other half are seen from the other site."""
    vectors, basis = np.array(cell.vectors), np.array(cell.sites)
    reach = 2
    while True:
        offsets = np.array(list(product(range(-reach, reach + 1), repeat=len(vectors))))
        apart = (offsets @ vectors)[:, None, None] + basis[None, None] - basis[None, :, None]
        distance = np.round(np.linalg.norm(apart, axis=-1), 9)
        # offsets beyond the box are at least this far away, so only shells inside it are complete
        height = 1 / np.linalg.norm(np.linalg.pinv(vectors), axis=0).max()
        safe = reach * height - 2 * np.linalg.norm(basis - basis.mean(axis=0), axis=1).max()
        known = np.unique(distance[(distance > 0) & (distance <= safe)])
        if len(known) >= shells and safe >= 0:
            break
        reach += 1
    if np.count_nonzero(distance == 0) > len(basis):
        raise ValueError(f"sites: {cell.name} has two sites at one place; give it bonds")
    steps = []
    for o, k, m in np.argwhere((distance > 0) & (distance <= np.append(0, known)[shells])):
        offset = tuple(offsets[o].tolist())
        if (offset, m) > (_back(offset), k):
            shell = 1 + int(np.searchsorted(known, distance[o, k, m]))
            steps.append(Step(int(k), int(m), offset, shell))
    return steps


def _bond_steps(cell: UnitCell, shells: int) -> list[Step]:
    """The bonds of a cell; their shells count their lengths."""
    if shells != 1:
        raise ValueError(f"shells: found {shells}; the couplings of {cell.name} are its bonds")
    vectors, basis = np.array(cell.vectors), np.array(cell.sites)
    apart = [np.array(offset) @ vectors + basis[b] - basis[a] for a, b, offset in cell.bonds]
    lengths = np.round([float(np.linalg.norm(step)) for step in apart], 9)
    shell = np.unique(lengths, return_inverse=True)[1] + 1
    return [Step(a, b, way, int(s)) for (a, b, way), s in zip(cell.bonds, shell)]


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
        mode = ["wrap" if flag else "raise" for flag in self.around]
        edges, lengths = [np.zeros((0, 2), np.intp)], [np.zeros(0)]
        shell = [np.zeros(0, np.intp)]
        for step in steps:
            other = self.cells + step.offset
            inside = np.all((other >= 0) & (other < self.shape) | self.around, axis=1)
            ends = [
                np.ravel_multi_index(c[inside].T, self.shape, mode=mode) * len(basis) + s
                for c, s in ((self.cells, step.site), (other, step.other))
            ]
            apart = np.array(step.offset) @ vectors + basis[step.other] - basis[step.site]
            apart = nearest_image(apart, self.periods)
            edges.append(np.stack([np.minimum(*ends), np.maximum(*ends)], axis=-1))
            lengths.append(np.full(len(ends[0]), np.linalg.norm(apart)))
            shell.append(np.full(len(ends[0]), step.shell, np.intp))
        edges, lengths = np.concatenate(edges), np.concatenate(lengths)
        if self.around.any():
            keys = np.sort(_keys(edges, len(self.cells) * len(basis)))
            if (keys[1:] == keys[:-1]).any() or (edges[:, 0] == edges[:, 1]).any():
                raise ValueError(
                    f"{name}: {self.shape} cells are too few to be periodic here: "
                    "a coupling would meet itself around the lattice"
                )
        return edges, lengths, np.concatenate(shell)

    def skips(self, reach: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs `reach` cells apart that are not yet coupled, and their lengths."""
        steps = [
            Step(k, k, tuple(reach * (np.arange(len(self.shape)) == d)), 0)
            for k in range(len(self.cell.sites))
            for d in range(len(self.shape))
        ]
        more, lengths, _ = self.couple("skip_range", steps)
        n = len(self.cells) * len(self.cell.sites)
        new = ~np.isin(_keys(more, n), _keys(edges, n))
        if not new.any():
            raise ValueError(
                f"skip_range: found {reach}, which adds nothing to {self.shape} cells; a range "
                "that fits in and is not yet coupled is needed"
            )
        return more[new], lengths[new]


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
    return lattice(
        SQUARE,
        shape,
        inputs,
        outputs,
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    )


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
    return lattice(
        TRIANGULAR,
        shape,
        inputs,
        outputs,
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    )


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
    return lattice(
        HONEYCOMB,
        shape,
        inputs,
        outputs,
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    )


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
    return lattice(
        KAGOME,
        shape,
        inputs,
        outputs,
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    )


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
    return lattice(
        CUBIC,
        shape,
        inputs,
        outputs,
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    )


def stacked_lattices(
    shape: Sequence[int],
    window: int | Sequence[int] = 6,
    stride: int | Sequence[int] = 1,
    channels: int | Sequence[int] = 1,
    shared: bool = False,
    intra_shells: int = 0,
    outputs: int = 10,
    *,
    readout: str | int = "dense",
) -> Network:
    """An input lattice, one or several hidden lattices above it, and a read-out.

    A hidden site is coupled to the sites of the lattice below that lie in a square window under it,
    in all their channels. Labels are (layer, row, column, channel), those of outputs
    (layer, number, 0, 0).

    Parameters
    ----------
    shape : (rows, columns) of the input lattice
        Input k is site (k // columns, k % columns).
    window, stride, channels : integers, or one for each hidden lattice
        Over n rows, a window w and a stride s make a lattice of (n − w)//s + 1 rows. Channels are
        sites at the same place.
    shared : bool
        False: every coupling is free (locally connected layer, LCL). True: couplings of one
        displacement and pair of channels share a parameter (convolution), within hidden lattices
        too. Biases and the read-out stay free.
    intra_shells : int
        Couplings within a hidden lattice and channel, out to this shell of neighbours: 0 none, 1
        SQ, 4 is read as 4NSQ (20 neighbours).
    outputs : int
    readout : "dense", or an integer
        Outputs lie in two rows over the last lattice; each is coupled to all its sites, or to those
        in a window of this side under it.

    Initial couplings between lattices are N(0, 1/(n_i + n_j)), n_i and n_j being the mean numbers
    of such couplings at either end, which for dense layers is the rule of `layered`; within a
    lattice N(0, 1/z) for a mean of z neighbours. There is no initial bias. Lengths are in input
    spacings, also from lattice to lattice.

    Raises
    ------
    ValueError
        For a window that does not fit in.

    Warns
    -----
    UserWarning
        For inputs that no window covers, as with a stride larger than the window.

    >>> import xyep
    >>> net = xyep.stacked_lattices((28, 28), window=6, stride=1, channels=1, outputs=10)
    >>> net
    <Network lcl_6x1: 1323 sites (784 inputs, 10 outputs), 24334 couplings>
    >>> xyep.stacked_lattices((28, 28), channels=4, shared=True).n_parameters
    21304
    >>> net.labels[0], net.labels[784], net.labels[-1]
    ((0, 0, 0, 0), (1, 0, 0, 0), (2, 9, 0, 0))
    """
    shape = tuple(_each("shape", shape))
    if len(shape) != 2:
        raise ValueError(f"shape: found {shape}; (rows, columns) is needed")
    shared = check_flag("shared", shared)
    layers = max(map(np.size, (window, stride, channels)))
    window, stride, channels = (
        _for_each_layer(*argument, layers)
        for argument in (("window", window), ("stride", stride), ("channels", channels))
    )
    intra_shells = check_integer("intra_shells", intra_shells, 0)
    outputs = check_integer("outputs", outputs, 1)
    if readout != "dense":
        if isinstance(readout, str):
            raise ValueError(f"readout: found {readout!r}; 'dense' or an integer is needed")
        readout = check_integer("readout", readout, 1)

    # of each lattice: numbers of its sites (row, column, channel), and where its places lie
    # (row, column, 2)
    sites = np.arange(shape[0] * shape[1]).reshape(*shape, 1)
    place = np.stack(np.indices(shape)[::-1], -1).astype(float)
    lattices, parts, pitch = [(sites, place)], [], 1
    for w, s, c in zip(window, stride, channels):
        below, (rows, columns) = sites, [(n - w) // s + 1 for n in sites.shape[:2]]
        if min(rows, columns) < 1:
            raise ValueError(
                f"window: found {w} over a lattice of {below.shape[0]}×{below.shape[1]}; "
                "it must fit in"
            )
        sites = below.max() + 1 + np.arange(rows * columns * c).reshape(rows, columns, c)
        place = place[: s * rows : s, : s * columns : s][:rows, :columns] + (w - 1) / 2 * pitch
        pitch *= s
        parts.append(_Part(*_windows(below, sites, w, s), 0, shared))
        if intra_shells:
            parts.append(_Part(*_within(sites, intra_shells), shared))
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
        pairs = pairs[apart <= readout / 2]
    parts.append(_Part(pairs.reshape(-1, 2), np.arange(pairs.size // 2), 0, False))
    lattices.append((sites.max() + 1 + np.arange(outputs).reshape(outputs, 1, 1), above))

    tying, scale, used = [], [], 0
    parts = [part for part in parts if len(part.pairs)]
    for part in parts:
        n = len(part.pairs)
        kind = np.unique(part.kind, return_inverse=True)[1] if part.tied else np.arange(n)
        tying.append(used + kind)
        used += kind.max() + 1
        at_each_end = [n / len(np.unique(end)) for end in part.pairs.T]
        scale.append(np.full(kind.max() + 1, sum(at_each_end) ** -0.5))
    numbers = [lattice[0] for lattice in lattices]
    places = [np.repeat(p.reshape(-1, 2), n.shape[2], axis=0) for n, p in lattices]
    labels = [np.indices(n.shape).reshape(3, -1).T for n in numbers]
    traits: dict[str, Trait] = {"family": "stack"}
    if shape[0] == shape[1]:
        traits["size"] = shape[0]
    else:
        traits["shape"] = f"{shape[0]}x{shape[1]}"
    traits |= {"window": _same(window), "stride": _same(stride), "channels": _same(channels)}
    traits |= {"shared": shared, "intra_shells": intra_shells, "readout": str(readout)}
    traits |= {"layers": layers}
    name = f"{'conv' if shared else 'lcl'}_{_same(window)}x{_same(channels)}"
    name += f"_stride{_same(stride)}" * (max(stride) > 1)
    name += f"_shells{intra_shells}" * (intra_shells > 0)
    name += f"_readout{readout}" * (readout != "dense")
    return Network(
        np.concatenate([part.pairs for part in parts]),
        numbers[0].ravel(),
        numbers[-1].ravel(),
        positions=np.concatenate([np.insert(p, 2, k, axis=1) for k, p in enumerate(places)]),
        tying=np.concatenate(tying),
        layer=np.repeat(np.arange(len(numbers)), [n.size for n in numbers]),
        channel=np.concatenate([label[:, 2] for label in labels]),
        shell=np.concatenate([np.broadcast_to(p.shell, len(p.pairs)) for p in parts]),
        labels=np.concatenate([np.insert(label, 0, k, axis=1) for k, label in enumerate(labels)]),
        coupling_scale=np.concatenate(scale),
        bias_scale=0.0,
        name=name,
        traits=traits,
    )


class _Part(NamedTuple):
    """Couplings from one lattice to the next, or within one."""

    pairs: np.ndarray
    kind: np.ndarray  # displacement and channels: equal for those that may share a parameter
    shell: np.ndarray | int
    tied: bool


def _for_each_layer(name: str, value: Any, layers: int) -> list[int]:
    if np.ndim(value) == 0:
        return [check_integer(name, value, 1)] * layers
    values = _each(name, value)
    if len(values) != layers:
        raise ValueError(
            f"{name}: found {len(values)} numbers; one, or one for each of {layers} hidden "
            "lattices, is needed"
        )
    return values


def _same(values: list[int]) -> int | str:
    """A number where all lattices have the same, else text."""
    return values[0] if len(set(values)) == 1 else "-".join(map(str, values))


def _windows(
    below: np.ndarray, sites: np.ndarray, window: int, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Couplings of `sites` to the windows under them, and their kind."""
    rows, columns, channels = sites.shape
    pairs, kinds = [], []
    for k, (dy, dx) in enumerate(product(range(window), repeat=2)):
        under = below[dy : dy + stride * rows : stride, dx : dx + stride * columns : stride]
        under = under[:rows, :columns]
        ends = np.broadcast_arrays(under[..., :, None], sites[..., None, :])
        pairs.append(np.stack(ends, -1).reshape(-1, 2))
        n = below.shape[2] * channels
        kind = (k * n + np.arange(n)).reshape(below.shape[2], channels)
        kinds.append(np.broadcast_to(kind, ends[0].shape).ravel())
    return np.concatenate(pairs), np.concatenate(kinds)


def _within(sites: np.ndarray, shells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Couplings between the sites of one lattice and channel out to a shell of the square lattice,
    their kind and their shell."""
    rows, columns, channels = sites.shape
    pairs, kinds = [np.zeros((0, 2), np.intp)], [np.zeros(0, np.intp)]
    shell = [np.zeros(0, np.intp)]
    for k, step in enumerate(_shell_steps(SQUARE, shells)):
        dy, dx = step.offset
        y, x = (np.arange(max(0, -d), min(n, n - d)) for d, n in ((dy, rows), (dx, columns)))
        ends = sites[np.ix_(y, x)], sites[np.ix_(y + dy, x + dx)]
        pairs.append(np.stack(ends, -1).reshape(-1, 2))
        kinds.append(np.broadcast_to(k * channels + np.arange(channels), ends[0].shape).ravel())
        shell.append(np.full(ends[0].size, step.shell, np.intp))
    return np.concatenate(pairs), np.concatenate(kinds), np.concatenate(shell)


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
    """Lattice for two inputs and one output at a stated distance between them.

    `distance` counts columns or rows: 1 places the inputs left and right of the output in the
    middle. Larger distances move the inputs apart along the row, and once they reach the border
    along both borders towards the corners; the largest, ``size − 1``, puts the inputs in two
    corners of the first row and the output in the middle of the last. `kind` is a lattice of two
    directions and one site a cell; the other arguments are those of `lattice`.

    Raises
    ------
    ValueError
        For lattices of other kinds, distances beyond the lattice, and on periodic ones distances
        that are shorter around the border.

    >>> import xyep
    >>> net = xyep.xor_lattice(7, shells=4, distance=2)
    >>> net.labels[[0, 1, -1]].tolist(), net.traits["distance"]
    ([(3, 1), (3, 5), (3, 3)], 2)
    """
    cell = _rows_and_columns(kind)
    size = check_integer("size", size, 3)
    distance = check_integer("distance", distance, 1, size - 1)
    if np.any(_flags(periodic, 2)) and distance > size // 2:
        raise ValueError(
            f"distance: found {distance} on a periodic lattice of {size}; it is shorter around "
            f"the border, at most {size // 2} is possible"
        )
    middle = size // 2
    if distance <= min(middle, size - 1 - middle):
        inputs = [(middle, middle - distance), (middle, middle + distance)]
        output = (middle, middle)
    else:
        inputs = [(size - 1 - distance, 0), (size - 1 - distance, size - 1)]
        output = (size - 1, middle)
    return lattice(
        cell,
        (size, size),
        inputs,
        [output],
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    ).with_traits(distance=distance)


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
    return lattice(
        cell,
        (size, size),
        inputs,
        outputs,
        shells=shells,
        periodic=periodic,
        skip_range=skip_range,
        skips=skips,
        skip_seed=skip_seed,
    ).with_traits(placement=placement)
