"""What is written from results by command: the gallery of figures, and blocks of other pages.

All of it words findings and stored numbers. A block of a page in `PAGES` between ``<!-- NAME -->``
and ``<!-- end -->`` is replaced by what the function of that name in `BLOCKS` returns.
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from ..paths import figures, project, results
from ..store import read_tree
from . import marks, published
from .figures import SUFFIXES, caption_of, figures_of
from .findings import OPEN, Finding, statements
from .findings.best import best
from .findings.statistics import percent
from .notebooks import executed
from .scripts import names, source

PROFILE = "paper"


class Shown(NamedTuple):
    """A statement, with the notebook and the figure that show it."""

    finding: Finding
    notebook: str
    figure: str


@lru_cache
def _tree(notebook: str) -> xr.DataTree:
    return read_tree(results(PROFILE, notebook))


def _ready() -> list[str]:
    """Notebooks that have results."""
    return [name for name in names() if results(PROFILE, name).exists()]


def number(notebook: str) -> str:
    return notebook.partition("_")[0]


def title(notebook: str) -> str:
    """Heading of a notebook, without its number."""
    for line in source(notebook).splitlines():
        if line.startswith("# # "):
            return line.removeprefix("# # ").partition(". ")[2]
    raise ValueError(f"notebook: {notebook} has no heading; a line '# # 1. Title' is needed")


@lru_cache
def _statements(notebook: str) -> tuple[Shown, ...]:
    tree = _tree(notebook)
    return tuple(
        Shown(finding, notebook, name)
        for name, figure in figures_of(notebook).items()
        for finding in statements(figure.finding(tree))
    )


def all_statements() -> list[Shown]:
    """Every statement of every notebook that has results, in the order of the figures."""
    return [shown for name in _ready() for shown in _statements(name)]


def leading(notebook: str) -> str:
    """The figure that stands for a notebook: the first that decides, or makes, a statement."""
    made = _statements(notebook)
    decided = [shown.figure for shown in made if shown.finding.verdict != OPEN]
    return [*decided, *(shown.figure for shown in made), *figures_of(notebook)][0]


def headline(figure: str) -> str:
    """The bold sentence of a figure's caption."""
    caption = caption_of(figures(PROFILE) / f"{figure}.png")
    return caption.partition("**")[2].partition("**")[0]


def picture() -> str:
    """The first figure, which shows what such a network is."""
    first = next(iter(figures_of(_ready()[0])))
    return f"![{headline(first)}](figures/{first}.png)"


def headlines() -> str:
    """A line for each notebook, and below the figure of the second."""
    lines = []
    for name in _ready():
        figure = leading(name)
        topic = f"**[{title(name)}](notebooks/{name}.ipynb)**"
        lines.append(f"* {topic} {headline(figure)} ([figure](figures/{figure}.png))")
    shown = leading(_ready()[min(1, len(_ready()) - 1)])
    return "\n".join([*lines, "", f"![{headline(shown)}](figures/{shown}.png)"])


def by_key() -> dict[str, Shown]:
    """Every statement by its key, such as "02_Harder"."""
    found: dict[str, Shown] = {}
    for shown in all_statements():
        key = f"{number(shown.notebook)}_{shown.finding.key}"
        if key in found:
            raise ValueError(f"statements: found two of the key {key!r}; one each is needed")
        found[key] = shown
    return found


def findings() -> str:
    """The statements as a table, and below, folded, what was measured and what decides."""
    names = (
        "statement",
        "whose",
        "verdict",
        "number (95 % interval)",
        "n",
        "the paper's",
        "shown in",
    )
    rows, details, shown = [_row(names), _row(["---"] * len(names))], [], by_key()
    values = published.read(shown)
    for key, (finding, notebook, figure) in shown.items():
        ours = finding.estimate
        told = f"{ours.of}: {ours.text}" if ours else ""
        n = f"{ours.n} {ours.each}" if ours else ""
        links = f"[{number(notebook)}](notebooks/{notebook}.ipynb), [figure](figures/{figure}.png)"
        beside = published.compared(finding, values.get(key))
        verdict = finding.verdict
        rows.append(_row([finding.statement, finding.whose, verdict, told, n, beside, links]))
        details.append(
            f"* **{finding.statement}** ({verdict}; {finding.by or 'see the rule'}): "
            f"{finding.measured}. "
            f"*Rule: {finding.rule}.*".replace("..", ".").replace("?.", "?")
        )
    folded = "<details><summary>What was measured, and the rule of each verdict</summary>"
    return "\n".join([*rows, "", folded, "", *details, "", "</details>"])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _minutes(tree: xr.DataTree) -> float:
    """Time in which results were made, with runs kept from an interrupted call, as on two cores."""
    calls = {
        node.attrs["made_from"]: float(node.attrs["made_in_s"])
        for node in tree.subtree
        if "made_from" in node.attrs
    }
    if "runs" in tree.children:
        runs = tree["runs"].to_dataset()
        for key in calls:
            own = float(runs["seconds"].values[runs["made_from"].values == key].sum())
            calls[key] = max(calls[key], own / 2)
    return sum(calls.values()) / 60


