"""``review.html``: a folder's masks to look through, those that need it most first.

The pages open from the disk by a double click, need no script, and load a picture when it is near.
"""

from __future__ import annotations

import math
import os
from html import escape
from pathlib import Path
from urllib.parse import quote

from xnet_io import outputs
from xnet_tf.classes import PAPER, Classes
from xnet_tf.files import write_atomically

_FOLDER = "review"
_PER_PAGE = 100
_STYLE = Path(__file__).with_name("review.css")


def thumbnail(out: Path, mask: Path) -> Path:
    """Return where the small picture of a mask goes."""
    return (out / _FOLDER / mask.relative_to(out)).with_suffix(".jpg")


def write(out: Path, rows: list[dict[str, str]], classes: Classes = PAPER) -> Path:
    """Write the pages: first what failed, then warnings, then by network confidence, lowest first.

    Args:
        out: folder of the masks and of ``segment.csv``.
        rows: of `xnet_io.segment_table.Table`.
        classes: of the masks.

    Returns:
        The first page.
    """
    failed = [row for row in rows if row["error"]]
    made = sorted(
        (row for row in rows if not row["error"]),
        key=lambda row: (not row["warnings"], float(row["network confidence"]), row["file"]),
    )
    count = max(1, math.ceil(len(made) / _PER_PAGE))
    for number in range(1, count + 1):
        shown = made[(number - 1) * _PER_PAGE : number * _PER_PAGE]
        text = _page(number, count, _summary(made, failed), shown, failed, out, classes)
        _write(out / _name(number), text)
    stale = count + 1
    while (out / _name(stale)).exists():
        (out / _name(stale)).unlink()
        stale += 1
    return out / _name(1)


def _write(path: Path, text: str) -> None:
    # A name that is no text is shown by its codes.
    content = text.encode("utf-8", errors="backslashreplace")
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def _name(number: int) -> str:
    return "review.html" if number == 1 else f"review-{number}.html"


def _summary(made: list[dict[str, str]], failed: list[dict[str, str]]) -> str:
    warned = sum(bool(row["warnings"]) for row in made)
    return f"{len(made)} masks, {warned} with warnings, {len(failed)} pictures failed"


def _page(number, count, summary, shown, failed, out, classes) -> str:
    title = f"Masks to look through, page {number} of {count}"
    pages = _pages(number, count)
    faults = "".join(
        f"<li><b>{escape(row['file'])}</b>: {escape(row['error'])}</li>"
        for row in (failed if number == 1 else [])
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{summary}. Those with warnings come first, then those of which the network is least sure.</p>
<ul class="legend">{_legend(classes)}</ul>
<label><input type="checkbox" id="warned"> only those with warnings</label>
{pages}
</header>
<main>
{f"<section><h2>Failed</h2><ul>{faults}</ul></section>" if faults else ""}
<h2 class="hidden">Masks</h2>
<div class="cards">
{"".join(_card(row, out, classes) for row in shown)}</div>
</main>
<footer>{pages}</footer>
</body>
</html>
"""


def _legend(classes: Classes) -> str:
    return "".join(
        f'<li><span style="background:rgb{tuple(colour)}"></span>{escape(name)}</li>'
        for name, colour in zip(classes.names, classes.palette[:-1].tolist(), strict=True)
    )


def _pages(number: int, count: int) -> str:
    """Link the first page, the last, and those around this one."""
    links, before = [], 0
    for other in sorted({1, count, *range(max(1, number - 2), min(count, number + 2) + 1)}):
        links.append("<li>…</li>" if other > before + 1 else "")
        here = ' aria-current="page"' if other == number else ""
        links.append(f'<li><a href="{_name(other)}"{here}>{other}</a></li>')
        before = other
    return f'<nav aria-label="Pages"><ol>{"".join(links)}</ol></nav>' if count > 1 else ""


def _card(row: dict[str, str], out: Path, classes: Classes) -> str:
    mask = out / row["mask"]
    small, large = thumbnail(out, mask), outputs.beside(mask)["overlay"]
    shares = ", ".join(f"{name} {float(row[f'{name} (%)']):.0f} %" for name in classes.names)
    seen = f"{escape(row['file'])}: {escape(shares)}"
    picture = f'<p class="none">{seen}; no small picture</p>'
    if small.exists():
        picture = f'<img loading="lazy" src="{_address(small, out)}" alt="{seen}">'
    target = large if large.exists() else mask
    warnings = "".join(f"<li>{escape(text)}</li>" for text in row["warnings"].split(" | ") if text)
    return f"""<article{' class="warned"' if warnings else ""}>
<a href="{_address(target, out)}">{picture}</a>
<h3>{escape(row["mask"].removesuffix("_mask.png"))}</h3>
{f'<ul class="warnings">{warnings}</ul>' if warnings else ""}
<p>{escape(shares)}</p>
<p>network confidence {float(row["network confidence"]):.2f}; open beam {escape(row["polarity"])}
({float(row["sure of polarity (%)"]):.0f} % certain)</p>
</article>
"""


def _address(path: Path, out: Path) -> str:
    return quote(os.fsencode(path.relative_to(out).as_posix()))
