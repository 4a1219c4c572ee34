"""Classical methods that grow regions from what is certain: watershed, random walker, graph cut.

All begin with Otsu's two divisions (`thresholding.otsu`). Of each class, the share of
pixels that is most typical of it is certain; where the rest belongs depends on neighbours.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage.filters import sobel
from skimage.segmentation import random_walker as walk
from skimage.segmentation import watershed as flood

from xnet_study.baselines.thresholding import exposed, name_regions, otsu, prepare
from xnet_tf import classes

WALKED = 100
"""Longer side of the picture on which random walkers walk, in pixels: a quarter of the work."""


def watershed(
    image: np.ndarray,
    core: float = 0.7,
    scale: str = "linear",
    smooth: float = 1.0,
    field: float = 0.0,
    factor: float = 1.0,
) -> np.ndarray:
    """Let the certain regions flood the picture of slopes until they meet, on the crests.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        core: share of each class that is certain; see `certain`.
        scale: grey scale whose slopes are taken.
        smooth: standard deviation of a Gaussian blur, in pixels.
        field: see `thresholding.exposed`.
        factor: of the first division; see `thresholding.twice`.

    Returns:
        uint8 ``(H, W)``, class ids.

    References:
        Beucher and Meyer, The morphological approach to segmentation: the watershed
        transformation (1993), by scikit-image.
    """
    marks = certain(image, core, field, factor)
    if len(np.unique(marks[marks > 0])) < 2:
        return otsu(image, field=field, factor=factor)
    return (flood(sobel(prepare(image, scale, smooth)), marks) - 1).astype(np.uint8)


def random_walker(
    image: np.ndarray,
    core: float = 0.7,
    beta: float = 1000.0,
    scale: str = "linear",
    field: float = 0.0,
    factor: float = 1.0,
) -> np.ndarray:
    """Give each pixel the class that random walkers from it reach first; they shun steep slopes.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        core: share of each class that is certain; see `certain`.
        beta: how much they shun slopes.
        scale: grey scale whose slopes are taken.
        field: see `thresholding.exposed`.
        factor: of the first division; see `thresholding.twice`.

    Returns:
        uint8 ``(H, W)``, class ids.

    References:
        Grady, Random walks for image segmentation, TPAMI 28 (2006), by scikit-image.
    """
    marks = certain(image, core, field, factor)
    height, width = marks.shape
    shrunk = min(1.0, WALKED / max(marks.shape))
    size = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    small = cv2.resize(marks, size, interpolation=cv2.INTER_NEAREST)
    names = np.unique(small[small > 0])
    if len(names) < 2 or small.all():
        return otsu(image, field=field, factor=factor)
    grey = cv2.resize(prepare(image, scale), size, interpolation=cv2.INTER_AREA)
    seeds = np.searchsorted(names, small) + (small > 0)
    reached = walk(grey, seeds, beta, mode="bf", return_full_prob=True)
    full = [cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in reached]
    return (names[np.argmax(full, axis=0)] - 1).astype(np.uint8)


def graph_cut(
    image: np.ndarray,
    core: float = 0.7,
    rounds: int = 2,
    radius: int = 1,
    field: float = 0.0,
    factor: float = 1.0,
) -> np.ndarray:
    """Cut the graph of neighbouring pixels where it is cheapest: body from beam, bone from rest.

    A pixel is described by its grey level, linear and logarithmic, and by the latter's local
    mean; on each side of a cut, mixtures of Gaussians describe the pixels.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.
        core: share of each class that is certain; see `certain`.
        rounds: how often mixtures are fitted and cut in turn.
        radius: of the local mean, in pixels.
        field: see `thresholding.exposed`.
        factor: of the first division; see `thresholding.twice`.

    Returns:
        uint8 ``(H, W)``, class ids.

    References:
        Rother, Kolmogorov and Blake, GrabCut: interactive foreground extraction using iterated
        graph cuts, SIGGRAPH 2004, by OpenCV.
    """
    first = otsu(image, field=field, factor=factor)
    marks = certain(image, core, field, factor)
    planes = [prepare(image), prepare(image, "log"), prepare(image, "log", radius)]
    picture = np.round(255 * np.dstack(planes)).astype(np.uint8)
    body = _cut(picture, first > classes.OPEN_BEAM, marks, rounds)
    return name_regions(body, _cut(picture, first == classes.BONE, marks, rounds))


def certain(image: np.ndarray, core: float, field: float, factor: float) -> np.ndarray:
    """Mark the pixels whose class is taken for certain.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1].
        core: share of each class, as Otsu divides them, that is certain: the brightest of the
            open beam, the darkest of the bone, the middle of the soft tissue.
        field: see `thresholding.exposed`; what lies outside is certainly open beam.
        factor: see `thresholding.twice`.

    Returns:
        int32 ``(H, W)``: 0 where uncertain, else class id + 1.
    """
    grey, inside = prepare(image), exposed(image, field)
    divided = otsu(image, field=field, factor=factor)
    marks = np.where(inside, 0, classes.OPEN_BEAM + 1).astype(np.int32)
    limits = {
        classes.OPEN_BEAM: (1 - core, 1),
        classes.SOFT_TISSUE: ((1 - core) / 2, (1 + core) / 2),
        classes.BONE: (0, core),
    }
    for name, shares in limits.items():
        chosen = inside & (divided == name)
        if chosen.any():
            low, high = np.quantile(grey[chosen], shares)
            marks[chosen & (grey >= low) & (grey <= high)] = name + 1
    return marks


def _cut(picture: np.ndarray, first: np.ndarray, marks: np.ndarray, rounds: int) -> np.ndarray:
    """Cut what `first` holds from the rest; bool ``(H, W)``. Certain pixels stay on their side."""
    if first.all() or not first.any():
        return first
    mask = np.where(first, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[(marks > 0) & first] = cv2.GC_FGD
    mask[(marks > 0) & ~first] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, mask, None, None, None, rounds, cv2.GC_INIT_WITH_MASK)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
