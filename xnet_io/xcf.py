"""Read GIMP's own files: the layers of any XCF version.

The reader follows GIMP's description of the format ("Documentation of the XCF file format",
developer.gimp.org). It trusts no number in a file: every offset, length and size is checked before
it is used, so that the work is bounded by `pictures.MAX_PIXELS` and by the file's length.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_io.gimp_layers import Layer, Project, with_alpha
from xnet_io.pictures import MAX_FILE_BYTES, MAX_PIXELS, check_size, damaged, fault
from xnet_io.xcf_tiles import TILE, read_tile

MAGIC = b"gimp xcf "

_MAX_LAYERS = 1000
# Four, and as many again for the layer that is laid over the others.
_BYTES_PER_PIXEL = 8

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
    compression: int
    colours: np.ndarray


@dataclass
class _Record:
    """A layer's record before groups are dissolved."""

    name: str
    kind: int
    height: int
    width: int
    properties: dict[int, bytes]
    hierarchy: int
    special: tuple[str, str]

    def number(self, kind: int, default: int) -> int:
        """Return a property that is a whole number."""
        value = self.properties.get(kind)
        return default if value is None else struct.unpack(">I", value[:4])[0]

    @property
    def opacity(self) -> float:
        """Return its own opacity, 0 to 1."""
        if _FLOAT_OPACITY in self.properties:
            value = struct.unpack(">f", self.properties[_FLOAT_OPACITY][:4])[0]
            return min(max(value, 0.0), 1.0) if value == value else 0.0
        return min(self.number(_OPACITY, 255), 255) / 255


class _Reader:
    """Big-endian numbers from a place in the file; beyond its end it raises EOFError."""

    def __init__(self, content: bytes, place: int, version: int):
        self.content, self.place = content, place
        # Offsets are 64 bits wide since version 11.
        self._offset = ">Q" if version >= 11 else ">I"

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
    if path.stat().st_size > MAX_FILE_BYTES:
        raise fault(path, "is too large", f"XCF files up to {MAX_FILE_BYTES:,} bytes are read")
    content = path.read_bytes()
    return _guarded(path, lambda: _project(path, content))


def _guarded(path: Path, work: Callable):
    try:
        return work()
    except (EOFError, struct.error, zlib.error, OverflowError) as error:
        raise damaged(path, "XCF", error) from None


def _project(path: Path, content: bytes) -> Project:
    header, places = _read_header(path, content)
    records = [_read_record(content, place, header.version) for place in places]
    total = 0
    for record in records:
        if _FLOATING in record.properties:
            # Whatever the mask's layers are, pixels lifted from them must not be lost.
            remedy = "GIMP: Layer > Anchor Layer, then save it again"
            raise fault(path, f"has a floating selection, {record.name!r}", remedy)
        check_size(path, record.height, record.width, _BYTES_PER_PIXEL)
        total += record.height * record.width
    if total > MAX_PIXELS:
        raise fault(path, f"has layers of {total:,} pixels in all", _FLATTEN)
    return Project(header.height, header.width, _layers(path, content, header, records))


def _read_header(path: Path, content: bytes) -> tuple[_Header, list[int]]:
    """Read what holds for the whole picture, and where its layers' records lie."""
    tag = content[len(MAGIC) : len(MAGIC) + 5]
    if tag != b"file\0" and not (tag[1:4].isdigit() and tag[4:] == b"\0"):
        raise EOFError("its version is not a number")
    version = 0 if tag == b"file\0" else int(tag[1:4])
    reader = _Reader(content, len(MAGIC) + 5, version)
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
    properties = dict(reader.properties())
    colours = np.frombuffer(properties.get(_COLOURMAP, b""), np.uint8).reshape(-1, 3)
    compression = properties.get(_COMPRESSION, b"")[:1]
    places = []
    while place := reader.offset():
        places.append(place)
        if len(places) > _MAX_LAYERS:
            raise fault(path, f"has more than {_MAX_LAYERS} layers", _FLATTEN)
    header = _Header(version, height, width, base, int.from_bytes(compression, "big"), colours)
    return header, places


def _read_record(content: bytes, place: int, version: int) -> _Record:
    reader = _Reader(content, place, version)
    width, height, kind = reader.unpack(">III")
    name = reader.take(reader.number()).rstrip(b"\0").decode("utf-8", "replace")
    properties = dict(reader.properties())
    hierarchy, mask = reader.offset(), reader.offset()
    # Since GIMP 3 (version 20) a list of filters follows, which change what the layer shows.
    filters = reader.offset() if version >= 20 else 0
    record = _Record(name, kind, height, width, properties, hierarchy, _NOTHING)
    mode = record.number(_MODE, 0)
    if mask:
        remedy = "GIMP: Layer > Mask > Apply Layer Mask, then save it again"
        record.special = ("a layer mask", remedy)
    elif filters:
        record.special = "filters", "GIMP: merge them in the layer's Fx menu, then save it again"
    elif mode not in _NORMAL_MODES and not (mode == _PASS_THROUGH and _GROUP in properties):
        remedy = "set the mode to Normal (GIMP: Layers dialog, Mode)"
        record.special = (f"the blend mode {mode}", remedy)
    return record


def _layers(path: Path, content: bytes, header: _Header, records: list[_Record]) -> list[Layer]:
    # A path says through which groups a layer is reached: the place in the image, in the group...
    groups: dict[bytes, _Record] = {}
    layers, top_level = [], -1
    for record in records:
        place = record.properties.get(_PATH)
        if place is None or len(place) == 4:
            top_level += 1
            place = struct.pack(">I", top_level)
        if _GROUP in record.properties:
            groups[place] = record
            continue
        above = [groups[place[:end]] for end in range(4, len(place), 4) if place[:end] in groups]
        chain = [record, *above]
        left, top = struct.unpack(">ii", record.properties.get(_OFFSETS, bytes(8))[:8])
        layers.append(
            Layer(
                record.name,
                left,
                top,
                all(each.number(_VISIBLE, 1) for each in chain),
                math.prod(each.opacity for each in chain),
                next((each.special for each in chain if each.special[0]), _NOTHING),
                lambda record=record: _guarded(
                    path, lambda: _pixels(path, content, header, record)
                ),
            )
        )
    return layers


def _pixels(path: Path, content: bytes, header: _Header, record: _Record) -> np.ndarray:
    channels = {0: 3, 1: 4, 4: 1, 5: 2}.get(record.kind)
    if channels is None or (record.kind >= 4) != (header.base == 2):
        raise EOFError(f"layer {record.name!r} is of the unknown kind {record.kind}")
    size = record.width, record.height
    reader = _Reader(content, record.hierarchy, header.version)
    same = reader.unpack(">III") == (*size, channels)
    reader = _Reader(content, reader.offset(), header.version)
    if not same or reader.unpack(">II") != size:
        raise EOFError(f"layer {record.name!r} has two sizes")
    stored = np.empty((record.height, record.width, channels), dtype=np.uint8)
    # Tiles do not overlap, so together they are no longer than the file: a small file cannot cause
    # much work by naming the same bytes again and again.
    budget = len(content)
    for y in range(0, record.height, TILE):
        for x in range(0, record.width, TILE):
            place, tile = reader.offset(), stored[y : y + TILE, x : x + TILE]
            data, end = read_tile(content, place, tile.size, channels, header.compression)
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
    return with_alpha(stored)
