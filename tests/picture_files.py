"""Pictures and files that the readers' tests share."""

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from xnet_io.radiographs import read
from xnet_tf.files import InputError

# As shown, black to white: 0, 1/3, 2/3, 1.
GREY8 = np.array([[0, 60, 120], [180, 120, 60]], dtype=np.uint8)
FRACTIONS = GREY8 / 180


def message(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text and ";" in text
    return text


def bright(path) -> np.ndarray:
    image = read(path, polarity="bright")
    assert image.dtype == np.float32 and image.ndim == 3 and image.shape[-1] == 1
    return image[..., 0]


def limb(height=160, width=128, bone=True) -> np.ndarray:
    """A cylinder of soft tissue around one of bone in an open beam: float ``(H, W)``, raw."""
    x = np.abs(np.arange(width) - width / 2 + np.linspace(-8, 8, height)[:, None]) / (width / 4)
    thickness = np.sqrt(np.clip(1 - x**2, 0, None))
    core = np.sqrt(np.clip(0.15 - x**2, 0, None)) if bone else 0
    return np.exp(-2 * thickness - 3 * core)


def write_dicom(path, stored, syntax=ExplicitVRLittleEndian, preamble=True, **tags):
    meta = FileMetaDataset()
    # pydicom compresses what was declared uncompressed.
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    meta.MediaStorageSOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    little = syntax != ExplicitVRBigEndian
    dataset = FileDataset(
        str(path), {}, file_meta=meta, preamble=b"\0" * 128, is_little_endian=little
    )
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "CR"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8 * stored.itemsize
    dataset.BitsStored = tags.pop("BitsStored", dataset.BitsAllocated)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    if syntax == ExplicitVRBigEndian:
        stored = stored.astype(stored.dtype.newbyteorder(">"))
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    if syntax == RLELossless:
        dataset.compress(RLELossless)
    if preamble:
        dataset.save_as(path, enforce_file_format=True)
    else:
        del dataset.file_meta
        dataset.preamble = None
        dataset.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return path


STORED = np.array([[0, 1000, 2000], [3000, 2000, 1000]], dtype=np.uint16)
THIRDS = STORED / 3000


SMOOTH = np.uint16(4000 * limb(60, 48)) + np.uint16(50)
LOSSLESS = {
    uid.JPEGLossless: lambda pixels: imagecodecs.jpeg8_encode(
        pixels, lossless=True, bitspersample=16, predictor=6
    ),
    uid.JPEGLosslessSV1: lambda pixels: imagecodecs.ljpeg_encode(pixels, bitspersample=12),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: lambda pixels: imagecodecs.jpeg2k_encode(
        pixels, level=0, codecformat="J2K", reversible=True
    ),
    uid.HTJ2KLossless: lambda pixels: imagecodecs.htj2k_encode(pixels, reversible=True),
}


def write_compressed(path, syntax, frame, **tags):
    dataset = pydicom.dcmread(write_dicom(path, SMOOTH, BitsStored=12, **tags))
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path)
    return path
