"""Pages that are made from notebooks, results and findings, as MyST Markdown."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import nbformat
from words import cited, keys, typeset

import xyep
from xyep.paper import report
from xyep.paper.findings import statements
from xyep.paper.notebooks import executed
from xyep.paper.studies.responses import skip_network
from xyep.paths import project

#: The figure that a cell shows.
SHOWS = re.compile(r"figures\.show\(\s*notebook,\s*[\"'](\w+)[\"']")
#: The node that a cell makes.
MAKES = re.compile(r"node=[\"'](\w+)[\"']")


class Book:
    """What there is to show: notebooks with their figures, findings, nodes and cells."""

    def __init__(self):
        self.notebooks = {}

    def add(self, notebook, tree, drawn):
        document = nbformat.read(executed(notebook, "paper"), as_version=4)
        cells = [cell for cell in document.cells if cell.cell_type == "code"]
        self.notebooks[notebook] = {
            "document": document,
            "tree": tree,
            "figures": {name: rest for name, *rest in drawn},
            "shown": _first(cells, SHOWS),
            "made": _first(cells, MAKES),
        }


def _first(cells, pattern):
    """What a pattern finds in cells → number of the first such cell."""
    found = {}
    for number, cell in enumerate(cells, 1):
        for name in pattern.findall(cell.source):
            found.setdefault(name, number)
    return found


def short(figure):
    return figure.partition("_")[2].replace("_", " ")


def headline(caption):
    """The bold sentence of a caption."""
    return caption.partition("**")[2].partition("**")[0].rstrip(".")


def cell(notebook, number):
    return f"cell-{report.number(notebook)}-{number}"


def node(notebook, name):
    return f"node-{report.number(notebook)}-{name}"


def links(notebook, book, figure):
    """Where a figure comes from and how to have it."""
    entry = book.notebooks[notebook]
    _, finding, *_ = [figure, *entry["figures"][figure]]
    parts = []
    if statements(finding):
        parts.append(f"[finding](#finding-{figure})")
    parts += [f"[data node](#{node(notebook, n)})" for n in nodes(finding, entry["tree"])[:1]]
    if figure in entry["shown"]:
        parts.append(f"[cell](#{cell(notebook, entry['shown'][figure])})")
    parts.append(f"[files, data, code](#figure-{figure})")
    return " · ".join(parts)


def nodes(finding, tree):
    """Nodes of the tree that a figure's statements rest on."""
    named = [n for s in statements(finding) for n in s.nodes]
    return [n for n in dict.fromkeys(named) if n in tree.children]


# Sections


def section(notebook, book):
    """The executed notebook, its figures numbered and its code folded."""
    entry = book.notebooks[notebook]
    made = nbformat.v4.new_notebook(metadata=entry["document"].metadata)
    number = 0
    for old in entry["document"].cells:
        if old.cell_type == "markdown":
            made.cells.append(nbformat.v4.new_markdown_cell(_words(old.source)))
            continue
        number += 1
        new = nbformat.from_dict(old)
        name = next(iter(SHOWS.findall(old.source)), None)
        made.cells.append(nbformat.v4.new_markdown_cell(f"({cell(notebook, number)})="))
        new.metadata["tags"] = ["hide-input"]
        if name in entry["figures"]:
            new.outputs = []
        made.cells.append(new)
        if name in entry["figures"]:
            made.cells.append(nbformat.v4.new_markdown_cell(figure(notebook, book, name)))
    for name in [n for n in entry["figures"] if n not in entry["shown"]]:  # which no cell shows
        made.cells.append(nbformat.v4.new_markdown_cell(figure(notebook, book, name)))
    for position, each in enumerate(made.cells):
        each["id"] = f"cell-{position}"
    return nbformat.writes(made)


def _words(text):
    """A text cell; Sphinx numbers the headings itself."""
    text = re.sub(r"^(#+) [\d.]+\.? ", r"\1 ", text, flags=re.M)
    bibliography = (project() / "docs" / "references.bib").read_text("utf-8")
    return cited(typeset(text), keys(bibliography))


def figure(notebook, book, name):
    _, caption, inches = book.notebooks[notebook]["figures"][name]
    return "\n".join(
        [
            f":::{{figure}} ../figures/{name}.png",
            f":name: fig-{name}",
            f":alt: {headline(caption)}",
            f":width: {round(720 * inches / 7)}px",
            "",
            typeset(caption),
            "",
            links(notebook, book, name),
            ":::",
        ]
    )


# Figures


