"""The three regions of a radiograph: ids, names and colours.

Every other module takes them from here. The colours are those of the authors' figures, in which
open beam is purple, soft tissue green and bone yellow.
"""

from __future__ import annotations

import numpy as np

OPEN_BEAM, SOFT_TISSUE, BONE = 0, 1, 2

NAMES = ("open beam", "soft tissue", "bone")
"""Class names; the position is the class id. Metal counts as bone."""

COLOURS = np.array([[68, 1, 84], [33, 144, 140], [253, 231, 36]], dtype=np.uint8)
"""uint8 ``(3, 3)``: the RGB colour of each class id, as displayed in the paper."""

AUTHORS_COLOURS = np.array([[255, 255, 255], [255, 255, 0], [0, 0, 255]], dtype=np.uint8)
"""uint8 ``(3, 3)``: the colour of each class id as the authors' code lists it, in its own order.

Read as RGB that is white, yellow, blue. Their code reads label files with OpenCV, whose channels
come as blue, green, red: a file must hold these rows reversed, white, cyan, red, to be understood.
"""

COUNT = len(NAMES)
"""Number of classes."""

POLARITIES = ("auto", "bright", "dark")
"""How the open beam looks in pictures that are to be read; "auto" finds out."""


def colour(labels: np.ndarray) -> np.ndarray:
    """Paint a label map in the paper's colours.

    Args:
        labels: integer ``(H, W)`` of class ids.

    Returns:
        uint8 ``(H, W, 3)``, RGB.

    Raises:
        ValueError: if `labels` is not a two-dimensional map of class ids.
    """
    return COLOURS[checked(labels)]


def checked(labels: np.ndarray) -> np.ndarray:
    """Return a label map as uint8 ``(H, W)``, or raise ValueError if it is none."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(f"a label map is an integer (H, W), not {labels.dtype} {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < COUNT:
        raise ValueError(f"class ids are 0 to {COUNT - 1}, not {labels.min()} to {labels.max()}")
    return labels.astype(np.uint8)
