"""Bootstrap intervals of many scores at once, by resampling subjects.

`xnet_tf.metrics.interval` asks SciPy for one score; here all scores of all methods come from the
same resamples, by one product of matrices, and the bounds are the same. That is what lets the
intervals' coverage be simulated, and methods be compared on equal resamples.

What is resampled are sums: every score here is a function of numbers that add up over images
(confusion counts, counts of the logit, sums of surface scores and how many there are).

References:
    Efron, Better bootstrap confidence intervals, JASA 82 (1987): the interval (BCa). Efron and
    Tibshirani, An introduction to the bootstrap (1993), 14.3 and 15.4. Holm, A simple sequentially
    rejective multiple test procedure, Scand. J. Stat. 6 (1979).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from xnet_tf import metrics

Score = Callable[[np.ndarray], np.ndarray]


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
            bias, acceleration = self._bias(), self._acceleration()
            shifted = bias + tails
            shares = ndtr(bias + shifted / (1 - acceleration * shifted))
        return quantiles(self.drawn, shares).T

    def p_value(self) -> np.ndarray:
        """Return the two-sided p-value of "the score is 0", float64 ``(Q,)``, for differences.

        It is the level at which a bound of the BCa interval reaches 0, so that it is below 0.05
        where the 95 % interval excludes 0. No smaller than 2 / (B + 1).
        """
        edge = 1 / (_number(self.drawn) + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            below = _share_below(self.drawn, 0.0)
            bias, acceleration = self._bias(), self._acceleration()
            beyond = ndtri(np.clip(below, edge, 1 - edge)) - bias
            scale = 1 + acceleration * beyond
            # A bound can come no nearer to 0 than the level at which the scale vanishes.
            tail = ndtr(np.where(scale <= 0, beyond * np.inf, beyond / scale) - bias)
            return np.maximum(2 * np.minimum(tail, 1 - tail), 2 * edge)

    def _bias(self) -> np.ndarray:
        return ndtri(_share_below(self.drawn, self.estimate))

    def _acceleration(self) -> np.ndarray:
        mean = np.nansum(self.left_out, axis=0) / _number(self.left_out)
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
    sums: np.ndarray, score: Score, seed: int = 1, resamples: int = metrics.RESAMPLES
) -> Bootstrap:
    """Resample subjects.

    Args:
        sums: float ``(S, ...)``, what each subject adds; at least two subjects.
        score: maps totals ``(B, ...)`` to scores ``(B, Q)``.
        seed: of the draws. Equal seeds draw equal subjects.
        resamples: how many.
    """
    flat = sums.reshape(len(sums), -1)
    total = flat.sum(axis=0)
    shape = (-1, *sums.shape[1:])
    times = draw(len(sums), seed, resamples)
    return Bootstrap(
        estimate=score(total.reshape(shape))[0],
        drawn=score((times @ flat).reshape(shape)),
        left_out=score((total - flat).reshape(shape)),
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
    at = shares * np.maximum(_number(values) - 1, 0)
    lower = np.floor(np.nan_to_num(at)).astype(int)
    upper = np.ceil(np.nan_to_num(at)).astype(int)
    low, high = (np.take_along_axis(ordered, index, axis=0) for index in (lower, upper))
    return low + (high - low) * (at - lower)


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number by Holm's step-down procedure; NaN stays NaN."""
    out = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p) if not np.isnan(p[i])]
    steps = [p[i] * (len(order) - rank) for rank, i in enumerate(order)]
    out[order] = np.minimum(np.maximum.accumulate(steps), 1) if steps else []
    return out


def _number(values: np.ndarray) -> np.ndarray:
    return (~np.isnan(values)).sum(axis=0)


def _share_below(drawn: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    """Share of the resamples below a value; half of those that equal it count."""
    below = (drawn < value).sum(axis=0) + (drawn <= value).sum(axis=0)
    return below / (2 * _number(drawn))
