"""What is written from results by command: the gallery of figures, and the numbers in README.md.

A block of README.md between ``<!-- NAME -->`` and ``<!-- end -->`` is replaced by what the function of that name in `BLOCKS` returns.
"""

import json
import re
from functools import lru_cache

from ..paths import figures, project, results
from ..store import read_tree
from .claims import CLAIMS
from .figures import FIGURES
from .notebooks import executed, names


@lru_cache
def _tree(notebook, profile):
    return read_tree(results(profile, notebook))


def title(notebook):
    """Heading of a notebook, without its number."""
    source = (project() / "notebooks" / f"{notebook}.py").read_text()
    return re.search(r"^# # \d+\. (.+)$", source, re.M)[1]


def _ready(profile="paper"):
    """Notebooks that have results."""
    return [name for name in names() if results(profile, name).exists()]


def claim_rows(profile="paper"):
    """(claim, verdict, measured) of every claim whose notebook has results."""
    return [
        (claim, *claim.measure(_tree(claim.notebook, profile)))
        for claim in CLAIMS
        if claim.notebook in _ready(profile)
    ]


def claims_text(profile="paper"):
    """The claims as lines for a terminal."""
    rows = claim_rows(profile)
    return "\n".join(
        f"{verdict:14} {claim.statement} [{claim.source}]\n{'':15}{measured}"
        for claim, verdict, measured in rows
    )


def claims_table():
    lines = ["| statement | whose | measured here | verdict | shown in |", "|---|---|---|---|---|"]
    for claim, verdict, measured in claim_rows():
        where = f"[{claim.notebook[:2]}](notebooks/{claim.notebook}.ipynb), [figure](figures/{claim.figure}.png)"
        lines.append(f"| {claim.statement} | {claim.source} | {measured} | {verdict} | {where} |")
    return "\n".join(lines)


def _minutes(tree):
    """Time in which a notebook's results were made; where a call took runs over from an interrupted one, theirs on two cores counts."""
    calls, runs = {}, {}
    for node in tree.values():
        key = node.attrs["made_from"]
        calls[key] = node.attrs["made_in_s"]
        runs[key] = (
            runs.get(key, 0.0) + float(node["seconds"].sum() if "seconds" in node else 0.0) / 2
        )
    return sum(max(calls[key], runs[key]) for key in calls) / 60


def notebook_table():
    lines = ["| notebook | figures | minutes |", "|---|---|---|"]
    total = 0
    for name in _ready():
        minutes = _minutes(_tree(name, "paper"))
        total += minutes
        shown = ", ".join(
            f"[{figure[3:].replace('_', ' ')}](figures/{figure}.png)" for figure in FIGURES[name]
        )
        lines.append(
            f"| [{name[:2]} {title(name)}](notebooks/{name}.ipynb) | {shown} | {minutes:.1f} |"
        )
    machine = _tree(_ready()[0], "paper").attrs["machine"]
    times = f"Minutes in which the results were made on {machine}; {total:.0f} in all. "
    note = "Runs that were taken over from an interrupted call are counted where their time is stored, as it is not for the grids of settings."
    return "\n".join(lines) + f"\n\n{times}{note}"


def speed():
    """What `make bench` measured, with the machine."""
    bench = json.loads((project() / "benchmarks" / "results.json").read_text())
    result = {name: entry["result"] for name, entry in bench.items()}
    made = bench["training_epoch"]["conditions"]
    ratio = {row["network"]: row["ratio, default"]["median"] for row in result["time_to_residual"]}
    epoch = result["training_epoch"][0]
    rate = next(row for row in result["relaxation_rate"]["rates"] if row["network"] == "LCL")[
        "fraction of matrix product"
    ]["median"]
    diffrax = {}
    for row in result["gradient_per_sample"]["times"]:
        diffrax.setdefault(row["network"], []).append(row["ratio"]["median"])
    lines = [
        f"Measured by `make bench` on {made['cpu']} ({made['architecture']}), {made['cores']} cores; [all tables](benchmarks/README.md).",
        "",
        f"* To a residual of 1e-8, `fast` takes 1/{min(ratio.values()):.0f} to 1/{max(ratio.values()):.0f} of the time of `gradient_flow` "
        f"({', '.join(f'{name} 1/{value:.0f}' for name, value in ratio.items())}).",
        f"* One epoch of {epoch['images']:,} images of {epoch['inputs'].upper()} on the stack of 24,334 couplings: "
        f"{epoch['one thread, s']['median']:.2f} s on one core, {epoch['two threads, s']['median']:.2f} s on two, "
        f"{epoch['peak memory, MiB']:.0f} MiB.",
        f"* A sweep of that stack runs at {100 * rate:.0f} % of the core's rate of matrix products in multiply-adds.",
        "* One gradient takes "
        + ", ".join(f"1/{min(v):,.0f} to 1/{max(v):,.0f} ({name})" for name, v in diffrax.items())
        + " of the time of the same physics integrated with diffrax on the same cores.",
    ]
    return "\n".join(lines)


BLOCKS = {"claims": claims_table, "notebooks": notebook_table, "speed": speed}


def readme():
    """README.md with its blocks made anew."""
    text = (project() / "README.md").read_text()
    for name, block in BLOCKS.items():
        mark = f"<!-- {name} -->"
        if mark not in text:
            raise ValueError(f"README.md: {mark} … <!-- end --> is missing")
        text = re.sub(
            rf"{mark}\n.*?<!-- end -->",
            lambda _, m=mark, b=block: f"{m}\n{b()}\n<!-- end -->",
            text,
            flags=re.S,
        )
    return text


def gallery():
    """figures/README.md: every figure with its caption, notebook and dataset."""
    parts = [
        "# Figures\n\nMade by `xyep figures` from `results/paper/`; do not edit. Each is there as PDF, SVG and PNG."
    ]
    for name in _ready():
        store = f"results/paper/{name}.zarr"
        notebook = executed(name, "paper").relative_to(project())
        parts.append(
            f"## {name[:2]} {title(name)}\n\n[Notebook](../{notebook}), dataset [`{store}`](../{store}); "
            f"redraw with `xyep figures {name[:2]}`."
        )
        for figure in FIGURES[name]:
            caption = (figures("paper") / f"{figure}.md").read_text().partition("\n\n")[2].strip()
            parts.append(f"### {figure}\n\n![{figure}]({figure}.png)\n\n{caption}")
    return "\n\n".join(parts) + "\n"


def write():
    """Bring README.md and the gallery up to date with the committed results; returns the paths of the files that changed."""
    changed = []
    for path, text in (
        (project() / "README.md", readme()),
        (figures("paper") / "README.md", gallery()),
    ):
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    return changed
