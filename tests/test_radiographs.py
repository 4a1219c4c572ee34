"""Reading ends in an open beam that is bright, and says how the file had it."""

import subprocess
import sys

import numpy as np
import tifffile
from picture_files import limb, write_dicom

from xnet_io import radiographs
from xnet_io.radiographs import read


def test_auto_turns_presented_pictures_over(tmp_path):
    raw = limb().astype(np.float32)
    tifffile.imwrite(tmp_path / "raw.tif", raw)
    tifffile.imwrite(tmp_path / "presented.tif", 1 - raw)
    np.testing.assert_allclose(
        read(tmp_path / "raw.tif"), read(tmp_path / "presented.tif"), atol=1e-6
    )
    assert read(tmp_path / "raw.tif")[0, 0, 0] > 0.9


def test_what_was_taken_is_told(tmp_path):
    raw = limb().astype(np.float32)
    for picture, polarity in ((raw, "bright"), (1 - raw, "dark")):
        tifffile.imwrite(tmp_path / "x.tif", picture)
        found = radiographs.load(tmp_path / "x.tif")
        assert found.polarity == polarity and 0.5 < found.certainty < 1
        asked = radiographs.load(tmp_path / "x.tif", polarity)
        assert asked.polarity == polarity and asked.certainty == 1
        np.testing.assert_array_equal(asked.image, found.image)


def test_a_polarity_that_the_picture_contradicts_is_warned_of(tmp_path, monkeypatch):
    stored = np.uint16(1000 + 3000 * (1 - limb(200, 160)))
    path = write_dicom(tmp_path / "x", stored)
    assert radiographs.load(path).warnings == ()
    (warning,) = radiographs.load(path, "bright").warnings
    assert "as was asked for" in warning
    raw = write_dicom(tmp_path / "raw", 5000 - stored, PixelIntensityRelationshipSign=-1)
    (warning,) = radiographs.load(raw).warnings
    assert "as the tags say" in warning
    monkeypatch.setattr(radiographs, "log_odds", lambda image: -0.2)
    doubtful = write_dicom(tmp_path / "doubtful", stored, PresentationIntentType="FOR PROCESSING")
    (warning,) = radiographs.load(doubtful).warnings
    assert "taken for dark, which is only 55 % certain" in warning


def test_pictures_too_long_for_the_network_are_warned_of(tmp_path):
    noise = np.random.default_rng(0).random((12, 300), np.float32)
    for picture, expected in ((noise[:, :250], None), (noise, "25 times as long as wide")):
        tifffile.imwrite(tmp_path / "x.tif", picture)
        warnings = radiographs.load(tmp_path / "x.tif").warnings
        assert any(str(expected) in warning for warning in warnings) == bool(expected)


def test_importing_needs_no_tensorflow():
    script = "import sys, xnet_io.radiographs, xnet_io.masks; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
