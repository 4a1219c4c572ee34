"""Exercises of notebook 6b: XNet beside other methods."""

from __future__ import annotations

import numpy as np

from xnet_study.comparison import conclusions
from xnet_study.teaching.exercises import Exercise, Exercises, number
from xnet_tf import profiles, runs


def _load(name: str):
    folder = runs.find(profiles.get(), "results/table3.csv")[0].parent
    return conclusions.load(folder, name)


def _expected_width() -> float:
    """Width of XNet - U-Net on the test images, shrunk by the root of 600 / 20."""
    rows = _load("table3-differences")
    row = rows[(rows["other"] == "U-Net") & (rows["subset"] == "test")]
    row = row[row["score"] == "macro F1"].iloc[0]
    return float((row["high"] - row["low"]) * np.sqrt(20 / 600))


def _second() -> str:
    """The network whose better training is the second best."""
    seeds = _load("table3-seeds").query("subset == 'evaluation'")
    return seeds.groupby("method")["macro F1"].max().sort_values().index[-2]


def _check_width(answer) -> str | None:
    expected, value = _expected_width(), float(answer)
    if abs(value - expected) <= 2e-4:
        return None
    if abs(value - expected * np.sqrt(600 / 20)) <= 2e-4:
        return "that is the width on the test images; shrink it"
    if abs(value - expected / np.sqrt(600 / 20)) <= 2e-4:
        return "the width shrinks with the square root of the number of subjects"
    return number(expected, 2e-4)(value)


def _check_second(answer) -> str | None:
    if str(answer) == _second():
        return None
    known = set(_load("table3-seeds")["method"])
    return "it is another network" if answer in known else "use a name of seeds['method']"


exercise = Exercises(
    Exercise(
        check=number(4, 0, {3: "the probability is still 0.1", 5: "fewer are enough"}),
        hint="2 / comb(2 * k, k) for k = 2, 3, 4, ...",
        solution="""
            answer = 2
            while 2 / comb(2 * answer, answer) >= 0.05:
                answer += 1
            """,
        right=4,
        wrong=[2, 3, 5],
    ),
    Exercise(
        check=_check_width,
        hint="width.loc['U-Net', 'test'] times the square root of 20 / 600, (20 / 600) ** 0.5.",
        solution="""
            answer = width.loc["U-Net", "test"] * (20 / 600) ** 0.5
            # The order of magnitude fits the width that was found. A width from 20 subjects
            # is itself uncertain, and the two sets mix body parts differently.
            """,
        right=_expected_width(),
        wrong=[_expected_width() * np.sqrt(30), _expected_width() / np.sqrt(30), 1],
    ),
    Exercise(
        check=_check_second,
        hint="scores.max().sort_values() has the best training of each network.",
        solution="""
            answer = scores.max().sort_values().index[-2]
            # The better of two trainings rewards whoever varies most. Nobody who trains this
            # network once more will get that score on average.
            """,
        right=_second(),
        wrong=["constant predictor", "xnet", "U-Net as wired (authors' code)"],
    ),
)
