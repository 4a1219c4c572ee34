"""A plain black margin around a hospital picture (air dark) does not turn polarity "auto" over.

What is no X-ray (frame, letterbox, electronic shutter, mount) does not decide the polarity: the
answer is the same as without it.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnet_io import dicom, radiographs
from xnet_study import real

IMAGES = sorted((Path(__file__).resolve().parents[2] / "data" / "images").glob("*.png"))[::6]
SHARES = (0, 0.03, 0.08)


def auto_is_dark(path, picture):
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(path)
    return np.array_equal(radiographs.read(path), radiographs.read(path, "dark"))


def test_simulated(tmp_path):
    right = {share: [] for share in SHARES}
    for file in IMAGES:
        raw = radiographs.read(file, "bright")[..., 0]
        shown = 1 - np.log(raw * 999 + 1) / np.log(1000)  # as a hospital presents it: air dark
        for share in SHARES:
            framed = np.pad(shown, int(share * max(shown.shape)))
            right[share].append(auto_is_dark(tmp_path / "x.png", framed))
    for share in SHARES[1:]:
        assert np.mean(right[share]) >= np.mean(right[0]) - 0.1, share


@pytest.mark.skipif(not real.paths(), reason="pydicom-data is not installed")
@pytest.mark.parametrize("name", real.paths())
def test_real(tmp_path, name):
    grey = dicom.read(real.paths()[name])[0]
    grey = (grey - grey.min()) / np.ptp(grey)
    for share in SHARES:
        framed = np.pad(grey, int(share * max(grey.shape)))
        assert auto_is_dark(tmp_path / "x.png", framed), share
