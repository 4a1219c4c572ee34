import dataclasses

import numpy as np
import pytest
import scipy.ndimage

from xnet_tf import augmentation
from xnet_tf.augmentation import PRESETS, Augmentation
from xnet_tf.backend import tf

SHAPE = (40, 48)
ALONE = {
    "flips": Augmentation(flip_horizontal=1.0, flip_vertical=1.0),
    "rotation": Augmentation(rotation_degrees=180),
    "shear": Augmentation(shear_degrees=20),
    "translation": Augmentation(translation=0.3),
    "crop": Augmentation(crop=(0.1, 0.4)),
    "zoom": Augmentation(zoom=(0.5, 2.0)),
    "elastic": Augmentation(elastic_pixels=20, elastic_probability=1.0),
    "paper": PRESETS["paper"],
    "robust": PRESETS["robust"],
}


def draws(preset, count=6, seed=1):
    examples = [
        augmentation.draw(tf.constant([seed, i], tf.int64), preset, SHAPE) for i in range(count)
    ]
    return {name: tf.stack([e[name] for e in examples]) for name in examples[0]}


def batch(count=6):
    rng = np.random.default_rng(2)
    images = rng.uniform(0, 1, (count, *SHAPE, 1)).astype("float32")
    labels = rng.integers(0, 3, (count, *SHAPE)).astype("uint8")
    return tf.constant(images), tf.constant(labels)


@pytest.mark.parametrize("name", ALONE)
def test_label_map_moves_exactly_as_an_image_would(name):
    _, labels = batch()
    points = augmentation.backward_map(draws(ALONE[name]), SHAPE)
    moved = augmentation.resample_nearest(labels, points)
    # The reference: each label value looked up by plain indexing at the rounded positions.
    x, y = (np.floor(points.numpy()[..., k] + 0.5).astype(int) for k in (0, 1))
    expected = np.stack([labels.numpy()[b][y[b], x[b]] for b in range(len(labels))])
    np.testing.assert_array_equal(moved, expected)
    assert moved.dtype == tf.uint8


@pytest.mark.parametrize("name", ALONE)
def test_image_is_sampled_like_scipy_does(name):
    images, _ = batch()
    points = augmentation.backward_map(draws(ALONE[name]), SHAPE)
    ours = augmentation.resample_linear(images, points).numpy()[..., 0]
    for b in range(len(ours)):
        at = [points.numpy()[b, ..., 1], points.numpy()[b, ..., 0]]
        expected = scipy.ndimage.map_coordinates(
            images.numpy()[b, ..., 0], at, order=1, mode="mirror"
        )
        np.testing.assert_allclose(ours[b], expected, atol=1e-4)


