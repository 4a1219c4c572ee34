import numpy as np
import pytest

import xnet_tf
from xnet_study import litert
from xnet_tf.backend import keras, tf
from xnet_tf.model import UpConv2D, folded, with_dtype


@pytest.fixture(scope="module")
def model():
    """A small network whose batch normalisation is not the identity."""
    keras.utils.set_random_seed(4)
    network = xnet_tf.build_xnet((None, None, 1), filters=(8, 12, 16, 20))
    rng = np.random.default_rng(3)
    for variable in network.variables:
        if "_bn/" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return network


def images(size=32):
    return np.random.default_rng(1).uniform(-1, 1, (2, size, size, 1)).astype("float32")


def test_folding_changes_nothing_and_leaves_no_layer_of_ours(model):
    small = folded(model)
    kinds = {type(layer) for layer in small.layers}
    assert not kinds & {UpConv2D, keras.layers.BatchNormalization}
    assert all(kind.__module__.startswith("keras.") for kind in kinds)
    np.testing.assert_allclose(small(images()), model(images()), atol=1e-5)


def test_folded_weights_can_be_bfloat16(model):
    half = folded(model, "bfloat16")
    assert half.get_layer("conv6").kernel.dtype == "bfloat16"
    assert half.get_layer("logits").kernel.dtype == "float32"
    outputs = half(images())
    assert outputs.dtype == tf.float32
    assert np.abs(outputs - model(images())).mean() < 0.01


def test_another_dtype_keeps_the_weights_in_float32(model):
    mixed = with_dtype(model, "mixed_bfloat16")
    assert {v.dtype for v in mixed.variables} == {"float32"}
    assert mixed.get_layer("conv1").compute_dtype == "bfloat16"
    assert mixed(images()).dtype == tf.float32
    back = with_dtype(mixed, "float32")
    np.testing.assert_array_equal(back(images()), model(images()))


def test_upconv_in_bfloat16_is_as_exact_as_the_two_layers(model):
    layer = model.get_layer("conv6")
    x = np.random.default_rng(2).normal(size=(1, 10, 10, 20)).astype("float32")

    def result(dtype, two_layers):
        inputs, kernel = tf.cast(x, dtype), tf.cast(layer.kernel, dtype)
        if two_layers:
            doubled = keras.layers.UpSampling2D(2, dtype=dtype)(inputs)
            return keras.ops.conv(doubled, kernel, padding="same")
        copy = UpConv2D.from_config({**layer.get_config(), "dtype": dtype})
        copy.build(x.shape)
        copy.set_weights([layer.kernel, np.zeros(layer.filters)])
        return copy(inputs)

    exact = result("float32", True)
    errors = [np.abs(tf.cast(result("bfloat16", t), "float32") - exact).max() for t in (0, 1)]
    assert errors[0] < 2 * errors[1] < 0.1 * np.abs(exact).max()


@pytest.mark.slow
def test_litert_decides_alike(model, tmp_path):
    litert.export(model, tmp_path / "xnet.tflite", size=64)
    pictures = (images(64) + 1) / 2
    assert litert.share_of_equal_pixels(model, tmp_path / "xnet.tflite", pictures) == 1
