"""Samples cut into blocks of lanes, and blocks spread over threads: what the kernels work on."""

import platform
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba.core import config
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .kernels.elementary import arctangent
from .kernels.packing import pack_blocks
from .kernels.rows import Graph, pack
from .kernels.vectors import Lanes
from .network import Network

#: Bytes of a cache line, the smallest vector of lanes.
LINE = 64
#: Lanes whose contributions to a gradient are added up within the kernel, as long as that makes no
#: more than MOST_UNITS parts.
UNIT, MOST_UNITS = 64, 64

#: Free sites of a network large enough for its few samples to have narrow blocks.
LARGE = 1000

#: Blocks from the first up to, but without, the last.
Range = tuple[int, int]
_Part = TypeVar("_Part")

_graphs: WeakKeyDictionary[Network, Graph] = WeakKeyDictionary()
_extents: WeakKeyDictionary[Network, int] = WeakKeyDictionary()


def _has(feature: str) -> bool | None:
    """Whether Numba compiles for a processor with this feature; None where nothing says so.

    NUMBA_CPU_FEATURES tells of another processor than this one.
    """
    asked = vars(config)["CPU_FEATURES"]
    if asked is None:
        return _host_has(feature)
    words = asked.split(",")
    if f"+{feature}" in words or f"-{feature}" in words:
        return f"+{feature}" in words
    return None


def _host_has(feature: str) -> bool | None:
    try:
        return bool(get_host_cpu_features().get(feature, False))
    except RuntimeError:  # LLVM does not know this system
        return None


@cache
def most_sites() -> int:
    """Sites that share a row: four need 32 wide registers. Results do not depend on it."""
    return 4 if _has("avx512f") else 2


def graph_of(net: Network) -> Graph:
    """Couplings of a network as rows of its free sites; kept as long as the network is."""
    if net not in _graphs:
        sizes = net.n_inputs, net.n_outputs, net.n_sites
        _graphs[net] = pack(net.edges, net.parameter, *sizes, most_sites())
    return _graphs[net]


def visits(net: Network) -> NDArray[np.intp]:
    """Free sites in the order in which kernels visit them."""
    rows = graph_of(net).free
    groups = [np.arange(i, i + n) for i, n in zip(rows.site, rows.size)]
    return np.concatenate(groups) + net.n_inputs


def extent_of(net: Network) -> int:
    """Most hidden sites that couplings between hidden sites connect, at least 1."""
    if net not in _extents:
        first, last = net.n_inputs, net.n_sites - net.n_outputs
        i, j = net.edges[((net.edges >= first) & (net.edges < last)).all(axis=1)].T - first
        graph = coo_array((np.ones(len(i), bool), (i, j)), shape=(last - first,) * 2)
        label = connected_components(graph, directed=False)[1]
        _extents[net] = int(np.bincount(label, minlength=1).max(initial=1))
    return _extents[net]


