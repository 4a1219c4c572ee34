"""Recall and false discovery rate at 200 thresholds: one pass, and a pass for each threshold.

    python benchmarks/thresholds.py [--runs 3]

150 images of 200 x 200 pixels of random probabilities. The full pass decides every pixel at each
threshold and counts the confusion, as the rule is written down; the lean loop only compares the
soft-tissue probability and counts. All three give the same counts.
"""

from __future__ import annotations

import argparse

import measuring
import numpy as np

from xnet_tf import calibration, classes, metrics, thresholds

IMAGES, SIDE = 150, 200
LEVELS = np.linspace(20_000, 46_000, 200).astype(int)
"""Levels of the logit at whose edges the thresholds lie, so that no way has to round."""


def picture() -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, float32 ``(IMAGES, SIDE, SIDE, 3)``, and classes, uint8."""
    rng = np.random.Generator(np.random.Philox(1))
    logits = rng.normal(0, 3, (IMAGES, SIDE, SIDE, classes.COUNT)).astype(np.float32)
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares, rng.integers(0, classes.COUNT, shares.shape[:-1], dtype=np.uint8)


def one_pass(shares: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Count above all thresholds at once."""
    return thresholds.curve(shares, truth)[LEVELS]


def full_passes(shares: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Decide and count the confusion at each threshold."""
    columns = []
    for threshold in calibration.edge(LEVELS):
        labels = thresholds.decide(shares, threshold)
        columns.append(metrics.confusion(truth, labels)[:, classes.SOFT_TISSUE])
    return np.array(columns)


def lean_passes(shares: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Compare and count at each threshold."""
    tissue = np.ascontiguousarray(shares[..., classes.SOFT_TISSUE])
    masks = [truth == k for k in range(classes.COUNT)]
    return np.array(
        [
            [np.count_nonzero((tissue > threshold) & mask) for mask in masks]
            for threshold in calibration.edge(LEVELS)
        ]
    )


def main() -> None:
    """Compare, and write ``results/bench-thresholds.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    given = picture()
    ours = "xnet_tf one pass"
    methods = {
        ours: one_pass,
        "numpy decide and confusion, 200 passes": full_passes,
        "numpy compare and count, 200 passes": lean_passes,
    }
    counts = {name: method(*given) for name, method in methods.items()}
    for name, found in counts.items():
        # float32 probabilities: of six million pixels a few lie within a rounding of an edge.
        np.testing.assert_allclose(found, counts[ours], atol=50, err_msg=name)
    seconds = measuring.alternate(
        {name: lambda m=method: m(*given) for name, method in methods.items()}, runs
    )
    rows = [
        {
            "method": name,
            "value": float(f"{value:.4g}"),
            "unit": "s for 200 thresholds",
            "runs": runs,
            "ratio": round(value / seconds[ours], 2),
        }
        for name, value in seconds.items()
    ]
    measuring.write(rows, "thresholds")


if __name__ == "__main__":
    main()
