"""The same network in other forms: computing in another dtype, or prepared for use alone."""

from __future__ import annotations

import numpy as np

from xnet_tf.backend import keras
from xnet_tf.models import UpConv2D

layers = keras.layers

FLOAT32_LAYERS = ("image", "logits", "probabilities")
"""Layers that stay in float32 whatever the network computes in."""


def with_dtype(model: keras.Model, policy: str) -> keras.Model:
    """Return the same network computing in another dtype, without optimiser or loss.

    Batch normalisation is not synchronised in it: the copy serves one device.

    Args:
        model: a network of `xnet_tf.models`.
        policy: name of a Keras dtype policy, for instance ``"mixed_bfloat16"``.
    """

    def clone(layer):
        config = layer.get_config()
        config["dtype"] = "float32" if layer.name in FLOAT32_LAYERS else policy
        if isinstance(layer, layers.BatchNormalization):
            config["synchronized"] = False
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def folded(model: keras.Model, dtype: str = "float32") -> keras.Model:
    """Return the network for use alone: batch normalisation multiplied into the convolutions.

    After training a batch normalisation is a factor and an offset for each filter, which the
    kernel and the bias of the convolution before it can take up. `UpConv2D` becomes the transposed
    convolution that it stands for. What remains are Keras' own layers, with the weights as they
    are now: training goes on in the original.

    Args:
        model: a network of `xnet_tf.models`.
        dtype: of weights and arithmetic; ``"bfloat16"`` halves memory and, where the processor
            has it, time. The last convolution and the softmax stay in float32.

    Returns:
        A model from images ``(B, H, W, C)`` to float32 probabilities ``(B, H, W, classes)``.
    """
    norms = _norms(model)
    taken_up = {norm.name for norm in norms.values()}

    def clone(layer):
        config = layer.get_config()
        config["dtype"] = "float32" if layer.name in FLOAT32_LAYERS else dtype
        if isinstance(layer, UpConv2D):
            return layers.Conv2DTranspose(
                layer.filters,
                [size + 1 for size in layer.kernel_size],
                strides=2,
                padding="same",
                dtype=config["dtype"],
                name=layer.name,
            )
        if isinstance(layer, layers.Conv2D):
            config["use_bias"] = True
        return layer.__class__.from_config(config)

    def call(layer, *args, **kwargs):
        if layer.name in taken_up:
            return args[0]
        outputs = layer(*args, **kwargs)
        original = model.get_layer(layer.name)
        if isinstance(original, layers.Conv2D):
            layer.set_weights(_folded_weights(original, norms.get(layer.name)))
        elif layer.weights:
            layer.set_weights(original.get_weights())
        return outputs

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    copy.trainable = False
    return copy


def _norms(model: keras.Model) -> dict:
    # The batch normalisations that directly follow a convolution, by its name.
    found = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            before = layer.input._keras_history.operation
            if isinstance(before, layers.Conv2D):
                found[before.name] = layer
    return found


def _folded_weights(layer, norm) -> list[np.ndarray]:
    # Kernel and bias that give what the convolution and its batch normalisation gave together.
    upwards = isinstance(layer, UpConv2D)
    kernel = layer.transposed_kernel() if upwards else layer.kernel
    kernel = keras.ops.convert_to_numpy(kernel)
    bias = layer.bias.numpy() if layer.use_bias else np.zeros(layer.filters, np.float32)
    if norm is None:
        return [kernel, bias]
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in norm.get_weights())
    scale = gamma / np.sqrt(variance + norm.epsilon)
    # A transposed convolution's kernel has the filters third, a convolution's has them last.
    factors = scale[:, None] if upwards else scale
    return [kernel * factors, (bias - mean) * scale + beta]
