"""What a citation cites, shown when the mouse rests on it."""

from docutils import nodes


def _reference(app, doctree, name):
    cited = {c.citation_id: c for c in app.env.get_domain("cite").citations}
    for link in doctree.findall(nodes.reference):
        target = link.get("refid") or link.get("refuri", "").partition("#")[2]
        if target in cited:
            link["reftitle"] = cited[target].formatted_entry.text.render_as("text")


def setup(app):
    app.connect("doctree-resolved", _reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
