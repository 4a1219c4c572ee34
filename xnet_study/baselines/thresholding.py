"""Classical methods that compare each pixel with thresholds: of grey, of entropy, along lines.

The pixels behind a collimator are as dark as bone and are open beam by our labels. No grey level
tells them apart, but the exposed field is a rectangle, which `exposed` finds.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy import ndimage
from skimage.filters import threshold_li, threshold_multiotsu, threshold_otsu
from skimage.filters.rank import entropy
from skimage.morphology import disk

from xnet_tf import classes

FAINTEST = 1e-3
"""Share of full scale that the logarithmic grey scale begins with."""


def prepare(image: np.ndarray, scale: str = "linear", smooth: float = 0.0) -> np.ndarray:
    """Choose the grey scale and take away noise.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        scale: ``"linear"`` as measured; ``"log"``, in which equal steps are equal masses crossed;
            or ``"root"``, between the two. The latter spread the dark grey levels.
        smooth: standard deviation of a Gaussian blur, in pixels.

    Returns:
        float32 ``(H, W)`` in [0, 1], open beam bright.
    """
    grey = np.clip(image.reshape(image.shape[:2]), 0, 1).astype(np.float32)
    if scale == "root":
        grey = np.sqrt(grey)
    elif scale == "log":
        grey = 1 - np.log(np.maximum(grey, FAINTEST)) / np.float32(np.log(FAINTEST))
    return ndimage.gaussian_filter(grey, smooth) if smooth else grey


def exposed(image: np.ndarray, level: float) -> np.ndarray:
    """Find the exposed field: the smallest rectangle, turned or not, around all that is lit.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1].
        level: from which on a pixel is lit; 0 takes the whole image for exposed.

    Returns:
        bool ``(H, W)``. The whole image if nothing is lit.
    """
    grey = image.reshape(image.shape[:2]).astype(np.float32)
    # Single lit pixels of noise must not stretch the rectangle.
    lit = cv2.medianBlur(grey, 5) >= level
    if not level or not lit.any():
        return np.ones(grey.shape, bool)
    box = cv2.boxPoints(cv2.minAreaRect(cv2.findNonZero(lit.astype(np.uint8))))
    field = np.zeros(grey.shape, np.uint8)
    return cv2.fillConvexPoly(field, np.rint(box).astype(np.int32), 1).astype(bool)


def otsu(image: np.ndarray, **settings) -> np.ndarray:
    """Divide beam from body by Otsu's threshold, then the body by Otsu's threshold. See `twice`."""
    return twice(image, threshold_otsu, **settings)


def cross_entropy(image: np.ndarray, **settings) -> np.ndarray:
    """Divide twice, each time where the cross-entropy is least. See `twice`.

    References:
        Li and Tam, An iterative algorithm for minimum cross entropy thresholding, Pattern
        Recognit. Lett. 19 (1998), by scikit-image.
    """
    return twice(image, threshold_li, **settings)


def twice(
    image: np.ndarray,
    threshold: Callable[[np.ndarray], float],
    scale: str = "linear",
    smooth: float = 0.0,
    field: float = 0.0,
    factor: float = 1.0,
) -> np.ndarray:
    """Divide open beam from body, then bone from tissue, with one threshold each.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        threshold: gives a threshold for grey values ``(N,)``.
        scale: grey scale of the second division; the first is always linear, since the
            logarithm would divide tissue from bone first.
        smooth: standard deviation of a Gaussian blur, in pixels.
        field: see `exposed`.
        factor: multiplies the second threshold.

    Returns:
        uint8 ``(H, W)``, class ids. An image of one grey level is all open beam.
    """
    body = body_of(image, threshold, smooth, field)
    grey = prepare(image, scale, smooth)
    return name_regions(body, grey <= factor * _level(threshold, grey[body]))


def body_of(
    image: np.ndarray,
    threshold: Callable[[np.ndarray], float] = threshold_otsu,
    smooth: float = 0.0,
    field: float = 0.0,
) -> np.ndarray:
    """Find what is darker than the open beam, inside the exposed field. Arguments as in `twice`.

    Returns:
        bool ``(H, W)``; nothing if all grey levels are equal.
    """
    grey, inside = prepare(image, "linear", smooth), exposed(image, field)
    return inside & (grey <= _level(threshold, grey[inside]))


def name_regions(body: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """Return class ids, uint8 ``(H, W)``: bone inside the body, soft tissue, open beam outside."""
    return np.where(body & bone, classes.BONE, body * classes.SOFT_TISSUE).astype(np.uint8)


def multi_otsu(
    image: np.ndarray, scale: str = "linear", smooth: float = 0.0, field: float = 0.0
) -> np.ndarray:
    """Divide grey levels into three groups by Otsu's criterion: the brightest is open beam.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        scale: see `prepare`.
        smooth: standard deviation of a Gaussian blur, in pixels.
        field: see `exposed`.

    Returns:
        uint8 ``(H, W)``, class ids. An image with fewer than three grey levels is all open beam.

    References:
        Liao, Chen and Chung, A fast algorithm for multilevel thresholding, J. Inf. Sci. Eng. 17
        (2001), by scikit-image.
    """
    grey, inside = prepare(image, scale, smooth), exposed(image, field)
    labels = np.full(grey.shape, classes.OPEN_BEAM, np.uint8)
    try:
        thresholds = threshold_multiotsu(grey[inside], classes=classes.COUNT)
    except ValueError:  # too few grey levels for three groups
        return labels
    groups = np.array([classes.BONE, classes.SOFT_TISSUE, classes.OPEN_BEAM], np.uint8)
    labels[inside] = groups[np.digitize(grey[inside], thresholds)]
    return labels


def local_entropy(
    image: np.ndarray,
    radius: int = 4,
    factor: float = 1.0,
    scale: str = "log",
    field: float = 0.0,
) -> np.ndarray:
    """Take for bone what is disordered: inside the body, where the local entropy is high.

    The entropy is that of the grey values, in 256 steps, of a disk around each pixel. What it is
    divided by, Otsu's threshold, and the beam, found by Otsu's threshold of grey, are our choice.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        radius: of the disk, in pixels.
        factor: multiplies the threshold of the entropy.
        scale: see `prepare`.
        field: see `exposed`.

    Returns:
        uint8 ``(H, W)``, class ids.

    References:
        Hržić et al., Local-entropy based approach for X-ray image segmentation and fracture
        detection, Entropy 21 (2019); Bandyopadhyay, Biswas and Bhattacharya, Entropy-based
        automatic segmentation of bones in digital X-ray images, PReMI 2011.
    """
    body = body_of(image, field=field)
    disorder = texture_entropy(prepare(image, scale), radius, body)
    return name_regions(body, disorder > factor * _level(threshold_otsu, disorder[body]))


def texture_entropy(grey: np.ndarray, radius: int, mask: np.ndarray | None = None) -> np.ndarray:
    """Shannon entropy, in bits, of the grey values within a disk around each pixel.

    Args:
        grey: float ``(H, W)`` in [0, 1].
        radius: of the disk, in pixels.
        mask: bool ``(H, W)``; pixels outside are not counted.

    Returns:
        float64 ``(H, W)``.
    """
    steps = np.round(grey * 255).astype(np.uint8)
    mask = None if mask is None else mask.astype(np.uint8)
    return entropy(steps, disk(radius), mask=mask)


def line_fluctuations(
    image: np.ndarray,
    width: int = 60,
    depth: float = 0.04,
    smooth: float = 1.0,
    lines: str = "rows",
    field: float = 0.0,
) -> np.ndarray:
    """Take for bone what dips along a line of the picture: darker than what lies on either side.

    Published are the steps: take away noise, find edges, analyse how the intensity fluctuates in
    every row. How, we could not read; this is our reading. The beam is found by Otsu's threshold.
    Edges cut each line into runs. A run is bone if, on a logarithmic scale, it lies on average
    deeper than `depth` below the bright envelope of its line (a closing over `width` pixels).

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        width: of the widest dip, in pixels.
        depth: of the shallowest dip, as a share of the logarithmic scale.
        smooth: standard deviation of a Gaussian blur, in pixels.
        lines: ``"rows"`` as published, or ``"both"``: also columns, and the deeper of the two.
        field: see `exposed`.

    Returns:
        uint8 ``(H, W)``, class ids.

    References:
        Kazeminia et al., Bone extraction in X-ray images by analysis of line fluctuations, ICIP
        2015 (its abstract).
    """
    body = body_of(image, smooth=smooth, field=field)
    grey = prepare(image, "log", smooth)
    dips = _dips(grey, body, width)
    if lines == "both":
        dips = np.maximum(dips, _dips(grey.T, body.T, width).T)
    return name_regions(body, dips > depth)


def _level(threshold: Callable[[np.ndarray], float], values: np.ndarray) -> float:
    """Return a threshold for values ``(N,)``; NaN, which nothing exceeds, if none differ."""
    return threshold(values) if values.size and values.min() < values.max() else np.nan


def _dips(grey: np.ndarray, body: np.ndarray, width: int) -> np.ndarray:
    """How far each run of each row lies below the row's bright envelope, float ``(H, W)``."""
    size = (1, width)
    envelope = ndimage.grey_dilation(np.where(body, grey, 0), size)
    envelope = ndimage.grey_erosion(np.where(body, envelope, 1), size)
    runs = _runs(grey, body)
    means = ndimage.mean(envelope - grey, runs, np.arange(1, runs.max() + 1))
    return means[runs - 1]


def _runs(grey: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Number the runs between edges, along rows, from 1; edges are where the slope is steepest."""
    slope = np.abs(np.gradient(grey, axis=1))
    steepest = slope >= ndimage.maximum_filter(slope, (1, 5))
    edges = (steepest & (slope > np.median(slope))) | (body != np.roll(body, 1, axis=1))
    edges[:, 0] = True
    return np.cumsum(edges.ravel()).reshape(grey.shape)
