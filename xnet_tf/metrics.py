"""Scores from confusion counts, ROC curves, and intervals by resampling subjects.

Confusion counts are integer matrices with one row per true and one column per predicted class.
They add up over pixels, images and subjects; every score but the ROC follows from them.

What is resampled for intervals are sums: every score is a function of numbers that add up over
images (confusion counts, counts of the logit, sums of surface scores and how many there are). All
scores of all methods can come from the same resamples, by one product of matrices.

References:
    Efron, Better bootstrap confidence intervals, JASA 82 (1987): the interval (BCa). Efron and
    Tibshirani, An introduction to the bootstrap (1993), 14.3 and 15.4.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_auc_score

from xnet_tf import classes

Score = Callable[[np.ndarray], np.ndarray]

RESAMPLES = 2000


def count_columns(names: Sequence[str] = classes.NAMES) -> list[str]:
    """Return how tables name the confusion counts of classes, row by row."""
    return [f"{true} as {predicted}" for true, predicted in itertools.product(names, repeat=2)]


def counts_row(truth: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    """Return the confusion counts of two label maps ``(H, W)`` by the names of their columns."""
    counts = confusion(truth, predicted, len(names))
    return dict(zip(count_columns(names), counts.flat, strict=True))


def counts_of(table: pd.DataFrame) -> np.ndarray:
    """Return the confusion counts of a table's rows, int64 ``(N, C, C)``; see `count_columns`."""
    counts = table.filter(like=" as ").to_numpy(np.int64)
    return counts.reshape(len(table), math.isqrt(counts.shape[1]), -1)


def confusion(truth: np.ndarray, predicted: np.ndarray, count: int = classes.COUNT) -> np.ndarray:
    """Count pixels by true and predicted class.

    Args:
        truth: integer array of class ids, any shape; what has no label (255) is not counted.
        predicted: of the same shape.
        count: number of classes.

    Returns:
        int64 ``(count, count)``; rows are the truth.

    Raises:
        ValueError: if the shapes differ or an id is out of range.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {predicted.shape}")
    truth, predicted = (array[truth != classes.IGNORE] for array in (truth, predicted))
    if truth.size:
        low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
        if low < 0 or high >= count:
            raise ValueError(f"class ids must be 0 to {count - 1}, not {low} to {high}")
    pairs = truth.astype(np.int64) * count + predicted
    return np.bincount(pairs, minlength=count**2).reshape(count, count)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of pixels predicted right.

    Args:
        counts: integer ``(..., C, C)``, as for every score below.

    Returns:
        ``(...)``: a number for one matrix. Scores per class are ``(..., C)``.
    """
    return _ratio(_right(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))[()]


def recall(counts: np.ndarray) -> np.ndarray:
    """Per class, the share of its pixels that were found; NaN for a class that is absent."""
    return _ratio(_right(counts), counts.sum(axis=-1))


def precision(counts: np.ndarray) -> np.ndarray:
    """Per class, the share of pixels given to it that are right; NaN if none were."""
    return _ratio(_right(counts), counts.sum(axis=-2))


def f1(counts: np.ndarray) -> np.ndarray:
    """Per class, the harmonic mean of precision and recall: the Dice coefficient of two regions.

    NaN for a class that is neither there nor predicted.
    """
    return _ratio(2 * _right(counts), counts.sum(axis=-2) + counts.sum(axis=-1))


def iou(counts: np.ndarray) -> np.ndarray:
    """Per class, intersection over union (Jaccard); NaN if neither there nor predicted."""
    right = _right(counts)
    return _ratio(right, counts.sum(axis=-2) + counts.sum(axis=-1) - right)


def false_discovery_rate(counts: np.ndarray) -> np.ndarray:
    """Per class, the share of pixels given to it that are wrong: the paper's "false positives"."""
    return 1 - precision(counts)


def macro(values: np.ndarray) -> np.ndarray:
    """Unweighted mean over the classes, the last axis, without those that are not defined.

    scikit-learn counts a class that is never predicted as precision 0, and here it is left out:
    no pixel was given to it wrongly.
    """
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0).sum(axis=-1), there.sum(axis=-1))[()]


