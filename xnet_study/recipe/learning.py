"""How a trial's network learns: schedule, optimisers, loss."""

from __future__ import annotations

from functools import partial

import numpy as np

from xnet_study.recipe.settings import Settings
from xnet_tf import losses
from xnet_tf.backend import keras, tf
from xnet_tf.training import ConvolutionMuon


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly, and falls to zero in a given way.

    Args:
        rate: the highest.
        steps: of the training.
        shape: a name of `Settings.schedule`.
        warm_up: share of the steps in which it rises.
    """

    def __init__(self, rate: float, steps: int, shape: str, warm_up: float):
        self.rate, self.steps, self.shape, self.warm_up = rate, steps, shape, warm_up

    def __call__(self, step):
        """Return the rate at a step."""
        done = tf.cast(step, tf.float32) / self.steps
        rising = (done + 1 / self.steps) / max(self.warm_up, 1e-9)
        left = tf.clip_by_value((1 - done) / (1 - self.warm_up), 0.0, 1.0)
        falling = {
            "cosine": lambda: (1 - tf.cos(np.pi * left)) / 2,
            "poly": lambda: left**0.9,
            "trapezoid": lambda: tf.minimum(1.0, (1 - done) / 0.4),
        }[self.shape]()
        return self.rate * tf.minimum(1.0, rising) * falling


class CrossEntropyDice(keras.losses.Loss):
    """Cross-entropy plus one minus the soft Dice coefficient of the batch, mean over classes."""

    def call(self, y_true, y_pred):
        """Return a loss for each pixel, ``(B, H, W)``."""
        cross = keras.losses.sparse_categorical_crossentropy(y_true, y_pred)
        truth = tf.one_hot(tf.cast(y_true, tf.int32), y_pred.shape[-1])
        both = tf.reduce_sum(truth * y_pred, axis=(0, 1, 2))
        total = tf.reduce_sum(truth + y_pred, axis=(0, 1, 2))
        return cross + 1 - tf.reduce_mean(2 * both / (total + 1e-6))


def make_loss(name: str) -> keras.losses.Loss:
    """Return a loss by its name in `Settings`."""
    return CrossEntropyDice() if name == "dice" else losses.get(name)


def make_optimizer(settings: Settings, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimiser with its schedule."""
    decay = settings.weight_decay or None
    kinds = {
        "adam": keras.optimizers.Adam,
        "sgd": partial(keras.optimizers.SGD, momentum=0.99, nesterov=True),
        "muon": partial(ConvolutionMuon, adam_weight_decay=decay),
    }
    optimizer = kinds[settings.optimizer](
        Schedule(settings.learning_rate, steps, settings.schedule, settings.warm_up),
        weight_decay=decay,
        use_ema=settings.ema > 0,
        ema_momentum=settings.ema or 0.99,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