def figure_page(notebook, book, name):
    finding, caption, inches = book.notebooks[notebook]["figures"][name]
    number, store = report.number(notebook), f"results/paper/{notebook}.zarr"
    rows = [f"| {k} | {v} |" for k, v in _numbers(finding)]
    files = " ".join(
        f"{{download}}`{s.upper()} <{name}.{s}>`" for s in ("png", "svg", "pdf", "csv")
    )
    parts = [
        f"(figure-{name})=",
        f"# {short(name).capitalize()}",
        f"{{numref}}`fig-{name}` of {{doc}}`/sections/{notebook}`.",
        f":::{{image}} {name}.svg\n:alt: {headline(caption)}\n:class: drawn\n"
        f":width: {round(720 * inches / 7)}px\n:::",
        typeset(caption),
        f"{files}\n\nThe CSV has every line, point and map as it is drawn.",
        "## Redraw it",
        "In a checkout of xyep:",
        f"```python\nimport xyep\nfrom xyep.paper.figures import draw\n\n"
        f'tree = xyep.read_tree("{store}")\n'
        f'draw("{notebook}", tree, "drawn", only="{name}")\n```',
        f"or, in a shell, `xyep figures --only {name} --to drawn`. `--rc font.size=10` changes any "
        "setting of Matplotlib.",
        "## Where it comes from",
        f"{links(notebook, book, name).rpartition(' · ')[0]} · [all data](#data-{number})",
    ]
    if rows:
        parts += ["## Its numbers", "\n".join(["| number | value |", "|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _numbers(value, name="", depth=0):
    """The fields of a finding, and of findings within it, as words."""
    if is_dataclass(value):
        for field in fields(value):
            yield from _numbers(getattr(value, field.name), _join(name, field.name), depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(item, _join(name, str(key)), depth + 1)
    elif isinstance(value, (tuple, list)) and any(is_dataclass(v) for v in value):
        for number, item in enumerate(value, 1):
            yield from _numbers(item, _join(name, str(number)), depth + 1)
    elif isinstance(value, (int, float, str, bool, tuple, list)) and name:
        yield _escape(name.replace("_", " ")), _escape(_word(value))


def _join(*names):
    return ", ".join(filter(None, names))


def _word(value):
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_word, value))
    return str(value)


def _escape(text):
    return re.sub(r"([\\|*_`\[\]<>])", r"\\\1", text)


def gallery(book):
    parts = [
        "# Figures",
        "Each with its files, its data and the lines that redraw it. `xyep figures` makes all of "
        "them from the stored results.",
    ]
    for notebook, entry in book.notebooks.items():
        parts.append(f"## {report.title(notebook)}")
        cards = [_thumbnail(name, rest[1]) for name, rest in entry["figures"].items()]
        parts.append("::::{grid} 1 2 2 3\n:gutter: 3\n\n" + "\n".join(cards) + "\n::::")
    pages = "\n".join(name for e in book.notebooks.values() for name in e["figures"])
    parts.append(f":::{{toctree}}\n:hidden:\n\n{pages}\n:::")
    return "\n\n".join(parts) + "\n"


def _thumbnail(name, caption):
    words = headline(caption)
    return (
        f":::{{grid-item-card}}\n:link: figure-{name}\n:link-type: ref\n:class-card: thumb\n"
        f":img-top: {name}_small.png\n:img-alt: {words}\n\n{typeset(words)}.\n:::"
    )


# Front page


def front(book):
    """A card for each notebook: the picture and the sentence of the figure that stands for it."""
    cards = []
    for notebook, entry in book.notebooks.items():
        name = report.leading(notebook)
        finding, caption, _ = entry["figures"][name]
        verdicts = " ".join(_badge(s.verdict) for s in statements(finding)[:1])
        cards.append(
            f":::{{grid-item-card}} {report.title(notebook)}\n:link: fig-{name}\n:link-type: ref\n"
            f":class-card: thumb\n:img-top: figures/{name}_small.png\n:img-alt: {name}\n\n"
            f"{typeset(headline(caption))}. {verdicts}\n:::"
        )
    return "::::{grid} 1 2 2 3\n:gutter: 3\n\n" + "\n".join(cards) + "\n::::"


#: What to do with the lattice on the front page.
INVITATION = (
    "This is one, trained on XOR. Ask it a question, drag the hand of an input, nudge the output, "
    "or cut a coupling by a click: the phases settle again, and the energy falls. Take the epoch "
    "back to 0 and let it learn. [More on this picture](explorer.md)."
)
LATTICE = "```{raw} html\n:file: lattice.html\n```"
#: Notebook and node that keep the parameters of lattices with skips.
KEPT = "03_xor_lattice_responses", "skips/early"


def explorer(book, folder):
    """A lattice to play with; all that it needs is within the page, which works from a disk too."""
    shown = xyep.explore()
    if KEPT[0] in book.notebooks:
        shown += kept(book.notebooks[KEPT[0]]["tree"][KEPT[1]])
    page = shown.save(folder / "lattice.html").read_text("utf-8")
    style = (Path(xyep.__file__).parent / "static" / "explore.css").read_text("utf-8")
    body = page.partition("</style>")[2].partition("</html>")[0]
    (folder / "lattice.html").write_text(f"<style>{style}</style>{body}", "utf-8")
    return f"{INVITATION}\n\n{LATTICE}"


def kept(early):
    """The first of the lattices with skips, as the stored result has it."""
    about = early.attrs
    seed = int(early["seed"][0])
    net = skip_network(about["size"], about["distance"], about["count"], str(about["kind"]), seed)
    one = early.to_dataset().sel(seed=seed)
    parameters = xyep.Parameters(
        *(one[part].values.astype(float) for part in xyep.Parameters._fields)
    )
    name = f"{about['size']}×{about['size']}, {about['count']} skips, epoch {about['epoch']}"
    return xyep.explore(net, parameters, name=name)


def _badge(verdict):
    return f"{{bdg-{BADGES.get(verdict, 'secondary')}}}`{verdict}`"


# Findings and data

BADGES = {
    "consistent with the paper": "success",
    "yes": "success",
    "contradicted here": "danger",
}


def findings(book):
    parts = [
        "# Findings",
        "Every statement, who makes it, the numbers, and the rule by which its verdict follows "
        "from them.",
        glance(book),
    ]
    for notebook, entry in book.notebooks.items():
        parts.append(f"## {report.title(notebook)}")
        for name, (finding, *_) in entry["figures"].items():
            made = statements(finding)
            if made:
                parts.append(f"(finding-{name})=")
            parts += [_statement(one, notebook, entry, name) for one in made]
    return "\n\n".join(parts) + "\n"


def glance(book):
    """All statements with their verdicts, each leading to its numbers."""
    rows = ["| statement | verdict |", "|---|---|"]
    for name, one in _made(book):
        rows.append(f"| [{one.statement}](#finding-{name}) | {_badge(one.verdict)} |")
    return "\n".join(rows)


def place(book, words):
    """Where the statement with these words stands among the findings."""
    found = (f"#finding-{name}" for name, one in _made(book) if words in one.statement)
    return next(found, "findings.md")


def _made(book):
    for entry in book.notebooks.values():
        for name, (finding, *_) in entry["figures"].items():
            yield from ((name, one) for one in statements(finding))


def _statement(one, notebook, entry, figure):
    rests = [n for n in one.nodes if n in entry["tree"].children]
    where = [f"{{numref}}`fig-{figure}`"]
    where += [f"[data: {n}](#{node(notebook, n)})" for n in rests]
    where += [
        f"[computed in cell {entry['made'][n]}](#{cell(notebook, entry['made'][n])})"
        for n in rests
        if n in entry["made"]
    ]
    measured = one.measured[:1].upper() + one.measured[1:]
    return "\n".join(
        [
            f":::{{card}} {one.statement}",
            ":class-card: finding",
            "",
            f"{_badge(one.verdict)} {{bdg-secondary-line}}`{one.whose}`",
            "",
            typeset(_number(one)),
            "",
            typeset(f"{measured.rstrip('.')}."),
            "",
            typeset(f"*Rule:* {one.rule.rstrip('.')}."),
            "",
            " · ".join(where),
            ":::",
        ]
    )


def _number(one):
    """The number that decides, with its interval, what it rests on and what it is held against."""
    ours = one.estimate
    told = [f"**{ours.of}: {ours.text}**", f"{ours.n} {ours.each}"] if ours else []
    return ", ".join(filter(None, [*told, one.by]))


def data(book):
    parts = ["# Data", (project() / "docs" / "data.md").read_text("utf-8").partition("\n")[2]]
    for notebook, entry in book.notebooks.items():
        number = report.number(notebook)
        parts += [f"(data-{number})=", f"## {number} {report.title(notebook)}"]
        parts.append(f"`results/paper/{notebook}.zarr`; {{doc}}`/sections/{notebook}`")
        for name, child in entry["tree"].children.items():
            parts += [f"({node(notebook, name)})=", f"### {name}", _node(child)]
            if name in entry["made"]:
                made = entry["made"][name]
                parts.append(f"[Computed in cell {made}](#{cell(notebook, made)})")
    return "\n\n".join(parts) + "\n"


def _node(tree):
    ds = tree.to_dataset()
    if not ds.variables and tree.children:
        return "One node each: " + ", ".join(f"`{name}`" for name in tree.children) + "."
    sizes = ", ".join(f"{name} {size}" for name, size in ds.sizes.items())
    rows = ["| variable | dimensions | unit | what it is |", "|---|---|---|---|"]
    for name, variable in ds.variables.items():
        unit, what = variable.attrs.get("units", ""), variable.attrs.get("long_name", "")
        rows.append(f"| `{name}` | {', '.join(map(str, variable.dims))} | {unit} | {what} |")
    facts = {k: tree.attrs[k] for k in ("version", "commit", "digest") if k in tree.attrs}
    told = ", ".join(f"{k} `{str(v)[:12]}`" for k, v in facts.items())
    table = "\n".join(rows)
    return f"Sizes: {sizes}. {told}\n\n:::{{dropdown}} Variables\n\n{table}\n:::"
