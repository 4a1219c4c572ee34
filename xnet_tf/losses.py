"""The losses that a profile can name.

Each is a mean over the images of a batch, so that a batch divided among several machines gives the
loss of the whole. Pixels without label count in none.
"""

from __future__ import annotations

from xnet_tf.backend import keras, tf
from xnet_tf.classes import IGNORE


def get(name: str) -> keras.losses.Loss:
    """Return a loss of labels ``(B, H, W)`` and probabilities ``(B, H, W, C)``.

    Args:
        name: ``"cross_entropy"``, ``"jaccard"`` or ``"lovasz"``, or what was added to `LOSSES`.

    Raises:
        ValueError: if there is no such loss.
    """
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; choose from {sorted(LOSSES)}")
    return LOSSES[name]()


@keras.saving.register_keras_serializable("xnet_tf")
class CrossEntropy(keras.losses.SparseCategoricalCrossentropy):
    """Minus the logarithm of the true class's probability: the mean over labelled pixels.

    Example:
        >>> CrossEntropy()([[[0, 255]]], [[[[0.5, 0.5], [0.1, 0.9]]]])  # -log(0.5)
        0.69
    """

    def call(self, y_true, y_pred):
        """Return losses ``(B, H, W)`` whose mean over all pixels is that over the labelled ones."""
        known = tf.cast(tf.not_equal(y_true, IGNORE), tf.float32)
        losses = super().call(tf.where(known > 0, y_true, 0), y_pred) * known
        return tf.math.divide_no_nan(losses, tf.reduce_mean(known, axis=(1, 2), keepdims=True))


@keras.saving.register_keras_serializable("xnet_tf")
class LabelledAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """The share of labelled pixels that are predicted right."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count a batch of labels ``(B, H, W)`` and probabilities ``(B, H, W, C)``."""
        return super().update_state(y_true, y_pred, tf.cast(y_true != IGNORE, tf.float32))


@keras.saving.register_keras_serializable("xnet_tf")
class JaccardLoss(keras.losses.Loss):
    r"""One minus the soft Jaccard index (intersection over union).

    With probabilities :math:`p` and the truth :math:`t` (0 or 1) of one class,
    :math:`1 - \sum pt / \sum (p + t - pt)`. The mean over the classes that an image has, then over
    the images.

    Example:
        >>> JaccardLoss()([[[0, 1]]], [[[[1.0, 0.0], [1.0, 0.0]]]])  # 1 - 1/2 and 1 - 0/1
        0.75
    """

    def call(self, y_true, y_pred):
        """Return the loss of each image, float32 ``(B,)``."""
        truth, probabilities = _by_class(y_true, y_pred)
        both = tf.reduce_sum(truth * probabilities, axis=-1)
        either = tf.reduce_sum(truth + probabilities, axis=-1) - both
        return _mean_of_present(1 - tf.math.divide_no_nan(both, either), truth)


@keras.saving.register_keras_serializable("xnet_tf")
class LovaszSoftmaxLoss(keras.losses.Loss):
    """The Lovász extension of the Jaccard loss, on probabilities.

    For certain predictions (0 or 1) it is one minus the Jaccard index; between them it is the
    tightest convex function of the errors. The mean over the classes that an image has, then over
    the images.

    References:
        Berman, Rannen Triki and Blaschko, The Lovász-Softmax loss, CVPR 2018, algorithm 1.

    Example:
        >>> LovaszSoftmaxLoss()([[[0, 1]]], [[[[0.8, 0.2], [0.4, 0.6]]]])  # (0.3 + 0.4) / 2
        0.35
    """

    def call(self, y_true, y_pred):
        """Return the loss of each image, float32 ``(B,)``."""
        truth, probabilities = _by_class(y_true, y_pred)
        errors = tf.abs(truth - probabilities)
        order = tf.argsort(errors, axis=-1, direction="DESCENDING", stable=True)
        errors = tf.gather(errors, order, batch_dims=2)
        steps = _jaccard_steps(tf.gather(truth, order, batch_dims=2))
        return _mean_of_present(tf.reduce_sum(errors * steps, axis=-1), truth)


LOSSES = {
    "cross_entropy": CrossEntropy,
    "jaccard": JaccardLoss,
    "lovasz": LovaszSoftmaxLoss,
}


def _jaccard_steps(truth):
    # By how much the Jaccard loss grows when one more pixel, in the order given, is wrong.
    total = tf.reduce_sum(truth, axis=-1, keepdims=True)
    intersection = total - tf.cumsum(truth, axis=-1)
    union = total + tf.cumsum(1 - truth, axis=-1)
    losses = 1 - tf.math.divide_no_nan(intersection, union)
    before = tf.pad(losses[..., :-1], [[0, 0], [0, 0], [1, 0]])
    return losses - before


def _by_class(y_true, y_pred):
    # Truth and probabilities as float32 (B, C, H * W); both 0 where there is no label.
    probabilities = tf.cast(y_pred, tf.float32)
    shape = tf.shape(probabilities)
    truth = tf.reshape(tf.cast(y_true, tf.int32), shape[:-1])
    truth = tf.one_hot(truth, probabilities.shape[-1])
    probabilities *= tf.reduce_sum(truth, axis=-1, keepdims=True)
    flat = tf.stack([shape[0], shape[1] * shape[2], shape[3]])
    return tuple(tf.linalg.matrix_transpose(tf.reshape(x, flat)) for x in (truth, probabilities))


def _mean_of_present(losses, truth):
    # Mean of losses (B, C) over the classes that occur in each image's truth.
    present = tf.cast(tf.reduce_any(truth > 0, axis=-1), tf.float32)
    total, number = (tf.reduce_sum(x, axis=-1) for x in (losses * present, present))
    return tf.math.divide_no_nan(total, number)
