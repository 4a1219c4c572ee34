"""The three classes."""

import numpy as np

from xnet_tf import classes


def test_ids_names_and_colours_belong_together():
    assert (classes.OPEN_BEAM, classes.SOFT_TISSUE, classes.BONE) == (0, 1, 2)
    assert classes.NAMES == ("open beam", "soft tissue", "bone")
    assert classes.COUNT == 3
    assert classes.COLOURS.dtype == np.uint8
    assert classes.COLOURS[classes.BONE].tolist() == [253, 231, 36]  # yellow
    assert len({tuple(colour) for colour in classes.COLOURS.tolist()}) == classes.COUNT
