"""What the paper does to a segmentation afterwards, and scores of its boundaries.

Lengths and areas are given for a picture whose longer side is 200 pixels, as the network sees it,
and scaled to the picture's own size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from xnet_tf import classes, thresholds

SIDE = 200
"""Longer side of the pictures that lengths and areas are given for, in pixels."""


@dataclass(frozen=True)
class Processing:
    """Steps after the decision; 0 leaves a step out.

    Attributes:
        opening: side of the square by which bone is opened: thinner bone is given up, to the
            likelier of the other two. The authors' code has 10.
        dilation: side of the square by which bone is dilated, over soft tissue and not over open
            beam: what lies next to bone is no longer claimed to be soft tissue.
        island: soft tissue that hangs together over fewer pixels is given up, to the likelier of
            the other two.

    References:
        Bullock et al. 2018, 10.1117/12.2512451, and the authors' poster.
    """

    opening: float = 0
    dilation: float = 0
    island: float = 0

    def __call__(self, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Apply the steps in their order.

        Args:
            labels: uint8 ``(H, W)``, class ids.
            probabilities: float ``(H, W, 3)``, for what is given up.

        Returns:
            uint8 ``(H, W)``.
        """
        labels, scale = labels.copy(), max(labels.shape) / SIDE
        if self.opening:
            bone = _mask(labels, classes.BONE)
            lost = bone > _opened(bone, self.opening * scale)
            _give_up(labels, lost, probabilities, classes.BONE)
        if self.dilation:
            grown = cv2.dilate(_mask(labels, classes.BONE), _square(self.dilation * scale))
            labels[(grown == 1) & (labels == classes.SOFT_TISSUE)] = classes.BONE
        if self.island:
            _, parts, figures, _ = cv2.connectedComponentsWithStats(
                _mask(labels, classes.SOFT_TISSUE), connectivity=4
            )
            small = figures[:, cv2.CC_STAT_AREA] < self.island * scale**2
            small[0] = False  # the background
            _give_up(labels, small[parts], probabilities, classes.SOFT_TISSUE)
        return labels


def boundary(labels: np.ndarray, of: int | None = None) -> np.ndarray:
    """Mark the pixels that have another class to their right, left, above or below.

    Args:
        labels: uint8 ``(H, W)``, class ids.
        of: only the boundary of this class, marked on its own side.

    Returns:
        bool ``(H, W)``.
    """
    differs = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
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
    true, found = boundary(truth, k), boundary(labels, k)
    if not (true.any() and found.any()):
        return 0.0 if true.any() or found.any() else np.nan
    distance = tolerance * max(truth.shape) / SIDE
    precision = near(true, distance)[found].mean()
    recall = near(found, distance)[true].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-12))


def _mask(labels: np.ndarray, k: int) -> np.ndarray:
    return (labels == k).astype(np.uint8)


def _opened(mask: np.ndarray, side: float) -> np.ndarray:
    square = _square(side)
    # An even square has no middle: the way back must be the mirror image of the way there.
    there = len(square) // 2
    back = len(square) - 1 - there
    return cv2.dilate(cv2.erode(mask, square, anchor=(there,) * 2), square, anchor=(back,) * 2)


def _square(side: float) -> np.ndarray:
    return np.ones((max(1, round(side)),) * 2, np.uint8)


def _give_up(labels: np.ndarray, where: np.ndarray, probabilities: np.ndarray, k: int) -> None:
    labels[where] = thresholds.likeliest_other(probabilities[where], k)
