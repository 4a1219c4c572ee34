"""What every threshold of the grid costs, by image and by subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.certainty.guarantees import Subjects
from xnet_study.certainty.streaming import Judged
from xnet_tf import calibration, classes, metrics, thresholds
from xnet_tf.files import write_atomically

IMAGES = "thresholds-images.npz"


def by_subject(
    above: np.ndarray,
    pixels: np.ndarray,
    subjects: np.ndarray,
    guarded: int = classes.SOFT_TISSUE,
) -> Subjects:
    """Average false discovery proportion, recall and abstention over each subject's images.

    Args:
        above: integer ``(N, T, C)``, the images' curves.
        pixels: integer ``(N, C)``, pixels of each class.
        subjects: ``(N,)``.
        guarded: class of the curves.
    """
    abstained = above.sum(axis=-1) == 0
    rates = thresholds.fdr(above, guarded), thresholds.recall(above, pixels, guarded)
    of_images = *rates, abstained
    # Over the images whose value is defined; NaN if none is.
    means = (pd.DataFrame(values, dtype=float).groupby(subjects).mean() for values in of_images)
    return Subjects(*(of_subjects.to_numpy() for of_subjects in means))


def subjects_of(one: Judged, processed: bool = False) -> Subjects:
    """Return the means of a set's subjects; see `by_subject`."""
    return by_subject(one.curves(processed), one.pixels, one.subjects, one.guarded)


def curve_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return every quantity at every threshold of the grid, for each set and guarded class."""
    parts = []
    for name, one in judged.items():
        pixels = one.pixels.sum(axis=0)
        for k, guarded in enumerate(one.names):
            curve = thresholds.above(one.class_levels[0, k])[thresholds.GRID]
            table = pd.DataFrame({"threshold": calibration.edge(thresholds.GRID)})
            table["recall"] = thresholds.recall(curve, pixels, k)
            table["fdr"] = thresholds.fdr(curve, k)
            table["fpr"] = thresholds.fpr(curve, pixels, k)
            table["f1"] = thresholds.f1(curve, pixels, k)
            table["prevalence"] = pixels[k] / pixels.sum()
            table[[f"share {source}" for source in one.names]] = sources(curve, k)
            if k == one.guarded:
                table = pd.concat([table, _bands(subjects_of(one))], axis=1)
            parts.append(table.assign(subset=name, guarded=guarded))
    return pd.concat(parts)


def _bands(means: Subjects) -> pd.DataFrame:
    columns = {"abstained": means.abstained.mean(axis=0)}
    times = metrics.draw(len(means.losses), 1, calibration.BAND_RESAMPLES)
    for name, values in (("loss", means.losses), ("image recall", means.recalls)):
        total, number = np.nan_to_num(values), np.isfinite(values).astype(float)
        columns[name] = total.sum(axis=0) / np.maximum(number.sum(axis=0), 1)
        drawn = times @ total / np.maximum(times @ number, 1)
        columns[f"{name} low"], columns[f"{name} high"] = np.percentile(drawn, (2.5, 97.5), axis=0)
    return pd.DataFrame(columns)


def save_images(judged: dict[str, Judged], results: Path) -> Path:
    """Write each image's curves."""
    arrays = {}
    for name, one in judged.items():
        arrays |= {f"{k}-{name}": getattr(one, k) for k in ("subjects", "parts", "pixels")}
        arrays |= {f"{k}-{name}": getattr(one.images, k) for k in ("above", "processed")}
    return write_atomically(results / IMAGES, lambda path: np.savez_compressed(path, **arrays))


def read_images(results: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read the images' curves of a set.

    Args:
        results: folder of results.
        name: of the set.

    Returns:
        ``above`` int32 ``(N, GRID, 3)``, ``pixels`` int64 ``(N, 3)``, subjects and body parts
        ``(N,)``; all empty if there is no such set.
    """
    with np.load(results / IMAGES) as content:
        if f"above-{name}" not in content:
            none = np.zeros(0, str)
            return np.zeros((0, len(thresholds.GRID), 3)), np.zeros((0, 3)), none, none
        return tuple(content[f"{k}-{name}"] for k in ("above", "pixels", "subjects", "parts"))


def sources(curve: np.ndarray, guarded: int = classes.SOFT_TISSUE) -> np.ndarray:
    """Share of what is given to the guarded class by where it came from, ``(..., T, C)``.

    The guarded class's own column is precision; the others sum to `fdr`.
    """
    return curve / np.maximum(curve.sum(axis=-1, keepdims=True), 1)
