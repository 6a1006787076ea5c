"""Couplings as rows of the free sites, in the order in which the kernels visit them.

Up to four sites that follow each other and have the same neighbours, as in layers and read-outs,
share a row: each vector loaded then serves all of them. Hidden sites of a network with few colours
are visited colour by colour, so that no visit waits for the one before it: a nearest-neighbour
square lattice as a chessboard. Neither changes what a visit computes.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

#: Visits follow colours where these are no more.
FEW_COLOURS = 3


class Rows(NamedTuple):
    """Neighbours of the free sites, kept for each group of sites that have the same ones."""

    site: np.ndarray  # (row,) first site of each row
    size: np.ndarray  # (row,) number of its sites, 1, 2 or 4, which follow each other
    first: np.ndarray  # (row + 1,) row r has the neighbours indices[first[r]:first[r + 1]]
    middle: np.ndarray  # (row,) where the neighbours with lower numbers begin: they come last
    indices: np.ndarray
    weight: np.ndarray  # (row + 1,) where in `parameter` the row's couplings begin
    coupling: np.ndarray  # number of each coupling; those of one neighbour lie side by side
    parameter: np.ndarray  # and the parameter that it uses


class Graph(NamedTuple):
    """Couplings of the free sites, numbered from the first free one; the outputs are the last."""

    free: Rows  # to other free sites
    clamped: Rows  # to inputs
    hidden_rows: int  # how many of the rows in `free` are hidden sites
    first_output: int  # number of the first output
    parameter: np.ndarray  # (coupling,) parameter of each coupling


def pack(edges, parameter, n_inputs, n_outputs, n_sites, most=4) -> Graph:
    """`Graph` of (coupling, 2) `edges` between sites numbered inputs first, outputs last.

    `most` : sites in a row at most, which depends on the number of the processor's registers.
    """
    i, j = np.concatenate([edges, edges[:, ::-1]]).T - n_inputs
    coupling, n_free = np.tile(np.arange(len(edges)), 2), n_sites - n_inputs
    free, clamped = (i >= 0) & (j >= 0), (i >= 0) & (j < 0)
    hidden = n_free - n_outputs
    order = visiting_order(i[free], j[free], n_free, hidden)
    upper = j[free] > i[free]
    rows = _rows(i[free], j[free], coupling[free], parameter, upper, order, hidden, most)
    upper = np.ones(clamped.sum(), bool)
    inputs = i[clamped], j[clamped] + n_inputs, coupling[clamped], parameter, upper
    inputs = _rows(*inputs, np.arange(n_free), hidden, most)
    hidden_rows = int(np.count_nonzero(rows.site < hidden))
    return Graph(rows, inputs, hidden_rows, hidden, np.asarray(parameter, np.intp))


def visiting_order(i, j, n_free, hidden):
    """(site,) free sites in the order of visits: hidden ones, by colour if few, then outputs."""
    within = (i < hidden) & (j < hidden)
    colour = _colours(i[within], j[within], hidden)
    if colour is None:
        return np.arange(n_free)
    return np.concatenate([np.argsort(colour, kind="stable"), np.arange(hidden, n_free)])


def _colours(i, j, n):
    """Colours of n sites, none equal to a neighbour's: the lowest free one, by number; or None."""
    if not len(i) or np.bincount(i, minlength=n).max() > 16:
        return None
    matrix = csr_array((np.ones(len(i), bool), (i, j)), shape=(n, n))
    colour, lower = np.zeros(n, np.intp), j < i
    # a site takes the lowest colour that no neighbour of lower number has: repeated until it stays
    for _ in range(2 * FEW_COLOURS):
        used = np.zeros((n, FEW_COLOURS + 1), bool)
        used[i[lower], colour[j[lower]]] = True
        fresh = np.argmin(used, axis=1)
        if used[:, :FEW_COLOURS].all(axis=1).any():
            return None
        if np.array_equal(fresh, colour):
            return colour
        colour = fresh
    return _colours_in_order(matrix, n)


def _colours_in_order(matrix, n):
    """The same, site by site, where colours of one site depend on many before it."""
    colour, start, indices = [0] * n, matrix.indptr.tolist(), matrix.indices.tolist()
    for site in range(n):
        used = {colour[j] for j in indices[start[site] : start[site + 1]] if j < site}
        colour[site] = next(c for c in range(len(used) + 1) if c not in used)
        if colour[site] >= FEW_COLOURS:
            return None
    return np.array(colour, np.intp)


def _rows(i, j, coupling, parameter, upper, visits, hidden, most) -> Rows:
    """`Rows` of the free sites i with neighbours j, those that are not `upper` last."""
    n_free = len(visits)
    order = np.lexsort((j, ~upper, i))
    i, j, coupling, upper = i[order], j[order], coupling[order], upper[order]
    count = np.bincount(i, minlength=n_free)
    start = np.concatenate([[0], np.cumsum(count)])
    site, size = _groups(i, j, count, visits, hidden, most)
    length = count[site]
    first, weight = (
        np.concatenate([[0], np.cumsum(n)]).astype(np.intp) for n in (length, size * length)
    )
    row = np.repeat(np.arange(len(size)), length)
    entry = start[site][row] + np.arange(len(row)) - first[row]
    beside = entry[:, None] + np.arange(most) * length[row][:, None]
    mine = np.arange(most) < size[row][:, None]
    interleaved = coupling[beside[mine]]
    middle = first[:-1] + np.bincount(row[upper[entry]], minlength=len(size))
    mine = parameter[interleaved]
    return Rows(site, size, first, middle, j[entry], weight, interleaved, mine)


def _groups(i, j, count, visits, hidden, most):
    """First site and number of sites of each row, in the order of visits."""
    n_free = len(visits)
    # entry e of site i against the entry in the same place of site i + 1
    partner = np.minimum(np.arange(len(i)) + count[i], max(len(i) - 1, 0))
    alike = np.append(count[1:] == count[:-1], False)
    alike[i[j[partner] != j]] = False
    if hidden:
        alike[hidden - 1] = False  # the last hidden site is not visited with the first output
    # visits in another order than that of the numbers are single
    alike[visits[:-1]] &= np.diff(visits) == 1
    alike, visits = alike.tolist(), visits.tolist()
    site, size, place = [], [], 0
    while place < n_free:
        run = 1
        while run < most and alike[visits[place + run - 1]]:
            run += 1
        run = 4 if run >= 4 else 2 if run >= 2 else 1
        site.append(visits[place])
        size.append(run)
        place += run
    return np.array(site, np.intp), np.array(size, np.intp)
