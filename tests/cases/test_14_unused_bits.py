"""Equal pictures from all transfer syntaxes: only Bits Stored bits that end at High Bit count.

PS3.5 8.1. Beyond them lie old overlays.
"""

import imagecodecs
import numpy as np
import pydicom
import pytest
from picture_files import write_dicom
from pydicom.encaps import encapsulate

from xnet_io import radiographs

PLAIN = (np.linspace(0, 1, 96)[:, None] * np.linspace(0.2, 1, 80) * 3000 + 200).astype(np.uint16)
MARKED = PLAIN.copy()
MARKED[10:40, 10:40] |= 0x8000  # an overlay in the unused bits


def uncompressed(path):
    return write_dicom(path, MARKED, BitsStored=12)


def jpeg_2000(path):
    dataset = pydicom.dcmread(write_dicom(path, MARKED, BitsStored=12))
    frame = imagecodecs.jpeg2k_encode(MARKED, level=0, codecformat="J2K", reversible=True)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    dataset.save_as(path)
    return path


def upper_end(path):
    return write_dicom(path, PLAIN << 4, BitsStored=12, HighBit=15)


@pytest.mark.parametrize("write", [uncompressed, jpeg_2000, upper_end])
def test_unused_bits(tmp_path, write):
    right = radiographs.read(write_dicom(tmp_path / "a.dcm", PLAIN, BitsStored=12), "bright")
    assert np.abs(radiographs.read(write(tmp_path / "x.dcm"), "bright") - right).max() <= 0.05
