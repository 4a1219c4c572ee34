"""The comparison taken apart: by seed, body part, fold, and by which images are scored."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xnet_study.comparison import streamed_auc
from xnet_study.comparison.compared import Method, Run
from xnet_study.comparison.scoring import JUDGED
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


def seeds(methods: list[Method]) -> pd.DataFrame:
    """Return the summary scores of every seed by itself, by subset."""
    rows = []
    for method in methods:
        for subset in method.subsets if len(method.runs) > 1 else ():
            of_seeds = pooled(method.confusions(subset).sum(axis=0))
            for run, values in zip(method.runs, of_seeds, strict=True):
                named = {**_named(method, subset), "seed": run.record["seed"]}
                rows.append(named | dict(zip(SCORES, values, strict=True)))
    return _table(rows, "method", "variant", "subset", "seed", *SCORES)


def parts(methods: list[Method]) -> pd.DataFrame:
    """Return accuracy and macro F1 by body part, with intervals where subjects suffice.

    Returns:
        One row for each method, subset (test, population), body part and score.
    """
    rows = []
    for method, subset in _judged(methods):
        counts, subjects = method.confusions(subset), method.subjects(subset)
        groups = method.images(subset)["body_part"].to_numpy(dtype=str)
        for part in np.unique(groups):
            shown = groups == part
            about = {"body_part": part, "images": int(shown.sum())}
            rows += _scored(_named(method, subset) | about, counts[shown], subjects[shown])
    return pd.DataFrame(rows)


def flattery(methods: list[Method]) -> pd.DataFrame:
    """Return what the authors' own protocol would have reported: test and validation together.

    Validation images chose the epoch (and, for classical methods, nothing), so they are seen images
    of a kind.

    Returns:
        One row for each method and score: ``test``, ``validation``, ``together``, ``flattery``
        (together minus test) with ``low`` and ``high`` by subjects of both subsets, and, where the
        population is scored, ``population`` and ``over population`` (together minus population).
    """
    rows = []
    for method in methods:
        if not {"test", "validation"} <= set(method.subsets):
            continue
        counts = {subset: method.confusions(subset) for subset in method.subsets}
        test, validation = counts["test"], counts["validation"]
        together = np.concatenate([test, validation])
        test_alone = np.concatenate([test, np.zeros_like(validation)])
        subjects = np.concatenate([method.subjects("test"), method.subjects("validation")])
        gained = difference(together, test_alone, subjects)
        values = {subset: over_seeds(of_subset) for subset, of_subset in counts.items()}
        values["together"] = over_seeds(together)
        for q, (name, (low, high)) in enumerate(zip(SCORES, gained.bca(), strict=True)):
            row = {"method": method.name, "variant": method.variant, "score": name}
            row |= {key: values[key][q] for key in ("test", "validation", "together")}
            row |= {"flattery": gained.estimate[q], "low": low, "high": high}
            if "population" in values:
                row["population"] = values["population"][q]
                row["over population"] = row["together"] - row["population"]
            rows.append(row)
    return pd.DataFrame(rows)


def confusion(methods: list[Method]) -> pd.DataFrame:
    """Return pooled confusion counts by method and subset, summed over seeds."""
    rows = [
        _named(method, subset)
        | dict(zip(COUNT_COLUMNS, method.confusions(subset).sum(axis=(0, 1)).flat, strict=True))
        for method in methods
        for subset in method.subsets
    ]
    return pd.DataFrame(rows)


def roc(methods: list[Method]) -> pd.DataFrame:
    """Return the ROC curves of what has scores, each the mean over its seeds at equal rates."""
    tables = []
    for method, subset in _judged(methods):
        if method.areas(subset) is None:
            continue
        levels = [run.levels(subset).sum(axis=0) for run in method.runs]
        for k, name in enumerate(classes.NAMES):
            curves = [np.interp(RATES, *streamed_auc.curve(of_run[k])) for of_run in levels]
            table = pd.DataFrame({**_named(method, subset), "class": name}, np.arange(len(RATES)))
            rates = {"false_positive_rate": RATES, "true_positive_rate": np.mean(curves, axis=0)}
            tables.append(table.assign(**rates))
    return pd.concat(tables) if tables else pd.DataFrame()


def history(methods: list[Method]) -> pd.DataFrame:
    """Return the learning curves of every run that was trained."""
    tables = []
    for method in methods:
        for run in method.runs:
            path = run.folder / "history.csv"
            if path.is_file():
                table = pd.read_csv(path)
                table.insert(0, "seed", run.record["seed"])
                table.insert(0, "method", method.name)
                tables.append(table)
    return pd.concat(tables) if tables else pd.DataFrame()


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
    rows = []
    divisions: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run.fold:
            divisions.setdefault((run.record["method"], run.fold["kind"]), []).append(run)
    for (method, kind), of_kind in divisions.items():
        for subset in JUDGED:
            tables = {r.fold["name"]: r.rows(subset) for r in of_kind if subset in r.subsets}
            if not tables:
                continue
            trained_on = _trained_on(runs, of_kind[0], subset) if kind != SUBJECTS else None
            if len(tables) > 1:
                tables["all"] = pd.concat(tables.values())
            for name, table in tables.items():
                about = {"method": method, "kind": kind, "subset": subset, "fold": name}
                rows += _fold_rows({**about, "images": len(table)}, table, trained_on)
    columns = ("method", "kind", "subset", "fold", "images", "subjects")
    return _table(rows, *columns, "score", "value", "low", "high")


def _trained_on(runs: list[Run], left_out: Run, subset: str) -> pd.DataFrame | None:
    """Return counts of networks that were trained on the group that a run left out.

    None if not all folds are finished.
    """
    about = left_out.record["method"], left_out.record["seed"]
    others = [r for r in runs if (r.record["method"], r.record["seed"]) == about]
    if subset == "test":
        others = [r for r in others if r.fold and r.fold["kind"] == SUBJECTS]
    else:
        others = [r for r in others if not r.fold and subset in r.subsets]
    return pd.concat([r.rows(subset) for r in others]) if others else None


def _fold_rows(about: dict, table: pd.DataFrame, trained_on: pd.DataFrame | None) -> list[dict]:
    counts, subjects = counts_of(table)[:, None], table["subject"].to_numpy(dtype=str)
    rows = _scored(about, counts, subjects)
    if trained_on is not None and table.index.isin(trained_on.index).all():
        known = counts_of(trained_on.loc[table.index])[:, None]
        lost = difference(known, counts, subjects)
        columns = over_seeds(known), lost.estimate, *_bounds(lost).T
        for row, *values in zip(rows, *columns, strict=True):
            row |= zip(("seen", "loss", "loss low", "loss high"), values, strict=True)
    return rows


def _scored(about: dict, counts: np.ndarray, subjects: np.ndarray) -> list[dict]:
    """Return a row for each score of counts ``(N, seeds, C, C)``, pooled, mean over seeds."""
    names, sums = metrics.by_subject(counts, subjects)
    drawn = metrics.bootstrap(sums, lambda totals: pooled(totals).mean(axis=1))
    about = {**about, "subjects": len(names)}
    return [
        {**about, "score": name, "value": value, "low": low, "high": high}
        for name, value, (low, high) in zip(SCORES, drawn.estimate, _bounds(drawn), strict=True)
    ]


def _bounds(drawn: Bootstrap) -> np.ndarray:
    enough = len(drawn.left_out) >= FEWEST
    return drawn.bca() if enough else np.full((len(SCORES), 2), np.nan)


def _judged(methods: list[Method]) -> list[tuple[Method, str]]:
    return [(method, name) for method in methods for name in JUDGED if name in method.subsets]


def _named(method: Method, subset: str) -> dict[str, str]:
    return {"method": method.name, "variant": method.variant, "subset": subset}


def _table(rows: list[dict], *columns: str) -> pd.DataFrame:
    """Return rows as a table; without any it has these columns, so that it can be read back."""
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(columns))
