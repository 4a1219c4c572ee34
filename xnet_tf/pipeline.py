"""From arrays to batches: balance the body parts, augment, normalise, batch, prefetch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from xnet_tf import preprocessing, transforms
from xnet_tf.backend import tf
from xnet_tf.dataset import Arrays
from xnet_tf.presets import PRESETS
from xnet_tf.profiles import Profile

COMPILE_FROM = 2000
"""Training that shows more images than this, all in all, compiles its augmentation by XLA.

Compiling takes some seconds and makes it two to three times as fast.
"""


def balanced_order(
    parts: np.ndarray,
    images_per_part: int,
    epoch: int,
    seed: int,
    emphasis: Iterable[tuple[str, int]] = (),
) -> np.ndarray:
    """Decide which images one epoch shows, and in which order.

    Each body part is shown equally often, but for those that are emphasised; within a part the
    images' counts differ by at most one.

    Args:
        parts: ``(N,)``, body part of each image.
        images_per_part: how often each part is shown.
        epoch: counted from 0.
        seed: of the run.
        emphasis: parts that are shown more often, and how many times as often.

    Returns:
        int64 ``(N,)``, indices into the arrays.
    """
    times = dict(emphasis)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    chosen = []
    for part in np.unique(parts):
        shuffled = rng.permutation(np.flatnonzero(parts == part))
        chosen.append(np.resize(shuffled, images_per_part * times.get(part, 1)))
    return rng.permutation(np.concatenate(chosen))


def epoch_order(parts: np.ndarray, profile: Profile, epoch: int) -> np.ndarray:
    """Return the `balanced_order` of one of the profile's epochs."""
    count, emphasis = profile.images_per_part, profile.emphasis
    return balanced_order(parts, count, epoch, profile.seed, emphasis)


def parts_shown(parts: Iterable[str], profile: Profile) -> int:
    """Count the body parts; one that is emphasised counts as often as it is shown."""
    times = dict(profile.emphasis)
    return sum(times.get(part, 1) for part in set(parts))


def steps_per_epoch(manifest: pd.DataFrame, profile: Profile) -> int:
    """Return the number of batches in an epoch, the last, smaller one included.

    Args:
        manifest: rows of the training images.
        profile: images per body part, emphasis and batch size.
    """
    examples = profile.images_per_part * parts_shown(manifest["body_part"], profile)
    return -(-examples // profile.batch_size)


def training_batches(
    arrays: Arrays,
    profile: Profile,
    first_epoch: int = 0,
    end: int | None = None,
    *,
    worker: int = 0,
    workers: int = 1,
    parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Batches of augmented, normalised images for the epochs from `first_epoch` to before `end`.

    The seed, the epoch and the position in it decide every draw, so that a run taken up again at
    an epoch sees what it would have seen, and several workers see together what one would.

    Args:
        arrays: training images and label maps.
        profile: batch size, epochs, augmentation, balance and seed.
        first_epoch: counted from 0.
        end: by default the profile's number of epochs.
        worker: which of the workers this is, counted from 0.
        workers: each gets its share of every batch.
        parallel_calls: how many batches are made at a time. The batches do not depend on it.

    Returns:
        A data set of images float32 ``(B, S, S, 1)`` in [-1, 1] and labels uint8 ``(B, S, S)``.

    Raises:
        ValueError: if a batch or an epoch cannot be shared equally among the workers.
    """
    examples = numbered_examples(arrays, profile, first_epoch, end, worker, workers)
    transform = augmented_batch(arrays, profile)

    def prepared(index, seeds):
        images, labels = transform(index, seeds)
        return preprocessing.prepare(images), labels

    shown = profile.epochs * profile.images_per_part * parts_shown(arrays.parts, profile)
    if shown >= COMPILE_FROM:
        prepared = compiled(prepared, profile.batch_size // workers)
    return examples.map(prepared, num_parallel_calls=parallel_calls).prefetch(tf.data.AUTOTUNE)


def numbered_examples(
    arrays: Arrays,
    profile: Profile,
    first_epoch: int = 0,
    end: int | None = None,
    worker: int = 0,
    workers: int = 1,
) -> tf.data.Dataset:
    """Which images make which batch, and the seeds that decide what happens to them.

    The arguments are those of `training_batches`.

    Returns:
        A data set of indices into the arrays, int64 ``(B,)``, and seeds, int64 ``(B, 2)``.
    """
    epochs = np.arange(first_epoch, profile.epochs if end is None else end)
    orders = np.stack([epoch_order(arrays.parts, profile, epoch) for epoch in epochs])
    size = orders.shape[1]
    if size % workers or profile.batch_size % workers:
        raise ValueError(
            f"an epoch of {size} images in batches of {profile.batch_size} cannot be shared "
            f"equally among {workers} workers"
        )
    positions = epochs[:, None] * size + np.arange(size)
    seeds = np.stack([np.full_like(positions, profile.seed), positions], axis=-1)

    def batches(order, seeds):
        examples = tf.data.Dataset.from_tensor_slices((order, seeds))
        return examples.shard(workers, worker).batch(profile.batch_size // workers)

    return tf.data.Dataset.from_tensor_slices((orders, seeds)).flat_map(batches)


def augmented_batch(arrays: Arrays, profile: Profile) -> Callable:
    """Return the function that makes a batch of indices and seeds.

    It consists of TensorFlow operations alone and can also be compiled by XLA or run on a GPU,
    within a training step.

    Args:
        arrays: images and label maps, all at one size.
        profile: its augmentation is used.

    Returns:
        A function of indices ``(B,)`` and seeds int64 ``(B, 2)`` that returns images float32
        ``(B, S, S, 1)`` in [0, 1], open beam bright, and labels uint8 ``(B, S, S)``.
    """
    preset = PRESETS[profile.augmentation]
    images, labels = tf.constant(arrays.images), tf.constant(arrays.labels)

    def transform(index, seeds):
        batch = tf.gather(images, index), tf.gather(labels, index)
        return transforms.apply(*batch, preset, seeds, arrays.classes.has_open_beam)

    return transform


def compiled(function: Callable, batch_size: int) -> Callable:
    """Compile by XLA a function of indices and seeds, such as `augmented_batch` returns.

    It is compiled once, for a single image, and called for each image of a batch: one image's
    temporary arrays fit into a processor's cache, and no image depends on its neighbours.

    Args:
        function: of indices ``(B,)`` and seeds ``(B, 2)``, that returns images and labels.
        batch_size: the largest.

    Returns:
        A function of the same arguments and results.
    """
    single = tf.function(function, jit_compile=True)

    def on_each(index, seeds):
        size = tf.shape(index)[0]
        # A smaller batch, the last of an epoch, is filled up and cut again.
        index = tf.ensure_shape(tf.pad(index, [[0, batch_size - size]]), (batch_size,))
        seeds = tf.ensure_shape(tf.pad(seeds, [[0, batch_size - size], [0, 0]]), (batch_size, 2))
        made = [single(index[k : k + 1], seeds[k : k + 1]) for k in range(batch_size)]
        return tuple(tf.concat(results, axis=0)[:size] for results in zip(*made, strict=True))

    return on_each


def evaluation_batches(arrays: Arrays, batch_size: int) -> tf.data.Dataset:
    """Batches of normalised images and labels, unchanged and in order."""
    prepared = preprocessing.prepare(arrays.images)
    batches = tf.data.Dataset.from_tensor_slices((prepared, arrays.labels))
    return batches.batch(batch_size).prefetch(tf.data.AUTOTUNE)
