"""Masks that the tests of labels share: GIMP's fixtures, and layered files built by hand."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnet_tf import classes
from xnet_tf.files import InputError

GIMP = Path(__file__).parent / "gimp"

MAP = np.array([[0, 1, 2], [2, 2, 1]], dtype=np.uint8)
PURPLE, GREEN, YELLOW = classes.COLOURS.tolist()


def message(read, path, *options) -> str:
    """Return the one line with which a reader refuses a file."""
    with pytest.raises(InputError) as caught:
        read(path, *options)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text and ";" in text
    return text


def save(path, pixels, **options):
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)
    return path


def rgba(labels, alpha=255) -> np.ndarray:
    return np.dstack([classes.COLOURS[labels], np.full(labels.shape, alpha, np.uint8)])


class Shape:
    """A layer to build: pixels uint8 ``(h, w, C)`` and how GIMP describes it."""

    def __init__(self, name, pixels, **options):
        self.name, self.pixels = name, pixels
        self.kind = options.get("kind", {3: 0, 4: 1, 1: 4, 2: 5}[pixels.shape[-1]])
        self.offsets = options.get("offsets", (0, 0))
        self.visible = options.get("visible", True)
        self.opacity = options.get("opacity", 1.0)
        self.mode = options.get("mode", 28)
        self.extra = options.get("extra", b"")
        self.mask = options.get("mask", 0)
        self.filters = options.get("filters", ())


def prop(kind, value) -> bytes:
    return struct.pack(">II", kind, len(value)) + value


def runs(plane) -> bytes:
    """Encode one channel as GIMP does, with all four kinds of runs."""
    data, place = b"", 0
    plane = plane.tobytes()
    while place < len(plane):
        end = place
        while end < len(plane) and plane[end] == plane[place]:
            end += 1
        length = end - place
        if length > 127:
            data += struct.pack(">BHB", 127, length, plane[place])
        elif length > 1:
            data += struct.pack(">BB", length - 1, plane[place])
        elif len(plane) - place > 300:
            length = 300
            data += struct.pack(">BH", 128, length) + plane[place : place + length]
        else:
            data += struct.pack(">B", 255) + plane[place : place + 1]
        place += length
    return data


def xcf_bytes(layers, size, version=11, compression=1, base=0, colours=None, precision=150):
    """Write an XCF file by its documented layout, byte by byte.

    Args:
        layers: list of `Shape`, the topmost first.
        size: height and width.
        version: 0 to 23; decides the offsets' width, the precision field, paths and filters.
        compression: 0 none, 1 run lengths, 2 deflate.
        base: 0 RGB, 1 grey, 2 indexed.
        colours: of an indexed image, uint8 ``(n, 3)``.
        precision: GIMP's number for it.
    """
    form, wide = (">Q", 8) if version >= 11 else (">I", 4)
    head = b"gimp xcf " + (b"file\0" if version == 0 else b"v%03d\0" % version)
    head += struct.pack(">III", size[1], size[0], base)
    if version >= 4:
        head += struct.pack(">I", precision if version >= 5 else 0)
    if colours is not None:
        head += prop(1, struct.pack(">I", len(colours)) + np.uint8(colours).tobytes())
    head += prop(17, bytes([compression])) + prop(21, b"any parasite") + prop(0, b"")
    # Layers, an end; channels, an end; since version 18 paths, and an end.
    ends = 3 if version >= 18 else 2
    content = bytearray(head + bytes(wide * (len(layers) + ends)))
    for number, layer in enumerate(layers):
        struct.pack_into(form, content, len(head) + wide * number, len(content))
        height, width, channels = layer.pixels.shape
        label = layer.name.encode() + b"\0"
        content += struct.pack(">IIII", width, height, layer.kind, len(label)) + label
        content += prop(6, struct.pack(">I", round(255 * layer.opacity)))
        content += prop(8, struct.pack(">I", layer.visible))
        content += prop(15, struct.pack(">ii", *layer.offsets))
        content += prop(7, struct.pack(">I", layer.mode)) + layer.extra + prop(0, b"")
        filters = (*layer.filters, 0) if version >= 20 else ()
        here = len(content) + wide * (2 + len(filters))
        content += struct.pack(form, here) + struct.pack(form, layer.mask)
        for place in filters:
            content += struct.pack(form, place)
        content += struct.pack(">III", width, height, channels)
        content += struct.pack(form, len(content) + 2 * wide) + struct.pack(form, 0)
        content += struct.pack(">II", width, height)
        tiles = [
            layer.pixels[y : y + 64, x : x + 64]
            for y in range(0, height, 64)
            for x in range(0, width, 64)
        ]
        table = len(content)
        content += bytes(wide * (len(tiles) + 1))
        for k, tile in enumerate(tiles):
            struct.pack_into(form, content, table + wide * k, len(content))
            if compression == 1:
                content += b"".join(runs(tile[..., c].ravel()) for c in range(channels))
            else:
                content += zlib.compress(tile.tobytes()) if compression else tile.tobytes()
    return bytes(content)


def png_bytes(pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def ora_bytes(stack, size, pictures) -> bytes:
    """Write an OpenRaster file: the inside of its stack, and its pictures by name."""
    stream = io.BytesIO()
    xml = f'<?xml version="1.0"?><image w="{size[1]}" h="{size[0]}"><stack>{stack}</stack></image>'
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "image/openraster", zipfile.ZIP_STORED)
        archive.writestr("stack.xml", xml)
        for name, content in pictures.items():
            archive.writestr(name, content)
    return stream.getvalue()


def write(path, content):
    path.write_bytes(content)
    return path
