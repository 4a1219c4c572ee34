import io
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import xnet_tf
from xnet_io import radiographs
from xnet_io.masks import read_mask
from xnet_study import real
from xnet_tf import classes, cli, runs
from xnet_tf.backend import keras

REAL = real.paths()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    keras.utils.set_random_seed(1)
    architecture = {"filters": [4, 4, 4, 4], "kernel_size": 3, "num_classes": 3, "l2": 1e-4}
    model = xnet_tf.build_xnet((None, None, 1), **architecture)
    path = tmp_path_factory.mktemp("weights") / "tiny.npz"
    return xnet_tf.save_weights(model, path, {"architecture": architecture})


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "bars.png"
    grey = np.random.default_rng(1).integers(0, 65535, (70, 90), dtype=np.uint16)
    Image.fromarray(grey).save(path)
    return path


def segment(weights, out, *words, quality="normal"):
    given = ["--out", str(out), "--weights", str(weights)]
    return cli.main(["segment", "--quality", quality, *map(str, words), *given])


def test_masks_are_indexed_in_the_papers_colours_at_the_images_size(weights, picture, tmp_path):
    assert segment(weights, tmp_path / "out", picture) == 0
    with Image.open(tmp_path / "out" / "bars_mask.png") as mask:
        assert mask.mode == "P"
        assert mask.size == (90, 70)
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}
        assert mask.getpalette()[:9] == classes.COLOURS.ravel().tolist()


@pytest.mark.parametrize("name", ["lower leg", "chest"])
def test_real_radiographs_are_segmented_at_their_own_size(name, weights, tmp_path):
    assert segment(weights, tmp_path, REAL[name]) == 0
    with Image.open(tmp_path / f"{REAL[name].stem}_mask.png") as mask:
        assert mask.size == radiographs.read(REAL[name]).shape[1::-1]


def test_threshold_one_leaves_no_soft_tissue(weights, picture, tmp_path):
    assert segment(weights, tmp_path, picture, "--threshold", "1") == 0
    with Image.open(tmp_path / "bars_mask.png") as mask:
        assert 1 not in np.asarray(mask)


def test_a_gimp_project_holds_the_same_map(weights, picture, tmp_path, capfd):
    assert segment(weights, tmp_path / "out", picture, "--gimp") == 0
    png, project = (read_mask(tmp_path / "out" / f"bars_mask.{end}") for end in ("png", "xcf"))
    np.testing.assert_array_equal(png, project)
    assert segment(weights, tmp_path / "out", picture, "--gimp") == 0
    assert "was there" in capfd.readouterr().out
    assert segment(weights, tmp_path / "out", picture, "--gimp", "--threshold", "1") == 2
    assert "may hold corrections" in capfd.readouterr().err


def faulty(kind, tmp_path, picture):
    path = tmp_path / f"{kind}.png"
    if kind == "text":
        path.write_text("this is no picture")
    elif kind == "truncated":
        path.write_bytes(picture.read_bytes()[:500])
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "empty", "folder"])
def test_bad_images_give_one_line_and_status_2(kind, weights, picture, tmp_path, capfd):
    path = faulty(kind, tmp_path, picture)
    if kind != "folder":
        assert segment(weights, tmp_path / "out", path) == 2
        error = capfd.readouterr().err
        assert error.count("\n") == 1 and path.name in error
        assert not (tmp_path / "out").exists()
    assert segment(weights, tmp_path / "out", picture, path) == 1
    failed = [line for line in capfd.readouterr().err.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1 and path.name in failed[0]
    assert (tmp_path / "out" / "bars_mask.png").exists(), "the others are segmented"


def test_bad_weights_give_one_line_and_status_2(picture, tmp_path, capfd):
    for path in (tmp_path / "none.npz", picture):
        assert segment(path, tmp_path / "out", picture) == 2
        assert capfd.readouterr().err.count("\n") == 1


def test_images_that_would_share_a_mask_are_refused(weights, picture, tmp_path, capfd):
    other = tmp_path / "other" / "bars.png"
    other.parent.mkdir()
    other.write_bytes(picture.read_bytes())
    assert segment(weights, tmp_path / "out", picture, other) == 2
    assert "would both be written" in capfd.readouterr().err


def test_a_mask_never_overwrites_an_image_to_be_segmented(weights, picture, capfd):
    other = picture.with_name("bars_mask.png")
    other.write_bytes(picture.read_bytes())
    assert segment(weights, picture.parent, picture, other) == 1
    assert "would overwrite" in capfd.readouterr().err
    assert other.read_bytes() == picture.read_bytes()


def test_output_folder_that_is_a_file_is_refused(weights, picture, capfd):
    assert segment(weights, picture, picture) == 2
    assert "cannot be used as output folder" in capfd.readouterr().err


@pytest.mark.parametrize("value", ["1.5", "nan", "much"])
def test_bad_thresholds_are_refused(value, weights, picture, tmp_path, capfd):
    with pytest.raises(SystemExit) as stop:
        segment(weights, tmp_path, picture, "--threshold", value)
    assert stop.value.code == 2


def test_help_names_every_command_at_once():
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "xnet_tf", "--help"], capture_output=True, text=True, check=True
    )
    assert time.perf_counter() - started < 5, "no library is loaded for it; idle: 0.2 s"
    for name in ("segment", "import-masks", "train", "evaluate", "compare", "figures", "summary"):
        assert name in done.stdout


def test_released_weights_have_names(picture, tmp_path):
    assert segment("quick", tmp_path / "by-name", picture) == 0
    assert segment(runs.RELEASED_WEIGHTS, tmp_path / "by-path", picture) == 0
    masks = [(tmp_path / name / "bars_mask.png").read_bytes() for name in ("by-name", "by-path")]
    assert masks[0] == masks[1]


def test_version_is_said(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"xnet {xnet_tf.__version__}\n"


def test_train_and_evaluate_a_folder_of_ones_own(data_folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XNET_RUNS", str(tmp_path))
    words = ["--profile", "smoke", "--data", str(data_folder)]
    assert cli.main(["train", *words]) == 0
    assert cli.main(["evaluate", *words]) == 0
    assert "macro F1" in capfd.readouterr().out
    assert (
        cli.main(
            [
                "figures",
                "--results",
                str(tmp_path / "smoke" / "results"),
                "--out",
                str(tmp_path / "figures"),
            ]
        )
        == 0
    )
    assert (tmp_path / "figures" / "scores.svg").is_file()


def test_a_folder_that_is_no_data_set_gives_one_line(tmp_path, capfd):
    assert cli.main(["train", "--data", str(tmp_path)]) == 2
    assert capfd.readouterr().err.count("\n") == 1


def test_the_module_runs_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "xnet_tf", "segment", "no.png", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no.png" in done.stderr


def test_qualities_differ_in_views_and_not_in_form(weights, picture, tmp_path):
    masks = {}
    for quality in ("low", "normal", "high"):
        assert segment(weights, tmp_path / quality, picture, quality=quality) == 0
        (written,) = (tmp_path / quality).glob("*_mask.png")
        masks[quality] = np.array(Image.open(written))
    assert masks["low"].shape == masks["normal"].shape == masks["high"].shape
    assert (masks["low"] == masks["normal"]).mean() > 0.9


@pytest.mark.parametrize("words", [["--batch-size", "0"], ["--precision", "float8"]])
def test_impossible_training_settings_are_refused(words, capfd):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["train", *words])
    assert words[0] in capfd.readouterr().err


def test_commands_run_where_the_output_is_no_file_as_in_notebooks(
    monkeypatch, weights, picture, tmp_path
):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert segment(weights, tmp_path / "masks", picture) == 0
