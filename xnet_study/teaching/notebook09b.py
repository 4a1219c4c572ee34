"""Exercises of notebook 9b: a network of one's own."""

from __future__ import annotations

from xnet_study.teaching.exercises import Exercise, Exercises, choice, number


def _check_people(answer) -> str | None:
    named = {answer} if isinstance(answer, str) else set(answer)
    if named == {"ann", "cid"}:
        return None
    if named <= {"ann", "cid"}:
        return "there is another one"
    return f"{min(map(str, named - {'ann', 'cid'}))} is on one side alone"


exercise = Exercises(
    Exercise(
        check=number(
            500, 1, {100: "the width shrinks with the square root", 20: "that is what there is"}
        ),
        hint="Five times narrower takes five times five as many.",
        solution="answer = 20 * (0.10 / 0.02) ** 2",
        right=500,
        wrong=[100, 20, 2000],
    ),
    Exercise(
        check=_check_people,
        hint="set(people[halves['train']]) is the people of the training images; & is in both.",
        solution="""
            train, test = (set(people[halves[side]]) for side in ("train", "test"))
            answer = sorted(train & test)
            # Scores of such a split say how well the network knows Ann and Cid.
            """,
        right=["ann", "cid"],
        wrong=[["ann"], ["ann", "ben", "cid"], []],
    ),
    Exercise(
        check=choice(
            "bone",
            {"soft tissue": "look again: compare the distances, do not guess from the green"},
        ),
        hint=(
            "np.linalg.norm(classes.COLOURS - np.array([150, 190, 90]), axis=1) are the three "
            "distances; classes.NAMES has the names."
        ),
        solution="""
            distances = np.linalg.norm(classes.COLOURS - np.array([150, 190, 90]), axis=1)
            answer = classes.NAMES[distances.argmin()]
            """,
        right="bone",
        wrong=["soft tissue", "open beam"],
    ),
)
