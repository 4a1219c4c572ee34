"""One-vs-rest ROC curves and the area under them, over any number of images in constant memory.

The logit of each pixel is rounded to one of the 65,536 levels of `xnet_tf.calibration`, and pixels
are counted by level. Two pixels of one level count as tied, as equal scores do everywhere: the area
is exactly that of scikit-learn's ``roc_auc_score`` on the levels, and differs from that on the
probabilities by at most half the share of (positive, negative) pairs that meet in a level.

For intervals by subject each image keeps coarse counts as well: 256 bins, 1/8 of a logit wide.
"""

from __future__ import annotations

import numpy as np

from xnet_tf import calibration, classes

BINS = 256
"""Coarse bins of the logit."""

_LEVELS_OF_BIN = calibration.LEVELS // BINS


class Counts:
    """Pixels by class judged, outcome and level of the logit; grows by no byte as images come.

    Attributes:
        levels: int64 ``(C, 2, LEVELS)``; of the middle axis, 0 is the rest and 1 the class.

    Example:
        >>> counts = Counts()
        >>> counts.add(np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]]))
        >>> counts.auc()
        array([ 1.,  1., nan])
    """

    def __init__(self, classes: int = classes.COUNT):
        self.levels = np.zeros((classes, 2, calibration.LEVELS), dtype=np.int64)

    def add(self, truth: np.ndarray, probabilities: np.ndarray) -> None:
        """Count the pixels of one image or of several.

        Args:
            truth: integer ``(...)``, class ids.
            probabilities: float ``(..., C)``.

        Raises:
            ValueError: if the shapes do not fit.
        """
        flat, true = self._pixels(truth, probabilities)
        for k, of_class in enumerate(self.levels):
            level = calibration.levels(calibration.logits_of(flat, k))
            of_class += calibration.count(level, true == k)

    def coarse(self, truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Count one image's pixels in coarse bins, apart from what is added up.

        Args:
            truth: integer ``(...)``, class ids.
            probabilities: float ``(..., C)``.

        Returns:
            int64 ``(C, 2, BINS)``, in the order of `levels`.

        Raises:
            ValueError: if the shapes do not fit.
        """
        flat, true = self._pixels(truth, probabilities)
        out = np.empty((len(self.levels), 2, BINS), dtype=np.int64)
        for k, of_class in enumerate(out):
            level = calibration.levels(calibration.logits_of(flat, k)) // _LEVELS_OF_BIN
            joint = (true == k) * BINS + level
            of_class[:] = np.bincount(joint, minlength=2 * BINS).reshape(2, BINS)
        return out

    def auc(self) -> np.ndarray:
        """Return the area under each class's curve, float64 ``(C,)``; see `area`."""
        return area(self.levels)

    def _pixels(self, truth: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        truth, given = np.asarray(truth), np.asarray(given)
        if given.shape != (*truth.shape, len(self.levels)):
            raise ValueError(
                f"truth {truth.shape} needs probabilities {(*truth.shape, len(self.levels))}, "
                f"not {given.shape}"
            )
        return given.reshape(-1, len(self.levels)), truth.ravel()


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
