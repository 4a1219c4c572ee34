"""From arrays to batches: balance the body parts, augment, normalise, batch, prefetch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xnet_tf import augmentation, radiographs
from xnet_tf.backend import tf
from xnet_tf.dataset import Arrays
from xnet_tf.profiles import Profile


def balanced_order(parts: np.ndarray, images_per_part: int, epoch: int, seed: int) -> np.ndarray:
    """Decide which images one epoch shows, and in which order.

    Each body part is shown equally often; within a part the images' counts differ by at most one.

    Args:
        parts: ``(N,)``, body part of each image.
        images_per_part: how often each part is shown.
        epoch: counted from 0.
        seed: of the run.

    Returns:
        int64 ``(images_per_part * number of parts,)``, indices into the arrays.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    chosen = []
    for part in np.unique(parts):
        shuffled = rng.permutation(np.flatnonzero(parts == part))
        chosen.append(np.resize(shuffled, images_per_part))
    return rng.permutation(np.concatenate(chosen))


def steps_per_epoch(manifest: pd.DataFrame, profile: Profile) -> int:
    """Return the number of batches in an epoch, the last, smaller one included.

    Args:
        manifest: rows of the training images.
        profile: images per body part and batch size.
    """
    examples = profile.images_per_part * manifest["body_part"].nunique()
    return -(-examples // profile.batch_size)


def training_batches(
    arrays: Arrays, profile: Profile, first_epoch: int = 0, end: int | None = None
) -> tf.data.Dataset:
    """Batches of augmented, normalised images for the epochs from `first_epoch` to before `end`.

    The seed, the epoch and the position in it decide every draw, so that a run taken up again at
    an epoch sees what it would have seen.

    Args:
        arrays: training images and label maps.
        profile: batch size, epochs, augmentation, balance and seed.
        first_epoch: counted from 0.
        end: by default the profile's number of epochs.

    Returns:
        A data set of images float32 ``(B, S, S, 1)`` in [-1, 1] and labels uint8 ``(B, S, S)``.
    """
    preset = augmentation.PRESETS[profile.augmentation]
    epochs = range(first_epoch, profile.epochs if end is None else end)
    parts, count = arrays.parts, profile.images_per_part
    orders = np.stack([balanced_order(parts, count, e, profile.seed) for e in epochs])
    images, labels = tf.constant(arrays.images), tf.constant(arrays.labels)
    shape = arrays.images.shape[1:3]

    def epoch_batches(epoch, order):
        positions = tf.range(len(orders[0]), dtype=tf.int64) + epoch * len(orders[0])
        examples = tf.data.Dataset.from_tensor_slices((order, positions))
        examples = examples.map(with_draws, num_parallel_calls=tf.data.AUTOTUNE)
        return examples.batch(profile.batch_size)

    def with_draws(index, position):
        seed = tf.stack([tf.constant(profile.seed, tf.int64), position])
        return index, augmentation.draw(seed, preset, shape)

    def augmented(index, draws):
        batch = tf.gather(images, index), tf.gather(labels, index)
        x, y = augmentation.augment(*batch, draws)
        return radiographs.prepare(x), y

    numbered = tf.data.Dataset.from_tensor_slices((np.array(epochs, np.int64), orders))
    batches = numbered.flat_map(epoch_batches)
    return batches.map(augmented, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(arrays: Arrays, batch_size: int) -> tf.data.Dataset:
    """Batches of normalised images and labels, unchanged and in order."""
    prepared = radiographs.prepare(arrays.images)
    batches = tf.data.Dataset.from_tensor_slices((prepared, arrays.labels))
    return batches.batch(batch_size).prefetch(tf.data.AUTOTUNE)
