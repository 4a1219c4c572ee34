"""From grey values to a network's input, with answers worked out by hand."""

import numpy as np
import pytest
from label_files import MAP

from xnet_tf.preprocessing import (
    normalise,
    normalise_gamma,
    prepare,
    resize_area,
    resize_nearest,
)


def test_resize_area_by_hand():
    image = np.array([[0, 2, 4, 6], [2, 4, 6, 8]], dtype=np.float32)[..., None]
    assert resize_area(image, 1, 2)[..., 0].tolist() == [[2, 6]]
    assert resize_area(image, 2, 4).tolist() == image.tolist()
    # Rows shrink to their mean, columns grow linearly: pixel centres at 1/4, 3/4, 5/4, ...
    wide = resize_area(image, 1, 8)[0, :, 0]
    np.testing.assert_allclose(wide, [1, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7], atol=1e-6)
    assert resize_area(image, 5, 3).shape == (5, 3, 1)


def test_resize_area_keeps_the_mean():
    image = np.random.default_rng(0).random((150, 120, 1), dtype=np.float32)
    small = resize_area(image, 50, 40)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small.mean(), image.mean(), atol=1e-6)


def test_normalise_by_hand():
    image = np.array([[0, 1], [2, 5]], dtype=np.float32)[..., None]  # mean 2, largest magnitude 3
    expected = np.array([[-2 / 3, -1 / 3], [0, 1]])
    np.testing.assert_allclose(normalise(image)[..., 0], expected, atol=1e-6)
    batch = np.stack([image, 10 * image + 7, np.full_like(image, 0.1)])
    result = normalise(batch)
    np.testing.assert_allclose(result[0, ..., 0], expected, atol=1e-6)
    np.testing.assert_allclose(result[1], result[0], atol=1e-6)
    assert (result[2] == 0).all()


def test_prepare_is_the_normalised_square_root():
    # Roots 0, 0.5, 1, 0.5: their mean is 0.5, the largest deviation 0.5.
    image = np.array([[0, 0.25], [1, 0.25]], np.float32)[..., None]
    np.testing.assert_allclose(prepare(image)[..., 0], [[-1, 0], [1, 0]], atol=1e-6)
    assert np.isfinite(prepare(np.zeros((2, 4, 4, 1)))).all()


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_normalise_gamma_undoes_a_power(exponent):
    image = np.linspace(0.2, 1, 600, dtype=np.float32).reshape(20, 30, 1)
    normalised = normalise_gamma(image)
    np.testing.assert_allclose(np.quantile(normalised, 0.1), 0.15, atol=0.005)
    np.testing.assert_allclose(normalise_gamma(image**exponent), normalised, atol=0.005)


def test_normalise_gamma_finds_each_images_own_quantile():
    images = np.random.default_rng(0).beta(2, 2, (3, 31, 20, 1)).astype(np.float32)
    images *= np.array([1, 0.5, 0.2], np.float32)[:, None, None, None]
    for image, normalised in zip(images, normalise_gamma(images), strict=True):
        dark = np.quantile(image[image > 0.02], 0.1, method="inverted_cdf")
        np.testing.assert_allclose(normalised, image ** (np.log(0.15) / np.log(dark)), rtol=2e-4)


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_normalise_gamma_keeps_flat_pictures_flat(value):
    image = np.full((4, 5, 1), value, np.float32)
    normalised = normalise_gamma(image)
    assert normalised.dtype == np.float32 and normalised.shape == image.shape
    assert np.ptp(normalised) == 0 and 0 <= normalised[0, 0, 0] <= 1


def test_normalise_gamma_leaves_black_out_and_has_bounds():
    image = np.linspace(0.2, 1, 60, dtype=np.float32).reshape(6, 10, 1)
    blades = np.zeros((4, 10, 1), np.float32)
    normalised = normalise_gamma(np.concatenate([image, blades]))
    expected = np.concatenate([normalise_gamma(image), blades])
    np.testing.assert_allclose(normalised, expected, rtol=1e-6)
    dark, bright = (np.full((5, 5, 1), value, np.float32) for value in (0.0201, 0.9))
    # ln 0.15 / ln 0.0201 = 0.486; ln 0.15 / ln 0.9 = 18 is out of bounds.
    np.testing.assert_allclose(normalise_gamma(dark), 0.15, rtol=1e-4)
    np.testing.assert_allclose(normalise_gamma(bright), 0.9**3, rtol=1e-5)


def test_tensors_give_tensors_of_the_same_numbers():
    from xnet_tf.backend import tf

    images = np.random.default_rng(0).random((3, 40, 24, 1), dtype=np.float32)
    images[1] = 0.1
    for change in (normalise, normalise_gamma, prepare):
        expected = change(images)
        mapped = np.stack(list(tf.data.Dataset.from_tensor_slices(images).map(change)))
        np.testing.assert_allclose(mapped, expected, atol=1e-6)
    compiled = tf.function(normalise, jit_compile=True)(images).numpy()
    np.testing.assert_allclose(compiled, normalise(images), atol=1e-6)
    assert (compiled[1] == 0).all()
    assert normalise((images * 255).astype(np.uint8)).dtype == np.float32


def test_resize_nearest_by_hand():
    assert resize_nearest(MAP, 2, 6).tolist() == [[0, 0, 1, 1, 2, 2], [2, 2, 2, 2, 1, 1]]
    # Three columns become one: its centre lies in the middle one.
    assert resize_nearest(MAP, 2, 1).tolist() == [[1], [2]]
    assert resize_nearest(MAP, 2, 3).tolist() == MAP.tolist()


def test_resize_nearest_does_not_shift():
    # A shift would break the symmetry under mirroring.
    labels = np.random.default_rng(0).integers(0, 3, (30, 30), dtype=np.uint8)
    for size in (10, 13, 90, 47):
        mirrored = resize_nearest(labels[:, ::-1], size, size)[:, ::-1]
        centres = (np.arange(size) + 0.5) * 30 / size
        inner = centres != np.round(centres)  # a centre on a pixel's edge may go either way
        np.testing.assert_array_equal(
            mirrored[:, inner], resize_nearest(labels, size, size)[:, inner]
        )
