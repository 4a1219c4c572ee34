"""The exports decide like the network they were made from."""

from functools import partial

import numpy as np
import pytest

import xnet_tf
from xnet_study.export import common
from xnet_tf.backend import keras


@pytest.fixture
def model():
    """A small network whose batch normalisation is not the identity."""
    keras.utils.set_random_seed(4)
    network = xnet_tf.build_xnet((None, None, 1), filters=(4, 6, 8, 10))
    rng = np.random.default_rng(3)
    for variable in network.variables:
        if "_bn/" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return network


def images():
    return np.random.default_rng(1).uniform(0, 1, (2, 64, 64, 1)).astype("float32")


@pytest.mark.slow
def test_litert_decides_alike(model, tmp_path):
    from xnet_study.export import litert

    litert.export(model, tmp_path / "xnet.tflite", size=64)
    exported = partial(litert.run, tmp_path / "xnet.tflite")
    assert common.share_of_equal_pixels(model, exported, images()) == 1
