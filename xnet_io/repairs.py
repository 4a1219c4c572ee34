"""Named repairs of masks whose colours are not exact. Each says how many pixels it changed."""

from __future__ import annotations

import numpy as np

from xnet_io.diagnosis import UNKNOWN, blends, nearest_class, pack, unpack
from xnet_io.palettes import Palette
from xnet_tf.files import InputError

_ROUNDS = 3
_LARGEST_SHARE = 0.25
_BLOCK = 1 << 18


def check_snap(distance: int, palette: Palette) -> None:
    """Refuse a bound within which a colour could belong to two classes.

    Raises:
        InputError: unless 1 <= `distance` <= `palette.widest_snap`.
    """
    if not 1 <= distance <= palette.widest_snap:
        raise InputError(
            f"--snap {distance}: with the palette {palette.name} a colour is settled within 1 to "
            f"{palette.widest_snap} of a class; give such a number"
        )


def snap(pixels: np.ndarray, labels: np.ndarray, palette: Palette, distance: int) -> int:
    """Give unknown pixels the class whose colour is near, in place.

    Args:
        pixels: uint8 ``(H, W, 3)``, RGB.
        labels: uint8 ``(H, W)``, class ids or `diagnosis.UNKNOWN`; changed.
        palette: the classes' colours.
        distance: the largest difference allowed in any channel; see `check_snap`.

    Returns:
        Number of pixels changed.
    """
    changed = 0
    flat_pixels, flat_labels = pixels.reshape(-1, 3), labels.reshape(-1)
    for start in range(0, len(flat_labels), _BLOCK):
        block = flat_labels[start : start + _BLOCK]
        where = np.flatnonzero(block == UNKNOWN)
        if not len(where):
            continue
        ids, distances = nearest_class(flat_pixels[start : start + _BLOCK][where], palette)
        near = distances <= distance
        block[where[near]] = ids[near]
        changed += int(near.sum())
    return changed


def relabel_edges(
    pixels: np.ndarray, labels: np.ndarray, palette: Palette, lossy: bool = False
) -> int:
    """Give blended pixels along borders the class of most of their neighbours, in place.

    A pixel is blended if its colour lies between two classes'. In a JPEG, whose edges leave that
    line, every unknown pixel counts as blended. Up to three rounds go inwards from the pixels whose
    class is known; of a tie, the class whose colour is nearest wins.

    Args:
        pixels: uint8 ``(H, W, 3)``, RGB.
        labels: uint8 ``(H, W)``, class ids or `diagnosis.UNKNOWN`; changed.
        palette: the classes' colours.
        lossy: whether the file is a JPEG.

    Returns:
        Number of pixels changed; none if more than a quarter of the picture is unknown, since those
        are no edges.
    """
    # Counted before they are listed: a list of all pixels of a large picture would fill the memory.
    if not 0 < np.count_nonzero(labels == UNKNOWN) <= _LARGEST_SHARE * labels.size:
        return 0
    ys, xs = np.nonzero(labels == UNKNOWN)
    if not lossy:
        numbers, inverse = np.unique(pack(pixels[ys, xs]), return_inverse=True)
        blended = blends(unpack(numbers), palette)[inverse]
        ys, xs = ys[blended], xs[blended]
    changed = 0
    for _ in range(_ROUNDS):
        if not len(ys):
            break
        ids = _majority(pixels, labels, ys, xs, palette)
        settled = ids != UNKNOWN
        labels[ys[settled], xs[settled]] = ids[settled]
        changed += int(settled.sum())
        ys, xs = ys[~settled], xs[~settled]
    return changed


def _majority(pixels, labels, ys, xs, palette) -> np.ndarray:
    """Return each pixel's commonest class among its eight neighbours, UNKNOWN if it has none."""
    height, width = labels.shape
    neighbours = np.full((8, len(ys)), UNKNOWN, dtype=np.uint8)
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    for row, (dy, dx) in zip(neighbours, steps, strict=True):
        inside = (ys + dy >= 0) & (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
        row[inside] = labels[ys[inside] + dy, xs[inside] + dx]
    best = np.zeros(len(ys), dtype=np.float32)
    ids = np.full(len(ys), UNKNOWN, dtype=np.uint8)
    colours = pixels[ys, xs].astype(np.int16)
    for class_id in np.unique(neighbours[neighbours != UNKNOWN]):
        ends = palette.colours[palette.ids == class_id].astype(np.int16)
        # Transparent pixels may have no label, which then is no colour's.
        distance = np.min([np.abs(colours - c).max(axis=-1) for c in ends], axis=0, initial=255)
        votes = (neighbours == class_id).sum(axis=0)
        # A fraction of a vote for the nearer colour decides between equals.
        score = np.where(votes > 0, votes + (255 - distance) / 512, 0).astype(np.float32)
        better = score > best
        best[better], ids[better] = score[better], class_id
    return ids
