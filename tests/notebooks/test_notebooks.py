"""The notebooks run, in order and anywhere, and what is committed of them is in order."""

import json
import os
import re
import shutil
import statistics
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from xnet_study.notebooks import QuietOutput, TalkingClient, first_cell, renew_first_cells
from xnet_study.release import alternative_text
from xnet_study.teaching import solutions

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


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


def execute(notebook, kernel):
    """Run a notebook in a kernel that other notebooks have left, with nothing that they set."""
    run = os.environ["XNET_RUNS"]
    fresh = f"%reset -f\n%cd -q {run}/elsewhere\n%env XNET_RUNS={run}"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(fresh))
    client = TalkingClient(notebook, km=kernel, timeout=600)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_notebook_runs_from_another_folder(path, kernel):
    execute(nbformat.read(path, as_version=4), kernel)


@pytest.mark.slow
@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_solutions_run_and_pass_their_checks(path, kernel):
    notebook = solutions.solved(path)
    execute(notebook, kernel)
    printed = {
        solutions.exercise_number(cell): [output.get("text") for output in cell.outputs]
        for cell in notebook.cells
        if solutions.exercise_number(cell)
    }
    for number, texts in printed.items():
        assert f"Exercise {number}: right.\n" in "".join(map(str, texts))


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
    execute(nbformat.read(training, as_version=4), kernel)
    before = weights.read_bytes()
    execute(nbformat.read(training, as_version=4), kernel)
    assert weights.read_bytes() == before


@pytest.mark.parametrize("path", named(NOTEBOOKS))
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
    assert f"{scores['value'].item():.3f}" in outputs["06a-scores"]


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_lessons_have_one_form(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    lengths = [len([line for line in c.source.splitlines() if line.strip()]) for c in code[1:]]
    assert code[0].source == first_cell()
    assert statistics.median(lengths) <= 6
    assert len(cells) <= 60
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    opening = cells[0].source
    assert re.findall(r"^(\d)\. ", opening.split("**After it you can**")[1], re.M) == list("123")
    assert re.search(r"\*\*You need\*\* .*minutes to read.* to run", opening)
    questions = prose.split("## Three questions to yourself")[1].split("\n## ")[0]
    assert len(re.findall(r"<details>\s*<summary>.+?</summary>.+?</details>", questions, re.S)) == 3
    assert "../docs/glossary.md#" in prose
    assert ":::" not in prose and "```{" not in prose  # one extension's syntax shows nowhere else


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_each_exercise_has_a_cell_to_begin_in(path):
    cells = nbformat.read(path, as_version=4).cells
    numbers = [solutions.exercise_number(cell) for cell in cells]
    exercises = [number for number, _ in solutions.exercises_of(path).items()]
    assert [number for number in numbers if number] == exercises
    for number in exercises:
        starter, task = cells[numbers.index(number)], cells[numbers.index(number) - 1].source
        assert f"exercise.check({number}, answer)" in starter.source
        level = r"\d+ minutes?, (easy|medium|hard)"
        assert re.match(rf"(## Exercises\n.*)?### Exercise {number} \({level}\)\n", task, re.S)


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_every_picture_says_what_is_seen(path):
    for cell in nbformat.read(path, as_version=4).cells:
        pictures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        drawings = [o for o in cell.get("outputs", []) if "image/svg+xml" in o.get("data", {})]
        told = alternative_text(cell)
        assert bool(told) == bool(pictures or drawings), f"a text and no picture: {cell.source}"
        if pictures or drawings:
            assert len(pictures + drawings) == 1, cell.source  # one text is one picture's
            assert len(told) >= 25, cell.source
        for output in pictures:
            assert output.metadata["image/png"]["alt"] == told


@pytest.mark.slow
@pytest.mark.parametrize(
    "earlier",
    [
        "from xnet_study.teaching import sheets; sheets.sheet([[[0.0, 1.0]] * 2])",
        "from xnet_study import figures; figures.FIGURES = {'scores': figures.FIGURES['scores']}\n"
        "from xnet_tf import runs; figures.draw_all(runs.REPOSITORY / 'results', runs.Path('.'))",
    ],
)
def test_what_a_student_plots_is_shown_after_ours(earlier, tmp_path):
    plot = "import matplotlib.pyplot as plt\nplt.imshow([[0, 1]]);"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (earlier, plot)]
    )
    resources = {"metadata": {"path": str(tmp_path)}}
    TalkingClient(notebook, kernel_name="python3", resources=resources).execute()
    assert any("image/png" in output.get("data", {}) for output in notebook.cells[1].outputs)


def test_a_new_address_goes_into_every_notebook(tmp_path, monkeypatch):
    path = tmp_path / NOTEBOOKS[0].name
    shutil.copy(NOTEBOOKS[0], path)
    monkeypatch.setattr("xnet_study.notebooks.first_cell", lambda: 'REPOSITORY = "elsewhere"')
    renew_first_cells(tmp_path)
    old, new = (nbformat.read(p, as_version=4).cells for p in (NOTEBOOKS[0], path))
    assert new[1].source == 'REPOSITORY = "elsewhere"'
    assert [*new[:1], *new[2:]] == [*old[:1], *old[2:]]


def test_what_colab_lacks_has_the_locked_versions():
    locked = (ROOT / "requirements.txt").read_text()
    lines = (ROOT / ".binder" / "colab.txt").read_text().splitlines()
    for line in [line for line in lines if not line.startswith("#")]:
        assert re.search(rf"^{re.escape(line)} ", locked, re.M), line


@pytest.mark.parametrize("path", named(NOTEBOOKS))
def test_terms_that_are_linked_stand_in_the_glossary(path):
    cells = nbformat.read(path, as_version=4).cells
    linked = re.findall(r"glossary\.md#([\w-]+)", "\n".join(cell.source for cell in cells))
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    assert [term for term in linked if f'id="{term}"' not in glossary] == []
