"""How sure a score is: intervals over new subjects and new trainings.

**Estimand.** Pooled over the pixels of new subjects of the mixture that was scored: on `evaluation`
19 body parts in equal shares. Parts are fixed, people are drawn: subjects are resampled within
their part. Where a part has one subject only, as in the test set, that cannot be, and all are
resampled together, which makes the interval wider.

**One training.** A bootstrap of subjects (BCa, `xnet_tf.metrics`). It speaks of *these trainings*.

**Several.** The score is the mean over trainings. To the variance over subjects (the bootstrap's)
the trainings' own is added, their sample variance divided by their number, and the interval is
Student's, with the degrees of freedom of Welch and Satterthwaite. Resampling two or three trainings
would give half or two thirds of their variance; this gives all of it, and pays for few trainings by
its quantile. Trainings of two methods count as independent, although equal seeds draw equal images.

References:
    Satterthwaite, An approximate distribution of estimates of variance components, Biometrics
    Bulletin 2 (1946). Efron and Tibshirani, An introduction to the bootstrap (1993), 14.3. Holm, A
    simple sequentially rejective multiple test procedure, Scand. J. Stat. 6 (1979).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from xnet_tf import metrics
from xnet_tf.metrics import Bootstrap, number_defined, share_below

THESE, ALL = "new subjects", "new subjects and trainings"
"""What an interval is over."""

FEWEST = 10
"""Subjects below which no interval is given: a handful resampled says little of all others."""

Sums = dict[str, np.ndarray]
Score = Callable[[Sums], np.ndarray]
"""From sums by name, with leading axes ``(...)``, to scores ``(..., Q)``."""


class Estimate(NamedTuple):
    """Q scores, or differences of scores.

    Attributes:
        value: ``(Q,)``, the mean over trainings.
        low: lower bound of the 95 % interval, ``(Q,)``; NaN where there is none.
        high: upper bound.
        p: two-sided p-value of "it is 0".
        over: what the interval is over: `THESE` or `ALL`.
        by_training: of each method ``(trainings, Q)``.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    over: str
    by_training: list[np.ndarray]


def estimate(
    score: Score,
    *methods: Sums,
    subjects: np.ndarray,
    strata: np.ndarray,
    trained: tuple[bool, ...] = (True, True),
    resamples: int = metrics.RESAMPLES,
) -> Estimate:
    """Estimate scores of one method, or the first one's minus the second one's.

    Args:
        score: of sums over images.
        *methods: one or two: what each image adds by name, leading axes ``(N, trainings)``.
        subjects: ``(N,)``.
        strata: ``(N,)``, such as body parts, which are not resampled.
        trained: of each method, whether another training would be another network; what is tuned
            alone comes out the same each time.
        resamples: of subjects.
    """
    names, at = np.unique(subjects, return_inverse=True)
    groups = np.empty(len(names), dtype=object)
    groups[at] = strata
    by_subject = [
        {name: metrics.by_subject(array, subjects)[1] for name, array in sums.items()}
        for sums in methods
    ]

    def of_each(times: np.ndarray) -> list[np.ndarray]:
        """Scores ``(B, trainings, Q)`` of each method's subjects, counted so many times."""
        return [score(weighted(sums, times)) for sums in by_subject]

    def value(times: np.ndarray) -> np.ndarray:
        means = [metrics.macro(np.moveaxis(of_one, 1, -1)) for of_one in of_each(times)]
        return means[0] if len(means) == 1 else means[0] - means[1]

    by_training = [of_one[0] for of_one in of_each(np.ones((1, len(names))))]
    if len(names) < FEWEST:
        nothing = np.full(by_training[0].shape[-1], np.nan)
        return Estimate(value(np.ones((1, len(names))))[0], *[nothing] * 3, THESE, by_training)
    drawn = Bootstrap(
        estimate=value(np.ones((1, len(names))))[0],
        drawn=value(draw(groups, resamples)),
        left_out=value(1 - np.eye(len(names))),
    )
    varying = [each for each, varies in zip(by_training, trained, strict=False) if varies]
    if not varying or min(map(len, varying)) < 2:
        return Estimate(drawn.estimate, *drawn.bca().T, p_value(drawn), THESE, by_training)
    strata_drawn = len(np.unique(groups.astype(str))) if _is_stratified(groups) else 1
    bounds = _student(drawn, varying, len(names) - strata_drawn)
    return Estimate(drawn.estimate, *bounds, ALL, by_training)


def _student(
    drawn: Bootstrap, by_training: list[np.ndarray], freedom: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return bounds and p-values by the variance over subjects and those over trainings."""
    parts = [(np.nanvar(drawn.drawn, axis=0, ddof=1), freedom)]
    parts += [(of_one.var(axis=0, ddof=1) / len(of_one), len(of_one) - 1) for of_one in by_training]
    variance = sum(part for part, _ in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = variance**2 / sum(part**2 / df for part, df in parts)
        half = scipy.stats.t.ppf(0.975, degrees) * np.sqrt(variance)
        p = 2 * scipy.stats.t.sf(np.abs(drawn.estimate) / np.sqrt(variance), degrees)
    return drawn.estimate - half, drawn.estimate + half, p


def draw(strata: np.ndarray, resamples: int = metrics.RESAMPLES, seed: int = 1) -> np.ndarray:
    """Return how often each subject is drawn, float64 ``(resamples, S)``.

    Args:
        strata: ``(S,)``, each subject's, within which subjects are drawn; without meaning where one
            has a single subject.
        resamples: how many.
        seed: of the draws.
    """
    if not _is_stratified(strata):
        return metrics.draw(len(strata), seed, resamples)
    times = np.zeros((resamples, len(strata)))
    for k, stratum in enumerate(np.unique(strata.astype(str))):
        members = np.flatnonzero(strata == stratum)
        times[:, members] = metrics.draw(len(members), [seed, k], resamples)
    return times


def weighted(sums: Sums, times: np.ndarray) -> Sums:
    """Add up subjects, each so many times: from ``(S, ...)`` by ``(B, S)`` to ``(B, ...)``."""
    return {name: np.tensordot(times, array, 1) for name, array in sums.items()}


def p_value(drawn: Bootstrap) -> np.ndarray:
    """Return the two-sided p-value of "it is 0", float64 ``(Q,)``.

    It is the level at which a bound of the BCa interval reaches 0, so that it is below 0.05 where
    the 95 % interval excludes 0. No smaller than 2 / (B + 1).
    """
    edge = 1 / (number_defined(drawn.drawn) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = share_below(drawn.drawn, 0.0)
        bias, acceleration = drawn.bias(), drawn.acceleration()
        beyond = ndtri(np.clip(below, edge, 1 - edge)) - bias
        scale = 1 + acceleration * beyond
        # A bound can come no nearer to 0 than the level at which the scale vanishes.
        tail = ndtr(np.where(scale <= 0, beyond * np.inf, beyond / scale) - bias)
        return np.maximum(2 * np.minimum(tail, 1 - tail), 2 * edge)


def holm(p: ArrayLike) -> np.ndarray:
    """Return p-values adjusted for their number by Holm's step-down procedure; NaN stays NaN."""
    p = np.asarray(p)
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN comes last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _is_stratified(strata: np.ndarray) -> bool:
    _, numbers = np.unique(strata.astype(str), return_counts=True)
    return bool(numbers.min() > 1)
