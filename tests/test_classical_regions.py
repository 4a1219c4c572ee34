"""What the growing regions start from."""

import numpy as np

from xnet_study.baselines import regions

BEAM, TISSUE, BONE = 0, 1, 2


def test_certain_pixels_are_the_brightest_the_middle_and_the_darkest():
    image = np.concatenate(
        [np.linspace(0.9, 1, 11), np.linspace(0.4, 0.5, 11), np.arange(11) / 100]
    )
    marks = regions.certain(image.reshape(3, 11), core=0.4, field=0.0, factor=1.0)
    expected = [
        [0] * 6 + [BEAM + 1] * 5,
        [0] * 3 + [TISSUE + 1] * 5 + [0] * 3,
        [BONE + 1] * 5 + [0] * 6,
    ]
    np.testing.assert_array_equal(marks, expected)
