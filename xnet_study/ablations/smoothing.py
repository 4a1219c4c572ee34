"""Cross-entropy to a softened truth, which the ablation of calibration trains with."""

from __future__ import annotations

from xnet_tf import losses
from xnet_tf.backend import keras, tf

SMOOTHING = 0.1
"""Share of the truth that label smoothing spreads over all classes."""


@keras.saving.register_keras_serializable("xnet_study")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy to a softened truth: 1 - s + s / C for its class, s / C for the others.

    With s = `SMOOTHING` and C classes. A network that obeys is never sure of anything.

    References:
        Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7.
    """

    def call(self, y_true, y_pred):
        """Return the loss of each pixel, float32 ``(B, H, W)``."""
        probabilities = tf.cast(y_pred, tf.float32)
        labels = tf.reshape(tf.cast(y_true, tf.int32), tf.shape(probabilities)[:-1])
        truth = tf.one_hot(labels, probabilities.shape[-1])
        return keras.losses.categorical_crossentropy(
            truth, probabilities, label_smoothing=SMOOTHING
        )


losses.LOSSES["label_smoothing"] = SmoothedCrossEntropy
