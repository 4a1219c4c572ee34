"""Read radiographs from DICOM files: the picture as a viewer shows it, and what its tags say of it.

Source of the attributes and formulas: DICOM PS3.3, C.7.6.3.1.2 (Photometric Interpretation),
C.11.1 (Modality LUT), C.11.2 (VOI LUT) and C.8.11.3.1.2 (Pixel Intensity Relationship).
"""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xnet_io.pictures import MAX_BYTES, check_size, damaged, fault, quiet
from xnet_tf.files import InputError

PRESENTED = -4.0
"""Log odds of a bright open beam in a radiograph stored for presentation: displays show air black.

Taken to fail once in fifty-five: research exports keep the raw polarity under MONOCHROME2.
"""

UNDECLARED = -2.0
"""Log odds where the tags do not say that it is a radiograph (secondary capture, no modality)."""

_RADIOGRAPHY = ("CR", "DX", "IO", "MG", "PX", "RF", "RG", "XA")

# JPEG baseline, JPEG extended, JPEG-LS near-lossless, HTJ2K.
_LOSSY = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 203))

# A window that leaves less of the picture between its ends was made for something else.
_SMALLEST_WINDOWED_SHARE = 0.1


def read(path: str | Path) -> tuple[np.ndarray, float]:
    """Read a DICOM file as a viewer shows it.

    The chain is that of the standard: stored values, modality rescale or LUT, VOI LUT or window,
    then inversion for MONOCHROME1. The first window counts where there are several. A window that
    clips more than 90 % of the pixels is ignored. Presentation LUT Shape is not applied: the
    standard ties it to the photometric interpretation, which has been applied already.

    The second value says what the tags tell about the polarity, by the first rule that applies:

    1. Pixel Intensity Relationship Sign is decisive (+-infinity): 1 means that stored values rise
       with the beam's intensity, -1 that they fall.
    2. FOR PROCESSING: nothing is known (0), the photometric interpretation is only a habit there.
    3. FOR PRESENTATION, or a radiographic modality: displayed air is black (`PRESENTED`).
    4. Anything else: the same, less surely (`UNDECLARED`).

    Args:
        path: the file, with or without preamble, in any transfer syntax that pydicom decodes here.

    Returns:
        float32 or float64 ``(H, W)``, finite, black low; in [0, 1] if a window was applied. And the
        log odds that the open beam is bright in it.

    Raises:
        InputError: if the file is damaged, holds no single grey picture, is too large, or is
            compressed in a way that no installed decoder reads.
    """
    with quiet():
        from PIL import Image

        # Compressed pixels carry a size of their own, which only the decoder sees.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return _read(path)
        except InputError:
            raise
        except Exception as error:
            # As in `pictures.decode`: hostile bytes raise nearly everything.
            raise damaged(path, "DICOM", error) from None


def _read(path: str | Path) -> tuple[np.ndarray, float]:
    import pydicom

    from xnet_io import dicom_codecs

    dicom_codecs.register()
    _check_deflated(path)
    dataset = pydicom.dcmread(path, force=True)
    _check(path, dataset)
    stored = _stored(path, dataset)
    shown = _windowed(dataset, _rescaled(dataset, stored))
    shown = _without_padding(dataset, stored, shown)
    if not np.isfinite([shown.min(), shown.max()]).all():
        raise fault(path, "has values that are not finite", "export it again")
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = shown.max() - shown
    return shown, _prior(dataset, stored, shown)


def _check_deflated(path: str | Path) -> None:
    # pydicom inflates this transfer syntax without a limit.
    import pydicom

    with Path(path).open("rb") as stream:
        if stream.read(132)[128:] != b"DICM":
            return
        stream.seek(0)
        meta = pydicom.filereader.read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") != pydicom.uid.DeflatedExplicitVRLittleEndian:
            return
        # The meta header's first element (12 bytes from byte 132) holds the length of the rest.
        stream.seek(144 + int(meta.FileMetaInformationGroupLength))
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), MAX_BYTES)
    if len(inflated) >= MAX_BYTES:
        raise fault(path, "is too large when inflated", "export it uncompressed")


