"""Exercises of notebook 4: training."""

import numpy as np

from xnet_study.teaching.exercises import Exercise, Exercises, array, number


def _learned_wrong_labels(answer):
    losses = np.asarray(answer, float)
    if losses.ndim != 1 or len(losses) < 20:
        return "the answer is the list of losses that `learn` returns, of twenty steps or more"
    if losses[-1] > 0.9 * losses[0]:
        return "this loss did not fall; more steps, or the learning rate that worked above"
    return None


_FALLING = list(np.linspace(1.2, 0.4, 40))

exercise = Exercises(
    Exercise(
        check=number(
            1.0986,
            0.002,
            {0.333: "that is the probability; take minus its logarithm", -1.0986: "mind the sign"},
        ),
        hint="Each of three classes gets 1/3, whatever the truth is. `np.log` is the natural "
        "logarithm.",
        solution="""
            # A loss above this is worse than knowing nothing.
            answer = -np.log(1 / 3)
            """,
        right=1.0986,
        wrong=[0.333, -1.0986, 1.585, 0.477],
    ),
    Exercise(
        check=number(
            46,
            0.01,
            {
                45.6: "the last batch is smaller, but a step it is",
                45: "the last batch is smaller, but a step it is",
                21: "not 105 images: each of 19 body parts is shown 12 times",
            },
        ),
        hint="How many pictures does an epoch show, and how many fit into a batch?",
        solution="""
            # 19 parts, 12 pictures of each, 5 in a batch: 45.6, so 46 steps, the last of 3 pictures
            answer = -(-19 * 12 // 5)
            """,
        right=46,
        wrong=[45.6, 45, 21, 228],
    ),
    Exercise(
        check=array([12, 2], 0.01),
        hint="Each part is shown 12 times, shared among its images. `arrays.parts` has the part of "
        "each training image.",
        solution="""
            count = {part: np.sum(arrays.parts == part) for part in ("thorax", "hand")}
            answer = (12 / count["thorax"], 12 / count["hand"])
            """,
        right=(12, 2),
        wrong=[(1, 6), (2, 12), 12],
    ),
    Exercise(
        check=_learned_wrong_labels,
        hint="`np.roll(masks, 1, axis=0)` gives each picture its neighbour's mask; `learn` takes "
        "them in place of `masks`.",
        solution="""
            # The loss falls here, too: a network can learn nonsense by heart. That a training loss
            # falls shows that it learns, not that it learns anything true.
            _, answer = learn(batch, np.roll(masks, 1, axis=0), rate=0.005, steps=60)
            """,
        right=_FALLING,
        wrong=[_FALLING[::-1], [0.4], 0.4],
    ),
)
