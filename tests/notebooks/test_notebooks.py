"""The notebooks run, in order and anywhere, and what is committed of them is in order."""

import ast
import json
import os
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from xnet_study.notebooks import QuietOutput, TalkingClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("[0-9]*.ipynb"))


def named(paths, marks=()):
    return [pytest.param(p, id=f"{p.parent.name}-{p.stem}", marks=marks) for p in paths]


@pytest.fixture(scope="module")
def smoke_run(tmp_path_factory):
    """A place for runs that is not the checkout's; all notebooks share it, in order."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNET_RUNS", str(folder))
        patch.setenv("XNET_PROFILE", "smoke")
        yield folder


@pytest.fixture(scope="module")
def kernel(smoke_run):
    """One kernel in a folder elsewhere, for all notebooks: TensorFlow is imported once."""
    manager = AsyncKernelManager(kernel_name="python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        (smoke_run / "elsewhere").mkdir()
        run_sync(manager.start_kernel)(extra_arguments=["--log-level=ERROR"])
    yield manager
    run_sync(manager.shutdown_kernel)(now=True)


def execute(path, kernel):
    """Run a notebook in a kernel that other notebooks have left, with nothing that they set."""
    notebook, run = nbformat.read(path, as_version=4), os.environ["XNET_RUNS"]
    fresh = f"%reset -f\n%cd -q {run}/elsewhere\n%env XNET_RUNS={run}"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(fresh))
    client = TalkingClient(notebook, km=kernel, timeout=600)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()


@pytest.mark.parametrize("path", named(NOTEBOOKS) + named(SOLUTIONS, marks=pytest.mark.slow))
def test_notebook_runs_from_another_folder(path, kernel):
    execute(path, kernel)


@pytest.mark.parametrize("path", named(SOLUTIONS))
def test_solution_imports_what_there_is(path):
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    lines = [node for cell in cells for node in ast.parse(cell).body]
    imports = [node for node in lines if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports
    exec(compile(ast.Module(imports, []), path.name, "exec"), {})


def test_a_widget_sends_nothing_while_a_cell_is_waited_for():
    no_kernel = None
    widget = QuietOutput("id", {"outputs": []}, no_kernel, SimpleNamespace())
    message = {"parent_header": {}, "msg_type": "stream", "content": {"name": "o", "text": "seen"}}
    widget.output([], message | {"header": message}, None, 0)
    assert widget.outputs[0].text == "seen"
    widget.clear_output([], message | {"content": {"wait": False}}, 0)
    assert widget.outputs == []


@pytest.mark.slow
def test_a_second_training_notebook_changes_no_weights(smoke_run, kernel):
    training = next(path for path in NOTEBOOKS if path.stem == "04-training")
    weights = smoke_run / "smoke" / "weights" / "xnet.npz"
    execute(training, kernel)
    before = weights.read_bytes()
    execute(training, kernel)
    assert weights.read_bytes() == before


@pytest.mark.parametrize("path", named(NOTEBOOKS + SOLUTIONS))
def test_notebook_is_well_formed(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert 0 < len(lines) <= 20, f"cell of {len(lines)} lines:\n{cell.source}"


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_committed_outputs_are_those_of_a_clean_run(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert any(output.output_type != "stream" for output in outputs)
    for output in outputs:
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
    text = path.read_text()
    assert str(ROOT) not in text
    assert "/home/" not in text
    assert path.stat().st_size < 800_000


def test_committed_outputs_are_those_of_the_released_run():
    run = json.loads((ROOT / "results" / "run.json").read_text())
    outputs = {path.stem: str(nbformat.read(path, as_version=4).cells) for path in NOTEBOOKS}
    assert run["weights_sha256"] in outputs["10-figures"]
    assert run["data_sha256"] in outputs["10-figures"]
    scores = pd.read_csv(ROOT / "results" / "scores.csv")
    scores = scores.query("subset == 'test' and method == 'XNet' and score == 'macro F1'")
    assert f"{scores['value'].item():.3f}" in outputs["06-evaluation"]


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_every_notebook_has_exercises_and_their_solutions(path):
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "## Exercises" in prose
    assert "**You need**" in prose
    assert (ROOT / "notebooks" / "solutions" / path.name).is_file()
    assert f"solutions/{path.name}" in prose
