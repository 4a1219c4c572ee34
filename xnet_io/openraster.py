"""OpenRaster files (``.ora``), which GIMP, Krita and MyPaint exchange: a ZIP of PNG layers."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from xnet_io.gimp_layers import Layer, Project, with_alpha
from xnet_io.pictures import MAX_PIXELS, check_size, damaged, decode_bytes, fault, quiet
from xnet_tf.files import InputError

MAGIC = b"PK\3\4"

_MAX_LAYERS = 1000
_MAX_STACK_BYTES = 1_000_000
_MAX_LAYER_BYTES = 300_000_000
# Four, and as many again for the layer that is laid over the others.
_BYTES_PER_PIXEL = 8
_REMEDY = "merge its layers and export it again"


def read(path: str | Path) -> Project:
    """Read a project's layers.

    Args:
        path: an OpenRaster file.

    Returns:
        The project. Its layers' pixels are decoded when they are asked for, and may raise then.

    Raises:
        InputError: if the file is damaged, too large, or no OpenRaster file.
    """
    return _guarded(Path(path), lambda: _project(Path(path)))


def _guarded(path: Path, work: Callable):
    try:
        with quiet():
            return work()
    except InputError:
        raise
    except Exception as error:
        # As in `pictures.decode`: hostile bytes raise nearly everything.
        raise damaged(path, "OpenRaster", error) from None


def _project(path: Path) -> Project:
    content = _entry(path, "stack.xml", _MAX_STACK_BYTES)
    # A document type could define entities that expand without bound; OpenRaster has none.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
        raise fault(path, "has a stack.xml with definitions of its own", "export it again")
    image = ElementTree.fromstring(content)
    height, width = (int(float(image.get(side, 0))) for side in ("h", "w"))
    check_size(path, height, width, _BYTES_PER_PIXEL)
    # Decoded pixels of all layers together; a ZIP can name one picture many times.
    budget = [MAX_PIXELS]
    whole = Layer("", 0, 0, True, 1.0, ("", ""), lambda: None)
    layers = list(_layers(path, image, whole, budget))
    if len(layers) > _MAX_LAYERS:
        raise fault(path, f"has more than {_MAX_LAYERS} layers", _REMEDY)
    return Project(height, width, layers)


def _entry(path: Path, name: str, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
            # The size that a ZIP declares may be a lie; reading stops at the limit by itself.
            content = stream.read(limit + 1)
    except KeyError:
        raise fault(path, f"is no OpenRaster file: it lacks {name}", "export it again") from None
    if len(content) > limit:
        raise fault(path, f"holds a {name} of more than {limit:,} bytes", "export it again")
    return content


def _layers(path: Path, stack, above: Layer, budget: list[int]) -> Iterator[Layer]:
    """Yield the layers of a group, which hands down place, visibility, opacity and mode."""
    for element in stack:
        mode = element.get("composite-op", "svg:src-over")
        special = (f"the mode {mode[:40]!r}", "set it to Normal, export it again")
        source = element.get("src", "")
        layer = replace(
            above,
            name=element.get("name", ""),
            left=above.left + int(float(element.get("x", 0))),
            top=above.top + int(float(element.get("y", 0))),
            visible=above.visible and element.get("visibility", "visible") == "visible",
            opacity=above.opacity * min(max(float(element.get("opacity", 1)), 0.0), 1.0),
            special=above.special if mode == "svg:src-over" else special,
            pixels=lambda source=source: _guarded(path, lambda: _pixels(path, source, budget)),
        )
        if element.tag == "stack":
            yield from _layers(path, element, layer, budget)
        elif element.tag == "layer":
            yield layer


def _pixels(path: Path, source: str, budget: list[int]) -> np.ndarray:
    content = _entry(path, source, _MAX_LAYER_BYTES)
    pixels = decode_bytes(path, content, "PNG")
    if pixels.dtype != np.uint8 or pixels.shape[-1] not in (3, 4):
        raise fault(path, f"layer {source!r} is no 8-bit RGB picture", "export it again")
    budget[0] -= pixels.shape[0] * pixels.shape[1]
    if budget[0] < 0:
        raise fault(path, "has too many pixels in its layers", _REMEDY)
    return with_alpha(pixels)
