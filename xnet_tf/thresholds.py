"""From probabilities to regions: the soft-tissue threshold of the paper, and what it costs.

A curve is the number of pixels above each threshold by their true class, integer ``(..., T, C)``;
thresholds rise along the axis before the last. Every quantity below is computed from it and from
the number of pixels of each class, ``(..., C)``. Curves add up over images.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from xnet_tf import classes

GRID = np.arange(-4 * 8, 10 * 8 + 1) * 256 + 2**15
"""int64 ``(113,)``: the levels of the logit at which each image's own curve is kept.

Levels are those of `xnet_tf.calibration`, where 2**15 is a logit of 0. In steps of 1/8 of the
logit, from a probability of 0.018 to one of 0.99995: a choice made before any image was seen, as
the guarantees need it.
"""

_PIECE = 2**18


def decide(
    probabilities: np.ndarray,
    threshold: float | None = None,
    guarded: int = classes.SOFT_TISSUE,
) -> np.ndarray:
    """Assign each pixel to a region.

    Without a threshold the likeliest region wins. With one, a pixel is soft tissue only if its
    probability of soft tissue exceeds the threshold, and otherwise the likelier of the others: a
    higher threshold gives fewer false positives in soft tissue, and fewer true ones. At a threshold
    from 1/2 upwards the rule takes pixels from soft tissue that the likeliest class would give it,
    and gives it none.

    Args:
        probabilities: float ``(..., 3)``.
        threshold: in [0, 1], or None.
        guarded: class that the threshold guards.

    Returns:
        uint8 ``(...)``, class ids. Of equal probabilities the smaller class id wins.

    Raises:
        ValueError: if the threshold is not in [0, 1].

    References:
        Bullock et al. 2018, 10.1117/12.2512451.
    """
    if threshold is None:
        return probabilities.argmax(axis=-1).astype(np.uint8)
    if not 0 <= threshold <= 1:
        raise ValueError(f"the soft-tissue threshold must lie in [0, 1], not {threshold}")
    above = probabilities[..., guarded] > threshold
    return np.where(above, guarded, likeliest_other(probabilities, guarded)).astype(np.uint8)


def likeliest_other(probabilities: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Return the likelier of the classes that are not guarded, int ``(...)``."""
    first, second = (k for k in range(classes.COUNT) if k != guarded)
    return np.where(probabilities[..., second] > probabilities[..., first], second, first)


def curve(
    probabilities: np.ndarray, truth: np.ndarray, guarded: int = classes.SOFT_TISSUE
) -> np.ndarray:
    """Count the pixels above every threshold, in one pass over them.

    Args:
        probabilities: float ``(..., 3)``.
        truth: integer ``(...)``, class ids.
        guarded: class that the threshold guards.

    Returns:
        int64 ``(LEVELS + 1, 3)``; row ``l`` belongs to the threshold `calibration.edge` of ``l``,
        the last to 1.
    """
    from xnet_tf import calibration  # loads SciPy and pandas, which deciding does without

    flat, true = probabilities.reshape(-1, classes.COUNT), truth.ravel()
    counts = np.zeros((classes.COUNT, calibration.LEVELS), dtype=np.int64)
    # In pieces that stay in the processor's cache.
    for start in range(0, len(true), _PIECE):
        piece = slice(start, start + _PIECE)
        levels = calibration.levels(calibration.logits_of(flat[piece], guarded))
        counts += calibration.count(levels, true[piece], classes.COUNT)
    return above(counts)


def above(counts: np.ndarray) -> np.ndarray:
    """Turn counts by true class and level into a curve.

    Args:
        counts: int64 ``(..., C, LEVELS)``.

    Returns:
        int64 ``(..., LEVELS + 1, C)``; row ``l`` counts the pixels of level ``l`` and higher.
    """
    reached = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
    none = np.zeros((*counts.shape[:-1], 1), np.int64)
    return np.moveaxis(np.concatenate([reached, none], axis=-1), -1, -2)


def recall(curve: np.ndarray, pixels: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of the guarded class that is found: the paper's TP.

    Returns:
        float ``(..., T)``, falling with the threshold; NaN where the class is absent.
    """
    total = pixels[..., None, guarded].astype(float)
    return np.divide(
        curve[..., guarded], total, out=np.full(curve.shape[:-1], np.nan), where=total > 0
    )


def fdr(curve: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of what is given to the guarded class that is wrong: the paper's FP.

    Of one image it is called the false discovery proportion. Where nothing is given to the class,
    nothing is wrong: 0.

    Returns:
        float ``(..., T)``. It need not fall as the threshold rises.
    """
    called = curve.sum(axis=-1)
    return (called - curve[..., guarded]) / np.maximum(called, 1)


def fpr(curve: np.ndarray, pixels: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of the other classes that is given to the guarded one, ``(..., T)``."""
    false = curve.sum(axis=-1) - curve[..., guarded]
    return false / np.maximum(pixels.sum(axis=-1) - pixels[..., guarded], 1)[..., None]


def f1(curve: np.ndarray, pixels: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Harmonic mean of precision and recall, ``(..., T)``."""
    both = curve.sum(axis=-1) + pixels[..., None, guarded]
    return 2 * curve[..., guarded] / np.maximum(both, 1)


def for_fdr(rates: np.ndarray, target: float) -> int:
    """Choose the lowest threshold that keeps a rate at its target: the naive choice.

    Args:
        rates: ``(T,)``, for instance of `fdr`, pooled or as mean over images.
        target: in [0, 1].

    Returns:
        Position of the threshold; ``T`` if none does: nothing may be given to the class then.
    """
    good = np.flatnonzero(rates <= target)
    return int(good[0]) if len(good) else len(rates)


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
