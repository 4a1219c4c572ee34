"""What a trial's network sees: arrays at each size, the order of images, augmented batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from xnet_study.recipe.settings import EPOCH_IMAGES, Stage, Trial, step_views
from xnet_tf import dataset, pipeline, preprocessing, runs, transforms
from xnet_tf.backend import tf
from xnet_tf.files import write_atomically


def read(data: dataset.Dataset, subset: str, size: int) -> dataset.Arrays:
    """Return `dataset.read_arrays`, read once and kept in a file named after the data's hash."""
    name = f"{data.fingerprint()[:12]}-{subset}-{size}.npz"
    path = runs.root() / "recipe" / "cache" / name
    if not path.exists():
        arrays = dataset.read_arrays(data, subset, size)
        kept = {name: getattr(arrays, name) for name in ("images", "labels", "sizes")}
        write_atomically(path, lambda temporary: np.savez(temporary, **kept))
    with np.load(path) as kept:
        return dataset.Arrays(manifest=data.subset(subset), **kept)


def image_order(manifest: pd.DataFrame, count: int, balance: str, seed: int) -> np.ndarray:
    """Decide which images are shown: int64 ``(count,)``, epoch by epoch.

    Args:
        manifest: rows of the training images.
        count: how many to show.
        balance: see `Settings.balance`.
        seed: of the trial.

    Raises:
        ValueError: if there is no such balance.
    """
    orders = [
        _epoch_order(manifest.reset_index(drop=True), balance, epoch, seed)
        for epoch in range(-(-count // EPOCH_IMAGES))
    ]
    return np.concatenate(orders)[:count]


def _epoch_order(manifest: pd.DataFrame, balance: str, epoch: int, seed: int) -> np.ndarray:
    parts = manifest["body_part"].to_numpy(dtype=str)
    each = -(-EPOCH_IMAGES // len(np.unique(parts)))
    if balance == "part":
        return pipeline.balanced_order(parts, each, epoch, seed)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    if balance == "image":
        return rng.permutation(np.resize(rng.permutation(len(manifest)), EPOCH_IMAGES))
    if balance != "subject":
        raise ValueError(f"unknown balance {balance!r}")
    chosen = []
    for _, rows in manifest.groupby("body_part"):
        subjects = np.resize(rng.permutation(rows["subject"].unique()), each)
        chosen += [rng.choice(rows.index[rows["subject"] == subject]) for subject in subjects]
    return rng.permutation(np.array(chosen))


def by_stage(trial: Trial, data: dataset.Dataset) -> dict[Stage, Iterator]:
    """Return for each stage an iterator over its batches of prepared images and labels."""
    views, batch = step_views(trial), trial.settings.batch_size
    rows = data.subset("train")
    order = image_order(rows, len(views) * batch, trial.settings.balance, trial.seed)
    seeds = np.stack([np.full(order.size, trial.seed), np.arange(order.size)], axis=-1)
    index, seeds = order.reshape(-1, batch), seeds.reshape(-1, batch, 2)
    iterators = {}
    for stage in dict.fromkeys(views):
        steps = [k for k, view in enumerate(views) if view == stage]
        examples = tf.data.Dataset.from_tensor_slices((index[steps], seeds[steps]))
        batches = examples.map(_batch_maker(trial, stage, data), num_parallel_calls=2)
        iterators[stage] = iter(batches.prefetch(2))
    return iterators


def _batch_maker(trial: Trial, stage: Stage, data: dataset.Dataset) -> Callable:
    """Return a function of indices ``(B,)`` and seeds ``(B, 2)``, compiled by XLA."""
    arrays = read(data, "train", stage.read or stage.size)
    images, labels = tf.constant(arrays.images), tf.constant(arrays.labels)
    of_stage = stage.augmentation
    augmentation = trial.settings.augmentation if of_stage is None else of_stage

    def prepared(index, seeds):
        batch = tf.gather(images, index), tf.gather(labels, index)
        pictures, maps = transforms.apply(*batch, augmentation, seeds)
        pictures = preprocessing.prepare(pictures)
        return _cut(pictures, maps, seeds, stage) if stage.read else (pictures, maps)

    return pipeline.compiled(prepared, trial.settings.batch_size)


def _cut(images, labels, seeds, stage: Stage):
    # One image at a time, as `pipeline.compiled` calls it.
    room = stage.read - stage.size + 1
    place = tf.random.stateless_uniform((2,), seeds[0] + [7, 0], 0, room, tf.int32, alg="philox")
    cut = tf.slice(images, [0, place[0], place[1], 0], [1, stage.size, stage.size, 1])
    return cut, tf.slice(labels, [0, place[0], place[1]], [1, stage.size, stage.size])
