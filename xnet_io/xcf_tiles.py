"""Decode the tiles of which GIMP's layers are made."""

from __future__ import annotations

import zlib

import numpy as np

TILE = 64
"""Height and width of a tile, in pixels; the last of a row or column may be smaller."""


def read_tile(content: bytes, place: int, size: int, channels: int, compression: int):
    """Decode a tile.

    Args:
        content: of the file.
        place: where the tile begins in it.
        size: bytes that it holds, decoded.
        channels: of its pixels.
        compression: 0 none, 1 run lengths of each channel, 2 deflate.

    Returns:
        uint8 ``(size,)``, pixel by pixel; and where it ends.

    Raises:
        EOFError: if it is damaged; zlib.error likewise.
    """
    if compression == 0:
        data, end = content[place : place + size], place + size
    elif compression == 1:
        planes, end = _unpack_runs(content, place, size // channels, channels)
        data = np.frombuffer(planes, np.uint8).reshape(channels, -1).T.tobytes()
    elif compression == 2:
        # Incompressible data grow by a few bytes; more input than that is another tile's.
        packed = content[place : place + size + 1024]
        inflater = zlib.decompressobj()
        data = inflater.decompress(packed, size)
        end = place + len(packed) - len(inflater.unused_data) - len(inflater.unconsumed_tail)
    else:
        raise EOFError(f"its compression {compression} is unknown")
    if place <= 0 or len(data) != size:
        raise EOFError("pixels are missing")
    return np.frombuffer(data, np.uint8), end


def _unpack_runs(content: bytes, place: int, count: int, channels: int):
    """Decode GIMP's run lengths: the channels, `count` bytes each, and the place of their end."""
    planes = []
    for _ in range(channels):
        plane = bytearray()
        while len(plane) < count:
            code, long = content[place : place + 1], content[place + 1 : place + 3]
            if not code:
                raise EOFError("it ends too early")
            code = code[0]
            place += 1
            if code in (127, 128):
                length = int.from_bytes(long, "big")
                place += 2
            else:
                length = code + 1 if code < 127 else 256 - code
            if code < 128:
                plane += content[place : place + 1] * min(length, count + 1)
                place += 1
            else:
                plane += content[place : place + length]
                place += length
            if not length or len(plane) > count or place > len(content):
                raise EOFError("a run of pixels is too long, or empty")
        planes.append(plane)
    return b"".join(planes), place
