"""Exercises of notebook 3: the architecture."""

from types import SimpleNamespace

from xnet_study.teaching.exercises import Exercise, Exercises, array, number


def _single_pass(answer):
    count = answer.count_params()
    if count == 5_835_075:
        return None
    if count == 11_742_275:
        return "that is XNet with both passes"
    return f"it has {count:,} parameters, which is not one way down and one way up"


exercise = Exercises(
    Exercise(
        check=number(
            590_464,
            0.5,
            {
                295_552: "a skip has been laid beside: more channels come in",
                589_824: "kernels alone; each filter has a bias, and batch normalisation four",
                589_952: "batch normalisation keeps four more numbers for each filter",
            },
        ),
        hint="Stage 7 reads `a6`, in which 256 channels of stage 3 lie beside 256 of stage 6.",
        solution="""
            # 128 kernels of 3x3 on 512 channels, a bias each, four numbers of normalisation each
            answer = 9 * 512 * 128 + 128 + 4 * 128
            """,
        right=590_464,
        wrong=[295_552, 589_824, 589_952, 1000],
    ),
    Exercise(
        check=array([[1 / 9] * 3] * 3, 1e-3),
        hint="Nine equal numbers. What must they add up to, if an even region is to stay as it is?",
        solution="answer = np.ones((3, 3)) / 9",
        right=[[1 / 9] * 3] * 3,
        wrong=[[[1] * 3] * 3, [1 / 9] * 9, [[0, 0.2, 0], [0.2, 0.2, 0.2], [0, 0.2, 0]]],
    ),
    Exercise(
        check=_single_pass,
        hint="`up_block(a7, 64)` goes up; `beside` lays it beside `a1`; the last two lines are "
        "those of `mine`.",
        solution="""
            # Half of the parameters remain: the second pass repeats the first, on wider inputs.
            a8 = beside([a1, up_block(a7, 64)])
            answer = keras.Model(image, layers.Softmax()(layers.Conv2D(3, 1)(a8)))
            """,
        right=SimpleNamespace(count_params=lambda: 5_835_075),
        wrong=[SimpleNamespace(count_params=lambda n=n: n) for n in (11_742_275, 5_834_880)],
    ),
    Exercise(
        check=array([1152, 258]),
        hint="The first kernels get two channels more, 9 weights each. The last convolution gets "
        "two kernels more; how many channels do they see, and what else has a kernel?",
        solution="""
            # 64 kernels with 9 weights for each of two more channels; two more kernels that see 64
            # copied and 64 new channels and have a bias each
            answer = (9 * 2 * 64, 2 * (128 + 1))
            """,
        right=(1152, 258),
        wrong=[(1152, 256), (1152, 130), (258, 1152), 1410],
    ),
)
