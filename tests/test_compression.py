import cv2
import numpy as np
import pytest

from xnet_tf import compression
from xnet_tf.backend import tf

SHAPE = (43, 50)


def picture(levels=255):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[0]
    smooth = 0.5 + 0.3 * np.sin(7 * x) * np.cos(5 * y) + 0.15 * (x > y)
    return np.round(smooth * levels).astype("float32") / np.float32(levels)


def stored(quality):
    planes = tf.constant(picture()[None])
    factor = compression.step_factor(tf.constant([float(quality)]))
    return compression.jpeg(planes, factor).numpy()[0]


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_blocks_are_as_a_jpeg_file_has_them(quality):
    written = cv2.imencode(".jpg", np.uint8(255 * picture()), [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = cv2.imdecode(written[1], cv2.IMREAD_UNCHANGED) / 255
    # The file's grey values are rounded; blocks beyond the border are filled up otherwise.
    whole = np.s_[:40, :48]
    mean_difference = np.abs(stored(quality) - read)[whole].mean() * 255
    assert mean_difference < 0.35
    if quality < 90:
        assert np.abs(picture() - read)[whole].mean() * 255 > 2 * mean_difference


def test_lower_quality_changes_more():
    changes = [np.abs(stored(quality) - picture()).mean() for quality in (10, 30, 60, 90)]
    assert changes == sorted(changes, reverse=True)
    assert stored(10).shape == SHAPE


def test_number_of_grey_levels():
    planes = tf.constant(np.stack([picture(60000)] * 3))
    few = compression.round_to_levels(planes, tf.constant([20.2, 255.0, 0.0])).numpy()
    assert set(np.unique(np.round(few[0] * 20, 4))) <= set(range(21))
    np.testing.assert_allclose(few, planes, atol=0.5 / 20)
    np.testing.assert_allclose(few[1], planes[1], atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(few[2], planes[2])


def test_each_picture_is_stored_for_itself():
    planes = tf.constant(np.stack([picture(), picture(), 1 - picture()]))
    together = compression.jpeg(planes, tf.constant([0.0, 2.0, 2.0])).numpy()
    np.testing.assert_array_equal(together[0], planes[0])
    assert np.abs(together[1] - planes[1]).max() > 0.01
    alone = compression.jpeg(planes[2:], tf.constant([2.0])).numpy()
    np.testing.assert_allclose(together[2], alone[0], atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_stay(value):
    plain = tf.fill((1, 16, 16), tf.constant(value))
    np.testing.assert_allclose(compression.jpeg(plain, tf.constant([0.1])), plain, atol=1e-2)
    np.testing.assert_array_equal(compression.round_to_levels(plain, tf.constant([24.0])), plain)
