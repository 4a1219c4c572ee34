"""Do the intervals hold what they promise? Their coverage, simulated at our numbers of subjects.

    python -m xnet_study.comparison.coverage [--ledger DIR] [--repetitions 1000]

A bootstrap interval of 95 % covers the truth in 95 % of cases when there are many subjects. With 20
it may not. So a world is made in which the truth is known: the subjects that were scored are all
there are, and studies of as many subjects as ours are drawn from them, again and again, with
replacement, by body part where the interval is. Each study computes the interval of one training as
the tables do (BCa), and the share of intervals that hold the score of the whole world is the
coverage. It takes minutes, and writes ``coverage.csv`` beside the ledger.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from xnet_study.comparison import compared, intervals
from xnet_study.comparison.compared import SCORES, XNET, Method
from xnet_study.comparison.ledger import Ledger
from xnet_tf import metrics, runs
from xnet_tf.files import save_table

REPETITIONS = 1000


def simulated(
    methods: list[Method], repetitions: int = REPETITIONS, resamples: int = metrics.RESAMPLES
) -> pd.DataFrame:
    """Return the coverage of XNet's scores and of its differences from the other networks.

    Studies have as many subjects as the test set, drawn from it and from the population, and as
    many as the population. All are of each network's first training.

    Returns:
        Columns ``drawn_from``, ``subjects``, ``quantity``, ``score``, ``interval``, ``truth``,
        ``coverage``, its ``standard_error``, and the mean ``width``.
    """
    xnet = compared.xnet(methods)
    others = [m for m in methods if m.family == "network" and m is not xnet]
    number = xnet.images("test")["subject"].nunique()
    studies = [("test", number)]
    if all("evaluation" in method.subsets for method in (xnet, *others)):
        everyone = xnet.images("evaluation")["subject"].nunique()
        studies += [("evaluation", number), ("evaluation", everyone)]
    tables = []
    for (subset, subjects), other in ((s, o) for s in studies for o in (None, *others)):
        images = xnet.images(subset)
        counts = [m.confusions(subset)[:, :1] for m in (xnet, other) if m]
        parts = images["body_part"].to_numpy(str)
        found = coverage(
            counts, images["subject"].to_numpy(str), parts, subjects, repetitions, resamples
        )
        name = f"{XNET} - {other.title}" if other else XNET
        about = {"drawn_from": subset, "subjects": subjects, "quantity": name, "score": SCORES}
        tables.append(pd.DataFrame({**about, "interval": "BCa", **found}))
    return pd.concat(tables)


def coverage(
    counts: list[np.ndarray],
    subjects: np.ndarray,
    strata: np.ndarray,
    number: int,
    repetitions: int = REPETITIONS,
    resamples: int = metrics.RESAMPLES,
) -> dict[str, np.ndarray]:
    """Draw studies from a world of known subjects and count how often intervals hold its score.

    Args:
        counts: of one method or two, confusion counts ``(N, 1, C, C)`` of the world's images.
        subjects: the images', ``(N,)``.
        strata: the images', ``(N,)``.
        number: subjects of each study.
        repetitions: number of studies.
        resamples: of each study.

    Returns:
        ``truth``, ``coverage``, ``standard_error`` and ``width``, each ``(Q,)``. An interval that
        is not defined does not cover.
    """
    world = [{"confusion": metrics.by_subject(one, subjects)[1]} for one in counts]
    names, first = np.unique(subjects, return_index=True)
    truth = intervals.estimate(
        compared.pooled, *world, subjects=names, strata=strata[first], resamples=2
    ).value
    rng = np.random.Generator(np.random.Philox(2**32))
    bounds = []
    for _ in tqdm(range(repetitions), f"{number} subjects", leave=False, delay=5):
        drawn = _draw(rng, strata[first], number)
        study = [{"confusion": one["confusion"][drawn]} for one in world]
        found = intervals.estimate(
            compared.pooled,
            *study,
            subjects=np.arange(number).astype(str),
            strata=strata[first][drawn],
            resamples=resamples,
        )
        bounds.append((found.low, found.high))
    low, high = np.moveaxis(np.array(bounds), 1, 0)
    # Rounding must not decide where a study's score cannot differ from the truth.
    near = 1e-12
    share = ((low <= truth + near) & (truth - near <= high)).mean(axis=0)
    error = np.sqrt(share * (1 - share) / repetitions)
    width = metrics.macro((high - low).T)
    return {"truth": truth, "coverage": share, "standard_error": error, "width": width}


def _draw(rng: np.random.Generator, strata: np.ndarray, number: int) -> np.ndarray:
    """Draw subjects; as many of each stratum as there are, if all are drawn."""
    if number < len(strata):
        return rng.integers(0, len(strata), number)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    return np.concatenate([rng.choice(of_one, len(of_one)) for of_one in members])


def main() -> None:
    """Read the command line, simulate and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = runs.REPOSITORY / "results" / "comparison"
    parser.add_argument("--ledger", type=Path, default=default, metavar="DIR")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, metavar="N")
    options = parser.parse_args()
    table = simulated(compared.read(Ledger(options.ledger)), options.repetitions)
    print(save_table(table, options.ledger.parent / "coverage.csv"))


if __name__ == "__main__":
    main()
