"""Methods without learning that XNet is compared with."""

from __future__ import annotations

import numpy as np
from skimage.filters import threshold_multiotsu

from xnet_tf import classes


def multi_otsu(image: np.ndarray) -> np.ndarray:
    """Divide grey levels into three groups by Otsu's criterion: the brightest is open beam.

    Args:
        image: float ``(H, W)`` or ``(H, W, 1)`` in [0, 1], open beam bright.

    Returns:
        uint8 ``(H, W)``, class ids. An image with fewer than three grey levels is all open beam.

    References:
        Liao, Chen and Chung, A fast algorithm for multilevel thresholding, J. Inf. Sci. Eng. 17
        (2001), by scikit-image.
    """
    image = image.reshape(image.shape[:2])
    try:
        thresholds = threshold_multiotsu(image, classes=classes.COUNT)
    except ValueError:  # too few grey levels for three groups
        return np.full(image.shape, classes.OPEN_BEAM, np.uint8)
    return np.array([classes.BONE, classes.SOFT_TISSUE, classes.OPEN_BEAM], np.uint8)[
        np.digitize(image, thresholds)
    ]


def constant(labels: np.ndarray) -> int:
    """Return the class of most pixels of the training label maps: the constant predictor."""
    return int(np.bincount(labels.ravel(), minlength=classes.COUNT).argmax())
