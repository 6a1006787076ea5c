"""Figures of notebook 05: images on stacked lattices."""

import numpy as np
import xarray as xr
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ..findings import best, images, inside
from ..findings.images import Couplings, Net, Protocols, Question, Small
from ..findings.statistics import p_text
from .best import draw_marks, marks_caption
from .controls import FIGURES as CONTROLS
from .inside import draw_inside, inside_caption
from .style import COLUMN, Canvas, Figure, letters, look, plain, subplots


def _number(net: Net) -> str:
    """What tells networks of one kind apart: channels or hidden sites."""
    return f"{net.traits['channels' if 'channels' in net.traits else 'hidden']:.0f}"


#: Words for the steps from the published training to ours.
STEPS = {
    "published": "as published:\nlog cost, one-sided",
    "tangent": "tangent nudging\ninstead",
    "rate": "+ our optimizer,\nbatches and decay",
    "both_sides": "+ nudged\nboth ways",
    "entropy": "+ cross-entropy,\nβ = 0.3",
    "aligned": "+ aligned start",
    "short": "+ few sweeps\n(ours)",
}


def draw_protocols(tree: xr.DataTree, found: Protocols) -> Canvas:
    """Test error, cosine to the exact gradient and sweeps of each way to train."""
    figure, axes = subplots(1, 3, sharey=True, height=3.0)
    y = np.arange(len(found.steps))
    for k, step in enumerate(found.steps):
        filled = {"mfc": "k" if step.epochs == found.steps[-1].epochs else "w"}
        wrong = 100 * (1 - step.right)
        points = {"marker": "o", "color": "k", "ls": "", **filled}
        axes[0].plot(wrong, np.full(len(wrong), k), **points, alpha=0.6)
        axes[1].plot(step.cosine, np.full(len(step.cosine), k), **points, alpha=0.6)
        axes[2].plot(step.sweeps, k, **points)
    axes[0].set_yticks(y, [STEPS[step.name] for step in found.steps], fontsize="x-small")
    axes[0].invert_yaxis()
    axes[0].set(xscale="log", xlabel="test error (%)")
    axes[1].set(xlabel="cosine with the exact gradient", xlim=(-0.05, 1.05))
    axes[2].set(xscale="log", xlabel="sweeps of an image in training")
    plain(axes[0].xaxis)
    axes[2].xaxis.set(major_locator=LogLocator(subs=(1, 3)), minor_formatter=NullFormatter())
    axes[2].xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    letters(axes)
    return figure


def protocols_caption(found: Protocols) -> str:
    first, last = found.steps[0], found.steps[-1]
    return (
        f"**As published, {first.epochs} epochs, one channel errs on "
        f"{100 * (1 - first.right.mean()):.2f} % of the test images; with our settings, "
        f"{last.epochs} epochs, on {100 * (1 - last.right.mean()):.2f} %.** {found.couplings:,} "
        f"couplings, {found.task}, {len(first.right)} seeds each. The third row "
        f"adds to the first, the others to the one above. Open markers: {first.epochs} epochs. (b) "
        "Cosine of each estimate, after training, with the exact gradient of its own cost; the "
        "spread over seeds allows no ranking."
    )


