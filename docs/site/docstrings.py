"""The package's docstrings as reStructuredText.

They are plain text: sections underlined with dashes, entries ``name : what it is``, formulas as
indented lines, examples with ``>>>``.
"""

import re
from pprint import pformat

from words import INDEX, POWER

import xyep

#: An entry: names, a colon, and what they are.
ENTRY = re.compile(r"^(?! )([^:`()]{1,60}?) : (.*)$")
SECTION = re.compile(r"^-{3,}$")


def _words(text):
    """A line of prose: names in backticks become links or code, all else is taken as it is."""
    parts = re.split(r"(``.+?``|`.+?`)", text)
    return "".join(_code(part) if part.startswith("`") else _plain(part) for part in parts)


def _plain(text):
    text = re.sub(r"([\\*|]|_(?=\W|$))", r"\\\1", text)
    text = INDEX.sub(r"\1\\ :sub:`\2`\\ ", text.replace(r"\_(", "_("))
    return POWER.sub(r"\\ :sup:`\1`\\ ", text)


def _code(text):
    name = text.strip("`")
    head = name.removeprefix("xyep.").partition("(")[0].partition(".")[0]
    if head in xyep.__all__ and re.fullmatch(r"[\w.]+", name):
        return f":py:obj:`{name} <xyep.{name.removeprefix('xyep.')}>`"
    return f"``{name}``"


def _blocks(lines):
    """Runs of lines without an empty one between them."""
    block = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def rest(lines):
    """A docstring's lines as reStructuredText."""
    out = []
    for block in _blocks(lines):
        if len(block) > 1 and SECTION.match(block[1]):
            out += [f".. rubric:: {block[0]}", ""]
            block = block[2:]
        if not block:
            continue
        if block[0].lstrip().startswith(">>>"):
            out += block
        elif all(line.startswith("    ") for line in block):
            out += [".. code-block:: none", "   :class: formula", ""]
            out += ["   " + line for line in block]
        elif ENTRY.match(block[0]) or any(line.startswith("    ") for line in block[1:]):
            out += _entries(block)
        elif block[0].startswith(("* ", "- ")):
            out += [_words(line).replace("\\* ", "* ", 1) for line in block]
        elif all(line.startswith("  ") for line in block):
            out += [_words(line.strip()) for line in block]
        else:
            out += [_words(line) for line in block]
        out.append("")
    return out


def _entries(block):
    out = []
    for line, after in zip(block, [*block[1:], ""]):
        found = ENTRY.match(line)
        if found:
            names, what = found.groups()
            if re.search(r"[\w)]$", what) and re.match(r" +[A-Z]", after):
                what += "."  # kind and meaning, a line each
            out += ["", f"``{names.strip('`')}``", f"    {_words(what) or '…'}"]
        elif line.startswith("    "):
            out.append("    " + _words(line.strip()))
        else:
            out += ["", _words(line)]
    return out


#: Where constants are, with a comment that says what they are.
CONSTANTS = ("xyep.cells", "xyep.settings")
#: What the types of NumPy are called in signatures.
TYPES = {
    r"TypeAliasForwardRef\('(\w+)'\)": r"\1",
    r"~?[\w.]*_Buffer \| .*?bytes \| str\]": "ArrayLike",
    r"~?[\w.]*ndarray\[.*?, ~?[\w.]*dtype\[~?(?:\w+\.)*(\w+)\]\]": r"NDArray[\1]",
    r"<factory>|…": "...",  # Sphinx reads a signature as Python
}


def _process(app, what, name, obj, options, lines):
    if what == "data":
        lines[:] = [*_comment(name), "", "    " + "\n    ".join(pformat(obj).splitlines())]
        lines[:] = "\n".join(lines).splitlines()
    lines[:] = rest(lines)


def _comment(name):
    from sphinx.pycode import ModuleAnalyzer

    for module in CONSTANTS:
        found = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", name.rpartition(".")[2]) in found:
            return found["", name.rpartition(".")[2]]
    return []


def _signature(app, what, name, obj, options, signature, returns):
    return _types(signature), _types(returns)


def _types(text):
    for pattern, word in TYPES.items():
        text = text and re.sub(pattern, word, text)
    return text


def setup(app):
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
