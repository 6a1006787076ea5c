"""Small pictures of networks, tasks and equilibria, as Jupyter shows them: HTML with inline SVG.

Lines and text take the colour of the page, light or dark. Of many samples or sites some are
shown, spread over all, and the words below say how many.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

import numpy as np

from .drawing import places, steps
from .network import Network
from .pictures import phase_colour
from .relaxation import Equilibrium
from .tasks import Task

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

#: Width of a picture, in pixels.
WIDTH = 240
#: Sites and couplings of a network that is drawn; a larger one is named only.
MOST_SITES, MOST_COUPLINGS = 1000, 1500
#: Samples, images and columns that are shown, spread over all.
MOST_ROWS, MOST_IMAGES, MOST_COLUMNS = 16, 4, 128
#: Phases are told apart by so many colours.
COLOURS = 24


def network_html(net: Network) -> str:
    """Sites where they lie, inputs as squares and outputs as diamonds, and the couplings as lines.

    >>> import xyep
    >>> text = network_html(xyep.xor_lattice(5))
    >>> "<svg" in text, "5x5" in text
    (True, True)
    """
    if net.n_sites > MOST_SITES or net.n_couplings > MOST_COUPLINGS:
        return f"<code>{html.escape(repr(net))}</code>"
    place = places(net)
    extent, low = np.maximum(np.ptp(place, axis=0), 1e-9), place.min(axis=0)
    scale = min(WIDTH / extent[0], 0.8 * WIDTH / extent[1])
    size = float(np.clip(0.3 * WIDTH / np.sqrt(net.n_sites), 2, 12))

    def at(spots: np.ndarray) -> np.ndarray:
        seen = (spots - low) * scale
        return np.stack([seen[:, 0], extent[1] * scale - seen[:, 1]], axis=1) + size

    step, around = steps(net, place)
    i, j = net.edges.T
    paths = [_lines(at(place[i])[~around], at(place[i] + step)[~around])]
    for end, half in ((i, step / 2), (j, -step / 2)):  # around the border
        paths.append(_lines(at(place[end])[around], at(place[end] + half)[around], dashes="2 2"))
    # a line of no length is a dot; its ends are round, square, or square and aslant
    ends = {"hidden": ("round", "h0"), "input": ("square", "h0"), "output": ("square", "l.1.1")}
    for role, (cap, mark) in ends.items():
        dots = "".join(f"M{x:.0f} {y:.0f}{mark}" for x, y in at(place[net.role == role]))
        colour = "#8a93a0" if role == "hidden" else "currentColor"
        paths.append(
            f'<path d="{dots}" stroke="{colour}" stroke-width="{size:.1f}" stroke-linecap="{cap}"/>'
        )
    width, height = extent * scale + 2 * size
    return _figure(paths, width, height, repr(net), "squares are inputs, diamonds outputs")


def task_html(task: Task) -> str:
    """Samples spread over the task: a row of inputs each, or an image, and beside it the targets.

    >>> import xyep
    >>> "inputs and targets of 4 samples" in task_html(xyep.load_task("xor"))
    True
    """
    side = int(np.sqrt(task.inputs.shape[1]))
    images = side >= 7 and side * side == task.inputs.shape[1]
    rows = _sample(len(task), MOST_IMAGES if images else MOST_ROWS)
    left, right = np.asarray(task.inputs[rows]), np.asarray(task.targets[rows])
    words = f"inputs and targets of {len(rows)} samples"
    if images:
        gap, length = 2, right.shape[1]
        both = np.full((len(rows), side, side + gap), np.nan)
        both[:, :, :side] = left.reshape(-1, side, side)
        top = np.hstack(list(both))[:, :-gap]
        high = max(1, round(side / 6))
        below = np.full((gap + high, top.shape[1]), np.nan)
        for k, row in enumerate(right):
            names = np.arange(side) * length // side
            below[gap:, k * (side + gap) : k * (side + gap) + side] = row[names]
        cells = np.vstack([top, below])
        words = f"inputs of {len(rows)} samples as {side}×{side} images, targets below"
    else:
        left, few = _columns(left)
        gap = np.full((len(rows), 1), np.nan)
        right, fewer = _columns(right)
        cells = np.hstack([left, gap, right])
        words += few and f"; {few} of the inputs"
        words += fewer and f"; {fewer} of the outputs"
    return _figure(*_cells(cells), repr(task), words + COLOUR)


def equilibrium_html(equilibrium: Equilibrium) -> str:
    """Phases of samples, a row each, spread over those that were relaxed.

    >>> import xyep
    >>> net = xyep.all_to_all(6)
    >>> eq = xyep.relax(net, net.init_parameters(0), [[1.0, 2.0]])
    >>> "phases of 1 sample" in equilibrium_html(eq)
    True
    """
    rows = _sample(len(equilibrium.phases), MOST_ROWS)
    cells, few = _columns(equilibrium.phases[rows])
    words = f"phases of {len(rows)} sample{'s' * (len(rows) != 1)}, a row each"
    words += few and f"; {few} of the sites"
    return _figure(*_cells(cells), repr(equilibrium), words + COLOUR)


COLOUR = "; teal −π/2, grey 0 and π, gold +π/2"


def _sample(n: int, most: int) -> np.ndarray:
    """At most so many of n numbers, spread evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def _columns(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Columns spread over all, and their number where these are not all of them."""
    kept = _sample(values.shape[1], MOST_COLUMNS)
    return values[:, kept], str(len(kept)) if len(kept) < values.shape[1] else ""


def _lines(start: np.ndarray, end: np.ndarray, dashes: str = "none") -> str:
    if not len(start):
        return ""
    ends = np.hstack([start, end]).round().astype(int).tolist()
    d = "".join(f"M{a} {b}L{x} {y}" for a, b, x, y in ends)
    thin = min(1.0, 12 / np.sqrt(len(start)))
    return (
        f'<path d="{d}" stroke="currentColor" stroke-width="{thin:.2f}" opacity=".45" '
        f'stroke-dasharray="{dashes}"/>'
    )


def _cells(phases: np.ndarray) -> tuple[list[str], float, float]:
    """A table of phases by colour, nan left out, with its width and height in pixels."""
    rows, columns = phases.shape
    wide = min(14.0, 2 * WIDTH / columns)
    high = wide if wide < 6 else 12.0
    paths = []
    known = np.isfinite(phases)
    number = np.zeros(phases.shape, int)
    number[known] = np.round(phases[known] / (2 * np.pi) * COLOURS).astype(int) % COLOURS
    number[~known] = -1
    for k in np.unique(number[known]):
        d = "".join(f"M{a} {row}.5h{n}" for row, a, n in _runs(number == k))
        colour = phase_colour(2 * np.pi * k / COLOURS)
        paths.append(f'<path d="{d}" stroke="{colour}"/>')
    group = f'<g shape-rendering="crispEdges" transform="scale({wide:.2f} {high:.2f})">'
    return [group, *paths, "</g>"], columns * wide, rows * high


def _runs(table: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Row, first column and length of each run of true values."""
    for row, line in enumerate(table):
        turns = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
        for first, after in turns.reshape(-1, 2).tolist():
            yield row, first, after - first


def _figure(paths: Iterable[str], width: float, height: float, text: str, words: str) -> str:
    named = html.escape(f"{text} {words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:100%;height:auto" role="img" '
        f'aria-label="{named}" fill="none">{"".join(paths)}</svg>'
        f'<div style="font-size:smaller"><code>{html.escape(text)}</code><br/>'
        f"{html.escape(words)}</div>"
    )


# Not among the classes' own code, which is part of what results follow from.
for _kind, _show in (
    (Network, network_html),
    (Task, task_html),
    (Equilibrium, equilibrium_html),
):
    _kind._repr_html_ = _show  # type: ignore[union-attr]
