"""What Markdown's links need in the book: the glossary's anchors, hover texts, links to folders."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

ANCHOR = re.compile(r'<a id="([^"]+)"')
GLOSSARY = "docs/glossary"


def note_anchors(app, doctree):
    """Make a page's ``<a id=...>`` known, so that links to them are checked; keep definitions."""
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for raw in doctree.findall(nodes.raw):
        for name in ANCHOR.findall(raw.astext()):
            slugs.setdefault(name, (raw.line or 0, name, name))
            if app.env.docname == GLOSSARY:
                definitions(app)[name] = plain_text(raw.parent)


def definitions(app) -> dict[str, str]:
    """Return the glossary's texts by anchor."""
    if not hasattr(app.env, "xnet_definitions"):
        app.env.xnet_definitions = {}
    return app.env.xnet_definitions


def plain_text(node) -> str:
    """Return a node's text without raw HTML, in one line."""
    parts = [
        text.astext() for text in node.findall(nodes.Text) if not isinstance(text.parent, nodes.raw)
    ]
    return " ".join("".join(parts).split())


def add_hover_texts(app, doctree, docname):
    """Show a glossary entry where a link to it is hovered over or focused."""
    for reference in doctree.findall(nodes.reference):
        page, _, anchor = reference.get("refuri", "").partition("#")
        text = definitions(app).get(anchor)
        if text and (page.endswith("glossary.html") or docname == GLOSSARY):
            reference["reftitle"] = text
            reference["classes"].append("term")


class Folders(SphinxPostTransform):
    """Link folders to the repository's host, if it has one; else show their names alone."""

    default_priority = 8  # before MyST looks for a page or a heading of that name

    def run(self, **_):
        """Replace the links of one page."""
        root = Path(self.app.srcdir).resolve()
        address = self.config.html_theme_options.get("repository_url")
        page = Path(self.env.doc2path(self.env.docname))
        for link in list(self.document.findall(addnodes.pending_xref)):
            target = (page.parent / link["reftarget"]).resolve()
            if link["reftype"] != "myst" or not target.is_dir():
                continue
            text = link[0].deepcopy()
            if address:
                uri = f"{address}/tree/main/{target.relative_to(root).as_posix()}"
                text = nodes.reference("", "", text, refuri=uri, internal=False)
            link.replace_self(text)


def setup(app):
    """Register the steps."""
    app.connect("doctree-read", note_anchors)
    app.connect("doctree-resolved", add_hover_texts)
    app.add_post_transform(Folders)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
