"""Whether a notebook's outputs are of its present code and of the released weights.

What it was made of stands in its metadata: the code and the users' weights since it was executed,
the quick network since that was released. Neither tests nor the book let a stale one pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from xnet_tf.files import read_json

KEY = "xnet"
"""Under which a notebook's metadata keep it."""


def made_of(notebook: dict, weights: Sequence[Path]) -> dict[str, str]:
    """Return hashes of a notebook's code and of weights, by the names of their files.

    The first cell's code is left out: it holds the repository's address.

    Args:
        notebook: its content.
        weights: files, with their records beside them.
    """
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"][1:]
    hashes = {path.stem: read_json(path.with_suffix(".json"))["sha256"] for path in weights}
    return {"code": hashlib.sha256("\0".join(code).encode()).hexdigest()} | hashes


def changed(path: Path, weights: Sequence[Path]) -> list[str]:
    """Return what of a notebook's code and of the weights is not as its metadata say."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    kept = notebook["metadata"].get(KEY, {})
    return [name for name, value in made_of(notebook, weights).items() if kept.get(name) != value]
