"""Figures of notebook 04: small tables learned by networks of growing size."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Canvas

from ..findings import iris as findings
from ..findings.iris import MARGIN, TABLES, Couplings, Margin, Settings, Sizes
from ..findings.words import shells, traits_of
from .style import Figure, Look, letters, look, plain, subplots

#: Plain classifiers: lines that no network has.
CLASSIFIERS = ("-", (0, (4, 1.5)), (0, (1, 1)))


def _short(name: str) -> str:
    """A classifier's name without its details."""
    return name[: name.index(",")] if "," in name else name


def _draw_settings(tree: xr.DataTree, finding: Settings) -> Canvas:
    figure, axes = subplots(1, 2, height=3.4)
    for axis, table in zip(axes, TABLES):
        found = finding.accuracy[table]
        ds, seen = findings.table_of(tree, table), set()
        for network, (name, values) in zip(ds["network"].values, found.items()):
            style = look(traits_of(ds, network))
            large = style.color in seen
            seen.add(style.color)
            keywords = {"mfc": "w", "lw": 0.8} if large else {}
            axis.plot(
                finding.rates[table], 100 * (1 - values), **style.lines | keywords, label=name
            )
        axis.set(xscale="log", yscale="log", xlabel="learning rate of Adam", title=TABLES[table])
        plain(axis.yaxis)
        plain(axis.xaxis)
        axis.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
    axes[0].set_ylabel("error on validation samples (%)")
    letters(axes)
    return figure


def _caption_settings(f: Settings) -> str:
    ends, text = f.at_an_end, ""
    if ends:
        text = f" Of the others an end is better by at most {100 * max(ends):.1f} points."
    return (
        f"**Of {f.networks} networks, {f.networks - len(ends)} have their best learning rate "
        f"inside the grid.** Mean error on validation samples over {f.runs} divisions; open: the "
        f"larger network of a kind. Lattices with terminals in rows are counted and not drawn."
        f"{text} For each run the rate is chosen by its own validation samples."
    )


def _draw_couplings(tree: xr.DataTree, finding: Couplings) -> Canvas:
    figure, axes = subplots(1, 2, height=2.9)
    for axis, (table, rows) in zip(axes, finding.rows.items()):
        kinds: dict[str, list[findings.Row]] = {}
        for row in rows:
            kinds.setdefault(look(row.traits, full=False).label, []).append(row)
        for text, mine in kinds.items():
            style = look(mine[0].traits)
            middle, low, high = np.array([row.error[:3] for row in mine]).T
            axis.errorbar(
                [row.couplings for row in mine],
                middle,
                [middle - low, high - middle],
                **style.lines,
                capsize=2,
                label=text,
            )
        axis.set(xscale="log", yscale="log", xlabel="couplings", title=TABLES[table])
        plain_ones = finding.plain[table].items()
        for (name, error), line in zip(plain_ones, CLASSIFIERS):
            text = _short(name)
            axis.axhline(error.mean, color="0.35", lw=0.9, ls=line, zorder=0, label=text)
        bottom = axis.get_ylim()[0]
        for k, (_, error) in enumerate(plain_ones):
            if error.low <= 0:  # of few divisions; the axis does not clip what is beside it
                axis.set_ylim(bottom=bottom)
            low = error.low if error.low > 0 else bottom
            ends = [[error.mean - low], [error.high - error.mean]]
            beside = {"transform": axis.get_yaxis_transform(), "clip_on": False}
            axis.errorbar(
                1.0 + 0.02 * k, error.mean, ends, color="0.35", capsize=2, fmt="none", **beside
            )
        plain(axis.yaxis)
        plain(axis.xaxis)
    axes[0].set_ylabel("test error (%)")
    figure.legend(*_unique(axes), loc="outside lower center", ncols=4, fontsize="small")
    letters(axes)
    return figure


def _unique(axes) -> tuple[list, list]:
    """Handles and labels of all panels, each label once."""
    found = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    return list(found.values()), list(found)


def _caption_couplings(f: Couplings) -> str:
    words = []
    for table, (local, dense) in f.best.items():
        name, least = min(f.plain[table].items(), key=lambda item: item[1].mean)
        words.append(
            f"{local.mean:.1f}, {dense.mean:.1f} and {least.mean:.1f} % "
            f"({_short(name)}) on {TABLES[table]}"
        )
    return (
        "**The best lattice, the best dense network and the best plain classifier err by "
        f"{' and by '.join(words)}.** Mean test errors and 95 % intervals over divisions, "
        f"{f.runs} runs, settings chosen on validation samples. Couplings between inputs are not "
        "counted. Grey lines: classifiers of scikit-learn on the same divisions, intervals at the "
        "right."
    )


