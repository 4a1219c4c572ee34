"""Make a finished run the release: its weights, results, figures and executed notebooks.

    python -m xnet_study.release --profile quick

The weights go into the package (``xnet_tf/released/``), all else into the checkout. Of the wide
profile, which makes the weights for radiographs of one's own, the weights and the tables are
released beside the quick run's, as ``xnet-wide.*`` and ``results/wide/``.

Outputs of the notebooks are normalised, so that another run gives a small difference: no progress
bars, warnings, times or machine paths.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import nbformat

from xnet_study import freshness
from xnet_study.certainty import operating
from xnet_tf import profiles, runs
from xnet_tf.dataset import load
from xnet_tf.files import InputError, read_json, write_atomically

WIDGET = "application/vnd.jupyter.widget-view+json"

KEPT = ("tags", "mystnb")
"""What a cell's metadata may hold: an exercise's number, and a picture's alternative text."""

MADE_APART = {
    "results": (
        *("*.md", "paper.json", runs.WIDE, "ablation-*", "bench-*", "classical-*", "comparison"),
        *("coverage*", "polarity*", "qualities*", "recipe*", "reliability*", "seeds*", "table3*"),
        *("release-gain*", "users-weights*", "warnings*", "width*"),
    ),
    "figures": ("*.md", f"*-{runs.WIDE}.*", "comparison*"),
}
"""Released files that a run lacks: what is published, and hours of work of other commands."""

OURS = "(?:xnet_tf|xnet_io|xnet_study|notebooks|results|figures|data|docs|runs)"
"""Folders of a checkout, by which paths into one are known."""

NEEDED = ("weights/xnet.npz", "results/run.json")
PICTURES, NOTEBOOKS = ("results/real", "results/gallery"), ("figures/scores.png", "notebooks")
"""What a run must hold to be released: any, the wide one, another one."""


def main() -> None:
    """Read the command line and release the profile's run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", choices=tuple(profiles.PROFILES), default="quick")
    profile = profiles.get(parser.parse_args().profile)
    release(runs.folder(profile), wide=profile.name == runs.WIDE)


def release(run: Path, wide: bool = False) -> None:
    """Copy a run's files over the released ones.

    Args:
        run: its folder.
        wide: whether it is that of the weights for users, of which figures and notebooks are not
            released.

    Raises:
        InputError: if files are missing or do not belong together; then nothing was changed.
    """
    for name in (*NEEDED, *(PICTURES if wide else NOTEBOOKS)):
        if not (run / name).exists():
            raise InputError(f"{run / name} is missing: install pydicom-data, finish the run first")
    check(run, wide)
    if wide:
        copy_weights(run, runs.USER_WEIGHTS)
        copy_files(run / "results", runs.REPOSITORY / "results" / runs.WIDE)
        return
    notebooks = [released_notebook(p) for p in sorted((run / "notebooks").glob("[0-9]*.ipynb"))]
    copy_weights(run, runs.RELEASED_WEIGHTS)
    for folder, kept in MADE_APART.items():
        copy_files(run / folder, runs.REPOSITORY / folder, kept)
    for path, notebook in notebooks:
        weights = runs.RELEASED_WEIGHTS, runs.USER_WEIGHTS
        notebook.metadata[freshness.KEY] = freshness.made_of(notebook, weights)
        write_atomically(path, lambda to, content=notebook: nbformat.write(content, to))


def check(run: Path, wide: bool = False) -> None:
    """Raise InputError unless weights, results and data belong together.

    Args:
        run: its folder.
        wide: whether it is the wide profile's, which is trained on other data than it is evaluated
            on, and has operating points.
    """
    results, record = read_json(run / "results/run.json"), read_json(run / "weights/xnet.json")
    made_of, data = {results["weights_sha256"]}, {results["data_sha256"]}
    if wide:
        made_of.add(read_json(operating.path_for(run / "weights/xnet.npz"))["weights_sha256"])
    else:
        data.add(results["trained_on_sha256"])
    again = "run `evaluate` and `confidence` again" if wide else "run `make reproduce` again"
    if made_of != {record["sha256"]}:
        raise InputError(f"{run}: results or operating points are of other weights; {again}")
    if data != {load().fingerprint()}:
        raise InputError(f"{run}: trained or evaluated on other data; {again}")


def copy_weights(run: Path, released: Path) -> None:
    """Copy a run's weights, their record and their operating points over released ones."""
    for ending in (".npz", ".json", "-operating-points.json"):
        source, target = run / f"weights/xnet{ending}", released.with_name(released.stem + ending)
        target.unlink(missing_ok=True)
        if source.is_file():
            shutil.copy(source, target)


def copy_files(source: Path, target: Path, kept: Sequence[str] = ()) -> None:
    """Replace a released folder by a run's, except for names that fit one of the patterns."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        if not any(fnmatch(old.name, pattern) for pattern in kept):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(source, target, dirs_exist_ok=True)


def released_notebook(executed: Path) -> tuple[Path, nbformat.NotebookNode]:
    """Return where an executed notebook belongs, and itself with normalised outputs.

    Raises:
        InputError: if the repository's notebook or the users' weights were changed since it was
            executed.
    """
    notebook = nbformat.read(executed, as_version=4)
    target = runs.REPOSITORY / "notebooks" / executed.name
    source = nbformat.read(target, as_version=4)
    parts = freshness.changed(executed, [runs.USER_WEIGHTS])
    if parts or [c.source for c in notebook.cells] != [c.source for c in source.cells]:
        what = f"{target} ({', '.join(parts) or 'text'})"
        raise InputError(f"{what}: changed since it was executed; run `make reproduce` again")
    normalise(notebook)
    return target, notebook


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Remove from a notebook's outputs what differs from run to run or machine to machine.

    A cell's alternative text, which Sphinx reads, is given to its picture too, where nbconvert
    looks for it.
    """
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT}
        if cell.cell_type != "code":
            continue
        # A widget without its kernel is a line of error, or of its code.
        cell.outputs = [
            o for o in cell.outputs if o.get("name") != "stderr" and WIDGET not in o.get("data", {})
        ]
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": alternative_text(cell)}
            texts = output.get("data", output)
            texts |= {kind: clean(texts[kind]) for kind in texts if kind.startswith("text")}


def alternative_text(cell: nbformat.NotebookNode) -> str:
    """Return what a code cell's metadata say that its picture shows."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def clean(text: str) -> str:
    """Shorten paths to a checkout, wherever it lay, and blank addresses of objects in memory."""
    text = text.replace(f"{runs.REPOSITORY}/", "").replace(str(runs.REPOSITORY), ".")
    # Run from another checkout, as a long training is, a notebook has named that one.
    text = re.sub(rf"(?<![\w.:/])/[\w./-]*?/(?={OURS}/)", "", text)
    return re.sub(r"0x[0-9a-f]{6,}", "0x...", text)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
