"""Masks painted in GIMP and label maps: colours are classes, and nothing is guessed.

A label map is uint8 ``(H, W)`` whose values are class ids. A mask is a picture in which every class
has its colour, or a layered project of such pictures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xnet_tf import classes, layers, masks, xcf_writer
from xnet_tf.files import write_atomically
from xnet_tf.palettes import PAPER, Palette


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
    return masks.read(path, masks.Rules(palette)).labels


def by_tolerance(
    pixels: np.ndarray, colours: np.ndarray = classes.AUTHORS_COLOURS, tolerance: int = 100
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


def write_project(path: str | Path, image: np.ndarray, labels: np.ndarray) -> Path:
    """Write a GIMP project to correct a label map in: the radiograph below, its colours above.

    The colour layer is called "labels" and half transparent as a layer; `read_mask` reads back the
    same map from it.

    Args:
        path: destination; its name should end in ".xcf". Written whole or not at all.
        image: float ``(H, W, 1)`` in [0, 1]; shown as its square root.
        labels: integer ``(H, W)`` of class ids.

    Returns:
        The destination.

    Raises:
        ValueError: if the two differ in size, or `labels` is no map of class ids.
    """
    painted = colour(labels)
    if image.shape[:2] != painted.shape[:2]:
        raise ValueError(f"an image of {image.shape} and labels of {labels.shape}")
    grey = np.round(255 * np.sqrt(np.clip(image[..., 0], 0, 1))).astype(np.uint8)
    below = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    return xcf_writer.write(path, [(layers.LABELS, painted, 0.5), ("radiograph", below, 1.0)])


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
