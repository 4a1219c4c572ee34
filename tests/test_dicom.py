"""DICOM: transfer syntaxes, windows, polarity by tags, the two real radiographs."""

import numpy as np
import pydicom
import pytest
from picture_files import FRACTIONS, GREY8, STORED, THIRDS, bright, limb, message, write_dicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from xnet_io import dicom
from xnet_io.radiographs import read


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    ],
)
def test_dicom_transfer_syntaxes(tmp_path, syntax):
    path = write_dicom(tmp_path / "x", STORED, syntax, BitsStored=12)
    np.testing.assert_allclose(bright(path), THIRDS, atol=1e-6)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_dicom_without_preamble(tmp_path, syntax):
    path = write_dicom(tmp_path / "x", STORED, syntax, preamble=False, BitsStored=12)
    np.testing.assert_allclose(bright(path), THIRDS, atol=1e-6)


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 8), ("uint16", 10), ("int16", 12)])
def test_dicom_depths(tmp_path, dtype, bits):
    pixels = GREY8.astype(dtype) - np.array(60 if dtype == "int16" else 0, dtype)
    path = write_dicom(tmp_path / "x", pixels, BitsStored=bits)
    np.testing.assert_allclose(bright(path), FRACTIONS, atol=1e-6)


def test_dicom_monochrome1_is_shown_inverted(tmp_path):
    path = write_dicom(tmp_path / "x", STORED, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(bright(path), 1 - THIRDS, atol=1e-6)
    image = read(path, polarity="dark")
    np.testing.assert_allclose(image[..., 0], THIRDS, atol=1e-6)


def test_dicom_negative_slope_turns_the_scale_over(tmp_path):
    path = write_dicom(tmp_path / "x", STORED, RescaleSlope="-2", RescaleIntercept="5")
    np.testing.assert_allclose(bright(path), 1 - THIRDS, atol=1e-6)


def test_dicom_window_clips(tmp_path):
    # LINEAR: from 1500 - 0.5 - 1000 to 1500 - 0.5 + 1000, so 499.5 is black and 2499.5 white.
    tags = {"WindowCenter": ["1500", "1"], "WindowWidth": ["2001", "2"]}
    path = write_dicom(tmp_path / "x", STORED, **tags)
    shown, _ = dicom.read(path)
    expected = np.array([[0, 500.5, 1500.5], [2000, 1500.5, 500.5]]) / 2000
    np.testing.assert_allclose(shown, expected, atol=1e-6)
    path = write_dicom(tmp_path / "x", STORED, VOILUTFunction="LINEAR_EXACT", **tags)
    shown, _ = dicom.read(path)
    # From 499.5 to 2500.5 by the other formula.
    np.testing.assert_allclose(shown[0], [0, 500.5 / 2001, 1500.5 / 2001], atol=1e-6)
    path = write_dicom(tmp_path / "x", STORED, VOILUTFunction="SIGMOID", **tags)
    shown, _ = dicom.read(path)
    np.testing.assert_allclose(shown[0, 1], 1 / (1 + np.exp(4 * 500 / 2001)), atol=1e-6)


@pytest.mark.parametrize(
    ("centre", "width"), [("60000", "10"), ("1500", "0"), ("1500", "-5"), ("", "")]
)
def test_dicom_useless_windows_are_ignored(tmp_path, centre, width):
    path = write_dicom(tmp_path / "x", STORED, WindowCenter=centre, WindowWidth=width)
    np.testing.assert_allclose(bright(path), THIRDS, atol=1e-6)


def lut(first, entries):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, 16])
    item.add_new("LUTData", "US", entries)
    return [item]


def test_dicom_lookup_tables(tmp_path):
    small = np.array([[0, 1], [2, 3]], dtype=np.uint16)
    path = write_dicom(tmp_path / "x", small, ModalityLUTSequence=lut(0, [0, 10, 30, 40]))
    np.testing.assert_allclose(bright(path), [[0, 0.25], [0.75, 1]], atol=1e-6)
    path = write_dicom(tmp_path / "x", small, VOILUTSequence=lut(1, [40, 30, 0]))
    np.testing.assert_allclose(bright(path), [[1, 1], [0.75, 0]], atol=1e-6)


def test_dicom_intensity_sign_is_decisive(tmp_path):
    dark = (1000 * (1 - limb())).astype(np.uint16)
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        for sign, expected in ((1, dark), (-1, 1000 - dark.astype(float))):
            path = write_dicom(
                tmp_path / "x",
                dark,
                PhotometricInterpretation=photometric,
                PixelIntensityRelationshipSign=sign,
            )
            image = read(path)[..., 0]
            assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.99
            assert not np.isfinite(dicom.read(path)[1])


@pytest.mark.parametrize(
    ("tags", "prior"),
    [
        ({}, dicom.PRESENTED),
        ({"PresentationIntentType": "FOR PRESENTATION"}, dicom.PRESENTED),
        ({"PresentationIntentType": "FOR PROCESSING"}, 0),
        ({"Modality": "OT"}, dicom.UNDECLARED),
        ({"PixelIntensityRelationshipSign": 0}, dicom.PRESENTED),
    ],
)
def test_dicom_priors(tmp_path, tags, prior):
    assert dicom.read(write_dicom(tmp_path / "x", STORED, **tags))[1] == prior


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_dicom_that_is_no_single_grey_picture(tmp_path):
    path = tmp_path / "x"
    assert "3 frames" in message(write_dicom(path, np.stack([STORED] * 3), NumberOfFrames=3))
    tags = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    assert "not greyscale (RGB)" in message(write_dicom(path, np.stack([STORED] * 3), **tags))
    write_dicom(path, STORED)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    assert "without a picture" in message(path)
    write_dicom(path, STORED)
    path.write_bytes(path.read_bytes()[:-5])
    assert "truncated" in message(path)
    assert "too large" in message(write_dicom(path, STORED, Rows=60000, Columns=60000))
    message(write_dicom(path, STORED, Rows=0))
    assert "not finite" in message(write_dicom(path, STORED, RescaleIntercept="nan"))


def test_dicom_without_a_decoder_names_the_compression(tmp_path):
    path = write_dicom(tmp_path / "x", STORED)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
    dataset.save_as(path)
    assert "MPEG2" in message(path)


@pytest.mark.parametrize("name", ["RG1", "RG3"])
def test_real_radiographs(name):
    pytest.importorskip("data_store")
    path = pydicom.data.get_testdata_file(f"{name}_UNCR.dcm", download=False)
    stored = pydicom.dcmread(path).pixel_array
    image = read(path)
    assert image.shape == (*stored.shape, 1)
    assert 0 <= image.min() < image.max() <= 1
    # Both store the beam's intensity under MONOCHROME1, so that a viewer shows bone white.
    assert np.corrcoef(image[::9, ::9, 0].ravel(), stored[::9, ::9].ravel())[0, 1] > 0.9
    twin = pydicom.data.get_testdata_file(f"{name}_J2KR.dcm", download=False)  # lossless
    np.testing.assert_array_equal(read(twin), image)
