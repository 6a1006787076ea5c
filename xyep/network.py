"""A network of XY sites: which sites are coupled, which are clamped, which are read.

Every architecture is one immutable `Network`; nothing else in the package asks which one it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from . import graphs
from .checks import check_array, check_choice, check_integer, check_number
from .digest import digest
from .geometry import nearest_image
from .labels import Trait, check_labels, check_traits, find, find_all
from .random import normal, phases

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Counter of the random numbers of parameters; states and data count from 0.
_DRAWN = 2**63


class Parameters(NamedTuple):
    """Trainable parameters of a network, or a gradient with respect to them.

    couplings : (parameter,) J; positive couplings align phases. Couplings that share weights
        share one entry.
    bias_amplitude : (site,) h, of either sign
    bias_phase : (site,) ψ in radians

    >>> import xyep
    >>> p = xyep.all_to_all(6).init_parameters(seed=0)
    >>> p
    <Parameters: 15 couplings, 6 biases>
    >>> p._replace(couplings=2 * p.couplings).flatten().shape
    (27,)
    """

    couplings: np.ndarray
    bias_amplitude: np.ndarray
    bias_phase: np.ndarray

    def flatten(self) -> np.ndarray:
        """The three parts one after the other in one vector; `Network.unflatten` goes back."""
        return np.concatenate([np.ravel(part) for part in self])

    def __repr__(self) -> str:
        sizes = np.size(self.couplings), np.size(self.bias_amplitude)
        return f"<Parameters: {sizes[0]} couplings, {sizes[1]} biases>"


class Network:
    """Any graph of XY sites with clamped inputs and nudged outputs.

    Sites are renumbered inputs first, then hidden sites in ascending order, outputs last.
    `labels` keeps the names that the caller gave them, `site` finds the number of a name.

    Parameters
    ----------
    edges : (coupling, 2) integers
        Pairs of coupled sites, each pair once.
    inputs, outputs : sequences of sites, in the order of the task's input and target columns
        `inputs` may be empty.
    positions : (site, 1–3) floats, optional
        Coordinates x, y, z; lengths of couplings follow from them. Default: sites on a line.
    tying : (coupling,) integers, optional
        Index of the parameter that each coupling uses, 0 … n_parameters − 1; equal numbers share
        one weight. Default: all differ.
    n_sites : int, optional
        Default: one more than the largest site named.
    lengths : (coupling,) floats, optional
        Overrides the lengths from `positions`.
    layer, channel : (site,) integers, optional
    shell : (coupling,) integers, optional
        The shell of neighbours that each coupling belongs to. Default: 0, none.
    periods : (direction, 1–3) floats, optional
        Translations after which a periodic network repeats itself; lengths and distances are
        then those of the nearest images. Default: none, an open network.
    labels : sequence of hashables, or (site, k) integers whose rows become tuples, optional
        Names of the sites. Default: the numbers used in `edges`.
    coupling_scale : float or (parameter,) floats
        Standard deviation of the initial couplings.
    bias_scale : float or (site,) floats
        Standard deviation of the initial bias amplitudes.
    name : str
        What the network is called in pictures and messages; nothing depends on it.
    traits : mapping of names to text, numbers or booleans, optional
        What the network is, for choosing among results. Default: ``{"family": "graph"}``.

    Attributes
    ----------
    edges : (coupling, 2) integers, in the order given; in each row the smaller site first
    numbers : (site,) integers, the number that each site had in the arguments
    labels, positions, layer, channel, role : (site, …)
    lengths, parameter, shell : (coupling,)
    n_sites, n_inputs, n_outputs, n_free, n_couplings, n_parameters : int

    Raises
    ------
    ValueError
        For sites out of range, a pair listed twice, a self-coupling, an input that is also an
        output, an output that no path connects to any input, two sites of one label.

    Warns
    -----
    UserWarning
        Where no coupling names a site: it is left with its bias alone.

    >>> import xyep
    >>> net = xyep.Network([(0, 1), (1, 2), (2, 3)], inputs=[3], outputs=[1])
    >>> net
    <Network network: 4 sites (1 inputs, 1 outputs), 3 couplings>
    >>> net.labels.tolist(), net.site(1)
    ([3, 0, 2, 1], 3)
    """

    def __init__(
        self,
        edges: ArrayLike,
        inputs: ArrayLike,
        outputs: ArrayLike,
        positions: ArrayLike | None = None,
        tying: ArrayLike | None = None,
        *,
        n_sites: int | None = None,
        lengths: ArrayLike | None = None,
        layer: ArrayLike | None = None,
        channel: ArrayLike | None = None,
        shell: ArrayLike | None = None,
        periods: ArrayLike | None = None,
        labels: Iterable[Hashable] | np.ndarray | None = None,
        coupling_scale: ArrayLike = 1.0,
        bias_scale: ArrayLike = 1.0,
        name: str = "network",
        traits: Mapping[str, Trait] | None = None,
    ) -> None:
        edges = _integers("edges", edges, ("coupling", 2))
        inputs = _integers("inputs", inputs, ("site",))
        outputs = _integers("outputs", outputs, ("site",))
        if positions is not None:
            positions = check_array("positions", positions, ("site", None))
        if n_sites is None:
            named = max((int(a.max()) for a in (edges, inputs, outputs) if a.size), default=0)
            n_sites = len(positions) if positions is not None else 1 + named
        n_sites = check_integer("n_sites", n_sites, 1)
        inputs, outputs = _sites("inputs", inputs, n_sites), _sites("outputs", outputs, n_sites)
        _check_edges(edges, n_sites)
        if not len(outputs):
            raise ValueError("outputs: none named; a network needs at least one output site")
        both = np.intersect1d(inputs, outputs)
        if both.size:
            raise ValueError(
                f"outputs: site {both[0]} is also an input; a site is either clamped or read"
            )
        if not isinstance(name, str):
            raise TypeError(f"name: found {name!r}; text is needed")

        hidden = np.ones(n_sites, bool)
        hidden[inputs] = hidden[outputs] = False
        self.name = name
        self._traits = check_traits({"family": "graph"} if traits is None else traits)
        self.n_sites, self.n_inputs, self.n_outputs = n_sites, len(inputs), len(outputs)
        self.numbers = np.concatenate([inputs, np.flatnonzero(hidden), outputs]).astype(np.intp)
        self._names = check_labels(labels, n_sites, self.numbers)
        number = np.empty(n_sites, np.intp)
        number[self.numbers] = np.arange(n_sites)
        ends = number[edges]
        self.edges = np.stack([ends.min(axis=1), ends.max(axis=1)], axis=1)
        self._check_connected()

        if positions is None:
            positions = np.arange(n_sites, dtype=float)[:, None]
        positions = check_array("positions", positions, (n_sites, None))
        self.positions = _three("positions", positions)[self.numbers]
        periods = np.zeros((0, 3)) if periods is None or not np.size(periods) else periods
        self.periods = _three("periods", check_array("periods", periods, ("direction", None)))
        if len(self.periods) > 3 or np.linalg.matrix_rank(self.periods) < len(self.periods):
            raise ValueError("periods: found vectors that are not independent of each other")
        if lengths is None:
            lengths = np.linalg.norm(self.displacements(*self.edges.T), axis=1)
        self.lengths = _not_negative("lengths", lengths, self.n_couplings, scalar=False)
        self.parameter = self._check_tying(tying)
        self.n_parameters = int(self.parameter.max()) + 1 if self.n_couplings else 0
        self.layer = self._per_site("layer", layer)
        self.channel = self._per_site("channel", channel)
        self.shell = np.zeros(self.n_couplings, np.intp)
        if shell is not None:
            self.shell = check_array("shell", shell, (self.n_couplings,), dtype=np.intp)
        self.coupling_scale = np.broadcast_to(
            _not_negative("coupling_scale", coupling_scale, self.n_parameters),
            self.n_parameters,
        )
        bias_scale = _not_negative("bias_scale", bias_scale, n_sites)
        self.bias_scale = np.broadcast_to(bias_scale, n_sites)[self.numbers]
        self._freeze()
        self._warn_of_isolated_sites()

    def _freeze(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__["_frozen"] = True

    def __setattr__(self, attribute: str, value: Any) -> None:
        if getattr(self, "_frozen", False):
            raise AttributeError(f"{attribute}: a Network is immutable; build another one")
        super().__setattr__(attribute, value)

    def __getstate__(self) -> dict[str, Any]:
        # dask sends networks to other processes; what is cached is made there again
        cached = {k for k, v in vars(type(self)).items() if isinstance(v, cached_property)}
        return {k: v for k, v in vars(self).items() if k not in cached}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._freeze()

    def _per_site(self, name: str, value: ArrayLike | None) -> np.ndarray:
        if value is None:
            return np.zeros(self.n_sites, np.intp)
        return check_array(name, value, (self.n_sites,), dtype=np.intp)[self.numbers]

    def _check_tying(self, tying: ArrayLike | None) -> np.ndarray:
        if tying is None:
            return np.arange(self.n_couplings)
        tying = check_array("tying", tying, (self.n_couplings,), dtype=np.intp)
        used = np.unique(tying)
        if len(used) and not np.array_equal(used, np.arange(len(used))):
            raise ValueError(
                f"tying: parameters are numbered {used[0]} … {used[-1]} with gaps; "
                f"number them 0 … {len(used) - 1}"
            )
        return tying

    def _check_connected(self) -> None:
        if not self.n_inputs:
            return
        component = self.components
        lonely = ~np.isin(component[self.outputs], component[self.inputs])
        if lonely.any():
            site = self._label(self.outputs[np.argmax(lonely)])
            raise ValueError(
                f"outputs: site {site!r} is not connected to any input; "
                "every output needs a path of couplings to one"
            )

    def _warn_of_isolated_sites(self) -> None:
        alone = np.flatnonzero(np.bincount(self.edges.ravel(), minlength=self.n_sites) == 0)
        if alone.size:
            first = ", ".join(repr(self._label(site)) for site in alone[:5])
            warnings.warn(
                f"edges: no coupling names {alone.size} of {self.n_sites} sites: {first}"
                f"{', …' if alone.size > 5 else ''}; what is not coupled learns nothing",
                UserWarning,
                stacklevel=3,
            )

    @property
    def n_couplings(self) -> int:
        """Number of couplings; those that share a parameter are counted one by one."""
        return len(self.edges)

    @property
    def n_free(self) -> int:
        """Number of sites that are not clamped."""
        return self.n_sites - self.n_inputs

    @property
    def inputs(self) -> np.ndarray:
        """Numbers of the clamped sites: 0 … n_inputs − 1."""
        return np.arange(self.n_inputs)

    @property
    def outputs(self) -> np.ndarray:
        """Numbers of the sites that are read: the last n_outputs."""
        return np.arange(self.n_sites - self.n_outputs, self.n_sites)

    @property
    def traits(self) -> dict[str, Trait]:
        """What the network is: family, kind, size, shells, …; a copy.

        >>> import xyep
        >>> xyep.layered([4, 5, 3]).traits
        {'family': 'layered', 'sizes': '4-5-3', 'hidden': 5}
        """
        return dict(self._traits)

    def with_traits(self, **traits: Trait) -> Network:
        """The same network with further traits, or others in place of those that it has.

        >>> import xyep
        >>> xyep.all_to_all(6).with_traits(placement="far").traits
        {'family': 'all_to_all', 'size': 6, 'placement': 'far'}
        """
        other = type(self).__new__(type(self))
        other.__setstate__(self.__getstate__() | {"_traits": check_traits(self._traits | traits)})
        return other

    @cached_property
    def labels(self) -> np.ndarray:
        """(site,) the caller's names of the sites: integers, or an object array of any hashables.

        >>> import xyep
        >>> xyep.square_lattice((2, 2), inputs=[(1, 0)], outputs=[(0, 1)]).labels
        array([(1, 0), (0, 0), (1, 1), (0, 1)], dtype=object)
        """
        if self._names.ndim == 1:
            return self._names
        labels = np.empty(self.n_sites, object)
        labels[:] = list(map(tuple, self._names.tolist()))
        labels.flags.writeable = False
        return labels

    def _label(self, site: int) -> Hashable:
        """One label, without making all of them."""
        name = self._names[site]
        if self._names.ndim == 2:
            return tuple(name.tolist())
        return name if self._names.dtype == object else int(name)

    @cached_property
    def _site_of(self) -> dict[Hashable, int]:
        return {label: site for site, label in enumerate(self.labels.tolist())}

    def site(self, label: Hashable) -> int:
        """Number of the site that the caller calls `label`; ValueError where there is none.

        >>> import xyep
        >>> net = xyep.square_lattice((3, 3), inputs=[(2, 0)], outputs=[(0, 2)])
        >>> net.site((2, 0)), net.site((0, 0)), net.site((0, 2))
        (0, 1, 8)
        """
        return find("label", label, self._site_of)

    @cached_property
    def components(self) -> np.ndarray:
        """(site,) number of the connected component that each site belongs to.

        >>> import xyep
        >>> xyep.Network([(0, 1), (2, 3)], inputs=[0], outputs=[1]).components.tolist()
        [0, 1, 1, 0]
        """
        i, j = self.edges.T
        return connected_components(
            coo_array((np.ones(len(i), bool), (i, j)), shape=(self.n_sites,) * 2), directed=False
        )[1]

    @cached_property
    def role(self) -> np.ndarray:
        """(site,) "input", "hidden" or "output".

        >>> import xyep
        >>> xyep.layered([1, 2, 1]).role.tolist()
        ['input', 'hidden', 'hidden', 'output']
        """
        # strings of variable length are the ones that Zarr specifies
        role = np.full(self.n_sites, "hidden", dtype=object)
        role[: self.n_inputs], role[self.n_sites - self.n_outputs :] = "input", "output"
        return role

    @cached_property
    def digest(self) -> str:
        """SHA-256 of couplings, roles and scales: equal for networks that train alike.

        >>> import xyep
        >>> net = xyep.xor_lattice(5)
        >>> net.digest == net.with_traits(placement="far").digest
        True
        """
        sizes = (self.n_sites, self.n_inputs, self.n_outputs)
        return digest(self.edges, self.parameter, sizes, self.coupling_scale, self.bias_scale)

    def init_parameters(self, seed: int = 0, wires: float | None = None) -> Parameters:
        """Random parameters: J ~ N(0, coupling_scale²), h ~ N(0, bias_scale²), ψ on (−π, π).

        The scales belong to the architecture; those of lattices, layers and all-to-all networks
        follow the code published for arXiv:2402.08579. Clamped sites have no bias.

        Parameters
        ----------
        seed : int
        wires : float, optional
            A start that carries the inputs towards the outputs: the couplings on the `wire_paths`,
            from each input to two couplings before the nearest output, become `wires`, and the
            biases of their free sites 0. A chain of n couplings J is as stiff as J/n, so that long
            wires need large J; and it settles slowly, so that training needs more sweeps, such as
            ``solver=GaussSeidel(sweeps=80)``. Couplings that share a parameter with one on a wire
            get it too.

        >>> import xyep
        >>> net = xyep.xor_lattice(7, distance=6)
        >>> p = net.init_parameters(seed=0, wires=100.0)
        >>> int((p.couplings == 100).sum())
        8
        """
        seed = check_integer("seed", seed, 0)
        couplings = normal(self.n_parameters, seed, _DRAWN, 0) * self.coupling_scale
        amplitude = normal(self.n_sites, seed, _DRAWN, 1) * self.bias_scale
        amplitude[: self.n_inputs] = 0.0
        if wires is not None:
            strength = check_number("wires", wires, 0, exclude=(0,))
            paths, used = self._wires()
            couplings[self.parameter[used]] = strength
            amplitude[np.concatenate(paths)] = 0.0
        return Parameters(couplings, amplitude, phases(self.n_sites, seed, _DRAWN, 2))

    def wire_paths(self) -> list[np.ndarray]:
        """For each input the sites of a shortest path to two couplings before the nearest output.

        Nearest in hops, of several the output of the lowest number. Inner sites are free. Of
        shortest paths the one is taken that goes on to sites on no earlier path, where there are
        such, and to the highest number among these: on lattices, L-shaped paths that stay apart.
        What lies between their ends and the output is left free, as XOR needs hidden sites there:
        on 13×13 at distance 8, with wires of 100 and 80 + 4 sweeps, 7 of 8 seeds solved XOR within
        3000 epochs, 3 with wires that go on to beside the output.

        >>> import xyep
        >>> net = xyep.square_lattice((3, 3), inputs=[(0, 0), (0, 2)], outputs=[(2, 1)])
        >>> [net.labels[path].tolist() for path in net.wire_paths()]
        [[(0, 0), (1, 0)], [(0, 2), (1, 2)]]
        """
        return self._wires()[0]

    def _wires(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Paths, and the couplings on them."""
        if not self.n_inputs:
            raise ValueError("wires: the network has no input that a wire could begin at")
        n, (i, j) = self.n_sites, self.edges.T
        number = np.arange(1, self.n_couplings + 1)
        ends = np.concatenate([i, j]), np.concatenate([j, i])
        neighbours = csr_array((np.concatenate([number, number]), ends), shape=(n, n))
        # hops from the outputs; nothing goes on from an input
        onward = ends[0] >= self.n_inputs
        arcs = csr_array((np.ones(onward.sum()), [end[onward] for end in ends]), shape=(n, n))
        hops = np.atleast_2d(dijkstra(arcs, unweighted=True, indices=self.outputs))
        taken, paths, used = np.zeros(n, bool), [], []
        for site in self.inputs:
            away = hops[hops[:, site].argmin()]
            if not np.isfinite(away[site]):
                raise ValueError(
                    f"wires: input {self._label(site)!r} reaches no output through free sites"
                )
            path = [site]
            while away[site] > 2:
                row = slice(*neighbours.indptr[site : site + 2])
                others, coupling = neighbours.indices[row], neighbours.data[row]
                nearer = np.flatnonzero(away[others] == away[site] - 1)
                k = nearer[np.lexsort((others[nearer], ~taken[others[nearer]]))[-1]]
                site = int(others[k])
                path.append(site)
                used.append(int(coupling[k]) - 1)
            taken[path] = True
            paths.append(np.array(path, np.intp))
        return paths, np.array(used, np.intp)

    def check_parameters(self, parameters: Parameters, name: str = "parameters") -> Parameters:
        """`parameters` as float64 arrays of the right shapes, or an error that names the part.

        >>> import xyep
        >>> net = xyep.all_to_all(4)
        >>> net.check_parameters(xyep.Parameters([1, 1, 1, 1, 1, 0], [0] * 4, [0] * 3))
        Traceback (most recent call last):
            ...
        ValueError: parameters.bias_phase: found shape (3,); (4,) is needed
        """
        sizes = {
            "couplings": self.n_parameters,
            "bias_amplitude": self.n_sites,
            "bias_phase": self.n_sites,
        }
        if not hasattr(parameters, "_fields") or set(parameters._fields) != set(sizes):
            raise TypeError(
                f"{name}: found {type(parameters).__name__}; "
                "give Parameters(couplings, bias_amplitude, bias_phase)"
            )
        return Parameters(
            *(check_array(f"{name}.{f}", getattr(parameters, f), (n,)) for f, n in sizes.items())
        )

    def unflatten(self, vector: np.ndarray) -> Parameters:
        """The three parts of a flat parameter vector, as views.

        >>> import numpy as np, xyep
        >>> xyep.all_to_all(4).unflatten(np.arange(14.0)).bias_amplitude
        array([6., 7., 8., 9.])
        """
        p, n = self.n_parameters, self.n_sites
        return Parameters(vector[:p], vector[p : p + n], vector[p + n : p + 2 * n])

    def displacements(self, source: ArrayLike, target: ArrayLike) -> np.ndarray:
        """(…, 3) vectors from sites to other sites; on periodic networks to the nearest images.

        >>> import xyep
        >>> net = xyep.square_lattice((6, 6), inputs=[(0, 0)], outputs=[(0, 5)], periodic=True)
        >>> net.displacements(net.site((0, 0)), net.site((0, 5)))
        array([-1.,  0.,  0.])
        """
        source, target = np.asarray(source), np.asarray(target)
        return nearest_image(self.positions[target] - self.positions[source], self.periods)

    def distance_from(self, role: str) -> np.ndarray:
        """(site,) smallest Euclidean distance of each site to the sites of that role.

        `role` is "input" or "output". On periodic networks the nearest images count.

        >>> import xyep
        >>> xyep.Network([(0, 1), (1, 2)], [0], [2]).distance_from("input")
        array([0., 1., 2.])
        """
        check_choice("role", role, ("input", "output"))
        sites = self.inputs if role == "input" else self.outputs
        if not len(sites):
            raise ValueError(f"role: the network has no site of role {role!r}")
        nearest = np.full(self.n_sites, np.inf)
        every = np.arange(self.n_sites)
        for site in sites:
            np.minimum(
                nearest, np.linalg.norm(self.displacements(site, every), axis=1), out=nearest
            )
        return nearest

    def without(
        self,
        sites: Iterable[Hashable] = (),
        couplings: Iterable[tuple[Hashable, Hashable]] = (),
    ) -> Network:
        """The network with defects: sites, with their couplings, and further couplings left out.

        Sites are given by their labels, couplings by pairs of labels. All that remains keeps its
        label, position, layer, channel, shell, length and scale; parameters are numbered anew
        where some are no longer used.

        Raises
        ------
        ValueError
            For an input or output among the sites, a site or coupling that the network does not
            have, or an output that is cut off from all inputs.

        >>> import xyep
        >>> net = xyep.square_lattice((4, 4), inputs=[(0, 0)], outputs=[(3, 3)])
        >>> net.without(sites=[(1, 1), (2, 2)], couplings=[((0, 0), (0, 1))])
        <Network square_4x4_shells1: 14 sites (1 inputs, 1 outputs), 15 couplings>
        """
        gone = find_all("sites", sites, self._site_of)
        ends = gone[(gone < self.n_inputs) | (gone >= self.n_sites - self.n_outputs)]
        if ends.size:
            raise ValueError(
                f"sites: {self._label(ends[0])!r} is an {self.role[ends[0]]}; "
                "only hidden sites can be left out"
            )
        keep = np.ones(self.n_sites, bool)
        keep[gone] = False
        stay = keep[self.edges].all(axis=1)
        cut = self._couplings_between(couplings)
        stay[cut] = False
        if not len(gone) and not len(cut):
            raise ValueError("without: no site and no coupling is named; some are needed")
        number = np.cumsum(keep) - 1
        used, tying = np.unique(self.parameter[stay], return_inverse=True)
        return Network(
            number[self.edges[stay]],
            self.inputs,
            number[self.outputs],
            self.positions[keep],
            tying,
            lengths=self.lengths[stay],
            layer=self.layer[keep],
            channel=self.channel[keep],
            shell=self.shell[stay],
            periods=self.periods,
            labels=self._names[keep],
            coupling_scale=self.coupling_scale[used],
            bias_scale=self.bias_scale[keep],
            name=self.name,
            traits=self._traits,
        )

    def _couplings_between(self, pairs: Iterable[tuple[Hashable, Hashable]]) -> np.ndarray:
        """Numbers of the couplings between pairs of labels."""
        if isinstance(pairs, (str, Mapping)) or not isinstance(pairs, Iterable):
            raise TypeError(f"couplings: found {pairs!r}; a list of pairs of labels is needed")
        pairs = list(pairs)
        if not pairs:
            return np.zeros(0, np.intp)
        if any(not isinstance(p, (tuple, list, np.ndarray)) or len(p) != 2 for p in pairs):
            raise ValueError("couplings: each must be a pair of labels")
        ends = np.sort(
            [[find("couplings", end, self._site_of) for end in p] for p in pairs], axis=1
        )
        keys, wanted = (e[:, 0] * self.n_sites + e[:, 1] for e in (self.edges, ends))
        order = np.argsort(keys)
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        missing = keys[order[place]] != wanted if len(keys) else np.ones(len(pairs), bool)
        if missing.any():
            raise ValueError(
                f"couplings: found {pairs[np.argmax(missing)]!r}; no coupling joins these sites"
            )
        return order[place]

    @classmethod
    def from_networkx(
        cls,
        graph: Any,
        inputs: Iterable[Hashable],
        outputs: Iterable[Hashable],
        positions: Mapping[Hashable, ArrayLike] | None = None,
    ) -> Network:
        """The network on an undirected `networkx.Graph`; nodes become the labels of the sites.

        Parameters
        ----------
        graph : networkx.Graph
            Nodes of any kind. The attribute "pos" of nodes gives positions; "layer", "channel",
            "bias_scale" of nodes and "length", "shell", "coupling_scale", "parameter" (edges of
            one value share weights) of edges are taken over where all have them.
            Couplings are in the order of ``graph.edges``. Weights of edges are no part of a
            network but couplings, and there is a warning; put them into parameters:
            ``p._replace(couplings=[w for _, _, w in graph.edges(data="weight")])``.
        inputs, outputs : nodes
        positions : dict of nodes, optional
            Takes the place of "pos"; layouts of networkx and dwave_networkx are such dicts.

        Raises
        ------
        ValueError
            For directed graphs, multigraphs and self-couplings, and positions of some nodes only.

        >>> import networkx, xyep
        >>> graph = networkx.karate_club_graph()
        >>> networkx.set_edge_attributes(graph, None, "weight")
        >>> xyep.Network.from_networkx(graph, inputs=[0, 33], outputs=[8])
        <Network Zachary's Karate Club: 34 sites (2 inputs, 1 outputs), 78 couplings>
        >>> grid = networkx.grid_2d_graph(4, 4)
        >>> net = xyep.Network.from_networkx(grid, inputs=[(0, 0)], outputs=[(3, 3)])
        >>> net.labels[-1]
        (3, 3)
        """
        arguments = graphs.read_networkx(graph, inputs, outputs, positions)
        return cls(**arguments)

    def to_networkx(self) -> Any:
        """`networkx.Graph` whose nodes are the labels; `from_networkx` goes back.

        Nodes have pos (x, y, z), role, layer, channel, bias_scale; edges length, shell, parameter,
        coupling_scale; the graph name, traits, periods.

        >>> import xyep
        >>> graph = xyep.square_lattice((2, 2), [(0, 0)], [(1, 1)]).to_networkx()
        >>> graph.nodes[1, 1]["role"], graph.edges[(0, 0), (0, 1)]["length"]
        ('output', 1.0)
        """
        return graphs.write_networkx(self)

    @classmethod
    def from_sparse(
        cls,
        matrix: Any,
        inputs: ArrayLike,
        outputs: ArrayLike,
        positions: ArrayLike | None = None,
    ) -> Network:
        """The network whose couplings are the entries of a symmetric scipy sparse matrix.

        Couplings are in the order of the rows of its upper half. Values other than 1 are no part
        of a network but couplings, and there is a warning; put them into parameters:
        ``p._replace(couplings=scipy.sparse.triu(matrix).tocsr().data)``.

        Raises
        ------
        TypeError
            For what is not sparse.
        ValueError
            For matrices that are not square or not symmetric, or with entries on the diagonal.

        >>> import scipy.sparse, xyep
        >>> ring = scipy.sparse.diags_array([1.0] * 4, offsets=[-1, 1, -5, 5], shape=(6, 6))
        >>> xyep.Network.from_sparse(ring, inputs=[0], outputs=[3])
        <Network network: 6 sites (1 inputs, 1 outputs), 6 couplings>
        """
        edges = graphs.read_sparse(matrix)
        return cls(edges, inputs, outputs, positions, n_sites=matrix.shape[0])

    def plot(
        self,
        ax: Axes | None = None,
        couplings: ArrayLike | None = None,
        sites: ArrayLike | None = None,
    ) -> Axes:
        """Draw the network: inputs are squares, outputs diamonds; couplings around the border of
        a periodic network are dashed halves.

        Heights z and layers are drawn at a slant; sites that all lie on a line, on a circle.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Default: those of a new figure.
        couplings : (coupling,) floats, optional
            Shown by width and by colour, blue below and red above 0.
        sites : (site,) floats, optional
            Shown by colour.

        >>> import matplotlib, xyep
        >>> matplotlib.use("Agg")
        >>> net = xyep.xor_lattice(5)
        >>> ax = net.plot(couplings=net.init_parameters(0).couplings)
        >>> matplotlib.pyplot.close()
        """
        from .drawing import draw  # matplotlib is slow to load

        return draw(self, ax, couplings, sites)

    def site_coords(self) -> dict[str, tuple[str, np.ndarray]]:
        """xarray coordinates of the dimension ``site``; labels that are no integers become text.

        >>> import xyep
        >>> list(xyep.all_to_all(4).site_coords())
        ['x', 'y', 'z', 'layer', 'channel', 'role', 'label']
        """
        label = self.labels
        if label.dtype == object:
            label = np.array(list(map(str, label.tolist())), object)
        columns = {"x": self.positions[:, 0], "y": self.positions[:, 1], "z": self.positions[:, 2]}
        columns |= {"layer": self.layer, "channel": self.channel, "role": self.role, "label": label}
        return {name: ("site", values) for name, values in columns.items()}

    def coupling_coords(self) -> dict[str, tuple[str, np.ndarray]]:
        """xarray coordinates of the dimension ``coupling``.

        >>> import xyep
        >>> list(xyep.all_to_all(4).coupling_coords())
        ['source', 'target', 'parameter', 'length', 'shell']
        """
        columns = {
            "source": self.edges[:, 0],
            "target": self.edges[:, 1],
            "parameter": self.parameter,
            "length": self.lengths,
            "shell": self.shell,
        }
        return {name: ("coupling", values) for name, values in columns.items()}

    def __repr__(self) -> str:
        tied = f", {self.n_parameters} parameters" * (self.n_parameters != self.n_couplings)
        return (
            f"<Network {self.name}: {self.n_sites} sites ({self.n_inputs} inputs, "
            f"{self.n_outputs} outputs), {self.n_couplings} couplings{tied}>"
        )


