"""Figure of notebook 05: local stacks among what others report."""

import xarray as xr
from matplotlib.ticker import NullFormatter

from ..findings.best import Best
from ..findings.statistics import listed, percent
from ..marks import BEST, MARKS
from .style import COLUMN, Canvas, look, plain, subplots

#: How results of others are drawn: in grey, which no stack has.
OTHERS = {"color": "0.35", "marker": "x", "ls": ""}


def draw_marks(tree: xr.DataTree, found: Best) -> Canvas:
    """Test error over couplings, ours and others'; a line where couplings are not known."""
    figure, axis = subplots(width=1.5 * COLUMN, height=3.0)
    near = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": "small"}
    for net in found.nets:
        wrong, style = 100 * (1 - net.right), look(net.traits)
        mean = wrong.mean()
        ends = [[mean - wrong.min()], [wrong.max() - mean]]
        axis.errorbar(net.couplings, mean, ends, **style.points | {"capsize": 2, "ms": 6})
        axis.annotate(net.network, (net.couplings, mean), color=style.color, **near)
    for mark in MARKS:
        wrong = 100 * (1 - mark.right)
        if mark.couplings is None:
            axis.axhline(wrong, color="0.35", ls=":", lw=0.8)
            place = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
            axis.annotate(mark.name, (0.99, wrong), fontsize="small", color="0.35", **place)
        else:
            axis.plot(mark.couplings, wrong, **OTHERS)
            name = mark.name.replace(", ", "\n")
            place = near | {"xytext": (-5, -2), "ha": "right", "va": "top"}
            axis.annotate(name, (mark.couplings, wrong), color="0.35", **place)
    axis.set(xscale="log", yscale="log", xlabel="couplings", ylabel="test error (%)")
    plain(axis.yaxis)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.1, y=0.12)
    return figure


def marks_caption(found: Best) -> str:
    names = listed([f"{aim.net.network} {percent(aim.net.right)}" for aim in found.aims])
    seeds = len(found.nets[0].right)
    return (
        f"**Trained on moved copies too, {names} right; of physical networks trained by "
        f"equilibrium propagation, at most {100 * BEST.right:.2f} % are reported.** Test error on "
        f"{found.task} over couplings: ours (means and ranges of {seeds} seeds), and others in "
        "grey, all of dense layers; dotted where we do not know their couplings. Settings and "
        "augmentation differ: this is no comparison on equal terms."
    )
