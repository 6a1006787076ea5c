"""Formulas as MathML, which browsers draw themselves, without a script or a server."""

import re

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

#: Sizes of brackets, which MathML has of its own.
SIZES = re.compile(r"\\[bB]igg?[lrm]?(?![a-zA-Z])")


def _mathml(node, as_block):
    try:
        return tex2mathml(SIZES.sub("", node.astext().strip()), as_block=as_block)
    except MathError as error:
        logging.getLogger(__name__).warning("formula: %s", error, location=node)
        return f"<code>{node.astext()}</code>"


def _inline(self, node):
    self.body.append(_mathml(node, as_block=False))
    raise SkipNode


def _display(self, node):
    self.body.append(self.starttag(node, "div", CLASS="formula"))
    self.body.append(_mathml(node, as_block=True))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({node["number"]})</span>')
        self.add_permalink_ref(node, "Link to this equation")
    self.body.append("</div>\n")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
