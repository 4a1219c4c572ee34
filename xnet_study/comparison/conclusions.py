"""What the comparison's tables say, in sentences. No number here is written by hand.

Needs no TensorFlow: it reads ``results/table3.csv``, ``table3-differences.csv``, ``table3.json``
and ``coverage.csv``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xnet_tf.files import read_json

OWN = "XNet"
BOUND = "oracle"
"""Variant that is tuned on the image it is scored on: a bound, not a method."""

MOST_NAMED = 4

WHERE = {
    "population": "evaluation population",
    "test": "test set",
    "validation": "validation set",
}


def read(results: Path, score: str = "macro F1") -> str:
    """Return the conclusions of a folder of results: population first, then the test set."""
    table, differences = load(results, "table3"), load(results, "table3-differences")
    record = read_json(results / "table3.json")
    lines = [
        statement(table, differences, subset, score, record["simulated"])
        for subset in ("population", "test")
        if ((table["method"] == OWN) & (table["subset"] == subset)).any()
    ]
    return "\n\n".join([*lines, f"Budget of each network: {record['budget']}."])


def coverage(results: Path, score: str = "macro F1") -> str:
    """Return how often the table's intervals hold the truth, as simulated, whatever it is."""
    table = load(results, "coverage")
    table = table[(table["score"] == score) & (table["interval"] == "BCa")]
    lines = []
    for (drawn_from, subjects), rows in table.groupby(["drawn_from", "subjects"], sort=False):
        own = rows["quantity"] == OWN
        others = rows[~own]["coverage"]
        line = (
            f"With {subjects} subjects, drawn from the {WHERE[drawn_from]}, the 95 % interval of "
            f"{OWN}'s {score} holds the truth in {rows[own]['coverage'].iloc[0]:.1%} of simulated "
            "studies"
        )
        if len(others):
            line += f", those of its differences in {others.min():.1%} to {others.max():.1%}"
        lines.append(f"{line}.")
    return "\n".join(lines)


def load(results: Path, name: str) -> pd.DataFrame:
    """Read a table of the comparison; a method without variants has an empty one, not NaN.

    Only an empty field is NaN: a body part may be called "NA".
    """
    names = dict.fromkeys(("body_part", "fold"), str)
    table = pd.read_csv(results / f"{name}.csv", dtype=names, keep_default_na=False, na_values=[""])
    if "variant" in table:
        table["variant"] = table["variant"].astype(object).fillna("")
    return table


def statement(
    table: pd.DataFrame,
    differences: pd.DataFrame,
    subset: str,
    score: str = "macro F1",
    simulated: bool = True,
) -> str:
    """Say which methods XNet is better than, which are better, and which cannot be told apart.

    Args:
        table: as of `xnet_study.comparison.table3.table`.
        differences: as of `xnet_study.comparison.table3.differences`.
        subset: whose scores are spoken of.
        score: ``"macro F1"`` or ``"accuracy"``.
        simulated: whether the images are.

    Returns:
        Sentences; just one where no other method was scored. "Significant" is p < 0.05 after Holm's
        adjustment, by resampling subjects.
    """
    row = table[(table["method"] == OWN) & (table["subset"] == subset)].iloc[0]
    rows = differences[(differences["subset"] == subset) & (differences["score"] == score)]
    rows = rows[rows["variant"] != BOUND].sort_values("value")
    kind = "simulated images" if simulated else "images"
    value = _span(row[score], row[f"{score} low"], row[f"{score} high"])
    first = (
        f"On the {WHERE[subset]} ({row['images']} {kind} of {row['subjects']} subjects) {OWN} has "
        f"{score} {value}."
    )
    return " ".join([first, *(_judged(rows) if len(rows) else [])])


def _judged(rows: pd.DataFrame) -> list[str]:
    """Say of differences from other methods which are significant, and which way."""
    known = rows["significant"].astype(bool)
    better, worse = rows[known & (rows["value"] < 0)], rows[known & (rows["value"] > 0)]
    sentences = [
        f"It is significantly worse than {_listed(better, -1)}.",
        f"It is significantly better than {_listed(worse, 1)}.",
    ]
    if not known.all():
        undecided = _listed(rows[~known], 1, "difference")
        sentences.append(f"It cannot be told apart from {undecided}.")
    return [*sentences, *_unsettled(rows[known])]


def _listed(rows: pd.DataFrame, sign: int, word: str = "by") -> str:
    """Name the other methods, each with the difference and its interval.

    Networks are named one by one; of the other methods, if they are many, the nearest and the
    farthest.
    """
    if rows.empty:
        return "no other method"
    rows = rows.loc[rows["value"].abs().sort_values().index]
    network = rows["family"] == "network"
    named = [_with_span(row, sign, word) for _, row in rows[network].iterrows()]
    others = [_with_span(row, sign, word) for _, row in rows[~network].iterrows()]
    if len(others) > MOST_NAMED:
        ends = f"from {others[0]} to {others[-1]}"
        others = [f"{len(others)} methods that are no networks, {ends}"]
    return ", ".join([*named, *others])


def _with_span(row: pd.Series, sign: int, word: str) -> str:
    low, high = sorted((sign * row["low"], sign * row["high"]))
    return f"{_title(row)} ({word} {_span(sign * row['value'], low, high)})"


def _unsettled(rows: pd.DataFrame) -> list[str]:
    """Name the differences that hold between these networks but not between all seeds."""
    with_sign = rows["pairs above"].where(rows["value"] > 0, rows["pairs"] - rows["pairs above"])
    mixed = rows[with_sign < rows["pairs"]]
    if mixed.empty:
        return []
    found = [
        f"{_title(row)} ({row['pairs above']} of {row['pairs']})" for _, row in mixed.iterrows()
    ]
    return [
        f"Other seeds could turn the difference round from (pairs of seeds with {OWN} above in "
        f"brackets): {', '.join(found)}."
    ]


def _title(row: pd.Series) -> str:
    return f"{row['other']}, {row['variant']}" if row["variant"] else row["other"]


def _span(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