def notebooks() -> str:
    """The notebooks with their figures and the time that their results took."""
    lines = ["| notebook | figures | minutes |", "|---|---|---|"]
    total = 0.0
    for name in _ready():
        minutes = _minutes(_tree(name))
        total += minutes
        shown = ", ".join(
            f"[{figure.partition('_')[2].replace('_', ' ')}](figures/{figure}.png)"
            for figure in figures_of(name)
        )
        link = f"[{number(name)} {title(name)}](notebooks/{name}.ipynb)"
        lines.append(f"| {link} | {shown} | {minutes:.1f} |")
    machine = _tree(_ready()[0]).attrs["machine"]
    time = f"Minutes in which the results were made on {machine}; {total:.0f} in all."
    return "\n".join([*lines, "", time])


def field() -> str:
    """What others report on MNIST, trained by equilibrium propagation, and what came out here."""
    names = ("network", "couplings", "local", "numbers", "test accuracy", "seeds", "source")
    rows = [_row(names), _row(["---"] * len(names))]
    for mark in marks.MARKS:
        link = f"[arXiv:{mark.arxiv}](https://arxiv.org/abs/{mark.arxiv}), {mark.where}"
        size = f"{mark.couplings:,}" if mark.couplings else "not said there"
        local, seeds = "yes" if mark.local else "no, dense layers", mark.seeds or "not said there"
        rows.append(_row([mark.name, size, local, mark.precision, mark.said, f"{seeds}", link]))
    (notebook,) = (name for name in _ready() if number(name) == "05")
    for net in best(_tree(notebook)).nets:
        dense = net.traits["readout"] == "dense"
        local = f"windows of {net.traits['window']}, read-out {'dense' if dense else 'too'}"
        right, n = percent(net.right), len(net.right)
        link = f"[05](notebooks/{notebook}.ipynb)"
        words = [f"XY, {net.network}", f"{net.couplings:,}", local, "float32", right, f"{n}", link]
        rows.append(_row(words))
    return "\n".join(rows)


def speed() -> str:
    """What `make bench` measured, with the machine; a line for each benchmark that was run."""
    bench = json.loads((project() / "benchmarks" / "results.json").read_text("utf-8"))
    made = next(iter(bench.values()))["conditions"]
    lines = [
        f"Measured by `make bench` on {made['cpu']} ({made['architecture']}), "
        f"{made['cores']} cores; [all tables](benchmarks/README.md).",
        "",
    ]
    for name, words in SPEED.items():
        if name in bench:
            lines.append(f"* {words(bench[name]['result'], bench[name]['conditions'])}")
    return "\n".join(lines)


def _epochs_of_xor(rows: Any, made: Any) -> str:
    each = ", ".join(
        f"{row['network']} {row['now, µs']['median']:.0f} µs, {row['now / before']['median']:.2f}"
        for row in rows
    )
    return (
        f"One epoch of XOR with the default settings, and the ratio to the time of commit "
        f"{made['before']}: {each}."
    )


def _epochs_of_images(rows: Any, made: Any) -> str:
    row = rows[0]
    return (
        f"One epoch of {row['images']:,} images of {row['inputs'].upper()} on the stack of 24,334 "
        f"couplings: {row['one thread, s']['median']:.2f} s on one core, "
        f"{row['two threads, s']['median']:.2f} s on two, {row['peak memory, MiB']:.0f} MiB."
    )


def _sweeps(rows: Any, made: Any) -> str:
    share = 100 * rows[0]["fraction of matrix product"]["median"]
    return (
        f"A sweep of that stack runs at {share:.0f} % of the core's rate of matrix products in "
        "multiply-adds."
    )


