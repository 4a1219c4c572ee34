"""Small tables: rows as dictionaries, one cell a column. Reading pictures needs no pandas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path


def write(path: Path, rows: Sequence[dict], columns: Sequence[str] | None = None) -> None:
    """Write rows as CSV; what a row lacks stays empty, and what no column is for is left out.

    Args:
        path: of the file.
        rows: by column.
        columns: in their order; by default those of the first row.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        names = columns or list(rows[0])
        writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def by_image(rows: Sequence[dict], *columns: str) -> dict[str, dict[str, str]]:
    """Turn a manifest's rows into columns, each from an image to its cell."""
    return {name: {row["image"]: row[name] for row in rows} for name in columns}


def usable(folder: Path, manifest: Sequence[dict]) -> list[dict]:
    """Return a manifest's rows whose two files exist, each image once."""
    first = {row["image"]: row for row in reversed(manifest)}
    rows = [row for row in manifest if first[row["image"]] is row]
    return [row for row in rows if all((folder / row[n]).is_file() for n in ("image", "mask"))]


def aligned(rows: Sequence[dict]) -> str:
    """Lay rows out for a terminal: columns flush right, shares with two decimals."""
    lines = [list(rows[0])]
    for row in rows:
        lines.append([f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        " ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
