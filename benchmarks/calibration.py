"""Calibration scores by exact counts, and by numpy on all probabilities in memory.

    python benchmarks/calibration.py [--runs 5]

150 images of 200 x 200 pixels of random probabilities. Both ways give class-wise ECE, NLL and Brier
score; they agree to the resolution of the counts. The growth of memory is that of the arrays that
each way keeps until the scores are taken.
"""

from __future__ import annotations

import argparse

import measuring
import numpy as np

from xnet_study.certainty import recalibration
from xnet_tf import calibration, classes

IMAGES, SIDE = 150, 200


def pictures() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return probabilities, float32 ``(SIDE, SIDE, 3)``, and classes that follow them."""
    rng = np.random.Generator(np.random.Philox(1))
    found = []
    for _ in range(IMAGES):
        logits = rng.normal(0, 3, (SIDE, SIDE, classes.COUNT)).astype(np.float32)
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        truth = (rng.random((SIDE, SIDE, 1)) > shares.cumsum(axis=-1)).sum(axis=-1)
        found.append((shares, np.minimum(truth, classes.COUNT - 1)))
    return found


def streamed(images: list) -> np.ndarray:
    """Scores from counts, image by image."""
    counts = np.zeros((classes.COUNT, classes.COUNT, calibration.LEVELS), np.int64)
    for shares, truth in images:
        levels = calibration.levels(calibration.logits(shares)).reshape(-1, classes.COUNT)
        for k in range(classes.COUNT):
            counts[k] += calibration.count(levels[:, k], truth.ravel(), classes.COUNT)
    gaps = [
        calibration.ece(
            calibration.bin_sums(recalibration.against_rest(of_class, k), calibration.equal_width())
        )
        for k, of_class in enumerate(counts)
    ]
    return np.array([*gaps, recalibration.nll(counts), recalibration.multiclass_brier(counts)])


def in_memory(images: list) -> np.ndarray:
    """The same scores from all probabilities at once."""
    shares = np.concatenate([s.reshape(-1, classes.COUNT) for s, _ in images])
    truth = np.concatenate([t.ravel() for _, t in images])
    hit = np.eye(classes.COUNT, dtype=np.float32)[truth]
    gaps = []
    for k in range(classes.COUNT):
        bins = np.digitize(shares[:, k], np.linspace(0, 1, calibration.BINS + 1)[1:-1], right=True)
        sums = [np.bincount(bins, w, calibration.BINS) for w in (shares[:, k], hit[:, k])]
        gaps.append(np.abs(sums[0] - sums[1]).sum() / len(truth))
    nll = -np.log(shares[np.arange(len(truth)), truth]).mean(dtype=float)
    return np.array([*gaps, nll, ((shares - hit) ** 2).sum(axis=1).mean(dtype=float)])


def main() -> None:
    """Compare, and write ``results/bench-calibration.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    images = pictures()
    np.testing.assert_allclose(streamed(images), in_memory(images), atol=calibration.STEP)
    ours, theirs = "xnet_tf exact counts", "numpy in memory"
    seconds = measuring.alternate(
        {ours: lambda: streamed(images), theirs: lambda: in_memory(images)}, runs
    )
    pixels = IMAGES * SIDE**2
    # Probabilities, hits and classes stay; so do the counts.
    held = {ours: classes.COUNT**2 * calibration.LEVELS * 8, theirs: pixels * (3 * 4 + 3 * 4 + 8)}
    rows = []
    for name in (ours, theirs):
        ratio = round(seconds[name] / seconds[ours], 2)
        speed = f"{1e-6 * pixels / seconds[name]:.4g}"
        rows.append((name, float(speed), "million pixels/s", runs, ratio))
        rows.append((name, held[name] / 1e6, "MB held", 1, round(held[name] / held[ours], 2)))
    columns = ("method", "value", "unit", "runs", "ratio")
    measuring.write([dict(zip(columns, row, strict=True)) for row in rows], "calibration")


if __name__ == "__main__":
    main()
