"""Projects for GIMP: what is written is read back, and real GIMP shows it."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xnet_io import xcf, xcf_writer
from xnet_io.masks import read_mask, write_project
from xnet_tf import classes


def example(seed, height, width):
    rng = np.random.default_rng(seed)
    return rng.random((height, width, 1)), rng.integers(0, 3, (height, width)).astype(np.uint8)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), height=st.integers(1, 200), width=st.integers(1, 200))
def test_a_written_project_gives_back_the_map(tmp_path_factory, seed, height, width):
    image, labels = example(seed, height, width)
    path = write_project(tmp_path_factory.mktemp("p") / "m.xcf", image, labels)
    np.testing.assert_array_equal(read_mask(path), labels)
    below = xcf.read(path).layers[1]
    assert below.name == "radiograph" and below.opacity == 1
    grey = np.round(255 * np.sqrt(image[..., 0]))
    np.testing.assert_array_equal(below.pixels()[..., 0], grey)


def test_sizes_must_agree(tmp_path):
    with pytest.raises(ValueError):
        write_project(tmp_path / "m.xcf", np.zeros((3, 4, 1)), np.zeros((4, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_equal_input_gives_equal_files(tmp_path):
    image, labels = example(1, 70, 130)
    files = [write_project(tmp_path / name, image, labels).read_bytes() for name in ("a", "b")]
    assert files[0] == files[1]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gimp"), reason="GIMP is not installed")
def test_real_gimp_opens_it_with_the_same_pixels(tmp_path):
    labels = example(2, 150, 90)[1]
    painted = classes.COLOURS[labels]
    path = tmp_path / "m.xcf"
    xcf_writer.write(path, [("labels", painted, 0.5), ("radiograph", 255 - painted, 1.0)])
    script = (
        f'(let* ((img (car (gimp-file-load 1 "{path}" "m")))'
        "        (layers (cadr (gimp-image-get-layers img))))"
        f' (file-png-save 1 img (aref layers 0) "{tmp_path}/a.png" "a" 0 9 0 0 0 0 0)'
        f' (file-png-save 1 img (aref layers 1) "{tmp_path}/b.png" "b" 0 9 0 0 0 0 0)'
        f' (gimp-xcf-save 1 img (aref layers 0) "{tmp_path}/again.xcf" "c"))'
    )
    command = ["gimp", "--no-interface", "--new-instance", "-b", script, "-b", "(gimp-quit 0)"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), painted)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), 255 - painted)
    np.testing.assert_array_equal(read_mask(tmp_path / "again.xcf"), labels)
