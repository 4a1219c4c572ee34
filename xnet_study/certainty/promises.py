"""How often each way of choosing keeps its target, and the thresholds that are certified."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from xnet_study.certainty import guarantees
from xnet_study.certainty.curves import subjects_of
from xnet_study.certainty.guarantees import Subjects
from xnet_study.certainty.streaming import COARSE, Judged
from xnet_tf import calibration, thresholds

RATES = (0.05, 0.02, 0.005)
"""False discovery rates that are aimed at; the first and the last are the poster's."""

DELTA = 0.05
"""Chance that Learn-then-Test may break its promise."""

REPEATS = 1000
USEFUL_RECALL = 0.5

PROMISES: dict[str, Callable[[np.ndarray, float], int | None]] = {
    "naive": guarantees.naive,
    "conformal": guarantees.conformal,
    "learn then test": functools.partial(guarantees.learn_then_test, delta=DELTA),
}
"""Ways to choose a threshold: from the subjects' losses and a target to a position, or None."""


def split_table(judged: dict[str, Judged]) -> pd.DataFrame:
    """Return how often each rule keeps its target over many random splits.

    Subjects that trained nothing and chose no epoch serve: both populations; without them the
    validation and test images, so that there is something to see. Learn-then-Test bets in one order
    of the subjects here, for speed; averaging over orders keeps the promise just as well.
    """
    names = pair(judged)
    columns = zip(*(subjects_of(judged[name]) for name in names), strict=True)
    world = Subjects(*map(np.concatenate, columns))
    half = len(world.losses) // 2
    sizes = [n for n in (20, 100, 300, 600) if n <= half] or [half]
    rows = []
    for size, target, rule, replace in itertools.product(sizes, RATES, PROMISES, (True, False)):
        once = {"orders": 1} if rule == "learn then test" else {}
        choose = functools.partial(PROMISES[rule], target=target, **once)
        trials = guarantees.trial(world, choose, size, REPEATS, replace)
        means = {name: values.mean() for name, values in trials.items()}
        rows.append(
            {
                "world": " + ".join(names),
                "drawn": "with replacement" if replace else "halves",
                "subjects": size,
                "target": target,
                "rule": rule,
                "promised": 1 - DELTA if rule == "learn then test" else np.nan,
                "held": (trials["risk"] <= target).mean(),
                **means,
                "verdict": verdict(means["recall"]),
            }
        )
    return pd.DataFrame(rows)


def pair(judged: dict[str, Judged]) -> tuple[str, str]:
    """Return the largest set that thresholds are chosen on, and the one they are judged on."""
    large = "calibration" in judged and "evaluation" in judged
    return ("calibration", "evaluation") if large else ("validation", "test")


def verdict(recall: float) -> str:
    """Tell whether a threshold of this recall is of use."""
    return "useful" if recall >= USEFUL_RECALL else "not useful"


def at_position(position: int, processed: bool = False) -> float:
    """Return the threshold at a position of the grid; beyond its end 1, which nothing exceeds."""
    grid = COARSE if processed else thresholds.GRID
    return float(calibration.edge(grid[position])) if position < len(grid) else 1.0
