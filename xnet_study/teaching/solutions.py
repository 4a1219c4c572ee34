"""Write notebooks with their exercises solved: ``make lab SOLUTIONS=1``.

    python -m xnet_study.teaching.solutions --out FOLDER

An exercise's cell carries the tag ``exercise-1`` and so on; its code is replaced by the solution
of `xnet_study.teaching` and its check.
"""

from __future__ import annotations

import argparse
import importlib
import textwrap
from pathlib import Path

import nbformat

from xnet_study.notebooks import NOTEBOOKS
from xnet_study.teaching.exercises import Exercises
from xnet_tf.files import write_atomically


def main() -> None:
    """Read the command line and write the solved notebooks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = solved(path)
        write_atomically(out / path.name, lambda to, content=notebook: nbformat.write(content, to))


def solved(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with a solution in each exercise's cell, without outputs."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        number = exercise_number(cell)
        if number:
            code = textwrap.dedent(exercises_of(path)[number].solution).strip()
            cell.source = f"{code}\nexercise.check({number}, answer)"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def exercise_number(cell: nbformat.NotebookNode) -> int | None:
    """Return the number of the exercise that a cell begins, by its tag."""
    tags = [tag for tag in cell.metadata.get("tags", []) if tag.startswith("exercise-")]
    return int(tags[0].removeprefix("exercise-")) if tags else None


def exercises_of(path: Path) -> Exercises:
    """Return the exercises of a notebook: of ``03-architecture.ipynb`` those of ``notebook03``."""
    number = path.stem.split("-")[0]
    return importlib.import_module(f"xnet_study.teaching.notebook{number}").exercise


if __name__ == "__main__":
    main()
