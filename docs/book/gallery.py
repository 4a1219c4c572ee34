"""Every figure with where it comes from: its numbers, the command, the hashes in their record."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
TABLE = re.compile(r"`([^`]+)`")
HASHES = {
    "weights_sha256": "weights",
    "data_sha256": "data",
    "population_sha256": "population",
    "trained_on_sha256": "trained on",
}
RECORDS = {
    "table3": "table3.json",
    "coverage": "table3.json",
    "calibration": "confidence.json",
    "thresholds": "confidence.json",
    "robustness": "robustness.json",
    "population": "robustness.json",
    "qualities": "qualities.json",
    "ablation-augmentation": "ablation-augmentation.json",
    "ablation-calibration": "ablation-calibration.json",
}
"""By how a table's name begins, the record of what it was made from; of others `run.json`."""


class Gallery(SphinxDirective):
    """Write a section for each figure that ``figures/INDEX.md`` lists."""

    def run(self):
        """Return the sections."""
        root = Path(self.env.srcdir)
        index = root / "figures" / "INDEX.md"
        self.env.note_dependency(str(index))
        sections: dict[str, str] = {}
        for row in index.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            link = LINK.search(cells[1]) if len(cells) == 5 else None
            if link and (root / "figures" / link[2]).is_file():
                sections.setdefault(link[2], section(root, link[2], cells))
        text = "\n\n".join(sections.values())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def section(root: Path, name: str, cells: list[str]) -> str:
    """Return Markdown that shows a figure and says what it was drawn from.

    Args:
        root: the repository.
        name: the picture's file name in ``figures/``.
        cells: of the figure's row: of the paper, ours, numbers, notebook, remark.
    """
    of_paper, _, numbers, _, remark = cells
    title = name.rpartition(".")[0].replace("-", " ").capitalize()
    caption = f"{of_paper[:1].upper()}{of_paper[1:]}. " if of_paper else ""
    caption += remark[:1].upper() + remark[1:]
    lines = [f"## {title}", "", caption, "", f"![{title}: {plain(caption)}](../figures/{name})", ""]
    lines += ["<details><summary>Numbers, command, hashes</summary>", ""]
    for table in TABLE.findall(numbers):
        lines.append(f"- {provenance(root, table)}")
    vector = (root / "figures" / name).with_suffix(".svg")
    if vector.is_file():
        lines.append(f"- as a drawing: [{vector.name}](../figures/{vector.name})")
    lines += ["- drawn by `make figures` (`xnet figures`), without TensorFlow", "", "</details>"]
    return "\n".join(lines)


def provenance(root: Path, table: str) -> str:
    """Return what is known of a table or folder in ``results/``, in one line of Markdown."""
    path = root / "results" / table
    if not path.is_file():
        return f"pictures in `results/{table}`"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    text = f"[{table}](../results/{table}) (SHA-256 `{digest}`...)"
    stem = next((key for key in RECORDS if path.name.startswith(key)), None)
    record = path.parent / RECORDS.get(stem, "run.json")
    if record.is_file():
        content = json.loads(record.read_text(encoding="utf-8"))
        known = [
            f"{words} `{content[key][:12]}`..."
            for key, words in HASHES.items()
            if isinstance(content.get(key), str)
        ]
        place = record.relative_to(root).as_posix()
        text += f"; by [{record.name}](../{place}): {', '.join(known)}"
    return text


def plain(text: str) -> str:
    """Return Markdown's text without links and marks."""
    return LINK.sub(r"\1", text).replace("*", "").replace("`", "").replace("]", "")


def setup(app):
    """Register the directive."""
    app.add_directive("figure-gallery", Gallery)
    return {"parallel_read_safe": True}
