"""Build the site: ``python docs/site/build.py`` makes build/site/ from what the repository holds.

Pages are gathered in build/pages/, those that are made included, and Sphinx makes HTML of them. A
warning is an error.
"""

import re
import shutil
import sys
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: Size of the site, in bytes.
MOST = 25e6
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"


def gather(folder=PAGES):
    """Write all pages; returns the `Book` that they show."""
    import pages
    from drawings import draw

    from xyep.paper.scripts import names
    from xyep.paths import results
    from xyep.store import read_tree
    from xyep.version import __version__

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("build.py", "__pycache__"))
    for source in sorted((ROOT / "docs").glob("*.*")):
        text = _page(source) if source.suffix == ".md" else source.read_text("utf-8")
        (folder / source.name).write_text(text, "utf-8")
    book = pages.Book()
    (folder / "sections").mkdir()
    for notebook in names():
        if results("paper", notebook).exists():
            tree = read_tree(results("paper", notebook))
            book.add(notebook, tree, draw(notebook, tree, folder / "figures"))
    for notebook, entry in book.notebooks.items():
        (folder / "sections" / f"{notebook}.ipynb").write_text(
            pages.section(notebook, book), "utf-8"
        )
        for name in entry["figures"]:
            page = pages.figure_page(notebook, book, name)
            (folder / "figures" / f"{name}.md").write_text(page, "utf-8")
    (folder / "figures" / "index.md").write_text(pages.gallery(book), "utf-8")
    (folder / "findings.md").write_text(pages.findings(book), "utf-8")
    (folder / "data.md").write_text(pages.data(book), "utf-8")
    index = (folder / "index.md").read_text("utf-8")
    sections = "\n".join(f"sections/{notebook}" for notebook in book.notebooks)
    made = {
        "sections": sections,
        "first": next(iter(book.notebooks)),
        "range": pages.place(book, "longer range help"),
        "explorer": pages.explorer(book, folder),
        "findings": pages.front(book),
        "version": __version__,
    }
    for name, text in made.items():
        index = index.replace(f"<<{name}>>", text)
    (folder / "index.md").write_text(index, "utf-8")
    return book


def _page(source):
    """A page as it lies in the repository, with links to where they lead in the site."""
    from pages import LATTICE
    from words import cited, keys, typeset

    from xyep.release import REPOSITORY

    text = source.read_text("utf-8")
    text = re.sub(r"\]\(\.\./notebooks/(\w+)\.ipynb\)", r"](sections/\1.ipynb)", text)
    text = re.sub(r"(?<!!)\[([^]]*)\]\(\.\./figures/(\w+)\.png\)", r"[\1](figures/\2.md)", text)
    text = re.sub(r"\]\(\.\./(?=[\w.]+)", f"]({REPOSITORY}/blob/main/", text)
    text = re.sub(r"\n\n```$", "\n```", text, flags=re.M)  # the empty line that ends an example
    bibliography = (ROOT / "docs" / "references.bib").read_text("utf-8")
    text = cited(typeset(text), keys(bibliography))
    text = text.replace("<!-- lattice -->", LATTICE)
    plots = count(1)

    def plot(found):
        """A block of code that draws; its code is shown unless the block is called hidden."""
        options = [f":filename-prefix: {source.stem}-{next(plots)}"]
        options += [] if found[1] else [":include-source:"]
        lines = [*options, "", *found[2].splitlines()]
        code = "\n".join(f"   {line}".rstrip() for line in lines)
        return f"```{{eval-rst}}\n.. plot::\n{code}\n```"

    return re.sub(r"^```\{plot\}( hidden)?\n(.*?)^```$", plot, text, flags=re.M | re.S)


def main(arguments):
    from sphinx.cmd.build import main as sphinx

    gather()
    shutil.rmtree(SITE, ignore_errors=True)
    doctrees = ROOT / "build" / "doctrees"
    shutil.rmtree(doctrees, ignore_errors=True)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-d", str(doctrees), *arguments]
    status = sphinx([*options, str(PAGES), str(SITE)])
    if status:
        return status
    wrong = broken(SITE)
    if size(SITE) > MOST:
        wrong.append(f"{SITE}: {size(SITE) / 1e6:.1f} MB; at most {MOST / 1e6:.0f} MB are wanted")
    print("\n".join(wrong) or f"{SITE / 'index.html'}: {size(SITE) / 1e6:.1f} MB")
    return int(bool(wrong))


class _Links(HTMLParser):
    """Where a page leads, and the places in it to which others may lead."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.places = [], {""}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.targets.append(value)


def broken(site):
    """Links within the site that lead nowhere."""
    pages = {p: _Links(p.read_text("utf-8")) for p in site.rglob("*.html")}
    wrong = []
    for page, links in pages.items():
        for target in dict.fromkeys(links.targets):
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            there = (page.parent / unquote(url.path)).resolve() if url.path else page
            known = pages.get(there)
            if not there.exists() or known and unquote(url.fragment) not in known.places:
                wrong.append(f"{page.relative_to(site)}: {target} leads nowhere")
    return wrong


def size(site):
    return sum(p.stat().st_size for p in site.rglob("*") if p.is_file())


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main(sys.argv[1:]))