def has_fma() -> bool:
    """Whether the processor that Numba compiles for multiplies and adds in one step.

    Only x86 processors may lack that. What NUMBA_CPU_FEATURES does not mention follows from
    NUMBA_CPU_NAME, of which "generic" has none.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686", "x86"):
        return True
    found, name = _has("fma"), vars(config)["CPU_NAME"]
    if found is None and name is not None:
        found = str(name).lower() != "generic"
    if found is None:
        found = _host_has("fma")
    return found is not False


@cache
def warn_without_fma() -> None:
    """One warning a process where kernels are slow."""
    if not has_fma():
        warnings.warn(
            "this processor has no fused multiply-add (FMA): results are the same, bit for bit, "
            "but kernels run 10 to 1000 times slower",
            RuntimeWarning,
            stacklevel=5,  # who called `relax`
        )


def aligned(shape: Sequence[int], dtype: DTypeLike) -> np.ndarray:
    """Empty array that begins on a cache line, so that none of its vectors straddles two."""
    n = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(n + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + n].view(dtype).reshape(shape)


def angles(x: np.ndarray, y: np.ndarray) -> NDArray[np.float64]:
    """Phases of unit vectors, float64; NaN where an overflow has left none."""
    phases = arctangent(y, x)
    phases[~(np.abs(x * x + y * y - 1) < 0.5)] = np.nan
    return phases


class Layout:
    """How `n_samples` samples of a network lie in blocks, the last filled up with its last sample.

    A block is one cache line of lanes wide where sites are visited together, or where one line
    holds all samples of a large network, else two: each width is compiled for itself. ``mask`` is 0
    in the lanes filled up. ``units`` are ranges of blocks that one thread takes at a time; they
    depend on the number of samples only.
    """

    def __init__(self, net: Network, n_samples: int, dtype: DTypeLike) -> None:
        warn_without_fma()
        self.n_samples, self.dtype = n_samples, np.dtype(dtype)
        line = LINE // self.dtype.itemsize
        size = graph_of(net).free.size
        paired = size[size > 1].sum() > 0.5 * net.n_free
        few = n_samples <= line and net.n_free > LARGE
        self.width = line if few or paired else 2 * line
        self.n_blocks = -(-n_samples // self.width)
        self.lanes = Lanes(self.width)
        n_units = min(MOST_UNITS, -(-self.n_blocks * self.width // UNIT))
        n_units += n_units % 2 and self.n_blocks > n_units  # even, for two threads
        cuts = np.linspace(0, self.n_blocks, n_units + 1).round().astype(int)
        self.units = [(int(a), int(b)) for a, b in zip(cuts, cuts[1:])]
        lanes = np.arange(self.n_blocks * self.width)
        self.mask = (lanes < n_samples).astype(self.dtype).reshape(self.n_blocks, self.width)

    @property
    def everything(self) -> Range:
        """The range of all blocks."""
        return (0, self.n_blocks)

    def empty(self, sites: int) -> np.ndarray:
        """Memory for unit vectors, (block, site, 2, lane)."""
        return aligned((self.n_blocks, sites, 2, self.width), self.dtype)

    def samples(self, blocks: Range) -> NDArray[np.intp]:
        """Numbers of the samples in a range of blocks."""
        sample = np.arange(blocks[0] * self.width, blocks[1] * self.width)
        return np.minimum(sample, self.n_samples - 1)

    def pack(self, phases: np.ndarray, rows: np.ndarray, out: np.ndarray, blocks: Range) -> None:
        """Unit vectors of the `rows` of (row, site) phases, one for each sample of the blocks."""
        phases = np.ascontiguousarray(phases).view()
        phases.flags.writeable = False  # one kind of array: one kernel
        pack_blocks(self.lanes, blocks, phases, rows, out)

    def pack_vectors(self, vectors: np.ndarray, out: np.ndarray) -> None:
        """(sample, site, component) vectors as they are, into all blocks."""
        lanes = vectors[self.samples(self.everything)]
        out[:] = np.moveaxis(lanes.reshape(self.n_blocks, self.width, *vectors.shape[1:]), 1, -1)

    def unpack(
        self, u: np.ndarray, out: np.ndarray | None = None, blocks: Range | None = None
    ) -> np.ndarray:
        """(block, site, 2, lane) unit vectors → (sample, site) phases in (−π, π]; see `angles`.

        With `blocks`, only their samples are written to `out`.
        """
        first, last = self.everything if blocks is None else blocks
        if out is None:
            out = np.empty((self.n_samples, u.shape[1]))
        phases = angles(u[first:last, :, 0], u[first:last, :, 1])
        samples = slice(first * self.width, min(last * self.width, self.n_samples))
        sites = phases.transpose(0, 2, 1).reshape(-1, u.shape[1])
        out[samples] = sites[: samples.stop - samples.start]
        return out

    def spread(self, values: np.ndarray) -> np.ndarray:
        """(sample,) → (block, lane)"""
        return np.asarray(values)[self.samples(self.everything)].reshape(self.n_blocks, self.width)

    def per_sample(self, values: np.ndarray) -> np.ndarray:
        """(…, block, lane) → (…, sample)"""
        lanes = values.shape[-2] * values.shape[-1]
        return values.reshape(*values.shape[:-2], lanes)[..., : self.n_samples]


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="xyep")


def over_threads(call: Callable[[_Part], Any], ranges: Iterable[_Part], threads: int) -> None:
    """Call `call` with each range; results must be written to disjoint places.

    Kernels release the GIL, so plain threads run them side by side; unlike Numba's own threading
    layers they may be nested in dask's.
    """
    queue = list(ranges)[::-1]

    def work() -> None:
        while True:
            try:
                part = queue.pop()
            except IndexError:
                return
            call(part)

    helpers = [_pool(threads).submit(work) for _ in range(min(threads, len(queue)) - 1)]
    work()  # this thread is one of them
    for helper in helpers:
        helper.result()
