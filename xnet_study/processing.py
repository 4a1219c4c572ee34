"""The paper's post-processing of a label map: steps after the decision, for the paper's classes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from xnet_io import tiles
from xnet_tf import classes
from xnet_tf.thresholds import likeliest_other

SIDE = 200
"""Longer side of what the network is shown, in pixels: lengths and areas are given for it."""


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
        labels, scale = labels.copy(), tiles.shown_length(*labels.shape) / SIDE
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


def _mask(labels: np.ndarray, k: int) -> np.ndarray:
    return (labels == k).astype(np.uint8)


def _opened(mask: np.ndarray, side: float) -> np.ndarray:
    square = _square(side)
    # An even square has no middle: the way back must be the mirror image of the way there.
    first = len(square) // 2
    second = len(square) - 1 - first
    eroded = cv2.erode(mask, square, anchor=(first, first))
    return cv2.dilate(eroded, square, anchor=(second, second))


def _square(side: float) -> np.ndarray:
    return np.ones((max(1, round(side)),) * 2, np.uint8)


def _give_up(labels: np.ndarray, where: np.ndarray, probabilities: np.ndarray, k: int) -> None:
    labels[where] = likeliest_other(probabilities[where], k)
