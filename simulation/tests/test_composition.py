"""Counts, split and population."""

from __future__ import annotations

from collections import Counter

import pytest

from simulation import __main__ as main
from simulation import composition, sets
from simulation.composition import Sitting


@pytest.fixture(scope="module")
def plan():
    return composition.plan()


@pytest.fixture(scope="module")
def sides(plan):
    return composition.split(plan)


def test_totals(plan):
    sources = Counter(s.source for s in plan for _ in s.names)
    assert sources == {"ct-projection": 69, "radiograph": 81}
    scans = [s for s in plan if s.source == "ct-projection"]
    assert len(scans) >= 12 and max(len(s.names) for s in scans) <= 8
    assert {s.part for s in scans} == {"foot", "knee", "head"}
    assert all(s.phantom for s in scans if s.part == "head")
    names = [n for s in plan for n in s.names]
    assert len(set(names)) == 150


def test_parts_are_unbalanced_and_thorax_is_rarest(plan):
    parts = Counter(s.part for s in plan for _ in s.names)
    assert len(parts) == 19 and parts["thorax"] == 3
    assert all(n > 3 for p, n in parts.items() if p != "thorax")
    subjects = {p: {s.subject for s in plan if s.part == p} for p in parts}
    assert min(map(len, subjects.values())) >= 3


def test_split_is_exact_by_subject_and_has_every_part(plan, sides):
    assert {k: len(v) for k, v in sides.items()} == {"train": 105, "validation": 23, "test": 22}
    sitting = {n: s for s in plan for n in s.names}
    assert sorted(n for v in sides.values() for n in v) == sorted(sitting)
    subjects = {k: {sitting[n].subject for n in v} for k, v in sides.items()}
    assert not subjects["train"] & subjects["validation"]
    assert not subjects["train"] & subjects["test"]
    assert not subjects["test"] & subjects["validation"]
    for names in sides.values():
        assert len({sitting[n].part for n in names}) == 19
        assert {sitting[n].source for n in names} == {"radiograph", "ct-projection"}


def test_split_is_deterministic(plan, sides):
    assert composition.split(plan) == sides


def test_impossible_split_is_refused():
    lonely = [Sitting("hand", "a", "radiograph", False, ("hand-01", "hand-02"))]
    with pytest.raises(ValueError, match="no split"):
        composition.split(lonely, {"train": 1, "validation": 1, "test": 0}, tries=10)


def test_population_has_new_subjects(plan):
    calibration = composition.population_plan(600, "calibration")
    evaluation = composition.population_plan(600, "evaluation")
    training = sets.plan("training", 600)
    subjects = [s.subject for s in (*plan, *calibration, *evaluation, *training)]
    assert len({s.subject for s in calibration + evaluation + training}) == 1800
    seeds = {composition.number(1, "subject", s) for s in set(subjects)}
    assert len(seeds) == len(set(subjects)) == 1800 + len({s.subject for s in plan})
    assert not any(s.theme for s in (*plan, *calibration, *evaluation))
    counts = Counter(s.part for s in evaluation)
    assert len(counts) == 19 and max(counts.values()) - min(counts.values()) <= 1
    assert all(s.varied for s in training)
    assert not any(s.varied for s in (*plan, *calibration, *evaluation))


def test_training_population_is_made_only_when_named():
    assert set(main.USUAL) == {"calibration", "evaluation"} < set(sets.COUNTS)


def test_a_smaller_population_is_the_beginning_of_a_larger_one():
    for name, count in sets.COUNTS.items():
        whole = sets.plan(name)
        assert len(whole) == count and sets.plan(name, 50) == whole[:50]
    everyone = [s.subject for name in sets.COUNTS for s in sets.plan(name)]
    assert len({composition.number(1, "subject", s) for s in everyone}) == len(everyone)


def test_training_half_has_every_part_early_and_trunks_often():
    plan = sets.plan("training")
    assert {s.part for s in plan[:60]} == set(main.PARTS)
    counts = Counter(s.part for s in plan)
    assert counts["thorax"] > 3 * counts["hand"] and counts["abdomen"] == counts["pelvis"]
    themes = Counter((s.part, s.theme) for s in plan)
    assert themes["abdomen", "trunk"] / counts["abdomen"] == pytest.approx(0.6, abs=0.02)
    assert themes["lower leg", "metal"] / counts["lower leg"] == pytest.approx(1 / 6, abs=0.03)
    assert not any(s.theme and s.phantom for s in plan)


@pytest.mark.parametrize(
    ("name", "theme", "count"),
    [("trunks", "trunk", 120), ("metal", "metal", 60), ("cushions", "cushions", 60)],
)
def test_judged_sets_are_of_persons_and_of_one_kind(name, theme, count):
    plan = sets.plan(name)
    assert len(plan) == count and {s.theme for s in plan} == {theme}
    assert not any(s.varied or s.phantom or s.source != "radiograph" for s in plan)
    counts = Counter(s.part for s in plan)
    assert max(counts.values()) - min(counts.values()) <= 1