def _check(path: str | Path, dataset) -> None:
    keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    if not any(keyword in dataset for keyword in keywords):
        raise fault(path, "DICOM file without a picture", "give the file of the image itself")
    photometric = dataset.get("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or dataset.SamplesPerPixel != 1:
        raise fault(path, f"is not greyscale ({photometric})", "export it as greyscale")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise fault(path, f"holds {frames} frames", "export the one you want as a single picture")
    check_size(path, int(dataset.Rows), int(dataset.Columns), dataset.BitsAllocated / 8)


def _stored(path: str | Path, dataset) -> np.ndarray:
    import pydicom

    syntax = dataset.file_meta.get("TransferSyntaxUID") if "file_meta" in vars(dataset) else None
    if syntax is None:
        # Without a meta header the standard's default is meant, or explicit VR if it was found.
        syntax = pydicom.uid.ExplicitVRLittleEndian
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax.is_encapsulated and not _decodable(syntax):
        remedy = "decompress it (dcmtk: dcmdjpeg; gdcm: gdcmconv --raw)"
        raise fault(path, f"is compressed with {syntax.name}, which no decoder here reads", remedy)
    dataset.pixel_array_options(correct_unused_bits=False)
    stored = _used_bits(dataset, dataset.pixel_array)
    if stored.ndim != 2:
        raise fault(path, f"holds an array of shape {stored.shape}", "export a single picture")
    return stored


def _decodable(syntax) -> bool:
    from pydicom.pixels import get_decoder

    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def _used_bits(dataset, stored: np.ndarray) -> np.ndarray:
    """Keep the stored bits up to the high bit (PS3.5 8.1); old overlays lie in the others."""
    if stored.dtype.kind == "f":
        return stored
    allocated, used = 8 * stored.itemsize, int(dataset.BitsStored)
    high = int(dataset.get("HighBit") or used - 1)
    if not used - 1 <= high < allocated or used == allocated:
        return stored
    if dataset.file_meta.TransferSyntaxUID in _LOSSY:
        # Errors of the compression may lead out of the range, and would come round at its end.
        low = -(1 << used - 1) if stored.dtype.kind == "i" else 0
        return np.clip(stored, low, low + (1 << used) - 1)
    return stored << (allocated - 1 - high) >> (allocated - used)


def _without_padding(dataset, stored: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Bring pixels that are declared to be padding to the scale of the others."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return shown
    last = dataset.get("PixelPaddingRangeLimit")
    first, last = sorted((int(first), int(first if last is None else last)))
    others = shown[(stored < first) | (stored > last)]
    return np.clip(shown, others.min(), others.max()) if others.size else shown


def _rescaled(dataset, stored: np.ndarray) -> np.ndarray:
    if table := _table(dataset, "ModalityLUTSequence"):
        return _looked_up(stored, *table)
    # float32 holds 16-bit integers exactly and halves the memory.
    values = stored.astype(np.float32 if stored.itemsize <= 2 else np.float64)
    values *= float(dataset.get("RescaleSlope") or 1)
    values += float(dataset.get("RescaleIntercept") or 0)
    return values


def _table(dataset, name: str) -> tuple[int, np.ndarray] | None:
    """Return the first value that a look-up table maps, and its entries; None if it is empty."""
    items = dataset.get(name)
    if not items or not items[0].get("LUTDescriptor") or not items[0].get("LUTData"):
        return None
    count, first, _ = (int(value) for value in items[0].LUTDescriptor)
    entries = items[0].LUTData
    if isinstance(entries, bytes):
        # Entries of 8 bits may lie in bytes, contrary to the standard.
        width = 1 if len(entries) == (count or 1 << 16) else 2
        order = "<" if dataset.original_encoding[1] is not False else ">"
        entries = np.frombuffer(entries, f"{order}u{width}")
    return first, np.asarray(entries, dtype=np.float32)


def _looked_up(values: np.ndarray, first: int, entries: np.ndarray) -> np.ndarray:
    places = np.clip(values.astype(np.float64) - first, 0, len(entries) - 1)
    return entries[places.astype(np.intp)]


def _windowed(dataset, values: np.ndarray) -> np.ndarray:
    if table := _table(dataset, "VOILUTSequence"):
        return _looked_up(values, *table)
    centre = _first(dataset.get("WindowCenter"))
    width = _first(dataset.get("WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if centre is None or width is None or not math.isfinite(centre) or not width > 0:
        return values
    if function == "LINEAR" and width > 1:
        # C.11.2.1.2.1: a window of 256 centred on 128 shows the integers 0 to 255.
        low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    else:
        low, high = centre - width / 2, centre + width / 2
    if np.mean((values > low) & (values < high)) < _SMALLEST_WINDOWED_SHARE:
        return values
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -50, 50)))
    return np.clip((values - low) / (high - low), 0, 1)


def _first(value) -> float | None:
    if value is None or value == "":
        return None
    # Several alternative windows are a sequence of numbers.
    return float(value[0] if isinstance(value, Sequence) else value)


def _prior(dataset, stored: np.ndarray, shown: np.ndarray) -> float:
    sign = dataset.get("PixelIntensityRelationshipSign")
    if sign in (1, -1):
        return math.inf if (sign == 1) == _rises(stored, shown) else -math.inf
    intent = dataset.get("PresentationIntentType")
    if intent == "FOR PROCESSING":
        return 0.0
    if intent == "FOR PRESENTATION" or dataset.get("Modality") in _RADIOGRAPHY:
        return PRESENTED
    return UNDECLARED


def _rises(stored: np.ndarray, shown: np.ndarray) -> bool:
    # LUTs and negative slopes may turn the scale over, and MONOCHROME1 does; the sign speaks of the
    # stored values. Every 7th row and column is plenty, unless the picture is smaller than that.
    step = 7 if min(stored.shape) > 70 else 1
    before = stored[::step, ::step].astype(np.float64)
    after = shown[::step, ::step].astype(np.float64)
    return float(np.sum((before - before.mean()) * (after - after.mean()))) >= 0
