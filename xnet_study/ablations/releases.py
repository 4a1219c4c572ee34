"""What a release gained on the one before, by body part.

    git archive REVISION results | tar -x -C before
    python -m xnet_study.ablations.releases before/results

Writes ``results/release-gain.csv``: macro F1 of both releases' quick networks on the evaluation
population, of all images and of each body part, and the difference, paired by subject; and
``results/release-gain.json``, the weights and the population that it is of.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from xnet_study.ablations import common
from xnet_study.certainty.robustness import PLAIN
from xnet_tf import runs
from xnet_tf.files import InputError, read_json, save_table, write_json


def read(results: Path) -> pd.DataFrame:
    """Return a release's counts on the plain pictures: all, and those of each body part again."""
    plain = pd.read_csv(results / "population.csv", dtype={"subject": str})
    plain = plain[plain["condition"] == PLAIN]
    return pd.concat([plain.assign(body_part="all"), plain.sort_values("body_part", kind="stable")])


def gain(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Compare two networks' counts on the same pictures, as `read` returns them.

    Returns:
        Columns ``release, body_part, score, value, low, high, difference, difference low,
        difference high``.
    """
    tables, pair = {"before": [before], "after": [after]}, {"after": ("after", "before")}
    table = common.compare(tables, "body_part", pair, ("macro F1",))
    return table.drop(columns=common.SEEDS).rename(columns={"network": "release"})


def population(results: Path, other: Path) -> dict[str, str]:
    """Return what two releases' scores are of.

    Raises:
        InputError: if they are of different populations.
    """
    after, before = (read_json(folder / "robustness.json") for folder in (results, other))
    if before["population_sha256"] != after["population_sha256"]:
        raise InputError(f"{other}: scored on another population than {results}")
    return {
        "before_weights_sha256": before["weights_sha256"],
        "after_weights_sha256": after["weights_sha256"],
        "population_sha256": after["population_sha256"],
    }


def main() -> None:
    """Read both releases and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="results/ of the release before")
    other, results = parser.parse_args().before, runs.REPOSITORY / "results"
    record = population(results, other)
    table = gain(read(other), read(results))
    print(table.round(3).to_string(index=False))
    write_json(results / "release-gain.json", record | {"versions": runs.versions()})
    print(save_table(table, results / "release-gain.csv"))


if __name__ == "__main__":
    common.command(main)
