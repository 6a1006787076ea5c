"""Dense networks, layered networks, and stacks of lattices.

Initial couplings follow the code published for arXiv:2402.08579: N(0, 1/(N_k + N_k+1)) between
layers, N(0, 1/N) all to all, no initial bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from .cells import SQUARE, integers, shell_steps
from .checks import check_flag, check_integer
from .labels import Trait
from .network import Network


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
        np.column_stack(np.triu_indices(n, 1)),
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
    sizes = integers("sizes", sizes)
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
    shape = tuple(integers("shape", shape))
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
    if not isinstance(readout, str):
        readout = check_integer("readout", readout, 1)
    elif readout != "dense":
        raise ValueError(f"readout: found {readout!r}; 'dense' or an integer is needed")

    # of each lattice: numbers of its sites (row, column, channel), and where its places lie
    # (row, column, 2)
    sites = np.arange(shape[0] * shape[1]).reshape(*shape, 1)
    place = np.moveaxis(np.indices(shape)[::-1], 0, -1).astype(float)
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

    pairs, sites, place = _outputs(sites, place, outputs, readout)
    parts.append(_Part(pairs, np.arange(len(pairs)), 0, False))
    lattices.append((sites, place))
    parts = [part for part in parts if len(part.pairs)]
    tying, scale = _tie(parts)
    numbers = [lattice[0] for lattice in lattices]
    places = [np.repeat(p.reshape(-1, 2), n.shape[2], axis=0) for n, p in lattices]
    labels = [np.indices(n.shape).reshape(3, -1).T for n in numbers]
    every = _same(window), _same(stride), _same(channels)
    traits: dict[str, Trait] = {"family": "stack"}
    if shape[0] == shape[1]:
        traits["size"] = shape[0]
    else:
        traits["shape"] = f"{shape[0]}x{shape[1]}"
    traits |= dict(zip(("window", "stride", "channels"), every))
    traits |= {"shared": shared, "intra_shells": intra_shells, "readout": str(readout)}
    traits |= {"layers": layers}
    name = f"{'conv' if shared else 'lcl'}_{every[0]}x{every[2]}"
    name += f"_stride{every[1]}" * (max(stride) > 1)
    name += f"_shells{intra_shells}" * (intra_shells > 0)
    name += f"_readout{readout}" * (readout != "dense")
    return Network(
        np.concatenate([part.pairs for part in parts]),
        numbers[0].ravel(),
        numbers[-1].ravel(),
        positions=np.concatenate([np.insert(p, 2, k, axis=1) for k, p in enumerate(places)]),
        tying=tying,
        layer=np.repeat(np.arange(len(numbers)), [n.size for n in numbers]),
        channel=np.concatenate([label[:, 2] for label in labels]),
        shell=np.concatenate([np.broadcast_to(p.shell, len(p.pairs)) for p in parts]),
        labels=np.concatenate([np.insert(label, 0, k, axis=1) for k, label in enumerate(labels)]),
        coupling_scale=scale,
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


def _outputs(
    sites: np.ndarray, place: np.ndarray, outputs: int, readout: str | int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Couplings of the outputs to the last lattice, their numbers and their places above it."""
    x, y = (
        np.linspace(place[..., d].min(), place[..., d].max(), 2 * n + 1)[1::2]
        for d, n in ((0, -(-outputs // 2)), (1, min(outputs, 2)))
    )
    above = np.stack(np.meshgrid(x, y), -1).reshape(-1, 1, 2)[:outputs]
    numbers = sites.max() + 1 + np.arange(outputs)
    pairs = np.stack(np.broadcast_arrays(sites.reshape(-1, 1), numbers), -1)
    if not isinstance(readout, str):
        below = np.repeat(place.reshape(-1, 1, 2), sites.shape[2], axis=0)
        pairs = pairs[np.abs(below - above[:, 0]).max(axis=-1) <= readout / 2]
    return pairs.reshape(-1, 2), numbers.reshape(outputs, 1, 1), above


def _tie(parts: list[_Part]) -> tuple[np.ndarray, np.ndarray]:
    """Parameter of each coupling, and scale of each parameter."""
    tying, scale, used = [], [], 0
    for part in parts:
        n = len(part.pairs)
        kind = np.unique(part.kind, return_inverse=True)[1] if part.tied else np.arange(n)
        tying.append(used + kind)
        used += kind.max() + 1
        at_each_end = [n / len(np.unique(end)) for end in part.pairs.T]
        scale.append(np.full(kind.max() + 1, sum(at_each_end) ** -0.5))
    return np.concatenate(tying), np.concatenate(scale)


def _for_each_layer(name: str, value: Any, layers: int) -> list[int]:
    if np.ndim(value) == 0:
        return [check_integer(name, value, 1)] * layers
    values = integers(name, value)
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
    for k, step in enumerate(shell_steps(SQUARE, shells)):
        dy, dx = step.offset
        y, x = (np.arange(max(0, -d), min(n, n - d)) for d, n in ((dy, rows), (dx, columns)))
        ends = sites[np.ix_(y, x)], sites[np.ix_(y + dy, x + dx)]
        pairs.append(np.stack(ends, -1).reshape(-1, 2))
        kinds.append(np.broadcast_to(k * channels + np.arange(channels), ends[0].shape).ravel())
        shell.append(np.full(ends[0].size, step.shell, np.intp))
    return np.concatenate(pairs), np.concatenate(kinds), np.concatenate(shell)
