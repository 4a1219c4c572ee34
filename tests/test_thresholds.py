import numpy as np
import pytest

from xnet_tf.thresholds import decide

PIXELS = np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.1, 0.45, 0.45], [0.05, 0.9, 0.05]])


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (None, [0, 1, 1, 1]),
        (0.0, [1, 1, 1, 1]),
        (0.5, [0, 1, 2, 1]),
        (0.8, [0, 0, 2, 1]),
        (0.95, [0, 0, 2, 0]),
        (1.0, [0, 0, 2, 0]),
    ],
)
def test_decisions_worked_out_by_hand(threshold, expected):
    decided = decide(PIXELS, threshold)
    assert decided.tolist() == expected
    assert decided.dtype == np.uint8


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_thresholds_outside_the_unit_interval_are_refused(threshold):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        decide(PIXELS, threshold)
