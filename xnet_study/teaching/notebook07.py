"""Exercises of notebook 7: confidence."""

from __future__ import annotations

import numpy as np

from xnet_study.teaching.exercises import Exercise, Exercises, number
from xnet_tf import classes


def _ece(p: np.ndarray, outcome: np.ndarray, bins: int = 15) -> float:
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, p, bins) - np.bincount(bin_of, outcome, bins)
    return float(np.abs(gaps).sum() / len(p))


def _check_network(answer) -> str | None:
    probabilities, truth = (np.asarray(part) for part in answer)
    if probabilities.ndim != 2 or probabilities.shape[1] != 3:
        return "probabilities need three columns, one for each class"
    if truth.shape != probabilities.shape[:1]:
        return "truth needs one class for each row of probabilities"
    if not np.allclose(probabilities.sum(axis=1), 1):
        return "each row of probabilities has to sum to 1"
    top = _ece(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    bone = _ece(probabilities[:, classes.BONE], truth == classes.BONE)
    if top > 0.005:
        return f"the ECE of the top label is {top:.3f}, and should be 0"
    if abs(bone - 0.3) > 0.005:
        return f"the ECE of bone is {bone:.3f}, and should be 0.3"
    return None


def _network(second_bone: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Two groups of 1000 pixels; of the second this many are bone."""
    probabilities = np.repeat([[0.0, 0.3, 0.7], [0.0, 0.7, 0.3]], 1000, axis=0)
    truth = np.repeat([2, 2, 1], [1000, second_bone, 1000 - second_bone])
    return probabilities, truth


def _images() -> float:
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 2, (22, 20_000))
    outcome = rng.random(logit.shape) < 1 / (1 + np.exp(-logit))
    says = 1 / (1 + np.exp(-logit / np.exp(rng.normal(0, 0.5, (22, 1)))))
    each = np.mean([_ece(p, o) for p, o in zip(says, outcome, strict=True)])
    return float(each / _ece(says.ravel(), outcome.ravel()))


exercise = Exercises(
    Exercise(
        check=number(
            0.2,
            0.003,
            {
                0.08: "the gaps point in opposite directions, and must not cancel: take abs first",
                0.19: "weight the gaps by pixels, six and four",
            },
        ),
        hint="The first gap is |0.9 - 4/6|, of six pixels; the second |0.6 - 3/4|, of four.",
        solution="answer = (6 * abs(0.9 - 4 / 6) + 4 * abs(0.6 - 3 / 4)) / 10",
        right=0.2,
        wrong=[0.08, 0.1917, 0.5],
    ),
    Exercise(
        check=_check_network,
        hint=(
            "Let the likeliest class have 0.7 in both groups, bone in the first, soft tissue in "
            "the second. Together 70 % of the likeliest must be right: let the first group be "
            "bone throughout. How many of the second may be soft tissue?"
        ),
        solution="""
            probabilities = np.repeat([[0, 0.3, 0.7], [0, 0.7, 0.3]], 1000, axis=0)
            truth = np.repeat([2, 2, 1], [1000, 600, 400])
            answer = probabilities, truth
            # Bone gets 0.3 too little in both groups. The likeliest class is too modest by 0.3
            # in one and too sure by 0.3 in the other: together they look perfect.
            """,
        right=_network(),
        wrong=[_network(500), _network()[0], (_network()[0][:, :2], _network()[1])],
    ),
    Exercise(
        check=lambda answer: number(
            _images(), 0.03, {1 / _images(): "that is one over it: put the mean on top"}
        )(answer),
        hint=(
            "np.mean([ece(p, o) for p, o in zip(says, outcome)]) is the mean over images; "
            "says.ravel() and outcome.ravel() hold all pixels together."
        ),
        solution="""
            each = np.mean([ece(p, o) for p, o in zip(says, outcome)])
            answer = each / ece(says.ravel(), outcome.ravel())
            # Temperatures above and below 1 cancel: pooled, the network looks far better
            # calibrated than any of its images is.
            """,
        right=_images(),
        wrong=[1 / _images(), 1, 22],
    ),
)
