"""Write a project that GIMP opens: layers over each other, in an XCF file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from xnet_io import xcf
from xnet_io.xcf_tiles import TILE
from xnet_tf.files import write_atomically

# Numbers of GIMP's format; `xnet_io.xcf` reads them.
_END, _ACTIVE, _OPACITY, _MODE, _VISIBLE, _COMPRESSION, _FLOAT_OPACITY = 0, 2, 6, 7, 8, 17, 33
_DEFLATED = b"\2"
_NORMAL = 28
_EIGHT_BIT = 150


def write(path: str | Path, layers: list[tuple[str, np.ndarray, float]]) -> Path:
    """Write an RGB project for GIMP 2.10 or newer (XCF version 9, tiles deflated).

    Args:
        path: destination; its name should end in ".xcf". Written whole or not at all.
        layers: of each, the topmost first: its name, uint8 ``(H, W, 3)`` of one size, opacity.

    Returns:
        The destination.
    """
    height, width = layers[0][1].shape[:2]
    head = xcf.MAGIC + b"v009\0" + struct.pack(">IIII", width, height, 0, _EIGHT_BIT)
    head += _property(_COMPRESSION, _DEFLATED) + _property(_END, b"")
    content = bytearray(head + bytes(4 * (len(layers) + 2)))
    for number, (name, pixels, opacity) in enumerate(layers):
        struct.pack_into(">I", content, len(head) + 4 * number, len(content))
        # The first is the one that GIMP paints on when the file is opened.
        active = b"" if number else _property(_ACTIVE, b"")
        _append_layer(content, name, np.asarray(pixels, dtype=np.uint8), opacity, active)
    return write_atomically(path, lambda temporary: temporary.write_bytes(content))


def _property(kind: int, value: bytes) -> bytes:
    return struct.pack(">II", kind, len(value)) + value


def _append_layer(
    content: bytearray, name: str, pixels: np.ndarray, opacity: float, active: bytes
) -> None:
    height, width, channels = pixels.shape
    label = name.encode() + b"\0"
    content += struct.pack(">IIII", width, height, 0, len(label)) + label
    content += active + _property(_OPACITY, struct.pack(">I", round(255 * opacity)))
    content += _property(_FLOAT_OPACITY, struct.pack(">f", opacity))
    content += _property(_VISIBLE, struct.pack(">I", 1))
    content += _property(_MODE, struct.pack(">I", _NORMAL)) + _property(_END, b"")
    # Offsets of the hierarchy and of no mask; size, depth, offset of its one level, an end mark.
    content += struct.pack(">II", len(content) + 8, 0)
    content += struct.pack(">IIIII", width, height, channels, len(content) + 20, 0)
    content += struct.pack(">II", width, height)
    corners = [(y, x) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    table = len(content)
    content += bytes(4 * (len(corners) + 1))
    for number, (y, x) in enumerate(corners):
        struct.pack_into(">I", content, table + 4 * number, len(content))
        content += zlib.compress(pixels[y : y + TILE, x : x + TILE].tobytes(), 6)
