"""Choose thresholds on some images, and judge them on others."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from xnet_study.certainty import guarantees, promises
from xnet_study.certainty.curves import subjects_of
from xnet_study.certainty.scores import ratio, with_bounds
from xnet_study.certainty.streaming import FITTING, JUDGING, Judged
from xnet_tf import calibration, classes, metrics, thresholds

COST = 9.0
"""A false positive costs as much as so many missed pixels, for one of the choices."""

FOLDS = 5
TISSUE = classes.SOFT_TISSUE


def choice_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return each choice of a threshold and what it reaches on images that did not choose it."""
    rows = []
    for name, target, processed in itertools.product(
        _choosing(judged), promises.RATES, (False, True)
    ):
        losses = subjects_of(judged[name], processed).losses
        pooled = thresholds.fdr(judged[name].curves(processed).sum(axis=0))
        lowest = thresholds.for_fdr(pooled, target)
        positions = {"naive, pooled": None if lowest == len(pooled) else lowest}
        positions |= {rule: choose(losses, target) for rule, choose in promises.PROMISES.items()}
        for rule, position in positions.items():
            choice = (f"FDR {target:.1%}", target, rule, name, len(losses), processed)
            rows += _reached(choice, position, judged)
    for name in _choosing(judged):
        curve, pixels = judged[name].curves().sum(axis=0), judged[name].pixels.sum(axis=0)
        subjects = len(set(judged[name].subjects))
        best = int(thresholds.f1(curve, pixels).argmax())
        cheap = thresholds.for_cost(curve, pixels, COST)
        for aim, position in (("best F1", best), (f"cost {COST:g} : 1", cheap)):
            choice = (aim, np.nan, "naive, pooled", name, subjects, False)
            rows += _reached(choice, position, judged)
    first = ["aim", "target", "rule", "chosen_on", "subjects", "processed", "threshold", "needed"]
    last = ["set", *with_bounds("fdr", "loss", "recall"), "abstained", "useful"]
    return pd.DataFrame(rows, columns=first + last)


def _reached(choice: tuple, position: int | None, judged: dict[str, Judged]) -> list[tuple]:
    """Return a row for each set that a choice is judged on, or the one that says it was refused."""
    _, target, rule, _, _, processed = choice
    delta = {"learn then test": promises.DELTA, "conformal": None}
    needed = guarantees.needed(target, delta[rule]) if rule in delta else np.nan
    if position is None:
        return [(*choice, np.nan, needed, "refused", *[np.nan] * 10, "refused")]
    rows = []
    for name in (n for n in JUDGING if n in judged):
        one = judged[name]
        curve = one.curves(processed)[:, position]
        proportions = thresholds.fdr(curve[:, None])[:, 0]
        recall = ratio(curve[:, TISSUE], one.pixels[:, TISSUE], one.subjects)
        numbers = (
            *metrics.interval(curve, one.subjects, thresholds.fdr),
            *ratio(proportions, 1, one.subjects),
            *recall,
        )
        abstained = (curve.sum(axis=1) == 0).mean()
        useful = "useful" if recall[0] >= promises.USEFUL_RECALL else "not useful"
        threshold = promises.at_position(position, processed)
        rows.append((*choice, threshold, needed, name, *numbers, abstained, useful))
    return rows


def fold_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return the naive threshold chosen on each four fifths of the subjects."""
    rows = []
    for name in _choosing(judged):
        curves, subjects = judged[name].curves(), judged[name].subjects
        shuffled = np.random.Generator(np.random.Philox(1)).permutation(np.unique(subjects))
        for fold, target in itertools.product(range(FOLDS), promises.RATES):
            kept = ~np.isin(subjects, shuffled[fold::FOLDS])
            rows.append((name, target, fold + 1, _naive(curves[kept], target)))
    return pd.DataFrame(rows, columns=["chosen_on", "target", "fold", "threshold"])


def part_table(judged: dict[str, Judged], target: float = promises.RATES[0]) -> pd.DataFrame:
    """Return a threshold for each body part, and what it and the common one reach elsewhere."""
    choosing, judging = promises.pair(judged)
    fitted, others = judged[choosing], judged[judging]
    common = _naive(fitted.curves(), target)
    rows = []
    for part in np.intersect1d(fitted.parts, others.parts):
        curves = fitted.curves()[fitted.parts == part]
        alone = _naive(curves, target)
        mixed = shrunk(alone, common, len(curves))
        row = [choosing, judging, part, len(curves), alone, mixed, common]
        of_part = others.parts == part
        # At a threshold of 1 nothing is called soft tissue.
        curve = np.append(others.curves()[of_part].sum(axis=0), np.zeros((1, 3)), axis=0)
        recall = thresholds.recall(curve, others.pixels[of_part].sum(axis=0))
        for threshold in (mixed, common):
            at = int(np.searchsorted(calibration.edge(thresholds.GRID), threshold - 1e-12))
            row += [thresholds.fdr(curve)[at], recall[at]]
        rows.append(row)
    columns = ["chosen_on", "judged_on", "body_part", "images", "alone", "shrunk", "common"]
    numbers = ["fdr_shrunk", "recall_shrunk", "fdr_common", "recall_common"]
    return pd.DataFrame(rows, columns=columns + numbers)


def _choosing(judged: dict[str, Judged]) -> list[str]:
    """Return the sets that thresholds are chosen on."""
    return [name for name in FITTING if name in judged]


def _naive(curves: np.ndarray, target: float) -> float:
    """Return the lowest threshold whose pooled false discovery rate meets a target, or 1."""
    return promises.at_position(thresholds.for_fdr(thresholds.fdr(curves.sum(axis=0)), target))


def shrunk(part: float, overall: float, images: int, prior: float = 20, least: int = 10) -> float:
    """Draw a body part's threshold towards the one for all parts.

    On the scale of the logit, with the weight ``images / (images + prior)``.

    Args:
        part: threshold chosen on the part's images alone.
        overall: threshold chosen on all.
        images: how many the part has; below `least` the overall threshold is returned.
        prior: as how many images the overall threshold counts.
        least: below this many images a part has no threshold of its own.
    """
    if images < least:
        return overall
    weight = images / (images + prior)
    ends = calibration.edge(1), calibration.edge(calibration.LEVELS - 1)
    inner = np.clip([part, overall], *ends)
    mixed = np.log(inner / (1 - inner)) @ [weight, 1 - weight]
    return float(1 / (1 + np.exp(-mixed)))
