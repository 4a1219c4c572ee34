import dataclasses
from collections import Counter

import numpy as np
import pytest

from xnet_tf import dataset, pipeline
from xnet_tf.backend import tf


@pytest.fixture
def arrays(data_folder):
    return dataset.read_arrays(dataset.load(data_folder), "train", 32)


@pytest.mark.parametrize("images_per_part", [1, 7, 20])
def test_parts_are_balanced_and_images_within_a_part_too(images_per_part):
    parts = np.array(["hand"] * 9 + ["knee"] * 4 + ["thorax"])
    order = pipeline.balanced_order(parts, images_per_part, epoch=0, seed=1)
    assert Counter(parts[order].tolist()) == dict.fromkeys(np.unique(parts), images_per_part)
    for part in np.unique(parts):
        counts = np.bincount(order, minlength=len(parts))[parts == part]
        assert counts.max() - counts.min() <= 1


def test_order_follows_from_seed_and_epoch():
    parts = np.array(["a", "b"] * 8)
    first, again = (pipeline.balanced_order(parts, 10, 0, 1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    for epoch, seed in ((1, 1), (0, 2)):
        assert not np.array_equal(first, pipeline.balanced_order(parts, 10, epoch, seed))


def test_an_epoch_has_the_announced_steps_and_images(arrays, tiny_profile):
    profile = dataclasses.replace(tiny_profile, epochs=1)
    batches = list(pipeline.training_batches(arrays, profile))
    assert len(batches) == pipeline.steps_per_epoch(arrays.manifest, profile) == 3
    assert sum(len(x) for x, _ in batches) == 10
    x, y = batches[0]
    assert x.shape == (4, 32, 32, 1)
    assert x.dtype == tf.float32
    assert y.shape == (4, 32, 32)
    assert y.dtype == tf.uint8
    assert np.abs(x).max() <= 1


def test_same_seed_same_batches_and_every_epoch_differs(arrays, tiny_profile):
    first, again = (list(pipeline.training_batches(arrays, tiny_profile)) for _ in range(2))
    for (x, y), (u, v) in zip(first, again, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)
    assert not np.array_equal(first[0][0], first[3][0])


def test_a_later_start_continues_the_same_sequence(arrays, tiny_profile):
    whole = list(pipeline.training_batches(arrays, tiny_profile))
    rest = list(pipeline.training_batches(arrays, tiny_profile, first_epoch=1))
    assert len(rest) == len(whole) - 3
    for (x, y), (u, v) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def test_without_augmentation_the_images_are_the_data_sets(arrays, tiny_profile):
    profile = dataclasses.replace(tiny_profile, augmentation="none", epochs=1)
    order = pipeline.balanced_order(arrays.parts, 5, 0, profile.seed)
    labels = np.concatenate([y for _, y in pipeline.training_batches(arrays, profile)])
    np.testing.assert_array_equal(labels, arrays.labels[order])


def test_evaluation_keeps_order_and_number(arrays):
    batches = list(pipeline.evaluation_batches(arrays, 5))
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), arrays.labels)
