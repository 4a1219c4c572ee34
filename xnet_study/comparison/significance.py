"""P-values of differences, and their adjustment for how many there are.

References:
    Efron and Tibshirani, An introduction to the bootstrap (1993), 15.4. Holm, A simple sequentially
    rejective multiple test procedure, Scand. J. Stat. 6 (1979).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from xnet_tf.metrics import Bootstrap, number_defined, share_below


def p_value(drawn: Bootstrap) -> np.ndarray:
    """Return the two-sided p-value of "the difference is 0", float64 ``(Q,)``.

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