def _against_flow(rows: Any, made: Any) -> str:
    ratio = {row["network"]: row["ratio, default"]["median"] for row in rows}
    each = ", ".join(f"{name} 1/{value:.0f}" for name, value in ratio.items())
    return (
        f"To a residual of 1e-8, sweeps take 1/{max(ratio.values()):.0f} to "
        f"1/{min(ratio.values()):.0f} of the time of the gradient flow ({each})."
    )


def _bits(rows: Any, made: Any) -> str:
    each = ", ".join(f"{row['cost, %']:+.0f} % ({row['step']})" for row in rows)
    return f"The same bits on every processor change the time of a training step by {each}."


def _diffrax(found: Any, made: Any) -> str:
    ratio: dict[str, list[float]] = {}
    for row in found["times"]:
        ratio.setdefault(row["network"], []).append(row["ratio"]["median"])
    each = ", ".join(f"1/{max(v):,.0f} to 1/{min(v):,.0f} ({n})" for n, v in ratio.items())
    return (
        f"One gradient takes {each} of the time of the same physics integrated with diffrax on the "
        "same cores."
    )


#: Benchmark → sentence of its result and conditions.
SPEED: dict[str, Callable[[Any, Any], str]] = {
    "xor_epoch": _epochs_of_xor,
    "training_epoch": _epochs_of_images,
    "relaxation_rate": _sweeps,
    "time_to_residual": _against_flow,
    "equal_bits": _bits,
    "gradient_per_sample": _diffrax,
}

BLOCKS = {
    "picture": picture,
    "headlines": headlines,
    "findings": findings,
    "field": field,
    "notebooks": notebooks,
    "speed": speed,
}
#: Page → its blocks.
PAGES = {
    "README.md": ("picture", "headlines"),
    "docs/about.md": ("field",),
    "docs/findings.md": ("findings",),
    "docs/reproduce.md": ("notebooks", "speed"),
}


def page(name: str) -> str:
    """A page with its blocks as the results are now; links lead on from where it lies."""
    text = (project() / name).read_text("utf-8")
    up = "../" * name.count("/")
    for block in PAGES[name]:
        mark = f"<!-- {block} -->"
        before, found, after = text.partition(f"{mark}\n")
        _, end, rest = after.partition("<!-- end -->")
        if not found or not end:
            raise ValueError(f"{name}: {mark} … <!-- end --> is missing")
        made = re.sub(r"\]\((?=(notebooks|figures|benchmarks)/)", f"]({up}", BLOCKS[block]())
        text = f"{before}{mark}\n{made}\n<!-- end -->{rest}"
    return text


def gallery() -> str:
    """figures/README.md: every figure with its caption, files, notebook and dataset."""
    contents = [f"* [{number(n)} {title(n)}](#{_anchor(n)})" for n in _ready()]
    parts = [
        "# Figures",
        "Made by `xyep figures` from `results/paper/`; do not edit.",
        "\n".join(contents),
    ]
    for name in _ready():
        store = f"results/paper/{name}.zarr"
        notebook = executed(name, PROFILE).relative_to(project()).as_posix()
        parts.append(f"## {number(name)} {title(name)}")
        parts.append(
            f"[Notebook](../{notebook}), dataset [`{store}`](../{store}); "
            f"redraw with `xyep figures {number(name)}`."
        )
        for figure in figures_of(name):
            path = figures(PROFILE) / f"{figure}.png"
            files = ", ".join(f"[{s}]({figure}.{s})" for s in SUFFIXES if s != "md")
            parts += [
                f"### {figure}",
                f"![{figure}]({figure}.png)",
                f"{caption_of(path)} ({files})",
            ]
    return "\n\n".join(parts) + "\n"


def _anchor(notebook: str) -> str:
    """How GitHub calls a heading."""
    words = re.sub(r"[^\w\- ]", "", f"{number(notebook)} {title(notebook)}".lower())
    return words.replace(" ", "-")


def _files() -> dict[Path, str]:
    written = {project() / name: page(name) for name in PAGES}
    values = published.text({key: shown.finding for key, shown in by_key().items()})
    return {published.path(): values, **written, figures(PROFILE) / "README.md": gallery()}


def stale() -> list[str]:
    """Which of the pages and the gallery do not say what the results say."""
    return [
        f"{path.relative_to(project()).as_posix()}: not what the results say"
        for path, text in _files().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def write() -> list[Path]:
    """Bring the pages and the gallery up to date; returns the paths of the files that changed."""
    for cached in (_tree, _statements):
        cached.cache_clear()
    changed = []
    for path, text in _files().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed
