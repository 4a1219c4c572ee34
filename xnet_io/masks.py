"""Read a painted mask: exact colours, named repairs, and everything else an error with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xnet_io import diagnosis, gimp_layers, openraster, repairs, xcf, xcf_writer
from xnet_io.diagnosis import UNKNOWN, Foreign
from xnet_io.palettes import AUTHORS_COLOURS, PAPER, Palette
from xnet_io.pictures import decode, fault
from xnet_tf.classes import IGNORE, IGNORED, LARGEST_COUNT, Classes, normal_name
from xnet_tf.files import InputError, write_atomically

_BLOCK = 1 << 17

SOURCE, SETTINGS = "Source SHA-256", "Settings"
"""What a mask notes in itself: of which file it was made, and how."""

_GREY_HELP = "paint the classes in their colours (GIMP: Image > Mode > RGB)"

_LEVELS_HELP = f"{_GREY_HELP}; or name its grey values: import-masks --palette FILE"

_LOOKS = {
    "anti-aliasing": "anti-aliasing, a blend of two classes along their border",
    "soft edge": "a soft edge, a blend of two classes",
    "JPEG noise": "JPEG noise",
    "wrong palette": "another palette",
    "other classes": "a class of another palette",
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
        rest: name of the class of what no shape covers, in masks that are shapes; None refuses it.
    """

    palette: Palette = PAPER
    snap: int | None = None
    relabel_edges: bool = False
    lossy: bool = False
    transparent: str | None = None
    rest: str | None = None

    @property
    def classes(self) -> Classes:
        """What masks read by these rules hold: the palette's classes, perhaps unlabelled pixels."""
        classes, named = self.palette.classes, (self.transparent or "", self.rest or "")
        if classes.ignored is None and IGNORED in map(normal_name, named):
            return replace(classes, ignored=())
        return classes

    def check(self) -> None:
        """Raise InputError if a rule does not fit the palette."""
        if self.snap is not None:
            repairs.check_snap(self.snap, self.palette)
        for option, name in (("--transparent", self.transparent), ("--rest", self.rest)):
            if name is not None:
                try:
                    self.palette.find(name)
                except InputError as error:
                    raise InputError(f"{option} {error}") from None


@dataclass(frozen=True)
class Imported:
    """A mask that was read.

    Attributes:
        labels: uint8 ``(H, W)``, class ids; 255 where there is no label.
        format: "PNG", "TIFF", "BMP", "JPEG", "XCF" or "OpenRaster".
        snapped: pixels given the class of the nearest colour.
        relabelled: pixels given the class of their neighbours.
    """

    labels: np.ndarray
    format: str
    snapped: int
    relabelled: int


def read_mask(path: str | Path, palette: Palette = PAPER) -> np.ndarray:
    """Read a mask whose every pixel has exactly one of the palette's colours, or a map of ids.

    Indexed pictures are judged by their colours, not their indices: GIMP orders palettes as it
    likes. A single-channel 8-bit PNG (Pillow's mode L) is a label map if no value exceeds the
    largest class id; no greyscale picture that shows something is so dark.

    Args:
        path: PNG, BMP, TIFF, XCF or OpenRaster; RGB, indexed, or with an alpha channel that is
            opaque everywhere; or a PNG of class ids.
        palette: the classes' colours.

    Returns:
        uint8 ``(H, W)``, class ids.

    Raises:
        MaskError: if any pixel has another colour.
        InputError: if the file cannot be read, or any pixel is transparent. Either line names
            what, how often, where first (x, y), and the remedy.
    """
    return read(path, Rules(palette)).labels


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
        return Imported(_of_grey(path, kind, pixels[..., 0], rules.palette), kind, 0, 0)
    clear = _transparent(path, pixels, rules)
    pixels = np.ascontiguousarray(pixels[..., :3])
    labels = look_up(pixels, rules.palette)
    if clear is not None:
        labels[clear] = rules.palette.find(rules.transparent)
    snapped = relabelled = 0
    lossy = kind == "JPEG"
    if rules.snap is not None:
        snapped = repairs.snap(pixels, labels, rules.palette, rules.snap)
    if rules.relabel_edges:
        relabelled = repairs.relabel_edges(pixels, labels, rules.palette, lossy)
    if (labels == UNKNOWN).any():
        raise _unknown_colours(path, pixels, labels, rules.palette, lossy)
    return Imported(rules.palette.settled(labels), kind, snapped, relabelled)


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


def by_tolerance(
    pixels: np.ndarray, colours: np.ndarray = AUTHORS_COLOURS, tolerance: int = 100
) -> np.ndarray:
    """Label a mask by the rule of the authors' code, which is kept here to compare with.

    Every channel may differ by `tolerance`, a later class overrules an earlier one, and whatever
    fits none is open beam.

    Args:
        pixels: uint8 ``(H, W, 3)``, RGB.
        colours: uint8 ``(C, 3)``, RGB, the colour of each class id.
        tolerance: in levels of 255.

    Returns:
        uint8 ``(H, W)``, class ids.
    """
    labels = np.zeros(pixels.shape[:2], dtype=np.uint8)
    flat = pixels.reshape(-1, 3)
    for class_id in range(1, len(colours)):
        tiled = np.tile(colours[class_id], (len(flat), 1))
        fits = np.isclose(flat, tiled, atol=tolerance).all(axis=1)
        labels[fits.reshape(labels.shape)] = class_id
    return labels


