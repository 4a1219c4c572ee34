"""Run the notebooks in order and keep the executed copies in the run's folder.

    python -m xnet_study.notebooks --profile quick [NOTEBOOK ...]
    python -m xnet_study.notebooks --renew-first-cells

The notebooks themselves stay as they are. What a cell prints is shown while it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbclient.output_widget import OutputWidget

from xnet_study import freshness
from xnet_tf import profiles, runs
from xnet_tf.files import write_atomically

NOTEBOOKS = runs.REPOSITORY / "notebooks"

FIRST_CELL = """\
# On Colab this fetches the project; elsewhere it does nothing.
import sys

REPOSITORY = "{address}"
if "google.colab" in sys.modules:
    !git clone -q --depth 1 {{REPOSITORY}} xnet
    !pip install -q -r xnet/.binder/colab.txt && pip install -q --no-deps -e xnet
    sys.path.insert(0, "xnet")"""
"""What every notebook begins with."""


class QuietOutput(OutputWidget):
    """What a page shows of a widget's output, without telling the kernel, which need not know.

    Told while the client waits for a cell's reply on the same socket, it may never see the reply
    (github.com/jupyter/nbclient/issues/312).
    """

    def sync_state(self):
        """Send nothing."""


class TalkingClient(NotebookClient):
    """A client that passes on what a cell prints, so that long training shows its progress."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.widget_registry["@jupyter-widgets/output"]["OutputModel"] = QuietOutput

    def process_message(self, msg, cell, cell_index):
        """Show text streams; then treat the message as usual."""
        if msg["header"]["msg_type"] == "stream":
            sys.stderr.write(msg["content"]["text"])
            sys.stderr.flush()
        return super().process_message(msg, cell, cell_index)


def first_cell() -> str:
    """Return the code that every notebook begins with: pyproject.toml has the address in it."""
    project = tomllib.loads((runs.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return FIRST_CELL.format(address=project["tool"]["xnet"]["repository"])


def renew_first_cells(folder: Path = NOTEBOOKS) -> None:
    """Write what `first_cell` returns into the notebooks, after the address has changed."""
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        next(cell for cell in notebook.cells if cell.cell_type == "code").source = first_cell()
        write_atomically(path, lambda to, content=notebook: nbformat.write(content, to))


def run(path: Path, out: Path) -> None:
    """Execute one notebook and write the executed copy, also when a cell fails.

    Args:
        path: the notebook.
        out: folder for the copy.

    Raises:
        CellExecutionError: if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    # The environment's own kernel, not one that a user has registered under the same name.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    made_of = freshness.made_of(notebook, [runs.USER_WEIGHTS])
    client = TalkingClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        # Each kernel's note about unencrypted local connections would bury the progress.
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    finally:
        notebook.metadata[freshness.KEY] = made_of
        write_atomically(out / path.name, lambda temporary: nbformat.write(notebook, temporary))


def main() -> int:
    """Run the given notebooks, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--profile", choices=tuple(profiles.PROFILES), default="quick")
    text = "write the repository's address, as pyproject.toml has it, into the notebooks; run none"
    parser.add_argument("--renew-first-cells", action="store_true", help=text)
    options = parser.parse_args()
    if options.renew_first_cells:
        renew_first_cells()
        return 0
    os.environ["XNET_PROFILE"] = options.profile
    out = runs.folder(profiles.get()) / "notebooks"
    paths = options.notebooks or sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    for number, path in enumerate(paths, 1):
        print(f"[{number}/{len(paths)}] {path.stem}", flush=True)
        start = time.monotonic()
        try:
            run(path, out)
        except CellExecutionError as error:
            print(f"{path.name} failed:\n{error}", file=sys.stderr)
            return 1
        print(f"[{number}/{len(paths)}] {path.stem}: {time.monotonic() - start:.0f} s", flush=True)
    print(f"executed notebooks, results and figures: {os.path.relpath(out.parent)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