def draw_couplings(tree: xr.DataTree, found: Couplings) -> Canvas:
    """Test error after the last epoch over the number of couplings and over their total length."""
    figure, axes = subplots(1, 2, sharey=True, height=2.9)
    for net in found.nets:
        wrong, style = 100 * (1 - net.right), look(net.traits)
        spread = wrong.std(ddof=1) if len(wrong) > 1 else 0.0
        keywords = style.points | {"label": net.name, "capsize": 2, "ms": 5}
        if net.traits.get("shared"):
            keywords |= {"mfc": "white"}
        for axis, size in zip(axes, (net.couplings, net.wire)):
            axis.errorbar(size, wrong.mean(), spread, **keywords)
            if not net.traits.get("intra_shells"):
                place = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": "small"}
                axis.annotate(_number(net), (size, wrong.mean()), color=style.color, **place)
    for axis, text in zip(axes, ("couplings", "total length of couplings (input spacings)")):
        axis.set(xscale="log", yscale="log", xlabel=text)
        for direction in (axis.xaxis, axis.yaxis):
            plain(direction)
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.tick_params(axis="x", rotation=30)
        axis.margins(x=0.12)
    axes[0].set_ylabel("test error (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    letters(axes)
    return figure


def couplings_caption(found: Couplings) -> str:
    compared, one = found.sparse, found.one
    text = "**No local network has as few as a quarter of the couplings of the best dense one.** "
    if compared is not None:
        ratio = compared.dense.couplings / compared.local.couplings
        text = (
            f"**With 1/{ratio:.1f} of the couplings, {compared.local.name} answers "
            f"{compared.difference.text()} points more test images right than "
            f"{compared.dense.name}.** "
        )
    return text + (
        f"Test error on {found.task} over (a) couplings and (b) wire, means and standard "
        f"deviations of {len(one.right)} seeds; numbers: channels or hidden sites. "
        f"{images.read_out(one)}. Dense layers are XY networks, trained alike."
    )


def draw_questions(tree: xr.DataTree, found: tuple[Question, ...]) -> Canvas:
    """Differences in test accuracy with their intervals."""
    figure, axis = subplots(width=1.6 * COLUMN, height=0.6 + 0.32 * len(found))
    for y, question in enumerate(found):
        mean, low, high, _ = (100 * x for x in question.difference)
        style = look(question.other.traits)
        ends = [[mean - low], [high - mean]]
        axis.errorbar(mean, y, xerr=ends, **style.points | {"capsize": 2, "ms": 5})
        text = f"{question.verdict} ({p_text(question.p)})"
        place = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": "small"}
        axis.annotate(text, (1.02, y), **place)
    axis.axvline(0, color="0.6", lw=0.8, zorder=0)
    names = [f"{question.other.name}\nagainst {question.base.name}" for question in found]
    axis.set_yticks(range(len(found)), names, fontsize="x-small")
    axis.invert_yaxis()
    axis.set_xlabel("difference in test accuracy (points)")
    return figure


def questions_caption(found: tuple[Question, ...]) -> str:
    decided = [question for question in found if question.p < 0.05]
    return (
        f"**Of {len(found)} questions of the paper, {len(found[0].base.right)} seeds decide "
        f"{len(decided)}.** Differences in test accuracy with 95 % intervals over seeds and test "
        "images, and p-values corrected by Holm over all of them; open means that the corrected p "
        "is not below 0.05."
    )


def draw_digits(tree: xr.DataTree, found: Small) -> Canvas:
    """Test error on 8×8 digits, and validation errors over the grids of settings."""
    figure, axes = subplots(1, 2, height=3.1, gridspec_kw={"width_ratios": [1, 1.3]})
    digits = found.digits
    for x, net in enumerate(digits.nets):
        wrong, style = 100 * (1 - net.right), look(net.traits)
        axes[0].plot(np.full(len(wrong), x), wrong, **style.points, alpha=0.4, mew=0)
        axes[0].errorbar(x + 0.25, wrong.mean(), wrong.std(ddof=1), **style.points, capsize=2)
    for (name, right), line in zip(digits.baselines.items(), ("--", ":")):
        axes[0].axhline(100 * (1 - right), color="0.4", ls=line, lw=0.8, label=name)
    names = [net.name for net in digits.nets]
    axes[0].set_xticks(range(len(names)), names, fontsize="small", rotation=12)
    axes[0].set(ylabel="test error (%)", title="8×8 digits", ylim=(0, None))
    axes[0].set_xlim(-0.5, len(names) - 0.3)
    axes[0].legend(fontsize="small", loc="lower right")
    for y, one in enumerate(found.tuned):
        style = look(one.traits)
        axes[1].plot(one.errors, np.full(len(one.errors), y), **style.points, alpha=0.4, mew=0)
        axes[1].plot(one.errors.min(), y, **style.points | {"ms": 6, "mfc": "none"})
    names = [f"{look(one.traits).label} ({one.where})" for one in found.tuned]
    axes[1].set_yticks(range(len(names)), names, fontsize="x-small")
    axes[1].invert_yaxis()
    axes[1].set(xlabel="validation error (%)", xscale="log", title="all settings tried")
    plain(axes[1].xaxis)
    letters(axes)
    return figure


def digits_caption(found: Small) -> str:
    digits, (ends, all_of_them) = found.digits, found.at_ends
    errors = ", ".join(
        f"{name} {100 * (1 - right):.1f} %" for name, right in digits.baselines.items()
    )
    inside = (
        f"of {ends} of {all_of_them} networks one is not bracketed" if ends else "all bracketed"
    )
    return (
        f"**{digits.best.name} errs on {100 * (1 - digits.mean.mean):.2f} % of the test digits; "
        f"{errors}.** (a) Each of {len(digits.best.right)} seeds, mean and standard deviation; "
        "lines: classifiers that learn the same images. (b) Validation error with every setting "
        f"tried, also for {found.tuned[0].where}; circled: the best. Of the settings chosen, "
        f"{inside}."
    )


FIGURES = {
    "05_protocols": Figure(draw_protocols, images.protocols, protocols_caption),
    "05_couplings": Figure(draw_couplings, images.couplings, couplings_caption),
    "05_questions": Figure(draw_questions, images.asked, questions_caption),
    "05_marks": Figure(draw_marks, best.best, marks_caption),
    "05_inside": Figure(draw_inside, inside.inside, inside_caption),
    "05_digits": Figure(draw_digits, images.small, digits_caption),
    **CONTROLS,
}
