"""Exercises of notebook 8: a threshold with a promise."""

from __future__ import annotations

from xnet_study.certainty import curves, guarantees
from xnet_study.teaching.exercises import Exercise, Exercises, number
from xnet_tf import calibration, profiles, runs, thresholds


def _threshold() -> float | None:
    """T by Learn-then-Test, of subjects with more than 10 % false discoveries; None if refused."""
    results = runs.find(profiles.get(), "results/thresholds-images.npz")[0].parent
    above, pixels, subjects, _ = curves.read_images(results, "calibration")
    if not len(above):
        above, pixels, subjects, _ = curves.read_images(results, "validation")
    losses = curves.by_subject(above, pixels, subjects).losses
    position = guarantees.learn_then_test((losses > 0.1).astype(float), 0.1)
    return None if position is None else float(calibration.edge(thresholds.GRID)[position])


def _check_threshold(answer) -> str | None:
    expected = _threshold()
    if answer is None or expected is None:
        return None if answer is expected else "that is not what Learn-then-Test says"
    if float(answer) > 1:
        return "give the threshold edges[position], not its position"
    return number(expected, 1e-3)(answer)


exercise = Exercises(
    Exercise(
        check=number(
            299,
            0.5,
            {298: "298 leave a chance just above 5 %", 59: "that is for 5 %", 99: "1 / (n + 1)"},
        ),
        hint="0.99 to the power n has to be at most 0.05; np.log helps, np.ceil rounds up.",
        solution="answer = int(np.ceil(np.log(0.05) / np.log(1 - 0.01)))",
        right=299,
        wrong=[298, 59, 99, 20],
    ),
    Exercise(
        check=number(
            2,
            0,
            {
                1: "look again: the second subject's loss at threshold 1 is replaced by 0.3",
                0: "that mean is far above the target",
                3: "a lower one is within the target too",
            },
        ),
        hint=(
            "largest = np.maximum.accumulate(five[:, ::-1], axis=1)[:, ::-1]; then add the one "
            "imaginary subject: (largest.sum(axis=0) + 1) / 6."
        ),
        solution="""
            largest = np.maximum.accumulate(five[:, ::-1], axis=1)[:, ::-1]
            bound = (largest.sum(axis=0) + 1) / (len(five) + 1)
            answer = int(np.flatnonzero(bound <= 0.28)[0])
            """,
        right=2,
        wrong=[0, 1, 3],
    ),
    Exercise(
        check=_check_threshold,
        hint=(
            "bad = (losses > 0.1).astype(float) is 1 for a subject that breaks the wish; its mean "
            "may be at most 0.1. guarantees.learn_then_test gives a position in edges, or None."
        ),
        solution="""
            bad = (losses > 0.1).astype(float)
            position = guarantees.learn_then_test(bad, 0.1)
            answer = None if position is None else edges[position]
            # Any loss between 0 and 1 will do. Only the wish has to be written down before
            # the thresholds are looked at.
            """,
        right=_threshold(),
        wrong=[0.5, 40, 0.99],
    ),
)
