"""Decoders for the compressions that archives use, by imagecodecs, as plugins of pydicom.

pydicom itself reads RLE, and with Pillow baseline JPEG and JPEG 2000.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.pixels import get_decoder
from pydicom.pixels.decoders.base import DecodeRunner

# OpenJPEG reads the high-throughput kind too and, unlike OpenJPH, refuses truncated frames.
_DECODERS = {
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    uid.JPEGLossless: imagecodecs.ljpeg_decode,
    uid.JPEGLosslessSV1: imagecodecs.ljpeg_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.HTJ2KLossless: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLosslessRPCL: imagecodecs.jpeg2k_decode,
    uid.HTJ2K: imagecodecs.jpeg2k_decode,
}

DECODER_DEPENDENCIES = dict.fromkeys(_DECODERS, ("imagecodecs",))


def register() -> None:
    """Make the decoders known to pydicom."""
    for syntax in _DECODERS:
        decoder = get_decoder(syntax)
        if "imagecodecs" not in (*decoder.available_plugins, *decoder.missing_dependencies):
            decoder.add_plugin("imagecodecs", (__name__, "decode_frame"))


def is_available(syntax: str) -> bool:
    """Tell pydicom whether a transfer syntax is read here."""
    return syntax in _DECODERS


def decode_frame(frame: bytes, runner: DecodeRunner) -> bytes:
    """Decode a frame for pydicom.

    Raises:
        ValueError: if the frame is not of the size that the tags say: hostile files announce
            gigabytes there.
    """
    if _size(frame) != (runner.rows, runner.columns):
        raise ValueError(f"its frame has a size of its own, {_size(frame)}")
    pixels = _DECODERS[runner.transfer_syntax](frame)
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    return np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<")).tobytes()


def _size(frame: bytes) -> tuple[int, int]:
    """Return height and width from the header of a JPEG, JPEG-LS or JPEG 2000 frame."""
    if frame[:4] == b"\xff\x4f\xff\x51":
        # The segment's length and capabilities, 4 bytes; then the grid's and the offset's sizes.
        right, bottom, left, top = struct.unpack_from(">4I", frame, 8)
        return bottom - top, right - left
    place = 2
    while True:
        marker, length = struct.unpack_from(">HH", frame, place)
        # Starts of frame: baseline to arithmetic, but for tables (C4, CC) and C8; and JPEG-LS (F7).
        if marker == 0xFFF7 or (
            marker & 0xFFF0 == 0xFFC0 and marker not in (0xFFC4, 0xFFC8, 0xFFCC)
        ):
            return struct.unpack_from(">HH", frame, place + 5)
        place += 2 + length
