"""Exercises of notebook 5: classical methods."""

from xnet_study.teaching.exercises import Exercise, Exercises, number

_CHANGED = {"local-entropy", "random-walker", "graph-cut"}


def _half_the_exposure(answer):
    slugs = {str(slug).strip().lower() for slug in answer}
    if slugs == _CHANGED:
        return None
    missing, wrong = len(_CHANGED - slugs), len(slugs - _CHANGED)
    return f"{missing} are missing, {wrong} do not belong there"


exercise = Exercises(
    Exercise(
        check=number(
            0.6,
            0.01,
            {
                0.7: "three on either side is not always best; work out every cut",
                0.2: "that is the group below; answer with the brighter group's first level",
            },
        ),
        hint="Put these six levels into the loop above.",
        solution="""
            # The wide gap wins: two dark pixels against four bright ones.
            grey, spread = np.array([0.1, 0.2, 0.6, 0.7, 0.8, 0.9]), {}
            for cut in range(1, 6):
                apart = grey[cut:].mean() - grey[:cut].mean()
                spread[grey[cut]] = cut / 6 * (1 - cut / 6) * apart**2
            answer = max(spread, key=spread.get)
            """,
        right=0.6,
        wrong=[0.7, 0.2, 0.4],
    ),
    Exercise(
        check=_half_the_exposure,
        hint='`METHODS[slug].segment(images["hand"])` segments untuned; `np.mean(a != b)` is the '
        "share of pixels that differ.",
        solution="""
            # Thresholds and cluster centres are multiplied with the grey levels. What counts grey
            # levels in fixed steps (entropy, the graph cut's 8-bit pictures) changes a little; so
            # does scikit-image's random walker, which scales squared slopes by their deviation.
            hand, answer = images["hand"], set()
            for slug, each in METHODS.items():
                if np.mean(each.segment(hand) != each.segment(hand / 2)) > 0.001:
                    answer.add(slug)
            """,
        right=_CHANGED,
        wrong=[{"otsu"}, {"local-entropy", "random-walker"}, _CHANGED | {"k-means"}],
    ),
    Exercise(
        check=number(
            0.0388,
            0.003,
            {
                0.6439: "that is the score on the other 24; compare it with the best one there",
                -0.0388: "the other way round",
            },
        ),
        hint="`knees[:, 0].argmax()` is the setting that is best on the first knee; "
        "`knees[:, 1:].mean(axis=1)` are all settings' mean scores on the others.",
        solution="""
            is_knee = training.parts == "knee"
            knees = tuning.scores(method, training.images[is_knee], training.labels[is_knee])
            # What one knee chose costs four hundredths on the others: overfitting to one image.
            others = knees[:, 1:].mean(axis=1)
            answer = others.max() - others[knees[:, 0].argmax()]
            """,
        right=0.0388,
        wrong=[0.6439, -0.0388, 0.0],
    ),
)
