"""OpenRaster files (``.ora``), which GIMP, Krita and MyPaint exchange: a ZIP of PNG layers."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from xnet_io.gimp_layers import Layer, Project
from xnet_io.pictures import MAX_PIXELS, check_size, damaged, decode, fault
from xnet_tf.files import InputError

MAGIC = b"PK\3\4"

_MAX_LAYERS = 1000
_MAX_STACK_BYTES = 1_000_000
_MAX_LAYER_BYTES = 300_000_000
_MAX_DEPTH = 50
# Four, and as many again for the layer that is laid over the others.
_BYTES_PER_PIXEL = 8


def read(path: str | Path) -> Project:
    """Read a project's layers.

    Args:
        path: an OpenRaster file.

    Returns:
        The project. Its layers' pixels are decoded when they are asked for, and may raise then.

    Raises:
        InputError: if the file is damaged, too large, or no OpenRaster file.
    """
    path = Path(path)
    image = _parse(path, _entry(path, "stack.xml", _MAX_STACK_BYTES))
    height, width = _whole(path, image, "h", 0), _whole(path, image, "w", 0)
    check_size(path, height, width, _BYTES_PER_PIXEL)
    layers: list[Layer] = []
    # Decoded pixels of all layers together; a ZIP can name one picture many times.
    budget = [MAX_PIXELS]
    stack = image.find("stack")
    if stack is not None:
        _collect(path, stack, layers, (0, 0, True, 1.0, ""), 0, budget)
    return Project(height, width, layers)


def _entry(path: Path, name: str, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
            # The size that a ZIP declares may be a lie; reading stops at the limit by itself.
            content = stream.read(limit + 1)
    except KeyError:
        raise fault(path, f"is no OpenRaster file: it lacks {name}", "export it again") from None
    except (
        zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
        ValueError,
    ) as error:  # fmt: skip
        raise damaged(path, "OpenRaster", error) from None
    if len(content) > limit:
        raise fault(path, f"holds a {name} of more than {limit:,} bytes", "export it again")
    return content


def _parse(path: Path, content: bytes) -> ElementTree.Element:
    # A document type could define entities that expand without bound; OpenRaster has none.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
        raise fault(path, "has a stack.xml with definitions of its own", "export it again")
    try:
        image = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise damaged(path, "OpenRaster", error) from None
    if image.tag != "image":
        raise fault(path, "is no OpenRaster file: its stack.xml holds no image", "export it again")
    return image


def _whole(path: Path, element: ElementTree.Element, key: str, default: int) -> int:
    text = element.get(key, str(default))
    try:
        value = int(float(text))
    except (ValueError, OverflowError):
        value = None
    if value is None or abs(value) >= 1 << 31:
        raise fault(path, f"has a layer with {key} = {text!r}", "export it again")
    return value


def _collect(path, stack, layers, inherited, depth, budget) -> None:
    if depth > _MAX_DEPTH:
        raise fault(path, f"has groups {_MAX_DEPTH} deep", "merge them and export it again")
    for element in stack:
        if element.tag not in ("layer", "stack"):
            continue
        own = _inherit(path, element, inherited)
        if element.tag == "stack":
            _collect(path, element, layers, own, depth + 1, budget)
            continue
        if len(layers) >= _MAX_LAYERS:
            raise fault(path, f"has more than {_MAX_LAYERS} layers", "merge them, export it again")
        left, top, visible, opacity, mode = own
        special = (f"the mode {mode!r}", "set it to Normal, export it again") if mode else ("", "")
        name, source = element.get("name", ""), element.get("src", "")
        layers.append(
            Layer(
                name, left, top, visible, opacity, special,
                lambda source=source: _pixels(path, source, budget),
            )
        )  # fmt: skip


def _inherit(path: Path, element: ElementTree.Element, inherited: tuple) -> tuple:
    left, top, visible, opacity, mode = inherited
    try:
        opacity *= min(max(float(element.get("opacity", "1")), 0.0), 1.0)
    except ValueError:
        raise fault(path, "has a layer without a proper opacity", "export it again") from None
    left, top = left + _whole(path, element, "x", 0), top + _whole(path, element, "y", 0)
    visible = visible and element.get("visibility", "visible") == "visible"
    own = element.get("composite-op", "svg:src-over")
    return left, top, visible, opacity, mode if own == "svg:src-over" else own[:40]


def _pixels(path: Path, source: str, budget: list[int]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "layer.png"
        layer.write_bytes(_entry(path, source, _MAX_LAYER_BYTES))
        try:
            picture = decode(layer)
        except InputError as error:
            wrong = str(error).removeprefix(f"{layer}: ")
            raise fault(path, f"layer {source!r} {wrong}", "") from None
    pixels = picture.pixels
    if picture.format != "PNG" or pixels.dtype != np.uint8 or pixels.shape[-1] not in (3, 4):
        raise fault(path, f"layer {source!r} is no 8-bit RGB picture", "export it again")
    budget[0] -= pixels.shape[0] * pixels.shape[1]
    if budget[0] < 0:
        raise fault(path, "has too many pixels in its layers", "merge them and export it again")
    if pixels.shape[-1] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
