"""Deciding only where the network is sure: risk against coverage, of pixels and of images."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import digamma


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
