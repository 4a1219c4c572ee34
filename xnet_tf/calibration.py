"""Is the network as sure as it should be? Exact counts at 16 bits of the logit, and scores.

Everything that can be said of one class against the rest, over any number of pixels, follows from
how many pixels had which logit and were, or were not, of that class. The logit is rounded to one of
65,536 levels, and the counts of the levels are kept: a constant amount of memory however many
images there are, and no bin is chosen before the numbers are in. Level ``l`` holds the logits in
``(edge(l), edge(l + 1)]``, 1/2048 wide, so that "probability above the edge's" is "level at least
l", exactly. What lies beyond a logit of 16 (a probability of 0.9999999) goes to the last level.

Counts are int64 ``(2, LEVELS)``: pixels that are not, and that are, of the class (or, for the top
label, wrong and right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.optimize
from scipy.special import expit, log_softmax, softmax

from xnet_tf import metrics

LEVELS = 2**16
STEP = 2.0**-11
"""Width of a level, in units of the logit."""

CENTRES = ((np.arange(LEVELS) + 0.5) * STEP - LEVELS * STEP / 2).astype(np.float64)
"""The logit that stands for each level."""

PROBABILITIES = expit(CENTRES)
"""The probability that stands for each level."""

_SMALLEST_RATIO = np.float32(1e-18)
_SMALLEST_PROBABILITY = np.float32(1e-30)

BAND_RESAMPLES = 500
"""Resamples of subjects behind the bands of reliability diagrams."""

BINS = 15
"""Bins of the reliability diagrams and of the binned scores, as in Guo et al. 2017."""


def logits(probabilities: np.ndarray) -> np.ndarray:
    """Return each class's logit against the rest.

    Args:
        probabilities: float ``(..., C)``.

    Returns:
        float32 ``(..., C)``; see `logits_of`.
    """
    count = probabilities.shape[-1]
    return np.stack([logits_of(probabilities, k) for k in range(count)], axis=-1)


def logits_of(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Return one class's logit against the rest, log p - log(1 - p).

    The rest is summed from the other classes and not as 1 - p, which float32 rounds to 0 where the
    network is sure.

    Args:
        probabilities: float ``(..., C)``.
        k: the class.

    Returns:
        float32 ``(...)``.
    """
    of_class = probabilities[..., k].astype(np.float32)
    rest = sum(probabilities[..., j] for j in range(probabilities.shape[-1]) if j != k)
    ratio = np.maximum(of_class, _SMALLEST_RATIO) / np.maximum(rest, _SMALLEST_RATIO)
    return np.log(ratio, dtype=np.float32)


def levels(values: np.ndarray) -> np.ndarray:
    """Return the level of each logit, uint16 of the same shape."""
    # In place: over millions of pixels the copies would cost more than the arithmetic.
    scaled = np.multiply(values, 1 / STEP, dtype=np.float32)
    scaled += LEVELS / 2 - 1
    np.ceil(scaled, out=scaled)
    return np.clip(scaled, 0, LEVELS - 1, out=scaled).astype(np.uint16)


def edge(level: int | np.ndarray) -> float | np.ndarray:
    """Return the probability that all pixels of a level and of higher ones exceed."""
    return expit((np.asarray(level) - LEVELS / 2) * STEP)


def count(level: np.ndarray, truth: np.ndarray, outcomes: int = 2) -> np.ndarray:
    """Count pixels by outcome and level.

    Args:
        level: uint16 ``(N,)``.
        truth: bool or integer ``(N,)``, 0 to ``outcomes - 1``.
        outcomes: 2 for one class against the rest, or the number of classes.

    Returns:
        int64 ``(outcomes, LEVELS)``.
    """
    joint = truth.astype(np.int64) * LEVELS + level
    return np.bincount(joint, minlength=outcomes * LEVELS).reshape(outcomes, LEVELS)


def equal_width(bins: int = BINS) -> np.ndarray:
    """Return the bounds of bins of equal width in probability.

    Returns:
        int64 ``(bins + 1,)``: bin ``b`` holds the levels from ``bounds[b]`` to before
        ``bounds[b + 1]``, which are those that scikit-learn's `calibration_curve` puts there.
    """
    return np.searchsorted(PROBABILITIES, np.linspace(0, 1, bins + 1), side="right")


