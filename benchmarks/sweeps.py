"""Sweeps of the relaxation kernel alone, with packing and checks left out of the clock."""

import numpy as np
from timing import interleaved, matrix_product, spread

from xyep.blocks import LINE, Layout
from xyep.kernels.fast import Nudge, Stopping, relax_blocks
from xyep.relaxation import (bias_field, pack_start, random_phases)


class Sweeps:
    """Samples of one network on one thread: two cache lines of lanes unless `inputs` (sample, input) say otherwise.

    The state lies where the package puts it or, for an experiment, `offset` bytes after the beginning of a cache line.
    """

    def __init__(self, net, dtype, inputs=None, offset=None, over_relaxation=0.6):
        n = 2 * LINE // np.dtype(dtype).itemsize if inputs is None else len(inputs)
        if inputs is None:
            inputs = random_phases((n, net.n_inputs), 0, 1)
        layout = self.layout = Layout(net, n, dtype)
        p, self.blocks = net.init_parameters(0), (0, layout.n_blocks)
        self.net, self.dtype, self.over_relaxation = net, dtype, over_relaxation
        self.u, self.inputs, self.targets = (
            layout.empty(sites) for sites in (net.n_free, net.n_inputs, net.n_outputs)
        )
        if offset is not None:
            memory = np.empty(self.u.nbytes + 2 * LINE, np.uint8)
            first = -memory.ctypes.data % LINE + offset
            self.u = memory[first : first + self.u.nbytes].view(self.u.dtype).reshape(self.u.shape)
        samples = layout.samples(self.blocks)
        layout.pack(random_phases((n, net.n_free), 0), samples, self.u, self.blocks)
        layout.pack(inputs, samples, self.inputs, self.blocks)
        layout.pack(np.zeros((n, net.n_outputs)), samples, self.targets, self.blocks)
        self.couplings, self.bias = p.couplings.astype(dtype), bias_field(net, p).astype(dtype)
        self.residual, self.count = np.zeros((2, layout.n_blocks, layout.width), dtype)

    def __call__(self, sweeps, tol=-1.0):
        """Field of the inputs, sweeps until each sample has converged or `sweeps` are done, one reading of the residual."""
        stopping, arrays = (
            Stopping(self.over_relaxation, tol, sweeps),
            (self.u, self.inputs, self.targets, self.couplings, self.bias),
        )
        relax_blocks(
            self.layout.lanes,
            self.blocks,
            *arrays,
            self.net.graph,
            Nudge(0.0, 1.0, 0.0),
            stopping,
            self.residual,
            self.count,
        )

    def from_aligned(self, sweeps, tol):
        pack_start(self.layout, "aligned", self.u, self.blocks)
        self(sweeps, tol)

    @property
    def lanes(self):
        return self.layout.n_blocks * self.layout.width

    @property
    def neighbours(self):
        return len(self.net.graph.free.parameter) / self.net.n_free

    @property
    def multiply_adds(self):
        """Of one sweep, and of the field of the inputs: two (cosine and sine) a lane for each directed coupling."""
        graph = self.net.graph
        return 2 * self.lanes * len(graph.free.parameter), 2 * self.lanes * len(
            graph.clamped.parameter
        )


def measure(blocks, repeats, free_phase=16):
    """A row for each of several `Sweeps` of one dtype, with the core's matrix product and a copy of memory taking their turns.

    The time of a sweep is that of n sweeps less that of none. A free phase has the field of the inputs, `free_phase` sweeps and a reading
    of the residual, which costs the multiply-adds of one more sweep.
    """
    product, product_work = matrix_product(blocks[0].dtype)
    source, destination = np.ones((2, 2**24), np.float32)
    calls, counts = {"product": product, "copy": lambda: np.copyto(destination, source)}, []
    for k, block in enumerate(blocks):
        n = max(3, int(6e6 / block.lanes / block.net.n_free / (1 + block.neighbours / 8)))
        calls[k, "none"], calls[k, "all"] = (
            (lambda block=block: block(0)),
            (lambda block=block, n=n: block(n)),
        )
        counts.append(n)
    seconds = interleaved(calls, repeats)
    product_rate = product_work / seconds["product"] / 1e9
    rows = []
    for k, (block, n) in enumerate(zip(blocks, counts)):
        sweep = np.maximum(seconds[k, "all"] - seconds[k, "none"], 1e-12) / n
        work, input_work = block.multiply_adds
        rate = work / sweep / 1e9
        phase_rate = (
            (input_work + (free_phase + 1) * work) / (seconds[k, "none"] + free_phase * sweep) / 1e9
        )
        rows.append(
            {
                "network": block.net.name,
                "couplings": block.net.n_couplings,
                "free sites": block.net.n_free,
                "neighbours": block.neighbours,
                "dtype": block.dtype,
                "samples": block.layout.n_samples,
                "lanes": block.layout.width,
                "bytes from cache line": block.u.ctypes.data % LINE,
                "milliseconds a sweep": spread(sweep, 1e3),
                "nanoseconds a site, lane and sweep": spread(
                    sweep / block.net.n_free / block.lanes, 1e9
                ),
                "GFMA/s": spread(rate),
                "matrix product GFMA/s": spread(product_rate),
                "fraction of matrix product": spread(rate / product_rate),
                "fraction, free phase": spread(phase_rate / product_rate),
                "state and field, MB": (block.u.nbytes + block.u[0].nbytes) / 1e6,
                "GB/s if each sweep streams them": spread(
                    (2 * block.u.nbytes + block.layout.n_blocks * block.u[0].nbytes) / sweep, 1e-9
                ),
                "memory copy GB/s": spread(2 * source.nbytes / seconds["copy"] / 1e9),
            }
        )
    return rows
