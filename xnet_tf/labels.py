"""Masks painted in GIMP and label maps: colours are classes, and nothing is guessed.

A label map is uint8 ``(H, W)`` whose values are class ids. A mask is a picture in which every class
has its colour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xnet_tf import classes
from xnet_tf.files import InputError, write_atomically
from xnet_tf.pictures import decode, fault

_UNKNOWN = 255


def write_mask(path: str | Path, labels: np.ndarray) -> Path:
    """Write a label map as an indexed PNG: the index is the class id, the palette the paper's.

    Args:
        path: destination; its name should end in ".png". Written whole or not at all.
        labels: integer ``(H, W)`` of class ids.

    Returns:
        The destination.

    Raises:
        ValueError: if `labels` is not a two-dimensional map of class ids.
    """
    from PIL import Image

    image = Image.fromarray(_checked(labels))
    image.putpalette(classes.COLOURS.tobytes())
    return write_atomically(path, lambda temporary: image.save(temporary, format="PNG"))


def read_mask(path: str | Path, palette: np.ndarray = classes.COLOURS) -> np.ndarray:
    """Read a mask whose every pixel has exactly one of the palette's colours.

    Indexed pictures are judged by their colours, not their indices: GIMP orders palettes as it
    likes.

    Args:
        path: PNG, BMP or TIFF; RGB, indexed, or with an alpha channel that is opaque everywhere.
        palette: uint8 ``(C, 3)``, the RGB colour of each class id, all different.

    Returns:
        uint8 ``(H, W)``, values 0 to C - 1.

    Raises:
        InputError: if the file cannot be read, or any pixel has another colour or is transparent;
            the line names colour, count, first position (x, y) and remedy.
    """
    picture = decode(path)
    pixels = picture.pixels
    if picture.format == "JPEG":
        remedy = "export the mask as PNG (GIMP: File > Export As, name ending in .png)"
        raise fault(path, "is a JPEG file, whose compression changes colours", remedy)
    if pixels.shape[-1] < 3:
        remedy = "paint the classes in their colours (GIMP: Image > Mode > RGB)"
        raise fault(path, "is a greyscale picture, not a mask of colours", remedy)
    if pixels.dtype != np.uint8:
        remedy = "GIMP: Image > Precision > 8-bit integer, then export it again"
        raise fault(path, f"has {8 * pixels.itemsize}-bit channels", remedy)
    if pixels.shape[-1] == 4:
        _check_opaque(path, pixels[..., 3])
    labels, packed = _look_up(pixels, palette)
    if (labels == _UNKNOWN).any():
        raise _unknown_colours(path, labels, packed)
    return labels


def colour(labels: np.ndarray) -> np.ndarray:
    """Paint a label map in the paper's colours.

    Args:
        labels: integer ``(H, W)`` of class ids.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    Raises:
        ValueError: if `labels` is not a two-dimensional map of class ids.
    """
    return classes.COLOURS[_checked(labels)]


def resize_nearest(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a label map without inventing labels: every new pixel copies the nearest old one.

    Args:
        labels: uint8 ``(H, W)``.
        height: new number of rows.
        width: new number of columns.

    Returns:
        uint8 ``(height, width)``.
    """
    # Pixel centres, so that the map stays where `radiographs.resize_area` leaves the image;
    # OpenCV's INTER_NEAREST takes upper left corners and shifts the map by half a pixel.
    rows = (2 * np.arange(height) + 1) * labels.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * labels.shape[1] // (2 * width)
    return labels[rows[:, np.newaxis], columns]


def _checked(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(f"a label map is an integer (H, W), not {labels.dtype} {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes.COUNT:
        raise ValueError(
            f"class ids are 0 to {classes.COUNT - 1}, not {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.uint8)


def _check_opaque(path: str | Path, alpha: np.ndarray) -> None:
    transparent = alpha != 255
    if transparent.any():
        wrong = f"has {transparent.sum():,} transparent pixels, {_first(transparent)}"
        raise fault(
            path, wrong, "GIMP: Image > Flatten Image, paint what turns white, export again"
        )


def _look_up(pixels: np.ndarray, palette: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # One 24-bit number per pixel and a table of all 2^24 colours: one pass, however many classes.
    packed = pixels[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= pixels[..., channel]
    table = np.full(1 << 24, _UNKNOWN, dtype=np.uint8)
    numbers = np.asarray(palette, dtype=np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    if len(numbers) > _UNKNOWN or len(set(numbers.tolist())) < len(numbers):
        raise InputError("the palette has two classes of one colour; give each class its own")
    table[numbers] = np.arange(len(numbers), dtype=np.uint8)
    return table[packed], packed


def _unknown_colours(path: str | Path, labels: np.ndarray, packed: np.ndarray) -> InputError:
    unknown = labels == _UNKNOWN
    numbers, counts = np.unique(packed[unknown], return_counts=True)
    commonest = int(numbers[counts.argmax()])
    rgb = (commonest >> 16, commonest >> 8 & 255, commonest & 255)
    wrong = (
        f"{counts.max():,} pixels of colour {rgb}, which is no class, {_first(packed == commonest)}"
    )
    if len(numbers) > 1:
        others = counts.sum() - counts.max()
        wrong += f", and {others:,} pixels of {len(numbers) - 1:,} other colours"
    remedy = (
        "GIMP: Select > By Color, then Edit > Fill with FG Color in the class's colour;"
        " paint with the Pencil, whose edges are hard, not the Paintbrush"
    )
    return fault(path, wrong, remedy)


def _first(where: np.ndarray) -> str:
    y, x = np.unravel_index(where.argmax(), where.shape)
    return f"the first at (x, y) = ({x}, {y})"
