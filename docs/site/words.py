"""Indices and powers in running text, as a reader writes them: φ_o, β^2.0."""

import re

#: What is no running text: blocks and pieces of code, formulas, targets of links.
APART = re.compile(
    r"(^```.*?^```|^    .*?$|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\))", re.M | re.S
)
INDEX = re.compile(r"(?<![\w/#-])([d∂]?[φψθJhxtuwβΣ])_([a-z]{1,2}|\([a-z]+\))(?![\w])")
POWER = re.compile(r"(?<=[βN)])\^(−?[\d.]+(?:–[\d.]+)?|[A-Zβ])")


def typeset(text):
    """Indices and powers of a Markdown text as HTML.

    >>> typeset("C = −Σ_o cos(φ_o − t_o), `x_k` as β^0.95–0.99")
    'C = −Σ<sub>o</sub> cos(φ<sub>o</sub> − t<sub>o</sub>), `x_k` as β<sup>0.95–0.99</sup>'
    """
    parts = APART.split(text)
    parts[::2] = [POWER.sub(r"<sup>\1</sup>", INDEX.sub(r"\1<sub>\2</sub>", p)) for p in parts[::2]]
    return "".join(parts)
