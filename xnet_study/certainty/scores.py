"""How sure the network is, and how often it is right: the tables of the calibration results."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from xnet_study.certainty import recalibration, selective
from xnet_study.certainty.streaming import TOP, Judged
from xnet_tf import calibration, metrics


def tables(judged: dict[str, Judged]) -> dict[str, pd.DataFrame]:
    """Return the tables of the calibration results by name, of all sets together."""
    makers = {
        "scores": score_table,
        "bins": bin_table,
        "images": image_table,
        "parts": part_table,
        "coverage": coverage_table,
    }
    return {
        f"calibration-{name}": _together({s: make(one) for s, one in judged.items()}, "subset")
        for name, make in makers.items()
    }


def score_table(one: Judged) -> pd.DataFrame:
    """Return every score of every method: pooled over pixels, and as mean over images.

    Columns ``method, score, class, over, value, low, high``. Intervals are by subject (BCa); what
    has none is computed from all pixels' exact counts. That of the largest error (MCE) is a rough
    one: a maximum is no smooth function of the subjects, as the bootstrap wants it.
    """
    columns = ["score", "class", "over", "value", "low", "high"]
    of_methods = {}
    for m, method in enumerate(one.methods):
        rows = [*_intervals(one, m)]
        rows += [(score, k, "pixels", value, np.nan, np.nan) for score, k, value in _exact(one, m)]
        of_methods[method] = pd.DataFrame(rows, columns=columns)
    return _together(of_methods, "method")


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


def bounded(name: str, interval: tuple[float, float, float]) -> dict[str, float]:
    """Return a value and its bounds by the names of their columns."""
    return dict(zip((name, f"{name} low", f"{name} high"), interval, strict=True))


def _together(tables: dict, *names: str) -> pd.DataFrame:
    """Put tables below each other; their keys become the first columns, of these names."""
    return pd.concat(tables, names=names).reset_index(level=names)


def _intervals(one: Judged, m: int) -> Iterator[tuple]:
    """Yield the scores of a method that have an interval by subject: what and of what, and it."""
    losses, bins = (a[:, m].astype(float) for a in (one.images.losses, one.images.bins))
    subjects, of_top, of_classes = one.subjects, bins[:, TOP], bins[:, :TOP]
    number, right, confidence = of_top.sum(axis=1).T
    for score, of_images in zip(("NLL", "Brier"), losses.T, strict=True):
        yield score, "all", "pixels", *ratio(of_images, number, subjects)
        yield score, "all", "images", *ratio(of_images / number, 1, subjects)
    yield "accuracy", "top label", "pixels", *ratio(right, number, subjects)
    yield "confidence", "top label", "pixels", *ratio(confidence, number, subjects)
    for t, target in enumerate(one.targets):
        sums, filled = bins[:, t], bins[:, t, :, 0].any(axis=1)
        yield "ECE", target, "pixels", *metrics.interval(sums, subjects, calibration.ece)
        yield "ECE", target, "images", *ratio(calibration.ece(sums[filled]), 1, subjects[filled])
    yield "MCE", "top label", "pixels", *metrics.interval(of_top, subjects, recalibration.mce)
    mean = metrics.interval(of_classes, subjects, lambda sums: calibration.ece(sums).mean(axis=-1))
    yield "ECE", "mean of classes", "pixels", *mean


def _exact(one: Judged, m: int) -> Iterator[tuple[str, str, float]]:
    """Yield the scores of a method that follow from its exact counts."""
    counts = _counts(one, m)
    for target in (*one.names, "top label"):
        yield "adaptive ECE", target, float(calibration.ece(_equal_mass(counts[target])))
        yield "KS", target, recalibration.ks(counts[target])
    for target in one.names:
        parts = recalibration.brier_parts(counts[target])
        yield "Brier", target, recalibration.brier(counts[target])
        for part, value in zip(("MCB", "DSC", "UNC"), parts, strict=True):
            yield f"Brier {part}", target, value
    top = counts["top label"]
    wrong, right = top @ calibration.PROBABILITIES / top.sum(axis=1)
    yield "confidence where wrong", "top label", float(wrong)
    yield "confidence where right", "top label", float(right)
    yield "AURC", "top label", selective.aurc(top)


def _counts(one: Judged, m: int) -> dict[str, np.ndarray]:
    """Return a method's exact counts of each target, int64 ``(2, LEVELS)``."""
    of_classes = map(recalibration.against_rest, one.class_levels[m], range(len(one.names)))
    return dict(zip(one.targets, (*of_classes, *one.top_levels[m]), strict=True))


def _equal_mass(counts: np.ndarray) -> np.ndarray:
    """Return the sums of bins of equal mass, as `calibration.bin_sums`."""
    return calibration.bin_sums(counts, recalibration.equal_mass(counts))


def bin_table(one: Judged) -> pd.DataFrame:
    """Return the reliability diagrams: equal widths with bands, and equal masses."""
    tables = {}
    for m, method in enumerate(one.methods):
        of_subjects = metrics.by_subject(one.images.bins[:, m], one.subjects)[1]
        for t, (target, counts) in enumerate(_counts(one, m).items()):
            if counts.any():
                tables[method, target, "equal width"] = calibration.diagram(of_subjects[:, t])
                mass = calibration.diagram(_equal_mass(counts)[None])
                tables[method, target, "equal mass"] = mass.drop(columns=["low", "high"])
    return _together(tables, "method", "class", "bins")


def image_table(one: Judged) -> pd.DataFrame:
    """Return one row per image: accuracy, confidence and losses of the network as trained."""
    top, assigned = one.images.bins[:, 0, TOP], one.images.assigned[:, 0]
    number, right, confidence = top.sum(axis=1).T
    table = one.manifest[["body_part", "subject"]].reset_index(names="image")
    table["accuracy"], table["confidence"] = right / number, confidence / number
    table["NLL"], table["Brier"] = one.images.losses[:, 0].T / number
    table["ECE"] = calibration.ece(top)
    with np.errstate(invalid="ignore"):
        for name, (number, right, confidence) in zip(
            one.names, assigned.transpose(1, 2, 0), strict=True
        ):
            table[f"confidence {name}"] = confidence / number
            table[f"accuracy {name}"] = right / number
    return table


def part_table(one: Judged) -> pd.DataFrame:
    """Return the paper's network confidence by class and body part, beside the accuracy there."""
    assigned = one.images.assigned[:, 0].astype(float)
    parts = {"all": assigned} | {part: assigned[one.parts == part] for part in np.unique(one.parts)}
    tables = {}
    for part, images in parts.items():
        number, right, confidence = images.sum(axis=0).T
        table = pd.DataFrame({"class": one.names, "images": len(images), "pixels": number})
        with np.errstate(invalid="ignore"):
            table["confidence"], table["accuracy"] = confidence / number, right / number
        tables[part] = table[number > 0].astype({"pixels": int})
    return _together(tables, "body_part")


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
