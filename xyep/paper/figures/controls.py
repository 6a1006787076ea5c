"""Figures of notebook 05: controls, and what feedback adds."""

import numpy as np
import xarray as xr

from ..findings import controls
from ..findings.controls import GRADIENTS, Controls, Readings
from ..findings.statistics import percent
from .style import PAGE, Canvas, Figure, letters, look, plain, subplots

#: Controls: XY networks are black, others grey.
_XY, _OTHER = {"color": "k", "marker": "h"}, {"color": "0.45", "marker": "s"}


def draw_controls(tree: xr.DataTree, found: Controls) -> Canvas:
    """Test errors of all controls; and of one stack trained by three gradients."""
    figure, axes = subplots(1, 2, height=3.0, gridspec_kw={"width_ratios": [1.7, 1]})
    for y, one in enumerate(found.controls):
        style = _XY if one.xy else _OTHER
        for right, copies in ((one.plain, "plain"), (one.moved, "moved")):
            wrong = 100 * (1 - right)
            fill = style["color"] if copies == "moved" else "white"
            spread = wrong.std(ddof=1) if len(wrong) > 1 else 0.0
            words = "moved copies too" if copies == "moved" else "images as they are"
            keywords = style | {"ls": "", "mfc": fill, "capsize": 2, "ms": 5}
            keywords |= {"label": words} if one.control == "xy_local" else {}
            axes[0].errorbar(wrong.mean(), y, xerr=spread, **keywords)
    axes[0].set_yticks(range(len(found.controls)), [one.name for one in found.controls])
    axes[0].invert_yaxis()
    axes[0].set(xscale="log", xlabel="test error (%)")
    axes[0].grid(axis="x", color="0.9", lw=0.6)
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    for x, right in enumerate(found.accuracy.values()):
        wrong = 100 * (1 - right)
        axes[1].plot(np.full(len(wrong), x), wrong, "kh", ms=3.5, alpha=0.5, mew=0)
        axes[1].plot([x - 0.2, x + 0.2], [wrong.mean()] * 2, "k-")
    for seed in range(len(right)):
        line = [100 * (1 - values[seed]) for values in found.accuracy.values()]
        axes[1].plot(line, color="0.8", lw=0.6, zorder=0)
    names = [GRADIENTS[name].replace(", ", ",\n") for name in found.accuracy]
    axes[1].set_xticks(range(len(names)), names, fontsize="small")
    axes[1].set(ylabel=f"test error (%), {found.images:,} images", xlim=(-0.5, len(names) - 0.5))
    plain(axes[0].xaxis)
    letters(axes, x=-0.12)
    return figure


def controls_caption(found: Controls) -> str:
    stack, relu = found["xy_local"], found["relu_local"]
    cosine = ", ".join(f"{np.median(values):.3f}" for values in found.cosine.values())
    return (
        f"**With the same couplings, ReLU sites reach {percent(relu.moved)} and XY sites "
        f"{percent(stack.moved)} of the test images.** (a) Controls on {found.task}, means and "
        f"standard deviations of {len(stack.plain)} seeds; {found.epochs['plain']} epochs of "
        f"images, or {found.epochs['moved']} with copies. (b) One XY stack, {found.images:,} "
        f"images, {found.epochs['exact']} epochs, three estimates of the gradient, settings of "
        f"the first; lines join seeds. Median cosines to the exact gradient: {cosine}."
    )


def draw_readings(tree: xr.DataTree, found: Readings) -> Canvas:
    """Test error over the sweeps after which the outputs are read."""
    figure, axis = subplots(width=0.7 * PAGE, height=2.8)
    ticks = {"forward": "without\nfeedback", "rest": "at rest"}
    places = np.arange(len(found.reading))
    for k, (name, right) in enumerate(found.accuracy.items()):
        wrong, style = 100 * (1 - right), look(found.traits[name])
        spread = wrong.std(axis=0, ddof=1) if len(wrong) > 1 else 0 * wrong[0]
        line = style.lines | {"capsize": 2, "label": name}
        if int(found.traits[name].get("layers", 1)) > 1:
            line |= {"color": "k", "ls": ":", "marker": "8", "mfc": "white"}
        axis.errorbar(places + 0.06 * (k - 1.5), wrong.mean(axis=0), spread, **line)
    axis.set_xticks(places, [ticks.get(r, r) for r in found.reading])
    axis.set(yscale="log", ylabel="test error (%)", xlabel="sweeps before the outputs are read")
    plain(axis.yaxis)
    axis.legend()
    return figure


def readings_caption(found: Readings) -> str:
    losses = "; ".join(f"{name} {100 * found.loss(name).mean:+.1f}" for name in found.accuracy)
    seeds = len(next(iter(found.accuracy.values())))
    return (
        f"**Read without feedback, the accuracy changes, in points: {losses}.** "
        f"Test error on {found.task} of stacks trained for {found.epochs} epochs, read without "
        "the outputs' feedback on hidden sites, after some sweeps from the aligned start, and at "
        f"rest; means and standard deviations of {seeds} seeds."
    )


FIGURES = {
    "05_controls": Figure(draw_controls, controls.controls, controls_caption),
    "05_readings": Figure(draw_readings, controls.readings, readings_caption),
}
