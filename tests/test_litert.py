"""The LiteRT file decides like the network that it was made from."""

import numpy as np
import pytest

import xnet_tf
from xnet_study import litert
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
    litert.export(model, tmp_path / "xnet.tflite", size=64)
    assert litert.share_of_equal_pixels(model, tmp_path / "xnet.tflite", images()) == 1
