"""Read a painted mask: exact colours, named repairs, and everything else an error with a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_tf import diagnosis, layers, openraster, repairs, xcf
from xnet_tf.diagnosis import UNKNOWN, Foreign
from xnet_tf.files import InputError
from xnet_tf.palettes import PAPER, Palette, normal_name
from xnet_tf.pictures import decode, fault

_BLOCK = 1 << 17

_GREY_HELP = "paint the classes in their colours (GIMP: Image > Mode > RGB)"

_LOOKS = {
    "anti-aliasing": "anti-aliasing, a blend of two classes along their border",
    "soft edge": "a soft edge, a blend of two classes",
    "JPEG noise": "JPEG noise",
    "wrong palette": "another palette",
    "swapped channels": "a class with red and blue swapped",
    "grey": "a grey value of the radiograph",
    "near a class": "that class in a slightly wrong colour",
    "foreign": "a colour of no class",
}


class MaskError(InputError):
    """A mask with colours outside the palette; the line names the commonest.

    Attributes:
        colours: the foreign colours, the commonest first.
    """

    def __init__(self, line: str, colours: list[Foreign]):
        super().__init__(line)
        self.colours = colours


@dataclass(frozen=True)
class Rules:
    """What a mask may look like.

    Attributes:
        palette: the classes' colours.
        snap: colours that differ from a class's by at most this in every channel are taken for
            it; None for exact colours only.
        relabel_edges: blended pixels along borders take the class of most of their neighbours.
        lossy: JPEG files are read.
        transparent: name of the class that fully transparent pixels belong to; None refuses them.
    """

    palette: Palette = PAPER
    snap: int | None = None
    relabel_edges: bool = False
    lossy: bool = False
    transparent: str | None = None

    def check(self) -> None:
        """Raise InputError if a rule does not fit the palette."""
        if self.snap is not None:
            repairs.check_snap(self.snap, self.palette)
        if self.transparent is not None:
            names = [normal_name(name) for name in self.palette.classes]
            if normal_name(self.transparent) not in names:
                known = ", ".join(self.palette.classes)
                raise InputError(f"--transparent {self.transparent}: no class; choose of {known}")


@dataclass(frozen=True)
class Imported:
    """A mask that was read.

    Attributes:
        labels: uint8 ``(H, W)``, class ids.
        format: "PNG", "TIFF", "BMP", "JPEG", "XCF" or "OpenRaster".
        snapped: pixels given the class of the nearest colour.
        relabelled: pixels given the class of their neighbours.
    """

    labels: np.ndarray
    format: str
    snapped: int
    relabelled: int


def read(path: str | Path, rules: Rules) -> Imported:
    """Read a mask by given rules.

    Args:
        path: PNG, BMP, TIFF, XCF or OpenRaster; RGB, indexed, or with an alpha channel; or a PNG of
            class ids; and JPEG if the rules allow it.
        rules: palette and repairs.

    Returns:
        The label map and how many pixels were repaired.

    Raises:
        MaskError: if colours outside the palette remain.
        InputError: if the file cannot be read or leaves pixels unsettled.
    """
    rules.check()
    kind, pixels = _pixels(path, rules)
    if pixels.shape[-1] == 1:
        return Imported(_ids(path, kind, pixels[..., 0], rules.palette), kind, 0, 0)
    clear = _transparent(path, pixels, rules)
    pixels = np.ascontiguousarray(pixels[..., :3])
    labels = look_up(pixels, rules.palette)
    if clear is not None:
        names = [normal_name(name) for name in rules.palette.classes]
        labels[clear] = names.index(normal_name(rules.transparent))
    snapped = relabelled = 0
    lossy = kind == "JPEG"
    if rules.snap is not None:
        snapped = repairs.snap(pixels, labels, rules.palette, rules.snap)
    if rules.relabel_edges:
        relabelled = repairs.relabel_edges(pixels, labels, rules.palette, lossy)
    if (labels == UNKNOWN).any():
        raise _unknown_colours(path, pixels, labels, rules.palette, lossy)
    return Imported(labels, kind, snapped, relabelled)


def look_up(pixels: np.ndarray, palette: Palette = PAPER) -> np.ndarray:
    """Find each pixel's class by its exact colour.

    Args:
        pixels: uint8 ``(H, W, C)``, the first three channels RGB.
        palette: the classes' colours.

    Returns:
        uint8 ``(H, W)``: class ids; `diagnosis.UNKNOWN` for any other colour.
    """
    import cv2

    numbers = cv2.cvtColor(palette.colours[np.newaxis], cv2.COLOR_RGB2RGBA).view(np.uint32).ravel()
    labels = np.zeros(pixels.shape[:2], dtype=np.uint8)
    # In blocks of rows that stay in the processor's cache. With a fourth byte that is always 255, a
    # pixel is one number, and a class one comparison.
    rows = max(1, _BLOCK // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        block = np.ascontiguousarray(pixels[top : top + rows, :, :3])
        packed = cv2.cvtColor(block, cv2.COLOR_RGB2RGBA).view(np.uint32)[..., 0]
        for number, class_id in zip(numbers, palette.ids, strict=True):
            hits = (packed == number).view(np.uint8)
            labels[top : top + rows] += hits * np.uint8(class_id + 1)
    # Id + 1 was added, so that no class at all leaves 0, which wraps to UNKNOWN.
    return labels - np.uint8(1)


def _pixels(path: str | Path, rules: Rules) -> tuple[str, np.ndarray]:
    """Return the format and uint8 pixels of 1 (ids), 3 or 4 channels."""
    head = _head(path)
    for name, reader in (("XCF", xcf), ("OpenRaster", openraster)):
        if head.startswith(reader.MAGIC):
            return name, layers.flatten(path, reader.read(path), rules.palette)
    picture = decode(path)
    pixels = picture.pixels
    if picture.format == "JPEG" and not rules.lossy:
        remedy = "export the mask as PNG (GIMP: File > Export As, name ending in .png)"
        raise fault(path, "is a JPEG file, whose compression changes colours", remedy)
    if pixels.dtype != np.uint8:
        remedy = "GIMP: Image > Precision > 8-bit integer, then export it again"
        raise fault(path, f"has {8 * pixels.itemsize}-bit channels", remedy)
    if pixels.shape[-1] == 2:
        raise fault(path, "is a greyscale picture with transparency", _GREY_HELP)
    return picture.format, pixels


def _head(path: str | Path) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(16)
    except (OSError, ValueError):
        return b""  # `decode` finds out what is wrong with the file, and says it


def _ids(path: str | Path, kind: str, ids: np.ndarray, palette: Palette) -> np.ndarray:
    beyond = ids >= palette.count
    if kind == "PNG" and not beyond.any():
        return ids
    wrong = "is a greyscale picture, not a mask of colours"
    if kind == "PNG":
        wrong += (
            f", nor a map of class ids, since {beyond.sum():,} pixels exceed "
            f"{palette.count - 1}, {_first(beyond)}"
        )
    raise fault(path, wrong, _GREY_HELP)


def _transparent(path: str | Path, pixels: np.ndarray, rules: Rules) -> np.ndarray | None:
    """Return which pixels are fully transparent, if the rules give them a class."""
    if pixels.shape[-1] == 3:
        return None
    alpha = pixels[..., 3]
    partly = (alpha > 0) & (alpha < 255)
    if partly.any():
        wrong = f"has {partly.sum():,} partly transparent pixels, {_first(partly)}"
        remedy = "GIMP: Layer > Transparency > Threshold Alpha, then save or export it again"
        raise fault(path, wrong, remedy)
    clear = alpha == 0
    if not clear.any():
        return None
    if rules.transparent is None:
        wrong = f"has {clear.sum():,} transparent pixels, {_first(clear)}"
        remedy = (
            "GIMP: Image > Flatten Image, paint what turns white, export again; or say what they "
            "are: import-masks --transparent CLASS"
        )
        raise fault(path, wrong, remedy)
    return clear


def _unknown_colours(path, pixels, labels, palette, lossy) -> MaskError:
    found, several = diagnosis.examine(pixels, labels, palette, lossy)
    first = found[0]
    wrong = (
        f"{first.pixels:,} pixels of colour {first.colour}, which is no class, the first at "
        f"(x, y) = ({first.x}, {first.y}); nearest is {first.nearest}, and it looks like "
        f"{_LOOKS[first.looks_like]}"
    )
    if several > 1:
        others = int((labels == UNKNOWN).sum()) - first.pixels
        wrong += f"; and {others:,} pixels of {several - 1:,} other colours"
    return MaskError(str(fault(path, wrong, first.remedy)), found)


def _first(where: np.ndarray) -> str:
    y, x = np.unravel_index(where.argmax(), where.shape)
    return f"the first at (x, y) = ({x}, {y})"
