"""The exports decide like the network they were made from."""

import sys
from pathlib import Path

import numpy as np
import pytest

import xnet_tf
from xnet_tf.backend import keras

sys.path.append(str(Path(__file__).resolve().parents[1] / "examples"))


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
def test_onnx_decides_alike(model, tmp_path):
    pytest.importorskip("onnx", reason="pip install -r examples/requirements-onnx.txt")
    import export_onnx

    export_onnx.export(model, tmp_path / "xnet.onnx")
    assert export_onnx.share_of_equal_pixels(model, tmp_path / "xnet.onnx", images()) == 1


@pytest.mark.slow
def test_litert_decides_alike(model, tmp_path):
    import export_litert

    export_litert.export(model, tmp_path / "xnet.tflite", size=64)
    assert export_litert.share_of_equal_pixels(model, tmp_path / "xnet.tflite", images()) == 1
