"""Couplings as rows of the free sites, in the order in which the kernels visit them.

Two sites that follow each other and have the same neighbours, as in layers and read-outs, share a
row: each vector loaded then serves both.
"""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Neighbours of the free sites, kept for one site or for two that have the same ones."""

    site: np.ndarray  # (row + 1,) first site of each row
    first: np.ndarray  # (row + 1,) row r has the neighbours indices[first[r]:first[r + 1]]
    middle: np.ndarray  # (row,) where the neighbours with lower numbers begin: they come last
    indices: np.ndarray
    weight: np.ndarray  # (row + 1,) where in `parameter` the row's couplings begin
    parameter: np.ndarray  # parameter of each coupling; a neighbour's one or two lie side by side


class Graph(NamedTuple):
    """Couplings of the free sites, numbered from the first free one; the outputs are the last."""

    free: Rows  # to other free sites
    clamped: Rows  # to inputs
    hidden_rows: int  # how many of the rows in `free` are hidden sites


def pack(edges, parameter, n_inputs, n_outputs, n_sites) -> Graph:
    """`Graph` of (coupling, 2) `edges` between sites numbered inputs first, outputs last."""
    i, j = np.concatenate([edges, edges[:, ::-1]]).T - n_inputs
    parameter, n_free = np.concatenate([parameter, parameter]), n_sites - n_inputs
    free, clamped = (i >= 0) & (j >= 0), (i >= 0) & (j < 0)
    last_hidden = n_free - n_outputs - 1
    rows = _rows(i[free], j[free], parameter[free], j[free] > i[free], n_free, last_hidden)
    upper = np.ones(clamped.sum(), bool)
    inputs = _rows(
        i[clamped], j[clamped] + n_inputs, parameter[clamped], upper, n_free, last_hidden
    )
    return Graph(rows, inputs, int(np.searchsorted(rows.site, n_free - n_outputs)))


def _rows(i, j, parameter, upper, n_free, last_hidden) -> Rows:
    """`Rows` of the free sites i with neighbours j, those that are not `upper` last."""
    order = np.lexsort((j, ~upper, i))
    i, j, parameter, upper = i[order], j[order], parameter[order], upper[order]
    count = np.bincount(i, minlength=n_free)
    start = np.concatenate([[0], np.cumsum(count)])
    site = _pairs(i, j, count, n_free, last_hidden)
    size, length = np.diff(site), count[site[:-1]]
    first, weight = (
        np.concatenate([[0], np.cumsum(n)]).astype(np.intp) for n in (length, size * length)
    )
    row = np.repeat(np.arange(len(size)), length)
    entry = start[site[:-1]][row] + np.arange(len(row)) - first[row]
    partner = np.minimum(entry + length[row], len(parameter) - 1)
    both = np.stack([parameter[entry], parameter[partner]], axis=-1)
    interleaved = both[np.arange(2) < size[row][:, None]]
    middle = first[:-1] + np.bincount(row[upper[entry]], minlength=len(size))
    return Rows(site, first, middle, j[entry], weight, interleaved)


def _pairs(i, j, count, n_free, last_hidden):
    """First site of each row: a site and the next are paired if alike in neighbours and role."""
    # entry e of site i against the entry in the same place of site i + 1
    partner = np.minimum(np.arange(len(i)) + count[i], len(i) - 1)
    alike = np.append(count[1:] == count[:-1], False)
    alike[i[j[partner] != j]] = False
    alike[last_hidden] = False  # the last hidden site is not visited with the first output
    site, position = [0], 0
    while position < n_free:
        position += 1 + bool(alike[position])
        site.append(position)
    return np.array(site, np.intp)
