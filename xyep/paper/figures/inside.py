"""Figure of notebook 05: the windows of a trained stack, and a digit on its way through it."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from ..findings.inside import Inside
from .style import DIVERGING, PAGE, Canvas, letters

#: Map of phases, which are the same at both of its ends.
CYCLIC = "twilight"


def draw_inside(tree: xr.DataTree, found: Inside) -> Canvas:
    """All windows; phases of inputs, hidden sites and outputs; the nudge response."""
    # placed by hand: nested axes that a solver lays out end a last bit apart from run to run
    figure = plt.figure(figsize=(PAGE, 3.7))
    figure.set_layout_engine("none")
    place = {"left": 0.02, "right": 0.92, "top": 0.93, "bottom": 0.13}
    place |= {"wspace": 0.4, "hspace": 0.25, "width_ratios": [1.9, 1, 1]}
    shape = [["windows", "image", "hidden"], ["windows", "outputs", "response"]]
    axes = figure.subplot_mosaic(shape, gridspec_kw=place)
    for name in ("windows", "image", "hidden", "response"):
        axes[name].set(xticks=[], yticks=[])
        axes[name].spines[:].set_visible(False)
    _draw_windows(axes["windows"], found.windows)
    for name, phases in (("image", found.image), ("hidden", found.hidden)):
        turned = np.angle(np.exp(1j * phases))
        shown = axes[name].imshow(turned, cmap=CYCLIC, vmin=-np.pi, vmax=np.pi)
    bar = figure.colorbar(shown, ax=axes["hidden"], shrink=0.9, label="phase (rad)")
    bar.set_ticks([-np.pi, 0, np.pi], labels=["−π", "0", "π"])
    size = np.maximum(found.nudge, 0.01)
    shown = axes["response"].imshow(size, norm=LogNorm(0.01, 1))
    if size.min() < 0.1:
        axes["response"].contour(size, [0.1], colors="w", linewidths=0.8)
    figure.colorbar(shown, ax=axes["response"], shrink=0.9, label="nudge response\n/ largest")
    numbers = np.arange(len(found.outputs))
    colors = np.where(numbers == found.answer, "k", "0.65")
    axes["outputs"].bar(numbers, np.sin(found.outputs), color=colors)
    axes["outputs"].axhline(0, color="k", lw=0.6)
    axes["outputs"].set(xticks=numbers, xlabel="output", ylabel="sin φ", ylim=(-1.05, 1.05))
    axes["outputs"].tick_params(axis="x", labelsize="x-small", length=0)
    letters([axes[name] for name in ("windows", "image", "hidden", "outputs", "response")])
    return figure


def _draw_windows(axis: Axes, windows: np.ndarray) -> None:
    """Each window where its site is, with thin lines between them."""
    rows, columns, edge, _ = windows.shape
    mosaic = windows.transpose(0, 2, 1, 3).reshape(rows * edge, columns * edge)
    most = np.quantile(np.abs(mosaic), 0.99)
    shown = axis.imshow(mosaic, cmap=DIVERGING, vmin=-most, vmax=most)
    for line, n in ((axis.axhline, rows), (axis.axvline, columns)):
        for k in range(1, n):
            line(k * edge - 0.5, color="0.85", lw=0.25)
    place = {"location": "bottom", "shrink": 0.6, "aspect": 30, "pad": 0.04}
    axis.figure.colorbar(shown, ax=axis, label="coupling", **place)


def inside_caption(found: Inside) -> str:
    share = "; ".join(
        f"{name} {100 * values[0]:.0f} → {100 * values[-1]:.0f} %"
        for name, values in found.share.items()
    )
    return (
        "**Share of hidden sites that respond to the nudge by at least a tenth of the largest, "
        f"before → after training: {share}.** "
        f"Inside {found.name}, trained, one seed: (a) couplings of each hidden site to its window, "
        "drawn where the site is; an image's phases (b) as inputs, (c) of hidden sites, (d) of "
        "outputs, black: the answer; (e) rms nudge response over images; white line: a tenth. "
        f"Shares: means of {found.seeds} seeds."
    )