def _pixels(path: str | Path, rules: Rules) -> tuple[str, np.ndarray]:
    """Return the format and uint8 pixels of 1 (ids), 3 or 4 channels."""
    try:
        with Path(path).open("rb") as stream:
            start = stream.read(16)
    except (OSError, ValueError):
        start = b""  # `decode` finds out what is wrong with the file, and says it
    for name, reader in (("XCF", xcf), ("OpenRaster", openraster)):
        if start.startswith(reader.MAGIC):
            return name, gimp_layers.flatten(path, reader.read(path), rules.palette)
    kind, pixels = decode(path)
    if kind == "JPEG" and not rules.lossy:
        remedy = "export the mask as PNG (GIMP: File > Export As, name ending in .png)"
        raise fault(path, "is a JPEG file, whose compression changes colours", remedy)
    if pixels.dtype != np.uint8:
        remedy = "GIMP: Image > Precision > 8-bit integer, then export it again"
        raise fault(path, f"has {8 * pixels.itemsize}-bit channels", remedy)
    if pixels.shape[-1] == 2:
        raise fault(path, "is a greyscale picture with transparency", _GREY_HELP)
    return kind, pixels


def _of_grey(path: str | Path, kind: str, ids: np.ndarray, palette: Palette) -> np.ndarray:
    """Return the label map of a mask in classes' colours that are grey, or of a map of ids."""
    by_colour = look_up(np.repeat(ids[..., np.newaxis], 3, axis=-1), palette)
    if not (by_colour == UNKNOWN).any():
        return palette.settled(by_colour)
    beyond = ids >= palette.count
    if palette.classes.ignored is not None:
        beyond &= ids != IGNORE
    if kind == "PNG" and not beyond.any():
        return ids
    wrong = "is a greyscale picture, not a mask of colours"
    if kind == "PNG":
        wrong += (
            f", nor a map of class ids, since {beyond.sum():,} pixels exceed "
            f"{palette.count - 1}, {_first(beyond)}"
        )
    few = len(np.unique(ids)) <= LARGEST_COUNT
    raise fault(path, wrong, _LEVELS_HELP if few else _GREY_HELP)


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
    colours, count = diagnosis.examine(pixels, labels, palette, lossy)
    first = colours[0]
    wrong = (
        f"{first.pixels:,} pixels of colour {first.colour}, which is no class, the first at "
        f"(x, y) = ({first.x}, {first.y}); nearest is {first.nearest}, and it looks like "
        f"{_LOOKS[first.looks_like]}"
    )
    if count > 1:
        others = int((labels == UNKNOWN).sum()) - first.pixels
        wrong += f"; and {others:,} pixels of {count - 1:,} other colours"
    return MaskError(str(fault(path, wrong, first.remedy)), colours)


def _first(where: np.ndarray) -> str:
    y, x = np.unravel_index(where.argmax(), where.shape)
    return f"the first at (x, y) = ({x}, {y})"


def write_mask(
    path: str | Path,
    labels: np.ndarray,
    notes: Mapping[str, str] | None = None,
    classes: Classes = PAPER.classes,
) -> Path:
    """Write a label map as an indexed PNG: the index is the class id, in the classes' colours.

    Args:
        path: destination; its name should end in ".png". Written whole or not at all.
        labels: integer ``(H, W)`` of class ids.
        notes: texts that it carries, such as `SOURCE` and `SETTINGS`, for `notes_of`.
        classes: what the ids mean.

    Returns:
        The destination.

    Raises:
        ValueError: if `labels` is not a two-dimensional map of class ids.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = Image.fromarray(classes.checked(labels))
    colours = classes.palette[:-1]
    if classes.ignored is not None:
        beyond = np.tile(classes.palette[-1], (IGNORE + 1 - classes.count, 1))
        colours = np.concatenate([colours, beyond])
    image.putpalette(colours.tobytes())
    texts = PngInfo()
    for name, text in (notes or {}).items():
        texts.add_text(name, text)
    return write_atomically(path, lambda p: image.save(p, format="PNG", pnginfo=texts))


def notes_of(path: Path) -> dict[str, str]:
    """Return the texts that a mask carries; none if it is no picture."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return {name: text for name, text in image.info.items() if isinstance(text, str)}
    except (OSError, ValueError):
        return {}


def write_ids(path: str | Path, labels: np.ndarray) -> Path:
    """Write a label map as a single-channel PNG whose values are the class ids.

    Equal maps give equal files. Pictures viewers show it black.

    Args:
        path: destination; its name should end in ".png". Written whole or not at all.
        labels: uint8 ``(H, W)``; any number of classes.

    Returns:
        The destination.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    return write_atomically(path, lambda temporary: image.save(temporary, format="PNG"))


def write_project(
    path: str | Path, image: np.ndarray, labels: np.ndarray, classes: Classes = PAPER.classes
) -> Path:
    """Write a GIMP project to correct a label map in: the radiograph below, its colours above.

    The colour layer is called "labels" and half transparent as a layer; `read_mask` reads back the
    same map from it.

    Args:
        path: destination; its name should end in ".xcf". Written whole or not at all.
        image: float ``(H, W, 1)`` in [0, 1]; shown as its square root.
        labels: integer ``(H, W)`` of class ids.
        classes: what the ids mean.

    Returns:
        The destination.

    Raises:
        ValueError: if the two differ in size, or `labels` is no map of class ids.
    """
    painted = classes.colour(labels)
    if image.shape[:2] != painted.shape[:2]:
        raise ValueError(f"an image of {image.shape} and labels of {labels.shape}")
    grey = np.round(255 * np.sqrt(np.clip(image[..., 0], 0, 1))).astype(np.uint8)
    below = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    return xcf_writer.write(path, [(gimp_layers.LABELS, painted, 0.5), ("radiograph", below, 1.0)])
