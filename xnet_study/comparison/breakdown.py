"""The comparison taken apart: by seed, body part, fold, and by which images are scored."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from xnet_study.comparison import streamed_auc
from xnet_study.comparison.compared import Method, Run, grouped
from xnet_study.comparison.scoring import JUDGED, SUBSETS
from xnet_tf import classes, metrics
from xnet_tf.metrics import COUNT_COLUMNS, Bootstrap, counts_of

SCORES = ("accuracy", "macro F1")
"""Of `metrics.SUMMARY_SCORES`, those that are broken down, and of which differences are taken."""

FEWEST = 10
"""Subjects below which no interval is given: a handful resampled says little of all others."""

SUBJECTS = "subjects"
"""The kind of fold that divides subjects, and knows every body part."""

RATES = np.linspace(0, 1, 101) ** 2
"""False positive rates at which ROC curves are kept; denser near 0, where they bend."""


def pooled(counts: np.ndarray) -> np.ndarray:
    """Return `SCORES` of confusion counts ``(..., C, C)``, along a new last axis."""
    return np.stack([metrics.SUMMARY_SCORES[name](counts) for name in SCORES], axis=-1)


def over_seeds(counts: np.ndarray) -> np.ndarray:
    """Return `SCORES` of all images ``(N, seeds, C, C)`` together, each the mean of the seeds."""
    return pooled(counts.sum(axis=0)).mean(axis=0)


def difference(
    first: np.ndarray,
    second: np.ndarray,
    subjects: np.ndarray,
    resamples: int = metrics.RESAMPLES,
) -> Bootstrap:
    """Resample the difference of two methods' `over_seeds`, paired by subject.

    Args:
        first: confusion counts ``(N, seeds, C, C)``.
        second: of the same images, in any number of seeds; they are subtracted.
        subjects: ``(N,)``.
        resamples: how many.
    """
    seeds = first.shape[1]
    _, sums = metrics.by_subject(np.concatenate([first, second], axis=1), subjects)

    def score(totals: np.ndarray) -> np.ndarray:
        each = pooled(totals)
        return each[:, :seeds].mean(axis=1) - each[:, seeds:].mean(axis=1)

    return metrics.bootstrap(sums, score, resamples=resamples)


def intervals(drawn: Bootstrap, fewest: int = 0) -> pd.DataFrame:
    """Return the estimates of `SCORES` with their BCa bounds.

    Args:
        drawn: the resampled scores.
        fewest: subjects below which the bounds are NaN.

    Returns:
        One row for each score: ``score``, ``value``, ``low``, ``high``.
    """
    enough = len(drawn.left_out) >= fewest
    low, high = drawn.bca().T if enough else np.full((2, len(SCORES)), np.nan)
    return pd.DataFrame({"score": SCORES, "value": drawn.estimate, "low": low, "high": high})


def seeds(methods: list[Method]) -> pd.DataFrame:
    """Return the summary scores of every seed by itself, by subset."""
    tables = []
    for method, subset in _scored(methods, SUBSETS):
        if len(method.runs) > 1:
            of_seeds = pooled(method.confusions(subset).sum(axis=0))
            about = {**_named(method, subset), "seed": [run.record["seed"] for run in method.runs]}
            tables.append(pd.DataFrame({**about, **dict(zip(SCORES, of_seeds.T, strict=True))}))
    return joined(tables, "method", "variant", "subset", "seed", *SCORES)


def parts(methods: list[Method]) -> pd.DataFrame:
    """Return accuracy and macro F1 by body part, with intervals where subjects suffice.

    Returns:
        One row for each method, subset (test, evaluation), body part and score.
    """
    tables = []
    for method, subset in _scored(methods, JUDGED):
        counts, subjects = method.confusions(subset), method.subjects(subset)
        for part, at in method.images(subset).groupby("body_part").indices.items():
            about = {**_named(method, subset), "body_part": part, "images": len(at)}
            tables.append(_estimated(about, counts[at], subjects[at]))
    return joined(tables)


def authors_protocol(methods: list[Method]) -> pd.DataFrame:
    """Return what the authors' own protocol would have reported: test and validation together.

    Validation images chose the epoch (and, for classical methods, nothing), so they are seen images
    of a kind.

    Returns:
        One row for each method and score: ``test``, ``validation``, ``together``,
        ``together minus test`` with ``low`` and ``high`` by subjects of both subsets, and, where
        the evaluation population is scored, ``evaluation`` and ``together minus evaluation``.
    """
    tables = []
    for method in methods:
        if not {"test", "validation"} <= set(method.subsets):
            continue
        test, validation = (method.confusions(subset) for subset in ("test", "validation"))
        subjects = np.concatenate([method.subjects("test"), method.subjects("validation")])
        together = np.concatenate([test, validation])
        test_alone = np.concatenate([test, np.zeros_like(validation)])
        columns = {"method": method.name, "variant": method.variant, "score": SCORES}
        columns |= {"test": over_seeds(test), "validation": over_seeds(validation)}
        table = pd.DataFrame({**columns, "together": over_seeds(together)})
        gained = intervals(difference(together, test_alone, subjects))
        table[["together minus test", "low", "high"]] = gained[["value", "low", "high"]]
        if "evaluation" in method.subsets:
            table["evaluation"] = over_seeds(method.confusions("evaluation"))
            table["together minus evaluation"] = table["together"] - table["evaluation"]
        tables.append(table)
    return joined(tables)


def confusion(methods: list[Method]) -> pd.DataFrame:
    """Return pooled confusion counts by method and subset, summed over seeds."""
    rows = []
    for method, subset in _scored(methods, SUBSETS):
        counts = method.confusions(subset).sum(axis=(0, 1)).flat
        rows.append(_named(method, subset) | dict(zip(COUNT_COLUMNS, counts, strict=True)))
    return pd.DataFrame(rows)


def roc(methods: list[Method]) -> pd.DataFrame:
    """Return the ROC curves of what has scores, each the mean over its seeds at equal rates."""
    tables = []
    for method, subset in _scored(methods, JUDGED):
        if method.areas(subset) is None:
            continue
        levels = [run.levels(subset).sum(axis=0) for run in method.runs]
        for k, name in enumerate(classes.NAMES):
            curves = [np.interp(RATES, *streamed_auc.curve(of_run[k])) for of_run in levels]
            rates = {"false_positive_rate": RATES, "true_positive_rate": np.mean(curves, axis=0)}
            tables.append(pd.DataFrame({**_named(method, subset), "class": name, **rates}))
    return joined(tables)


def history(methods: list[Method]) -> pd.DataFrame:
    """Return the learning curves of every run that was trained."""
    tables = {
        (method.name, run.record["seed"]): pd.read_csv(path)
        for method in methods
        for run in method.runs
        for path in run.folder.glob("history.csv")
    }
    keys = ["method", "seed"]
    return pd.concat(tables, names=keys).reset_index(keys) if tables else pd.DataFrame()


def folds(runs: list[Run]) -> pd.DataFrame:
    """Return the scores of networks that were trained on other divisions of the data.

    Args:
        runs: all of the comparison, those on the paper's split as well.

    Returns:
        One row for each method, kind of division, subset, fold and score, and rows named ``all``
        over the folds. Images of groups that were left out also have ``seen``, the same network's
        score on the same images when others of their group were trained on (the folds of subjects
        for images of the data set, the paper's split for the population's), and the paired ``loss``
        with its interval.
    """
    divided = [run for run in runs if run.fold]
    divisions = grouped(divided, lambda run: (run.record["method"], run.kind))
    tables = []
    for ((method, kind), of_kind), subset in itertools.product(divisions.items(), JUDGED):
        images = {r.fold["name"]: r.counts[subset] for r in of_kind if subset in r.counts}
        if len(images) > 1:
            images["all"] = pd.concat(images.values())
        trained_on = None if kind == SUBJECTS else _trained_on(runs, of_kind[0], subset)
        for name, rows in images.items():
            about = {"method": method, "kind": kind, "subset": subset, "fold": name}
            tables.append(_of_fold({**about, "images": len(rows)}, rows, trained_on))
    columns = ("method", "kind", "subset", "fold", "images", "subjects")
    return joined(tables, *columns, "score", "value", "low", "high")


def _trained_on(runs: list[Run], left_out: Run, subset: str) -> pd.DataFrame | None:
    """Return counts of networks that were trained on the group that a run left out.

    None if not all folds are finished.
    """
    kind = SUBJECTS if subset == "test" else None
    wanted = (left_out.record["method"], left_out.record["seed"], kind)
    alike = [r for r in runs if (r.record["method"], r.record["seed"], r.kind) == wanted]
    others = [run.counts[subset] for run in alike if subset in run.counts]
    return pd.concat(others) if others else None


def _of_fold(about: dict, rows: pd.DataFrame, trained_on: pd.DataFrame | None) -> pd.DataFrame:
    counts, subjects = counts_of(rows)[:, None], rows["subject"].to_numpy(dtype=str)
    table = _estimated(about, counts, subjects)
    if trained_on is not None and rows.index.isin(trained_on.index).all():
        known = counts_of(trained_on.loc[rows.index])[:, None]
        table["seen"] = over_seeds(known)
        lost = intervals(difference(known, counts, subjects), FEWEST)
        table[["loss", "loss low", "loss high"]] = lost[["value", "low", "high"]]
    return table


def _estimated(about: dict, counts: np.ndarray, subjects: np.ndarray) -> pd.DataFrame:
    """Return a row for each score of counts ``(N, seeds, C, C)``, pooled, mean over seeds."""
    names, sums = metrics.by_subject(counts, subjects)
    drawn = metrics.bootstrap(sums, lambda totals: pooled(totals).mean(axis=1))
    return pd.DataFrame({**about, "subjects": len(names), **intervals(drawn, FEWEST)})


def _scored(methods: list[Method], subsets: tuple[str, ...]) -> list[tuple[Method, str]]:
    return [(method, name) for method in methods for name in subsets if name in method.subsets]


def _named(method: Method, subset: str) -> dict[str, str]:
    return {"method": method.name, "variant": method.variant, "subset": subset}


def joined(tables: list[pd.DataFrame], *columns: str) -> pd.DataFrame:
    """Join tables; without any there are these columns, so that the file can be read back."""
    return pd.concat(tables) if tables else pd.DataFrame(columns=list(columns))
