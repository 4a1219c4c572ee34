import dataclasses

import numpy as np
import pytest
import scipy.ndimage

from xnet_tf import augmentation, geometry
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


def points(preset, count=6, shape=SHAPE):
    seeds = tf.constant([[1, k] for k in range(count)], tf.int64)
    draws = augmentation.draw(seeds, preset, shape)
    return geometry.backward_map(draws["matrix"], draws["shift"], draws.get("grid"), shape)


def batch(count=6):
    rng = np.random.default_rng(2)
    images = rng.uniform(0, 1, (count, *SHAPE, 1)).astype("float32")
    labels = rng.integers(0, 3, (count, *SHAPE)).astype("uint8")
    return tf.constant(images), tf.constant(labels)


@pytest.mark.parametrize("name", ALONE)
def test_labels_are_those_of_the_nearest_pixels(name):
    _, labels = batch()
    where = points(ALONE[name])
    moved = geometry.resample_nearest(labels, where)
    # The reference: each label value looked up by plain indexing at the rounded positions.
    x, y = (np.floor(where.numpy()[:, k] + 0.5).astype(int) for k in (0, 1))
    expected = np.stack([labels.numpy()[b][y[b], x[b]] for b in range(len(labels))])
    np.testing.assert_array_equal(moved, expected)
    assert moved.dtype == tf.uint8


@pytest.mark.parametrize("name", ALONE)
def test_image_is_sampled_like_scipy_does(name):
    images, _ = batch()
    where = points(ALONE[name])
    ours = geometry.resample_linear(images, where).numpy()[..., 0]
    for b in range(len(ours)):
        expected = scipy.ndimage.map_coordinates(
            images.numpy()[b, ..., 0], where.numpy()[b, ::-1], order=1, mode="mirror"
        )
        np.testing.assert_allclose(ours[b], expected, atol=1e-4)


@pytest.mark.parametrize("name", ALONE)
def test_the_composed_map_is_that_of_its_parts(name):
    seeds = tf.constant([[1, k] for k in range(6)], tf.int64)
    draws = augmentation.draw(seeds, ALONE[name], SHAPE)
    y, x = np.indices(SHAPE)
    centre = (np.array(SHAPE[::-1]) - 1) / 2
    positions = np.stack([np.stack([x, y], -1) - centre] * 6)
    if "grid" in draws:
        positions += np.moveaxis(geometry.displacement(draws["grid"], SHAPE).numpy(), 1, -1)
    positions = np.einsum("bij,bhwj->bhwi", draws["matrix"], positions)
    positions += draws["shift"].numpy()[:, None, None] + centre
    period = 4 * centre
    wrapped = np.mod(positions, period)
    expected = np.minimum(wrapped, period - wrapped)
    np.testing.assert_allclose(np.moveaxis(points(ALONE[name]), 1, -1), expected, atol=1e-4)


def place(x, y):
    """Return a picture with one bright pixel."""
    image = np.zeros((1, 41, 41, 1), "float32")
    image[0, y, x] = 1
    return tf.constant(image)


def moved(image, matrix=((1, 0), (0, 1)), shift=(0, 0)):
    """Return the brightest pixel's (x, y) after a map set by hand."""
    matrix, shift = tf.constant([matrix], tf.float64), tf.constant([shift], tf.float64)
    where = geometry.backward_map(matrix, shift, None, (41, 41))
    result = geometry.resample_linear(image, where).numpy()[0, ..., 0]
    y, x = np.unravel_index(result.argmax(), result.shape)
    return x, y


def test_maps_worked_out_by_hand():
    # The map is backward: a source shift of +3 brings what lies 3 to the right to the centre.
    assert moved(place(23, 20), shift=(3, 0)) == (20, 20)
    assert moved(place(20, 15), shift=(0, -5)) == (20, 20)
    # Looking at half the distance from the centre doubles what is seen.
    assert moved(place(25, 18), matrix=((0.5, 0), (0, 0.5))) == (30, 16)
    # A quarter turn: output (10, 0) from the centre looks at source (0, 10).
    assert moved(place(20, 30), matrix=((0, -1), (1, 0))) == (30, 20)
    # What lies beyond the border is the mirror image: position 6 + 38 = 40 + 4 shows pixel 36.
    assert moved(place(36, 20), shift=(38, 0)) == (6, 20)


def test_whole_positions_are_exact_and_the_last_row_is_no_darker():
    image = tf.ones((1, 41, 41, 1))
    where = geometry.backward_map(
        tf.eye(2, batch_shape=[1], dtype=tf.float64),
        tf.constant([[7.3, -3.6]], tf.float64),
        None,
        (41, 41),
    )
    np.testing.assert_array_equal(geometry.resample_linear(image, where), image)


def test_spline_field_passes_through_its_control_points():
    grid = np.random.default_rng(4).normal(0, 5, (2, 2, 5, 5))
    field = geometry.displacement(tf.constant(grid), (41, 49)).numpy()
    np.testing.assert_allclose(field[..., ::10, ::12], grid, atol=1e-9)


def test_the_elastic_field_is_elasticdeforms():
    reason = (
        "elasticdeform is not installed (it needs a C compiler): requirements-elasticdeform.txt"
    )
    elasticdeform = pytest.importorskip("elasticdeform", reason=reason)
    rng = np.random.default_rng(5)
    for size, count, sigma in ((SHAPE, 3, 2.0), ((64, 64), 5, 4.0), ((200, 200), 8, 4.0)):
        grid = rng.normal(0, sigma, (2, count, count))
        # Fed with its own coordinates, it tells where it looks. (y, x) order, and zero beyond.
        positions = [
            elasticdeform.deform_grid(
                plane.astype(float), grid[::-1], order=1, mode="constant", cval=np.nan
            )
            for plane in np.indices(size)[::-1]
        ]
        field = geometry.displacement(tf.constant(grid), size).numpy()
        ours = field + np.indices(size)[::-1]
        inside = np.isfinite(positions).all(0)
        assert inside.mean() > 0.7
        np.testing.assert_allclose(
            np.where(inside, ours, 0), np.where(inside, positions, 0), atol=1e-4
        )
        image = rng.uniform(0, 1, size).astype("float32")
        theirs = elasticdeform.deform_grid(image, grid[::-1], order=1, mode="mirror")
        where = geometry.backward_map(
            tf.eye(2, batch_shape=[1], dtype=tf.float64),
            tf.zeros((1, 2), tf.float64),
            tf.constant(grid[None]),
            size,
        )
        resampled = geometry.resample_linear(tf.constant(image[None, ..., None]), where)
        difference = np.abs(resampled.numpy()[0, ..., 0] - theirs)
        assert difference[inside].max() < 1e-4


def test_zero_strength_is_the_identity():
    zero = dataclasses.replace(
        Augmentation(), elastic_pixels=1e-30, elastic_probability=1.0, rotation_degrees=0
    )
    images, labels = batch()
    where = points(zero)
    np.testing.assert_allclose(geometry.resample_linear(images, where), images, atol=1e-6)
    np.testing.assert_array_equal(geometry.resample_nearest(labels, where), labels)
