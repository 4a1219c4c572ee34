"""Exercises of notebook 0: five minutes with XNet."""

from xnet_study.teaching.exercises import Exercise, Exercises, number


def _half_as_bright(answer):
    share = float(answer)
    if share > 1 or share < 0:
        return "a share lies between 0 and 1; divide by the number of pixels"
    if share > 0.99:
        return "that is the share of pixels that stay as they were"
    return "so many would change only if the picture were no longer normalised" * (share > 0.01)


exercise = Exercises(
    Exercise(
        check=_half_as_bright,
        hint="`segment(network, leg / 2).labels` is the new mask, `segmented.labels` the old one; "
        "of an array of True and False, `.mean()` is the share of True.",
        solution="""
            # Before the network sees a picture, its mean is subtracted and the rest is divided by
            # its largest value, so a factor cancels. What is left are roundings.
            darker = segment(network, leg / 2).labels
            answer = (darker != segmented.labels).mean()
            """,
        right=0.001,
        wrong=[0.25, 0.999, 3346],
    ),
    Exercise(
        check=number(
            0.0085,
            0.006,
            {0.169: "turn the new mask back, by the same [::-1, ::-1], before you compare"},
        ),
        hint="An array is turned upside down by `[::-1, ::-1]`, and back by the same.",
        solution="""
            # Legs were shown to the network every way up while it learned (notebook 2), and
            # `segment` looks at four quarter turns and trusts the one that it is surest of.
            turned = segment(network, leg[::-1, ::-1]).labels[::-1, ::-1]
            answer = (turned != segmented.labels).mean()
            """,
        right=0.0085,
        wrong=[0.169, 0.9915, 0.5],
    ),
)
