"""Boundaries between the regions of a label map, and how well two maps' agree."""

from __future__ import annotations

import cv2
import numpy as np

from xnet_study.processing import SIDE
from xnet_tf import classes


def boundary(labels: np.ndarray, of: int | None = None) -> np.ndarray:
    """Mark the pixels that have another class to their right, left, above or below.

    Where there is no label there is no boundary.

    Args:
        labels: uint8 ``(H, W)``, class ids.
        of: only the boundary of this class, marked on its own side.

    Returns:
        bool ``(H, W)``.
    """
    differs = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    known = labels != classes.IGNORE
    down, right = down & known[1:] & known[:-1], right & known[:, 1:] & known[:, :-1]
    differs[1:] |= down
    differs[:-1] |= down
    differs[:, 1:] |= right
    differs[:, :-1] |= right
    return differs if of is None else differs & (labels == of)


def near(marked: np.ndarray, distance: float) -> np.ndarray:
    """Return where a marked pixel lies within a distance, bool ``(H, W)``; nowhere if none is."""
    if not marked.any():
        return np.zeros(marked.shape, bool)
    away = cv2.distanceTransform((~marked).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return away <= distance


def boundary_f1(
    truth: np.ndarray, labels: np.ndarray, k: int = classes.SOFT_TISSUE, tolerance: float = 2
) -> float:
    """Harmonic mean of the shares of either boundary that lies near the other.

    Args:
        truth: uint8 ``(H, W)``, class ids.
        labels: of the same shape.
        k: class whose boundary is compared.
        tolerance: in pixels of a picture whose longer side is 200.

    Returns:
        In [0, 1]; NaN if neither has a boundary of the class, 0 if one has none.

    References:
        Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013.
    """
    true, predicted = boundary(truth, k), boundary(labels, k)
    if not (true.any() and predicted.any()):
        return 0.0 if true.any() or predicted.any() else np.nan
    distance = tolerance * max(truth.shape) / SIDE
    precision = near(true, distance)[predicted].mean()
    recall = near(predicted, distance)[true].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-12))
