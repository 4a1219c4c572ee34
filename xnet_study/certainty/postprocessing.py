"""Choose the post-processing, and judge what each of its steps does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import asdict

import numpy as np
import pandas as pd

from xnet_study import boundaries
from xnet_study.certainty.scores import bounded, ratio
from xnet_study.certainty.streaming import JUDGING, Judged, among, called
from xnet_study.processing import Processing
from xnet_tf import classes, metrics, thresholds

TISSUE = classes.SOFT_TISSUE
TRIED = [Processing(*sizes) for sizes in itertools.product((0, 5, 10), (0, 3, 5, 9), (0, 50, 200))]


def variants(tuned: Processing) -> dict[str, Processing]:
    """Return the post-processings whose effects are compared, by name."""
    return {
        "none": Processing(),
        "opening 10": Processing(opening=10),
        "dilation 5": Processing(dilation=5),
        "islands 200": Processing(island=200),
        "all three": Processing(10, 5, 200),
        "tuned": tuned,
    }


def tune(
    pictures: Iterable[tuple[np.ndarray, np.ndarray]], predict: Callable[[np.ndarray], np.ndarray]
) -> tuple[Processing, pd.DataFrame]:
    """Choose the post-processing of the best F-score of soft tissue, precision counting double.

    Args:
        pictures: validation images, float32 ``(H, W, 1)``, and truths, uint8 ``(H, W)``.
        predict: from an image, float32 ``(H, W, 1)``, to probabilities ``(H, W, 3)``.

    Returns:
        The processing and a table of all that were tried.
    """
    counts, agreement, total = [], [], 0
    for image, truth in pictures:
        probabilities = predict(image)
        labels = thresholds.decide(probabilities)
        processed = [processing(labels, probabilities) for processing in TRIED]
        counts.append([called(p, truth) for p in processed])
        agreement.append([boundaries.boundary_f1(truth, p) for p in processed])
        total += np.count_nonzero(truth == TISSUE)
    pooled = np.sum(counts, axis=0)
    table = pd.DataFrame([asdict(p) for p in TRIED])
    table["fdr"] = thresholds.fdr(pooled)
    table["recall"] = pooled[:, TISSUE] / max(total, 1)
    # F with beta 1/2: (1 + b^2) TP / (TP + FP + b^2 (TP + FN)).
    table["f_half"] = 1.25 * pooled[:, TISSUE] / np.maximum(pooled.sum(axis=1) + 0.25 * total, 1)
    table["boundary_f1"] = np.nanmean(agreement, axis=0)
    return TRIED[int(table["f_half"].argmax())], table


def effect_table(judged: dict[str, Judged], tuned: Processing) -> pd.DataFrame:
    """Return what each step of the post-processing does to the likeliest-class decision."""
    rows = []
    for name, one in among(judged, JUDGING).items():
        for v, (variant, steps) in enumerate(variants(tuned).items()):
            effects = one.images.effects[:, v].astype(float)
            counts, boundary = effects[:, : classes.COUNT], effects[:, classes.COUNT]
            there = np.isfinite(boundary)
            recall = ratio(counts[:, TISSUE], one.pixels[:, TISSUE], one.subjects)
            row = {"subset": name, "variant": variant, **asdict(steps)}
            row |= bounded("fdr", metrics.interval(counts, one.subjects, thresholds.fdr))
            row |= bounded("recall", recall)
            row |= bounded("boundary_f1", ratio(boundary[there], 1, one.subjects[there]))
            rows.append(row)
    return pd.DataFrame(rows)