def _draw_margin(tree: xr.DataTree, finding: Margin) -> Canvas:
    figure, axes = subplots(1, 2, height=2.6, sharex=False, sharey=True)
    for axis, (table, text) in zip(axes, TABLES.items()):
        local = finding.of(table)
        outside = {w: e for (t, w), e in finding.plain.pairs.items() if t == table}
        shown = local | {f"best lattice − {_short(w)}": e for w, e in outside.items()}
        for y, (words, equal) in enumerate(shown.items()):
            middle, low, high = (100 * x for x in equal.difference[:3])
            style = {"color": "k", "marker": "o" if words in local else "s", "ls": ""}
            axis.errorbar(
                middle,
                -y,
                xerr=[[middle - low], [high - middle]],
                **style,
                mfc="k" if equal.within else "w",
                capsize=2,
            )
        axis.axvspan(-100 * MARGIN, 100 * MARGIN, color="0.9", zorder=0)
        axis.axvline(0, color="0.6", lw=0.6, zorder=1)
        axis.set_yticks(-np.arange(len(shown)), list(shown), fontsize="small")
        axis.set(xlabel="difference in accuracy (points)", title=text)
    letters(axes)
    return figure


def _caption_margin(f: Margin) -> str:
    pairs = [e for table in TABLES for e in f.of(table).values()]
    within = sum(e.within for e in pairs)
    plainly = sum(e.within for e in f.plain.pairs.values())
    n = f.plain.divisions
    return (
        f"**Of {len(pairs)} comparisons with dense networks, {within} are shown to be within "
        f"{100 * MARGIN:.0f} points; of {len(f.plain.pairs)} with plain classifiers, {plainly}.** "
        f"Differences and 95 % intervals over {n} divisions; grey: the margin set beforehand; "
        "filled: equivalent (two one-sided tests, Holm's correction over each six). Circles: "
        "nearest neighbours at equal couplings, and the best of each kind; squares: plain "
        "classifiers."
    )


_SIZE_LINES = (("o", "-"), ("s", "--"), ("D", ":"), ("^", "-."))


def _draw_size(tree: xr.DataTree, finding: Sizes) -> Canvas:
    ranges, distances, edges = (sorted({key[k] for key in finding.error}) for k in range(3))
    figure, axes = subplots(1, 2 * len(ranges), height=2.7, sharey=True, squeeze=False)
    axes = axes[0]
    for k, s in enumerate(ranges):
        color = look({"family": "lattice", "kind": "square", "size": 1, "shells": s}).color
        by_size = [(d, edges, [(s, d, n) for n in edges]) for d in distances]
        by_distance = [(n, distances, [(s, d, n) for d in distances]) for n in edges]
        for axis, lines, text in (
            (axes[k], by_size, "distance {}"),
            (axes[len(ranges) + k], by_distance, "{0}×{0}"),
        ):
            for j, ((value, x, keys), (marker, line)) in enumerate(zip(lines, _SIZE_LINES)):
                middle, low, high = np.array([finding.error[key][:3] for key in keys]).T
                style = Look(color, marker, line, text.format(value))
                aside = np.array(x) * 1.02 ** (j - 1)
                axis.errorbar(
                    aside,
                    middle,
                    [middle - low, high - middle],
                    **style.lines,
                    capsize=2,
                    mfc="w" if j % 2 else color,
                    label=style.label,
                )
            axis.set_title(shells(s))
            axis.legend(fontsize="x-small")
            axis.set_xticks(x)
            axis.set(yscale="log")
            plain(axis.yaxis)
    for axis in axes[: len(ranges)]:
        axis.set_xlabel("size (sites along an edge)")
    for axis in axes[len(ranges) :]:
        axis.set_xlabel("distance (rows)")
    axes[0].set_ylabel("test error (%), Iris")
    letters(axes)
    return figure


def _caption_size(f: Sizes) -> str:
    def change(found) -> str:
        values = [100 * e.difference.mean for e in found.pairs.values()]
        return f"{min(values):+.1f} to {max(values):+.1f} points"

    def counts(found) -> str:
        n, pairs = len(found.pairs), found.pairs.values()
        within, outside = sum(e.within for e in pairs), sum(e.outside for e in pairs)
        return f"{within} of {n} within {100 * MARGIN:.0f} points, {outside} beyond"

    return (
        f"**Size alone changes the accuracy by {change(f.size)}, distance alone by "
        f"{change(f.distance)}.** Test errors and 95 % intervals over divisions, {f.runs} runs. "
        f"(a, b) Size from {f.size.ends[0]} to {f.size.ends[1]}, inputs and outputs where they "
        f"are: {counts(f.size)}. (c, d) Distance from {f.distance.ends[0]} to "
        f"{f.distance.ends[1]}: {counts(f.distance)} (TOST, Holm's correction)."
    )


FIGURES = {
    "04_settings": Figure(_draw_settings, findings.settings, _caption_settings),
    "04_couplings": Figure(_draw_couplings, findings.couplings, _caption_couplings),
    "04_margin": Figure(_draw_margin, findings.margin, _caption_margin),
    "04_size": Figure(_draw_size, findings.sizes, _caption_size),
}
