import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

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


# Linear RGB as seen without one kind of cone, and in grey (Vienot, Brettel and Mollon 1999; tritan:
# Machado, Oliveira and Fernandes 2009).
SEEN = {
    "usual": np.eye(3),
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
TOGETHER = {
    "networks": [
        *("XNet", "U-Net", "SegNet", "SimpleSegNet (authors' code)"),
        *("DeepLabV3+ (ResNet, untrained)", "U-Net as wired (authors' code)"),
    ],
    "simple": ["XNet", "multi-Otsu", "constant"],
    "calibration": ["as trained", "temperature", "isotonic"],
    "coverage": ["as trained", "eight views", "ensemble"],
    "rules": ["naive", "conformal", "learn then test"],
    "classes": list(classes.NAMES),
}


def lab(colour, seen):
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN[seen]) @ linear, 0, 1)
    return rgb2lab(
        np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    )


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("kind", TOGETHER)
def test_colours_that_stand_together_differ_for_every_eye(kind, seen):
    colours = drawing.METHOD_COLOURS | drawing.CLASS_COLOURS
    for pair in itertools.combinations(TOGETHER[kind], 2):
        distance = deltaE_ciede2000(*(lab(colours[name], seen) for name in pair))
        assert distance > (35 if pair == ("XNet", "U-Net") else 10), (pair, seen, distance)


def test_letters_can_be_read_where_figures_are_shown(drawn):
    """A figure is shown as wide as it is drawn, so that its points are points."""
    assert max(Image.open(path).width for path in drawn.glob("*.png")) <= 150 * drawing.WIDTH
    for name in ("gallery", "comparison", "calibration-reliability", "threshold-promises"):
        texts = figures.FIGURES[name](RELEASED).findobj(Text)
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 7, name


def test_index_lists_every_figure():
    index = (runs.REPOSITORY / "figures" / "INDEX.md").read_text()
    for name in figures.FIGURES:
        assert f"{name}.png" in index
