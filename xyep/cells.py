"""Unit cells: what lattices repeat, and the couplings that each cell has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .checks import check_array, check_integer


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
            both = [bond for a, b, way in bonds for bond in {(a, b, way), (b, a, back(way))}]
            if len(set(both)) < len(both):
                twice = next(bond for k, bond in enumerate(both) if bond in both[:k])
                raise ValueError(f"bonds: {twice} is listed twice; list each bond once")
            object.__setattr__(self, "bonds", bonds)


def back(offset: Iterable[int]) -> tuple[int, ...]:
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

# Lengths are in units of the nearest-neighbour distance; the first direction counts rows.
#: Cell of the square lattice.
SQUARE = UnitCell([[0, 1], [1, 0]], [[0, 0]], name="square")
#: Cell of the triangular lattice.
TRIANGULAR = UnitCell([[0.5, _HALF_ROOT3], [1, 0]], [[0, 0]], name="triangular")
#: Cell of the honeycomb lattice, two sites.
HONEYCOMB = UnitCell([[_HALF_ROOT3, 1.5], [2 * _HALF_ROOT3, 0]], [[0, 0], [0, 1]], name="honeycomb")
#: Cell of the kagome lattice, three sites.
KAGOME = UnitCell(
    [[1, 2 * _HALF_ROOT3], [2, 0]], [[0, 0], [1, 0], [0.5, _HALF_ROOT3]], name="kagome"
)
#: Cell of the simple cubic lattice.
CUBIC = UnitCell([[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[0, 0, 0]], name="cubic")
CELLS = {cell.name: cell for cell in (SQUARE, TRIANGULAR, HONEYCOMB, KAGOME, CUBIC)}


class Step(NamedTuple):
    """A coupling that every cell has: to another site of the cell that lies `offset` away."""

    site: int
    other: int
    offset: tuple[int, ...]
    shell: int


def shell_steps(cell: UnitCell, shells: int) -> list[Step]:
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
        if (offset, m) > (back(offset), k):
            shell = 1 + int(np.searchsorted(known, distance[o, k, m]))
            steps.append(Step(int(k), int(m), offset, shell))
    return steps


def bond_steps(cell: UnitCell, shells: int) -> list[Step]:
    """The bonds of a cell; their shells count their lengths."""
    if shells != 1:
        raise ValueError(f"shells: found {shells}; the couplings of {cell.name} are its bonds")
    vectors, basis = np.array(cell.vectors), np.array(cell.sites)
    apart = [np.array(offset) @ vectors + basis[b] - basis[a] for a, b, offset in cell.bonds]
    lengths = np.round([float(np.linalg.norm(step)) for step in apart], 9)
    shell = np.unique(lengths, return_inverse=True)[1] + 1
    return [Step(a, b, way, int(s)) for (a, b, way), s in zip(cell.bonds, shell)]


def integers(name: str, values: Any, low: int = 1) -> list[int]:
    """A sequence of integers, each looked at: a True among them would be taken as 1."""
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        raise TypeError(f"{name}: found {values!r}; a sequence of integers is needed")
    return [check_integer(name, value, low) for value in values]
