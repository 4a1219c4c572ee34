"""Read GIMP's own files: the layers of any XCF version.

The reader follows GIMP's description of the format ("Documentation of the XCF file format",
developer.gimp.org). It trusts no number in a file: every offset, length and size is checked before
it is used, so that the work is bounded by `pictures.MAX_PIXELS` and by the file's length.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xnet_io.gimp_layers import Layer, Project
from xnet_io.pictures import MAX_PIXELS, check_size, damaged, fault

MAGIC = b"gimp xcf "

_MAX_BYTES = 500_000_000
_MAX_LAYERS = 1000
# Four, and as many again for the layer that is laid over the others.
_BYTES_PER_PIXEL = 8
_TILE = 64

# Properties (GIMP numbers them) that change what a layer shows or where.
_END, _COLOURMAP, _FLOATING, _OPACITY, _MODE, _VISIBLE = 0, 1, 5, 6, 7, 8
_OFFSETS, _COMPRESSION, _GROUP, _PATH, _FLOAT_OPACITY = 15, 17, 29, 30, 33

_NORMAL_MODES = (0, 28)
_PASS_THROUGH = 61
# 8-bit integers as GIMP has numbered them: version 4; with sRGB's curve; "perceptual".
_EIGHT_BIT = (0, 150, 175)
_NOTHING = ("", "")
_FLATTEN = "GIMP: Image > Flatten Image, then export it as PNG"


@dataclass
class _Header:
    version: int
    height: int
    width: int
    base: int
    compression: int = 0
    colours: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))


@dataclass
class _Item:
    """A layer's record before groups are dissolved."""

    name: str
    kind: int
    height: int
    width: int
    properties: dict[int, bytes]
    hierarchy: int
    special: tuple[str, str]


class _Reader:
    """Big-endian numbers from a place in the file; beyond its end it raises EOFError."""

    def __init__(self, content: bytes, place: int, wide: bool = False):
        self.content, self.place = content, place
        self._offset = ">Q" if wide else ">I"

    def take(self, count: int) -> bytes:
        part = self.content[self.place : self.place + count]
        if count < 0 or len(part) < count:
            raise EOFError("it ends too early")
        self.place += count
        return part

    def unpack(self, form: str) -> tuple:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def number(self) -> int:
        return self.unpack(">I")[0]

    def offset(self) -> int:
        return self.unpack(self._offset)[0]

    def properties(self) -> Iterator[tuple[int, bytes]]:
        while True:
            kind, length = self.unpack(">II")
            if kind == _END:
                return
            if kind == _COLOURMAP:
                # Old versions of GIMP wrote a wrong length here.
                count = self.number()
                yield kind, self.take(3 * min(count, 256))
            else:
                yield kind, self.take(length)


def read(path: str | Path) -> Project:
    """Read a project's layers.

    Args:
        path: an XCF file of any version, RGB or indexed, 8 bits a channel.

    Returns:
        The project. Its layers' pixels are decoded when they are asked for, and may raise then.

    Raises:
        InputError: if the file is damaged, too large, or of a kind that cannot be a mask.
    """
    path = Path(path)
    if path.stat().st_size > _MAX_BYTES:
        raise fault(path, "is too large", f"XCF files up to {_MAX_BYTES:,} bytes are read")
    content = path.read_bytes()
    return _guarded(path, lambda: _project(path, content))


def _guarded(path: Path, work: Callable):
    try:
        return work()
    except (EOFError, struct.error, zlib.error, OverflowError) as error:
        raise damaged(path, "XCF", error) from None


def _project(path: Path, content: bytes) -> Project:
    reader = _Reader(content, len(MAGIC))
    header = _read_header(path, reader)
    places = []
    while place := reader.offset():
        places.append(place)
        if len(places) > _MAX_LAYERS:
            raise fault(path, f"has more than {_MAX_LAYERS} layers", _FLATTEN)
    items = [_read_item(_Reader(content, place, header.version >= 11), header) for place in places]
    total = 0
    for item in items:
        if _FLOATING in item.properties:
            # Whatever the mask's layers are, pixels lifted from them must not be lost.
            remedy = "GIMP: Layer > Anchor Layer, then save it again"
            raise fault(path, f"has a floating selection, {item.name!r}", remedy)
        check_size(path, item.height, item.width, _BYTES_PER_PIXEL)
        total += item.height * item.width
    if total > MAX_PIXELS:
        raise fault(path, f"has layers of {total:,} pixels in all", _FLATTEN)
    return Project(header.height, header.width, _layers(path, content, header, items))


def _read_header(path: Path, reader: _Reader) -> _Header:
    tag = reader.take(5)
    version = 0 if tag == b"file\0" else int(tag[1:4]) if tag[1:4].isdigit() else -1
    if version < 0 or tag[4] != 0:
        raise EOFError("its version is not a number")
    width, height, base = reader.unpack(">III")
    check_size(path, height, width, _BYTES_PER_PIXEL)
    precision = reader.number() if version >= 4 else 0
    if base == 1:
        raise fault(path, "is a greyscale project", "GIMP: Image > Mode > RGB, then paint colours")
    if base not in (0, 2):
        raise EOFError(f"its colours are of the unknown kind {base}")
    if precision not in _EIGHT_BIT:
        remedy = "GIMP: Image > Precision > 8-bit integer, Perceptual gamma (sRGB); save it again"
        raise fault(path, "does not have 8-bit channels", remedy)
    header = _Header(version, height, width, base)
    for kind, value in reader.properties():
        if kind == _COMPRESSION:
            header.compression = value[0] if value else 0
        elif kind == _COLOURMAP:
            header.colours = np.frombuffer(value, np.uint8).reshape(-1, 3)
    # What follows are offsets, 64 bits wide since version 11.
    reader.__init__(reader.content, reader.place, version >= 11)
    return header


