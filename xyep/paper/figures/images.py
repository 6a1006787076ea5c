"""Figures of notebook 05: images on stacked lattices."""

import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator, NullFormatter

from ..findings import images
from ..findings.images import Couplings, Curves, Maps, Net, Question, Small
from ..findings.statistics import p_text, percent
from .style import COLUMN, Canvas, Figure, letters, look, plain, subplots

#: A site counts as affected from this share of the largest response within the lattice.
AFFECTED = 0.1
#: Of the networks of a panel, two of which may be alike but for their size.
LINES = ("-", "--", ":", "-.")


def _number(net: Net) -> str:
    """What tells networks of one kind apart: channels or hidden sites."""
    return f"{net.traits['channels' if 'channels' in net.traits else 'hidden']:.0f}"


def draw_curves(tree: xr.DataTree, found: Curves) -> Canvas:
    """Validation error over epochs."""
    wrong = 100 * (1 - tree["images"]["validation_accuracy"])
    figure, axes = subplots(1, len(found.groups), sharey=True, height=2.6)
    for axis, (title, nets) in zip(axes, found.groups.items()):
        for k, net in enumerate(nets):
            one, style = wrong.sel(network=net.network), look(net.traits)
            low, high, epoch = one.min("seed"), one.max("seed"), one["epoch"]
            axis.fill_between(epoch, low, high, color=style.color, alpha=0.15, lw=0)
            axis.plot(epoch, one.mean("seed"), color=style.color, ls=LINES[k % 4], label=net.name)
            axis.plot(epoch[-1], one.mean("seed")[-1], **style.points)
        axis.set(xlabel="epoch", yscale="log", title=title)
        plain(axis.yaxis)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axis.legend(fontsize="small")
    axes[0].set_ylabel("validation error (%)")
    letters(axes)
    return figure


def curves_caption(found: Curves) -> str:
    best = max((net for nets in found.groups.values() for net in nets), key=lambda n: n.validation)
    return (
        f"**On validation images, {best.name} is best: {1 - best.validation:.2%} wrong.** "
        f"Share of validation images answered wrongly over training on {found.task}: means and "
        f"ranges of {len(best.right)} seeds. (a) Local stacks of several channels, (b) one channel "
        "with couplings within its hidden lattice, (c) shared couplings, and dense layers. "
        f"{found.one.name} answers {percent(found.train)} of training images right while it learns "
        "them in the last epoch."
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
        f"{images.read_out(one)}. Dense layers are XY networks trained alike; how far ordinary "
        "dense networks get is not shown."
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
        f"{len(decided)}.** Differences in test accuracy with 95 % intervals (Welch), and p-values "
        "corrected by Holm over all of them; open means that the corrected p is not below 0.05. "
        "The seeds differ in initial couplings and order of images, and share the test images: the "
        "intervals do not hold for other test images."
    )


def draw_maps(tree: xr.DataTree, found: Maps) -> Canvas:
    """Couplings and responses of the hidden lattice at several epochs."""
    rows = (
        ("rms coupling\nto inputs", found.strength, Normalize(0, found.strength.max())),
        ("nudge response\n/ largest", found.nudge, LogNorm(0.01, 1)),
        ("rms change between\nimages (rad)", found.change, Normalize(0, found.change.max())),
    )
    n = len(found.epochs)
    figure, axes = subplots(3, n, height=4.6, width=1.55 * n + 0.8, squeeze=False)
    for number, (line, (text, values, norm)) in enumerate(zip(axes, rows)):
        for axis, value, epoch in zip(line, values, found.epochs):
            image = axis.imshow(np.maximum(value, norm.vmin), norm=norm)
            if number == 1 and value.min() < AFFECTED < value.max():
                axis.contour(value, [AFFECTED], colors="w", linewidths=0.5)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if number == 0:
                axis.set_title(f"epoch {epoch}")
        figure.colorbar(image, ax=line, label=text, shrink=0.9, pad=0.02)
    letters(axes[:, 0])
    return figure


def maps_caption(found: Maps) -> str:
    share = "; ".join(
        f"{name} {100 * values[0]:.0f} → {100 * values[-1]:.0f} %"
        for name, values in found.share.items()
    )
    side = found.strength.shape[-1]
    return (
        "**Share of hidden sites with a nudge response of at least a tenth of the largest, before "
        f"→ after training: {share}.** The hidden lattice of {found.name} ({side}×{side} sites): "
        "(a) rms of the couplings of each site to its window, (b) rms nudge response relative to "
        "the site where it is largest, white line: a tenth of it, (c) rms change of the phase "
        f"between training images. One seed; shares: means of {found.seeds}."
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
    return (
        f"**{digits.best.name} errs on {100 * (1 - digits.mean.mean):.2f} % of the test digits; "
        f"{errors}.** (a) Each of {len(digits.best.right)} seeds, mean and standard deviation; "
        "lines: classifiers that learn the same images. (b) Validation error with every setting "
        f"tried, one seed each; circled: chosen. For {ends} of {all_of_them} networks a chosen "
        "setting lies at an end of its grid, so better ones may lie beyond."
    )


FIGURES = {
    "05_curves": Figure(draw_curves, images.curves, curves_caption),
    "05_couplings": Figure(draw_couplings, images.couplings, couplings_caption),
    "05_questions": Figure(draw_questions, images.asked, questions_caption),
    "05_maps": Figure(draw_maps, images.maps, maps_caption),
    "05_digits": Figure(draw_digits, images.small, digits_caption),
}
