import numpy as np
import pytest

from xnet_tf import classical


def test_three_grey_levels_are_told_apart():
    labels = np.repeat([0, 1, 2], 300).reshape(30, 30)
    image = np.array([0.9, 0.5, 0.1])[labels] + np.random.default_rng(0).normal(0, 0.02, (30, 30))
    np.testing.assert_array_equal(classical.multi_otsu(image[..., None]), labels)


@pytest.mark.parametrize("image", [np.zeros((9, 9)), np.eye(9), np.eye(9) + 1e-7 * np.tri(9)])
def test_images_with_too_few_grey_levels_are_all_open_beam(image):
    assert not classical.multi_otsu(image).any()


def test_constant_predictor_is_the_commonest_class():
    assert classical.constant(np.array([[0, 1], [1, 2]])) == 1