def test_image_and_label_stay_together_through_the_whole_chain():
    # A picture whose grey value says its class must still say so after the same transform.
    labels = tf.constant((np.indices(SHAPE)[1] // 16).astype("uint8")[None].repeat(6, 0))
    images = tf.cast(labels, tf.float32)[..., None] / 2
    spatial = dataclasses.replace(
        PRESETS["robust"],
        blur_pixels=(0.0, 0.0),
        gamma=(1.0, 1.0),
        log_window_probability=0.0,
        gain=1.0,
        offset=0.0,
        field=0.0,
        noise=0.0,
        collimation=0.0,
    )
    new_images, new_labels = augmentation.augment(images, labels, draws(spatial))
    as_labels = np.round(new_images.numpy()[..., 0] * 2)
    certain = np.abs(new_images.numpy()[..., 0] * 2 - as_labels) < 0.01
    assert certain.mean() > 0.5
    np.testing.assert_array_equal(as_labels[certain], new_labels.numpy()[certain])


def test_no_strength_changes_nothing():
    images, labels = batch()
    new_images, new_labels = augmentation.augment(images, labels, draws(Augmentation()))
    np.testing.assert_allclose(new_images, images, atol=2e-6)
    np.testing.assert_array_equal(new_labels, labels)


def test_flips_flip():
    images, labels = batch()
    for preset, axis in (
        (Augmentation(flip_horizontal=1.0), 2),
        (Augmentation(flip_vertical=1.0), 1),
    ):
        new_images, new_labels = augmentation.augment(images, labels, draws(preset))
        np.testing.assert_allclose(new_images, np.flip(images, axis), atol=1e-4)
        np.testing.assert_array_equal(new_labels, np.flip(labels, axis))


def place(x, y):
    """Return a picture with one bright pixel, and a function that finds it again."""
    image = np.zeros((1, 41, 41, 1), "float32")
    image[0, y, x] = 1
    return tf.constant(image)


def moved(image, preset, **fixed):
    """Transform by draws of which some are set by hand; return the brightest pixel's (x, y)."""
    example = augmentation.draw(tf.constant([1, 1], tf.int64), preset, (41, 41))
    example |= {name: tf.constant(value, tf.float32) for name, value in fixed.items()}
    points = augmentation.backward_map({k: v[None] for k, v in example.items()}, (41, 41))
    result = augmentation.resample_linear(image, points).numpy()[0, ..., 0]
    y, x = np.unravel_index(result.argmax(), result.shape)
    return x, y


def test_maps_worked_out_by_hand():
    # The map is backward: a source shift of +3 brings what lies 3 to the right to the centre.
    identity, none = [[1, 0], [0, 1]], Augmentation()
    assert moved(place(23, 20), none, shift=[3, 0]) == (20, 20)
    assert moved(place(20, 15), none, shift=[0, -5]) == (20, 20)
    # Looking at half the distance from the centre doubles what is seen.
    assert moved(place(25, 18), none, matrix=[[0.5, 0], [0, 0.5]]) == (30, 16)
    # A quarter turn: output (10, 0) from the centre looks at source (0, 10).
    assert moved(place(20, 30), none, matrix=[[0, -1], [1, 0]]) == (30, 20)
    # What lies beyond the border is the mirror image: position 6 + 38 = 40 + 4 shows pixel 36.
    assert moved(place(36, 20), none, matrix=identity, shift=[38, 0]) == (6, 20)


def test_crop_keeps_the_stated_part():
    # A quarter cut off each side: the middle half fills the picture.
    preset = Augmentation(crop=(0.25, 0.25))
    assert moved(place(25, 20), preset) == (30, 20)


def test_spline_field_passes_through_its_control_points():
    grid = np.random.default_rng(4).normal(0, 5, (2, 2, 5, 5)).astype("float32")
    field = augmentation.displacement(tf.constant(grid), (41, 49)).numpy()
    at_points = field[:, ::10, ::12].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(at_points, grid, atol=1e-4)


def test_equal_seeds_give_equal_draws_and_others_do_not():
    first, again, other = (draws(PRESETS["robust"], seed=s) for s in (1, 1, 2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["matrix"], other["matrix"])
    assert not np.array_equal(first["matrix"][0], first["matrix"][1])


def test_images_stay_in_range_and_labels_stay_classes():
    images, labels = batch()
    for seed in range(5):
        new_images, new_labels = augmentation.augment(
            images, labels, draws(PRESETS["robust"], seed=seed)
        )
        assert new_images.shape == images.shape
        assert new_labels.shape == labels.shape
        assert np.isfinite(new_images).all()
        assert new_images.numpy().min() >= 0
        assert new_images.numpy().max() <= 1
        assert set(np.unique(new_labels)) <= {0, 1, 2}


def test_blur_is_the_gaussian():
    images = np.zeros((1, 33, 33, 1), "float32")
    images[0, 16, 16] = 1
    blurred = augmentation._blur(tf.constant(images), tf.constant([[[[2.0]]]])).numpy()
    expected = scipy.ndimage.gaussian_filter(images[0, ..., 0], 2.0, truncate=8)
    np.testing.assert_allclose(blurred[0, ..., 0], expected, atol=1e-5)


def test_collimator_darkens_and_labels_open_beam():
    images, labels = batch(1)
    labels = tf.ones_like(labels)
    blades = tf.constant([[3.0, 0.0, 0.0, 5.0]])
    new_images, new_labels = augmentation.collimate(images, labels, blades)
    expected = np.ones(SHAPE, "uint8")
    expected[:, :3] = 0
    expected[-5:] = 0
    np.testing.assert_array_equal(new_labels[0], expected)
    assert new_images.numpy()[0, ..., 0][expected == 0].max() <= 0.02
    np.testing.assert_array_equal(
        new_images.numpy()[0, ..., 0][expected == 1], images.numpy()[0, ..., 0][expected == 1]
    )
