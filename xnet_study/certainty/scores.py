"""How sure the network is, and how often it is right: the tables of the calibration results."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from xnet_study.certainty import recalibration, selective
from xnet_study.certainty.streaming import TARGETS, TOP, Judged
from xnet_tf import calibration, classes, metrics


def tables(judged: dict[str, Judged]) -> dict[str, pd.DataFrame]:
    """Return the tables of the calibration results by name, of all sets together."""
    makers = {
        "scores": score_table,
        "bins": bin_table,
        "images": image_table,
        "parts": part_table,
        "coverage": coverage_table,
    }
    made = {}
    for name, make in makers.items():
        of_sets = {title: make(one) for title, one in judged.items()}
        made[f"calibration-{name}"] = pd.concat(of_sets, names=["set"]).reset_index("set")
    return made


def score_table(one: Judged) -> pd.DataFrame:
    """Return every score of every method: pooled over pixels, and as mean over images.

    Columns ``method, score, class, over, value, low, high``. Intervals are by subject (BCa); what
    has none is computed from all pixels' exact counts.
    """
    rows = []
    for m, method in enumerate(one.methods):
        losses, bins = (a[:, m].astype(float) for a in (one.images.losses, one.images.bins))
        pixels = bins[:, TOP, :, 0].sum(axis=1)
        rows += [(method, *r) for r in _losses(losses, pixels, one.subjects)]
        rows += [(method, *r) for r in _binned(bins, one.subjects)]
        rows += [(method, *r, np.nan, np.nan) for r in _exact(one, m)]
    return pd.DataFrame(rows, columns=["method", "score", "class", "over", "value", "low", "high"])


def ratio(
    over: np.ndarray, under: np.ndarray | float, subjects: np.ndarray
) -> tuple[float, float, float]:
    """Return the ratio of two sums over images, and its interval by subject.

    Args:
        over: ``(N,)``, what each image adds to the numerator.
        under: ``(N,)``, to the denominator; 1 for the mean over images.
        subjects: ``(N,)``.
    """
    sums = np.stack(np.broadcast_arrays(over, under), axis=1)
    return metrics.interval(sums, subjects, lambda totals: totals[:, 0] / totals[:, 1])


def with_bounds(*names: str) -> list[str]:
    """Return the columns of values and of their bounds."""
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high")]


def _losses(losses: np.ndarray, pixels: np.ndarray, subjects: np.ndarray) -> Iterator[tuple]:
    for score, of_images in zip(("NLL", "Brier"), losses.T, strict=True):
        yield score, "all", "pixels", *ratio(of_images, pixels, subjects)
        yield score, "all", "images", *ratio(of_images / pixels, 1, subjects)


def _binned(bins: np.ndarray, subjects: np.ndarray) -> Iterator[tuple]:
    number, right, confidence = bins[:, TOP].sum(axis=1).T
    yield "accuracy", "top label", "pixels", *ratio(right, number, subjects)
    yield "confidence", "top label", "pixels", *ratio(confidence, number, subjects)
    for t, target in enumerate(TARGETS):
        sums = bins[:, t]
        yield "ECE", target, "pixels", *metrics.interval(sums, subjects, calibration.ece)
        filled = sums[..., 0].sum(axis=1) > 0
        yield "ECE", target, "images", *ratio(calibration.ece(sums[filled]), 1, subjects[filled])
    yield "MCE", "top label", "pixels", *metrics.interval(bins[:, TOP], subjects, recalibration.mce)
    of_classes = bins[:, : classes.COUNT]
    mean = metrics.interval(of_classes, subjects, lambda sums: calibration.ece(sums).mean(axis=-1))
    yield "ECE", "mean of classes", "pixels", *mean


def _exact(one: Judged, m: int) -> Iterator[tuple]:
    top = one.top_levels[m, 0]
    for target in (*classes.NAMES, "top label"):
        counts = _counts(one, m, TARGETS.index(target))
        sums = calibration.bin_sums(counts, recalibration.equal_mass(counts))
        yield "adaptive ECE", target, "pixels", float(calibration.ece(sums))
        yield "KS", target, "pixels", recalibration.ks(counts)
    for k, target in enumerate(classes.NAMES):
        counts = _counts(one, m, k)
        yield "Brier", target, "pixels", calibration.brier(counts)
        for part, value in zip(
            ("MCB", "DSC", "UNC"), recalibration.brier_parts(counts), strict=True
        ):
            yield f"Brier {part}", target, "pixels", value
    wrong, right = top @ calibration.PROBABILITIES / top.sum(axis=1)
    yield "confidence where wrong", "top label", "pixels", float(wrong)
    yield "confidence where right", "top label", "pixels", float(right)
    yield "AURC", "top label", "pixels", selective.aurc(top)


def _counts(one: Judged, m: int, target: int) -> np.ndarray:
    """Return the exact counts of one of `TARGETS`, int64 ``(2, LEVELS)``."""
    if target < classes.COUNT:
        return calibration.against_rest(one.class_levels[m, target], target)
    return one.top_levels[m, target - classes.COUNT]


def bin_table(one: Judged) -> pd.DataFrame:
    """Return the reliability diagrams: equal widths with bands, and equal masses."""
    parts = []
    for m, method in enumerate(one.methods):
        for t, target in enumerate(TARGETS):
            counts = _counts(one, m, t)
            if not counts.any():
                continue
            sums = metrics.by_subject(one.images.bins[:, m, t], one.subjects)[1]
            mass = calibration.bin_sums(counts, recalibration.equal_mass(counts))[None]
            for bins, table in (
                ("equal width", calibration.diagram(sums)),
                ("equal mass", calibration.diagram(mass).drop(columns=["low", "high"])),
            ):
                for column, value in {"bins": bins, "target": target, "method": method}.items():
                    table.insert(0, column, value)
                parts.append(table)
    return pd.concat(parts)


def image_table(one: Judged) -> pd.DataFrame:
    """Return one row per image: accuracy, confidence and losses of the network as trained."""
    top, losses = one.images.bins[:, 0, TOP], one.images.losses[:, 0]
    number, right, confidence = top.sum(axis=1).T
    table = one.manifest[["body_part", "subject"]].reset_index(names="image")
    table["accuracy"] = right / number
    table["confidence"] = confidence / number
    table["NLL"], table["Brier"] = losses.T / number
    table["ECE"] = calibration.ece(top)
    with np.errstate(invalid="ignore"):
        for k, name in enumerate(classes.NAMES):
            number, right, confidence = one.images.assigned[:, 0, k].T
            table[f"confidence {name}"] = confidence / number
            table[f"accuracy {name}"] = right / number
    return table


def part_table(one: Judged) -> pd.DataFrame:
    """Return the paper's network confidence by class and body part, beside the accuracy there."""
    assigned = one.images.assigned[:, 0].astype(float)
    rows = []
    for part in ("all", *np.unique(one.parts)):
        of_part = assigned if part == "all" else assigned[one.parts == part]
        for name, (number, right, confidence) in zip(
            classes.NAMES, of_part.sum(axis=0), strict=True
        ):
            if number:
                shares = confidence / number, right / number
                rows.append((part, name, len(of_part), int(number), *shares))
    columns = ["body_part", "class", "images", "pixels", "confidence", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


def coverage_table(one: Judged) -> pd.DataFrame:
    """Return the risk-coverage curves of every method, over pixels and over images."""
    parts = []
    for m, method in enumerate(one.methods):
        number, right, confidence = one.images.bins[:, m, TOP].sum(axis=1).T
        pixels = selective.coverage(one.top_levels[m, 0], 100)
        images = selective.image_coverage(confidence / number, 1 - right / number)
        parts.append(pixels.assign(method=method, over="pixels"))
        parts.append(images.assign(method=method, over="images"))
    return pd.concat(parts)
