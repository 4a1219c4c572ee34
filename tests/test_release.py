"""Notebooks are run, and a run becomes the release."""

import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from xnet_study import freshness, notebooks, release
from xnet_tf import runs
from xnet_tf.files import InputError, write_json

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source, id=f"c-{i}") for i, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def executed(tmp_path, capfd):
    path = tmp_path / "01-test.ipynb"
    source = (
        "import sys, os; print('out', os.getcwd()); print('bar', file=sys.stderr); "
        f"print({str(ROOT)!r} + '/data'); object()"
    )
    nbformat.write(notebook(source), path)
    notebooks.run(path, tmp_path / "out")
    assert "bar" in capfd.readouterr().err, "what a cell prints is shown while it runs"
    return tmp_path / "out" / path.name


def test_released_outputs_hold_nothing_of_one_machine(executed):
    content = nbformat.read(executed, as_version=4)
    release.normalise(content)
    outputs = content.cells[0].outputs
    assert [output.output_type for output in outputs] == ["stream", "execute_result"]
    assert str(ROOT) not in str(outputs)
    assert "object at 0x..." in str(outputs)
    assert "execution" not in content.cells[0].metadata


def test_paths_into_any_checkout_are_shortened():
    assert (
        release.clean("/srv/a-b/xnet/xnet_tf/released/x.npz knows")
        == "xnet_tf/released/x.npz knows"
    )
    assert release.clean("/srv/xnet/runs/quick/results/x.csv") == "runs/quick/results/x.csv"
    for text in ("../runs/x and a/data/b", "https://keras.io/docs/x"):
        assert release.clean(text) == text


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lessons_show_no_path_of_one_machine(path):
    outputs = [
        output
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    texts = [o.get("data", o) for o in outputs]
    shown = [text for of in texts for kind, text in of.items() if kind.startswith("text")]
    found = [re.findall(r"(?<![\w.:/<])/(?:\w[\w.-]*/)+[\w.-]+", text) for text in shown]
    assert not [path for paths in found for path in paths]


def test_a_failing_notebook_keeps_its_copy(tmp_path):
    path = tmp_path / "01-fails.ipynb"
    nbformat.write(notebook("1 / 0"), path)
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.run(path, tmp_path / "out")
    assert "ZeroDivisionError" in (tmp_path / "out" / path.name).read_text()


def test_a_notebook_changed_since_its_run_is_not_released(executed, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path / "repository")
    target = tmp_path / "repository" / "notebooks" / executed.name
    target.parent.mkdir(parents=True)
    nbformat.write(notebook("something else"), target)
    with pytest.raises(InputError, match="changed since it was executed"):
        release.released_notebook(executed)
    nbformat.write(nbformat.read(executed, as_version=4), target)
    path, released = release.released_notebook(executed)
    assert path == target and released.cells[0].outputs
    monkeypatch.setattr(runs, "USER_WEIGHTS", tmp_path / "xnet-wide.npz")
    write_json(tmp_path / "xnet-wide.json", {"sha256": "later ones"})
    with pytest.raises(InputError, match=r"\(xnet-wide\): changed since it was executed"):
        release.released_notebook(executed)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_what_lessons_show_is_of_their_code_and_of_the_released_weights(path):
    assert freshness.changed(path, (runs.RELEASED_WEIGHTS, runs.USER_WEIGHTS)) == []


def test_a_lesson_is_stale_when_its_code_or_the_weights_change(tmp_path):
    write_json(tmp_path / "xnet.json", {"sha256": "1"})
    weights = [tmp_path / "xnet.npz"]
    path, lesson = tmp_path / "01.ipynb", notebook("address", "x = 1")
    lesson.cells.append(nbformat.v4.new_markdown_cell("text", id="t"))
    nbformat.write(lesson, path)
    assert freshness.changed(path, weights) == ["code", "xnet"]
    lesson.metadata[freshness.KEY] = freshness.made_of(lesson, weights)
    lesson.cells[0].source, lesson.cells[2].source = "another address", "other text"
    nbformat.write(lesson, path)
    assert freshness.changed(path, weights) == []
    write_json(tmp_path / "xnet.json", {"sha256": "2"})
    assert freshness.changed(path, weights) == ["xnet"]
    lesson.cells[1].source = "x = 2"
    nbformat.write(lesson, path)
    assert freshness.changed(path, weights) == ["code", "xnet"]


RESULTS = {"data_sha256": "data", "trained_on_sha256": "data"}


def test_results_of_other_weights_are_not_released(tmp_path):
    write_json(tmp_path / "results" / "run.json", RESULTS | {"weights_sha256": "1"})
    write_json(tmp_path / "weights" / "xnet.json", {"sha256": "2"})
    with pytest.raises(InputError, match="other weights"):
        release.check(tmp_path)


def test_release_replaces_old_files_and_keeps_the_papers(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path / "repository")
    for path in (
        "repository/results/paper.json",
        "repository/results/old.csv",
        "run/results/new.csv",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    folders = (tmp_path / "run" / "results", tmp_path / "repository" / "results")
    release.copy_files(*folders, release.MADE_APART["results"])
    names = {path.name for path in (tmp_path / "repository" / "results").iterdir()}
    assert names == {"paper.json", "new.csv"}


def test_the_wide_weights_are_released_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "REPOSITORY", tmp_path)
    monkeypatch.setattr(runs, "USER_WEIGHTS", tmp_path / "released" / "xnet-wide.npz")
    monkeypatch.setattr(release, "load", lambda: SimpleNamespace(fingerprint=lambda: "data"))
    run = tmp_path / "run"
    for folder in (
        run / "weights",
        run / "results" / "real",
        run / "results" / "gallery",
        tmp_path / "released",
    ):
        folder.mkdir(parents=True)
    (run / "weights" / "xnet.npz").write_bytes(b"new")
    write_json(run / "weights" / "xnet.json", {"sha256": "wide"})
    write_json(run / "weights" / "xnet-operating-points.json", {"weights_sha256": "wide"})
    write_json(run / "results" / "run.json", {"weights_sha256": "wide", "data_sha256": "data"})
    (tmp_path / "released" / "xnet.npz").write_bytes(b"quick")
    release.release(run, wide=True)
    found = {path.name: path.read_bytes() for path in (tmp_path / "released").iterdir()}
    assert found["xnet-wide.npz"] == b"new" and found["xnet.npz"] == b"quick"
    assert (tmp_path / "results" / "wide" / "real").is_dir()
    write_json(run / "weights" / "xnet-operating-points.json", {"weights_sha256": "others"})
    with pytest.raises(InputError, match="other weights"):
        release.release(run, wide=True)
    write_json(run / "weights" / "xnet-operating-points.json", {"weights_sha256": "wide"})
    (run / "results" / "real").rmdir()
    with pytest.raises(InputError, match="is missing"):
        release.release(run, wide=True)
    assert (tmp_path / "results" / "wide" / "real").is_dir()
    (run / "results" / "real").mkdir()
    write_json(run / "results" / "run.json", {"weights_sha256": "others", "data_sha256": "data"})
    with pytest.raises(InputError, match="other weights"):
        release.release(run, wide=True)