def _read_item(reader: _Reader, header: _Header) -> _Item:
    width, height, kind = reader.unpack(">III")
    name = reader.take(reader.number()).rstrip(b"\0").decode("utf-8", "replace")
    properties = dict(reader.properties())
    hierarchy, mask = reader.offset(), reader.offset()
    # Since GIMP 3 (version 20) a list of filters follows, which change what the layer shows.
    filters = reader.offset() if header.version >= 20 else 0
    special = _special(properties, mask, filters)
    return _Item(name, kind, height, width, properties, hierarchy, special)


def _special(properties: dict[int, bytes], mask: int, filters: int) -> tuple[str, str]:
    mode = _integer(properties, _MODE, 0)
    if mask:
        return "a layer mask", "GIMP: Layer > Mask > Apply Layer Mask, then save it again"
    if filters:
        return "filters", "GIMP: merge them in the layer's Fx menu, then save it again"
    if mode not in _NORMAL_MODES and not (mode == _PASS_THROUGH and _GROUP in properties):
        return f"the blend mode {mode}", "set the mode to Normal (GIMP: Layers dialog, Mode)"
    return _NOTHING


def _integer(properties: dict[int, bytes], kind: int, default: int) -> int:
    value = properties.get(kind)
    return default if value is None else struct.unpack(">I", value[:4])[0]


def _layers(path: Path, content: bytes, header: _Header, items: list[_Item]) -> list[Layer]:
    # A path says through which groups a layer is reached: the place in the image, in the group...
    groups: dict[bytes, _Item] = {}
    layers, top_level = [], -1
    for item in items:
        place = item.properties.get(_PATH)
        if place is None or len(place) == 4:
            top_level += 1
            place = struct.pack(">I", top_level)
        if _GROUP in item.properties:
            groups[place] = item
            continue
        above = [groups[place[:end]] for end in range(4, len(place), 4) if place[:end] in groups]
        chain = [item, *above]
        opacity = 1.0
        for each in chain:
            opacity *= _opacity(each.properties)
        left, top = struct.unpack(">ii", item.properties.get(_OFFSETS, bytes(8))[:8])
        layers.append(
            Layer(
                item.name,
                left,
                top,
                all(_integer(each.properties, _VISIBLE, 1) for each in chain),
                opacity,
                next((each.special for each in chain if each.special[0]), _NOTHING),
                lambda item=item: _guarded(path, lambda: _pixels(path, content, header, item)),
            )
        )
    return layers


def _opacity(properties: dict[int, bytes]) -> float:
    if _FLOAT_OPACITY in properties:
        value = struct.unpack(">f", properties[_FLOAT_OPACITY][:4])[0]
        return min(max(value, 0.0), 1.0) if value == value else 0.0
    return min(_integer(properties, _OPACITY, 255), 255) / 255


def _pixels(path: Path, content: bytes, header: _Header, item: _Item) -> np.ndarray:
    channels = {0: 3, 1: 4, 4: 1, 5: 2}.get(item.kind)
    if channels is None or (item.kind >= 4) != (header.base == 2):
        raise EOFError(f"layer {item.name!r} is of the unknown kind {item.kind}")
    wide = header.version >= 11
    reader = _Reader(content, item.hierarchy, wide)
    width, height, depth = reader.unpack(">III")
    if (height, width, depth) != (item.height, item.width, channels):
        raise EOFError(f"layer {item.name!r} has two sizes")
    reader = _Reader(content, reader.offset(), wide)
    if reader.unpack(">II") != (width, height):
        raise EOFError(f"layer {item.name!r} has two sizes")
    stored = np.empty((height, width, channels), dtype=np.uint8)
    # Tiles do not overlap, so together they are no longer than the file: a small file cannot cause
    # much work by naming the same bytes again and again.
    budget = len(content)
    for y in range(0, height, _TILE):
        for x in range(0, width, _TILE):
            place, tile = reader.offset(), stored[y : y + _TILE, x : x + _TILE]
            data, end = _tile(content, place, tile.size, channels, header.compression)
            budget -= end - place
            if budget < 0:
                raise EOFError("its tiles overlap")
            tile[...] = data.reshape(tile.shape)
    return _rgba(path, stored, header)


def _rgba(path: Path, stored: np.ndarray, header: _Header) -> np.ndarray:
    if header.base == 2:
        index = stored[..., 0]
        if index.max() >= len(header.colours):
            y, x = np.unravel_index((index >= len(header.colours)).argmax(), index.shape)
            wrong = f"has a colour index outside its colour map at (x, y) = ({x}, {y})"
            raise fault(path, wrong, "GIMP: Image > Mode > RGB, then save it again")
        stored = np.dstack([header.colours[index], *np.moveaxis(stored[..., 1:], -1, 0)])
    if stored.shape[-1] == 4:
        return stored
    return np.dstack([stored, np.full(stored.shape[:2], 255, np.uint8)])


def _tile(content: bytes, place: int, size: int, channels: int, compression: int):
    """Decode one tile: its `size` bytes, pixel by pixel, and the place where it ends."""
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
