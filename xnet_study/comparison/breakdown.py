"""The comparison taken apart: by seed, body part, fold, and by which images are scored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from xnet_study.comparison import streamed_auc
from xnet_study.comparison.compared import Method, Run
from xnet_tf import classes, metrics
from xnet_tf.metrics import COUNT_COLUMNS, counts_of

SCORES = {"accuracy": metrics.accuracy, "macro F1": metrics.macro_f1}
"""Scores that are broken down, and of which differences are taken."""

JUDGED = ("test", "population")
"""Subsets that chose nothing."""

FEWEST = 10
"""Subjects below which no interval is given: a handful resampled says little of all others."""

SUBJECTS = "subjects"
"""The kind of fold that divides subjects, and knows every body part."""

RATES = np.linspace(0, 1, 101) ** 2
"""False positive rates at which ROC curves are kept; denser near 0, where they bend."""


def seeds(methods: list[Method]) -> pd.DataFrame:
    """Return the summary scores of every seed by itself, by subset."""
    rows = [
        {
            **_named(method, subset),
            "seed": run.record["seed"],
            **{name: of(counts) for name, of in SCORES.items()},
        }
        for method in methods
        if len(method.runs) > 1
        for subset in method.subsets
        for run, counts in zip(method.runs, method.confusions(subset).sum(axis=0), strict=True)
    ]
    return _table(rows, ("method", "variant", "subset", "seed", *SCORES))


def parts(methods: list[Method]) -> pd.DataFrame:
    """Return accuracy and macro F1 by body part, with intervals where subjects suffice.

    Returns:
        One row for each method, subset (test, population), body part and score.
    """
    rows = []
    for method in methods:
        for subset in _judged(method):
            counts, subjects = method.confusions(subset), method.subjects(subset)
            groups = method.images(subset)["body_part"].to_numpy(dtype=str)
            for part in np.unique(groups):
                here = groups == part
                about = {**_named(method, subset), "body_part": part, "images": int(here.sum())}
                rows += _scored(about, counts[here], subjects[here])
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
        counts = {name: method.confusions(name) for name in method.subsets}
        joined = np.concatenate([counts["test"], counts["validation"]])
        tested = np.concatenate([counts["test"], 0 * counts["validation"]])
        names = np.concatenate([method.subjects("test"), method.subjects("validation")])
        _, sums = metrics.by_subject(np.stack([joined, tested], axis=1), names)
        for name, of in SCORES.items():
            gained = metrics.bootstrap(sums, _flattered(of))
            value = {key: _mean(of, found) for key, found in counts.items()}
            together = _mean(of, joined)
            low, high = gained.bca()[0]
            row = {
                "method": method.name,
                "variant": method.variant,
                "score": name,
                "test": value["test"],
                "validation": value["validation"],
                "together": together,
                "flattery": gained.estimate[0],
                "low": low,
                "high": high,
            }
            if "population" in value:
                row["population"] = value["population"]
                row["over population"] = together - value["population"]
            rows.append(row)
    return pd.DataFrame(rows)


def confusion(methods: list[Method]) -> pd.DataFrame:
    """Return pooled confusion counts by method and subset, summed over seeds."""
    rows = [
        {
            **_named(method, subset),
            **dict(
                zip(COUNT_COLUMNS, method.confusions(subset).sum(axis=(0, 1)).flat, strict=True)
            ),
        }
        for method in methods
        for subset in method.subsets
    ]
    return pd.DataFrame(rows)


def roc(methods: list[Method]) -> pd.DataFrame:
    """Return the ROC curves of what has scores, each the mean over its seeds at equal rates."""
    tables = []
    for method in methods:
        for subset in _judged(method):
            if method.areas(subset) is None:
                continue
            levels = np.stack([run.levels(subset) for run in method.runs]).sum(axis=1)
            for k, name in enumerate(classes.NAMES):
                curves = [np.interp(RATES, *streamed_auc.curve(one[k])) for one in levels]
                table = pd.DataFrame(
                    {
                        "false_positive_rate": RATES,
                        "true_positive_rate": np.mean(curves, axis=0),
                    }
                )
                about = {**_named(method, subset), "class": name}
                tables.append(table.assign(**about)[[*about, *table.columns]])
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
    held: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run.fold:
            held.setdefault((run.record["method"], run.fold["kind"]), []).append(run)
    for (method, kind), found in held.items():
        for subset in JUDGED:
            tables = {r.fold["name"]: r.rows(subset) for r in found if subset in r.subsets}
            if not tables:
                continue
            seen = _seen(runs, found[0], subset) if kind != SUBJECTS else None
            if len(tables) > 1:
                tables["all"] = pd.concat(tables.values())
            for name, table in tables.items():
                about = {"method": method, "kind": kind, "subset": subset, "fold": name}
                rows += _fold_rows({**about, "images": len(table)}, table, seen)
    columns = ("method", "kind", "subset", "fold", "images", "subjects")
    return _table(rows, (*columns, "score", "value", "low", "high"))


def _seen(runs: list[Run], own: Run, subset: str) -> pd.DataFrame | None:
    """Return counts of networks that knew the group, or None if not all folds are finished."""
    about = own.record["method"], own.record["seed"]
    others = [r for r in runs if (r.record["method"], r.record["seed"]) == about]
    if subset == "test":
        others = [r for r in others if r.fold and r.fold["kind"] == SUBJECTS]
    else:
        others = [r for r in others if not r.fold and subset in r.subsets]
    return pd.concat([r.rows(subset) for r in others]) if others else None


def _fold_rows(about: dict, table: pd.DataFrame, seen: pd.DataFrame | None) -> list[dict]:
    counts, subjects = counts_of(table)[:, None], table["subject"].to_numpy(dtype=str)
    rows = _scored(about, counts, subjects)
    if seen is not None and table.index.isin(seen.index).all():
        known = counts_of(seen.loc[table.index])[:, None]
        for row in rows:
            row |= _lost(SCORES[row["score"]], counts, known, subjects)
    return rows


def _table(rows: list[dict], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a table; without any it has these columns, so that it can be read back."""
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(columns))


