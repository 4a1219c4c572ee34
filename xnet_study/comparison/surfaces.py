"""How well boundaries agree: normalised surface Dice and 95 % Hausdorff distance.

A region's boundary is made of the corners between pixels at which the region and the rest meet,
each with the length of the line that runs through its 2x2 pixels: 1 along a straight edge,
1/sqrt(2) around a corner of the region, sqrt(2) where it touches itself diagonally. This is the
definition of Nikolov et al. (2021) and of their package ``surface-distance``, with one difference:
the picture's frame is no boundary. Open beam reaches the frame in nearly every radiograph, on the
true and on the predicted map, and would be paid for agreeing with itself. The package takes what
lies outside the picture for the rest and offers no way to leave that out, hence these lines; tests
hold them against it on regions that stay inside.

Rules for what is empty, for each class and image:

* a class that is on neither map: not defined (NaN), and left out of means;
* a class that is on one map only: the worst score, which is a surface Dice of 0 and a Hausdorff
  distance of the picture's diagonal;
* a class on both maps, with a boundary on one only (it fills the other picture): the same;
* a class that fills both pictures: the best score, 1 and 0.

References:
    Nikolov et al., Clinically applicable segmentation of head and neck anatomy for radiotherapy,
    J. Med. Internet Res. 23 (2021): surface Dice. Maier-Hein, Reinke et al., Metrics reloaded,
    Nature Methods 21 (2024), whose code gives NaN where one mask is empty and asks that it be set
    to the worst case before scores are averaged. Podobnik and Vrtovec, Understanding
    implementation pitfalls of distance-based metrics, arXiv 2410.02630 (2024): why the definition
    must be said.
"""

from __future__ import annotations

import cv2
import numpy as np

from xnet_tf import classes

TOLERANCES = (1, 2)
"""Distances in pixels up to which boundaries count as agreeing."""

PERCENTILE = 95
"""Of the distances, so that a few stray pixels do not decide."""

_CORNER = 0.5 * np.sqrt(2)

# By the code of 2x2 pixels: 8, 4, 2, 1 for top left, top right, bottom left, bottom right.
_LENGTHS = np.full(16, _CORNER)
_LENGTHS[[0b0000, 0b1111]] = 0
_LENGTHS[[0b0011, 0b1100, 0b0101, 0b1010]] = 1
_LENGTHS[[0b0110, 0b1001]] = 2 * _CORNER


def scores(truth: np.ndarray, predicted: np.ndarray) -> list[dict[str, str | float]]:
    """Compare the boundaries of each class on two label maps.

    Args:
        truth: integer ``(H, W)``, class ids.
        predicted: of the same shape.

    Returns:
        A dictionary for each class: ``class`` (its name), ``nsd1`` and ``nsd2`` (normalised surface
        Dice at 1 and 2 pixels, in [0, 1]) and ``hd95`` (pixels); NaN where not defined.

    Raises:
        ValueError: if the maps differ in shape or have other than two dimensions.

    Example:
        >>> bar = np.zeros((6, 6), int)
        >>> bar[2:4] = classes.BONE
        >>> scores(bar, bar)[classes.BONE]
        {'class': 'bone', 'nsd1': 1.0, 'nsd2': 1.0, 'hd95': 0.0}
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 2:
        raise ValueError(f"give two maps (H, W), not {truth.shape} and {predicted.shape}")
    names = ("nsd1", "nsd2", "hd95")
    return [
        {"class": name, **dict(zip(names, compare(truth == k, predicted == k), strict=True))}
        for k, name in enumerate(classes.NAMES)
    ]


def compare(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    """Compare the boundaries of two regions, bool ``(H, W)``; see `scores`.

    Returns:
        Normalised surface Dice at 1 and at 2 pixels, and the 95 % Hausdorff distance.
    """
    if not truth.any() and not predicted.any():
        return np.nan, np.nan, np.nan
    if truth.all() and predicted.all():
        return 1.0, 1.0, 0.0
    lengths = boundary(truth), boundary(predicted)
    if not all(of_one.any() for of_one in lengths):
        return 0.0, 0.0, float(np.hypot(*truth.shape))
    sides = distances(*lengths), distances(*reversed(lengths))
    total = sum(length.sum() for _, length in sides)
    agreeing = [sum(length[away <= t].sum() for away, length in sides) for t in TOLERANCES]
    at_1, at_2 = (float(length / total) for length in agreeing)
    return at_1, at_2, max(percentile(*side) for side in sides)


def boundary(region: np.ndarray) -> np.ndarray:
    """Return the length of boundary at each corner between pixels.

    Args:
        region: bool ``(H, W)``.

    Returns:
        float64 ``(H - 1, W - 1)``, 0 where there is none.
    """
    bits = region.astype(np.uint8)
    code = 8 * bits[:-1, :-1] + 4 * bits[:-1, 1:] + 2 * bits[1:, :-1] + bits[1:, 1:]
    return _LENGTHS[code]


def distances(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far a boundary is from another, corner by corner.

    Args:
        one: lengths of `boundary`, not all 0.
        other: of the same shape.

    Returns:
        For the corners of the one, float64: distance to the nearest corner of the other, in pixels,
        and length.
    """
    corners = one > 0
    away = cv2.distanceTransform((other == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # OpenCV gives float32. The square of a distance is a whole number: below 2048 pixels, rounding
    # it gives back every digit of float64.
    return np.sqrt(np.rint(away[corners].astype(np.float64) ** 2)), one[corners]


def percentile(distance: np.ndarray, length: np.ndarray) -> float:
    """Return the distance within which 95 % of a boundary's length lies."""
    order = np.lexsort((length, distance))
    reached = np.cumsum(length[order]) / length.sum()
    at = np.searchsorted(reached, PERCENTILE / 100)
    return float(distance[order][min(at, len(order) - 1)])
