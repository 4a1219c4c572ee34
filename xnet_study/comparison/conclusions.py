"""What the comparison's tables say, as tables that can be read at a glance.

Needs no TensorFlow: it reads ``table3*.csv`` and ``coverage.csv`` of a folder of results.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xnet_study.comparison.compared import BOUND
from xnet_study.comparison.ledger import read_table


def load(results: Path, name: str) -> pd.DataFrame:
    """Read a table of the comparison; a method without variants has an empty one, not NaN.

    Only an empty field is NaN: a body part may be called "NA".
    """
    return read_table(results / f"{name}.csv").fillna({"variant": ""})


def titles(table: pd.DataFrame, method: str = "method") -> pd.Series:
    """Return each row's method, named in a column, with its variant."""
    return table[method].where(table["variant"] == "", table[method] + ", " + table["variant"])


def verdicts(results: Path, score: str = "macro F1") -> pd.DataFrame:
    """Return by how much XNet is better or worse than each other method, and whether it matters.

    Args:
        results: folder of ``table3-differences.csv``.
        score: ``"macro F1"`` or ``"accuracy"``.

    Returns:
        One row for each subset, evaluation first, and method but the bound, the best of the others
        first: ``difference`` (XNet minus the other), ``low``, ``high``, ``p Holm``, the ``verdict``
        on XNet (``better`` or ``worse`` if p < 0.05 after Holm's adjustment, by resampling
        subjects, else ``undecided``) and ``seeds above``, in how many of all pairs of seeds XNet
        lies above: where these contradict the verdict, other seeds could turn it round.
    """
    table = load(results, "table3-differences")
    table = table[(table["score"] == score) & (table["variant"] != BOUND)]
    table = table.sort_values(["subset", "value"], key=lambda c: c.rank(method="dense"))
    better = np.where(table["value"] > 0, "better", "worse")
    verdict = np.where(table["significant"].astype(bool), better, "undecided")
    above = table["pairs above"].astype(str) + " of " + table["pairs"].astype(str)
    table = table.rename(columns={"value": "difference"})
    table = table.assign(method=titles(table, "other"), verdict=verdict, **{"seeds above": above})
    shown = ["difference", "low", "high", "p Holm", "verdict", "seeds above"]
    return table.set_index(["subset", "method"])[shown]


def coverage(results: Path, score: str = "macro F1") -> pd.DataFrame:
    """Return how often the table's intervals hold the truth, in simulated studies.

    Args:
        results: folder of ``coverage.csv``.
        score: ``"macro F1"`` or ``"accuracy"``.

    Returns:
        One row for each quantity, one column for each pool of subjects and number drawn from it.
    """
    table = load(results, "coverage")
    table = table[(table["score"] == score) & (table["interval"] == "BCa")]
    return table.pivot(index="quantity", columns=["drawn_from", "subjects"], values="coverage")
