"""Exercises of notebook 6a: scores of one network."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xnet_study.teaching.exercises import Exercise, Exercises, number
from xnet_tf import metrics, profiles, runs


def _gain() -> float:
    """Macro F1 of validation and test together, minus that of the test images."""
    rows = pd.read_csv(runs.find(profiles.get(), "results/confusion.csv")[0])
    rows = rows[rows["method"] == "XNet"]
    test = rows[rows["subset"] == "test"]
    together, alone = (metrics.macro_f1(metrics.counts_of(t).sum(axis=0)) for t in (rows, test))
    return float(together - alone)


def _check_gain(answer) -> str | None:
    if abs(float(answer) + _gain()) <= 5e-4 < abs(_gain()):
        return "the sign is the other way round: together minus test"
    return number(_gain(), 5e-4)(answer)


def _check_factor(answer) -> str | None:
    factor = float(answer)
    if factor < 1:
        return "divide the wide interval's width by the narrow one's"
    if not 1.6 <= factor <= 3.2:
        return "five copies shrink a width by about the square root of five"
    return None


exercise = Exercises(
    Exercise(
        check=number(
            (1 + 6 / 7 + 2 / 3) / 3,
            0.002,
            {0.738: "that is the macro F1 before the change", 8 / 9: "that is the accuracy"},
        ),
        hint="Change predicted[0, 2], count the pairs again, and give them to metrics.macro_f1.",
        solution="""
            nine = np.array([[0, 0, 0], [0, 1, 1], [1, 2, 2]])
            changed = np.array([[0, 0, 0], [0, 1, 1], [1, 1, 2]])
            answer = metrics.macro_f1(metrics.confusion(nine, changed))
            """,
        right=np.float64((1 + 6 / 7 + 2 / 3) / 3),
        wrong=[0.738, 8 / 9, 0.5],
    ),
    Exercise(
        check=_check_gain,
        hint=(
            "Read confusion.csv again, keep the rows with method == 'XNet', and add up "
            "metrics.counts_of of all of them, and of those with subset == 'test'."
        ),
        solution="""
            rows = pd.read_csv(results / "confusion.csv").query("method == 'XNet'")
            test = rows.query("subset == 'test'")
            together = metrics.macro_f1(metrics.counts_of(rows).sum(axis=0))
            answer = together - metrics.macro_f1(metrics.counts_of(test).sum(axis=0))
            # One or the other may be the easier half by chance: with so few images that can
            # hide what choosing the epoch gained.
            """,
        right=_gain(),
        wrong=[-1, 0.25],
    ),
    Exercise(
        check=_check_factor,
        hint=(
            "ten = np.repeat(counts[:10], 5, axis=0). The subjects are np.repeat(range(10), 5) "
            "once and range(50) once, as text; metrics.interval gives value, low, high."
        ),
        solution="""
            ten = np.repeat(counts[:10], 5, axis=0)
            widths = []
            for owners in (np.repeat(np.arange(10), 5), np.arange(50)):
                value, low, high = metrics.interval(ten, owners.astype(str), metrics.macro_f1)
                widths.append(high - low)
            answer = widths[0] / widths[1]
            # Copies tell nothing new, and yet the interval shrinks by about the root of five.
            """,
        right=2.2,
        wrong=[0.45, 5, 1.0],
    ),
)
