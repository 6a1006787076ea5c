"""Build the site: ``python docs/site/build.py`` makes build/site/ from what the repository holds.

Pages are gathered in build/pages/, those that are made included, and Sphinx makes HTML of them. A
warning is an error.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"


def gather(folder=PAGES):
    """Write all pages; returns the `Book` that they show."""
    import pages
    from drawings import draw

    from xyep.paper.scripts import names
    from xyep.paths import results
    from xyep.store import read_tree

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("build.py", "__pycache__"))
    for source in sorted((ROOT / "docs").glob("*.*")):
        text = source.read_text("utf-8")
        (folder / source.name).write_text(_relinked(text) if source.suffix == ".md" else text)
    book = pages.Book()
    (folder / "sections").mkdir()
    for notebook in names():
        if results("paper", notebook).exists():
            tree = read_tree(results("paper", notebook))
            book.add(notebook, tree, draw(notebook, tree, folder / "figures"))
    for notebook, entry in book.notebooks.items():
        (folder / "sections" / f"{notebook}.ipynb").write_text(pages.section(notebook, book))
        for name in entry["figures"]:
            page = pages.figure_page(notebook, book, name)
            (folder / "figures" / f"{name}.md").write_text(page)
    (folder / "figures" / "index.md").write_text(pages.gallery(book))
    (folder / "findings.md").write_text(pages.findings(book))
    (folder / "data.md").write_text(pages.data(book))
    index = (folder / "index.md").read_text("utf-8")
    sections = "\n".join(f"sections/{notebook}" for notebook in book.notebooks)
    made = {"sections": sections, "explorer": "", "findings": ""}
    for name, text in made.items():
        index = index.replace(f"<<{name}>>", text)
    (folder / "index.md").write_text(index)
    return book


def _relinked(text):
    """A page as it lies in the repository, with links to where they lead in the site."""
    text = re.sub(r"^```\{plot\}\n(.*?)^```$", _plot, text, flags=re.M | re.S)
    text = re.sub(r"\]\(\.\./notebooks/(\w+)\.ipynb\)", r"](sections/\1.ipynb)", text)
    return re.sub(r"(?<!!)\[([^]]*)\]\(\.\./figures/(\w+)\.png\)", r"[\1](figures/\2.md)", text)


def _plot(found):
    code = "\n".join(f"   {line}".rstrip() for line in found[1].splitlines())
    return f"```{{eval-rst}}\n.. plot::\n   :include-source:\n\n{code}\n```"


def main(arguments):
    from sphinx.cmd.build import main as sphinx

    gather()
    shutil.rmtree(SITE, ignore_errors=True)
    doctrees = ROOT / "build" / "doctrees"
    shutil.rmtree(doctrees, ignore_errors=True)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-d", str(doctrees), *arguments]
    return sphinx([*options, str(PAGES), str(SITE)])


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main(sys.argv[1:]))
