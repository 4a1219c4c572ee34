"""One-vs-rest ROC curves and the area under them, over any number of images in constant memory.

The logit of each pixel is rounded to one of the 65,536 levels of `xnet_tf.calibration`, and pixels
are counted by level. Two pixels of one level count as tied, as equal scores do everywhere: the area
is exactly that of scikit-learn's ``roc_auc_score`` on the levels, and differs from that on the
probabilities by at most half the share of (positive, negative) pairs that meet in a level.

For intervals by subject each image keeps coarse counts as well: 256 bins, 1/8 of a logit wide.
"""

from __future__ import annotations

import numpy as np

from xnet_tf import calibration

BINS = 256
"""Coarse bins of the logit."""


def counts(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Count pixels by class judged, outcome and level of the logit; counts of images add up.

    Args:
        truth: integer ``(...)``, class ids.
        probabilities: float ``(..., C)``.

    Returns:
        int64 ``(C, 2, LEVELS)``; of the middle axis, 0 is the rest and 1 the class.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> area(counts(np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]])))
        array([ 1.,  1., nan])
    """
    truth, number = np.asarray(truth), np.shape(probabilities)[-1]
    if np.shape(probabilities) != (*truth.shape, number):
        raise ValueError(f"truth {truth.shape} and probabilities {np.shape(probabilities)} differ")
    flat = np.reshape(probabilities, (-1, number))
    levels = (calibration.levels(calibration.logits_of(flat, k)) for k in range(number))
    of_classes = [calibration.count(level, truth.ravel() == k) for k, level in enumerate(levels)]
    return np.stack(of_classes)


def coarse(counts: np.ndarray) -> np.ndarray:
    """Return counts ``(..., LEVELS)`` in coarse bins, ``(..., BINS)``."""
    return counts.reshape(*counts.shape[:-1], BINS, -1).sum(axis=-1)


def area(counts: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve: the chance that a positive pixel outranks a negative.

    Args:
        counts: numbers of pixels ``(..., 2, L)``: negatives and positives by ascending score.

    Returns:
        float64 ``(...)``; ties count half; NaN where one outcome is absent.
    """
    negative, positive = counts[..., 0, :], counts[..., 1, :]
    below = negative.cumsum(axis=-1) - negative / 2
    pairs = negative.sum(axis=-1, dtype=float) * positive.sum(axis=-1)
    out = np.full(np.shape(pairs), np.nan)
    return np.divide((positive * below).sum(axis=-1), pairs, out=out, where=pairs > 0)


def curve(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ROC curve of one class.

    Args:
        counts: ``(2, L)``, as for `area`; both outcomes present.

    Returns:
        False and true positive rates ``(M,)``, from (0, 0) to (1, 1), without repeated points.
    """
    falling = np.concatenate([np.zeros((2, 1)), counts[:, ::-1].cumsum(axis=1)], axis=1)
    kept = np.append(True, (counts[:, ::-1] > 0).any(axis=0))
    false, true = (falling / falling[:, -1:])[:, kept]
    return false, true