def _integers(name: str, values: Any, shape: tuple[Any, ...]) -> np.ndarray:
    if isinstance(values, (list, tuple, range, np.ndarray)) and len(values) == 0:
        values = np.zeros((0, *shape[1:]), np.intp)
    return check_array(name, values, shape, dtype=np.intp)


def _not_negative(name: str, values: ArrayLike, n: int, scalar: bool = True) -> np.ndarray:
    array = check_array(name, values, (n,), scalar=scalar)
    if array.size and array.min() < 0:
        raise ValueError(f"{name}: found {array.min():g}; numbers of at least 0 are needed")
    return array


def _three(name: str, vectors: np.ndarray) -> np.ndarray:
    if not 1 <= vectors.shape[1] <= 3:
        raise ValueError(f"{name}: {vectors.shape[1]} coordinates a site; 1 to 3 are allowed")
    return np.pad(vectors, ((0, 0), (0, 3 - vectors.shape[1])))


def _sites(name: str, array: np.ndarray, n_sites: int) -> np.ndarray:
    outside = array[(array < 0) | (array >= n_sites)]
    if outside.size:
        raise ValueError(f"{name}: site {outside[0]} is out of range; sites are 0 … {n_sites - 1}")
    if len(np.unique(array)) != len(array):
        twice = array[np.bincount(array)[array] > 1][0]
        raise ValueError(f"{name}: site {twice} is named twice; each site may appear once")
    return array


def _check_edges(edges: np.ndarray, n_sites: int) -> None:
    outside = edges[(edges < 0) | (edges >= n_sites)]
    if outside.size:
        raise ValueError(f"edges: site {outside[0]} is out of range; sites are 0 … {n_sites - 1}")
    low, high = edges.min(axis=1), edges.max(axis=1)
    loops = low[low == high]
    if len(loops):
        raise ValueError(
            f"edges: site {loops[0]} is coupled to itself; couplings join two different sites"
        )
    keys = np.sort(low * n_sites + high)
    again = keys[1:][keys[1:] == keys[:-1]]
    if len(again):
        pair, times = divmod(int(again[0]), n_sites), np.count_nonzero(keys == again[0])
        raise ValueError(f"edges: the pair {pair} is listed {times} times; list it once")
