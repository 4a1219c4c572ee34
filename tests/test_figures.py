import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from xnet_study import figures
from xnet_study.figures import comparison_figures, drawing, score_figures
from xnet_tf import classes, plots, runs
from xnet_tf.files import InputError

RELEASED = runs.REPOSITORY / "results"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Every figure of the release, drawn by the command line where there is no TensorFlow."""
    out = tmp_path_factory.mktemp("figures")
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; "
        "from xnet_tf.cli import main; raise SystemExit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "figures", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_every_figure_is_drawn_as_png_and_all_but_pictures_as_svg(drawn):
    # The comparison and the population take hours: a release may be without them.
    needs = {"robustness": "robustness.csv", "comparison-unseen-parts": "table3-unseen.csv"}
    needs |= {f"comparison-{name}": f"table3-{name}.csv" for name in ("images", "budgets")}
    needs["comparison-pictures"] = "comparison/pictures.npz"
    comparison = [n for n in comparison_figures.FIGURES if n.startswith("comparison")]
    needs = dict.fromkeys(comparison, "table3.csv") | needs
    lacking = {name for name, file in needs.items() if not (RELEASED / file).is_file()}
    expected = set(figures.FIGURES) - lacking
    files = {f"{name}.png" for name in expected}
    files |= {f"{name}.svg" for name in expected - figures.PICTURES}
    assert {path.name for path in drawn.iterdir()} == files
    for path in drawn.glob("*.png"):
        preview = plots.preview(path, width=300)
        assert preview.width == 300
        assert len(preview.getcolors()) <= 128
        assert np.asarray(preview.convert("L")).std() > 5, f"{path.name} is blank"


def test_equal_numbers_give_equal_files(drawn, tmp_path, monkeypatch):
    some = {name: figures.FIGURES[name] for name in ("scores", "post-processing")}
    monkeypatch.setattr(figures, "FIGURES", some)
    for path in figures.draw_all(RELEASED, tmp_path):
        assert path.read_bytes() == (drawn / path.name).read_bytes(), path.name


def test_a_figure_is_previewed_and_closed():
    figure = score_figures.class_bars(RELEASED)
    assert plots.preview(figure, width=300).width == 300
    assert figure.number not in plots.plt.get_fignums()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="evaluate a network first"):
        figures.draw_all(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_summary_sets_paper_release_and_run_side_by_side(tmp_path):
    table = score_figures.summary(tmp_path, RELEASED)
    assert list(table.columns) == ["paper", "released", "this run"]
    assert table.loc["accuracy", "paper"] == "0.92"
    assert table.loc["macro F1", "released"].startswith("0.")
    assert set(table["this run"]) == {"not available"}


def test_unknown_published_figures_stay_unknown():
    assert score_figures.published("results.u_net") == "not available"


def test_every_class_has_a_colour_for_lines():
    assert set(drawing.CLASS_COLOURS) == set(classes.NAMES)
    for colour in {*drawing.CLASS_COLOURS.values(), *drawing.METHOD_COLOURS.values()}:
        Image.new("RGB", (1, 1), colour)  # refuses what is no colour


def test_index_lists_every_figure():
    index = (runs.REPOSITORY / "figures" / "INDEX.md").read_text()
    for name in figures.FIGURES:
        assert f"{name}.png" in index
