"""SegNet's pooling, which remembers where each maximum was, and its way back."""

from __future__ import annotations

from xnet_tf.backend import keras

ops = keras.ops


@keras.saving.register_keras_serializable("xnet_tf")
class MaxPoolingWithIndices(keras.layers.Layer):
    """Halve height and width by the maximum of 2x2 pixels, and say which pixel it was.

    TensorFlow's own operation for this cannot be compiled by XLA; this one consists of comparisons.

    References:
        Badrinarayanan, Kendall and Cipolla, SegNet, IEEE TPAMI 39 (2017).
    """

    def call(self, inputs):
        """Map ``(B, 2H, 2W, C)`` to the maxima and their places.

        Returns:
            ``(B, H, W, C)``, and int32 of the same shape: 0 to 3, row by row within the 2x2
            pixels. Of equal pixels it is the first.
        """
        corners = [inputs[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        largest, place = corners[0], ops.zeros_like(corners[0], dtype="int32")
        for number, corner in enumerate(corners[1:], 1):
            # Strictly larger, so that the gradient goes to a single pixel.
            larger = corner > largest
            largest = ops.where(larger, corner, largest)
            place = ops.where(larger, number, place)
        return largest, place

    def compute_output_spec(self, inputs):
        """Halve height and width."""
        batch, height, width, channels = inputs.shape
        shape = (batch, height and height // 2, width and width // 2, channels)
        return (
            keras.KerasTensor(shape, dtype=inputs.dtype),
            keras.KerasTensor(shape, dtype="int32"),
        )


@keras.saving.register_keras_serializable("xnet_tf")
class MaxUnpooling(keras.layers.Layer):
    """Double height and width: each value goes where its maximum was, zero elsewhere."""

    def call(self, inputs):
        """Map values ``(B, H, W, C)`` and places of the same shape to ``(B, 2H, 2W, C)``."""
        values, place = inputs
        corners = [ops.where(place == number, values, 0) for number in range(4)]
        rows = [ops.stack(corners[first : first + 2], axis=3) for first in (0, 2)]
        spread = ops.stack(rows, axis=2)
        height, width = ops.shape(values)[1:3]
        return ops.reshape(spread, (-1, 2 * height, 2 * width, values.shape[-1]))

    def compute_output_spec(self, inputs):
        """Double height and width."""
        values = inputs[0]
        batch, height, width, channels = values.shape
        shape = (batch, height and 2 * height, width and 2 * width, channels)
        return keras.KerasTensor(shape, dtype=values.dtype)
