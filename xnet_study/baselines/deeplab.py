"""DeepLabV3+ with a ResNet of keras-hub: a network of later years to compare XNet with.

The layers after the encoder are wired as in `keras_hub.models.DeepLabV3Backbone` (a test compares
the two), which itself cannot be used here: it cannot be compiled for images of open size, and its
widths are fixed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from xnet_tf.backend import keras, tf
from xnet_tf.files import InputError
from xnet_tf.model import conv_block

layers = keras.layers

RATES = (4, 8, 12)
"""Dilation of the pyramid's convolutions: the same shares of a 25x25 map as the published 12, 24
and 36 are of 65x65."""

STEM = 64
"""Filters of the first layers, which keras-hub does not let one choose."""


@keras.saving.register_keras_serializable("xnet_tf")
class BilinearUpsampling(layers.Layer):
    """Enlarge by a whole factor with bilinear interpolation; any size, known or not.

    Args:
        factor: by which height and width grow.
    """

    def __init__(self, factor: int, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        """Map ``(B, H, W, C)`` to ``(B, factor * H, factor * W, C)``."""
        enlarged = tf.image.resize(inputs, tf.shape(inputs)[1:3] * self.factor)
        return tf.cast(enlarged, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """Multiply height and width."""
        height, width = (size and self.factor * size for size in input_shape[1:3])
        return (input_shape[0], height, width, input_shape[3])

    def get_config(self):
        """Return what `from_config` needs."""
        return {**super().get_config(), "factor": self.factor}


def deeplab(image, filters: Sequence[int], kernel_size: int, l2: float):
    """DeepLabV3+, with random weights.

    The encoder is a ResNet of keras-hub with the eight blocks of a ResNet-18: two at a quarter of
    the resolution, `STEM` filters wide as keras-hub prescribes, and six at an eighth, where
    DeepLab's "output stride 8" stops as well. A pyramid of dilated convolutions and the decoder
    follow, as wide as XNet's deepest convolution.

    Args:
        image: tensor ``(B, H, W, C)``.
        filters: the last is the width of deep layers, the second that of the fine details handed
            to the decoder; the others are not used.
        kernel_size: of the dilated convolutions. The encoder's are 7x7 at first, then 3x3.
        l2: as for `xnet_tf.build_xnet`, on every convolution, the encoder's too.

    Returns:
        The features before the head; `xnet_study.baselines.networks.build` makes a network of them.

    Raises:
        InputError: if keras-hub is not installed.

    References:
        Chen et al., Encoder-decoder with atrous separable convolution for semantic image
        segmentation, ECCV 2018; He et al., Deep residual learning, CVPR 2016.
    """
    _, narrow, _, wide = filters
    fine, deep = encode(image, wide, l2)
    deep = BilinearUpsampling(2, name="up1")(pyramid(deep, wide, kernel_size, l2))
    fine = conv_block(fine, narrow, 1, l2, name="fine")
    x = layers.Concatenate(name="skip")([deep, fine])
    x = conv_block(x, wide, 1, l2, name="decoder")
    return BilinearUpsampling(4, name="up2")(x)


def encode(image, filters: int, l2: float) -> list:
    """Return the ResNet's features of an image, at a quarter and at an eighth of its resolution."""
    try:
        import keras_hub
    except ImportError as error:
        advice = "DeepLabV3+ needs keras-hub: pip install 'keras-hub>=0.32' or xnet-tf[comparison]"
        raise InputError(f"{advice} ({error})") from None
    resnet = keras_hub.models.ResNetBackbone(
        input_conv_filters=[STEM],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[STEM, filters],
        stackwise_num_blocks=[2, 6],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=image.shape[1:],
    )

    def with_l2(layer):
        config = layer.get_config()
        if isinstance(layer, layers.Conv2D):
            config["kernel_regularizer"] = keras.regularizers.L2(l2)
        if isinstance(layer, layers.BatchNormalization):
            config["synchronized"] = tf.distribute.has_strategy()
        return layer.__class__.from_config(config)

    levels = keras.Model(resnet.input, [resnet.pyramid_outputs[name] for name in ("P2", "P3")])
    # Copied layer by layer, the encoder becomes part of the network, and its file needs no
    # keras-hub to be loaded.
    return keras.models.clone_model(levels, input_tensors=image, clone_function=with_l2).outputs


def pyramid(x, filters: int, kernel_size: int, l2: float):
    """Look at a map at several scales: atrous spatial pyramid pooling."""
    scales = [conv_block(x, filters, 1, l2, name="pyramid1")]
    for number, rate in enumerate(RATES, 2):
        dilated = functools.partial(layers.Conv2D, dilation_rate=rate)
        scales.append(conv_block(x, filters, kernel_size, l2, f"pyramid{number}", layer=dilated))
    everything = layers.GlobalAveragePooling2D(keepdims=True, name="pyramid_mean")(x)
    everything = conv_block(everything, filters, 1, l2, name="pyramid5")

    def project(x, name):
        regularizer = keras.regularizers.L2(l2)
        return layers.Conv2D(filters, 1, kernel_regularizer=regularizer, name=name)(x)

    # Projecting the joined maps is projecting each and adding, and the image's mean, the same
    # everywhere, need not be spread out for that.
    local = project(layers.Concatenate(name="pyramid_join")(scales), "project_scales")
    x = layers.Add(name="pyramid_sum")([local, project(everything, "project_mean")])
    x = layers.BatchNormalization(synchronized=tf.distribute.has_strategy(), name="project_bn")(x)
    return layers.ReLU(name="project_relu")(x)