def weighted(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over the classes, each weighted by its true pixels; what is not defined counts as 0.

    Args:
        values: scores ``(..., C)``.
        counts: the confusion counts ``(..., C, C)`` they were made from.
    """
    support = counts.sum(axis=-1)
    return _ratio((np.nan_to_num(values) * support).sum(axis=-1), support.sum(axis=-1))[()]


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the classes' F1, over the classes that are there or predicted."""
    return macro(f1(counts))


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """Mean of the classes' F1, weighted by their pixels."""
    return weighted(f1(counts), counts)


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the classes' recall: accuracy if each class were as large as the others.

    Whoever calls everything open beam has 1/3, however much open beam there is.
    """
    return macro(recall(counts))


SUMMARY_SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": accuracy,
    "macro F1": macro_f1,
    "weighted F1": weighted_f1,
    "balanced accuracy": balanced_accuracy,
}
"""Every score that is one number for confusion counts, as tables name it."""

CLASS_SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "precision": precision,
    "recall": recall,
    "F1": f1,
    "IoU": iou,
    "false discovery rate": false_discovery_rate,
}
"""Every score that is a number for each class, as tables name it."""


def auc(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Area under the ROC curve, each class against the rest, over all pixels.

    Args:
        truth: integer ``(...)``, class ids.
        probabilities: float ``(..., C)``.

    Returns:
        float ``(C,)``; NaN for a class that is absent or alone.
    """
    truth = truth.ravel()
    scores = probabilities.reshape(len(truth), -1)
    areas = np.full(scores.shape[1], np.nan)
    for k in range(scores.shape[1]):
        if 0 < np.count_nonzero(truth == k) < len(truth):
            areas[k] = roc_auc_score(truth == k, scores[:, k])
    return areas


@dataclass(frozen=True)
class Bootstrap:
    """Scores and what resampling says of them, Q scores at once.

    Attributes:
        estimate: float64 ``(Q,)``.
        drawn: float64 ``(B, Q)``, of the resampled subjects; NaN where not defined.
        left_out: float64 ``(S, Q)``, without one subject each.
    """

    estimate: np.ndarray
    drawn: np.ndarray
    left_out: np.ndarray

    def bca(self, level: float = 0.95) -> np.ndarray:
        """Return bias-corrected and accelerated bounds, float64 ``(Q, 2)``.

        Resamples whose score is not defined are left out. NaN if all give the same score.
        """
        tails = ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            bias, acceleration = self.bias(), self.acceleration()
            shifted = bias + tails
            shares = ndtr(bias + shifted / (1 - acceleration * shifted))
        return quantiles(self.drawn, shares).T

    def bias(self) -> np.ndarray:
        """Median bias of the draws, in normal quantiles, ``(Q,)``."""
        return ndtri(share_below(self.drawn, self.estimate))

    def acceleration(self) -> np.ndarray:
        """How fast the spread changes with the score, ``(Q,)``: skewness of the left-out."""
        mean = np.nansum(self.left_out, axis=0) / number_defined(self.left_out)
        influence = mean - self.left_out
        return np.nansum(influence**3, axis=0) / (6 * np.nansum(influence**2, axis=0) ** 1.5)


def by_subject(values: np.ndarray, subjects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add up the rows of each subject.

    Args:
        values: ``(N, ...)``, per image.
        subjects: ``(N,)``.

    Returns:
        The subjects' names, sorted, and float64 ``(S, ...)``.
    """
    names, index = np.unique(subjects, return_inverse=True)
    total = np.zeros((len(names), *values.shape[1:]))
    np.add.at(total, index, values)
    return names, total


def bootstrap(
    sums: np.ndarray, score: Score, seed: int = 1, resamples: int = RESAMPLES
) -> Bootstrap:
    """Resample subjects whose scores follow from an array of sums.

    Args:
        sums: float ``(S, ...)``, what each subject adds; at least two subjects.
        score: maps totals ``(B, ...)`` to scores ``(B, Q)``.
        seed: of the draws. Equal seeds draw equal subjects.
        resamples: how many.
    """
    flat = sums.reshape(len(sums), -1)
    shape = (-1, *sums.shape[1:])
    return resample(lambda times: score((times @ flat).reshape(shape)), len(sums), seed, resamples)


def resample(score: Score, number: int, seed: int = 1, resamples: int = RESAMPLES) -> Bootstrap:
    """Resample subjects, whatever their scores follow from.

    Args:
        score: maps how often each subject is counted, float64 ``(B, number)``, to scores
            ``(B, Q)``.
        number: of subjects, at least two.
        seed: of the draws. Equal seeds draw equal subjects.
        resamples: how many.
    """
    return Bootstrap(
        estimate=score(np.ones((1, number)))[0],
        drawn=score(draw(number, seed, resamples)),
        left_out=score(1 - np.eye(number)),
    )


def draw(number: int, seed: int, resamples: int) -> np.ndarray:
    """Return how often each subject is drawn, float64 ``(resamples, number)``.

    The draws are those of `scipy.stats.bootstrap` with the same generator.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    drawn = rng.integers(0, number, (resamples, number))
    drawn += np.arange(resamples)[:, None] * number
    times = np.bincount(drawn.ravel(), minlength=resamples * number)
    return times.reshape(resamples, number).astype(np.float64)


def quantiles(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return each column's own quantiles, interpolated linearly, without what is NaN.

    Args:
        values: float ``(B, Q)``.
        shares: float ``(R, Q)``, in [0, 1]; NaN gives NaN.

    Returns:
        float64 ``(R, Q)``.
    """
    ordered = np.sort(values, axis=0)  # NaN comes last
    at = shares * np.maximum(number_defined(values) - 1, 0)
    lower = np.floor(np.nan_to_num(at)).astype(int)
    upper = np.ceil(np.nan_to_num(at)).astype(int)
    low, high = (np.take_along_axis(ordered, index, axis=0) for index in (lower, upper))
    return low + (high - low) * (at - lower)


def interval(
    sums: np.ndarray,
    subjects: np.ndarray,
    score: Score,
    other: np.ndarray | None = None,
    level: float = 0.95,
    seed: int = 1,
) -> tuple[float, float, float]:
    """Bootstrap interval of a score of pooled counts, or of a paired difference.

    Subjects, not images or pixels, are resampled, since images of one subject are alike. The
    interval is bias-corrected and accelerated (BCa), that of `scipy.stats.bootstrap`.

    Args:
        sums: ``(N, ...)``, what each image adds; for instance confusion counts.
        subjects: ``(N,)``.
        score: maps totals ``(B, ...)`` to scores ``(B,)``.
        other: sums of another method on the same images; the score's difference
            (first minus other) is estimated then.
        level: of confidence.
        seed: of the resampling.

    Returns:
        Estimate, lower and upper bound. The bounds are NaN if there are fewer than two subjects or
        all give the same score.
    """
    both = sums[:, None] if other is None else np.stack([sums, other], axis=1)
    _, total = by_subject(both, subjects)

    def difference(totals: np.ndarray) -> np.ndarray:
        first = score(totals[:, 0])
        return np.reshape(first if other is None else first - score(totals[:, 1]), (-1, 1))

    if len(total) < 2:
        return float(difference(total.sum(axis=0, keepdims=True))[0, 0]), np.nan, np.nan
    drawn = bootstrap(total, difference, seed)
    low, high = drawn.bca(level)[0]
    return float(drawn.estimate[0]), float(low), float(high)


def _right(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    out = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def number_defined(values: np.ndarray) -> np.ndarray:
    """Count in each column ``(Q,)`` the draws ``(B, Q)`` that are not NaN."""
    return (~np.isnan(values)).sum(axis=0)


def share_below(drawn: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    """Share of the resamples below a value; half of those that equal it count."""
    below = (drawn < value).sum(axis=0) + (drawn <= value).sum(axis=0)
    return below / (2 * number_defined(drawn))
