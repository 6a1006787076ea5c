"""Indices and powers in running text, as a reader writes them: φ_o, β^2.0."""

import re

#: What is no running text: blocks and pieces of code, formulas, targets of links.
APART = re.compile(
    r"(^```.*?^```|^    .*?$|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\))", re.M | re.S
)
INDEX = re.compile(
    r"((?<![\w/#-])[d∂]?[φψθJhxtuwβΣ]|(?<=¹)\))_([a-z]{1,2}|\([a-z]+\))(?![\w])"  # (H⁻¹)_io
)
POWER = re.compile(r"(?<=[βN)> ])\^(−?[\d.]+(?:–[\d.]+)?|−?[A-Zβ])")


def typeset(text):
    """Indices and powers of a Markdown text as HTML.

    >>> typeset("C = −Σ_o cos(φ_o − t_o), `x_k` as β^0.95–0.99")
    'C = −Σ<sub>o</sub> cos(φ<sub>o</sub> − t<sub>o</sub>), `x_k` as β<sup>0.95–0.99</sup>'
    """
    parts = APART.split(text)
    parts[::2] = [POWER.sub(r"<sup>\1</sup>", INDEX.sub(r"\1<sub>\2</sub>", p)) for p in parts[::2]]
    return "".join(parts)


#: A link to a paper.
PAPER = re.compile(r"\[([^\]]*)\]\(https://(?:arxiv\.org/abs|doi\.org)/([\w./-]+)\)")


def cited(text, keys):
    """Links to papers as citations, by their key in the bibliography.

    >>> cited("by Wang ([2026](https://arxiv.org/abs/2601.21945))", {"2601.21945": "wang"})
    'by Wang ({cite:year}`wang`)'
    """

    def cite(found):
        words, identifier = found.groups()
        if identifier not in keys:
            return found[0]
        named = words.isdigit() or text[: found.start()].endswith("(")  # the authors, beside it
        return f"{{cite:{'year' if named else 't'}}}`{keys[identifier]}`"

    return PAPER.sub(cite, text)


def keys(bibliography):
    """Number at arXiv, or DOI → key, of a BibTeX file's entries."""
    entries = re.findall(r"^@\w+\{(\w+),(.*?)^\}", bibliography, flags=re.M | re.S)
    return {
        identifier: key
        for key, fields in entries
        for identifier in re.findall(r"(?:eprint|doi) = \{([^}]*)\}", fields)
    }
