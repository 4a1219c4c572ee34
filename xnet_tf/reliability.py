"""Reliability diagrams with bands by subject, and risk against coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import digamma

from xnet_tf import calibration

RESAMPLES = 500


def resample(sums: np.ndarray, seed: int = 1, resamples: int = RESAMPLES) -> np.ndarray:
    """Sum over subjects that are drawn again and again, with replacement.

    Args:
        sums: ``(S, ...)``, what each subject adds.
        seed: of the draws.
        resamples: how many.

    Returns:
        float64 ``(resamples, ...)``.
    """
    number = len(sums)
    rng = np.random.Generator(np.random.Philox(seed))
    times = rng.multinomial(number, np.full(number, 1 / number), size=resamples)
    return np.tensordot(times.astype(np.float64), sums, axes=1)


def by_subject(values: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Add up the rows ``(N, ...)`` of each subject; returns ``(S, ...)``, subjects sorted."""
    names, index = np.unique(subjects, return_inverse=True)
    total = np.zeros((len(names), *values.shape[1:]))
    np.add.at(total, index, values)
    return total


def diagram(sums: np.ndarray, seed: int = 1) -> pd.DataFrame:
    """Return a reliability diagram: one row per bin that holds a pixel.

    Args:
        sums: float ``(S, M, 3)`` by subject, as `calibration.bin_sums` has them.
        seed: of the resampled subjects.

    Returns:
        Columns ``bin``, ``pixels``, ``confidence`` (mean probability), ``accuracy`` (share that is
        of the class), and ``low`` and ``high``, between which 95 % of the resampled accuracies lie.
        A bin that resampled subjects may leave empty is judged by the resamples that fill it.
    """
    total = sums.sum(axis=0)
    drawn = resample(sums, seed)
    with np.errstate(invalid="ignore"):
        shares = np.where(drawn[..., 0] > 0, drawn[..., 1] / drawn[..., 0], np.nan)
    rows = []
    for b in np.flatnonzero(total[:, 0]):
        number, hits, sure = total[b]
        low, high = np.nanpercentile(shares[:, b], (2.5, 97.5))
        rows.append((b, int(number), sure / number, hits / number, low, high))
    return pd.DataFrame(rows, columns=["bin", "pixels", "confidence", "accuracy", "low", "high"])


def coverage(counts: np.ndarray, points: int = 200) -> pd.DataFrame:
    """Risk among the surest pixels, as the share of pixels that are decided grows.

    Args:
        counts: int64 ``(2, LEVELS)``, wrong and right pixels by the level of the top label.
        points: how many rows.

    Returns:
        Columns ``coverage``, ``risk``, ``oracle`` (all wrong pixels last) and ``random``.

    References:
        El-Yaniv and Wiener, On the foundations of noise-free selective classification, JMLR 11
        (2010); Geifman and El-Yaniv, Selective classification for deep neural networks, NeurIPS
        2017.
    """
    number, errors = counts.sum(axis=0)[::-1].cumsum(), counts[0][::-1].cumsum()
    total, wrong = number[-1], errors[-1]
    taken = np.linspace(1 / points, 1, points) * total
    # Pixels of one level are in no order: errors grow evenly along it.
    risk = np.interp(taken, [0, *number], [0, *errors]) / taken
    oracle = np.maximum(taken - (total - wrong), 0) / taken
    return pd.DataFrame(
        {"coverage": taken / total, "risk": risk, "oracle": oracle, "random": wrong / total}
    )


def aurc(counts: np.ndarray) -> float:
    """Area under the risk-coverage curve: the mean risk over all coverages, exactly.

    Pixels of one level are taken in random order, and the expected risk is summed: with n0 pixels
    and e0 errors before a level of m pixels and e errors, the sum over its pixels j = 1 ... m of
    (e0 + e j / m) / (n0 + j), by the digamma function.

    Args:
        counts: int64 ``(2, LEVELS)``, wrong and right.

    Returns:
        In [0, 1]; lower is better. A random order gives the error rate.
    """
    filled = counts[:, counts.sum(axis=0) > 0][:, ::-1].astype(float)
    m, e = filled.sum(axis=0), filled[0]
    n0, e0 = m.cumsum() - m, e.cumsum() - e
    harmonic = digamma(n0 + m + 1) - digamma(n0 + 1)
    return float((e + (e0 - e * n0 / m) * harmonic).sum() / m.sum())


def image_coverage(confidence: np.ndarray, risk: np.ndarray) -> pd.DataFrame:
    """Mean risk of the surest images, as more are accepted.

    Args:
        confidence: ``(N,)``, of each image.
        risk: ``(N,)``, share of wrong pixels.

    Returns:
        As `coverage`, one row per image.
    """
    taken = np.arange(1, len(risk) + 1)
    order = np.argsort(-confidence, kind="stable")
    return pd.DataFrame(
        {
            "coverage": taken / len(risk),
            "risk": risk[order].cumsum() / taken,
            "oracle": np.sort(risk).cumsum() / taken,
            "random": risk.mean(),
        }
    )


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


def image_bins(level: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Bin the pixels of one image; bins of equal width.

    Args:
        level: uint16 ``(N,)``.
        right: bool ``(N,)``.

    Returns:
        float64 ``(BINS, 3)``, as `calibration.bin_sums`.
    """
    index = _BIN_OF_LEVEL[level]
    weights = (right, calibration.PROBABILITIES[level])
    columns = [np.bincount(index, w, calibration.BINS) for w in (None, *weights)]
    return np.stack(columns, axis=1)


_BIN_OF_LEVEL = np.repeat(np.arange(calibration.BINS), np.diff(calibration.equal_width()))
