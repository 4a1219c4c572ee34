"""Exercises that answer: a check, a hint and a solution for each, without a network.

A notebook's exercises stand in one module, ``notebook03`` for notebook 3, and are used so:

    from xnet_study.teaching.notebook03 import exercise

    exercise.check(1, answer)
    exercise.hint(1)
    exercise.solution(1)

Modelled on the idea of Kaggle's learntools (https://github.com/Kaggle/learntools).
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        check: takes the answer and returns nothing if it is right, else what is wrong with it, in
            a sentence that does not give the answer away.
        hint: where to look next.
        solution: code that could stand in the notebook's cell and sets ``answer``.
        right: an answer that passes.
        wrong: answers that do not, each a mistake that a student may make.
    """

    check: Callable[[object], str | None]
    hint: str
    solution: str
    right: object
    wrong: Sequence

    def verdict(self, answer: object) -> tuple[bool, str]:
        """Return whether an answer is right, and what to tell whoever gave it."""
        if answer is ...:
            return False, "put your answer where the three dots are"
        try:
            complaint = self.check(answer)
        except Exception as error:  # an answer may be anything, a function that fails too
            complaint = f"the check stopped with {type(error).__name__}: {error}"
        return not complaint, complaint or "right"


class Exercises:
    """The exercises of a notebook, by number from 1.

    Args:
        exercises: in their order.
    """

    def __init__(self, *exercises: Exercise):
        self._exercises = dict(enumerate(exercises, 1))

    def items(self) -> list[tuple[int, Exercise]]:
        """Return the numbers and the exercises."""
        return list(self._exercises.items())

    def check(self, number: int, answer: object) -> None:
        """Say whether an answer is right and, if not, what is wrong with it."""
        right, text = self[number].verdict(answer)
        print(f"Exercise {number}: {text}." if right else f"Exercise {number}: not yet; {text}.")

    def hint(self, number: int) -> None:
        """Say where to look next."""
        print(textwrap.fill(self[number].hint, 90))

    def solution(self, number: int) -> None:
        """Show code that solves the exercise."""
        print(textwrap.dedent(self[number].solution).strip())

    def __getitem__(self, number: int) -> Exercise:
        """Return one exercise.

        Raises:
            ValueError: if there is none of this number.
        """
        if number not in self._exercises:
            raise ValueError(f"this notebook has exercises 1 to {len(self._exercises)}")
        return self._exercises[number]


def number(expected: float, tolerance: float, wrong: Mapping[float, str] | None = None) -> Callable:
    """Return a check for a number.

    Args:
        expected: the right one.
        tolerance: how far off still counts as right.
        wrong: what to say of particular wrong numbers, within the same tolerance.
    """

    def check(answer):
        value = float(np.asarray(answer).squeeze())
        if abs(value - expected) <= tolerance:
            return None
        for mistake, text in (wrong or {}).items():
            if abs(value - mistake) <= tolerance:
                return text
        return f"{value:.6g} is too {'small' if value < expected else 'large'}"

    return check


def choice(expected: str, wrong: Mapping[str, str] | None = None) -> Callable:
    """Return a check for one word of several.

    Args:
        expected: the right one; capitals and blanks at the ends do not matter.
        wrong: what to say of particular wrong ones.
    """

    def check(answer):
        word = str(answer).strip().lower()
        if word == expected.lower():
            return None
        return (wrong or {}).get(word, f"it is not {answer!r}")

    return check


def array(expected, tolerance: float = 0.0) -> Callable:
    """Return a check for an array, of which shape and every value count.

    Args:
        expected: anything that NumPy makes an array of.
        tolerance: how far off a value may be.
    """
    expected = np.asarray(expected)

    def check(answer):
        values = np.asarray(answer)
        if values.shape != expected.shape:
            return f"its shape is {values.shape}, and should be {expected.shape}"
        off = np.abs(values.astype(float) - expected.astype(float)) > tolerance
        return f"{off.sum()} of {off.size} values are wrong" if off.any() else None

    return check
