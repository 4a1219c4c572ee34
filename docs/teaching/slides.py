"""Make slides of the notebooks: ``make slides``, or ``docs/teaching/slides.py NOTEBOOK ...``.

The headings decide: every section begins a column of slides. What follows in it fills them from
above, prose by paragraphs, code with its result. Left out are the code before the first section,
code too long to be read from a wall (its result stays), and the cells to answer exercises in.
A page holds reveal.js and its pictures, and needs no network.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import textwrap
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import SlidesExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from xnet_tf.files import write_atomically

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LINES_OF_CODE = 12
"""Longer code is not shown."""
HEIGHT, LINE, CODE_LINE, PICTURE = 660, 36, 26, 280
"""Room on a slide, and what things take of it, in its pixels; `slides.js` fits what is too high."""
LETTERS_A_LINE, LAST_WORDS = 90, 100
"""Letters that fit into a line, and how much more a section's end may take than there is room."""


class WallRenderer(IPythonRenderer):
    """Formulas as MathML, which browsers draw themselves; no links to the project's own pages."""

    def block_math(self, body: str) -> str:
        """Return a formula on a line of its own."""
        return convert(body.strip(), display="block")

    def inline_math(self, body: str) -> str:
        """Return a formula within a line."""
        return convert(body.strip())

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Return a link to the net, of any other its words."""
        return super().link(text, url, title) if re.match(r"[a-z]+:", url) else text

    def block_html(self, html: str) -> str:
        """Return HTML as it is: nbconvert closes tags that a later line closes."""
        return super().block_html(html) if "<img" in html else html

    inline_html = block_html


class WallExporter(SlidesExporter):
    """nbconvert's slides by the template beside this file."""

    extra_template_basedirs = [str(HERE)]  # noqa: RUF012 (a trait)
    template_name = "slides"

    def markdown2html(self, source: str) -> str:
        """Return Markdown as HTML."""
        renderer = WallRenderer(escape=False, exclude_anchor_links=True)
        return MarkdownWithMath(renderer=renderer).render(source)


def blocks(text: str) -> list[str]:
    """Divide Markdown at blank lines and at headings; fences and folded parts stay whole."""
    found, block, fenced, folded = [], [], False, 0
    for line in [*text.splitlines(), ""]:
        heading = line.startswith("#")
        if not fenced and not folded and (heading or not line.strip()):
            found.append("\n".join(block))
            block = []
        block.append(line)
        fenced ^= line.lstrip().startswith("```")
        folded += line.count("<details") - line.count("</details>")
    return [part.strip("\n") for part in (*found, "\n".join(block)) if part.strip()]


def height(cell: nbformat.NotebookNode) -> int:
    """Estimate what a cell takes of a slide's height."""
    if cell.source.startswith("<details"):
        return 2 * LINE
    if cell.cell_type == "markdown":
        lines = [textwrap.wrap(line, LETTERS_A_LINE) or [""] for line in cell.source.splitlines()]
        return LINE * sum(map(len, lines)) + LINE // 2
    total = 0 if is_hidden(cell) else CODE_LINE * (1 + cell.source.count("\n") + 1)
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data or "image/svg+xml" in data:
            total += PICTURE
        elif "text/html" in data:
            total += CODE_LINE * (data["text/html"].count("<tr") or data["text/html"].count("\n"))
        else:
            total += CODE_LINE * (output.get("text") or data.get("text/plain", "")).count("\n")
    return total


def is_hidden(cell: nbformat.NotebookNode) -> bool:
    """Return whether a cell's code is too long to be shown."""
    return len(cell.source.splitlines()) > LINES_OF_CODE


def is_exercise(cell: nbformat.NotebookNode) -> bool:
    """Return whether a cell is there to be filled in."""
    return any(tag.startswith("exercise-") for tag in cell.metadata.get("tags", []))


def shown(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return what of a notebook is for the wall: a cell for each block of prose, and code."""
    cells, begun = [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            texts = blocks(cell.source)
            begun |= any(text.startswith("## ") for text in texts)
            cells += [nbformat.v4.new_markdown_cell(text) for text in texts]
        elif begun and not is_exercise(cell) and (cell.outputs or not is_hidden(cell)):
            code = nbformat.from_dict(cell)
            if is_hidden(cell):
                code.metadata["transient"] = {"remove_source": True}
            cells.append(code)
    return cells


def slides(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook whose cells say by their metadata where a slide begins."""
    cells, title, used, below_heading = [], "", 0, False
    queue = shown(notebook)
    for cell, following in zip(queue, [*queue[1:], None], strict=True):
        heading = re.match(r"(#+) (.+)", cell.source) if cell.cell_type == "markdown" else None
        needed = height(cell)
        ends = following is None or following.source.startswith("## ")
        # A heading, and a sentence that announces what comes, stay with it.
        if following and (heading or cell.source.endswith(":")):
            needed += min(height(following), HEIGHT - needed)
        kind = "-"
        if heading and len(heading[1]) <= 2:
            kind, title = "slide", heading[2] if len(heading[1]) == 2 else ""
        elif used + needed > HEIGHT + LAST_WORDS * ends and not below_heading:
            kind = "subslide"
            if title and not heading:
                cells.append(nbformat.v4.new_markdown_cell(f'<p class="section-title">{title}</p>'))
                cells[-1].metadata["slideshow"] = {"slide_type": kind}
                kind, used = "-", 0
        used = height(cell) + (used if kind == "-" else 0)
        cell.metadata["slideshow"] = {"slide_type": kind}
        cells.append(cell)
        below_heading = bool(heading)
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def page(path: Path) -> str:
    """Return the slides of one notebook as one HTML page."""
    package = importlib.util.find_spec("sphinx_revealjs")  # of which only reveal.js is used
    reveal = Path(package.submodule_search_locations[0]) / "_static" / "revealjs" / "dist"
    parts = {
        "title": path.stem,
        "reveal_css": (reveal / "reveal.css").read_text("utf-8"),
        "reveal_js": (reveal / "reveal.js").read_text("utf-8"),
        "css": (HERE / "slides" / "slides.css").read_text("utf-8"),
        "js": (HERE / "slides" / "slides.js").read_text("utf-8"),
    }
    notebook = slides(nbformat.read(path, 4))
    exporter = WallExporter(exclude_input_prompt=True, exclude_output_prompt=True)
    return exporter.from_notebook_node(notebook, {"slides": parts})[0]


def main() -> None:
    """Write the slides of the given notebooks, or of all, to ``build/slides``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    out = ROOT / "build" / "slides"
    for path in parser.parse_args().notebooks or sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        text = page(path)
        write_atomically(
            out / f"{path.stem}.html", lambda file, text=text: file.write_text(text, "utf-8")
        )
        print((out / f"{path.stem}.html").relative_to(ROOT))


if __name__ == "__main__":
    main()
