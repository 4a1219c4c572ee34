"""Thresholds, disorder and dips along lines, on pictures worked out by hand."""

import numpy as np
import pytest

from xnet_study.baselines import thresholding

BEAM, TISSUE, BONE = 0, 1, 2


def test_a_turned_field_is_found():
    rows, columns = np.mgrid[:101, :101] - 50
    diamond = np.abs(rows) + np.abs(columns) <= 40
    found = thresholding.exposed(diamond.astype(np.float32), 0.5)
    assert np.mean(found != diamond) < 0.01


def test_grey_scales():
    image = np.array([[1.0, 0.01, 0.001, 0.0, 1.5]])
    scales = {
        "linear": [1, 0.01, 0.001, 0, 1],
        "root": [1, 0.1, 0.001**0.5, 0, 1],
        "log": [1, 1 / 3, 0, 0, 1],
    }
    for scale, expected in scales.items():
        actual = thresholding.prepare(image, scale)
        np.testing.assert_allclose(actual, [expected], atol=1e-6)


def test_otsu_twice_divides_the_body_alone():
    # Beam 0.9 far from 0.5, 0.2, 0.1: one division at 0.9|0.5, the next at 0.5|0.2.
    image = np.repeat([0.9, 0.5, 0.2, 0.1], [40, 20, 20, 20]).reshape(10, 10)
    expected = np.repeat([BEAM, TISSUE, BONE, BONE], [40, 20, 20, 20]).reshape(10, 10)
    np.testing.assert_array_equal(thresholding.otsu(image), expected)


def test_a_factor_moves_the_second_threshold_alone():
    image = np.repeat([0.9, 0.5, 0.2, 0.1], [40, 20, 20, 20]).reshape(10, 10)
    fewer = thresholding.otsu(image, factor=0.5)
    more = thresholding.otsu(image, factor=3)
    assert (fewer == BONE).sum() == 20
    assert (more == BONE).sum() == 60
    assert (fewer == BEAM).sum() == (more == BEAM).sum() == 40


def test_disorder_inside_a_smooth_body_is_bone():
    rng = np.random.default_rng(0)
    image = np.full((80, 80), 0.95)
    image[:, 10:70] = 0.5
    image[:, 30:50] = rng.uniform(0.3, 0.7, (80, 20))
    labels = thresholding.local_entropy(image, radius=4, scale="linear")
    assert (labels[:, 34:46] == BONE).all()
    assert (labels[:, 16:24] == TISSUE).all()
    assert (labels[:, :10] == BEAM).all()


def test_a_dip_along_the_lines_is_bone_and_a_dark_part_without_another_side_is_not():
    image = np.full((40, 80), 0.95)
    image[:, 8:72] = 0.4
    image[:, 30:42] = 0.2  # darker than both sides
    labels = thresholding.line_fluctuations(image, width=20, depth=0.04, smooth=0)
    assert (labels[:, 30:42] == BONE).all()
    assert (labels == BONE).sum() == 40 * 12
    image[:, 30:72] = 0.2  # dark up to the beam: no dip
    labels = thresholding.line_fluctuations(image, width=20, depth=0.04, smooth=0)
    assert not (labels == BONE).any()


def test_rows_do_not_see_what_lies_along_them():
    image = np.full((80, 40), 0.95)
    image[8:72] = 0.4
    image[30:42] = 0.2
    alike = {"width": 20, "depth": 0.04, "smooth": 0}
    rows = thresholding.line_fluctuations(image, lines="rows", **alike)
    both = thresholding.line_fluctuations(image, lines="both", **alike)
    assert not (rows == BONE).any()
    assert (both == BONE).sum() == 40 * 12


@pytest.mark.parametrize("image", [np.zeros((9, 9)), np.eye(9), np.eye(9) + 1e-7 * np.tri(9)])
def test_images_with_too_few_grey_levels_are_all_open_beam(image):
    assert not thresholding.multi_otsu(image).any()
