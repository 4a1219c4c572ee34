"""Compressed DICOM files: the pixels of another decoder, or those that were compressed."""

import imagecodecs
import numpy as np
import pydicom
import pytest
from picture_files import LOSSLESS, SMOOTH, message, write_compressed
from pydicom import uid
from pydicom.encaps import get_frame

from xnet_io import dicom, dicom_codecs


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
def test_lossless_compressions_give_back_the_pixels(tmp_path, syntax):
    path = write_compressed(tmp_path / "x", syntax, LOSSLESS[syntax](SMOOTH))
    np.testing.assert_array_equal(dicom.read(path)[0], SMOOTH)


@pytest.mark.parametrize(
    ("syntax", "encode", "error"),
    [
        (uid.JPEGLSNearLossless, lambda pixels: imagecodecs.jpegls_encode(pixels, level=3), 3),
        (
            uid.JPEGExtended12Bit,
            lambda pixels: imagecodecs.jpeg8_encode(pixels, level=95, bitspersample=12),
            60,
        ),
        (uid.HTJ2K, lambda pixels: imagecodecs.htj2k_encode(pixels, level=0.002), 250),
    ],
    ids=lambda value: getattr(value, "keyword", ""),
)
def test_lossy_compressions_nearly_do(tmp_path, syntax, encode, error):
    path = write_compressed(tmp_path / "x", syntax, encode(SMOOTH))
    shown = dicom.read(path)[0]
    assert 0 < np.abs(shown - SMOOTH).max() <= error


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("JPGExtended.dcm", imagecodecs.jpeg_decode),
        ("JPEG-LL.dcm", imagecodecs.jpegsof3_decode),
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", imagecodecs.jpegsof3_decode),
    ],
)
def test_files_of_other_programs(name, other):
    pytest.importorskip("data_store")
    dicom_codecs.register()
    dataset = pydicom.dcmread(pydicom.data.get_testdata_file(name, download=False))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    np.testing.assert_array_equal(dataset.pixel_array, other(frame))


def test_high_throughput_frames_are_decoded_as_by_openjph():
    frame = LOSSLESS[uid.HTJ2KLossless](SMOOTH)
    np.testing.assert_array_equal(imagecodecs.htj2k_decode(frame), SMOOTH)
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(frame), SMOOTH)


def test_a_compressed_twin_is_its_original():
    pytest.importorskip("data_store")
    dicom_codecs.register()
    arrays = [
        pydicom.dcmread(pydicom.data.get_testdata_file(name, download=False)).pixel_array
        for name in ("MR_small.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm")
    ]
    np.testing.assert_array_equal(arrays[0], arrays[1])
    np.testing.assert_array_equal(arrays[0], arrays[2])


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
def test_frames_of_another_size_and_cut_ones_are_refused(tmp_path, syntax):
    frame = LOSSLESS[syntax](np.pad(SMOOTH, 8))
    assert "damaged" in message(write_compressed(tmp_path / "x", syntax, frame))
    for share in (0.05, 0.9):
        cut = LOSSLESS[syntax](SMOOTH)
        message(write_compressed(tmp_path / "x", syntax, cut[: int(share * len(cut))]))
