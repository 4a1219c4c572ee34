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
from pathlib import Path

import nbformat

from xnet_study.certainty import operating
from xnet_tf import profiles, runs
from xnet_tf.dataset import load
from xnet_tf.files import InputError, read_json, write_atomically

WIDGET = "application/vnd.jupyter.widget-view+json"

MADE_APART = (
    *("ablation-", "bench-", "classical-", "coverage", "qualities", "seeds", "table3"),
    "users-weights",
)
"""How the names of results begin that are released though a run lacks them: hours of work."""


def main() -> None:
    """Copy the run's files over the released ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", choices=tuple(profiles.PROFILES), default="quick")
    profile = parser.parse_args().profile
    run = runs.folder(profiles.get(profile))
    if profile == runs.WIDE:
        return release_wide(run)
    for name in ("weights/xnet.npz", "results/run.json", "figures/scores.png", "notebooks"):
        if not (run / name).exists():
            raise SystemExit(f"{run / name} is missing: finish `make reproduce` first")
    check(run)
    notebooks = {
        runs.REPOSITORY / "notebooks" / path.name: released_notebook(path)
        for path in sorted((run / "notebooks").glob("[0-9]*.ipynb"))
    }
    copy_weights(run, runs.RELEASED_WEIGHTS)
    copy_files(run, "results", keep={"paper.json", runs.WIDE} | {p.name for p in made_apart()})
    drawn = runs.REPOSITORY / "figures"
    kinds = (f"*-{runs.WIDE}.*", "comparison*")
    others = {path.name for kind in kinds for path in drawn.glob(kind)}
    copy_files(run, "figures", keep={"INDEX.md", *others})
    for target, notebook in notebooks.items():
        write_atomically(target, lambda path, content=notebook: nbformat.write(content, path))


def release_wide(run: Path) -> None:
    """Release the weights for users, with the tables of their run."""
    results, record = read_json(run / "results/run.json"), read_json(run / "weights/xnet.json")
    points = read_json(operating.path_for(run / "weights/xnet.npz"))
    if {results["weights_sha256"], points["weights_sha256"]} != {record["sha256"]}:
        raise InputError(
            f"{run}: results or operating points are of other weights; run `evaluate` and "
            "`confidence` of the wide profile again"
        )
    if results["data_sha256"] != load().fingerprint():
        raise InputError(f"{run}: evaluated on other data; evaluate the wide profile again")
    pictures = [run / "results" / name for name in ("real", "gallery")]
    for folder in pictures:
        if not folder.is_dir():
            raise InputError(f"{folder} is missing: install pydicom-data, evaluate again")
    copy_weights(run, runs.USER_WEIGHTS)
    target = runs.REPOSITORY / "results" / runs.WIDE
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted((run / "results").iterdir()):
        if path.suffix in (".csv", ".json"):
            shutil.copy(path, target / path.name)
    for folder in pictures:
        shutil.copytree(folder, target / folder.name)


def copy_weights(run: Path, released: Path) -> None:
    """Copy a run's weights, their record and their operating points over released ones."""
    weights = run / "weights" / "xnet.npz"
    for path, target in (
        (weights, released),
        (weights.with_suffix(".json"), released.with_suffix(".json")),
        (operating.path_for(weights), operating.path_for(released)),
    ):
        target.unlink(missing_ok=True)
        if path.is_file():
            shutil.copy(path, target)


def made_apart() -> list[Path]:
    """Return the files in results/ that other commands made: timings, ablations, comparison."""
    found = (runs.REPOSITORY / "results").iterdir()
    return sorted(p for p in found if p.name.startswith(MADE_APART))


def check(run: Path) -> None:
    """Raise InputError unless weights, results and data belong together."""
    results = read_json(run / "results" / "run.json")
    if results["weights_sha256"] != read_json(run / "weights" / "xnet.json")["sha256"]:
        raise InputError(f"{run}: results are of other weights; run `make reproduce` again")
    if not results["data_sha256"] == results["trained_on_sha256"] == load().fingerprint():
        raise InputError(f"{run}: trained or evaluated on other data; run `make reproduce` again")


def copy_files(run: Path, folder: str, keep: set[str]) -> None:
    """Replace a released folder by the run's, except for files that belong to no run."""
    target = runs.REPOSITORY / folder
    target.mkdir(exist_ok=True)
    for old in target.iterdir():
        if old.name not in keep:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(run / folder, target, dirs_exist_ok=True)


def released_notebook(executed: Path) -> nbformat.NotebookNode:
    """Return an executed notebook with normalised outputs.

    Raises:
        InputError: if the repository's notebook was changed since it was executed.
    """
    notebook = nbformat.read(executed, as_version=4)
    target = runs.REPOSITORY / "notebooks" / executed.name
    source = nbformat.read(target, as_version=4)
    if [c.source for c in notebook.cells] != [c.source for c in source.cells]:
        raise InputError(f"{target}: changed since it was executed; run `make reproduce` again")
    normalise(notebook)
    return notebook


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Remove from a notebook's outputs what differs from run to run or machine to machine."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
        if cell.cell_type != "code":
            continue
        # A widget without its kernel is a line of error, or of its code.
        cell.outputs = [
            o for o in cell.outputs if o.get("name") != "stderr" and WIDGET not in o.get("data", {})
        ]
        for output in cell.outputs:
            if "text" in output:
                output["text"] = clean(output["text"])
            for kind, data in output.get("data", {}).items():
                if kind.startswith("text/"):
                    output["data"][kind] = clean(data)


def clean(text: str) -> str:
    """Shorten paths to the repository, and blank addresses of objects in memory."""
    text = text.replace(f"{runs.REPOSITORY}/", "").replace(str(runs.REPOSITORY), ".")
    return re.sub(r"0x[0-9a-f]{6,}", "0x...", text)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(str(error)) from None
