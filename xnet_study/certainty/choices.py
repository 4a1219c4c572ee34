"""Choose thresholds on some images, and judge them on others."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from xnet_study.certainty import guarantees, promises
from xnet_study.certainty.curves import subjects_of
from xnet_study.certainty.promises import RATES
from xnet_study.certainty.scores import bounded, ratio
from xnet_study.certainty.streaming import FITTING, JUDGING, Judged, among
from xnet_tf import calibration, classes, metrics, thresholds

COST = 9.0
"""A false positive costs as much as so many missed pixels, for one of the choices."""

FOLDS = 5
_EDGES = calibration.edge(thresholds.GRID)


def choice_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return each choice of a threshold and what it reaches on images that did not choose it."""
    rows, choosing = [], among(judged, FITTING)
    for (name, one), target, processed in (
        (*pair, processed)
        for pair in itertools.product(choosing.items(), RATES)
        for processed in pair[0][1].processings
    ):
        losses = subjects_of(one, processed).losses
        pooled = thresholds.fdr(one.curves(processed).sum(axis=0), one.guarded)
        positions = {"naive, pooled": guarantees.naive(pooled[None], target)}
        positions |= {rule: choose(losses, target) for rule, choose in promises.PROMISES.items()}
        for rule, position in positions.items():
            choice = {"aim": f"FDR {target:.1%}", "target": target, "rule": rule}
            choice |= {"chosen_on": name, "subjects": len(losses), "processed": processed}
            rows += _reached(choice, position, judged)
    for name, one in choosing.items():
        curve, pixels = one.curves().sum(axis=0), one.pixels.sum(axis=0)
        best = int(thresholds.f1(curve, pixels, one.guarded).argmax())
        cheap = for_cost(curve, pixels, COST, one.guarded)
        for aim, position in (("best F1", best), (f"cost {COST:g} : 1", cheap)):
            choice = {"aim": aim, "target": np.nan, "rule": "naive, pooled", "chosen_on": name}
            choice |= {"subjects": len(set(one.subjects)), "processed": False}
            rows += _reached(choice, position, judged)
    return pd.DataFrame(rows)


def _reached(choice: dict, position: int | None, judged: dict[str, Judged]) -> list[dict]:
    """Return a row for each set that a choice is judged on, or the one that says it was refused."""
    rule, processed = choice["rule"], choice["processed"]
    delta = {"learn then test": promises.DELTA, "conformal": None}
    needed = guarantees.needed(choice["target"], delta[rule]) if rule in delta else np.nan
    if position is None:
        return [{**choice, "needed": needed, "verdict": "refused"}]
    choice = {**choice, "threshold": promises.at_position(position, processed), "needed": needed}
    rows = []
    for name, one in among(judged, JUDGING).items():
        curve = one.curves(processed)[:, position]
        fdr = functools.partial(thresholds.fdr, guarded=one.guarded)
        proportions = fdr(curve[:, None])[:, 0]
        recall = ratio(curve[:, one.guarded], one.pixels[:, one.guarded], one.subjects)
        row = {**choice, "subset": name}
        row |= bounded("fdr", metrics.interval(curve, one.subjects, fdr))
        row |= bounded("loss", ratio(proportions, 1, one.subjects)) | bounded("recall", recall)
        row["abstained"] = (curve.sum(axis=1) == 0).mean()
        row["verdict"] = promises.verdict(recall[0])
        rows.append(row)
    return rows


def fold_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return the naive threshold chosen on each four fifths of the subjects."""
    rows = []
    for name, one in among(judged, FITTING).items():
        shuffled = np.random.Generator(np.random.Philox(1)).permutation(np.unique(one.subjects))
        for fold, target in itertools.product(range(FOLDS), RATES):
            kept = ~np.isin(one.subjects, shuffled[fold::FOLDS])
            rows.append((name, target, fold + 1, _naive(one.curves()[kept], target, one.guarded)))
    return pd.DataFrame(rows, columns=["chosen_on", "target", "fold", "threshold"])


def part_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return a threshold for each body part, and what it and the common one reach elsewhere."""
    choosing, judging = promises.pair(judged)
    fitted, others = judged[choosing], judged[judging]
    common, rows = _naive(fitted.curves(), RATES[0], fitted.guarded), []
    for part in np.intersect1d(fitted.parts, others.parts):
        curves, of_part = fitted.curves()[fitted.parts == part], others.parts == part
        alone = _naive(curves, RATES[0], fitted.guarded)
        row = {"chosen_on": choosing, "judged_on": judging, "body_part": part}
        row |= {"images": len(curves), "alone": alone}
        row |= {"shrunk": on_grid(shrunk(alone, common, len(curves))), "common": common}
        # At a threshold of 1 nothing is given to the guarded class.
        of_others = others.curves()[of_part].sum(axis=0)
        curve = np.append(of_others, np.zeros_like(of_others[:1]), axis=0)
        recall = thresholds.recall(curve, others.pixels[of_part].sum(axis=0), others.guarded)
        fdr = thresholds.fdr(curve, others.guarded)
        for kind in ("shrunk", "common"):
            at = int(np.searchsorted(_EDGES, row[kind] - 1e-12))
            row |= {f"fdr_{kind}": fdr[at], f"recall_{kind}": recall[at]}
        rows.append(row)
    return pd.DataFrame(rows)


def _naive(curves: np.ndarray, target: float, guarded: int) -> float:
    """Return the lowest threshold whose pooled false discovery rate meets a target, or 1."""
    rates = thresholds.fdr(curves.sum(axis=0), guarded)
    return promises.at_position(for_fdr(rates, target))


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
    return float(expit(logit(inner) @ [weight, 1 - weight]))


def on_grid(threshold: float) -> float:
    """Return the lowest threshold of the grid that is not below a threshold; 1 beyond its end."""
    return promises.at_position(int(np.searchsorted(_EDGES, threshold - 1e-12)))


def for_fdr(rates: np.ndarray, target: float) -> int:
    """Choose the lowest threshold that keeps a rate at its target: the naive choice.

    Args:
        rates: ``(T,)``, for instance of `fdr`, pooled or as mean over images.
        target: in [0, 1].

    Returns:
        Position of the threshold; ``T`` if none does: nothing may be given to the class then.
    """
    good = np.flatnonzero(rates <= target)
    return int(good[0]) if len(good) else len(rates)


def for_cost(
    curve: np.ndarray, pixels: np.ndarray, ratio: float, guarded: int = classes.SOFT_TISSUE
) -> int:
    """Choose the threshold of least cost, when a false positive costs `ratio` false negatives.

    Were the network perfectly calibrated, this would be ``ratio / (1 + ratio)``.
    """
    false = curve.sum(axis=-1) - curve[..., guarded]
    missed = pixels[guarded] - curve[..., guarded]
    return int(np.argmin(ratio * false + missed))
