"""What a release gained on the one before, by body part.

    git show REVISION:results/population.csv > before.csv
    python -m xnet_study.ablations.releases before.csv

Writes ``results/release-gain.csv``: macro F1 of both releases' quick networks on the evaluation
population, and the difference with its interval, paired by subject; of all and of each body part.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from xnet_study.ablations.common import DIFFERENCE, command
from xnet_study.certainty.robustness import PLAIN
from xnet_tf import metrics, runs
from xnet_tf.files import InputError, save_table


def gain(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Compare two networks' counts on the same pictures.

    Args:
        before: rows of ``population.csv``.
        after: those of the later network.

    Returns:
        Columns ``body_part`` (``all`` first), ``images``, ``before``, ``after``, `DIFFERENCE`.

    Raises:
        InputError: if they are not of the same pictures.
    """
    before, after = (t[t["condition"] == PLAIN].set_index("image") for t in (before, after))
    if set(before.index) != set(after.index):
        raise InputError("the two tables are of other pictures: score both on one population")
    rows = []
    for part in ("all", *sorted(after["body_part"].unique())):
        now = after if part == "all" else after[after["body_part"] == part]
        new, old = (metrics.counts_of(table.loc[now.index]) for table in (after, before))
        scores = [float(metrics.macro_f1(counts.sum(axis=0))) for counts in (old, new)]
        subjects = now["subject"].to_numpy(str)
        change = metrics.interval(new, subjects, metrics.macro_f1, other=old)
        rows.append((part, len(now), *scores, *change))
    return pd.DataFrame(rows, columns=["body_part", "images", "before", "after", *DIFFERENCE])


def main() -> None:
    """Read both tables and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="population.csv of the release before")
    results = runs.REPOSITORY / "results"
    paths = parser.parse_args().before, results / "population.csv"
    table = gain(*(pd.read_csv(path, dtype={"subject": str}) for path in paths))
    print(table.round(3).to_string(index=False))
    print(save_table(table, results / "release-gain.csv"))


if __name__ == "__main__":
    command(main)
