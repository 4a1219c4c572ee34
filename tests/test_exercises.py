"""Every exercise of every notebook takes a right answer and refuses wrong ones."""

import ast
import importlib
import pkgutil
import textwrap

import numpy as np
import pydicom
import pytest

from xnet_study import real, teaching
from xnet_study.teaching import exercises, notebook09a
from xnet_study.teaching.exercises import Exercise, Exercises

MODULES = [name for _, name, _ in pkgutil.iter_modules(teaching.__path__) if "notebook" in name]
EVERY = [
    pytest.param(exercise, id=f"{module}-{number}")
    for module in MODULES
    for number, exercise in importlib.import_module(
        f"xnet_study.teaching.{module}"
    ).exercise.items()
]


@pytest.mark.parametrize("exercise", EVERY)
def test_a_right_answer_passes(exercise):
    assert exercise.verdict(exercise.right) == (True, "right")


@pytest.mark.parametrize("exercise", EVERY)
def test_wrong_answers_do_not_and_are_told_why(exercise):
    assert exercise.wrong
    for answer in [*exercise.wrong, ..., None]:
        right, text = exercise.verdict(answer)
        assert not right
        assert text and not text.endswith((".", "?"))


@pytest.mark.parametrize("exercise", EVERY)
def test_a_hint_helps_and_a_solution_sets_the_answer(exercise):
    assert exercise.hint.strip()
    lines = ast.walk(ast.parse(textwrap.dedent(exercise.solution)))
    stored = {n.id for n in lines if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert "answer" in stored


def test_what_is_said_of_answers(capsys):
    check = exercises.number(4, 0.1, {2: "that is half of it"})
    two = Exercise(check, "Twice two.", "answer = 2 * 2", 4, [2])
    several = Exercises(two)
    for answer in (4, 2, 5, 1, ..., "four"):
        several.check(1, answer)
    several.hint(1)
    several.solution(1)
    assert capsys.readouterr().out.splitlines() == [
        "Exercise 1: right.",
        "Exercise 1: not yet; that is half of it.",
        "Exercise 1: not yet; 5 is too large.",
        "Exercise 1: not yet; 1 is too small.",
        "Exercise 1: not yet; put your answer where the three dots are.",
        "Exercise 1: not yet; the check stopped with ValueError: could not convert string to "
        "float: 'four'.",
        "Twice two.",
        "answer = 2 * 2",
    ]
    with pytest.raises(ValueError, match="1 to 1"):
        several.hint(2)


def test_words_and_arrays_are_compared():
    assert exercises.choice("ankle", {"foot": "near"})(" Ankle") is None
    assert exercises.choice("ankle", {"foot": "near"})("foot") == "near"
    assert exercises.array([[1, 2]])(np.array([[1, 2]])) is None
    assert exercises.array([[1, 2]])([[1, 3]]) == "1 of 2 values are wrong"
    assert "shape" in exercises.array([[1, 2]])([1, 2])
    assert exercises.array([1.0], 0.1)([1.05]) is None


def test_the_tags_that_name_the_patient_are_those_of_the_file():
    pytest.importorskip("data_store", reason="pip install pydicom-data")
    tags = [e.keyword for e in pydicom.dcmread(real.paths()["chest"]) if str(e.value).strip()]
    named = {word for word in tags if "Patient" in word or "Institution" in word}
    assert named == notebook09a.TAGS
