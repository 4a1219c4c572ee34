"""Whether a notebook's outputs are of its present code and of the released weights.

What it was made of stands in its metadata. Neither tests nor the book let a stale one pass.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

KEY = "xnet"
"""Under which a notebook's metadata keep it."""


def made_of(notebook: dict, released: Path) -> dict[str, str]:
    """Return hashes of a notebook's code and of the weights that are released now.

    The first cell's code is left out: it holds the repository's address.

    Args:
        notebook: its content.
        released: folder of the weights and their records.
    """
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"][1:]
    records = {p.stem: json.loads(p.read_text()) for p in sorted(released.glob("*.json"))}
    weights = {name: record["sha256"] for name, record in records.items() if "sha256" in record}
    return {"code": hashlib.sha256("\0".join(code).encode()).hexdigest()} | weights


def changed(path: Path, released: Path) -> list[str]:
    """Return what of a notebook's code and the released weights changed since it was executed."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    kept = notebook["metadata"].get(KEY, {})
    return [name for name, value in made_of(notebook, released).items() if kept.get(name) != value]
