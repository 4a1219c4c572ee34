import sys

import keras_hub
import numpy as np
import pytest

from xnet_study.baselines import deeplab, networks
from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError

# The widths that keras-hub's own layers have.
THEIRS = (1, 48, 1, 256)


def kernels(model):
    return [layer.kernel for layer in model._flatten_layers() if hasattr(layer, "kernel")]


@pytest.fixture(scope="module")
def pair():
    """Our network and keras-hub's, with the same weights."""
    keras.utils.set_random_seed(1)
    ours = networks.NETWORKS["deeplab"].build((64, 48, 1), filters=THEIRS)
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 256],
        stackwise_num_blocks=[2, 6],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(64, 48, 1),
    )
    theirs = keras_hub.models.DeepLabV3Backbone(
        encoder,
        spatial_pyramid_pooling_key="P3",
        upsampling_size=2,
        dilation_rates=deeplab.RATES,
        low_level_feature_key="P2",
        projection_filters=48,
        image_shape=(64, 48, 1),
    )
    names = {"decoder_conv": "fine", "segmentation_head_conv": "decoder"}
    names |= {f"aspp_conv_{k}": f"pyramid{k}" for k in range(1, 5)} | {"conv_pooling": "pyramid5"}
    for layer in theirs._flatten_layers():
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        if layer.name == "conv_projection":
            parts = [ours.get_layer(f"project_{name}").kernel for name in ("scales", "mean")]
            layer.kernel.assign(np.concatenate(parts, axis=2))
        else:
            layer.kernel.assign(ours.get_layer(names.get(layer.name, layer.name)).kernel)
    return ours, theirs


def test_it_is_keras_hubs_deeplab_but_for_its_widths(pair):
    ours, theirs = pair
    x = np.random.default_rng(2).normal(size=(2, 64, 48, 1)).astype("float32")
    features = keras.Model(ours.input, ours.get_layer("up2").output)
    for training in (False, True):
        expected = theirs(x, training=training)
        found = features(x, training=training)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_encoder_starts_from_different_random_kernels(pair):
    same_shape = [layer for layer in pair[0].layers if layer.name.startswith("stack1_block3")]
    one, other = (layer.kernel.numpy() for layer in same_shape if hasattr(layer, "kernel"))
    assert one.shape == other.shape and not np.allclose(one, other)


def test_enlarging_is_keras_bilinear_upsampling_at_any_size():
    x = np.random.default_rng(3).normal(size=(1, 5, 7, 2)).astype("float32")
    theirs = keras.layers.UpSampling2D(4, interpolation="bilinear")(x)
    layer = deeplab.BilinearUpsampling(4)
    np.testing.assert_allclose(layer(x), theirs, atol=1e-6)
    apply = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 2))])
    np.testing.assert_allclose(apply(x), theirs, atol=1e-6)
    assert layer.compute_output_shape((1, None, 7, 2)) == (1, None, 28, 2)


def test_lack_of_keras_hub_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(InputError, match="needs keras-hub: pip install"):
        networks.NETWORKS["deeplab"].build()
