"""Exercises of notebook 2: augmentation."""

import numpy as np

from xnet_study.teaching.exercises import Exercise, Exercises, array, number

_MIRRORED = np.tile(np.arange(199, -1, -1), (200, 1))

exercise = Exercises(
    Exercise(
        check=array(_MIRRORED, 0.51),
        hint="The leftmost new pixel, 0, comes from the rightmost old one, 199; `x` counts from "
        "the middle: which sign does mirroring change?",
        solution="""
            answer = -x + (size - 1) / 2
            columns = np.round(answer).astype(int)
            rows = np.indices((size, size))[0]
            sheets.sheet([hand[0], hand[0][rows, columns]], width=420)
            """,
        right=_MIRRORED,
        wrong=[_MIRRORED[:, ::-1], _MIRRORED.T, _MIRRORED - 99.5, 199],
    ),
    Exercise(
        check=number(
            2.354,
            0.12,
            {0.425: "divide the other way round", 0.335: "divide by the share before the crop"},
        ),
        hint='`transforms.apply(*many, alone["crop"], seeds)` gives 200 pictures and '
        "label maps; `labels == 2` is bone.",
        solution="""
            many = [np.repeat(part, 200, axis=0) for part in (hand, hand_labels)]
            seeds = tf.constant([[1, number] for number in range(200)], tf.int64)
            # Bodies are seen much larger than in the test: the crop's price.
            _, cropped = transforms.apply(*many, alone["crop"], seeds)
            answer = np.mean(cropped == 2) / np.mean(hand_labels == 2)
            """,
        right=2.354,
        wrong=[0.425, 1.0, 5.5],
    ),
    Exercise(
        check=number(
            6,
            0.01,
            {
                8: "it has begun before; look at every strength",
                4: "at this strength none folds, which is why `robust` has it",
            },
        ),
        hint="At strength s the Jacobian is [[1 + s dx_dx, s dx_dy], [s dy_dx, 1 + s dy_dy]]. "
        "`(determinant < 0).any((1, 2))` says of each picture whether it folds somewhere.",
        solution="""
            pushes = tf.constant(np.random.default_rng(1).normal(size=(50, 2, 8, 8)))
            field = transforms.displacement(pushes, (size, size)).numpy()
            slopes = [np.gradient(field[:, k], axis=(1, 2)) for k in (0, 1)]
            (dx_dy, dx_dx), (dy_dy, dy_dx) = slopes
            # Control points lie 28 pixels apart, and tissue folds where one is pushed past its
            # neighbour. `robust` bends by 4 pixels, at which nothing folds.
            for s in (12, 8, 6, 4, 2):
                folded = (1 + s * dx_dx) * (1 + s * dy_dy) - s**2 * dx_dy * dy_dx < 0
                if np.mean(folded.any((1, 2))) > 0.5:
                    answer = s
            """,
        right=6,
        wrong=[8, 4, 12, 2],
    ),
)
