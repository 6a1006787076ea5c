"""Samples cut into blocks of lanes, and blocks spread over threads: the layout that the kernels work on."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from .kernels.simd import Lanes

#: Lanes of a block. Wide enough to hide the latency of a multiply-add, narrow enough for the accumulators to stay in registers.
WIDTHS = {np.dtype(np.float32): (32, 64), np.dtype(np.float64): (16,)}


class Layout:
    """How `n_samples` samples lie in blocks; the last block is filled up with copies of the first sample, masked out of all sums."""

    def __init__(self, n_samples, dtype):
        self.n_samples, self.dtype = n_samples, np.dtype(dtype)
        widths = WIDTHS[self.dtype]
        self.width = next((w for w in widths if n_samples <= w), widths[-1])
        self.n_blocks = -(-n_samples // self.width)
        self.lanes = Lanes(self.width)
        sample = np.arange(self.n_blocks * self.width)
        self._sample = np.where(sample < n_samples, sample, 0)
        self.mask = (sample < n_samples).astype(self.dtype).reshape(self.n_blocks, self.width)

    def pack(self, phases):
        """(sample, site) phases → (block, site, 2, lane) unit vectors."""
        if len(phases) < len(self._sample):
            phases = phases[self._sample]
        phases = phases.reshape(self.n_blocks, self.width, -1).transpose(0, 2, 1).astype(self.dtype)
        u = np.empty((*phases.shape[:2], 2, self.width), self.dtype)
        np.cos(phases, out=u[:, :, 0])
        np.sin(phases, out=u[:, :, 1])
        return u

    def unpack(self, u):
        """(block, site, 2, lane) unit vectors → (sample, site) phases in (−π, π], float64."""
        phases = np.arctan2(u[:, :, 1], u[:, :, 0], dtype=np.float64 if self.dtype == np.float64 else np.float32)
        return phases.transpose(0, 2, 1).reshape(self.n_blocks * self.width, -1)[: self.n_samples].astype(np.float64)

    def spread(self, values):
        """(sample,) → (block, lane)"""
        return np.asarray(values)[self._sample].reshape(self.n_blocks, self.width)

    def per_sample(self, values):
        """(block, …, lane) → (…, sample)"""
        values = np.moveaxis(values, 0, -2)
        return values.reshape(*values.shape[:-2], -1)[..., : self.n_samples]


@lru_cache
def _pool(threads):
    return ThreadPoolExecutor(threads, thread_name_prefix="xyep")


def spread(call, n, threads):
    """``call((start, stop))`` over ranges that cover ``range(n)``; results must be written to disjoint places.

    Kernels release the GIL, so plain threads run them side by side; unlike Numba's own threading layers they may be nested in dask's.
    """
    threads = min(threads, n)
    if threads <= 1:
        call((0, n))
        return
    cuts = np.linspace(0, n, min(n, 4 * threads) + 1).astype(int)
    list(_pool(threads).map(call, [(int(a), int(b)) for a, b in zip(cuts, cuts[1:])]))
