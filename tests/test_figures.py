import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnet_study.figures import comparison_figures, release
from xnet_tf import plots, runs
from xnet_tf.files import InputError

RELEASED = runs.REPOSITORY / "results"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("figures")
    return release.draw_all(RELEASED, out)


def test_every_figure_is_drawn_as_png_and_all_but_pictures_as_svg(drawn):
    # The comparison and the population take hours: a release may be without them.
    needs = {"robustness": "robustness.csv", "comparison-unseen-parts": "table3-folds.csv"}
    comparison = [n for n in comparison_figures.FIGURES if n.startswith("comparison")]
    needs = dict.fromkeys(comparison, "table3.csv") | needs
    lacking = {name for name, file in needs.items() if not (RELEASED / file).is_file()}
    expected = set(release.FIGURES) - lacking
    both = [f"{name}.svg" for name in expected - release.PICTURES]
    assert sorted(p.name for p in drawn) == sorted([*both, *(f"{name}.png" for name in expected)])
    for path in drawn:
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert np.asarray(image.convert("L")).std() > 5, f"{path.name} is blank"


def test_previews_are_small(drawn):
    for path in drawn:
        if path.suffix == ".png":
            image = plots.preview(path, width=300)
            assert image.width == 300
            assert len(image.getcolors()) <= 128
    assert plots.preview(release.score_bars(RELEASED), width=300).width == 300


def test_equal_numbers_give_equal_files(drawn, tmp_path):
    again = release.draw_all(RELEASED, tmp_path)
    for first, second in zip(drawn, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_figures_need_no_tensorflow(drawn, tmp_path):
    script = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; "
        "from xnet_tf.cli import main; raise SystemExit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "figures", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    assert len(list(tmp_path.iterdir())) == len(drawn)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="evaluate a network first"):
        release.draw_all(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_summary_sets_paper_release_and_run_side_by_side(tmp_path):
    table = release.summary(tmp_path, RELEASED)
    assert list(table.columns) == ["paper", "released", "this run"]
    assert table.loc["accuracy", "paper"] == "0.92"
    assert table.loc["macro F1", "released"].startswith("0.")
    assert set(table["this run"]) == {"not available"}


def test_unknown_published_figures_stay_unknown():
    assert release.paper("results.u_net") == "not available"


def test_index_lists_every_figure():
    index = (Path(runs.REPOSITORY) / "figures" / "INDEX.md").read_text()
    for name in release.FIGURES:
        assert f"{name}.png" in index
