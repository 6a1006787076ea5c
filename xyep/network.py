"""A network of XY sites: which sites are coupled, which are clamped, which are read.

Every architecture is one immutable `Network`; nothing else in the package asks which architecture it is.
"""

from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .checks import check_array, check_choice, check_integer
from .kernels.fast import Graph, Rows


class Parameters(NamedTuple):
    """Trainable parameters of a network, or a gradient with respect to them.

    couplings : (parameter,) J; positive couplings align phases. Couplings that share weights share one entry.
    bias_amplitude : (site,) h, of either sign
    bias_phase : (site,) ψ in radians
    """

    couplings: np.ndarray
    bias_amplitude: np.ndarray
    bias_phase: np.ndarray

    def flatten(self):
        return np.concatenate([np.ravel(part) for part in self])


def _integers(name, values, shape):
    if isinstance(values, (list, tuple, np.ndarray)) and len(values) == 0:
        values = np.zeros((0, *shape[1:]), np.intp)
    return check_array(name, values, shape, dtype=np.intp)


def _sites(name, array, n_sites):
    outside = array[(array < 0) | (array >= n_sites)]
    if outside.size:
        raise ValueError(f"{name}: site {outside[0]} is out of range; sites are 0 … {n_sites - 1}")
    if len(np.unique(array)) != len(array):
        raise ValueError(
            f"{name}: site {array[np.bincount(array)[array] > 1][0]} is named twice; each site may appear once"
        )
    return array


