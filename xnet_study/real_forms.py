"""Two real radiographs in many forms: margins, faults of detectors, file formats, compressions.

    python -m xnet_study.real_forms

Each form is read as `xnet segment` reads it, polarity found by itself, and segmented; the pixels
that are right, by the masks outlined by hand, are compared with those of the file as it came.
Pixels of a margin, and those that a dead column, padding or a label covers, show no patient and
count for neither. ``results/reliability-real.csv`` gets a row for each form.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pandas as pd
import pydicom
import tifffile
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate
from tqdm import tqdm

from xnet_io import dicom, masks, radiographs
from xnet_io.engines import load_network
from xnet_study import real
from xnet_tf import inference, runs
from xnet_tf.files import save_table, sha256, write_json

TOLERANCE = 0.01
"""By how much the share of right pixels may fall below the plain file's."""

QUALITY = "high"

SHARES = (0.01, 0.05, 0.15)
"""Widths of margins, relative to the longer side."""

LEVELS = {"black": 0.0, "grey": 0.5, "white": 1.0}
"""Grey values of margins, as shown."""

MARGINS = [("none", 0.0), *itertools.product(LEVELS, SHARES)]


def dead_column(stored: np.ndarray, full: int) -> np.ndarray:
    """Set a column to the largest value, as a dead one of a flat panel has it."""
    stored = stored.copy()
    stored[:, stored.shape[1] // 3] = full
    return stored


def padding(stored: np.ndarray, full: int) -> np.ndarray:
    """Set two corners to the largest value, as those of a turned picture are padded."""
    rows, columns = np.indices(stored.shape, sparse=True)
    depth = max(stored.shape) // 8
    corners = (rows + columns < depth) | (rows + columns > sum(stored.shape) - 2 - depth)
    return np.where(corners, full, stored).astype(stored.dtype)


def label_box(stored: np.ndarray, full: int) -> np.ndarray:
    """Burn in a label: a box of the smallest value with letters of the largest."""
    stored = stored.copy()
    height, width = stored.shape[0] // 16, stored.shape[1] // 5
    box = np.zeros((height, width), np.uint8)
    place, size = (height // 4, 3 * height // 4), height / 40
    cv2.putText(box, "LEFT AP", place, cv2.FONT_HERSHEY_SIMPLEX, size, 1, max(1, height // 20))
    stored[height : 2 * height, -width - height : -height] = np.where(box, full, 0)
    return stored


ALTERATIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "none": lambda stored, full: stored,
    "dead column": dead_column,
    "padding": padding,
    "label box": label_box,
}
"""Name -> from stored values ``(H, W)`` and the largest possible one to stored values."""


def rle(stored: np.ndarray) -> bytes:
    """Encode a frame of uint16 as DICOM PS3.5, annex G, has it: a segment each for high and low."""
    planes = (np.uint8(stored >> 8), np.uint8(stored & 255))
    segments = [b"".join(imagecodecs.packbits_encode(row) for row in plane) for plane in planes]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    return struct.pack("<16L", 2, 64, 64 + len(segments[0]), *[0] * 13) + b"".join(segments)


ENCODERS: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {
    "JPEG Lossless": (
        uid.JPEGLosslessSV1,
        lambda stored: imagecodecs.ljpeg_encode(stored, bitspersample=16),
    ),
    "JPEG-LS": (uid.JPEGLSLossless, imagecodecs.jpegls_encode),
    "JPEG 2000": (
        uid.JPEG2000Lossless,
        lambda stored: imagecodecs.jpeg2k_encode(
            stored, level=0, codecformat="J2K", reversible=True
        ),
    ),
    "RLE": (uid.RLELossless, rle),
    "HTJ2K": (
        uid.HTJ2KLossless,
        lambda stored: imagecodecs.htj2k_encode(stored, reversible=True),
    ),
    "JPEG, 12 bits": (
        uid.JPEGExtended12Bit,
        lambda stored: imagecodecs.jpeg8_encode(stored, level=95, bitspersample=12),
    ),
}
"""DICOM compressions: transfer syntax, and from uint16 ``(H, W)`` to a frame."""

PICTURES: dict[str, Callable[[Path, np.ndarray], object]] = {
    "PNG": lambda path, shown: Image.fromarray(np.uint16(np.round(65535 * shown))).save(
        path, format="PNG", compress_level=1
    ),
    "TIFF": lambda path, shown: tifffile.imwrite(path, np.uint16(np.round(65535 * shown))),
    "JPEG": lambda path, shown: Image.fromarray(np.uint8(np.round(255 * shown))).save(
        path, format="JPEG", quality=90
    ),
}
"""Formats without tags: from a path and the picture as viewers show it, in [0, 1], to a file."""


def write_dicom(path: Path, source: pydicom.Dataset, stored: np.ndarray, name: str = "") -> None:
    """Write stored values with another file's tags.

    Args:
        path: destination.
        source: the other file's data set; it is changed.
        stored: uint16 ``(H, W)``.
        name: of `ENCODERS`; empty for no compression.
    """
    source.Rows, source.Columns = stored.shape
    excess = int(source.BitsStored) - 12
    if name == "JPEG, 12 bits" and excess > 0:
        stored = stored >> excess
        source.BitsStored, source.HighBit = 12, 11
        for keyword in ("WindowCenter", "WindowWidth", "PixelPaddingValue"):
            if keyword in source:
                setattr(source, keyword, int(source[keyword].value) >> excess)
    if name:
        source.file_meta.TransferSyntaxUID, encode = ENCODERS[name]
        source.PixelData = encapsulate([encode(np.ascontiguousarray(stored))])
        source["PixelData"].VR = "OB"
        source["PixelData"].is_undefined_length = True
    else:
        source.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        source.PixelData = stored.tobytes()
        source["PixelData"].VR = "OW"
    source.save_as(path, enforce_file_format=True)


def write_forms(original: Path, folder: Path) -> Iterator[tuple[dict, np.ndarray, Path]]:
    """Write a radiograph in every form, each over the one before.

    Args:
        original: DICOM file of a radiograph, uncompressed.
        folder: for the one file.

    Yields:
        What is known of the form; where it shows what the original does, bool ``(H, W)`` of its
        own size; and the file.
    """
    clean = pydicom.dcmread(original)
    full = 2 ** int(clean.BitsStored) - 1
    inverted = clean.PhotometricInterpretation == "MONOCHROME1"
    path = folder / "form"
    for (margin, share), alteration in itertools.product(MARGINS, ALTERATIONS):
        stored = ALTERATIONS[alteration](clean.pixel_array, full)
        same = stored == clean.pixel_array
        width = round(share * max(stored.shape))
        level = LEVELS.get(margin, 0.0)
        stored = np.pad(stored, width, constant_values=round(full * abs(inverted - level)))
        same = np.pad(same, width)
        about = {"margin": margin, "margin_share": share, "alteration": alteration}
        write_dicom(path, pydicom.dcmread(original), stored)
        shown = dicom.read(path)[0]
        for name, write in PICTURES.items():
            write(path, shown)
            yield about | {"format": name}, same, path
        for name in ENCODERS:
            source = pydicom.dcmread(original)
            if alteration == "padding":
                source.add_new(0x00280120, "US", full)
            write_dicom(path, source, stored, name)
            yield about | {"format": f"DICOM, {name}"}, same, path


class Reader:
    """Reads files and segments them; pictures that are equal once read are segmented once.

    Args:
        network: as `xnet_tf.inference` takes it.
    """

    def __init__(self, network: inference.Network):
        self._network = network
        # Lossless forms of one alteration follow each other; a margin leaves the picture as it was.
        self.interpret = functools.lru_cache(maxsize=3)(self._interpret)
        self.segment = functools.lru_cache(maxsize=24)(self._segment)

    def __call__(self, path: Path) -> tuple[radiographs.Radiograph, np.ndarray]:
        """Return what was read, and the label map ``(H, W)`` of all of it."""
        shown, prior = radiographs.shown_by(path)
        radiograph = self.interpret(_Pixels(shown), prior)
        exposed = radiograph.image[radiograph.exposed]
        return radiograph, radiograph.widen(self.segment(_Pixels(exposed)))

    def _interpret(self, shown: _Pixels, prior: float) -> radiographs.Radiograph:
        return radiographs.interpret(shown.values, prior)

    def _segment(self, image: _Pixels) -> np.ndarray:
        return inference.segment(self._network, image.values, quality=QUALITY).labels


class _Pixels:
    """An array that is known by its content."""

    def __init__(self, values: np.ndarray):
        self.values = values
        content = hashlib.sha256(np.ascontiguousarray(values)).digest()
        self._key = values.shape, values.dtype.str, content

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: _Pixels) -> bool:
        return self._key == other._key


def measure(
    reader: Callable[[Path], tuple[radiographs.Radiograph, np.ndarray]],
    name: str,
    original: Path,
    forms: Iterator[tuple[dict, np.ndarray, Path]],
) -> Iterator[dict]:
    """Compare the masks of a radiograph's forms with its own.

    Args:
        reader: from a file to what was read and its label map.
        name: of the radiograph, and of its mask outlined by hand.
        original: its file.
        forms: of `write_forms`.

    Yields:
        A row for each form: what is known of it, the share of the picture that is ``covered``,
        polarity taken, whether it was ``warned`` of; ``accuracy``, the share of the other pixels
        that are right; ``lost``, by how much that is below the plain file's in the same pixels;
        ``as_plain``, whether that is within `TOLERANCE`.
    """
    truth = masks.read_mask(real.MASKS / f"{name}.png")
    plain = reader(original)[1] == truth
    for about, same, path in forms:
        radiograph, labels = reader(path)
        width = (len(same) - len(truth)) // 2
        inner = np.s_[width : width + truth.shape[0], width : width + truth.shape[1]]
        counted = same[inner]
        accuracy = float((labels[inner] == truth)[counted].mean())
        lost = float(plain[counted].mean()) - accuracy
        yield {
            "picture": name,
            **about,
            "covered": 1 - float(counted.mean()),
            "polarity": radiograph.polarity,
            "certainty": radiograph.certainty,
            "accuracy": accuracy,
            "lost": lost,
            "warned": bool(radiograph.warnings),
            "as_plain": lost <= TOLERANCE,
        }


def main() -> None:
    """Write the table and its record, and print a summary."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=runs.REPOSITORY / "results")
    options = parser.parse_args()
    if not real.paths():
        raise SystemExit("the radiographs are those of pydicom-data; install it (notebooks extra)")
    reader, rows = Reader(load_network()), []
    with tempfile.TemporaryDirectory() as folder:
        for name, original in real.paths().items():
            forms = write_forms(original, Path(folder))
            count = len(MARGINS) * len(ALTERATIONS) * (len(PICTURES) + len(ENCODERS))
            rows += tqdm(measure(reader, name, original, forms), name, count)
    table = pd.DataFrame(rows)
    save_table(table, options.out / "reliability-real.csv")
    good = table["as_plain"] | table["warned"]
    record = {
        "made_by": "xnet_study/real_forms.py",
        "quality": QUALITY,
        "tolerance": TOLERANCE,
        "forms": len(table),
        "as_plain": int(table["as_plain"].sum()),
        "as_plain_or_warned": int(good.sum()),
        "weights_sha256": sha256(runs.USER_WEIGHTS),
        "versions": runs.versions(),
    }
    write_json(options.out / "reliability-real.json", record)
    print(table.groupby(["picture", "alteration"])[["as_plain", "warned"]].mean().to_string())
    print(pd.Series(record).drop("versions").to_string())


if __name__ == "__main__":
    main()
