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
    figure = plt.figure(figsize=(PAGE, 3.7))
    shape = [["windows", "digit", "hidden"], ["windows", "outputs", "response"]]
    axes = figure.subplot_mosaic(shape, width_ratios=[1.9, 1, 1])
    for name in ("windows", "digit", "hidden", "response"):
        axes[name].set(xticks=[], yticks=[])
        axes[name].spines[:].set_visible(False)
    most = np.nanquantile(np.abs(found.windows), 0.99)
    couplings = axes["windows"].imshow(found.windows, cmap=DIVERGING, vmin=-most, vmax=most)
    _lines(axes["windows"], found)
    figure.colorbar(
        couplings,
        ax=axes["windows"],
        aspect=30,
        location="bottom",
        shrink=0.6,
        label="coupling",
        extend="both",
    )
    for name in ("digit", "hidden"):
        phases = np.angle(np.exp(1j * getattr(found, name)))
        image = axes[name].imshow(phases, cmap=CYCLIC, vmin=-np.pi, vmax=np.pi)
    bar = figure.colorbar(image, ax=axes["hidden"], shrink=0.9, label="phase (rad)")
    bar.set_ticks([-np.pi, 0, np.pi], labels=["−π", "0", "π"])
    size = np.maximum(found.response, 0.01)
    image = axes["response"].imshow(size, norm=LogNorm(0.01, 1))
    axes["response"].contour(size, [0.1], colors="w", linewidths=0.8)
    figure.colorbar(image, ax=axes["response"], shrink=0.9, label="nudge response\n/ largest")
    colors = np.where(np.arange(len(found.outputs)) == found.answer, "k", "0.65")
    axes["outputs"].bar(range(len(found.outputs)), np.sin(found.outputs), color=colors)
    axes["outputs"].axhline(0, color="k", lw=0.6)
    axes["outputs"].set(xticks=range(len(found.outputs)), xlabel="output", ylim=(-1.05, 1.05))
    axes["outputs"].set_ylabel("sin φ")
    axes["outputs"].tick_params(axis="x", labelsize="x-small", length=0)
    letters([axes[name] for name in ("windows", "digit", "hidden", "outputs", "response")])
    return figure


def _lines(axis: Axes, found: Inside) -> None:
    """Thin lines between the windows."""
    rows, columns = (n // found.window for n in found.windows.shape)
    style = {"color": "0.85", "lw": 0.25}
    for k in range(1, rows):
        axis.axhline(k * found.window - 0.5, **style)
    for k in range(1, columns):
        axis.axvline(k * found.window - 0.5, **style)


def inside_caption(found: Inside) -> str:
    rows, columns = found.hidden.shape
    return (
        f"**A nudge of the outputs moves {found.share:.0%} of the {rows}×{columns} hidden sites by "
        "at least a tenth of the largest move.** "
        f"A trained stack ({found.name}; {found.answered:.1%} of test images right) and one image: "
        "(a) couplings of every hidden site to its window of inputs, drawn where the site is, "
        "(b) phases of the inputs, (c) of the hidden sites, (d) of the outputs; black: the answer, "
        "(e) response of hidden phases to the nudge; white line: a tenth."
    )