class Network:
    """Any graph of XY sites with clamped inputs and nudged outputs.

    Sites are renumbered inputs first, then hidden sites in ascending order, outputs last; `labels` keeps the caller's numbers.

    Parameters
    ----------
    edges : (coupling, 2) integers
        Pairs of coupled sites, each pair once.
    inputs, outputs : sequences of sites, in the order of the task's input and target columns. `inputs` may be empty.
    positions : (site, 1–3) floats, optional
        Coordinates x, y, z; lengths of couplings follow from them. Default: sites on a line.
    tying : (coupling,) integers, optional
        Index of the parameter that each coupling uses, 0 … n_parameters − 1; equal numbers share one weight. Default: all differ.
    n_sites : int, optional
        Default: one more than the largest site named.
    lengths : (coupling,) floats, optional
        Overrides the lengths from `positions` (periodic lattices).
    layer, channel : (site,) integers, optional
    coupling_scale : float or (parameter,) floats
        Standard deviation of the initial couplings.
    bias_scale : float or (site,) floats
        Standard deviation of the initial bias amplitudes.
    name : str

    Raises
    ------
    ValueError
        For sites out of range, a pair listed twice, a self-coupling, an input that is also an output, an output that no path connects
        to any input.
    """

    def __init__(
        self,
        edges,
        inputs,
        outputs,
        positions=None,
        tying=None,
        *,
        n_sites=None,
        lengths=None,
        layer=None,
        channel=None,
        coupling_scale=1.0,
        bias_scale=1.0,
        name="network",
    ):
        edges = _integers("edges", edges, ("coupling", 2))
        inputs, outputs = (
            _integers("inputs", inputs, ("site",)),
            _integers("outputs", outputs, ("site",)),
        )
        if positions is not None:
            positions = check_array("positions", positions, ("site", None))
        if n_sites is None:
            named = np.concatenate([edges.ravel(), inputs, outputs])
            n_sites = len(positions) if positions is not None else 1 + int(max(named, default=0))
        n_sites = check_integer("n_sites", n_sites, 1)
        inputs, outputs = _sites("inputs", inputs, n_sites), _sites("outputs", outputs, n_sites)
        self._check_edges(edges, n_sites)
        if not len(outputs):
            raise ValueError("outputs: none named; a network needs at least one output site")
        both = np.intersect1d(inputs, outputs)
        if both.size:
            raise ValueError(
                f"outputs: site {both[0]} is also an input; a site is either clamped or read"
            )

        hidden = np.setdiff1d(np.arange(n_sites), np.concatenate([inputs, outputs]))
        self.name = name
        self.n_sites, self.n_inputs, self.n_outputs = n_sites, len(inputs), len(outputs)
        self.labels = np.concatenate([inputs, hidden, outputs]).astype(np.intp)
        number = np.empty(n_sites, np.intp)
        number[self.labels] = np.arange(n_sites)
        self.edges = np.sort(number[edges], axis=1)
        self._check_connected()

        if positions is None:
            positions = np.arange(n_sites, dtype=float)[:, None]
        positions = check_array("positions", positions, (n_sites, None))
        if not 1 <= positions.shape[1] <= 3:
            raise ValueError(
                f"positions: {positions.shape[1]} coordinates a site; 1 to 3 are allowed"
            )
        positions = np.pad(positions, ((0, 0), (0, 3 - positions.shape[1])))
        self.positions = positions[self.labels]
        if lengths is None:
            lengths = np.linalg.norm(
                self.positions[self.edges[:, 0]] - self.positions[self.edges[:, 1]], axis=1
            )
        self.lengths = check_array("lengths", lengths, (self.n_couplings,))
        self.parameter = self._check_tying(tying)
        self.n_parameters = int(self.parameter.max()) + 1 if self.n_couplings else 0
        self.layer = self._per_site("layer", layer)
        self.channel = self._per_site("channel", channel)
        self.coupling_scale = np.broadcast_to(
            check_array("coupling_scale", coupling_scale, (self.n_parameters,), scalar=True),
            self.n_parameters,
        )
        bias_scale = check_array("bias_scale", bias_scale, (n_sites,), scalar=True)
        self.bias_scale = np.broadcast_to(bias_scale, n_sites)[self.labels]
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self._frozen = True

    def __setattr__(self, attribute, value):
        if getattr(self, "_frozen", False):
            raise AttributeError(f"{attribute}: a Network is immutable; build another one")
        super().__setattr__(attribute, value)

    def _per_site(self, name, value):
        if value is None:
            return np.zeros(self.n_sites, np.intp)
        return check_array(name, value, (self.n_sites,), dtype=np.intp)[self.labels]

    @staticmethod
    def _check_edges(edges, n_sites):
        outside = edges[(edges < 0) | (edges >= n_sites)]
        if outside.size:
            raise ValueError(
                f"edges: site {outside[0]} is out of range; sites are 0 … {n_sites - 1}"
            )
        loops = edges[edges[:, 0] == edges[:, 1]]
        if len(loops):
            raise ValueError(
                f"edges: site {loops[0, 0]} is coupled to itself; couplings join two different sites"
            )
        pairs, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"edges: the pair {tuple(map(int, pairs[counts > 1][0]))} is listed {counts.max()} times; list it once"
            )

    def _check_tying(self, tying):
        if tying is None:
            return np.arange(self.n_couplings)
        tying = check_array("tying", tying, (self.n_couplings,), dtype=np.intp)
        used = np.unique(tying)
        if len(used) and not np.array_equal(used, np.arange(len(used))):
            raise ValueError(
                f"tying: parameters are numbered {used[0]} … {used[-1]} with gaps; number them 0 … {len(used) - 1}"
            )
        return tying

    def _check_connected(self):
        if not self.n_inputs:
            return
        label = self.components
        lonely = ~np.isin(label[self.n_sites - self.n_outputs :], label[: self.n_inputs])
        if lonely.any():
            site = self.labels[self.n_sites - self.n_outputs + np.argmax(lonely)]
            raise ValueError(
                f"outputs: site {site} is not connected to any input; every output needs a path of couplings to one"
            )

    @property
    def n_couplings(self):
        return len(self.edges)

    @property
    def n_free(self):
        return self.n_sites - self.n_inputs

    @property
    def inputs(self):
        return np.arange(self.n_inputs)

    @property
    def outputs(self):
        return np.arange(self.n_sites - self.n_outputs, self.n_sites)

    @cached_property
    def components(self):
        """(site,) number of the connected component that each site belongs to."""
        i, j = self.edges.T
        return connected_components(
            coo_array((np.ones(len(i)), (i, j)), shape=(self.n_sites,) * 2), directed=False
        )[1]

    @cached_property
    def role(self):
        """(site,) "input", "hidden" or "output"."""
        role = np.full(
            self.n_sites, "hidden", dtype=object
        )  # variable-length strings are the ones that Zarr specifies
        role[: self.n_inputs], role[self.n_sites - self.n_outputs :] = "input", "output"
        return role

    @cached_property
    def graph(self):
        """Couplings as rows of the free sites, for the kernels."""
        i, j = np.concatenate([self.edges, self.edges[:, ::-1]]).T - self.n_inputs
        parameter = np.concatenate([self.parameter, self.parameter])
        free, clamped = (i >= 0) & (j >= 0), (i >= 0) & (j < 0)
        rows = self._rows(i[free], j[free], parameter[free], j[free] > i[free])
        hidden_rows = int(np.searchsorted(rows.site, self.n_free - self.n_outputs))
        return Graph(
            rows,
            self._rows(
                i[clamped],
                j[clamped] + self.n_inputs,
                parameter[clamped],
                np.full(clamped.sum(), True),
            ),
            hidden_rows,
        )

    @cached_property
    def paired(self):
        """Whether the kernels visit most sites two at a time."""
        return len(self.graph.free.middle) < 0.75 * self.n_free

    def _rows(self, i, j, parameter, upper):
        """`Rows` of the free sites i with neighbours j; sites that follow each other, alike in neighbours and role, are paired.

        Neighbours that are not `upper` come last.
        """
        order = np.lexsort((j, ~upper, i))
        i, j, parameter, upper = i[order], j[order], parameter[order], upper[order]
        count = np.bincount(i, minlength=self.n_free)
        start = np.concatenate([[0], np.cumsum(count)])
        # entry e of site i against the entry in the same place of site i + 1
        partner = np.minimum(np.arange(len(i)) + count[i], len(i) - 1)
        alike = np.append(count[1:] == count[:-1], False)
        alike[i[j[partner] != j]] = False
        alike[self.n_free - self.n_outputs - 1] = (
            False  # the last hidden site is not visited with the first output
        )
        site, position = [0], 0
        while position < self.n_free:
            position += 1 + bool(alike[position])
            site.append(position)
        site = np.array(site, np.intp)
        size, length = np.diff(site), count[site[:-1]]
        first, weight = (
            np.concatenate([[0], np.cumsum(n)]).astype(np.intp) for n in (length, size * length)
        )
        row = np.repeat(np.arange(len(size)), length)
        entry = start[site[:-1]][row] + np.arange(len(row)) - first[row]
        both = np.stack(
            [parameter[entry], parameter[np.minimum(entry + length[row], len(parameter) - 1)]],
            axis=-1,
        )
        interleaved = both[np.arange(2) < size[row][:, None]]
        return Rows(
            site,
            first,
            first[:-1] + np.bincount(row[upper[entry]], minlength=len(size)),
            j[entry],
            weight,
            interleaved,
        )

    @cached_property
    def digest(self):
        """SHA-256 of couplings, roles and scales: equal for networks that train alike."""
        parts = (
            self.edges,
            self.parameter,
            [self.n_sites, self.n_inputs, self.n_outputs],
            self.coupling_scale,
            self.bias_scale,
        )
        return sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()

    def init_parameters(self, seed=0):
        """Random parameters: J ~ N(0, coupling_scale²), h ~ N(0, bias_scale²), ψ uniform on (−π, π).

        The scales belong to the architecture; those of lattices, layers and all-to-all networks follow the code published for
        arXiv:2402.08579. Clamped sites have no bias.
        """
        rng = np.random.default_rng([check_integer("seed", seed, 0), 0])
        couplings = rng.normal(size=self.n_parameters) * self.coupling_scale
        amplitude = rng.normal(size=self.n_sites) * self.bias_scale
        amplitude[: self.n_inputs] = 0.0
        return Parameters(couplings, amplitude, rng.uniform(-np.pi, np.pi, self.n_sites))

    def check_parameters(self, parameters, name="parameters"):
        """`parameters` as float64 arrays of the right shapes, or an error that names the part."""
        sizes = {
            "couplings": self.n_parameters,
            "bias_amplitude": self.n_sites,
            "bias_phase": self.n_sites,
        }
        if not hasattr(parameters, "_fields") or set(parameters._fields) != set(sizes):
            raise TypeError(
                f"{name}: found {type(parameters).__name__}; give Parameters(couplings, bias_amplitude, bias_phase)"
            )
        return Parameters(
            *(check_array(f"{name}.{f}", getattr(parameters, f), (n,)) for f, n in sizes.items())
        )

    def unflatten(self, vector):
        """The three parts of a flat parameter vector, as views."""
        p, n = self.n_parameters, self.n_sites
        return Parameters(vector[:p], vector[p : p + n], vector[p + n : p + 2 * n])

    def distance_from(self, role):
        """(site,) smallest Euclidean distance of each site to the sites of that role."""
        check_choice("role", role, ("input", "output"))
        sites = self.positions[self.inputs if role == "input" else self.outputs]
        return np.min(np.linalg.norm(self.positions[:, None] - sites[None], axis=-1), axis=1)

    def site_coords(self):
        """xarray coordinates of the dimension ``site``."""
        columns = {"x": self.positions[:, 0], "y": self.positions[:, 1], "z": self.positions[:, 2]}
        columns |= {
            "layer": self.layer,
            "channel": self.channel,
            "role": self.role,
            "label": self.labels,
        }
        return {name: ("site", values) for name, values in columns.items()}

    def coupling_coords(self):
        """xarray coordinates of the dimension ``coupling``."""
        columns = {
            "source": self.edges[:, 0],
            "target": self.edges[:, 1],
            "parameter": self.parameter,
            "length": self.lengths,
        }
        return {name: ("coupling", values) for name, values in columns.items()}

    def __repr__(self):
        return (
            f"<Network {self.name}: {self.n_sites} sites ({self.n_inputs} inputs, {self.n_outputs} outputs), "
            f"{self.n_couplings} couplings, {self.n_parameters} coupling parameters>"
        )

    def __reduce__(self):
        # dask sends networks to other processes; cached arrays are rebuilt there
        back = np.argsort(self.labels)
        keywords = {
            "tying": self.parameter,
            "n_sites": self.n_sites,
            "lengths": self.lengths,
            "layer": self.layer[back],
        }
        keywords |= {
            "channel": self.channel[back],
            "coupling_scale": self.coupling_scale,
            "bias_scale": self.bias_scale[back],
        }
        keywords["name"] = self.name
        arguments = (
            self.labels[self.edges],
            self.labels[self.inputs],
            self.labels[self.outputs],
            self.positions[back],
        )
        return _rebuild, (arguments, keywords)


def _rebuild(arguments, keywords):
    return Network(*arguments, **keywords)
