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


def test_an_emphasised_part_is_shown_more_often(arrays, tiny_profile):
    parts = np.array(["hand"] * 9 + ["knee"] * 4 + ["thorax"])
    order = pipeline.balanced_order(parts, 6, 0, 1, [("knee", 3), ("foot", 2)])
    assert Counter(parts[order].tolist()) == {"hand": 6, "knee": 18, "thorax": 6}
    assert set(np.bincount(order)[9:13]) <= {4, 5}
    profile = dataclasses.replace(tiny_profile, emphasis=((arrays.parts[0], 2),), epochs=1)
    batches = list(pipeline.training_batches(arrays, profile))
    assert len(batches) == pipeline.steps_per_epoch(arrays.manifest, profile)
    assert sum(len(x) for x, _ in batches) == profile.images_per_part * 3


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


def test_every_epoch_and_every_seed_differ(arrays, tiny_profile):
    other = dataclasses.replace(tiny_profile, seed=2)
    batches = list(pipeline.training_batches(arrays, tiny_profile))
    first = next(iter(pipeline.training_batches(arrays, other)))
    for x, _ in (first, batches[3], batches[6]):
        assert not np.array_equal(batches[0][0], x)


def assert_same(batches, others):
    for (x, y), (u, v) in zip(batches, others, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


@pytest.mark.parametrize(("compile_from", "preset"), [(10**9, "robust"), (1, "paper")])
def test_parallelism_changes_no_bit_and_a_resumed_run_continues(
    compile_from, preset, arrays, tiny_profile, monkeypatch
):
    monkeypatch.setattr(pipeline, "COMPILE_FROM", compile_from)
    profile = dataclasses.replace(tiny_profile, augmentation=preset)
    whole = list(pipeline.training_batches(arrays, profile))
    for parallel in (1, 2):
        again = pipeline.training_batches(arrays, profile, parallel_calls=parallel)
        assert_same(again, whole)
    assert_same(pipeline.training_batches(arrays, profile, first_epoch=1), whole[3:])


def test_xla_gives_the_same_batches(arrays, tiny_profile):
    usual = pipeline.augmented_batch(arrays, tiny_profile)
    compiled = tf.function(pipeline.compiled(usual, tiny_profile.batch_size))
    sizes = []
    for index, seeds in pipeline.numbered_examples(arrays, tiny_profile, end=1):
        (x, y), (u, v) = usual(index, seeds), compiled(index, seeds)
        # Before normalisation, whose square root is infinitely steep at black.
        np.testing.assert_allclose(u, x, atol=1e-4)
        assert np.mean(v != y) <= 1e-4
        sizes.append(len(u))
    assert sizes == [4, 4, 2], "the last, smaller batch too"


@pytest.mark.parametrize("workers", [2])
def test_workers_share_every_batch(workers, arrays, tiny_profile):
    one = list(pipeline.training_batches(arrays, tiny_profile))
    shares = [
        pipeline.training_batches(arrays, tiny_profile, worker=k, workers=workers)
        for k in range(workers)
    ]
    for (x, y), *parts in zip(one, *shares, strict=True):
        for k, (u, v) in enumerate(parts):
            # In a batch of another size vector units round some numbers otherwise.
            np.testing.assert_allclose(x[k::workers], u, atol=1e-5)
            np.testing.assert_array_equal(y[k::workers], v)


def test_an_unequal_share_is_refused(arrays, tiny_profile):
    with pytest.raises(ValueError, match="equally among 3 workers"):
        pipeline.training_batches(arrays, tiny_profile, worker=0, workers=3)


def test_without_augmentation_the_images_are_the_data_sets(arrays, tiny_profile):
    profile = dataclasses.replace(tiny_profile, augmentation="none", epochs=1)
    order = pipeline.balanced_order(arrays.parts, 5, 0, profile.seed)
    labels = np.concatenate([y for _, y in pipeline.training_batches(arrays, profile)])
    np.testing.assert_array_equal(labels, arrays.labels[order])


def test_evaluation_keeps_order_and_number(arrays):
    batches = list(pipeline.evaluation_batches(arrays, 5))
    np.testing.assert_array_equal(np.concatenate([y for _, y in batches]), arrays.labels)
