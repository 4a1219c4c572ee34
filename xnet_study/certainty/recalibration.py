"""Re-calibration beyond one temperature, and scores of calibration that need no bins.

Counts are those of `xnet_tf.calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from scipy.special import softmax

from xnet_tf import calibration
from xnet_tf.calibration import BINS, LEVELS, PROBABILITIES, Scaling


def against_rest(counts: np.ndarray, k: int) -> np.ndarray:
    """Return int64 ``(2, LEVELS)`` of class `k` from counts by true class ``(C, LEVELS)``."""
    return np.stack([counts.sum(axis=0) - counts[k], counts[k]])


def equal_mass(counts: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the bounds of bins that hold equally many pixels, as far as ties allow.

    Args:
        counts: int64 ``(2, LEVELS)``.
        bins: how many at most; pixels of one level stay together.

    Returns:
        int64 ``(M + 1,)``, as `equal_width`.
    """
    reached = counts.sum(axis=0).cumsum()
    shares = np.arange(1, bins) * reached[-1] / bins
    inner = np.searchsorted(reached, shares) + 1
    return np.unique(np.concatenate([[0], inner, [LEVELS]]))


def mce(sums: np.ndarray) -> np.ndarray:
    """Maximum calibration error: the largest gap of any bin that holds a pixel. See `ece`."""
    gap = np.abs(sums[..., 2] - sums[..., 1]) / np.maximum(sums[..., 0], 1)
    return gap.max(axis=-1)


def ks(counts: np.ndarray) -> float:
    """Largest calibration error accumulated up to any confidence, without bins.

    Sorted by confidence, the sums of probabilities and of outcomes are compared at every level, as
    Kolmogorov and Smirnov compare two distributions.

    Args:
        counts: int64 ``(2, LEVELS)``.

    References:
        Gupta et al., Calibration of neural networks using splines, ICLR 2021; Arrieta-Ibarra et
        al., Metrics of calibration for probabilistic predictions, JMLR 23 (2022).
    """
    number = counts.sum(axis=0)
    return float(np.abs((number * PROBABILITIES - counts[1]).cumsum()).max() / number.sum())


def recalibrated(counts: np.ndarray) -> np.ndarray:
    """Return the monotone map from level to probability that fits the outcomes best.

    Isotonic regression by pooling adjacent violators; between levels that occur it is interpolated.

    Args:
        counts: int64 ``(2, LEVELS)``.

    Returns:
        float64 ``(LEVELS,)``, non-decreasing.
    """
    number = counts.sum(axis=0)
    filled = np.flatnonzero(number)
    share = counts[1, filled] / number[filled]
    fitted = scipy.optimize.isotonic_regression(share, weights=number[filled].astype(float)).x
    return np.interp(np.arange(LEVELS), filled, fitted)


def brier_parts(counts: np.ndarray) -> tuple[float, float, float]:
    """Decompose the Brier score: miscalibration - discrimination + uncertainty.

    Miscalibration is what the best monotone re-calibration would gain, discrimination what that is
    better than the bare share of the class, uncertainty the score of the bare share. Their sum is
    `brier` exactly, and no bin is chosen.

    Args:
        counts: int64 ``(2, LEVELS)``.

    References:
        Murphy, A new vector partition of the probability score, J. Appl. Meteorol. 12 (1973);
        Dimitriadis, Gneiting and Jordan, Stable reliability diagrams for probabilistic
        classifiers, PNAS 118 (2021).
    """
    share = counts[1].sum() / counts.sum()
    best = brier(counts, recalibrated(counts))
    uncertainty = float(share * (1 - share))
    return brier(counts) - best, uncertainty - best, uncertainty


def multiclass_brier(counts: np.ndarray) -> float:
    """Brier score over all classes: the sum of the classes' own, in [0, 2].

    Args:
        counts: int64 ``(C, C, LEVELS)``: class judged, true class, level of the judged class.
    """
    return sum(brier(against_rest(of_class, k)) for k, of_class in enumerate(counts))


def nll(counts: np.ndarray) -> float:
    """Negative log likelihood, in nats: the mean of -log of the true class's probability.

    Of a pixel it is 16 at most: the levels of the logit end there.

    Args:
        counts: int64 ``(C, C, LEVELS)``, as for `multiclass_brier`.
    """
    surprise = np.logaddexp(0, -calibration.CENTRES)
    total = sum((of_class[k] * surprise).sum() for k, of_class in enumerate(counts))
    return float(total / counts[0].sum())


@dataclass(frozen=True)
class Isotonic:
    """Each class's probability is mapped on its own, monotonically; then they are made to sum to 1.

    Attributes:
        maps: float ``(C, LEVELS)``, a probability for every level of the class's logit.

    References:
        Zadrozny and Elkan, Transforming classifier scores into accurate multiclass probability
        estimates, KDD 2002.
    """

    maps: np.ndarray

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Re-calibrate float ``(..., C)``; returns float32 of the same shape."""
        level = calibration.levels(calibration.logits(probabilities))
        mapped = np.stack([m[level[..., k]] for k, m in enumerate(self.maps)], axis=-1)
        return (mapped / mapped.sum(axis=-1, keepdims=True)).astype(np.float32)


def fit_vector(probabilities: np.ndarray, truth: np.ndarray) -> Scaling:
    """Find a factor and a bias for each class, of least negative log likelihood.

    Args:
        probabilities: float ``(N, C)``, of pixels that trained nothing.
        truth: integer ``(N,)``, class ids.
    """
    logs = calibration.log_probabilities(probabilities).astype(np.float64)
    count = logs.shape[1]
    hit = np.eye(count)[truth]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = logs * values[:count] + values[count:]
        slope = (softmax(scaled, axis=1) - hit) / len(truth)
        slopes = np.concatenate([(slope * logs).sum(axis=0), slope.sum(axis=0)])
        return calibration.mean_nll(scaled, truth), slopes

    start = np.concatenate([np.ones(count), np.zeros(count)])
    best = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
    biases = best[count:] - best[count:].mean()
    return Scaling(tuple(best[:count].tolist()), tuple(biases.tolist()))


def fit_isotonic(counts: np.ndarray) -> Isotonic:
    """Fit a monotone map for each class, on exact counts.

    Args:
        counts: int64 ``(C, C, LEVELS)``: class judged, true class, level of the judged class.
    """
    maps = [recalibrated(against_rest(of_class, k)) for k, of_class in enumerate(counts)]
    # A level that was never wrong would claim certainty, and cost infinitely much when it errs.
    return Isotonic(np.clip(maps, 1e-6, 1 - 1e-6))


def brier(counts: np.ndarray, probabilities: np.ndarray = PROBABILITIES) -> float:
    """Mean squared difference of probability and outcome.

    Args:
        counts: int64 ``(2, LEVELS)``.
        probabilities: float ``(LEVELS,)`` that stand for the levels.
    """
    squares = counts[0] * probabilities**2 + counts[1] * (1 - probabilities) ** 2
    return float(squares.sum() / counts.sum())
