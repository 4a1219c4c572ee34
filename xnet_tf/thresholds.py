"""From probabilities to regions, and the soft-tissue threshold of the paper."""

from __future__ import annotations

import numpy as np

from xnet_tf import classes


def decide(probabilities: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Assign each pixel to a region.

    Without a threshold the likeliest region wins. With one, a pixel is soft tissue only if its
    probability of soft tissue exceeds the threshold, and otherwise the likelier of the others: a
    higher threshold gives fewer false positives in soft tissue, and fewer true ones.

    Args:
        probabilities: float ``(..., 3)``.
        threshold: in [0, 1], or None.

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
        raise ValueError(f"the soft-tissue threshold must lie in [0, 1], not {threshold}")
    tissue = probabilities[..., classes.SOFT_TISSUE]
    rest = np.where(
        probabilities[..., classes.BONE] > probabilities[..., classes.OPEN_BEAM],
        classes.BONE,
        classes.OPEN_BEAM,
    )
    return np.where(tissue > threshold, classes.SOFT_TISSUE, rest).astype(np.uint8)