def _judged(method: Method) -> list[str]:
    return [subset for subset in JUDGED if subset in method.subsets]


def _named(method: Method, subset: str) -> dict[str, str]:
    return {"method": method.name, "variant": method.variant, "subset": subset}


def _scored(about: dict, counts: np.ndarray, subjects: np.ndarray) -> list[dict]:
    """Return a row for each score of counts ``(N, seeds, C, C)``, pooled, mean over seeds."""
    names, sums = metrics.by_subject(counts, subjects)
    rows = []
    for name, of in SCORES.items():
        low, high = _bounds(sums, lambda totals, of=of: of(totals).mean(axis=1)[:, None])
        value = _mean(of, counts)
        spans = {"value": value, "low": low, "high": high}
        rows.append({**about, "subjects": len(names), "score": name, **spans})
    return rows


def _lost(of: Callable, counts: np.ndarray, known: np.ndarray, subjects: np.ndarray) -> dict:
    _, sums = metrics.by_subject(np.stack([counts, known], axis=1), subjects)

    def score(totals):
        each = of(totals).mean(axis=2)
        return (each[:, 1] - each[:, 0])[:, None]

    low, high = _bounds(sums, score)
    seen = _mean(of, known)
    return {
        "seen": seen,
        "loss": seen - _mean(of, counts),
        "loss low": low,
        "loss high": high,
    }


def _bounds(sums: np.ndarray, score: metrics.Score) -> np.ndarray:
    if len(sums) < FEWEST:
        return np.full(2, np.nan)
    return metrics.bootstrap(sums, score).bca()[0]


def _mean(of: Callable, counts: np.ndarray) -> float:
    """Mean over seeds of a pooled score of counts ``(N, seeds, C, C)``."""
    return float(of(counts.sum(axis=0)).mean())


def _flattered(of: Callable) -> metrics.Score:
    def score(totals):
        each = of(totals).mean(axis=2)
        return (each[:, 0] - each[:, 1])[:, None]

    return score
