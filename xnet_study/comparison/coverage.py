"""Do the intervals hold what they promise? Their coverage, simulated at our numbers of subjects.

A bootstrap interval of 95 % covers the truth in 95 % of cases when there are many subjects. With 20
it may not. So a world is made in which the truth is known: the subjects that were scored are all
there are, and studies of as many subjects as ours are drawn from them, again and again, with
replacement. Each study computes its interval as the table does, and the share of intervals that
hold the score of the whole world is the coverage.

Two other intervals are computed beside it from the same draws: percentiles of the resampled scores,
and Student's t with the jackknife's standard error.

References:
    Efron and Tibshirani, An introduction to the bootstrap (1993), chapters 11 to 14.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
from tqdm import tqdm

from xnet_study.comparison import breakdown, compared
from xnet_study.comparison.compared import BOUND, XNET, Method
from xnet_tf import metrics
from xnet_tf.files import save_table
from xnet_tf.metrics import Bootstrap, Score

TAILS = np.array([0.025, 0.975])
"""What intervals of 95 % leave out on either side."""

REPETITIONS = 1000


def percentile(drawn: Bootstrap) -> np.ndarray:
    """Return the bounds between which the middle of the resampled scores lies, ``(Q, 2)``."""
    return np.nanquantile(drawn.drawn, TAILS, axis=0).T


def student(drawn: Bootstrap) -> np.ndarray:
    """Return the estimate minus and plus t standard errors of the jackknife, ``(Q, 2)``."""
    number = len(drawn.left_out)
    error = np.sqrt(number - 1) * drawn.left_out.std(axis=0)
    return drawn.estimate[:, None] + error[:, None] * scipy.stats.t.ppf(TAILS, number - 1)


INTERVALS: dict[str, Callable[[Bootstrap], np.ndarray]] = {
    "BCa": Bootstrap.bca,
    "percentile": percentile,
    "jackknife t": student,
}
"""The first is the table's."""


def write(folder: Path, repetitions: int = REPETITIONS, resamples: int = metrics.RESAMPLES) -> Path:
    """Simulate the coverage of the comparison's intervals.

    Args:
        folder: of the run, which holds ``comparison/``; ``results/coverage.csv`` is written.
        repetitions: studies that are drawn.
        resamples: of each study.

    Returns:
        The file.

    Raises:
        InputError: if the comparison holds no finished run of XNet.
    """
    table = simulated(compared.read(folder / "comparison"), repetitions, resamples)
    return save_table(table, folder / "results" / "coverage.csv")


def simulated(methods: list[Method], repetitions: int, resamples: int) -> pd.DataFrame:
    """Return the coverage of XNet's scores and of its differences from the other networks.

    Studies have as many subjects as the test set, drawn from it and from the population, and as
    many as the population. The best classical method stands beside the networks.

    Returns:
        Columns ``drawn_from``, ``subjects``, ``quantity``, ``score``, ``interval``, ``truth``,
        ``coverage``, its ``standard_error``, and the mean ``width``.
    """
    chosen = _chosen(methods)
    xnet = chosen[0]
    number = len(np.unique(xnet.subjects("test")))
    studies = [("test", number)]
    if all("evaluation" in method.subsets for method in chosen):
        everyone = len(np.unique(xnet.subjects("evaluation")))
        studies += [("evaluation", number), ("evaluation", everyone)]
    score = _scores_and_differences([len(method.runs) for method in chosen])
    names = [XNET, *(f"{XNET} - {method.title}" for method in chosen[1:])]
    pairs = itertools.product(breakdown.SCORES, names)
    quantities = pd.DataFrame(pairs, columns=["score", "quantity"])
    tables = {}
    for subset, subjects in studies:
        counts = np.concatenate([method.confusions(subset) for method in chosen], axis=1)
        _, pool = metrics.by_subject(counts, xnet.subjects(subset))
        table = coverage(pool, score, subjects, repetitions, resamples)
        tables[subset, subjects] = quantities.join(table.set_index("quantity"))
    keys = ["drawn_from", "subjects"]
    return pd.concat(tables, names=keys).reset_index(keys)


def coverage(
    pool: np.ndarray,
    score: Score,
    subjects: int,
    repetitions: int = REPETITIONS,
    resamples: int = metrics.RESAMPLES,
) -> pd.DataFrame:
    """Draw studies from a world of known subjects and count how often intervals hold its score.

    Args:
        pool: float ``(P, ...)``, what each subject of the world adds.
        score: maps totals ``(B, ...)`` to scores ``(B, Q)``.
        subjects: of each study.
        repetitions: number of studies.
        resamples: of each study.

    Returns:
        One row for each score (``quantity``, its number) and kind of interval. An interval that is
        not defined does not cover.
    """
    truth = score(pool.sum(axis=0)[None])[0]
    rng = np.random.Generator(np.random.Philox(2**32))
    bounds = []
    for study in tqdm(range(repetitions), f"{subjects} subjects", leave=False, delay=5):
        sample = pool[rng.integers(0, len(pool), subjects)]
        drawn = metrics.bootstrap(sample, score, seed=study, resamples=resamples)
        bounds.append([interval(drawn) for interval in INTERVALS.values()])
    low, high = np.moveaxis(np.array(bounds), -1, 0)  # each (repetitions, kinds, Q)
    # Rounding must not decide where a study's score cannot differ from the truth.
    near = 1e-12
    share = ((low <= truth + near) & (truth - near <= high)).mean(axis=0)
    width = metrics.macro((high - low).T).T  # over the studies that have an interval
    share, width = share.T.ravel(), width.T.ravel()
    columns = {
        "truth": np.repeat(truth, len(INTERVALS)),
        "coverage": share,
        "standard_error": np.sqrt(share * (1 - share) / repetitions),
        "width": width,
    }
    kinds = pd.MultiIndex.from_product([range(len(truth)), INTERVALS])
    return pd.DataFrame(columns, kinds).reset_index(names=["quantity", "interval"])


def _chosen(methods: list[Method]) -> list[Method]:
    """Return XNet, the other networks, and the best method that is none and knows no truth."""

    def macro_f1(method: Method) -> float:
        return metrics.macro_f1(method.confusions("test").sum(axis=(0, 1)))

    xnet = compared.xnet(methods)
    networks = [m for m in methods if m.family == "network" and m is not xnet]
    others = [m for m in methods if m.family != "network" and m.variant != BOUND]
    return [xnet, *networks, *sorted(others, key=macro_f1)[-1:]]


def _scores_and_differences(seeds: list[int]) -> Score:
    """Return what maps counts ``(B, runs, C, C)`` to XNet's scores and differences ``(B, Q)``."""
    starts = np.cumsum([0, *seeds[:-1]])

    def score(totals: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(breakdown.pooled(totals), starts, axis=1)
        xnets, *others = (sums / np.array(seeds)[:, None]).swapaxes(0, 1)
        quantities = [xnets, *(xnets - of_other for of_other in others)]
        return np.stack(quantities, axis=-1).reshape(len(totals), -1)

    return score