def bin_sums(counts: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sum up counts in bins.

    Args:
        counts: int64 ``(2, LEVELS)``.
        bounds: of `equal_width` or `equal_mass`.

    Returns:
        float64 ``(M, 3)``: pixels, pixels of the class, and the sum of their probabilities.
    """
    number = counts.sum(axis=0)
    columns = np.stack([number, counts[1], number * PROBABILITIES], axis=1)
    total = np.concatenate([np.zeros((1, 3)), columns.cumsum(axis=0)])
    return np.diff(total[bounds], axis=0)


def ece(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error: mean gap of confidence and accuracy, weighted by pixels.

    Args:
        sums: ``(..., M, 3)`` of `bin_sums`.

    Returns:
        ``(...)``, in [0, 1].

    References:
        Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015;
        Guo et al., On calibration of modern neural networks, ICML 2017.
    """
    gap = np.abs(sums[..., 2] - sums[..., 1]).sum(axis=-1)
    return gap / sums[..., 0].sum(axis=-1)


def network_confidence(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Sum up what the paper's network confidence is made of.

    The network confidence of a class is the mean, over the pixels that are assigned to it, of
    their probability of it. Beside it stands the share of them that is right.

    Args:
        probabilities: float ``(..., C)``.
        truth: integer ``(...)``, class ids.

    Returns:
        float64 ``(C, 3)`` per class: pixels assigned, those that are right, sum of probabilities.
        Confidence is the third over the first, accuracy (precision) the second over the first.

    References:
        Bullock et al. 2018, 10.1117/12.2512451.
    """
    count = probabilities.shape[-1]
    assigned = probabilities.argmax(axis=-1).ravel()
    weights = ((truth.ravel() == assigned).astype(float), probabilities.max(axis=-1).ravel())
    columns = [np.bincount(assigned, w, count) for w in (None, *weights)]
    return np.stack(columns, axis=1)


def diagram(sums: np.ndarray, seed: int = 1) -> pd.DataFrame:
    """Return a reliability diagram: one row per bin that holds a pixel.

    Args:
        sums: float ``(S, M, 3)`` by subject, as `bin_sums` has them.
        seed: of the resampled subjects.

    Returns:
        Columns ``bin``, ``pixels``, ``confidence`` (mean probability), ``accuracy`` (share that is
        of the class), and ``low`` and ``high``, between which 95 % of the resampled accuracies lie.
        A bin that resampled subjects may leave empty is judged by the resamples that fill it.
    """
    total = sums.sum(axis=0)
    times = metrics.draw(len(sums), seed, BAND_RESAMPLES)
    drawn = np.tensordot(times, sums, axes=1)
    with np.errstate(invalid="ignore"):
        shares = np.where(drawn[..., 0] > 0, drawn[..., 1] / drawn[..., 0], np.nan)
    rows = []
    for b in np.flatnonzero(total[:, 0]):
        number, hits, sure = total[b]
        low, high = np.nanpercentile(shares[:, b], (2.5, 97.5))
        rows.append((b, int(number), sure / number, hits / number, low, high))
    return pd.DataFrame(rows, columns=["bin", "pixels", "confidence", "accuracy", "low", "high"])


@dataclass(frozen=True)
class Scaling:
    """Logits are multiplied by factors, and biases are added.

    A single factor for all classes is one over the *temperature*; it keeps the order of the
    classes, and so the decision. Factors and biases of their own (*vector scaling*) may change it.

    Attributes:
        factors: one per class, or the same for all.
        biases: one per class, or the same for all; their mean is 0.

    References:
        Guo et al., On calibration of modern neural networks, ICML 2017.
    """

    factors: tuple[float, ...]
    biases: tuple[float, ...] = (0.0,)

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Re-calibrate float ``(..., C)``; returns float32 of the same shape."""
        scaled = log_probabilities(probabilities) * np.float32(self.factors) + np.float32(
            self.biases
        )
        return softmax(scaled, axis=-1)


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray) -> Scaling:
    """Find the temperature of least negative log likelihood.

    Args:
        probabilities: float ``(N, C)``, of pixels that trained nothing.
        truth: integer ``(N,)``, class ids.
    """
    logs = log_probabilities(probabilities).astype(np.float64)

    def loss(log_factor: float) -> float:
        return mean_nll(logs * np.exp(log_factor), truth)

    # The loss is convex in the factor, hence has one minimum along its logarithm too.
    best = scipy.optimize.minimize_scalar(loss, bounds=(-4, 4), options={"xatol": 1e-5})
    count = logs.shape[1]
    return Scaling((float(np.exp(best.x)),) * count, (0.0,) * count)


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, float32, none of them below that of 1e-30."""
    return np.log(np.maximum(np.asarray(probabilities, np.float32), _SMALLEST_PROBABILITY))


def mean_nll(scaled: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log likelihood of logarithms ``(N, C)``, up to their sum, in nats."""
    return float(-log_softmax(scaled, axis=1)[np.arange(len(truth)), truth].mean())
