"""Scores from confusion counts, ROC curves, and intervals by resampling subjects.

Confusion counts are integer matrices with one row per true and one column per predicted class.
They add up over pixels, images and subjects; every score but the ROC follows from them.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.stats
from sklearn.metrics import roc_auc_score, roc_curve

from xnet_tf import classes

COUNT_COLUMNS = [
    f"{true} as {predicted}" for true, predicted in itertools.product(classes.NAMES, repeat=2)
]


def counts_row(truth: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    """Return the confusion counts of two label maps ``(H, W)`` by the names of their columns."""
    return dict(zip(COUNT_COLUMNS, confusion(truth, predicted).flat, strict=True))


def counts_of(table: pd.DataFrame) -> np.ndarray:
    """Return the confusion counts of a table's rows, int64 ``(N, 3, 3)``."""
    return table[COUNT_COLUMNS].to_numpy(np.int64).reshape(-1, classes.COUNT, classes.COUNT)


RESAMPLES = 2000


def confusion(truth: np.ndarray, predicted: np.ndarray, count: int = classes.COUNT) -> np.ndarray:
    """Count pixels by true and predicted class.

    Args:
        truth: integer array of class ids, any shape.
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
    if truth.size:
        low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
        if low < 0 or high >= count:
            raise ValueError(f"class ids must be 0 to {count - 1}, not {low} to {high}")
    pairs = truth.astype(np.int64).ravel() * count + predicted.ravel()
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
    """Per class, the harmonic mean of precision and recall.

    NaN for a class that is neither there nor predicted.
    """
    return _ratio(2 * _right(counts), counts.sum(axis=-2) + counts.sum(axis=-1))


dice = f1
"""The Dice coefficient of two regions is the F1 of their pixels."""


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


def per_image(counts: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Mean over the images of each one's own score, where it is defined.

    Pooled scores, ``score(counts.sum(axis=0))``, ask about the next pixel; these ask about the next
    image, and a small bone counts as much as a large one.

    Args:
        counts: integer ``(N, C, C)``, per image.
        score: one of this module's.
    """
    return macro(score(counts).T)


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


def roc(truth: np.ndarray, scores: np.ndarray, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """ROC curve thinned to a number of points for plotting.

    Args:
        truth: bool ``(N,)``.
        scores: float ``(N,)``.
        points: how many to keep, evenly spaced along the curve.

    Returns:
        False and true positive rates.
    """
    false_positive, true_positive, _ = roc_curve(truth, scores, drop_intermediate=True)
    along = np.concatenate([[0], np.cumsum(np.diff(false_positive) + np.diff(true_positive))])
    index = np.unique(np.searchsorted(along, np.linspace(0, along[-1], points)))
    return false_positive[index], true_positive[index]


def interval(
    counts: np.ndarray,
    subjects: np.ndarray,
    score: Callable[[np.ndarray], float],
    other: np.ndarray | None = None,
    level: float = 0.95,
    seed: int = 1,
) -> tuple[float, float, float]:
    """Bootstrap interval of a score of pooled counts, or of a paired difference.

    Subjects, not images or pixels, are resampled, since images of one subject are alike. The
    interval is bias-corrected and accelerated (BCa).

    Args:
        counts: integer ``(N, C, C)``, per image.
        subjects: ``(N,)``.
        score: maps pooled counts ``(C, C)`` to a number.
        other: counts of another method on the same images; the score's difference
            (first minus other) is estimated then.
        level: of confidence.
        seed: of the resampling.

    Returns:
        Estimate, lower and upper bound. The bounds are NaN if there are fewer than two subjects or
        all give the same score.

    References:
        Efron, Better bootstrap confidence intervals, JASA 82 (1987), by SciPy.
    """
    stacked = counts[:, None] if other is None else np.stack([counts, other], axis=1)
    names = np.unique(subjects)
    by_subject = np.stack([stacked[subjects == name].sum(axis=0) for name in names])

    def statistic(index):
        pooled = by_subject[index].sum(axis=0)
        return score(pooled[0]) - (0.0 if other is None else score(pooled[1]))

    everyone = np.arange(len(names))
    estimate = statistic(everyone)
    if len(names) < 2:
        return estimate, np.nan, np.nan
    # If all resamples score the same, SciPy divides 0 by 0 and gives NaN, as documented above.
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", scipy.stats.DegenerateDataWarning)
        bounds = scipy.stats.bootstrap(
            (everyone,),
            statistic,
            n_resamples=RESAMPLES,
            confidence_level=level,
            method="BCa",
            vectorized=False,
            rng=np.random.Generator(np.random.Philox(seed)),
        ).confidence_interval
    return estimate, float(bounds.low), float(bounds.high)


def _right(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    out = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)
