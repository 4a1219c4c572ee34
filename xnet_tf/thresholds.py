"""From probabilities to regions: the soft-tissue threshold of the paper, and what it costs.

A curve is the number of pixels above each threshold by their true class, integer ``(..., T, C)``;
thresholds rise along the axis before the last. Every quantity below is computed from it and from
the number of pixels of each class, ``(..., C)``. Curves add up over images.
"""

from __future__ import annotations

import numpy as np

from xnet_tf import classes

GRID = np.arange(-4 * 8, 10 * 8 + 1) * 256 + 2**15
"""int64 ``(113,)``: the levels of the logit at which each image's own curve is kept.

Levels are those of `xnet_tf.calibration`, where 2**15 is a logit of 0. In steps of 1/8 of the
logit, from a probability of 0.018 to one of 0.99995: a choice made before any image was seen, as
the guarantees need it.
"""

_PIECE = 2**18


def decide(
    probabilities: np.ndarray,
    threshold: float | None = None,
    guarded: int = classes.SOFT_TISSUE,
) -> np.ndarray:
    """Assign each pixel to a region.

    Without a threshold the likeliest region wins. With one, a pixel is soft tissue only if its
    probability of soft tissue exceeds the threshold, and otherwise the likeliest of the others: a
    higher threshold gives fewer false positives in soft tissue, and fewer true ones. At a threshold
    from 1/2 upwards the rule takes pixels from soft tissue that the likeliest class would give it,
    and gives it none.

    Args:
        probabilities: float ``(..., C)``.
        threshold: in [0, 1], or None.
        guarded: class that the threshold guards.

    Returns:
        uint8 ``(...)``, class ids. Of equal probabilities the smaller class id wins.

    Raises:
        ValueError: if the threshold is not in [0, 1].

    References:
        Bullock et al. 2018, 10.1117/12.2512451.
    """
    if threshold is None:
        return probabilities.argmax(axis=-1).astype(np.uint8)
    if not 0 <= threshold <= 1:
        raise ValueError(f"the threshold must lie in [0, 1], not {threshold}")
    above = probabilities[..., guarded] > threshold
    return np.where(above, guarded, likeliest_other(probabilities, guarded)).astype(np.uint8)


def likeliest_other(probabilities: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Return the likeliest of the classes that are not guarded, int ``(...)``."""
    first, *others = (k for k in range(probabilities.shape[-1]) if k != guarded)
    highest = probabilities[..., first]
    best = np.full(highest.shape, first)
    for k in others:
        best = np.where(probabilities[..., k] > highest, k, best)
        highest = np.maximum(probabilities[..., k], highest)
    return best


def curve(
    probabilities: np.ndarray, truth: np.ndarray, guarded: int = classes.SOFT_TISSUE
) -> np.ndarray:
    """Count the pixels above every threshold, in one pass over them.

    Args:
        probabilities: float ``(..., C)``.
        truth: integer ``(...)``, class ids; what has no label is not counted.
        guarded: class that the threshold guards.

    Returns:
        int64 ``(LEVELS + 1, C)``; row ``l`` belongs to the threshold `calibration.edge` of ``l``,
        the last to 1.
    """
    from xnet_tf import calibration  # loads SciPy and pandas, which deciding does without

    number, true = probabilities.shape[-1], truth.ravel()
    flat = probabilities.reshape(-1, number)
    counts = np.zeros((number, calibration.LEVELS), dtype=np.int64)
    # In pieces that stay in the processor's cache.
    for start in range(0, len(true), _PIECE):
        piece = slice(start, start + _PIECE)
        known = true[piece] != classes.IGNORE
        levels = calibration.levels(calibration.logits_of(flat[piece], guarded))
        counts += calibration.count(levels[known], true[piece][known], number)
    return above(counts)


def above(counts: np.ndarray) -> np.ndarray:
    """Turn counts by true class and level into a curve.

    Args:
        counts: int64 ``(..., C, LEVELS)``.

    Returns:
        int64 ``(..., LEVELS + 1, C)``; row ``l`` counts the pixels of level ``l`` and higher.
    """
    reached = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
    none = np.zeros((*counts.shape[:-1], 1), np.int64)
    return np.moveaxis(np.concatenate([reached, none], axis=-1), -1, -2)


def recall(curve: np.ndarray, pixels: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of the guarded class that is found: the paper's TP.

    Returns:
        float ``(..., T)``, falling with the threshold; NaN where the class is absent.
    """
    total = pixels[..., None, guarded].astype(float)
    return np.divide(
        curve[..., guarded], total, out=np.full(curve.shape[:-1], np.nan), where=total > 0
    )


def fdr(curve: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of what is given to the guarded class that is wrong: the paper's FP.

    Of one image it is called the false discovery proportion. Where nothing is given to the class,
    nothing is wrong: 0.

    Returns:
        float ``(..., T)``. It need not fall as the threshold rises.
    """
    called = curve.sum(axis=-1)
    return (called - curve[..., guarded]) / np.maximum(called, 1)


def fpr(curve: np.ndarray, pixels: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of the other classes that is given to the guarded one, ``(..., T)``."""
    false = curve.sum(axis=-1) - curve[..., guarded]
    return false / np.maximum(pixels.sum(axis=-1) - pixels[..., guarded], 1)[..., None]


def f1(curve: np.ndarray, pixels: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Harmonic mean of precision and recall, ``(..., T)``."""
    both = curve.sum(axis=-1) + pixels[..., None, guarded]
    return 2 * curve[..., guarded] / np.maximum(both, 1)
